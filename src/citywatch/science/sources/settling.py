"""How many interviews more would settle which place it was: the ranking drawn again and again from the cases told."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citywatch.science.sources.counts import log_hypergeometric_tail, rank_places

IntArray = NDArray[np.int64]

MOST = 2_000
"""Nobody interviews more; what this many cannot settle is not settled by asking."""
_FOREMOST = 40


def interviews_to_settle(
    *,
    case_of: ArrayLike,
    place_of: ArrayLike,
    cases: int,
    visitors: ArrayLike,
    population: int,
    tried: int,
    answer: ArrayLike | None = None,
    level: float = 0.01,
    lead: float = 100.0,
    sure: float = 0.9,
    draws: int = 200,
    seed: int = 1,
) -> int | None:
    """How many interviews more until one place is sure and clearly first in nine of ten investigations.

    0 when it is settled now; None when 2,000 interviews would not do it. The place need not be the one that leads now.
    The arguments are those of `rank_places`; `answer` groups places that are one answer (a market and its halls;
    default: each place its own). Settled means: the least p is below `level` after `tried` places, and `lead` times
    smaller than that of any of the forty foremost places that is another answer. Those asked stay; each further one is
    drawn from them and was where that one was, with a chance of (k - 1)/k at a place k of them share: a place one
    alone has been to tells nothing about the next. So it knows what a formula for one place does not: where small
    workplaces abound, one of them leads by accident.

    It trusts the cases told: if those interviewed first are not like the others, nor is the figure. A place never has
    more cases than visitors, however many are asked.

    Source: power at a larger sample size by resampling, Collings & Hamilton 1988, Biometrics 44:847; the discount of
    what was seen seldom, Good 1953, Biometrika 40:237.

    >>> told = dict(case_of=[0, 1, 2, 3, 4, 5], place_of=[0, 0, 0, 1, 1, 1], visitors=[400, 9_000], tried=500)
    >>> interviews_to_settle(cases=6, population=20_000, **told) > 0
    True
    """
    case, place = np.asarray(case_of, dtype=np.int64), np.asarray(place_of, dtype=np.int64)
    seen = np.asarray(visitors, dtype=np.int64)
    ranking = rank_places(case_of=case, place_of=place, cases=cases, visitors=seen, population=population, tried=tried)
    if not len(ranking):
        return None
    near = ranking.place[:_FOREMOST]
    group = np.arange(len(seen)) if answer is None else np.asarray(answer, dtype=np.int64)
    same = group[near][:, None] == group[near][None, :]
    there = np.zeros((cases, len(seen)), dtype=np.int64)
    there[case, place] = 1
    there = there[:, near]
    k = there.sum(axis=0)
    room = np.maximum(seen[near], k)
    rng = np.random.default_rng(seed)

    def settled(asked: int) -> bool:
        further = rng.multinomial(asked - cases, np.full(cases, 1 / cases), size=draws) @ there
        found = np.minimum(k + rng.binomial(further, (k - 1) / k), room)
        log_p = _log_p(found, room, asked=asked, population=population)
        best, at = log_p.min(axis=1), log_p.argmin(axis=1)
        next_best = np.where(same[at], 0.0, log_p).min(axis=1)
        first, proven = best + np.log(lead) < next_best, best + np.log(max(tried, 1)) < np.log(level)
        return float((first & proven).mean()) >= sure

    most = min(MOST, population)
    enough = cases
    while not settled(enough):
        if enough >= most:
            return None
        enough = min(2 * enough, most)
    least = max(cases, enough // 2)
    while enough - least > max(1, least // 50):  # to two percent: the figure is an estimate
        middle = (least + enough) // 2
        least, enough = (least, middle) if settled(middle) else (middle, enough)
    return enough - cases


def _log_p(found: IntArray, room: IntArray, *, asked: int, population: int) -> NDArray[np.float64]:
    """The tail of each draw and place, each number of cases at a place judged once."""
    key = found + np.arange(len(room)) * (asked + 1)
    known, where = np.unique(key, return_inverse=True)
    drawn, k = room[known // (asked + 1)], known % (asked + 1)
    tail = log_hypergeometric_tail(k, drawn=drawn, marked=asked, population=population)
    return np.asarray(tail[where.reshape(found.shape)])
