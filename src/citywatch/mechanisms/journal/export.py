"""The journal's second reader: entries into the columns of the event log.

The log itself says how far it has come: a batch is named by its writer and first sequence number, and the log drops a
name it knows. So a killed exporter, or two at once, neither lose nor double a row. Persons leave as dense numbers;
answers and texts do not leave at all.
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
from citywatch.mechanisms.journal.services import newest
from citywatch.mechanisms.jurisdiction.models import Place

_CHUNK = 5000
_reached: dict[Path, dict[str, int]] = {}  # what this process knows of the log's progress; the log corrects it


def store() -> Store:
    """The installation's event log."""
    return _store(Path(settings.CITYWATCH_LOG))


def engine(spec: str = "") -> Engine:
    """The engine that answers questions of the log (the configured one, unless named)."""
    return open_engine(spec or settings.CITYWATCH_ENGINE, store=store())


def catch_up() -> int:
    """Bring every new journal entry into the log; returns how many entries."""
    log = store()
    areas = _areas()
    total = 0
    if log.root not in _reached:
        _reached[log.root] = _read_reached(log)
    reached = _reached[log.root]
    for writer, head in newest().items():
        while reached.get(writer, 0) < head:
            after = reached.get(writer, 0)
            part = Entry.objects.select_related("place").filter(writer=writer, seq__gt=after).order_by("seq")[:_CHUNK]
            entries = list(part)
            rows = [row for entry in entries for row in rows_of(entry, areas)]
            if log.append_together(batches_of(rows, batch_id=f"{writer}:{after + 1}")):
                reached[writer] = entries[-1].seq
                total += len(entries)
            else:
                reached.update(_read_reached(log))
    return total


def rebuild() -> int:
    """Throw the journal-made columns away and make them again from the first entry; visits stay."""
    areas = _areas()
    entries = Entry.objects.select_related("place").order_by("writer", "seq").iterator(2000)
    made = rebuild_columns(store(), (row for entry in entries for row in rows_of(entry, areas)))
    _reached.pop(store().root, None)
    return made


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


def _read_reached(log: Store) -> dict[str, int]:
    found = open_engine("duckdb", store=log).run(last_entries(table("entries")), log.pin())
    return dict(zip(found["writer"].tolist(), found["seq"].tolist(), strict=True))


def _areas() -> dict[str, int]:
    return dict(Place.objects.filter(kind__in=["district", "street"]).values_list("code", "pk"))


@lru_cache(maxsize=4)
def _store(root: Path) -> Store:
    return Store(root)
