"""Identities are sealed, opened only with a reason and a grant, and every opening is written down."""

import pytest
from django.apps import apps
from django.db import connection
from tests.city.reports import id_number, message, symptom
from tests.conftest import NOON

from citywatch.city.sense import services as sense
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.models import BlindIndex, KnownAt, Person, SealedIdentity
from citywatch.mechanisms.vault.sealing import SealBroken, seal, unseal
from citywatch.mechanisms.vault.types import Identity

ZHANG = Identity(name="张甲", id_number=id_number(1), phone="13900001234")


@pytest.fixture
def clinic(city):
    return Place.objects.get(code="110106018-C01")


@pytest.fixture
def zhang(clinic):
    return vault.enrol(ZHANG, place=clinic, relation="reporting", at=NOON)


def test_the_same_id_number_is_the_same_person(zhang, clinic):
    again = vault.enrol(Identity(name="张甲", id_number=ZHANG.id_number), place=clinic, relation="treating", at=NOON)

    assert again.pk == zhang.pk
    assert SealedIdentity.objects.count() == 1


def test_another_name_under_the_same_number_is_never_merged(zhang, clinic):
    with pytest.raises(vault.IdentityConflict):
        vault.enrol(Identity(name="别人", id_number=ZHANG.id_number), place=clinic, relation="reporting", at=NOON)


def test_without_a_number_name_and_phone_together_find_a_person(zhang, clinic):
    same = vault.enrol(Identity(name="张甲", phone=ZHANG.phone), place=clinic, relation="reporting", at=NOON)
    other = vault.enrol(Identity(name="张丙", phone=ZHANG.phone), place=clinic, relation="reporting", at=NOON)

    assert same.pk == zhang.pk
    assert other.pk != zhang.pk


def test_a_number_told_without_a_name_takes_the_name_that_comes_later(clinic):
    nameless = vault.enrol(Identity(id_number=ZHANG.id_number), place=clinic, relation="reporting", at=NOON)

    assert vault.enrol(ZHANG, place=clinic, relation="reporting", at=NOON).pk == nameless.pk
    with pytest.raises(vault.IdentityConflict):
        vault.enrol(Identity(name="别人", id_number=ZHANG.id_number), place=clinic, relation="reporting", at=NOON)


def test_surrogates_are_made_once_and_take_their_name_later(clinic, zhang):
    first = vault.surrogates([ZHANG.id_number, id_number(2), id_number(3)], at=NOON)
    again = vault.surrogates([id_number(3), id_number(2)], at=NOON)

    assert first[ZHANG.id_number] == zhang.pk
    assert {number: first[number] for number in again} == again
    assert Person.objects.count() == 3
    named = vault.enrol(Identity(name="李乙", id_number=id_number(2)), place=clinic, relation="reporting", at=NOON)
    assert named.pk == first[id_number(2)]
    assert BlindIndex.objects.get(person=named, kind="id_number").name_blind


def test_opening_needs_a_purpose(zhang, viewers):
    with pytest.raises(Refusal):
        vault.open_identities([zhang.pk], by=viewers["investigator"], purpose="  ", at=NOON)

    assert not Entry.objects.filter(kind="vault.opened").exists()


def test_opening_is_written_down_with_its_purpose(zhang, viewers):
    opened = vault.open_identities([zhang.pk], by=viewers["investigator"], purpose="流调访谈", at=NOON)

    entry = Entry.objects.get(kind="vault.opened")
    assert opened[zhang.pk] == ZHANG
    assert (entry.actor, entry.because, entry.subject_id) == (viewers["investigator"].actor, "流调访谈", zhang.pk)


@pytest.mark.parametrize("who", ["investigator_xicheng", "duty_officer", "sentinel_nurse", "press", "nobody"])
def test_who_has_no_grant_where_the_person_is_known_opens_nothing(zhang, viewers, who):
    with pytest.raises(NotFound):
        vault.open_identities([zhang.pk], by=viewers[who], purpose="好奇", at=NOON)

    assert not Entry.objects.filter(kind="vault.opened").exists()


