"""Tracing's newer doors for programs: both directions, and the hand-over of a case."""

import pytest
from tests.city.trace.test_case_handover import investigation  # noqa: F401 - a fixture
from tests.city.trace.test_evidence import HALL

from citywatch.city.trace.models import Case


def ask(client, path, body=None):
    if body is None:
        return client.get(f"/api/trace{path}")
    return client.post(f"/api/trace{path}", body, content_type="application/json")


@pytest.fixture
def number(investigation, at_noon):  # noqa: F811
    return investigation.pk


def test_both_directions_are_asked_by_address(number, client_as):
    client = client_as("investigator")
    (hall, market) = ask(client, f"/investigations/{number}/places").json()

    assert (hall["code"], hall["where_from"], hall["who_next"]) == (HALL, 2, 0)
    assert ask(client, f"/investigations/{number}/spread").json() == []
    without = ask(client, f"/investigations/{number}/places?without_place={market['place_id']}")
    assert without.json() == []


def test_a_case_goes_to_another_district_and_comes_back(number, client_as):
    giver, receiver = client_as("investigator"), client_as("investigator_xicheng")
    first = Case.objects.order_by("pk").first()
    told = {"to": "110102", "because": "lives in Xicheng"}
    made = ask(giver, f"/cases/{first.pk}/hand-over", told)

    assert made.status_code == 201
    theirs = made.json()["id"]
    assert ask(giver, f"/cases/{theirs}/accept", {}).status_code == 404
    assert ask(receiver, f"/cases/{theirs}/decline", {"because": ""}).status_code == 422
    assert ask(receiver, f"/cases/{theirs}/decline", {"because": "lives in Chaoyang"}).status_code == 204
    assert ask(receiver, f"/cases/{theirs}/accept", {}).status_code == 409
    again = ask(giver, f"/cases/{first.pk}/hand-over", told).json()["id"]
    assert ask(receiver, f"/cases/{again}/accept", {}).status_code == 204
    assert ask(receiver, f"/cases/{again}").json()["state"] == "core_done"
