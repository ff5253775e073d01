"""The verbs of warning: watch the city, triage proposals, verify them, publish alerts."""

import time
from datetime import datetime, timedelta
from typing import cast

from django.db import transaction

from citywatch.city.registry.queries import city_place
from citywatch.city.warn import rules, wording
from citywatch.city.warn.counting import count_all, digest_of, watch_decisions
from citywatch.city.warn.detectors import settings_on
from citywatch.city.warn.facts import label_of, reason_for
from citywatch.city.warn.gathering import OPEN, ground_of, raise_level, record_findings
from citywatch.city.warn.judging import findings, told
from citywatch.city.warn.models import Alert, HealthEvent, Proposal, Run
from citywatch.city.warn.types import Evidence, Finding, Level, RunFacts
from citywatch.eventlog.segments import Version
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.journal.reacting import fault_of
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.services import advance, begin, start_clock


def detector_viewer() -> Viewer:
    """The machine that raises signals and proposals; it can do nothing else."""
    return machine("detection", place=city_place(), abilities=["warn.raise"])


def watch(*, at: datetime, by: Viewer | None = None, force: bool = False) -> RunFacts:
    """Run detection over the city as known at `at` and store what it finds.

    The same moment twice changes nothing. A run is skipped, and leaves no trace, when no report has come since the
    last one and the day is the same; `force` runs it anyway. Proposals left unanswered go up whether it runs or not.
    """
    by = by or detector_viewer()
    escalated = escalate_late(at=at, by=by)
    timed = _Stages()
    export.catch_up()
    version = export.store().pin()
    digest = digest_of(version)
    timed.ends("export")
    if not force and _nothing_new(digest, at):
        return RunFacts(at=at, skipped=True, escalated=escalated)
    ruled = rules.rules_on(day_of(at))
    found, series = _find(at, version, ruled, timed)
    with transaction.atomic():
        _alone()
        raised, extended, proposals = record_findings(found, ruled, last_day=day_of(at), at=at, by=by)
        timed.ends("store")
        Run.objects.create(
            place=city_place(), at=at, log_version=version.number, log_digest=digest, series=series, raised=raised,
            extended=extended, proposals=proposals, took_ms=timed.took, stages=timed.stages,
        )  # fmt: skip
    return RunFacts(
        at, series, raised, extended, proposals, timed.took, findings=tuple(found), stages=timed.stages,
        escalated=escalated,
    )  # fmt: skip


def look(*, at: datetime) -> RunFacts:
    """What a run at `at` would have found with what was known then; stores nothing."""
    timed = _Stages()
    export.catch_up()
    version = export.store().pin()
    timed.ends("export")
    found, series = _find(at, version, rules.rules_on(day_of(at)), timed)
    return RunFacts(at, series, took_ms=timed.took, findings=tuple(found), stages=timed.stages)


class _Stages:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self.stages: dict[str, int] = {}

    def ends(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage] = round((now - self._last) * 1000)
        self._last = now

    @property
    def took(self) -> int:
        return round((self._last - self._began) * 1000)


def _find(at: datetime, version: Version, ruled: rules.Rules, timed: _Stages) -> tuple[list[Finding], int]:
    """What reaches the desk of everything judged at `at`, and how many series could be judged."""
    grids = count_all(at, version=version)
    timed.ends("count")
    episodes, series = findings(grids.counted, ruled, settings_on(day_of(at), watch_decisions(at)))
    found = told(episodes, ruled, ground_of({one.key.place_id for one in episodes}, ruled)) if episodes else []
    timed.ends("judge")
    return found, series


@transaction.atomic
def escalate_late(*, at: datetime, by: Viewer | None = None) -> int:
    """Take proposals nobody answered within their limit up to the city's desk, once for each limit; how many."""
    late = Clock.objects.filter(
        subject_kind="warn.proposal", code__in=rules.CLOCKS.values(), stopped_at__isnull=True, due_at__lt=at
    )
    waiting = Proposal.objects.select_for_update(of=("self",)).select_related("place").filter(
        pk__in=list(late.values_list("subject_id", flat=True)), state="new", escalated_at__isnull=True
    )  # fmt: skip
    page = rules.rules_on(day_of(at)).late.page
    proposals = list(waiting.order_by("pk"))
    for proposal in proposals:
        proposal.escalated_at = at
        proposal.save(update_fields=["escalated_at"])
        journal.record(
            "warn.proposal_escalated", place=proposal.place, by=by or detector_viewer(), at=at, subject=proposal,
            level=proposal.level, to=page[cast("Level", proposal.level)],
        )  # fmt: skip
    return len(proposals)


