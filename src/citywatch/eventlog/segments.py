"""The store: append a batch, pin a version, merge or close a day, let old days go.

One writer at a time (a file lock), any number of readers. A writer never changes a file a reader may hold: it adds
files and publishes a new manifest; `sweep` removes what has been out of every manifest for long enough.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from citywatch.eventlog import duck, durable, manifest
from citywatch.eventlog.columns import checked
from citywatch.eventlog.manifest import Manifest, Segment
from citywatch.eventlog.schema import DERIVED, DUCKDB_TYPES, ROLL_UP, ROLLED_UP_DAYS, SORTED_BY, TABLES

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    import duckdb

    from citywatch.eventlog.columns import Column

_PARQUET = "FORMAT parquet, ROW_GROUP_SIZE 122880, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1"
# Pairs are read whole at every ranking: plain numbers take twice the bytes of deltas (4.0 for 1.8 a pair) and cost 0.6
# of the processor's time to read.
_PLAIN = "FORMAT parquet, ROW_GROUP_SIZE 122880, PARQUET_VERSION v1, COMPRESSION uncompressed"


@dataclass(frozen=True, slots=True)
class Version:
    """One moment of the log: its number and each table's files. It answers the same however long it is held."""

    number: int
    files: Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table that belong to one day and come in whole or not at all."""

    table: str
    columns: Mapping[str, Column]
    day: date
    batch_id: str


class Store:
    """The segments and manifest below one directory."""

    def __init__(self, root: Path) -> None:
        """Name the directory; it is made at the first append."""
        self.root = root.resolve()
        self._manifest = self.root / "manifest.json"
        self._lock = self.root / "writer.lock"

    def append(self, table: str, columns: Mapping[str, Column], *, day: date, batch_id: str) -> bool:
        """Add one batch to one table; False when the table already has that batch id, and nothing was added.

        Either answer is an acknowledgement: the rows are on the disk and will survive a power cut.
        """
        return self.append_together([Batch(table, columns, day, batch_id)])

    def append_together(self, batches: Sequence[Batch], *, onto: int | None = None) -> bool:
        """Add batches so that readers see all of them or none; those already held are dropped.

        The exporter appends `counts` and `entries` together, so the log's own last entry is the place to go on from.
        `onto` names the version that place was read from: if the log has moved on since, nothing is added and the
        answer is False.
        """
        with durable.only_writer(self._lock):
            now = manifest.read(self._manifest)
            if onto is not None and now.number != onto:
                return False
            fresh = [one for one in batches if not now.holds(one.table, one.batch_id)]
            for one in fresh:
                _refuse_days_let_go(now, one)
            segments = self._write_all(fresh, now.number + 1)
            if segments:
                manifest.write(self._manifest, now.swap(into=segments))
            else:
                durable.sync_directory(self.root)  # the batch may have come in just before a crash: make sure of it
            return bool(segments)

    def pin(self) -> Version:
        """Take hold of the log as it is now."""
        now = manifest.read(self._manifest)
        held = {table: now.of(table) for table in TABLES} | {"visits_by_person": _by_person(now)} | _rolled_up(now)
        return Version(now.number, {table: tuple(self.root / one.file for one in of) for table, of in held.items()})

    def first_day(self, table: str) -> date | None:
        """The first day of a table that is still kept; None while no day was ever let go."""
        return manifest.read(self._manifest).first_days.get(table)

    def days(self, table: str) -> dict[date, int]:
        """Count the segments of each day: what compaction goes by."""
        found: dict[date, int] = {}
        for one in manifest.read(self._manifest).of(table):
            found[one.day] = found.get(one.day, 0) + 1
        return found

    def compact(self, table: str, day: date, *, keep_batch_ids: bool = True) -> int:
        """Merge a day's segments into one and tell how many there were; appends wait meanwhile.

        Without `keep_batch_ids` a batch of that day sent once more would be taken in again: forget the ids only when
        the sender can no longer repeat itself.
        """
        with durable.only_writer(self._lock):
            now = manifest.read(self._manifest)
            parts = now.of(table, day)
            if len(parts) < 2:
                return len(parts)
            merged = self._merge(table, day, parts, keep_batch_ids=keep_batch_ids, version=now.number + 1)
            self._supersede(now, now.swap(out=parts, into=[merged]))
            return len(parts)

    def close(self, day: date) -> bool:
        """Lay a day's visits out for good, by place and by person, in one step; False when that was done already.

        A visit that comes for a closed day is read beside it, and taken in when the day is closed again.
        """
        with durable.only_writer(self._lock):
            now = manifest.read(self._manifest)
            parts, laid_out = now.of("visits", day), now.of("visits_by_person", day)
            if not parts or [one.batches for one in laid_out] == [tuple(part.file for part in parts)]:
                return False
            by_place = self._merge("visits", day, parts, keep_batch_ids=True, version=now.number + 1)
            file = _file_name("visits_by_person", day, now.number + 1, "closed")
            rows = duck.read_segments([self.root / by_place.file], TABLES["visits_by_person"])
            self._sort(rows, "visits_by_person", file, _PARQUET)
            by_person = Segment("visits_by_person", file, day, by_place.rows, (by_place.file,))
            self._supersede(now, now.swap(out=(*parts, *laid_out), into=(by_place, by_person)))
            return True

    def roll_up(self, last_day: date) -> bool:
        """Write down once who was where in the days up to `last_day`, and how many different people each place had.

        False when that was done already.
        """
        first_day = last_day - timedelta(days=ROLLED_UP_DAYS - 1)
        with durable.only_writer(self._lock):
            now = manifest.read(self._manifest)
            parts = [one for one in now.of("visits") if first_day <= one.day <= last_day]
            covered = tuple(one.file for one in parts)
            if not parts or all([one.batches for one in now.of(table)] == [covered] for table in ROLL_UP):
                return False
            files = {table: _file_name(table, first_day, now.number + 1, "rolled-up") for table in ROLL_UP}
            visits = duck.read_segments([self.root / name for name in covered], TABLES["pairs"])
            pairs = duck.read_segments([self.root / files["pairs"]], TABLES["pairs"])
            made = (
                ("pairs", f"SELECT DISTINCT * FROM ({visits})", _PLAIN),  # noqa: S608 - our own names
                ("visitor_counts", f"SELECT place, count(*) AS visitors FROM ({pairs}) GROUP BY place", _PARQUET),  # noqa: S608
            )
            segments = [
                Segment(table, files[table], first_day, self._sort(rows, table, files[table], written_as), covered)
                for table, rows, written_as in made
            ]
            self._supersede(now, now.swap(out=[one for table in ROLL_UP for one in now.of(table)], into=segments))
            return True

    def retain(self, table: str, first_day: date) -> int:
        """Let the days before `first_day` go and tell how many segments went; `sweep` removes their files.

        From then on a batch for such a day is refused, because its id may have gone with the day. What was made of
        the day goes with it: `roll_up` has to follow.
        """
        with durable.only_writer(self._lock):
            now = manifest.read(self._manifest)
            gone = [one for one in now.of(table) if one.day < first_day]
            files = {one.file for one in gone}
            gone += [one for derived in DERIVED for one in now.of(derived) if files.intersection(one.batches)]
            later = max(first_day, now.first_days.get(table, first_day))
            self._supersede(now, replace(now.swap(out=gone), first_days={**now.first_days, table: later}))
            return len(gone)

    def replace(self, tables: Iterable[str], batches: Iterable[Batch]) -> int:
        """Put these batches in place of everything the tables held, in one step; tell how many rows there are.

        Until the last batch is written readers see the old rows; if a batch fails, nothing has changed.
        """
        replaced = set(tables)
        replaced |= DERIVED if "visits" in replaced else set()
        with durable.only_writer(self._lock):
            now = manifest.read(self._manifest)
            segments = self._write_all(_only(replaced, batches), now.number + 1)
            old = [one for one in now.segments if one.table in replaced]
            kept_days = {table: day for table, day in now.first_days.items() if table not in replaced}
            self._supersede(now, replace(now.swap(out=old, into=segments), first_days=kept_days))
            return sum(one.rows for one in segments)

    def reset(self) -> None:
        """Empty every table, visits too. A rebuild does not need this: it replaces what the journal can give back."""
        self.replace(TABLES, ())

    def sweep(self, *, older_than: timedelta) -> int:
        """Remove files that left the manifest, or were never in it, longer ago than that; tell how many.

        A reader holding a version for longer than `older_than` loses its files.
        """
        with durable.only_writer(self._lock) as moment:
            named = {self.root / one.file for one in manifest.read(self._manifest).segments}
            candidates = [*self.root.glob("*/day=*/*"), *self.root.glob(f"*{durable.UNFINISHED}")]
            latest = moment - older_than.total_seconds()
            gone = [file for file in candidates if file not in named and file.stat().st_mtime <= latest]
            for file in gone:
                file.unlink()
            for directory in self.root.glob("*/day=*"):  # levels lie there too, a file a day
                if directory.is_dir() and not any(directory.iterdir()):
                    directory.rmdir()
            return len(gone)

    def _write_all(self, batches: Iterable[Batch], version: int) -> list[Segment]:
        segments: dict[str, Segment] = {}
        for one in batches:
            written = self._write(one, version, taken=segments)
            segments[written.file] = written
        return list(segments.values())

    def _write(self, batch: Batch, version: int, *, taken: Container[str]) -> Segment:
        if batch.table not in TABLES or batch.table in DERIVED:
            raise ValueError(f"The log takes no rows for {batch.table!r}; it does for {sorted({*TABLES} - DERIVED)}.")
        schema = TABLES[batch.table]
        arrays = checked(batch.columns, schema, table=batch.table)
        file = _file_name(batch.table, batch.day, version, batch.batch_id)
        if file in taken:
            raise ValueError(f"Batch {batch.batch_id!r} of {batch.day} came twice at once for table {batch.table!r}.")
        with duck.cursor(self.root) as connection:
            rows = duck.stage(connection, "batch", arrays, schema)
            durable.publish(self.root / file, lambda aside: _copy(connection, rows, aside))
        return Segment(batch.table, file, batch.day, len(next(iter(arrays.values()))), (batch.batch_id,))

    def _merge(self, table: str, day: date, parts: Sequence[Segment], *, keep_batch_ids: bool, version: int) -> Segment:
        file = _file_name(table, day, version, "merged")
        source = duck.read_segments([self.root / one.file for one in parts], TABLES[table])
        rows = f"{source} ORDER BY {', '.join(map(duck.word, SORTED_BY[table]))}"
        with duck.cursor(self.root) as connection:
            durable.publish(self.root / file, lambda aside: _copy(connection, rows, aside))
        batches = tuple(batch for one in parts for batch in one.batches) if keep_batch_ids else ()
        return Segment(table, file, day, sum(one.rows for one in parts), batches)

    def _sort(self, rows: str, table: str, file: str, written_as: str) -> int:
        """Write these rows as a derived segment, in the table's order; tell how many there are."""
        schema = TABLES[table]
        typed = ", ".join(f"CAST({name} AS {DUCKDB_TYPES[kind]}) AS {name}" for name, kind in schema.items())
        ordered = f"SELECT {typed} FROM ({rows}) ORDER BY {', '.join(SORTED_BY[table])}"  # noqa: S608 - our own names
        with duck.cursor(self.root) as connection:
            durable.publish(self.root / file, lambda aside: _copy(connection, ordered, aside, written_as))
            (written,) = connection.execute(
                f"SELECT count(*) FROM ({duck.read_segments([self.root / file], schema)})"  # noqa: S608 - our own names
            ).fetchone() or (0,)
        return int(written)

    def _supersede(self, now: Manifest, following: Manifest) -> None:
        """Publish a version that drops files, their grace period beginning now.

        Touched before, not after: a crash in between must not leave a file that looks long gone.
        """
        kept = {one.file for one in following.segments}
        for one in now.segments:
            if one.file not in kept:
                os.utime(self.root / one.file)
        manifest.write(self._manifest, following)


