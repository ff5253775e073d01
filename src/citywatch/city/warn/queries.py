"""Questions about warning: the inbox, a proposal's grounds, events, signals and runs. Everything scoped to who asks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import cast

import numpy as np
from django.core.paginator import Paginator
from django.db.models import Count, Q

from citywatch.city.registry.queries import place_facts
from citywatch.city.sense import silence
from citywatch.city.warn import facts, rules
from citywatch.city.warn.counting import count_series, sites, watch_decisions
from citywatch.city.warn.desk import BY_STREET, numbers, signals_behind, told_of, with_due
from citywatch.city.warn.detectors import settings_on
from citywatch.city.warn.facts import label_of, reason_for, signal_facts
from citywatch.city.warn.judging import judge
from citywatch.city.warn.models import HealthEvent, Proposal, Run, Signal
from citywatch.city.warn.types import (
    EventFacts,
    EventPage,
    Glance,
    ProposalFacts,
    ProposalPage,
    RunFacts,
    SeriesKey,
    SignalFacts,
    SiteCount,
    Standing,
)
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.finding import MOST, Found, Sought
from citywatch.mechanisms.forms import ledger
from citywatch.mechanisms.journal import reacting
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, ScopedQuerySet
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.services import clocks_of
from citywatch.mechanisms.retention import alarm
from citywatch.mechanisms.vault import emergency

_CHART_DAYS = 35
PER_PAGE = 20
_HISTORY = 50
_SITES_AT_A_GLANCE = 5
_SUBJECT = "warn.proposal"


def proposal_facts(viewer: Viewer, proposal_id: int) -> ProposalFacts:
    row = _proposal(viewer, proposal_id)
    return told_of(row, signals_behind([row])[row.pk])


def proposal_page(viewer: Viewer, proposal_id: int, *, at: datetime, signal_id: int | None = None) -> ProposalPage:
    """Everything the desk looks at before it answers; figures are counted anew as known at `at`."""
    row = _proposal(viewer, proposal_id)
    alike = _similar(viewer, row)
    found = signals_behind([row, *alike])
    signals = sorted((signal_facts(s, label_of(s.place)) for s in found[row.pk]), key=lambda s: (s.family, -s.score))
    shown = next((s for s in signals if s.id == signal_id), signals[0] if signals else None)
    history = tuple(_history(viewer, row.pk))
    return ProposalPage(
        row=row,
        facts=told_of(row, found[row.pk]),
        signals=tuple(signals),
        shown=shown,
        chart=_chart(shown.key, family=shown.family, at=at) if shown else None,
        sites=_sites(shown.key, at=at) if shown and shown.key.by in BY_STREET else (),
        similar=tuple(told_of(one, found[one.pk]) for one in alike),
        clocks=tuple(clocks_of(row)),
        history=history,
        standing=_standing(row, found[row.pk], history, at=at),
        moves=tuple(row.moves_for(viewer)),
    )


def glance(viewer: Viewer, proposal_id: int, *, at: datetime) -> Glance:
    """What stands beside the inbox while a person decides about a line of it."""
    row = _proposal(viewer, proposal_id)
    alike = _similar(viewer, row, most=3)
    found = signals_behind([row, *alike])
    signals = sorted(found[row.pk], key=lambda one: -one.score)
    shown = signal_facts(signals[0], label_of(signals[0].place)) if signals else None
    return Glance(
        facts=told_of(row, found[row.pk]),
        level=facts.reason_for_level(row, signals),
        shown=shown,
        chart=_chart(shown.key, family=shown.family, at=at) if shown else None,
        sites=_sites(shown.key, at=at)[:_SITES_AT_A_GLANCE] if shown and shown.key.by in BY_STREET else (),
        similar=tuple(told_of(one, found[one.pk]) for one in alike),
        clocks=tuple(clock for clock in clocks_of(row) if clock.running),
    )


def _standing(row: Proposal, signals: Sequence[Signal], history: Sequence[Entry], *, at: datetime) -> Standing:
    """Say why this proposal stands where it stands."""
    told = Standing(
        level=facts.reason_for_level(row, signals),
        grounds=tuple(rules.GROUND_WORDS[ground] for ground in row.grounds if ground in rules.GROUND_WORDS),
        chance=row.chance,
        looks={signal.pk: rules.LOOK_WORDS.get(signal.look, Label(signal.look, signal.look)) for signal in signals},
    )
    closed_at = next((entry.at for entry in history if entry.kind == "warn.proposal_close"), None)
    if row.state != "closed" or closed_at is None:
        return told
    silent = closed_at + timedelta(days=rules.rules_on(day_of(at)).episode.muted_days)
    return replace(told, closed_on=day_of(closed_at), muted_until=day_of(silent) if silent > at else None)


def open_events(viewer: Viewer) -> list[EventFacts]:
    """Verified events not yet ended, newest first."""
    return [facts.event_facts(event) for event in _events(viewer).filter(state="verified")]


def events(viewer: Viewer, *, page: int = 1) -> tuple[list[EventFacts], int]:
    """A page of all events, newest first, and the number of pages."""
    shown = Paginator(_events(viewer), PER_PAGE).get_page(page)
    return [facts.event_facts(event) for event in shown.object_list], shown.paginator.num_pages


def find(viewer: Viewer, sought: Sought) -> list[Found]:
    """Events by words of their title."""
    named = Q(title_zh__icontains=sought.words) | Q(title_en__icontains=sought.words)
    return [Found.row("event", row, facts.label_of(row)) for row in _events(viewer).filter(named)[:MOST]]


def event_facts(event_id: int) -> EventFacts:
    """One event for another area, whose own scope decides who sees what it makes of it."""
    event = HealthEvent.objects.filter(pk=event_id).first()
    if event is None:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    return facts.event_facts(event)


def event_page(viewer: Viewer, event_id: int) -> EventPage:
    event = cast("HealthEvent", _events(viewer).select_related("proposal__place").pick_one(event_id))
    entries = Entry.objects.visible_to(viewer).filter(subject_kind="warn.healthevent", subject_id=event.pk)
    return EventPage(
        row=event,
        facts=facts.event_facts(event),
        place=label_of(event.place),
        why=reason_for(event.proposal),
        alerts=tuple(event.alerts.order_by("-published_at", "-pk")[:_HISTORY]),
        history=tuple(entries.order_by("-at", "-pk")[:_HISTORY]),
        moves=tuple(event.moves_for(viewer)),
        may_publish=not event.is_done and viewer.may("warn.publish", event.place.path),
    )


def signals_of(viewer: Viewer, day: date) -> list[SignalFacts]:
    """Signals whose episode covers a day, strongest first."""
    rows = Signal.objects.visible_to(viewer).filter(first_day__lte=day, last_day__gte=day).select_related("place")
    return [signal_facts(row, label_of(row.place)) for row in rows.order_by("-score", "pk")]


def signal_counts(day: date) -> dict[str, int]:
    """How many signals cover a day, for each stream; an aggregate of the whole city."""
    rows = Signal.objects.filter(first_day__lte=day, last_day__gte=day).values("stream").annotate(number=Count("pk"))
    return {row["stream"]: row["number"] for row in rows}


def last_run(viewer: Viewer) -> RunFacts | None:
    """The newest run, failed or not; None where nobody has watched yet, or the viewer may not ask."""
    if not viewer.may_anywhere("warn.view"):
        return None
    run = Run.objects.order_by("-at", "-pk").first()
    if run is None:
        return None
    return RunFacts(
        run.at, run.series, run.raised, run.extended, run.proposals, run.took_ms, skipped=False, fault=run.fault
    )


def troubles(viewer: Viewer) -> list[Label]:
    """What a desk must know beside its proposals: rows not accounted for, failed steps, silence, data kept too long."""
    told = journal.in_turn((*reacting.KINDS, *alarm.KINDS, *ledger.KINDS, *silence.KINDS))

    def of(kinds: tuple[str, ...]) -> list[Entry]:
        return [entry for entry in told if entry.kind in kinds]

    found = (
        _unaccounted(viewer, of(ledger.KINDS)),
        _failed(viewer, of(reacting.KINDS)),
        silence.sentence(silence.standing(viewer, "warn.triage", told)),
        _kept_too_long(viewer, of(alarm.KINDS)),
        _waiting_reviews(viewer),
    )
    return [words for words in found if words is not None]


def _failed(viewer: Viewer, told: Sequence[Entry]) -> Label | None:
    waiting = [one for one in reacting.waiting(told) if viewer.may("warn.triage", one.place.path)]
    if not waiting:
        return None
    names = ", ".join(sorted({one.body["reaction"] for one in waiting}))
    return Label(
        f"有{len(waiting)}项自动处理未完成（{names}），系统每分钟重试；请联系系统管理员。",
        f"{len(waiting)} automatic steps failed ({names}) and are tried again every minute; "
        "tell whoever runs the system.",
    )


def _unaccounted(viewer: Viewer, told: Sequence[Entry]) -> Label | None:
    said = ledger.standing(told)
    return ledger.sentence(said) if said and viewer.may("warn.triage", said.place.path) else None


def _kept_too_long(viewer: Viewer, told: Sequence[Entry]) -> Label | None:
    said = alarm.still_here(told)
    return alarm.sentence(said) if said and viewer.may("warn.triage", said.place.path) else None


def _waiting_reviews(viewer: Viewer) -> Label | None:
    number = emergency.listed(viewer).filter(reviewed_at=None).count()
    return (
        Label(f"{number}次应急授权待复核。", f"Emergency openings waiting for a review: {number}.") if number else None
    )


def remembered_reasons(viewer: Viewer, *, language: str, most: int = 4) -> dict[str, list[str]]:
    """For each answer: what this viewer lately wrote most, then what desks commonly write."""
    kinds = {f"{_SUBJECT}_{move}": move for move in rules.REASONS}
    lately = Entry.objects.filter(kind__in=kinds, actor=viewer.actor).order_by("-pk").values_list("kind", "because")
    own: dict[str, Counter[str]] = {move: Counter() for move in rules.REASONS}
    for kind, because in lately[:400]:
        own[kinds[kind]][because] += 1
    found = {}
    for move, labels in rules.REASONS.items():
        common = [label.in_language(language) for label in labels]
        repeated = [text for text, times in own[move].most_common(most) if times > 1 and text not in common]
        found[move] = [*repeated[:2], *common][: most + 1]
    return found


def rule_texts(on: date) -> tuple[Label, ...]:
    """The dated rules in force on a day; which method watches what is on a page of its own (`decisions.lines`)."""
    return rules.rules_on(on).describe()


def _proposal(viewer: Viewer, proposal_id: int) -> Proposal:
    return cast("Proposal", with_due(Proposal.objects.visible_to(viewer)).pick_one(proposal_id))


def _events(viewer: Viewer) -> ScopedQuerySet:
    return HealthEvent.objects.visible_to(viewer).select_related("place").order_by("-verified_at", "-pk")


def _chart(key: SeriesKey, *, family: str, at: datetime) -> dict[str, object] | None:
    """The last steps of a series as the detectors in force judge it now: days, or weeks by their Monday."""
    counted = count_series(at, key)
    row = counted.row(key)
    if row is None:
        return None
    alone = replace(counted, keys=(key,), counts=row[np.newaxis, :])
    lines = settings_on(day_of(at), watch_decisions(at))
    for verdict in judge(alone, rules.rules_on(counted.last_day), lines):
        if verdict.family == family and verdict.rows.size:
            tail = slice(-_CHART_DAYS, None)
            return {
                "days": counted.days[tail],
                "observed": numbers(verdict.observed[0, tail]),
                "expected": numbers(verdict.expected[0, tail]),
                "upper": numbers(verdict.upper[0, tail]),
                "alarm": verdict.alarm[0, tail].astype(int).tolist(),
            }
    return None


def _sites(key: SeriesKey, *, at: datetime) -> tuple[SiteCount, ...]:
    rows = sites(at, key)
    places = place_facts([row.place_id for row in rows])
    return tuple(SiteCount(r.place_id, places[r.place_id].name, r.count, r.days_reported) for r in rows)


def _similar(viewer: Viewer, row: Proposal, *, most: int = 5) -> list[Proposal]:
    """Answered proposals of the same street, or of the same hazard elsewhere, lately."""
    alike = with_due(Proposal.objects.visible_to(viewer)).filter(
        Q(place=row.place) | Q(hazard=row.hazard),
        state__in=rules.PROPOSAL.done,
        opened_at__gte=row.opened_at - timedelta(days=365),
        opened_at__lte=row.opened_at,
    )
    return list(alike.exclude(pk=row.pk).order_by("-opened_at")[:most])


def _history(viewer: Viewer, proposal_id: int) -> Sequence[Entry]:
    entries = Entry.objects.visible_to(viewer).filter(subject_kind=_SUBJECT, subject_id=proposal_id)
    return list(entries.order_by("-at", "-pk")[:_HISTORY])


def today_signals(viewer: Viewer, at: datetime) -> int:
    """How many signals cover the day of `at` where the viewer may look."""
    day = day_of(at)
    return Signal.objects.visible_to(viewer).filter(first_day__lte=day, last_day__gte=day).count()
