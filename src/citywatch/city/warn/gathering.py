"""From findings to signals and from signals to proposals: what is one claim, what belongs together, how grave it is.

Called inside the transaction of a run. Human decisions are elsewhere (`services`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np
from django.db.models import Q

from citywatch.city.warn import rules
from citywatch.city.warn.detectors import SCHOOL, SINGLE_CASE
from citywatch.city.warn.models import Proposal, Signal
from citywatch.city.warn.types import Evidence, Finding, Ground, Level
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import advance, begin, start_clock, stop_clock
from citywatch.science.fusion import combined_chance, fuse_signals, neighbours

OPEN = ("new", "watched")
_LOOK_BACK = timedelta(days=30)
_AT_ONCE = 500
_Series = tuple[str, str, str, str, int]
_Neighbours = Mapping[int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Signals that belong together: their streets or districts, the streams of the best window, and why."""

    members: tuple[Signal, ...]
    anchors: tuple[int, ...]
    streams: tuple[str, ...]
    grounds: tuple[str, ...]
    chance: float | None


def ground_of(places: Iterable[int], ruled: rules.Rules) -> Ground:
    """How these places belong together: streets of sites, neighbouring streets, and schools and markets around sites.

    No outlines of streets are known, so neighbours are those between whose points no third lies.
    """
    asked = set(places)
    streets = list(Place.objects.filter(kind=Place.Kind.STREET).order_by("pk").values_list("pk", "code", "lon", "lat"))
    around = _neighbours(tuple((pk, lon, lat) for pk, _, lon, lat in streets), ruled.episode.neighbour_km)
    number = {code: pk for pk, code, _, _ in streets}
    settings = list(Place.objects.filter(kind__in=["school", "market"]).values_list("path", "kind", "pk"))
    sites = Place.objects.filter(pk__in=asked - set(number.values())).exclude(kind__in=["district", "city"])
    street_of, setting_of = {}, {}
    for site in sites:
        street_of[site.pk] = number.get(site.street_code, 0)
        found = next(((kind, pk) for path, kind, pk in settings if site.path.startswith(path)), None)
        if found:
            setting_of[site.pk] = found
    return Ground(street_of, around, setting_of)


@lru_cache(maxsize=4)
def _neighbours(streets: tuple[tuple[int, float | None, float | None], ...], within_km: float) -> _Neighbours:
    lon, lat = (np.array([one[n] if one[n] is not None else np.nan for one in streets], dtype=float) for n in (1, 2))
    found: dict[int, set[int]] = defaultdict(set)
    for a, b in neighbours(lon, lat, within_km=within_km):
        found[streets[a][0]].add(streets[b][0])
        found[streets[b][0]].add(streets[a][0])
    return {street: frozenset(those) for street, those in found.items()}


def record_findings(
    found: Sequence[Finding], ruled: rules.Rules, *, last_day: date, at: datetime, by: Viewer
) -> tuple[int, int, int]:
    """Record findings as signals, new or extended, and gather those into proposals."""
    places = {place.pk: place for place in Place.objects.filter(pk__in={one.key.place_id for one in found})}
    fingerprints = {
        one: rules.signal_fingerprint(one.family, one.key, places[one.key.place_id].code, one.first_day)
        for one in found
    }
    stored = _episodes_near(last_day, fingerprints.values())
    raised: list[Signal] = []
    extended: list[Signal] = []
    for one in found:
        signal = _same_episode(stored[_series(one)], one, ruled)
        if signal is None:
            signal = Signal(
                place=places[one.key.place_id], fingerprint=fingerprints[one], family=one.family, step=one.key.step,
                look=one.look, stream=one.key.stream, syndrome=one.key.syndrome, by=one.key.by,
                first_day=one.first_day, raised_at=at, **_figures(one),
            )  # fmt: skip
            raised.append(signal)
            stored[_series(one)].append(signal)
        elif _extend(signal, one):
            extended.append(signal)
    Signal.objects.bulk_create(raised, batch_size=_AT_ONCE)
    if extended:
        Signal.objects.bulk_update(extended, [*_FIGURES], batch_size=_AT_ONCE)
    drafts = [_draft("warn.signal_raised", signal, at) for signal in raised]
    drafts += [_draft("warn.signal_extended", signal, at) for signal in extended]
    if drafts:
        journal.record_many(drafts, by=by)
    near = [signal for series in stored.values() for signal in series]
    proposals = _propose({signal.pk for signal in (*raised, *extended)}, near, ruled, at=at, by=by)
    return len(raised), len(extended), proposals


