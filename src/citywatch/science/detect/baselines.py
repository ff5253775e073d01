"""Which past points a yearly method compares one point with, and the series of one call laid out for it.

Owns seasons, calendar and windows. Does not fit or judge: `quasipoisson` fits, the methods judge.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import factorial

from citywatch.science.detect import Detection

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Dates = NDArray[np.datetime64]

# Frequencies that are parts of a year have a calendar; 7 (days of a week) only counts.
WEEKLY = 52
OF_A_YEAR = (12, 52, 365)
# exp(x) for x from -2 to 2 by so many terms of its series is exact to the last digit: 2**27 / 27! is below 2e-20.
POWERS, STEEPEST = 27, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a baseline is chosen and fitted; the settings both methods share, checked once.

    Two switches are for agreement with R and off otherwise: `steps_of_r` ends and gives up where R's fitter does, and
    `flexible_quirks` does what `farringtonFlexible` alone does (docs/science/farrington.md names it one by one).
    `by_date` takes the time covariate from the dates, where there are any.
    """

    frequency: int
    years_back: int
    half_window: int
    periods: int
    past_excluded: int
    trend: bool
    trend_p_value: float
    reweight: bool
    weights_threshold: float
    by_date: bool = True
    flexible_quirks: bool = False
    steps_of_r: bool = False

    def __post_init__(self) -> None:
        wrong = None
        if self.frequency < 1:
            wrong = f"frequency is {self.frequency}; a cycle has at least 1 point."
        elif self.years_back < 1:
            wrong = f"years_back is {self.years_back}; a baseline needs at least 1 year."
        elif self.half_window < 0:
            wrong = f"half_window is {self.half_window}; a window reaches 0 or more points to each side."
        elif not 1 <= self.periods <= self.frequency:
            wrong = f"periods is {self.periods}; a cycle of {self.frequency} points has 1 to {self.frequency} seasons."
        elif self.periods > 1 and 2 * self.half_window + 1 > self.frequency:
            wrong = (
                f"half_window is {self.half_window}; its windows cover the whole cycle of {self.frequency} points and "
                f"leave nothing for the other {self.periods - 1} of {self.periods} periods."
            )
        elif self.past_excluded < 0:
            wrong = f"past_weeks_excluded is {self.past_excluded}; leave out 0 or more points."
        elif not 0 <= self.trend_p_value <= 1:
            wrong = f"trend_p_value is {self.trend_p_value}; a limit for p-values lies between 0 and 1."
        elif not self.weights_threshold > 0:
            wrong = f"weights_threshold is {self.weights_threshold}; a residual that counts as large is above 0."
        if wrong:
            raise ValueError(wrong)

    @property
    def reach(self) -> int:
        """Points before a judged point that a whole baseline needs (without a calendar)."""
        return self.years_back * self.frequency + self.half_window


@dataclass(frozen=True, slots=True)
class Baseline:
    """The past points one judged point is compared with, sorted by season level, the judged point's own level last.

    `places` are relative to the judged point. `time` runs from -1 to 1, `now` is the judged point on that scale, and
    one step of it is `span` units of the time covariate. `moments` (points, 3 x levels) adds up a value, a value times
    time and a value times time squared within each level; `growth` (POWERS, 3 x levels) are those sums of exp(slope x
    time) as a power series in the slope.
    """

    places: IntArray
    level: IntArray
    time: FloatArray
    now: float
    span: float
    moments: FloatArray
    growth: FloatArray

    @classmethod
    def of(cls, places: IntArray, level: IntArray, since: FloatArray) -> Self:
        """The baseline of such places and levels; `since` is their time covariate counted from the judged point's."""
        present, level = np.unique(level, return_inverse=True)
        order = np.argsort(level, kind="stable")
        places, level, since = places[order], level[order], since[order]
        middle = (since.max() + since.min()) / 2
        span = (since.max() - since.min()) / 2 or 1.0
        time = (since - middle) / span
        one = (level[:, None] == np.arange(present.size)).astype(np.float64)
        moments = np.concatenate([one, one * time[:, None], one * time[:, None] ** 2], axis=1)
        powers = np.vander(time, POWERS, increasing=True) / factorial(np.arange(POWERS))
        return cls(places, level, time, float(-middle / span), float(span), moments, powers.T @ moments)

    @property
    def levels(self) -> int:
        return int(self.moments.shape[1]) // 3


