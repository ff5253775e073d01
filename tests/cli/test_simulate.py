"""`citywatch simulate`: the folder it writes, the same bytes whatever happens on the way, and what it refuses."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import date, timedelta

import duckdb
import pytest
from click.testing import CliRunner

from citywatch.server.cli.simulate import simulate
from citywatch.server.replay.folder import Folder
from citywatch.server.synthetic.plan import plan_of

ASKED = ["--people", "20000", "--days", "4", "--seed", "3", "--start", "2020-06-08"]


def run(*arguments):
    return CliRunner().invoke(simulate, [str(one) for one in arguments])


def fingerprints(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(path, what="*"):
    return duckdb.sql(f"SELECT {what} FROM read_parquet('{path}')").fetchall()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("city") / "school"
    result = run("school-norovirus", *ASKED, "--true-visits", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


def test_the_folder_holds_every_file_of_the_format(written):
    days = [date(2020, 6, 8) + timedelta(days=n) for n in range(4)]

    assert {path.name for path in written.iterdir()} == {
        *("scenario.json", "progress.json", "places.parquet", "people.parquet", "reports", "visits", "truth_visits"),
        *("goods.parquet", "interviews.jsonl", "truth.parquet", "truth_reports.parquet", "outbreaks.parquet"),
    }
    assert sorted(path.name for path in (written / "reports").iterdir()) == [f"day={day}.jsonl" for day in days]
    for kind in ("visits", "truth_visits"):
        assert sorted(path.name for path in (written / kind).iterdir()) == [f"day={day}" for day in days]
    told = json.loads((written / "scenario.json").read_text())
    assert {told[key] for key in ("scenario", "city", "start")} == {"school-norovirus", "beijing", "2020-06-08"}
    assert json.loads((written / "progress.json").read_text())["done"] is True


def test_people_and_places_are_numbered_from_nought_and_point_at_each_other(written):
    people = rows(written / "people.parquet", "person_id, workplace, home_street, typeof(born), typeof(person_id)")
    places = rows(written / "places.parquet", "place_id, code, parent_code, street_code")
    codes = {code for _, code, _, _ in places}

    assert [person for person, *_ in people] == list(range(20_000))
    assert [place for place, *_ in places] == list(range(len(places)))
    assert {work for _, work, *_ in people} <= set(range(-1, len(places)))
    assert {home for _, _, home, *_ in people} == {street for *_, street in places}
    assert {parent for _, _, parent, _ in places} <= codes | {street for *_, street in places}
    assert people[0][3:] == ("DATE", "INTEGER")


def test_scanning_captures_seven_in_ten_of_the_true_visits(written):
    seen = set(rows(written / "visits/day=2020-06-09/*.parquet"))
    true = set(rows(written / "truth_visits/day=2020-06-09/*.parquet"))

    assert seen < true
    assert len(seen) / len(true) == pytest.approx(0.7, abs=0.01)


def test_instants_are_utc_and_a_day_is_the_citys_day(written):
    first, last = rows(written / "truth_visits/day=2020-06-09/*.parquet", 'min("start"), max("start")')[0]

    assert "2020-06-08 16:00" <= str(first) < "2020-06-08 23:00"
    assert str(last) < "2020-06-09 16:00"
    for line in (written / "reports/day=2020-06-09.jsonl").read_text(encoding="utf-8").splitlines():
        batch = json.loads(line)
        assert "2020-06-08T16:00:00Z" <= batch["sent_at"] < "2020-06-09T16:00:00Z"
        assert set(batch) == {"sent_at", "site", "form", "message_id", "day", "rows"}


def test_message_ids_are_one_a_batch_and_true_rows_point_at_them(written):
    batches = [
        json.loads(line)
        for path in sorted((written / "reports").iterdir())
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    sizes = {batch["message_id"]: len(batch["rows"]) for batch in batches}

    assert sizes
    for message, row, *_ in rows(written / "truth_reports.parquet"):
        assert 0 <= row < sizes[message]


def test_visits_can_be_ranked_as_they_lie(written, tmp_path):
    person = rows(written / "visits/day=2020-06-09/*.parquet", "person_id")[0][0]
    cases = tmp_path / "cases.csv"
    cases.write_text(f"person_id,onset\n{person},2020-06-11\n")
    done = subprocess.run(
        [sys.executable, "-m", "citywatch.server.cli", "rank-places", "--cases", cases, "--visits", written / "visits"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "rank" in done.stdout.splitlines()[0]


def test_two_workers_write_the_same_bytes_as_one(written, tmp_path):
    result = run("school-norovirus", *ASKED, "--true-visits", "--workers", 2, "--out", tmp_path)

    assert result.exit_code == 0, result.output
    assert fingerprints(tmp_path) == fingerprints(written)


def test_a_run_killed_in_the_middle_of_a_day_goes_on_to_the_same_bytes(written, tmp_path):
    script = (
        "import os, signal, sys\n"
        "from citywatch.server.synthetic import folder\n"
        "write, calls = folder._write_visits, []\n"
        "def dying(*arguments):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 6:\n"  # the captured visits of the third day
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    write(*arguments)\n"
        "folder._write_visits = dying\n"
        "from citywatch.server.cli.simulate import simulate\n"
        "simulate(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", script, "school-norovirus", *ASKED, "--true-visits", "--out", str(tmp_path)]
    killed = subprocess.run(command, capture_output=True, check=False, env=os.environ)
    assert killed.returncode == -9
    assert json.loads((tmp_path / "progress.json").read_text())["days_done"] == 2
    first_day = (tmp_path / "truth_visits/day=2020-06-08/part-0.parquet").stat().st_mtime_ns

    result = run("school-norovirus", *ASKED, "--true-visits", "--out", tmp_path)

    assert result.exit_code == 0, result.output
    assert fingerprints(tmp_path) == fingerprints(written)
    assert (tmp_path / "truth_visits/day=2020-06-08/part-0.parquet").stat().st_mtime_ns == first_day  # not done again
    assert rows(written / "truth.parquet", "count(*)")[0][0] > 5  # an outbreak was under way


def test_a_finished_folder_is_left_alone(written):
    before = {path: path.stat().st_mtime_ns for path in written.rglob("*")}

    assert run("school-norovirus", *ASKED, "--true-visits", "--out", written).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in written.rglob("*")} == before


def test_a_folder_of_other_arguments_or_of_something_else_is_refused(written, tmp_path):
    other = run("school-norovirus", *ASKED[:-2], "--start", "2020-06-09", "--true-visits", "--out", written)
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    foreign = run("school-norovirus", *ASKED, "--out", tmp_path)

    assert (other.exit_code, foreign.exit_code) == (2, 2)
    assert "start 2020-06-08, not 2020-06-09" in other.output
    assert "holds holiday.jpg" in foreign.output
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["volcano"], "no scenario 'volcano'"),
        (["market", "--people", "500"], "--people is 500"),
        (["market", "--people", "99000000"], "--people is 99,000,000"),
        (["market", "--days", "0"], "--days is 0"),
        (["market", "--start", "2024-12-20", "--days", "30"], "whose holidays are known"),
        (["market", "--start", "yesterday"], "--start"),
        (["market", "--seed", "-1"], "--seed is -1"),
        (["market", "--workers", "0"], "--workers is 0"),
        (["market", "--city", "atlantis"], "atlantis"),
        (["market", "--no-visits", "--true-visits"], "exclude each other"),
        (["market", "--found-later", "-1"], "--found-later is -1"),
        (["many", "--found-later", "3"], "belongs to market, cold-chain, imported-case"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_sentence(arguments, sentence, tmp_path):
    result = run(*arguments, "--out", tmp_path / "city")

    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "city").exists()


def test_without_visits_there_are_none(tmp_path):
    assert run("baseline", "--people", 20_000, "--days", 1, "--no-visits", "--out", tmp_path).exit_code == 0
    assert not (tmp_path / "visits").exists()


@pytest.mark.parametrize(("city", "streets"), [("beijing", 349), ("xiamen", 54)])
def test_a_large_city_has_all_its_streets_and_each_district_its_census_share(city, streets):
    plan = plan_of(city, people=2_000_000)
    share = {}
    for street in plan.streets:
        share[street.district_code] = share.get(street.district_code, 0) + street.population_share

    assert len(plan.streets) == streets
    assert sum(share.values()) == pytest.approx(1)
    if city == "beijing":
        assert share["110105"] == pytest.approx(3_452_460 / 21_893_095)


def test_a_city_of_a_hundred_thousand_has_the_demos_streets():
    from citywatch.city.registry import reference

    assert {s.code for s in plan_of("beijing", people=100_000).streets} == {
        s.code for s in reference.demo_streets("beijing")
    }
    assert len(plan_of("beijing", people=20_000).streets) == 16


def test_a_city_that_discovers_later_is_another_city(tmp_path):
    asked = ["market", "--people", 20_000, "--days", 1, "--no-visits", "--out", tmp_path]

    assert run(*asked, "--found-later", 3).exit_code == 0
    again = run(*asked)
    assert again.exit_code == 2
    assert "found-later 3, not 0" in again.output
    assert Folder(tmp_path).scenario.name.endswith("/found 3 days later")


def test_help_names_every_option():
    said = run("--help").output

    assert all(option in said for option in ("--city", "--people", "--days", "--seed", "--out", "--start", "--workers"))


@pytest.mark.parametrize("scenario", ["baseline", "market"])
def test_tables_carry_their_types_also_where_nothing_happened(scenario, tmp_path):
    assert run(scenario, "--people", 20_000, "--days", 2, "--no-visits", "--out", tmp_path).exit_code == 0

    def types(name):
        return dict(
            duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{tmp_path / name}')").project("#1, #2").fetchall()
        )

    assert types("truth.parquet") == {
        **dict.fromkeys(("person_id", "infector", "outbreak", "place_id", "batch"), "INTEGER"),
        **dict.fromkeys(("infected_at", "onset_at", "first_report_at", "positive_at"), "TIMESTAMP"),
        "disease": "VARCHAR",
        "cause": "VARCHAR",
        "symptomatic": "BOOLEAN",
    }
    assert types("goods.parquet") == {
        **dict.fromkeys(("batch", "from_place", "to_place"), "INTEGER"),
        "sent": "TIMESTAMP",
        "received": "TIMESTAMP",
        "from_node": "VARCHAR",
        "to_node": "VARCHAR",
    }
    assert types("truth_reports.parquet") == {
        "message_id": "VARCHAR",
        "row": "INTEGER",
        "person_id": "INTEGER",
        "outbreak": "INTEGER",
        "disease": "VARCHAR",
    }


def test_a_run_stopped_before_its_first_day_begins_anew(written, tmp_path):
    (tmp_path / "people.parquet.new").write_bytes(b"half")
    (tmp_path / "progress.json.new").write_bytes(b"{")

    assert run("school-norovirus", *ASKED, "--true-visits", "--out", tmp_path).exit_code == 0
    assert fingerprints(tmp_path) == fingerprints(written)