def _episodes_near(last_day: date, fingerprints: Iterable[str]) -> dict[_Series, list[Signal]]:
    recent = Q(last_day__gte=last_day - _LOOK_BACK)
    found = list(Signal.objects.select_related("place").filter(recent))
    known = {signal.fingerprint for signal in found}
    found += Signal.objects.select_related("place").filter(fingerprint__in=set(fingerprints) - known)
    grouped: dict[_Series, list[Signal]] = defaultdict(list)
    for signal in sorted(found, key=lambda s: s.last_day, reverse=True):
        grouped[(signal.family, signal.stream, signal.syndrome, signal.by, signal.place_id)].append(signal)
    return grouped


def _series(one: Finding) -> _Series:
    return (one.family, one.key.stream, one.key.syndrome, one.key.by, one.key.place_id)


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
    return True


_FIGURES = ("detectors", "last_day", "observed", "expected", "upper", "p", "score")


def _figures(one: Finding) -> dict[str, object]:
    return {name: list(one.detectors) if name == "detectors" else getattr(one, name) for name in _FIGURES}


def _draft(kind: str, signal: Signal, at: datetime) -> journal.Draft:
    body = {
        name: getattr(signal, name)
        for name in ("fingerprint", "family", "stream", "syndrome", "by", "step", "look", "detectors", "first_day",
                     "last_day", "observed", "expected", "upper", "p")
    }  # fmt: skip
    return journal.Draft(kind, signal.place, at, "", "warn.signal", signal.pk, body)


def _propose(fresh: set[int], near: Sequence[Signal], ruled: rules.Rules, *, at: datetime, by: Viewer) -> int:
    """Fuse fresh signals with the recent ones around them; returns how many new proposals that made."""
    if not fresh:
        return 0
    ground = ground_of({signal.place_id for signal in near}, ruled)
    made = 0
    for cluster in _linked(_by_place(near, ground, ruled), fresh, ground, ruled):
        made += _gather(cluster, fresh, ruled, at=at, by=by)
    return made


def _anchor(signal: Signal, ground: Ground) -> int:
    """Where the desk works on a signal: its street, or the district of a district's."""
    return ground.street_of.get(signal.place_id, signal.place_id)


def _by_place(near: Sequence[Signal], ground: Ground, ruled: rules.Rules) -> list[_Cluster]:
    # A signal speaks on each day of its episode, so two that overlap meet however long ago each began.
    points = [(signal, day) for signal in sorted(near, key=lambda s: s.pk) for day in _days(signal)]
    clusters = fuse_signals(
        place=[str(_anchor(signal, ground)) for signal, _ in points],
        stream=[signal.stream for signal, _ in points],
        at=[day for _, day in points],
        hours=ruled.episode.fusion_hours,
    )
    found = []
    for cluster in clusters:
        members = tuple({points[i][0].pk: points[i][0] for i in cluster.members}.values())
        ground_word = "district" if members[0].by == "district" else "street"
        grounds = (ground_word,) if len(members) > 1 else ()
        found.append(_Cluster(members, (int(cluster.place),), cluster.streams, grounds, _chance(members, ruled)))
    return found


def _chance(members: Sequence[Signal], ruled: rules.Rules) -> float | None:
    """How likely so much evidence is by accident: each stream one witness, by the least of its chances.

    Two methods on one series, a site and its street, the reporting and the home view are the same reports: one witness.
    """
    last = max(signal.last_day for signal in members) - timedelta(hours=ruled.episode.fusion_hours)
    witnesses: dict[str, float] = {}
    for signal in members:
        if signal.p is not None and signal.last_day >= last:
            witnesses[signal.stream] = min(witnesses.get(signal.stream, 1.0), signal.p)
    if not witnesses:
        return None
    return float(combined_chance(list(witnesses.values()), correlation=ruled.episode.correlation))


