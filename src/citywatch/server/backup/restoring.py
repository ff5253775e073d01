"""Bringing a backup back into an empty installation, and holding what came back against what was saved."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from citywatch.city.registry.queries import city_place
from citywatch.eventlog import manifest as log_manifest
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import heads
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.export import store
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.sealing import SealBroken
from citywatch.server.backup import database, manifest
from citywatch.server.backup.manifest import Manifest
from citywatch.server.backup.taking import LOG

_CHUNK = 2000
_CHUNK_OF_BYTES = 50


def restore(
    folder: Path, *, keys: Path, now: Callable[[], datetime], stage: Callable[[str], None] = lambda _words: None
) -> Manifest:
    """Bring a backup back; refuses before it writes anything if backup or keys are not whole, or something is there.

    Killed in between, it is run again: the database comes last and in one step. `now` is asked when there is a database
    to say what time the city has.
    """
    told = manifest.read(folder)
    stage("Checking the backup")
    manifest.check_files(folder, told)
    manifest.check_keys(keys, told)
    if not database.is_empty():
        raise Refusal("The database is not empty, and a restore writes over nothing; give an empty one.")
    _refuse_other_keys(told)
    root = store().root
    if (root / "manifest.json").exists() and log_manifest.read(root / "manifest.json").number > _saved(folder).number:
        raise Refusal(f"There is an event log in {root}, and a restore writes over nothing; move it away.")
    stage("Copying keys and event log")
    for name in told.keys:
        manifest.copy(keys / name, Path(settings.CITYWATCH_KEYS) / name, mode=0o600)
    for part in ("heads", "certificates"):
        for file in sorted((folder / part).glob("*")):
            manifest.copy(file, Path(settings.HOME) / part / file.name)
    saved = _saved(folder)
    for segment in saved.segments:
        manifest.copy(folder / LOG / segment.file, root / segment.file)
    root.mkdir(parents=True, exist_ok=True)
    log_manifest.write(root / "manifest.json", saved)
    stage("Bringing the database back")
    database.bring_back(folder)
    stage("Comparing")
    compare(told)
    if Place.objects.exists():
        city = city_place()
        journal.record(
            "server.restored",
            place=city,
            by=machine("restore", place=city, abilities=[]),
            at=now(),
            saved_at=told.made_at,
        )
    return told


def compare(told: Manifest) -> None:
    """Hold this installation against what its backup said: rows, journal, ends, and that what is sealed opens."""
    with connection.cursor() as cursor:
        for table, count in told.rows.items():
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - our own names
            (found,) = cursor.fetchone()
            if found != count:
                raise Refusal(
                    f"{table} has {found} rows and had {count}: the restore is not whole; use another backup."
                )
    broken = journal.first_broken()
    if broken:
        raise Refusal(f"The journal that came back is broken at {broken}; use another backup.")
    held = journal.heads()
    if held != dict(told.heads):
        raise Refusal("The journal that came back ends elsewhere than the one saved; use another backup.")
    exported = Path(settings.HOME) / "heads" / heads.FILE
    cut = _first_cut(exported) if exported.exists() else None
    if cut:
        raise Refusal(f"The journal that came back lacks {cut}, which its own heads name; use another backup.")
    opened = {"vault_person": _open_people(), **_open_messages()}
    if opened != dict(told.sealed):
        raise Refusal(f"{opened} could be opened and {dict(told.sealed)} should have been; use another backup.")


def _first_cut(path: Path) -> str | None:
    """The heads are copied a little after the database, so a line about entries younger than it is no loss."""
    ends = journal.heads()
    for line in heads.read(path):
        for writer, (seq, digest) in line.moved.items():
            inside = writer in ends and seq <= ends[writer][0]
            if inside and not Entry.objects.filter(writer=writer, seq=seq, digest=digest).exists():
                return f"{writer}:{seq}"
    return None


def _open_people() -> int:
    """Every person's key, and the first sealed identity of each part."""
    after = opened = 0
    while part := list(Person.objects.filter(pk__gt=after, wrapped_key__isnull=False).order_by("pk")[:_CHUNK]):
        after = part[-1].pk
        try:
            for person in part:
                keyring.unwrap(
                    person.wrapped_key, master=vault.MASTER, generation=person.generation,
                    bound_to=vault.key_bound(person.pseudonym),
                )  # fmt: skip
            vault.unsealed([person.pk for person in part])
        except SealBroken as error:
            raise Refusal(f"What came back does not open: {error} Give the keys saved with this backup.") from error
        opened += len(part)
    return opened


def _open_messages() -> dict[str, int]:
    opened = {}
    for model, read in ((Receipt, receipts.body_of), (QuarantinedRow, receipts.values_of)):
        after = count = 0
        here = model.objects.filter(destroyed_at__isnull=True).order_by("pk")
        while part := list(here.filter(pk__gt=after)[:_CHUNK_OF_BYTES]):
            after = part[-1].pk
            try:
                for row in part:
                    read(row)
            except SealBroken as error:
                raise Refusal(f"What came back does not open: {error} Give the keys saved with this backup.") from error
            count += len(part)
        opened[model._meta.db_table] = count
    return opened


def _refuse_other_keys(told: Manifest) -> None:
    """Keys already here are never written over; the ones a first start made in an empty installation may be moved."""
    for name, fingerprint in told.keys.items():
        path = Path(settings.CITYWATCH_KEYS) / name
        if path.exists() and manifest.fingerprint_of(path) != fingerprint and name != "django.key":
            raise Refusal(f"{path} is another key than the backup's; move it away, or give another CITYWATCH_HOME.")


def _saved(folder: Path) -> log_manifest.Manifest:
    return log_manifest.read(folder / LOG / "manifest.json")
