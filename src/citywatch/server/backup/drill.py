"""Restoring a backup somewhere else and comparing: the only proof that there is one."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from citywatch.mechanisms.errors import Refusal


def drill(folder: Path, *, keys: Path) -> str:
    """Restore into a folder (and a database) that are thrown away afterwards; gives what the restore said.

    By a process of its own, as after a loss: nothing of this installation is at hand, only the backup.
    """
    with tempfile.TemporaryDirectory(prefix="citywatch-restore-") as home, _database() as url:
        environment = {**os.environ, "CITYWATCH_HOME": home, "CITYWATCH_MODE": settings.MODE, "DATABASE_URL": url}
        environment.pop("CITYWATCH_HEADS", None)
        command = [sys.executable, "-m", "citywatch.server.cli", "restore", str(folder), "--keys", str(keys)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1].removeprefix("citywatch: ")
            raise Refusal(f"The backup could not be restored: {said}")
        return done.stdout.strip()


@contextmanager
def _database() -> Iterator[str]:
    """A database to restore into: none for SQLite; on PostgreSQL one beside the installation's, dropped afterwards."""
    url = settings.ENVIRONMENT.database_url
    if connection.vendor == "sqlite":
        yield ""
        return
    name = f"citywatch_restore_{secrets.token_hex(4)}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield url.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
