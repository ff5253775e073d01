"""`citywatch detect` with every method: what of the file reaches it, which points are judged, what the help says."""

import csv
import io
import json
import random
from datetime import date, timedelta

import numpy as np
import pytest
from click.testing import CliRunner

from citywatch.science.detect.catalogue import METHODS
from citywatch.server.cli.detect import detect, judging

RNG = np.random.default_rng(5)
WEEKS = 330
COUNTS = {name: RNG.poisson(level, WEEKS).astype(float) for name, level in (("rare", 0.4), ("some", 6), ("many", 80))}
# A year has 52 or 53 weeks by this calendar, so that counting 52 back misses the season.
MONDAYS = [date(2012, 1, 2) + timedelta(weeks=week) for week in range(WEEKS)]
FEW_WEEKS = '{"years_back": 3, "half_window": 2, "past_weeks_excluded": 4}'


def run(*args, **more):
    return CliRunner().invoke(detect, [str(arg) for arg in args], **more)


def rows(*args, **more):
    done = run(*args, **more)
    assert done.exit_code == 0, done.stderr or repr(done.exception)
    return list(csv.DictReader(io.StringIO(done.stdout)))


def numbers(found, column):
    return np.array([float(row[column] or "nan") for row in found])


@pytest.fixture
def file(tmp_path):
    def write(lines, header="series_id,t,observed", name="series.csv"):
        path = tmp_path / name
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    return write


def lines(counts, name="s", begin=1):
    return [f"{name},{t},{count:g}" for t, count in enumerate(counts, start=begin)]


def weeks(skip=(), dates=MONDAYS):
    """All three series with dates, without the points in `skip`."""
    return [
        f"{name},{at + 1},{count:g},{dates[at] if dates else ''}"
        for name, counts in COUNTS.items()
        for at, count in enumerate(counts)
        if at not in skip
    ]


def directly(method, counts, *, first_t, settings="{}", **more):
    method = METHODS[method]
    match_r = more.get("match_r", False)
    return method.judge(counts, method.resolve(json.loads(settings), match_r=match_r), start=first_t - 1, **more)


def agree(found, detection, name):
    mine = [row for row in found if row["series_id"] == name]
    assert len(mine) == detection.alarm.shape[-1]
    for column in ("expected", "upperbound", "score", "p_value"):
        np.testing.assert_allclose(numbers(mine, column), getattr(detection, column), rtol=1e-9, err_msg=column)
    told = detection.judged | detection.alarm
    assert [row["alarm"] for row in mine] == [
        str(int(a)) if t else "" for a, t in zip(detection.alarm, told, strict=True)
    ]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_every_series_with_what_the_function_says(method, file):
    path = file(line for name, counts in COUNTS.items() for line in lines(counts, name))
    found = rows(path, "--method", method, "--first-t", 320)

    assert len(found) == 3 * 11
    for name, counts in COUNTS.items():
        agree(found, directly(method, counts, first_t=320), name)


def test_with_dates_a_year_is_the_calendars_and_a_gap_keeps_its_week(file):
    skip = (3, 200, 201, 325)
    path = file(weeks(skip), header="series_id,t,observed,date")
    found = rows(path, "--method", "farrington-flexible", "--settings", FEW_WEEKS, "--first-t", 300)

    for name, counts in COUNTS.items():
        gappy = counts.copy()
        gappy[list(skip)] = np.nan
        dates = np.array(MONDAYS, dtype="datetime64[D]")
        calendar = directly("farrington-flexible", gappy, first_t=300, settings=FEW_WEEKS, dates=dates)
        counted = directly("farrington-flexible", gappy, first_t=300, settings=FEW_WEEKS)
        assert (calendar.expected != counted.expected).any(), "the two ways must differ for the test to tell them apart"
        there = np.delete(np.arange(299, WEEKS), [325 - 299])
        mine = [row for row in found if row["series_id"] == name]
        assert [int(row["t"]) for row in mine] == (there + 1).tolist()
        np.testing.assert_allclose(numbers(mine, "upperbound"), calendar.upperbound[there - 299])


def test_a_gap_at_the_end_of_what_is_judged_runs_on_in_the_calendar(file):
    path = file(weeks((323, 324)), header="series_id,t,observed,date")
    asked = json.dumps(json.loads(FEW_WEEKS) | {"range_first": 320, "range_last": 325})
    cut, whole = (
        rows(path, "--method", "farrington-flexible", "--settings", given, "--first-t", 320)
        for given in (asked, FEW_WEEKS)
    )
    assert {row["t"] for row in cut} == {"320", "321", "322", "323"}
    assert cut == [row for row in whole if int(row["t"]) <= 325]


