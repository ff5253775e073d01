"""Have contacts looked in on at home by a neighbourhood committee, end that, and open to its worker who it is."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import cast

from django.db import transaction

from citywatch.city.registry.queries import institution_at, place_by_code
from citywatch.city.sense.definitions.visit import FORM
from citywatch.city.trace.models import Contact, Visiting
from citywatch.city.trace.rules import VISITED, window_rule
from citywatch.city.trace.services.contacts import for_each
from citywatch.city.trace.services.rows import contact_row
from citywatch.city.trace.types import BulkOutcome
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.services import make_known, open_identities
from citywatch.mechanisms.vault.types import Identity


def ask_visits(ids: Sequence[int], committee: str, *, by: Viewer, at: datetime, because: str = "") -> BulkOutcome:
    """Have a committee look in on these contacts; those that cannot be are named and keep nobody else back."""
    site = _committee(committee)
    return for_each(ids, lambda contact_id: _ask(contact_id, site, by=by, at=at, because=because))


@transaction.atomic
def end_visits(visiting_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Visit somebody no longer: from now on the committee's list has them not."""
    row = _row(visiting_id, by)
    must(by, "trace.investigate", row.contact.place)
    if not because.strip():
        raise Refusal("Ending the visits needs a reason; write one sentence.", zh="停止随访须填写理由；请写一句话。")
    row.ended_at = at
    row.save(update_fields=["ended_at"])
    journal.record("trace.visits_ended", place=row.place, by=by, at=at, because=because, subject=row, **_of(row))


def open_visited(visiting_id: int, *, by: Viewer, purpose: str, at: datetime) -> tuple[Visiting, Identity]:
    """Who is visited, for whoever visits them: as long as the visits go on, for a purpose, and on record."""
    row = _row(visiting_id, by)
    if row.ended_at is not None or row.until < day_of(at) or row.contact.state not in VISITED:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    person = cast("int", row.contact.person_id)
    return row, open_identities([person], by=by, purpose=purpose, at=at)[person]


def _ask(contact_id: int, site: Place, *, by: Viewer, at: datetime, because: str) -> None:
    contact = contact_row(contact_id, by)
    must(by, "trace.investigate", contact.place)
    until = day_of(contact.last_at) + timedelta(days=window_rule(day_of(at)).exposure_days)
    _refuse_if_not_visited(contact, site, until, at)
    # Visits that ran out were never ended by anybody; a later meeting may begin them anew.
    Visiting.objects.filter(contact=contact, ended_at__isnull=True).update(ended_at=at)
    row = Visiting.objects.create(place=site, contact=contact, since=at, until=until)
    make_known([cast("Person", contact.person)], at_places=[(site, "current")])
    journal.record(
        "trace.visits_asked", place=site, by=by, at=at, because=because, subject=row, until=until, **_of(row)
    )


def _refuse_if_not_visited(contact: Contact, site: Place, until: date, at: datetime) -> None:
    if contact.state not in VISITED or contact.person_id is None:
        raise Refusal(
            "Only a contact with a name who has not been moved can be visited at home.",
            zh="只有已登记身份且尚未转运的接触者可安排居家随访。",
        )
    if until < day_of(at):
        raise Refusal(
            f"The days of observation ended on {until}; there is nothing to visit for.",
            zh=f"医学观察期已于{until}结束，无须随访。",
        )
    if not site.path.startswith(contact.place.path):
        raise Refusal(
            f"{site.name_en} lies in another district; hand the contact over to it first.",
            zh=f"{site.name_zh}不在本区；请先将该接触者移交所属区。",
        )
    other = Visiting.objects.filter(contact__person_id=contact.person_id, ended_at__isnull=True, until__gte=day_of(at))
    visited = other.filter(contact__state__in=VISITED).select_related("contact", "place").first()
    if visited is not None:
        raise Refusal(
            f"{visited.place.name_en} visits this person already, as {visited.contact.title}.",
            zh=f"{visited.place.name_zh}已在随访此人，编号{visited.contact.title}。",
        )


def _committee(code: str) -> Place:
    site = place_by_code(code)
    facts = institution_at(site.pk)
    if facts is None or FORM.stream not in facts.streams:
        raise Refusal(
            f"{site.name_en} makes no home visits; choose a neighbourhood committee.",
            zh=f"{site.name_zh}不承担居家随访；请选择社区居委会。",
        )
    return site


def _row(visiting_id: int, by: Viewer) -> Visiting:
    rows = Visiting.objects.visible_to(by).select_related("place", "contact__place")
    return cast("Visiting", rows.pick_one(visiting_id))


def _of(row: Visiting) -> dict[str, object]:
    return {"contact": row.contact_id, "person_id": row.contact.person_id}
