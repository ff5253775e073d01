"""The log's counts added up by the day or month they were recorded, kept beside the log so that nothing is read twice.

A period's cells depend on its segments and on which of its submissions were corrected since; both are in the name the
cells go by, so what is found under that name is right and what is not is counted again. Derived: the directory may be
deleted at any time. Two processes may write the same cells; they write the same.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from citywatch.eventlog import expressions as ask
from citywatch.eventlog.segments import Version
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal import export

if TYPE_CHECKING:
    import ibis.expr.types as ir

Ints = NDArray[np.int32]
_NOTHING = np.empty(0, dtype=np.int64)
_AT_ONCE = 16  # periods a query: some ten million rows of a large city, a gigabyte while they are grouped
_KEPT = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to add the log up: a period of recording, the streams looked at (none: all), and tables by columns."""

    name: str
    monthly: bool
    tables: Mapping[str, tuple[str, ...]]
    streams: tuple[str, ...] = ()

    def period(self, day: date) -> date:
        return day.replace(day=1) if self.monthly else day

    @property
    def source(self) -> "ir.Table":
        counts = ask.table("counts")
        return counts.filter(counts.stream.isin(self.streams)) if self.streams else counts


DAILY = Kind("day", monthly=False, tables={"sites": ("place", "street", "district"), "homes": ("home_street",)})


def weekly(streams: tuple[str, ...]) -> Kind:
    """The cells that weekly series add up: a month at a time, because years of days are too many files."""
    return Kind("week", monthly=True, tables={"districts": ("district",)}, streams=streams)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Columns `name` (into `names`), the kind's own, `day` (since 1970) and `count`, by table."""

    names: tuple[tuple[str, str], ...]
    tables: Mapping[str, Mapping[str, Ints]]
    recounted: int = 0
    periods: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """One period: what its segments say, and the cells without the submissions `replaced` names."""

    segments: str
    first: int
    last: int
    latest: np.datetime64
    corrected: NDArray[np.int64]
    corrected_at: NDArray[np.datetime64]
    replaced: str = ""
    names: tuple[tuple[str, str], ...] = ()
    tables: Mapping[str, Ints] | None = None


def cells(kind: Kind, *, at: datetime, first: date, version: Version) -> Cells:
    """Everything recorded from the period of `first` to the moment `at` and still standing then.

    A report is recorded on the day it tells of or later, and its correction later still; so what happened from `first`
    on, corrections included, is in these periods and nowhere else.
    """
    files = _by_period(kind, version, kind.period(first), kind.period(day_of(at)))
    home = export.store().root / "cells" / kind.name
    known = {period: _load(home, period, _digest(some), kind) for period, some in files.items()}
    blocks = _surveyed(kind, known, files)
    moment = np.datetime64(at.replace(tzinfo=None) - (at.utcoffset() or timedelta()), "us")
    replaced = _replaced(blocks.values(), moment)
    stale: dict[date, NDArray[np.int64]] = {}
    for period, block in blocks.items():
        mine = replaced[np.searchsorted(replaced, block.first) : np.searchsorted(replaced, block.last, side="right")]
        # What was recorded after the moment asked for must not count, and cells made without it must not be kept.
        if block.latest > moment or block.tables is None or block.replaced != _digest(mine.tolist()):
            stale[period] = mine
    for period, block in _counted(kind, {p: (files[p], blocks[p], mine) for p, mine in stale.items()}, moment):
        blocks[period] = block
        if block.latest <= moment:
            _keep(home, period, block)
    _tidy(home, first)
    return _together(kind, list(blocks.values()), recounted=len(stale))


def _by_period(kind: Kind, version: Version, first: date, last: date) -> dict[date, list[Path]]:
    found: dict[date, list[Path]] = {}
    for file in version.files["counts"]:
        period = kind.period(date.fromisoformat(file.parent.name.removeprefix("day=")))
        if first <= period <= last:
            found.setdefault(period, []).append(file)
    return dict(sorted(found.items()))


def _digest(parts: Sequence[object]) -> str:
    told = "\n".join(sorted(part.name if isinstance(part, Path) else str(part) for part in parts))
    return blake2b(told.encode(), digest_size=16).hexdigest()


def _surveyed(kind: Kind, known: Mapping[date, _Block | None], files: Mapping[date, list[Path]]) -> dict[date, _Block]:
    """Every period's first and last submission, latest moment and corrections; read only where not known."""
    unknown = {period: files[period] for period, block in known.items() if block is None}
    found = {period: block for period, block in known.items() if block is not None}
    if unknown:
        version = _only(unknown)
        sums = export.engine().run(_expression("recorded", kind), version)
        said = export.engine().run(_expression("corrections", kind), version)
        at = np.array([kind.period(day) for day in sums["recorded_on"].tolist()], dtype="datetime64[D]")
        of = np.array([kind.period(_city_day(moment)) for moment in said["recorded_at"]], dtype="datetime64[D]")
        for period, some in unknown.items():
            mine, its = at == np.datetime64(period), of == np.datetime64(period)
            told = bool(mine.any())
            found[period] = _Block(
                segments=_digest(some),
                first=int(sums["first"][mine].min()) if told else 0,
                last=int(sums["last"][mine].max()) if told else -1,
                latest=sums["latest"][mine].max() if told else np.datetime64(0, "us"),
                corrected=said["submission"][its],
                corrected_at=said["recorded_at"][its],
            )
    return dict(sorted(found.items()))


def _replaced(blocks: Iterator[_Block] | Any, moment: np.datetime64) -> NDArray[np.int64]:
    known = [block.corrected[block.corrected_at <= moment] for block in blocks]
    return np.unique(np.concatenate([_NOTHING, *known]))


