"""CityWatch's own detector: how likely is it that an outbreak has begun, now or just before?

One fixed rule for weeks, months and days. Method, derivation and measurements: docs/science/citywatch-method.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citywatch.science.detect import Detection
from citywatch.science.detect.background import fit_background
from citywatch.science.detect.outbreak_odds import Blocks, judge

FloatArray = NDArray[np.float64]

R_NAMES: Mapping[str, str] = {}

HARMONICS = 6
YEAR = 365.2425
WEEK = 7
HOLIDAY = HARMONICS + 1  # the group of the holiday term; trend is 0, the harmonics 1 to 6
DAILY = (WEEK, 364, 365, 366)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What follows from the frequency of a series; every length in points.

    `blocks` are the stretches in which an outbreak may have begun, the newest first. A baseline ends `guard` points
    before the point at which it was last fitted anew, which happens every `refit` points of the series; drift is read
    from stretches of `span`. `history` is a whole baseline, `least` what must be there to judge at all, `seasons` what
    must be there before season and trend are fitted.
    """

    blocks: tuple[int, ...]
    guard: int
    refit: int
    span: int
    history: int
    least: int
    seasons: int
    yearly: bool
    weekly: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes an alarm; `citywatch` says what each of them means."""

    alpha: float
    before: float
    least_cases: int


@dataclass(frozen=True, slots=True)
class Model:
    """The regression's columns (time, terms), their groups, which are `slow` (season, trend), and the offset."""

    terms: FloatArray
    groups: NDArray[np.int64]
    slow: NDArray[np.bool_]
    offset: FloatArray


def citywatch(
    counts: ArrayLike,
    *,
    alpha: float = 0.01,
    before: float = 0.28,
    least_cases: int = 2,
    frequency: int = 52,
    dates: ArrayLike | None = None,
    population: ArrayLike | None = None,
    holidays: ArrayLike | None = None,
    start: int | None = None,
) -> Detection:
    """Flag points at which an outbreak has probably begun, in this point or just before it.

    Why: most outbreaks show for two to four weeks, so a test of one week wastes evidence, and a test of two comes late.
    Here the evidence is a likelihood ratio averaged over both, "it began now" and, with weight `before`, "it began in
    the block before" (weeks and months: the point before; days: the two days before, the four before those), and over
    sizes of half to fifteen standard deviations a point. What earlier counts would have alarmed by themselves is not
    counted twice. `p_value` is the chance of so much evidence if nothing but the background went on, `alpha` its limit,
    so the false alarms are those asked for, in sparse series too. A point alarms when it exceeds `upperbound`, the
    largest count that, with the counts just before, would not. Fewer than `least_cases` in all blocks, or none now, are
    never an alarm.

    The background is a regression on season (up to six harmonics) and trend over the whole past, each believed only as
    far as the data bear it out, past outbreaks weighed down, drift followed (`science.detect.background`). It ends a
    month before the point judged (days: two weeks), so an outbreak does not raise its own bound, and is fitted anew
    once a month (a week).

    `counts` has shape (..., time), NaN missing. `frequency` is the number of points a year: 52, 12, 365 (weekday terms,
    too), or 7 for days with weekdays alone. With `dates`, shape (time,), season and weekday follow the calendar.
    `population` (as counts) is a denominator: if it dips in the holidays, the expected number does. `holidays`, shape
    (time,), is the share of each point that is holiday; its effect is estimated, by day also that of the day after.
    From `start` on only those points are judged, with what past there is (a quarter of a year and the gap at least, by
    day six weeks; below a year and a half without season); else from two years on (eight weeks of days without year).
    `score` is the log of the likelihood ratio. Raises ValueError for settings or shapes that make no sense.

    Source: docs/science/citywatch-method.md; the odds of a change as in Shiryaev 1963, Theory of Probability and its
    Applications 8:22, with sizes averaged; regression after Farrington et al. 1996 and Noufaily et al. 2013.

    >>> weeks = np.random.default_rng(1).poisson(5 + 3 * np.sin(np.arange(260) / 52 * 2 * np.pi)).astype(float)
    >>> weeks[250:252] += [6, 9]
    >>> citywatch(weeks, start=245).alarm.nonzero()[0].tolist()
    [5, 6]
    """
    values, people = _series(counts, population)
    _check(alpha, before, least_cases, frequency)
    shape, time = values.shape, values.shape[-1]
    rhythm = _rhythm(frequency)
    terms, groups = _terms(time, frequency, rhythm, dates, holidays)
    flat = values.reshape(-1, time)
    offset = np.zeros_like(flat) if people is None else np.log(people.reshape(-1, time))
    model = Model(terms, groups, (groups >= 0) & (groups <= HARMONICS), offset)
    begin = 0 if start is None else start
    if not 0 <= begin <= time:
        msg = f"start is {start}; the series has {time} points."
        raise ValueError(msg)
    judged = max(begin, rhythm.history if start is None else rhythm.least)
    out = np.full((4, flat.shape[0], time - begin), np.nan)
    if judged < time:
        out[:, :, judged - begin :] = _judged(flat, model, rhythm, Rule(alpha, before, least_cases), judged)
    expected, bound, score, p_value = (array.reshape(*shape[:-1], -1) for array in out)
    return Detection(
        expected=expected,
        upperbound=bound,
        score=score,
        p_value=p_value,
        alarm=p_value <= alpha,
        first=rhythm.history,
        start=begin,
    )


