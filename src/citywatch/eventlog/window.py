"""The visits of some closed days as bare columns with offsets, twice: by place and by person. Derived, disposable.

Parquet segments remain the truth; these files answer in milliseconds what a scan of a city answers in seconds
(`kernels`). They name the segments they were made from, so a reader knows when they no longer speak for the log.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from citywatch.eventlog import duck, durable
from citywatch.eventlog.schema import VISITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from citywatch.eventlog.segments import Version

    Offsets = npt.NDArray[np.int64]
    Numbers = npt.NDArray[np.int32]
    Minutes = npt.NDArray[np.uint16]

FORMAT = 1
MOST_MINUTES = 65_535  # a minute since the window began fits 16 bits: 45 days
MINUTES_A_DAY = 1440
_SHANGHAI = 8 * 60
_EPOCH = date(1970, 1, 1)
_COLUMNS = {name: kind for name, kind in VISITS.items() if name != "source"}


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Visits laid together by one key: those of key k are the rows offsets[k] to offsets[k + 1], by time.

    `other` is the place of a person's visit, or the person of a place's. `start` counts minutes from the window's
    first; `stay` is the length of the visit in minutes. `longest` is the longest stay under each key, which tells how
    far back a visit that is still going on may have begun.
    """

    offsets: Offsets
    other: Numbers
    start: Minutes
    stay: Minutes
    longest: Minutes

    @property
    def keys(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The visits that began on `first_day` to `last_day`, both included; `origin` is the log's minute it begins at."""

    first_day: date
    last_day: date
    by_place: Projection
    by_person: Projection
    made_from: tuple[str, ...]

    @property
    def origin(self) -> int:
        return first_minute(self.first_day)

    @property
    def visits(self) -> int:
        return len(self.by_place.other)

    def speaks_for(self, version: Version) -> bool:
        """Whether these are the very segments the version holds for these days."""
        return self.made_from == _named(version, self.first_day, self.last_day)

    @classmethod
    def open(cls, folder: Path) -> Self | None:
        """Map the columns into memory; None when there are none, or they are of another release."""
        try:
            said = json.loads((folder / "window.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if said["format"] != FORMAT:
            return None
        return cls(
            date.fromisoformat(said["first_day"]),
            date.fromisoformat(said["last_day"]),
            _mapped(folder, "place"),
            _mapped(folder, "person"),
            tuple(said["made_from"]),
        )


def first_minute(day: date) -> int:
    """The minute of the log at which a day of the city begins.

    >>> first_minute(date(1970, 1, 2))
    960
    """
    return (day - _EPOCH).days * MINUTES_A_DAY - _SHANGHAI


def build(root: Path, version: Version, folder: Path, *, first_day: date, last_day: date) -> Window:
    """Lay out the visits of these days anew; a reader of the old columns keeps them until it lets go.

    A counting sort in two passes over the days, so memory holds one day and the offsets. Raises ValueError for more
    days, or a longer stay, than 16 bits of minutes can tell.
    """
    minutes = ((last_day - first_day).days + 1) * MINUTES_A_DAY
    if not 0 < minutes <= MOST_MINUTES:
        raise ValueError(f"{first_day} to {last_day} is no window of 1 to {MOST_MINUTES // MINUTES_A_DAY} days.")
    aside = folder.with_name(f"{folder.name}{durable.UNFINISHED}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
    for name in ("place", "person"):
        _lay_out(root, version, days, name, aside, origin=first_minute(first_day))
    said = {
        "format": FORMAT,
        "first_day": first_day.isoformat(),
        "last_day": last_day.isoformat(),
        "made_from": _named(version, first_day, last_day),
    }
    (aside / "window.json").write_text(json.dumps(said), encoding="utf-8")
    if folder.exists():
        old = folder.with_name(f"{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        shutil.rmtree(old)
    aside.rename(folder)
    found = Window.open(folder)
    assert found is not None  # noqa: S101 - written just now
    return found


def _lay_out(root: Path, version: Version, days: Sequence[date], by: str, folder: Path, *, origin: int) -> None:
    from citywatch.eventlog.kernels import scatter  # noqa: PLC0415  numba is an extra

    counts = np.zeros(0, dtype=np.int64)
    for rows in _by_day(root, version, days, "SELECT {by}, count(*) AS rows FROM ({visits}) GROUP BY {by}", by):
        if len(rows[by]):
            counts = np.pad(counts, (0, max(0, int(rows[by].max()) + 1 - len(counts))))
            counts[rows[by]] += rows["rows"].astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    longest = np.zeros(len(counts), dtype=np.uint16)
    other, start, stay = (
        np.lib.format.open_memmap(folder / f"by_{by}.{name}.npy", mode="w+", dtype=kind, shape=(int(offsets[-1]),))
        for name, kind in (("other", np.int32), ("start", np.uint16), ("stay", np.uint16))
    )
    # A counting sort keeps the order rows come in, so each key's visits lie by time.
    ordered = "SELECT * FROM ({visits}) ORDER BY minute_in, minute_out, person, place"
    reached = offsets[:-1].copy()
    for rows in _by_day(root, version, days, ordered, by):
        key, another = (rows[by], rows["person" if by == "place" else "place"])
        if ((rows["minute_out"] - rows["minute_in"]) > MOST_MINUTES).any():
            raise ValueError(f"A visit of {by} columns lasts more than {MOST_MINUTES} minutes; it cannot be laid out.")
        scatter(key, another, rows["minute_in"], rows["minute_out"], origin, reached, other, start, stay, longest)
    for array in (other, start, stay):
        array.flush()
    np.save(folder / f"by_{by}.offsets.npy", offsets)
    np.save(folder / f"by_{by}.longest.npy", longest)


def _by_day(
    root: Path, version: Version, days: Sequence[date], query: str, by: str
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    for day in days:
        files = [file for file in version.files["visits"] if file.parent.name == f"day={day}"]
        if files:
            with duck.cursor(root) as connection:
                found = connection.execute(query.format(by=by, visits=duck.read_segments(files, _COLUMNS)))
                yield dict(found.fetchnumpy())


def _named(version: Version, first_day: date, last_day: date) -> tuple[str, ...]:
    first, last = f"day={first_day}", f"day={last_day}"
    return tuple(sorted(file.name for file in version.files["visits"] if first <= file.parent.name <= last))


def _mapped(folder: Path, by: str) -> Projection:
    def column(name: str) -> npt.NDArray[Any]:
        file = folder / f"by_{by}.{name}.npy"
        empty = file.stat().st_size <= 128  # an empty file cannot be mapped
        found: npt.NDArray[Any] = np.load(file, mmap_mode=None if empty else "r")
        return found

    return Projection(*(column(name) for name in ("offsets", "other", "start", "stay", "longest")))
