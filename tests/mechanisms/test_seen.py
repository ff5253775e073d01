"""Whoever was shown a person stands in a list that the person may ask for."""

from datetime import timedelta

import pytest
from tests.city.reports import id_number
from tests.conftest import NOON

from citywatch.city.trace.models import Case
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.seen import who_saw
from citywatch.mechanisms.vault.types import Identity
from citywatch.server.keeping import READS

LONG_AGO = NOON - timedelta(days=183)


@pytest.fixture
def people(city):
    clinic = Place.objects.get(code="110106018-C01")
    told = [Identity(name=f"张{number}", id_number=id_number(number)) for number in (1, 2)]
    return vault.enrol_many(told, known_at=[(clinic, "reporting")], at=NOON)


def test_every_look_at_a_person_is_listed_newest_first_and_nobody_elses(people, viewers, city):
    asked, other = people
    investigator = viewers["investigator"]
    case = Case.objects.create(
        place=Place.objects.get(code="110106"), person=asked, hazard="covid-19", reported_at=NOON,
        classification="confirmed",
    )  # fmt: skip
    vault.open_identities([asked.pk, other.pk], by=investigator, purpose="流调", at=NOON)
    journal.record(
        "trace.records_read", place=case.place, by=investigator, at=NOON + timedelta(hours=1), subject=case,
        because="timeline", person_id=asked.pk,
    )  # fmt: skip

    looks = who_saw(asked.pk, reads=READS, since=LONG_AGO, by=viewers["duty_officer"], at=NOON + timedelta(hours=2))

    assert [(look.kind, look.because) for look in looks] == [
        ("trace.records_read", "timeline"),
        ("vault.opened", "流调"),
    ]
    assert all("investigator" in look.name for look in looks)
    assert Entry.objects.filter(kind="vault.looks_listed", subject_id=asked.pk).count() == 1


def test_who_may_not_read_the_journal_where_the_person_is_known_learns_nothing(people, viewers):
    for who in ("investigator_xicheng", "sentinel_nurse", "press", "nobody"):
        with pytest.raises(NotFound):
            who_saw(people[0].pk, reads=READS, since=LONG_AGO, by=viewers[who], at=NOON)
    assert not Entry.objects.filter(kind="vault.looks_listed").exists()
