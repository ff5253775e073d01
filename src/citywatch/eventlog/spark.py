"""The same expressions on Spark, for a city whose visits outgrow one machine. Needs the extra `cluster`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
from pyspark.sql import SparkSession

from citywatch.eventlog.engines import handed_in, tables_of
from citywatch.eventlog.schema import IBIS_TYPES, NUMPY_TYPES, SPARK_TYPES, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import ibis.expr.types as ir
    import numpy.typing as npt

    from citywatch.eventlog.columns import Column
    from citywatch.eventlog.schema import Schema
    from citywatch.eventlog.segments import Version


class SparkEngine:
    """A Spark session on the master the spec names. Its workers must see the log's directory under the same path."""

    def __init__(self, spec: str) -> None:
        """Start or join the session; `spark://local[2]` runs inside this machine."""
        master = spec.removeprefix("spark://") if spec.startswith("spark://local") else spec
        self._session = (
            SparkSession.builder.master(master).appName("citywatch").config("spark.ui.enabled", "false").getOrCreate()
        )

    def run(self, expression: ir.Table, version: Version, **small: Mapping[str, Column]) -> dict[str, npt.NDArray[Any]]:
        """Compile the expression and run it; see `Engine.run`."""
        session = self._session.newSession()  # temporary views of its own, so two queries may hold two versions
        session.conf.set("spark.sql.session.timeZone", "UTC")  # the log keeps UTC without a zone
        for name, schema in tables_of(expression):
            if name in TABLES:
                frame = _segments(session, version.files[name], schema)
            else:
                columns = handed_in(name, schema, small)
                rows = list(zip(*(columns[column].tolist() for column in schema), strict=True))
                frame = session.createDataFrame(rows, _ddl(schema))
            frame.createOrReplaceTempView(name)
        found = session.sql(str(ibis.to_sql(expression, dialect="pyspark"))).collect()
        kinds = {type_name: NUMPY_TYPES[kind] for kind, type_name in IBIS_TYPES.items()}
        return {
            column: np.array([row[column] for row in found], dtype=kinds.get(str(kind), "object"))
            for column, kind in expression.schema().items()
        }


def _segments(session: SparkSession, files: tuple[Path, ...], schema: Schema) -> Any:
    if not files:
        return session.createDataFrame([], _ddl(schema))
    return session.read.schema(_ddl(schema)).parquet(*map(str, files)).select(*schema)


def _ddl(schema: Schema) -> str:
    return ", ".join(f"`{column}` {SPARK_TYPES[kind]}" for column, kind in schema.items())
