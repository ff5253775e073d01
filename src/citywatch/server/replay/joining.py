"""Finding the configured system fit for a replay: laying an empty one out, joining one that this folder began."""

from datetime import datetime, timedelta

from citywatch.city.registry import queries as registry
from citywatch.city.registry import reference
from citywatch.city.registry.services import NewSite, add_sites, lay_city
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.server.replay.folder import Columns, Folder

BEGAN, SENT = "replay.began", "replay.sent"
AHEAD = timedelta(days=1)
"""People at work may be this much ahead of what has been sent."""
_AREAS = {"city", "district", "street"}


def replayer() -> Viewer:
    """The machine that lays out and moves time; it can do nothing else."""
    return machine("replay", place=registry.city_place(), abilities=["registry.grant"])


def is_empty() -> bool:
    """Whether this system holds no city yet."""
    return not Place.objects.exists()


def join(folder: Folder) -> datetime:
    """Make sure this system can go on with a folder; returns the moment up to which it has been sent.

    An empty system is laid out. One that holds another city, or whose time has gone on without this folder, refuses.
    """
    of = folder.scenario
    if is_empty():
        clock.rewind_to(of.begins)
        lay_out(folder)
        root = registry.city_place()
        journal.record(BEGAN, place=root, by=replayer(), at=of.begins, folder=of.name, scenario=of.scenario)
        return of.begins
    _same_city(folder)
    last = Entry.objects.filter(kind=SENT).order_by("-at", "-pk").first()
    if last is None:
        return _from_the_start(folder)
    if last.body["folder"] != of.name:
        raise Refusal(
            f"This system is replaying {last.body['folder']} and the folder is {of.name}; give it an empty system of "
            "its own (CITYWATCH_HOME, or DATABASE_URL)."
        )
    until = datetime.fromisoformat(last.body["until"])
    _anchor(until)
    return until


def _from_the_start(folder: Folder) -> datetime:
    of = folder.scenario
    began = Entry.objects.filter(kind=BEGAN).order_by("-pk").first()
    if began is not None and began.body["folder"] == of.name:
        return of.begins
    if clock.now() > of.begins:
        raise Refusal(
            f"City time is {_shown(clock.now())} and this folder begins at {_shown(of.begins)}; city time never goes "
            "backwards, so replay it into an empty system."
        )
    return of.begins


def lay_out(folder: Folder) -> None:
    """Put the folder's streets, institutions and other places into the registry; roles come with them."""
    places = folder.places
    of = folder.scenario
    if of.city not in reference.CITIES:
        raise Refusal(
            f"{folder.root / 'scenario.json'}: there are no tables of {of.city!r}; the cities are "
            f"{', '.join(reference.CITIES)}."
        )
    homes = folder.table("people.parquet", "DISTINCT home_street")["home_street"]
    streets = {str(code) for code in (*places["street_code"], *homes) if code}
    lay_city(of.city, street_codes=streets)
    sites = _parents_first([n for n, kind in enumerate(places["kind"]) if kind not in _AREAS], places)
    add_sites(
        [
            NewSite(
                code=str(places["code"][n]),
                parent_code=str(places["parent_code"][n]),
                kind=str(places["kind"][n]),
                name_zh=str(places["name_zh"][n]),
                name_en=str(places["name_en"][n]),
                lon=_degrees(places["lon"][n]),
                lat=_degrees(places["lat"][n]),
                institution_kind=str(places["institution_kind"][n] or ""),
                streams=tuple(part for part in str(places["streams"][n] or "").split(";") if part),
                fever_clinic="fever_clinic" in str(places["flags"][n] or "").split(";"),
                emergency="ed" in str(places["flags"][n] or "").split(";"),
                sentinel="sentinel" in str(places["flags"][n] or "").split(";"),
            )
            for n in sites
        ]
    )


def mark_sent(folder: Folder, until: datetime) -> None:
    """Remember how far this folder has been sent."""
    root = registry.city_place()
    journal.record(SENT, place=root, by=replayer(), at=until, folder=folder.scenario.name, until=until)


def _anchor(until: datetime) -> None:
    """Set city time where the city was left, as every start does; refuse where it has lived on without the folder."""
    last: datetime = Entry.objects.order_by("-at").values_list("at", flat=True)[0]
    if last > until + AHEAD:
        raise Refusal(
            f"The city has lived on to {_shown(last)} since this folder was sent up to {_shown(until)}; city time "
            "never goes backwards, so replay it into an empty system."
        )
    left = max(last, until)
    if clock.now() > left:
        clock.rewind_to(left)


def _same_city(folder: Folder) -> None:
    known = set(Place.objects.values_list("code", flat=True))
    strange = [code for code in folder.places["code"].tolist() if code not in known]
    if strange:
        raise Refusal(
            f"This system's city ({registry.city_place().name_en}) has no place {strange[0]} of {folder.root} "
            f"({len(strange)} places unknown); replay the folder into an empty system."
        )


def _parents_first(sites: list[int], places: Columns) -> list[int]:
    """Sites in an order in which each comes after the place it is part of."""
    codes, parents = places["code"], places["parent_code"]
    inside = {codes[n]: parents[n] for n in sites}

    def depth(n: int) -> int:
        found, above = 0, parents[n]
        while above in inside:
            found, above = found + 1, inside[above]
        return found

    return sorted(sites, key=lambda n: (depth(n), n))


def _degrees(value: float) -> float | None:
    return None if value is None or value != value else float(value)  # noqa: PLR0124 - not a number


def _shown(moment: datetime) -> str:
    return moment.astimezone(clock.SHANGHAI).strftime("%Y-%m-%d %H:%M")