@transaction.atomic
def note_failure(error: Exception, *, at: datetime) -> None:
    """A failed run is an entry of the journal and stands on the desk until the next run succeeds."""
    fault = fault_of(error)
    run = Run.objects.create(place=city_place(), at=at, fault=fault)
    journal.record("warn.run_failed", place=run.place, by=detector_viewer(), at=at, subject=run, fault=fault)


@transaction.atomic
def raise_red(*, hazard: str, sample_id: int, street_code: str, at: datetime, by: Viewer | None = None) -> int:
    """Bring a laboratory positive before the desk: one proposal for each episode of a hazard, red by `LevelRule`.

    A positive already counted changes nothing. The first of an episode takes over an open proposal of its street, or
    opens one; later ones, wherever they are found, raise its count. Returns the proposal's number.
    """
    _alone()
    by = by or detector_viewer()
    ruled = rules.rules_on(day_of(at))
    since = at - timedelta(days=ruled.episode.red_gap_days)
    episode = Proposal.objects.select_for_update().filter(hazard=hazard, last_positive_at__gte=since)
    episode = episode.exclude(state="joined")
    proposal = episode.exclude(state="closed").order_by("-opened_at").first()
    if proposal is not None:
        _add_positive(proposal, sample_id, at=at, by=by)
        return int(proposal.pk)
    closed = episode.filter(state="closed").order_by("-opened_at").first()
    if closed is not None and sample_id in closed.positives:
        return int(closed.pk)
    place = Place.objects.get(code=street_code)
    day = day_of(at)
    near = day - timedelta(hours=ruled.episode.fusion_hours)
    open_here = Proposal.objects.select_for_update().filter(
        place=place, state__in=OPEN, last_day__gte=near, positives=[]
    )
    proposal = open_here.order_by("-opened_at").first()
    if proposal is not None:
        proposal.hazard = hazard
        _add_positive(proposal, sample_id, at=at, by=by)
        return int(proposal.pk)
    level = _level_of_positives(ruled, hazard, 1, at)
    proposal = Proposal(
        place=place, level=level, hazard=hazard, streams=["lab"], positives=[sample_id], first_positive_at=at,
        last_positive_at=at, opened_at=at, first_day=day, last_day=day, after=closed,
        fingerprint=rules.proposal_fingerprint(hazard, place.code, at.isoformat(), str(sample_id)),
    )  # fmt: skip
    begin(proposal, "warn.proposal_raised", by=by, at=at, level=level, hazard=hazard, streams=["lab"], sample=sample_id)
    start_clock(rules.CLOCKS[level], proposal, at=at)
    return int(proposal.pk)


