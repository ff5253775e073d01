"""Run an expression over a pinned version of the log and give arrays back: DuckDB here, Spark on a cluster."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import ibis
import ibis.expr.operations as ops
import numpy as np

from citywatch.eventlog import duck
from citywatch.eventlog.columns import checked
from citywatch.eventlog.schema import IBIS_TYPES, NUMPY_TYPES, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir
    import numpy.typing as npt

    from citywatch.eventlog.columns import Column
    from citywatch.eventlog.schema import Kind, Schema
    from citywatch.eventlog.segments import Store, Version

    Arrays = dict[str, npt.NDArray[Any]]


class EngineUnavailable(RuntimeError):
    """The engine asked for cannot run here; the message says what to do."""


class Engine(Protocol):
    """Runs expressions over one store."""

    def run(self, expression: ir.Table, version: Version, **small: Mapping[str, Column]) -> Arrays:
        """Give the expression's columns as arrays of equal length, in its order of rows.

        `small` are the tables the query brings along, by the name the expression knows them by. Days come back as
        `datetime64[D]`, instants as `datetime64[us]` in UTC, texts as objects.
        """


def open_engine(spec: str = "duckdb", *, store: Store) -> Engine:
    """Open the engine a command names: `duckdb`, or `spark://host:port` (`spark://local[2]` for one machine)."""
    if spec == "duckdb":
        return DuckEngine(store)
    if not spec.startswith("spark://"):
        raise EngineUnavailable(f"There is no engine {spec!r}; use duckdb or spark://host:port.")
    if find_spec("pyspark") is None:
        raise EngineUnavailable(
            f"The engine {spec!r} needs Spark, which is not installed; install citywatch[cluster] or use duckdb."
        )
    from citywatch.eventlog.spark import SparkEngine  # noqa: PLC0415  pyspark is an extra

    return SparkEngine(spec)


class DuckEngine:
    """DuckDB in this process, reading below the store's root only."""

    def __init__(self, store: Store) -> None:
        """Remember the store; nothing is opened before the first query."""
        self._root = store.root

    def run(self, expression: ir.Table, version: Version, **small: Mapping[str, Column]) -> Arrays:
        """Compile the expression and run it; see `Engine.run`."""
        query = _duckdb_sql(expression.op())
        with duck.cursor(self._root) as connection:
            for name, schema in tables_of(expression):
                if name in TABLES:
                    source = duck.read_segments(version.files[name], schema)
                else:
                    source = duck.stage(connection, f"handed_in_{name}", handed_in(name, schema, small), schema)
                connection.execute(f"CREATE TEMP VIEW {duck.word(name)} AS {source}")
            found = connection.execute(query).fetchnumpy()
        return {name: _plain(found[name], kind) for name, kind in expression.schema().items()}


@lru_cache(maxsize=64)
def _duckdb_sql(asked: ops.Relation) -> str:
    """Compile once: it costs 50 ms, more than most queries. What changes between runs is best handed in as a table."""
    return str(ibis.to_sql(asked.to_expr(), dialect="duckdb"))


def tables_of(expression: ir.Table) -> Iterator[tuple[str, Schema]]:
    """Name the tables an expression reads, with the columns it expects of each."""
    kinds: dict[str, Kind] = {type_name: kind for kind, type_name in IBIS_TYPES.items()}
    for one in {found.name: found for found in expression.op().find(ops.UnboundTable)}.values():
        yield one.name, {column: kinds[str(kind)] for column, kind in one.schema.items()}


def handed_in(name: str, schema: Schema, small: Mapping[str, Mapping[str, Column]]) -> Arrays:
    """Give a small table's columns in the schema's types; raise ValueError when the caller forgot it."""
    if name not in small:
        raise ValueError(f"The query reads a table {name!r}, which was not handed in; it got {sorted(small)}.")
    return checked(small[name], schema, table=name)


def _plain(array: npt.NDArray[Any], kind: Any) -> npt.NDArray[Any]:
    """Undo DuckDB's choices: sums come as float64, days as microseconds."""
    name = next((ours for ours, theirs in IBIS_TYPES.items() if theirs == str(kind)), None)
    if name is None or isinstance(array, np.ma.MaskedArray):
        return array
    return array.astype(NUMPY_TYPES[name])
