"""The regression/EWMA switch of ESSENCE, for daily counts with the rhythm of the week.

Where four weeks have a shape a regression can learn, it forecasts the day; where they have none, smoothed counts are
compared with the plain mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from citywatch.science.detect import Detection
from citywatch.science.detect.windows import first_judged

R_NAMES: Mapping[str, str] = {"B": "baseline", "g": "guard"}

WEEK = 7
# Windows worked on at once: their baselines stay in the processor's cache.
BLOCK = 4_000

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]


def ewma_regression(
    counts: ArrayLike,
    *,
    baseline: int = 28,
    guard: int = 2,
    alpha: float = 0.01,
    least_fit: float = 0.60,
    smoothing: float | Sequence[float] = (0.4, 0.9),
    min_sigma: float = 0.5,
    least: int | None = None,
    holidays: ArrayLike | None = None,
    start: int | None = None,
    frequency: int = 7,
    dates: NDArray[np.datetime64] | None = None,
) -> Detection:
    """Flag days above what the last four weeks foretell, by regression or by smoothing, whichever the weeks suit.

    A mean of the last days alarms on every Monday and sleeps on Sundays. Here the `baseline` days that end `guard` days
    before today are fitted by a straight line, a level for each day of the week and, where the baseline holds one, a
    step for `holidays`; today is its forecast. If that explains too little (adjusted R squared below `least_fit`),
    as with few cases or none, today and the guard days are smoothed with each weight of `smoothing` (0.4 for slow
    rises, 0.9 for sudden ones) and compared with the baseline's plain mean; the smaller p counts. Both tests are
    Student's: `score` is t, `p_value` its upper tail, `upperbound` the count at which it is `alpha`; the published
    colours are red below 0.01 and yellow below 0.05. `min_sigma` is the least standard deviation in cases a day.

    Counts have shape (..., time), one a day, NaN a missing day; baselines with `least` days or more are judged (by
    default three quarters). `holidays` is true on holidays, shape (time,): reporters rest, so the count dips. A holiday
    with none in the baseline is judged as a plain day. `dates`, if given, must be consecutive days. From `start` on
    only those days are judged. Raises ValueError for settings out of range, and for a `frequency` other than the daily
    ones (7, 365).

    Source: Burkom, Murphy & Shmueli 2007, Statistics in Medicine 26:4202; Elbert & Burkom 2009, Statistics in Medicine
    28:3226; the adaptive regression: Tokars et al. 2009, Emerging Infectious Diseases 15:533. The smoothing runs over
    the guard days and today alone, so that t has its exact distribution (docs/science/detectors.md).

    >>> week = [9, 8, 9, 8, 9, 2, 1]
    >>> found = ewma_regression([*week * 5, 9, 8, 9, 8, 9, 9])
    >>> found.expected[-1].round(6), bool(found.alarm[-1]), found.alarm[:-1].any()
    (np.float64(2.0), True, np.False_)
    """
    test = _Test(
        baseline=baseline,
        guard=guard,
        alpha=alpha,
        least_fit=least_fit,
        weights=tuple(np.atleast_1d(np.asarray(smoothing, dtype=np.float64)).tolist()),
        min_sigma=min_sigma,
        enough=-(-3 * baseline // 4) if least is None else least,
    )
    if frequency not in {7, 365}:
        msg = f"frequency is {frequency}; this method reads the week's rhythm of daily counts (7 or 365)."
        raise ValueError(msg)
    values = np.asarray(counts, dtype=np.float64)
    begin = first_judged(values, start)
    length = values.shape[-1]
    _refuse_gaps(dates)
    resting = _flags(holidays, length)
    first = baseline + guard
    lead = min(first, begin)
    flat = values[..., begin - lead :].reshape(-1, length - begin + lead)
    resting = resting[begin - lead :]
    found = np.full((4, len(flat), length - begin), np.nan)
    judged = flat.shape[1] - first
    if judged > 0:
        rows = max(1, BLOCK // judged)
        for top in range(0, len(flat), rows):
            block = flat[top : top + rows]
            days = sliding_window_view(block, first + 1, axis=1).reshape(-1, first + 1)
            rest = np.broadcast_to(sliding_window_view(resting, first + 1), (len(block), judged, first + 1))
            parts = test.of(days, rest.reshape(-1, first + 1))
            found[:, top : top + rows, first - lead :] = parts.reshape(4, len(block), judged)
    expected, upper, score, p_value = found.reshape(4, *values.shape[:-1], length - begin)
    return Detection(
        expected=expected,
        upperbound=upper,
        score=score,
        p_value=p_value,
        alarm=values[..., begin:] > upper,
        first=first,
        start=begin,
    )


@dataclass(frozen=True, slots=True)
class _Test:
    """The test of many days at once, each given by the days before it: baseline, guard days, and the day itself."""

    baseline: int
    guard: int
    alpha: float
    least_fit: float
    weights: tuple[float, ...]
    min_sigma: float
    enough: int

    def __post_init__(self) -> None:
        if self.baseline < 2 * WEEK or self.guard < 0:
            msg = f"baseline is {self.baseline} and guard {self.guard}; a week's rhythm needs 14 days, a gap 0 or more."
            raise ValueError(msg)
        if not 0 < self.alpha < 0.5 or not 0 <= self.least_fit <= 1 or not self.min_sigma >= 0:
            msg = (
                f"alpha is {self.alpha}, least_fit {self.least_fit}, min_sigma {self.min_sigma}; "
                "give 0 to 0.5, 0 to 1, and 0 or more."
            )
            raise ValueError(msg)
        if not self.weights or not all(0 < weight <= 1 for weight in self.weights):
            msg = f"smoothing is {list(self.weights)}; each weight lies above 0, up to 1."
            raise ValueError(msg)
        if not 2 <= self.enough <= self.baseline:
            msg = f"least is {self.enough}; give 2 or more, up to the baseline of {self.baseline} days."
            raise ValueError(msg)

    @property
    def design(self) -> FloatArray:
        """Levels of the weekdays and a trend, today's row last: told backwards from today, the same for every day."""
        ago = np.r_[np.arange(self.baseline + self.guard, self.guard, -1), 0]
        weekdays = (ago[:, None] % WEEK == np.arange(WEEK)).astype(np.float64)
        return np.column_stack([weekdays, -ago / self.baseline])

    def of(self, days: FloatArray, rest: Flags) -> FloatArray:
        """Expected, upper bound, score and p of each day; shape (4, days)."""
        past, today = days[:, : self.baseline], days[:, -1]
        found, suits = self._regression(past, today, rest)
        others = np.flatnonzero(~suits)
        found[:, others] = self._smoothed(past[others], days[others, self.baseline :])
        told = (~np.isnan(past)).sum(axis=1) >= self.enough
        return np.where(told, found, np.nan)

    def _regression(self, past: FloatArray, today: FloatArray, rest: Flags) -> tuple[FloatArray, Flags]:
        found = np.full((4, len(past)), np.nan)
        known = ~np.isnan(past)
        at_rest = rest[:, : self.baseline]
        learned = np.asarray((at_rest & known).any(axis=1))
        forecast, leverage, freedom, squares = (np.full(len(past), np.nan) for _ in range(4))
        plain = np.flatnonzero(known.all(axis=1) & ~learned)
        if plain.size:
            forecast[plain], leverage[plain], freedom[plain], squares[plain] = _fit_one_design(self.design, past[plain])
        own = np.flatnonzero((~known.all(axis=1) | learned) & (known.sum(axis=1) >= self.enough))
        if own.size:
            holiday = np.column_stack([at_rest[own], rest[own, -1] & learned[own]]).astype(np.float64)
            forecast[own], leverage[own], freedom[own], squares[own] = _fit_own_designs(
                self.design, holiday, past[own], known[own]
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            n = known.sum(axis=1)
            mean = np.where(known, past, 0.0).sum(axis=1) / n
            total = np.where(known, (past - mean[:, None]) ** 2, 0.0).sum(axis=1)
            fit = 1.0 - (squares / freedom) / (total / (n - 1))
            suits: Flags = np.asarray(fit) >= self.least_fit
            error = np.maximum(np.sqrt(squares / freedom), self.min_sigma) * np.sqrt(1.0 + leverage)
            expected = np.maximum(forecast, 0.0)
            found[0], found[2] = expected, (today - expected) / error
        found[1] = expected + stdtrit(np.where(suits, freedom, 1.0), 1.0 - self.alpha) * error
        found[3, suits] = stdtr(freedom[suits], -found[2, suits])
        return found, suits

    def _smoothed(self, past: FloatArray, recent: FloatArray) -> FloatArray:
        known = ~np.isnan(past)
        n = known.sum(axis=1).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(known, past, 0.0).sum(axis=1) / n
            squares = np.where(known, (past - mean[:, None]) ** 2, 0.0).sum(axis=1)
            sigma = np.maximum(np.sqrt(squares / (n - 1.0)), self.min_sigma)
        freedom = np.maximum(n - 1.0, 1.0)
        limit = stdtrit(freedom, 1.0 - self.alpha)
        today = recent[:, -1]
        # A guard day that is missing says nothing: it neither moves the smoothed count nor adds to its error.
        excess = np.where(np.isnan(recent[:, :-1]), 0.0, recent[:, :-1] - mean[:, None])
        heard = ~np.isnan(recent[:, :-1])
        score = np.full(len(past), -np.inf)
        upper = np.full(len(past), np.inf)
        for weight in self.weights:
            fade = weight * (1.0 - weight) ** np.arange(self.guard, 0, -1)
            share = weight + heard @ fade
            error = sigma * np.sqrt(weight**2 + heard @ fade**2 + share**2 / n)
            carried = excess @ fade
            score = np.maximum(score, (weight * (today - mean) + carried) / error)
            upper = np.minimum(upper, mean + (limit * error - carried) / weight)
        return np.stack([mean, np.maximum(upper, 0.0), score, stdtr(freedom, -score)])


def _fit_one_design(design: FloatArray, past: FloatArray) -> tuple[FloatArray, float, float, FloatArray]:
    """Forecast, leverage, degrees of freedom and residual squares where all share one design, today's row last."""
    basis, triangle = np.linalg.qr(design[:-1])
    ahead = np.linalg.solve(triangle.T, design[-1])
    level = past.mean(axis=1, keepdims=True)
    turned = (past - level) @ basis
    left = past - level - turned @ basis.T
    return level[:, 0] + turned @ ahead, float(ahead @ ahead), float(len(basis) - basis.shape[1]), (left**2).sum(axis=1)


def _fit_own_designs(
    design: FloatArray, holiday: FloatArray, past: FloatArray, known: Flags
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The same where days are missing or holidays in the baseline, so that each day has a design of its own."""
    whole = np.concatenate([np.broadcast_to(design, (len(past), *design.shape)), holiday[:, :, None]], axis=2)
    rows, ahead = np.where(known[:, :, None], whole[:, :-1], 0.0), whole[:, -1]
    y = np.where(known, past, 0.0)
    back = np.linalg.pinv(rows)
    coefficients = np.einsum("nij,nj->ni", back, y)
    weights = np.einsum("ni,nij->nj", ahead, back)
    # A weekday or a holiday that the baseline does not know cannot be forecast from it.
    reachable = np.isclose(np.einsum("nj,nji->ni", weights, rows), ahead, atol=1e-6).all(axis=1)
    left = np.where(known, y - np.einsum("nij,nj->ni", rows, coefficients), 0.0)
    rank = np.rint(np.einsum("nij,nji->n", rows, back))
    forecast = np.einsum("ni,ni->n", ahead, coefficients)
    freedom = known.sum(axis=1) - rank
    return (
        np.where(reachable & (freedom > 0), forecast, np.nan),
        (weights**2).sum(axis=1),
        np.where(reachable & (freedom > 0), freedom, np.nan),
        (left**2).sum(axis=1),
    )


def _flags(holidays: ArrayLike | None, length: int) -> Flags:
    if holidays is None:
        return np.zeros(length, dtype=bool)
    flags = np.asarray(holidays, dtype=bool)
    if flags.shape != (length,):
        msg = f"holidays has the shape {flags.shape}; give one flag for each of the {length} days."
        raise ValueError(msg)
    return flags


def _refuse_gaps(dates: NDArray[np.datetime64] | None) -> None:
    if dates is None:
        return
    steps = np.diff(np.asarray(dates, dtype="datetime64[D]")).astype(np.int64)
    if (steps != 1).any():
        msg = f"Dates step by {steps[steps != 1][0]} days; give a count, or a missing one, for every day."
        raise ValueError(msg)
