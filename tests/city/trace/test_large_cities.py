"""The ranking of a city too large to read whole: counted from bare columns, or its foremost places alone."""

import shutil
from datetime import date, timedelta

import numpy as np
import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_evidence import HALL, MARKET, SUPERMARKET
from tests.city.trace.test_tracing import told
from tests.conftest import NOON

from citywatch.city.trace import evidence, services, whereabouts
from citywatch.city.trace.models import Case, Investigation
from citywatch.city.trace.types import StayTold
from citywatch.eventlog import crowds, window
from citywatch.mechanisms.journal.export import store
from citywatch.server import jobs


@pytest.fixture
def investigation(case, event, places, viewers):
    """Eight cases among 300 people, seven of them in hall 1; every visit kept under its own day."""
    people = [Case.objects.get(pk=case(f"病例{i}")).person_id for i in range(8)]
    visits = [(1_000_000 + i, places[SUPERMARKET], moment(2)) for i in range(300)]
    visits += [(1_000_000 + i, places[HALL], moment(3)) for i in range(20)]
    visits += [(1_000_010 + i, places["110106018-M01-2"], moment(4)) for i in range(30)]
    visits += [(person, places[SUPERMARKET], moment(2)) for person in people]
    visits += [(person, places[HALL], moment(3)) for person in people[:5]]
    send(visits, "first")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    for pk in Case.objects.order_by("pk").values_list("pk", flat=True)[4:7]:
        told(pk, viewers["investigator"], stays=[StayTold(HALL, moment(3), moment(3, 10))])
    return Investigation.objects.get(pk=number)


def send(visits, batch):
    days = {start.date() for _, _, start in visits}
    for day in days:
        mine = [(person, place.pk, whereabouts.minute(start)) for person, place, start in visits if start.date() == day]
        person, place, begin = (np.array(column, dtype=np.int32) for column in zip(*mine, strict=True))
        columns = {"person": person, "place": place, "minute_in": begin, "minute_out": begin + 60}
        store().append("visits", {**columns, "source": ["scan"] * len(mine)}, day=day, batch_id=f"{batch} {day}")


def answered(investigation):
    evidence._counted.cache_clear()
    return evidence.ranked(investigation), evidence.power(investigation)


@pytest.mark.skipif(not crowds.COMPILED, reason="needs numba (pip install 'citywatch[fast]')")
def test_bare_columns_and_what_came_since_rank_as_the_engine_does(investigation, places, monkeypatch):
    before = answered(investigation)
    send([(7000, places["110106024-W01"], moment(1) - timedelta(days=8))], "before the windows")
    jobs.compact(closed=date(2020, 6, 30))
    pin = store().pin()
    assert window.Window.open(store().root / window.FOLDER).speaks_for(pin)

    assert answered(investigation) == before
    assert before[0][0].code == HALL
    send([(5_000_000 + i, places[HALL], moment(3)) for i in range(10)] + [(1_000_000, places[HALL], moment(3))], "late")
    quick = answered(investigation)
    assert quick[0][0].visitors == before[0][0].visitors + 10
    monkeypatch.setattr(crowds, "COMPILED", False)
    assert answered(investigation) == quick

    shutil.rmtree(store().root / window.FOLDER)
    assert answered(investigation) == quick


def test_where_the_city_would_have_to_be_read_the_foremost_places_are_counted_closely(investigation, monkeypatch):
    monkeypatch.setattr(crowds, "COMPILED", False)
    everything = answered(investigation)[0]
    monkeypatch.setattr(evidence, "RECOUNTED", 1)
    foremost = answered(investigation)[0]

    assert [one.code for one in everything] == [HALL, MARKET, SUPERMARKET]
    assert foremost == everything[: len(foremost)]
    assert [one.code for one in foremost] == [HALL, MARKET]  # the market is known by its halls alone, so it is counted
