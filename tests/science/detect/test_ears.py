"""EARS says what the reference program says, and what an epidemiologist expects of it."""

import csv
import json
from collections import defaultdict
from functools import cache

import numpy as np
import pytest
from tests.shared import SHARED, needs_shared

from citywatch.science.detect.ears import ears_c1, ears_c2, ears_c3

METHODS = {"C1": ears_c1, "C2": ears_c2, "C3": ears_c3}
TOLERANCE = {"C1": 1e-9, "C2": 1e-9, "C3": 1e-6}


def _rows(name):
    with (SHARED / "golden" / "detection" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _golden():
    series, expected = defaultdict(list), defaultdict(list)
    for row in _rows("series.csv"):
        series[row["series_id"]].append(float(row["observed"] or "nan"))
    for row in _rows("expected_ears.csv"):
        expected[row["case_id"]].append((int(row["t"]) - 1, float(row["upperbound"] or "nan"), row["alarm"]))
    return series, expected


def _cases():
    return [row for row in _rows("cases.csv") if row["file"] == "expected_ears.csv"] if SHARED else []


@needs_shared
def test_every_reference_case_is_compared():
    assert len(_cases()) == 123


@needs_shared
@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case['case_id']} {case['series_id']}")
def test_bounds_and_alarms_are_those_of_the_reference_program(case):
    args = json.loads(case["args"])
    series, expected = _golden()
    found = METHODS[args["method"]](
        series[case["series_id"]],
        baseline=args["baseline_used"],
        alpha=args["alpha_used"],
        min_sigma=args.get("minSigma", 0.0),
    )
    points = expected[case["case_id"]]
    at = [point for point, _, _ in points]
    assert at[0] == found.first
    assert len(points) == int(case["n_rows"])
    np.testing.assert_allclose(
        found.upperbound[at], [bound for _, bound, _ in points], rtol=TOLERANCE[args["method"]], atol=1e-9
    )
    alarms = [str(int(found.alarm[t])) if found.judged[t] else "" for t in at]
    assert alarms == [alarm for _, _, alarm in points]


def test_a_slow_outbreak_does_not_raise_its_own_threshold():
    slow = [2, 1, 3, 2, 2, 1, 3, 2, 2, 4, 6, 8, 10]
    assert not ears_c1(slow, alpha=0.001).alarm[-1]
    assert ears_c2(slow, alpha=0.001).alarm[-1]


def test_days_of_slightly_more_each_add_up_to_an_alarm():
    creeping = [2, 1, 3, 2, 2, 1, 3, 2, 2, 4, 4, 4]
    assert not ears_c2(creeping).alarm.any()
    found = ears_c3(creeping)
    assert found.alarm[-1]
    assert found.score[-1] > 1.96


def test_after_a_flat_week_one_case_more_is_no_alarm_two_are():
    assert not ears_c1([0] * 7 + [1]).alarm.any()
    assert ears_c1([0] * 7 + [2]).alarm[-1]
    assert ears_c1([0] * 7 + [1], min_sigma=0).alarm[-1]


def test_a_missing_day_blinds_the_week_that_holds_it_unless_told_otherwise():
    counts = [2, 1, 3, np.nan, 2, 1, 3, 30]
    assert not ears_c1(counts).judged[-1]
    assert not ears_c1(counts).alarm[-1]
    assert ears_c1(counts, least=6).alarm[-1]


def test_a_day_without_an_observation_is_not_judged_though_its_bound_is_known():
    found = ears_c1([2, 1, 3, 2, 2, 1, 3, np.nan])
    assert np.isfinite(found.upperbound[-1])
    assert not found.judged[-1]


@pytest.mark.parametrize("method", METHODS.values())
def test_many_series_at_once_are_judged_as_one_by_one(method):
    counts = np.random.default_rng(1).poisson(3, size=(2, 4, 60)).astype(float)
    counts[1, 2, 30] = np.nan
    together = method(counts)
    for place in np.ndindex(2, 4):
        alone = method(counts[place])
        for name in ("expected", "upperbound", "score", "p_value", "alarm"):
            np.testing.assert_array_equal(getattr(together, name)[place], getattr(alone, name))


@pytest.mark.parametrize("method", [ears_c1, ears_c2])
def test_p_and_alarm_tell_the_same_story(method):
    found = method(np.random.default_rng(2).poisson(3, size=(50, 200)), alpha=0.01)
    assert found.alarm.any()
    np.testing.assert_array_equal(found.alarm, found.p_value < 0.01)


@pytest.mark.parametrize("method", METHODS.values())
def test_a_series_shorter_than_its_baseline_is_not_judged(method):
    for length in range(13):
        found = method(np.ones(length))
        assert not found.judged[: found.first].any()
        assert found.judged[found.first :].all()


@pytest.mark.parametrize(
    "wrong", [{"baseline": 1}, {"alpha": 0}, {"alpha": 1.5}, {"min_sigma": -1}, {"min_sigma": np.nan}]
)
def test_settings_without_meaning_are_refused_with_their_value(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        ears_c2([1, 2, 3], **wrong)
