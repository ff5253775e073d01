"""What a series does when there is no outbreak: a seasonal count regression that past outbreaks cannot bend far.

Owns the expected count, its uncertainty and the dispersion of many series at once; judges no point
(`science.detect.citywatch` does).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammainc

FloatArray = NDArray[np.float64]

# A residual above SUSPECT, in standard deviations, is held to be partly outbreak; its weight falls as its third power.
SUSPECT = 1.7
FALL = 3.0
PLAIN_SWEEPS, ROBUST_SWEEPS = 5, 7
LEAST_RIDGE = 1e-3
ETA_LOW, ETA_HIGH = -12.0, 20.0
CHUNK = 64  # series worked on together: their arrays stay in the processor's cache

_LOG_MEAN = np.linspace(-7.0, 10.0, 120)
_LOG_PHI = np.linspace(0.0, 4.0, 33)


@dataclass(frozen=True, slots=True)
class Background:
    """Coefficients of many series: shapes (series, terms), (series, terms, terms) and (series,).

    `level` multiplies the regression's mean: where the series has wandered of late, beyond season and trend.
    """

    coefficients: FloatArray
    covariance: FloatArray
    phi: FloatArray
    level: FloatArray
    level_variance: FloatArray

    def foretell(self, terms: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the counts at the points `terms` (points, terms); shapes (series, points).

        The doubt about the mean counts double. Neighbouring points share it, so their sum has just the variance it
        should, although they are treated as independent; a point by itself is judged a little too mildly.
        """
        mean = np.exp(np.clip(self.coefficients @ terms.T, ETA_LOW, ETA_HIGH) + offset) * self.level[:, None]
        doubt = np.einsum("ti,nij,tj->nt", terms, self.covariance, terms, optimize=True)
        doubt = np.minimum(2.0 * (doubt + self.level_variance[:, None]), 1.0)
        return mean, self.phi[:, None] * mean + doubt * mean**2


@dataclass(frozen=True, slots=True)
class _Seen:
    """Counts, their power 2/3, and 1 where there was one; shape (series, time)."""

    y: FloatArray
    root: FloatArray
    here: FloatArray


def upper_tail(count: FloatArray, mean: FloatArray, size: FloatArray) -> FloatArray:
    """P(Y >= count) of a negative binomial by mean and size (variance mean + mean^2 / size), Poisson at size inf."""
    count, mean, size = np.broadcast_arrays(count, mean, size)
    tail = np.ones(count.shape)
    poisson = (count > 0) & np.isinf(size)
    other = (count > 0) & ~poisson
    tail[poisson] = gammainc(count[poisson], mean[poisson])
    tail[other] = betainc(count[other], size[other], mean[other] / (mean[other] + size[other]))
    return tail


