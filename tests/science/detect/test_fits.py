"""The quantiles and regressions under the detectors, against those of general libraries."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.stats import nbinom

from citywatch.science.detect.in_control import level_mean, seasonal_mean
from citywatch.science.detect.quantiles import negative_binomial_quantile
from citywatch.science.detect.regression import fit_log_linear, fit_negative_binomial, seasonal_design
from citywatch.science.detect.windows import reference_points, same_time_in_past_years


def test_the_quantile_of_counts_is_the_first_that_reaches_the_share():
    rng = np.random.default_rng(1)
    size, probability = rng.uniform(0.5, 400, 3000), rng.uniform(0.02, 0.99, 3000)
    for share in (0.5, 0.95, 0.99, 0.9999):
        found = negative_binomial_quantile(share, size, probability)
        np.testing.assert_array_equal(found, nbinom.ppf(share, size, probability))
    huge = negative_binomial_quantile(0.99, np.array([1e7]), np.array([6 / 7]))
    assert nbinom.cdf(huge - 1, 1e7, 6 / 7) < 0.99 <= nbinom.cdf(huge, 1e7, 6 / 7)
    assert negative_binomial_quantile(0.99, np.array([0.5]), np.array([0.999])).tolist() == [0.0]


def _seasonal(seed, n=160, alpha=0.3):
    t = np.arange(1.0, n + 1)
    mean = np.exp(1.2 + 0.002 * t + 0.5 * np.sin(2 * np.pi * t / 52))
    rng = np.random.default_rng(seed)
    return t, rng.negative_binomial(1 / alpha, 1 / (1 + alpha * mean)).astype(float)


def test_many_log_linear_fits_are_each_that_of_a_general_library():
    t, _ = _seasonal(0)
    design = seasonal_design(t, frequency=52, harmonics=2, trend=True)
    counts = np.stack([_seasonal(seed)[1] for seed in range(5)])
    counts[3, 40:45] = np.nan
    for alpha in (0.0, 0.4):
        family = sm.families.NegativeBinomial(alpha=alpha) if alpha else sm.families.Poisson()
        for row, found in zip(counts, fit_log_linear(counts, design, alpha), strict=True):
            known = ~np.isnan(row)
            fit = sm.GLM(row[known], design[known], family=family).fit(tol=1e-13, maxiter=100)
            np.testing.assert_allclose(found, fit.params, rtol=1e-3, atol=1e-5)
            # The fit ends, as R's does, when the deviance stands still; begun near it, it goes to the end.
            close = fit_log_linear(row[None], design, alpha, near=found[None])[0]
            np.testing.assert_allclose(close, fit.params, rtol=1e-6, atol=1e-8)


def test_the_dispersion_is_that_of_largest_likelihood():
    t, _ = _seasonal(0)
    design = seasonal_design(t, frequency=52, harmonics=1, trend=False)
    counts = np.stack([_seasonal(seed, alpha=alpha)[1] for seed, alpha in enumerate((0.1, 0.5, 2.0))])
    coefficients, alphas = fit_negative_binomial(counts, design)
    for row, beta, alpha in zip(counts, coefficients, alphas, strict=True):

        def loss(p, row=row):
            mean = np.exp(design @ p[:-1])
            size = np.exp(-p[-1])
            return -nbinom.logpmf(row, size, size / (size + mean)).sum()

        here = np.r_[beta, np.log(alpha)]
        best = minimize(loss, here, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13, "maxfev": 4000})
        assert loss(here) <= best.fun + 1e-9
        slope = [(loss(here + step) - loss(here - step)) / 2e-4 for step in np.eye(here.size) * 1e-4]
        np.testing.assert_allclose(slope, 0.0, atol=1e-5)


def test_counts_that_vary_less_than_poisson_have_no_extra_variance():
    coefficients, alpha = fit_negative_binomial(np.array([[4.0, 5, 4, 5, 4, 5]]), np.ones((6, 1)))
    assert alpha.tolist() == [0.0]
    np.testing.assert_allclose(np.exp(coefficients), 4.5)


def test_a_series_without_a_case_has_no_fit():
    coefficients, alpha = fit_negative_binomial(np.array([[0.0] * 6, [1.0, 0, 9, 0, 3, 1]]), np.ones((6, 1)))
    assert np.isnan(coefficients[0, 0])
    assert np.isnan(alpha[0])
    assert np.isfinite([coefficients[1, 0], alpha[1]]).all()


def test_a_mean_is_renewed_every_cycle_or_once():
    values = np.array([[1.0, 3, 5, 7, 9, 11]])
    assert level_mean(values, 2, frequency=2).tolist() == [[2, 2, 4, 4]]
    assert level_mean(values, 2, frequency=2, once=True).tolist() == [[2, 2, 2, 2]]
    renewed, _ = seasonal_mean(values, 2, frequency=2, harmonics=0, trend=False)
    np.testing.assert_allclose(renewed, [[2, 2, 4, 4]])


def test_past_years_are_those_of_the_calendar_or_of_the_index():
    days = np.arange("2019-01-01", "2021-03-02", dtype="datetime64[D]")
    at = np.array([int(np.flatnonzero(days == np.datetime64(day))[0]) for day in ("2020-02-29", "2021-03-01")])
    found = same_time_in_past_years(at, years_back=2, frequency=365, dates=days)
    assert days[found[0, 0]] == np.datetime64("2019-03-01")
    assert found[0, 1] == -1
    assert [str(days[i]) for i in found[1]] == ["2020-03-01", "2019-03-01"]
    assert same_time_in_past_years(np.array([700]), years_back=2, frequency=7).tolist() == [[335, -1]]


def test_windows_that_reach_before_the_series_leave_the_point_unjudged():
    places, first = reference_points(
        np.arange(60), length=60, years_back=1, half_window=2, current_year=3, frequency=52
    )
    assert first == 54
    assert (places[:54] == -1).all()
    assert places[54].tolist() == [51, 52, 53, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("wrong", [{"frequency": 0}, {"half_window": 52}])
def test_windows_that_would_hold_the_answer_are_refused(wrong):
    asked = {"years_back": 1, "half_window": 2, "current_year": 0, "frequency": 52, **wrong}
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        reference_points(np.arange(60), length=60, **asked)
