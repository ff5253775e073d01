"""What the reference program said: the golden set beside the checkout, and our own made-up series kept here."""

import csv
import json
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
from tests.shared import SHARED

FIELDS = ("expected", "upperbound", "score", "p_value", "alarm")


def _rows(name):
    with (SHARED / "golden" / "detection" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def golden_series():
    series = defaultdict(list)
    for row in _rows("series.csv"):
        series[row["series_id"]].append(float(row["observed"] or "nan"))
    return {name: np.array(counts) for name, counts in series.items()}


@cache
def golden_points(file):
    """The expected columns of every case as arrays; `t` counts from 0."""
    points = defaultdict(lambda: defaultdict(list))
    for row in _rows(file):
        case = points[row.pop("case_id")]
        for name, value in row.items():
            case[name].append(float(value or "nan"))
    return {
        case: {name: np.array(column) - (name == "t") for name, column in columns.items()}
        for case, columns in points.items()
    }


@cache
def golden_cases(file, *functions):
    """The cases of one file, of these reference functions only if any are named; empty where there is no golden set."""
    if not SHARED:
        return []
    return [
        {**row, "args": json.loads(row["args"])}
        for row in _rows("cases.csv")
        if row["file"] == file and (not functions or row["r_function"] in functions)
    ]


def named(case):
    return f"{case['case_id']} {case['series_id']}"


@cache
def _made_up():
    file = Path(__file__).with_name("reference_outputs.json")
    kept = json.loads(file.read_text(encoding="utf-8"))
    series = {name: np.array(kind["counts"], dtype=float) for name, kind in kept["series"].items()}
    return series, kept["cases"]


def made_up_cases(*methods):
    return [case for case in _made_up()[1] if case["method"] in methods]


def made_up_counts(case):
    return _made_up()[0][case["series"]]


def as_named(case):
    return f"{case['series']} {json.dumps(case['settings'])}"


def numbers(values):
    return np.array(values, dtype=float)


def assert_alarms(found, case):
    """R's missing alarm is none of ours."""
    n = len(case["alarm"])
    assert "".join("01"[int(alarm)] for alarm in found.alarm[:n]) == case["alarm"]


def assert_each_as_alone(method, counts, **settings):
    """Many series at once, in any shape, are judged as one by one."""
    together = method(counts, **settings)
    assert together.alarm.shape[:-1] == counts.shape[:-1]
    for place in np.ndindex(*counts.shape[:-1]):
        alone = method(counts[place], **settings)
        for name in FIELDS:
            np.testing.assert_allclose(
                getattr(together, name)[place], getattr(alone, name), rtol=1e-9, atol=1e-9, err_msg=name
            )


def assert_tail_of_whole(method, counts, starts, **settings):
    """Judging from a point on says of those points what judging all says."""
    whole = method(counts, **settings)
    assert whole.start == 0
    assert whole.alarm.shape == counts.shape
    for start in starts:
        tail = method(counts, start=start, **settings)
        assert (tail.start, tail.first) == (start, whole.first)
        for name in FIELDS:
            np.testing.assert_allclose(
                getattr(tail, name), getattr(whole, name)[..., start:], rtol=1e-11, atol=1e-11, err_msg=name
            )
