"""Questions about the city's fixed things."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from citywatch.city.registry.models import Institution
from citywatch.city.registry.types import InstitutionFacts, PlaceFacts
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label

_AREAS = (Place.Kind.CITY, Place.Kind.DISTRICT, Place.Kind.STREET)
_read: ContextVar[dict[int, Place] | None] = ContextVar("areas already read for this page", default=None)


@contextmanager
def areas_read_once() -> Iterator[None]:
    """Within it the city, its districts and its streets are read from the database once: for pages, which only look."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def areas() -> dict[int, Place]:
    """The city, its districts and its streets by number, in order of their codes: some hundreds."""
    read = _read.get()
    if read:
        return read
    found = {place.pk: place for place in Place.objects.filter(kind__in=_AREAS).order_by("code")}
    if read is not None:
        read.update(found)
    return found


def city_place() -> Place:
    """The root of the place tree. Refuses where the installation has no city yet."""
    known = Place.objects.filter(kind=Place.Kind.CITY).order_by("pk")[:1] if _read.get() is None else areas().values()
    city = next((place for place in known if place.kind == Place.Kind.CITY), None)
    if city is None:
        raise NotFound(
            "This installation has no city yet; run `citywatch demo`, or import places.",
            zh="系统中尚无城市数据；请运行 citywatch demo 或导入行政区划。",
        )
    return city


def city_desk() -> Place:
    """Where the city's own orders are signed: its CDC, or the city itself where no CDC is registered.

    A place of its own keeps the right to sign there apart from the right to sign for every district.
    """
    cdc = Place.objects.filter(institution__kind="cdc").order_by("code").first()
    return cdc or city_place()


def place_by_code(code: str) -> Place:
    place = Place.objects.filter(code=code).first()
    if place is None:
        raise NotFound(
            f"There is no place with the code {code!r}; check it in the registry.",
            zh=f"没有代码为“{code}”的地点；请核对。",
        )
    return place


def districts() -> list[Place]:
    return [place for place in areas().values() if place.kind == Place.Kind.DISTRICT]


def streets() -> list[Place]:
    return [place for place in areas().values() if place.kind == Place.Kind.STREET]


def place_facts(ids: Collection[int] | None = None) -> dict[int, PlaceFacts]:
    """Facts of these places, or of all."""
    if ids is None:
        places = list(Place.objects.all())
        above = {place.code: place.pk for place in places if place.kind in {"district", "street"}}
        return {place.pk: _facts(place, above) for place in places}
    if not ids:
        return {}
    known = areas()
    places = [known[pk] for pk in ids if pk in known]
    if others := [pk for pk in ids if pk not in known]:
        places += Place.objects.filter(pk__in=others)
    above = _by_code()
    return {place.pk: _facts(place, above) for place in places}


def place_facts_by_code() -> dict[str, PlaceFacts]:
    return {facts.code: facts for facts in place_facts().values()}


def institutions_reporting(stream: str | None = None) -> list[InstitutionFacts]:
    """The institutions that must send a stream (or any), by place code."""
    rows = Institution.objects.select_related("place").filter(valid_to__isnull=True).order_by("place__code")
    above = _by_code()
    return [_institution(row, above) for row in rows if (stream in row.streams if stream else row.streams)]


def streams_due() -> dict[int, tuple[str, ...]]:
    """The streams that each institution must send, by the number of its place."""
    rows = Institution.objects.filter(valid_to__isnull=True).order_by("place__code").values_list("place_id", "streams")
    return {place: tuple(streams) for place, streams in rows if streams}


def institution_at(place_id: int) -> InstitutionFacts | None:
    row = Institution.objects.select_related("place").filter(place_id=place_id).first()
    return _institution(row, _by_code()) if row else None


def institutions_under(paths: Iterable[str]) -> list[InstitutionFacts]:
    """Institutions whose place lies under one of these paths."""
    roots = tuple(paths)
    return [facts for facts in institutions_reporting() if facts.place.path.startswith(roots)] if roots else []


def _by_code() -> dict[str, int]:
    return {place.code: pk for pk, place in areas().items() if place.kind != Place.Kind.CITY}


def _institution(row: Institution, above: dict[str, int]) -> InstitutionFacts:
    return InstitutionFacts(_facts(row.place, above), row.kind, tuple(row.streams), row.fever_clinic, row.sentinel)


def _facts(place: Place, above: dict[str, int]) -> PlaceFacts:
    return PlaceFacts(
        id=place.pk,
        code=place.code,
        kind=place.kind,
        name=Label(place.name_zh, place.name_en),
        street_id=above.get(place.street_code, 0),
        street_code=place.street_code,
        district_id=above.get(place.district_code, 0),
        district_code=place.district_code,
        lon=place.lon,
        lat=place.lat,
        path=place.path,
    )
