"""Farrington flexible: the whole past year is used, in season levels, and the bound is a count's own quantile.

The numbers agree with those that the reference program `farringtonFlexible` prints, with `match_r`; what the default
does otherwise, and why, is in docs/science/farrington.md.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from citywatch.science.detect import Detection
from citywatch.science.detect.baselines import Dates, FloatArray, Plan, Watch
from citywatch.science.detect.bounds import (
    Limits,
    PowerTransform,
    power_bound,
    power_deviate,
    upper_quantile,
    upper_tail,
)
from citywatch.science.detect.quasipoisson import SMALLEST_MEAN, forecast

ThresholdMethod = Literal["nbPlugin", "delta", "muan"]

R_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "b": "years_back",
        "w": "half_window",
        "noPeriods": "periods",
        "weightsThreshold": "weights_threshold",
        "pastWeeksNotIncluded": "past_weeks_excluded",
        "trend": "trend",
        "pThresholdTrend": "trend_p_value",
        "reweight": "reweight",
        "limit54": "minimum_cases",
        "populationOffset": "population_offset",
        "alpha": "alpha",
        "thresholdMethod": "threshold_method",
        "powertrans": "power_transform",
    }
)
R_DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "years_back": 5,
        "half_window": 3,
        "periods": 1,
        "weights_threshold": 2.58,
        "past_weeks_excluded": None,
        "trend": True,
        "trend_p_value": 0.05,
        "reweight": True,
        "minimum_cases": (5, 4),
        "population_offset": False,
        "alpha": 0.05,
        "threshold_method": "delta",
        "power_transform": "2/3",
    }
)


def farrington_flexible(
    counts: ArrayLike,
    *,
    years_back: int = 5,
    half_window: int = 3,
    periods: int = 10,
    weights_threshold: float = 2.58,
    past_weeks_excluded: int | None = 26,
    trend: bool = True,
    trend_p_value: float = 1.0,
    reweight: bool = True,
    minimum_cases: Sequence[int] = (5, 4),
    population_offset: bool = False,
    alpha: float = 0.01,
    threshold_method: ThresholdMethod = "nbPlugin",
    power_transform: PowerTransform = "2/3",
    frequency: int = 52,
    dates: Dates | None = None,
    population: ArrayLike | None = None,
    start: int | None = None,
    match_r: bool = False,
) -> Detection:
    """Flag points above what the same season of earlier years and their trend foretell (Noufaily et al., 2013).

    For streams with years of history: it knows the season and the trend, and forgets past outbreaks by weighing them
    down. Every point of the last `years_back` years but the newest `past_weeks_excluded` (None: `half_window`), which
    an outbreak may already have raised, belongs to one of `periods` season levels; the points within `half_window` of
    the judged season are one level. A quasi-Poisson regression on level and trend is fitted twice, the second time
    with points whose standardised Anscombe residual s exceeds `weights_threshold` at weight s**-2 (`reweight`). The
    trend stays if its p-value is below `trend_p_value`, if at least three years speak, and if the forecast is no larger
    than any count seen.

    The bound is the 1 - `alpha` quantile of a negative binomial with the fitted mean and dispersion ("nbPlugin"), the
    same with the upper confidence limit of the mean ("muan"), or of a normal forecast error on the scale of
    `power_transform` ("delta"). `p_value` is the chance of so many cases or more, `score` the standard normal deviate
    of the count (of its mid-p-value, where the bound is a quantile). Below `minimum_cases` (cases, in so many points)
    nothing alarms; the bound is shown as it is.

    `counts` has shape (..., time), NaN a missing point; `population` as counts, taken as offset with
    `population_offset`. With `dates` (time,) "the same season" is the same calendar date moved to the nearest same
    weekday; without, it is `frequency` points back. `start` judges the points from there on only. The defaults are for
    weeks. `match_r` does what `farringtonFlexible` does where it is peculiar (docs/science/farrington.md), with the
    settings given. Raises ValueError, with the value, for settings without meaning.

    Source: Noufaily et al. 2013, Statistics in Medicine 32:1206.

    >>> counts = np.tile([2.0, 3.0, 4.0, 3.0], 80)
    >>> counts[-1] = 12
    >>> found = farrington_flexible(counts, start=318)
    >>> found.upperbound.tolist(), found.alarm.tolist()
    ([7.0, 8.0], [False, True])
    """
    Limits(alpha=alpha, minimum_cases=minimum_cases, power_transform=power_transform)
    if threshold_method not in get_args(ThresholdMethod):
        msg = f"threshold_method is {threshold_method!r}; choose nbPlugin, delta or muan."
        raise ValueError(msg)
    if population_offset and population is None:
        msg = "population_offset is True and there is no population; give one or leave the offset out."
        raise ValueError(msg)
    plan = Plan(
        frequency=frequency,
        years_back=years_back,
        half_window=half_window,
        periods=periods,
        past_excluded=half_window if past_weeks_excluded is None else past_weeks_excluded,
        trend=trend,
        trend_p_value=trend_p_value,
        reweight=reweight,
        weights_threshold=weights_threshold,
        flexible_quirks=match_r,
        steps_of_r=match_r,
    )
    watch = Watch.of(counts, plan, start=start, dates=dates, population=population if population_offset else None)
    found = forecast(watch, plan)
    z = float(-ndtri(alpha))
    recent = watch.recent(minimum_cases, missing_as_zero=not match_r)
    with np.errstate(invalid="ignore"):
        enough = recent >= minimum_cases[0]
    expected = mean = found.mean
    if threshold_method == "delta":
        expected = mean = np.maximum(mean, SMALLEST_MEAN)
        variance = found.dispersion * mean + (mean * found.log_error) ** 2
        upper = power_bound(mean, variance, z, power_transform)
        score = power_deviate(watch.now, mean, variance, power_transform)
        p_value = ndtr(-score)
    else:
        if threshold_method == "muan":
            with np.errstate(over="ignore"):
                mean = np.exp(found.log_mean + z * found.log_error)
            # Nothing is known about the mean of a season that never had a case.
            mean = np.where(np.isinf(mean), np.nan, mean)
        upper = upper_quantile(mean, found.dispersion, alpha)
        p_value = upper_tail(watch.now, mean, found.dispersion)
        score = _mid_p_deviate(p_value, upper_tail(watch.now + 1, mean, found.dispersion))
    if match_r:
        # R puts the logarithm of the mean where the mean belongs.
        centre = mean if threshold_method == "delta" else found.log_mean
        with np.errstate(divide="ignore", invalid="ignore"):
            score = (watch.now - centre) / (upper - centre)
        upper = np.where(enough, upper, np.nan)
        expected = np.where(np.isnan(upper), np.where(found.failed, 0.0, np.nan), expected)
    with np.errstate(invalid="ignore"):
        alarm = enough & (watch.now > upper)
    return watch.detection(expected=expected, upperbound=upper, score=score, p_value=p_value, alarm=alarm)


def _mid_p_deviate(as_many: FloatArray, more: FloatArray) -> FloatArray:
    # P(Y >= y) is 1 for every week without cases, whatever was expected; the mid-p-value tells such weeks apart.
    return np.asarray(-ndtri(np.minimum((as_many + more) / 2, 1 - np.finfo(np.float64).epsneg)))
