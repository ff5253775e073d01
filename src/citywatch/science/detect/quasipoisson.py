"""Quasi-Poisson baselines of many series at once.

Owns the two-stage fit that `farrington` and `farrington_flexible` share. Does not choose the past points (`baselines`),
bounds (`bounds`), settings or alarms: those are the methods'.

Why it is fast: every season level has an intercept of its own, so each past point belongs to one level and the normal
matrix is an arrowhead, a diagonal and one row for the trend. A Newton step is a division per level; leverages and
standard errors have the same closed form; no matrix is factorised. And with equal weights the sums it needs depend on
the past points only through the slope, so they are a power series in one number; the few points with a weight of their
own are added one by one.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import stdtr

from citywatch.science.detect.baselines import (
    POWERS,
    STEEPEST,
    Baseline,
    BoolArray,
    FloatArray,
    IntArray,
    Plan,
    Watch,
    baselines,
)

# The stopping rule of R's fitter, which ends a hair before the last digits settle: agreement needs its very steps.
TOLERANCE_OF_R, MOST_STEPS_OF_R = 1e-8, 25
# Ours: twice the log-likelihood still to be gained. The step that is taken then leaves an error of about this square.
STILL_TO_GAIN, MOST_STEPS = 1e-9, 25
# exp(2 x this) times more at one end of the baseline than at the other: the slope is on its way to infinity.
HOPELESS = 30.0
LEAST_YEARS_FOR_A_TREND = 3
# R's inverse link goes no lower.
SMALLEST_MEAN = float(np.finfo(np.float64).eps)
# A fit begins at the counts themselves, raised by this much so that their logarithm exists.
START = 0.1
# Numbers in one array of a batch: small enough for the shared cache, large enough that a step is not all overhead.
CELLS_AT_ONCE = 262_144
# Above this share of missing points they are cheaper carried along than added one by one.
MANY_MISSING = 0.1
# Logarithm of the mean at which a season without any case begins and, but for the last digits, ends.
NOTHING = -30.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the past foretells, each array (series, points answered); NaN where it could not tell.

    `mean` and its logarithm; `log_error`, the standard error of that logarithm; `dispersion`, variance over mean, at
    least 1; `trend`, 1 where a trend was kept and 0 where not; `slope`, its coefficient per unit of time; `failed`,
    where the fit found no end.
    """

    mean: FloatArray
    log_mean: FloatArray
    log_error: FloatArray
    dispersion: FloatArray
    trend: FloatArray
    slope: FloatArray
    failed: BoolArray


