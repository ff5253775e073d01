"""Farrington flexible says what the reference program says, and what an epidemiologist expects of it."""

import csv
import json
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.shared import SHARED, needs_shared

from citywatch.science.detect import farrington, farrington_flexible
from citywatch.science.detect.baselines import Plan, Watch, baselines, calendar_references
from citywatch.science.detect.bounds import power_bound, power_deviate, upper_quantile, upper_tail
from citywatch.science.detect.quasipoisson import forecast

METHODS = {
    "farringtonFlexible": (farrington_flexible, farrington_flexible.farrington_flexible),
    "farrington": (farrington, farrington.farrington),
}
flexible = farrington_flexible.farrington_flexible
# Our own made-up series and what R 4.2.2 with surveillance 1.20.3 printed for them; see docs/science/farrington.md.
FROM_R = json.loads((Path(__file__).parent / "farrington_r.json").read_text(encoding="utf-8"))


def in_our_words(module, control):
    return {**module.R_DEFAULTS, **{module.R_NAMES[name]: value for name, value in control.items()}}


def numbers(values):
    return np.array([np.nan if value in (None, "") else float(value) for value in values])


def assert_like_r(found, wanted, digits=1e-8):
    """Equal to so many digits, NaN where R has none; below 1e-9 (a season without cases) to 1e-17."""
    np.testing.assert_allclose(found, numbers(wanted), rtol=digits, atol=1e-17)


def plan_of(frequency, **more):
    settings = {
        "years_back": 5,
        "half_window": 3,
        "periods": 10,
        "past_excluded": 26,
        "trend": True,
        "trend_p_value": 1,
    }
    return Plan(frequency=frequency, reweight=True, weights_threshold=2.58, **{**settings, **more})


@pytest.fixture
def fitted(monkeypatch):
    """What the fit inside the detector found: dispersion, trend, slope."""
    seen = []

    def spy(watch, plan):
        seen.append(forecast(watch, plan))
        return seen[-1]

    monkeypatch.setattr(farrington_flexible, "forecast", spy)
    return seen


def calendar(begin, step, length):
    if step == "month":
        months = np.datetime64(begin, "M") + np.arange(length)
        return months.astype("datetime64[D]") + (
            np.datetime64(begin) - np.datetime64(begin, "M").astype("datetime64[D]")
        )
    return np.datetime64(begin) + step * np.arange(length)


@pytest.mark.parametrize("case", FROM_R, ids=lambda case: f"{case['function']} {case['name']} {case['frequency']}")
def test_made_up_series_are_judged_as_by_the_reference_program(case, fitted):
    module, method = METHODS[case["function"]]
    counts = numbers(case["counts"])
    more = {"population": case["population"]} if "population" in case else {}
    if "dates" in case:
        more["dates"] = calendar(*case["dates"], counts.size)
    settings = in_our_words(module, case["control"])
    found = method(counts, frequency=case["frequency"], start=case["first"] - 1, match_r=True, **more, **settings)
    r = case["r"]
    assert_like_r(found.upperbound, r["upperbound"])
    assert found.alarm.tolist() == [alarm == 1 for alarm in r["alarm"]]
    assert_like_r(found.expected, r["expected"])
    if case["function"] == "farrington":
        assert_like_r(1 - found.p_value, r["below"])
        return
    assert_like_r(found.p_value, r["p_value"])
    assert_like_r(fitted[0].dispersion[0], r["phi"])
    assert_like_r(fitted[0].trend[0], r["trend"])
    assert_like_r(fitted[0].slope[0], r["slope"], 1e-7)


def test_the_kept_comparison_covers_every_frequency_threshold_and_power():
    assert {case["frequency"] for case in FROM_R} == {7, 12, 52, 365}
    for setting, values in (("thresholdMethod", 3), ("powertrans", 3), ("b", 6), ("w", 5), ("populationOffset", 2)):
        assert len({case["control"][setting] for case in FROM_R if setting in case["control"]}) >= values, setting
    assert sum(len(case["r"]["alarm"]) for case in FROM_R) > 350
    assert sum(alarm == 1 for case in FROM_R for alarm in case["r"]["alarm"]) > 10