def _linked(
    clusters: Sequence[_Cluster], fresh: set[int], ground: Ground, ruled: rules.Rules
) -> list[_Cluster]:  # fmt: skip
    """Bring neighbours together around the least likely; only clusters with something fresh are given.

    A neighbour joins when it brings a stream not heard yet, in the same days, and all together would be improbable.
    Never neighbours of neighbours: an outbreak of a whole district is for the desk to see, not for a chain to weave.
    """
    taken: set[int] = set()
    found = []
    where: dict[int, list[int]] = defaultdict(list)
    inside: dict[tuple[str, int], list[int]] = defaultdict(list)
    for n, cluster in enumerate(clusters):
        where[cluster.anchors[0]].append(n)
        for setting in _settings(cluster, ground):
            inside[setting].append(n)
    chances = [-1.0 if cluster.chance is None else cluster.chance for cluster in clusters]
    for n in sorted(range(len(clusters)), key=lambda n: (chances[n], n)):
        centre = clusters[n]
        if n in taken or not any(signal.pk in fresh for signal in centre.members):
            continue
        taken.add(n)
        beside = [(m, "neighbours") for s in sorted(ground.neighbours.get(centre.anchors[0], ())) for m in where[s]]
        beside += [(m, kind) for kind, pk in _settings(centre, ground) for m in inside[(kind, pk)]]
        for m, word in beside:
            together = None if m in taken else _together(centre, clusters[m], word, ruled)
            if together is not None:
                taken.add(m)
                centre = together
        found.append(centre)
    return sorted(found, key=lambda cluster: cluster.members[0].pk)


def _settings(cluster: _Cluster, ground: Ground) -> set[tuple[str, int]]:
    return {ground.setting_of[s.place_id] for s in cluster.members if s.place_id in ground.setting_of}


def _together(centre: _Cluster, other: _Cluster, word: str, ruled: rules.Rules) -> _Cluster | None:
    reach = timedelta(hours=ruled.episode.fusion_hours)
    if not set(other.streams) - set(centre.streams) or not _meet(centre.members, other.members, reach):
        return None
    members = (*centre.members, *other.members)
    chance = _chance(members, ruled)
    if chance is None or chance > ruled.episode.linked_chance:
        return None
    points = [(signal, day) for signal in members for day in _days(signal)]
    best = max(
        fuse_signals(
            place=["" for _ in points], stream=[s.stream for s, _ in points], at=[day for _, day in points],
            hours=ruled.episode.fusion_hours,
        ),
        key=lambda cluster: len(cluster.streams),
    )  # fmt: skip
    grounds = (*centre.grounds, *(g for g in (*other.grounds, word) if g not in centre.grounds))
    anchors = (*centre.anchors, *(a for a in other.anchors if a not in centre.anchors))
    return _Cluster(members, anchors, best.streams, tuple(dict.fromkeys(grounds)), chance)


def _meet(some: Sequence[Signal], others: Sequence[Signal], reach: timedelta) -> bool:
    return any(a.last_day >= b.first_day - reach and b.last_day >= a.first_day - reach for a in some for b in others)


def _days(signal: Signal) -> np.ndarray:
    return np.arange(np.datetime64(signal.first_day), np.datetime64(signal.last_day) + 1)


