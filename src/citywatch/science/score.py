"""How well alerts served: which outbreaks they found and how late, how many were worth a look, and at what price.

Time is a float in days, counted from anywhere; NaN is "never". Outbreaks and alerts are rows of arrays. An alert
*touches* an outbreak from the moment on which it held a report of one of that outbreak's infections; whoever calls
decides what "held" means and hands the touches in as pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = [
    "Found",
    "Touches",
    "cases_by",
    "delay",
    "found",
    "median_delay",
    "per_district_week",
    "precision",
    "rank_of",
    "share_found",
    "strongest",
    "top_share",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Touches:
    """Pairs of an alert and an outbreak it touches, shape (pairs,): since when, and by how many reports in the end."""

    alert: Ints
    outbreak: Ints
    at: Floats
    reports: Ints

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, float, int]]) -> Touches:
        """Touches from rows of alert, outbreak, moment in days and number of reports.

        >>> len(Touches.of([(0, 2, 10.5, 3)]).alert)
        1
        """
        alert, outbreak, at, reports = zip(*rows, strict=True) if rows else ((), (), (), ())
        return cls(
            np.array(alert, dtype=np.int64),
            np.array(outbreak, dtype=np.int64),
            np.array(at, dtype=np.float64),
            np.array(reports, dtype=np.int64),
        )

    def of_alerts(self, kept: ArrayLike) -> Touches:
        """Only the touches of alerts that a mask over all alerts keeps."""
        mask = np.asarray(kept, dtype=bool)[self.alert]
        return Touches(self.alert[mask], self.outbreak[mask], self.at[mask], self.reports[mask])


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """By outbreak, shape (outbreaks,): when an alert first touched it (NaN: never), and which alert (-1: none)."""

    at: Floats
    alert: Ints


def found(touches: Touches, outbreaks: int) -> Found:
    """When each outbreak was first touched, the earliest alert deciding (of two at once the one with the lower number).

    Source: timeliness as the first alarm within an outbreak, Bedubourg and Le Strat 2017, PLoS ONE 12(7):e0181227.

    >>> found(Touches.of([(0, 1, 5.0, 1), (1, 1, 3.0, 2)]), 2).at.tolist()
    [nan, 3.0]
    """
    at = np.full(outbreaks, np.nan)
    by = np.full(outbreaks, -1, dtype=np.int64)
    order = np.lexsort((touches.alert, touches.at))
    outbreak, first = np.unique(touches.outbreak[order], return_index=True)
    at[outbreak] = touches.at[order][first]
    by[outbreak] = touches.alert[order][first]
    return Found(at, by)


def precision(touches: Touches, alerts: int, *, least: int = 1) -> float:
    """The share of alerts that touch a true outbreak by at least so many reports; NaN without alerts.

    Source: positive predictive value in German et al. 2001, Updated guidelines for evaluating public health
    surveillance systems, MMWR 50 (RR-13).

    >>> precision(Touches.of([(0, 0, 1.0, 1), (0, 1, 1.0, 4)]), 4)
    0.25
    """
    if alerts == 0:
        return float("nan")
    return float(np.unique(touches.alert[touches.reports >= least]).size / alerts)


def per_district_week(alerts: int, *, districts: int, days: float) -> float:
    """Alerts for each district and week.

    Source: the false alarm rate as a price per unit of watch, Fawcett and Provost 1999, Activity monitoring, KDD-99.

    >>> per_district_week(28, districts=2, days=14)
    7.0
    """
    if districts <= 0 or days <= 0:
        msg = f"{districts} districts over {days} days hold no district-week; both must be above 0."
        raise ValueError(msg)
    return alerts / (districts * days / 7)


def delay(at: ArrayLike, since: ArrayLike) -> Floats:
    """Days from `since` to `at`, never below 0; infinite where nothing was found, NaN where `since` is unknown.

    An alert may stand in a place before its outbreak begins there and go on into it: it was in time.

    Source: time to detection, Buckeridge 2007, Journal of Biomedical Informatics 40:370-379.

    >>> delay([5.0, float("nan")], [3.0, 1.0]).tolist()
    [2.0, inf]
    """
    moment, begin = np.asarray(at, dtype=float), np.asarray(since, dtype=float)
    late = np.where(np.isnan(moment), np.inf, np.maximum(moment - begin, 0.0))
    return np.where(np.isnan(begin), np.nan, late)


def median_delay(delays: ArrayLike) -> float:
    """The median of delays, those never found counting as infinitely late; NaN without any.

    Leaving out what was missed would reward missing the slow ones.

    Source: the median of censored times, Kaplan and Meier 1958, JASA 53:457-481, here with one censoring moment
    for all.

    >>> median_delay([2.0, 4.0, float("inf")])
    4.0
    """
    known = np.sort(np.asarray(delays, dtype=float))
    known = known[~np.isnan(known)]
    if known.size == 0:
        return float("nan")
    low, high = known[(known.size - 1) // 2], known[known.size // 2]
    return float(low if low == high else (low + high) / 2)


def share_found(at: ArrayLike, chosen: ArrayLike | None = None) -> float:
    """The share of (chosen) outbreaks that were found at all; NaN without any.

    Source: probability of detection, Bedubourg and Le Strat 2017, PLoS ONE 12(7):e0181227.

    >>> share_found([1.0, float("nan"), 3.0], [True, True, False])
    0.5
    """
    moment = np.asarray(at, dtype=float)
    mask = np.ones(moment.shape, dtype=bool) if chosen is None else np.asarray(chosen, dtype=bool)
    return float(np.mean(~np.isnan(moment[mask]))) if mask.any() else float("nan")


def cases_by(at: ArrayLike, outbreak: ArrayLike, infected_at: ArrayLike) -> Ints:
    """How many of each outbreak's infections had happened when it was found; -1 where it never was.

    `at` has a row an outbreak, `outbreak` and `infected_at` a row an infection (outbreak -1: none).

    Source: outbreak size at detection, Buckeridge 2007, Journal of Biomedical Informatics 40:370-379.

    >>> cases_by([2.0, float("nan")], [0, 0, 0, 1], [1.0, 2.0, 3.0, 1.0]).tolist()
    [2, -1]
    """
    moment = np.asarray(at, dtype=float)
    of, when = np.asarray(outbreak, dtype=np.int64), np.asarray(infected_at, dtype=float)
    mine = of >= 0
    there = np.bincount(of[mine][when[mine] <= moment[of[mine]]], minlength=moment.size)
    return np.where(np.isnan(moment), -1, there).astype(np.int64)


def strongest(strength: ArrayLike, number: int) -> Flags:
    """A mask of the `number` strongest alerts, all where there are fewer; of equals the earlier rows.

    So two ways of alarming are compared at the same number of alerts.

    Source: timeliness read at an equal alarm rate, Fawcett and Provost 1999, Activity monitoring, KDD-99.

    >>> strongest([1.0, 3.0, 3.0, 2.0], 2).tolist()
    [False, True, True, False]
    """
    values = np.asarray(strength, dtype=float)
    kept = np.zeros(values.shape, dtype=bool)
    kept[np.argsort(-values, kind="stable")[: max(number, 0)]] = True
    return kept


def rank_of(ranked: Sequence[Sequence[int]], right: Sequence[int]) -> Ints:
    """The rank (from 1) at which each list first names one of the right answers; 0 where it never does.

    Source: rank of the true origin as the measure of a localisation, Pinto, Thiran and Vetterli 2012, Physical
    Review Letters 109:068702.

    >>> rank_of([[7, 3], [1]], [3]).tolist()
    [2, 0]
    """
    wanted = set(right)
    return np.array([next((n for n, one in enumerate(line, 1) if one in wanted), 0) for line in ranked], dtype=np.int64)


def top_share(ranks: Sequence[ArrayLike], *, top: int, within: int) -> float:
    """The share of investigations whose true source stood among the first `top` after at most `within` cases.

    `ranks` holds, an investigation, the source's rank after each investigated case in turn (0: not named). NaN without
    any investigation.

    Source: top-k accuracy; the bar of this house is the true market among the first three within five cases.

    >>> top_share([[0, 5, 2], [0, 0]], top=3, within=5)
    0.5
    """
    if not len(ranks):
        return float("nan")
    hits = [np.any((np.asarray(line)[:within] >= 1) & (np.asarray(line)[:within] <= top)) for line in ranks]
    return float(np.mean(hits))
