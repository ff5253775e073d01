"""Appending entries, following them, and checking the chain."""

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import models, transaction
from django.db.models import Max

from citywatch.mechanisms.journal.models import Cursor, Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer

_local = threading.local()


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry about to be written."""

    kind: str
    place: Place
    at: datetime
    because: str = ""
    subject_kind: str = ""
    subject_id: int | None = None
    body: dict[str, Any] = field(default_factory=dict)


def record(
    kind: str,
    *,
    place: Place,
    by: Viewer,
    at: datetime,
    because: str = "",
    subject: models.Model | None = None,
    **body: Any,
) -> Entry:
    """Append one entry about `subject`; call it inside the transaction that makes the change."""
    draft = Draft(
        kind, place, at, because, subject._meta.label_lower if subject else "", subject.pk if subject else None, body
    )
    return record_many([draft], by=by)[0]


def record_many(drafts: Sequence[Draft], *, by: Viewer) -> list[Entry]:
    """Append entries in order to this writer's chain, in one statement."""
    writer = _writer()
    with transaction.atomic():
        last = Entry.objects.filter(writer=writer).order_by("-seq").values_list("seq", "digest").first()
        seq, previous = last or (0, genesis(writer))
        entries = []
        for draft in drafts:
            seq += 1
            entry = Entry(
                writer=writer,
                seq=seq,
                kind=draft.kind,
                place=draft.place,
                at=draft.at.astimezone(UTC),
                actor=by.actor,
                because=draft.because,
                subject_kind=draft.subject_kind,
                subject_id=draft.subject_id,
                body=json.loads(_canonical(draft.body)),
                previous=previous,
            )
            previous = entry.digest = digest_of(entry)
            entries.append(entry)
        return Entry.objects.bulk_create(entries, batch_size=500)


def digest_of(entry: Entry) -> str:
    """SHA-256 over the previous digest and every field of the entry, in canonical JSON."""
    fields = [
        entry.previous,
        entry.writer,
        entry.seq,
        entry.kind,
        entry.place_id,
        entry.at.isoformat(),
        entry.actor,
        entry.because,
        entry.subject_kind,
        entry.subject_id,
        entry.body,
    ]
    return hashlib.sha256(_canonical(fields).encode()).hexdigest()


def genesis(writer: str) -> str:
    """What the first entry of a writer's chain points back to."""
    return hashlib.sha256(f"citywatch journal {writer}".encode()).hexdigest()


def first_broken() -> str | None:
    """The first entry whose chain does not hold, as `writer:seq`, or None when all hold.

    Finds edits, deletions and reordering inside a chain; a cut tail needs the heads printed earlier (see `heads`).
    """
    expected: dict[str, tuple[int, str]] = {}
    for entry in Entry.objects.order_by("writer", "seq").iterator(chunk_size=2000):
        seq, previous = expected.get(entry.writer, (0, genesis(entry.writer)))
        if entry.seq != seq + 1 or entry.previous != previous or digest_of(entry) != entry.digest:
            return f"{entry.writer}:{entry.seq}"
        expected[entry.writer] = (entry.seq, entry.digest)
    return None


def newest() -> dict[str, int]:
    """Per writer the last sequence number."""
    return dict(Entry.objects.values("writer").annotate(seq=Max("seq")).values_list("writer", "seq"))


def heads() -> dict[str, tuple[int, str]]:
    """Per writer the last sequence number and digest; printed or exported, they make a cut tail visible."""
    return {
        writer: (seq, Entry.objects.values_list("digest", flat=True).get(writer=writer, seq=seq))
        for writer, seq in newest().items()
    }


def follow(
    follower: str, handle: Callable[[list[Entry]], None], *, kinds: Collection[str] | None = None, chunk: int = 2000
) -> int:
    """Hand `follower` every entry it has not seen, at least once and in each writer's order; returns how many.

    `handle` and the cursor's move share one transaction, so a killed process repeats a chunk and never skips one.
    """
    seen = 0
    for writer, head in newest().items():
        for part in _unread(follower, writer, head, chunk):
            with transaction.atomic():
                cursor, _ = Cursor.objects.select_for_update().get_or_create(follower=follower, writer=writer)
                entries = [entry for entry in part if entry.seq > cursor.seq]
                wanted = [entry for entry in entries if kinds is None or entry.kind in kinds]
                if wanted:
                    handle(wanted)
                    seen += len(wanted)
                if entries:
                    cursor.seq = entries[-1].seq
                    cursor.save(update_fields=["seq"])
    return seen


def _unread(follower: str, writer: str, head: int, chunk: int) -> Iterator[list[Entry]]:
    done = Cursor.objects.filter(follower=follower, writer=writer).values_list("seq", flat=True).first() or 0
    while done < head:
        part = list(
            Entry.objects.filter(writer=writer, seq__gt=done, seq__lte=head)
            .select_related("place")
            .order_by("seq")[:chunk]
        )
        if not part:
            return
        yield part
        done = part[-1].seq


def _writer() -> str:
    """This thread's chain. Threads of one process keep chains of their own, so they never wait for one another."""
    if getattr(_local, "pid", None) != os.getpid():
        _local.pid = os.getpid()
        _local.writer = f"{os.getpid()}-{secrets.token_hex(8)}"
    writer: str = _local.writer
    return writer


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot stand in a journal entry; record its number or text.")
