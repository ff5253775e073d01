"""Which points a detector judges, and which past points it compares them with.

Owns the arithmetic of indexes and calendar; what is done with the counts found there is each method's own.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Dates = NDArray[np.datetime64]

DAYS_A_YEAR = 365


def first_judged(values: FloatArray, start: int | None) -> int:
    """The index of the first point to judge: `start`, or 0 for the whole series.

    Raises ValueError when `start` lies before or behind the series of shape (..., time).

    Source: our own; every detector judges the same points the same way.

    >>> first_judged(np.zeros((3, 10)), 9)
    9
    """
    if values.ndim == 0:
        msg = "One number is no series; give counts with time as the last axis."
        raise ValueError(msg)
    if start is None:
        return 0
    if not 0 <= start <= values.shape[-1]:
        msg = f"start is {start}; the series has the points 0 to {values.shape[-1] - 1}."
        raise ValueError(msg)
    return int(start)


def points_a_year(frequency: int) -> int:
    """Points in a year: the frequency itself, but 365 for daily counts given by their week's rhythm (7).

    Raises ValueError for a frequency below 1.

    Source: the frequencies of the reference programs: 52 weeks, 12 months, 365 days a year.

    >>> points_a_year(52), points_a_year(7)
    (52, 365)
    """
    if frequency < 1:
        msg = f"frequency is {frequency}; give the points a year: 52, 12, 365, or 7 for days."
        raise ValueError(msg)
    return DAYS_A_YEAR if frequency == 7 else int(frequency)


def same_time_in_past_years(
    at: NDArray[np.int64], *, years_back: int, frequency: int, dates: Dates | None = None
) -> NDArray[np.int64]:
    """Where in the series the same time of year stood, one to `years_back` years before each point.

    Without `dates` a year is so many points. With them it is the same calendar date (29 February: 1 March), and the
    point taken is the one nearest to it, so that week 53 shifts nothing. Returns shape (points, years); -1 where the
    series does not reach back so far. Raises ValueError when `dates` do not rise.

    Source: the reference weeks of Stroup et al. 1989, Statistics in Medicine 8:323, and of Farrington et al. 1996,
    Journal of the Royal Statistical Society A 159:547.

    >>> same_time_in_past_years(np.array([104, 110]), years_back=2, frequency=52).tolist()
    [[52, 0], [58, 6]]
    """
    years = np.arange(1, years_back + 1)
    if dates is None:
        ago: NDArray[np.int64] = np.maximum(at[:, None] - points_a_year(frequency) * years, -1)
        return ago
    days = np.asarray(dates, dtype="datetime64[D]")
    gaps = np.diff(days).astype(np.int64)
    if np.isnat(days).any() or (gaps <= 0).any():
        msg = "The dates do not rise from point to point; sort the series and give every point its own date."
        raise ValueError(msg)
    wanted = _years_before(days[at][:, None], years)
    right = np.clip(np.searchsorted(days, wanted), 1, max(1, days.size - 1))
    left_is_nearer = wanted - days[right - 1] <= days[np.minimum(right, days.size - 1)] - wanted
    found = np.where(left_is_nearer, right - 1, right)
    half_a_step = float(np.median(gaps)) / 2 if gaps.size else 0.0
    missed = (days[0] - wanted).astype(np.int64) > half_a_step
    return np.where(missed, -1, found).astype(np.int64)


def _years_before(days: Dates, years: NDArray[np.int64]) -> Dates:
    months = days.astype("datetime64[M]")
    day_of_month = days - months.astype("datetime64[D]")
    # 29 February of a year without one falls on 1 March by itself: the days are counted on from the month's first.
    before: Dates = (months - 12 * years).astype("datetime64[D]") + day_of_month
    return before


def reference_points(
    at: NDArray[np.int64],
    *,
    length: int,
    years_back: int,
    half_window: int,
    current_year: int,
    frequency: int,
    dates: Dates | None = None,
    span: int = 1,
) -> tuple[NDArray[np.int64], int]:
    """The past points each point is compared with: so many just before it, and windows around it in past years.

    `current_year` points end just before the point itself; each of `years_back` years gives 2 * `half_window` + 1.
    `length` is that of the series. Where each value is itself a sum of `span` points, windows step by `span`, and the
    first `span` - 1 points are no sums. Returns shape (points, references), -1 in the whole row of a point the series
    does not reach back for, and the index of the first point for which it does. Raises ValueError for negative windows
    or no reference at all.

    Source: the reference values of the RKI and Bayes rules; Höhle 2007, Computational Statistics 22:571.

    >>> places, first = reference_points(
    ...     np.array([55]), length=60, years_back=1, half_window=1, current_year=2, frequency=52
    ... )
    >>> places.tolist(), first
    ([[53, 54, 2, 3, 4]], 53)
    """
    if years_back < 0 or half_window < 0 or current_year < 0 or not (current_year or years_back):
        msg = (
            f"{years_back} years back with a half window of {half_window} and {current_year} points of this year are "
            "no past to compare with."
        )
        raise ValueError(msg)
    if years_back and half_window * span > points_a_year(frequency) - span:
        msg = f"half_window is {half_window}; with {points_a_year(frequency)} points a year it would hold the answer."
        raise ValueError(msg)
    everywhere = at if dates is None else np.arange(length)
    centre = same_time_in_past_years(everywhere, years_back=years_back, frequency=frequency, dates=dates)
    recent = everywhere[:, None] - np.arange(current_year, 0, -1)
    around = centre[:, :, None] + span * np.arange(-half_window, half_window + 1)
    places = np.concatenate([recent, around.reshape(everywhere.size, years_back * (2 * half_window + 1))], axis=1)
    reached = (places >= span - 1).all(axis=1) & (places <= everywhere[:, None] - span).all(axis=1)
    places[~(reached & (centre >= 0).all(axis=1))] = -1
    if dates is None:
        years = years_back * points_a_year(frequency) + span * half_window if years_back else 0
        return places, span - 1 + max(current_year, years)
    known = np.flatnonzero(places[:, 0] >= 0)
    return places[at], int(known[0]) if known.size else length
