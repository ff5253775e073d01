"""The exposure levels of closed days, one small file a day: a person's status is the highest of the days kept.

Derived and disposable: `expressions.day_levels` makes a day anew from its visits and the stays known. A stay learnt
later raises its day and touches no other; a day let go is a file removed.
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


def record(folder: Path, found: Mapping[str, npt.NDArray[Any]]) -> None:
    """Take in rows of `day`, `person`, `level`: each day's file is raised where these are higher, never lowered.

    The same rows again change nothing. When a case is discarded its days have to be dropped and made anew.
    """
    with durable.only_writer(folder / "writer.lock"):
        for day in np.unique(found["day"]).tolist():
            mine = found["day"] == day
            person, level = found["person"][mine], found["level"][mine]
            kept = _read(folder, day)
            raised = np.zeros(max(len(kept), int(person.max()) + 1), dtype=np.uint8)
            raised[: len(kept)] = kept
            np.maximum.at(raised, person, level.astype(np.uint8))
            durable.publish(_file(folder, day), partial(_write, levels=raised))


def status(folder: Path, *, first_day: int, last_day: int, people: int) -> Levels:
    """The highest level of every person 0 to `people` (excluded) over the days, both included; days since 1970.

    Specified by `expressions.status`.
    """
    highest = np.zeros(people, dtype=np.uint8)
    for day in range(first_day, last_day + 1):
        kept = _read(folder, day)[:people]
        np.maximum(highest[: len(kept)], kept, out=highest[: len(kept)])
    return highest


def drop(folder: Path, *, before: int) -> int:
    """Remove the days before `before`; tell how many went."""
    with durable.only_writer(folder / "writer.lock"):
        gone = [day for day in _days(folder) if day < before]
        for day in gone:
            _file(folder, day).unlink()
        return len(gone)


def _days(folder: Path) -> Iterator[int]:
    for file in folder.glob("day=*.npy"):
        yield int(file.stem.removeprefix("day="))


def _read(folder: Path, day: int) -> Levels:
    try:
        kept: Levels = np.load(_file(folder, day))
    except FileNotFoundError:
        return np.zeros(0, dtype=np.uint8)
    return kept


def _file(folder: Path, day: int) -> Path:
    return folder / f"day={day}.npy"


def _write(path: Path, levels: Levels) -> None:
    with path.open("wb") as file:  # np.save would add its own ending to a path
        np.save(file, levels)
