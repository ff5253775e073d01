"""How long it takes to put new master keys in place, to purge by order, to back up and to restore, by number of people.

    python benchmarks/keeping.py [PEOPLE] [PURGED]

Beside a figure stands what the same cryptography, or the same bytes, cost without us: that is the floor. SQLite on a
disk, as an installation has it; everything in one process but the restore.
"""

# ruff: noqa: PLC0415 - models load only after Django is set up

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

PEOPLE = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
PURGED = int(sys.argv[2]) if len(sys.argv) > 2 else PEOPLE // 10
HOME = Path(tempfile.mkdtemp(prefix="citywatch-keeping-"))
os.environ |= {
    "CITYWATCH_MODE": "test",
    "CITYWATCH_HOME": str(HOME),
    "DJANGO_SETTINGS_MODULE": "citywatch.server.settings",
}
os.environ.pop("DATABASE_URL", None)
AT = datetime(2020, 6, 11, 4, tzinfo=UTC)


def main():
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from citywatch.city.registry.services import lay_city
    from citywatch.mechanisms.jurisdiction.services import machine
    from citywatch.mechanisms.receipts import rotation
    from citywatch.mechanisms.retention import purging
    from citywatch.mechanisms.vault.models import Person
    from citywatch.mechanisms.vault.seen import who_saw
    from citywatch.server.backup.taking import take
    from citywatch.server.keeping import READS, certificates

    city = lay_city("xiamen")
    by = machine("bench", place=city, abilities=["vault.rotate", "vault.purge", "vault.open", "journal.read"])
    fill(city, by)
    tell("people", PEOPLE)
    tell("rotation, s", timed(lambda: rotation.rotate(city, by=by, at=AT)), "bare unwrap and wrap, s", bare_rotation())
    first = list(Person.objects.order_by("pk").values_list("pk", flat=True)[:PURGED])
    last = Person.objects.order_by("-pk").first().pk
    since = AT - timedelta(days=183)
    tell("who saw one person, s", timed(lambda: who_saw(last, reads=READS, since=since, by=by, at=AT)))
    papers = []
    order = {"because": "bench", "by": by, "at": AT, "place": city, "folder": certificates()}
    tell("purge, s", timed(lambda: papers.append(purging.purge(first, **order))), "people purged", PURGED)
    tell("looked for", papers[0]["looked_for"], "found", papers[0]["found"])
    folder, keys = HOME / "backup", HOME / "safe"
    database = HOME / "citywatch.sqlite3"
    copied = timed(lambda: shutil.copyfile(database, HOME / "bare"))
    tell("backup, s", timed(lambda: take(folder, keys=keys, at=AT)), "bare copy of the database, s", copied)
    tell("database, bytes", database.stat().st_size)
    elsewhere = {**os.environ, "CITYWATCH_HOME": str(HOME / "elsewhere")}
    command = [sys.executable, "-m", "citywatch.server.cli", "restore", str(folder), "--keys", str(keys)]
    tell("restore with everything compared, s", timed(lambda: subprocess.run(command, env=elsewhere, check=True)))


def fill(city, by):
    """People with a sealed identity each, and one entry of somebody opening each of them."""
    from citywatch.mechanisms.journal import services as journal
    from citywatch.mechanisms.vault import services as vault
    from citywatch.mechanisms.vault.types import Identity

    for start in range(0, PEOPLE, 5000):
        told = [
            Identity(name=f"某{number}", id_number=f"{110106196801010000 + number}", phone=f"{13000000000 + number}")
            for number in range(start, min(start + 5000, PEOPLE))
        ]
        people = vault.enrol_many(told, known_at=[(city, "reporting")], at=AT)
        drafts = [journal.Draft("vault.opened", city, AT, "流调", "vault.person", one.pk, {}) for one in people]
        journal.record_many(drafts, by=by)


def bare_rotation():
    from citywatch.mechanisms.vault import keyring

    held = [keyring.own_key(master="vault", bound_to="bench") for _ in range(PEOPLE)]

    def again():
        for _, wrapped, generation in held:
            key = keyring.unwrap(wrapped, master="vault", generation=generation, bound_to="bench")
            keyring.wrap(key, master="vault", bound_to="bench")

    return timed(again)


def timed(work):
    began = time.perf_counter()
    work()
    return round(time.perf_counter() - began, 2)


def tell(*words):
    print(json.dumps(dict(zip(words[::2], words[1::2], strict=True)), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
