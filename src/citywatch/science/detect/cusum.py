"""CUSUM: small excesses that add up, each too small to alarm alone.

With `match_r` the numbers are those of `algo.cusum` of the reference program, its quirks included
(docs/science/detectors.md); without, the chart restarts after an alarm and its mean is kept up to date.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import hyp2f1

from citywatch.science.detect import Detection
from citywatch.science.detect.in_control import given_mean, level_mean, seasonal_mean
from citywatch.science.detect.regression import fit_negative_binomial
from citywatch.science.detect.windows import first_judged

Transform = Literal["standard", "rossi", "anscombe", "anscombe2nd", "pearsonNegBin", "anscombeNegBin", "none"]

R_NAMES: Mapping[str, str] = {"k": "k", "h": "h", "m": "mean", "trans": "transform", "alpha": "alpha"}
R_DEFAULTS: Mapping[str, object] = {"k": 1.04, "h": 2.26, "mean": None, "transform": "standard", "alpha": None}

R_ALPHA = 0.1
TRANSFORMS = ("standard", "rossi", "anscombe", "anscombe2nd", "pearsonNegBin", "anscombeNegBin", "none")
OVERDISPERSED = {"pearsonNegBin", "anscombeNegBin"}

FloatArray = NDArray[np.float64]


def cusum(
    counts: ArrayLike,
    *,
    k: float = 1.04,
    h: float = 2.26,
    mean: ArrayLike | Literal["glm"] | None = None,
    transform: Transform = "rossi",
    alpha: float | None = None,
    start: int | None = None,
    frequency: int = 52,
    match_r: bool = False,
) -> Detection:
    """Flag the moment at which excesses over the expected number have added up to too many (one-sided CUSUM).

    Each count is brought to a normal scale, z; the statistic is max(0, what it was + z - `k`), and an alarm is a
    statistic of `h` or more. After an alarm it starts again from 0. The published pair k = 1.04, h = 2.26 lets a chart
    without an outbreak run 500 points on average, and one whose mean has doubled 7, for Rossi's `transform`, which is
    the default because it brings small Poisson counts nearest to normal; `pearsonNegBin` and `anscombeNegBin` allow for
    a variance of mean + alpha * mean^2 (`alpha` None: estimated from the past).

    Monitoring begins at `start`, by default after two cycles of `frequency` points. `mean` is the expected number: None
    for the plain mean of all points before, "glm" for a seasonal Poisson regression on them, both renewed every cycle;
    or numbers, one for all or one per monitored point. `expected` is that mean, `score` the statistic, `upperbound` the
    largest count that is no alarm. `p_value` is NaN: a sum over time has none. Counts have shape (..., time); a missing
    point (NaN) is passed over.

    With `match_r` nothing restarts after an alarm, the mean is that of the points before `start` for ever, a missing
    point makes all that follow untellable, alpha None is 0.1, and `upperbound` is R's: the count that *would* alarm
    (`standard`: rounded up, else not), 0 where there is none. Raises ValueError for k or alpha below 0, h not above 0,
    an unknown transform or a mean that does not fit.

    Source: Page 1954, Biometrika 41:100; Rossi, Lampugnani & Marchi 1999, Statistics in Medicine 18:2111; Pierce &
    Schafer 1986, Journal of the American Statistical Association 81:977; Hilbe 2011, Negative Binomial Regression,
    section 5.2.

    >>> found = cusum([4, 5, 6, 5, 9, 10, 11, 4, 5], mean=5, start=4)
    >>> found.score.round(2).tolist(), found.alarm.nonzero()[0].tolist()
    ([0.62, 1.62, 3.0, 0.0, 0.0], [2])
    """
    _refuse(k=k, h=h, transform=transform, alpha=alpha, mean=mean)
    values = np.asarray(counts, dtype=np.float64)
    from_ = first_judged(values, start)
    length = values.shape[-1]
    begin = min(length, 2 * frequency) if start is None else from_
    flat = values.reshape(-1, length)
    shape = (*values.shape[:-1], length - begin)
    if mean is None:
        baseline = level_mean(flat, begin, frequency=frequency, once=match_r)
    elif isinstance(mean, str):
        baseline, _ = seasonal_mean(flat, begin, frequency=frequency, harmonics=1, trend=False, once=match_r)
    else:
        baseline = given_mean(mean, shape).reshape(-1, length - begin)
    if transform in OVERDISPERSED and alpha is None and not match_r:
        _, estimated = fit_negative_binomial(flat[:, :begin], np.ones((begin, 1)))
        extra = np.where(np.isnan(estimated), 0.0, estimated)[:, None]
    else:
        extra = np.full((1, 1), R_ALPHA if alpha is None else alpha)
    chart = _Chart(transform, baseline, extra, coarse=match_r)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        score, before = _added_up(chart.scaled(flat[:, begin:]), k, h, restart=not match_r)
        upper = _as_r_prints(chart, h, k, before, score) if match_r else chart.largest_below(h + k - before)
    found = np.full((3, len(flat), length - from_), np.nan)
    found[:, :, begin - from_ :] = baseline, upper, score
    shape = (*values.shape[:-1], length - from_)
    return Detection(
        expected=found[0].reshape(shape),
        upperbound=found[1].reshape(shape),
        score=found[2].reshape(shape),
        p_value=np.full(shape, np.nan),
        alarm=found[2].reshape(shape) >= h,
        first=begin,
        start=from_,
    )


def _refuse(*, k: float, h: float, transform: str, alpha: float | None, mean: object) -> None:
    if not (k >= 0 and h > 0):
        msg = f"k is {k} and h is {h}; the allowance is 0 or more, the threshold above 0."
        raise ValueError(msg)
    if transform not in TRANSFORMS:
        msg = f"transform is {transform!r}; give one of {', '.join(TRANSFORMS)}."
        raise ValueError(msg)
    if alpha is not None and not alpha >= 0:
        msg = f"alpha is {alpha}; the extra variance is 0 or more."
        raise ValueError(msg)
    if isinstance(mean, str) and mean != "glm":
        msg = f'mean is {mean!r}; give "glm", a number, one number per monitored point, or nothing.'
        raise ValueError(msg)


def _added_up(z: FloatArray, k: float, h: float, *, restart: bool) -> tuple[FloatArray, FloatArray]:
    """The statistic after each point, and what it was before it."""
    score, before = np.empty(z.shape), np.empty(z.shape)
    so_far = np.zeros(len(z))
    for t in range(z.shape[1]):
        before[:, t] = so_far
        now = np.maximum(0.0, so_far + z[:, t] - k)
        score[:, t] = now
        so_far = np.where(np.isnan(now), so_far, np.where(now >= h, 0.0, now)) if restart else now
    return score, before


@dataclass(frozen=True, slots=True)
class _Chart:
    """Counts to a normal scale and back, for means of shape (series, points)."""

    transform: str
    mean: FloatArray
    alpha: FloatArray
    coarse: bool

    @property
    def spread(self) -> FloatArray:
        return np.sqrt(self.mean + self.alpha * self.mean**2)

    def scaled(self, y: FloatArray) -> FloatArray:  # noqa: PLR0911 - a line for each scale
        m = self.mean
        match self.transform:
            case "standard":
                return (y - m) / np.sqrt(m)
            case "rossi":
                return (y - 3.0 * m + 2.0 * np.sqrt(y * m)) / (2.0 * np.sqrt(m))
            case "anscombe":
                return 1.5 * (y ** (2 / 3) - m ** (2 / 3)) / m ** (1 / 6)
            case "anscombe2nd":
                return 1.5 * (y ** (2 / 3) - (m ** (2 / 3) - m ** (-1 / 3) / 9.0)) / m ** (1 / 6)
            case "pearsonNegBin":
                return (y - m) / self.spread
            case "anscombeNegBin":
                return (self._anscombe(y) - self._anscombe(m)) / self.spread ** (1 / 3)
            case _:
                return y

    def count_at(self, z: FloatArray) -> FloatArray:  # noqa: PLR0911 - a line for each scale
        """The count, not whole, that the scale puts at `z`; NaN below the scale's end."""
        m = self.mean
        match self.transform:
            case "standard":
                return m + z * np.sqrt(m)
            case "rossi":
                return (np.sqrt(4.0 * m + 2.0 * np.sqrt(m) * z) - np.sqrt(m)) ** 2
            case "anscombe":
                return (m ** (2 / 3) + z * m ** (1 / 6) / 1.5) ** 1.5
            case "anscombe2nd":
                return (m ** (2 / 3) - m ** (-1 / 3) / 9.0 + z * m ** (1 / 6) / 1.5) ** 1.5
            case "pearsonNegBin":
                return m + z * self.spread
            case "anscombeNegBin":
                return self._anscombe_back(z)
            case _:
                return np.broadcast_to(z, m.shape)

    def largest_below(self, z: FloatArray) -> FloatArray:
        """The largest whole count that the scale puts below `z`."""
        count = np.ceil(self.count_at(z)) - 1.0
        # The inverse is exact to rounding only; the scale itself decides about the whole counts around it.
        count = np.where(self.scaled(count + 1.0) < z, count + 1.0, count)
        count = np.where(self.scaled(np.maximum(count, 0.0)) < z, count, count - 1.0)
        return np.where(np.isnan(self.mean), np.nan, np.maximum(count, 0.0))

    def _anscombe(self, y: FloatArray) -> FloatArray:
        """The integral of (u + alpha u^2)^(-1/3) from 0 to y."""
        extra = self.alpha * y
        return 1.5 * y ** (2 / 3) * (_tabled(extra) if self.coarse else hyp2f1(1 / 3, 2 / 3, 5 / 3, -extra))

    def _anscombe_back(self, z: FloatArray) -> FloatArray:
        wanted = self._anscombe(self.mean) + z * self.spread ** (1 / 3)
        y = np.maximum(self.mean, 0.1)
        for _ in range(60):  # Newton on a concave function: after one step from the left, never past the root
            slope = (y + self.alpha * y * y) ** (-1 / 3)
            y_new = np.maximum(y + (wanted - self._anscombe(y)) / slope, y / 4.0)
            done = np.abs(y_new - y) <= 1e-10 * (1.0 + y)
            y = y_new
            if (done | np.isnan(y)).all():
                break
        return y


