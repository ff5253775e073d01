"""A process table refuses what it does not allow, asks for reasons, and keeps its clocks."""

from datetime import timedelta

import pytest
from tests.conftest import NOON

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import Lifecycle, Transition
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.services import clock_rule, start_clock, stop_clock

STATES = {"new": Label("新", "New"), "done": Label("完成", "Done")}


def test_a_table_that_names_an_unknown_state_is_refused_when_written():
    with pytest.raises(ValueError, match="lacks"):
        Lifecycle("thing", STATES, (Transition("finish", ("new",), "gone", "x.y", Label("完成", "Finish")),))


def test_an_unknown_step_names_the_known_ones():
    table = Lifecycle("thing", STATES, (Transition("finish", ("new",), "done", "x.y", Label("完成", "Finish")),))

    with pytest.raises(Refusal, match="it has finish"):
        table.move("fly")


def test_the_source_clock_runs_sixteen_hours_from_its_start(city):
    clock = start_clock("source-lock", Place.objects.get(code="110106018"), at=NOON, place=city)

    assert clock.due_at - clock.started_at == timedelta(hours=16)
    assert clock_rule("source-lock").source
    assert not clock.is_late(NOON + timedelta(hours=16))
    assert clock.is_late(NOON + timedelta(hours=16, seconds=1))


def test_a_running_clock_is_not_started_twice_and_a_stopped_one_stays_met(city):
    street = Place.objects.get(code="110106018")
    start_clock("source-lock", street, at=NOON, place=city)
    start_clock("source-lock", street, at=NOON + timedelta(hours=1), place=city)
    stop_clock("source-lock", street, at=NOON + timedelta(hours=2))

    (clock,) = Clock.objects.all()
    assert clock.started_at == NOON
    assert not clock.is_late(NOON + timedelta(days=1))
