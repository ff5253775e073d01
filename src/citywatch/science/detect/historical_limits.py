"""Historical limits: the last four weeks against the same months of past years.

The oldest yearly rule, kept as a baseline. Agrees with `algo.cdc` of the reference program.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from citywatch.science.detect import Detection
from citywatch.science.detect.windows import first_judged, points_a_year, reference_points
from citywatch.science.series import moving_sum

R_NAMES: Mapping[str, str] = {"b": "years_back", "m": "half_window", "alpha": "alpha"}


def historical_limits(
    counts: ArrayLike,
    *,
    years_back: int = 5,
    half_window: int = 1,
    alpha: float = 0.025,
    start: int | None = None,
    frequency: int = 52,
    dates: NDArray[np.datetime64] | None = None,
) -> Detection:
    """Flag the end of a four-week period with more cases than such periods had in past years (CDC historical limits).

    Four-week sums iron out late reports and give rare diseases numbers to compare. The sum that ends at each point is
    compared with the sums that ended at the same time in `years_back` years and, in each, the `half_window` periods
    before and after: 15 of them by default. The bound is mean + z sd sqrt(1 + 1/n), z the 1 - `alpha` / 2 normal
    quantile: a prediction limit, two-sided alpha. All arrays speak of the *sum*, `score` is (sum - mean) divided by
    sd sqrt(1 + 1/n), and `p_value` its upper normal tail, so an alarm has p below alpha / 2.

    A period has 4 weekly points, 28 daily ones or 1 monthly one. Counts have shape (..., time), NaN a missing point,
    which makes every period that holds it untellable. With `dates` (time,) the years are those of the calendar, else
    a year has `frequency` points. From `start` on only those points are judged. Raises ValueError for settings that
    leave fewer than two periods, or alpha outside 0..1.

    Source: Stroup et al. 1989, Statistics in Medicine 8:323; the limit in Farrington & Andrews 2003, in Monitoring the
    Health of Populations, equation 8-1.

    >>> found = historical_limits(np.r_[np.tile([0, 1, 2, 1], 75), 5, 5], years_back=5)
    >>> float(found.expected[-1]), bool(found.alarm[-1])
    (4.0, True)
    """
    if not 0 < alpha < 1:
        msg = f"alpha is {alpha}; the chance of a false alarm lies between 0 and 1."
        raise ValueError(msg)
    if years_back * (2 * half_window + 1) < 2:
        msg = f"{years_back} years back with {half_window} periods around are fewer than two; they have no spread."
        raise ValueError(msg)
    values = np.asarray(counts, dtype=np.float64)
    begin = first_judged(values, start)
    period = four_weeks(frequency)
    places, first = reference_points(
        np.arange(begin, values.shape[-1]),
        length=values.shape[-1],
        years_back=years_back,
        half_window=half_window,
        current_year=0,
        frequency=frequency,
        dates=dates,
        span=period,
    )
    sums = moving_sum(values, period)
    seen = sums[..., begin:]
    n = places.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        past = [np.where(place >= 0, sums[..., place], np.nan) for place in places.T]
        mean = sum(past) / n
        sd = np.sqrt(sum((reference - mean) ** 2 for reference in past) / (n - 1))
        error = sd * np.sqrt(1.0 + 1.0 / n)
        score = np.where(seen == mean, 0.0, (seen - mean) / error)
        upper = mean - float(ndtri(alpha / 2)) * error
        return Detection(
            expected=mean,
            upperbound=upper,
            score=score,
            p_value=ndtr(-score),
            alarm=seen > upper,
            first=first,
            start=begin,
        )


def four_weeks(frequency: int) -> int:
    """How many points make up four weeks: 4 weekly ones, 28 daily ones, 1 monthly one.

    Source: the reporting periods of Stroup et al. 1989, Statistics in Medicine 8:323.

    >>> four_weeks(52), four_weeks(365), four_weeks(12)
    (4, 28, 1)
    """
    return max(1, round(points_a_year(frequency) / 13))
