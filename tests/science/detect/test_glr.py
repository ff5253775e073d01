"""The likelihood-ratio charts say what the reference program says with `match_r`, and what their definition says."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import nbinom, poisson
from tests.science.detect.reference import (
    as_named,
    assert_alarms,
    assert_each_as_alone,
    golden_cases,
    golden_points,
    golden_series,
    made_up_cases,
    made_up_counts,
    named,
    numbers,
)
from tests.shared import needs_shared

from citywatch.science.detect.glr import R_NAMES, glr_nb, glr_poisson

# Where the reference's fit is iterated to its own limit, not to the end, the statistic of `alpha` null differs so much.
FITTED = 2e-7


def _asked(case):
    args = case["args"]
    chosen = {R_NAMES[name]: value for name, value in args.items() if name in R_NAMES}
    counts = golden_series()[case["series_id"]][: args["range_last"]]
    return counts, {**chosen, "start": args["range_first"] - 1, "match_r": True}


@needs_shared
def test_every_reference_case_is_compared():
    assert len(golden_cases("expected_glrnb.csv")) == 21


@needs_shared
@pytest.mark.parametrize("case", golden_cases("expected_glrnb.csv"), ids=named)
def test_the_chart_from_a_given_mean_is_that_of_the_reference_program(case):
    counts, asked = _asked(case)
    points = golden_points("expected_glrnb.csv")[case["case_id"]]
    found = glr_nb(counts, **{**asked, "mean": points["mu0"], "alpha": case["args"]["alpha_used"]})
    assert found.alarm.size == int(case["n_rows"])
    np.testing.assert_allclose(found.score, points["statistic"], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.upperbound, found.score)
    np.testing.assert_array_equal(found.alarm, points["alarm"] == 1)


@needs_shared
@pytest.mark.parametrize("case", golden_cases("expected_glrnb.csv"), ids=named)
def test_the_fitted_mean_too_is_that_of_the_reference_program(case):
    counts, asked = _asked(case)
    points = golden_points("expected_glrnb.csv")[case["case_id"]]
    found = glr_nb(counts, **asked)
    precision = FITTED if case["args"]["alpha"] is None else 1e-9
    np.testing.assert_allclose(found.expected, points["mu0"], rtol=precision)
    np.testing.assert_allclose(found.score, points["statistic"], rtol=precision, atol=precision)
    np.testing.assert_array_equal(found.alarm, points["alarm"] == 1)
    if case["args"]["alpha"] == 0:
        chart = {name: value for name, value in asked.items() if name != "alpha"}
        np.testing.assert_allclose(glr_poisson(counts, **chart).score, points["statistic"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", made_up_cases("glr_nb"), ids=as_named)
def test_our_own_series_too_have_the_chart_of_the_reference_program(case):
    asked = case["settings"]
    found = glr_nb(made_up_counts(case), start=case["start"], match_r=True, **asked)
    n = len(case["alarm"])
    # Falls to no case at all: the reference stops its search for the best change within 2e-8 of the end.
    precision = FITTED if asked["alpha"] is None or (asked["direction"] == "dec" and asked["alpha"]) else 1e-9
    mean = numbers(case["expected"])
    np.testing.assert_allclose(found.expected[:n], mean, rtol=precision, atol=1e-9)
    np.testing.assert_allclose(found.score[:n], numbers(case["upperbound"]), rtol=precision, atol=precision)
    assert_alarms(found, case)


def log_likelihood(counts, mean, alpha):
    law = poisson(mean) if alpha == 0 else nbinom(1 / alpha, 1 / (1 + alpha * mean))
    return law.logpmf(counts).sum()


def slow_glr(counts, mean, alpha, threshold, *, rising=True, back=None, shortest=1):
    """The definition, with a search for the best change of every window; restarts after an alarm."""
    since, scores = 0, []
    limits = (0, 8) if rising else (-25, 0)
    for now in range(len(counts)):
        best = 0.0
        for begin in range(max(since, 0 if back is None else now - back), now - shortest + 2):
            y, m = counts[begin : now + 1], mean[begin : now + 1]
            plain = log_likelihood(y, m, alpha)
            search = minimize_scalar(
                lambda kappa, y=y, m=m: -log_likelihood(y, m * np.exp(kappa), alpha),
                bounds=limits,
                method="bounded",
                options={"xatol": 1e-9},
            )
            best = max(best, -search.fun - plain)
        scores.append(best)
        since = now + 1 if best >= threshold else since
    return np.array(scores)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("asked", [{}, {"max_window": 4}, {"min_window": 3}, {"direction": "dec"}])
def test_the_score_is_the_largest_likelihood_ratio_of_any_beginning(alpha, asked):
    rng = np.random.default_rng(1)
    mean = 4 + 2 * np.sin(np.arange(25) / 4)
    counts = rng.poisson(mean * np.r_[np.ones(15), np.full(10, 0.4 if "direction" in asked else 1.9)]).astype(float)
    found = glr_nb(counts, mean=mean, alpha=alpha, threshold=2.5, start=0, **asked)
    slow = slow_glr(
        counts,
        mean,
        alpha,
        2.5,
        rising="direction" not in asked,
        back=asked.get("max_window"),
        shortest=asked.get("min_window", 1),
    )
    np.testing.assert_allclose(found.score, slow, rtol=1e-6, atol=1e-6)
    assert found.alarm.any()


@pytest.mark.parametrize("alpha", [0.0, 0.25])
@pytest.mark.parametrize("theta", [None, 0.4])
@pytest.mark.parametrize("mean", [0.3, 5.0, 80.0])
def test_the_bound_is_the_largest_count_that_is_no_alarm(alpha, theta, mean):
    rng = np.random.default_rng(2)
    for _ in range(4):
        past = rng.poisson(mean, 8).astype(float)
        asked = {"mean": mean, "alpha": alpha, "theta": theta, "threshold": 4.0, "start": 0}
        bound = glr_nb([*past, 1], **asked).upperbound[-1]
        assert bound == np.floor(bound)
        assert not glr_nb([*past, bound], **asked).alarm[-1]
        assert glr_nb([*past, bound + 1], **asked).alarm[-1]


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_in_a_chart_for_falls_the_bound_is_the_smallest_count_that_is_no_alarm(alpha):
    rng = np.random.default_rng(3)
    bounds = []
    for _ in range(6):
        past = rng.poisson(8, 6).astype(float)
        asked = {"mean": 10.0, "alpha": alpha, "direction": "dec", "threshold": 3.0, "start": 0}
        bound = glr_nb([*past, 9], **asked).upperbound[-1]
        bounds.append(bound)
        assert not glr_nb([*past, bound], **asked).alarm[-1]
        assert bound == 0 or glr_nb([*past, bound - 1], **asked).alarm[-1]
    assert max(bounds) > 0


def test_the_reference_counts_the_cases_that_would_alarm():
    counts = np.r_[np.full(10, 6.0), 7.0]
    asked = {"mean": 6.0, "alpha": 0.1, "start": 5}
    np.testing.assert_array_equal(
        glr_nb(counts, match_r=True, **asked).upperbound, glr_nb(counts, **asked).upperbound + 1
    )


def test_a_known_rise_is_a_cusum_of_log_likelihood_ratios():
    counts, mean, theta = np.array([3.0, 6, 8, 2, 9, 4]), 4.0, 0.5
    sums, so_far = [], 0.0
    for y in counts:
        so_far = max(0.0, so_far + poisson.logpmf(y, mean * np.exp(theta)) - poisson.logpmf(y, mean))
        sums.append(so_far)
    np.testing.assert_allclose(glr_poisson(counts, mean=mean, theta=theta, start=0, threshold=50).score, sums)


def test_the_chart_begins_anew_after_an_alarm():
    counts = np.array([5, 5, 18, 18, 5, 5], dtype=float)
    found = glr_poisson(counts, mean=5, start=0)
    assert found.alarm.tolist() == [False, False, True, True, False, False]
    np.testing.assert_allclose(found.score[4:], 0.0)


def test_a_missing_point_is_passed_over():
    counts = np.array([5, 8, np.nan, 9, 9], dtype=float)
    for chart in (glr_poisson, lambda y, **more: glr_nb(y, alpha=0.1, **more)):
        found, without = (chart(y, mean=5, start=0) for y in (counts, counts[[0, 1, 3, 4]]))
        np.testing.assert_allclose(found.score[[0, 1, 3, 4]], without.score)
        assert not found.judged[2]
        assert np.isfinite(found.upperbound[2])


def test_the_season_is_learned_from_the_past_and_renewed_every_year():
    t = np.arange(1, 261)
    season = np.exp(2 + 0.6 * np.sin(2 * np.pi * t / 52))
    found = glr_poisson(np.round(season * 100), frequency=52)
    assert (found.first, found.start) == (104, 0)
    np.testing.assert_allclose(found.expected[104:], 100 * season[104:], rtol=2e-3)
    assert not found.alarm.any()


def test_extra_variance_keeps_the_chart_quiet_where_poisson_cries_wolf():
    counts = np.random.default_rng(4).negative_binomial(3, 0.3, size=(20, 200)).astype(float)
    quiet, loud = glr_nb(counts, start=150, ret="value"), glr_poisson(counts, start=150, ret="value")
    assert quiet.alarm.mean() < 0.05 < loud.alarm.mean()


@pytest.mark.parametrize(
    "asked",
    [{}, {"alpha": 0.2}, {"alpha": 0.0, "theta": 0.3}, {"mean": 3.0, "alpha": 0.1}, {"ret": "value", "match_r": True}],
)
def test_many_series_at_once_are_judged_as_one_by_one(asked):
    counts = np.random.default_rng(5).poisson(3, size=(2, 3, 40)).astype(float)
    if "match_r" not in asked:
        counts[1, 2, 30] = np.nan
    assert_each_as_alone(glr_nb, counts, frequency=12, **asked)


def test_a_series_without_a_case_or_too_short_is_not_judged():
    assert not glr_nb(np.zeros(40), frequency=12).judged.any()
    short = glr_poisson(np.ones(20), frequency=12)
    assert short.alarm.shape == (20,)
    assert not short.judged.any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0},
        {"change": "epi"},
        {"direction": "up"},
        {"ret": "number"},
        {"min_window": 0},
        {"max_window": -2},
        {"theta": -0.3},
        {"alpha": -1},
        {"mean": {"S": 1, "tend": True}},
        {"mean": 0},
        {"mean": 3.0, "alpha": None},
    ],
)
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    said = "estimate alpha" if len(wrong) == 2 else str(next(iter(wrong.values())))
    with pytest.raises(ValueError, match=said.replace("{", r"\{")):
        glr_nb([1, 2, 3], **{"start": 1, "alpha": 0.1, **wrong})