def _rows(name):
    with (SHARED / "golden" / "detection" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _golden():
    series, expected = defaultdict(list), defaultdict(list)
    for row in _rows("series.csv"):
        series[row["series_id"]].append(row)
    for row in _rows("expected_farrington_flexible.csv"):
        expected[row["case_id"]].append(row)
    return series, expected


def _cases():
    return [row for row in _rows("cases.csv") if row["file"] == "expected_farrington_flexible.csv"] if SHARED else []


@needs_shared
def test_every_reference_case_is_compared():
    assert len(_cases()) == 111
    assert sum(len(points) for points in _golden()[1].values()) == 6964


@needs_shared
@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case['case_id']} {case['series_id']}")
def test_bounds_and_alarms_are_those_of_the_reference_program(case, fitted):
    args = json.loads(case["args"])
    begin = args.pop("range_first") - 1
    last = args.pop("range_last")
    rows, wanted = _golden()[0][case["series_id"]], _golden()[1][case["case_id"]]
    found = flexible(
        numbers([row["observed"] for row in rows])[:last],
        frequency=int(rows[0]["freq"]),
        dates=np.array([row["date"] for row in rows[:last]], "datetime64[D]") if rows[0]["date"] else None,
        population=numbers([row["population"] for row in rows])[:last] if args.get("populationOffset") else None,
        start=begin,
        match_r=True,
        **in_our_words(farrington_flexible, args),
    )
    column = {name: [row[name] for row in wanted] for name in wanted[0]}
    assert column["t"] == [str(t) for t in range(begin + 1, last + 1)]
    assert len(wanted) == int(case["n_rows"])
    assert_like_r(found.upperbound, column["upperbound"], 1e-10)
    assert found.alarm.tolist() == [alarm == "1" for alarm in column["alarm"]]
    assert_like_r(found.expected, column["expected"], 1e-9)
    assert_like_r(fitted[0].dispersion[0], column["phi"], 1e-10)
    assert_like_r(fitted[0].trend[0], column["trend"])
    assert_like_r(fitted[0].slope[0], column["trend_coef"], 1e-8)
    assert_like_r(found.p_value, column["pvalue"], 1e-9)
    # Where R's denominator or numerator is 0 but for rounding, the score is rounding too.
    np.testing.assert_allclose(found.score, numbers(column["score"]), rtol=1e-6, atol=1e-8)


def slow(counts, point, *, years_back=5, half_window=3, periods=10, past=26, threshold=2.58, trend=True, alpha=0.01):
    """One point, by the textbook: design matrix, weighted least squares until nothing moves, scipy's quantile."""
    level = {}
    references = [point - 52 * back for back in range(years_back, -1, -1)]
    for earlier, later in pairwise(references):
        between = np.arange(earlier + half_window + 1, later - half_window)
        for season, places in enumerate(np.array_split(between, periods - 1)):
            level.update(dict.fromkeys(places.tolist(), season))
    for reference in references:
        level.update(dict.fromkeys(range(reference - half_window, reference + half_window + 1), periods - 1))
    places = np.array([place for place in sorted(level) if place < point - past and not np.isnan(counts[place])])
    y = counts[places]
    one = (np.array([level[place] for place in places.tolist()])[:, None] == np.arange(periods)).astype(float)
    now = (np.arange(periods) == periods - 1).astype(float)
    x, at = (np.c_[one, places], np.r_[now, point]) if trend else (one, now)
    weights = np.ones(y.size)
    for stage in range(2):
        mean = y + 0.1
        for _ in range(60):
            working = weights * mean
            information = x.T @ (x * working[:, None])
            beta = np.linalg.solve(information, x.T @ (working * (np.log(mean) + (y - mean) / mean)))
            mean = np.exp(x @ beta)
        information = x.T @ (x * (weights * mean)[:, None])
        phi = max(1.0, (weights * (y - mean) ** 2 / mean).sum() / (y.size - x.shape[1]))
        if stage == 0:
            leverage = mean * np.einsum("ij,jk,ik->i", x, np.linalg.inv(information), x)
            s = 1.5 * (y ** (2 / 3) * mean ** (-1 / 6) - np.sqrt(mean)) / np.sqrt(phi * (1 - leverage))
            weights = np.where(s > threshold, np.maximum(s, threshold) ** -2.0, 1.0)
            weights *= y.size / weights.sum()
    expected = np.exp(at @ beta)
    if trend and expected > y.max():
        return slow(counts, point, trend=False)
    bound = (
        stats.nbinom.ppf(1 - alpha, expected / (phi - 1), 1 / phi)
        if phi > 1
        else stats.poisson.ppf(1 - alpha, expected)
    )
    return expected, phi, bound


