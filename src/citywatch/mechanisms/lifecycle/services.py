"""Beginning and advancing worked things, and the clocks they run under."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models, transaction

from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.models import Clock, WorkedModel
from citywatch.mechanisms.lifecycle.types import ClockRule

_rules: dict[str, ClockRule] = {}


def declare_clocks(rules: Iterable[ClockRule]) -> None:
    """Make clock rules known by code; called once per area when the apps are loaded."""
    _rules.update((rule.code, rule) for rule in rules)


def clock_rule(code: str) -> ClockRule:
    """The rule behind a clock's code, for pages that print it."""
    try:
        return _rules[code]
    except KeyError:
        raise Refusal(f"No clock {code!r} is declared; known: {', '.join(sorted(_rules))}.") from None


def clock_rules() -> list[ClockRule]:
    return sorted(_rules.values(), key=lambda rule: rule.code)


@transaction.atomic
def begin(row: WorkedModel, kind: str, *, by: Viewer, at: datetime, because: str = "", **body: Any) -> Entry:
    """Save a new worked thing, journal `kind`, and start the clocks its table opens with."""
    row.save()
    entry = journal.record(kind, place=row.place, by=by, at=at, because=because, subject=row, **body)
    for code in row.LIFECYCLE.opens:
        start_clock(code, row, at=at)
    return entry


@transaction.atomic
def advance(row: WorkedModel, name: str, *, by: Viewer, at: datetime, because: str = "", **body: Any) -> Entry:
    """Lock the row, check the move, make it, journal `<area>.<model>_<move>` and move its clocks.

    The row handed in is updated to the new state. Raises `Conflict` when somebody moved it first.
    """
    move = row.LIFECYCLE.move(name)
    held = type(row)._base_manager.select_for_update().get(pk=row.pk)
    must(by, move.needs, row.place)
    if held.state not in move.sources:
        raise Conflict(
            f"This is already “{held.state_label.en}”, so “{move.label.en}” no longer applies; reload the page.",
            zh=f"当前状态已是“{held.state_label.zh}”，不能再“{move.label.zh}”；请刷新页面。",
        )
    if move.reason and not because.strip():
        raise Refusal(
            f"“{move.label.en}” needs a reason; write one sentence.", zh=f"“{move.label.zh}”须填写理由；请写一句话。"
        )
    type(row)._base_manager.filter(pk=row.pk).update(state=move.target)
    row.state = move.target
    entry = journal.record(
        f"{row._meta.app_label}.{row._meta.model_name}_{name}",
        place=row.place,
        by=by,
        at=at,
        because=because,
        subject=row,
        before=held.state,
        after=move.target,
        **body,
    )
    for code in move.stops:
        stop_clock(code, row, at=at)
    for code in move.starts:
        start_clock(code, row, at=at)
    return entry


def start_clock(code: str, row: models.Model, *, at: datetime, place: Any = None) -> Clock:
    """Start a declared clock on any row that has a place; a clock already running there goes on."""
    clock, _ = Clock.objects.get_or_create(
        code=code,
        subject_kind=row._meta.label_lower,
        subject_id=row.pk,
        stopped_at=None,
        defaults={"place": place or row.place, "started_at": at, "due_at": at + clock_rule(code).limit},  # type: ignore[attr-defined]
    )
    return clock


def stop_clock(code: str, row: models.Model, *, at: datetime) -> None:
    Clock.objects.filter(
        code=code, subject_kind=row._meta.label_lower, subject_id=row.pk, stopped_at__isnull=True
    ).update(stopped_at=at)


def resume_clocks(row: models.Model, *, stopped_at: datetime) -> None:
    """Let the clocks that one answer stopped run on as if it had not been given; their limits stay where they were."""
    Clock.objects.filter(subject_kind=row._meta.label_lower, subject_id=row.pk, stopped_at=stopped_at).update(
        stopped_at=None
    )


def clocks_of(row: models.Model) -> list[Clock]:
    return list(Clock.objects.filter(subject_kind=row._meta.label_lower, subject_id=row.pk).order_by("due_at"))
