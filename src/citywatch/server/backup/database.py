"""Copying the database as it was at one moment while others write, and bringing such a copy back, on both databases."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection

from citywatch.eventlog import durable
from citywatch.mechanisms.errors import Refusal

SQLITE_FILE = "database.sqlite3"
POSTGRESQL_FILE = "database.dump"

Copy = Callable[[Path], None]
"""Writes the database as it was when the snapshot began into a folder."""


@contextmanager
def snapshot() -> Iterator[tuple[Copy, Callable[[str], list[tuple[Any, ...]]]]]:
    """Hold one moment of the database: how to copy it, and how to ask it. Writers go on (on SQLite they wait)."""
    with (_of_sqlite if connection.vendor == "sqlite" else _of_postgresql)() as held:
        yield held


@contextmanager
def _of_sqlite() -> Iterator[tuple[Copy, Callable[[str], list[tuple[Any, ...]]]]]:
    name = str(connection.settings_dict["NAME"])
    source = sqlite3.connect(f"file:{name}?mode=ro", uri=True, timeout=60, isolation_level=None)
    try:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # takes the lock under which nobody commits

        def copy(folder: Path) -> None:
            target = sqlite3.connect(folder / SQLITE_FILE)
            with target:
                source.backup(target)
            target.close()
            _sync(folder / SQLITE_FILE)

        yield copy, lambda asked: source.execute(asked).fetchall()
    finally:
        source.close()


@contextmanager
def _of_postgresql() -> Iterator[tuple[Copy, Callable[[str], list[tuple[Any, ...]]]]]:
    import psycopg  # noqa: PLC0415 - an extra

    dump = program("pg_dump")
    given = _arguments()
    with psycopg.connect(**given["connect"]) as source:
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        (name,) = source.execute("SELECT pg_export_snapshot()").fetchone() or ("",)

        def copy(folder: Path) -> None:
            words = [dump, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={name}"]
            _run([*words, f"--file={folder / POSTGRESQL_FILE}", *given["words"]], given["environment"])
            _sync(folder / POSTGRESQL_FILE)

        yield copy, lambda asked: source.execute(asked).fetchall()


def bring_back(folder: Path) -> None:
    """Put a copy in place of the installation's database, which must be empty."""
    kind = "postgresql" if (folder / POSTGRESQL_FILE).exists() else "sqlite"
    if kind != connection.vendor:
        raise Refusal(
            f"This is a backup of a {_named(kind)} database and the installation is set to "
            f"{_named(connection.vendor)}; set DATABASE_URL accordingly."
        )
    if not is_empty():
        raise Refusal("The database is not empty, and a restore writes over nothing; give an empty one.")
    if kind == "sqlite":
        connection.close()
        name = Path(str(connection.settings_dict["NAME"]))
        aside = name.with_suffix(".restoring")
        shutil.copyfile(folder / SQLITE_FILE, aside)
        _sync(aside)
        aside.replace(name)  # a restore killed before this line left no database, and is simply run again
        durable.sync_directory(name.parent)
        return
    given = _arguments()
    words = [program("pg_restore"), "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run([*words, *given["words"], str(folder / POSTGRESQL_FILE)], given["environment"])


def is_empty() -> bool:
    """Whether the installation's database has no tables yet."""
    nothing_opened = connection.vendor == "sqlite" and connection.connection is None
    if nothing_opened and not Path(str(connection.settings_dict["NAME"])).exists():
        return True  # and asking would make the file
    return not connection.introspection.table_names()


def tables() -> list[str]:
    """Our tables whose rows a backup counts."""
    return sorted({model._meta.db_table for model in apps.get_models() if model.__module__.startswith("citywatch.")})


def program(name: str) -> str:
    """One of PostgreSQL's own programs, the newest there is."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        raise Refusal(f"{name} was not found; install the package postgresql-client of the server's version.")
    return path


def _arguments() -> Mapping[str, Any]:
    """How to reach the installation's PostgreSQL; the password goes by the environment, where `ps` does not show it."""
    told = connection.settings_dict
    host, port = told["HOST"] or "", str(told["PORT"] or "")
    words = [f"--dbname={told['NAME']}"]
    words += [f"--host={host}"] if host else []
    words += [f"--port={port}"] if port else []
    words += [f"--username={told['USER']}"] if told["USER"] else []
    by_name = {"dbname": told["NAME"], "user": told["USER"], "password": told["PASSWORD"], "host": host, "port": port}
    connect = {name: value for name, value in by_name.items() if value}
    return {
        "words": words,
        "connect": connect,
        "environment": {**os.environ, "PGPASSWORD": str(told["PASSWORD"] or "")},
    }


def _run(words: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Refusal(f"{Path(words[0]).name} failed: {said}")


def _named(kind: str) -> str:
    return "PostgreSQL" if kind == "postgresql" else "SQLite"


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
