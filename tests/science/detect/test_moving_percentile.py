"""The moving percentile ranks this week among the same weeks of past years."""

import numpy as np
import pytest
from tests.science.detect.reference import assert_each_as_alone, assert_tail_of_whole

from citywatch.science.detect.moving_percentile import moving_percentile
from citywatch.science.detect.quantiles import sample_quantile


def test_the_baseline_are_twenty_five_weeks_of_five_years():
    counts = np.random.default_rng(1).poisson(8, 320).astype(float)
    found = moving_percentile(counts, percentile=80)
    assert found.first == 262
    for t in (262, 300, 319):
        past = np.concatenate([counts[t - 52 * year - 2 : t - 52 * year + 3] for year in range(1, 6)])
        assert past.size == 25
        assert found.upperbound[t] == pytest.approx(np.percentile(past, 80), rel=1e-12)
        assert found.expected[t] == pytest.approx(np.median(past), rel=1e-12)
        assert found.score[t] == (past < counts[t]).mean()
        assert found.p_value[t] == (1 + (past >= counts[t]).sum()) / 26
    np.testing.assert_array_equal(found.alarm, counts > found.upperbound)


def test_an_empty_week_among_empty_weeks_is_no_alarm_and_one_case_is():
    counts = np.zeros(263)
    assert not moving_percentile(counts).alarm.any()
    counts[-1] = 1
    assert moving_percentile(counts).alarm.nonzero()[0].tolist() == [262]


def test_daily_counts_are_judged_by_their_last_seven_days_every_day_anew():
    counts = np.random.default_rng(2).poisson(2, 800).astype(float)
    found = moving_percentile(counts, frequency=365, years_back=2)
    week = np.convolve(counts, np.ones(7))[:800]
    assert found.first == 2 * 365 + 14 + 6
    for t in (found.first, 790):
        past = [week[t - 365 * year + 7 * shift] for year in (1, 2) for shift in range(-2, 3)]
        assert found.upperbound[t] == pytest.approx(np.percentile(past, 80), rel=1e-12)
        assert found.alarm[t] == (week[t] > found.upperbound[t])
    np.testing.assert_array_equal(found.upperbound, moving_percentile(counts, frequency=7, years_back=2).upperbound)


def test_with_dates_the_same_calendar_day_is_meant_leap_years_or_not():
    dates = np.arange("2015-01-01", "2020-03-10", dtype="datetime64[D]")
    counts = np.arange(dates.size, dtype=float) % 97
    week = np.convolve(counts, np.ones(7))[: dates.size]
    for day, past_days in (
        ("2020-03-09", ["2019-03-09", "2018-03-09", "2017-03-09", "2016-03-09", "2015-03-09"]),
        ("2020-02-29", ["2019-03-01", "2018-03-01", "2017-03-01", "2016-02-29", "2015-03-01"]),
    ):
        t = int(np.flatnonzero(dates == np.datetime64(day))[0])
        found = moving_percentile(counts, frequency=365, half_window=0, dates=dates, start=t)
        past = week[np.isin(dates, np.array(past_days, dtype="datetime64[D]"))]
        assert found.expected[0] == np.median(past)


def test_week_53_shifts_nothing_when_dates_are_given():
    dates = np.arange("2009-01-05", "2021-01-11", 7, dtype="datetime64[D]")  # 2009, 2015 and 2020 have 53 weeks
    season = np.cos(2 * np.pi * (dates - np.datetime64("2009-01-05")).astype(int) / 365.25)
    counts = 100 + 90 * season
    by_date = moving_percentile(counts, dates=dates, half_window=0, percentile=50)
    by_index = moving_percentile(counts, half_window=0, percentile=50)
    late = slice(560, None)
    assert np.abs(by_date.expected - counts)[late].max() < np.abs(by_index.expected - counts)[late].max()


def test_missing_weeks_of_the_past_are_left_out_while_half_remain():
    counts = np.random.default_rng(3).poisson(8, 263).astype(float)
    holes = counts.copy()
    holes[0:5] = holes[52:57] = np.nan
    found = moving_percentile(holes)
    past = np.concatenate([counts[260 - 52 * year : 265 - 52 * year] for year in range(1, 4)])
    assert found.upperbound[-1] == pytest.approx(np.percentile(past, 80), rel=1e-12)
    assert not moving_percentile(holes, least=16).judged[-1]
    holes[104:109] = np.nan
    assert not moving_percentile(holes).judged[-1]
    holes[-1] = np.nan
    assert not moving_percentile(holes, least=5).judged[-1]


def test_the_quantile_is_type_7_also_where_values_are_missing():
    rng = np.random.default_rng(4)
    values = rng.poisson(5, size=(50, 25)).astype(float)
    values[rng.random(values.shape) < 0.2] = np.nan
    for share in (0.0, 0.3, 0.5, 0.8, 0.95, 1.0):
        np.testing.assert_allclose(sample_quantile(values, share), np.nanquantile(values, share, axis=1), rtol=1e-12)
    assert np.isnan(sample_quantile(np.full((1, 3), np.nan), 0.5)).all()


def test_at_its_published_settings_it_alarms_on_a_fifth_of_quiet_weeks():
    counts = np.random.default_rng(5).poisson(6, size=(300, 290)).astype(float)
    assert 0.12 < moving_percentile(counts, start=270).alarm.mean() < 0.25
    assert moving_percentile(counts, start=270, percentile=95).alarm.mean() < 0.08


def test_one_series_or_many_and_the_last_point_alone_are_judged_alike():
    counts = np.random.default_rng(6).poisson(3, size=(2, 3, 290)).astype(float)
    counts[1, 2, 10] = np.nan
    assert_each_as_alone(moving_percentile, counts)
    assert_tail_of_whole(moving_percentile, counts, [0, 100, 262, 289, 290])
    dates = np.arange("2012-01-02", "2018-06-01", 7, dtype="datetime64[D]")[:290]
    assert_tail_of_whole(moving_percentile, counts, [0, 270, 289], dates=dates)
    daily = np.random.default_rng(7).poisson(3, size=(2, 790)).astype(float)
    assert_tail_of_whole(moving_percentile, daily, [700, 760, 789], frequency=365, years_back=2)


@pytest.mark.parametrize(
    "wrong", [{"percentile": 101}, {"years_back": 0}, {"half_window": -1}, {"half_window": 60}, {"least": 26}]
)
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        moving_percentile(np.ones(300), **wrong)
    with pytest.raises(ValueError, match="do not rise"):
        moving_percentile(np.ones(3), dates=np.array(["2020-01-01", "2020-01-01", "2020-01-02"], dtype="datetime64[D]"))
