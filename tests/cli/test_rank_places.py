"""`citywatch rank-places` as an investigator with files meets it."""

import csv
import io

import duckdb
import pytest
from click.testing import CliRunner
from tests.cli.planted import plant
from tests.shared import SHARED, needs_shared

from citywatch.server.cli.rank_places import COLUMNS, rank_places


def run(*args):
    return CliRunner().invoke(rank_places, [str(arg) for arg in args])


def ranked(*args):
    done = run(*args)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.fixture
def files(tmp_path):
    """Write files by name and text; gives their paths."""

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        return [tmp_path / f"{name}.csv" for name in texts]

    return write


def outbreak(place="hall", when="2020-06-05", **others):
    """Five cases at one place, everyone at another; more visits by person."""
    cases = "person_id,onset\n" + "".join(f"c{i},2020-06-10\n" for i in range(5))
    visits = "person_id,place_id,start,end\n" + "".join(f"c{i},{place},{when},\n" for i in range(5))
    visits += "".join(f"c{i},shop,2020-06-04,\n" for i in range(5))
    visits += "".join(f"p{i},shop,2020-06-0{1 + i % 9},\n" for i in range(60))
    visits += "".join(f"p{i},{place},2020-06-06,\n" for i in range(4))
    return cases, visits + "".join(f"{person},{row}\n" for person, row in others.items())


# Planted truth.

TRAPS = {
    "big places everyone goes to": {},
    "a hospital where nearly all were tested": {"hospital": True},
    "the same with onsets told wrong by two days": {"hospital": True, "recall": 2},
    "families falling ill together": {"household": True},
    "a third of the visits not captured": {"captured": 0.7},
    "a service where the first case infected more than the market": {"congregation": True},
    "all but the service at once": {"hospital": True, "household": True, "recall": 2, "captured": 0.7},
}


@pytest.mark.parametrize("trap", TRAPS)
def test_the_planted_market_is_first_in_spite_of(trap, tmp_path):
    city = plant(tmp_path, seed=11, **TRAPS[trap])
    rows = ranked(*city.arguments())
    assert rows[0]["place_id"] == city.source
    assert float(rows[0]["p_value"]) < 0.01
    assert float(rows[0]["ci_low"]) > 1


def test_without_a_common_source_nothing_is_sure(tmp_path):
    city = plant(tmp_path, seed=12, at_source=1, elsewhere=30)
    rows = ranked(*city.arguments())
    assert float(rows[0]["p_value"]) > 0.05
    assert "May be chance." in rows[0]["reason"]
    assert "Not settled" in rows[0]["reason"]


# Real outbreaks.


@needs_shared
@pytest.mark.parametrize("names", ["x,y", "lon,lat"])
@pytest.mark.parametrize("timed", [True, False])
def test_in_1854_the_addresses_and_the_pumps_are_enough(files, names, timed):
    folder = SHARED / "data" / "source_tracing" / "snow_1854"
    with (folder / "snow_deaths.csv").open() as file:
        dead = list(csv.DictReader(file))
    with (folder / "snow_pumps.csv").open() as file:
        pumps = list(csv.DictReader(file))
    extra, value = (",start", ",1854-08-30") if timed else ("", "")
    cases, visits, places = files(
        cases="person_id,onset\n" + "".join(f"{row['case']},1854-09-01\n" for row in dead),
        visits=f"person_id,{names}{extra}\n" + "".join(f"{row['case']},{row['x']},{row['y']}{value}\n" for row in dead),
        places=f"place_id,{names}\n" + "".join(f"{row['label']},{row['x']},{row['y']}\n" for row in pumps),
    )
    first, second, *_ = ranked("--cases", cases, "--visits", visits, "--places", places)
    assert first["place_id"] == "Broad St"
    assert int(first["cases"]) in {359, 360}
    assert float(first["p_value"]) < 1e-50
    assert float(second["p_value"]) > 0.5


@needs_shared
def test_in_berlin_the_first_centre_of_most_cases_is_named_and_not_called_sure(files):
    with (SHARED / "data" / "linelists" / "varicella_sim_berlin.csv").open() as file:
        people = list(csv.DictReader(file))
    stays = [
        (i, row[f"center{k}"], row[f"arrival{k}"], row[f"leave{k}"])
        for i, row in enumerate(people)
        for k in (1, 2)
        if row[f"center{k}"]
    ]
    cases, visits = files(
        cases="person_id,onset\n" + "".join(f"{i},{row['onset']}\n" for i, row in enumerate(people) if row["onset"]),
        visits="person_id,place_id,start,end\n" + "".join(f"{','.join(map(str, stay))}\n" for stay in stays),
    )
    done = run("--cases", cases, "--visits", visits, "--incubation", "10-21")
    first = next(csv.DictReader(io.StringIO(done.stdout)))
    assert first["place_id"] == "Platz der Luftbruecke"
    assert "26 set aside that ended before they began" in done.stderr


