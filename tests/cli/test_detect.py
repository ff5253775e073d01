"""`citywatch detect` as a stranger with a file meets it."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from tests.shared import SHARED, needs_shared

from citywatch.server.cli.detect import COLUMNS, detect

WEEK = [2, 1, 3, 2, 2, 1, 3]


def run(*args):
    return CliRunner().invoke(detect, [str(arg) for arg in args])


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def file(tmp_path):
    def write(text, name="series.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def lines(counts, name="s"):
    return "".join(f"{name},{t},{count}\n" for t, count in enumerate(counts, start=1))


@needs_shared
@pytest.mark.parametrize("method", ["c1", "c2", "c3"])
def test_the_shared_series_give_the_published_alarms(tmp_path, method):
    golden = SHARED / "golden" / "detection"
    out = tmp_path / "found.csv"
    done = run(golden / "series.csv", "--method", f"ears-{method}", "--settings", '{"match_r": true}', "--out", out)
    assert done.exit_code == 0, done.stderr
    cases = {
        row["case_id"]: row["series_id"]
        for row in csv.DictReader((golden / "cases.csv").open(encoding="utf-8"))
        if row["file"] == "expected_ears.csv"
        and json.loads(row["args"])
        == {"method": method.upper(), "alpha_used": 0.025 if method == "c3" else 0.001, "baseline_used": 7}
    }
    expected = [
        (cases[row["case_id"]], row["t"], row["alarm"])
        for row in csv.DictReader((golden / "expected_ears.csv").open(encoding="utf-8"))
        if row["case_id"] in cases
    ]
    found = [(row["series_id"], row["t"], row["alarm"]) for row in rows(out.read_text())]
    assert len(cases) == 26
    assert set(expected) <= set(found)


def test_each_point_from_the_first_with_a_whole_baseline_is_answered_in_the_order_given(file):
    path = file(
        "series_id,extra,t,observed\nb,x,8,9\n"
        + "".join(f"b,x,{t},{n}\na,x,{t},1\n" for t, n in enumerate(WEEK, start=1))
        + "a,x,8,1\n"
    )
    done = run(path, "--method", "ears-c1")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    assert [(row["series_id"], row["t"], row["alarm"]) for row in rows(done.stdout)] == [
        ("b", "8", "1"),
        ("a", "8", "0"),
    ]


def test_a_flat_week_alarms_as_published_and_not_with_a_least_spread(file):
    path = file("series_id,t,observed\n" + lines([0] * 7 + [1]))
    assert rows(run(path, "--method", "ears-c1").stdout)[0]["alarm"] == "1"
    assert rows(run(path, "--method", "ears-c1", "--settings", '{"min_sigma": 0.5}').stdout)[0]["alarm"] == "0"


def test_a_missing_count_and_a_missing_row_are_both_a_missing_day(file):
    empty = file("series_id,t,observed\n" + lines([*WEEK, "", 30]))
    absent = file("series_id,t,observed\n" + lines(WEEK) + "s,9,30\n", "absent.csv")
    for path in (empty, absent):
        last = rows(run(path, "--method", "ears-c1").stdout)[-1]
        assert (last["t"], last["observed"], last["upperbound"], last["alarm"]) == ("9", "30", "", "")


def test_with_dates_alone_the_position_is_the_time(file):
    path = file(
        "series_id,date,observed\n" + "".join(f"s,2020-06-{day:02},{n}\n" for day, n in enumerate([*WEEK, 9], start=1))
    )
    assert [(row["t"], row["alarm"]) for row in rows(run(path, "--method", "ears-c1").stdout)] == [("8", "1")]


def test_parquet_goes_out_and_comes_in(file, tmp_path):
    path = file("series_id,t,observed\n" + lines([*WEEK, 9, 2]))
    assert run(path, "--method", "ears-c1", "--out", tmp_path / "once.parquet").exit_code == 0
    again = run(tmp_path / "once.parquet", "--method", "ears-c1", "--settings", '{"baseline": 2}')
    assert again.exit_code == 0
    assert run(path, "--method", "ears-c2", "--out", tmp_path / "none.parquet").exit_code == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("series_id,t,observed\ns,1,few\n", "series.csv row 2 column observed: 'few' is not a count"),
        ("series_id,t,observed\ns,1,-1\n", "row 2 column observed: '-1'"),
        ("series_id,t,observed\ns,one,1\n", "row 2 column t: 'one' is not a whole number"),
        ("series_id,t,observed\ns,1,1\ns,1,2\n", "row 3 column t: series s already has a point 1"),
        ("series_id,t,observed\ns,1,1\ns,20200611,2\n", "row 3 column t: 20200611 lies"),
        ("series_id,t,observed\n,1,1\n", "row 2 column series_id: empty"),
        ("series_id,date,observed\ns,11.6.2020,1\n", "row 2 column date: '11.6.2020' is not a date"),
        (
            "series_id,date,observed\ns,2020-06-11,1\ns,2020-06-10,1\n",
            "row 3 column date: 2020-06-10 does not come after",
        ),
        ("series_id,observed\ns,1\n", "there is no column t"),
        ("", "the file is empty"),
    ],
)
def test_refused_input_is_one_line_with_row_and_column_and_exit_2(file, text, says):
    done = run(file(text), "--method", "ears-c1")
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--method", "ears-c9"], "ears-c9"),
        ([], "--method"),
        (["--method", "ears-c1", "--settings", "{"], "--settings: not JSON"),
        (["--method", "ears-c1", "--settings", "[]"], "names and values"),
        (["--method", "ears-c1", "--settings", '{"window": 7}'], "there is no setting window"),
        (["--method", "ears-c1", "--settings", '{"baseline": 7.5}'], "7.5 is not a whole number"),
        (["--method", "ears-c1", "--settings", '{"baseline": 1}'], "baseline is 1 days"),
        (["--method", "ears-c1", "--settings", '{"alpha": 2}'], "alpha is 2"),
        (["--method", "ears-c1", "--out", "o.doc"], "o.doc"),
    ],
)
def test_wrong_options_are_one_line_and_exit_2(file, options, says):
    done = run(file("series_id,t,observed\n" + lines(WEEK)), *options)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line_and_exit_2(tmp_path):
    done = run(tmp_path / "gone.csv", "--method", "ears-c1")
    assert (done.exit_code, done.stderr) == (2, "gone.csv: there is no such file; check the path.\n")
