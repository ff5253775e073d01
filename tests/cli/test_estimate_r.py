"""`citywatch estimate-r` as a stranger with counts per day meets it."""

import csv
import io

import numpy as np
import pytest
from click.testing import CliRunner
from tests.shared import SHARED, needs_shared

from citywatch.science import reproduction
from citywatch.server.cli import group
from citywatch.server.cli.estimate_r import COLUMNS, estimate_r

GAMMA = ("--si-mean", "2.6", "--si-sd", "1.5")
DAILY = [3, 1, 4, 6, 5, 9, 12, 14, 11, 20]


def run(*args):
    return CliRunner().invoke(estimate_r, [str(arg) for arg in args])


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def file(tmp_path):
    def write(text, name="incidence.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def daily(counts=DAILY, column="incidence"):
    return f"t,{column}\n" + "".join(f"{t},{count}\n" for t, count in enumerate(counts, start=1))


@needs_shared
def test_reference_series_get_the_reference_answers():
    golden = SHARED / "golden" / "detection"
    done = run(golden / "rt_series.csv", *GAMMA)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == ",".join(("series_id", *COLUMNS))
    ours = [row for row in rows(done.stdout) if row["series_id"] == "Flu2009"]
    with (golden / "expected_rt.csv").open(encoding="utf-8") as told:
        expected = [row for row in csv.DictReader(told) if row["case_id"] == "RTP001"]
    assert len(ours) == len(expected) == 25
    for ours_row, row in zip(ours, expected, strict=True):
        for name in COLUMNS:
            assert float(ours_row[name] or "nan") == pytest.approx(float(row[name] or "nan"), rel=1e-9, nan_ok=True)


def test_one_series_needs_no_name_and_gets_none(file):
    done = run(file(daily()), *GAMMA)
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    assert [(row["t_start"], row["t_end"]) for row in rows(done.stdout)] == [("2", "8"), ("3", "9"), ("4", "10")]


@pytest.mark.parametrize("column", ["observed", "cases"])
def test_counts_may_be_called_otherwise(file, column):
    assert run(file(daily(column=column)), *GAMMA).stdout == run(file(daily()), *GAMMA).stdout


def test_dates_are_counted_from_one(file):
    dated = "date,incidence\n" + "".join(f"2020-06-{at + 11:02},{count}\n" for at, count in enumerate(DAILY))
    assert run(file(dated), *GAMMA).stdout == run(file(daily()), *GAMMA).stdout


def test_imported_cases_infect_and_were_not_infected_here(file):
    imported = [3, 0, 1, 2, 0, 3, 0, 4, 1, 0]
    text = "t,local,imported\n" + "".join(
        f"{t},{count - away},{away}\n" for t, (count, away) in enumerate(zip(DAILY, imported, strict=True), start=1)
    )
    done = run(file(text), *GAMMA, "--window", "3")
    weights = reproduction.discretised_serial_interval(np.arange(11), mean=2.6, sd=1.5)
    told = reproduction.estimate_r(DAILY, imported=imported, serial_interval=weights, window=3)
    assert [float(row["mean"] or "nan") for row in rows(done.stdout)] == pytest.approx(told.mean, nan_ok=True)
    alike = run(file(daily()), *GAMMA, "--window", "3")
    assert float(rows(done.stdout)[-1]["mean"]) < float(rows(alike.stdout)[-1]["mean"])


def test_a_serial_interval_may_be_given_day_by_day(file):
    weights = reproduction.discretised_serial_interval(np.arange(60), mean=2.6, sd=1.5)
    interval = file("k,w\n" + "".join(f"{k},{w}\n" for k, w in enumerate(weights)), "si.csv")
    given, made = rows(run(file(daily()), "--si", interval).stdout), rows(run(file(daily()), *GAMMA).stdout)
    assert [float(row["mean"]) for row in given] == pytest.approx([float(row["mean"]) for row in made], rel=1e-9)


def test_the_prior_may_be_chosen(file):
    weak = rows(run(file(daily([1, 0, 0, 0, 1, 0, 0, 0, 0])), *GAMMA).stdout)
    sure = rows(run(file(daily([1, 0, 0, 0, 1, 0, 0, 0, 0])), *GAMMA, "--prior-mean", "3", "--prior-sd", "0.1").stdout)
    assert float(weak[0]["mean"]) < 1.5
    assert float(sure[0]["mean"]) == pytest.approx(3, abs=0.1)


def test_few_cases_are_said_on_standard_error(file):
    assert "2 of 2 windows hold fewer than 11 cases" in run(file(daily([1] * 9)), *GAMMA).stderr
    assert run(file(daily()), *GAMMA).stderr == ""


def test_what_nobody_knows_is_empty(file):
    text = daily([*DAILY, 20, 20, 20]).replace("9,11\n", "9,\n")
    done = rows(run(file(text), "--si-mean", "3.6", "--si-sd", "1.5", "--window", "2").stdout)
    assert [row["mean"] == "" for row in done[:2]] == [True, False]
    assert [row["mean"] == "" for row in done if row["t_start"] in {"8", "9"}] == [True, True]


def test_several_series_are_kept_apart(file):
    text = "series_id,t,cases\n" + "".join(
        f"{name},{t},{count * times}\n"
        for name, times in (("a", 1), ("b", 9))
        for t, count in enumerate(DAILY, start=1)
    )
    done = rows(run(file(text), *GAMMA).stdout)
    alone = rows(run(file(daily()), *GAMMA).stdout)
    assert [row["mean"] for row in done if row["series_id"] == "a"] == [row["mean"] for row in alone]
    assert len(done) == 6


def test_parquet_comes_out_as_it_went_in(file, tmp_path):
    out = tmp_path / "r.parquet"
    assert run(file(daily()), *GAMMA, "--out", out).exit_code == 0
    assert out.read_bytes()[:4] == b"PAR1"


def test_the_command_is_known():
    assert "estimate-r" in group.list_commands(None)
    assert group.get_command(None, "estimate-r") is estimate_r


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (daily(), (), "--si-mean and --si-sd, or --si FILE"),
        (daily(), ("--si-mean", "0.8", "--si-sd", "1"), "above 1 day"),
        (daily(), (*GAMMA, "--si", "x.csv"), "leave out --si-mean"),
        (daily(), (*GAMMA, "--window", "10"), "10 days are too few for a window of 10"),
        (daily(), (*GAMMA, "--window", "0"), "at least 1 day"),
        (daily(), (*GAMMA, "--window", "x"), "'x' is not a valid integer"),
        (daily(), (*GAMMA, "--prior-sd", "0"), "both must be above 0"),
        (daily().replace("4,6", "4,six"), GAMMA, "incidence.csv row 5 column incidence: 'six'"),
        (daily().replace("4,6", "4,-6"), GAMMA, "row 5 column incidence: '-6'"),
        (daily().replace("4,6", "x,6"), GAMMA, "row 5 column t: 'x'"),
        (daily().replace("4,6\n", ""), GAMMA, "row 5 column t: there is no row for 4"),
        (daily().replace("4,6", "3,6"), GAMMA, "row 5 column t: '3' does not come after"),
        ("t,people\n1,2\n", GAMMA, "there is no column incidence"),
        ("t,incidence\n", GAMMA, "there are no rows"),
        ("date,cases\n11.6.2020,2\n", GAMMA, "row 2 column date: '11.6.2020'"),
        ("series_id,t,cases\n,1,2\n", GAMMA, "row 2 column series_id: empty"),
    ],
)
def test_refusals_say_where_what_and_what_to_do(file, text, options, told):
    done = run(file(text), *options)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        ("k,w\n0,0\n1,0.5\n", "si.csv column w: the chances sum to 0.5"),
        ("k,w\n0,0.2\n1,0.8\n", "chance of day 0 is 0.2"),
        ("k,w\n1,0.5\n1,0.5\n", "si.csv row 3 column k: 1 is given twice"),
        ("k,w\n1,a\n", "si.csv row 2 column w: 'a' is not a chance"),
        ("k,w\n1,\n", "si.csv row 2 column w: '' is not a chance"),
        ("k,w\n-1,1\n", "si.csv row 2 column k: -1 is not between"),
        ("day,w\n1,1\n", "there is no column k"),
    ],
)
def test_a_serial_interval_that_is_none_is_refused(file, interval, told):
    done = run(file(daily()), "--si", file(interval, "si.csv"))
    assert done.exit_code == 2
    assert told in done.stderr
