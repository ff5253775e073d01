"""OutbreakP: has a constant level given way to a rise? Without a model of the rise.

For the start of an influenza season or any outbreak over a level past. The statistic agrees with `algo.outbreakP`.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citywatch.science.detect import Detection
from citywatch.science.detect.windows import first_judged

R_NAMES: Mapping[str, str] = {"k": "k", "ret": "ret"}
R_DEFAULTS: Mapping[str, object] = {"k": 100.0, "ret": "value"}

# A count this large that still raises no alarm is called no bound at all.
LARGEST_COUNT = 1e15

# Series worked on at once: their stretches stay in the processor's cache.
BLOCK = 500

FloatArray = NDArray[np.float64]


def outbreak_p(
    counts: ArrayLike, *, k: float = 100.0, ret: Literal["cases", "value"] = "cases", start: int | None = None
) -> Detection:
    """Flag the rise of counts above the constant level they had since the first point.

    Influenza rises differently every year, so nothing is assumed of the rise but that it does not fall: the statistic
    is the likelihood ratio of the best non-decreasing Poisson means to the best constant one, over all points so far.
    It is 1 where nothing rises, and an alarm is a statistic above `k`. It knows neither season nor trend: start the
    series where the level is flat, and anew each year.

    `score` is the logarithm of the statistic (which itself soon exceeds any number), `expected` the mean of all points
    before. `upperbound` is the largest count that is no alarm given the past, NaN where every count would be one; with
    `ret` "value" it is the statistic itself, as in the reference program. There is no `p_value`: the statistic looks at
    the whole past again and again. Counts have shape (..., time); a missing point (NaN) is passed over and not judged.
    From `start` on only those points are judged, always by the whole past. Raises ValueError for k at or below 0, a
    negative count or an unknown `ret`.

    Source: Frisén, Andersson & Schiöler 2009, Statistics in Medicine 28:476; Frisén & Andersson 2009, Sequential
    Analysis 28:434.

    >>> counts = [1, 0, 3, 1, 2, 3, 5, 4, 7, 3, 5, 8, 16, 23, 33, 34, 48]
    >>> outbreak_p(counts, ret="value").upperbound[[2, 8]].round(3).tolist(), outbreak_p(counts).alarm.argmax()
    ([4.271, 565.081], np.int64(8))
    """
    if not k > 0:
        msg = f"k is {k}; the statistic is never below 1, so give a threshold above 0."
        raise ValueError(msg)
    if ret not in {"cases", "value"}:
        msg = f'ret is {ret!r}; give "cases" or "value".'
        raise ValueError(msg)
    values = np.asarray(counts, dtype=np.float64)
    begin = first_judged(values, start)
    if (values < 0).any():
        msg = f"A count is {np.nanmin(values):g}; counts are 0 or more."
        raise ValueError(msg)
    length = values.shape[-1]
    flat = values.reshape(-1, length)
    found = np.full((3, len(flat), length - begin), np.nan)
    for top in range(0, len(flat), BLOCK):
        block = slice(top, top + BLOCK)
        found[:, block] = _judged(np.ascontiguousarray(flat[block].T), begin, float(np.log(k)), ret)
    expected, upper, score = found.reshape(3, *values.shape[:-1], length - begin)
    return Detection(
        expected=expected,
        upperbound=upper,
        score=score,
        p_value=np.full(score.shape, np.nan),
        alarm=score > np.log(k),
        first=1,
        start=begin,
    )


def _judged(by_time: FloatArray, begin: int, log_k: float, ret: str) -> FloatArray:
    length, series = by_time.shape
    fit = _Rise(series, level=_level(by_time))
    found = np.full((3, series, length - begin), np.nan)
    for t, y in enumerate(by_time):
        known = ~np.isnan(y)
        count = np.where(known, y, 0.0)
        score, _ = fit.with_next(count)
        if t >= begin:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                found[0, :, t - begin] = fit.cases / fit.points
                found[1, :, t - begin] = np.exp(score) if ret == "value" else _bound(fit, log_k)
            found[2, :, t - begin] = np.where(known, score, np.nan)
            if ret == "value":
                found[1, ~known, t - begin] = np.nan
        fit.add(count, known)
    return found


def _level(by_time: FloatArray) -> FloatArray:
    known = ~np.isnan(by_time)
    total = np.where(known, by_time, 0.0).sum(axis=0)
    return np.where(total > 0, total / np.maximum(known.sum(axis=0), 1), 1.0)


class _Rise:
    """The best non-decreasing means of every series so far, as stretches of equal mean, the last one on top.

    Of each stretch are kept the cases and points before it and the log likelihood of all stretches before it. A new
    count joins as many stretches as pull its mean up: the last mean of a non-decreasing fit is the largest mean of
    any run that ends with it (Barlow et al. 1972, Statistical Inference under Order Restrictions, section 1.2).
    Means are measured in the series' own level, so that large counts lose no digits to their logarithms.
    """

    def __init__(self, series: int, level: FloatArray) -> None:
        self.level = level
        self.cases, self.points = np.zeros(series), np.zeros(series)
        self._likelihood = np.zeros(series)
        self._depth = np.zeros(series, dtype=np.int64)
        self._stack = np.zeros((3, 8, series))

    def with_next(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The log statistic if the next count were `y`, and by how much it grows with one case more."""
        _, likelihood, last = self._top(y)
        total, points = self.cases + y, self.points + 1.0
        statistic = likelihood - _weighed(total, points, self.level)
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = np.log(last * points / total)
        return np.maximum(statistic, 0.0), np.where(total > 0, growth, np.log(points))

    def add(self, y: FloatArray, known: NDArray[np.bool_]) -> None:
        """Let the next count be `y` where it is `known`; elsewhere the time passes unseen."""
        depth, likelihood, _ = self._top(y)
        if self._depth.max(initial=0) >= self._stack.shape[1]:
            self._stack = np.concatenate([self._stack, np.zeros_like(self._stack)], axis=1)
        at = np.flatnonzero(known)
        fresh = at[depth[at] == self._depth[at]]
        for part, now in zip(self._stack, (self.cases, self.points, self._likelihood), strict=True):
            part[self._depth[fresh], fresh] = now[fresh]
        self._depth[at] = depth[at] + 1
        self._likelihood[at] = likelihood[at]
        self.cases[at] += y[at]
        self.points[at] += 1.0

    def _top(self, y: FloatArray) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        """The stretch that would take the next count in, the log likelihood then, and the stretch's mean."""
        deepest = int(self._depth.max(initial=0))
        cases, points, likelihood = self._stack[:, :deepest]
        means = np.empty((deepest + 1, y.size))
        means[:-1] = (self.cases + y - cases) / (self.points + 1.0 - points)
        means[:-1][np.arange(deepest)[:, None] >= self._depth] = -1.0
        means[-1] = y
        best = np.argmax(means, axis=0)
        alone = best == deepest
        every = np.arange(y.size)
        inside = np.where(alone, 0, best)
        if deepest:
            total = np.where(alone, y, self.cases + y - cases[inside, every])
            n = np.where(alone, 1.0, self.points + 1.0 - points[inside, every])
            before = np.where(alone, self._likelihood, likelihood[inside, every])
        else:
            total, n, before = y, np.ones(y.size), self._likelihood
        return np.where(alone, self._depth, best), before + _weighed(total, n, self.level), means[best, every]


