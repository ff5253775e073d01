"""Wrapping own keys anew under a new master, and giving the old master up when nothing needs it any more.

Works while the city writes: a new key is wrapped under the newest master from the moment that exists, and rows already
moved are not looked at again, so a killed rotation goes on where it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.db import connection, models, transaction

from citywatch.eventlog import durable
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.services import key_bound

LONGEST_TRANSACTION = timedelta(minutes=15)
"""Who asked for the newest master before it changed has committed by then: no job runs longer than 10 minutes."""
LETTERS = "phone"
"""The master behind what is sealed outside the house, on phones; nothing of it can be wrapped anew from here."""
LETTERS_WAIT = timedelta(days=30)
"""So long a phone may be without a line, or a page stay open, before what it sealed cannot be read any more (ours)."""
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Sealed:
    """A model whose rows hold own keys, and what each row's key is bound to, told from these columns."""

    model: type[models.Model]
    columns: tuple[str, ...]
    bound: Callable[..., str]


PERSONS = Sealed(Person, ("pseudonym",), key_bound)


def rewrap(sealed: Sealed, *, master: str, step: Callable[[int], None] = lambda _done: None) -> int:
    """Wrap every own key of a model under the newest master; returns how many were wrapped under an older one.

    `step` is told how many more are done. Each part commits by itself.
    """
    onto = keyring.newest(master)
    behind = sealed.model._base_manager.filter(generation__lt=onto, wrapped_key__isnull=False).order_by("pk")
    after = total = 0
    while part := list(
        behind.filter(pk__gt=after).values_list("pk", "generation", "wrapped_key", *sealed.columns)[:_CHUNK]
    ):
        after = part[-1][0]
        moved = []
        for pk, generation, wrapped, *named in part:
            bound = sealed.bound(*named)
            key = keyring.unwrap(wrapped, master=master, generation=generation, bound_to=bound)
            moved.append((*keyring.wrap(key, master=master, bound_to=bound), pk, generation))
        total += _write(sealed.model, moved)
        step(len(part))
    return total


def _write(model: type[models.Model], moved: Sequence[tuple[bytes, int, int, int]]) -> int:
    """Only where the row is still as it was read: a key destroyed meanwhile must not come back."""
    table = connection.ops.quote_name(model._meta.db_table)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET wrapped_key = %s, generation = %s "  # noqa: S608 - our own names
            "WHERE id = %s AND generation = %s AND wrapped_key IS NOT NULL",
            moved,
        )
        return int(cursor.rowcount)


def behind(sealed: Sequence[Sealed], *, master: str) -> dict[int, int]:
    """How many own keys are still wrapped under each older generation of a master."""
    counted: dict[int, int] = dict.fromkeys(range(keyring.FIRST, keyring.newest(master)), 0)
    for one in sealed:
        older = one.model._base_manager.filter(generation__lt=keyring.newest(master), wrapped_key__isnull=False)
        for generation, count in older.values_list("generation").annotate(count=models.Count("pk")).order_by():
            counted[generation] = counted.get(generation, 0) + count
    return counted


def spare(sealed: Sequence[Sealed], *, master: str) -> list[int]:
    """A master's older generations; refuses while a key is under one, or the newest is too young to tell."""
    older = [generation for generation in keyring.generations(master) if generation < keyring.newest(master)]
    if not older:
        return []
    young = LONGEST_TRANSACTION.total_seconds() - _age(master, keyring.newest(master))
    if young > 0:
        raise Refusal(
            f"The new master key of {master!r} is too young: a process may still be using the old one. Ask again in "
            f"{young / 60:.0f} minutes.",
            zh=f"“{master}”的新主密钥启用时间过短，可能仍有进程在使用旧密钥；请在 {young / 60:.0f} 分钟后重试。",
        )
    left = {generation: count for generation, count in behind(sealed, master=master).items() if count}
    if left:
        told = ", ".join(f"{count} under generation {generation}" for generation, count in left.items())
        raise Refusal(
            f"Keys are still wrapped under an older master of {master!r} ({told}); run `citywatch rotate-keys`.",
            zh=f"仍有密钥由“{master}”的旧主密钥保护；请先运行 citywatch rotate-keys。",
        )
    return older


def spare_for_letters() -> list[int]:
    """The generations that phones had a month to send under since another took their place."""
    there = keyring.generations(LETTERS)
    return [older for older, newer in pairwise(there) if _age(LETTERS, newer) >= LETTERS_WAIT.total_seconds()]


def _age(master: str, generation: int) -> float:
    """Seconds since a generation began, by the clock of the disk that its key lies on."""
    begun = Path(keyring.path_of(master, generation)).stat().st_mtime
    with durable.only_writer(Path(settings.CITYWATCH_KEYS) / "rotation.lock") as moment:
        return moment - begun
