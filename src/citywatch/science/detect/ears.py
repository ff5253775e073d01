"""EARS C1, C2 and C3: a count against the mean and spread of its own last days.

For streams with too little history for a yearly model. With `match_r` and `R_DEFAULTS` the numbers are those that the
reference program `earsC` prints (tests/science/detect/test_ears.py); docs/science/detectors.md says where ours differ.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from citywatch.science.detect import Detection
from citywatch.science.detect.windows import first_judged
from citywatch.science.series import past_mean_and_spread

C2_GAP = 2
C3_REACH = 2

THREE_SIGMA = 0.00134989803163009
TWO_SIGMA = 0.0227501319481792
"""The upper tails of the standard normal distribution beyond 3 and 2."""

R_NAMES: Mapping[str, str] = {"baseline": "baseline", "alpha": "alpha", "minSigma": "min_sigma"}
R_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "ears_c1": {"baseline": 7, "alpha": 0.001, "min_sigma": 0.0},
    "ears_c2": {"baseline": 7, "alpha": 0.001, "min_sigma": 0.0},
    "ears_c3": {"baseline": 7, "alpha": 0.025, "min_sigma": 0.0},
}

# Numbers of a block worked on at once: the dozen arrays of one block stay in the processor's cache.
BLOCK = 12_000

FloatArray = NDArray[np.float64]
Judge = Callable[[FloatArray, FloatArray, FloatArray, int], tuple[FloatArray, FloatArray]]


def ears_c1(
    counts: ArrayLike,
    *,
    baseline: int = 7,
    alpha: float = THREE_SIGMA,
    min_sigma: float = 0.5,
    least: int | None = None,
    start: int | None = None,
    match_r: bool = False,  # noqa: ARG001 - C1 has no quirk; every detector takes the word
) -> Detection:
    """Flag days that stand far above the days just before them (EARS C1).

    The `baseline` days end yesterday, so C1 is the first to see a jump and the first to get used to it: a slow
    outbreak raises its own threshold. A day alarms when it exceeds mean + z * sd with z the 1 - `alpha` normal
    quantile, by default the published 3. `min_sigma` is the least standard deviation in cases per day: without it any
    rise over a flat week alarms (the published method has 0).

    `counts` has shape (..., time), NaN a missing day. A missing day makes the `baseline` days after it untellable, as
    in the reference program, unless `least` says how many days present are enough. From `start` on only those days are
    judged, and only what they need is read. `match_r` changes nothing here but the defaults its catalogue passes
    (`R_DEFAULTS`: z = 3.09, min_sigma 0). Raises ValueError for a baseline below 2, alpha outside 0..1, a negative
    min_sigma or a start outside the series.

    Source: Hutwagner et al. 2003, Journal of Urban Health 80 (Supplement 1):i89; thresholds in Fricker et al. 2008,
    Statistics in Medicine 27:3407.

    >>> ears_c1([2, 1, 3, 2, 2, 1, 3, 9]).alarm.nonzero()[0].tolist()
    [7]
    """
    return _against_the_past(
        counts, _shewhart(alpha), baseline=baseline, gap=0, min_sigma=min_sigma, least=least, start=start
    )


def ears_c2(
    counts: ArrayLike,
    *,
    baseline: int = 7,
    alpha: float = THREE_SIGMA,
    min_sigma: float = 0.5,
    least: int | None = None,
    start: int | None = None,
    match_r: bool = False,  # noqa: ARG001 - C2 has no quirk either
) -> Detection:
    """Flag days that stand far above the recent past (EARS C2).

    As C1, but the `baseline` days end two days earlier, so that a slow outbreak does not raise its own threshold.
    Arguments, shapes and errors as in `ears_c1`.

    Source: Hutwagner et al. 2003, Journal of Urban Health 80 (Supplement 1):i89; thresholds in Fricker et al. 2008,
    Statistics in Medicine 27:3407.

    >>> ears_c2([2, 1, 3, 2, 2, 1, 3, 2, 2, 9]).alarm.nonzero()[0].tolist()
    [9]
    """
    return _against_the_past(
        counts, _shewhart(alpha), baseline=baseline, gap=C2_GAP, min_sigma=min_sigma, least=least, start=start
    )


def ears_c3(
    counts: ArrayLike,
    *,
    baseline: int = 7,
    alpha: float = TWO_SIGMA,
    min_sigma: float = 0.5,
    least: int | None = None,
    start: int | None = None,
    match_r: bool = False,
) -> Detection:
    """Flag days that end a stretch of raised days, none of them perhaps an alarm alone (EARS C3).

    `score` is the published statistic: over today and the two days before, the sum of max(0, C2 - 1). A day alarms
    when it is above z, by default the published 2. `upperbound` is the largest count that is no alarm given the two
    days before: mean + sd * (1 + z - their sum), and 0 once their sum alone is above z, because a day without a case
    calls nobody. `p_value` is the score's normal tail, a nominal figure.

    With `match_r` the bound is what `earsC` prints, count + sd * (z - the sum of the two days *before*), never below
    0. It contains the observation itself, so today's own height never counts: the alarm says "the last two days were
    too high and today is not empty", a day later than the published statistic. A spread of 0 without `min_sigma` makes
    a day that equals its mean, and the two after it, untellable there.

    Arguments, shapes and errors as in `ears_c1`.

    Source: Hutwagner et al. 2003, Journal of Urban Health 80 (Supplement 1):i89; threshold in Fricker et al. 2008,
    Statistics in Medicine 27:3407; the bound of `earsC`: Salmon et al. 2016, Journal of Statistical Software 70(10).

    >>> ears_c3([2, 1, 3, 2, 2, 1, 3, 2, 2, 4, 4, 3]).alarm.nonzero()[0].tolist()
    [11]
    """
    z = _threshold(alpha)

    def add_up(seen: FloatArray, mean: FloatArray, sigma: FloatArray, day: int) -> tuple[FloatArray, FloatArray]:
        # match_r: 0/0 stays NaN. A flat past without a least spread tells nothing there, and that is carried on.
        steps = (seen - mean) / sigma
        term = np.maximum(0.0, (steps if match_r else np.where(seen == mean, 0.0, steps)) - 1.0)
        before = np.full(seen.shape, np.nan)
        before[C3_REACH * day :] = term[day:-day] + term[: -C3_REACH * day]
        if match_r:
            return np.maximum(0.0, seen + sigma * (z - before)), before + np.where(seen == mean, 0.0, term)
        room = np.maximum(0.0, mean + sigma * (1.0 + z - before))
        return np.where(before > z, 0.0, room), before + term

    return _against_the_past(
        counts,
        add_up,
        reach=C3_REACH,
        baseline=baseline,
        gap=C2_GAP,
        min_sigma=min_sigma,
        least=least,
        start=start,
    )


def _shewhart(alpha: float) -> Judge:
    z = _threshold(alpha)

    def compare(seen: FloatArray, mean: FloatArray, sigma: FloatArray, _day: int) -> tuple[FloatArray, FloatArray]:
        upper = z * sigma
        upper += mean
        steps = seen - mean
        steps /= sigma
        if not sigma.all():  # after a flat past, a day like all before it stands 0 above them, not 0/0
            steps[seen == mean] = 0.0
        return upper, steps

    return compare


def _threshold(alpha: float) -> float:
    if not 0 < alpha < 1:
        msg = f"alpha is {alpha}; the chance of a false alarm lies between 0 and 1."
        raise ValueError(msg)
    return float(-ndtri(alpha))


def _against_the_past(
    counts: ArrayLike,
    judge: Judge,
    *,
    baseline: int,
    gap: int,
    min_sigma: float,
    least: int | None,
    start: int | None,
    reach: int = 0,
) -> Detection:
    """Judge block after block, each small enough for the processor's cache.

    A block is one flat array in which the next day is `day` places on: 1 where many days of a few series lie row
    after row, the number of series where a few days of many series lie day after day. So every step is one stroke
    over contiguous memory. Where rows follow each other, windows straddle two of them; those days are thrown away.
    """
    if baseline < 2:
        msg = f"baseline is {baseline} days; a spread needs at least 2."
        raise ValueError(msg)
    if not min_sigma >= 0:
        msg = f"min_sigma is {min_sigma}; a standard deviation is 0 or more."
        raise ValueError(msg)
    if least is not None and not 2 <= least <= baseline:
        msg = f"least is {least}; a spread needs 2 days or more, and the baseline has {baseline}."
        raise ValueError(msg)
    values = np.asarray(counts, dtype=np.float64)
    begin = first_judged(values, start)
    first = baseline + gap + reach
    lead = min(first, begin)  # days read for the sake of those after them
    width = values.shape[-1] - begin + lead
    series = int(np.prod(values.shape[:-1]))
    read = values[..., begin - lead :].reshape(series, width)
    by_day = width - first < baseline and least is None
    layout = (width, series) if by_day else (series, width)
    mean, upper, score, p_value = (np.empty(layout) for _ in range(4))
    alarm = np.empty(layout, dtype=bool)
    rows = max(1, BLOCK // max(1, width))
    for top in range(0, series if width > first else 0, rows):
        block = read[top : top + rows]
        day = len(block) if by_day else 1
        flat = np.ascontiguousarray(block.T if by_day else block).reshape(-1)
        skip = (baseline + gap) * day
        if least is None:
            centre, sigma = (part[: flat.size - skip] for part in moving_mean_and_spread(flat, baseline, day))
        else:
            parts = past_mean_and_spread(block, width=baseline, gap=gap, least=least)
            centre, sigma = (part.reshape(-1)[skip:] for part in parts)
        seen = flat[skip:]
        with np.errstate(divide="ignore", invalid="ignore"):
            bound, steps = judge(seen, centre, np.maximum(sigma, min_sigma, out=sigma), day)
            judged = (centre, bound, steps, ndtr(-steps), seen > bound)
        for out, part in zip((mean, upper, score, p_value, alarm), judged, strict=True):
            if by_day:
                out[baseline + gap :, top : top + rows] = part.reshape(-1, day)
            else:
                out[top : top + rows].reshape(-1)[skip:] = part
    blank = slice(None, first) if by_day else (slice(None), slice(None, first))
    for out in (mean, upper, score, p_value):
        out[blank] = np.nan
    alarm[blank] = False
    expected, upperbound, scores, p_values, alarms = (
        (out.T if by_day else out)[:, lead:].reshape(*values.shape[:-1], width - lead)
        for out in (mean, upper, score, p_value, alarm)
    )
    return Detection(expected, upperbound, scores, p_values, alarms, first=first, start=begin)


def moving_mean_and_spread(flat: FloatArray, width: int, day: int) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (n - 1) of every window of `width` numbers that stand `day` places apart.

    Windows are put together from windows of half the size, sums of squares by the difference of the halves' means. So
    a window of 56 days costs six steps, and nothing is ever subtracted from a large sum of squares: counts around
    10^9 with a spread of 1 keep it. Element i is the window that begins at i; shape (n - (width - 1) * day,).

    Source: Chan, Golub & LeVeque 1983, The American Statistician 37:242, equation 2.1b.

    >>> [part.tolist() for part in moving_mean_and_spread(np.array([2.0, 4.0, 6.0, 14.0]), 3, 1)]
    [[4.0, 8.0], [2.0, 5.291502622129181]]
    """
    parts: list[_Windows] = []
    piece = _Windows(flat, np.zeros(1), 1)
    for bit in range(width.bit_length()):
        if bit:
            piece = _joined(piece, piece, day)
        if width >> bit & 1:
            parts.append(piece)
    window = parts[0]
    for larger in parts[1:]:
        window = _joined(larger, window, day)
    return window.total / width, np.sqrt(window.squares / (width - 1))


class _Windows(NamedTuple):
    """Of every window of `size` numbers: the sum, and the squares about its mean."""

    total: FloatArray
    squares: FloatArray
    size: int


def _joined(early: _Windows, late: _Windows, day: int) -> _Windows:
    shift = early.size * day
    n = late.total.size - shift
    before, after = early.total[:n], late.total[shift:]
    ratio = late.size / early.size  # a power of two below, so that whole numbers stay whole
    apart = before - after if early.size == late.size else before * ratio - after
    apart *= apart
    apart *= early.size / (late.size * (early.size + late.size))
    if early.size > 1:
        apart += early.squares[:n]
    if late.size > 1:
        apart += late.squares[shift:]
    return _Windows(before + after, apart, early.size + late.size)