def _season_levels(references: IntArray, plan: Plan) -> IntArray:
    """Season level of every point from the oldest window's first on; -1 where no level is wanted.

    The windows around the references are the last level; the points between two windows are split into the others,
    a remainder going one point each to the first of them (Noufaily et al. 2013).
    """
    half, others = plan.half_window, plan.periods - 1
    first = int(references[0]) - half
    level = np.full(int(references[-1]) + half + 1 - first, others or -1)
    for reference in references:
        level[reference - half - first : reference + half + 1 - first] = others
    for earlier, later in pairwise(references.tolist()) if others else ():
        begin, end = earlier + half + 1 - first, later - half - first
        each, more = divmod(max(end - begin, 0), others)
        sizes = each + (np.arange(others) < more)
        level[begin : begin + sizes.sum()] = np.repeat(np.arange(others), sizes)
        if plan.flexible_quirks and not each and more < others:
            # A season without a week of its own takes its neighbours': 1:0 counts two in R.
            level[end - 1 : end + 1] = others - 1
    return level


def _compared_with(point: int, references: IntArray, plan: Plan) -> tuple[IntArray, IntArray]:
    """Places of the past points a point is compared with, and their season levels; none if its own season has none."""
    level, first = _season_levels(references, plan), int(references[0]) - plan.half_window
    places = np.arange(first, first + level.size)
    used = (level >= 0) & (places >= 0) & (places < point - plan.past_excluded)
    if not (level[used] == plan.periods - 1).any():
        used[:] = False
    return places[used], level[used]


