"""Every reference case through the command, its argument object handed over as it stands: what R answers, we answer."""

import csv
import io
import json
from collections import defaultdict
from functools import cache

import numpy as np
import pytest
from click.testing import CliRunner
from tests.shared import SHARED, needs_shared

from citywatch.server.cli.detect import detect

BY_FUNCTION = {
    "farringtonFlexible": "farrington-flexible",
    "farrington (= algo.farrington on sts)": "farrington",
    "algo.cusum": "cusum",
    "algo.bayes": "bayes-1",
    "algo.bayes1": "bayes-1",
    "algo.bayes2": "bayes-2",
    "algo.bayes3": "bayes-3",
    "algo.rki1": "rki-1",
    "algo.rki2": "rki-2",
    "algo.rki3": "rki-3",
    "algo.cdc": "cdc",
    "algo.outbreakP": "outbreak-p",
}
CASES = {
    "expected_ears.csv": 123,
    "expected_farrington_flexible.csv": 111,
    "expected_farrington.csv": 32,
    "expected_cusum.csv": 66,
    "expected_glrnb.csv": 21,
    "expected_other.csv": 42,
}
# Per file: their column, ours, and how far apart the two may be, relatively (the golden README).
COMPARED = {
    "expected_ears.csv": (("upperbound", "upperbound", 1e-9),),
    "expected_farrington_flexible.csv": (
        ("upperbound", "upperbound", 1e-8),
        ("expected", "expected", 1e-8),
        ("pvalue", "p_value", 1e-6),
        ("score", "score", 1e-6),
    ),
    "expected_farrington.csv": (("upperbound", "upperbound", 1e-8),),
    "expected_cusum.csv": (("upperbound", "upperbound", 1e-9), ("cusum", "score", 1e-9)),
    # 1e-9 where mu0 is given; here it is fitted anew, and R's glm.nb stops iterating a little before the maximum.
    "expected_glrnb.csv": (("mu0", "expected", 1e-7), ("statistic", "score", 5e-6)),
    "expected_other.csv": (("upperbound", "upperbound", 1e-9),),
}
HEADER = "series_id,t,observed,population,date"


def _rows(name):
    with (SHARED / "golden" / "detection" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _series():
    found, frequency = defaultdict(list), {}
    for row in _rows("series.csv"):
        found[row["series_id"]].append(",".join(row[name] for name in HEADER.split(",")))
        frequency[row["series_id"]] = row["freq"]
    return found, frequency


@cache
def _expected(name):
    found = defaultdict(list)
    for row in _rows(name):
        found[row["case_id"]].append(row)
    return found


def _method(case):
    args = json.loads(case["args"])
    if case["r_function"] == "earsC":
        return f"ears-{args['method'].lower()}"
    if case["r_function"] == "algo.glrnb":
        return "glr-poisson" if args["alpha"] == 0 else "glr-nb"
    return BY_FUNCTION[case["r_function"]]


def _runs():
    """Cases of one method with the very same arguments go through the command in one file."""
    runs = defaultdict(list)
    for case in _rows("cases.csv") if SHARED else []:
        if case["file"] in CASES:
            runs[case["file"], _method(case), case["args"], _series()[1][case["series_id"]]].append(case)
    return runs


def _answers(folder, method, args, frequency, cases):
    """The command's rows by series, for the cases of one run."""
    lines = [HEADER, *(line for case in cases for line in _series()[0][case["series_id"]])]
    path = folder / "series.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    wanted = json.loads(args) | {"match_r": True}
    options = ["--method", method, "--frequency", frequency, "--settings", json.dumps(wanted)]
    done = CliRunner().invoke(detect, [str(path), *options])
    assert done.exit_code == 0, f"{method} {args}: {done.stderr or done.exception!r}"
    found = defaultdict(list)
    for row in csv.DictReader(io.StringIO(done.stdout)):
        found[row["series_id"]].append(row)
    return found


def _numbers(rows, name):
    return np.array([float(row[name] or "nan") for row in rows])


@needs_shared
@pytest.mark.parametrize("file", CASES)
def test_every_reference_case_is_answered_as_the_reference_program_answered_it(file, tmp_path):
    compared = 0
    for (of, method, args, frequency), cases in _runs().items():
        if of != file:
            continue
        answers = _answers(tmp_path, method, args, frequency, cases)
        for case in cases:
            theirs, ours = _expected(file)[case["case_id"]], answers[case["series_id"]]
            where = f"{case['case_id']} {method} {case['series_id']} {args}"
            assert [row["t"] for row in ours] == [row["t"] for row in theirs], where
            assert [row["alarm"] for row in ours] == [row["alarm"] for row in theirs], where
            for their_name, our_name, tolerance in COMPARED[file]:
                near = 1e-6 if method == "ears-c3" else tolerance
                found, wanted = _numbers(ours, our_name), _numbers(theirs, their_name)
                np.testing.assert_allclose(found, wanted, rtol=near, atol=1e-9, err_msg=where)
            compared += 1
    assert compared == CASES[file]
