"""Contacts, hand-overs, and the lines of a worklist: a row, its masked name, its clocks, the steps open to a viewer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from citywatch.city.trace.lifecycles import GIVEN_AWAY, is_hand_over
from citywatch.city.trace.models import Case, Contact
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.models import Clock, WorkedModel
from citywatch.mechanisms.lifecycle.types import Transition
from citywatch.mechanisms.vault.services import masked_identities
from citywatch.mechanisms.vault.types import Identity


@dataclass(frozen=True, slots=True)
class Line:
    """A case or contact on a page: its row, masked name, clocks, and the steps this viewer may take."""

    row: Any
    name: str
    clocks: tuple[Clock, ...]
    moves: tuple[Transition, ...]
    late: bool
    opens_case: bool = True

    @property
    def gives(self) -> bool:
        """Whether this row could go to another district."""
        return isinstance(self.row, Contact) and self.row.state in {"listed", "notified"}

    @property
    def clock(self) -> Clock | None:
        """Its own clock to look at first: the running one due soonest, else the last. The source's stands elsewhere."""
        own = [clock for clock in self.clocks if clock.code != "source-lock"]
        return next((clock for clock in own if clock.running), own[-1] if own else None)


@dataclass(frozen=True, slots=True)
class GivenRow:
    """The giving district's row and the receiving one's: what the giver may know is its district and how it stands."""

    row: Any
    taken: Any


def lines(rows: Sequence[WorkedModel], viewer: Viewer, *, at: datetime) -> tuple[Line, ...]:
    """Rows of cases or contacts with what a worklist needs of them, in the order given."""
    if not rows:
        return ()
    names = masked_identities({row.person_id for row in rows if row.person_id}, by=viewer)  # type: ignore[attr-defined]
    clocks: dict[int, list[Clock]] = {}
    for clock in clocks_about(type(rows[0]), [row.pk for row in rows]):
        clocks.setdefault(clock.subject_id, []).append(clock)
    return tuple(
        Line(
            row,
            names.get(row.person_id, Identity()).name,  # type: ignore[attr-defined]
            tuple(clocks.get(row.pk, ())),
            _moves(row, viewer),
            any(clock.is_late(at) for clock in clocks.get(row.pk, ())),
            opens_case=not isinstance(row, Contact) or viewer.may(row.case.VIEW, row.case.place.path),
        )
        for row in rows
    )


def _moves(row: WorkedModel, viewer: Viewer) -> tuple[Transition, ...]:
    """The steps of one row alone: a hand-over moves two, and a row given away is another district's to move."""
    if row.state in GIVEN_AWAY:
        return ()
    return tuple(move for move in row.moves_for(viewer) if not is_hand_over(move.name))


def worklist(viewer: Viewer, *, kind: str = "", state: str = "") -> Any:
    """Contacts to be moved, the longest known first; all that are not done unless a state is named."""
    rows = contact_rows(viewer)
    open_states = [one for one in Contact.LIFECYCLE.states if one not in Contact.LIFECYCLE.done]
    rows = rows.filter(state__in=[state] if state else open_states)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.order_by("judged_at", "pk")


def handed_over_to(viewer: Viewer, model: type[Case | Contact] = Contact) -> list[Any]:
    """Contacts (or cases) that other districts handed over and that wait for this viewer, the longest waiting first."""
    rows = contact_rows(viewer) if model is Contact else model.objects.visible_to(viewer).select_related("place")
    return list(rows.select_related("from_row__place").filter(state="offered").order_by("pk"))


def handed_over_by(viewer: Viewer, model: type[Case | Contact] = Contact, *, most: int = 50) -> list[Any]:
    """Rows of the viewer's own that went to another district, newest first, each with the row it last became."""
    # Few rows came from another; asked the other way round, every row would be looked at for where it went.
    given = model.objects.filter(from_row__isnull=False).values("from_row")
    rows = model.objects.visible_to(viewer).filter(pk__in=given).order_by("-pk")[:most]
    return [
        GivenRow(row, row.handed_to.select_related("place").order_by("-pk").first())
        for row in rows.select_related("place")
    ]


def late_contacts(viewer: Viewer, *, at: datetime) -> int:
    """Close contacts whose transfer limit has passed without their transfer."""
    # Counted by the clocks that run, a few, and not by the contacts, millions; a clock stands where its contact does.
    due = Clock.objects.visible_to(viewer, Contact.VIEW).filter(
        code="contact-transfer", subject_kind=Contact._meta.label_lower, stopped_at__isnull=True, due_at__lt=at
    )
    return int(due.count())


def contact(viewer: Viewer, contact_id: int) -> Any:
    """One contact, or the refusal that tells nothing."""
    return contact_rows(viewer).pick_one(contact_id)


def contacts_of(viewer: Viewer, row: Any, *, at: datetime) -> tuple[Line, ...]:
    return lines(list(contact_rows(viewer).filter(case=row)), viewer, at=at)


def contacts_waiting(viewer: Viewer, *, judged_before: datetime) -> list[int]:
    """Close contacts judged before a moment and not yet in quarantine."""
    waiting = worklist(viewer, kind="close").filter(state__in=("listed", "notified"), judged_at__lte=judged_before)
    return list(waiting.values_list("pk", flat=True))


def contact_rows(viewer: Viewer) -> Any:
    # Fetched one table after another: PostgreSQL has been seen to spend minutes on the ten joined at once.
    return (
        Contact.objects.visible_to(viewer)
        .select_related("place", "case")
        .prefetch_related("case__investigation", "case__place", "visited__parent", "through", "from_row__place")
        .order_by("case_id", "pk")
    )


def clocks_about(model: type[WorkedModel], ids: Collection[int], *, code: str = "") -> list[Clock]:
    clocks = Clock.objects.filter(subject_kind=model._meta.label_lower, subject_id__in=ids).order_by("due_at")
    return list(clocks.filter(code=code) if code else clocks)
