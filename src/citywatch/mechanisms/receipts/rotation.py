"""Rotation for what receipts hold; and own keys for what was sealed before values had keys of their own."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.receipts.services import MASTER, _sealed, bound_to, row_bound_to
from citywatch.mechanisms.vault import keyring, rotation
from citywatch.mechanisms.vault.rotation import LETTERS, PERSONS, Sealed
from citywatch.mechanisms.vault.sealing import unseal

MESSAGES = Sealed(Receipt, ("source", "message_id"), bound_to)
ROWS = Sealed(QuarantinedRow, ("receipt_id", "number"), row_bound_to)
MASTERS: Mapping[str, tuple[Sealed, ...]] = {"vault": (PERSONS,), MASTER: (MESSAGES, ROWS)}
"""Every master key of the house, and the rows whose own keys it wraps."""
_CHUNK = 50  # a message has up to 64 MiB
_OLD = Q(wrapped_key__isnull=True, destroyed_at__isnull=True)


def rotate(
    place: Place, *, by: Viewer, at: datetime, step: Callable[[int], None] = lambda _done: None
) -> dict[str, tuple[int, int]]:
    """Wrap every own key under new masters, or finish a rotation that was stopped; says what is now in use.

    Gives for each master its generation and how many keys were moved to it. Phones are told a new key from now on.
    """
    must(by, "vault.rotate", place)
    stopped = unfinished()
    for master in (LETTERS, *MASTERS):  # the first here is asked by nobody whether a rotation was stopped
        if not stopped:
            keyring.master_key(master, keyring.newest(master))  # of an empty installation: there is a first to replace
            keyring.begin_generation(master)
    give_own_keys()
    moved = {LETTERS: (keyring.newest(LETTERS), 0)}
    for master, kinds in MASTERS.items():
        count = sum(rotation.rewrap(sealed, master=master, step=step) for sealed in kinds)
        moved[master] = keyring.newest(master), count
    journal.record(
        "vault.keys_rotated", place=place, by=by, at=at, resumed=stopped,
        masters={master: {"generation": generation, "moved": count} for master, (generation, count) in moved.items()},
    )  # fmt: skip
    return moved


def unfinished() -> bool:
    """Whether a rotation was stopped before its end: a master is newer than another, or keys are left behind."""
    newest = {keyring.newest(master) for master in MASTERS}
    return len(newest) > 1 or any(
        count for master, kinds in MASTERS.items() for count in rotation.behind(kinds, master=master).values()
    )


def give_up_old(place: Place, *, by: Viewer, at: datetime) -> dict[str, list[int]]:
    """Destroy the masters nothing is wrapped under any more; backups made under them can then not be opened.

    Keys that phones may still be sealing under stay, and are given up by a later call.
    """
    must(by, "vault.rotate", place)
    if without_own_key():
        raise Refusal(
            "Some messages are still sealed under the old master itself; run `citywatch rotate-keys` first.",
            zh="部分原始消息仍由旧主密钥直接加密；请先运行 citywatch rotate-keys。",
        )
    gone = {master: rotation.spare(kinds, master=master) for master, kinds in MASTERS.items()}
    gone[LETTERS] = rotation.spare_for_letters()
    for master, generations in gone.items():
        for generation in generations:
            keyring.destroy_generation(master, generation)
    if any(gone.values()):
        journal.record("vault.old_keys_destroyed", place=place, by=by, at=at, masters=gone)
    return gone


def give_own_keys() -> int:
    """Seal anew whatever still lies directly under the master; returns how many. May be stopped and run again."""
    return _give(Receipt, MESSAGES) + _give(QuarantinedRow, ROWS)


def without_own_key() -> int:
    """How many values still lie directly under the master."""
    return sum(model.objects.filter(_OLD).count() for model in (Receipt, QuarantinedRow))


def _give(model: Any, sealed: Sealed) -> int:
    total = 0
    while pks := list(model.objects.filter(_OLD).order_by("pk").values_list("pk", flat=True)[:_CHUNK]):
        for pk in pks:
            with transaction.atomic():
                row = model.objects.select_for_update(of=("self",)).get(pk=pk)
                bound = sealed.bound(*(getattr(row, column) for column in sealed.columns))
                plain = unseal(row.sealed, key=keyring.master_key(MASTER, keyring.FIRST), bound_to=bound)
                model.objects.filter(pk=pk).filter(_OLD).update(**_sealed(plain, bound))
                total += 1
    return total
