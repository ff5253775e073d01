"""`citywatch chains` on real outbreaks and on files as people send them."""

import csv
import io

import pytest
from click.testing import CliRunner
from tests.shared import SHARED, needs_shared

from citywatch.server.cli.chains import COLUMNS, chains

LINELISTS = SHARED / "data" / "linelists" if SHARED else None
GOLDEN = SHARED / "golden" / "detection" if SHARED else None


def run(*args):
    return CliRunner().invoke(chains, [str(arg) for arg in args])


def rows(done):
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    return {row["case_id"]: row for row in csv.DictReader(io.StringIO(done.stdout))}


@pytest.fixture
def file(tmp_path):
    def write(text, name="list.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@needs_shared
def test_in_korea_one_case_infected_more_than_a_third_of_all(tmp_path):
    told = tmp_path / "summary.csv"
    contacts = LINELISTS / "mers_korea_2015_contacts.csv"
    found = rows(run(LINELISTS / "mers_korea_2015_linelist.csv", "--contacts", contacts, "--summary", told))
    offspring = {case: int(row["offspring"]) for case, row in found.items()}
    # Two cases have two infectors on record and can have only one in a tree: 38, 26, 21 and 4 were told.
    assert offspring["SK_14"] in {37, 38}
    assert (offspring["SK_1"], offspring["SK_16"], offspring["SK_15"]) == (26, 21, 4)
    assert found["SK_1"]["infector"] == "outside"
    with told.open() as file:
        measures = {row["measure"]: float(row["value"]) for row in csv.DictReader(file)}
    assert measures["dispersion_k"] == pytest.approx(0.02, abs=0.01)
    assert measures["mean_offspring"] == pytest.approx(0.6, abs=0.03)
    assert measures["infected_nobody"] == pytest.approx(151 / 162, abs=0.02)
    assert (
        measures["r_setting:Hospital room"] > measures["r_setting:Emergency room"] > measures["r_setting:Family member"]
    )


@needs_shared
def test_in_singapore_a_list_told_both_ways_is_read_as_who_met_whom():
    contacts = LINELISTS / "singapore_covid_2020_edges.csv"
    found = rows(run(LINELISTS / "singapore_covid_2020_linelist.csv", "--contacts", contacts))
    assert len(found) == 93
    most = sorted(found, key=lambda case: -int(found[case]["offspring"]))[:6]
    assert {"8", "66", "19"} <= set(most)
    assert (
        "serial_interval_mean 5.8"
        in run(LINELISTS / "singapore_covid_2020_linelist.csv", "--contacts", contacts).stderr
    )


@needs_shared
def test_two_people_under_one_number_are_refused_and_the_right_column_is_taken():
    folder = LINELISTS / "godata_contact_tracing"
    done = run(folder / "cases.csv")
    assert done.exit_code == 2
    assert "CASE-2020-0002 stands twice" in done.stderr
    found = rows(run(folder / "cases.csv", "--id", "uuid", "--contacts", folder / "relationships.csv"))
    assert len(found) == 56


@needs_shared
def test_genomes_give_the_planted_tree_and_seqtracks(file):
    with (GOLDEN / "expected_seqtrack.csv").open() as lines:
        expected = list(csv.DictReader(lines))
    listed = file("case_id,onset\n" + "".join(f"{row['case']},{row['date']}\n" for row in expected))
    found = rows(run(listed, "--distances", GOLDEN / "seqtrack_distances.csv"))
    assert all(found[row["case"]]["seqtrack_infector"] == (row["ances"] or "outside") for row in expected)
    assert all(found[row["case"]]["infector"] == (row["true_parent"] or "outside") for row in expected)


def test_times_alone_give_a_tree_and_say_how_little_it_is_worth(file):
    found = rows(run(file("id,dt_onset\n1,2020-06-01\n2,2020-06-05\n3,2020-06-06\n4,2020-06-10\n")))
    assert found["1"]["infector"] == "outside"
    assert found["4"]["second_infector"] in {"1", "2", "3"}
    assert float(found["4"]["support"]) < 0.9
    assert found["2"]["serial_interval"] == "4"


def test_distances_may_be_a_square_table(file):
    listed = file("case_id,onset\na,2020-06-01\nb,2020-06-02\nc,2020-06-08\n")
    square = file(",a,b,c\na,0,9,1\nb,9,0,9\nc,1,9,0\n".replace(",a", "case,a", 1), "square.csv")
    assert rows(run(listed, "--distances", square))["c"]["infector"] == "a"


def test_a_serial_interval_given_is_the_one_used(file):
    listed = file("case_id,onset\na,2020-06-01\nb,2020-06-08\nc,2020-06-11\n")
    assert rows(run(listed, "--serial-interval", "10,1"))["c"]["infector"] == "a"
    assert rows(run(listed, "--serial-interval", "3,1"))["c"]["infector"] == "b"


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("name\na\n", [], "there is no column case_id"),
        ("case_id,when\na,2020-06-01\n", [], "there is no column onset"),
        ("case_id,onset\na,1/6\n", [], "list.csv row 2 column onset: '1/6' is no date"),
        ("case_id,onset\n,2020-06-01\n", [], "row 2 column case_id: it is empty"),
        ("case_id,onset\na,2020-06-01\n", ["--serial-interval", "5"], "no mean and sd"),
        ("case_id,onset\na,2020-06-01\n", ["--id", "no"], "there is no column no"),
    ],
)
def test_refused_input_is_one_line(file, text, options, says):
    done = run(file(text), *options)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_contacts_of_other_people_are_refused(file):
    listed = file("case_id,onset\na,2020-06-01\n")
    done = run(listed, "--contacts", file("from,to\nx,y\n", "met.csv"))
    assert done.exit_code == 2
    assert "no row joins two cases of list.csv" in done.stderr
