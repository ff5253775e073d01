"""DuckDB in this process, able to touch the log's own directory and nothing else.

One instance for each process and root, one cursor for each piece of work: opening an instance costs 20 ms, a cursor
none, and a cursor's temporary views are its own.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from citywatch.eventlog.schema import DUCKDB_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from citywatch.eventlog.schema import Schema

MOST_THREADS = 4  # a page must not take every core from the others
MOST_MEMORY = "4GB"  # nor all the memory; what needs more goes to the disk


def cursor(root: Path) -> duckdb.DuckDBPyConnection:
    """Open a cursor that reads and writes below `root` only."""
    return _instance(root.resolve(), os.getpid()).cursor()


@lru_cache(maxsize=8)
def _instance(root: Path, process: int) -> duckdb.DuckDBPyConnection:
    del process  # a forked child must not use its parent's instance, so the process is part of the key
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    connection = duckdb.connect(":memory:", config={"threads": threads, "python_enable_replacements": False})
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET memory_limit = {text(MOST_MEMORY)}")
    connection.execute(f"SET temp_directory = {text(str(root / 'spill'))}")
    connection.execute(f"SET allowed_directories = [{text(str(root))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def stage(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, npt.NDArray[Any]], schema: Schema
) -> str:
    """Register arrays under a name and give the SELECT that reads them in the schema's types."""
    # A column of one and the same text is said once: a visit feed's source, a million times over.
    said = {column: text(array[0]) for column, array in columns.items() if _one_text(array)}
    if len(said) == len(columns):
        said = {}
    connection.register(name, {column: _registrable(array) for column, array in columns.items() if column not in said})
    typed = ", ".join(
        f"CAST({said.get(column, word(column))} AS {DUCKDB_TYPES[kind]}) AS {word(column)}"
        for column, kind in schema.items()
    )
    return f"SELECT {typed} FROM {word(name)}"  # noqa: S608  names come from the schema, never from a person


def read_segments(files: Sequence[Path], schema: Schema) -> str:
    """Give the SELECT over these files; without files, the same columns and no rows."""
    if not files:
        typed = ", ".join(f"CAST(NULL AS {DUCKDB_TYPES[kind]}) AS {word(column)}" for column, kind in schema.items())
        return f"SELECT {typed} WHERE false"
    paths = ", ".join(text(str(file)) for file in files)
    # The directory is named day=…, which DuckDB would otherwise read as one more column.
    return f"SELECT {', '.join(map(word, schema))} FROM read_parquet([{paths}], hive_partitioning = false)"  # noqa: S608


def word(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Quote a literal."""
    return "'" + value.replace("'", "''") + "'"


def _one_text(array: npt.NDArray[Any]) -> bool:
    if array.dtype != object or len(array) == 0:
        return False
    return array.strides == (0,) or bool((array == array[0]).all())


def _registrable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.astype("datetime64[us]") if array.dtype.kind == "M" else np.ascontiguousarray(array)
