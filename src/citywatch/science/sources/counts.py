"""Which place did the cases share more than chance allows? One hypergeometric test per place of the city.

Counting cases and visitors is somebody else's work; this file judges the counts. Where each case has days of its own
see `origins`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtri

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# A term this much smaller than the sum no longer changes it in double precision.
_NEGLIGIBLE = 1e-17


@dataclass(frozen=True, slots=True, eq=False)
class PlaceRanking:
    """Places with at least one case, best explanation first; every array has one value per place, in rank order.

    `place` is the caller's index, `coverage` the share of all cases that were there, `ratio` the odds ratio (cases
    against everyone else, having been there) with its 95 % interval, `p_value` the chance of that many cases among so
    many visitors, `p_adjusted` the same after trying all places, `rank` from 1. `log_p` keeps the order where
    `p_value` is too small for a double.
    """

    place: IntArray
    cases: IntArray
    visitors: IntArray
    coverage: FloatArray
    ratio: FloatArray
    ratio_low: FloatArray
    ratio_high: FloatArray
    log_p: FloatArray
    p_value: FloatArray
    p_adjusted: FloatArray
    rank: IntArray

    def __len__(self) -> int:
        return len(self.place)


def rank_places(
    *,
    case_of: ArrayLike,
    place_of: ArrayLike,
    cases: int,
    visitors: ArrayLike,
    population: int,
    tried: int | None = None,
    confidence: float = 0.95,
) -> PlaceRanking:
    """Rank the places that cases visited by how unlikely so many cases among so many visitors would be.

    The order is by p and not by ratio: measured on a city of 21.9 million, the true market is first by p and
    thirteenth by odds ratio, behind workplaces of five people. Few cases or a small share from the source leave it
    undecided, so show the first five with their cases, never one answer.

    `case_of` and `place_of` are the (case, place) pairs as indexes from 0; a pair told twice counts once. `cases` is
    the number of all cases asked, `visitors` the distinct visitors of each place (one value per place) in the same
    time windows, `population` everyone who could have been a visitor, the cases among them. A case told in an
    interview may be missing from the visitors, so a place has at least as many visitors as cases. `tried` is the
    number of places that could have been found (default: all in `visitors`); p is multiplied by it (Bonferroni). A
    zero cell adds one half to all four before the ratio is taken. Raises ValueError when an index or a number does
    not fit.

    Source: the over-representation test of Rivals et al. 2007, Bioinformatics 23:401 (as Fisher's exact test,
    one-sided); half cells Haldane 1956 and Anscombe 1956.

    >>> pairs = dict(case_of=[0, 1, 2, 3, 0], place_of=[1, 1, 1, 1, 0])
    >>> told = rank_places(**pairs, cases=4, visitors=[900, 40], population=1000)
    >>> told.place.tolist(), told.cases.tolist(), told.coverage.tolist()
    ([1, 0], [4, 1], [1.0, 0.25])
    """
    all_visitors = np.asarray(visitors, dtype=np.int64)
    case, place = np.asarray(case_of, dtype=np.int64), np.asarray(place_of, dtype=np.int64)
    _check(case=case, place=place, cases=cases, visitors=all_visitors, population=population)
    told = np.unique(place * cases + case) // cases if case.size else place
    k_all = np.bincount(told, minlength=len(all_visitors))
    places = np.flatnonzero(k_all)
    k = k_all[places]
    n = np.maximum(all_visitors[places], k)
    ratio, low, high = _odds_ratio(k, n, cases=cases, population=population, confidence=confidence)
    log_p = log_hypergeometric_tail(k, drawn=n, marked=cases, population=population)
    order = np.lexsort((places, -ratio, -k, log_p))
    tries = len(all_visitors) if tried is None else tried
    return PlaceRanking(
        place=places[order],
        cases=k[order],
        visitors=n[order],
        coverage=k[order] / cases,
        ratio=ratio[order],
        ratio_low=low[order],
        ratio_high=high[order],
        log_p=log_p[order],
        p_value=np.exp(log_p[order]),
        p_adjusted=np.minimum(1.0, np.exp(log_p[order] + np.log(max(tries, 1)))),
        rank=np.arange(1, len(order) + 1),
    )


def log_hypergeometric_tail(found: ArrayLike, *, drawn: ArrayLike, marked: int, population: int) -> FloatArray:
    """Natural log of the chance of `found` or more of the `marked` people among `drawn` out of the `population`.

    Taken as the first term by log-gamma and a sum of term ratios, so that 1e-400 is still a number. Shapes broadcast.
    Raises ValueError when more people are drawn or marked than there are.

    Source: the hypergeometric law; log-gamma after Stirling's series as in SciPy (Virtanen et al. 2020, Nature
    Methods 17:261).

    >>> bool(np.isclose(np.exp(log_hypergeometric_tail(2, drawn=2, marked=2, population=4)), 1 / 6))
    True
    """
    k, n = np.broadcast_arrays(np.asarray(found, dtype=np.float64), np.asarray(drawn, dtype=np.float64))
    if marked > population or (n.size and n.max() > population) or marked < 0:
        most = n.max() if n.size else 0
        msg = f"{marked} marked and up to {most} drawn people do not fit in a population of {population}."
        raise ValueError(msg)
    mean = n * marked / max(population, 1)
    upper = k > mean
    # Each side is summed away from the mean, where every term is smaller than the one before.
    above = _sum_of_terms(np.where(upper, k, np.ceil(mean) + 1), n, marked=marked, population=population, step=1)
    below = _sum_of_terms(np.where(upper, -1.0, k - 1), n, marked=marked, population=population, step=-1)
    with np.errstate(divide="ignore"):
        return np.where(upper, np.minimum(above, 0.0), np.log1p(-np.minimum(np.exp(below), 1.0)))


def _log_choose(n: FloatArray | int, k: FloatArray) -> FloatArray:
    return np.asarray(gammaln(np.asarray(n) + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))


def _sum_of_terms(start: FloatArray, n: FloatArray, *, marked: int, population: int, step: int) -> FloatArray:
    """Log of the sum of the law's terms from `start` on, up (step 1) or down (-1); -inf where `start` is impossible."""
    least, most = np.maximum(0.0, n + marked - population), np.minimum(n, float(marked))
    possible = (start >= least) & (start <= most)
    j = np.where(possible, start, least)
    first = _log_choose(marked, j) + _log_choose(population - marked, n - j) - _log_choose(population, n)
    term = possible.astype(np.float64)
    total = term.copy()
    while (term > _NEGLIGIBLE * total).any():
        if step > 0:
            ratio = (marked - j) * (n - j) / ((j + 1) * (population - marked - n + j + 1))
        else:
            ratio = j * (population - marked - n + j) / ((marked - j + 1) * (n - j + 1))
        term = term * np.maximum(ratio, 0.0)
        j = np.clip(j + step, least, most)
        total += term
    with np.errstate(divide="ignore"):
        return np.where(possible, first + np.log(total), -np.inf)


