"""Keep, judge and move contacts."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import cast

from django.db import transaction

from citywatch.city.trace import rules
from citywatch.city.trace.lifecycles import GIVEN_AWAY, is_hand_over
from citywatch.city.trace.models import Case, Contact
from citywatch.city.trace.services.rows import contact_row
from citywatch.city.trace.types import BulkOutcome, ContactTold, NotMoved
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.services import advance, begin, start_clock, stop_clock
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.services import enrol, says_nothing_new
from citywatch.mechanisms.vault.types import Identity

CONTACT_STATES = Contact.LIFECYCLE.states
"""The states of a contact and their words, for filters."""


@transaction.atomic
def judge_contact(
    contact_id: int, *, kind: str, ground: str, by: Viewer, at: datetime, because: str, through: int | None = None
) -> None:
    """Judge a contact anew (close, second, general, and on what ground); a close one's transfer clock starts.

    The judgement is a person's and holds whatever the look-back says. `through` names the close contact by whom a
    second one was reached.
    """
    contact = contact_row(contact_id, by)
    must(by, "trace.investigate", contact.place)
    if kind not in rules.KINDS:
        raise Refusal(
            f"{kind!r} is not a kind of contact; use close, second or general.", zh="请选择密接、次密接或一般接触。"
        )
    if not because.strip():
        raise Refusal("A new judgement needs a reason; write one sentence.", zh="重新判定须填写理由；请写一句话。")
    before = contact.kind
    contact.told = contact.kind = kind
    contact.by_hand = True
    contact.ground = str(rules.ground(ground).code)
    contact.judged_at = at
    contact.through = _reached_through(contact.case, through) if kind == "second" else None
    if contact.through is not None and contact.through.pk == contact.pk:
        raise Refusal("Nobody is reached through themselves; choose another contact.", zh="不能选择本人作为中间密接。")
    contact.save(update_fields=["told", "kind", "by_hand", "ground", "judged_at", "through"])
    set_transfer_clock(contact, at=at)
    journal.record(
        "trace.contact_judged",
        place=contact.place,
        by=by,
        at=at,
        because=because,
        subject=contact,
        before=before,
        after=kind,
        ground=contact.ground,
    )


@transaction.atomic
def move_contact(contact_id: int, move: str, *, by: Viewer, at: datetime, because: str = "") -> None:
    """Take a contact one step on: notified, transferred, released, dropped.

    A hand-over changes two rows and has verbs of its own: see `handovers`.
    """
    contact = contact_row(contact_id, by)
    if is_hand_over(move):
        raise Refusal(
            "A hand-over names the other district; use “Hand over” or answer the one that waits.",
            zh="移交须选择接收区；请使用“移交”，或对待接收的移交作答。",
        )
    advance(contact, move, by=by, at=at, because=because)


def move_contacts(ids: Sequence[int], move: str, *, by: Viewer, at: datetime, because: str = "") -> BulkOutcome:
    """Take many contacts the same step on; those that cannot are named with the reason and keep nobody else back."""
    return for_each(ids, lambda contact_id: move_contact(contact_id, move, by=by, at=at, because=because))


def for_each(ids: Sequence[int], act: Callable[[int], object]) -> BulkOutcome:
    """Act on each contact in a transaction of its own."""
    moved, refused = [], []
    for contact_id in dict.fromkeys(ids):
        try:
            with transaction.atomic():
                act(contact_id)
        except Refusal as refusal:
            refused.append(NotMoved(contact_id, Label(refusal.zh, refusal.sentence)))
        else:
            moved.append(contact_id)
    return BulkOutcome(tuple(moved), tuple(refused))


def keep_contact(
    case: Case, told: ContactTold, places: dict[str, Place], *, already: Collection[Contact], by: Viewer, at: datetime
) -> Contact:
    """Keep one contact told; `already` are those kept from the same telling, each somebody else."""
    if told.last_at < told.first_at:
        raise Refusal(
            "A contact's last meeting is before the first; check both times.", zh="接触的结束时间早于开始时间；请核对。"
        )
    if told.kind not in rules.KINDS:
        raise Refusal(
            f"{told.kind!r} is not a kind of contact; use close, second or general.",
            zh="请选择密接、次密接或一般接触。",
        )
    ground = str(rules.ground(told.ground).code)
    visited = places.get(told.place_code or "")
    known = _told_before(case, told, visited, already=already)
    person = known.person if known else _person(told.identity, case.place, at)
    known = known or (_listed_already(case, person) if person else None)
    if known is not None:
        _tell_again(known, told, case, by=by, at=at)
        return known
    kind = _kind_now(told.kind, told.first_at, told.last_at, case)
    contact = Contact(
        place=case.place,
        case=case,
        person=person,
        told=told.kind,
        kind=kind,
        ground=ground,
        first_at=told.first_at,
        last_at=told.last_at,
        visited=visited,
        through=_reached_through(case, told.through),
        judged_at=at,
    )
    begin(
        contact,
        "trace.contact_listed",
        by=by,
        at=at,
        case=case.pk,
        person_id=person.pk if person else None,
        judged=kind,
        ground=ground,
    )
    set_transfer_clock(contact, at=at)
    return contact


def _told_before(
    case: Case, told: ContactTold, visited: Place | None, *, already: Collection[Contact]
) -> Contact | None:
    """The contact this telling repeats, where no number says who it is: same meeting, and same name or none."""
    named = told.identity is not None and told.identity != Identity()
    alike = Contact.objects.filter(
        case=case, first_at=told.first_at, last_at=told.last_at, visited=visited, person__isnull=not named
    ).exclude(pk__in=[one.pk for one in already])
    for one in alike.select_related("place", "person").order_by("pk"):
        if told.identity is None or not named or says_nothing_new(one.person_id, told.identity):
            return cast("Contact", one)
    return None


def _tell_again(known: Contact, told: ContactTold, case: Case, *, by: Viewer, at: datetime) -> None:
    """A contact told again: the meetings widen, the graver kind stands, and a later meeting may make it close."""
    known.first_at, known.last_at = min(known.first_at, told.first_at), max(known.last_at, told.last_at)
    if not known.by_hand:
        known.told = min(known.told, told.kind, key=list(rules.KINDS).index)
    known.through = known.through or _reached_through(case, told.through)
    known.save(update_fields=["first_at", "last_at", "told", "through"])
    _judge(known, case, by=by, at=at)


def _person(identity: Identity | None, place: Place, at: datetime) -> Person | None:
    if identity is None or identity == Identity():
        return None
    return enrol(identity, place=place, relation="responsible", at=at)


def infectious_from(case: Case) -> datetime | None:
    reference = rules.reference_day(case.onset_date, case.sampled_on)
    if reference is None:
        return None
    days = (
        case.investigation.look_back_days
        if case.investigation
        else rules.window_rule(day_of(case.reported_at)).look_back_days
    )
    return rules.infectious_from(reference, days)


def _kind_now(told: str, first_at: datetime, last_at: datetime, case: Case) -> str:
    return rules.judged_kind(
        told, first_at=first_at, last_at=last_at, since=infectious_from(case), until=case.isolated_at
    )


def _listed_already(case: Case, person: Person) -> Contact | None:
    """This person's row under the case: the one being worked, whichever district works it."""
    rows = Contact.objects.filter(case=case, person=person).exclude(state__in=GIVEN_AWAY)
    return cast("Contact | None", rows.select_related("place").first())


