"""Hand a contact to the district that is responsible for them: two rows and a receipt.

The giving district keeps its row, closed as handed over. The receiving one gets a row of its own that it must accept or
send back with a reason. The twelve hours to move a close contact run on across both: nobody gains time by handing over.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from django.db import transaction

from citywatch.city.registry.queries import city_place, districts
from citywatch.city.trace.models import Contact
from citywatch.city.trace.services.contacts import for_each
from citywatch.city.trace.services.rows import contact_row, district_of
from citywatch.city.trace.types import BulkOutcome
from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.services import advance, begin, start_clock
from citywatch.mechanisms.vault.services import make_known

HANDOVER, TRANSFER = "contact-handover", "contact-transfer"


@transaction.atomic
def hand_over_contact(contact_id: int, to: str, *, by: Viewer, at: datetime, because: str) -> int:
    """Hand a contact to the district of this code; gives the number of the row that waits there to be accepted."""
    contact = contact_row(contact_id, by)
    must(by, "trace.investigate", contact.place)
    receiver = _district(to)
    if receiver == district_of(contact.place):
        raise Refusal(
            f"{contact.title} already belongs to {receiver.name_en}; choose another district.",
            zh=f"{contact.title}已属{receiver.name_zh}；请选择其他区。",
        )
    running = _transfer_began(contact)
    entry = advance(contact, "hand_over", by=by, at=at, because=because, to=receiver.code)
    taken = Contact(
        place=receiver,
        case=contact.case,
        person=contact.person,
        told=contact.told,
        kind=contact.kind,
        by_hand=contact.by_hand,
        ground=contact.ground,
        first_at=contact.first_at,
        last_at=contact.last_at,
        visited=contact.visited,
        through=contact.through,
        judged_at=contact.judged_at,
        from_row=contact,
        state="offered",
    )
    begin(
        taken,
        "trace.contact_offered",
        by=by,
        at=entry.at,
        because=because,
        from_contact=contact.pk,
        from_place=contact.place.code,
        person_id=contact.person_id,
    )
    start_clock(HANDOVER, taken, at=at)
    if running is not None:
        start_clock(TRANSFER, taken, at=running)
    if contact.person is not None:
        make_known([contact.person], at_places=[(receiver, "responsible")])
    return int(taken.pk)


def hand_over_contacts(ids: Sequence[int], to: str, *, by: Viewer, at: datetime, because: str) -> BulkOutcome:
    """Hand many contacts to one district; those that cannot go are named and keep nobody else back."""
    return for_each(ids, lambda contact_id: hand_over_contact(contact_id, to, by=by, at=at, because=because))


@transaction.atomic
def accept_contact(contact_id: int, *, by: Viewer, at: datetime) -> None:
    """Take over a contact that another district handed over; the receipt stands in both districts' journals."""
    taken = contact_row(contact_id, by)
    giver = _given(taken)
    advance(taken, "accept", by=by, at=at, from_contact=giver.pk)
    _receipt("trace.contact_taken_over", giver, taken, by=by, at=at)


@transaction.atomic
def decline_contact(contact_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Send a contact back with a reason: the giving district's row opens again, with the time that has already run."""
    taken = contact_row(contact_id, by)
    giver = _given(taken)
    running = _transfer_began(taken)
    advance(taken, "decline", by=by, at=at, because=because, from_contact=giver.pk)
    # The receiver has no right at the giver's place, and needs none: its refusal is what moves the giver's row.
    advance(giver, "take_back", by=_machine(), at=at, because=because, refused_by=by.actor, contact=taken.pk)
    if running is not None:
        start_clock(TRANSFER, giver, at=running)
    _receipt("trace.contact_sent_back", giver, taken, by=by, at=at, because=because)


def _district(code: str) -> Place:
    found = next((one for one in districts() if one.code == code), None)
    if found is None:
        raise Refusal(f"{code!r} is not a district; choose one of the list.", zh="请从列表中选择接收区。")
    return found


def _given(taken: Contact) -> Contact:
    if taken.from_row_id is None:
        raise Conflict(
            f"{taken.title} was not handed over by another district; there is nothing to answer.",
            zh=f"{taken.title}不是外区移交的人员，无需接收或退回。",
        )
    row = Contact.objects.select_related("place", "case").get(pk=taken.from_row_id)
    return cast("Contact", row)


def _transfer_began(contact: Contact) -> datetime | None:
    clock = Clock.objects.filter(
        code=TRANSFER, subject_kind=Contact._meta.label_lower, subject_id=contact.pk, stopped_at__isnull=True
    ).first()
    return clock.started_at if clock else None


def _machine() -> Viewer:
    return machine("trace", place=city_place(), abilities=["trace.investigate", "trace.view"])


def _receipt(kind: str, giver: Contact, taken: Contact, *, by: Viewer, at: datetime, because: str = "") -> None:
    """What the receiver answered, in the giver's journal."""
    journal.record(kind, place=giver.place, by=by, at=at, because=because, subject=giver, contact=taken.pk)
