"""The moving percentile of CIDARS: this week against the same weeks of past years, by rank alone.

What China's automatic warning system runs; to be beaten, and to be shown beside what beats it.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citywatch.science.detect import Detection
from citywatch.science.detect.quantiles import sample_quantile
from citywatch.science.detect.windows import first_judged, reference_points
from citywatch.science.series import moving_sum

R_NAMES: Mapping[str, str] = {}

# Numbers gathered at once: a block's baselines stay in the processor's cache.
BLOCK = 200_000


def moving_percentile(
    counts: ArrayLike,
    *,
    years_back: int = 5,
    half_window: int = 2,
    percentile: float = 80.0,
    least: int | None = None,
    start: int | None = None,
    frequency: int = 52,
    dates: NDArray[np.datetime64] | None = None,
) -> Detection:
    """Flag counts above a percentile of the same weeks in past years.

    Asks for nothing but five years of counts and no model, so any district can explain it. The baseline are the weeks
    within `half_window` of the same week in each of `years_back` years: 25 values. `upperbound` is their `percentile`,
    linear between neighbours (type 7), `expected` their median, `score` the share of them below the count and
    `p_value` its rank, (1 + values that reach the count) / (1 + values). An alarm is a count *above* the bound, so that
    an empty week among empty weeks is none.

    Weekly counts (`frequency` 52) are taken as they stand. Of daily counts (365 or 7) every day's 7-day sum is judged,
    against the 7-day sums that ended on the same calendar day and up to `half_window` whole weeks around it, so the
    answer is refreshed daily. With `dates` (time,) the same time of year is the same calendar date, else a year has so
    many points. Counts have shape (..., time), NaN a missing point. Missing baseline values are left out as long as
    `least` remain (by default half). From `start` on only those points are judged.

    At its published settings this rule alarms on a fifth to a third of quiet weeks (docs/science/detectors.md). Raises
    ValueError for a percentile outside 0..100 or settings that leave no baseline.

    Source: Yang et al. 2011, Western Pacific Surveillance and Response 2(1):10; five years and percentiles from 50 to
    95 by disease: Wang et al. 2017, BMC Infectious Diseases, 10.1186/s12889-017-4488-0.

    >>> found = moving_percentile(np.r_[np.tile([1, 2, 3, 4], 66), 7])
    >>> round(float(found.upperbound[-1]), 3), bool(found.alarm[-1])
    (3.2, True)
    """
    if not 0 <= percentile <= 100:
        msg = f"percentile is {percentile}; it lies between 0 and 100."
        raise ValueError(msg)
    values = np.asarray(counts, dtype=np.float64)
    begin = first_judged(values, start)
    week = 7 if frequency in {7, 365} else 1
    if years_back < 1:
        msg = f"years_back is {years_back}; the rule compares with past years, so give at least 1."
        raise ValueError(msg)
    places, first = reference_points(
        np.arange(begin, values.shape[-1]),
        length=values.shape[-1],
        years_back=years_back,
        half_window=half_window,
        current_year=0,
        frequency=frequency,
        dates=dates,
        span=week,
    )
    n = places.shape[1]
    enough = (n + 1) // 2 if least is None else least
    if not 1 <= enough <= n:
        msg = f"least is {least}; the baseline has {n} values."
        raise ValueError(msg)
    sums = (moving_sum(values, week) if week > 1 else values).reshape(-1, values.shape[-1])
    seen = sums[:, begin:]
    parts = [np.full(seen.shape, np.nan) for _ in range(4)]
    told = np.flatnonzero(places[:, 0] >= 0)
    rows = max(1, BLOCK // max(1, told.size * n))
    for top in range(0, len(sums) if told.size else 0, rows):
        block = slice(top, top + rows)
        past = sums[block][:, places[told]]
        found = _ranked(past, seen[block][:, told], percentile / 100.0)
        known = (~np.isnan(past)).sum(axis=-1) >= enough
        for out, part in zip(parts, found, strict=True):
            out[block, told[0] : told[-1] + 1] = np.where(known, part, np.nan)
    shape = (*values.shape[:-1], values.shape[-1] - begin)
    expected, upper, score, p_value = (part.reshape(shape) for part in parts)
    return Detection(
        expected=expected,
        upperbound=upper,
        score=score,
        p_value=p_value,
        alarm=seen.reshape(shape) > upper,
        first=first,
        start=begin,
    )


def _ranked(
    past: NDArray[np.float64], seen: NDArray[np.float64], share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    n = (~np.isnan(past)).sum(axis=-1)
    below = (past < seen[..., None]).sum(axis=-1)
    reaching = (past >= seen[..., None]).sum(axis=-1)
    missing = np.isnan(seen)
    return (
        sample_quantile(past, 0.5),
        sample_quantile(past, share),
        np.where(missing, np.nan, below / np.maximum(n, 1)),
        np.where(missing, np.nan, (1 + reaching) / (1 + n)),
    )
