"""Small regressions fitted to many series at once: log-linear seasonal means, Poisson or negative binomial.

The iteration starts and stops as R's `glm` documents it, so that fits agree with it to the last digits, not only to
its convergence limit.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

FloatArray = NDArray[np.float64]

CONVERGED = 1e-8
STEPS = 25
# Of the dispersion with the means held; mean and dispersion take turns, so more would be wasted.
INNER_STEPS = 12
# Variance mean + alpha * mean^2 with an alpha below this is Poisson to every digit that matters.
NO_EXTRA_VARIANCE = 1e-10


def seasonal_design(t: FloatArray, *, frequency: int, harmonics: int, trend: bool) -> FloatArray:
    """Columns for a level, a trend if asked for, and so many pairs of sine and cosine a cycle; shape (time, columns).

    Source: Serfling 1963, Public Health Reports 78:494.

    >>> seasonal_design(np.array([0.0, 13.0]), frequency=52, harmonics=1, trend=True).round(3).tolist()
    [[1.0, 0.0, 0.0, 1.0], [1.0, 13.0, 1.0, 0.0]]
    """
    angle = 2.0 * np.pi / frequency * t
    columns = [np.ones(t.shape)] + ([t] if trend else [])
    for s in range(1, harmonics + 1):
        columns += [np.sin(s * angle), np.cos(s * angle)]
    return np.stack(columns, axis=-1)


def fit_log_linear(
    counts: FloatArray, design: FloatArray, alpha: FloatArray | float = 0.0, *, near: FloatArray | None = None
) -> FloatArray:
    """Fit log(mean) = design @ coefficients to every series: Poisson, or negative binomial with `alpha` known.

    `counts` has shape (series, time), NaN left out; `design` (time, columns); `alpha`, the extra variance alpha *
    mean^2, is a number or (series,). With coefficients `near` the answer the iteration begins there and goes on until
    the means stand still; else it ends, as `glm` does, when the deviance does. Returns coefficients (series, columns),
    NaN for a series without a case, whose mean has no logarithm, or with fewer points than columns.

    Source: McCullagh & Nelder 1989, Generalized Linear Models, section 2.5.

    >>> fit_log_linear(np.array([[1.0, 3.0, 2.0]]), np.ones((3, 1))).round(6).tolist()
    [[0.693147]]
    """
    known = ~np.isnan(counts)
    y = np.where(known, counts, 0.0)
    extra = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (len(y),))[:, None]
    # The columns are made orthogonal, or a trend over hundreds of weeks would cost half the digits.
    basis, triangle = np.linalg.qr(design)
    mean = np.where(extra > NO_EXTRA_VARIANCE, y + (y == 0) / 6.0, y + 0.1)
    linear = np.log(mean) if near is None else np.clip(near @ design.T, -700.0, 700.0)
    mean = np.exp(linear)
    coefficients = np.full((len(y), design.shape[1]), np.nan)
    deviance = _deviance(y, mean, extra, known)
    going = np.flatnonzero((y.sum(axis=-1) > 0) & (known.sum(axis=-1) >= design.shape[1]))
    for _ in range(STEPS):
        if not going.size:
            break
        mu, a = mean[going], extra[going]
        weight = np.where(known[going], mu / (1.0 + a * mu), 0.0)
        working = linear[going] + (y[going] - mu) / mu
        normal = np.einsum("st,ti,tj->sij", weight, basis, basis, optimize=True)
        right = (weight * working) @ basis
        try:
            found = np.linalg.solve(normal, right[..., None])[..., 0]
        except np.linalg.LinAlgError:
            found = np.stack([np.linalg.lstsq(n, r, rcond=None)[0] for n, r in zip(normal, right, strict=True)])
        coefficients[going] = found
        before = linear[going]
        linear[going] = np.clip(found @ basis.T, -700.0, 700.0)
        mean[going] = np.exp(linear[going])
        now = _deviance(y[going], mean[going], a, known[going])
        if near is None:
            changed = np.abs(now - deviance[going]) / (np.abs(now) + 0.1) >= CONVERGED
        else:
            changed = np.abs(linear[going] - before).max(axis=-1) >= CONVERGED
        deviance[going] = now
        going = going[changed]
    return np.linalg.solve(triangle, coefficients.T).T if design.shape[1] else coefficients


def fit_negative_binomial(counts: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit log(mean) = design @ coefficients with its own dispersion to every series, by maximum likelihood.

    Returns the coefficients (series, columns) and alpha (series,) in variance = mean + alpha * mean^2; alpha is 0 where
    the counts vary no more than Poisson, NaN where the mean could not be fitted. Both are taken to convergence, which
    `glm.nb` leaves at about 1e-8 for alpha and, rarely, 1e-5 for the mean.

    Source: Venables & Ripley 2002, Modern Applied Statistics with S, section 7.4; Lawless 1987, Canadian Journal of
    Statistics 15:209.

    >>> counts = np.array([[0.0, 1, 7, 0, 2, 9, 0, 0, 4, 1]])
    >>> coefficients, alpha = fit_negative_binomial(counts, np.ones((10, 1)))
    >>> coefficients.round(4).tolist(), alpha.round(4).tolist()
    ([[0.8755]], [1.7878])
    """
    known = ~np.isnan(counts)
    alpha = np.zeros(len(counts))
    coefficients = fit_log_linear(counts, design)
    going = np.flatnonzero(~np.isnan(coefficients[:, 0]))
    alpha[np.isnan(coefficients[:, 0])] = np.nan
    for _ in range(4 * STEPS):
        if not going.size:
            break
        mean = np.exp(np.clip(coefficients[going] @ design.T, -700.0, 700.0))
        before = alpha[going]
        after = _dispersion(counts[going], mean, known[going], before)
        alpha[going] = after
        coefficients[going] = fit_log_linear(counts[going], design, after, near=coefficients[going])
        going = going[np.abs(after - before) > 1e-11 * after + 1e-12]
    return coefficients, alpha


