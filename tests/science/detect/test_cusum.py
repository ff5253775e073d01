"""CUSUM says what the reference program says with `match_r`, and what the literature says without."""

import numpy as np
import pytest
from scipy.integrate import quad
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

from citywatch.science.detect.cusum import R_NAMES, TRANSFORMS, cusum


@needs_shared
def test_every_reference_case_is_compared():
    assert len(golden_cases("expected_cusum.csv")) == 66


@needs_shared
@pytest.mark.parametrize("case", golden_cases("expected_cusum.csv"), ids=named)
def test_the_chart_is_that_of_the_reference_program(case):
    args = case["args"]
    chosen = {R_NAMES[name]: value for name, value in args.items() if name in R_NAMES}
    counts = golden_series()[case["series_id"]][: args["range_last"]]
    found = cusum(counts, start=args["range_first"] - 1, match_r=True, **chosen)
    points = golden_points("expected_cusum.csv")[case["case_id"]]
    assert len(points["t"]) == int(case["n_rows"]) == found.alarm.size
    np.testing.assert_allclose(found.expected, points["m"], rtol=1e-9)
    np.testing.assert_allclose(found.score, points["cusum"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.upperbound, points["upperbound"], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.alarm, points["alarm"] == 1)


@pytest.mark.parametrize("case", made_up_cases("cusum"), ids=as_named)
def test_our_own_series_too_have_the_chart_of_the_reference_program(case):
    found = cusum(made_up_counts(case), start=case["start"], match_r=True, **case["settings"])
    n = len(case["alarm"])
    # The table behind the reference's anscombeNegBin has ten decimals, so its sums agree to nine at best.
    precision = 5e-9 if case["settings"]["transform"] == "anscombeNegBin" else 1e-9
    np.testing.assert_allclose(found.score[:n], numbers(case["score"]), rtol=precision, atol=precision)
    np.testing.assert_allclose(found.upperbound[:n], numbers(case["upperbound"]), rtol=precision, atol=precision)
    assert_alarms(found, case)


def slow_cusum(scaled, k, h):
    """Page's chart with a restart after each alarm."""
    so_far, sums = 0.0, []
    for z in scaled:
        so_far = max(0.0, so_far + z - k)
        sums.append(so_far)
        so_far = 0.0 if so_far >= h else so_far
    return np.array(sums)


def test_the_chart_starts_again_after_an_alarm_and_the_reference_does_not():
    counts = np.array([5, 5, 5, 20, 5, 5, 5, 5], dtype=float)
    z = (counts - 5) / np.sqrt(5)
    found = cusum(counts, mean=5, transform="standard", start=0)
    np.testing.assert_allclose(found.score, slow_cusum(z, 1.04, 2.26), atol=1e-12)
    assert found.alarm.nonzero()[0].tolist() == [3]
    unending = cusum(counts, mean=5, transform="standard", start=0, match_r=True)
    assert unending.alarm.nonzero()[0].tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("mean", [0.4, 3.0, 50.0])
def test_the_bound_is_the_largest_count_that_is_no_alarm(transform, mean):
    rng = np.random.default_rng(1)
    k, h = (mean, 5.0) if transform == "none" else (1.04, 2.26)
    for _ in range(5):
        past = rng.poisson(mean, 6).astype(float)
        asked = {"mean": mean, "transform": transform, "alpha": 0.2, "start": 0, "k": k, "h": h}
        bound = cusum([*past, 0], **asked).upperbound[-1]
        assert bound == np.floor(bound)
        assert not cusum([*past, bound], **asked).alarm[-1]
        assert cusum([*past, bound + 1], **asked).alarm[-1]


def test_anscombes_scale_for_extra_variance_is_the_integral_it_is_derived_from():
    mean, alpha = 7.3, 0.4
    chart = {"mean": mean, "alpha": alpha, "start": 0, "k": 0.0, "h": 1e9, "transform": "anscombeNegBin"}
    for count in (8.0, 15.0, 120.0):
        area, _ = quad(lambda u: (u + alpha * u * u) ** (-1 / 3), mean, count, epsabs=1e-13)
        expected = area / (mean + alpha * mean**2) ** (1 / 6)
        assert cusum([count], **chart).score[0] == pytest.approx(expected, rel=1e-10)


def test_rossis_scale_is_nearest_to_normal_for_small_counts():
    counts = np.random.default_rng(2).poisson(2, 200_000).astype(float)
    z = cusum(counts, mean=2, k=0.0, h=1e9, transform="rossi", start=0).score
    assert z[-1] >= 0
    scaled = (counts - 6 + 2 * np.sqrt(2 * counts)) / (2 * np.sqrt(2))
    assert np.mean(scaled > 2) < np.mean((counts - 2) / np.sqrt(2) > 2)


def test_the_mean_is_renewed_every_year_from_all_points_before():
    counts = np.r_[np.full(104, 4.0), np.full(52, 10.0), np.full(60, 10.0)]
    found = cusum(counts)
    assert np.isnan(found.expected[:104]).all()
    assert (found.first, found.start) == (104, 0)
    np.testing.assert_allclose(found.expected[104:156], 4.0)
    np.testing.assert_allclose(found.expected[156:208], (4 * 104 + 10 * 52) / 156)
    frozen = cusum(counts, start=104, match_r=True)
    np.testing.assert_allclose(frozen.expected, 4.0)


def test_a_missing_point_is_passed_over_and_in_the_reference_ends_the_chart():
    counts = np.array([5, 7, np.nan, 7, 7], dtype=float)
    found = cusum(counts, mean=5, start=0, transform="standard", k=0.5)
    without = cusum(counts[[0, 1, 3, 4]], mean=5, start=0, transform="standard", k=0.5)
    np.testing.assert_allclose(found.score[[0, 1, 3, 4]], without.score)
    assert not found.judged[2]
    assert np.isnan(cusum(counts, mean=5, start=0, match_r=True).score[2:]).all()


def test_a_past_without_a_case_still_lets_the_first_cases_alarm():
    counts = np.r_[np.zeros(110), 3, 2, 4]
    assert cusum(counts).alarm[-3:].any()


def test_extra_variance_is_estimated_from_the_past_when_nobody_gives_it():
    rng = np.random.default_rng(3)
    counts = rng.negative_binomial(2, 0.2, size=300).astype(float)  # mean 8, alpha 0.5
    wide = cusum(counts, transform="pearsonNegBin", start=250)
    given = cusum(counts, transform="pearsonNegBin", start=250, alpha=0.5)
    assert wide.score[:52] == pytest.approx(given.score[:52], rel=0.5, abs=0.7)
    assert wide.alarm.sum() < cusum(counts, start=250).alarm.sum()


@pytest.mark.parametrize(
    "asked", [{}, {"mean": "glm"}, {"mean": 4.0}, {"transform": "anscombeNegBin"}, {"match_r": True}]
)
def test_many_series_at_once_are_judged_as_one_by_one(asked):
    counts = np.random.default_rng(4).poisson(3, size=(2, 3, 60)).astype(float)
    counts[1, 2, 40] = np.nan
    assert_each_as_alone(cusum, counts, frequency=12, **asked)
    assert_each_as_alone(cusum, counts, frequency=12, start=50, **asked)


def test_a_mean_for_every_monitored_point_may_be_given():
    means = np.linspace(3, 6, 10)
    found = cusum(np.full(30, 4.0), start=20, mean=means)
    np.testing.assert_array_equal(found.expected, means)
    with pytest.raises(ValueError, match="10 numbers for 15 monitored points"):
        cusum(np.full(30, 4.0), start=15, mean=means)


@pytest.mark.parametrize(
    "wrong", [{"k": -1}, {"h": 0}, {"transform": "rosi"}, {"alpha": -0.5}, {"mean": "gml"}, {"mean": -3}, {"start": 99}]
)
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        cusum([1, 2, 3], **{"start": 1, **wrong})
