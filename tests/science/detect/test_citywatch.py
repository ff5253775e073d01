"""CityWatch's own detector: its chances against brute force, its false alarms against what was asked for.

Settings: alpha (float, 0.01), before (float, 0.28), least_cases (int, 2). No counterpart in R.
"""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from citywatch.science.detect.background import fit_background, size_of, upper_tail
from citywatch.science.detect.citywatch import citywatch
from citywatch.science.detect.outbreak_odds import SIZES, Blocks, judge

WEEKS = 364


def season(weeks=WEEKS, level=6.0, swing=0.5):
    return level * np.exp(swing * np.cos(2 * np.pi * np.arange(weeks) / 52))


def quiet(seed, series, mean, phi):
    rng = np.random.default_rng(seed)
    mean = np.broadcast_to(mean, (series, len(mean)))
    if phi == 1:
        return rng.poisson(mean).astype(float)
    return rng.negative_binomial(mean / (phi - 1), 1 / phi).astype(float)


def slow_p_value(newest, before, mean, variance, *, weight=0.3, alpha=0.01):
    """The rule written out for two weeks: every pair of counts, its chance and its evidence."""
    top = np.arange(int(mean.max() + 30 * np.sqrt(variance.max())))

    def mass(count, m, v):
        return poisson.pmf(count, m) if v <= m else nbinom.pmf(count, m * m / (v - m), m / v)

    def ratios(week):
        sd, plain = np.sqrt(variance[week]), mass(top, mean[week], variance[week])
        return np.array([mass(top, mean[week] + k * sd, variance[week] + k * sd) / plain for k in SIZES])

    now, then = ratios(0), ratios(1)
    tail = np.array([mass(top[k:], mean[1], variance[1]).sum() for k in top])
    alone = tail <= alpha
    then[:, alone] = then[:, ~alone].max(axis=1, keepdims=True)
    evidence = now.mean(axis=0)[:, None] + weight * np.einsum("ka,kb->ab", now, then) / len(SIZES)
    evidence = np.maximum.accumulate(evidence, axis=0)
    chance = np.outer(mass(top, mean[0], variance[0]), mass(top, mean[1], variance[1]))
    reached = evidence >= evidence[newest, before] * (1 - 1e-9)
    return chance[reached].sum() - chance[newest, before] / 2


@pytest.mark.parametrize(("mean", "phi"), [((0.2, 0.25), 2.0), ((1.3, 1.1), 1.0), ((3.0, 2.5), 1.5), ((2.0, 2.0), 5.0)])
def test_the_chance_of_such_evidence_is_that_of_all_pairs_of_counts_with_as_much(mean, phi):
    mean = np.array(mean)
    pairs = [(a, b) for a in range(1, 9, 2) for b in range(0, 7, 2)]
    counts = np.array(pairs, dtype=float).T
    means = np.repeat(mean[:, None], len(pairs), axis=1)

    found = judge(Blocks(counts, means, phi * means, np.sqrt(phi * means)), begun=(1.0, 0.3), alpha=0.01)

    slow = [slow_p_value(a, b, mean, phi * mean) for a, b in pairs]
    np.testing.assert_allclose(found.p_value, slow, rtol=2e-3, atol=1e-5)


def test_the_bound_is_the_largest_count_that_does_not_alarm():
    rng = np.random.default_rng(2)
    mean = np.exp(rng.uniform(-2, 6, (2, 200)))
    variance = mean * rng.uniform(1, 4, 200)
    counts = rng.poisson(mean).astype(float)

    bound = judge(Blocks(counts, mean, variance, np.sqrt(variance)), begun=(1.0, 0.3), alpha=0.01).bound

    def p_value(newest):
        return judge(
            Blocks(np.array([newest, counts[1]]), mean, variance, np.sqrt(variance)), begun=(1.0, 0.3), alpha=0.01
        ).p_value

    assert (p_value(bound + 1) <= 0.01).all()
    assert (p_value(np.maximum(bound, 0)) > 0.01)[bound >= 0].all()


def test_a_rare_disease_that_comes_in_clumps_alarms_too_when_the_clump_is_large_enough():
    mean = np.full((2, 30), 0.15)

    found = judge(
        Blocks(np.stack([np.arange(30.0), np.zeros(30)]), mean, 4 * mean, np.sqrt(4 * mean)),
        begun=(1.0, 0.3),
        alpha=0.01,
    )

    assert found.p_value[12:].max() < 0.001
    assert found.bound.max() < 10


def test_more_cases_this_week_or_last_are_never_less_evidence():
    counts = np.array([[n, b] for b in range(12) for n in range(40)], dtype=float).T
    mean = np.full(counts.shape, 5.0)

    p = judge(Blocks(counts, mean, 2 * mean, np.sqrt(2 * mean)), begun=(1.0, 0.3), alpha=0.01).p_value.reshape(12, 40)

    assert (np.diff(p, axis=1) <= 1e-12).all()
    assert (np.diff(p[:, 6:16], axis=0) <= 1e-6).all()