def test_with_match_r_only_the_functions_of_r_that_know_dates_are_given_them(file):
    dates = np.array(MONDAYS, dtype="datetime64[D]")
    path = file(weeks(), header="series_id,t,observed,date")
    for settings, calendar in (("{}", dates), ('{"match_r": true}', None)):
        found = rows(path, "--method", "historical-limits", "--settings", settings, "--first-t", 300)
        for name, counts in COUNTS.items():
            agree(found, directly("historical-limits", counts, first_t=300, dates=calendar), name)


def test_months_that_are_missing_keep_their_place_in_the_calendar(file):
    months = [date(2010 + at // 12, at % 12 + 1, 1) for at in range(100)]
    counts = COUNTS["some"][:100].copy()
    skip = (10, 50, 51)
    counts[list(skip)] = np.nan
    given = [f"s,{at + 1},{count:g},{months[at]}" for at, count in enumerate(counts) if at not in skip]
    settings = '{"years_back": 4, "half_window": 1, "periods": 4, "past_weeks_excluded": 6}'
    path = file(given, header="series_id,t,observed,date")
    found = rows(path, "--method", "farrington-flexible", "--frequency", 12, "--settings", settings, "--first-t", 80)
    dates = np.array(months, dtype="datetime64[D]")
    agree(
        found,
        directly("farrington-flexible", counts, first_t=80, settings=settings, dates=dates, frequency=12),
        "s",
    )


def test_an_empty_date_column_means_none_and_a_series_without_dates_may_stand_beside_one_with(file):
    without = rows(
        file(weeks(dates=None), header="series_id,t,observed,date"), "--method", "farrington", "--first-t", 310
    )
    for name, counts in COUNTS.items():
        agree(without, directly("farrington", counts, first_t=310), name)

    dated = [f"dated,{at + 1},{count:g},{MONDAYS[at]}" for at, count in enumerate(COUNTS["some"])]
    plain = [f"plain,{at + 1},{count:g}," for at, count in enumerate(COUNTS["some"])]
    both = rows(
        file([line for pair in zip(dated, plain, strict=True) for line in pair], header="series_id,t,observed,date"),
        "--method", "farrington", "--first-t", 310,
    )  # fmt: skip
    dates = np.array(MONDAYS, dtype="datetime64[D]")
    agree(both, directly("farrington", COUNTS["some"], first_t=310, dates=dates), "dated")
    agree(both, directly("farrington", COUNTS["some"], first_t=310), "plain")


def test_a_method_that_knows_no_calendar_does_not_look_at_the_dates(file):
    path = file(["s,1,1,soon", "s,2,3,soon"], header="series_id,t,observed,date")
    assert run(path, "--method", "ears-c1").exit_code == 0
    told = run(path, "--method", "farrington")
    assert (told.exit_code, "row 2 column date: 'soon' is not a date" in told.stderr) == (2, True)


def test_population_is_the_denominator_where_it_is_asked_for(file):
    people = np.linspace(1e6, 3e6, WEEKS).round()
    path = file(
        (
            f"{name},{at + 1},{count:g},{people[at]:.0f}"
            for name, counts in COUNTS.items()
            for at, count in enumerate(counts)
        ),
        header="series_id,t,observed,population",
    )
    for settings in ("{}", '{"populationOffset": true}'):
        found = rows(path, "--method", "farrington-flexible", "--settings", settings, "--first-t", 315)
        for name, counts in COUNTS.items():
            asked = directly("farrington-flexible", counts, first_t=315, settings=settings, population=people)
            agree(found, asked, name)
    plain = directly("farrington-flexible", counts, first_t=315)
    assert (plain.expected != asked.expected).all()


def test_a_denominator_that_is_not_there_is_asked_for(file):
    path = file(lines(COUNTS["some"]))
    told = run(path, "--method", "farrington-flexible", "--settings", '{"population_offset": true}', "--first-t", 320)
    assert (told.exit_code, told.stderr.count("\n")) == (2, 1)
    assert "population" in told.stderr


def test_the_order_of_the_rows_and_where_the_numbers_begin_change_no_verdict(file):
    ordered = [line for name, counts in COUNTS.items() for line in lines(counts, name, begin=1000)]
    shuffled = random.Random(3).sample(ordered, len(ordered))
    for method in ("ears-c2", "farrington", "cusum"):
        by_place = {(row["series_id"], row["t"]): row for row in rows(file(ordered), "--method", method)}
        found = rows(file(shuffled, name="shuffled.csv"), "--method", method)
        assert [(r["series_id"], r["t"]) for r in found] == [
            tuple(line.split(",")[:2]) for line in shuffled if tuple(line.split(",")[:2]) in by_place
        ]
        assert all(row == by_place[row["series_id"], row["t"]] for row in found)


def test_series_of_other_lengths_and_beginnings_are_judged_each_from_its_own(file):
    path = file([*lines(COUNTS["some"][:40], "a"), *lines(COUNTS["many"][:60], "b", begin=11)])
    found = rows(path, "--method", "ears-c1", "--first-t", 35)

    assert [int(row["t"]) for row in found] == [*range(35, 41), *range(35, 71)]
    agree(found, directly("ears-c1", COUNTS["some"][:40], first_t=35), "a")
    agree(found, directly("ears-c1", COUNTS["many"][:60], first_t=25), "b")


def test_rounds_of_any_size_give_the_same_answer(file, monkeypatch):
    path = file(weeks((9,)), header="series_id,t,observed,date")
    at_once = rows(path, "--method", "farrington", "--first-t", 325)
    monkeypatch.setattr(judging, "AT_ONCE", 1)
    assert rows(path, "--method", "farrington", "--first-t", 325) == at_once


def test_from_the_first_point_asked_for_what_cannot_be_judged_keeps_an_empty_row(file):
    path = file(lines([2, 1, 3, 2, 2, 1, 3, 9, 1]))
    assert [row["t"] for row in rows(path, "--method", "ears-c1")] == ["8", "9"]
    found = rows(path, "--method", "ears-c1", "--first-t", 6)
    assert [(row["t"], row["alarm"]) for row in found] == [("6", ""), ("7", ""), ("8", "1"), ("9", "0")]
    assert rows(path, "--method", "ears-c1", "--first-t", 10) == []


def test_a_reference_cases_range_is_obeyed_unless_first_t_says_otherwise(file):
    path = file(lines(range(1, 31)))
    asked = {"method": "C1", "range_first": 20, "range_last": 24, "alpha_used": 0.001, "baseline_used": 7}
    wanted = ["--method", "ears-c1", "--settings", json.dumps(asked | {"match_r": True})]
    assert [int(row["t"]) for row in rows(path, *wanted)] == [20, 21, 22, 23, 24]
    assert [int(row["t"]) for row in rows(path, *wanted, "--first-t", 23)] == [23, 24]
    assert rows(path, "--method", "ears-c1", "--settings", '{"range_last": 0}') == []


def test_where_r_has_no_bound_it_says_no_alarm_and_we_say_so_with_it(file):
    path = file(lines([0] * 300))
    few = ["--method", "farrington-flexible", "--first-t", 298]
    theirs = rows(path, *few, "--settings", '{"match_r": true, "alpha": 0.01}')
    assert [(row["upperbound"], row["alarm"]) for row in theirs] == [("", "0")] * 3


@pytest.mark.parametrize("method", ["moving-percentile", "ewma-regression", "citywatch"])
def test_what_is_not_in_r_cannot_match_it(file, method):
    told = run(file(lines([1])), "--method", method, "--settings", '{"match_r": true}')
    assert (told.exit_code, told.stderr.count("\n")) == (2, 1)
    assert f"{method} has no counterpart in R" in told.stderr


@pytest.mark.parametrize("method", ["bayes-1", "rki-3", "outbreak-p", "historical-limits"])
def test_where_r_and_we_agree_match_r_may_be_said(file, method):
    path = file(lines(COUNTS["some"]))
    assert rows(path, "--method", method, "--settings", '{"match_r": true}', "--first-t", 325)


def test_the_field_has_two_names_for_historical_limits(file):
    path = file(lines(COUNTS["some"]))
    ours, theirs = (rows(path, "--method", name, "--first-t", 320) for name in ("historical-limits", "cdc"))
    assert ours == theirs


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ('{"match_r": 1}', "--settings match_r: 1 is not true or false"),
        ('{"range_first": "20"}', '--settings range_first: "20" is not a whole number'),
        ('{"method": "C2"}', '--settings method: "C2" does not go with ears-c1, where it is "C1"'),
        ('{"minSigma": "none"}', '--settings minSigma: "none" is not a number'),
        ('{"minSigma": 1, "min_sigma": 1}', "--settings min_sigma: min_sigma is given twice"),
        ('{"alpha": 1e400}', "--settings alpha: Infinity is not a number"),
        ('{"c.ARL": 5}', "--settings: there is no setting c.ARL for ears-c1"),
    ],
)
def test_settings_that_make_no_sense_are_one_line_and_exit_2(file, given, says):
    done = run(file(lines([1, 2])), "--method", "ears-c1", "--settings", given)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says in done.stderr


