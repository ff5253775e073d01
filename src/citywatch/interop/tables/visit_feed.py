"""A file of visits, cut into messages that the visit door takes: proven and counted one by one."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from citywatch.eventlog import arrow
from citywatch.interop.tables.read import TERMINAL, read_table
from citywatch.mechanisms.errors import Refusal

ROWS = 500_000
"""Visits a message: some 10 MB of Parquet, 60 MB of lines; the ledger takes 64 MB."""
_LINES = {".ndjson", ".jsonl"}
_TABLES = {".csv", ".xlsx"}


def parts_of(file: Path, columns: Sequence[str]) -> Iterator[tuple[bytes, int]]:
    """Each message's bytes and its number of visits.

    Parquet is cut by rows, and so is an Arrow stream once it is Parquet; tables become JSON lines; lines stay lines.
    Raises Refusal for a file that cannot be read or lacks a column.
    """
    suffix = file.suffix.lower()
    if not file.is_file():
        raise Refusal(f"{file}: there is no such file; check the path.")
    if suffix == ".parquet":
        yield from _parquet(file, columns)
    elif suffix == ".arrows":
        yield from _arrow(file, columns)
    elif suffix in _LINES:
        yield from _cut(file.read_text(encoding="utf-8-sig").splitlines())
    elif suffix in _TABLES:
        table = read_table(file, limits=TERMINAL)
        at = [table.position(column) for column in columns]
        table.refuse_problems()
        rows = (dict(zip(columns, (row.cells[place] for place in at), strict=True)) for row in table.rows)
        yield from _cut(json.dumps(row, ensure_ascii=False) for row in rows)
    else:
        known = ", ".join(sorted({".parquet", ".arrows", *_LINES, *_TABLES}))
        raise Refusal(f"{file.name}: the ending says no known format; use one of {known}.")


def _cut(lines: Iterator[str] | Sequence[str]) -> Iterator[tuple[bytes, int]]:
    held: list[str] = []
    for line in lines:
        if line.strip():
            held.append(line)
        if len(held) == ROWS:
            yield "\n".join(held).encode(), len(held)
            held = []
    if held:
        yield "\n".join(held).encode(), len(held)


def _arrow(file: Path, columns: Sequence[str]) -> Iterator[tuple[bytes, int]]:
    with tempfile.TemporaryDirectory() as folder:
        laid = Path(folder) / f"{file.stem}.parquet"
        try:
            arrow.to_parquet(file, laid, columns)
        except arrow.Unreadable as error:
            raise Refusal(
                f"{file.name}: cannot be read as an Arrow stream with {', '.join(columns)} ({error})."
            ) from error
        yield from _parquet(laid, columns)


def _parquet(file: Path, columns: Sequence[str]) -> Iterator[tuple[bytes, int]]:
    wanted = ", ".join(columns)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as files:
        part = Path(folder) / "part.parquet"
        try:
            (rows,) = files.execute("SELECT count(*) FROM read_parquet(?)", [str(file)]).fetchone() or (0,)
            for first in range(0, rows, ROWS):
                # By the file's own row numbers: the same file gives the same parts, whatever the number of threads.
                files.execute(
                    f"COPY (SELECT {wanted} FROM read_parquet(?, file_row_number = true)"  # noqa: S608 - our own names
                    f" WHERE file_row_number >= {first} AND file_row_number < {first + ROWS} ORDER BY file_row_number)"
                    f" TO '{part}' (FORMAT parquet, COMPRESSION zstd)",
                    [str(file)],
                )
                yield part.read_bytes(), min(ROWS, rows - first)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise Refusal(f"{file.name}: cannot be read as Parquet with {wanted} ({reason}).") from error
