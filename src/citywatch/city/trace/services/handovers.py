"""Hand a contact or a case to the district that is responsible for them: two rows and a receipt.

The giving district keeps its row, closed as handed over. The receiving one gets a row of its own that it must accept or
send back with a reason. The clocks of the work run on across both: nobody gains time by handing over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

from django.db import transaction

from citywatch.city.registry.queries import districts
from citywatch.city.trace.models import Case, Contact, Link, Stay, Verdict
from citywatch.city.trace.services.contacts import for_each
from citywatch.city.trace.services.rows import SOURCE_LOCK, case_row, contact_row, district_of, tracing, worked_case
from citywatch.city.trace.types import BulkOutcome
from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.services import advance, clocks_of, start_clock
from citywatch.mechanisms.vault.services import make_known

Row = TypeVar("Row", Case, Contact)
Told = TypeVar("Told", Stay, Verdict)

_ITS_OWN = frozenset({"id", "place", "state", "from_row"})
"""What a row taken over does not take from the giver's."""


@transaction.atomic
def hand_over_contact(contact_id: int, to: str, *, by: Viewer, at: datetime, because: str) -> int:
    """Hand a contact to the district of this code; gives the number of the row that waits there to be accepted."""
    contact = contact_row(contact_id, by)
    must(by, "trace.investigate", contact.place)
    return _offer(contact, to, by=by, at=at, because=because).pk


def hand_over_contacts(ids: Sequence[int], to: str, *, by: Viewer, at: datetime, because: str) -> BulkOutcome:
    """Hand many contacts to one district; those that cannot go are named and keep nobody else back."""
    return for_each(ids, lambda contact_id: hand_over_contact(contact_id, to, by=by, at=at, because=because))


@transaction.atomic
def accept_contact(contact_id: int, *, by: Viewer, at: datetime) -> None:
    """Take over a contact that another district handed over; the receipt stands in both districts' journals."""
    _accept(contact_row(contact_id, by), "accept", by=by, at=at)


