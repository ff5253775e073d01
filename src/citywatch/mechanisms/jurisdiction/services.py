"""Turning accounts and machine keys into viewers, and issuing keys."""

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.backends import ModelBackend
from django.db import connection
from django.db.models import F, OuterRef

from citywatch.mechanisms.jurisdiction.models import Account, MachineKey, Opening, Place
from citywatch.mechanisms.jurisdiction.types import NOBODY, SEPARATED, Held, Viewer

_PLACE = [field.attname for field in Place._meta.concrete_fields]
_KEY_IN_FORCE = f"""
SELECT machine.id, machine.name, machine.abilities, {", ".join(f"place.{name}" for name in _PLACE)}
FROM jurisdiction_machinekey machine JOIN jurisdiction_place place ON place.id = machine.place_id
WHERE machine.digest = %s AND machine.revoked_at IS NULL
"""  # noqa: S608 - our own names
_HELD = {
    "held_abilities": F("grants__role__abilities"),
    "held_path": F("grants__place__path"),
    "held_second_factor": F("grants__role__second_factor"),
    "held_idle_minutes": F("grants__role__idle_minutes"),
    "held_until": F("grants__until"),
    "held_opened_until": Opening.objects.filter(account=OuterRef("pk")).order_by("-until").values("until")[:1],
}  # in the order of `Held`


class AccountsWithGrants(ModelBackend):
    """Django's own check of a password; who is signed in is read together with what they hold."""

    def get_user(self, user_id: int) -> Account | None:
        account = _with_grants(user_id)
        return account if account is not None and self.user_can_authenticate(account) else None


def _with_grants(number: int) -> Account | None:
    """An account and what it holds in one question: every page needs both."""
    rows = list(Account.objects.filter(pk=number).annotate(**_HELD))
    for row in rows[:1]:
        row.held = tuple(Held(*(getattr(row, name) for name in _HELD)) for row in rows)
        return row
    return None


def viewer_for(account: Account, *, at: datetime) -> Viewer:
    """What this account may see and do at `at`, from its grants then in force.

    Whoever came to hold two of the separated abilities (by an edit past the services) holds none of them.
    """
    if not account.is_authenticated or not account.is_active:
        return NOBODY
    reach: dict[str, set[str]] = defaultdict(set)
    idle: list[int] = []
    second_factor = opened = False
    read = account if account.held is not None else _with_grants(account.pk)
    for held in read.held or () if read else ():
        if held.path is None or (held.until is not None and held.until <= at):
            continue
        opened = held.opened_until is not None and held.opened_until > at
        for ability in held.abilities:
            reach[ability].add(held.path)
        second_factor = second_factor or held.second_factor
        idle += [held.idle_minutes] if held.idle_minutes else []
    if len(joined := SEPARATED & reach.keys()) > 1:
        reach = {ability: paths for ability, paths in reach.items() if ability not in joined}
    return Viewer(
        f"account:{account.pk}",
        account.title,
        {name: tuple(sorted(paths)) for name, paths in reach.items()},
        second_factor=second_factor,
        idle=timedelta(minutes=min(idle)) if idle else None,
        opened=_opened(account, at) if opened else {},
    )


def _opened(account: Account, at: datetime) -> dict[str, frozenset[int]]:
    """The rows this account opened in an emergency that has not ended, and the people they are about."""
    rows: dict[str, set[int]] = defaultdict(set)
    for kind, number, person in Opening.objects.filter(account=account, until__gt=at).values_list(
        "kind", "number", "person"
    ):
        rows[kind].add(number)
        if person is not None:
            rows["vault.person"].add(person)
    return {kind: frozenset(numbers) for kind, numbers in rows.items()}


def machine(name: str, *, place: Place, abilities: Iterable[str]) -> Viewer:
    """A part of the system acting on its own, limited to what its task needs."""
    return Viewer(f"machine:{name}", name, dict.fromkeys(abilities, (place.path,)))


def issue_key(*, name: str, place: Place, abilities: list[str], at: datetime) -> str:
    """Make a machine credential for one institution; the token is shown once and only its hash is kept."""
    token = secrets.token_urlsafe(32)
    MachineKey.objects.create(name=name, place=place, abilities=abilities, issued_at=at, digest=_digest(token))
    return token


def viewer_for_key(token: str) -> tuple[Viewer, Place] | None:
    """The viewer and institution behind a bearer token that is in force now, or None.

    Asked anew for every report, and so in plain SQL: the ORM takes eight times as long to write the question.
    """
    with connection.cursor() as cursor:
        cursor.execute(_KEY_IN_FORCE, [_digest(token)])
        found = cursor.fetchone()
    if found is None:
        return None
    number, name, abilities, *of_place = found
    place = Place.from_db(connection.alias, _PLACE, of_place)
    return Viewer(f"key:{number}", name, dict.fromkeys(json.loads(abilities), (place.path,))), place


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