def _odds_ratio(
    k: IntArray, n: IntArray, *, cases: int, population: int, confidence: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    if not 0 < confidence < 1:
        msg = f"confidence is {confidence}; it lies between 0 and 1."
        raise ValueError(msg)
    cells = np.stack([k, cases - k, n - k, population - cases - n + k]).astype(np.float64)
    cells = np.where((cells <= 0).any(axis=0), np.maximum(cells, 0.0) + 0.5, cells)
    there, absent, others_there, others_absent = cells
    ratio = there * others_absent / (absent * others_there)
    reach = float(ndtri((1 + confidence) / 2)) * np.sqrt((1 / cells).sum(axis=0))
    return ratio, ratio * np.exp(-reach), ratio * np.exp(reach)


def _check(*, case: IntArray, place: IntArray, cases: int, visitors: IntArray, population: int) -> None:
    if case.shape != place.shape:
        msg = f"{case.size} cases stand against {place.size} places; each pair needs both."
        raise ValueError(msg)
    if cases > population:
        msg = f"{cases} cases do not fit in a population of {population}."
        raise ValueError(msg)
    if case.size and (case.min() < 0 or case.max() >= cases):
        msg = f"Case indexes run from {case.min()} to {case.max()}; {cases} cases allow 0 to {cases - 1}."
        raise ValueError(msg)
    if place.size and (place.min() < 0 or place.max() >= len(visitors)):
        most = len(visitors) - 1
        msg = f"Place indexes run from {place.min()} to {place.max()}; {len(visitors)} places allow 0 to {most}."
        raise ValueError(msg)
    if visitors.size and (visitors.min() < 0 or visitors.max() > population):
        msg = f"Visitors per place run from {visitors.min()} to {visitors.max()} in a population of {population}."
        raise ValueError(msg)
