"""Contacts, hand-overs, and the lines of a worklist: a row, its masked name, its clocks, the steps open to a viewer."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q

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


@dataclass(frozen=True, slots=True)
class Along:
    """What stands beside rows of cases and contacts: masked names by person, clocks by kind and number."""

    names: Mapping[int, Identity]
    clocks: Mapping[tuple[str, int], Sequence[Clock]]


def contacts_in(viewer: Viewer, cases: Iterable[Case]) -> list[Any]:
    """Contacts of these cases, each saying by `is_seen` whether the viewer may see it, with all a page shows of one.

    Beside those seen come the ones who became cases themselves: who met whom is read whole, and names nobody.
    """
    known = {case.pk: case for case in cases}
    people = [case.person_id for case in known.values() if case.person_id]
    visible = Contact.objects.visible_to(viewer).filter(pk=OuterRef("pk"))
    rows = (
        Contact.objects.filter(case_id__in=known)
        .annotate(is_seen=Exists(visible))
        .filter(Q(is_seen=True) | Q(person_id__in=people))
        .select_related("place", "visited__parent", "through", "from_row__place")
        .order_by("case_id", "pk")
    )
    found = list(rows)
    for row in found:
        row.case = known[row.case_id]
    return found


def names_and_clocks(rows: Iterable[WorkedModel], viewer: Viewer, *, unnamed: Iterable[WorkedModel] = ()) -> Along:
    """Names and clocks of cases and contacts together, in two questions; of the `unnamed` rows the clocks alone."""
    named = list(rows)
    asked: dict[str, list[int]] = {}
    for row in (*named, *unnamed):
        asked.setdefault(row._meta.label_lower, []).append(row.pk)
    people = {row.person_id for row in named}  # type: ignore[attr-defined]
    clocks: dict[tuple[str, int], list[Clock]] = {}
    about = [Q(subject_kind=kind, subject_id__in=numbers) for kind, numbers in asked.items()]
    if about:
        for clock in Clock.objects.filter(reduce(or_, about)).order_by("due_at"):
            clocks.setdefault((clock.subject_kind, clock.subject_id), []).append(clock)
    people.discard(None)
    return Along(masked_identities(people, by=viewer) if people else {}, clocks)


def lines(rows: Sequence[WorkedModel], viewer: Viewer, *, at: datetime, along: Along | None = None) -> tuple[Line, ...]:
    """Rows of cases or contacts with what a worklist needs of them, in the order given."""
    if not rows:
        return ()
    found = along or names_and_clocks(rows, viewer)
    kind, names = rows[0]._meta.label_lower, found.names
    clocks = {row.pk: found.clocks.get((kind, row.pk), ()) for row in rows}
    return tuple(
        Line(
            row,
            names.get(row.person_id, Identity()).name,  # type: ignore[attr-defined]
            tuple(clocks[row.pk]),
            _moves(row, viewer),
            any(clock.is_late(at) for clock in clocks[row.pk]),
            opens_case=not isinstance(row, Contact) or viewer.may(row.case.VIEW, row.case.place.path),
        )
        for row in rows
    )


def _moves(row: WorkedModel, viewer: Viewer) -> tuple[Transition, ...]:
    """The steps of one row alone: a hand-over moves two, and a row given away is another district's to move."""
    if row.state in GIVEN_AWAY:
        return ()
    return tuple(move for move in row.moves_for(viewer) if not is_hand_over(move.name))


def worklist(viewer: Viewer, *, kind: str = "", state: str = "", number: int | None = None) -> Any:
    """Contacts to be moved, the longest known first; all that are not done unless a state is named, or one of them."""
    rows = contact_rows(viewer)
    if number is not None:
        return rows.filter(pk=number)
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


def case_with_contacts(viewer: Viewer, row: Any, *, at: datetime) -> tuple[Line, Identity, tuple[Line, ...]]:
    """The line of a case, its masked identity, and the lines of its contacts."""
    met = [contact for contact in contacts_in(viewer, [row]) if contact.is_seen]
    along = names_and_clocks([row, *met], viewer)
    masked = along.names.get(row.person_id, Identity())
    return lines([row], viewer, at=at, along=along)[0], masked, lines(met, viewer, at=at, along=along)


def contacts_waiting(viewer: Viewer, *, judged_before: datetime) -> list[int]:
    """Close contacts judged before a moment and not yet in quarantine."""
    waiting = worklist(viewer, kind="close").filter(state__in=("listed", "notified"), judged_at__lte=judged_before)
    return list(waiting.values_list("pk", flat=True))


def contact_rows(viewer: Viewer) -> Any:
    # Six tables at once and no more: PostgreSQL has been seen to spend minutes on ten.
    return (
        Contact.objects.visible_to(viewer)
        .select_related("place", "case__place", "visited__parent")
        .prefetch_related("through", Prefetch("from_row", Contact.objects.select_related("place")))
        .order_by("case_id", "pk")
    )


def clocks_about(model: type[WorkedModel], ids: Collection[int], *, code: str = "") -> list[Clock]:
    clocks = Clock.objects.filter(subject_kind=model._meta.label_lower, subject_id__in=ids).order_by("due_at")
    return list(clocks.filter(code=code) if code else clocks)
