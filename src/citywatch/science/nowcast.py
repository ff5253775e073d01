"""Counts of the last days with what is still on its way: the nowcasts of Lawless and of Höhle & an der Heiden.

A day's count is judged from how much of such a day is usually reported by now. Nothing here predicts the future.
"""

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.special import betainc, ndtr, ndtri

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# A day enters the level of recent days, from which the default prior is made, when half of it has been reported.
_HALF = 0.5
_PRIOR_SHAPE = 0.5
_NODES = 48
# Beyond this no count of a city is told any more.
_MOST = 1e9


@dataclass(frozen=True, slots=True)
class Nowcast:
    """What each day's count will be when all reports are in, last day = now. All arrays have shape (..., days).

    `reported` is what is known by now, `share` the part of such a day's cases that is usually known by now,
    `expected` the median of the final count, `lower` and `upper` its interval. NaN where it could not be told.
    """

    reported: FloatArray
    share: FloatArray
    expected: FloatArray
    lower: FloatArray
    upper: FloatArray


def reporting_triangle(
    events: ArrayLike, reports: ArrayLike, *, now: int | np.datetime64, max_delay: int, past: int | None = None
) -> IntArray:
    """Cases by day they happened and days until they were reported, as known on the day `now`.

    `events` and `reports` are one day per case, as datetime64 or as day numbers; `now` likewise. Reports after `now`
    are left out, so a past day can be nowcast as it looked then; a delay longer than `max_delay` counts as that long,
    so choose one that few exceed: older days are taken as complete. The result has shape (days, max_delay + 1), its
    last row is the day `now`, its first the day of the first case or, with `past`, the day `past` days before now:
    delays change, and a shorter past follows them sooner. Raises ValueError for a report before its event, max_delay
    below 1 or a past shorter than max_delay.

    Source: Lawless 1994, Canadian Journal of Statistics 22:15.

    >>> reporting_triangle([1, 1, 2, 3, 3], [1, 2, 4, 3, 5], now=4, max_delay=2).tolist()
    [[1, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]]
    """
    if max_delay < 1:
        msg = f"max_delay is {max_delay} days; without delay there is nothing to nowcast."
        raise ValueError(msg)
    if past is not None and past < max_delay:
        msg = f"past is {past} days; delays up to {max_delay} days need at least as long a past."
        raise ValueError(msg)
    happened, told, today = _days(events), _days(reports), int(_days(now))
    if happened.shape != told.shape or happened.ndim != 1:
        msg = f"{happened.size} events and {told.size} reports; each case needs both."
        raise ValueError(msg)
    delay = told - happened
    if (delay < 0).any():
        at = int((delay < 0).argmax())
        msg = f"case {at} was reported {-delay[at]} days before it happened; one of its dates is wrong."
        raise ValueError(msg)
    known = told <= today
    first = int(happened[known].min()) if known.any() else today
    if past is not None:
        first = today - past
    known &= happened >= first
    cells = (happened[known] - first) * (max_delay + 1) + np.minimum(delay[known], max_delay)
    days = today - first + 1
    return np.bincount(cells, minlength=days * (max_delay + 1)).reshape(days, max_delay + 1).astype(np.int64)


