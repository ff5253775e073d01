"""Nowcasts are those of the reference program, and hold the truth as often as they promise."""

import csv
import json
from functools import cache
from math import inf
from pathlib import Path

import numpy as np
import pytest
from scipy.special import betaln, gammaln
from tests.shared import SHARED, needs_shared

from citywatch.science import nowcast
from citywatch.science.nowcast import nowcast_bayes, nowcast_lawless, reporting_triangle

REFERENCE = json.loads((Path(__file__).parent / "nowcast_reference.json").read_text(encoding="utf-8"))
METHODS = {
    "lawless": lambda triangle, **level: nowcast_lawless(triangle, match_r=True, **level),
    "bayes.notrunc.bnb": lambda triangle, **level: nowcast_bayes(triangle, truncated=False, prior_mean=inf, **level),
    "bayes.notrunc": lambda triangle: nowcast_bayes(triangle, truncated=False, prior_mean=50, prior_variance=3000),
    "bayes.trunc": lambda triangle: nowcast_bayes(triangle, prior_mean=50, prior_variance=3000),
}


@cache
def _golden():
    with (SHARED / "golden" / "detection" / "nowcast_linelist.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    event, report = (np.array([row[at] for row in rows], dtype="datetime64[D]") for at in ("date_event", "date_report"))
    with (SHARED / "golden" / "detection" / "expected_nowcast.csv").open(encoding="utf-8") as file:
        return reporting_triangle(event, report, now=np.datetime64("2011-06-02"), max_delay=15), list(
            csv.DictReader(file)
        )


def _told(method):
    rows = [row for row in _golden()[1] if row["method"] == method]
    assert len(rows) == 11
    return np.array([[float(row[at]) for at in ("reported_so_far", "nowcast", "lower", "upper")] for row in rows]).T


def _ours(found, days):
    return np.array([found.reported, found.expected, found.lower, found.upper])[:, -days:]


@needs_shared
def test_lawless_is_that_of_the_reference_program():
    np.testing.assert_array_equal(_ours(METHODS["lawless"](_golden()[0]), 11), _told("lawless"))


@needs_shared
def test_the_negative_binomial_nowcast_is_that_of_the_reference_program():
    ours, told = _ours(METHODS["bayes.notrunc.bnb"](_golden()[0]), 11), _told("bayes.notrunc.bnb")
    # The last upper limit is beyond the largest count the reference program looked at; it printed 0.
    assert told[3, -1] == 0
    assert ours[3, -1] > 600
    np.testing.assert_array_equal(np.delete(ours.ravel(), -1), np.delete(told.ravel(), -1))


@needs_shared
@pytest.mark.parametrize("method", ["bayes.notrunc", "bayes.trunc"])
def test_drawn_nowcasts_of_the_reference_program_are_met(method):
    # It draws 3,000 delay distributions; its prior on a day's level was taken as mean 50 and variance 3000.
    ours, told = _ours(METHODS[method](_golden()[0]), 11), _told(method)
    np.testing.assert_allclose(ours, told, rtol=0.05, atol=1)


@pytest.mark.parametrize(
    "case", REFERENCE["cases"], ids=lambda case: "{method} {max_delay} {now} {past} {level}".format(**case)
)
def test_further_cases_of_the_reference_program(case):
    event, delay = np.array(REFERENCE["event"]), np.array(REFERENCE["delay"])
    triangle = reporting_triangle(event, event + delay, now=case["now"], max_delay=case["max_delay"], past=case["past"])
    found = METHODS[case["method"]](triangle, level=case["level"])
    told = np.array([case[at] for at in ("reported", "expected", "lower", "upper")])
    np.testing.assert_array_equal(_ours(found, case["max_delay"] + 1), told)


def test_a_past_day_is_nowcast_as_it_looked_then():
    event, report = [1, 1, 2, 3, 3], [1, 2, 4, 3, 5]
    assert reporting_triangle(event, report, now=3, max_delay=2).tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert reporting_triangle(event, report, now=5, max_delay=2, past=2).tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_a_delay_beyond_the_longest_counts_as_that_long():
    assert reporting_triangle([1, 1], [1, 9], now=9, max_delay=2)[0].tolist() == [1, 0, 1]
    assert reporting_triangle([1, 1], [1, 9], now=8, max_delay=2)[0].tolist() == [1, 0, 0]


def test_the_share_reported_is_learned_from_days_old_enough():
    # Delays 0, 1, 2 with chances 1/2, 1/4, 1/4; the outbreak doubles daily, yet the share is exact.
    full = np.array([[2, 1, 1]]) * 4 * 2 ** np.arange(8)[:, np.newaxis]
    for found in (nowcast_lawless(full), nowcast_bayes(full, concentration=1e-6)):
        np.testing.assert_allclose(found.share[-3:], [1, 0.75, 0.5], rtol=0.02)
        np.testing.assert_allclose(found.expected[-3:], full.sum(axis=1)[-3:], rtol=0.02)
    fooled = nowcast_bayes(full, truncated=False)
    assert fooled.expected[-1] < 0.9 * full[-1].sum()


def _outbreak(rng, growth, delays):
    level = 12 * np.exp(growth * np.arange(40))
    return rng.multinomial(rng.poisson(level), delays)


@pytest.mark.parametrize("growth", [0.0, 0.06])
@pytest.mark.parametrize("method", [nowcast_lawless, nowcast_bayes])
def test_the_interval_holds_the_truth_as_often_as_it_says(method, growth):
    rng = np.random.default_rng(7)
    delays = np.array([0.1, 0.2, 0.25, 0.2, 0.15, 0.1])
    held = told = 0
    for _ in range(150):
        triangle = _outbreak(rng, growth, delays)
        final = triangle.sum(axis=1)[-5:]
        found = method(triangle)
        judged = np.isfinite(found.upper[-5:])
        held += ((found.lower[-5:] <= final) & (final <= found.upper[-5:]))[judged].sum()
        told += judged.sum()
    assert told > 700
    assert 0.92 <= held / told <= 0.99


def test_nothing_falls_below_what_is_reported():
    rng = np.random.default_rng(1)
    for _ in range(20):
        triangle = rng.poisson(1, size=(20, 5))
        for found in (nowcast_lawless(triangle), nowcast_lawless(triangle, match_r=True), nowcast_bayes(triangle)):
            there = np.isfinite(found.upper)
            assert (found.reported <= found.lower).all()
            assert (found.lower <= found.expected)[there].all()
            assert (found.expected <= found.upper)[there].all()
            np.testing.assert_array_equal(found.expected[:-4], found.reported[:-4])


def test_a_day_without_reports_yet_is_told_by_bayes_alone():
    triangle = np.tile([0, 5, 5], (20, 1))
    triangle[-1] = 0
    lawless, bayes = nowcast_lawless(triangle), nowcast_bayes(triangle)
    assert np.isnan([lawless.expected[-1], lawless.upper[-1]]).all()
    assert bayes.lower[-1] <= 10 <= bayes.upper[-1]
    assert nowcast_lawless(triangle, match_r=True).upper[-1] == 0


def test_a_share_learned_from_few_days_is_less_sure():
    triangle = np.tile([6, 3, 1], (30, 1))
    long, short = nowcast_lawless(triangle), nowcast_lawless(triangle[-4:])
    np.testing.assert_allclose(long.share[-3:], short.share[-3:])
    assert short.upper[-1] - short.lower[-1] > long.upper[-1] - long.lower[-1]
    quirky = nowcast_lawless(triangle[-4:], match_r=True)
    assert quirky.upper[-1] == nowcast_lawless(triangle, match_r=True).upper[-1]


def test_before_any_case_every_delay_is_as_likely():
    for truncated in (True, False):
        found = nowcast_bayes(np.zeros((9, 5)), truncated=truncated, prior_mean=3, prior_variance=1)
        np.testing.assert_allclose(found.share[-5:], [1, 0.8, 0.6, 0.4, 0.2])


def test_delays_never_seen_are_not_told():
    found = nowcast_lawless(np.array([[3, 1, 0, 0], [4, 0, 0, 0]]))
    assert np.isnan(found.expected).all()
    assert np.isfinite(nowcast_bayes(np.array([[3, 1, 0, 0], [4, 0, 0, 0]])).expected).all()


def test_what_cannot_be_observed_yet_is_ignored():
    triangle = np.tile([6, 3, 1], (30, 1))
    other = triangle.copy()
    other[-1, 1:] = 99
    other[-2, 2] = 99
    for method in (nowcast_lawless, nowcast_bayes):
        np.testing.assert_array_equal(method(triangle).expected, method(other).expected)


def test_many_lists_at_once_are_judged_as_one_by_one():
    triangles = np.random.default_rng(3).poisson(3, size=(2, 3, 20, 5))
    for method in (nowcast_lawless, nowcast_bayes):
        together = method(triangles)
        for place in np.ndindex(2, 3):
            alone = method(triangles[place])
            for name in ("reported", "share", "expected", "lower", "upper"):
                np.testing.assert_allclose(getattr(together, name)[place], getattr(alone, name), rtol=1e-12)


def test_the_sum_over_the_share_is_the_beta_negative_binomial():
    alpha, beta, size = 3.3, 41.7, 5.0
    nodes, weight = nowcast._beta_nodes(alpha, beta)
    k = np.arange(3000)
    closed = np.cumsum(
        np.exp(
            gammaln(size + k) - gammaln(k + 1) - gammaln(size) + betaln(alpha + size, beta + k) - betaln(alpha, beta)
        )
    )
    for p in (0.025, 0.5, 0.9, 0.975):
        assert nowcast._still_missing(p, size, nodes, weight) == np.argmax(closed >= p)


@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 1.5), (1.0, 1.0), (0.5, 0.5), (7.0, 300.0), (1e5, 2e4)])
def test_nodes_carry_the_moments_of_their_beta(alpha, beta):
    nodes, weight = nowcast._beta_nodes(alpha, beta)
    mean = alpha / (alpha + beta)
    assert weight.sum() == pytest.approx(1)
    assert weight @ nodes == pytest.approx(mean)
    assert weight @ nodes**2 == pytest.approx(mean * (alpha + 1) / (alpha + beta + 1))


