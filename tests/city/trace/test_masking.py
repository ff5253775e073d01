"""Who may know that somebody is ill and not who they are reads a family name and the ends of an ID number."""

import pytest
from tests.conftest import NOON

from citywatch.city.trace.models import Case
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.vault.services import enrol
from citywatch.mechanisms.vault.types import Identity

ZHANG = Identity(name="张小明", id_number="11010119680101002X", phone="19900001234")
MASKED = "110***********002X"


@pytest.fixture
def address(city, at_noon):
    home = Place.objects.get(code="110106")
    known = enrol(ZHANG, place=home, relation="responsible", at=NOON)
    case = Case.objects.create(
        place=home, hazard="covid-19", reported_at=NOON, classification="confirmed", person=known
    )
    return f"/trace/cases/{case.pk}/"


def test_the_duty_desk_tells_two_zhangs_apart_by_the_ends_of_a_number_and_opens_nothing(address, client_as):
    page = client_as("duty_officer").get(address).content.decode()

    assert "张**" in page
    assert MASKED in page
    assert f"{address}identity/" not in page
    assert not Entry.objects.filter(kind="vault.opened").exists()


def test_an_investigator_reads_the_same_before_and_the_whole_after_saying_why(address, client_as):
    client = client_as("investigator")
    before = client.get(address).content.decode()
    after = client.post(f"{address}identity/", {"purpose": "流调"}).content.decode()

    assert MASKED in before
    assert not any(told in before for told in (ZHANG.name, ZHANG.id_number, ZHANG.phone))
    assert ZHANG.id_number in after


def test_a_commander_reads_the_number_of_the_case_alone(address, client_as):
    page = client_as("commander").get(address).content.decode()

    assert "C0" in page
    assert "张*" not in page
    assert "***" not in page
