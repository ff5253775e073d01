"""Quantiles that detectors need for many series at once: of small samples with gaps, and of counts."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtri

FloatArray = NDArray[np.float64]


def sample_quantile(values: FloatArray, share: float) -> FloatArray:
    """The `share` quantile along the last axis, linear between neighbours, of the values that are there.

    This is the type 7 of R and of NumPy, and Excel's PERCENTILE: of n values the one at place share * (n - 1) of the
    sorted ones, counted from 0. On a baseline of 25 values the type matters. NaN where nothing is there.

    Source: Hyndman & Fan 1996, The American Statistician 50:361, definition 7.

    >>> sample_quantile(np.array([[4.0, 1.0, np.nan, 3.0, 2.0]]), 0.5).tolist()
    [2.5]
    """
    ordered = np.sort(values, axis=-1)  # NaN last
    n = (~np.isnan(values)).sum(axis=-1, keepdims=True)
    place = share * np.maximum(n - 1, 0)
    below = np.floor(place).astype(np.int64)
    low = np.take_along_axis(ordered, below, axis=-1)
    high = np.take_along_axis(ordered, np.minimum(below + 1, np.maximum(n - 1, 0)), axis=-1)
    quantile: FloatArray = (low + (place - below) * (high - low))[..., 0]
    return quantile


def negative_binomial_quantile(share: float, size: FloatArray, probability: FloatArray) -> FloatArray:
    """The smallest count whose cumulative negative binomial probability reaches `share`; `size` need not be whole.

    Mean size * (1 - probability) / probability. Starts from the normal quantile with a correction for skewness and
    closes in by halves, a whole array at once: a quantile function that inverts one number at a time takes minutes
    for a city.

    Source: Cornish & Fisher 1938, Revue de l'Institut International de Statistique 5:307, for the first guess; the
    cumulative probability is the incomplete beta function, Abramowitz & Stegun 1964, 26.5.26.

    >>> negative_binomial_quantile(0.95, np.array([11.5]), np.array([6 / 7])).tolist()
    [5.0]
    """
    z = float(ndtri(share))
    mean = size * (1.0 - probability) / probability
    sd = np.sqrt(mean / probability)
    skewness = (2.0 - probability) / np.sqrt(size * (1.0 - probability))
    guess = np.maximum(0.0, np.round(mean + sd * (z + skewness * (z * z - 1.0) / 6.0)))
    # P(Y <= y) >= share, found between `low`, known to be too small, and `high`, known to do.
    reached = betainc(size, guess + 1.0, probability) >= share
    low, high = np.where(reached, -1.0, guess), np.where(reached, guess, np.inf)
    step = np.ones(guess.shape)
    while (open_ends := np.isinf(high)).any():
        tried = low[open_ends] + step[open_ends]
        enough = betainc(size[open_ends], tried + 1.0, probability[open_ends]) >= share
        high[open_ends] = np.where(enough, tried, np.inf)
        low[open_ends] = np.where(enough, low[open_ends], tried)
        step[open_ends] *= 2.0
    step = np.ones(guess.shape)
    going_down = reached & (high > 0)
    while going_down.any():
        tried = np.maximum(-1.0, high[going_down] - step[going_down])
        enough = betainc(size[going_down], tried + 1.0, probability[going_down]) >= share
        enough &= tried >= 0
        high[going_down] = np.where(enough, tried, high[going_down])
        low[going_down] = np.where(enough, low[going_down], tried)
        step[going_down] *= 2.0
        going_down[going_down] = enough & (tried > 0)
    while (wide := high - low > 1.0).any():
        middle = np.floor((low[wide] + high[wide]) / 2.0)
        enough = betainc(size[wide], middle + 1.0, probability[wide]) >= share
        high[wide] = np.where(enough, middle, high[wide])
        low[wide] = np.where(enough, low[wide], middle)
    return high