def size_of(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """The size that gives a negative binomial of this mean this variance; inf where that is no more than Poisson's."""
    more = variance - mean
    enough = more > 1e-4 * mean
    return np.where(enough, mean**2 / np.where(enough, more, 1.0), np.inf)


def fit_background(
    counts: FloatArray, terms: FloatArray, groups: NDArray[np.int64], offset: FloatArray, span: int
) -> Background:
    """Fit log mean = offset + terms * coefficients to every series, shape (series, time), NaN where nothing is known.

    Past outbreaks: a count far above its mean loses weight, and what an honest count loses on average by this is put
    back (Fisher consistency; Cantoni and Ronchetti 2001, Journal of the American Statistical Association 96:1022), so
    neither mean nor dispersion shrinks where there was no outbreak. Season and trend: `groups` says which terms belong
    together (-1: free). Each group is drawn towards zero by as much as its own size fails to stand out from its
    standard error (empirical Bayes). Level: see `_wandering`; `span` is the length of its blocks.
    """
    parts = [
        _fit_chunk(counts[k : k + CHUNK], terms, groups, offset[k : k + CHUNK], span)
        for k in range(0, counts.shape[0], CHUNK)
    ]
    return Background(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _fit_chunk(
    counts: FloatArray, terms: FloatArray, groups: NDArray[np.int64], offset: FloatArray, span: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    n, k = counts.shape[0], terms.shape[1]
    known = ~np.isnan(counts) & np.isfinite(offset)
    y, offset = np.where(known, counts, 0.0), np.where(known, offset, 0.0)
    here = known.astype(np.float64)
    points = np.maximum(here.sum(axis=1), 1.0)
    exposure = (here * np.exp(offset)).sum(axis=1)
    beta = np.zeros((n, k))
    beta[:, 0] = np.log(np.maximum(y.sum(axis=1), 0.5) / np.maximum(exposure, 1e-300))
    rows, columns = np.triu_indices(k)
    products = terms[:, rows] * terms[:, columns]
    ridge = np.full((n, k), LEAST_RIDGE)
    ridge[:, 0] = 1e-9  # a series without a single known point must not be singular
    phi, weight, returned = np.ones(n), here, np.zeros_like(y)
    seen = _Seen(y, np.cbrt(y) ** 2, here)
    used = np.full(n, float(k))
    inverse: FloatArray = np.zeros((n, k, k))
    for sweep in range(PLAIN_SWEEPS + ROBUST_SWEEPS + 1):
        eta = np.clip(beta @ terms.T, ETA_LOW, ETA_HIGH) + offset
        mean = np.exp(eta)
        if sweep == PLAIN_SWEEPS:
            phi = np.maximum(1.0, (here * (y - mean) ** 2 / mean).sum(axis=1) / np.maximum(points - used, 1.0))
        if sweep >= PLAIN_SWEEPS:
            weight, returned, phi = _reweighted(seen, eta, mean, phi, points - used)
        information: FloatArray = np.empty((n, k, k))
        flat = (weight * mean) @ products
        information[:, rows, columns] = flat
        information[:, columns, rows] = flat
        if sweep == PLAIN_SWEEPS:
            ridge = _shrinkage(beta, information, ridge, groups, phi)
        inverse = _inverse(information + ridge[:, :, None] * np.eye(k))
        used = np.einsum("nij,nji->n", inverse, information)
        if sweep == PLAIN_SWEEPS + ROBUST_SWEEPS:
            break
        slope = (weight * (y - mean) + returned) @ terms - ridge * beta
        step = (inverse @ slope[:, :, None])[:, :, 0]
        beta += step * np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-9))
    level, doubt = _wandering(weight * (y - mean) + returned, here * mean, phi, span)
    return beta, inverse * phi[:, None, None], phi, level, doubt


def _inverse(matrices: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(matrices), dtype=np.float64)


def _reweighted(
    seen: _Seen, eta: FloatArray, mean: FloatArray, phi: FloatArray, freedom: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights from Anscombe residuals, what they take from the score on average, and the dispersion they leave."""
    here = seen.here
    lift = np.exp(eta * (-1.0 / 6.0))
    residual = (seen.root - np.exp(eta * (2.0 / 3.0))) * lift * (1.5 / np.sqrt(phi))[:, None]
    weight = here.copy()
    far = np.nonzero((residual > SUSPECT) & (here > 0))
    weight[far] = (SUSPECT / residual[far]) ** FALL
    first, second = _lost(eta, phi)
    returned = here * first * mean
    pearson = (weight * (seen.y - mean) ** 2 / mean).sum(axis=1)
    phi = np.maximum(1.0, pearson / np.maximum(freedom - (here * second).sum(axis=1), 1.0))
    return weight, returned, phi


def _shrinkage(
    beta: FloatArray, information: FloatArray, ridge: FloatArray, groups: NDArray[np.int64], phi: FloatArray
) -> FloatArray:
    """A prior precision per term: the group's variance beyond that of its estimates, by moments."""
    k = beta.shape[1]
    covariance = _inverse(information + ridge[:, :, None] * np.eye(k)) * phi[:, None, None]
    out = ridge.copy()
    for group in np.unique(groups[groups >= 0]):
        own = np.flatnonzero(groups == group)
        block = covariance[:, own[:, None], own]
        wald = np.einsum("ni,nij,nj->n", beta[:, own], _inverse(block), beta[:, own]) / own.size
        variance = np.trace(block, axis1=1, axis2=2) / own.size
        out[:, own] = np.maximum(phi / np.maximum(variance * np.maximum(wald - 1.0, 1e-3), 1e-12), LEAST_RIDGE)[:, None]
    return out


def _wandering(excess: FloatArray, mean: FloatArray, phi: FloatArray, span: int) -> tuple[FloatArray, FloatArray]:
    """How far the latest block stands off the regression, as a factor, and the variance of what is left.

    Blocks of `span` points, counted back from the end. Only what two neighbouring blocks share is drift: an outbreak
    or plain noise in one of them adds nothing to the mean product of their excesses. That mean, less one standard
    error, is the variance of the drift; the latest block's excess is then believed in the proportion of drift to all.
    """
    n, time = excess.shape
    blocks = time // span
    if blocks < 4:
        return np.ones(n), np.zeros(n)
    over = excess[:, time - blocks * span :].reshape(n, blocks, span).sum(axis=2)
    expected = mean[:, time - blocks * span :].reshape(n, blocks, span).sum(axis=2)
    pairs = over[:, 1:] * over[:, :-1]
    scale = np.maximum((expected[:, 1:] * expected[:, :-1]).sum(axis=1), 1e-9)
    by_chance = phi * np.sqrt((expected[:, 1:] * expected[:, :-1]).sum(axis=1))
    drift = np.maximum(0.0, (pairs.sum(axis=1) - by_chance) / scale)
    last = np.maximum(expected[:, -1], 1e-9)
    trust = drift * last / (drift * last + phi)
    return np.clip(1.0 + trust * over[:, -1] / last, 0.2, 5.0), drift * (1.0 - trust)


@lru_cache
def _tables() -> tuple[FloatArray, FloatArray]:
    """E[(1 - w)(Y - mu)] / mu and E[(1 - w)(Y - mu)^2] / (phi mu) over log phi and log mu.

    Sums over the negative binomial above the count whose residual is SUSPECT, in at most 400 cells.
    """
    mean, phi = np.exp(_LOG_MEAN)[None, :, None], np.exp(_LOG_PHI)[:, None, None]
    least = np.ceil((2 / 3 * SUSPECT * mean ** (1 / 6) * np.sqrt(phi) + mean ** (2 / 3)) ** 1.5)
    step = np.maximum(1.0, np.ceil((8 * np.sqrt(mean * phi) + 40 * phi) / 400))
    edges = least + np.arange(401) * step
    size = np.where(phi > 1.0 + 1e-6, mean / np.maximum(phi - 1.0, 1e-9), np.inf)
    mass = -np.diff(upper_tail(edges, mean, size), axis=-1)
    count = edges[..., :-1] + (step - 1) / 2
    residual = 1.5 * (np.cbrt(count) ** 2 - mean ** (2 / 3)) / (mean ** (1 / 6) * np.sqrt(phi))
    loss = mass * (1.0 - np.minimum(1.0, (SUSPECT / np.maximum(residual, 1e-9)) ** FALL))
    first = (loss * (count - mean)).sum(axis=-1) / mean[..., 0]
    second = (loss * (count - mean) ** 2).sum(axis=-1) / (mean * phi)[..., 0]
    return first, second


def _lost(eta: FloatArray, phi: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The tables at these log means and dispersions, linear between their nodes."""
    place = np.clip(np.log(phi) / (_LOG_PHI[1] - _LOG_PHI[0]), 0.0, _LOG_PHI.size - 1.001)
    row = place.astype(np.int64)
    part = (place - row)[:, None]
    position = np.clip((eta - _LOG_MEAN[0]) / (_LOG_MEAN[1] - _LOG_MEAN[0]), 0.0, _LOG_MEAN.size - 1.001)
    left = position.astype(np.int64)
    position -= left
    flat = left + (np.arange(phi.size) * _LOG_MEAN.size)[:, None]
    out = []
    for table in _tables():
        line = table[row] * (1.0 - part) + table[row + 1] * part
        lower = line.ravel().take(flat)
        rise = np.diff(line, axis=1, append=line[:, -1:]).ravel().take(flat)
        out.append(lower + position * rise)
    return out[0], out[1]