def _reached_through(case: Case, contact_id: int | None) -> Contact | None:
    """The close contact a second one was reached through; one of the same case."""
    if contact_id is None:
        return None
    found = Contact.objects.filter(case=case, pk=contact_id, kind="close").first()
    if found is None:
        raise Refusal(
            f"{contact_id} is not a close contact of {case.title}; choose one of its list.",
            zh=f"{contact_id}不是{case.title}的密接；请从名单中选择。",
        )
    return cast("Contact", found)


def judge_again(cases: Sequence[Case], *, by: Viewer, at: datetime) -> tuple[int, int]:
    """Apply the infectious windows as they now are to contacts nobody has acted on; gives (became close, no longer)."""
    gained = lost = 0
    for case in cases:
        for contact in Contact.objects.filter(case=case, state="listed").select_related("place"):
            before = contact.kind
            if _judge(contact, case, by=by, at=at):
                gained, lost = gained + (contact.kind == "close"), lost + (before == "close")
    return gained, lost


def _judge(contact: Contact, case: Case, *, by: Viewer, at: datetime) -> bool:
    """Apply the infectious window to a contact nobody has acted on or judged by hand; True where its kind changed."""
    kind = _kind_now(contact.told, contact.first_at, contact.last_at, case)
    if kind == contact.kind or contact.by_hand or contact.state != "listed":
        return False
    before, contact.kind, contact.judged_at = contact.kind, kind, at
    contact.save(update_fields=["kind", "judged_at"])
    set_transfer_clock(contact, at=at)
    journal.record(
        "trace.contact_judged",
        place=contact.place,
        by=by,
        at=at,
        subject=contact,
        because="infectious window",
        before=before,
        after=kind,
        ground=contact.ground,
    )
    return True


def set_transfer_clock(contact: Contact, *, at: datetime) -> None:
    if contact.kind == "close" and contact.state in {"listed", "notified"}:
        start_clock("contact-transfer", contact, at=at)
    else:
        stop_clock("contact-transfer", contact, at=at)
