"""A reaction that fails stops nobody, is not forgotten, and is seen at the desk."""

import pytest
from django.test import Client
from tests.conftest import NOON

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import reacting
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.server import jobs, wiring

KIND = "test.poured"


@pytest.fixture
def poured(city, viewers, monkeypatch):
    """Three entries, of which reactions refuse the second until `mended`; gives what was reacted to."""
    done, broken = [], [True]

    def fill(entry):
        if entry.body["number"] == 2 and broken:
            raise ValueError("no glass\nDETAIL: 张三, 110106196801010011")
        done.append(("fill", entry.body["number"]))

    def drink(entry):
        done.append(("drink", entry.body["number"]))

    monkeypatch.setitem(wiring.REACTIONS, KIND, (fill, drink))
    for number in (1, 2, 3):
        journal.record(KIND, place=city, by=viewers["duty_officer"], at=NOON, number=number)
    return done, broken


def test_a_reaction_that_fails_stops_neither_the_entries_behind_it_nor_its_neighbours(poured):
    wiring.catch_up()
    wiring.catch_up()

    done, _ = poured
    assert done == [("fill", 1), ("drink", 1), ("drink", 2), ("fill", 3), ("drink", 3)]


def test_a_failure_is_journaled_once_and_without_the_row_that_the_database_prints(poured):
    wiring.catch_up()
    jobs.react()

    (failure,) = Entry.objects.filter(kind=reacting.FAILED)
    assert failure.body["fault"] == "ValueError: no glass"
    assert failure.subject_id == Entry.objects.get(kind=KIND, body__number=2).pk


def test_a_failed_reaction_is_tried_again_until_it_goes_well_and_then_no_more(poured):
    done, broken = poured
    wiring.catch_up()
    assert wiring.retry() == 0
    broken.clear()

    assert wiring.retry() == 1
    assert wiring.retry() == 0
    assert done.count(("fill", 2)) == 1
    assert reacting.waiting() == []


def test_what_a_failed_reaction_had_begun_is_undone(city, viewers, monkeypatch):
    def half(entry):
        journal.record("test.half", place=entry.place, by=viewers["duty_officer"], at=NOON)
        raise RuntimeError

    monkeypatch.setitem(wiring.REACTIONS, KIND, (half,))
    journal.record(KIND, place=city, by=viewers["duty_officer"], at=NOON)
    wiring.catch_up()

    assert not Entry.objects.filter(kind="test.half").exists()


def test_the_desk_sees_that_something_could_not_be_acted_on(poured, client_as):
    wiring.catch_up()

    assert "自动处理未完成" in client_as("duty_officer").get("/warn/").content.decode()
    assert "自动处理未完成" not in client_as("investigator").get("/warn/").content.decode()


def test_whoever_asked_gets_their_answer_whatever_fails_downstream(city, accounts, monkeypatch):
    def fail():
        raise Refusal("downstream is broken")

    monkeypatch.setattr(wiring, "catch_up", fail)
    client = Client(raise_request_exception=False)
    client.force_login(accounts["sentinel_nurse"])

    answer = client.post("/sense/zero/", {"site": "110106018-C01", "stream": "symptom", "day": "2020-06-10"})

    assert answer.status_code == 302
