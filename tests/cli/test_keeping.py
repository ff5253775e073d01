"""An installation as its operator keeps it: purged to the last byte, backed up while it works, brought back elsewhere.

On SQLite, and on databases of its own where DATABASE_URL names a PostgreSQL server.
"""

import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.conftest import _SITE, SITE, Installation

from citywatch.mechanisms.retention import certificate

FILL = Path(__file__).with_name("keep_fill.py")
ROOT = FILL.parents[2]
PAGE = ROOT / "docs" / "how-to" / "back-up-and-restore.md"


@dataclass(frozen=True)
class Kept(Installation):
    """An installation with its database, and what of its first patient must be nowhere once that is purged."""

    url: str = ""
    hidden: tuple[bytes, ...] = ()
    plain: tuple[bytes, ...] = ()
    person: int = 0

    def run(self, *arguments, **environment):
        more = {"DATABASE_URL": self.url} if self.url else {}
        return super().run(*arguments, PYTHONPATH=f"{ROOT}/src:{ROOT}", **more, **environment)

    @contextmanager
    def writing(self):
        """A gate keeps sending visits meanwhile."""
        command = [sys.executable, "-m", "citywatch.server.cli", "manage", "shell", "-v0", "-c"]
        command.append(f"exec(open({str(FILL.with_name('keep_write.py'))!r}).read()); main()")
        given = {name: value for name, value in os.environ.items() if not name.startswith(("CITYWATCH", "DJANGO"))}
        given |= {"CITYWATCH_HOME": str(self.home), "CITY": "xiamen", "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
        given |= {"DATABASE_URL": self.url}
        gate = subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True)
        try:
            assert gate.stdout.readline() == "sending\n"
            yield
            assert gate.poll() is None, "the gate was turned away"
        finally:
            gate.kill()
            gate.wait()

    def visits(self):
        """Messages of visits by number: those processed, those there are, and those whose rows lie in the log."""
        with closing(sqlite3.connect(self.home / "citywatch.sqlite3")) as database:
            found = database.execute("SELECT id, state FROM receipts_receipt WHERE form = 'visits'").fetchall()
        segments = json.loads((self.home / "log" / "manifest.json").read_text())["segments"]
        batches = {batch for table, *_, names in segments if table == "visits" for batch in names}
        in_log = {int(batch.split("-")[1]) for batch in batches}
        return {pk for pk, state in found if state == "processed"}, {pk for pk, _ in found}, in_log

    def holds(self, marks):
        """Which of these bytes stand in a file of the installation, the keys' own folder left out."""
        files = [path for path in self.home.rglob("*") if path.is_file() and "keys" not in path.parts]
        whole = [path.read_bytes() for path in files]
        return [mark for mark in marks if any(mark in content for content in whole)]


def commands(tmp_path):
    """The commands of the how-to page, with folders of this test, by their first word."""
    written = re.findall(r"^citywatch (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    words = [
        line.replace("/backup", f"{tmp_path}/backup").replace("/safe", f"{tmp_path}/safe").split() for line in written
    ]
    return {line[0]: line for line in words}


def statement(server, text):
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(text)


@pytest.fixture(scope="module")
def databases():
    """Makes empty PostgreSQL databases, dropped when the module is done."""
    server, made = os.environ.get("DATABASE_URL", ""), []

    def make():
        if not server:
            pytest.skip("needs DATABASE_URL of a PostgreSQL server")
        made.append(f"keeping_{secrets.token_hex(4)}")
        statement(server, f"CREATE DATABASE {made[-1]}")
        return server.rsplit("/", 1)[0] + f"/{made[-1]}"

    yield make
    for name in made:
        statement(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request, _founded, databases, tmp_path_factory):
    """A city with patients, visits, messages and a row that waits."""
    home = tmp_path_factory.mktemp("kept") / "home"
    if request.param == "sqlite":
        shutil.copytree(_founded.home, home)
        made = Kept(home)
    else:
        made = Kept(home, url=databases())
        assert made.run("admin", "create", "--city", "xiamen").code == 0
        assert made.run("manage", "shell", "-v0", "-c", _SITE.format(site=SITE)).code == 0
    told = made.run("manage", "shell", "-v0", "-c", f"exec(open({str(FILL)!r}).read()); main()")
    assert told.code == 0, told.err
    found = json.loads(told.out.splitlines()[-1])
    hidden, plain = (tuple(bytes.fromhex(one) for one in found[name]) for name in ("hidden", "plain"))
    return Kept(home, made.url, hidden, plain, found["person"])


def test_a_backup_taken_is_brought_back_elsewhere_and_is_the_same_city(filled, tmp_path):
    page = commands(tmp_path)
    folder, keys = tmp_path / "backup" / "today", tmp_path / "safe" / "today"
    assert filled.run("journal-heads").code == 0

    with filled.writing():
        taken = filled.run(*page["backup"])

    assert taken.code == 0, taken.err
    assert "sealed values open" in taken.out
    # nobody learns anything from the backup without the keys, and the keys are not in it
    key = (keys / "vault.key").read_bytes()
    copied = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(mark in content for content in copied for mark in (key, *filled.plain))
    if filled.url:
        return

    elsewhere = Kept(tmp_path / "elsewhere")
    back = elsewhere.run(*page["restore"])
    assert back.code == 0, back.err
    assert elsewhere.run(*page["verify-journal"]).code == 0
    processed, known, in_log = elsewhere.visits()
    assert processed <= in_log <= known  # no visit lost of a message called processed, none of a message nobody has
    assert filled.visits()[1] > known  # it was written to meanwhile


def test_a_purged_person_is_in_no_byte_of_the_installation_and_nobody_else_is_missing(filled):
    if not filled.url:  # a PostgreSQL server's files are another user's; there the command reads the tables
        assert set(filled.holds(filled.hidden)) == set(filled.hidden)
    assert filled.holds(filled.plain) == []  # sealed from the first moment on

    purged = filled.run("purge", filled.person, "--because", "court order 17", "--yes")

    assert purged.code == 0, purged.err
    assert filled.holds([*filled.hidden, *filled.plain]) == []
    (paper,) = (filled.home / "certificates").glob("*.json")
    told = json.loads(paper.read_text())
    assert certificate.holds(told)
    assert (told["looked_for"] >= len(filled.hidden), told["found"]) == (True, 0)
    assert set(told["rows"]) == {"vault_sealedidentity", "vault_blindindex", "vault_pseudonym"}
