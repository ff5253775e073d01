"""The regression/EWMA switch: an ordinary regression where there is a shape, smoothed counts where there is none."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import t as student
from tests.science.detect.reference import assert_each_as_alone, assert_tail_of_whole

from citywatch.science.detect.ewma_regression import ewma_regression

WEEK = np.array([1.3, 1.1, 1.0, 1.0, 1.1, 0.5, 0.4])


def _days(level, weeks, seed=1):
    return np.random.default_rng(seed).poisson(level * np.tile(WEEK, weeks)).astype(float)


def _regressed(counts, t, holidays):
    """One day's forecast by a regression on the 28 days that end two days before, as a textbook does it."""
    at = np.arange(t - 30, t - 2)
    at = at[~np.isnan(counts[at])]
    rest = holidays[at].any()

    def row(day):
        return [*(day % 7 == np.arange(7)), day, *([holidays[day]] if rest else [])]

    fit = sm.OLS(counts[at], np.array([row(day) for day in at], dtype=float)).fit()
    ahead = fit.get_prediction(np.array([row(t)], dtype=float))
    return fit, ahead.predicted_mean[0], ahead.se_obs[0]


@pytest.mark.parametrize("case", ["plain", "missing days", "holidays", "both"])
def test_where_the_week_has_a_shape_it_is_an_ordinary_regression_with_its_prediction_error(case):
    counts, holidays = _days(30, 10), np.zeros(70, dtype=bool)
    if case in {"holidays", "both"}:
        holidays[[20, 41, 50]] = True
        counts[holidays] //= 3
    if case in {"missing days", "both"}:
        counts[[25, 44]] = np.nan
    found = ewma_regression(counts, holidays=holidays, min_sigma=0.0)
    compared = 0
    for t in range(30, 70):
        fit, mean, error = _regressed(counts, t, holidays)
        if fit.rsquared_adj < 0.6 or mean < 0 or np.isnan(counts[t]):
            continue
        compared += 1
        assert found.expected[t] == pytest.approx(mean, rel=1e-9)
        assert found.score[t] == pytest.approx((counts[t] - mean) / error, rel=1e-8, abs=1e-8)
        assert found.p_value[t] == pytest.approx(student.sf((counts[t] - mean) / error, fit.df_resid), rel=1e-7)
        assert found.upperbound[t] == pytest.approx(mean + student.ppf(0.99, fit.df_resid) * error, rel=1e-8)
    assert compared > 10


def test_where_there_is_no_shape_the_smoothed_counts_are_compared_with_the_mean():
    counts = np.random.default_rng(2).poisson(4, 60).astype(float)
    found = ewma_regression(counts, least_fit=1.0)
    for t in (30, 45, 59):
        past, recent = counts[t - 30 : t - 2], counts[t - 2 : t + 1]
        scores = []
        for w in (0.4, 0.9):
            weights = w * (1 - w) ** np.array([2, 1, 0])
            error = past.std(ddof=1) * np.sqrt((weights**2).sum() + weights.sum() ** 2 / 28)
            scores.append((weights * (recent - past.mean())).sum() / error)
        assert found.expected[t] == pytest.approx(past.mean())
        assert found.score[t] == pytest.approx(max(scores), rel=1e-10)
        assert found.p_value[t] == pytest.approx(student.sf(max(scores), 27), rel=1e-9)


def test_both_tests_keep_the_rate_they_promise_on_normal_days():
    rng = np.random.default_rng(3)
    flat = ewma_regression(rng.normal(1000, 30, size=(300, 100)), smoothing=0.4, least_fit=1.0)
    weekly = ewma_regression(rng.normal(1000 * np.tile(WEEK, 15)[:100], 30, size=(300, 100)))
    for found in (flat, weekly):
        assert np.mean(found.p_value[:, 30:] < 0.01) == pytest.approx(0.01, abs=0.003)
        assert np.mean(found.p_value[:, 30:] < 0.05) == pytest.approx(0.05, abs=0.006)


