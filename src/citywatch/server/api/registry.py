"""The city's fixed things over the API: places, institutions and the notifiable diseases of a day."""

from django.http import HttpRequest
from ninja import Router, Schema

from citywatch.city.registry import queries, reference
from citywatch.city.registry.types import PlaceFacts
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.server.api.asking import asker, must_hold_any
from citywatch.server.api.reading import Day

router = Router(tags=["registry"])


class PlaceOut(Schema):
    """A node of the place tree."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    street_code: str
    district_code: str
    lon: float | None
    lat: float | None


class InstitutionOut(Schema):
    """An institution and the streams it must send."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    street_code: str
    streams: list[str]
    fever_clinic: bool
    sentinel: bool


class DiseaseOut(Schema):
    """A notifiable disease in force on the day asked."""

    code: str
    name_zh: str
    name_en: str


@router.get("/places", response=list[PlaceOut], summary="Places below a place")
def places(request: HttpRequest, below: str = "") -> list[PlaceOut]:
    """List the places directly below `below` (a code); without it, the districts."""
    must_hold_any(request)
    parent = queries.place_by_code(below) if below else queries.city_place()
    ids = list(Place.objects.filter(parent=parent).values_list("pk", flat=True))
    return sorted((_place(facts) for facts in queries.place_facts(ids).values()), key=lambda one: one.code)


@router.get("/places/{code}", response=PlaceOut, summary="One place")
def place(request: HttpRequest, code: str) -> PlaceOut:
    """Give the place with a code."""
    must_hold_any(request)
    number = queries.place_by_code(code).pk
    return _place(queries.place_facts([number])[number])


@router.get("/institutions", response=list[InstitutionOut], summary="Reporting institutions")
def institutions(request: HttpRequest) -> list[InstitutionOut]:
    """List the institutions under the caller's places and what each must send."""
    viewer = asker(request, "sense.view")
    return [
        InstitutionOut(
            code=one.place.code,
            kind=one.kind,
            name_zh=one.place.name.zh,
            name_en=one.place.name.en,
            street_code=one.place.street_code,
            streams=list(one.streams),
            fever_clinic=one.fever_clinic,
            sentinel=one.sentinel,
        )
        for one in queries.institutions_under(viewer.paths("sense.view"))
    ]


@router.get("/diseases", response=list[DiseaseOut], summary="Notifiable diseases")
def diseases(request: HttpRequest, on: Day | None = None) -> list[DiseaseOut]:
    """List the diseases that had to be reported on a day (today without `on`)."""
    must_hold_any(request)
    return [
        DiseaseOut(code=one.code, name_zh=one.name_zh, name_en=one.name_en)
        for one in reference.diseases(on or clock.today())
    ]


def _place(facts: PlaceFacts) -> PlaceOut:
    return PlaceOut(
        code=facts.code,
        kind=facts.kind,
        name_zh=facts.name.zh,
        name_en=facts.name.en,
        street_code=facts.street_code,
        district_code=facts.district_code,
        lon=facts.lon,
        lat=facts.lat,
    )
