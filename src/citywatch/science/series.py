"""Daily counts made from single events, and windows that move over them.

Owns the step from "one row per event" to "one number per day". Does not judge the numbers: that is `detect`.
"""

from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Day = str | date | np.datetime64


def daily_counts(
    *,
    day: ArrayLike,
    first_day: Day,
    last_day: Day,
    series: ArrayLike | None = None,
    n_series: int = 1,
) -> FloatArray:
    """Count events per series and calendar day, with a zero for every day on which nothing was reported.

    A day without events must stand as zero, or the mean of the past is too high and the next rise is missed. A day on
    which nobody *could* report is another thing: set it to NaN afterwards.

    `day` holds one calendar day per event (anything `numpy.datetime64[D]` reads), `series` its series as an index
    from 0; events outside first_day..last_day (both included) are not counted. Returns shape (n_series, days). Raises
    ValueError when the days are in the wrong order, a day is missing or a series index is out of range.

    Source: the person-time-place counts of any field manual; Gregg, Field Epidemiology, 3rd edition, 2008, chapter 6.

    >>> daily_counts(day=["2020-06-11", "2020-06-13", "2020-06-13"], first_day="2020-06-11", last_day="2020-06-13")
    array([[1., 0., 2.]])
    """
    first, last = np.asarray([first_day, last_day], dtype="datetime64[D]")
    if last < first:
        msg = f"The last day {last} is before the first day {first}."
        raise ValueError(msg)
    days = np.asarray(day, dtype="datetime64[D]")
    if np.isnat(days).any():
        msg = f"{int(np.isnat(days).sum())} events have no day; leave them out or give them one."
        raise ValueError(msg)
    rows = np.zeros(days.shape, dtype=np.int64) if series is None else np.asarray(series, dtype=np.int64)
    if rows.shape != days.shape:
        msg = f"{days.size} events have a day and {rows.size} a series; each event needs both."
        raise ValueError(msg)
    if rows.size and (rows.min() < 0 or rows.max() >= n_series):
        msg = f"Series indexes run from {rows.min()} to {rows.max()}; {n_series} series allow 0 to {n_series - 1}."
        raise ValueError(msg)
    n_days = int((last - first).astype(np.int64)) + 1
    offset = (days - first).astype(np.int64)
    inside = (offset >= 0) & (offset < n_days)
    cells = rows[inside] * n_days + offset[inside]
    return np.bincount(cells, minlength=n_series * n_days).reshape(n_series, n_days).astype(np.float64)


def moving_sum(values: ArrayLike, width: int) -> FloatArray:
    """Sum each day with the `width` - 1 days before it, so that a slow rise and the rhythm of the week both show.

    Shape (..., time) in and out; NaN for the first `width` - 1 days and for every window with a missing day. Raises
    ValueError for a width below 1.

    Source: the 7-day moving sums of CIDARS; Yang et al. 2011, Western Pacific Surveillance and Response 2(1):10.

    >>> moving_sum([1, 2, 3, 4], 3).tolist()
    [nan, nan, 6.0, 9.0]
    """
    counts = np.asarray(values, dtype=np.float64)
    if width < 1:
        msg = f"A window of {width} days holds nothing; give at least 1."
        raise ValueError(msg)
    out = np.full(counts.shape, np.nan)
    n = counts.shape[-1] - width + 1
    if n > 0:
        out[..., width - 1 :] = sum(counts[..., k : k + n] for k in range(width))
    return out


def past_mean_and_spread(
    counts: ArrayLike, *, width: int, gap: int = 0, least: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (n - 1) of the `width` days that end `gap` days before each day.

    The day itself is never among them. A missing day (NaN) makes every window that holds it NaN, unless `least` says
    how many days present are enough; then the days that are there are judged. Shapes (..., time) in and out, NaN for
    the first `width` + `gap` days. Raises ValueError when a spread cannot be had: width or least below 2, a negative
    gap, or least above width.

    Source: the baseline of CDC EARS; Hutwagner et al. 2003, Journal of Urban Health 80 (Supplement 1):i89.

    >>> mean, spread = past_mean_and_spread([2, 4, 6, 9], width=3)
    >>> mean.tolist(), spread.tolist()
    ([nan, nan, nan, 4.0], [nan, nan, nan, 2.0])
    """
    least = width if least is None else least
    if width < 2 or not 2 <= least <= width:
        msg = f"{least} present days in a window of {width} give no spread; give 2 or more, up to the window."
        raise ValueError(msg)
    if gap < 0:
        msg = f"A gap of {gap} days would look into the future; give 0 or more."
        raise ValueError(msg)
    values = np.asarray(counts, dtype=np.float64)
    mean, spread = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    first = width + gap
    n = values.shape[-1] - first
    if n <= 0:
        return mean, spread
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    # Summed day by day over the window: no (..., time, width) copy; two passes, so that large counts keep their digits.
    present = sum(known[..., k : k + n].astype(np.float64) for k in range(width))
    total = sum(filled[..., k : k + n] for k in range(width))
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.asarray(total / present)
        squares = sum(known[..., k : k + n] * (filled[..., k : k + n] - centre) ** 2 for k in range(width))
        deviation = np.sqrt(squares / (present - 1))
    enough = np.asarray(present) >= least
    mean[..., first:] = np.where(enough, centre, np.nan)
    spread[..., first:] = np.where(enough, deviation, np.nan)
    return mean, spread