def test_the_share_has_the_moments_of_the_product_it_is():
    rng = np.random.default_rng(5)
    triangle = rng.poisson([6, 4, 3, 2], size=(15, 4))
    alpha, beta = nowcast._share_posterior(triangle * (np.arange(15)[::-1, None] >= np.arange(4)), 0.1, truncated=True)
    told, within = nowcast._delays(triangle * (np.arange(15)[::-1, None] >= np.arange(4)).astype(float))
    drawn = np.ones((200_000, 3))
    for delay in range(3, 0, -1):
        stays = 1 - rng.beta(0.1 + told[delay], 0.1 * delay + within[delay] - told[delay], size=200_000)
        drawn[:, :delay] *= stays[:, np.newaxis]
    np.testing.assert_allclose(alpha / (alpha + beta), drawn.mean(axis=0), rtol=1e-3)
    np.testing.assert_allclose(alpha * beta / (alpha + beta) ** 2 / (alpha + beta + 1), drawn.var(axis=0), rtol=0.02)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: reporting_triangle([1], [1], now=1, max_delay=0), "max_delay is 0"),
        (lambda: reporting_triangle([1], [1], now=1, max_delay=5, past=3), "past is 3"),
        (lambda: reporting_triangle([1, 5], [1, 3], now=9, max_delay=5), "case 1 was reported 2 days before"),
        (lambda: reporting_triangle([1, 5], [1], now=9, max_delay=5), "2 events and 1 reports"),
        (lambda: nowcast_lawless([[1, 2]], level=1), "level is 1"),
        (lambda: nowcast_lawless([1, 2]), r"shape \(2,\)"),
        (lambda: nowcast_lawless([[1, -1], [1, -1]]), "negative"),
        (lambda: nowcast_bayes([[1, 2]], concentration=0), "concentration is 0"),
        (lambda: nowcast_bayes([[1, 2]], prior_mean=-1), "mean is -1"),
    ],
)
def test_settings_without_meaning_are_refused_with_their_value(call, told):
    with pytest.raises(ValueError, match=told):
        call()
