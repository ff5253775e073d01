"""OutbreakP says what the reference program says, and what its definition says."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression
from tests.science.detect.reference import (
    as_named,
    assert_alarms,
    assert_each_as_alone,
    assert_tail_of_whole,
    golden_cases,
    golden_points,
    golden_series,
    made_up_cases,
    made_up_counts,
    named,
    numbers,
)
from tests.shared import needs_shared

from citywatch.science.detect.outbreak_p import R_NAMES, outbreak_p

GOLDEN = golden_cases("expected_other.csv", "algo.outbreakP")


@needs_shared
def test_every_reference_case_is_compared():
    assert len(GOLDEN) == 5


@needs_shared
@pytest.mark.parametrize("case", GOLDEN, ids=named)
def test_the_statistic_is_that_of_the_reference_program(case):
    args = case["args"]
    asked = {R_NAMES[name]: value for name, value in args.items() if name in R_NAMES}
    counts = golden_series()[case["series_id"]][: args["range_last"]]
    found = outbreak_p(counts, start=args["range_first"] - 1, **asked)
    points = golden_points("expected_other.csv")[case["case_id"]]
    np.testing.assert_allclose(found.upperbound, points["upperbound"], rtol=1e-9)
    np.testing.assert_array_equal(found.alarm, points["alarm"] == 1)


@pytest.mark.parametrize("case", made_up_cases("outbreak_p"), ids=as_named)
def test_our_own_series_too_have_the_statistic_of_the_reference_program(case):
    found = outbreak_p(made_up_counts(case), start=case["start"], **case["settings"])
    n = len(case["alarm"])
    np.testing.assert_allclose(found.upperbound[:n], numbers(case["upperbound"]), rtol=1e-9)
    assert_alarms(found, case)


def test_the_series_of_the_methods_own_manual_gives_the_bounds_of_the_reference_program():
    counts = [1, 0, 3, 1, 2, 3, 5, 4, 7, 3, 5, 8, 16, 23, 33, 34, 48]
    would_alarm = [11, 7, 7, 7, 7, 7, 6, 5, 2, 2]  # R counts the cases that alarm, we the last that do not
    found = outbreak_p(counts)
    assert found.upperbound[1:11].tolist() == [count - 1 for count in would_alarm]
    assert np.isnan(found.upperbound[[0, *range(11, 17)]]).all()


def slow_statistic(counts):
    """The likelihood ratio of the best non-decreasing means to one mean, in logarithms."""
    rising = isotonic_regression(counts, increasing=True).x
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(counts > 0, counts * np.log(rising / counts.mean()), 0.0).sum())


@pytest.mark.parametrize("mean", [0.2, 3.0, 2e4])
def test_the_score_is_the_likelihood_ratio_of_an_isotonic_fit(mean):
    counts = np.random.default_rng(1).poisson(mean, size=(6, 60)).astype(float)
    found = outbreak_p(counts, ret="value")
    for row, scores in zip(counts, found.score, strict=True):
        slow = [slow_statistic(row[: t + 1]) for t in range(60)]
        np.testing.assert_allclose(scores, slow, rtol=1e-7, atol=1e-9 * max(1.0, mean))
    assert (found.score >= 0).all()


@pytest.mark.parametrize("mean", [0.1, 2.0, 60.0])
def test_the_bound_is_the_largest_count_that_is_no_alarm(mean):
    rng = np.random.default_rng(2)
    bounded = 0
    for _ in range(12):
        past = rng.poisson(mean, 15).astype(float)
        bound = outbreak_p([*past, 0], k=20).upperbound[-1]
        if np.isnan(bound):
            assert outbreak_p([*past, 0], k=20).alarm[-1]
            continue
        bounded += 1
        assert not outbreak_p([*past, bound], k=20).alarm[-1]
        assert outbreak_p([*past, bound + 1], k=20).alarm[-1]
    assert bounded


def test_a_missing_week_is_as_if_it_had_not_been():
    counts = np.array([1, 2, np.nan, 1, 4, np.nan, 6, 9], dtype=float)
    known = ~np.isnan(counts)
    found = outbreak_p(counts)
    np.testing.assert_allclose(found.score[known], outbreak_p(counts[known]).score, rtol=1e-12)
    assert not found.judged[~known].any()


def test_without_a_case_nothing_rises():
    found = outbreak_p(np.zeros(10), ret="value")
    assert found.upperbound.tolist() == [1.0] * 10
    assert not found.alarm.any()


def test_one_series_or_many_and_the_last_point_alone_are_judged_alike():
    counts = np.random.default_rng(3).poisson(3, size=(2, 3, 40)).astype(float)
    counts[1, 2, 30] = np.nan
    assert_each_as_alone(outbreak_p, counts)
    assert_tail_of_whole(outbreak_p, counts, [0, 1, 30, 39, 40])


@pytest.mark.parametrize("wrong", [{"k": 0}, {"ret": "case"}, {"start": 7}])
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        outbreak_p([1, 2, 3], **wrong)
    with pytest.raises(ValueError, match="-2"):
        outbreak_p([1, -2, 3])
