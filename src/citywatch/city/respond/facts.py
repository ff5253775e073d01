"""What the journal of the areas upstream says of an event, gathered for the level rule.

Services and queries both ask it, and neither may import the other.
"""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from citywatch.city.registry.queries import place_facts
from citywatch.city.respond.types import LevelFacts
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place

_BEFORE = timedelta(days=14)  # an event without a positive: how far back its cases may have been registered
_PUBLISHED = "trace.risk_point_published"
_NOT_INFECTED = {"suspected", "clinical"}


def level_facts(event_id: int, *, place_id: int, at: datetime) -> LevelFacts:
    """Cases of the event's hazard as recorded by `at`: how many, in which districts, how many share a published place.

    Counted are the infected of this episode: from the event's first positive on, discarded, suspected and clinical ones
    left out, each in the district that registered it or took it over last. Linked are the cases that tracing counted at
    a published risk point of this event; a place not yet published links nobody.
    """
    entries = Entry.objects.filter(at__lte=at)
    of_event = Q(kind="warn.event_verified", subject_id=event_id) | Q(kind=_PUBLISHED, body__event=event_id)
    told = list(entries.filter(of_event).order_by("pk"))
    verified = next((entry for entry in told if entry.kind != _PUBLISHED), None)
    cases = _infected(entries, verified) if verified else {}
    points = {
        entry.subject_id: entry.body.get("figures", {}).get("cases", 0) for entry in told if entry.kind == _PUBLISHED
    }
    own = place_facts([place_id])[place_id].district_code
    districts = tuple(sorted({place.district_code or own for place in _responsible(entries, cases).values()}))
    return LevelFacts(
        confirmed=len(cases),
        districts=len(districts),
        linked=max(points.values(), default=0),
        risk_points=len(points),
        last_confirmed_on=max((day_of(entry.at) for entry in cases.values()), default=None),
        district_codes=districts,
    )


def _responsible(entries: QuerySet[Entry], cases: dict[int | None, Entry]) -> dict[int | None, Place]:
    """The place that answers for each case: cases count where they live, and are handed to the district where that is.

    An offer moves nothing; only the receiver's acceptance does.
    """
    taken: dict[int | None, int] = dict(
        entries.filter(kind="trace.case_taken_over").values_list("subject_id", "body__case")
    )
    offers = entries.filter(kind="trace.case_offered", subject_id__in=taken.values()).select_related("place")
    receivers = {entry.subject_id: entry.place for entry in offers}
    found = {}
    for pk, entry in cases.items():
        row, found[pk] = pk, entry.place
        while row in taken:
            row = taken[row]
            found[pk] = receivers[row]
    return found


def _infected(entries: QuerySet[Entry], verified: Entry) -> dict[int | None, Entry]:
    """The registrations of the episode's infected, by case."""
    first = verified.body.get("first_positive_at")
    since = datetime.fromisoformat(first) if first else verified.at - _BEFORE
    registered = entries.filter(
        kind="trace.case_registered", body__hazard=verified.body.get("hazard", ""), at__gte=since
    ).select_related("place")
    cases = {entry.subject_id: entry for entry in registered}
    classified = {pk: entry.body.get("classification", "confirmed") for pk, entry in cases.items()}
    discarded = set()
    later = entries.filter(kind__in=["trace.case_classified", "trace.case_discard"], subject_id__in=list(cases))
    for entry in later.order_by("at", "pk"):
        if entry.kind == "trace.case_discard":
            discarded.add(entry.subject_id)
        else:
            classified[entry.subject_id] = entry.body["after"]
    left_out = {*discarded, *(pk for pk, word in classified.items() if word in _NOT_INFECTED)}
    return {pk: entry for pk, entry in cases.items() if pk not in left_out}
