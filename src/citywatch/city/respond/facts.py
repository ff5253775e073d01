"""What the journal of the areas upstream says of an event, gathered for the level rule.

Services and queries both ask it, and neither may import the other.
"""

from datetime import datetime

from citywatch.city.registry.queries import place_facts
from citywatch.city.respond.types import LevelFacts
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal.models import Entry


def level_facts(event_id: int, *, place_id: int, at: datetime) -> LevelFacts:
    """Cases of the event's hazard as recorded by `at`: how many, in which districts, how many share a published place.

    Discarded cases are left out. Linked are the cases that tracing counted at a published risk point of this event; a
    place not yet published links nobody.
    """
    entries = Entry.objects.filter(at__lte=at)
    verified = entries.filter(kind="warn.event_verified", subject_id=event_id).first()
    hazard = verified.body.get("hazard", "") if verified else ""
    discarded = entries.filter(kind="trace.case_discard").values_list("subject_id", flat=True)
    registered = entries.filter(kind="trace.case_registered", body__hazard=hazard).select_related("place")
    cases = {entry.subject_id: entry for entry in registered.exclude(subject_id__in=list(discarded))}
    points = {
        entry.subject_id: entry.body.get("figures", {}).get("cases", 0)
        for entry in entries.filter(kind="trace.risk_point_published", body__event=event_id)
    }
    own = place_facts([place_id])[place_id].district_code
    districts = tuple(sorted({entry.place.district_code or own for entry in cases.values()}))
    return LevelFacts(
        confirmed=len(cases),
        districts=len(districts),
        linked=max(points.values(), default=0),
        risk_points=len(points),
        last_confirmed_on=max((day_of(entry.at) for entry in cases.values()), default=None),
        district_codes=districts,
    )
