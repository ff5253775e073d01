"""`citywatch watch`: the same run from a terminal."""

import pytest
from click.testing import CliRunner
from tests.city.warn.conftest import CLINIC, TODAY

from citywatch.city.warn.models import Run, Signal
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.server.cli.watch import watch


@pytest.fixture(autouse=True)
def _jump(monkeypatch, send, quiet, evening):
    monkeypatch.setattr(clock, "now", lambda: evening)
    quiet(CLINIC, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 9, "fever")


def run(*arguments):
    return CliRunner().invoke(watch, arguments, catch_exceptions=False)


def test_a_past_moment_is_printed_and_not_stored():
    shown = run("--at", "2020-06-11T18:30")

    assert shown.stdout.splitlines()[1].startswith(
        "symptom\tfever\t110106018\treporting\t2020-06-11\t2020-06-11\t9\t1.43"
    )
    assert "nothing stored" in shown.stderr
    assert not Signal.objects.exists()


def test_before_the_reports_came_there_was_nothing_to_see():
    assert len(run("--at", "2020-06-11T17:00").stdout.splitlines()) == 1


def test_a_past_moment_is_stored_when_asked():
    run("--at", "2020-06-11T18:30", "--store")

    assert Signal.objects.count() == Run.objects.count() == 1


def test_now_is_stored():
    assert "1 signals raised" in run().stderr


@pytest.mark.parametrize("moment", ["yesterday", "2031-01-01T00:00"])
def test_a_moment_that_is_none_or_to_come_is_refused(moment):
    with pytest.raises(Refusal, match="--at"):
        run("--at", moment)
