"""From findings to signals and from signals to proposals: what is one claim, what belongs together, how grave it is.

Called inside the transaction of a run. Human decisions are elsewhere (`services`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np
from django.db.models import Q

from citywatch.city.warn import rules
from citywatch.city.warn.counting import Counted
from citywatch.city.warn.detectors import SINGLE_CASE
from citywatch.city.warn.models import Proposal, Signal
from citywatch.city.warn.types import Evidence, Finding, Level
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import advance, begin, start_clock, stop_clock
from citywatch.science.fusion import fuse_signals

OPEN = ("new", "watched")
_LOOK_BACK = timedelta(days=30)
_Series = tuple[str, str, str, str, int]


def record_findings(
    found: Sequence[Finding], counted: Counted, ruled: rules.Rules, *, at: datetime, by: Viewer
) -> tuple[int, int, int]:
    """Record findings as signals, new or extended, and gather those into proposals."""
    places = {place.pk: place for place in Place.objects.filter(pk__in={one.key.street_id for one in found})}
    fingerprints = {
        one: rules.signal_fingerprint(one.family, one.key, places[one.key.street_id].code, one.first_day)
        for one in found
    }
    stored = _episodes_near(counted, fingerprints.values())
    raised, extended = [], []
    drafts: list[journal.Draft] = []
    for one in found:
        signal = _same_episode(stored[_series(one)], one, ruled)
        if signal is None:
            signal = Signal(
                place=places[one.key.street_id], fingerprint=fingerprints[one], family=one.family,
                stream=one.key.stream, syndrome=one.key.syndrome, by=one.key.by, first_day=one.first_day, raised_at=at,
                **_figures(one),
            )  # fmt: skip
            signal.save()
            raised.append(signal)
            drafts.append(_draft("warn.signal_raised", signal, at))
        elif _extend(signal, one):
            extended.append(signal)
            drafts.append(_draft("warn.signal_extended", signal, at))
    if drafts:
        journal.record_many(drafts, by=by)
    proposals = _propose([*raised, *extended], ruled, at=at, by=by)
    return len(raised), len(extended), proposals


def _episodes_near(counted: Counted, fingerprints: Iterable[str]) -> dict[_Series, list[Signal]]:
    near = Signal.objects.select_related("place").filter(
        Q(last_day__gte=counted.last_day - _LOOK_BACK) | Q(fingerprint__in=list(fingerprints))
    )
    grouped: dict[_Series, list[Signal]] = defaultdict(list)
    for signal in near.order_by("-last_day"):
        grouped[(signal.family, signal.stream, signal.syndrome, signal.by, signal.place_id)].append(signal)
    return grouped


def _series(one: Finding) -> _Series:
    return (one.family, one.key.stream, one.key.syndrome, one.key.by, one.key.street_id)


def _same_episode(candidates: Sequence[Signal], one: Finding, ruled: rules.Rules) -> Signal | None:
    reach = timedelta(days=ruled.episode.gap_days)
    return next(
        (s for s in candidates if s.last_day >= one.first_day - reach and s.first_day <= one.last_day + reach), None
    )


def _extend(signal: Signal, one: Finding) -> bool:
    """Bring a stored signal up to what is known now; False where that is nothing new."""
    if one.last_day < signal.last_day:
        return False
    figures = _figures(one)
    figures["detectors"] = sorted({*signal.detectors, *one.detectors})
    if all(getattr(signal, name) == value for name, value in figures.items()):
        return False
    for name, value in figures.items():
        setattr(signal, name, value)
    signal.save(update_fields=list(figures))
    return True


def _figures(one: Finding) -> dict[str, object]:
    return {
        "detectors": list(one.detectors), "last_day": one.last_day, "observed": one.observed, "expected": one.expected,
        "upper": one.upper, "p": one.p, "score": one.score,
    }  # fmt: skip


def _draft(kind: str, signal: Signal, at: datetime) -> journal.Draft:
    body = {
        name: getattr(signal, name)
        for name in ("fingerprint", "family", "stream", "syndrome", "by", "detectors", "first_day", "last_day",
                     "observed", "expected", "upper", "p")
    }  # fmt: skip
    return journal.Draft(kind, signal.place, at, "", "warn.signal", signal.pk, body)


def _propose(fresh: Sequence[Signal], ruled: rules.Rules, *, at: datetime, by: Viewer) -> int:
    """Fuse fresh signals with their street's recent ones; returns how many new proposals that made."""
    if not fresh:
        return 0
    fresh_ids = {signal.pk for signal in fresh}
    since = min(signal.first_day for signal in fresh) - _LOOK_BACK
    places = {signal.place_id for signal in fresh}
    near = list(Signal.objects.select_related("place").filter(place__in=places, last_day__gte=since).order_by("pk"))
    # A signal speaks on each day of its episode, so two that overlap meet however long ago each began.
    points = [(signal, day) for signal in near for day in _days(signal)]
    clusters = fuse_signals(
        place=[str(signal.place_id) for signal, _ in points],
        stream=[signal.stream for signal, _ in points],
        at=[day for _, day in points],
        hours=ruled.episode.fusion_hours,
    )
    made = 0
    for cluster in clusters:
        members = {points[i][0].pk: points[i][0] for i in cluster.members}
        if fresh_ids & members.keys():
            made += _gather(list(members.values()), cluster.streams, ruled, at=at, by=by)
    return made


