"""Tails and bounds of counts for many series at once: their quantiles, and normal bounds on a power of the count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammainc, ndtri

FloatArray = NDArray[np.float64]
PowerTransform = Literal["2/3", "1/2", "none"]

# A count above which single cases no longer show in its quantile.
COUNTED_ONE_BY_ONE = 1e11


def upper_tail(counts: ArrayLike, mean: ArrayLike, dispersion: ArrayLike) -> FloatArray:
    """Chance of so many or more: P(Y >= counts), negative binomial with variance dispersion x mean, Poisson at 1.

    Source: Abramowitz & Stegun 1964, 26.5.26 (incomplete beta function) and 26.4.21 (incomplete gamma function).

    >>> upper_tail([0, 3, 3], 1.0, [1.0, 1.0, 2.0]).round(4).tolist()
    [1.0, 0.0803, 0.125]
    """
    y, mean, dispersion = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (counts, mean, dispersion)))
    tail = np.where(np.isnan(y + mean + dispersion), np.nan, 1.0)
    with np.errstate(invalid="ignore"):
        some, wider = np.ceil(y) > 0, dispersion > 1
    at = some & wider
    more = dispersion[at] - 1
    tail[at] = betainc(np.ceil(y[at]), mean[at] / more, more / dispersion[at])
    at = some & (dispersion == 1)
    tail[at] = gammainc(np.ceil(y[at]), mean[at])
    return tail


def upper_quantile(mean: FloatArray, dispersion: FloatArray, alpha: float) -> FloatArray:
    """The smallest count u with P(Y > u) <= alpha, in the distribution of `upper_tail`; an exact integer.

    Begins at the Cornish-Fisher expansion, which is mostly right, and walks from there. Above 1e11 it stays there.

    Source: Cornish & Fisher 1938, Revue de l'Institut International de Statistique 5:307, for the beginning.

    >>> upper_quantile(np.array([1.0, 1.0]), np.array([1.0, 2.0]), 0.05).tolist()
    [3.0, 4.0]
    """
    bound = np.full(mean.shape, np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        known = np.isfinite(mean * dispersion)
    mean, dispersion = mean[known], dispersion[known]
    z = -ndtri(alpha)
    with np.errstate(divide="ignore"):
        skew = (2 * dispersion - 1) / np.sqrt(dispersion * mean)
        excess = (6 * (dispersion - 1) + 1 / dispersion) / mean
    w = z + (z * z - 1) * skew / 6 + (z**3 - 3 * z) * excess / 24 - (2 * z**3 - 5 * z) * skew**2 / 36
    with np.errstate(invalid="ignore"):
        u = np.rint(mean + np.sqrt(dispersion * mean) * w - 0.5)
        u = np.where(u > 0, u, 0.0)
    # Few cases: the expansion strays by more than the quantile itself.
    u = np.where(mean < 1, np.minimum(u, np.ceil(10 * dispersion)), u)
    found = u.copy()
    live = np.flatnonzero(u < COUNTED_ONE_BY_ONE)
    u, mean, dispersion = u[live], mean[live], dispersion[live]
    # P(Y > low) is above alpha, P(Y > high) is not; the quantile is the high that is one above a low.
    low, high, step = np.full(u.size, -1.0), np.full(u.size, np.inf), 1.0
    while live.size:
        enough = upper_tail(u + 1, mean, dispersion) <= alpha
        low, high = np.where(enough, low, u), np.where(enough, u, high)
        go = high - low > 1
        found[live[~go]] = high[~go]
        live, mean, dispersion, low, high = live[go], mean[go], dispersion[go], low[go], high[go]
        walk = np.where(np.isinf(high), low + step, np.where(low < 0, high - step, low))
        u = np.where(walk > low, walk, np.floor((low + np.where(np.isinf(high), low, high)) / 2))
        step *= 2
    bound[known] = found
    return bound


_POWERS: dict[str, float] = {"2/3": 2 / 3, "1/2": 1 / 2, "none": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where a count is too high; the settings both methods share, checked once."""

    alpha: float
    minimum_cases: Sequence[int]
    power_transform: PowerTransform

    def __post_init__(self) -> None:
        cases, wrong = self.minimum_cases, None
        if not 0 < self.alpha < 0.5:
            wrong = f"alpha is {self.alpha}; the chance of a false alarm lies between 0 and 0.5."
        elif len(cases) != 2 or cases[0] < 0 or cases[1] < 1:
            wrong = f"minimum_cases is {list(cases)}; give cases (0 or more) and in how many points (1 or more)."
        elif self.power_transform not in _POWERS:
            wrong = f"power_transform is {self.power_transform!r}; choose {', '.join(_POWERS)}."
        if wrong:
            raise ValueError(wrong)


def power_bound(mean: FloatArray, variance: FloatArray, z: float, transform: PowerTransform) -> FloatArray:
    """The count that lies `z` standard deviations above the mean on the transformed scale, back on the count scale.

    A count to the power 2/3 is nearly symmetric, its square root has nearly the same variance everywhere. `variance` is
    that of the forecast error, on the count scale.

    Source: Farrington et al. 1996, JRSS A 159:547.

    >>> power_bound(np.array([8.0]), np.array([8.0]), 2.0, "none").round(3).tolist()
    [13.657]
    """
    power = _POWERS[transform]
    return (mean**power + z * _power_spread(mean, variance, power)) ** (1 / power)


def power_deviate(counts: FloatArray, mean: FloatArray, variance: FloatArray, transform: PowerTransform) -> FloatArray:
    """How many standard deviations a count lies above the mean on the transformed scale; inverse of `power_bound`.

    Source: Farrington et al. 1996, JRSS A 159:547.

    >>> power_deviate(np.array([14.0]), np.array([8.0]), np.array([9.0]), "none").tolist()
    [2.0]
    """
    power = _POWERS[transform]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (counts**power - mean**power) / _power_spread(mean, variance, power)


def _power_spread(mean: FloatArray, variance: FloatArray, power: float) -> FloatArray:
    # First-order error propagation of y to the power p.
    return power * mean ** (power - 1) * np.sqrt(variance)
