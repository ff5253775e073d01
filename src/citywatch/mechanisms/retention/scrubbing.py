"""Making deleted bytes leave the database's files, and looking whether they have."""

import mmap
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.apps import apps
from django.db import connection

_WHERE = ("vault_", "receipts_", "forms_", "sense_photo")


def overwrite_deleted() -> None:
    """From here on SQLite writes zeros over what is deleted; PostgreSQL's leftovers go with `scrub`."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")
            cursor.fetchall()


def scrub(*, whole: bool) -> None:
    """Rewrite the tables people were in, so that no page keeps an old version of a row. Locks them meanwhile.

    Not `whole`, for every day's clocks, nobody is locked out: SQLite has overwritten what was deleted already, and
    PostgreSQL gives the dead rows up to be reused. What remains of wrapped keys there opens with the present master
    alone: a rotation makes it worthless. Inside a transaction nothing of this can be done and is left. PostgreSQL's
    write-ahead log keeps old pages until it is recycled, and a file system may keep blocks that were let go: the disk
    below has to be encrypted.
    """
    if connection.in_atomic_block:
        return
    if not whole:
        with connection.cursor() as cursor:
            for table in _tables() if connection.vendor == "postgresql" else ():
                cursor.execute(f"VACUUM (ANALYZE) {connection.ops.quote_name(table)}")
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.fetchall()
            return
        for table in _tables():
            cursor.execute(f"VACUUM (FULL, ANALYZE) {connection.ops.quote_name(table)}")


def found_again(canaries: Sequence[bytes], *, folders: Iterable[Path]) -> list[bytes]:
    """Which of these bytes still stand in the database or in a file below these folders.

    SQLite's file is read byte by byte. Of PostgreSQL, whose files belong to another user, the tables are read as text.
    """
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        files += [path for path in (Path(name + end) for end in ("", "-journal", "-wal", "-shm")) if path.is_file()]
    left = [canary for canary in dict.fromkeys(canaries) if any(_in_file(path, canary) for path in files)]
    if connection.vendor == "postgresql":
        left += _in_tables([canary for canary in dict.fromkeys(canaries) if canary not in left])
    return left


def _in_file(path: Path, canary: bytes) -> bool:
    if path.stat().st_size < len(canary):
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return mapped.find(canary) >= 0


def _in_tables(canaries: Sequence[bytes]) -> list[bytes]:
    if not canaries:
        return []
    forms = {form: canary for canary in canaries for form in _as_text(canary)}
    wanted = re.compile("|".join(map(re.escape, forms)))
    found: set[bytes] = set()
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t")  # noqa: S608 - our own names
            while part := cursor.fetchmany(1000):
                found.update(forms[hit] for (text,) in part for hit in wanted.findall(text))
    return sorted(found)


def _as_text(canary: bytes) -> list[str]:
    """How PostgreSQL writes these bytes: in hexadecimal, or as the text they are."""
    try:
        return [canary.hex(), canary.decode()]
    except UnicodeDecodeError:
        return [canary.hex()]


def _tables() -> list[str]:
    tables = [model._meta.db_table for model in apps.get_models()]
    return [table for table in tables if table.startswith(_WHERE)]