def forecast(watch: Watch, plan: Plan) -> Forecast:
    """Fit the baseline of every series and point and carry it to the point itself.

    Two fits: a plain one, then one in which points far above the first (Anscombe residual s over the threshold) weigh
    s**-2, so that past outbreaks do not hide the next. A trend stays only if it is significant, at least three years
    speak, and the forecast is no larger than anything seen; without it both fits are made again.

    Source: Farrington et al. 1996, JRSS A 159:547; Noufaily et al. 2013, Statistics in Medicine 32:1206.

    >>> plan = Plan(frequency=52, years_back=3, half_window=3, periods=10, past_excluded=26, trend=True,
    ...             trend_p_value=1, reweight=True, weights_threshold=2.58)
    >>> found = forecast(Watch.of(np.tile([4.0, 6.0], 100), plan, start=199, dates=None, population=None), plan)
    >>> found.mean.round(1).tolist(), found.dispersion.tolist()
    ([[4.8]], [[1.0]])
    """
    series, length = watch.counts.shape
    shape = (series, length - watch.start)
    out = {name: np.full(shape, np.nan) for name in ("mean", "log_mean", "log_error", "dispersion", "trend", "slope")}
    failed = np.zeros(shape, dtype=bool)
    some_missing = bool(np.isnan(watch.counts).any())
    for baseline, points in baselines(watch, plan):
        jobs, rows = series * points.size, max(1, CELLS_AT_ONCE // baseline.places.size)
        for job in range(0, jobs, rows):
            row, which = np.divmod(np.arange(job, min(job + rows, jobs)), points.size)
            point = points[which]
            cells = (row * length + point)[:, None] + baseline.places
            exposure = now = None
            if watch.population is not None:
                exposure, now = watch.population.ravel().take(cells), watch.population[row, point]
            past = _Past.of(watch.counts.ravel().take(cells), exposure, baseline, some_missing=some_missing)
            found = _forecast(past, now, plan, dated=watch.dates is not None)
            for name, values in out.items():
                values[row, point - watch.start] = getattr(found, name)
            failed[row, point - watch.start] = found.failed
    return Forecast(**out, failed=failed)


@dataclass(frozen=True, slots=True)
class _Past:
    """The baseline's counts of some jobs (jobs, points), 0 where missing, and the sums that every fit begins with.

    `known` None: all are. `exposure` None: 1 everywhere; otherwise 0 where missing. `start` is where a fit begins,
    `target` the working response there times its weight, `constant` the part of half the deviance no step changes,
    `log_exposure` the logarithm of each job's largest exposure.
    """

    baseline: Baseline
    y: FloatArray
    known: BoolArray | None
    exposure: FloatArray | None
    start: FloatArray
    target: FloatArray
    constant: FloatArray
    log_exposure: FloatArray
    y_sums: FloatArray
    start_sums: FloatArray
    target_sums: FloatArray

    @classmethod
    def of(cls, y: FloatArray, exposure: FloatArray | None, baseline: Baseline, *, some_missing: bool) -> Self:
        known = None
        if some_missing or exposure is not None:
            known = ~np.isnan(y)
            if exposure is not None:
                known &= exposure > 0
                exposure = np.where(known, exposure, 0.0)
            elif np.count_nonzero(known) < (1 - MANY_MISSING) * known.size:
                exposure = known.astype(np.float64)
            y = np.where(known, y, 0.0)
        log_scale = np.zeros(y.shape[0])
        start = y + START
        target, constant = np.log(start), np.log(y + (y == 0))
        if exposure is not None:
            log_exposure = np.log(np.where(exposure > 0, exposure, 1.0))
            log_scale = np.log(np.maximum(exposure.max(axis=1), SMALLEST_MEAN))
            target -= log_exposure
            constant -= log_exposure
        target *= start
        target -= START
        constant -= 1
        constant *= y
        if known is not None:
            start *= known
            target *= known
        n, moments = baseline.levels, baseline.moments
        sums = y @ moments[:, : 2 * n], start @ moments, target @ moments[:, : 2 * n]
        return cls(baseline, y, known, exposure, start, target, constant, log_scale, *sums)

    @property
    def count(self) -> FloatArray:
        """How many points of each job are known."""
        if self.known is None:
            return np.full(self.y.shape[0], float(self.y.shape[1]))
        return np.asarray(self.known.sum(axis=1), dtype=np.float64)

    def __getitem__(self, jobs: BoolArray) -> Self:
        return replace(
            self, **{name: part[jobs] for name in self.__slots__[1:] if (part := getattr(self, name)) is not None}
        )


@dataclass(frozen=True, slots=True)
class _Weights:
    """Prior weights: `scale` for each job's points, and by how much single ones (job, point) differ, in that unit."""

    scale: FloatArray
    job: IntArray
    point: IntArray
    differs: FloatArray


@dataclass(slots=True)
class _Fit:
    """A fitted baseline per job: log level (jobs, levels), slope (jobs,), and the information they were found with.

    `information` is the sum of working weights per level, `centre` their mean time, `about` the sum over all levels of
    their squares in time about it (infinite without a trend). `before_...` is one step earlier, where R takes its
    working weights. `raw` is the dispersion before it is raised to 1, `spread` what R's standard errors have for it.
    """

    log_level: FloatArray
    slope: FloatArray
    before_level: FloatArray
    before_slope: FloatArray
    information: FloatArray
    centre: FloatArray
    about: FloatArray
    converged: BoolArray
    dispersion: FloatArray
    raw: FloatArray
    spread: FloatArray
    freedom: FloatArray

    @classmethod
    def empty(cls, jobs: int, levels: int) -> Self:
        def by_level() -> FloatArray:
            return np.zeros((jobs, levels))

        def each(value: float) -> FloatArray:
            return np.full(jobs, value)

        return cls(
            log_level=by_level(),
            slope=each(0.0),
            before_level=by_level(),
            before_slope=each(0.0),
            information=by_level(),
            centre=by_level(),
            about=each(np.inf),
            converged=np.zeros(jobs, dtype=bool),
            dispersion=each(np.nan),
            raw=each(np.nan),
            spread=each(np.nan),
            freedom=each(np.nan),
        )

    def put(self, jobs: BoolArray | IntArray, other: Self) -> None:
        for name in self.__slots__:
            getattr(self, name)[jobs] = getattr(other, name)


def _forecast(past: _Past, population: FloatArray | None, plan: Plan, *, dated: bool) -> Forecast:
    baseline, jobs = past.baseline, past.y.shape[0]
    own, now = baseline.levels - 1, np.full(jobs, baseline.now)
    if plan.flexible_quirks and dated and past.known is not None:
        # R counts the judged date from the first point that is known, and the others from the first there is.
        in_time = np.argsort(baseline.time, kind="stable")
        now -= baseline.time[in_time][past.known[:, in_time].argmax(axis=1)] - baseline.time.min()
    log_exposure = np.zeros(jobs)
    if population is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            log_exposure = np.where(population > 0, np.log(population), np.nan)
    kept = np.zeros(jobs, dtype=bool)
    fit = _Fit.empty(jobs, baseline.levels)
    if plan.trend and plan.years_back >= LEAST_YEARS_FOR_A_TREND:
        fit = _two_stage(past, plan, trend=True)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            mean = np.exp(fit.log_level[:, own] + fit.slope * now + log_exposure)
            # In a flat series the forecast is the maximum, but for the last digits.
            highest = past.y.max(axis=1) * (1 if plan.steps_of_r else 1 + 1e-9)
            kept = fit.converged & (mean <= highest)
            if plan.trend_p_value < 1:
                spread = fit.dispersion
                if plan.steps_of_r:
                    spread = fit.spread if plan.flexible_quirks else fit.raw
                t = fit.slope / np.sqrt(spread / fit.about)
                kept &= 2 * stdtr(fit.freedom, -np.abs(t)) < plan.trend_p_value
    if not kept.all():
        fit.put(~kept, _two_stage(past[~kept] if kept.any() else past, plan, trend=False))
    information = fit.information[:, own]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = 1 / information + (now - fit.centre[:, own]) ** 2 / fit.about
        error = np.sqrt((fit.spread if plan.flexible_quirks else fit.dispersion) * variance)
    log_mean = fit.log_level[:, own] + fit.slope * now + log_exposure
    blind = ~fit.converged | (information == 0) | np.isnan(log_mean)
    log_mean = np.where(blind, np.nan, log_mean)
    return Forecast(
        mean=np.exp(log_mean),
        log_mean=log_mean,
        log_error=np.where(blind, np.nan, error),
        dispersion=np.where(blind, np.nan, fit.dispersion),
        trend=np.where(blind, np.nan, kept),
        slope=np.where(kept & ~blind, fit.slope / baseline.span, np.nan),
        failed=~fit.converged & (information > 0),
    )


def _two_stage(past: _Past, plan: Plan, *, trend: bool) -> _Fit:
    """Fit, weigh down what stands far above the fit, fit again."""
    first = _newton(past, None, plan, trend=trend)
    freedom = past.count - (first.information > 0).sum(axis=1) - trend
    freedom = np.where(freedom > 0, freedom, np.nan)
    left = _Residuals.of(past, first, plan, trend=trend)
    first.raw = first.spread = left.pearson.sum(axis=1) / freedom
    first.dispersion, first.freedom = np.maximum(first.raw, 1.0), freedom
    if not plan.reweight:
        return first
    job, point, s = _far_above(past, first, left, plan)
    differs = s**-2.0 - 1
    total = past.count + np.bincount(job, differs, past.y.shape[0])
    weights = _Weights(past.count / np.where(total > 0, total, 1.0), job, point, differs)
    fit = _newton(past, weights, plan, trend=trend, begin=None if plan.steps_of_r else first)
    left = _Residuals.of(past, fit, plan, trend=trend)
    fit.raw = fit.spread = _weighted_sum(weights, left.pearson) / freedom
    if plan.flexible_quirks:
        # R has the prior weights where the working weights belong once it has reweighted.
        fit.spread = _weighted_sum(weights, left.above**2) / freedom
    fit.dispersion, fit.freedom, fit.converged = np.maximum(fit.raw, 1.0), freedom, first.converged
    return fit


def _weighted_sum(weights: _Weights, values: FloatArray) -> FloatArray:
    single = weights.differs * values[weights.job, weights.point]
    return np.asarray(weights.scale * (values.sum(axis=1) + np.bincount(weights.job, single, values.shape[0])))


@dataclass(frozen=True, slots=True)
class _Residuals:
    """The mean, (y - mean) / mean, and its square times the working weight, each (jobs, points); 0 where missing."""

    mean: FloatArray
    above: FloatArray
    pearson: FloatArray

    @classmethod
    def of(cls, past: _Past, fit: _Fit, plan: Plan, *, trend: bool) -> Self:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            mean = _means(past, fit.log_level, fit.slope, trend=trend)
            above = past.y / mean
            above -= 1.0
            if past.known is not None:
                above = np.where(past.known, above, 0.0)
            working = mean
            if plan.steps_of_r:
                working = _means(past, fit.before_level, fit.before_slope, trend=trend)
            pearson = above * above
            pearson *= working
        return cls(mean, above, pearson)


def _means(past: _Past, log_level: FloatArray, slope: FloatArray, *, trend: bool) -> FloatArray:
    baseline = past.baseline
    if trend:
        mean = log_level.take(baseline.level, axis=1)
        mean += slope[:, None] * baseline.time
        np.exp(mean, out=mean)
    else:
        mean = np.exp(log_level).take(baseline.level, axis=1)
    if past.exposure is not None:
        mean *= past.exposure
    return mean


def _far_above(past: _Past, fit: _Fit, left: _Residuals, plan: Plan) -> tuple[IntArray, IntArray, FloatArray]:
    """Where the standardised Anscombe residual is above the threshold, and what it is there.

    s = 3/2 (y^(2/3) mean^(-1/6) - mean^(1/2)) / sqrt(dispersion (1 - leverage)). As u^(2/3) - 1 <= 2/3 (u - 1), it is
    never above the Pearson residual, which finds the few points that need the powers.
    """
    baseline, threshold = past.baseline, plan.weights_threshold
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        candidate = left.pearson > 0.45 * threshold**2 * fit.dispersion[:, None]
        # Less than half of the limit is enough while leverages stay below a half; other jobs are looked at whole.
        most = np.exp(fit.before_level + np.abs(fit.before_slope)[:, None])
        if past.exposure is not None:
            most *= past.exposure.max(axis=1)[:, None]
        most *= 1 / fit.information + (1 + np.abs(fit.centre)) ** 2 / fit.about[:, None]
        candidate[((most > 0.5) & (fit.information > 0)).any(axis=1)] = True
        job, point = np.nonzero(candidate)
        higher = left.above[job, point] > 0
        job, point = job[higher], point[higher]
        level = baseline.level[point]
        leverage = (
            1 / fit.information[job, level] + (baseline.time[point] - fit.centre[job, level]) ** 2 / fit.about[job]
        )
        u = left.above[job, point] + 1
        leverage *= left.pearson[job, point] / (u - 1) ** 2
        room = (1.0 - leverage) * fit.dispersion[job]
        s = 1.5 * np.sqrt(left.mean[job, point] / room) * (np.cbrt(u) ** 2 - 1)
        far = s > threshold
    return job[far], point[far], s[far]


def _newton(past: _Past, weights: _Weights | None, plan: Plan, *, trend: bool, begin: _Fit | None = None) -> _Fit:
    """Maximise the weighted Poisson likelihood, each job stopping by itself.

    It begins at another fit or at the counts themselves, as GLM fitters do.
    """
    climb = _Climb.of(past, weights, plan, trend=trend, begin=begin)
    fit = _Fit.empty(past.y.shape[0], past.baseline.levels)
    for _ in range(MOST_STEPS_OF_R if plan.steps_of_r else MOST_STEPS):
        climb.look()
        at_top, stopped = climb.like_r() if plan.steps_of_r else climb.there()
        if stopped.any():
            climb.write(fit, stopped, at_top)
            climb.keep(~stopped)
        if not climb.live.size:
            break
        climb.move()
    else:
        climb.write(fit, np.ones(climb.live.size, dtype=bool), np.zeros(climb.live.size, dtype=bool))
    if plan.steps_of_r and trend:
        _floor(past, weights, fit)
    return fit


@dataclass(slots=True)
class _Climb:
    """The jobs still on their way up the likelihood: where each stands, where it stood, and what it sees there."""

    live: IntArray
    trend: bool
    like_a_glm: bool
    constant: FloatArray
    y_sums: FloatArray
    sums: "_Sums"
    level: FloatArray
    slope: FloatArray
    before_level: FloatArray
    before_slope: FloatArray
    here: "_Step"
    last: "_Step"
    working: FloatArray
    gradient: FloatArray
    deviance: FloatArray

    @classmethod
    def of(cls, past: _Past, weights: _Weights | None, plan: Plan, *, trend: bool, begin: _Fit | None) -> Self:
        baseline, n, jobs = past.baseline, past.baseline.levels, past.y.shape[0]
        wide, right = (3 * n, 2 * n) if trend else (n, n)

        def weighed(sums: FloatArray, values: FloatArray) -> FloatArray:
            if weights is None:
                return sums
            sums = sums.copy()
            _add(sums, baseline, weights.job, weights.point, weights.differs * values[weights.job, weights.point])
            return sums * weights.scale[:, None]

        y_sums = weighed(past.y_sums[:, :right], past.y)
        if begin is None:
            working = weighed(past.start_sums[:, :wide], past.start)
            here = _solve(working, weighed(past.target_sums[:, :right], past.target), n, trend=trend)
            level, slope = here.level, here.slope
            if not plan.steps_of_r:
                level = np.where(y_sums[:, :n] > 0, level, NOTHING - past.log_exposure[:, None])
        else:
            level, slope, working = begin.log_level, begin.slope, y_sums
            here = _Step(level, slope, begin.information, begin.centre, begin.about)
        return cls(
            live=np.arange(jobs),
            trend=trend,
            like_a_glm=plan.steps_of_r,
            constant=past.constant.sum(axis=1) if weights is None else _weighted_sum(weights, past.constant),
            y_sums=y_sums,
            sums=_Sums.of(past, weights, trend=trend),
            level=level,
            slope=slope,
            before_level=level,
            before_slope=slope,
            here=here,
            last=here,
            working=working,
            gradient=y_sums,
            deviance=np.full(jobs, np.inf),
        )

    def look(self) -> None:
        """Take the working weights and the Newton step where each job stands."""
        n = self.level.shape[1]
        with np.errstate(over="ignore", invalid="ignore"):
            self.working = self.sums.at(self.slope)
            self.working.reshape(self.live.size, -1, n)[:] *= np.exp(self.level)[:, None, :]
            self.gradient = self.y_sums - self.working[:, : self.y_sums.shape[1]]
            self.last, self.here = self.here, _solve(self.working, self.gradient, n, trend=self.trend)

    def like_r(self) -> tuple[BoolArray, BoolArray]:
        """Whether each job has converged, and so stops, by the rule of R's fitter: the deviance has settled."""
        n, before = self.level.shape[1], self.deviance
        with np.errstate(over="ignore", invalid="ignore"):
            now = self.constant - (self.level * self.y_sums[:, :n]).sum(axis=1) + self.working[:, :n].sum(axis=1)
            if self.trend:
                now -= self.slope * self.y_sums[:, n:].sum(axis=1)
            self.deviance = 2 * now
            settled = np.abs(self.deviance - before) / (np.abs(self.deviance) + 0.1) < TOLERANCE_OF_R
        return settled, settled

    def there(self) -> tuple[BoolArray, BoolArray]:
        """Whether each job has converged, and whether it stops, be it because there is no top to reach."""
        n = self.level.shape[1]
        with np.errstate(over="ignore", invalid="ignore"):
            gain = (self.here.level * self.gradient[:, :n]).sum(axis=1)
            if self.trend:
                gain += self.here.slope * self.gradient[:, n:].sum(axis=1)
            at_top = gain < STILL_TO_GAIN
            return at_top, at_top | ~(np.abs(self.slope) < HOPELESS)

    def move(self) -> None:
        self.before_level, self.before_slope = self.level, self.slope
        self.level, self.slope = self.level + self.here.level, self.slope + self.here.slope

    def write(self, fit: _Fit, stopped: BoolArray, at_top: BoolArray) -> None:
        """Enter the jobs that stop: R where they stand with what they saw a step before, we after the step at hand."""
        job, seen, level, slope = self.live[stopped], self.last, self.level, self.slope
        if not self.like_a_glm:
            seen, level, slope = self.here, level + self.here.level, slope + self.here.slope
        fit.converged[job] = at_top[stopped]
        fit.log_level[job], fit.slope[job] = level[stopped], slope[stopped]
        fit.before_level[job], fit.before_slope[job] = self.before_level[stopped], self.before_slope[stopped]
        fit.information[job], fit.centre[job] = seen.information[stopped], seen.centre[stopped]
        fit.about[job] = seen.about[stopped]

    def keep(self, going: BoolArray) -> None:
        for name in ("live", "constant", "y_sums", "sums", "level", "slope", "here", "last", "deviance"):
            setattr(self, name, getattr(self, name)[going])


def _floor(past: _Past, weights: _Weights | None, fit: _Fit) -> None:
    """Take the information again where R's smallest mean reaches into it: a season that never had a case."""
    baseline, n = past.baseline, past.baseline.levels
    reached = fit.before_level.min(axis=1) - np.abs(fit.before_slope) < np.log(SMALLEST_MEAN)
    if not reached.any():
        return
    with np.errstate(over="ignore", invalid="ignore"):
        working = np.maximum(_means(past, fit.before_level, fit.before_slope, trend=True), SMALLEST_MEAN)
    if past.known is not None:
        working *= past.known
    if weights is not None:
        working[weights.job, weights.point] *= 1 + weights.differs
        working *= weights.scale[:, None]
    again = _solve(working @ baseline.moments, np.zeros((working.shape[0], 2 * n)), n, trend=True)
    fit.information[reached], fit.centre[reached] = again.information[reached], again.centre[reached]
    fit.about[reached] = again.about[reached]


def _add(sums: FloatArray, baseline: Baseline, job: IntArray, point: IntArray, amounts: FloatArray) -> None:
    """Add single amounts to sums (jobs, so many powers of time x levels)."""
    n, jobs = baseline.levels, sums.shape[0]
    place, time = job * n + baseline.level[point], baseline.time[point]
    for power in range(sums.shape[1] // n):
        sums[:, power * n : (power + 1) * n] += np.bincount(place, amounts, jobs * n).reshape(jobs, n)
        amounts = amounts * time


@dataclass(frozen=True, slots=True)
class _Sums:
    """What turns slopes into the sums per level of weight x exp(slope x time), times 1, time and time squared.

    `exposure` None is 1 everywhere, up to single amounts (job, point, amount) that are added. Without a trend the sums
    are always the same, `flat`.
    """

    baseline: Baseline
    wide: int
    flat: FloatArray | None
    exposure: FloatArray | None
    scale: FloatArray | None
    job: IntArray
    point: IntArray
    amount: FloatArray

    @classmethod
    def of(cls, past: _Past, weights: _Weights | None, *, trend: bool) -> Self:
        job = point = np.zeros(0, dtype=np.int64)
        amount = np.zeros(0)
        if weights is not None:
            job, point, amount = weights.job, weights.point, weights.differs
            if past.exposure is not None:
                amount = amount * past.exposure[job, point]
        if past.exposure is None and past.known is not None:
            absent, where = np.nonzero(~past.known)
            job, point = np.concatenate([job, absent]), np.concatenate([point, where])
            amount = np.concatenate([amount, np.full(absent.size, -1.0)])
        scale = None if weights is None else weights.scale
        wide = past.baseline.levels * (3 if trend else 1)
        found = cls(past.baseline, wide, None, past.exposure, scale, job, point, amount)
        return found if trend else replace(found, flat=found.at(np.zeros(past.y.shape[0])))

    def at(self, slope: FloatArray) -> FloatArray:
        if self.flat is not None:
            return self.flat.copy()
        if self.exposure is not None:
            sums = self._carried(slope, self.exposure)
        else:
            sums = (
                np.vander(np.clip(slope, -STEEPEST, STEEPEST), POWERS, increasing=True)
                @ self.baseline.growth[:, : self.wide]
            )
            steep = np.abs(slope) > STEEPEST
            if steep.any():
                sums[steep] = self._carried(slope[steep], None)
        if self.job.size:
            _add(
                sums,
                self.baseline,
                self.job,
                self.point,
                self.amount * np.exp(slope[self.job] * self.baseline.time[self.point]),
            )
        if self.scale is not None:
            sums *= self.scale[:, None]
        return sums

    def _carried(self, slope: FloatArray, exposure: FloatArray | None) -> FloatArray:
        shape = slope[:, None] * self.baseline.time
        np.exp(shape, out=shape)
        if exposure is not None:
            shape *= exposure
        return shape @ self.baseline.moments[:, : self.wide]

    def __getitem__(self, jobs: BoolArray) -> Self:
        mine, place = jobs[self.job], np.cumsum(jobs) - 1
        return replace(
            self,
            flat=None if self.flat is None else self.flat[jobs],
            exposure=None if self.exposure is None else self.exposure[jobs],
            scale=None if self.scale is None else self.scale[jobs],
            job=place[self.job[mine]],
            point=self.point[mine],
            amount=self.amount[mine],
        )


@dataclass(frozen=True, slots=True)
class _Step:
    """The solution of one arrowhead system per job, and the arrowhead itself."""

    level: FloatArray
    slope: FloatArray
    information: FloatArray
    centre: FloatArray
    about: FloatArray

    def __getitem__(self, jobs: BoolArray) -> Self:
        return replace(self, **{name: getattr(self, name)[jobs] for name in self.__slots__})


def _solve(working: FloatArray, right: FloatArray, n: int, *, trend: bool) -> _Step:
    """Divide the right-hand side (jobs, levels and levels x time) by the moments of the working weights."""
    information = working[:, :n]
    # A level without a known point has neither weight nor right-hand side.
    safe = np.where(information > 0, information, 1.0)
    if not trend:
        jobs = working.shape[0]
        return _Step(right / safe, np.zeros(jobs), information, np.zeros_like(information), np.full(jobs, np.inf))
    centre = working[:, n : 2 * n] / safe
    about = working[:, 2 * n :].sum(axis=1) - (working[:, n : 2 * n] * centre).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (right[:, n:].sum(axis=1) - (centre * right[:, :n]).sum(axis=1)) / about
    return _Step(right[:, :n] / safe - centre * slope[:, None], slope, information, centre, about)
