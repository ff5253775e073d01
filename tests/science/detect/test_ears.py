"""EARS says what the reference program says, and what an epidemiologist expects of it."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
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

from citywatch.science.detect.ears import (
    R_DEFAULTS,
    R_NAMES,
    THREE_SIGMA,
    TWO_SIGMA,
    ears_c1,
    ears_c2,
    ears_c3,
    moving_mean_and_spread,
)

METHODS = {"C1": ears_c1, "C2": ears_c2, "C3": ears_c3}
TOLERANCE = {"C1": 1e-9, "C2": 1e-9, "C3": 1e-6}


@needs_shared
def test_every_reference_case_is_compared():
    assert len(golden_cases("expected_ears.csv")) == 123


@needs_shared
@pytest.mark.parametrize("case", golden_cases("expected_ears.csv"), ids=named)
def test_bounds_and_alarms_are_those_of_the_reference_program(case):
    args = dict(case["args"])
    method = METHODS[args.pop("method")]
    chosen = {R_NAMES[name]: value for name, value in args.items() if name in R_NAMES}
    found = method(golden_series()[case["series_id"]], **{**R_DEFAULTS[method.__name__], **chosen, "match_r": True})
    points = golden_points("expected_ears.csv")[case["case_id"]]
    at = points["t"].astype(int)
    assert at[0] == found.first
    assert len(at) == int(case["n_rows"])
    np.testing.assert_allclose(
        found.upperbound[at], points["upperbound"], rtol=TOLERANCE[case["args"]["method"]], atol=1e-9
    )
    np.testing.assert_array_equal(np.where(found.judged[at], found.alarm[at], np.nan), points["alarm"])


@pytest.mark.parametrize("case", made_up_cases("ears_c1", "ears_c2", "ears_c3"), ids=as_named)
def test_our_own_series_too_have_the_bounds_of_the_reference_program(case):
    method = {"ears_c1": ears_c1, "ears_c2": ears_c2, "ears_c3": ears_c3}[case["method"]]
    asked = {**R_DEFAULTS[case["method"]], **case["settings"]}
    found = method(made_up_counts(case), start=case["start"], match_r=True, **asked)
    bounds = numbers(case["upperbound"])
    np.testing.assert_allclose(found.upperbound[: len(bounds)], bounds, rtol=1e-9, atol=1e-9)
    assert_alarms(found, case)


def test_the_published_thresholds_are_three_and_two():
    assert pytest.approx(ndtr(-3.0), rel=1e-13) == THREE_SIGMA
    assert pytest.approx(ndtr(-2.0), rel=1e-13) == TWO_SIGMA
    past = [2, 1, 3, 2, 2, 1, 3]
    mean, sd = statistics.fmean(past), statistics.stdev(past)
    assert ears_c1([*past, 5]).upperbound[-1] == pytest.approx(mean + 3 * sd, rel=1e-12)
    assert ears_c2([*past, 9, 9, 5]).upperbound[-1] == pytest.approx(mean + 3 * sd, rel=1e-12)


def slow_ears(counts, *, gap, baseline, z, min_sigma):
    """One series, day by day, as the paper describes it: mean, spread and C1 or C2 of each day."""
    days = []
    for day in range(len(counts)):
        past = counts[max(0, day - gap - baseline) : max(0, day - gap)]
        if len(past) < baseline or not np.isfinite([*past, counts[day]]).all():
            days.append((np.nan, np.nan, np.nan))
            continue
        mean, sd = statistics.fmean(past), max(statistics.stdev(past), min_sigma)
        days.append((mean, mean + z * sd, (counts[day] - mean) / sd))
    return np.array(days).T


series_of_counts = st.lists(st.one_of(st.integers(0, 40), st.just(float("nan"))), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    counts=series_of_counts,
    baseline=st.integers(2, 33),
    gap=st.sampled_from([0, 2]),
    min_sigma=st.sampled_from([0.3, 1.0]),
)
def test_many_strokes_say_what_a_loop_over_days_says(counts, baseline, gap, min_sigma):
    found = (ears_c2 if gap else ears_c1)(counts, baseline=baseline, alpha=0.01, min_sigma=min_sigma)
    mean, upper, score = slow_ears(counts, gap=gap, baseline=baseline, z=2.3263478740408408, min_sigma=min_sigma)
    np.testing.assert_allclose(found.score, score, rtol=1e-10, atol=1e-10)
    seen = ~np.isnan(score)
    np.testing.assert_allclose(found.expected[seen], mean[seen], rtol=1e-12)
    np.testing.assert_allclose(found.upperbound[seen], upper[seen], rtol=1e-12)


def test_three_days_raised_are_the_sum_of_what_each_is_above_one_sigma():
    counts = np.random.default_rng(4).poisson(5, 80).astype(float)
    _, _, c2 = slow_ears(counts, gap=2, baseline=7, z=3.0, min_sigma=0.5)
    raised = np.maximum(0.0, c2 - 1.0)
    found = ears_c3(counts)
    np.testing.assert_allclose(found.score[11:], raised[11:] + raised[10:-1] + raised[9:-2], rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(found.alarm[11:], (found.score[11:] > 2) & (counts[11:] > 0))
    assert found.alarm.any()


def test_the_bound_of_c3_is_the_largest_count_that_is_no_alarm():
    rng = np.random.default_rng(5)
    for _ in range(30):
        past = rng.poisson(5, 11).astype(float)
        bound = ears_c3([*past, 5]).upperbound[-1]
        for count in range(40):
            assert ears_c3([*past, count]).alarm[-1] == (count > bound)


def test_the_reference_bound_of_c3_holds_the_observation_itself_and_alarms_a_day_late():
    creeping = [2, 1, 3, 2, 2, 1, 3, 2, 2, 2, 2, 3, 4, 4, 2]
    assert ears_c3(creeping).alarm.nonzero()[0].tolist() == [12, 13, 14]
    assert ears_c3(creeping, match_r=True).alarm.nonzero()[0].tolist() == [13, 14]
    alone = [2, 1, 3, 2, 2, 1, 3, 2, 2, 2, 2, 9]
    assert ears_c3(alone).alarm[-1]
    assert not ears_c3(alone, match_r=True).alarm[-1]


@pytest.mark.parametrize("level", [1e6, 1e9, 1e12])
def test_large_counts_keep_their_spread(level):
    wobble = np.array([0, 1, 2, 1, 0, 2, 1, 0, 2, 2, 1, 0, 1, 2, 40.0])
    small, large = ears_c1(wobble), ears_c1(wobble + level)
    np.testing.assert_allclose(large.upperbound - level, small.upperbound, rtol=1e-9, atol=4e-16 * level)
    np.testing.assert_allclose(large.score[7:], small.score[7:], rtol=1e-9, atol=1e-12 * level)
    np.testing.assert_array_equal(large.alarm, small.alarm)


def test_a_jump_of_nine_orders_of_magnitude_leaves_no_trace_in_the_days_after_it_has_passed():
    quiet = np.tile([1.0, 2.0, 3.0], 20)
    shaken = quiet.copy()
    shaken[20] = 1e12
    np.testing.assert_array_equal(ears_c1(shaken).upperbound[28:], ears_c1(quiet).upperbound[28:])


def test_windows_of_any_width_have_the_mean_and_spread_of_their_numbers():
    numbers_there = np.random.default_rng(6).normal(50, 9, 70)
    for width in range(2, 40):
        mean, spread = moving_mean_and_spread(numbers_there, width, 1)
        windows = np.lib.stride_tricks.sliding_window_view(numbers_there, width)
        np.testing.assert_allclose(mean, windows.mean(axis=1), rtol=1e-12)
        np.testing.assert_allclose(spread, windows.std(axis=1, ddof=1), rtol=1e-11)


@pytest.mark.parametrize("method", METHODS.values())
@pytest.mark.parametrize("more", [{}, {"least": 5}, {"baseline": 14, "min_sigma": 0.0}, {"match_r": True}])
def test_the_last_days_alone_are_judged_as_among_all(method, more):
    counts = np.random.default_rng(7).poisson(3, size=(3, 5, 50)).astype(float)
    counts[1, 2, 30] = np.nan
    assert_tail_of_whole(method, counts, [0, 3, 11, 20, 46, 49, 50], **more)


def test_a_slow_outbreak_does_not_raise_its_own_threshold():
    slow = [2, 1, 3, 2, 2, 1, 3, 2, 2, 4, 6, 8, 10]
    assert not ears_c1(slow, alpha=0.001).alarm[-1]
    assert ears_c2(slow, alpha=0.001).alarm[-1]


def test_days_of_slightly_more_each_add_up_to_an_alarm():
    creeping = [2, 1, 3, 2, 2, 1, 3, 2, 2, 4, 4, 4]
    assert not ears_c2(creeping).alarm.any()
    found = ears_c3(creeping)
    assert found.alarm[-1]
    assert found.score[-1] > 1.96


def test_after_a_flat_week_one_case_more_is_no_alarm_two_are():
    assert not ears_c1([0] * 7 + [1]).alarm.any()
    assert ears_c1([0] * 7 + [2]).alarm[-1]
    assert ears_c1([0] * 7 + [1], min_sigma=0).alarm[-1]


def test_a_missing_day_blinds_the_week_that_holds_it_unless_told_otherwise():
    counts = [2, 1, 3, np.nan, 2, 1, 3, 30]
    assert not ears_c1(counts).judged[-1]
    assert not ears_c1(counts).alarm[-1]
    assert ears_c1(counts, least=6).alarm[-1]


def test_a_day_without_an_observation_is_not_judged_though_its_bound_is_known():
    found = ears_c1([2, 1, 3, 2, 2, 1, 3, np.nan])
    assert np.isfinite(found.upperbound[-1])
    assert not found.judged[-1]


@pytest.mark.parametrize("method", METHODS.values())
def test_many_series_at_once_are_judged_as_one_by_one(method):
    counts = np.random.default_rng(1).poisson(3, size=(2, 4, 60)).astype(float)
    counts[1, 2, 30] = np.nan
    assert_each_as_alone(method, counts)
    assert_each_as_alone(method, counts, start=59)


def test_more_series_than_one_block_holds_are_all_judged():
    counts = np.random.default_rng(1).poisson(3, size=(5000, 12)).astype(float)
    found, last = ears_c1(counts), ears_c1(counts, start=11)
    np.testing.assert_array_equal(found.upperbound[:, 7:], [ears_c1(row).upperbound[7:] for row in counts])
    np.testing.assert_allclose(last.upperbound[:, 0], found.upperbound[:, 11], rtol=1e-13)


@pytest.mark.parametrize("method", [ears_c1, ears_c2])
def test_p_and_alarm_tell_the_same_story(method):
    found = method(np.random.default_rng(2).poisson(3, size=(50, 200)), alpha=0.01)
    assert found.alarm.any()
    np.testing.assert_array_equal(found.alarm, found.p_value < 0.01)


@pytest.mark.parametrize("method", METHODS.values())
def test_a_series_shorter_than_its_baseline_is_not_judged(method):
    for length in range(13):
        found = method(np.ones(length))
        assert not found.judged[: found.first].any()
        assert found.judged[found.first :].all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline": 1},
        {"alpha": 0},
        {"alpha": 1.5},
        {"min_sigma": -1},
        {"min_sigma": np.nan},
        {"start": 4},
        {"start": -1},
        {"least": 8},
    ],
)
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        ears_c2([1, 2, 3], **wrong)
