"""Reactions take turns; a report that wakes none of them does not queue for one."""

import pytest
from django.test import Client
from tests.city.reports import fever, message, symptom
from tests.conftest import NOON

from citywatch.city.sense.models import Hold
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import issue_key
from citywatch.server import wiring


@pytest.fixture
def turns(monkeypatch):
    """How often somebody asked for reactions."""
    taken, catch_up = [], wiring.catch_up
    monkeypatch.setattr(wiring, "catch_up", lambda: taken.append(catch_up()))
    journal.kinds_recorded()
    return taken


def test_a_report_waits_for_reactions_only_where_it_wakes_some(city, at_noon, turns):
    token = issue_key(name="HIS", place=Place.objects.get(code="110106018-H01"), abilities=["sense.submit"], at=NOON)
    system = Client(headers={"Authorization": f"Bearer {token}"})

    def send(form, row):
        told = {"data": message(row), "content_type": "application/json", "headers": {"Idempotency-Key": form}}
        assert system.post(f"/api/forms/{form}/batches", **told).status_code == 201

    send("symptom-registration", symptom(1))
    assert turns == []

    send("fever-clinic-visit", fever(2))
    assert len(turns) == 1
    assert Hold.objects.get().state == "held"
