"""`citywatch nowcast` as a stranger with a line list meets it."""

import csv
import io
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from tests.shared import SHARED, needs_shared

from citywatch.server.cli import group
from citywatch.server.cli.nowcast import COLUMNS, nowcast

# Every day three cases told the same day, two after one day, one after two.
STEADY = "onset_date,reported_at\n" + "".join(
    f"{date(2020, 6, 1) + timedelta(day)},{date(2020, 6, 1) + timedelta(day + delay)}\n"
    for day in range(30)
    for delay in (0, 0, 0, 1, 1, 2)
)


def run(*args):
    return CliRunner().invoke(nowcast, [str(arg) for arg in args])


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def file(tmp_path):
    def write(text=STEADY):
        path = tmp_path / "cases.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@needs_shared
def test_the_reference_line_list_gets_the_reference_answers():
    golden = SHARED / "golden" / "detection"
    done = run(golden / "nowcast_linelist.csv", "--now", "2011-06-02", "--method", "lawless", "--match-r")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    with (golden / "expected_nowcast.csv").open(encoding="utf-8") as told:
        expected = [row for row in csv.DictReader(told) if row["method"] == "lawless"]
    ours = rows(done.stdout)[-11:]
    assert [tuple(row.values()) for row in ours] == [
        tuple(row[at] for at in ("date_event", "reported_so_far", "nowcast", "lower", "upper")) for row in expected
    ]


@pytest.mark.parametrize("method", ["bayes", "lawless"])
def test_a_steady_stream_is_seen_through(file, method):
    done = run(file(), "--now", "2020-06-29", "--method", method)
    found = rows(done.stdout)
    assert [row["date"] for row in found] == ["2020-06-27", "2020-06-28", "2020-06-29"]
    assert [row["reported"] for row in found] == ["6", "5", "3"]
    assert [row["expected"] for row in found] == ["6", "6", "6"]
    assert found[0]["lower"] == found[0]["upper"] == "6"
    assert float(found[2]["lower"]) >= 3
    assert 6 < float(found[2]["upper"]) < 20


def test_reports_after_the_day_are_not_seen(file):
    early = run(file(), "--now", "2020-06-20").stdout
    known = "\n".join(line for line in STEADY.splitlines() if line[11:] <= "2020-06-20" or line.startswith("o"))
    assert run(file(known + "\n"), "--now", "2020-06-20").stdout == early


def test_columns_may_be_named_and_instants_are_city_time(file):
    text = STEADY.replace("onset_date,reported_at", "发病,报告").replace(
        "2020-06-05,2020-06-05", "2020-06-05,2020-06-04T23:30+00:00"
    )
    done = run(file(text), "--now", "2020-06-29", "--event", "发病", "--report", "报告")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == run(file(), "--now", "2020-06-29").stdout


def test_a_narrower_level_gives_a_narrower_interval(file):
    wide, narrow = (rows(run(file(), "--now", "2020-06-29", "--level", level).stdout)[-1] for level in (0.95, 0.5))
    assert float(narrow["upper"]) < float(wide["upper"])


def test_the_longest_delay_may_be_set(file):
    assert len(rows(run(file(), "--now", "2020-06-29", "--max-delay", "5").stdout)) == 6


def test_a_flat_prior_promises_more_than_one_at_nothing(file):
    flat, low = (
        float(
            rows(run(file(), "--now", "2020-06-29", "--prior-mean", mean, "--prior-variance", "0.1").stdout)[-1][
                "upper"
            ]
        )
        for mean in ("inf", "0.1")
    )
    assert low < flat


def test_bad_rows_can_be_set_aside_and_are_counted(file, tmp_path):
    aside = tmp_path / "aside.csv"
    text = STEADY + "2020-06-09,2020-06-01\n,2020-06-10\n2020-06-10,soon\n"
    done = run(file(text), "--now", "2020-06-29", "--quarantine", aside)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == run(file(), "--now", "2020-06-29").stdout
    assert "180 cases taken, 3 set aside" in done.stderr
    kept = rows(aside.read_text(encoding="utf-8"))
    assert [row["row"] for row in kept] == ["182", "183", "184"]
    assert "before it happened" in kept[0]["reason"]


def test_the_command_is_known():
    assert group.get_command(None, "nowcast") is nowcast


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (STEADY, ("--now", "yesterday"), "'yesterday' does not match the format"),
        (STEADY, ("--now", "2019-01-01"), "nothing was reported by 2019-01-01"),
        (STEADY, ("--now", "2020-06-29", "--level", "2"), "level is 2.0"),
        (STEADY, ("--now", "2020-06-29", "--max-delay", "9", "--past", "5"), "past is 5"),
        (STEADY, ("--now", "2020-06-29", "--event", "birth"), "there is no column birth"),
        (STEADY, ("--now", "2020-06-29", "--prior-mean", "-1"), "mean is -1.0"),
        (STEADY, ("--now", "2020-06-29", "--out", "x.txt"), "x.txt"),
        (
            STEADY + "2020-06-09,2020-06-01\n",
            ("--now", "2020-06-29"),
            "cases.csv row 182 column reported_at: reported on",
        ),
        (STEADY + "2020-06-09,\n", ("--now", "2020-06-29"), "row 182 column reported_at: ''"),
        (STEADY + "1820-06-09,1820-06-09\n", ("--now", "2020-06-29"), "too long ago"),
        ("onset_date,reported_at\n", ("--now", "2020-06-29"), "nothing was reported"),
        ("onset_date,told\n", ("--now", "2020-06-29"), "there is no column reported_at"),
    ],
)
def test_refusals_say_where_what_and_what_to_do(file, text, options, told):
    done = run(file(text), *options)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
