"""The same expressions on Spark, for a city whose visits outgrow one machine. Needs the extra `cluster`."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.functions import broadcast

from citywatch.eventlog.engines import EngineUnavailable, handed_in, tables_of
from citywatch.eventlog.schema import IBIS_TYPES, NUMPY_TYPES, SPARK_TYPES, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import ibis.expr.types as ir
    import numpy.typing as npt

    from citywatch.eventlog.columns import Column
    from citywatch.eventlog.schema import Kind, Schema
    from citywatch.eventlog.segments import Version

_DRIVER = "driver"
_ARROW_TYPES: dict[Kind, pa.DataType] = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "str": pa.string(),
    "date": pa.date32(),
    "instant": pa.timestamp("us"),
}
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",  # the log keeps UTC without a zone
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # A master that does not answer is said within a minute, not after Spark's silent retries.
    "spark.network.timeout": "60s",
    "spark.executor.heartbeatInterval": "10s",
}


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker has done since the session began: tasks finished and failed, and its time on them."""

    worker: str
    tasks: int
    failed: int
    seconds: float


class SparkEngine:
    """A Spark session on the master the spec names. Its workers must see the log's directory under the same path."""

    def __init__(self, spec: str) -> None:
        """Start or join the session; `spark://local[2]` runs inside this machine."""
        master = spec.removeprefix("spark://") if spec.startswith("spark://local") else spec
        if not _answers(master):
            raise EngineUnavailable(
                f"No Spark master answers at {master}; start it (docs/how-to/run-on-spark.md) or use duckdb."
            )
        builder = SparkSession.builder.master(master).appName("citywatch")
        for name, value in _SETTINGS.items():
            builder = builder.config(name, value)
        try:
            self._session = builder.getOrCreate()
            # Spark's 200 parts for every join are made for hundreds of cores; a few a core suit any number of them.
            self._parts = str(max(8, 4 * self._session.sparkContext.defaultParallelism))
        except Exception as fault:  # py4j's and Java's own kinds, none of them public
            raise EngineUnavailable(
                f"Spark at {master} did not start: {str(fault).splitlines()[0]} Check that Java 17 or later is "
                "installed and the master runs, or use duckdb."
            ) from fault

    def run(self, expression: ir.Table, version: Version, **small: Mapping[str, Column]) -> dict[str, npt.NDArray[Any]]:
        """Compile the expression and run it; see `Engine.run`.

        What the query brings along is sent whole to every worker, so that the city's side of a join is never moved.
        """
        session = self._session.newSession()  # temporary views of its own, so two queries may hold two versions
        session.conf.set("spark.sql.shuffle.partitions", self._parts)
        try:
            for name, schema in tables_of(expression):
                if name in TABLES:
                    frame = _segments(session, version.files[name], schema)
                else:
                    frame = broadcast(_staged(session, handed_in(name, schema, small), schema))
                frame.createOrReplaceTempView(name)
            found = session.sql(str(ibis.to_sql(expression, dialect="pyspark"))).toArrow()
        except PySparkException as fault:
            raise EngineUnavailable(f"Spark could not answer: {str(fault).splitlines()[0]}") from fault
        return {column: _array(found.column(column), kind) for column, kind in expression.schema().items()}

    def shares(self) -> list[Share]:
        """How the work was divided so far, one row a worker process; on one machine the driver does it all."""
        executors = self._session.sparkContext._jsc.sc().statusStore().executorList(False)
        rows = [executors.apply(number) for number in range(executors.size())]
        alone = len(rows) == 1
        return sorted(
            (
                Share(
                    f"{row.id()} at {row.hostPort()}",
                    row.completedTasks(),
                    row.failedTasks(),
                    row.totalDuration() / 1000,
                )
                for row in rows
                if alone or row.id() != _DRIVER
            ),
            key=lambda share: share.worker,
        )

    def stages(self) -> int:
        """How many stages have run since the session began (Spark remembers the last thousand jobs)."""
        jobs = self._session.sparkContext.statusTracker()
        ran = [jobs.getJobInfo(number) for number in jobs.getJobIdsForGroup(None)]
        return sum(len(job.stageIds) for job in ran if job is not None)

    def close(self) -> None:
        """End the session and give the workers back."""
        self._session.stop()


def _answers(master: str) -> bool:
    """Whether somebody listens at one of the addresses named; Spark itself would try in silence for a minute."""
    if master.startswith("local"):
        return True
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except (OSError, ValueError):
            continue
        return True
    return False


def _segments(session: SparkSession, files: tuple[Path, ...], schema: Schema) -> Any:
    if not files:
        return _staged(session, {name: np.empty(0, dtype=NUMPY_TYPES[kind]) for name, kind in schema.items()}, schema)
    return session.read.schema(_ddl(schema)).parquet(*map(str, files)).select(*schema)


def _staged(session: SparkSession, columns: Mapping[str, npt.NDArray[Any]], schema: Schema) -> Any:
    """A table from arrays. By way of Arrow, so that the workers need no Python."""
    arrays = {name: pa.array(columns[name], type=_ARROW_TYPES[kind]) for name, kind in schema.items()}
    return session.createDataFrame(pa.table(arrays), _ddl(schema))


def _array(column: pa.ChunkedArray, kind: Any) -> npt.NDArray[Any]:
    """Give a column in the log's own types; an empty one has its type too."""
    ours: Kind = next((name for name, theirs in IBIS_TYPES.items() if theirs == str(kind)), "str")
    if ours == "str":
        return np.array(column.to_pylist(), dtype=object)
    found: npt.NDArray[Any] = column.to_numpy().astype(NUMPY_TYPES[ours])
    return found


def _ddl(schema: Schema) -> str:
    return ", ".join(f"`{column}` {SPARK_TYPES[kind]}" for column, kind in schema.items())