def _weighed(total: FloatArray, n: FloatArray, level: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, total * np.log(total / (n * level)), 0.0)


def _bound(fit: _Rise, log_k: float) -> FloatArray:
    """The largest count that keeps the statistic at `log_k` or below; NaN where there is none.

    The log statistic is convex in the last count and grows with it, so Newton's steps from above never overshoot.
    """
    nothing = np.zeros(fit.cases.shape)
    bounded = (fit.points > 0) & (fit.with_next(nothing)[0] <= log_k)
    y = np.where(bounded, 2.0 * fit.level + 10.0, 0.0)
    while (low := bounded & (fit.with_next(y)[0] <= log_k)).any():
        y = np.where(low, 2.0 * y, y)
        bounded &= y < LARGEST_COUNT
    for _ in range(100):
        statistic, growth = fit.with_next(y)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(bounded & (statistic > log_k), (statistic - log_k) / growth, 0.0)
        y = y - step
        if (step < 1e-9 * (1.0 + y)).all():
            break
    count = np.ceil(y - 1e-6)
    for _ in range(2):  # the root itself is known to rounding only; whole counts decide
        count = np.where(fit.with_next(np.maximum(count, 0.0))[0] > log_k, count - 1.0, count)
    return np.where(bounded, np.maximum(count, 0.0), np.nan)
