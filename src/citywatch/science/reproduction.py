"""How many people one case infects: the instantaneous R of Cori et al. and the cohort R of Wallinga and Teunis.

Days are indices of the series from 0; windows include both of their ends. How fast the counts themselves grow is
told by `growth`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincinv

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVELS = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
# The posterior's coefficient of variation is 1/sqrt(shape): with the default prior (shape 1), 11 cases bring it to 0.3.
ENOUGH_CASES = 11
# A given serial interval was rounded by whoever printed it.
_ROUNDING = 0.01
# Between these levels 32 nodes give gamma quantiles to 1e-13; outside them the polynomial would need more.
_TAILS = (0.001, 0.999)
_NODES = 32
_AT_ONCE = 2048
# A missing day this little leaned on is no reason to say nothing: the tail of a gamma never ends.
_FORGOTTEN = 1e-6


@dataclass(frozen=True, slots=True)
class Reproduction:
    """R per window. NaN where it could not be told.

    `first` and `last` (windows,) are the days a window begins and ends on, both inside it. `mean`, `sd` and `cases`
    (the local cases counted in the window) have shape (..., windows), `quantiles` (..., windows, levels).
    """

    first: IntArray
    last: IntArray
    mean: FloatArray
    sd: FloatArray
    levels: tuple[float, ...]
    quantiles: FloatArray
    cases: FloatArray

    def quantile(self, level: float) -> FloatArray:
        """R at one of the `levels`, shape (..., windows). Raises ValueError for a level that was not asked for."""
        return self.quantiles[..., self.levels.index(level)]


def discretised_serial_interval(days: ArrayLike, *, mean: float, sd: float) -> FloatArray:
    """Chance that the next case of a chain falls ill that many whole days after the one before.

    Reports come by the day, serial intervals do not: a gamma distribution shifted by one day (nobody infects and shows
    it on the same day) is spread over whole days by the overlap of two uniform onset times. `mean` and `sd` are in
    days and belong to the shifted distribution. Day 0 has chance 0. Raises ValueError unless mean > 1 and sd > 0.

    Source: Cori et al. 2013, American Journal of Epidemiology 178:1505, web appendix 11.

    >>> discretised_serial_interval([0, 1, 2, 3], mean=2.6, sd=1.5).round(4).tolist()
    [0.0, 0.2332, 0.3586, 0.1981]
    """
    if not mean > 1:
        msg = f"mean is {mean} days; a serial interval shifted by one day has a mean above 1."
        raise ValueError(msg)
    if not sd > 0:
        msg = f"sd is {sd} days; a serial interval varies, so it must be above 0."
        raise ValueError(msg)
    k = np.asarray(days, dtype=np.float64)
    if k.size and not k.min() >= 0:
        msg = f"days holds {k.min()}; a serial interval is counted from day 0."
        raise ValueError(msg)
    shape, scale = ((mean - 1) / sd) ** 2, sd**2 / (mean - 1)
    at = np.unique(np.maximum(0.0, k[..., np.newaxis] - np.arange(3)))
    place = np.searchsorted(at, np.maximum(0.0, k[..., np.newaxis] - np.arange(3)))
    below = gammainc(shape, at / scale)[place]
    below_next = gammainc(shape + 1, at / scale)[place]
    chance = k * below[..., 0] + (k - 2) * below[..., 2] - 2 * (k - 1) * below[..., 1]
    chance += shape * scale * (2 * below_next[..., 1] - below_next[..., 2] - below_next[..., 0])
    found: FloatArray = np.maximum(0.0, chance)
    return found


def estimate_r(
    incidence: ArrayLike,
    *,
    serial_interval: ArrayLike,
    imported: ArrayLike | None = None,
    window: int = 7,
    windows: tuple[ArrayLike, ArrayLike] | None = None,
    prior_mean: float = 5.0,
    prior_sd: float = 5.0,
    levels: tuple[float, ...] = LEVELS,
) -> Reproduction:
    """Posterior of R over a sliding window: local cases against the infectiousness of all cases before them.

    R above 1 says that the measures of that week were not enough, and needs nothing but counts and a serial interval.
    In a window, local cases are Poisson with mean R times the sum of past cases weighted by the serial interval; a
    gamma prior on R gives a gamma posterior. The default prior, mean 5 and standard deviation 5, is high on purpose:
    with few cases it does not let an outbreak look over. Below `ENOUGH_CASES` in a window the prior still speaks.

    `incidence` has shape (..., time), cases per day, all series on one calendar, NaN a missing day; it counts every
    case, and `imported` (same shape, default none) those of them infected elsewhere, who infect but were not infected
    here. `serial_interval` is the chance of day 0, 1, 2, ... (0 on day 0); what lies beyond the series is cut and not
    rescaled. `window` is in days and slides by one from the second day on (where the cases of the first were infected,
    nobody knows); or give `windows` as (first days, last days), from day 1 on. A window that ends within one mean
    serial interval of the first day, or has a missing day in it or in the past it leans on, is NaN. Raises ValueError
    for a serial interval that is no distribution, windows outside the series, a prior that is not positive, or
    negative counts.

    Source: Cori et al. 2013, American Journal of Epidemiology 178:1505; imported cases, Thompson et al. 2019,
    Epidemics 29:100356.

    >>> growing = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
    >>> found = estimate_r(growing, serial_interval=[0, 0.2, 0.5, 0.3], levels=(0.025, 0.975))
    >>> found.mean.round(2).tolist()
    [2.68, 2.62, 2.6]
    """
    everyone = _counts(incidence)
    local = everyone if imported is None else everyone - _counts(imported, like=everyone)
    if (local < 0).any():
        msg = "imported holds more cases than incidence on some day; incidence counts every case, imported ones too."
        raise ValueError(msg)
    if not (prior_mean > 0 and prior_sd > 0):
        msg = f"the prior's mean is {prior_mean} and its sd {prior_sd}; both must be above 0."
        raise ValueError(msg)
    _refuse_levels(levels)
    weights = _serial_interval(serial_interval, everyone.shape[-1])
    first, last = _windows(everyone.shape[-1], window, windows)
    infectious = _in_windows(_infectiousness(everyone, weights), first, last)
    cases = _in_windows(local, first, last)
    cases[..., last + 1 <= np.arange(weights.size) @ weights] = np.nan
    shape = (prior_mean / prior_sd) ** 2 + cases
    scale = 1 / (prior_mean / prior_sd**2 + infectious)
    return Reproduction(
        first=first,
        last=last,
        mean=shape * scale,
        sd=np.sqrt(shape) * scale,
        levels=tuple(levels),
        quantiles=_posterior_quantiles(shape, cases, levels) * scale[..., np.newaxis],
        cases=cases,
    )


def wallinga_teunis(
    incidence: ArrayLike,
    *,
    serial_interval: ArrayLike,
    window: int = 7,
    windows: tuple[ArrayLike, ArrayLike] | None = None,
    levels: tuple[float, ...] = (0.025, 0.5, 0.975),
    draws: int = 1000,
    seed: int = 1,
) -> Reproduction:
    """R of the cohorts: how many people the cases of a window infected, whoever infected whom being unknown.

    It looks forward, `estimate_r` back: it tells what became of the cases of a week, so it is right about when an
    outbreak turned, and too low for the last serial interval of the series, whose victims are not yet ill. Each case
    is shared among all earlier cases by the serial interval; the mean is exact. The rest is drawn: `draws` times every
    case is given one infector by those chances, independently, and `sd` and `quantiles` (linear between the draws, as
    NumPy's default) are those of the window's mean over the draws. They hold the uncertainty of who infected whom, not
    that of the serial interval or of offspring by luck. `draws=0` gives the mean alone.

    `incidence` has shape (..., time), whole cases per day, without missing days; windows as in `estimate_r`, but may
    begin on day 0. A window without cases is NaN. Raises ValueError as `estimate_r`, and for counts that are missing
    or not whole.

    Source: Wallinga & Teunis 2004, American Journal of Epidemiology 160:509.

    >>> found = wallinga_teunis([1, 2, 4, 8, 4, 2], serial_interval=[0, 0.7, 0.3], windows=([0, 3], [1, 5]))
    >>> found.mean.round(3).tolist(), found.quantile(0.975).round(2).tolist()
    ([2.471, 0.378], [3.33, 0.43])
    """
    counts = _counts(incidence)
    if not (counts == np.floor(counts)).all():
        msg = "incidence holds missing or broken counts; cohorts are made of whole people, so fill or leave those days."
        raise ValueError(msg)
    if draws < 0:
        msg = f"draws is {draws}; it is 0 or more."
        raise ValueError(msg)
    _refuse_levels(levels)
    time = counts.shape[-1]
    weights = _serial_interval(serial_interval, time)
    first, last = _windows(time, window, windows, earliest=0)
    infectious = _infectiousness(counts, weights)
    # A case that nobody before can explain is shared by none.
    share = np.divide(counts, infectious, out=np.zeros_like(counts), where=infectious > 0)
    offspring = counts * _infectiousness(share[..., ::-1], weights)[..., ::-1]
    cases = _in_windows(counts, first, last)
    sd = np.full(cases.shape, np.nan)
    quantiles = np.full((*cases.shape, len(levels)), np.nan)
    if draws:
        rng = np.random.default_rng(seed)
        for place in np.ndindex(counts.shape[:-1]):
            drawn = _in_windows(_drawn_offspring(counts[place], weights, draws, rng), first, last)
            there = cases[place] > 0
            per_case = drawn[:, there] / cases[place][there]
            sd[place][there] = per_case.std(axis=0, ddof=1) if draws > 1 else np.nan
            quantiles[place][there] = np.quantile(per_case, levels, axis=0).T
    total = _in_windows(offspring, first, last)
    mean = np.divide(total, cases, out=np.full(cases.shape, np.nan), where=cases > 0)
    return Reproduction(first, last, mean, sd, tuple(levels), quantiles, cases)


def _counts(given: ArrayLike, like: FloatArray | None = None) -> FloatArray:
    counts = np.asarray(given, dtype=np.float64)
    if counts.ndim == 0 or (like is not None and counts.shape != like.shape):
        wanted = "(..., time)" if like is None else like.shape
        msg = f"counts have shape {counts.shape}; the shape needed is {wanted}."
        raise ValueError(msg)
    if np.isinf(counts).any() or (counts < 0).any():
        msg = f"counts hold {np.nanmin(np.where(np.isinf(counts), -np.inf, counts))}; a count is 0 or more, and finite."
        raise ValueError(msg)
    return counts


def _serial_interval(given: ArrayLike, time: int) -> FloatArray:
    weights = np.asarray(given, dtype=np.float64)
    if weights.ndim != 1 or weights.size == 0 or not (weights >= 0).all():
        msg = "serial_interval must be a row of chances, none negative or missing."
        raise ValueError(msg)
    if weights[0] != 0:
        msg = f"serial_interval has chance {weights[0]} on day 0; nobody is infected by a case of the same day."
        raise ValueError(msg)
    if not 0 < weights.sum() <= 1 + _ROUNDING:
        msg = f"serial_interval sums to {weights.sum()}; chances sum to 1."
        raise ValueError(msg)
    return weights[: time + 1]


def _windows(
    time: int, window: int, windows: tuple[ArrayLike, ArrayLike] | None, *, earliest: int = 1
) -> tuple[IntArray, IntArray]:
    if windows is None:
        if window < 1:
            msg = f"window is {window} days; it needs at least 1."
            raise ValueError(msg)
        first = np.arange(1, max(1, time - window + 1), dtype=np.int64)
        return first, first + window - 1
    first, last = (np.atleast_1d(np.asarray(days, dtype=np.int64)) for days in windows)
    wrong = (first < earliest) | (last < first) | (last >= time)
    if wrong.any():
        at = int(wrong.argmax())
        msg = f"window {first[at]} to {last[at]} does not lie in days {earliest} to {time - 1} of the series."
        raise ValueError(msg)
    return first, last


def _infectiousness(counts: FloatArray, weights: FloatArray) -> FloatArray:
    """Past cases weighted by the serial interval; NaN where a missing day lies among them."""
    time = counts.shape[-1]
    missing = np.isnan(counts)
    if missing.any():
        return np.where(
            _past(missing.astype(np.float64), (weights > _FORGOTTEN).astype(np.float64)) > 0.5,
            np.nan,
            _past(np.where(missing, 0.0, counts), weights),
        )
    return _past(counts, weights) if time else counts


def _past(counts: FloatArray, weights: FloatArray) -> FloatArray:
    time = counts.shape[-1]
    if counts.ndim == 1:
        return np.convolve(counts, weights)[:time]
    lag = np.arange(time) - np.arange(time)[:, np.newaxis]
    spread = np.where((lag >= 0) & (lag < weights.size), weights[np.clip(lag, 0, weights.size - 1)], 0.0)
    found: FloatArray = counts @ spread
    return found


def _in_windows(daily: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    missing = np.isnan(daily)
    summed = np.zeros((*daily.shape[:-1], daily.shape[-1] + 1))
    np.cumsum(np.where(missing, 0.0, daily), axis=-1, out=summed[..., 1:])
    found: FloatArray = summed[..., last + 1] - summed[..., first]
    if missing.any():
        found[_in_windows(missing.astype(np.float64), first, last) > 0] = np.nan
    return found


def _drawn_offspring(counts: FloatArray, weights: FloatArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """How many people the cases of each day infected, shape (draws, time)."""
    drawn = np.zeros((draws, counts.size))
    for day in np.flatnonzero(counts).tolist():
        earliest = max(0, day + 1 - weights.size)
        chance: FloatArray = counts[earliest:day] * weights[day - np.arange(earliest, day)]
        if chance.sum() > 0:
            drawn[:, earliest:day] += rng.multinomial(int(counts[day]), chance / chance.sum(), size=draws)
    return drawn


def _refuse_levels(levels: tuple[float, ...]) -> None:
    for level in levels:
        if not 0 < level < 1:
            msg = f"level {level} is no quantile; it lies between 0 and 1."
            raise ValueError(msg)


def _posterior_quantiles(shape: FloatArray, cases: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Gamma quantiles, (..., levels); many windows hold few different numbers of cases, so each is told once."""
    most = np.nanmax(cases) if not np.isnan(cases).all() else np.inf
    whole = np.nan_to_num(cases)
    if not most < cases.size / 4 or not (whole == np.floor(whole)).all():
        return _gamma_quantiles(shape, levels)
    told = float(np.nanmin(shape - cases)) + np.arange(most + 1)
    found: FloatArray = _gamma_quantiles(told, levels)[whole.astype(np.intp)]
    found[np.isnan(cases)] = np.nan
    return found


def _gamma_quantiles(shape: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Quantiles of gamma distributions of scale 1, shape (..., levels).

    At one level the cube root of quantile / shape (Wilson and Hilferty's variable) is a smooth function of
    1 / sqrt(shape), so a polynomial through a few quantiles gives all the others. SciPy's inverse takes 2 us each.
    """
    found = np.full((*shape.shape, len(levels)), np.nan)
    smooth = [at for at, level in enumerate(levels) if _TAILS[0] <= level <= _TAILS[1]]
    large = shape >= 1
    if smooth and large.any():
        some = shape[large]
        inside = np.empty((some.size, len(levels)))
        terms = np.stack([_through_quantiles(levels[at]) for at in smooth], axis=1)
        for begin in range(0, some.size, _AT_ONCE):
            part = some[begin : begin + _AT_ONCE]
            root = chebyshev.chebvander(2 / np.sqrt(part) - 1, _NODES - 1) @ terms
            inside[begin : begin + part.size, smooth] = part[:, np.newaxis] * root * root * root
        found[large] = inside
    for at, level in enumerate(levels):
        rest = ~large & ~np.isnan(shape) if at in smooth else ~np.isnan(shape)
        if rest.any():
            found[rest, at] = gammaincinv(shape[rest], level)
    return found


@lru_cache(maxsize=64)
def _through_quantiles(level: float) -> FloatArray:
    nodes = chebyshev.chebpts1(_NODES)
    shape = 4 / (nodes + 1) ** 2
    found: FloatArray = chebyshev.chebfit(nodes, np.cbrt(gammaincinv(shape, level) / shape), _NODES - 1)
    return found