def _as_r_prints(chart: _Chart, h: float, k: float, before: FloatArray, score: FloatArray) -> FloatArray:
    match chart.transform:
        case "standard":
            count = np.ceil(chart.count_at(h + k - before))
        case "anscombe2nd":  # m^(1/3) where the transform has m^(-1/3)
            m = chart.mean
            count = (m ** (2 / 3) - m ** (1 / 3) / 9.0 + (h + k - before) * m ** (1 / 6) / 1.5) ** 1.5
        case "anscombeNegBin" | "none":  # no count at all, but the statistic's distance from h
            count = h - score
        case _:
            count = chart.count_at(h + k - before)
    return np.where(count > 0, count, 0.0)


def _tabled(extra: FloatArray) -> FloatArray:
    """The hypergeometric function as the reference program has it, from a table.

    Up to 10 the nearest of steps of 0.01, the lower one of two as near; up to 100 linear between whole numbers; no
    answer beyond. Ten decimals, rounded up. Found from its outputs.
    """
    step = np.floor(extra * 100.0)
    step = np.where((step + 1.0) / 100.0 <= extra, step + 1.0, step)
    low, high = step / 100.0, (step + 1.0) / 100.0
    near = np.where(np.abs(low - extra) <= np.abs(high - extra), low, high)
    whole = np.floor(extra)
    between = _entry(whole) + (extra - whole) * (_entry(whole + 1.0) - _entry(whole))
    return np.where(extra <= 10.0, _entry(near), np.where(extra <= 100.0, between, np.nan))


def _entry(extra: FloatArray) -> FloatArray:
    return np.asarray(np.ceil(hyp2f1(1 / 3, 2 / 3, 5 / 3, -extra) * 1e10) / 1e10)
