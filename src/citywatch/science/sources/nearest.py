"""Addresses and candidate sources alone: which is nearest to more of the ill than its neighbourhood explains."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree
from scipy.stats import binom

from citywatch.science.sources.counts import log_hypergeometric_tail

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_GRID = 200


@dataclass(frozen=True, slots=True, eq=False)
class NearestRanking:
    """Candidate sources, best first; arrays have one value per source, in rank order.

    `cases` have this source nearest, `expected` would if illness did not depend on it, `log_p` is the chance of that
    many or more, `distance` the median way of its cases.
    """

    source: IntArray
    cases: IntArray
    expected: FloatArray
    log_p: FloatArray
    distance: FloatArray


def rank_nearest(cases: ArrayLike, sources: ArrayLike, *, addresses: ArrayLike | None = None) -> NearestRanking:
    """Assign every case to its nearest source and rank the sources by the surplus over the homes around them.

    `cases` (n, 2) and `sources` (m, 2) in one plane, `addresses` (k, 2) where people live, the cases' own among them
    or not. With addresses, a source's expectation is its share of them, and p the hypergeometric tail of the cases
    among cases and addresses. Without, homes are taken to be spread evenly over the area the cases span (the convex
    hull of their addresses), a source's expectation is its share of that area, and p the binomial tail. A source with
    no area and no case has nothing to say and comes last. Raises ValueError without a case or a source.

    Source: Snow 1855, On the Mode of Communication of Cholera; nearest pump as in Tobler's map, after Cliff & Haggett
    1988, Atlas of Disease Distributions.

    >>> told = rank_nearest([[0, 0], [0, 1], [1, 1], [9, 9]], [[0, 0], [10, 10]], addresses=[[1, 0], [8, 8], [9, 8]])
    >>> told.source.tolist(), told.cases.tolist(), told.expected.round(2).tolist()
    ([0, 1], [3, 1], [2.29, 1.71])
    """
    ill, wells = np.asarray(cases, dtype=np.float64), np.asarray(sources, dtype=np.float64)
    if not ill.size or not wells.size:
        msg = f"{len(ill)} cases and {len(wells)} sources leave nothing to compare."
        raise ValueError(msg)
    tree = cKDTree(wells)
    far, nearest = tree.query(ill)
    found = np.bincount(nearest, minlength=len(wells))
    n = len(ill)
    if addresses is not None and len(np.asarray(addresses)):
        homes = np.bincount(tree.query(np.asarray(addresses, dtype=np.float64))[1], minlength=len(wells))
        population = n + int(homes.sum())
        log_p = log_hypergeometric_tail(found, drawn=found + homes, marked=n, population=population)
        expected = n * (found + homes) / population
    else:
        share = np.bincount(tree.query(_even_points(ill))[1], minlength=len(wells)).astype(np.float64)
        share /= share.sum()
        log_p = np.asarray(binom.logsf(found - 1, n, share))
        expected = n * share
    distance = np.array([np.median(far[nearest == i]) if found[i] else np.nan for i in range(len(wells))])
    order = np.lexsort((-found, np.where(found > 0, log_p, np.inf)))
    return NearestRanking(order, found[order], expected[order], log_p[order], distance[order])


def _even_points(ill: FloatArray) -> FloatArray:
    """A grid of points over the convex hull of the cases; their own addresses where they span no area."""
    try:
        hull = ConvexHull(np.unique(ill, axis=0))
    except (QhullError, ValueError):
        return ill
    low, high = ill.min(axis=0), ill.max(axis=0)
    axes = [np.linspace(low[i], high[i], _GRID) for i in (0, 1)]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    inside = (points @ hull.equations[:, :2].T + hull.equations[:, 2] <= 1e-9).all(axis=1)
    return np.asarray(points[inside])