def _counted(
    kind: Kind, asked: Mapping[date, tuple[list[Path], _Block, NDArray[np.int64]]], moment: np.datetime64
) -> Iterator[tuple[date, _Block]]:
    """Count periods anew, some at a time."""
    periods = list(asked)
    for start in range(0, len(periods), _AT_ONCE):
        part = periods[start : start + _AT_ONCE]
        version = _only({period: asked[period][0] for period in part})
        names = export.engine().run(_expression("names", kind), version)
        numbered = {**names, "name": np.arange(len(names["stream"]), dtype=np.int32)}
        pairs = tuple(zip(names["stream"].tolist(), names["syndrome"].tolist(), strict=True))
        handed = {
            "moment": {"as_of": np.array([moment])},
            "replaced": {"submission": np.concatenate([_NOTHING, *(asked[period][2] for period in part)])},
            "names": numbered,
        }
        split: dict[date, dict[str, Ints]] = {period: {} for period in part}
        for table, columns in kind.tables.items():
            found = export.engine().run(_expression("cells", kind, table), version, **handed)
            rows = np.stack(
                [found[column].astype(np.int32) for column in ("name", *columns)]
                + [found["occurred_on"].astype("datetime64[D]").astype(np.int32), found["count"].astype(np.int32)]
            )
            ends = np.searchsorted(found["recorded_on"], [np.datetime64(_after(kind, period)) for period in part])
            begins = np.searchsorted(found["recorded_on"], [np.datetime64(period) for period in part])
            for period, begin, end in zip(part, begins.tolist(), ends.tolist(), strict=True):
                split[period][table] = rows[:, begin:end]
        for period in part:
            _, block, mine = asked[period]
            yield period, replace(block, replaced=_digest(mine.tolist()), names=pairs, tables=split[period])


def _after(kind: Kind, period: date) -> date:
    return kind.period(period + timedelta(days=32)) if kind.monthly else period + timedelta(days=1)


def _together(kind: Kind, blocks: Sequence[_Block], *, recounted: int) -> Cells:
    numbers: dict[tuple[str, str], int] = {}
    renumber = [
        np.array([numbers.setdefault(pair, len(numbers)) for pair in block.names], dtype=np.int32) for block in blocks
    ]
    tables = {}
    for table, columns in kind.tables.items():
        keys = ("name", *columns, "day", "count")
        parts = [(one, block.tables[table]) for one, block in zip(renumber, blocks, strict=True) if block.tables]
        stacked = {
            key: np.concatenate([np.empty(0, np.int32), *(rows[n] for _, rows in parts)]) for n, key in enumerate(keys)
        }
        stacked["name"] = np.concatenate([np.empty(0, np.int32), *(one[rows[0]] for one, rows in parts)])
        tables[table] = stacked
    return Cells(tuple(numbers), tables, recounted, len(blocks))


@lru_cache(maxsize=32)
def _asked(what: str, kind: str, streams: tuple[str, ...], by: tuple[str, ...]) -> "ir.Table":
    source = Kind(kind, monthly=False, tables={}, streams=streams).source
    if what == "recorded":
        return ask.recorded(source)
    if what == "corrections":
        return ask.corrections(source)
    if what == "names":
        return ask.names_in(source)
    return ask.cells(source, ask.table("moment"), ask.table("replaced"), ask.table("names"), by=by)


def _expression(what: str, kind: Kind, table: str = "") -> "ir.Table":
    return _asked(what, kind.name, kind.streams, kind.tables.get(table, ()))


def _only(files: Mapping[date, list[Path]]) -> Version:
    return Version(0, {"counts": tuple(file for some in files.values() for file in some), "entries": (), "visits": ()})


def _city_day(moment: np.datetime64) -> date:
    day: date = (moment + np.timedelta64(8, "h")).astype("datetime64[D]").item()
    return day


def _load(home: Path, period: date, segments: str, kind: Kind) -> _Block | None:
    """A period's block, if the same segments made it: one line of JSON, then its tables as columns of int32."""
    try:
        with (home / f"{period}.cells").open("rb") as file:
            told = json.loads(file.readline())
            if told["segments"] != segments:
                return None
            columns = {table: len(some) + 3 for table, some in kind.tables.items()}
            tables = {
                table: np.fromfile(file, dtype=np.int32, count=columns[table] * rows).reshape(columns[table], rows)
                for table, rows in told["rows"].items()
            }
    except (FileNotFoundError, ValueError, KeyError):
        return None  # never written, or torn by a power cut: it is counted again
    return _Block(
        segments=segments, first=told["first"], last=told["last"], latest=np.datetime64(told["latest"], "us"),
        corrected=np.array(told["corrected"], dtype=np.int64),
        corrected_at=np.array(told["corrected_at"], dtype="datetime64[us]"), replaced=told["replaced"],
        names=tuple((stream, syndrome) for stream, syndrome in told["names"]), tables=tables,
    )  # fmt: skip


def _keep(home: Path, period: date, block: _Block) -> None:
    told = {
        "segments": block.segments, "first": block.first, "last": block.last, "latest": str(block.latest),
        "corrected": block.corrected.tolist(), "corrected_at": block.corrected_at.astype(str).tolist(),
        "replaced": block.replaced, "names": block.names,
        "rows": {table: rows.shape[1] for table, rows in (block.tables or {}).items()},
    }  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    aside = home / f"{period}.{os.getpid()}.part"
    with aside.open("wb") as file:
        file.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
        for rows in (block.tables or {}).values():
            np.ascontiguousarray(rows).tofile(file)
    aside.replace(home / f"{period}.cells")


def _tidy(home: Path, first: date) -> None:
    for file in home.glob("*.cells"):
        if date.fromisoformat(file.stem) < first - _KEPT:
            file.unlink(missing_ok=True)
