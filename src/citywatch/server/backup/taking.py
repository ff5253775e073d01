"""Taking a backup while the city works.

The log's writers wait for the moment in which both the log's version and the database's are taken hold of. So the copy
holds every visit whose message it calls processed, and no visit of a message it does not know.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from citywatch.eventlog import durable
from citywatch.eventlog import manifest as log_manifest
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal.export import store
from citywatch.server.backup import database, manifest
from citywatch.server.backup.manifest import Manifest

LOG = "log"
_SEALED = {
    "vault_person": "wrapped_key IS NOT NULL",
    "receipts_receipt": "destroyed_at IS NULL",
    "receipts_quarantinedrow": "destroyed_at IS NULL",
}
_ENDS = """
SELECT writer, seq, digest FROM journal_entry entry
WHERE seq = (SELECT max(seq) FROM journal_entry own WHERE own.writer = entry.writer)
"""


def take(folder: Path, *, keys: Path, at: datetime, stage: Callable[[str], None] = lambda _words: None) -> Manifest:
    """Copy the installation to an empty folder and its keys to another; the manifest comes last and says what it is."""
    folder, keys = folder.resolve(), keys.resolve()
    if folder == keys or folder in keys.parents or keys in folder.parents:
        raise Refusal("The keys must not lie with what they open; give --keys a folder apart, best on another medium.")
    for one in (folder, keys):
        if not manifest.is_empty(one):
            raise Refusal(f"{one} is not empty, and a backup writes over nothing; give a new folder.")
        one.mkdir(parents=True, exist_ok=True, mode=0o700)
    _copy_keys(keys)  # before and after: a rotation in between may end one and begin another
    with ExitStack() as held:
        with durable.only_writer(store().root / "writer.lock"):
            version = log_manifest.read(store().root / "manifest.json")
            copy, ask = held.enter_context(database.snapshot())
        stage("Copying the database")
        copy(folder)
        rows = {table: _count(ask, table) for table in database.tables()}
        sealed = {table: _count(ask, table, where) for table, where in _SEALED.items()}
        heads = {writer: (int(seq), digest) for writer, seq, digest in ask(_ENDS)}
    _copy_keys(keys)
    stage("Copying the event log")
    _copy_log(version, folder / LOG)
    for path in (Path(settings.HOME) / "heads", Path(settings.HOME) / "certificates"):
        for file in sorted(path.glob("*.json*")):
            manifest.copy(file, folder / path.name / file.name)
    stage("Writing down what was copied")
    told = Manifest(
        made_at=at.isoformat(),
        database=connection.vendor,
        rows=rows,
        heads=heads,
        sealed=sealed,
        files=manifest.files_below(folder),
        keys={path.name: manifest.fingerprint_of(path) for path in sorted(keys.glob("*.key"))},
    )
    manifest.write(folder, told)
    return told


def _copy_keys(into: Path) -> None:
    for path in sorted(Path(settings.CITYWATCH_KEYS).glob("*.key")):
        try:
            manifest.copy(path, into / path.name, mode=0o600)
        except FileNotFoundError:  # given up this moment; the copy made before holds it
            continue
    os.chmod(into, 0o700)  # noqa: PTH101


def _copy_log(version: log_manifest.Manifest, into: Path) -> None:
    """The segments of one version: files that are never written again, only removed an hour after they were dropped."""
    into.mkdir(parents=True, exist_ok=True)
    for segment in version.segments:
        try:
            manifest.copy(store().root / segment.file, into / segment.file)
        except FileNotFoundError:
            raise Refusal(
                f"{segment.file} of the event log was tidied away while it was copied; take the backup again."
            ) from None
    log_manifest.write(into / "manifest.json", version)


def _count(ask: Callable[[str], list[tuple[Any, ...]]], table: str, where: str = "") -> int:
    condition = f" WHERE {where}" if where else ""
    ((count,),) = ask(f'SELECT count(*) FROM "{table}"{condition}')  # noqa: S608 - our own names
    return int(count)