def calendar_references(point: int, dates: Dates, plan: Plan) -> IntArray | None:
    """Places of the same calendar date in earlier years, ascending, the point itself last; None if one is not there.

    29 February becomes 1 March in other years. In weekly series the date moves to the nearest same weekday, so that
    a year has 52 or 53 weeks.

    Source: what the reference program does with dates; Salmon et al. 2016, Journal of Statistical Software 70(10).

    >>> plan = Plan(frequency=52, years_back=2, half_window=3, periods=1, past_excluded=3, trend=True,
    ...             trend_p_value=1, reweight=True, weights_threshold=2.58)
    >>> mondays = np.datetime64("2018-01-01") + 7 * np.arange(200)
    >>> mondays[calendar_references(156, mondays, plan)].astype(str).tolist()
    ['2018-12-31', '2019-12-30', '2020-12-28']
    """
    today = dates[point]
    year, month = today.astype("datetime64[Y]"), today.astype("datetime64[M]")
    ago = np.arange(plan.years_back, -1, -1)
    months = (year - ago).astype("datetime64[M]") + (month - year.astype("datetime64[M]"))
    # Counting on from the first of the month turns 29 February into 1 March by itself.
    wanted = months.astype("datetime64[D]") + (today - month.astype("datetime64[D]"))
    if plan.frequency == WEEKLY:
        wanted = wanted + ((today - wanted).astype(np.int64) + 3) % 7 - 3
    found = np.searchsorted(dates, wanted)
    if not np.array_equal(dates[np.minimum(found, dates.size - 1)], wanted):
        return None
    return np.asarray(found, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Watch:
    """The series of one call as (series, time), and the points of them that are to be judged.

    `start` is the first point answered, `first` the first with a whole baseline behind it, `points` those that are
    judged; `shape` is the caller's, without time.
    """

    counts: FloatArray
    population: FloatArray | None
    dates: Dates | None
    points: IntArray
    start: int
    first: int
    shape: tuple[int, ...]

    @classmethod
    def of(
        cls, counts: ArrayLike, plan: Plan, *, start: int | None, dates: Dates | None, population: ArrayLike | None
    ) -> Self:
        values = np.asarray(counts, dtype=np.float64)
        if values.ndim == 0:
            msg = f"One count ({values}) is no series; give an array with time last."
            raise ValueError(msg)
        with np.errstate(invalid="ignore"):
            if (values < 0).any():
                msg = f"A count is {np.nanmin(values)}; counts are 0 or more."
                raise ValueError(msg)
        length = values.shape[-1]
        if start is not None and not 0 <= start <= length:
            msg = f"start is {start}; the series has the points 0 to {length - 1}."
            raise ValueError(msg)
        if dates is not None:
            dates = np.asarray(dates, dtype="datetime64[D]")
            if dates.shape != (length,):
                msg = f"{dates.size} dates for {length} points; each point needs one."
                raise ValueError(msg)
            wrong = np.flatnonzero(~(np.diff(dates) > np.timedelta64(0, "D")))
            if wrong.size:
                msg = f"The date {dates[wrong[0] + 1]} follows {dates[wrong[0]]}; dates run forward, each once."
                raise ValueError(msg)
        people, rows = None, prod(values.shape[:-1])
        if population is not None:
            people = np.broadcast_to(np.asarray(population, dtype=np.float64), values.shape).reshape(rows, length)
        first = min(_first_whole(length, dates, plan), length)
        begin = 0 if start is None else start
        # R judges points whose oldest window is cut off as well, if told to begin there.
        judged = max(begin, 0 if plan.steps_of_r and start is not None else first)
        return cls(
            np.ascontiguousarray(values.reshape(rows, length)),
            None if people is None else np.ascontiguousarray(people),
            dates, np.arange(judged, length), begin, first, values.shape[:-1],
        )  # fmt: skip

    @property
    def now(self) -> FloatArray:
        """The counts of the points answered."""
        return self.counts[:, self.start :]

    def recent(self, cases: Sequence[int], *, missing_as_zero: bool) -> FloatArray:
        """Cases in the last points, the judged one among them; `cases` is a pair as `minimum_cases`."""
        width = cases[1]
        before = max(0, self.start - width + 1)
        values = self.counts[:, before:]
        if missing_as_zero:
            values = np.where(np.isnan(values), 0.0, values)
        total = np.full(self.now.shape, np.nan)
        told = values.shape[1] - width + 1
        if told > 0:
            total[:, -told:] = sum(values[:, back : back + told] for back in range(width))
        return total

    def detection(
        self, *, expected: FloatArray, upperbound: FloatArray, score: FloatArray, p_value: FloatArray, alarm: BoolArray
    ) -> Detection:
        """The answer in the caller's own shape."""
        shape = (*self.shape, self.counts.shape[1] - self.start)
        return Detection(
            expected=expected.reshape(shape),
            upperbound=upperbound.reshape(shape),
            score=score.reshape(shape),
            p_value=p_value.reshape(shape),
            alarm=alarm.reshape(shape),
            first=self.first,
            start=self.start,
        )


def _references(point: int, dates: Dates | None, plan: Plan) -> IntArray | None:
    if dates is None or plan.frequency not in OF_A_YEAR:
        return point - np.arange(plan.years_back, -1, -1) * plan.frequency
    return calendar_references(point, dates, plan)


def _first_whole(length: int, dates: Dates | None, plan: Plan) -> int:
    if dates is None or plan.frequency not in OF_A_YEAR or length <= plan.half_window:
        return plan.reach
    # By the calendar a year may be a point longer: look from just before.
    oldest = dates[plan.half_window] + np.timedelta64(plan.years_back * 365 - 8, "D")
    for point in range(int(np.searchsorted(dates, oldest)), length):
        references = _references(point, dates, plan)
        if references is not None and references[0] >= plan.half_window:
            return point
    return length


def baselines(watch: Watch, plan: Plan) -> Iterator[tuple[Baseline, IntArray]]:
    """The points that can be judged, grouped by their baseline. Without dates all whole baselines are one.

    Source: Noufaily et al. 2013, Statistics in Medicine 32:1206.

    >>> plan = Plan(frequency=52, years_back=2, half_window=3, periods=4, past_excluded=26, trend=True,
    ...             trend_p_value=1, reweight=True, weights_threshold=2.58)
    >>> watch = Watch.of(np.ones(200), plan, start=None, dates=None, population=None)
    >>> for baseline, points in baselines(watch, plan):
    ...     print(points[0], points[-1], baseline.places.min(), baseline.places.max(), baseline.levels)
    107 199 -107 -27 4
    """
    times = np.arange(watch.counts.shape[1], dtype=np.float64)
    if watch.dates is not None and plan.by_date and times.size > 1:
        days = (watch.dates - watch.dates[0]).astype(np.int64)
        times = days / days[1]
    whole = watch.points[watch.points >= plan.reach] if watch.dates is None else watch.points[:0]
    groups: dict[bytes, tuple[Baseline, list[IntArray]]] = {}
    for point in np.setdiff1d(watch.points, whole[1:]).tolist():
        references = _references(point, watch.dates, plan)
        if references is None or references[0] < (0 if plan.steps_of_r else plan.half_window):
            continue
        places, level = _compared_with(point, references, plan)
        if not places.size:
            continue
        since = times[places] - times[point]
        key = b"".join(part.tobytes() for part in (places - point, level, since))
        if key not in groups:
            groups[key] = Baseline.of(places - point, level, since), []
        groups[key][1].append(whole if whole.size and point == whole[0] else np.array([point]))
    for baseline, points in groups.values():
        yield baseline, np.concatenate(points)
