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

from django.db import connection, models, transaction

from citywatch.mechanisms.journal.models import Cursor, Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.writing import write_new

_local = threading.local()
_free: list[str] = []  # chains of this process whose thread has ended
os.register_at_fork(after_in_child=_free.clear)

_NEWEST = """
WITH RECURSIVE writers(writer) AS (
    SELECT MIN(writer) FROM journal_entry
    UNION ALL
    SELECT (SELECT MIN(entry.writer) FROM journal_entry entry WHERE entry.writer > writers.writer)
    FROM writers WHERE writers.writer IS NOT NULL
)
SELECT writers.writer, (SELECT MAX(entry.seq) FROM journal_entry entry WHERE entry.writer = writers.writer)
FROM writers WHERE writers.writer IS NOT NULL
"""
"""Hops through the index from writer to writer; grouping would read every entry there ever was."""


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
    return record_each([(draft, by) for draft in drafts])


def record_each(drafts: Sequence[tuple[Draft, Viewer]]) -> list[Entry]:
    """Append what several viewers did, in order, to this writer's chain, in one statement."""
    if not drafts:
        return []
    writer = _writer()
    with transaction.atomic(savepoint=False):
        last = Entry.objects.filter(writer=writer).order_by("-seq").values_list("seq", "digest").first()
        seq, previous = last or (0, genesis(writer))
        entries = []
        for draft, by in drafts:
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
        _kinds().update(entry.kind for entry in entries)
        return write_new(entries)


def in_turn(kinds: Collection[str]) -> list[Entry]:
    """Every entry of a few rare kinds with its place, oldest first."""
    return list(Entry.objects.filter(kind__in=kinds).select_related("place").order_by("at", "pk"))


def written_before(writer: str, seq: int, moment: datetime) -> bool:
    """Whether this entry of a chain was there before a moment."""
    return Entry.objects.filter(writer=writer, seq=seq, at__lt=moment).exists()


def kinds_recorded() -> set[str]:
    """The kinds of entry that this thread recorded since it was last asked; also of those undone since."""
    kinds = _kinds()
    _local.kinds = set()
    return kinds


def _kinds() -> set[str]:
    if not hasattr(_local, "kinds"):
        _local.kinds = set()
    kinds: set[str] = _local.kinds
    return kinds


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
    for entry in in_order():
        seq, previous = expected.get(entry.writer, (0, genesis(entry.writer)))
        if entry.seq != seq + 1 or entry.previous != previous or digest_of(entry) != entry.digest:
            return f"{entry.writer}:{entry.seq}"
        expected[entry.writer] = (entry.seq, entry.digest)
    return None


def newest() -> dict[str, int]:
    """Per writer the last sequence number."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        return dict(cursor.fetchall())


def in_order(*, chunk: int = 2000) -> Iterator[Entry]:
    """Every entry, chain by chain. Fetched in parts: on SQLite a read left open would keep writers from committing."""
    for writer in sorted(newest()):
        after = 0
        while part := list(
            Entry.objects.select_related("place").filter(writer=writer, seq__gt=after).order_by("seq")[:chunk]
        ):
            yield from part
            after = part[-1].seq


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

    `handle` and the cursor's move share one transaction, so a killed process repeats a chunk and never skips one. Two
    processes that follow under one name take turns: what they do for different chains must not cross.
    """
    seen = 0
    done = dict(Cursor.objects.filter(follower=follower).values_list("writer", "seq"))
    for writer, head in newest().items():
        after = done.get(writer, 0)
        while after < head:
            with transaction.atomic():
                take_turn(follower)
                cursor, _ = Cursor.objects.get_or_create(follower=follower, writer=writer)
                unread = Entry.objects.filter(writer=writer, seq__gt=cursor.seq, seq__lte=head)
                part = list(unread.order_by("seq").values_list("pk", "seq", "kind")[:chunk])
                if not part:
                    break
                wanted = [pk for pk, _, kind in part if kinds is None or kind in kinds]
                if wanted:
                    handle(list(Entry.objects.select_related("place").filter(pk__in=wanted).order_by("seq")))
                    seen += len(wanted)
                after = cursor.seq = part[-1][1]
                cursor.save(update_fields=["seq"])
    return seen


def take_turn(follower: str) -> None:
    """Hold a follower's turn until the transaction ends (on SQLite the transaction itself is the turn)."""
    Cursor.objects.select_for_update().get_or_create(follower=follower, writer="")


class _Lease:
    """A chain, held by one living thread; when the thread ends, the next new thread goes on with it.

    Threads come and go; a chain for each that ever wrote would make chains without end.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        try:
            self.writer = _free.pop()
        except IndexError:
            self.writer = f"{self.pid}-{secrets.token_hex(8)}"

    def __del__(self, free: list[str] = _free, pid_now: Callable[[], int] = os.getpid) -> None:
        if self.pid == pid_now():
            free.append(self.writer)


def _writer() -> str:
    """This thread's chain. Threads of one process keep chains of their own, so they never wait for one another."""
    lease: _Lease | None = getattr(_local, "lease", None)
    if lease is None or lease.pid != os.getpid():
        lease = _local.lease = _Lease()
    return lease.writer


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot stand in a journal entry; record its number or text.")