def test_one_person_out_of_reach_closes_the_whole_request(zhang, viewers, city):
    elsewhere = Place.objects.get(code="110102009-K01")
    other = vault.enrol(Identity(name="李乙", id_number=id_number(2)), place=elsewhere, relation="reporting", at=NOON)

    with pytest.raises(NotFound):
        vault.open_identities([zhang.pk, other.pk], by=viewers["investigator"], purpose="流调", at=NOON)


def test_a_handover_lets_the_home_district_open_too(zhang, viewers):
    vault.make_known([zhang], at_places=[(Place.objects.get(code="110102009"), KnownAt.Relation.HOME)])

    assert vault.open_identities([zhang.pk], by=viewers["investigator_xicheng"], purpose="协查", at=NOON)


def test_a_nurse_sees_masked_names_of_her_own_patients_only(zhang, viewers):
    masked = vault.masked_identities([zhang.pk], by=viewers["sentinel_nurse"])

    assert (masked[zhang.pk].name, masked[zhang.pk].phone) == ("张*", "139****1234")
    assert vault.masked_identities([zhang.pk], by=viewers["pharmacist"]) == {}


def test_later_statements_add_to_earlier_ones(zhang, clinic, viewers):
    moved = Identity(name="张甲", id_number=ZHANG.id_number, address="新街2号")
    vault.enrol(moved, place=clinic, relation="reporting", at=NOON)

    opened = vault.open_identities([zhang.pk], by=viewers["investigator"], purpose="流调", at=NOON)
    assert (opened[zhang.pk].phone, opened[zhang.pk].address) == (ZHANG.phone, "新街2号")


def test_without_its_key_an_identity_is_gone_and_the_count_stays(zhang, viewers):
    Person.objects.filter(pk=zhang.pk).update(wrapped_key=None)

    opened = vault.open_identities([zhang.pk], by=viewers["investigator"], purpose="流调", at=NOON)
    assert opened[zhang.pk] == Identity()
    assert Person.objects.count() == 1


@pytest.mark.parametrize("cipher", ["aes", "sm4"])
def test_a_sealed_value_opens_only_in_its_own_row(settings, cipher):
    settings.CITYWATCH_CIPHER = cipher
    sealed = seal(b"secret", key=b"k" * 32, bound_to="row 1")

    assert unseal(sealed, key=b"k" * 32, bound_to="row 1") == b"secret"
    assert b"secret" not in sealed
    for wrong in ({"key": b"x" * 32, "bound_to": "row 1"}, {"key": b"k" * 32, "bound_to": "row 2"}):
        with pytest.raises(SealBroken):
            unseal(sealed, **wrong)


def test_no_column_of_the_database_holds_a_name_number_phone_or_address(clinic, viewers):
    canaries = ["欧阳金丝雀", id_number(77, born="19771231"), "13987654321", "金丝雀胡同九号"]
    row = symptom(name=canaries[0], id_number=canaries[1], phone=canaries[2], address=canaries[3])
    sense.submit(
        "symptom-registration",
        message(row, {**row, "temperature": "99"}),
        channel="api",
        site=clinic,
        source="his",
        message_id="canary",
        sent_at=NOON,
        by=viewers["sentinel_nurse"],
        at=NOON,
    )

    assert SealedIdentity.objects.count() == 1  # there is something to find
    found = [(table, canary) for table, text in every_table() for canary in canaries if canary in text]
    assert found == []


def every_table():
    """Every table with all its values as text, bytes both decoded and in hexadecimal."""
    with connection.cursor() as cursor:
        for model in apps.get_models():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
            yield model._meta.db_table, "\n".join(as_text(value) for row in cursor.fetchall() for value in row)


def as_text(value):
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", errors="ignore")
    # JSON may keep Chinese as \u escapes
    return str(value).encode().decode("unicode_escape", errors="ignore") + str(value)


def test_a_person_whose_key_was_destroyed_may_come_again_and_stays_forgotten(zhang, clinic, viewers):
    Person.objects.filter(pk=zhang.pk).update(wrapped_key=None)

    again = vault.enrol(ZHANG, place=clinic, relation="reporting", at=NOON)

    assert again.pk == zhang.pk
    assert vault.masked_identities([zhang.pk], by=viewers["sentinel_nurse"])[zhang.pk] == Identity()
