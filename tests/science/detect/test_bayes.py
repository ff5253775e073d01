"""The Bayes rules say what the reference program says, and what Bayes' theorem says."""

import numpy as np
import pytest
from scipy.stats import nbinom
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

from citywatch.science.detect.bayes import PRESETS, R_NAMES, bayes

GOLDEN = golden_cases("expected_other.csv", "algo.bayes", "algo.bayes1", "algo.bayes2", "algo.bayes3")


@needs_shared
def test_every_reference_case_is_compared():
    assert len(GOLDEN) == 20


@needs_shared
@pytest.mark.parametrize("case", GOLDEN, ids=named)
def test_bounds_and_alarms_are_those_of_the_reference_program(case):
    args, preset = case["args"], case["r_function"].removeprefix("algo.bayes")
    asked = {R_NAMES[name]: value for name, value in args.items() if name in R_NAMES}
    counts = golden_series()[case["series_id"]][: args["range_last"]]
    found = bayes(counts, start=args["range_first"] - 1, **{**PRESETS.get(f"bayes-{preset}", {}), **asked})
    points = golden_points("expected_other.csv")[case["case_id"]]
    np.testing.assert_array_equal(found.upperbound, points["upperbound"])
    np.testing.assert_array_equal(found.alarm, points["alarm"] == 1)


@pytest.mark.parametrize("case", made_up_cases("bayes"), ids=as_named)
def test_our_own_series_too_have_the_bounds_of_the_reference_program(case):
    asked = dict(case["settings"])
    found = bayes(made_up_counts(case), start=case["start"], **{**PRESETS.get(asked.pop("preset", ""), {}), **asked})
    n = len(case["alarm"])
    np.testing.assert_array_equal(found.upperbound[:n], numbers(case["upperbound"]))
    assert_alarms(found, case)


def test_the_bound_is_the_quantile_of_what_the_past_foretells():
    counts = np.random.default_rng(1).poisson(4, 200).astype(float)
    found = bayes(counts, b=2, w=3, alpha=0.02)
    assert found.first == 107
    for t in (107, 150, 199):
        past = np.r_[counts[t - 3 : t], counts[t - 55 : t - 48], counts[t - 107 : t - 100]]
        law = nbinom(past.sum() + 0.5, past.size / (past.size + 1))
        assert found.upperbound[t] == law.ppf(0.98)
        assert found.p_value[t] == pytest.approx(law.sf(counts[t] - 1), rel=1e-10)
        assert found.expected[t] == pytest.approx(law.mean(), rel=1e-12)
    assert not found.judged[:107].any()


def test_p_score_and_alarm_tell_the_same_story():
    found = bayes(np.random.default_rng(2).poisson(3, size=(40, 120)).astype(float))
    judged = found.judged
    assert found.alarm.any()
    np.testing.assert_array_equal(found.alarm[judged], found.p_value[judged] <= 0.05)
    np.testing.assert_array_equal(found.alarm[judged], found.score[judged] > 1)


def test_missing_weeks_of_the_past_are_left_out_and_a_missing_count_is_not_judged():
    counts = np.array([2, np.nan, 3, 2, 2, 1, 4, np.nan])
    found = bayes(counts, w=6)
    assert found.expected[6] == pytest.approx((10 + 0.5) / 5)
    assert found.judged.tolist() == [False] * 6 + [True, False]
    assert not bayes([np.nan] * 6 + [4.0]).judged.any()


def test_with_dates_the_years_are_those_of_the_calendar():
    dates = np.arange("2012-01-02", "2018-01-01", 7, dtype="datetime64[D]")  # Mondays; 2012 to 2017
    counts = np.arange(dates.size, dtype=float)
    t = int(np.flatnonzero(dates == np.datetime64("2017-12-25"))[0])
    asked = {"b": 5, "w": 0, "include_current_year": False, "start": t}
    wanted = ["2016-12-26", "2015-12-28", "2014-12-22", "2013-12-23", "2012-12-24"]
    past = counts[np.isin(dates, np.array(wanted, dtype="datetime64[D]"))]
    assert bayes(counts, dates=dates, **asked).expected[0] == pytest.approx((past.sum() + 0.5) / 5)
    assert bayes(counts, **asked).expected[0] != pytest.approx((past.sum() + 0.5) / 5)


@pytest.mark.parametrize("asked", [{}, {"b": 2, "w": 4, "include_current_year": False}])
def test_one_series_or_many_and_the_last_point_alone_are_judged_alike(asked):
    counts = np.random.default_rng(3).poisson(3, size=(2, 3, 40)).astype(float)
    counts[1, 2, 30] = np.nan
    assert_each_as_alone(bayes, counts, frequency=12, **asked)
    assert_tail_of_whole(bayes, counts, [0, 5, 30, 39, 40], frequency=12, **asked)
    dates = np.arange("2015-01", "2018-05", dtype="datetime64[M]").astype("datetime64[D]")
    assert_tail_of_whole(bayes, counts, [0, 30, 39], frequency=12, dates=dates, **asked)


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"b": -1}, {"w": -2}, {"b": 0, "include_current_year": False}])
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        bayes([1, 2, 3], **wrong)
