"""The sixteen hours from the first positive result to the published risk point, with what happened on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from citywatch.city.trace import evidence
from citywatch.city.trace.models import Case, Investigation
from citywatch.city.warn import queries as warn
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.services import clock_rule


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


def source_lock(row: Investigation) -> SourceLock:
    """Read the investigation whole, whoever asks: moments name nobody."""
    # A case handed over is one person in two rows: what its first row told is not another case's telling.
    cases: dict[int, int] = {}
    for pk, above in row.cases.exclude(state="discarded").order_by("pk").values_list("pk", "from_row_id"):
        cases[pk] = cases.get(above, pk)
    clocks = Clock.objects.filter(code="source-lock", subject_kind=Case._meta.label_lower, subject_id__in=cases)
    clock = clocks.order_by("started_at", "pk").first()
    began = clock.started_at if clock else evidence.first_positive_at(row)
    interview, shared = _interviews(cases)
    published = row.risk_points.order_by("published_at").values_list("published_at", flat=True).first()
    steps = (
        (Label("首例阳性", "First positive"), began),
        (Label("事件核实", "Event verified"), _verified(row)),
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


def _verified(row: Investigation) -> datetime | None:
    if row.event_id is None:
        return None
    try:
        return warn.event_facts(row.event_id).verified_at
    except NotFound:
        return None


def _interviews(cases: Mapping[int, int]) -> tuple[datetime | None, datetime | None]:
    """When the first of these cases was interviewed, and when for the first time two had told of one place."""
    told: dict[str, int] = {}
    first = None
    entries = Entry.objects.filter(
        kind__in=("trace.interview_recorded", "trace.interview_draft_saved"),
        subject_kind=Case._meta.label_lower,
        subject_id__in=cases,
    )
    for at, case_id, body in entries.order_by("at", "pk").values_list("at", "subject_id", "body"):
        first = first or at
        for code, *_ in body.get("stays", ()):
            if told.setdefault(code, cases[case_id]) != cases[case_id]:
                return first, at
    return first, None
