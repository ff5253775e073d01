"""Who sees what, where, until when."""

from datetime import timedelta

import pytest
from tests.conftest import NOON

from citywatch.mechanisms.errors import NotAllowed, NotFound
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Grant, Place, must
from citywatch.mechanisms.jurisdiction.services import issue_key, viewer_for, viewer_for_key
from citywatch.mechanisms.jurisdiction.types import NOBODY, Viewer


@pytest.fixture
def entries(city, viewers):
    places = Place.objects.in_bulk(["110106018", "110102009"], field_name="code")
    return {
        code: journal.record("test.happened", place=place, by=viewers["duty_officer"], at=NOON)
        for code, place in places.items()
    }


def test_a_district_sees_its_own_rows_and_the_city_sees_all(entries, viewers):
    def seen(name):
        return set(
            Entry.objects.visible_to(viewers[name]).filter(kind="test.happened").values_list("place__code", flat=True)
        )

    assert seen("investigator") == {"110106018"}
    assert seen("investigator_xicheng") == {"110102009"}
    assert seen("duty_officer") == {"110106018", "110102009"}


def test_without_a_grant_nothing_is_seen(entries, viewers):
    assert not Entry.objects.visible_to(viewers["nobody"]).exists()
    assert not Entry.objects.visible_to(NOBODY).exists()


def test_picking_a_hidden_row_is_refused_in_the_same_words_as_an_absent_one(entries, viewers):
    scope = Entry.objects.visible_to(viewers["investigator"])

    with pytest.raises(NotFound) as hidden:
        scope.pick([entries["110106018"].pk, entries["110102009"].pk])
    with pytest.raises(NotFound) as absent:
        scope.pick([10**9])

    assert hidden.value.sentence == absent.value.sentence


def test_a_path_does_not_match_a_longer_code_that_begins_alike():
    desk = Viewer("account:1", "desk", {"warn.view": ("110000/110106/",)})

    assert not desk.may("warn.view", "110000/1101061/")


def test_a_grant_ends_when_it_ends(accounts, city):
    account = accounts["investigator"]
    Grant.objects.filter(account=account).update(until=NOON)

    assert viewer_for(account, at=NOON - timedelta(seconds=1)).may_anywhere("trace.view")
    assert not viewer_for(account, at=NOON).may_anywhere("trace.view")


def test_a_service_refuses_an_ability_held_elsewhere(viewers, city):
    with pytest.raises(NotAllowed, match=r"trace\.investigate"):
        must(viewers["investigator"], "trace.investigate", Place.objects.get(code="110102"))


def test_a_machine_key_reaches_its_institution_and_is_kept_as_a_hash(city):
    site = Place.objects.get(code="110106018-C01")
    token = issue_key(name="HIS", place=site, abilities=["sense.submit"], at=NOON)

    viewer, place = viewer_for_key(token)

    assert place == site
    assert viewer.may("sense.submit", site.path)
    assert not viewer.may("sense.submit", Place.objects.get(code="110106024-S01").path)
    assert viewer_for_key(token + "x") is None
