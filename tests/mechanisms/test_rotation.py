"""Master keys are replaced while the city works, and an old one is given up only when nothing needs it."""

import os
from pathlib import Path

import pytest
from tests.city.reports import id_number
from tests.conftest import NOON

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts import rotation
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault import rotation as vault_rotation
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.sealing import SealBroken, seal
from citywatch.mechanisms.vault.types import Identity

PEOPLE = [Identity(name=f"张{number}", id_number=id_number(number)) for number in range(5)]


@pytest.fixture
def keys(settings, tmp_path):
    """Keys of this test alone."""
    settings.CITYWATCH_KEYS = tmp_path / "keys"
    return settings.CITYWATCH_KEYS


@pytest.fixture
def site(keys, city):
    return Place.objects.get(code="110106018-C01")


@pytest.fixture
def operator(city):
    return machine("operator", place=city, abilities=["vault.rotate"])


@pytest.fixture
def filled(site):
    """Five people, a surrogate, a message and one of its rows waiting to be mended."""
    people = vault.enrol_many(PEOPLE, known_at=[(site, "reporting")], at=NOON)
    vault.surrogates([id_number(9)], at=NOON)
    receipt, _ = receipts.take(
        b"as it came", source="his", message_id="1", channel="api", form="f", place=site, sent_at=NOON, at=NOON
    )
    receipts.quarantine(receipt, [(1, {"name": "张甲"}, Label("缺项", "missing"))])
    return people


@pytest.fixture
def everything_opens(viewers):
    """Say that nothing has become unreadable."""

    def check():
        known = Person.objects.filter(known_at__isnull=False).values_list("pk", flat=True)
        opened = vault.open_identities(known, by=viewers["investigator"], purpose="check", at=NOON)
        assert sorted(found.name for found in opened.values()) == sorted(one.name for one in PEOPLE)
        assert receipts.body_of(Receipt.objects.get()) == b"as it came"
        assert receipts.values_of(QuarantinedRow.objects.get()) == {"name": "张甲"}

    return check


def grow_old(keys):
    """The newest masters were made an hour ago."""
    for path in keys.glob("*.key"):
        made = path.stat().st_mtime - 3600
        os.utime(path, (made, made))


@pytest.fixture(params=["aes", "sm4"])
def cipher(request, settings):
    settings.CITYWATCH_CIPHER = request.param


@pytest.mark.usefixtures("cipher", "filled")
def test_after_a_rotation_everything_opens_without_the_old_master(city, operator, everything_opens, keys):
    moved = rotation.rotate(city, by=operator, at=NOON)
    grow_old(keys)

    assert moved == {"phone": (2, 0), "vault": (2, 6), "receipts": (2, 2)}
    assert rotation.give_up_old(city, by=operator, at=NOON) == {"vault": [1], "receipts": [1], "phone": []}
    assert not Path(keys / "vault.key").exists()
    everything_opens()
    assert Entry.objects.filter(kind__in=["vault.keys_rotated", "vault.old_keys_destroyed"]).count() == 2


@pytest.mark.usefixtures("filled")
def test_a_rotation_that_was_killed_goes_on_where_it_was_and_nobody_notices(
    city, operator, everything_opens, monkeypatch
):
    def killed(done):
        raise KeyboardInterrupt

    monkeypatch.setattr(vault_rotation, "_CHUNK", 2)
    with pytest.raises(KeyboardInterrupt):
        rotation.rotate(city, by=operator, at=NOON, step=killed)
    assert rotation.unfinished()
    everything_opens()

    assert rotation.rotate(city, by=operator, at=NOON) == {"phone": (2, 0), "vault": (2, 4), "receipts": (2, 2)}
    assert not rotation.unfinished()
    everything_opens()


def test_a_key_destroyed_while_it_is_being_moved_does_not_come_back(filled, city, operator, monkeypatch):
    unwrap = keyring.unwrap
    gone = filled[0]

    def purged_meanwhile(wrapped, **how):
        if how["bound_to"] == vault.key_bound(gone.pseudonym):
            Person.objects.filter(pk=gone.pk).update(wrapped_key=None)
        return unwrap(wrapped, **how)

    monkeypatch.setattr(keyring, "unwrap", purged_meanwhile)
    rotation.rotate(city, by=operator, at=NOON)

    assert Person.objects.get(pk=gone.pk).wrapped_key is None


def test_an_old_master_stays_while_a_key_needs_it_or_the_new_one_is_young(filled, city, operator, keys):
    keyring.begin_generation("vault")
    keyring.begin_generation("receipts")
    with pytest.raises(Refusal) as refused:
        rotation.give_up_old(city, by=operator, at=NOON)
    assert "too young" in refused.value.sentence
    grow_old(keys)
    with pytest.raises(Refusal) as refused:
        rotation.give_up_old(city, by=operator, at=NOON)
    assert "6 under generation 1" in refused.value.sentence

    assert (keys / "vault.key").exists()


def test_whoever_enrols_while_a_rotation_runs_uses_the_new_master(filled, site, keys):
    keyring.begin_generation("vault")

    late = vault.enrol(Identity(name="后来", id_number=id_number(50)), place=site, relation="reporting", at=NOON)

    assert late.generation == 2


def test_what_was_sealed_before_values_had_own_keys_is_read_and_gets_one(site, city, operator, keys):
    bound = receipts.bound_to("his", "old")
    old = Receipt.objects.create(
        source="his", message_id="old", channel="api", form="f", place=site, digest="d", received_at=NOON,
        sent_at=NOON, sealed=seal(b"long ago", key=keyring.master_key("receipts", 1), bound_to=bound),
    )  # fmt: skip
    assert receipts.body_of(old) == b"long ago"

    rotation.rotate(city, by=operator, at=NOON)
    grow_old(keys)
    rotation.give_up_old(city, by=operator, at=NOON)

    assert receipts.body_of(Receipt.objects.get()) == b"long ago"


def test_with_a_master_missing_nothing_opens_and_no_new_one_takes_its_place(filled, operator, viewers, keys):
    rotation.rotate(Place.objects.get(kind="city"), by=operator, at=NOON)
    (keys / "vault.2.key").unlink()

    with pytest.raises(SealBroken, match="folder of keys"):
        vault.open_identities([filled[0].pk], by=viewers["investigator"], purpose="check", at=NOON)
    assert not (keys / "vault.2.key").exists()
