"""EARS C1, C2 and C3: a count against the mean and spread of its own last days.

For streams with too little history for a yearly model. The numbers agree with those that the reference program
`earsC` prints (tests/science/detect/test_ears.py), C3's peculiar bound included.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from citywatch.science.detect import Detection
from citywatch.science.series import past_mean_and_spread

C2_GAP = 2
C3_REACH = 2

FloatArray = NDArray[np.float64]


def ears_c1(
    counts: ArrayLike, *, baseline: int = 7, alpha: float = 0.001, min_sigma: float = 0.5, least: int | None = None
) -> Detection:
    """Flag days that stand far above the days just before them (EARS C1).

    The `baseline` days end yesterday, so C1 is the first to see a jump and the first to get used to it: a slow
    outbreak raises its own threshold. A day alarms when it exceeds mean + z * sd with z the 1 - `alpha` normal
    quantile (3.09 for 0.001). `min_sigma` is the least standard deviation in cases per day: without it any rise over
    a flat week alarms (the published method has 0).

    `counts` has shape (..., time), NaN a missing day. A missing day makes the `baseline` days after it untellable, as
    in the reference program, unless `least` says how many days present are enough. Raises ValueError for a baseline
    below 2, alpha outside 0..1 or a negative min_sigma.

    Source: Hutwagner et al. 2003, Journal of Urban Health 80 (Supplement 1):i89; thresholds in Fricker et al. 2008,
    Statistics in Medicine 27:3407.

    >>> ears_c1([2, 1, 3, 2, 2, 1, 3, 9]).alarm.nonzero()[0].tolist()
    [7]
    """
    return _against_the_past(counts, baseline=baseline, gap=0, alpha=alpha, min_sigma=min_sigma, least=least)


def ears_c2(
    counts: ArrayLike, *, baseline: int = 7, alpha: float = 0.001, min_sigma: float = 0.5, least: int | None = None
) -> Detection:
    """Flag days that stand far above the recent past (EARS C2).

    As C1, but the `baseline` days end two days earlier, so that a slow outbreak does not raise its own threshold.
    Arguments, shapes and errors as in `ears_c1`.

    Source: Hutwagner et al. 2003, Journal of Urban Health 80 (Supplement 1):i89; thresholds in Fricker et al. 2008,
    Statistics in Medicine 27:3407.

    >>> ears_c2([2, 1, 3, 2, 2, 1, 3, 2, 2, 9]).alarm.nonzero()[0].tolist()
    [9]
    """
    return _against_the_past(counts, baseline=baseline, gap=C2_GAP, alpha=alpha, min_sigma=min_sigma, least=least)


def ears_c3(
    counts: ArrayLike, *, baseline: int = 7, alpha: float = 0.025, min_sigma: float = 0.5, least: int | None = None
) -> Detection:
    """Flag days that end a stretch of raised days, none of them perhaps an alarm alone (EARS C3).

    `score` is the published statistic: over today and the two days before, the sum of max(0, C2 - 1). `p_value` is
    its normal tail, a nominal figure. The bound follows the reference program and is to be read with care: it is
    count + sd * (z - the sum of the two days *before*), never below 0, so it contains the observation itself, and the
    alarm says "the last two days were too high and today is not empty" whatever today's own height. A spike on one
    day alone is for C1 and C2. Arguments, shapes and errors as in `ears_c1`; z is 1.96 for the default `alpha`.

    Source: Hutwagner et al. 2003, Journal of Urban Health 80 (Supplement 1):i89; the bound as printed by `earsC`,
    Salmon et al. 2016, Journal of Statistical Software 70(10).

    >>> ears_c3([2, 1, 3, 2, 2, 1, 3, 2, 2, 4, 5, 5]).alarm.nonzero()[0].tolist()
    [11]
    """
    values = np.asarray(counts, dtype=np.float64)
    z = _threshold(alpha)
    mean, sigma = _mean_and_sigma(values, baseline=baseline, gap=C2_GAP, min_sigma=min_sigma, least=least)
    with np.errstate(divide="ignore", invalid="ignore"):
        # 0/0 stays NaN here: a flat past with no least spread tells nothing, and the reference program carries that on.
        term = np.maximum(0.0, (values - mean) / sigma - 1.0)
        before = np.full(values.shape, np.nan)
        before[..., C3_REACH:] = term[..., 1:-1] + term[..., :-2] if values.shape[-1] > C3_REACH else np.nan
        upper = np.maximum(0.0, values + sigma * (z - before))
        score = before + np.where(values == mean, 0.0, term)
    return Detection(
        expected=mean,
        upperbound=upper,
        score=score,
        p_value=ndtr(-score),
        alarm=values > upper,
        first=baseline + C2_GAP + C3_REACH,
    )


def _against_the_past(
    counts: ArrayLike, *, baseline: int, gap: int, alpha: float, min_sigma: float, least: int | None
) -> Detection:
    values = np.asarray(counts, dtype=np.float64)
    z = _threshold(alpha)
    mean, sigma = _mean_and_sigma(values, baseline=baseline, gap=gap, min_sigma=min_sigma, least=least)
    upper = mean + z * sigma
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(values == mean, 0.0, (values - mean) / sigma)
    return Detection(
        expected=mean, upperbound=upper, score=score, p_value=ndtr(-score), alarm=values > upper, first=baseline + gap
    )


def _threshold(alpha: float) -> float:
    if not 0 < alpha < 1:
        msg = f"alpha is {alpha}; the chance of a false alarm lies between 0 and 1."
        raise ValueError(msg)
    return float(-ndtri(alpha))


def _mean_and_sigma(
    values: FloatArray, *, baseline: int, gap: int, min_sigma: float, least: int | None
) -> tuple[FloatArray, FloatArray]:
    if baseline < 2:
        msg = f"baseline is {baseline} days; a spread needs at least 2."
        raise ValueError(msg)
    if not min_sigma >= 0:
        msg = f"min_sigma is {min_sigma}; a standard deviation is 0 or more."
        raise ValueError(msg)
    mean, sd = past_mean_and_spread(values, width=baseline, gap=gap, least=least)
    return mean, np.maximum(sd, min_sigma)