def _gather(cluster: _Cluster, fresh: set[int], ruled: rules.Rules, *, at: datetime, by: Viewer) -> int:
    """Bring one cluster to the proposal it belongs to, or to a new one; 1 when it is new."""
    reach = timedelta(hours=ruled.episode.fusion_hours)
    members = cluster.members
    first, last = min(s.first_day for s in members), max(s.last_day for s in members)
    here = Q(place__in=cluster.anchors, last_day__gte=first - reach, first_day__lte=last + reach)
    # Asked anew: this very run may have moved signals from one proposal to another, perhaps of a neighbour's street.
    belongs = dict(Signal.objects.filter(pk__in=[s.pk for s in members]).values_list("pk", "proposal_id"))
    theirs = Q(pk__in=set(belongs.values()) - {None})
    held = list(
        Proposal.objects.select_for_update(of=("self",)).select_related("place")
        .filter(here | theirs).exclude(state="joined").order_by("-opened_at", "-pk")
    )  # fmt: skip
    running = sorted((p for p in held if p.state in OPEN), key=lambda p: (-rules.rank(p.level), p.opened_at, p.pk))
    loose = [signal for signal in members if belongs[signal.pk] is None]
    if running:
        _join(running[0], cluster, loose, ruled, at=at, by=by)
        for other in running[1:]:
            merge(other, "join", into=running[0], at=at, by=by)
        return 0
    current = next(iter(held), None) or _muted(cluster, loose, ruled, at=at)
    if current is None:
        _open(loose, cluster, ruled, after=None, at=at, by=by)
        return 1
    if current.state != "closed":
        _join(current, cluster, loose, ruled, at=at, by=by)
        return 0
    again = _grown(current, cluster, loose, fresh, ruled, at=at)
    if again:
        _open([*loose, *(s for s in again if s not in loose)], cluster, ruled, after=current, at=at, by=by)
        return 1
    # More of the same adds nothing to what the desk closed; it is kept beside it, silently.
    _attach(loose, current)
    return 0


def _muted(cluster: _Cluster, loose: Sequence[Signal], ruled: rules.Rules, *, at: datetime) -> Proposal | None:
    """A proposal the desk closed so lately that more of its own series is still no news."""
    closed = Proposal.objects.select_for_update(of=("self",)).select_related("place").filter(
        place__in=cluster.anchors, state="closed", last_day__gte=_closed_since(at, ruled).date() - _LOOK_BACK
    )  # fmt: skip
    proposals: list[Proposal] = list(closed.order_by("-opened_at", "-pk"))
    for proposal in proposals:
        known = set(proposal.signals.values_list("stream", "syndrome"))
        if _is_muted(proposal, ruled, at=at) and {(s.stream, s.syndrome) for s in loose} <= known:
            return proposal
    return None


def _closed_since(at: datetime, ruled: rules.Rules) -> datetime:
    return at - timedelta(days=ruled.episode.muted_days)


def _is_muted(proposal: Proposal, ruled: rules.Rules, *, at: datetime) -> bool:
    closing = Entry.objects.filter(subject_kind="warn.proposal", subject_id=proposal.pk, kind="warn.proposal_close")
    return bool(closing.filter(at__gt=_closed_since(at, ruled)).exists())


def _grown(
    closed: Proposal, cluster: _Cluster, loose: Sequence[Signal], fresh: set[int], ruled: rules.Rules, *, at: datetime
) -> list[Signal]:
    """What makes a closed proposal worth another look: a new stream, twice the strength, or its silence over."""
    bar = ruled.episode.worse_by * max(closed.score, 1.0)
    worse = [s for s in cluster.members if s.score >= bar and s.last_day >= closed.last_day]
    unheard = [s for s in loose if s.stream not in closed.streams]
    if worse or unheard:
        return [*worse, *(s for s in unheard if s not in worse)]
    return [] if _is_muted(closed, ruled, at=at) else [s for s in cluster.members if s.pk in fresh]


def _attach(signals: Sequence[Signal], proposal: Proposal) -> None:
    if signals:
        Signal.objects.filter(pk__in=[s.pk for s in signals]).update(proposal=proposal)
        for signal in signals:
            signal.proposal = proposal


def merge(
    other: Proposal, move: str, *, into: Proposal, at: datetime, by: Viewer, because: str = ""
) -> None:  # fmt: skip
    """Two proposals turned out to be one thing: the desk keeps one, with everything the other held.

    `move` is the step that takes the other away: a run's `join` or the desk's `merge`.
    """
    Signal.objects.filter(proposal=other).update(proposal=into)
    into.positives = [*into.positives, *(sample for sample in other.positives if sample not in into.positives)]
    moments = [m for p in (into, other) for m in (p.first_positive_at, p.last_positive_at) if m is not None]
    into.first_positive_at, into.last_positive_at = (min(moments), max(moments)) if moments else (None, None)
    into.save(update_fields=["positives", "first_positive_at", "last_positive_at"])
    advance(other, move, by=by, at=at, because=because, into=into.pk)


