"""`citywatch scan` as a stranger with counts by street meets it."""

import csv
import io

import h3
import numpy as np
import pytest
from click.testing import CliRunner
from tests.shared import SHARED, needs_shared

from citywatch.server.cli import group
from citywatch.server.cli.scan import COLUMNS, scan

PLACES = "location,x,y\n" + "".join(f"S{at},{at},0\n" for at in range(6))
METHODS = {
    "permutation": "spacetime_permutation",
    "poisson": "population_poisson",
    "expectation": "expectation_poisson",
}


def table(extra=(), header="date,location,count", more=lambda day, at: ()):
    lines = [header]
    for day in range(1, 15):
        for at in range(6):
            count = 2 + (day * 7 + at * 3) % 3 + (18 if at == 2 and day > 12 else 0)
            lines.append(",".join(map(str, (f"2020-06-{day:02}", f"S{at}", count, *more(day, at)))))
    return "\n".join([*lines, *extra]) + "\n"


def run(*args):
    return CliRunner().invoke(scan, [str(arg) for arg in args])


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def file(tmp_path):
    def write(text, name="counts.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def places(file):
    return file(PLACES, "places.csv")


@needs_shared
@pytest.mark.parametrize("name", ["grid", "nm"])
@pytest.mark.parametrize("method", METHODS)
def test_the_best_cluster_is_that_of_the_reference_program(name, method):
    golden = SHARED / "golden" / "detection"
    with (golden / f"scan_{name}_counts.csv").open(encoding="utf-8") as told:
        last = max(int(row["time"]) for row in csv.DictReader(told))
    with (golden / f"expected_scan_{name}.csv").open(encoding="utf-8") as told:
        best = next(row for row in csv.DictReader(told) if row["method"] == METHODS[method])
    with (golden / f"scan_{name}_zones.csv").open(encoding="utf-8") as told:
        members = {row["location"] for row in csv.DictReader(told) if row["zone"] == best["zone"]}
    done = run(
        golden / f"scan_{name}_counts.csv",
        *("--locations", golden / f"scan_{name}_locations.csv", "--zones", golden / f"scan_{name}_zones.csv"),
        *("--method", method, "--max-duration", last, "--replications", 0),
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    first = rows(done.stdout)[0]
    assert float(first["llr"]) == pytest.approx(float(best["score"]), rel=1e-8)
    assert set(first["locations"].split(";")) == members
    assert (int(first["t_start"]), int(first["t_end"])) == (last - int(best["duration"]) + 1, last)


def test_the_street_and_the_days_of_an_outbreak_are_named(file, places):
    done = run(file(table()), "--locations", places)
    assert done.exit_code == 0, done.stderr
    first = rows(done.stdout)[0]
    assert [first[at] for at in ("rank", "centre", "radius", "locations", "t_start", "t_end")] == [
        *("1", "S2", "0", "S2", "2020-06-13", "2020-06-14")
    ]
    assert float(first["ratio"]) == pytest.approx(float(first["observed"]) / float(first["expected"]))
    assert float(first["p_value"]) == 0.001
    assert float(first["recurrence_days"]) == pytest.approx(1000)


def test_weekly_scans_recur_by_the_week(file, places):
    lines = "date,location,count\n" + "".join(
        f"{np.datetime64('2020-01-06') + 7 * week},S{at},{3 + (20 if (week, at) == (9, 1) else 0)}\n"
        for week in range(10)
        for at in range(6)
    )
    first = rows(run(file(lines), "--locations", places).stdout)[0]
    assert first["t_start"] == first["t_end"] == "2020-03-09"
    assert float(first["recurrence_days"]) == pytest.approx(7 / float(first["p_value"]))


def test_days_without_a_row_have_no_cases(file, places):
    whole = table()
    sparse = "\n".join(line for line in whole.splitlines() if not line.endswith(",0")) + "\n"
    assert run(file(sparse), "--locations", places).stdout == run(file(whole), "--locations", places).stdout
    gap = "date,location,count\n2020-06-01,S0,3\n2020-06-02,S1,2\n2020-06-05,S0,4\n2020-06-05,S1,1\n"
    assert run(file(gap), "--locations", places, "--max-duration", "5").exit_code == 0
    assert "between 1 and the 5 times" in run(file(gap), "--locations", places, "--max-duration", "6").stderr


def test_longitude_and_latitude_give_kilometres(file):
    where = file("location,lon,lat\n" + "".join(f"S{at},{116 + at / 100},40\n" for at in range(6)), "places.csv")
    found = rows(run(file(table()), "--locations", where, "--max-radius", "1").stdout)
    assert {row["locations"].count(";") + 1 for row in found} <= {1, 2, 3}
    assert all(float(row["radius"]) <= 1 for row in found)


def test_h3_cells_know_where_they_are(file):
    cells = sorted(h3.grid_disk(h3.latlng_to_cell(39.9, 116.4, 9), 1))[:6]
    counts = table()
    for at, cell in enumerate(cells):
        counts = counts.replace(f",S{at},", f",{cell},")
    where = file("h3\n" + "\n".join(cells) + "\n", "cells.csv")
    done = run(file(counts), "--locations", where)
    assert done.exit_code == 0, done.stderr
    assert rows(done.stdout)[0]["centre"] == cells[2]
    named = file("location,h3\n" + "".join(f"S{at},{cell}\n" for at, cell in enumerate(cells)), "named.csv")
    assert rows(run(file(table()), "--locations", named).stdout)[0]["centre"] == "S2"


def test_population_may_stand_with_the_counts_or_with_the_places(file):
    counts = file(table(header="date,location,count,population", more=lambda day, at: (100 + at,)))
    plain = file(PLACES, "plain.csv")
    peopled = file(
        "location,x,y,population\n" + "".join(f"S{at},{at},0,{100 + at}\n" for at in range(6)), "peopled.csv"
    )
    for method in ("poisson", "expectation"):
        beside = run(counts, "--locations", plain, "--method", method)
        assert beside.exit_code == 0, beside.stderr
        with_places = run(file(table(), "bare.csv"), "--locations", peopled, "--method", method)
        assert with_places.stdout == beside.stdout


def test_a_forecast_is_what_expectation_compares_with(file, places):
    counts = file(
        table(header="date,location,count,expected", more=lambda day, at: (20 if at == 2 and day > 12 else 3,))
    )
    found = rows(run(counts, "--locations", places, "--method", "expectation").stdout)
    assert all("S2" not in row["locations"].split(";") or float(row["ratio"]) < 1.5 for row in found)


def test_the_seed_decides_and_replications_may_be_few(file, places):
    one, same = (run(file(table()), "--locations", places, "--seed", 4, "--replications", 19).stdout for _ in range(2))
    assert one == same
    assert float(rows(one)[0]["p_value"]) == 0.05
    smooth = rows(run(file(table()), "--locations", places, "--gumbel").stdout)[0]
    assert 0 < float(smooth["p_value"]) < 0.001
    none = rows(run(file(table()), "--locations", places, "--replications", 0).stdout)[0]
    assert none["p_value"] == none["recurrence_days"] == ""


def test_only_so_many_clusters_as_asked_for(file, places):
    assert len(rows(run(file(table()), "--locations", places, "--top", "1").stdout)) == 1


def test_the_command_is_known():
    assert group.get_command(None, "scan") is scan


@pytest.mark.parametrize(
    ("text", "where", "options", "told"),
    [
        (
            table(("2020-06-14,S9,1",)),
            PLACES,
            (),
            "counts.csv row 86 column location: 'S9' is not in the locations file",
        ),
        (table(("2020-06-14,S1,1",)), PLACES, (), "row 86 column date: S1 already has a row for this date, row 81"),
        (table(("2020-06-15,S1,1.5",)), PLACES, (), "row 86 column count: '1.5' is not a whole number of 0 or more"),
        (table(("2020-06-15,S1,-1",)), PLACES, (), "row 86 column count: '-1'"),
        (table(("15.6.2020,S1,1",)), PLACES, (), "row 86 column date: '15.6.2020'"),
        ("t,location,count\n1.5,S1,1\n", PLACES, (), "row 2 column t: '1.5'"),
        ("time,location,count\n1,S1,1\n90000000,S1,1\n", PLACES, (), "too many"),
        ("date,location,count\n", PLACES, (), "there are no counts"),
        (table(), "location,x,y\n", (), "there are no locations"),
        (table(), PLACES + "S1,3,3\n", (), "places.csv row 8 column location: 'S1' is given twice"),
        (table(), PLACES + ",3,3\n", (), "row 8 column location: empty"),
        (table(), PLACES + "T,3,\n", (), "row 8 column y: ''"),
        (table(), "location,h3\nS0,xyz\n", (), "row 2 column h3: 'xyz' is no H3 cell"),
        (table(), "location,lon,lat\nS0,216,40\n", (), "'S1' is not in the locations file"),
        (table(), PLACES, ("--method", "poisson"), "needs a column population"),
        (table(), PLACES, ("--method", "expectation"), "needs a column expected or population"),
        (table(), PLACES, ("--max-duration", "15"), "max_duration is 15"),
        (table(), PLACES, ("--max-share", "0"), "max_share is 0.0"),
        (table(), PLACES, ("--method", "guess"), "'guess' is not one of"),
        (
            table(("2020-06-15,S1,1,",), "date,location,count,population", lambda day, at: (9,)),
            PLACES,
            ("--method", "poisson"),
            "column population: none is given for S0 at 2020-06-15",
        ),
    ],
)
def test_refusals_say_where_what_and_what_to_do(file, text, where, options, told):
    done = run(file(text), "--locations", file(where, "places.csv"), *options)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_zones_of_places_nobody_knows_are_refused(file, places):
    zones = file("zone,location\nA,S1\nA,S7\n", "zones.csv")
    done = run(file(table()), "--locations", places, "--zones", zones)
    assert done.exit_code == 2
    assert "zones.csv row 3 column location: 'S7'" in done.stderr