def test_quiet_series_alarm_as_often_as_asked_for():
    counts = np.concatenate([quiet(3, 64, season(level=level), phi) for level, phi in ((0.5, 1), (6, 1.5), (60, 3))])

    alarm = citywatch(counts, alpha=0.05, start=312).alarm

    # 3,328 weeks each and 9,984 in all: a standard error of about 0.005 and 0.003.
    for k in range(0, 192, 64):
        assert 0.03 < alarm[k : k + 64].mean() < 0.07
    assert 0.038 < alarm.mean() < 0.058


def test_a_jump_alarms_in_its_first_week_and_a_slow_rise_in_its_second():
    counts = np.repeat(np.round(season())[None], 2, axis=0)
    calm = citywatch(quiet(4, 1, season(), 1)[0], start=330)
    sd = np.sqrt(counts[0, 350])
    counts += quiet(4, 1, season(), 1) - counts[:1]
    counts[0, 350] = calm.expected[20] + 5 * sd
    counts[1, 350:352] = np.ceil(calm.expected[20] + 2.4 * sd)

    alarm = citywatch(counts, start=350).alarm

    assert alarm[0, 0]
    assert alarm[1, :2].tolist() == [False, True]


def test_past_outbreaks_hardly_raise_the_bound():
    plain = quiet(5, 40, season(), 1.5)
    struck = plain.copy()
    struck[:, 300:303] += 40
    struck[:, 200:203] += 40

    before, after = citywatch(plain, start=350), citywatch(struck, start=350)

    assert (after.upperbound / before.upperbound).mean() < 1.06


def test_an_outbreak_of_weeks_does_not_raise_its_own_bound():
    counts = quiet(6, 30, season(), 1)
    ongoing = counts.copy()
    ongoing[:, 355:358] += 15

    before, after = citywatch(counts, start=356), citywatch(ongoing, start=356)

    np.testing.assert_allclose(after.expected[:, :2], before.expected[:, :2])


def test_a_baseline_that_wanders_is_followed():
    level = np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.03, (40, 460)), axis=1))
    counts = np.random.default_rng(8).poisson(20 * level).astype(float)

    found = citywatch(counts, start=400)

    # Without following the drift: 0.18, and 5 % alarms.
    assert np.abs(np.log(found.expected / (20 * level[:, 400:]))).mean() < 0.14
    assert found.alarm.mean() < 0.03


def test_many_series_at_once_are_each_judged_as_if_alone():
    counts = quiet(9, 70, season(level=2.0), 2)
    together = citywatch(counts, start=340)
    for row in (0, 63, 64, 69):
        alone = citywatch(counts[row], start=340)
        np.testing.assert_allclose(alone.p_value, together.p_value[row], rtol=1e-8)
        np.testing.assert_array_equal(alone.upperbound, together.upperbound[row])


@pytest.mark.parametrize("start", [104, 201, 363])
def test_judging_from_a_point_on_is_the_tail_of_judging_all(start):
    counts = quiet(10, 3, season(), 1.5)
    whole, tail = citywatch(counts), citywatch(counts, start=start)

    assert (whole.first, whole.start, tail.start) == (104, 0, start)
    np.testing.assert_allclose(tail.p_value, whole.p_value[:, start:], rtol=1e-10)
    np.testing.assert_array_equal(tail.alarm, whole.alarm[:, start:])
    assert np.isnan(whole.p_value[:, :104]).all()


def test_a_missing_week_is_not_judged_and_the_next_one_stands_alone():
    counts = quiet(11, 1, season(), 1)[0]
    counts[[50, 51, 340, 350]] = np.nan

    found = citywatch(counts, start=338)

    assert np.isnan(found.p_value[[2, 12]]).all()
    assert not found.alarm[[2, 12]].any()
    assert np.isfinite(np.delete(found.p_value, [2, 12])).all()
    assert np.isnan(citywatch(np.full(200, np.nan)).upperbound).all()


def test_nothing_counted_is_no_alarm_and_two_cases_where_there_never_were_any_are():
    counts = np.zeros((3, 300))
    counts[1, 290] = 1
    counts[2, 290] = 2

    alarm = citywatch(counts, start=280).alarm

    assert alarm.sum(axis=1).tolist() == [0, 0, 1]
    assert citywatch(counts, start=280, least_cases=1).alarm.sum(axis=1).tolist()[1] == 1


