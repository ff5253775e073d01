"""Farrington 1996: the same weeks of earlier years, a trend, past outbreaks weighed down.

The numbers agree with those that the reference program `farrington` prints, with `match_r`; what the default does
otherwise, and why, is in docs/science/farrington.md.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from citywatch.science.detect import Detection
from citywatch.science.detect.baselines import Dates, Plan, Watch
from citywatch.science.detect.bounds import Limits, PowerTransform, power_bound, power_deviate
from citywatch.science.detect.quasipoisson import SMALLEST_MEAN, forecast

R_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "b": "years_back",
        "w": "half_window",
        "weightsThreshold": "weights_threshold",
        "trend": "trend",
        "pThresholdTrend": "trend_p_value",
        "reweight": "reweight",
        "limit54": "minimum_cases",
        "alpha": "alpha",
        "powertrans": "power_transform",
    }
)
R_DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "years_back": 5,
        "half_window": 3,
        "weights_threshold": 1.0,
        "trend": True,
        "trend_p_value": 0.05,
        "reweight": True,
        "minimum_cases": (5, 4),
        "alpha": 0.05,
        "power_transform": "2/3",
    }
)


def farrington(
    counts: ArrayLike,
    *,
    years_back: int = 5,
    half_window: int = 3,
    weights_threshold: float = 1.0,
    trend: bool = True,
    trend_p_value: float = 0.05,
    reweight: bool = True,
    minimum_cases: Sequence[int] = (5, 4),
    alpha: float = 0.01,
    power_transform: PowerTransform = "2/3",
    frequency: int = 52,
    dates: Dates | None = None,
    start: int | None = None,
    match_r: bool = False,
) -> Detection:
    """Flag points above what the same weeks of earlier years foretell (Farrington et al., 1996).

    The method of the British laboratories, kept as the yardstick others are measured with: use `farrington_flexible`
    to watch with. It knows only the points within `half_window` of the judged season in the last `years_back` years,
    35 with the defaults, so its trend is unsteady and its rate of false alarms is above the nominal one.

    A quasi-Poisson regression on time is fitted twice, the second time with points whose standardised Anscombe residual
    s exceeds `weights_threshold` at weight s**-2 (`reweight`). The trend stays if its p-value is below `trend_p_value`,
    if at least three years speak, and if the forecast is no larger than any count seen. The bound is the upper end of a
    two-sided 1 - `alpha` prediction interval, normal on the scale of `power_transform`: half of `alpha` lies above it.
    `score` is the standard normal deviate of the count on that scale and `p_value` its upper tail, so an alarm has
    `p_value` below `alpha` / 2. Below `minimum_cases` (cases, in so many points) nothing alarms; the bound is shown as
    it is.

    `counts` has shape (..., time), NaN a missing point. With `dates` (time,) "the same season" is the same calendar
    date moved to the nearest same weekday; without, it is `frequency` points back. `start` judges the points from
    there on only. `match_r` does what the program `farrington` does where it is peculiar (docs/science/farrington.md),
    with the settings given. Raises ValueError, with the value, for settings without meaning.

    Source: Farrington et al. 1996, Journal of the Royal Statistical Society A 159:547.

    >>> counts = np.tile([2.0, 3.0, 4.0, 3.0], 80)
    >>> counts[-1] = 12
    >>> found = farrington(counts, start=318)
    >>> found.upperbound.round(1).tolist(), found.alarm.tolist()
    ([8.3, 8.5], [False, True])
    """
    Limits(alpha=alpha, minimum_cases=minimum_cases, power_transform=power_transform)
    plan = Plan(
        frequency=frequency,
        years_back=years_back,
        half_window=half_window,
        periods=1,
        past_excluded=half_window,
        trend=trend,
        trend_p_value=trend_p_value,
        reweight=reweight,
        weights_threshold=weights_threshold,
        by_date=not match_r,
        steps_of_r=match_r,
    )
    watch = Watch.of(counts, plan, start=start, dates=dates, population=None)
    found = forecast(watch, plan)
    mean = np.maximum(found.mean, SMALLEST_MEAN)
    variance = found.dispersion * mean + (mean * found.log_error) ** 2
    upper = power_bound(mean, variance, float(-ndtri(alpha / 2)), power_transform)
    score = power_deviate(watch.now, mean, variance, power_transform)
    recent = watch.recent(minimum_cases, missing_as_zero=not match_r)
    with np.errstate(invalid="ignore"):
        enough = recent >= minimum_cases[0]
    with np.errstate(invalid="ignore"):
        alarm = enough & (watch.now > upper)
    if match_r:
        upper = np.where(recent < minimum_cases[0], 0.0, np.where(enough, upper, np.nan))
    return watch.detection(expected=mean, upperbound=upper, score=score, p_value=ndtr(-score), alarm=alarm)