def _deviance(y: FloatArray, mean: FloatArray, alpha: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / mean), 0.0)
        poisson = log_ratio - (y - mean)
        plain = alpha <= NO_EXTRA_VARIANCE
        size = 1.0 / np.where(plain, 1.0, alpha)
        negative_binomial = log_ratio - (y + size) * np.log((y + size) / (mean + size))
    return np.asarray(2.0 * np.where(known, np.where(plain, poisson, negative_binomial), 0.0).sum(axis=-1))


def _dispersion(y: FloatArray, mean: FloatArray, known: NDArray[np.bool_], begin: FloatArray) -> FloatArray:
    """The alpha of largest likelihood with the means given; 0 where the likelihood falls from the start."""
    n = known.sum(axis=-1)
    seen = np.where(known, y, mean)
    moments = np.where(known, ((seen - mean) ** 2 - seen) / mean**2, 0.0).sum(axis=-1) / np.maximum(n, 1)
    # The likelihood's slope at alpha = 0 is sum((y - mean)^2 - y) / 2: Lawless 1987.
    extra = np.where(known, (seen - mean) ** 2 - seen, 0.0).sum(axis=-1) > 0
    log_size = -np.log(np.where(begin > NO_EXTRA_VARIANCE, begin, np.maximum(moments, 1e-3)))
    going = np.flatnonzero(extra)
    for _ in range(INNER_STEPS):
        if not going.size:
            break
        size = np.exp(log_size[going])[:, None]
        m, x, here = mean[going], seen[going], known[going]
        slope = digamma(size + x) - digamma(size) - np.log1p(m / size) + (m - x) / (size + m)
        bend = polygamma(1, size + x) - polygamma(1, size) + m / (size * (size + m)) - (m - x) / (size + m) ** 2
        gradient = (size * np.where(here, slope, 0.0)).sum(axis=-1)
        curve = (size * size * np.where(here, bend, 0.0)).sum(axis=-1) + gradient
        # Newton in log(size) where the likelihood bends down, else a step uphill.
        step = np.where(curve < 0, -gradient / np.where(curve < 0, curve, -1.0), np.sign(gradient))
        step = np.clip(step, -2.0, 2.0)
        log_size[going] = np.clip(log_size[going] + step, -30.0, 25.0)
        going = going[np.abs(step) > 1e-10]
    return np.where(extra, np.exp(-log_size), 0.0)
