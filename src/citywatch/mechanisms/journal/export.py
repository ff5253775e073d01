"""The journal's second reader: entries into the columns of the event log.

The log itself says how far it has come, and takes rows only onto the version that said so. So a killed exporter, two at
once, or a rebuild in between neither lose nor double a row. Persons leave as dense numbers; answers and texts do not
leave at all.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from citywatch.eventlog.engines import Engine, open_engine
from citywatch.eventlog.expressions import last_entries, table
from citywatch.eventlog.rebuild import EntryRow, SubmissionRow, batches_of
from citywatch.eventlog.rebuild import rebuild as rebuild_columns
from citywatch.eventlog.segments import Store
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.journal.services import in_order, newest
from citywatch.mechanisms.jurisdiction.models import Place

_CHUNK = 5000
_known: dict[Path, tuple[int, dict[str, int]]] = {}
"""By log: a version, and how far each writer's entries had reached it. Of another version it says nothing."""


def store() -> Store:
    """The installation's event log."""
    return _store(Path(settings.CITYWATCH_LOG))


def engine(spec: str = "") -> Engine:
    """The engine that answers questions of the log (the configured one, unless named)."""
    return open_engine(spec or settings.CITYWATCH_ENGINE, store=store())


def catch_up() -> int:
    """Bring every new journal entry into the log; returns how many entries."""
    log = store()
    areas: dict[str, int] | None = None
    total = 0
    version, reached = _progress(log)
    for writer, head in newest().items():
        while reached.get(writer, 0) < head:
            areas = _areas() if areas is None else areas  # mostly nothing is new, and nobody asks
            after = reached.get(writer, 0)
            part = Entry.objects.select_related("place").filter(writer=writer, seq__gt=after).order_by("seq")[:_CHUNK]
            entries = list(part)
            rows = [row for entry in entries for row in rows_of(entry, areas)]
            if log.append_together(batches_of(rows, batch_id=f"{writer}:{after + 1}"), onto=version):
                version += 1
                reached[writer] = entries[-1].seq
                total += len(entries)
                continue
            before = version
            version, reached = _progress(log)  # somebody else wrote: go on from what the log now holds
            if version == before:
                raise RuntimeError(f"The log knows batch {writer}:{after + 1} and not its entries; rebuild the log.")
    _known[log.root] = version, reached
    return total


def rebuild() -> int:
    """Throw the journal-made columns away and make them again from the first entry; visits stay."""
    areas = _areas()
    return rebuild_columns(store(), (row for entry in in_order() for row in rows_of(entry, areas)))


def rows_of(entry: Entry, areas: Mapping[str, int]) -> list[SubmissionRow | EntryRow]:
    """What the log keeps of one entry; `areas` gives the numbers of districts and streets by code."""
    rows: list[SubmissionRow | EntryRow] = [
        EntryRow(
            writer=entry.writer,
            seq=entry.seq,
            kind=entry.kind,
            place=entry.place_id,
            at=entry.at,
            subject_kind=entry.subject_kind,
            subject=entry.subject_id or 0,
            actor=entry.actor,
        )
    ]
    if entry.kind.startswith("submitted."):
        rows.append(_submission(entry, areas))
    return rows


def _submission(entry: Entry, areas: Mapping[str, int]) -> SubmissionRow:
    body = entry.body
    return SubmissionRow(
        submission=entry.subject_id or 0,
        stream=body["stream"],
        syndromes=tuple(body["findings"]),
        place=entry.place_id,
        street=areas.get(entry.place.street_code, 0),
        district=areas.get(entry.place.district_code, 0),
        home_street=areas.get(body["home_place"] or "", 0),
        person=body["person_id"] or 0,
        occurred_on=date.fromisoformat(body["occurred_on"]),
        recorded_at=entry.at,
        corrects=body["corrects"] or 0,
        count=body["count"],
    )


def _progress(log: Store) -> tuple[int, dict[str, int]]:
    """The log's version, and per writer the last entry in it."""
    version = log.pin()
    known = _known.get(log.root)
    if known is not None and known[0] == version.number:
        return version.number, dict(known[1])
    found = open_engine("duckdb", store=log).run(last_entries(table("entries")), version)
    return version.number, dict(zip(found["writer"].tolist(), found["seq"].tolist(), strict=True))


def _areas() -> dict[str, int]:
    return dict(Place.objects.filter(kind__in=["district", "street"]).values_list("code", "pk"))


@lru_cache(maxsize=4)
def _store(root: Path) -> Store:
    return Store(root)
