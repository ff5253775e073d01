"""Likelihood-ratio charts: since when, and by how much, do the counts speak for a changed mean?

`glr_poisson` and `glr_nb` watch against a seasonal mean. With `match_r` the numbers are those of `algo.glrnb` of the
reference program, its quirks included (docs/science/detectors.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citywatch.science.detect import Detection
from citywatch.science.detect.in_control import given_mean, model_of, seasonal_mean
from citywatch.science.detect.regression import NO_EXTRA_VARIANCE
from citywatch.science.detect.windows import first_judged

R_NAMES: Mapping[str, str] = {
    "c.ARL": "threshold",
    "mu0": "mean",
    "alpha": "alpha",
    "Mtilde": "min_window",
    "M": "max_window",
    "change": "change",
    "theta": "theta",
    "dir": "direction",
    "ret": "ret",
}
_R_CHART: Mapping[str, object] = {
    "threshold": 5.0,
    "mean": {"S": 1, "trend": False},
    "min_window": 1,
    "max_window": -1,
    "change": "intercept",
    "theta": None,
    "direction": "inc",
    "ret": "value",
}
R_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "glr_poisson": _R_CHART,
    "glr_nb": {**_R_CHART, "alpha": None},
}

SEASONAL: Mapping[str, Any] = {"S": 1, "trend": False}
UNLIMITED = -1

# Series worked on at once: their windows stay in the processor's cache.
BLOCK = 64
# exp(-30) of the mean is nothing, exp(30) times the mean is no count.
FARTHEST = 30.0
# A year whose fit found no extra variance, in a chart with years that have some: Poisson to eight digits.
LEAST_ALPHA = 1e-8

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]


def glr_poisson(
    counts: ArrayLike,
    *,
    threshold: float = 5.0,
    mean: Mapping[str, Any] | ArrayLike = SEASONAL,
    min_window: int = 1,
    max_window: int | None = UNLIMITED,
    change: Literal["intercept"] = "intercept",
    theta: float | None = None,
    direction: Literal["inc", "dec"] = "inc",
    ret: Literal["cases", "value"] = "cases",
    start: int | None = None,
    frequency: int = 52,
    match_r: bool = False,
) -> Detection:
    """Flag the moment at which Poisson counts have come to speak for a raised mean, whenever the rise began.

    One high week is no outbreak and five slightly raised ones may be. The chart weighs, for every possible beginning
    since it last alarmed, the counts from there to now under their own best raised mean (the seasonal one times
    exp(kappa), kappa above 0) against the mean without an outbreak; `score` is the largest such log likelihood ratio
    and an alarm is a score of `threshold` or more, after which the chart starts anew with the next point. With `theta`
    the rise is known, exp(theta) times, and the chart is the likelihood-ratio CUSUM. `direction` "dec" watches for a
    fall (theta is negative then).

    `mean` is a model, {"S": harmonics, "trend": false}, fitted to all points before and renewed every cycle of
    `frequency` points; or numbers, one for all or one per monitored point. A window has `min_window` points or more
    and begins at most `max_window` points back (-1 or None: no limit). Monitoring begins at `start`, by default after
    two cycles. `expected` is the mean; `upperbound` is the largest count that is no alarm given the points before (for
    "dec" the smallest), infinite where none could be one; with `ret` "value" it is the score, as in the reference
    program. `p_value` is NaN. Counts have shape (..., time); a missing point (NaN) is passed over.

    With `match_r` the fit made at `start` holds for ever, a limited window is the reference program's, which leaves out
    the latest beginnings, falling Poisson windows without a case are not looked at, and `ret` "cases" is R's: the
    count that would alarm. Raises ValueError for a setting out of its range; `change` "epi" is refused, because the
    reference we hold ourselves to cannot be trusted there.

    Source: Höhle & Paul 2008, Computational Statistics & Data Analysis 52:4357.

    >>> counts = [5, 4, 6, 5, 7, 8, 9, 9, 10, 5]
    >>> found = glr_poisson(counts, mean=5, start=4, threshold=3)
    >>> found.alarm.nonzero()[0].tolist(), found.upperbound[:3].tolist()
    ([3], [11.0, 11.0, 10.0])
    """
    return _charted(
        counts,
        _Settings(threshold, min_window, max_window, change, theta, direction, ret, match_r),
        mean=mean,
        alpha=0.0,
        start=start,
        frequency=frequency,
    )


def glr_nb(
    counts: ArrayLike,
    *,
    threshold: float = 5.0,
    mean: Mapping[str, Any] | ArrayLike = SEASONAL,
    alpha: float | None = None,
    min_window: int = 1,
    max_window: int | None = UNLIMITED,
    change: Literal["intercept"] = "intercept",
    theta: float | None = None,
    direction: Literal["inc", "dec"] = "inc",
    ret: Literal["cases", "value"] = "cases",
    start: int | None = None,
    frequency: int = 52,
    match_r: bool = False,
) -> Detection:
    """Flag the moment at which counts that vary more than Poisson have come to speak for a raised mean.

    As `glr_poisson`, for negative binomial counts with variance mean + `alpha` * mean^2: clustered reporting makes
    single high weeks common, and the Poisson chart alarms on them. `alpha` None is estimated with the mean by maximum
    likelihood (a given `mean` then needs a given alpha), 0 is Poisson. Arguments, shapes and errors as in
    `glr_poisson`, and ValueError for an alpha below 0.

    Source: Höhle & Paul 2008, Computational Statistics & Data Analysis 52:4357.

    >>> counts = [5, 4, 6, 5, 7, 8, 9, 9, 10, 5]
    >>> glr_nb(counts, mean=5, alpha=0.1, start=4, threshold=3).upperbound[:3].tolist()
    [13.0, 13.0, 13.0]
    """
    return _charted(
        counts,
        _Settings(threshold, min_window, max_window, change, theta, direction, ret, match_r),
        mean=mean,
        alpha=alpha,
        start=start,
        frequency=frequency,
    )


@dataclass(frozen=True, slots=True)
class _Settings:
    threshold: float
    min_window: int
    max_window: int | None
    change: str
    theta: float | None
    direction: str
    ret: str
    match_r: bool

    def __post_init__(self) -> None:
        if not self.threshold > 0:
            msg = f"threshold is {self.threshold}; a log likelihood ratio of 0 says nothing, so give more."
            raise ValueError(msg)
        if self.min_window < 1 or not (self.max_window is None or self.max_window >= UNLIMITED):
            msg = f"min_window is {self.min_window}, max_window {self.max_window}; give 1 or more, and -1 for no limit."
            raise ValueError(msg)
        if self.change != "intercept":
            msg = f'change is {self.change!r}; only "intercept", a changed level, is charted here.'
            raise ValueError(msg)
        if self.direction not in {"inc", "dec"} or self.ret not in {"cases", "value"}:
            msg = f'direction is {self.direction!r} and ret {self.ret!r}; give "inc" or "dec", "cases" or "value".'
            raise ValueError(msg)
        if self.theta is not None and not self.match_r and (self.theta > 0) != self.rising:
            msg = f'theta is {self.theta}; it is above 0 for direction "inc" and below 0 for "dec".'
            raise ValueError(msg)

    @property
    def rising(self) -> bool:
        return self.direction == "inc"

    def begins(self, at: int, *, poisson: bool) -> tuple[int, int, int]:
        """The first and last beginning of a window that ends `at`, and how old the chart must be for any."""
        back = UNLIMITED if self.max_window is None else self.max_window
        shortest, oldest, age = self.min_window, at - back if back >= 0 else 0, 0
        if self.match_r and poisson:
            if back > 0:
                shortest += 1
            else:
                shortest, oldest, age = 1, 0, self.min_window - 1
        return max(0, oldest), at - shortest + 1, age


def _charted(
    counts: ArrayLike,
    settings: _Settings,
    *,
    mean: Mapping[str, Any] | ArrayLike,
    alpha: float | None,
    start: int | None,
    frequency: int,
) -> Detection:
    if alpha is not None and not alpha >= 0:
        msg = f"alpha is {alpha}; the extra variance is 0 or more."
        raise ValueError(msg)
    values = np.asarray(counts, dtype=np.float64)
    from_ = first_judged(values, start)
    length = values.shape[-1]
    begin = min(length, 2 * frequency) if start is None else from_
    flat = values.reshape(-1, length)
    if isinstance(mean, Mapping):
        harmonics, trend = model_of(mean)
        baseline, extra = seasonal_mean(
            flat, begin, frequency=frequency, harmonics=harmonics, trend=trend, alpha=alpha, once=settings.match_r
        )
    elif alpha is None:
        msg = "The mean is given, so there is no fit to estimate alpha from; give alpha too."
        raise ValueError(msg)
    else:
        baseline = given_mean(mean, (*values.shape[:-1], length - begin)).reshape(-1, length - begin)
        extra = np.full(baseline.shape, alpha)
    found = np.full((3, len(flat), length - from_), np.nan)
    found[0, :, begin - from_ :] = baseline
    for poisson in (True, False):
        rows = np.flatnonzero((extra > NO_EXTRA_VARIANCE).any(axis=1) != poisson)
        rows = rows[~np.isnan(baseline[rows, -1:]).any(axis=1)]
        for top in range(0, rows.size, BLOCK):
            block = rows[top : top + BLOCK]
            run = _Chart(
                np.ascontiguousarray(flat[block, begin:].T),
                np.ascontiguousarray(baseline[block].T),
                None if poisson else np.ascontiguousarray(np.maximum(extra[block], LEAST_ALPHA).T),
                settings,
            )
            found[1:, block, begin - from_ :] = run.through().transpose(0, 2, 1)
    shape = (*values.shape[:-1], length - from_)
    expected, upper, score = (part.reshape(shape) for part in found)
    return Detection(
        expected=expected,
        upperbound=upper,
        score=score,
        p_value=np.full(shape, np.nan),
        alarm=score >= settings.threshold,
        first=begin,
        start=from_,
    )


class _Chart:
    """One chart per series over the monitored points; arrays are (points, series), so that a step reads rows."""

    def __init__(self, seen: FloatArray, mean: FloatArray, alpha: FloatArray | None, settings: _Settings) -> None:
        self.known = ~(np.isnan(seen) | np.isnan(mean))
        self.y = np.where(self.known, seen, 0.0)
        self.mean = mean
        self.alpha = alpha
        self.set = settings
        self.since = np.zeros(seen.shape[1], dtype=np.int64)
        self.ratio = np.zeros(seen.shape[1])
        # Sums over all points so far of counts, means, and the slope of the likelihood at no change.
        self.sums = np.zeros((3, len(seen) + 1, seen.shape[1]))
        self.kappa = np.zeros(seen.shape)

    def through(self) -> FloatArray:
        """Upper bound and score of every point; shape (2, points, series)."""
        found = np.full((2, *self.y.shape), np.nan)
        for t in range(len(self.y)):
            known = self.known[t]
            score, _ = self.with_next(t, self.y[t])
            found[1, t] = np.where(known, score, np.nan)
            found[0, t] = found[1, t] if self.set.ret == "value" else self.bound(t)
            alarmed = known & (score >= self.set.threshold)
            self.since[alarmed] = t + 1
            self.ratio = np.where(alarmed, 0.0, np.where(known, score, self.ratio))
            y, mean = np.where(known, self.y[t], 0.0), np.where(known, self.mean[t], 0.0)
            extra = 0.0 if self.alpha is None else self.alpha[t]
            self.sums[:, t + 1] = self.sums[:, t] + np.stack([y, mean, (y - mean) / (1.0 + extra * mean)])
        return found

    def with_next(self, t: int, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The statistic if the count at `t` were `y`, and by how much it grows with one case more."""
        if self.set.theta is not None:
            slope, cost = self._per_case(t, np.full(y.shape, self.set.theta))
            return np.maximum(0.0, self.ratio + slope * y - cost), slope
        oldest, youngest, age = self.set.begins(t, poisson=self.alpha is None)
        if youngest < oldest:
            return np.zeros(y.shape), np.zeros(y.shape)
        begins = np.arange(oldest, youngest + 1)[:, None]
        past = self.sums[:, t, None] - self.sums[:, oldest : youngest + 1]
        extra = 0.0 if self.alpha is None else self.alpha[t]
        cases, expected = past[0] + y, past[1] + self.mean[t]
        push = past[2] + (y - self.mean[t]) / (1.0 + extra * self.mean[t])
        speaks = (begins >= self.since) & (t - self.since >= age) & ((push > 0) if self.set.rising else (push < 0))
        if self.set.match_r and self.alpha is None:
            speaks &= cases > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            kappa = np.clip(np.log(cases / expected), -FARTHEST, FARTHEST)
        if self.alpha is None:
            ratio = np.where(cases > 0, cases * kappa, 0.0) - cases + expected
        else:
            ratio, kappa = self._negative_binomial(t, y, oldest, speaks, kappa)
        ratio = np.where(speaks, ratio, 0.0)
        best = np.argmax(ratio, axis=0)
        every = np.arange(y.size)
        slope, _ = self._per_case(t, np.where(speaks, kappa, 0.0)[best, every])
        return np.maximum(0.0, ratio[best, every]), slope

    def bound(self, t: int) -> FloatArray:
        """The largest count that is no alarm (the smallest in a chart for falls); R's with `match_r`.

        For every change the likelihood ratio is a straight line in the last count; the statistic is the uppermost of
        these lines. So each step goes along the line that is uppermost here to where it meets the threshold, and never
        passes the first such place (Dinkelbach 1967, Management Science 13:492).
        """
        y = 2.0 * self.mean[t] + 2.0 * self.set.threshold + 2.0 if self.set.rising else np.zeros(self.mean[t].shape)
        going = np.ones(y.shape, dtype=bool)
        for _ in range(200):
            score, slope = self.with_next(t, y)
            if self.set.rising:
                step = np.where(slope > 0, (self.set.threshold - score) / np.where(slope > 0, slope, 1.0), y)
            else:
                # Where not even no case is an alarm, no count is.
                going &= (y > 0) | (score >= self.set.threshold)
                step = np.where(slope < 0, (self.set.threshold - score) / np.where(slope < 0, slope, -1.0), 0.0)
            step = np.where(going, step, 0.0)
            y = y + step
            going &= (np.abs(step) > 1e-10 * (1.0 + np.abs(y))) & (y < 1e15)
            if not going.any():
                break
        unreachable = y >= 1e15
        if self.set.match_r and self.set.theta is not None:
            return np.where(unreachable, np.nan, np.maximum(y, 0.0))
        # A whole count on the threshold itself is an alarm, whatever rounding did to it.
        if self.set.rising:
            needed = np.ceil(y - 1e-8 * (1.0 + y))
            return np.where(unreachable, np.inf, np.maximum(needed - (0.0 if self.set.match_r else 1.0), 0.0))
        silent = (y <= 0) & (self.with_next(t, y)[0] < self.set.threshold)
        largest = np.floor(y + 1e-8 * (1.0 + y))
        return np.where(silent, 0.0, largest + 1.0)

    def _per_case(self, t: int, kappa: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What one case at `t` adds to the log likelihood ratio of a change by `kappa`, and what the mean takes off."""
        mean = self.mean[t]
        if self.alpha is None:
            return kappa, np.expm1(kappa) * mean
        alpha = self.alpha[t]
        bent = np.log1p(alpha * mean * np.expm1(kappa) / (1.0 + alpha * mean))
        return kappa - bent, bent / alpha

    def _negative_binomial(
        self, t: int, y: FloatArray, oldest: int, speaks: Flags, poisson: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """The largest log likelihood ratio of every window that speaks, and the change it is largest for."""
        assert self.alpha is not None  # noqa: S101 - a chart without alpha is Poisson
        ratio, found = np.zeros(speaks.shape), np.zeros(speaks.shape)
        window, series = np.nonzero(speaks)
        if not window.size:
            return ratio, found
        first = oldest + int(window.min())
        points = np.arange(first, t + 1)[:, None]
        inside = (points >= window + oldest) & self.known[first : t + 1, series]
        inside[-1] = True
        x = self.y[first : t + 1, series]
        x[-1] = y[series]
        mean, alpha = self.mean[first : t + 1, series], self.alpha[first : t + 1, series]
        x, mean = np.where(inside, x, 0.0), np.where(inside, mean, 0.0)
        spread = alpha * mean
        cases = x.sum(axis=0)
        before = self.kappa[window + oldest, series]
        kappa = np.where((before > 0) == self.set.rising, before, poisson[window, series])
        kappa = np.where(before == 0, poisson[window, series], kappa)
        going = np.arange(kappa.size)
        for _ in range(60):
            # Newton on the slope of the log likelihood, which falls in kappa all along.
            m, a, s = mean[:, going], alpha[:, going], spread[:, going]
            grown = np.exp(kappa[going])
            share = 1.0 / (1.0 + s * grown)
            weight = (1.0 + a * x[:, going]) * (m * grown) * share
            slope = cases[going] - weight.sum(axis=0)
            bend = (weight * share).sum(axis=0)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.where(bend > 0, np.clip(slope / bend, -1.0, 1.0), 0.0)
            kappa[going] = np.clip(kappa[going] + step, -FARTHEST, FARTHEST)
            going = going[np.abs(step) > 1e-9]
            if not going.size:
                break
        self.kappa[window + oldest, series] = kappa
        bent = np.log1p(spread * np.expm1(kappa) / (1.0 + spread))
        ratio[window, series] = cases * kappa - ((x + 1.0 / alpha) * bent).sum(axis=0)
        found[window, series] = kappa
        return ratio, found
