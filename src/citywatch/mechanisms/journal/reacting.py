"""Letting a reaction answer an entry. One that fails is written down and tried again; it never stops the others."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db import OperationalError, transaction

from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.journal.services import in_turn, record, take_turn
from citywatch.mechanisms.jurisdiction.types import Viewer

Reaction = Callable[[Entry], None]

FAILED, MENDED = KINDS = "journal.reaction_failed", "journal.reaction_mended"
FOLLOWER = "reactions"
_LONGEST_FAULT = 300
_log = logging.getLogger(__name__)


def attempt(reaction: Reaction, entry: Entry, *, by: Viewer) -> None:
    """Let one reaction answer one entry; what goes wrong is undone and journaled where the entry belongs.

    A busy or lost database is nothing the entry did: it is raised, and the whole chunk comes again.
    """
    name = name_of(reaction)
    try:
        with transaction.atomic():
            reaction(entry)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the entries behind it
        _log.exception("The reaction %s to entry %s failed.", name, entry.pk)
        record(FAILED, place=entry.place, by=by, at=entry.at, subject=entry, reaction=name, fault=fault_of(error))


def retry(reactions: Mapping[str, Reaction], *, by: Viewer, at: datetime) -> int:
    """Try the failed reactions again, oldest first; returns how many now went well."""
    mended = 0
    for failure in waiting():
        reaction = reactions.get(failure.body["reaction"])
        if reaction is None:
            continue
        with transaction.atomic():
            take_turn(FOLLOWER)
            if failure.pk not in {one.pk for one in waiting()}:
                continue
            entry = Entry.objects.select_related("place").get(pk=failure.subject_id)
            try:
                with transaction.atomic():
                    reaction(entry)
            except OperationalError:
                raise
            except Exception:  # noqa: BLE001
                _log.exception("The reaction %s to entry %s failed again.", failure.body["reaction"], entry.pk)
                continue
            record(
                MENDED, place=entry.place, by=by, at=at, subject=entry,
                reaction=failure.body["reaction"], failure=failure.pk,
            )  # fmt: skip
            mended += 1
    return mended


def waiting(told: Sequence[Entry] | None = None) -> list[Entry]:
    """Failures not yet mended, oldest first; `told` are all entries of these kinds in their order, where in hand."""
    told = in_turn(KINDS) if told is None else told
    settled = {entry.body["failure"] for entry in told if entry.kind == MENDED}
    return [entry for entry in told if entry.kind == FAILED and entry.pk not in settled]


def name_of(reaction: Reaction) -> str:
    """What the journal calls a reaction: its area and its verb."""
    module = getattr(reaction, "__module__", "").removesuffix(".reactions").rpartition(".")[2]
    return f"{module}.{getattr(reaction, '__name__', 'reaction')}"


def fault_of(error: Exception) -> str:
    """The first line of an error: PostgreSQL prints the whole row below it."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:_LONGEST_FAULT]
