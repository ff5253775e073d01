"""Turning an Arrow stream somebody sent into Parquet, in a process of its own.

Arrow's buffers are read where they lie: a stream made to deceive can end the process that reads it (two in 1,500
damaged streams did, in trials). So it is another process than the one that answers the city.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 120


class Unreadable(ValueError):
    """The bytes are no Arrow stream with these columns."""


def to_parquet(stream: Path, into: Path, columns: Sequence[str]) -> None:
    """Write the columns of an Arrow IPC stream (plain, LZ4 or ZSTD) as Parquet. Raises `Unreadable`."""
    command = [sys.executable, "-m", "citywatch.eventlog.arrow", str(stream), str(into), *columns]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - our own
    except subprocess.TimeoutExpired:
        raise Unreadable(f"reading it took more than {SECONDS} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Unreadable(said[-1] if said else f"the reader ended with {done.returncode}")


def _main(stream: str, into: str, *columns: str) -> None:
    import nanoarrow  # noqa: PLC0415  the parent has no use for it

    with Path(stream).open("rb") as body, duckdb.connect() as connection:
        connection.register("came", nanoarrow.ArrayStream.from_readable(body))
        wanted = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f"COPY (SELECT {wanted} FROM came) TO '{into}' (FORMAT parquet)")  # noqa: S608 - our own


if __name__ == "__main__":
    _main(*sys.argv[1:])