def city(series=6, weeks=330, seed=1, level=(0.5, 3.0)):
    draw, week = np.random.default_rng(seed), np.arange(weeks)
    mean = np.exp(draw.uniform(*level, (series, 1)) + 0.5 * np.cos(2 * np.pi * week / 52) + 0.001 * week)
    phi = draw.uniform(1.05, 4, (series, 1))
    return draw.negative_binomial(mean / (phi - 1), 1 / phi).astype(float)


def test_the_fast_way_and_the_textbook_agree(fitted):
    counts = city(series=12)
    counts[3, 100:106] += 60  # an outbreak in the past
    counts[4, 20:60] = np.nan
    counts[5, np.random.default_rng(2).random(330) < 0.4] = np.nan
    counts[6] = np.random.default_rng(3).poisson(4, 330)
    counts[7] *= np.linspace(3, 0.3, 330)  # a steep fall
    counts[8] = np.round(counts[8] * np.linspace(0.01, 3, 330) ** 2)  # a rise beyond anything seen
    found = flexible(counts, start=300, minimum_cases=(0, 4))
    for row in range(12):
        for point in (300, 317, 329):
            expected, phi, bound = slow(counts[row], point)
            at = row, point - 300
            np.testing.assert_allclose(found.expected[at], expected, rtol=1e-6)
            np.testing.assert_allclose(fitted[0].dispersion[at], phi, rtol=1e-6)
            assert found.upperbound[at] == bound


