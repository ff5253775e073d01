"""The RKI rules say what the reference program says."""

import numpy as np
import pytest
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

from citywatch.science.detect.rki import CROW_GARDNER, PRESETS, rki

GOLDEN = golden_cases("expected_other.csv", "algo.rki1", "algo.rki2", "algo.rki3")


@needs_shared
def test_every_reference_case_is_compared():
    assert len(GOLDEN) == 15


@needs_shared
@pytest.mark.parametrize("case", GOLDEN, ids=named)
def test_bounds_and_alarms_are_those_of_the_reference_program(case):
    args, preset = case["args"], case["r_function"].replace("algo.rki", "rki-")
    counts = golden_series()[case["series_id"]][: args["range_last"]]
    found = rki(counts, start=args["range_first"] - 1, **PRESETS[preset])
    points = golden_points("expected_other.csv")[case["case_id"]]
    np.testing.assert_allclose(found.upperbound, points["upperbound"], rtol=1e-9)
    np.testing.assert_array_equal(found.alarm, points["alarm"] == 1)


@pytest.mark.parametrize("case", made_up_cases("rki"), ids=as_named)
def test_our_own_series_too_have_the_bounds_of_the_reference_program(case):
    asked = dict(case["settings"])
    found = rki(made_up_counts(case), start=case["start"], **{**PRESETS.get(asked.pop("preset", ""), {}), **asked})
    n = len(case["alarm"])
    np.testing.assert_allclose(found.upperbound[:n], numbers(case["upperbound"]), rtol=1e-9)
    assert_alarms(found, case)


@pytest.mark.parametrize("mean", range(21))
def test_up_to_twenty_the_bound_is_the_table_and_above_it_two_standard_deviations(mean):
    assert rki([mean] * 6 + [0]).upperbound[-1] == CROW_GARDNER[mean]
    past = np.array([21, 23, 25, 27, 29, 31.0]) + mean
    bound = past.mean() + 2 * past.std(ddof=1)
    assert rki([*past, 0]).upperbound[-1] == pytest.approx(bound, rel=1e-12)


def test_a_mean_just_below_a_whole_number_takes_the_limit_of_the_number_below():
    assert rki([3, 3, 3, 3, 3, 2, 9]).upperbound[-1] == CROW_GARDNER[2]
    assert rki([20, 20, 20, 20, 20, 20, 9]).upperbound[-1] == CROW_GARDNER[20]
    assert rki([20, 20, 20, 20, 20, 21, 9]).upperbound[-1] < CROW_GARDNER[20]


def test_missing_weeks_of_the_past_are_left_out_while_two_remain():
    assert rki([2, np.nan, 4, np.nan, 3, np.nan, 9]).expected[-1] == 3
    assert not rki([np.nan] * 5 + [4.0, 9.0]).judged.any()


def test_one_series_or_many_and_the_last_point_alone_are_judged_alike():
    counts = np.random.default_rng(3).poisson(18, size=(2, 3, 40)).astype(float)
    counts[1, 2, 30] = np.nan
    for preset in PRESETS.values():
        assert_each_as_alone(rki, counts, frequency=12, **preset)
        assert_tail_of_whole(rki, counts, [0, 5, 30, 39, 40], frequency=12, **preset)