@needs_shared
def test_in_singapore_the_church_has_most_cases_and_no_chance_is_claimed_without_comparison(files):
    with (SHARED / "data" / "linelists" / "singapore_covid_2020_linelist.csv").open() as file:
        people = [row for row in csv.DictReader(file) if row["date_onset_symptoms"] != "NA"]
    linked = [row for row in people if "NA" not in (row["presumed_reason"], row["start_source"])]
    hospital = [(r["CaseID"], r["hospital"], r["date_hospital"], r["date_discharge"]) for r in people]
    cases, visits = files(
        cases="person_id,onset\n" + "".join(f"{r['CaseID']},{r['date_onset_symptoms']}\n" for r in people),
        visits="person_id,place_id,start,end\n"
        + "".join(f'{r["CaseID"]},"{r["presumed_reason"]}",{r["start_source"]},{r["end_source"]}\n' for r in linked)
        + "".join(f"{who},{where},{came},\n" for who, where, came, _ in hospital),
    )
    rows = ranked("--cases", cases, "--visits", visits)
    assert rows[0]["place_id"] == "Grace Assembly of God"
    assert all(row["p_value"] == row["ratio"] == "" for row in rows)
    names = [row["place_id"] for row in rows]
    assert "National Centre for Infectious Diseases" not in names[:4]


# Files as people send them.


def test_times_with_and_without_zone_are_the_same_city_day(files):
    plain = files(**dict(zip(("cases", "visits"), outbreak(when="2020-06-09T23:30"), strict=True)))
    here = ranked("--cases", plain[0], "--visits", plain[1])
    # 15:30 in UTC is 23:30 in the city, and 16:30 is the day of onset, which does not count.
    zoned = files(**dict(zip(("cases", "visits"), outbreak(when="2020-06-09T15:30:00Z"), strict=True)))
    assert ranked("--cases", zoned[0], "--visits", zoned[1]) == here
    later = files(**dict(zip(("cases", "visits"), outbreak(when="2020-06-09T16:30:00+00:00"), strict=True)))
    assert "hall" not in [row["place_id"] for row in ranked("--cases", later[0], "--visits", later[1])]


def test_with_an_hour_of_onset_the_meal_before_it_counts_and_the_doctor_after_it_does_not(files):
    cases, visits = outbreak(when="2020-06-10T12:00")
    cases = cases.replace("2020-06-10", "2020-06-10T20:00")
    visits += "".join(f"c{i},doctor,2020-06-10T21:00,2020-06-10T22:00\n" for i in range(5))
    paths = files(cases=cases, visits=visits)
    rows = ranked("--cases", paths[0], "--visits", paths[1])
    assert rows[0]["place_id"] == "hall"
    assert "doctor" not in [row["place_id"] for row in rows]


@pytest.mark.parametrize("shape", ["file", "folder", "whole numbers as ids"])
def test_visits_may_be_parquet(files, tmp_path, shape):
    cases, visits = files(**dict(zip(("cases", "visits"), outbreak(), strict=True)))
    expected = ranked("--cases", cases, "--visits", visits)
    query = f"SELECT person_id, place_id, start::DATE AS start, NULL::DATE AS \"end\" FROM read_csv('{visits}')"
    target = tmp_path / "visits.parquet"
    if shape == "folder":
        target = tmp_path / "log"
        target.mkdir()
        duckdb.sql(f"{query} WHERE person_id LIKE 'c%'").write_parquet(str(target / "a.parquet"))
        duckdb.sql(f"{query} WHERE person_id LIKE 'p%'").write_parquet(str(target / "b.parquet"))
    elif shape == "file":
        duckdb.sql(query).write_parquet(str(target))
    else:
        cases.write_text("person_id,onset\n" + "".join(f"9{i},2020-06-10\n" for i in range(5)), encoding="utf-8")
        number = "CASE WHEN person_id LIKE 'c%' THEN 90 ELSE 100 END + substr(person_id, 2)::INT"
        duckdb.sql(f"SELECT * REPLACE ({number} AS person_id) FROM ({query})").write_parquet(str(target))
    assert ranked("--cases", cases, "--visits", target) == expected