def test_a_monday_is_no_outbreak_but_a_sunday_like_a_monday_is():
    counts = np.tile([40.0, 33, 30, 31, 32, 12, 10], 8) + np.random.default_rng(4).normal(0, 2, 56)
    assert not ewma_regression(counts).alarm.any()
    counts[-1] = 40
    assert ewma_regression(counts).alarm.nonzero()[0].tolist() == [55]


def test_a_holiday_that_the_baseline_knows_is_expected_to_be_quiet():
    counts, holidays = _days(60, 8), np.zeros(56, dtype=bool)
    holidays[[36, 45, 52]] = True
    counts[holidays] = 5
    told = ewma_regression(counts, holidays=holidays)
    assert told.expected[52] < 25 < ewma_regression(counts).expected[52]
    counts[52] = 45
    assert ewma_regression(counts, holidays=holidays).alarm[52]
    assert not ewma_regression(counts).alarm[52]


def test_a_slow_rise_adds_up_over_the_guard_days():
    counts = np.r_[np.tile([3.0, 4, 5, 4], 10), 8, 8, 8]
    assert (
        ewma_regression(counts, smoothing=0.4, least_fit=1.0).score[-1]
        > (ewma_regression(counts, smoothing=0.9, least_fit=1.0).score[-1])
    )


def test_the_bound_is_the_largest_count_that_is_no_alarm_and_an_empty_day_never_is_one():
    rng = np.random.default_rng(5)
    for level in (0.3, 4, 40):
        counts = rng.poisson(level * np.tile(WEEK, 6)).astype(float)
        found = ewma_regression(counts)
        np.testing.assert_array_equal(found.alarm, counts > found.upperbound)
        told = found.judged & (found.upperbound > 0)
        np.testing.assert_array_equal(found.alarm[told], found.p_value[told] < 0.01)
        assert not found.alarm[counts == 0].any()


def test_a_flat_past_needs_more_than_one_case():
    counts = np.zeros(40)
    counts[-1] = 1
    assert not ewma_regression(counts).alarm.any()
    counts[-1] = 3
    assert ewma_regression(counts).alarm[-1]


def test_too_many_missing_days_and_nothing_is_told():
    counts = np.random.default_rng(6).poisson(5, 31).astype(float)
    counts[:8] = np.nan
    assert not ewma_regression(counts).judged.any()
    assert ewma_regression(counts, least=20).judged[-1]
    counts[-1] = np.nan
    found = ewma_regression(counts, least=20)
    assert not found.judged.any()
    assert np.isfinite(found.upperbound[-1])


def test_one_series_or_many_and_the_last_day_alone_are_judged_alike():
    counts = np.stack([_days(level, 9, seed) for level in (0.4, 5, 60) for seed in (1, 2)]).reshape(2, 3, 63)
    counts[1, 2, 40] = np.nan
    holidays = np.zeros(63, dtype=bool)
    holidays[[33, 50, 62]] = True
    assert_each_as_alone(ewma_regression, counts, holidays=holidays)
    assert_tail_of_whole(ewma_regression, counts, [0, 7, 30, 50, 62, 63], holidays=holidays)


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline": 10},
        {"guard": -1},
        {"alpha": 0.7},
        {"least_fit": 2},
        {"smoothing": [0.4, 1.2]},
        {"min_sigma": -1},
        {"least": 29},
        {"frequency": 52},
        {"holidays": [True]},
    ],
)
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=r"shape \(1,\)" if name == "holidays" else str(value).replace("[", r"\[")):
        ewma_regression(np.ones(40), **wrong)
    with pytest.raises(ValueError, match="step by 2 days"):
        ewma_regression(np.ones(3), dates=np.array(["2020-01-01", "2020-01-02", "2020-01-04"], dtype="datetime64[D]"))
