"""Farrington 1996 says what the reference program says, and what an epidemiologist expects of it.

What it shares with the flexible method (baselines, calendar, quantiles, comparison with R on made-up series) is held by
test_farrington_flexible.py.
"""

import csv
import json
from collections import defaultdict
from functools import cache

import numpy as np
import pytest
from scipy import stats
from tests.shared import SHARED, needs_shared

from citywatch.science.detect.farrington import R_DEFAULTS, R_NAMES, farrington
from citywatch.science.detect.farrington_flexible import farrington_flexible


def numbers(values):
    return np.array([np.nan if value in (None, "") else float(value) for value in values])


def _rows(name):
    with (SHARED / "golden" / "detection" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _golden():
    series, expected = defaultdict(list), defaultdict(list)
    for row in _rows("series.csv"):
        series[row["series_id"]].append(row)
    for row in _rows("expected_farrington.csv"):
        expected[row["case_id"]].append(row)
    return series, expected


def _cases():
    return [row for row in _rows("cases.csv") if row["file"] == "expected_farrington.csv"] if SHARED else []


@needs_shared
def test_every_reference_case_is_compared():
    assert len(_cases()) == 32
    assert sum(len(points) for points in _golden()[1].values()) == 1613


@needs_shared
@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case['case_id']} {case['series_id']}")
def test_bounds_and_alarms_are_those_of_the_reference_program(case):
    args = json.loads(case["args"])
    begin, last = args.pop("range_first") - 1, args.pop("range_last")
    rows, wanted = _golden()[0][case["series_id"]], _golden()[1][case["case_id"]]
    found = farrington(
        numbers([row["observed"] for row in rows])[:last],
        frequency=int(rows[0]["freq"]),
        dates=np.array([row["date"] for row in rows[:last]], "datetime64[D]") if rows[0]["date"] else None,
        start=begin,
        match_r=True,
        **{**R_DEFAULTS, **{R_NAMES[name]: value for name, value in args.items()}},
    )
    column = {name: [row[name] for row in wanted] for name in wanted[0]}
    assert column["t"] == [str(t) for t in range(begin + 1, last + 1)]
    np.testing.assert_allclose(found.upperbound, numbers(column["upperbound"]), rtol=1e-10)
    assert found.alarm.tolist() == [alarm == "1" for alarm in column["alarm"]]
    np.testing.assert_allclose(found.expected, numbers(column["median"]), rtol=1e-10)
    np.testing.assert_allclose(1 - found.p_value, numbers(column["prob_obs"]), rtol=1e-10, atol=1e-14)


def test_without_trend_and_weights_it_is_the_textbook_on_35_weeks():
    counts = np.random.default_rng(1).poisson(6, 330).astype(float)
    found = farrington(counts, start=329, trend=False, reweight=False, power_transform="none")
    baseline = np.array([counts[329 - 52 * back + week] for back in range(1, 6) for week in range(-3, 4)])
    mean, phi = baseline.mean(), max(1, baseline.var(ddof=1) / baseline.mean())
    bound = mean + stats.norm.isf(0.005) * np.sqrt(phi * mean + phi * mean / 35)
    np.testing.assert_allclose([found.expected[0], found.upperbound[0]], [mean, bound], rtol=1e-6)


def test_it_is_the_flexible_method_with_one_season_and_half_the_alpha():
    counts = np.random.default_rng(2).negative_binomial(4, 0.4, (30, 330)).astype(float)
    counts[3, 40:50] = np.nan
    same = farrington_flexible(
        counts,
        periods=1,
        past_weeks_excluded=None,
        weights_threshold=1,
        trend_p_value=0.05,
        threshold_method="delta",
        alpha=0.005,
        start=300,
    )
    found = farrington(counts, start=300)
    for name in ("expected", "upperbound", "score", "p_value", "alarm"):
        np.testing.assert_array_equal(getattr(found, name), getattr(same, name))


def test_two_years_make_no_trend():
    counts = np.random.default_rng(3).poisson(np.linspace(2, 30, 330)).astype(float)
    with_trend, without = (farrington(counts, years_back=2, trend=trend, start=320) for trend in (True, False))
    np.testing.assert_array_equal(with_trend.expected, without.expected)
    falling = counts[::-1]
    assert farrington(falling, start=329).expected[0] < farrington(falling, trend=False, start=329).expected[0]


def test_a_trend_that_leads_beyond_everything_seen_is_not_believed():
    counts = np.round(np.exp(np.linspace(0, 6, 330)))
    found = farrington(counts, start=329)
    assert found.expected[0] < counts[:280].max()
    assert found.alarm[0]


def test_an_alarm_has_a_p_value_below_half_of_alpha():
    counts = np.random.default_rng(4).negative_binomial(2, 0.3, (300, 300)).astype(float)
    found = farrington(counts, start=290, alpha=0.05, minimum_cases=(0, 4))
    assert found.alarm.any()
    np.testing.assert_array_equal(found.alarm, found.p_value < 0.025)
    np.testing.assert_allclose(found.p_value, stats.norm.sf(found.score))


def test_four_cases_in_a_month_are_no_alarm_and_the_bound_is_told():
    counts = np.zeros(330)
    counts[17::52] = 1
    counts[-1] = 4
    found, like_r = farrington(counts, start=329), farrington(counts, start=329, match_r=True)
    assert not found.alarm[0]
    assert not like_r.alarm[0]
    assert 0 < found.upperbound[0] < 4
    assert like_r.upperbound[0] == 0
    counts[-1] = 5
    assert farrington(counts, start=329).alarm[0]


def test_r_counts_weeks_and_we_count_days_along_an_uneven_calendar():
    months = (np.datetime64("2008-01") + np.arange(120)).astype("datetime64[D]")
    counts = np.round(100 * np.exp(-0.01 * np.arange(120)))
    settings = {"frequency": 12, "half_window": 1, "dates": months, "start": 110}
    ours, like_r = (farrington(counts, match_r=match_r, **settings).expected for match_r in (False, True))
    assert (ours != like_r).any()
    np.testing.assert_allclose(ours, like_r, rtol=0.01)


def test_many_series_at_once_are_judged_as_one_by_one():
    counts = np.random.default_rng(5).negative_binomial(2, 0.3, (2, 3, 300)).astype(float)
    together = farrington(counts, start=280)
    assert together.alarm.shape == (2, 3, 20)
    for place in np.ndindex(2, 3):
        alone = farrington(counts[place], start=280)
        np.testing.assert_allclose(together.upperbound[place], alone.upperbound, rtol=1e-9)


@pytest.mark.parametrize("wrong", [{"years_back": 0}, {"alpha": 1}, {"power_transform": "cubic"}, {"start": -1}])
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        farrington(np.ones(330), **wrong)