def nowcast_lawless(triangle: ArrayLike, *, level: float = 0.95, match_r: bool = False) -> Nowcast:
    """Divide what is reported by the share that is usually reported by now.

    The share comes from the chances, going backwards, that a case known within d days was told on day d itself: they
    can be learned from days not yet complete, so a growing outbreak does not make delays look short. The interval is a
    normal one on whole counts from what is reported upwards; its variance is that of the cases still missing and that
    of the share. It needs reports to multiply: a day without one gets expected 0 and an upper limit that could not be
    told (NaN); `nowcast_bayes` is for such days. NaN also where some delay was never seen from an old enough day.

    `triangle` has shape (..., days, max_delay + 1), see `reporting_triangle`; the last day is now, cells not yet
    observable are ignored. `match_r` gives the numbers of the reference program: it leaves out the variance of the
    share, scales the distribution by its mass from the reported count up without taking the rest away, takes quantiles
    half a case higher, and says 0 to 0 for a day without reports. Raises ValueError for a level outside 0..1.

    Source: Lawless 1994, Canadian Journal of Statistics 22:15; the discrete normal as in Höhle & an der Heiden 2014,
    Biometrics 70:993.

    >>> steady = np.tile([6, 3, 1], (30, 1))
    >>> nowcast_lawless(steady).expected[-3:].tolist()
    [10.0, 10.0, 10.0]
    """
    counts = _triangle(triangle)
    _refuse_level(level)
    told, within = _delays(counts)
    reported, age = _reported(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        last = told / within
        share = _after(np.log1p(-last))
        unsure = _after(last / (within * (1 - last)))
    share = np.exp(share)[..., age]
    unsure = np.where(share > 0, unsure[..., age], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = reported / share
        variance = reported * (1 - share) / share**2 + (0 if match_r else mean**2 * unsure)
    sigma = np.sqrt(variance)
    empty = (reported == 0) & (share < 1)
    if match_r:
        mean, sigma = np.where(empty, 0.0, mean), np.where(empty, 0.0, sigma)
    levels = (0.5, (1 - level) / 2, (1 + level) / 2)
    expected, lower, upper = (_discrete_normal(p, mean, sigma, reported, match_r=match_r) for p in levels)
    if not match_r:
        upper[empty] = np.nan
        for limit in (expected, lower, upper):
            limit[empty & ~(share > 0)] = np.nan
    return Nowcast(reported, share, expected, lower, upper)


def nowcast_bayes(
    triangle: ArrayLike,
    *,
    level: float = 0.95,
    truncated: bool = True,
    prior_mean: float | None = None,
    prior_variance: float | None = None,
    concentration: float = 0.1,
) -> Nowcast:
    """Give the final count's posterior, which also speaks for days without any report yet.

    Delays have a generalised Dirichlet prior, conjugate where the youngest days are cut off by now; a day's cases are
    Poisson about a level with a gamma prior. `truncated=False` learns delays from all reports as if none were still on
    its way: quicker delays win, so in a growing outbreak it promises too little; it is there for comparison.

    `prior_mean` and `prior_variance` are those of a day's level: by default the mean of recent days at least half
    reported, each divided by its share, with twice the square of that as variance, so that it tells the size and little
    more; `prior_mean=math.inf` is flat. `concentration` is the prior weight of each delay in cases. `triangle` as in
    `nowcast_lawless`. The share has an exact beta posterior for `truncated=False`, else the beta with the exact mean
    and variance; the final count is then summed over it (Gauss-Jacobi, no random draws). Raises ValueError for a level
    outside 0..1 or a prior that is not positive.

    Source: Höhle & an der Heiden 2014, Biometrics 70:993.

    >>> found = nowcast_bayes(np.tile([6, 3, 1], (30, 1)))
    >>> found.expected[-3:].tolist(), float(found.lower[-1]), float(found.upper[-1])
    ([10.0, 10.0, 10.0], 6.0, 16.0)
    """
    counts = _triangle(triangle)
    _refuse_level(level)
    if not concentration > 0:
        msg = f"concentration is {concentration} cases; a prior weight is above 0."
        raise ValueError(msg)
    reported, age = _reported(counts)
    alpha, beta = _share_posterior(counts, concentration, truncated=truncated)
    average = np.ones(reported.shape)
    partly = age < counts.shape[-1] - 1
    average[..., partly] = (alpha / (alpha + beta))[..., age[partly]]
    expected, lower, upper = reported.copy(), reported.copy(), reported.copy()
    levels = ((0.5, expected), ((1 - level) / 2, lower), ((1 + level) / 2, upper))
    for series in np.ndindex(reported.shape[:-1]):
        size, rate = _level_prior(reported[series], average[series], age, prior_mean, prior_variance)
        for day in np.flatnonzero(partly):
            share, weight = _beta_nodes(alpha[(*series, age[day])], beta[(*series, age[day])])
            chance = (rate + share) / (rate + 1)
            seen = reported[(*series, day)]
            for p, limit in levels:
                limit[(*series, day)] = seen + _still_missing(p, size + seen, chance, weight)
    return Nowcast(reported, average, expected, lower, upper)


def _days(given: ArrayLike) -> IntArray:
    values = np.asarray(given)
    if values.dtype.kind == "M":
        values = values.astype("datetime64[D]")
    return values.astype(np.int64)


def _refuse_level(level: float) -> None:
    if not 0 < level < 1:
        msg = f"level is {level}; an interval holds more than nothing and less than everything."
        raise ValueError(msg)


def _triangle(given: ArrayLike) -> FloatArray:
    counts = np.asarray(given, dtype=np.float64)
    if counts.ndim < 2 or counts.shape[-1] < 2 or not counts.shape[-2]:
        msg = f"the triangle has shape {counts.shape}; (..., days, max_delay + 1) is needed, with max_delay at least 1."
        raise ValueError(msg)
    days, delays = counts.shape[-2:]
    observable = np.arange(days)[::-1, np.newaxis] >= np.arange(delays)
    counts = np.where(observable, counts, 0.0)
    if not (counts >= 0).all():
        msg = "the triangle holds a negative or missing count; fill in 0 where nothing was reported."
        raise ValueError(msg)
    return counts


def _reported(counts: FloatArray) -> tuple[FloatArray, IntArray]:
    """Each day's reports by now, and its age in days, no more than the greatest delay."""
    age = np.minimum(np.arange(counts.shape[-2])[::-1], counts.shape[-1] - 1)
    return counts.sum(axis=-1), age


def _delays(counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each delay d, over the days old enough to show it: reports with exactly d days, and with no more than d."""
    days, delays = counts.shape[-2:]
    told, within = np.zeros(counts[..., 0, :].shape), np.zeros(counts[..., 0, :].shape)
    for delay in range(min(delays, days)):
        old = counts[..., : days - delay, :]
        told[..., delay] = old[..., delay].sum(axis=-1)
        within[..., delay] = old[..., : delay + 1].sum(axis=(-1, -2))
    return told, within


def _after(terms: FloatArray) -> FloatArray:
    """For each delay the sum of the terms of all longer ones."""
    found = np.zeros(terms.shape)
    found[..., :-1] = np.cumsum(terms[..., :0:-1], axis=-1)[..., ::-1]
    return found


def _discrete_normal(p: float, mean: FloatArray, sigma: FloatArray, least: FloatArray, *, match_r: bool) -> FloatArray:
    """Smallest whole count from `least` up whose chance to be not exceeded is at least p."""
    half = 0.0 if match_r else 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(sigma > 0, ndtr((least - half - mean) / sigma), 0.0)
        z = ndtri(p * (1 - below) + (0.0 if match_r else below))
        found: FloatArray = np.maximum(least, np.ceil(mean + sigma * z - half))
    return np.where(sigma == 0, mean, found)


def _share_posterior(counts: FloatArray, concentration: float, *, truncated: bool) -> tuple[FloatArray, FloatArray]:
    """The beta posterior of the share reported within d days, for d below the greatest delay."""
    delays = np.arange(counts.shape[-1])
    if not truncated:
        told = counts.sum(axis=-2) + concentration
        within = np.cumsum(told, axis=-1)
        return within[..., :-1], within[..., -1:] - within[..., :-1]
    told, within = _delays(counts)
    last = concentration + told
    before = concentration * delays + within - told
    both = last + before
    # The chances of the single delays are independent: the moments of their product are the products of theirs.
    first_moment = np.exp(_after(_log(before / both)))[..., :-1]
    second_moment = np.exp(_after(_log(before * (before + 1) / (both * (both + 1)))))[..., :-1]
    weight = (first_moment - second_moment) / (second_moment - first_moment**2)
    return first_moment * weight, (1 - first_moment) * weight


def _log(values: FloatArray) -> FloatArray:
    # Delay 0 has nothing before it; it is never used.
    return np.log(np.where(values > 0, values, 1.0))


def _level_prior(
    reported: FloatArray, share: FloatArray, age: IntArray, mean: float | None, variance: float | None
) -> tuple[float, float]:
    """Shape and rate of the gamma prior of a day's level; a flat prior on the final count is shape 1 and rate 0."""
    if mean is None:
        recent = (share >= _HALF) & (np.arange(age.size)[::-1] <= age.max())
        if not recent.any():
            return 1.0, 0.0
        mean = max(float((reported[recent] / share[recent]).mean()), 1 / float(recent.sum()))
    if mean == inf:
        return 1.0, 0.0
    if variance is None:
        variance = mean**2 / _PRIOR_SHAPE
    if not (mean > 0 and variance > 0 and isfinite(variance)):
        msg = f"the prior's mean is {mean} and its variance {variance}; both must be above 0."
        raise ValueError(msg)
    return mean**2 / variance, mean / variance


def _beta_nodes(alpha: float, beta: float) -> tuple[FloatArray, FloatArray]:
    """Points and weights that sum a smooth function over a beta distribution (Golub & Welsch 1969)."""
    a, b = beta - 1, alpha - 1
    k = np.arange(1, _NODES, dtype=np.float64)
    s = 2 * k + a + b
    diagonal = np.concatenate([[(b - a) / (a + b + 2)], (b - a) * (b + a) / (s * (s + 2))])
    # At k = 1 the common factor k + a + b is cancelled: it may be 0.
    square = 4 * k * (k + a) * (k + b) / (s * s * (s + 1))
    square[1:] *= (k[1:] + a + b) / (s[1:] - 1)
    values, vectors = eigh_tridiagonal(diagonal, np.sqrt(square))
    return np.clip((values + 1) / 2, np.finfo(np.float64).tiny, 1.0), vectors[0] ** 2


def _still_missing(p: float, size: float, chance: FloatArray, weight: FloatArray) -> float:
    """Quantile of a negative binomial count whose success chance is spread over the nodes."""

    def enough(count: float) -> bool:
        return float(weight @ betainc(size, count + 1, chance)) >= p

    high = 1.0
    while not enough(high):
        high *= 2
        if high > _MOST:
            return float("nan")
    low = -1.0
    while high - low > 1:
        middle = float(np.floor((low + high) / 2))
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
