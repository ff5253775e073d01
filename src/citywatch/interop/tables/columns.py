"""Long tables in and out column by column: millions of rows in seconds, where rows of text would take minutes.

Owns speed and nothing else: `read_columns` takes only a file that is plainly what it should be and leaves every doubt
to `read_table`, which knows the sentence for it; `write_columns` writes cell for cell what `write_table` writes.
"""

import csv
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from citywatch.interop.tables.read import MOST_DIGITS, TERMINAL
from citywatch.interop.tables.write import (
    STANDARD_OUTPUT,
    harmless,
    refuse_unwritable,
    refused_to_write,
    xlsx_bytes,
)
from citywatch.mechanisms.errors import Refusal

_PARQUET = b"PAR1"
_OTHER_FORMATS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_HEADER_AT_MOST = 65_536
_SHEET_ROWS = 1_048_575
# The characters that turn a path into a pattern for DuckDB.
_PATTERN = frozenset("*?[]{}")
# What `read_table` trims, unwraps or refuses in a text; a column that has it is read there.
_DOUBTFUL = ("'", "\ufffd", "锟斤拷", "\0")
_WHOLE = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
)
_NUMBERS = _WHOLE | {"FLOAT", "DOUBLE"}


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """A column of texts that repeat: each distinct text once, and per row which of them (-1 for an empty cell)."""

    codes: NDArray[np.int64]
    values: tuple[str, ...]

    @classmethod
    def of(cls, cells: Iterable[str]) -> "Texts":
        """Number the texts in the order in which they first appear.

        >>> Texts.of(["b", "a", "", "b"]).codes.tolist()
        [0, 1, -1, 0]
        """
        numbers: dict[str, int] = {}
        codes = [numbers.setdefault(cell, len(numbers)) if cell else -1 for cell in cells]
        return cls(np.array(codes, dtype=np.int64), tuple(numbers))


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns asked for that a file has, as arrays with one value per row in the order of the file.

    An empty number is NaN.
    """

    texts: Mapping[str, Texts]
    numbers: Mapping[str, NDArray[np.float64]]


Written = Texts | NDArray[Any]


def read_columns(source: Path, *, texts: Sequence[str] = (), numbers: Sequence[str] = ()) -> Columns | None:
    """Read the named columns of a plain CSV or Parquet file; None where `read_table` had better look at it.

    Plain means: UTF-8, one header row, commas, every row whole, every number a finite number below 10**15, no text with
    something to trim or mend. A column the file does not have is left out. Parquet's NaN counts as empty, its dates
    come as text.
    """
    if not source.is_file() or _PATTERN & set(str(source)) or source.stat().st_size > TERMINAL.megabytes * 1_000_000:
        return None
    with source.open("rb") as file:
        start = file.read(_HEADER_AT_MOST)
    if start[:4] in _OTHER_FORMATS:
        return None
    with _connection() as connection:
        try:
            if start[:4] == _PARQUET:
                found = _take_parquet(connection, source, texts, numbers)
            else:
                found = _take_csv(connection, source, start, texts, numbers)
            return _columns(connection, found, texts, numbers) if found else None
        except duckdb.Error:
            return None


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _connection() -> duckdb.DuckDBPyConnection:
    """A connection of its own to one database in memory, which takes longer to start than a short table to read."""
    connection = _database().cursor()
    connection.execute("SET enable_progress_bar = false")
    return connection


def _take_csv(
    connection: duckdb.DuckDBPyConnection, source: Path, start: bytes, texts: Sequence[str], numbers: Sequence[str]
) -> list[str]:
    """Load the columns into the table `taken` and say which there are; none where the header is not plain."""
    header = _plain_header(start)
    there = [name for name in (*texts, *numbers) if name in header]
    if not there:
        return []
    # Positions for names: DuckDB takes t and T for one.
    types = ", ".join(f"'c{at}': '{'DOUBLE' if name in numbers else 'VARCHAR'}'" for at, name in enumerate(header))
    select = ", ".join(f"c{header.index(name)} AS {_quoted(name)}" for name in there)
    connection.execute(
        f"CREATE TEMP TABLE taken AS SELECT {select} FROM read_csv(?, auto_detect=false, header=true, delim=',', "  # noqa: S608
        f"quote='\"', escape='\"', strict_mode=true, null_padding=false, compression='none', columns={{{types}}})",
        [str(source)],
    )
    wild = " OR ".join(f"isnan({_quoted(name)})" for name in there if name in numbers) or "false"
    # CSV has no NaN: the letters are somebody's word for missing, and `read_table` says which word we take.
    return [] if connection.execute(f"SELECT 1 FROM taken WHERE {wild} LIMIT 1").fetchone() else there  # noqa: S608


def _plain_header(start: bytes) -> list[str]:
    line, newline, _ = start.partition(b"\n")
    if not newline:
        return []
    try:
        names = next(csv.reader([line.decode("utf-8-sig").rstrip("\r")], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return []
    plain = all(name and name == " ".join(name.split()) for name in names) and len(set(names)) == len(names)
    return names if plain and len(names) <= TERMINAL.columns else []


def _take_parquet(
    connection: duckdb.DuckDBPyConnection, source: Path, texts: Sequence[str], numbers: Sequence[str]
) -> list[str]:
    table = "read_parquet(?, hive_partitioning=false)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {table}", [str(source)]).fetchall()  # noqa: S608
    types = {str(row[0]): str(row[1]) for row in described}
    there = [name for name in (*texts, *numbers) if name in types]
    taken = [_parquet_column(name, types[name], number=name in numbers) for name in there]
    if not there or not all(taken):
        return []
    connection.execute(f"CREATE TEMP TABLE taken AS SELECT {', '.join(taken)} FROM {table}", [str(source)])  # noqa: S608
    return there


def _parquet_column(name: str, kind: str, *, number: bool) -> str:
    """The expression for one column; empty where the type leaves room for doubt."""
    column = _quoted(name)
    if number:
        if kind in _NUMBERS or kind.startswith("DECIMAL"):
            return f"CASE WHEN isnan({column}::DOUBLE) THEN NULL ELSE {column}::DOUBLE END AS {column}"
        return ""
    if kind in _WHOLE or kind in {"VARCHAR", "DATE"}:
        return f"nullif({column}::VARCHAR, '') AS {column}"
    if kind.startswith(("TIMESTAMP_", "TIMESTAMP")) and "ZONE" not in kind:
        # pandas keeps dates as midnights; an hour beside them stays in sight and is refused by whoever wants a date.
        day, instant = f"{column}::DATE", f"{column}::TIMESTAMP"
        return f"CASE WHEN {instant} = {day} THEN {day}::VARCHAR ELSE {instant}::VARCHAR END AS {column}"
    return ""


def _columns(
    connection: duckdb.DuckDBPyConnection, there: Sequence[str], texts: Sequence[str], numbers: Sequence[str]
) -> Columns | None:
    empty = " AND ".join(f"{_quoted(name)} IS NULL" for name in there)
    if connection.execute(f"SELECT 1 FROM taken WHERE {empty} LIMIT 1").fetchone():  # noqa: S608
        return None
    found_texts: dict[str, Texts] = {}
    for position, name in enumerate(there):
        if name in texts:
            column = _texts(connection, name, f"kind_{position}")
            if column is None:
                return None
            found_texts[name] = column
    found_numbers: dict[str, NDArray[np.float64]] = {}
    for name in there:
        if name in numbers:
            values = _filled(connection.execute(f"SELECT {_quoted(name)} AS n FROM taken").fetchnumpy()["n"], np.nan)  # noqa: S608
            if (np.abs(values) >= 10.0**MOST_DIGITS).any():
                return None
            found_numbers[name] = values
    return Columns(found_texts, found_numbers)


def _texts(connection: duckdb.DuckDBPyConnection, name: str, kind: str) -> Texts | None:
    column = _quoted(name)
    once = f"SELECT {column} AS v FROM taken WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY min(rowid)"  # noqa: S608
    values = tuple(str(row[0]) for row in connection.execute(once).fetchall())
    if any(value != value.strip() or any(sign in value for sign in _DOUBTFUL) for value in values):
        return None
    if max((len(value) for value in values), default=0) > TERMINAL.cell:
        return None
    if not values:
        (rows,) = connection.execute("SELECT count(*) FROM taken").fetchone() or (0,)
        return Texts(np.full(rows, -1, dtype=np.int64), ())
    # An enumeration turns millions of texts into small numbers without one Python object a row.
    connection.execute(f"CREATE TEMP TYPE {kind} AS ENUM ({once})")
    codes = connection.execute(f"SELECT enum_code({column}::{kind})::BIGINT AS code FROM taken").fetchnumpy()["code"]  # noqa: S608
    return Texts(_filled(codes, -1), values)


def _filled(column: NDArray[Any], empty: float) -> NDArray[Any]:
    return column.filled(empty) if isinstance(column, np.ma.MaskedArray) else column


def write_columns(target: str, columns: Mapping[str, Written]) -> None:
    """Write columns of one length as a table where `target` says, as `write_table` does with rows.

    A column is `Texts`, whole numbers, or floats; NaN and a masked value are empty cells, in Parquet NULL. Numbers come
    back from the text as they were. Raises Refusal as `write_table` does, and for more rows than an XLSX sheet holds.
    """
    refuse_unwritable(target)
    path = Path(target)
    try:
        if target == STANDARD_OUTPUT:
            with TemporaryDirectory(prefix="citywatch-") as folder:
                _copy(Path(folder) / "out.csv", columns)
                with (Path(folder) / "out.csv").open(encoding="utf-8", newline="") as file:
                    shutil.copyfileobj(file, sys.stdout)
        elif path.suffix.lower() == ".xlsx":
            _refuse_more_than_a_sheet(target, columns)
            path.write_bytes(xlsx_bytes(list(columns), _rows(columns)))
        else:
            _copy(path, columns)
    except (OSError, duckdb.IOException) as error:
        raise refused_to_write(target, error) from error


def _copy(path: Path, columns: Mapping[str, Written]) -> None:
    parquet = path.suffix.lower() == ".parquet"
    arrays = {f"c{at}": _plain(column) for at, column in enumerate(columns.values())}
    select = ", ".join(
        f"{_cell(f'c{at}', arrays[f'c{at}'], as_text=not parquet)} AS {_quoted(harmless(name))}"
        for at, name in enumerate(columns)
    )
    target = str(path).replace("'", "''")
    form = "FORMAT parquet" if parquet else "FORMAT csv, HEADER"
    with _connection() as connection:
        connection.register("written", arrays)
        connection.execute(f"COPY (SELECT {select} FROM written) TO '{target}' ({form})")  # noqa: S608


def _plain(column: Written) -> NDArray[Any]:
    if isinstance(column, Texts):
        texts = np.array([harmless(value) for value in column.values] + [None], dtype=object)
        return np.asarray(texts[column.codes])
    return column


def _cell(column: str, values: NDArray[Any], *, as_text: bool) -> str:
    if values.dtype.kind == "O":
        return f"{column}::VARCHAR"
    if values.dtype.kind != "f":
        return column
    if not as_text:
        return f"CASE WHEN isnan({column}) THEN NULL ELSE {column} END"
    # 3, not 3.0; and beyond 2**53 every double is whole, so its shortest form is the honest one.
    plain = f"{column} = trunc({column}) AND abs({column}) < 9007199254740992"
    return f"CASE WHEN isnan({column}) THEN NULL WHEN {plain} THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR END"


def _refuse_more_than_a_sheet(target: str, columns: Mapping[str, Written]) -> None:
    rows = max((len(column.codes if isinstance(column, Texts) else column) for column in columns.values()), default=0)
    if rows > _SHEET_ROWS:
        sentence = f"{target}: {rows} rows are more than the {_SHEET_ROWS} of an Excel sheet; use .csv or .parquet."
        raise Refusal(sentence, zh=f"{target}：共{rows}行，超过 Excel 工作表的{_SHEET_ROWS}行，请用 .csv 或 .parquet。")


def _rows(columns: Mapping[str, Written]) -> Iterator[tuple[Any, ...]]:
    lists = (_plain(column).tolist() for column in columns.values())
    return zip(*lists, strict=True)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