@pytest.mark.parametrize("match_r", [False, True])
@pytest.mark.parametrize("threshold_method", ["nbPlugin", "muan", "delta"])
def test_many_series_at_once_are_judged_as_one_by_one(threshold_method, match_r):
    counts = city(series=6).reshape(2, 3, 330)
    counts[1, 2, 290:300] = np.nan
    counts[0, 1, :280] = 0
    settings = {"threshold_method": threshold_method, "trend_p_value": 0.3, "match_r": match_r, "start": 270}
    together = flexible(counts, **settings)
    for place in np.ndindex(2, 3):
        alone = flexible(counts[place], **settings)
        np.testing.assert_array_equal(together.alarm[place], alone.alarm)
        for name in ("expected", "upperbound", "score", "p_value"):
            np.testing.assert_allclose(getattr(together, name)[place], getattr(alone, name), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("match_r", [False, True])
def test_the_last_weeks_alone_are_judged_as_within_the_whole(match_r):
    counts = city(series=3)
    counts[0, 250] = np.nan
    dates = np.datetime64("2014-12-29") + 7 * np.arange(330)
    for more in ({}, {"dates": dates}):
        whole = flexible(counts, match_r=match_r, **more)
        tail = flexible(counts, start=320, match_r=match_r, **more)
        assert (whole.start, tail.start, whole.first) == (0, 320, tail.first)
        assert whole.alarm.shape == (3, 330)
        for name in ("expected", "upperbound", "score", "p_value", "alarm"):
            ours, theirs = getattr(whole, name)[:, 320:], getattr(tail, name)
            np.testing.assert_allclose(ours.astype(float), theirs.astype(float), rtol=1e-9, atol=1e-12)


def test_nothing_is_judged_before_five_years_and_a_half_window():
    found = flexible(city(series=2))
    assert found.first == 5 * 52 + 3
    assert not found.judged[:, : found.first].any()
    assert found.judged[:, found.first :].all()


@pytest.mark.parametrize(("frequency", "step"), [(52, 7), (365, 1), (12, "month")])
def test_the_first_point_judged_is_the_first_whose_baseline_is_whole_by_the_calendar(frequency, step):
    dates = calendar("2015-01-05" if step == 7 else "2015-01-01", step, 3 * frequency + 40)
    settings = {"years_back": 2, "half_window": 2, "periods": 4, "past_weeks_excluded": 2}
    found = flexible(np.ones(dates.size), frequency=frequency, dates=dates, **settings)
    plan = plan_of(frequency, years_back=2, half_window=2, periods=4)
    whole = [
        point
        for point in range(dates.size)
        if (references := calendar_references(point, dates, plan)) is not None and references[0] >= 2
    ]
    assert found.first == whole[0]
    assert found.judged.nonzero()[0].tolist() == whole


def test_a_flat_series_keeps_its_flat_trend_whatever_its_height(fitted):
    found = flexible(np.repeat(np.arange(1.0, 60.0)[:, None], 330, axis=1), start=329)
    assert (fitted[0].trend == 1).all()
    np.testing.assert_allclose(found.expected[:, 0], np.arange(1, 60))


def test_a_series_too_short_for_a_baseline_is_not_judged():
    for length in (0, 1, 4, 263):
        assert not flexible(np.ones(length)).judged.any()
    assert not flexible(np.ones(10), dates=np.datetime64("2020-01-06") + 7 * np.arange(10)).judged.any()


def test_a_missing_week_is_not_judged_and_blinds_no_other():
    counts = city(series=1)
    counts[0, [200, 300]] = np.nan
    found = flexible(counts, start=298)
    assert found.judged[0].tolist() == [True, True, False] + [True] * 29
    assert np.isfinite(found.upperbound[0]).all()
    assert not found.alarm[0, 2]
    # R cannot tell while the missing week is among the four whose cases it counts.
    assert np.isnan(flexible(counts, start=298, match_r=True).upperbound[0]).tolist()[:7] == [False] * 2 + [
        True
    ] * 4 + [False]


def test_a_series_without_any_known_week_is_not_judged():
    counts = city(series=2)
    counts[1, :300] = np.nan
    for match_r in (False, True):
        found = flexible(counts, start=300, match_r=match_r)
        assert found.judged[0].all()
        assert not found.judged[1].any()
        assert not found.alarm[1].any()


def test_three_cases_in_a_month_are_no_alarm_whatever_the_bound_and_the_bound_is_told():
    counts = np.zeros(330)
    counts[17::52] = 1
    counts[-1] = 4
    found = flexible(counts, start=329)
    assert (found.upperbound[0], found.alarm[0]) == (1.0, False)
    assert found.p_value[0] < 0.01
    assert np.isnan(flexible(counts, start=329, match_r=True).upperbound[0])
    counts[-1] = 5
    assert flexible(counts, start=329).alarm[0]


def test_a_disease_never_seen_alarms_from_the_fifth_case():
    counts = np.zeros((2, 330))
    counts[1, -1] = 5
    found = flexible(counts, start=329)
    assert found.upperbound[:, 0].tolist() == [0, 0]
    assert found.alarm[:, 0].tolist() == [False, True]
    # The upper limit of a mean of which nothing is known is no bound.
    assert not flexible(counts, start=329, threshold_method="muan").judged.any()


def test_a_past_outbreak_does_not_hide_the_next():
    quiet = np.random.default_rng(5).poisson(10, 330).astype(float)
    after_outbreak = quiet.copy()
    after_outbreak[329 - 104 - 1 : 329 - 104 + 2] += 100
    undisturbed, weighed = (flexible(counts, start=329).upperbound[0] for counts in (quiet, after_outbreak))
    plain = flexible(after_outbreak, start=329, reweight=False).upperbound[0]
    assert weighed < 1.3 * undisturbed
    assert plain > 1.7 * undisturbed


def test_an_outbreak_of_the_last_half_year_does_not_raise_its_own_bound():
    counts = city(series=1, seed=6)
    raised = counts.copy()
    raised[0, 304:329] += 30
    np.testing.assert_array_equal(flexible(counts, start=329).upperbound, flexible(raised, start=329).upperbound)
    np.testing.assert_array_less(
        flexible(counts, start=329, past_weeks_excluded=None).upperbound,
        flexible(raised, start=329, past_weeks_excluded=None).upperbound,
    )


def test_a_holiday_with_half_the_visits_is_no_alarm_and_no_relief():
    draw = np.random.default_rng(7)
    visits = np.full(330, 2000.0)
    visits[-1] = 1000
    counts = draw.poisson(0.01 * visits).astype(float)
    found = flexible(counts, population=visits, population_offset=True, start=328)
    np.testing.assert_allclose(found.expected[1], found.expected[0] / 2, rtol=0.1)
    counts[-1] = 20  # as every week, of half as many
    assert flexible(counts, population=visits, population_offset=True, start=329).alarm[0]
    assert not flexible(counts, start=329).alarm[0]


def test_whatever_the_unit_of_the_population_the_bound_is_the_same():
    counts, people = city(series=4), np.random.default_rng(8).uniform(1e5, 2e5, (4, 330))
    people[2, 100] = np.nan
    bounds = [
        flexible(counts, population=people * unit, population_offset=True, start=300).upperbound
        for unit in (1, 1e-5, 1e6)
    ]
    np.testing.assert_array_equal(bounds[0], bounds[1])
    np.testing.assert_array_equal(bounds[0], bounds[2])
    assert np.isnan(flexible(counts, population=0 * people, population_offset=True, start=300).upperbound).all()


def test_clean_and_reference_dispersion_part_after_reweighting_only():
    counts = city(series=20, seed=9)
    for threshold_method in ("delta", "muan"):
        settings = {"threshold_method": threshold_method, "minimum_cases": (0, 4), "start": 329, "trend_p_value": 1}
        clean, r = (flexible(counts, match_r=match_r, **settings).upperbound for match_r in (False, True))
        assert np.abs(clean / r - 1).max() > 0.005
        plain = {**settings, "reweight": False}
        clean, r = (flexible(counts, match_r=match_r, **plain).upperbound for match_r in (False, True))
        # R does not raise a dispersion below 1 in the standard error.
        np.testing.assert_allclose(clean, r, rtol=2e-3)


def test_bound_p_value_and_alarm_tell_one_story():
    counts = city(series=200, seed=10, level=(-1, 3))
    for threshold_method in ("nbPlugin", "muan", "delta"):
        found = flexible(counts, start=300, threshold_method=threshold_method, minimum_cases=(0, 4), alpha=0.05)
        now = counts[:, 300:]
        assert found.alarm.any()
        np.testing.assert_array_equal(found.alarm, now > found.upperbound)
        np.testing.assert_array_equal(found.alarm, found.p_value <= 0.05)
        assert np.isfinite(found.score).all()
        assert (found.score[found.alarm] > 1.6).all()


def test_one_percent_means_about_one_percent():
    counts = np.random.default_rng(11).negative_binomial(5, 0.5, (1500, 300)).astype(float)
    found = flexible(counts, start=297)
    assert 0.007 < found.alarm.mean() < 0.017


def test_the_bound_is_the_quantile_scipy_inverts():
    draw = np.random.default_rng(12)
    mean = np.exp(draw.uniform(-8, 9, 600))
    phi = np.where(draw.random(600) < 0.2, 1.0, 1 + np.exp(draw.uniform(-9, 4, 600)))
    for alpha in (0.05, 0.01, 1e-4):
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = np.where(
                phi > 1, stats.nbinom.isf(alpha, mean / (phi - 1), 1 / phi), stats.poisson.isf(alpha, mean)
            )
        np.testing.assert_array_equal(upper_quantile(mean, phi, alpha), wanted)
    assert np.isnan(upper_quantile(np.array([np.nan, np.inf, 1.0]), np.array([1.0, 1.0, np.nan]), 0.01)).all()


def test_the_tail_is_scipys():
    y, mean = np.arange(50.0), 13.7
    np.testing.assert_allclose(upper_tail(y, mean, 1.0), stats.poisson.sf(y - 1, mean), rtol=1e-12)
    np.testing.assert_allclose(upper_tail(y, mean, 2.5), stats.nbinom.sf(y - 1, mean / 1.5, 0.4), rtol=1e-10)
    assert np.isnan(upper_tail(np.nan, mean, 2.5))


@pytest.mark.parametrize("transform", ["2/3", "1/2", "none"])
def test_a_count_at_the_bound_lies_z_deviations_above_the_mean(transform):
    mean, variance = np.array([0.3, 4.0, 900.0]), np.array([0.4, 9.0, 2000.0])
    bound = power_bound(mean, variance, 2.326, transform)
    np.testing.assert_allclose(power_deviate(bound, mean, variance, transform), 2.326)


def test_the_same_week_of_earlier_years_goes_by_date_and_weekday():
    mondays = np.datetime64("2010-01-04") + 7 * np.arange(600)
    for point in (300, 365, 470, 571):
        found = mondays[calendar_references(point, mondays, plan_of(52))]
        for back, day in zip(range(5, 0, -1), found[:-1], strict=True):
            today = mondays[point].astype(object)
            anniversary = np.datetime64(today.replace(year=today.year - back))
            assert abs((day - anniversary).astype(int)) <= 3


def test_the_leap_day_becomes_the_first_of_march_by_day_and_moves_to_its_weekday_by_week():
    days = np.datetime64("2018-01-01") + np.arange(900)
    leap = int(np.flatnonzero(days == np.datetime64("2020-02-29"))[0])
    plan = plan_of(365, years_back=2)
    assert days[calendar_references(leap, days, plan)].astype(str).tolist() == [
        "2018-03-01",
        "2019-03-01",
        "2020-02-29",
    ]
    saturdays = np.datetime64("2020-02-29") + 7 * np.arange(-200, 5)
    plan = plan_of(52, years_back=2)
    assert saturdays[calendar_references(200, saturdays, plan)].astype(str).tolist() == [
        "2018-03-03",
        "2019-03-02",
        "2020-02-29",
    ]


def test_a_week_that_is_not_in_the_calendar_leaves_the_point_untold():
    counts, dates = city(series=1), np.datetime64("2014-12-29") + 7 * np.arange(330)
    there = np.arange(330) != 320 - 52
    found = flexible(counts[:, there], dates=dates[there], start=310)
    untold = np.flatnonzero(~found.judged[0]) + 310
    assert untold.size
    assert all(abs(int((dates[there][k] - dates[320]).astype(int))) <= 7 for k in untold)


def test_every_past_week_belongs_to_one_season_and_the_judged_season_comes_last():
    watch = Watch.of(np.ones(300), plan_of(52), start=299, dates=None, population=None)
    ((baseline, points),) = baselines(watch, plan_of(52))
    assert points.tolist() == [299]
    assert sorted(baseline.places.tolist()) == list(range(-263, -26))
    window = baseline.places[baseline.level == 9]
    assert sorted(set((window + 3) % 52)) == list(range(7))
    # 45 weeks between two windows in nine seasons of five; the last half year is cut off.
    assert np.bincount(baseline.level).tolist() == [25, 25, 25, 25, 22, 20, 20, 20, 20, 35]


def test_a_moved_calendar_year_moves_no_bound_by_much():
    counts, dates = city(series=5), np.datetime64("2014-12-29") + 7 * np.arange(330)
    by_date, by_index = flexible(counts, dates=dates, start=300), flexible(counts, start=300)
    assert (by_date.upperbound != by_index.upperbound).any()
    np.testing.assert_allclose(by_date.expected, by_index.expected, rtol=0.3)


def test_days_and_months_are_judged_too():
    draw = np.random.default_rng(13)
    days = np.datetime64("2017-01-01") + np.arange(1200)
    found = flexible(draw.poisson(5, 1200), frequency=365, years_back=3, dates=days, start=1190)
    assert found.judged.all()
    months = (np.datetime64("2012-01") + np.arange(96)).astype("datetime64[D]")
    settings = {"half_window": 1, "periods": 4, "past_weeks_excluded": 6}
    assert flexible(draw.poisson(50, 96), frequency=12, dates=months, start=80, **settings).judged.all()
    settings = {"half_window": 0, "periods": 1, "past_weeks_excluded": 0, "years_back": 8}
    assert flexible(draw.poisson(5, 90), frequency=7, start=80, **settings).judged.all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"years_back": 0},
        {"half_window": -1},
        {"periods": 0},
        {"periods": 53},
        {"half_window": 26},
        {"weights_threshold": 0},
        {"past_weeks_excluded": -1},
        {"trend_p_value": 1.5},
        {"minimum_cases": (-1, 4)},
        {"minimum_cases": (5, 0)},
        {"alpha": 0},
        {"alpha": 0.7},
        {"threshold_method": "nbplugin"},
        {"power_transform": "3/4"},
        {"frequency": 0},
        {"start": 400},
    ],
)
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    value = next(iter(wrong.values()))
    with pytest.raises(ValueError, match=str(value[0] if isinstance(value, tuple) else value)):
        flexible(np.ones(330), **wrong)


def test_input_without_meaning_is_refused():
    with pytest.raises(ValueError, match="no population"):
        flexible(np.ones(330), population_offset=True)
    with pytest.raises(ValueError, match="A count is -2"):
        flexible([1.0, -2.0])
    with pytest.raises(ValueError, match="no series"):
        flexible(3.0)
    dates = np.datetime64("2020-01-06") + 7 * np.arange(330)
    with pytest.raises(ValueError, match="329 dates for 330 points"):
        flexible(np.ones(330), dates=dates[1:])
    with pytest.raises(ValueError, match="2020-01-06 follows 2020-01-13"):
        flexible(np.ones(330), dates=dates[[1, 0, *range(2, 330)]])
