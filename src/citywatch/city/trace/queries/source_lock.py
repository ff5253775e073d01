"""The sixteen hours from the first positive result to the published risk point, with what happened on the way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from citywatch.city.trace.models import Case, Investigation
from citywatch.city.warn import queries as warn
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.services import clock_rule

INTERVIEWS = ("trace.interview_recorded", "trace.interview_draft_saved")
VERIFIED = "warn.event_verified"


@dataclass(frozen=True, slots=True)
class Milestone:
    """A step on the way; `hours` after the first positive, None where it has not happened (or nobody can say when)."""

    name: Label
    at: datetime | None
    hours: float | None


@dataclass(frozen=True, slots=True)
class SourceLock:
    """The clock of an investigation and its milestones; `clock` is None for one without a laboratory positive."""

    clock: Clock | None
    limit_hours: float
    milestones: tuple[Milestone, ...]

    @property
    def next_step(self) -> Label | None:
        """The first milestone still open: what this night is about."""
        return next((one.name for one in self.milestones if one.at is None), None)


def source_lock(
    row: Investigation,
    rows: Iterable[Case],
    *,
    clocks: Iterable[Clock],
    entries: Sequence[Entry],
    published: datetime | None,
) -> SourceLock:
    """Read the investigation whole, whoever asks: moments name nobody.

    `rows` are all its cases, `clocks` any of theirs, `entries` the journal's of their interviews and of the
    event's verification, oldest first.
    """
    # A case handed over is one person in two rows: what its first row told is not another case's telling.
    cases: dict[int, int] = {}
    for case in sorted(rows, key=lambda case: case.pk):
        if case.state != "discarded":
            cases[case.pk] = cases.get(case.from_row_id or 0, case.pk)
    own = [one for one in clocks if one.code == "source-lock" and one.subject_id in cases]
    clock = min(own, key=lambda one: (one.started_at, one.pk), default=None)
    began = clock.started_at if clock else None
    interview, shared = _interviews(cases, entries)
    steps = (
        (Label("首例阳性", "First positive"), began),
        (Label("事件核实", "Event verified"), _verified(row, entries)),
        (Label("首次流调访谈", "First interview"), interview),
        (Label("首个共同场所", "First shared place"), shared),
        (Label("公布风险点位", "Risk point published"), published),
    )
    return SourceLock(
        clock,
        clock_rule("source-lock").limit.total_seconds() / 3600,
        tuple(Milestone(name, at, _hours(began, at)) for name, at in steps),
    )


def _hours(began: datetime | None, at: datetime | None) -> float | None:
    return None if began is None or at is None else (at - began).total_seconds() / 3600


def _verified(row: Investigation, entries: Iterable[Entry]) -> datetime | None:
    if row.event_id is None:
        return None
    said = next((entry.at for entry in entries if entry.kind == VERIFIED), None)
    if said is not None:
        return said
    try:
        return warn.event_facts(row.event_id).verified_at
    except NotFound:
        return None


def _interviews(cases: Mapping[int, int], entries: Iterable[Entry]) -> tuple[datetime | None, datetime | None]:
    """When the first of these cases was interviewed, and when for the first time two had told of one place."""
    told: dict[str, int] = {}
    first = None
    for entry in entries:
        if entry.kind not in INTERVIEWS:
            continue
        case = cases.get(entry.subject_id or 0)
        if case is None:
            continue
        first = first or entry.at
        for code, *_ in entry.body.get("stays", ()):
            if told.setdefault(code, case) != case:
                return first, entry.at
    return first, None
