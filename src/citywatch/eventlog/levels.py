"""The exposure levels of days, one small file a day: a person's status is the highest of the days kept.

Derived and disposable: `expressions.day_levels` makes a day anew from its visits and the stays known. A day is replaced
whole, with a word for what it was made from, so that only days of which that changed are made again: a stay learnt
later touches its own day and no other, a discarded case leaves its days, and a day let go is a file removed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from citywatch.eventlog import durable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    Levels = npt.NDArray[np.uint8]


def record(folder: Path, day: int, found: Mapping[str, npt.NDArray[Any]], *, made_from: str = "") -> None:
    """Keep the rows of `person`, `level` as this day's, instead of those kept before; of two for one the higher.

    `day` counts from 1970. `made_from` names what they were made of (`source_of`): any text that changes with it.
    """
    person = found["person"]
    levels = np.zeros(int(person.max(initial=-1)) + 1, dtype=np.uint8)
    np.maximum.at(levels, person, found["level"].astype(np.uint8))
    with durable.only_writer(folder / "writer.lock"):
        # Between the two the day says it was made of nothing known, and is made again.
        _source(folder, day).unlink(missing_ok=True)
        durable.publish(_file(folder, day), partial(_write, levels=levels))
        durable.publish(_source(folder, day), lambda aside: _write_text(aside, made_from))


def source_of(folder: Path, day: int) -> str | None:
    """What the day's levels were made from; None where the day is not kept."""
    try:
        return _source(folder, day).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def status(folder: Path, *, first_day: int, last_day: int, people: int | None = None) -> Levels:
    """The highest level of every person 0 to `people` (excluded) over the days, both included; days since 1970.

    Without `people`: of everybody up to the last who has a level. Specified by `expressions.status`.
    """
    kept = [_read(folder, day) for day in range(first_day, last_day + 1)]
    highest = np.zeros(max(map(len, kept), default=0) if people is None else people, dtype=np.uint8)
    for levels in kept:
        mine = levels[: len(highest)]
        np.maximum(highest[: len(mine)], mine, out=highest[: len(mine)])
    return highest


def drop(folder: Path, *, before: int) -> int:
    """Remove the days before `before`; tell how many went."""
    with durable.only_writer(folder / "writer.lock"):
        gone = [day for day in _days(folder) if day < before]
        for day in gone:
            _source(folder, day).unlink(missing_ok=True)
            _file(folder, day).unlink()
        return len(gone)


def _days(folder: Path) -> Iterator[int]:
    for file in sorted(folder.glob("day=*.npy")):
        yield int(file.stem.removeprefix("day="))


def _read(folder: Path, day: int) -> Levels:
    try:
        kept: Levels = np.load(_file(folder, day))
    except FileNotFoundError:
        return np.zeros(0, dtype=np.uint8)
    return kept


def _file(folder: Path, day: int) -> Path:
    return folder / f"day={day}.npy"


def _source(folder: Path, day: int) -> Path:
    return folder / f"day={day}.source"


def _write(path: Path, levels: Levels) -> None:
    with path.open("wb") as file:  # np.save would add its own ending to a path
        np.save(file, levels)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
