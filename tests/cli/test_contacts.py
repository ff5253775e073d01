"""`citywatch contacts` as a tracer with files meets it."""

import csv
import io

import numpy as np
import pytest
from click.testing import CliRunner

from citywatch.science.contacts import list_contacts, overlapping_stays
from citywatch.server.cli.contacts import COLUMNS, PAIR_COLUMNS, contacts

CASES = "person_id,onset\nc,2020-06-10\n"
VISITS = """person_id,place_id,start,end
c,bar,2020-06-08T20:00,2020-06-08T23:00
near,bar,2020-06-08T22:40,2020-06-08T23:30
brief,bar,2020-06-08T22:50,2020-06-09T00:30
later,bar,2020-06-08T23:00,2020-06-08T23:50
c,gym,2020-06-07T10:00,2020-06-07T12:00
early,gym,2020-06-07T10:00,2020-06-07T12:00
c,home,2020-06-09T19:00,2020-06-10T07:00
wife,home,2020-06-09T18:00,2020-06-10T08:00
near,flat,2020-06-09T19:00,2020-06-10T07:00
friend,flat,2020-06-09T19:00,2020-06-09T21:00
"""
PLACES = "place_id,kind\nhome,home\nbar,bar\n"


@pytest.fixture
def run(tmp_path):
    def trace(*options, cases=CASES, visits=VISITS, places=None):
        texts = {"cases": cases, "visits": visits} | ({"places": places} if places else {})
        arguments = []
        for name, text in texts.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
            arguments += [f"--{name}", str(tmp_path / f"{name}.csv")]
        return CliRunner().invoke(contacts, [*arguments, *options])

    return trace


def rows(done):
    assert done.exit_code == 0, done.stderr
    return {row["person_id"]: row for row in csv.DictReader(io.StringIO(done.stdout))}


def test_who_was_there_for_long_enough_while_the_case_could_infect_is_a_close_contact(run):
    done = run("--out", "-", places=PLACES)
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    found = rows(done)
    assert list(found) == ["wife", "near"]  # the home weighs more than the bar; the gym was three days before onset
    assert (found["wife"]["minutes"], found["near"]["minutes"]) == ("720", "20")
    assert (found["wife"]["ground"], found["near"]["ground"]) == ("household", "closed_venue")
    assert found["near"]["first_contact"] == "2020-06-08T22:40"
    assert {row["class"] for row in found.values()} == {"close"}


def test_thresholds_and_windows_are_the_askers(run):
    assert list(rows(run("--minutes", "30"))) == ["wife"]
    assert "early" in rows(run("--days-before", "3"))
    assert "wife" not in rows(run(cases="person_id,onset,infectious_from,infectious_to\nc,,2020-06-08,2020-06-08\n"))


def test_shorter_meetings_are_general_contacts_when_asked_for(run):
    found = rows(run("--general"))
    assert found["brief"]["class"] == "general"
    assert "early" not in found


def test_the_second_ring_has_thresholds(run):
    found = rows(run("--second-ring"))
    assert found["friend"]["class"] == "second"
    assert found["friend"]["case_ids"] == "near"
    assert "friend" not in rows(run("--second-ring", "--ring-minutes", "180"))


def test_cases_among_each_other_are_pairs_and_no_contacts(run):
    cases = CASES + "near,2020-06-14\n"
    assert "near" not in rows(run(cases=cases))
    done = run("--pairs", cases=cases)
    assert done.stdout.splitlines()[0] == ",".join(PAIR_COLUMNS)
    assert "c,near,bar,2020-06-08T22:40,2020-06-08T23:00,20," in done.stdout


def test_a_visit_without_end_meets_nobody_until_it_is_given_a_length(run):
    visits = "person_id,place_id,start\nc,bar,2020-06-09T20:00\nx,bar,2020-06-09T20:10\n"
    done = run(visits=visits)
    assert rows(done) == {}
    assert "2 visits have no end" in done.stderr
    assert rows(run("--point-minutes", "30", visits=visits))["x"]["minutes"] == "20"


@pytest.mark.parametrize("seed", range(3))
def test_the_file_command_finds_whom_the_slow_look_finds(run, seed):
    rng = np.random.default_rng(seed)
    n = 400
    person, place = rng.integers(0, 40, n), rng.integers(0, 8, n)
    start = rng.integers(0, 8 * 1440, n)
    end = start + rng.choice([20, 90, 600, 4000], n)
    stamp = np.datetime64("2020-06-01T00:00")
    visits = "person_id,place_id,start,end\n" + "".join(
        f"p{p},q{q},{stamp + np.timedelta64(int(a), 'm')},{stamp + np.timedelta64(int(b), 'm')}\n"
        for p, q, a, b in zip(person, place, start, end, strict=True)
    )
    cases = "person_id,onset,infectious_from,infectious_to\n"
    cases += "".join(f"p{i},2020-06-04,2020-06-02,2020-06-05\n" for i in range(4))
    found = rows(run(cases=cases, visits=visits))
    inside = (person < 4) & (end > 1440) & (start < 5 * 1440)
    a, b = np.where(inside, np.maximum(start, 1440), start), np.where(inside, np.minimum(end, 5 * 1440), end)
    # The case's own stay is cut to its window, the other's is not: pair the cut index stays with everyone's whole ones.
    stays = {"person": np.r_[person[inside], person], "place": np.r_[place[inside], place]}
    stays |= {"t_in": np.r_[a[inside], start], "t_out": np.r_[b[inside], end]}
    index = np.r_[np.ones(inside.sum(), bool), np.zeros(n, bool)]
    met = overlapping_stays(**stays, index_stay=index, at_least=15)
    keep = (met.stay >= inside.sum()) & (met.person >= 4)
    slow = {}
    for who, begin, until in zip(met.person[keep], met.start[keep], met.end[keep], strict=True):
        slow[f"p{who}"] = slow.get(f"p{who}", 0) + int(until - begin)
    assert {who: int(row["minutes"]) for who, row in found.items()} == slow
    assert list_contacts(met).person.size >= len(slow)


def test_a_case_that_is_nowhere_in_the_visits_is_refused(run):
    done = run(cases="person_id,onset\nx,2020-06-10\n")
    assert done.exit_code == 2
    assert "none of its 1 cases has a visit in visits.csv" in done.stderr
