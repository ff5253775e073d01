"""Examining an installation: what is checked, whether it is well, and how to mend it."""

import importlib.util
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.staticfiles.finders import find
from django.core.checks import run_checks
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from citywatch.mechanisms import clock
from citywatch.mechanisms.forms import ledger
from citywatch.mechanisms.journal import guards
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account, Place, Role
from citywatch.mechanisms.jurisdiction.types import SEPARATED
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.sealing import SealBroken
from citywatch.server import keeping

_SAFE_WAL = (3, 51, 3)
_WEIGHTY = {"vault.open", "warn.publish", "respond.command"} | SEPARATED
_STALE = timedelta(hours=1)
_AT_THE_PROXY = {"security.W004", "security.W008"}  # TLS, and the promise to keep it, end at the proxy in front


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is well, and what to do if not."""

    what: str
    well: bool
    mend: str = ""


def examine() -> list[Finding]:
    """Run every check, in the order in which trouble usually comes; a check that breaks is itself a finding."""
    return [_safely(check) for check in CHECKS]


def _safely(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a broken check must not hide the others
        return Finding(
            f"{check.__name__.strip('_').replace('_', ' ')}: {error}", well=False, mend="Mend what comes above first."
        )


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        f"Python {version}", sys.version_info >= (3, 11), "Install Python 3.11 or later and run `make setup` again."
    )


def _home() -> Finding:
    home = settings.HOME
    well = home.is_dir() and os.access(home, os.W_OK)
    return Finding(f"Folder {home} can be written", well, f"Make it: mkdir -p {home}, or set CITYWATCH_HOME.")


def _keys() -> Finding:
    loose = [path.name for path in settings.CITYWATCH_KEYS.glob("*.key") if path.stat().st_mode & 0o077]
    return Finding(
        "Key files are readable by their owner alone",
        not loose,
        f"chmod 600 {' '.join(loose)} in {settings.CITYWATCH_KEYS}.",
    )


def _database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    name = "PostgreSQL" if connection.vendor == "postgresql" else f"SQLite {sqlite3.sqlite_version}"
    return Finding(f"Database answers ({name})", well=True)


def _journal_mode() -> Finding:
    if connection.vendor != "sqlite":
        return Finding("SQLite journal mode: not in use", well=True)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (mode,) = cursor.fetchone()
    well = mode != "wal" or sqlite3.sqlite_version_info >= _SAFE_WAL
    return Finding(
        f"SQLite journal mode is {mode}", well, "PRAGMA journal_mode=DELETE; WAL is safe from SQLite 3.51.3 on."
    )


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    due = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Finding("Database tables are up to date", not due, "Run `citywatch manage migrate`.")


def _assets() -> Finding:
    missing = [name for name in ("npm/echarts/echarts.esm.min.js", "npm/leaflet/leaflet.js") if not find(name)]
    return Finding(
        "Charts and maps are installed", not missing, "Run `make setup` (it fetches them from the npm registry)."
    )


def _words() -> Finding:
    catalogue = settings.HERE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.mo"
    return Finding("Chinese texts are compiled", catalogue.exists(), "Run `make setup`.")


def _place_tree() -> Finding:
    return Finding(
        "A city is laid out", Place.objects.filter(kind="city").exists(), "Run `citywatch admin create --city beijing`."
    )


def _accounts() -> Finding:
    return Finding("Somebody can sign in", Account.objects.exists(), "Run `citywatch admin create`.")


def _careful_roles() -> Finding:
    loose = [role.code for role in Role.objects.all() if _WEIGHTY & set(role.abilities) and not role.second_factor]
    return Finding(
        "Roles that open identities, decide or administer ask for a second factor",
        not loose,
        f"{', '.join(loose)} do not: set second_factor of the role (docs/how-to/give-a-role-a-right.md).",
    )


def _guessing() -> Finding:
    """Somebody trying one password on many accounts shows here too, not only in the journal."""
    since = clock.now() - timedelta(hours=24)
    seen = Entry.objects.filter(kind="signin.spray_noticed", at__gt=since).order_by("-at").first()
    return Finding(
        "Nobody tried many accounts at the door in the last day",
        seen is None,
        f"One did, last from {seen.body.get('address') if seen else ''}: ask who that is, and shut that address out at "
        "the proxy.",
    )


def _triggers() -> Finding:
    gone = guards.missing()
    return Finding(
        "The database itself refuses changes to the journal",
        not gone,
        f"Somebody took away, disabled or rewrote {', '.join(gone)}: find out who, run `citywatch verify-journal "
        "--heads`, then put them back: drop what is left of them, `citywatch manage migrate --fake journal 0001` and "
        "`citywatch manage migrate journal`.",
    )


def _chain() -> Finding:
    broken = journal.first_broken()
    return Finding(
        "The journal's chain holds",
        broken is None,
        f"It breaks at {broken}: keep this machine as it is; compare with a backup.",
    )


def _keys_open() -> Finding:
    """The newest of what is sealed opens: the folder of keys belongs to this database."""
    wrong = ""
    try:
        person = Person.objects.filter(wrapped_key__isnull=False).order_by("-pk").first()
        if person is not None:
            keyring.unwrap(
                person.wrapped_key, master=vault.MASTER, generation=person.generation,
                bound_to=vault.key_bound(person.pseudonym),
            )  # fmt: skip
        receipt = Receipt.objects.filter(destroyed_at__isnull=True).order_by("-pk").first()
        if receipt is not None:
            receipts.body_of(receipt)
    except SealBroken as error:
        wrong = str(error)
    return Finding(
        "The keys open what is sealed",
        not wrong,
        f"{wrong} Put back the folder of keys that belongs to this database, from its backup.",
    )


def _accounted() -> Finding:
    """What came is stored, a repeat or in quarantine, as the job of every five minutes last found."""
    said, last = ledger.standing(), ledger.last_check()
    if said is not None:
        return Finding(
            "Every row that came is accounted for",
            well=False,
            mend=f"{ledger.sentence(said).en} See `citywatch ledger`.",
        )
    stale = last is not None and clock.now() - last > _STALE
    return Finding(
        f"Every row that came is accounted for (looked at up to {last:%Y-%m-%d %H:%M} UTC)"
        if last
        else "Every row that came is accounted for (not looked at yet)",
        not stale,
        "The check has not run for an hour: is the worker running? `citywatch ledger` checks now.",
    )


def _past_their_time() -> Finding:
    late = keeping.overdue(clock.now())
    told = ", ".join(f"{count} of {code}" for code, count in late.items()) or "nothing"
    return Finding(
        f"Past its time and still here: {told}",
        not late,
        "Is the worker running? `citywatch retention --run` destroys it now; `citywatch retention` says what it is.",
    )


def _engine() -> Finding:
    engine = settings.CITYWATCH_ENGINE
    spark = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
    return Finding(
        f"Engine for the event log: {engine}",
        engine == "duckdb" or spark,
        "Install citywatch[cluster] and Java 17 or later, or unset CITYWATCH_ENGINE.",
    )


def _settings() -> Finding:
    if settings.MODE != "production":
        return Finding(f"Mode is {settings.MODE}: not for real data", well=True)
    found = [one for one in run_checks(include_deployment_checks=True) if one.id not in _AT_THE_PROXY]
    return Finding(
        "Django's own deployment checks pass", not found, "; ".join(f"{one.id}: {one.hint or one.msg}" for one in found)
    )


CHECKS = (
    _python,
    _home,
    _keys,
    _database,
    _journal_mode,
    _migrations,
    _assets,
    _words,
    _place_tree,
    _accounts,
    _careful_roles,
    _guessing,
    _triggers,
    _chain,
    _keys_open,
    _accounted,
    _past_their_time,
    _engine,
    _settings,
)
