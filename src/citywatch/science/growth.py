"""How fast counts grow: a rate per day, and the days they take to double. No serial interval is needed."""

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

FloatArray = NDArray[np.float64]

_STEPS = 50
_CONVERGED = 1e-10
# Two points lie on any line: their spread is unknown.
_LEAST_POINTS = 3


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth per window, shape (..., windows). NaN where it could not be told.

    `rate` is the exponential rate per time step with its interval `low` to `high`. `doubling` is ln 2 / rate: steps
    until the counts have doubled, negative where they halve. `doubling_low` and `doubling_high` are the same of the
    interval's ends, fastest first; where the interval holds 0, doubling may never come and `doubling_high` is infinite
    (for falling counts `doubling_low` is minus infinity).
    """

    rate: FloatArray
    low: FloatArray
    high: FloatArray
    doubling: FloatArray
    doubling_low: FloatArray
    doubling_high: FloatArray


def doubling_time(
    counts: ArrayLike,
    *,
    window: int | None = None,
    method: Literal["poisson", "log-linear"] = "poisson",
    confidence: float = 0.95,
) -> Growth:
    """Growth rate and doubling time of counts by regression on time.

    What the press office asks first, and honest only with its interval: few cases fit almost any doubling time.
    "poisson" is a log-linear model of the counts themselves, which takes zeros as they come; its standard error is
    widened where counts scatter more than Poisson, never narrowed. "log-linear" is the straight line through the
    logarithms, with Student's interval; a zero leaves it untold.

    `counts` has shape (..., time), NaN a missing day, which is left out. `window` is in time steps and slides by one;
    None takes the whole series as one window. Raises ValueError for a window below 3 or longer than the series, an
    unknown method or a confidence outside 0..1.

    Source: McCullagh & Nelder, Generalized Linear Models, 2nd edition, 1989, chapter 6; for outbreaks Wallinga &
    Lipsitch 2007, Proceedings of the Royal Society B 274:599.

    >>> found = doubling_time([10, 13, 16, 21, 25, 32, 41, 52])
    >>> found.doubling.round(2).tolist(), found.doubling_low.round(2).tolist(), found.doubling_high.round(2).tolist()
    ([2.97], [2.33], [4.1])
    """
    values = np.asarray(counts, dtype=np.float64)
    if (values < 0).any() or np.isinf(values).any():
        msg = "counts hold a negative or infinite value; a count is 0 or more."
        raise ValueError(msg)
    width = values.shape[-1] if window is None else window
    if not _LEAST_POINTS <= width <= values.shape[-1]:
        msg = f"window is {width} of {values.shape[-1]} points; growth needs at least {_LEAST_POINTS}."
        raise ValueError(msg)
    if not 0 < confidence < 1:
        msg = f"confidence is {confidence}; it lies between 0 and 1."
        raise ValueError(msg)
    if method not in {"poisson", "log-linear"}:
        msg = f"method is {method}; there are poisson and log-linear."
        raise ValueError(msg)
    inside = sliding_window_view(values, width, axis=-1)
    days = np.arange(width) - (width - 1) / 2
    if method == "poisson":
        rate, error = _poisson(inside, days)
        reach = float(ndtri((1 + confidence) / 2)) * error
    else:
        rate, error, free = _log_linear(inside, days)
        reach = stdtrit(free, (1 + confidence) / 2) * error
    low, high = rate - reach, rate + reach
    return Growth(rate, low, high, *_doubling(rate, low, high))


def _doubling(rate: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        point, fastest, slowest = log(2) / rate, log(2) / high, log(2) / low
    grows = rate >= 0
    doubling_low = np.where(grows, fastest, np.where(high >= 0, -np.inf, fastest))
    doubling_high = np.where(grows, np.where(low <= 0, np.inf, slowest), slowest)
    told = np.isfinite(rate)
    return point, np.where(told, doubling_low, np.nan), np.where(told, doubling_high, np.nan)


def _poisson(counts: FloatArray, days: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slope and standard error by iterated weighting, all windows at once."""
    there = ~np.isnan(counts)
    y = np.where(there, counts, 0.0)
    # One day with cases, or none, fits any slope.
    told = ((y > 0).sum(axis=-1) >= 2) & (there.sum(axis=-1) >= _LEAST_POINTS)
    eta = np.log(np.where(told[..., np.newaxis], y, 1.0) + 0.5)
    slope, error = np.full(told.shape, np.nan), np.full(told.shape, np.nan)
    mu = np.exp(eta) * there
    level = rate = np.zeros(told.shape)
    for step in range(_STEPS):
        before = rate
        working = eta * mu + y - mu
        level, rate, _ = _weighted_line(mu, working, days)
        eta = np.clip(level[..., np.newaxis] + rate[..., np.newaxis] * days, -700, 700)
        mu = np.exp(eta) * there
        if step and (np.abs(rate - before)[told] <= _CONVERGED * (1 + np.abs(rate[told]))).all():
            break
    _, _, spread = _weighted_line(mu, mu, days)
    with np.errstate(divide="ignore", invalid="ignore"):
        pearson = np.where(mu > 0, (y - mu) ** 2 / mu, 0.0).sum(axis=-1)
        scatter = np.maximum(1.0, pearson / (there.sum(axis=-1) - 2))
        error[told] = np.sqrt(scatter / spread)[told]
    slope[told] = rate[told]
    return slope, error


def _log_linear(counts: FloatArray, days: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    there = ~np.isnan(counts)
    points = there.sum(axis=-1)
    told = (points >= _LEAST_POINTS) & ~(counts == 0).any(axis=-1)
    y = np.log(np.where(there & (counts > 0), counts, 1.0))
    weight = there.astype(np.float64)
    level, rate, spread = _weighted_line(weight, y * weight, days)
    rest = (y - level[..., np.newaxis] - rate[..., np.newaxis] * days) * weight
    free = np.where(told, points - 2.0, np.nan)
    error = np.sqrt((rest**2).sum(axis=-1) / free / spread)
    return np.where(told, rate, np.nan), np.where(told, error, np.nan), free


def _weighted_line(
    weight: FloatArray, weighted: FloatArray, days: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Level at day 0, slope, and the weighted spread of the days; `weighted` is weight times value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        total = weight.sum(axis=-1)
        middle = (weight @ days) / total
        away = days - middle[..., np.newaxis]
        spread = (weight * away**2).sum(axis=-1)
        slope = (weighted * away).sum(axis=-1) / spread
        level = weighted.sum(axis=-1) / total - slope * middle
    return level, slope, spread
