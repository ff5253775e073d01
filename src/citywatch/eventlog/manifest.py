"""The one file that says which segments are the log: read whole, replaced whole, never edited in place.

A segment no manifest names does not exist for a reader, whatever lies in the directory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from citywatch.eventlog import durable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """One Parquet file: its path below the root, the day it belongs to, its rows, and the batches it holds."""

    table: str
    file: str
    day: date
    rows: int
    batches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A version of the log: its segments, and the first day each table still keeps."""

    number: int = 0
    segments: tuple[Segment, ...] = ()
    first_days: Mapping[str, date] = field(default_factory=dict)

    def of(self, table: str, day: date | None = None) -> tuple[Segment, ...]:
        """Give one table's segments, of one day when a day is named."""
        return tuple(one for one in self.segments if one.table == table and day in {None, one.day})

    def holds(self, table: str, batch_id: str) -> bool:
        """Tell whether this table already has this batch."""
        return any(batch_id in one.batches for one in self.segments if one.table == table)

    def swap(self, *, out: Iterable[Segment] = (), into: Iterable[Segment] = ()) -> Manifest:
        """Give the next version: some segments gone, some new."""
        gone = {one.file for one in out}
        kept = tuple(one for one in self.segments if one.file not in gone)
        return replace(self, number=self.number + 1, segments=kept + tuple(into))


def read(path: Path) -> Manifest:
    """Read the manifest; a log not yet begun is version 0 and empty."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Manifest()
    if written["format"] != FORMAT:
        raise ValueError(f"{path} has format {written['format']}; this release reads {FORMAT}. Rebuild the log.")
    return Manifest(
        number=written["number"],
        segments=tuple(_segment(one) for one in written["segments"]),
        first_days={table: date.fromisoformat(day) for table, day in written["first_days"].items()},
    )


def write(path: Path, manifest: Manifest) -> None:
    """Publish a version; when this returns it survives a power cut."""
    text = json.dumps(
        {
            "format": FORMAT,
            "number": manifest.number,
            "first_days": {table: day.isoformat() for table, day in manifest.first_days.items()},
            "segments": [[s.table, s.file, s.day.isoformat(), s.rows, s.batches] for s in manifest.segments],
        },
        ensure_ascii=False,
    )
    durable.publish(path, lambda aside: _write_text(aside, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _segment(row: list[Any]) -> Segment:
    table, file, day, rows, batches = row
    return Segment(table, file, date.fromisoformat(day), rows, tuple(batches))