def test_a_visit_with_a_coordinate_alone_is_matched_to_a_place_within_the_radius(files):
    cases, visits = outbreak(place="")
    lines = visits.splitlines()
    point = {True: "118.0890,24.4800", False: ","}
    visits = "\n".join([lines[0] + ",lon,lat", *(f"{line},{point[line.split(',')[1] == '']}" for line in lines[1:])])
    places = "place_id,kind,name,lon,lat\nhall,market,Hall 3,118.0895,24.4800\nfar,market,,118.2,24.5\n"
    paths = files(cases=cases, visits=visits + "\n", places=places)
    arguments = ("--cases", paths[0], "--visits", paths[1], "--places", paths[2])
    assert ranked(*arguments)[0]["place_id"] == "hall"
    assert "hall" not in [row["place_id"] for row in ranked(*arguments, "--radius", 20)]
    assert "9 set aside farther than 20 m from any place" in run(*arguments, "--radius", 20).stderr


def test_kinds_can_be_left_out(files):
    cases, visits = outbreak(place="hall")
    visits += "".join(f"c{i},ward,2020-06-03,\n" for i in range(5))
    paths = files(cases=cases, visits=visits, places="place_id,kind\nward,Hospital\nhall,market\n")
    arguments = ("--cases", paths[0], "--visits", paths[1], "--places", paths[2])
    assert ranked(*arguments)[0]["place_id"] == "ward"
    rows = ranked(*arguments, "--exclude", "hospital,clinic")
    assert rows[0]["place_id"] == "hall"
    assert "ward" not in [row["place_id"] for row in rows]
    assert "no place is of kind clinic" in run(*arguments, "--exclude", "clinic").stderr


def test_forward_shows_where_cases_were_while_infectious(files):
    cases, visits = outbreak()
    visits += "".join(f"c{i},station,2020-06-11,\n" for i in range(3))
    paths = files(cases=cases, visits=visits)
    arguments = ("--cases", paths[0], "--visits", paths[1])
    assert "station" not in [row["place_id"] for row in ranked(*arguments)]
    forward = ranked(*arguments, "--forward")
    assert forward[0]["place_id"] == "station"
    assert "hall" not in [row["place_id"] for row in forward]


def test_half_filled_rows_are_set_aside_and_counted(files):
    cases, visits = outbreak()
    paths = files(cases=cases + "c9,\n", visits=visits + ",hall,2020-06-05,\np9,,2020-06-05,\np8,hall,,\n")
    done = run("--cases", paths[0], "--visits", paths[1])
    assert done.exit_code == 0
    for said in ("1 set aside without a person", "1 set aside without a place", "1 set aside without a time"):
        assert said in done.stderr
    assert "1 cases have neither onset nor infectious_from" in done.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cases": "person_id\nc1\n"}, "cases.csv row 1: there is no column onset"),
        ({"cases": "person_id,onset\nc1,June 10\n"}, "cases.csv row 2 column onset: 'June 10' is no time"),
        ({"cases": "person_id,onset\nc1,2020-06-10\nc1,2020-06-11\n"}, "row 3 column person_id: c1 stands twice"),
        ({"cases": "person_id,onset\nx1,2020-06-10\n"}, "none of its 1 cases has a visit in visits.csv"),
        ({"cases": "person_id,onset\n"}, "there is no case in it"),
        ({"visits": "person_id,start\nc1,2020-06-01\n"}, "visits.csv row 1: there is no column place_id"),
        ({"visits": "person_id,place_id,start\nc1,h,2020-06-01\nc1,h,soon\n"}, "row 3 column start: 'soon' is no time"),
        ({"visits": "person_id,place_id,start\nc1,h,2020-06-01,,9\n"}, "visits.csv row 2"),
        ({"visits": "person_id,place_id,start\n"}, "there is no visit in it"),
    ],
)
def test_refused_input_is_one_line_that_names_file_row_and_column(files, change, says):
    texts = {"cases": "person_id,onset\nc1,2020-06-10\n", "visits": "person_id,place_id,start\nc1,h,2020-06-05\n"}
    cases, visits = files(**(texts | change))
    done = run("--cases", cases, "--visits", visits)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--exclude", "hospital"], "give --places"),
        (["--incubation", "14"], "'14' is no range of days"),
        (["--incubation", "9-2"], "'9-2' is no range of days"),
        (["--out", "x.doc"], "x.doc"),
        (["--visits", "nowhere.csv"], "nowhere.csv: there is no such file"),
    ],
)
def test_options_that_make_no_sense_are_refused(files, options, says):
    cases, visits = files(**dict(zip(("cases", "visits"), outbreak(), strict=True)))
    done = run("--cases", cases, "--visits", visits, *options)
    assert done.exit_code == 2
    assert says in done.stderr