@transaction.atomic
def decline_contact(contact_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Send a contact back with a reason: the giving district's row opens again, with the time that has already run."""
    _decline(contact_row(contact_id, by), "take_back", by=by, at=at, because=because)


@transaction.atomic
def hand_over_case(case_id: int, to: str, *, by: Viewer, at: datetime, because: str) -> int:
    """Hand a case to the district of this code; gives the number of the row that waits there to be accepted.

    What the case told goes along as a copy, so that each district keeps what it worked with. Its contacts stay with
    their districts and its links with the investigation, both now about the row that is worked. From the offer on it
    is this row that counts. An episode's source clock goes with the case that began it.
    """
    case = worked_case(case_id, by)
    taken = _offer(case, to, by=by, at=at, because=because, label=case.title)
    Stay.objects.bulk_create(_copies(Stay, case, taken))
    Verdict.objects.bulk_create(_copies(Verdict, case, taken))
    _carry(case, taken)
    return int(taken.pk)


@transaction.atomic
def accept_case(case_id: int, *, by: Viewer, at: datetime) -> None:
    """Take over a case that another district handed over; the work goes on where it stood."""
    taken = case_row(case_id, by)
    _accept(taken, _where_it_stood("accept", taken), by=by, at=at)


@transaction.atomic
def decline_case(case_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Send a case back with a reason: the giving district's row opens where it stood, with the time already run."""
    taken = case_row(case_id, by)
    giver = _decline(taken, _where_it_stood("take_back", taken), by=by, at=at, because=because)
    _carry(taken, giver)


def _offer(row: Row, to: str, *, by: Viewer, at: datetime, because: str, **more: Any) -> Row:
    """The giver's row closes, the receiver's begins; the running clocks of the work go on there."""
    receiver = _receiver(to, row)
    running = _running(row)
    entry = advance(row, "hand_over", by=by, at=at, because=because, to=receiver.code)
    taken = type(row)(**_fields(row) | {"place": receiver, "from_row": row, "state": "offered"} | more)
    taken.save()
    journal.record(
        f"trace.{_word(row)}_offered",
        place=receiver,
        by=by,
        at=entry.at,
        because=because,
        subject=taken,
        person_id=row.person_id,
        from_place=row.place.code,
        **{f"from_{_word(row)}": row.pk},
    )
    start_clock(f"{_word(row)}-handover", taken, at=at)
    _run_on(running, taken)
    if row.person is not None:
        make_known([row.person], at_places=[(receiver, "responsible")])
    return taken


def _accept(taken: Row, move: str, *, by: Viewer, at: datetime) -> None:
    giver = _giver(taken)
    said: dict[str, Any] = {f"from_{_word(taken)}": giver.pk}
    advance(taken, move, by=by, at=at, **said)
    _receipt("taken_over", giver, taken, by=by, at=at)


def _decline(taken: Row, move: str, *, by: Viewer, at: datetime, because: str) -> Row:
    giver = _giver(taken)
    running = _running(taken)
    refused: dict[str, Any] = {f"from_{_word(taken)}": giver.pk}
    advance(taken, "decline", by=by, at=at, because=because, **refused)
    # The receiver has no right at the giver's place, and needs none: its refusal is what moves the giver's row.
    said: dict[str, Any] = {"refused_by": by.actor, _word(taken): taken.pk}
    advance(giver, move, by=tracing(), at=at, because=because, **said)
    _run_on(running, giver)
    _receipt("sent_back", giver, taken, by=by, at=at, because=because)
    return giver


def _receiver(code: str, row: Case | Contact) -> Place:
    found = next((one for one in districts() if one.code == code), None)
    if found is None:
        raise Refusal(f"{code!r} is not a district; choose one of the list.", zh="请从列表中选择接收区。")
    if found == district_of(row.place):
        raise Refusal(
            f"{row.title} already belongs to {found.name_en}; choose another district.",
            zh=f"{row.title}已属{found.name_zh}；请选择其他区。",
        )
    return found


def _giver(taken: Row) -> Row:
    if taken.from_row_id is None:
        raise Conflict(
            f"{taken.title} was not handed over by another district; there is nothing to answer.",
            zh=f"{taken.title}不是外区移交的，无需接收或退回。",
        )
    return cast("Row", type(taken).objects.select_related("place").get(pk=taken.from_row_id))


def _copies(model: type[Told], case: Case, taken: Case) -> list[Told]:
    theirs = {"case_id": taken.pk, "place": taken.place}
    return [model(**_fields(row) | theirs) for row in model.objects.filter(case=case)]


def _fields(row: Any) -> dict[str, Any]:
    return {
        field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name not in _ITS_OWN
    }


def _running(row: Case | Contact) -> Mapping[str, datetime]:
    """Since when each clock of the work runs, of those that handing over stops."""
    stopped = row.LIFECYCLE.move("hand_over").stops
    return {clock.code: clock.started_at for clock in clocks_of(row) if clock.running and clock.code in stopped}


def _run_on(running: Mapping[str, datetime], row: Case | Contact) -> None:
    for code, began in running.items():
        start_clock(code, row, at=began)


def _where_it_stood(move: str, taken: Case) -> str:
    """The move that lets the work go on: what is not yet done has a clock that runs, and the clocks came along."""
    running = _running(taken)
    if "investigation-core" in running:
        return move
    return f"{move}_core_done" if "investigation-full" in running else f"{move}_complete"


def _carry(case: Case, to: Case) -> None:
    """Contacts, links and the source clock are about the row that is worked."""
    Contact.objects.filter(case=case).update(case=to)
    Link.objects.filter(infector=case).update(infector=to)
    Link.objects.filter(infectee=case).update(infectee=to)
    Clock.objects.filter(code=SOURCE_LOCK, subject_kind=Case._meta.label_lower, subject_id=case.pk).update(
        subject_id=to.pk, place=to.place
    )


def _word(row: Case | Contact) -> str:
    return str(row._meta.model_name)


def _receipt(
    what: str, giver: Case | Contact, taken: Case | Contact, *, by: Viewer, at: datetime, because: str = ""
) -> None:
    """What the receiver answered, in the giver's journal."""
    kind = f"trace.{_word(taken)}_{what}"
    journal.record(kind, place=giver.place, by=by, at=at, because=because, subject=giver, **{_word(taken): taken.pk})
