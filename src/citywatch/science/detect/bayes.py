"""The Bayes rules: a count against what a Poisson rate learned from reference weeks would give.

Presets 1 to 3 differ in the reference weeks alone. Agrees with `algo.bayes` of the reference program.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from citywatch.science.detect import Detection
from citywatch.science.detect.quantiles import negative_binomial_quantile
from citywatch.science.detect.windows import first_judged, reference_points

PRESETS: Mapping[str, Mapping[str, object]] = {
    "bayes-1": {"b": 0, "w": 6, "include_current_year": True, "alpha": 0.05},
    "bayes-2": {"b": 1, "w": 6, "include_current_year": True, "alpha": 0.05},
    "bayes-3": {"b": 2, "w": 4, "include_current_year": False, "alpha": 0.05},
}

R_NAMES: Mapping[str, str] = {"b": "b", "w": "w", "actY": "include_current_year", "alpha": "alpha"}


def bayes(
    counts: ArrayLike,
    *,
    b: int = 0,
    w: int = 6,
    include_current_year: bool = True,
    alpha: float = 0.05,
    start: int | None = None,
    frequency: int = 52,
    dates: NDArray[np.datetime64] | None = None,
) -> Detection:
    """Flag counts that a Poisson rate learned from reference weeks makes improbable.

    A mean of a few small counts is uncertain itself; this rule carries that uncertainty into the bound. With
    Jeffreys' prior, n reference values that sum to s make the next count negative binomial with size s + 1/2 and
    probability n / (n + 1). `upperbound` is its 1 - `alpha` quantile, `p_value` the chance of the count or more, and
    `score` is (count - expected) / (bound - expected), above 1 in an alarm.

    References are the `w` points just before, if `include_current_year`, and the points within `w` of the same time in
    each of the `b` years before. `PRESETS` holds the three published choices. Counts have shape (..., time), NaN a
    missing point; missing references are left out. With `dates` (time,) the years are those of the calendar, else a
    year has `frequency` points. From `start` on only those points are judged. There is no trend and no overdispersion:
    where counts vary more than Poisson the true false-alarm rate is well above `alpha` (docs/science/detectors.md).
    Raises ValueError for settings that leave nothing to compare with, or alpha outside 0..1.

    Source: Riebler 2004, Empirischer Vergleich von statistischen Methoden zur Ausbruchserkennung bei Surveillance
    Daten; Höhle 2007, Computational Statistics 22:571.

    >>> found = bayes([2, 1, 3, 2, 2, 1, 9])
    >>> found.upperbound[-1], found.alarm[-1]
    (np.float64(5.0), np.True_)
    """
    if not 0 < alpha < 1:
        msg = f"alpha is {alpha}; the chance of a false alarm lies between 0 and 1."
        raise ValueError(msg)
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
    total, n = np.zeros(values[..., begin:].shape), np.zeros(values[..., begin:].shape)
    for place in places.T:
        reference = values[..., place]
        known = ~np.isnan(reference) & (place >= 0)
        total += np.where(known, reference, 0.0)
        n += known
    seen = values[..., begin:]
    size, probability = total + 0.5, n / (n + 1.0)
    told = n > 0
    expected = np.divide(size, n, out=np.full(n.shape, np.nan), where=told)
    upper = np.full(n.shape, np.nan)
    upper[told] = negative_binomial_quantile(1.0 - alpha, size[told], probability[told])
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = np.where(seen > 0, betainc(np.maximum(seen, 1.0), size, 1.0 - probability), 1.0)
        return Detection(
            expected=expected,
            upperbound=upper,
            score=(seen - expected) / (upper - expected),
            p_value=np.where(told & ~np.isnan(seen), tail, np.nan),
            alarm=seen > upper,
            first=first,
            start=begin,
        )
