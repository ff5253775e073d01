"""The three rules once used at the Robert Koch Institute: a count against the mean of reference weeks.

Baselines to compare with. Agrees with `algo.rki` of the reference program.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, ndtr

from citywatch.science.detect import Detection
from citywatch.science.detect.windows import first_judged, reference_points

PRESETS: Mapping[str, Mapping[str, object]] = {
    "rki-1": {"b": 0, "w": 6, "include_current_year": True},
    "rki-2": {"b": 1, "w": 6, "include_current_year": True},
    "rki-3": {"b": 2, "w": 4, "include_current_year": False},
}

R_NAMES: Mapping[str, str] = {"b": "b", "w": "w", "actY": "include_current_year"}

SMALL = 20
# Upper 95 % confidence limits of a Poisson mean when 0, 1, ... 20 were counted: Crow & Gardner 1959, table 1.
# fmt: off
CROW_GARDNER = np.array([
    3.285, 5.323, 6.686, 8.102, 9.598, 11.177, 12.817, 13.765, 14.921, 16.768, 17.633,
    19.050, 20.335, 21.364, 22.945, 23.762, 25.400, 26.306, 27.735, 28.966, 30.017,
])
# fmt: on


def rki(
    counts: ArrayLike,
    *,
    b: int = 0,
    w: int = 6,
    include_current_year: bool = True,
    start: int | None = None,
    frequency: int = 52,
    dates: NDArray[np.datetime64] | None = None,
) -> Detection:
    """Flag counts above the mean of reference weeks by two standard deviations, or by a table where counts are small.

    For means above 20 the bound is mean + 2 sd (n - 1); up to 20 it is the upper Poisson limit for the mean rounded
    down. `p_value` is nominal: the normal tail above 20, else the Poisson tail at the mean. `score` is
    (count - expected) / (bound - expected), above 1 in an alarm.

    References are the `w` points just before, if `include_current_year`, and the points within `w` of the same time in
    each of the `b` years before. `PRESETS` holds the three published choices. Counts have shape (..., time), NaN a
    missing point. Missing references are left out, where the reference program stops; two must be left. With `dates`
    (time,) the years are those of the calendar, else a year has `frequency` points. From `start` on only those points
    are judged. Raises ValueError for settings that leave nothing to compare with.

    Source: Altmann 2003, The surveillance system of the Robert Koch Institute; the limits are those of Crow & Gardner
    1959, Biometrika 46:441.

    >>> rki([2, 1, 3, 2, 2, 1, 7]).upperbound[-1]
    np.float64(5.323)
    """
    values = np.asarray(counts, dtype=np.float64)
    begin = first_judged(values, start)
    places, first = reference_points(
        np.arange(begin, values.shape[-1]),
        length=values.shape[-1],
        years_back=b,
        half_window=w,
        current_year=w if include_current_year else 0,
        frequency=frequency,
        dates=dates,
    )
    seen = values[..., begin:]
    total, squares, n = (np.zeros(seen.shape) for _ in range(3))
    for place in places.T:
        reference = values[..., place]
        known = ~np.isnan(reference) & (place >= 0)
        total += np.where(known, reference, 0.0)
        n += known
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(n >= 2, total / n, np.nan)
        for place in places.T:
            reference = values[..., place]
            squares += np.where(~np.isnan(reference) & (place >= 0), (reference - mean) ** 2, 0.0)
        sd = np.sqrt(squares / (n - 1))
        small = mean <= SMALL
        table = CROW_GARDNER[np.where(small, np.floor(mean), 0.0).astype(np.int64)]
        upper = np.where(small, table, mean + 2.0 * sd)
        poisson = np.where(seen > 0, gammainc(np.maximum(seen, 1.0), mean), 1.0)
        p_value = np.where(small, poisson, ndtr((mean - seen) / sd))
        return Detection(
            expected=mean,
            upperbound=upper,
            score=(seen - mean) / (upper - mean),
            p_value=np.where(np.isnan(mean) | np.isnan(seen), np.nan, p_value),
            alarm=seen > upper,
            first=first,
            start=begin,
        )
