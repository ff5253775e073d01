"""What a set of detectors would have told over a long past, and how two such pasts differ.

The verdicts and the door to the desk are the nightly run's own (`detectors.judge`, `detectors.told`), over a span
instead of the last days. Pure: counts and places are handed in, nothing is asked and nothing stored.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from math import isnan
from operator import or_

import numpy as np
from numpy.typing import NDArray

from citywatch.city.warn.counting import Counted
from citywatch.city.warn.detectors import Detector
from citywatch.city.warn.judging import Verdict, judge, told
from citywatch.city.warn.rules import HISTORY_DAYS, Rules
from citywatch.city.warn.types import Finding, Ground, SeriesKey

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_FAR = 1 << 20  # days; more than any span, so that a series and a day make one number
_LEAD = 14  # days a run judges (`detectors._JUDGED`): those before a night that say what is in sight on it


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """Signals as arrays: number of the series, first and last day since the span began, and the place they stand in.

    A site stands in its street. Episodes of one series never touch (`merged`).
    """

    series: Ints
    first: Ints
    last: Ints
    place: Ints

    @classmethod
    def of(cls, rows: Collection[tuple[int, int, int, int]]) -> "Episodes":
        """Episodes from rows of series, first day, last day and place."""
        return cls(*np.array(list(rows), dtype=np.int64).reshape(-1, 4).T)

    def __len__(self) -> int:
        return int(self.first.size)

    def standing_in(self, place: Ints) -> "Episodes":
        """The same episodes, those of one place as one series."""
        return replace(self, series=place, place=place)


@dataclass(frozen=True, slots=True, eq=False)
class _Episode:
    """One run of alarms: the first days of its alarm steps, counted from the first night judged.

    `chances` and `passed` (a look by then) belong to each; `length` is days a step, `in_sight` nights a step is fresh.
    """

    key: SeriesKey
    family: str
    street: int
    days: Sequence[int]
    chances: Sequence[float]
    passed: Sequence[bool]
    length: int
    in_sight: int


def told_over(
    grids: Sequence[Counted],
    rules: Rules,
    detectors: Sequence[Detector],
    ground: Ground,
    *,
    first: date,
    numbers: dict[SeriesKey, int],
    at_once: int = 14,
) -> Episodes:
    """Every signal these detectors would have raised from `first` on, judged by what `grids` know.

    Days are judged `at_once` nights together, each such part with the days before it and none after it; what of that
    reaches the desk is asked of `told` night by night, as a run does. With one night at once this is what the runs
    would have told, to the last signal; with more, what is estimated over days (how much they vary) is estimated over
    as many more. Weeks are judged together, each as if it were over. `numbers` gives each series its number and grows;
    hand the same to every call that is to be compared.
    """
    last = max((one.last_day for one in grids), default=first)
    begin = first - timedelta(days=_LEAD)
    weekly = [one for one in grids if one.step == "week"]
    weeks = [_part(one, rules, detectors, ground, begin, since=first, until=last) for one in weekly]
    rows: set[tuple[int, int, int, int]] = set()
    start = first
    while start <= last:
        until = min(start + timedelta(days=at_once - 1), last)
        days = [
            _part(one, rules, detectors, ground, begin, since=start, until=until) for one in grids if one.step == "day"
        ]
        nights = range((start - begin).days, (until - begin).days + 1)
        for night in _told([one for part in (*weeks, *days) for one in part], nights, rules, ground, begin):
            rows |= {(numbers.setdefault(key, len(numbers)), *when) for key, when in night}
        start = until + timedelta(days=1)
    return merged(Episodes.of(rows), rules.episode.gap_days)


def _part(
    counted: Counted,
    rules: Rules,
    detectors: Sequence[Detector],
    ground: Ground,
    begin: date,
    *,
    since: date,
    until: date,
) -> list[_Episode]:
    """The episodes in sight of the nights from `since` to `until`, judged as then: nothing after, no longer a past."""
    end = _step_of(counted, until) + 1
    cut = _step_of(counted, since - timedelta(days=HISTORY_DAYS - 1)) if counted.step == "day" else 0
    known = replace(counted, counts=counted.counts[:, cut:end], first_day=counted.day(cut), last_day=until)
    start = _step_of(known, since - timedelta(days=_LEAD - 1))
    return [
        one
        for verdict in judge(known, rules, detectors, start=start)
        for one in _episodes(verdict, known, rules, ground, begin)
    ]


def _told(
    episodes: Sequence[_Episode], asked: range, rules: Rules, ground: Ground, begin: date
) -> Iterator[list[tuple[SeriesKey, tuple[int, int, int]]]]:
    """What reaches the desk each night: series, first and last day since the span began, and the place."""
    nights: dict[int, list[tuple[_Episode, int]]] = defaultdict(list)
    for one in episodes:
        for n, day in enumerate(one.days):
            until = min([day + one.in_sight, *one.days[n + 1 : n + 2], asked.stop])
            for night in range(max(day, asked.start), until):
                nights[night].append((one, n))
    for there in nights.values():
        seen = {(one.key, one.family): (one, n) for one, n in there}
        kept = (seen[f.key, f.family] for f in told([_finding(one, n, begin) for one, n in there], rules, ground))
        ends = ((one, one.days[n] + one.length - 1 - _LEAD) for one, n in kept)
        yield [(one.key, (one.days[0] - _LEAD, end, one.street)) for one, end in ends if end >= 0]


def _step_of(counted: Counted, day: date) -> int:
    length = 7 if counted.step == "week" else 1
    return min(max(0, (day - counted.first_day).days // length), int(counted.counts.shape[1]) - 1)


def _episodes(verdict: Verdict, counted: Counted, rules: Rules, ground: Ground, begin: date) -> list[_Episode]:
    """The runs of alarm steps of every row, those at most the rule's gap apart as one."""
    rows, steps = np.nonzero(verdict.alarm)
    if not rows.size:
        return []
    week = counted.step == "week"
    gap, fresh, length = (1, 2, 7) if week else (rules.episode.gap_days, rules.episode.fresh_days, 1)
    begins = np.ones(rows.size, dtype=bool)
    begins[1:] = (np.diff(rows) > 0) | (np.diff(steps) > gap)
    heads = np.flatnonzero(begins).tolist()
    looked = (verdict.looks[rows, steps] > 0).tolist()
    chances = verdict.p[rows, steps].tolist()
    days = (steps * length + (counted.day(verdict.start) - begin).days).tolist()
    found = []
    for head, end in zip(heads, [*heads[1:], rows.size], strict=True):
        key = counted.keys[int(verdict.rows[rows[head]])]
        found.append(
            _Episode(
                key=key,
                family=verdict.family,
                street=ground.street_of.get(key.place_id) or key.place_id,
                days=days[head:end],
                chances=chances[head:end],
                passed=list(accumulate(looked[head:end], or_)),
                length=length,
                in_sight=fresh * length,
            )
        )
    return found


