"""The mean that a control chart watches against: given, or estimated from what came before the chart.

Shared by the CUSUM and the likelihood-ratio charts.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citywatch.science.detect.regression import fit_log_linear, fit_negative_binomial, seasonal_design

FloatArray = NDArray[np.float64]

# Series fitted at once: their points stay in the processor's cache.
BLOCK = 32


def seasonal_mean(
    values: FloatArray,
    begin: int,
    *,
    frequency: int,
    harmonics: int,
    trend: bool,
    alpha: float | None = 0.0,
    once: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """The log-linear seasonal mean of the points from `begin` on, and the dispersion, learned from the points before.

    The fit is renewed every cycle of `frequency` points from all points before it, so that a chart that runs for years
    does not compare with a mean frozen at its beginning; `once` freezes it. `alpha` None estimates the dispersion, else
    it is given. `values` has shape (series, time); returns mean and alpha, both (series, time - begin).

    Source: Höhle & Paul 2008, Computational Statistics & Data Analysis 52:4357, section 2.

    >>> mean, _ = seasonal_mean(np.array([[2.0, 4, 2, 4, 9, 9]]), 4, frequency=2, harmonics=0, trend=False)
    >>> mean.round(6).tolist()
    [[3.0, 3.0]]
    """
    length = values.shape[1]
    design = seasonal_design(np.arange(1.0, length + 1), frequency=frequency, harmonics=harmonics, trend=trend)
    mean, dispersion = (np.full((len(values), length - begin), np.nan) for _ in range(2))
    for at in range(begin, length, length - begin if once else frequency):
        to = length if once else min(length, at + frequency)
        for top in range(0, len(values), BLOCK):
            block = slice(top, top + BLOCK)
            if alpha is None:
                coefficients, fitted = fit_negative_binomial(values[block, :at], design[:at])
                dispersion[block, at - begin : to - begin] = fitted[:, None]
            else:
                coefficients = fit_log_linear(values[block, :at], design[:at], alpha)
                dispersion[block, at - begin : to - begin] = alpha
            with np.errstate(over="ignore"):
                mean[block, at - begin : to - begin] = np.exp(coefficients @ design[at:to].T)
    return mean, dispersion


def level_mean(values: FloatArray, begin: int, *, frequency: int, once: bool = False) -> FloatArray:
    """The plain mean of the points before, renewed every cycle as in `seasonal_mean`; shape (series, time - begin).

    A past without a case gets half a case in all, so that the first cases can be judged; `once` gives the mean as it
    is, NaN if a past point is missing.

    Source: Rossi, Lampugnani & Marchi 1999, Statistics in Medicine 18:2111.

    >>> level_mean(np.array([[2.0, 4, 9, 3, 0]]), 2, frequency=2).tolist()
    [[3.0, 3.0, 4.5]]
    """
    length = values.shape[1]
    mean = np.full((len(values), length - begin), np.nan)
    for at in range(begin, length, length - begin if once else frequency):
        to = length if once else min(length, at + frequency)
        past = values[:, :at]
        if once:
            mean[:, at - begin : to - begin] = past.mean(axis=1, keepdims=True) if at else np.nan
            continue
        n = (~np.isnan(past)).sum(axis=1)
        total = np.maximum(np.nansum(past, axis=1), 0.5)
        mean[:, at - begin : to - begin] = np.where(n > 0, total / np.maximum(n, 1), np.nan)[:, None]
    return mean


def given_mean(mean: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """A mean given as a number, or one per monitored point, spread over shape (..., points).

    Raises ValueError when it is not positive or its length is another.

    Source: our own.

    >>> given_mean(3, (2, 2)).tolist()
    [[3.0, 3.0], [3.0, 3.0]]
    """
    numbers = np.asarray(mean, dtype=np.float64)
    if (numbers <= 0).any():
        msg = f"mean holds {np.nanmin(numbers):g}; an expected number of cases is above 0."
        raise ValueError(msg)
    if numbers.ndim and numbers.shape[-1] not in {1, shape[-1]}:
        msg = f"mean has {numbers.shape[-1]} numbers for {shape[-1]} monitored points; give one for each, or one."
        raise ValueError(msg)
    return np.broadcast_to(numbers, shape).astype(np.float64)


def model_of(mean: Mapping[str, Any]) -> tuple[int, bool]:
    """The number of harmonics `S` and the `trend` of a mean model such as {"S": 1, "trend": false}.

    Raises ValueError for other words or values.

    Source: the mean models of Höhle & Paul 2008, Computational Statistics & Data Analysis 52:4357.

    >>> model_of({"S": 2, "trend": True})
    (2, True)
    """
    harmonics, trend = mean.get("S", 1), mean.get("trend", False)
    if set(mean) - {"S", "trend"} or not isinstance(trend, bool) or not float(harmonics).is_integer() or harmonics < 0:
        msg = f'mean is {dict(mean)}; a model has "S", the number of harmonics from 0 on, and "trend", true or false.'
        raise ValueError(msg)
    return int(harmonics), trend
