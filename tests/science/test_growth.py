"""Doubling times are those of a regression, and say so when nothing can be said."""

import numpy as np
import pytest

from citywatch.science.growth import doubling_time

RISING = [10, 13, 16, 21, 25, 32, 41, 52]
SCATTERED = [3, 0, 5, 1, 9, 14, 2, 22]


@pytest.mark.parametrize(
    ("counts", "rate", "error"),
    [(RISING, 0.233080759687, 0.0327601513412), (SCATTERED, 0.338550924054, 0.130626057443)],
)
def test_rates_are_those_of_glm_in_r(counts, rate, error):
    found = doubling_time(counts)
    assert found.rate[0] == pytest.approx(rate, rel=1e-9)
    assert (found.high - found.low)[0] / 2 / 1.959963984540054 == pytest.approx(error, rel=1e-6)


def test_the_line_through_logarithms_is_that_of_lm_in_r():
    found = doubling_time(RISING, method="log-linear")
    np.testing.assert_allclose(
        np.ravel([found.rate, found.low, found.high]), [0.232589510168, 0.224965152344, 0.240213867993], rtol=1e-10
    )


@pytest.mark.parametrize("method", ["poisson", "log-linear"])
def test_counts_that_double_in_three_days_are_said_to(method):
    found = doubling_time(np.round(1000 * 2 ** (np.arange(20) / 3)), window=10, method=method)
    np.testing.assert_allclose(found.doubling, 3, rtol=1e-3)
    assert found.doubling.shape == (11,)


def test_falling_counts_halve():
    found = doubling_time(np.round(1000 * 0.5 ** (np.arange(10) / 4)))
    assert found.doubling[0] == pytest.approx(-4, rel=1e-2)
    assert found.doubling_low[0] > -np.inf
    assert found.doubling_high[0] < 0


def test_flat_counts_may_never_double():
    found = doubling_time([5, 6, 4, 6, 5, 7, 5])
    assert found.low[0] < 0 < found.high[0]
    assert found.doubling_high[0] == np.inf
    assert found.doubling_low[0] > 0


def test_missing_days_are_left_out_and_empty_ones_are_not():
    whole = np.array(RISING, dtype=float)
    gap = whole.copy()
    gap[3] = np.nan
    assert doubling_time(gap).rate[0] == pytest.approx(doubling_time(whole).rate[0], rel=0.02)
    assert doubling_time(gap).rate[0] != doubling_time(np.nan_to_num(gap)).rate[0]


def test_one_day_with_cases_tells_nothing():
    found = doubling_time([[0, 0, 3, 0], [0, 0, 0, 0]])
    assert np.isnan([found.rate, found.doubling, found.doubling_low, found.doubling_high]).all()
    assert np.isnan(doubling_time([1, 0, 3, 4], method="log-linear").rate).all()


def test_many_series_at_once_are_judged_as_one_by_one():
    counts = np.random.default_rng(2).poisson(np.exp(np.linspace(0, 3, 30)), size=(5, 30)).astype(float)
    counts[2, 7] = np.nan
    together = doubling_time(counts, window=10)
    for row in range(5):
        alone = doubling_time(counts[row], window=10)
        np.testing.assert_allclose(together.rate[row], alone.rate, rtol=1e-8)
        np.testing.assert_allclose(together.high[row], alone.high, rtol=1e-8)


@pytest.mark.parametrize("wrong", [{"window": 2}, {"window": 9}, {"confidence": 1.0}, {"method": "guess"}])
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        doubling_time(RISING, **wrong)
