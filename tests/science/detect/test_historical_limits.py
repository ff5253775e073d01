"""The historical limits say what the reference program's CDC algorithm says."""

import numpy as np
import pytest
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

from citywatch.science.detect.historical_limits import R_NAMES, four_weeks, historical_limits
from citywatch.science.series import moving_sum

GOLDEN = golden_cases("expected_other.csv", "algo.cdc")


@needs_shared
def test_every_reference_case_is_compared():
    assert len(GOLDEN) == 2


@needs_shared
@pytest.mark.parametrize("case", GOLDEN, ids=named)
def test_bounds_and_alarms_are_those_of_the_reference_program(case):
    args = case["args"]
    asked = {R_NAMES[name]: value for name, value in args.items() if name in R_NAMES}
    counts = golden_series()[case["series_id"]][: args["range_last"]]
    found = historical_limits(counts, start=args["range_first"] - 1, **asked)
    points = golden_points("expected_other.csv")[case["case_id"]]
    np.testing.assert_allclose(found.upperbound, points["upperbound"], rtol=1e-9)
    np.testing.assert_array_equal(moving_sum(counts, 4)[args["range_first"] - 1 :], points["aggregate"])
    np.testing.assert_array_equal(found.alarm, points["alarm"] == 1)


@pytest.mark.parametrize("case", made_up_cases("historical_limits"), ids=as_named)
def test_our_own_series_too_have_the_bounds_of_the_reference_program(case):
    found = historical_limits(made_up_counts(case), start=case["start"], **case["settings"])
    n = len(case["alarm"])
    np.testing.assert_allclose(found.upperbound[:n], numbers(case["upperbound"]), rtol=1e-9)
    assert_alarms(found, case)


def test_fifteen_four_week_sums_of_five_years_make_the_limit():
    counts = np.random.default_rng(1).poisson(4, 320).astype(float)
    found = historical_limits(counts)
    assert found.first == 267
    ends = [300 - 52 * year + 4 * month for year in range(1, 6) for month in (-1, 0, 1)]
    past = np.array([counts[end - 3 : end + 1].sum() for end in ends])
    limit = past.mean() + 2.241402727604947 * past.std(ddof=1) * np.sqrt(1 + 1 / 15)
    assert found.upperbound[300] == pytest.approx(limit, rel=1e-12)
    np.testing.assert_array_equal(found.alarm[267:], found.p_value[267:] < 0.0125)


@pytest.mark.parametrize(("frequency", "points"), [(52, 4), (12, 1), (365, 28), (7, 28)])
def test_a_period_is_four_weeks_in_days_weeks_and_months(frequency, points):
    assert four_weeks(frequency) == points
    length = {52: 120, 12: 30}.get(frequency, 830)
    found = historical_limits(np.ones(length), years_back=2, frequency=frequency)
    assert found.first < length
    assert found.expected[-1] == points


def test_one_series_or_many_and_the_last_point_alone_are_judged_alike():
    counts = np.random.default_rng(2).poisson(3, size=(2, 3, 330)).astype(float)
    counts[1, 2, 60] = np.nan
    assert_each_as_alone(historical_limits, counts, start=300)
    assert_tail_of_whole(historical_limits, counts, [0, 200, 300, 329])
    dates = np.arange("2012-01-02", "2018-06-01", 7, dtype="datetime64[D]")[:330]
    assert_tail_of_whole(historical_limits, counts, [0, 300], dates=dates)


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"years_back": 0}, {"years_back": 1, "half_window": 0}])
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        historical_limits(np.ones(300), **wrong)