def test_half_the_people_are_expected_to_bring_half_the_cases():
    people = np.where(np.arange(WEEKS) % 52 < 5, 500.0, 1000.0)
    counts = np.random.default_rng(12).poisson(people / 50).astype(float)

    found = citywatch(counts, population=people, start=310)

    dip = people[310:] < 1000
    assert found.expected[dip].mean() == pytest.approx(10, rel=0.15)
    assert found.expected[~dip].mean() == pytest.approx(20, rel=0.1)


def test_days_know_weekdays_holidays_and_a_practice_that_shuts_on_sundays():
    days = 7 * 80
    off = (np.arange(days) % 35 == 9).astype(float)
    week = np.array([30, 24, 22, 20, 18, 5, 0.0])
    mean = np.tile(week, 80) * np.where(off > 0, 0.1, 1.0)
    mean[1:][off[:-1] > 0] *= 1.5
    counts = np.random.default_rng(13).poisson(np.repeat(mean[None], 20, axis=0)).astype(float)

    found = citywatch(counts, frequency=7, holidays=off, start=days - 70)
    tail = mean[-70:]

    np.testing.assert_allclose(found.expected.mean(axis=0)[tail > 4], tail[tail > 4], rtol=0.25)
    assert found.alarm.mean() < 0.025
    assert found.expected[:, tail == 0].max() < 0.1
    without = citywatch(counts, frequency=7, start=days - 70)
    after = np.flatnonzero(off[-70:-1] > 0) + 1
    after = after[tail[after] > 4]
    assert without.alarm[:, after].mean() > found.alarm[:, after].mean()


def test_a_rise_of_several_days_is_found_though_no_day_stands_out():
    counts = quiet(14, 60, np.full(300, 16.0), 1)
    risen = counts.copy()
    risen[:, 293:300] += 8  # two standard deviations a day

    alarm = citywatch(risen, frequency=7, start=293).alarm

    assert alarm.any(axis=1).mean() > 0.9
    assert alarm[:, 0].mean() < 0.6


def test_dates_carry_the_season_over_a_year_of_53_weeks():
    dates = np.datetime64("2013-01-07") + 7 * np.arange(WEEKS)
    angle = 2 * np.pi * (dates - dates[0]).astype(float) / 365.2425
    counts = np.random.default_rng(15).poisson(10 * np.exp(0.8 * np.cos(angle)), (30, WEEKS)).astype(float)

    found = citywatch(counts, dates=dates, start=300)

    np.testing.assert_allclose(found.expected.mean(axis=0), 10 * np.exp(0.8 * np.cos(angle[300:])), rtol=0.06)


def test_short_histories_are_judged_only_when_asked_for():
    counts = quiet(16, 20, np.full(60, 4.0), 1)
    counts[:, 42] += 15

    found = citywatch(counts, start=0)

    assert np.isnan(found.p_value[:, :17]).all()
    assert found.alarm[:, 42].all()
    assert np.isnan(citywatch(counts).p_value).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"alpha": 0}, "alpha is 0"),
        ({"alpha": 1.5}, "alpha is 1.5"),
        ({"before": -1}, "before is -1"),
        ({"least_cases": 0}, "least_cases is 0"),
        ({"frequency": 2}, "frequency is 2"),
        ({"start": 400}, "start is 400"),
        ({"dates": ["2020-01-01"]}, "dates have shape"),
        ({"holidays": [1, 0]}, "holidays have shape"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(wrong, said):
    with pytest.raises(ValueError, match=said):
        citywatch(np.ones(300), **wrong)


def test_counts_below_zero_are_refused():
    with pytest.raises(ValueError, match="-1"):
        citywatch(-np.ones(300))


def test_the_background_finds_mean_and_dispersion_and_past_outbreaks_do_not_bend_it():
    mean = season(520, 8.0)
    counts = quiet(17, 60, mean, 2)
    struck = counts.copy()
    struck[:, [100, 101, 230, 231, 400, 401]] += 25
    angle = 2 * np.pi * np.arange(520) / 52
    terms = np.stack([np.ones(520), np.cos(angle), np.sin(angle)], axis=1)
    groups, offset = np.array([-1, 1, 1]), np.zeros_like(counts)

    for data, slack in ((counts, 0.04), (struck, 0.2)):
        fitted = fit_background(data, terms, groups, offset, span=13)
        assert fitted.phi.mean() == pytest.approx(2, rel=slack)
        assert np.exp(fitted.coefficients[:, 0]).mean() == pytest.approx(8, rel=0.03)


def test_the_upper_tail_is_that_of_the_textbook():
    count = np.array([0.0, 1, 5, 30])
    np.testing.assert_allclose(upper_tail(count, 3.0, np.inf), poisson.sf(count - 1, 3))
    np.testing.assert_allclose(upper_tail(count, 3.0, size_of(3.0, 7.5)), nbinom.sf(count - 1, 2.0, 0.4))
