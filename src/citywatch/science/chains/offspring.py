"""How unevenly cases infect: the offspring distribution, and how few cases make most of the next ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import gammaln
from scipy.stats import chi2, nbinom

_LEAST, _MOST = 1e-4, 1e3


@dataclass(frozen=True, slots=True)
class Offspring:
    """Mean number infected, dispersion k (small: few cases infect most) with its interval, and who makes the most.

    `infected_nobody` is the share of cases without offspring, `share_for_80` the smallest share of cases that made 80 %
    of the infections seen, `expected_share_for_80` the same by the fitted law. `dispersion_high` is infinite where the
    counts are no more uneven than chance.
    """

    mean: float
    dispersion: float
    dispersion_low: float
    dispersion_high: float
    infected_nobody: float
    share_for_80: float
    expected_share_for_80: float


def fit_offspring(counts: ArrayLike, *, confidence: float = 0.95) -> Offspring:
    """Fit the negative binomial law to the number each case infected, one count per case, by maximum likelihood.

    The interval is the profile likelihood's; the mean is its own estimate whatever the dispersion. All NaN without a
    case, and k NaN where nobody infected anyone. Raises ValueError for a negative count.

    Source: Lloyd-Smith et al. 2005, Nature 438:355.

    >>> told = fit_offspring([0] * 8 + [1, 11])
    >>> told.mean, round(told.dispersion, 2), told.share_for_80
    (1.2, 0.08, 0.1)
    """
    seen = np.asarray(counts, dtype=np.float64)
    if (seen < 0).any():
        msg = f"{seen.min():g} is no number of people infected."
        raise ValueError(msg)
    nan = float("nan")
    if not seen.size:
        return Offspring(nan, nan, nan, nan, nan, nan, nan)
    mean = float(seen.mean())
    if mean == 0:
        return Offspring(0.0, nan, nan, nan, 1.0, nan, nan)

    def minus(log_k: float) -> float:
        k = float(np.exp(log_k))
        each: NDArray[np.float64] = gammaln(k + seen) - gammaln(k) - gammaln(seen + 1) + k * np.log(k / (k + mean))
        total: float = np.sum(each + seen * np.log(mean / (k + mean))).item()
        return -total

    low, high = float(np.log(_LEAST)), float(np.log(_MOST))
    best = minimize_scalar(minus, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    limit = float(best.fun) + float(chi2.ppf(confidence, 1)) / 2

    def beyond(log_k: float) -> float:
        return minus(log_k) - limit

    lower = float(np.exp(float(brentq(beyond, low, best.x)))) if beyond(low) > 0 else 0.0
    upper = float(np.exp(float(brentq(beyond, best.x, high)))) if beyond(high) > 0 else float("inf")
    k = float(np.exp(best.x))
    return Offspring(
        mean=mean,
        dispersion=k,
        dispersion_low=lower,
        dispersion_high=upper,
        infected_nobody=float((seen == 0).mean()),
        share_for_80=_share(np.sort(seen)[::-1], np.ones(len(seen))),
        expected_share_for_80=_expected_share(mean, k),
    )


def _share(counts: np.ndarray, people: np.ndarray) -> float:
    """Smallest share of people, counts falling, that makes 80 % of the total; in part where the last group is split."""
    made = np.cumsum(counts * people)
    wanted = 0.8 * made[-1]
    at = int(np.searchsorted(made, wanted - 1e-9))
    before = made[at - 1] if at else 0.0
    part = (wanted - before) / counts[at] if len(np.unique(people)) > 1 else 1.0
    return float((people[:at].sum() + part) / people.sum())


def _expected_share(mean: float, k: float) -> float:
    most = int(nbinom.isf(1e-9, k, k / (k + mean))) + 1
    values = np.arange(most, 0, -1, dtype=np.float64)
    chance = nbinom.pmf(values, k, k / (k + mean))
    made = np.cumsum(values * chance)
    at = int(np.searchsorted(made, min(0.8 * mean, made[-1])))
    before = float(made[at - 1]) if at else 0.0
    return float(chance[:at].sum() + (0.8 * mean - before) / values[at])
