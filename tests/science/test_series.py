"""Counting days, and what a day sees of its past."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from citywatch.science.series import daily_counts, moving_sum, past_mean_and_spread


def test_a_day_on_which_nothing_was_reported_counts_zero():
    counts = daily_counts(day=["2020-06-11", "2020-06-13"], first_day="2020-06-10", last_day="2020-06-13")
    assert counts.tolist() == [[0, 1, 0, 1]]


def test_events_outside_the_period_and_of_other_series_are_not_counted_here():
    days = ["2020-06-09", "2020-06-10", "2020-06-10", "2020-06-12"]
    counts = daily_counts(day=days, series=[0, 0, 1, 1], n_series=3, first_day="2020-06-10", last_day="2020-06-11")
    assert counts.tolist() == [[1, 0], [1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"day": ["NaT"]}, "no day"),
        ({"day": ["2020-06-10"], "series": [1]}, "1 series allow 0 to 0"),
        ({"day": ["2020-06-10"], "series": [0, 0]}, "each event needs both"),
        ({"day": [], "last_day": "2020-06-01"}, "before the first day"),
    ],
)
def test_events_that_cannot_be_counted_are_refused_with_their_value(wrong, says):
    with pytest.raises(ValueError, match=says):
        daily_counts(**{"first_day": "2020-06-10", "last_day": "2020-06-11"} | wrong)


def test_a_week_with_a_missing_day_has_no_sum():
    assert np.isnan(moving_sum([1, np.nan, 3, 4, 5], 3)).tolist() == [True, True, True, True, False]


@given(
    arrays(float, st.tuples(st.integers(1, 3), st.integers(1, 30)), elements=st.integers(0, 9)),
    st.integers(2, 8),
    st.integers(0, 3),
)
def test_the_past_is_what_a_slow_reading_day_by_day_says_it_is(counts, width, gap):
    mean, spread = past_mean_and_spread(counts, width=width, gap=gap)
    for row in range(counts.shape[0]):
        for day in range(counts.shape[1]):
            past = counts[row, max(0, day - gap - width) : max(0, day - gap)]
            if len(past) < width:
                assert np.isnan(mean[row, day])
            else:
                assert mean[row, day] == pytest.approx(past.mean())
                assert spread[row, day] == pytest.approx(past.std(ddof=1))


def test_with_enough_days_left_a_gap_in_reporting_does_not_blind_the_week_after():
    counts = [2, 4, np.nan, 6, 9]
    blind, _ = past_mean_and_spread(counts, width=4)
    mean, spread = past_mean_and_spread(counts, width=4, least=3)
    assert np.isnan(blind[4])
    assert (mean[4], spread[4]) == (4.0, 2.0)


@pytest.mark.parametrize(
    "wrong", [{"width": 1}, {"width": 7, "least": 1}, {"width": 7, "least": 8}, {"width": 7, "gap": -1}]
)
def test_a_window_without_a_spread_is_refused(wrong):
    with pytest.raises(ValueError, match=r"spread|future"):
        past_mean_and_spread([1, 2, 3], **wrong)