def _open(
    signals: Sequence[Signal], cluster: _Cluster, ruled: rules.Rules,
    *, after: Proposal | None, at: datetime, by: Viewer,
) -> None:  # fmt: skip
    lead = max(signals, key=lambda s: (s.family == SINGLE_CASE, s.family == SCHOOL, s.score))
    first = min(signals, key=lambda s: (s.first_day, s.pk))
    level = ruled.level.level(_evidence(signals, cluster.streams, 0))
    place = lead.place
    if place.pk not in cluster.anchors:
        place = Place.objects.get(code=place.street_code)
    proposal = Proposal(
        place=place, level=level, hazard=lead.syndrome, streams=sorted(set(cluster.streams)),
        syndromes=sorted({s.syndrome for s in signals}), opened_at=at, first_day=first.first_day,
        last_day=max(s.last_day for s in signals), score=max(s.score for s in signals), after=after,
        grounds=list(cluster.grounds), chance=cluster.chance,
        fingerprint=rules.proposal_fingerprint(first.place.code, first.fingerprint, after.fingerprint if after else ""),
    )  # fmt: skip
    begin(
        proposal, "warn.proposal_raised", by=by, at=at, level=level, hazard=proposal.hazard, streams=proposal.streams,
        signals=[signal.pk for signal in signals], grounds=proposal.grounds, chance=proposal.chance,
        after=after.pk if after else None,
    )  # fmt: skip
    _attach(signals, proposal)
    start_clock(rules.CLOCKS[level], proposal, at=at)


def _join(
    proposal: Proposal, cluster: _Cluster, loose: Sequence[Signal], ruled: rules.Rules, *, at: datetime, by: Viewer
) -> None:
    members = cluster.members
    _attach(loose, proposal)
    proposal.streams = sorted({*proposal.streams, *cluster.streams})
    proposal.syndromes = sorted({*proposal.syndromes, *(s.syndrome for s in members)})
    proposal.grounds = list(dict.fromkeys([*proposal.grounds, *cluster.grounds]))
    proposal.last_day = max(proposal.last_day, *(s.last_day for s in members))
    proposal.score = max(proposal.score, *(s.score for s in members))
    proposal.chance = cluster.chance
    proposal.save(update_fields=["streams", "syndromes", "grounds", "last_day", "score", "chance"])
    if loose:
        journal.record(
            "warn.proposal_extended", place=proposal.place, by=by, at=at, subject=proposal,
            signals=[s.pk for s in loose], streams=proposal.streams, grounds=proposal.grounds,
        )  # fmt: skip
    evidence = _evidence(members, cluster.streams, len(proposal.positives), class_a=_class_a(proposal))
    raise_level(proposal, ruled.level.level(evidence), at=at, by=by)


def _class_a(proposal: Proposal) -> bool:
    return rules.managed_as_a(proposal.hazard, proposal.last_day)


def _evidence(
    signals: Sequence[Signal], streams: Sequence[str], positives: int, *, class_a: bool = True
) -> Evidence:  # fmt: skip
    return Evidence(
        frozenset(streams), sum(s.observed for s in signals if s.family == SINGLE_CASE), positives,
        schools=len({s.place_id for s in signals if s.family == SCHOOL}), class_a=class_a,
    )  # fmt: skip


def raise_level(proposal: Proposal, level: Level, *, at: datetime, by: Viewer, back: str = "raise_again") -> None:
    """Levels only rise. A higher one restarts the tighter clock and brings a watched proposal `back` to the desk."""
    if proposal.state not in OPEN or rules.rank(level) <= rules.rank(proposal.level):
        return
    before, proposal.level = proposal.level, level
    proposal.escalated_at = None  # the new limit is nobody's fault yet
    proposal.save(update_fields=["level", "escalated_at"])
    journal.record(
        "warn.proposal_level_raised", place=proposal.place, by=by, at=at, subject=proposal, before=before, after=level
    )
    stop_clock(f"proposal-{before}", proposal, at=at)
    if proposal.state == "watched":
        advance(proposal, back, by=by, at=at)
    start_clock(rules.CLOCKS[level], proposal, at=at)
