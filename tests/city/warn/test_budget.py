"""Which of a city's alarms reach the desk, and why: the night's grid, persistence, company, fixed numbers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from citywatch.city.warn import judging
from citywatch.city.warn.chances import dispersion
from citywatch.city.warn.counting import Counted
from citywatch.city.warn.detectors import DETECTORS, SCHOOL, settings_on
from citywatch.city.warn.judging import findings, judge, told
from citywatch.city.warn.rules import rules_on
from citywatch.city.warn.types import Decision, Finding, Ground, SeriesKey
from citywatch.science.detect.catalogue import METHODS

LAST = date(2020, 6, 11)
RULES = rules_on(LAST)


def streets(counts, *, stream="symptom", syndrome="fever", first=1):
    counts = np.asarray(counts, dtype=float)
    keys = tuple(SeriesKey(stream, syndrome, "reporting", first + n) for n in range(len(counts)))
    return Counted(keys, LAST - timedelta(days=counts.shape[1] - 1), LAST, counts)


def seen(*grids, ground=None, rules=RULES, detectors=None):
    found, _ = findings(grids, rules, detectors)
    return told(found, rules, ground or Ground())


def quiet(n, *, mean=1.5, days=45, seed=1):
    return np.random.default_rng(seed).poisson(mean, (n, days)).astype(float)


@pytest.mark.parametrize("mean", [0.7, 4.0, 30.0])
def test_a_whole_citys_quiet_night_calls_the_desk_about_as_often_as_declared(mean):
    tonight = replace(RULES, episode=replace(RULES.episode, fresh_days=1))
    nights = [bool(seen(streets(quiet(2000, mean=mean, seed=seed)), rules=tonight)) for seed in range(60)]

    assert np.mean(nights) <= RULES.budget.share["street", "day"] + 0.1  # two standard errors of sixty nights


def test_what_stands_out_among_two_streets_is_lost_among_two_thousand():
    few, many = quiet(2), quiet(2000)
    few[0, -12:] = many[0, -12:] = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 7]

    assert [one.look for one in seen(streets(few)) if one.key.place_id == 1] == ["chance"]
    assert not [one for one in seen(streets(many)) if one.key.place_id == 1]


def test_an_outbreak_is_found_among_ten_thousand():
    counts = quiet(10_000)
    counts[77, -1] = 25

    assert 78 in {one.key.place_id for one in seen(streets(counts))}


def test_what_stays_high_for_days_is_told_though_no_day_alone_would_be():
    counts = np.tile([1.0, 2.0], (3000, 23))[:, :45]
    counts += quiet(3000, mean=0.1, seed=2)
    counts[5, -3:] = 7
    once = counts.copy()
    once[5, -3:-1] = counts[4, -3:-1]

    assert [one.look for one in seen(streets(counts)) if one.key.place_id == 6] == ["persistence"]
    assert not [one for one in seen(streets(once)) if one.key.place_id == 6]


def test_passing_over_what_cannot_alarm_changes_nothing_but_the_work(monkeypatch):
    counts = quiet(3000, mean=0.4, seed=5)
    counts[[10, 20, 30], -1] = [6, 9, 4]
    grid = replace(streets(counts), level="site", keys=[SeriesKey("symptom", "rash", "site", n) for n in range(3000)])
    whole = seen(grid)
    monkeypatch.setattr(judging, "_SAMPLE", 300)

    assert [(f.key, f.look) for f in seen(grid)] == [(f.key, f.look) for f in whole]
    assert {20} <= {f.key.place_id for f in whole}
    _, series = findings([grid], RULES)
    (verdict,) = [v for v in judge(grid, RULES, start=37) if v.family == "ears"]
    assert series == 3000
    assert verdict.rows.size < 1000
    assert verdict.unjudged + verdict.rows.size == 3000


def weak(street, stream, p=0.02, *, look="", by="reporting", syndrome="fever"):
    key = SeriesKey(stream, syndrome, by, street)
    return Finding(key, "ears", ("C2",), LAST, LAST, 5, 1.0, 3.0, p, 4.0, look)


def test_a_weak_alarm_alone_is_not_told_and_one_in_company_is():
    assert told([weak(1, "symptom")], RULES, Ground()) == []
    both = told([weak(1, "symptom"), weak(1, "pharmacy")], RULES, Ground())
    assert [(one.key.stream, one.look) for one in both] == [("symptom", "company"), ("pharmacy", "company")]


def test_the_reporting_and_the_home_view_of_one_stream_are_no_company():
    assert told([weak(1, "symptom"), weak(1, "symptom", by="home")], RULES, Ground()) == []
    assert told([weak(1, "symptom"), weak(1, "symptom", syndrome="rash")], RULES, Ground()) == []


def test_a_big_city_is_told_no_more_coincidences_than_a_small_one():
    found = [weak(street, stream, p=0.05 / street) for street in range(1, 101) for stream in ("symptom", "pharmacy")]

    streets_told = {one.key.place_id for one in told(found, RULES, Ground())}

    assert streets_told == {100, 99, 98}  # one a day, three days are fresh; the least likely of them


def test_company_next_door_counts_only_when_both_together_are_improbable():
    next_door = Ground(neighbours={1: frozenset({2}), 2: frozenset({1})})

    assert told([weak(1, "symptom", 0.04), weak(2, "pharmacy", 0.04)], RULES, next_door) == []
    assert len(told([weak(1, "symptom", 0.002), weak(2, "pharmacy", 0.002)], RULES, next_door)) == 2
    assert told([weak(1, "symptom", 0.002), weak(2, "symptom", 0.002)], RULES, next_door) == []
    assert told([weak(1, "symptom", 0.002), weak(2, "pharmacy", 0.002)], RULES, Ground()) == []


def test_a_site_says_nothing_its_street_has_already_said():
    site = replace(weak(9, "symptom", look="chance"), key=SeriesKey("symptom", "fever", "site", 9))
    in_street = Ground(street_of={9: 1})

    assert told([site, weak(1, "symptom", look="chance")], RULES, in_street) == [weak(1, "symptom", look="chance")]
    assert told([site, weak(2, "symptom", look="chance")], RULES, in_street)[0] == site


def test_a_busy_street_whose_days_vary_is_not_taken_for_a_poisson_street():
    draws = np.random.default_rng(3)
    wild = draws.negative_binomial(5, 5 / 35, (60, 45)).astype(float)  # mean 30, variance 210
    counted = streets(wild, stream="pharmacy", syndrome="cough")
    (verdict,) = [v for v in judge(counted, RULES, start=31) if v.family == "ears"]
    rows = np.arange(60)
    lines = [d for d in DETECTORS if d.code == "C2"]
    detection = METHODS["ears-c2"].judge(wild, METHODS["ears-c2"].resolve(lines[0].settings), start=31)

    spread = dispersion(counted, rows, detection, 31)

    assert spread[0] == pytest.approx(7, abs=1.5)
    assert np.nanmin(verdict.p, initial=1.0) > 1e-5
    assert len(seen(counted)) <= 2


def school_of(sums, syndrome="vomiting"):
    key = SeriesKey("symptom", syndrome, "site", 5)
    counts = np.zeros((1, 45))
    counts[0, -len(sums) :] = sums
    return Counted((key,), LAST - timedelta(days=44), LAST, counts, level="site", schools=frozenset({5}))


def test_ten_children_of_one_school_vomiting_within_a_week_are_a_signal_and_nine_are_not():
    (ten,) = [one for one in seen(school_of([1, 1, 2, 1, 2, 2, 1])) if one.family == SCHOOL]

    assert (ten.observed, ten.look) == (10, "rule")
    assert not [one for one in seen(school_of([1, 1, 2, 1, 2, 1, 1])) if one.family == SCHOOL]
    assert not [one for one in seen(school_of([3, 0, 0, 0, 2, 2, 2, 1])) if one.family == SCHOOL]  # over eight days


def test_the_same_ten_at_a_clinic_are_no_school():
    clinic = replace(school_of([1, 1, 2, 1, 2, 2, 1]), schools=frozenset())

    assert not [one for one in seen(clinic) if one.family == SCHOOL]


def districts(weeks, *, bump=0.0, n=30, seed=9):
    season = 12 + 6 * np.sin(np.arange(weeks) / 52 * 2 * np.pi)
    counts = np.random.default_rng(seed).poisson(season, (n, weeks)).astype(float)
    counts[0, -1] += bump
    keys = tuple(SeriesKey("card", "4000", "district", k + 1, "week") for k in range(n))
    monday = LAST - timedelta(days=LAST.weekday())
    return Counted(keys, monday - timedelta(weeks=weeks - 1), LAST, counts, level="district", step="week")


def test_a_week_far_above_its_season_is_a_signal_of_the_district():
    (found,) = [one for one in seen(districts(360, bump=40)) if one.key.place_id == 1]

    assert (found.family, found.look) == ("weekly", "chance")
    assert (found.first_day, found.last_day) == (date(2020, 6, 8), date(2020, 6, 14))


def test_the_seasons_own_rise_is_none():
    assert len(seen(districts(360))) <= 1


def test_without_two_years_behind_it_a_week_cannot_be_judged():
    (verdict,) = judge(districts(100, bump=40), RULES)

    assert np.isnan(verdict.upper).all()
    assert seen(districts(100, bump=40)) == []


def decision(code, day, method="ears-c1", *, hour=9, **more):
    return Decision(
        code, method, more.get("settings", {"alpha": 0.01}), more.get("enabled", True), day, "试行",
        datetime(2020, 6, 1, hour, tzinfo=UTC), "account:1",
    )  # fmt: skip


def test_a_decision_replaces_its_line_from_its_day_on_and_no_other():
    made = [decision("C2", date(2020, 6, 5)), decision("C2", date(2020, 6, 9), "moving-percentile")]
    by_day = {day: {d.code: d for d in settings_on(date(2020, 6, day), made)} for day in (4, 5, 9)}

    assert by_day[4]["C2"] == next(d for d in DETECTORS if d.code == "C2")
    fifth = by_day[5]["C2"]
    assert (fifth.method, dict(fifth.settings), fifth.since.day) == ("ears-c1", {"alpha": 0.01}, 5)
    assert by_day[9]["C2"].method == "moving-percentile"
    assert by_day[9]["C1"] == next(d for d in DETECTORS if d.code == "C1")


def test_of_two_decisions_for_one_day_the_later_one_holds():
    made = [decision("C2", date(2020, 6, 5), "ears-c3", hour=10), decision("C2", date(2020, 6, 5), hour=9)]

    assert {d.code: d.method for d in settings_on(LAST, made)}["C2"] == "ears-c3"


def test_a_line_switched_off_judges_nothing():
    counts = quiet(3)
    counts[0, -1] = 30
    off = settings_on(LAST, [decision(code, LAST, enabled=False) for code in ("C1", "C2", "C3")])

    assert seen(streets(counts), detectors=settings_on(LAST))
    assert seen(streets(counts), detectors=off) == []


def test_every_line_names_a_known_method_and_says_itself_in_both_languages():
    for line in DETECTORS:
        assert line.method in {*METHODS, "single-case", "school"}
        assert line.code in line.describe().en
        assert line.code in line.describe().zh
        assert len(line.code) <= 40
    assert len({line.code for line in DETECTORS}) == len(DETECTORS)