def _days(signal: Signal) -> np.ndarray:
    return np.arange(np.datetime64(signal.first_day), np.datetime64(signal.last_day) + 1)


def _gather(members: Sequence[Signal], streams: Sequence[str], ruled: rules.Rules, *, at: datetime, by: Viewer) -> int:
    """Bring one cluster to the proposal it belongs to, or to a new one; 1 when it is new."""
    reach = timedelta(hours=ruled.episode.fusion_hours)
    first, last = min(s.first_day for s in members), max(s.last_day for s in members)
    held = list(
        Proposal.objects.select_for_update(of=("self",)).select_related("place")
        .filter(place=members[0].place, last_day__gte=first - reach, first_day__lte=last + reach)
        .order_by("-opened_at", "-pk")
    )  # fmt: skip
    current = next((p for p in held if p.state in OPEN), None) or next(iter(held), None)
    loose = [signal for signal in members if signal.proposal_id is None]
    if current is None:
        _open(loose, streams, ruled, after=None, at=at, by=by)
        return 1
    if current.state == "closed":
        bar = ruled.episode.worse_by * max(current.score, 1.0)
        worse = [s for s in members if s.score >= bar and s.last_day >= current.last_day]
        if worse or {s.stream for s in loose} - set(current.streams):
            _open([*loose, *(s for s in worse if s not in loose)], streams, ruled, after=current, at=at, by=by)
            return 1
        # More of the same stream adds nothing to what the desk closed; it is kept beside it, silently.
        Signal.objects.filter(pk__in=[s.pk for s in loose]).update(proposal=current)
        return 0
    _join(current, members, loose, streams, ruled, at=at, by=by)
    return 0


def _open(
    signals: Sequence[Signal], streams: Sequence[str], ruled: rules.Rules,
    *, after: Proposal | None, at: datetime, by: Viewer,
) -> None:  # fmt: skip
    lead = max(signals, key=lambda s: (s.family == SINGLE_CASE, s.score))
    first = min(signals, key=lambda s: (s.first_day, s.pk))
    level = ruled.level.level(_evidence(signals, streams, 0))
    proposal = Proposal(
        place=lead.place, level=level, hazard=lead.syndrome, streams=sorted(set(streams)),
        syndromes=sorted({s.syndrome for s in signals}), opened_at=at, first_day=first.first_day,
        last_day=max(s.last_day for s in signals), score=max(s.score for s in signals), after=after,
        fingerprint=rules.proposal_fingerprint(first.place.code, first.fingerprint, after.fingerprint if after else ""),
    )  # fmt: skip
    ids = [signal.pk for signal in signals]
    begin(
        proposal, "warn.proposal_raised", by=by, at=at, level=level, hazard=proposal.hazard, streams=proposal.streams,
        signals=ids, after=after.pk if after else None,
    )  # fmt: skip
    Signal.objects.filter(pk__in=ids).update(proposal=proposal)
    start_clock(rules.CLOCKS[level], proposal, at=at)


def _join(
    proposal: Proposal, members: Sequence[Signal], loose: Sequence[Signal], streams: Sequence[str], ruled: rules.Rules,
    *, at: datetime, by: Viewer,
) -> None:  # fmt: skip
    if loose:
        Signal.objects.filter(pk__in=[s.pk for s in loose]).update(proposal=proposal)
    proposal.streams = sorted({*proposal.streams, *streams})
    proposal.syndromes = sorted({*proposal.syndromes, *(s.syndrome for s in members)})
    proposal.last_day = max(proposal.last_day, *(s.last_day for s in members))
    proposal.score = max(proposal.score, *(s.score for s in members))
    proposal.save(update_fields=["streams", "syndromes", "last_day", "score"])
    if loose:
        journal.record(
            "warn.proposal_extended", place=proposal.place, by=by, at=at, subject=proposal,
            signals=[s.pk for s in loose], streams=proposal.streams,
        )  # fmt: skip
    level = ruled.level.level(_evidence(members, streams, len(proposal.positives)))
    raise_level(proposal, level, at=at, by=by)


def _evidence(signals: Sequence[Signal], streams: Sequence[str], positives: int) -> Evidence:
    return Evidence(frozenset(streams), sum(s.observed for s in signals if s.family == SINGLE_CASE), positives)


def raise_level(proposal: Proposal, level: Level, *, at: datetime, by: Viewer) -> None:
    """Levels only rise. A higher one restarts the tighter clock and brings a watched proposal back to the desk."""
    if proposal.state not in OPEN or rules.rank(level) <= rules.rank(proposal.level):
        return
    before, proposal.level = proposal.level, level
    proposal.save(update_fields=["level"])
    journal.record(
        "warn.proposal_level_raised", place=proposal.place, by=by, at=at, subject=proposal, before=before, after=level
    )
    stop_clock(f"proposal-{before}", proposal, at=at)
    if proposal.state == "watched":
        advance(proposal, "raise_again", by=by, at=at)
    start_clock(rules.CLOCKS[level], proposal, at=at)