@transaction.atomic
def close(proposal_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Say that nothing is behind a proposal, and why."""
    advance(_open_for(by, proposal_id), "close", by=by, at=at, because=because)


@transaction.atomic
def keep_watching(proposal_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Answer a proposal without acting on it yet; it comes back if its level rises."""
    advance(_open_for(by, proposal_id), "watch", by=by, at=at, because=because)


@transaction.atomic
def verify(proposal_id: int, *, by: Viewer, at: datetime, because: str) -> int:
    """Confirm what a proposal claims: it becomes an event, whose number is returned."""
    proposal = _open_for(by, proposal_id)
    advance(proposal, "verify", by=by, at=at, because=because)
    title = wording.event_title(
        label_of(proposal.place), hazard=proposal.hazard, on=proposal.first_day, positives=len(proposal.positives)
    )
    event = HealthEvent(
        place=proposal.place, proposal=proposal, hazard=proposal.hazard, level=proposal.level, title_zh=title.zh,
        title_en=title.en, verified_at=at, first_positive_at=proposal.first_positive_at,
    )  # fmt: skip
    begin(
        event, "warn.event_verified", by=by, at=at, because=because, proposal=proposal.pk, hazard=event.hazard,
        level=event.level, first_positive_at=event.first_positive_at, place_code=proposal.place.code,
    )  # fmt: skip
    return int(event.pk)


MOVES = {"close": close, "watch": keep_watching, "verify": verify}
"""The desk's three answers, by the name of their move."""


def answer(move: str, proposal_id: int, *, by: Viewer, at: datetime, because: str) -> int | None:
    """Give one of the desk's answers by name; the number of the event when it was verified."""
    if move not in MOVES:
        raise Refusal(
            f"There is no answer {move!r}; close, watch or verify the proposal.",
            zh="没有这种操作；请选择关闭、关注或核实。",
        )
    return MOVES[move](proposal_id, by=by, at=at, because=because)


@transaction.atomic
def publish_alert(event_id: int, *, level: str, by: Viewer, at: datetime, because: str) -> int:
    """Make an event known with its level to those who must act; returns the alert's number."""
    event = cast("HealthEvent", HealthEvent.objects.visible_to(by).select_for_update(of=("self",)).pick_one(event_id))
    must(by, "warn.publish", event.place)
    if level not in rules.LEVELS:
        raise Refusal(
            f"There is no level {level!r}; choose blue, yellow, orange or red.",
            zh="没有该预警级别；请在蓝、黄、橙、红中选择。",
        )
    if event.is_done:
        raise Refusal("This event has ended; an alert needs an open event.", zh="该事件已结束，不能再发布预警。")
    if not because.strip():
        raise Refusal("Publishing an alert needs a reason; write one sentence.", zh="发布预警须填写理由；请写一句话。")
    title = label_of(event)
    text = wording.alert_text(title, level=level, why_sentence=reason_for(event.proposal), at=at)
    alert = Alert.objects.create(
        place=event.place, event=event, level=level, text_zh=text.zh, text_en=text.en, because=because, published_at=at
    )
    journal.record(
        "warn.alert_published", place=event.place, by=by, at=at, because=because, subject=alert, event=event.pk,
        level=level, text=text.zh,
    )  # fmt: skip
    if level != event.level:
        HealthEvent.objects.filter(pk=event.pk).update(level=level)
    return int(alert.pk)


@transaction.atomic
def end_event(event_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Say that an event is over."""
    event = cast("HealthEvent", HealthEvent.objects.visible_to(by).pick_one(event_id))
    advance(event, "end", by=by, at=at, because=because)


def _alone() -> None:
    """Wait for any run or positive still at work: two that look at once would each open what the other opens.

    The city's own row is the lock, in the mode that lets others refer to the city meanwhile.
    """
    Place.objects.select_for_update(no_key=True).get(pk=city_place().pk)


def _open_for(by: Viewer, proposal_id: int) -> Proposal:
    return cast("Proposal", Proposal.objects.visible_to(by).select_related("place").pick_one(proposal_id))


def _nothing_new(digest: str, at: datetime) -> bool:
    last = Run.objects.filter(fault="").order_by("-at", "-pk").first()
    if last is None or last.log_digest != digest or day_of(last.at) != day_of(at) or at < last.at:
        return False
    # The log may hold reports from after the last run's moment, when that moment lies in the past.
    return not Entry.objects.filter(kind__startswith="submitted.", at__gt=last.at, at__lte=at).exists()


def _add_positive(proposal: Proposal, sample_id: int, *, at: datetime, by: Viewer) -> None:
    if sample_id in proposal.positives:
        return
    proposal.positives = [*proposal.positives, sample_id]
    proposal.streams = sorted({*proposal.streams, "lab"})
    proposal.first_positive_at = min(proposal.first_positive_at or at, at)
    proposal.last_positive_at = max(proposal.last_positive_at or at, at)
    proposal.last_day = max(proposal.last_day, day_of(at))
    proposal.save(update_fields=["positives", "streams", "first_positive_at", "last_positive_at", "last_day", "hazard"])
    journal.record(
        "warn.positive_added", place=proposal.place, by=by, at=at, subject=proposal, sample=sample_id,
        positives=len(proposal.positives), hazard=proposal.hazard,
    )  # fmt: skip
    level = _level_of_positives(rules.rules_on(day_of(at)), proposal.hazard, len(proposal.positives), at)
    raise_level(proposal, level, at=at, by=by)


def _level_of_positives(ruled: rules.Rules, hazard: str, number: int, at: datetime) -> Level:
    class_a = rules.managed_as_a(hazard, day_of(at))
    return ruled.level.level(Evidence(frozenset({"lab"}), positives=number, class_a=class_a))