@pytest.mark.parametrize(
    ("rows_given", "says"),
    [
        (["s,1,1,5,2020-06-08", "s,2,1,5,"], "row 3 column date: empty, where other points of series s have one"),
        (["s,1,1,5,2020-06-08", "s,2,1,5,2020-06-01"], "row 3 column date: 2020-06-01 does not come after 2020-06-08"),
        (["s,1,1,-5,2020-06-08"], "row 2 column population: '-5' is not a population"),
        (["s,1,1,many,2020-06-08"], "row 2 column population: 'many' is not a population"),
        (["s,1.5,1,5,2020-06-08"], "row 2 column t: '1.5' is not a whole number"),
        (["", "s,1,1,5,", "", "s,1,2,5,"], "row 5 column t: series s already has a point 1"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(file, rows_given, says):
    path = file(rows_given, header="series_id,t,observed,population,date")
    done = run(path, "--method", "farrington-flexible")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says in done.stderr


def test_a_file_in_the_computers_own_encoding_gives_the_same_answer(file, tmp_path):
    path = file(lines(COUNTS["some"], "发热"))
    old = tmp_path / "old.csv"
    old.write_bytes(path.read_bytes().decode().replace("\n", "\r\n").encode("gb18030"))
    assert rows(old, "--method", "ears-c1") == rows(path, "--method", "ears-c1")


def test_counts_may_come_through_a_pipe(file):
    text = file(lines(COUNTS["some"])).read_text(encoding="utf-8")
    assert rows("-", "--method", "ears-c1", input=text) == rows(file(lines(COUNTS["some"])), "--method", "ears-c1")
    told = run("-", "--method", "ears-c1", input="series_id,t,observed\ns,1,x\n")
    assert told.stderr.startswith("standard input row 2 column observed: 'x'")


def test_parquet_gives_the_answers_of_csv_with_empty_cells_as_null(file, tmp_path):
    import duckdb

    path = file(weeks((9,)), header="series_id,t,observed,date")
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{path}')) TO '{tmp_path / 'in.parquet'}'")
    wanted = ["--method", "farrington", "--first-t", 5]
    assert run(tmp_path / "in.parquet", *wanted, "--out", tmp_path / "out.parquet").exit_code == 0
    table = duckdb.sql(f"SELECT * FROM '{tmp_path / 'out.parquet'}'")
    found = [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]

    assert [str(kind) for kind in table.types] == ["VARCHAR", "BIGINT", *["DOUBLE"] * 5, "INTEGER"]
    expected = rows(path, *wanted)
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine["series_id"], str(mine["t"])) == (theirs["series_id"], theirs["t"])
        for column in ("observed", "expected", "upperbound", "score", "p_value", "alarm"):
            assert mine[column] == (float(theirs[column]) if theirs[column] else None)


def test_the_help_prints_every_method_with_its_defaults_and_their_source():
    told = " ".join(run("--help").stdout.split())
    for method in METHODS.values():
        assert f"{method.name}" in told
        assert f"Source: {method.source}" in told
        assert f"Defaults: {method.defaults_from}" in told
        for name in method.settings:
            assert f"{name} " in told


@pytest.mark.parametrize(
    "order", [("--method", "farrington-flexible", "--help"), ("--help", "--method=farrington-flexible")]
)
def test_the_help_of_one_method_tells_each_setting_in_our_word_and_in_rs(order):
    told = " ".join(run(*order).stdout.split())
    assert "past_weeks_excluded 26" in told
    assert "in R pastWeeksNotIncluded" in told
    assert "Noufaily et al. 2013" in told
    assert "ears-c1:" not in told