def _finding(one: _Episode, n: int, begin: date) -> Finding:
    """The episode as a run finds it while its alarm `n` is the last, without the figures that `told` does not ask."""
    return Finding(
        key=one.key,
        family=one.family,
        detectors=(),
        first_day=begin + timedelta(days=one.days[0]),
        last_day=begin + timedelta(days=one.days[n] + one.length - 1),
        observed=0,
        expected=0.0,
        upper=0.0,
        p=None if isnan(one.chances[n]) else one.chances[n],
        score=0.0,
        look="passed" if one.passed[n] else "",
    )


def merged(one: Episodes, gap: int) -> Episodes:
    """Episodes of one series at most `gap` days apart, as one; by series, then by time.

    >>> told = merged(Episodes.of([(1, 9, 9, 5), (1, 0, 2, 5), (1, 4, 5, 5), (2, 5, 5, 6)]), 3)
    >>> list(zip(told.series.tolist(), told.first.tolist(), told.last.tolist()))
    [(1, 0, 5), (1, 9, 9), (2, 5, 5)]
    """
    if not len(one):
        return one
    order = np.lexsort((one.first, one.series))
    series, first, last, place = (array[order] for array in (one.series, one.first, one.last, one.place))
    # Lifting each series above the one before keeps the running latest end of one from reaching into the next.
    lift = np.unique(series, return_inverse=True)[1].astype(np.int64) * _FAR
    until = np.maximum.accumulate(last + lift)
    begins = np.ones(first.size, dtype=bool)
    begins[1:] = first[1:] + lift[1:] > until[:-1] + gap
    heads = np.flatnonzero(begins)
    return Episodes(series[heads], first[heads], np.maximum.reduceat(last, heads), place[heads])


def overlapping(one: Episodes, other: Episodes, gap: int) -> Flags:
    """Which episodes of `one` have a counterpart of the same series in `other`, at most `gap` days away.

    `other` is merged, so of a series' episodes the one that begins last also ends last.

    >>> told = merged(Episodes.of([(1, 0, 2, 5), (2, 9, 9, 5)]), 3)
    >>> overlapping(Episodes.of([(1, 5, 6, 5), (1, 6, 7, 5), (2, 0, 1, 5)]), told, 3).tolist()
    [True, False, False]
    """
    if not len(other):
        return np.zeros(len(one), dtype=bool)
    begun = np.searchsorted(other.series * _FAR + other.first, one.series * _FAR + one.last + gap, side="right") - 1
    at = np.maximum(begun, 0)
    return np.asarray((begun >= 0) & (other.series[at] == one.series) & (other.last[at] >= one.first - gap))


def first_near(one: Episodes, places: Collection[int], since: int, until: int) -> int | None:
    """The first day of the earliest episode in one of `places` that reaches into the days `since` to `until`."""
    near = np.isin(one.place, list(places)) & (one.last >= since) & (one.first <= until)
    return int(one.first[near].min()) if near.any() else None


def day_of_span(first: date, index: int | None) -> date | None:
    """The day behind a number of days since the span began."""
    return None if index is None else first + timedelta(days=index)