def _by_person(now: Manifest) -> tuple[Segment, ...]:
    """The files that hold the visits by person: the closed days', and the visits that are in none of them.

    A segment made of files that have left the manifest since (compaction, retention) does not count.
    """
    visits = now.of("visits")
    held = {one.file for one in visits}
    made = [one for one in now.of("visits_by_person") if held.issuperset(one.batches)]
    covered = {file for one in made for file in one.batches}
    return (*made, *(one for one in visits if one.file not in covered))


def _rolled_up(now: Manifest) -> dict[str, tuple[Segment, ...]]:
    """The files that hold the roll-up: pairs and counts made of the same files, and the visits that are in neither."""
    visits = now.of("visits")
    held = {one.file for one in visits}
    pairs, counts = ({one.batches: one for one in now.of(name) if held.issuperset(one.batches)} for name in ROLL_UP)
    made = [batches for batches in pairs if batches in counts]
    covered = {file for batches in made for file in batches}
    rest = [one for one in visits if one.file not in covered]
    if visits:
        last = max(one.day for one in visits) - timedelta(days=ROLLED_UP_DAYS - 1)
        first = min((pairs[batches].day for batches in made), default=last)
        rest = [one for one in rest if one.day >= first]
    return {
        "pairs": (*(pairs[batches] for batches in made), *rest),
        "visitor_counts": tuple(counts[batches] for batches in made),
        "unpaired": tuple(rest),
    }


def _copy(connection: duckdb.DuckDBPyConnection, rows: str, file: Path, written_as: str = _PARQUET) -> None:
    connection.execute(f"COPY ({rows}) TO {duck.text(str(file))} ({written_as}, USE_TMP_FILE false)")


def _file_name(table: str, day: date, version: int, batch_id: str) -> str:
    """Name a segment after the version it enters, so that no file a reader may hold is ever written again."""
    return f"{table}/day={day}/part-{version:09d}-{blake2b(batch_id.encode(), digest_size=8).hexdigest()}.parquet"


def _only(tables: Container[str], batches: Iterable[Batch]) -> Iterator[Batch]:
    for one in batches:
        if one.table not in tables:
            raise ValueError(f"A batch for table {one.table!r} came, which is not among those replaced.")
        yield one


def _refuse_days_let_go(now: Manifest, batch: Batch) -> None:
    first = now.first_days.get(batch.table)
    if first is not None and batch.day < first:
        raise ValueError(f"{batch.table!r} keeps days from {first}; batch {batch.batch_id!r} is of {batch.day}.")