def _judged(values: FloatArray, model: Model, rhythm: Rhythm, rule: Rule, judged: int) -> FloatArray:
    """Expected number, bound, score, p-value of the points from `judged` on; shape (4, series, points)."""
    n, time = values.shape
    reach = sum(rhythm.blocks) - 1
    out = np.full((4, n, time - judged), np.nan)
    for fitted in range(judged // rhythm.refit * rhythm.refit, time, rhythm.refit):
        baseline = slice(0, fitted - rhythm.guard)
        past = values[:, baseline]
        used = np.flatnonzero(~model.slow | (baseline.stop >= rhythm.seasons))
        terms = model.terms[:, used]
        background = fit_background(past, terms[baseline], model.groups[used], model.offset[:, baseline], rhythm.span)
        first, last = max(fitted, judged), min(fitted + rhythm.refit, time)
        window = slice(first - reach, last)
        mean, variance = background.foretell(terms[window], model.offset[:, window])
        mean[(~np.isnan(past)).sum(axis=1) < (rhythm.least - rhythm.guard) // 2] = np.nan
        out[:, :, first - judged : last - judged] = _points(values[:, window], mean, variance, rhythm, rule)
    return out


def _points(counts: FloatArray, mean: FloatArray, variance: FloatArray, rhythm: Rhythm, rule: Rule) -> FloatArray:
    """Judge a stretch of points but for its first few, on which the others look back; shape (4, series, points)."""
    end = counts.shape[1]
    points = end - (sum(rhythm.blocks) - 1)
    known = ~np.isnan(counts) & ~np.isnan(mean)
    held = [np.where(known, array, 0.0) for array in (counts, mean, variance, np.sqrt(variance))]
    sums = []
    for width in rhythm.blocks:
        sums.append([_moving(array, width)[:, end - points : end] for array in held])
        end -= width
    y, m, v, s = (np.stack(column).reshape(len(rhythm.blocks), -1) for column in zip(*sums, strict=True))
    judged = known[:, -points:].reshape(-1)
    # A block of which nothing is known speaks neither way.
    m, v = np.where(m > 0, m, 1e-9), np.where(m > 0, v, 1e-9)
    begun = (1.0,) + (rule.before,) * (len(rhythm.blocks) - 1)
    evidence = judge(Blocks(y, m, v, s).part(judged), begun=begun, alpha=rule.alpha)
    earlier = y[1:, judged].sum(axis=0)
    few = (y[0, judged] == 0) | (y[0, judged] + earlier < rule.least_cases)
    out = np.full((4, judged.size), np.nan)
    out[0] = mean[:, -points:].reshape(-1)
    out[1, judged] = np.maximum(evidence.bound, np.maximum(0.0, rule.least_cases - 1.0 - earlier))
    out[2, judged] = evidence.odds
    out[3, judged] = np.where(few, 1.0, evidence.p_value)
    return out.reshape(4, counts.shape[0], points)


def _moving(values: FloatArray, width: int) -> FloatArray:
    out = values.copy()
    for lag in range(1, width):
        out[:, lag:] += values[:, :-lag]
    return out


def _rhythm(frequency: int) -> Rhythm:
    if frequency in DAILY:
        yearly = frequency != WEEK
        history, seasons = (2 * frequency, frequency * 3 // 2) if yearly else (56, 365)
        return Rhythm(
            (1, 2, 4),
            guard=14,
            refit=7,
            span=28,
            history=history,
            least=42,
            seasons=seasons,
            yearly=yearly,
            weekly=True,
        )
    month, quarter = max(1, round(frequency / 13)), max(2, round(frequency / 4))
    return Rhythm(
        (1, 1),
        guard=month,
        refit=month,
        span=quarter,
        history=2 * frequency,
        least=month + max(quarter, 12),
        seasons=frequency * 3 // 2,
        yearly=True,
        weekly=False,
    )


def _terms(
    time: int, frequency: int, rhythm: Rhythm, dates: ArrayLike | None, holidays: ArrayLike | None
) -> tuple[FloatArray, NDArray[np.int64]]:
    """The regression's columns, shape (time, terms), and which of them belong together."""
    index = np.arange(time, dtype=np.float64)
    weekday = np.arange(time) % 7
    angle = 2.0 * np.pi * index / frequency
    if dates is not None:
        days = np.asarray(dates, dtype="datetime64[D]")
        if days.shape != (time,):
            msg = f"dates have shape {days.shape}; one calendar of shape ({time},) serves all series."
            raise ValueError(msg)
        since = (days - days[0]).astype(np.float64)
        angle = 2.0 * np.pi * since / YEAR
        weekday = since.astype(np.int64) % 7
    cycle = frequency if rhythm.yearly else 365
    columns, groups = [np.ones(time), (index - time / 2.0) / cycle], [-1, 0]
    if rhythm.yearly:
        for k in range(1, min(HARMONICS, (frequency - 1) // 2) + 1):
            columns += [np.cos(k * angle), np.sin(k * angle)]
            groups += [k, k]
    if rhythm.weekly:
        columns += [(weekday == day).astype(np.float64) for day in range(1, 7)]
        groups += [-1] * 6
    if holidays is not None:
        off = np.asarray(holidays, dtype=np.float64)
        if off.shape != (time,):
            msg = f"holidays have shape {off.shape}; give one share of holiday per point, shape ({time},)."
            raise ValueError(msg)
        columns.append(off)
        groups.append(HOLIDAY)
        if rhythm.weekly:
            # What was put off on a holiday comes on the next day that is none.
            columns.append((off == 0) * np.concatenate([[0.0], off[:-1]]))
            groups.append(HOLIDAY + 1)
    return np.stack(columns, axis=1), np.array(groups)


def _series(counts: ArrayLike, population: ArrayLike | None) -> tuple[FloatArray, FloatArray | None]:
    values = np.asarray(counts, dtype=np.float64)
    if not values.ndim:
        msg = "counts are a single number; a series has time on its last axis."
        raise ValueError(msg)
    if np.nanmin(values, initial=0.0) < 0:
        msg = f"The least count is {np.nanmin(values)}; cases are 0 or more."
        raise ValueError(msg)
    if population is None:
        return values, None
    people = np.broadcast_to(np.asarray(population, dtype=np.float64), values.shape)
    return np.where(people > 0, values, np.nan), np.where(people > 0, people, np.nan)


def _check(alpha: float, before: float, least_cases: int, frequency: int) -> None:
    if not 0 < alpha < 1:
        msg = f"alpha is {alpha}; the chance of a false alarm lies between 0 and 1."
        raise ValueError(msg)
    if not before >= 0:
        msg = f"before is {before}; a weight is 0 or more."
        raise ValueError(msg)
    if least_cases < 1:
        msg = f"least_cases is {least_cases}; an alarm needs at least 1."
        raise ValueError(msg)
    if frequency < 4:
        msg = f"frequency is {frequency} points a cycle; seasons need at least 4 (7 for days without a year)."
        raise ValueError(msg)
