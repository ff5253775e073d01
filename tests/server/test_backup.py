"""A backup says what it is, and one that is not whole is refused before anything is written."""

import secrets
from dataclasses import replace

import pytest

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal.export import store
from citywatch.server.backup import manifest, restoring, taking
from citywatch.server.backup.manifest import Manifest


@pytest.fixture
def backup(tmp_path):
    """A folder with a database and a segment, its keys beside it, and its manifest."""
    folder, keys = tmp_path / "backup", tmp_path / "keys"
    (folder / "log").mkdir(parents=True)
    keys.mkdir()
    (folder / "database.sqlite3").write_bytes(secrets.token_bytes(4096))
    (folder / "log" / "part").write_bytes(secrets.token_bytes(512))
    (keys / "vault.key").write_bytes(secrets.token_bytes(32))
    prints = {"vault.key": manifest.fingerprint_of(keys / "vault.key")}
    told = Manifest("2020-06-11", "sqlite", {"t": 1}, {"w": (1, "d")}, {}, manifest.files_below(folder), prints)
    manifest.write(folder, told)
    return folder, keys


def test_a_whole_backup_is_read_as_it_was_written(backup):
    folder, keys = backup
    told = manifest.read(folder)

    manifest.check_files(folder, told)
    manifest.check_keys(keys, told)
    assert sorted(told.files) == ["database.sqlite3", "log/part"]


def cut(folder):
    whole = (folder / "database.sqlite3").read_bytes()
    (folder / "database.sqlite3").write_bytes(whole[:-1])


def changed(folder):
    whole = bytearray((folder / "database.sqlite3").read_bytes())
    whole[2000] ^= 1
    (folder / "database.sqlite3").write_bytes(bytes(whole))


def lacking(folder):
    (folder / "log" / "part").unlink()


@pytest.mark.parametrize(("spoil", "words"), [(cut, "cut short"), (changed, "hash differs"), (lacking, "is missing")])
def test_a_backup_that_was_cut_short_changed_or_lacks_a_file_is_refused_by_name(backup, spoil, words):
    folder, _ = backup
    spoil(folder)

    with pytest.raises(Refusal, match=words):
        manifest.check_files(folder, manifest.read(folder))


def test_a_backup_that_was_stopped_is_none(backup):
    folder, _ = backup
    (folder / "backup.json").unlink()

    with pytest.raises(Refusal, match="no backup"):
        manifest.read(folder)


def test_keys_of_another_installation_are_refused(backup):
    folder, keys = backup
    (keys / "vault.key").write_bytes(secrets.token_bytes(32))

    with pytest.raises(Refusal, match="another key"):
        manifest.check_keys(keys, manifest.read(folder))


def test_keys_never_lie_with_what_they_open_and_nothing_is_written_over(backup, tmp_path):
    folder, _ = backup

    with pytest.raises(Refusal, match="folder apart"):
        taking.take(tmp_path / "new", keys=tmp_path / "new" / "keys", at=None)
    with pytest.raises(Refusal, match="not empty"):
        taking.take(folder, keys=tmp_path / "others", at=None)


def test_a_restore_refuses_before_it_writes_anything(backup, city, settings, tmp_path):
    folder, keys = backup
    (folder / "log" / "manifest.json").write_text('{"format": 1, "number": 0, "first_days": {}, "segments": []}')
    told = manifest.read(folder)
    manifest.write(folder, replace(told, files=manifest.files_below(folder)))
    settings.CITYWATCH_KEYS = tmp_path / "other keys"
    whole = (keys / "vault.key").read_bytes()
    (keys / "vault.key").write_bytes(secrets.token_bytes(32))
    with pytest.raises(Refusal, match="another key"):
        restoring.restore(folder, keys=keys, now=None)
    (keys / "vault.key").write_bytes(whole)
    with pytest.raises(Refusal, match="not empty"):
        restoring.restore(folder, keys=keys, now=None)

    assert not (tmp_path / "other keys").exists()
    assert not store().days("entries")
