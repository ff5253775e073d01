"""The visits of some closed days as bare columns with offsets, twice: by place and by person. Derived, disposable.

Parquet segments remain the truth; these files answer in milliseconds what a scan of a city answers in seconds
(`kernels`). They name the segments they were made from, so a reader knows when they no longer speak for the log.
"""

from __future__ import annotations

import json
import mmap
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from citywatch.eventlog import duck, durable
from citywatch.eventlog.schema import VISITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from citywatch.eventlog.segments import Version

    Offsets = npt.NDArray[np.int64]
    Numbers = npt.NDArray[np.int32]
    Minutes = npt.NDArray[np.uint16]

FORMAT = 2
FOLDER = "window"
"""Where the columns of an installation lie, below the root of its log."""
MOST_MINUTES = 65_535  # a minute since the window began fits 16 bits: 45 days
MINUTES_A_DAY = 1440
_SHANGHAI = 8 * 60
_EPOCH = date(1970, 1, 1)
_NEAR = 32 << 10  # bytes between two keys that are read rather than skipped
_LITTLE = 50  # one fiftieth of the columns, in bytes of Parquet: half a day of a month
_AT_ONCE = 64 << 20  # bytes of Parquet laid out in one sort: whole days, as many as fit
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

    def expect(self, keys: Offsets, *, times: bool = True) -> None:
        """Let the disk begin to read the rows of these keys, all at once and not page by page as they are reached."""
        keys = np.unique(keys)
        if not keys.size:
            return
        first, last = self.offsets[keys], self.offsets[keys + 1]
        for column in (self.other, self.start, self.stay) if times else (self.other,):
            mapped = getattr(column, "_mmap", None)
            if mapped is None:
                continue
            header = len(mapped) - column.nbytes
            begin = (header + first * column.itemsize) // mmap.PAGESIZE * mmap.PAGESIZE
            end = header + last * column.itemsize
            far = np.flatnonzero(np.append(True, begin[1:] > end[:-1] + _NEAR))  # those that lie together at once
            for start, stop in zip(begin[far].tolist(), end[np.append(far[1:], len(end)) - 1].tolist(), strict=True):
                mapped.madvise(mmap.MADV_WILLNEED, start, stop - start)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The visits that began on `first_day` to `last_day`, both included; `origin` is the log's minute it begins at.

    `made_from` names the segments they were laid out from. Those of the days before (`earlier`) are not in them; the
    last of their visits ended at `lasting_until`, so a question about later minutes does not miss them.
    """

    first_day: date
    last_day: date
    by_place: Projection
    by_person: Projection
    made_from: tuple[str, ...]
    earlier: frozenset[str]
    lasting_until: int

    @property
    def origin(self) -> int:
        return first_minute(self.first_day)

    @property
    def minutes(self) -> int:
        """How many minutes it has: no visit begins at or after this one."""
        return ((self.last_day - self.first_day).days + 1) * MINUTES_A_DAY

    @property
    def visits(self) -> int:
        return len(self.by_place.other)

    def speaks_for(self, version: Version) -> bool:
        """Whether these are the very segments the version holds for these days."""
        return self.made_from == _named(version, self.first_day, self.last_day)

    def beside(self, version: Version, since: int, until: int) -> Version | None:
        """What has to be read beside the columns to answer about the minutes `since` to `until` (excluded).

        That is the visits that came after the columns were laid out. None when the columns cannot answer: they begin
        later, or the segments they were made from are no longer the log's.
        """
        there = {file.name: file for file in version.files["visits"]}
        if since < max(self.origin, self.lasting_until) or not there.keys() >= set(self.made_from):
            return None
        last = f"day={_EPOCH + timedelta(days=(until + _SHANGHAI) // MINUTES_A_DAY)}"
        known = self.earlier.union(self.made_from)
        rest = tuple(file for name, file in there.items() if name not in known and file.parent.name <= last)
        return replace(version, files={"visits": rest})

    def still_answers(self, version: Version) -> bool:
        """Whether they are made from segments the log still has, and little came since."""
        known = self.earlier.union(self.made_from)
        size = {file.name: file.stat().st_size for file in version.files["visits"]}
        since = sum(bytes_ for name, bytes_ in size.items() if name not in known)
        return size.keys() >= set(self.made_from) and since * _LITTLE <= sum(size[name] for name in self.made_from)

    @classmethod
    def open(cls, folder: Path) -> Self | None:
        """Map the columns into memory; None when there are none, or they are of another release."""
        for _ in range(3):  # laid out anew between reading which they are and mapping them
            try:
                said = json.loads((folder / "window.json").read_text(encoding="utf-8"))
            except FileNotFoundError:
                return None
            if said["format"] != FORMAT:
                return None
            try:
                return cls(
                    date.fromisoformat(said["first_day"]),
                    date.fromisoformat(said["last_day"]),
                    _mapped(folder / said["columns"], "place"),
                    _mapped(folder / said["columns"], "person"),
                    tuple(said["made_from"]),
                    frozenset(said["earlier"]),
                    said["lasting_until"],
                )
            except FileNotFoundError:
                continue
        return None


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
    days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
    with durable.only_writer(folder / "writer.lock"):
        columns = Path(tempfile.mkdtemp(prefix="columns-", dir=folder))
        columns.chmod(0o755)
        for name in ("place", "person"):
            _lay_out(root, version, days, name, columns, origin=first_minute(first_day))
        earlier, lasting_until = _before(root, version, first_day)
        said = {
            "format": FORMAT,
            "columns": columns.name,
            "first_day": first_day.isoformat(),
            "last_day": last_day.isoformat(),
            "made_from": _named(version, first_day, last_day),
            "earlier": earlier,
            "lasting_until": lasting_until,
        }
        durable.publish(folder / "window.json", lambda aside: _write_text(aside, json.dumps(said)))
        for old in folder.glob("columns-*"):
            if old != columns:
                shutil.rmtree(old)
    found = Window.open(folder)
    assert found is not None  # noqa: S101 - written just now
    return found


def refresh(root: Path, version: Version, *, days: int) -> Window | None:
    """Lay out the log's latest days anew where the columns answer no longer, or too much came since to be read beside.

    None for a log without visits.
    """
    held = sorted({date.fromisoformat(file.parent.name.removeprefix("day=")) for file in version.files["visits"]})
    if not held:
        return None
    last_day = held[-1]
    first_day = max(held[0], last_day - timedelta(days=days - 1))
    found = Window.open(root / FOLDER)
    if found and found.first_day <= first_day and found.still_answers(version):
        return found
    return build(root, version, root / FOLDER, first_day=first_day, last_day=last_day)


def _lay_out(root: Path, version: Version, days: Sequence[date], by: str, folder: Path, *, origin: int) -> None:
    from citywatch.eventlog.kernels import scatter  # noqa: PLC0415  numba is an extra

    counts = np.zeros(0, dtype=np.int64)
    grouped = (
        "SELECT {by}, count(*) AS rows, min(minute_in) AS first, max(minute_in) AS last FROM ({visits}) GROUP BY {by}"
    )
    for rows in _in_pieces(root, version, days, grouped, by):
        if len(rows[by]):
            if rows["first"].min() < origin or rows["last"].max() >= origin + len(days) * MINUTES_A_DAY:
                raise ValueError(f"A visit lies in a segment of {days[0]} to {days[-1]} and began on another day.")
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
    for rows in _in_pieces(root, version, days, ordered, by):
        key, another = (rows[by], rows["person" if by == "place" else "place"])
        if ((rows["minute_out"] - rows["minute_in"]) > MOST_MINUTES).any():
            raise ValueError(f"A visit of {by} columns lasts more than {MOST_MINUTES} minutes; it cannot be laid out.")
        scatter(key, another, rows["minute_in"], rows["minute_out"], origin, reached, other, start, stay, longest)
    for array in (other, start, stay):
        array.flush()
    np.save(folder / f"by_{by}.offsets.npy", offsets)
    np.save(folder / f"by_{by}.longest.npy", longest)


def _in_pieces(
    root: Path, version: Version, days: Sequence[date], query: str, by: str
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    piece: list[Path] = []
    for day in days:
        files = [file for file in version.files["visits"] if file.parent.name == f"day={day}"]
        if piece and sum(file.stat().st_size for file in (*piece, *files)) > _AT_ONCE:
            yield _asked(root, query.format(by=by, visits=duck.read_segments(piece, _COLUMNS)))
            piece = []
        piece += files
    if piece:
        yield _asked(root, query.format(by=by, visits=duck.read_segments(piece, _COLUMNS)))


def _asked(root: Path, query: str) -> dict[str, npt.NDArray[Any]]:
    with duck.cursor(root) as connection:
        return dict(connection.execute(query).fetchnumpy())


def _before(root: Path, version: Version, first_day: date) -> tuple[list[str], int]:
    """The segments of the days before, and when the last of their visits ended."""
    files = [file for file in version.files["visits"] if file.parent.name < f"day={first_day}"]
    ended = _asked(root, f"SELECT max(minute_out) AS minute FROM ({duck.read_segments(files, _COLUMNS)})")  # noqa: S608 - our own names
    last = ended["minute"][0] if files else 0
    return sorted(file.name for file in files), int(last)


def _named(version: Version, first_day: date, last_day: date) -> tuple[str, ...]:
    first, last = f"day={first_day}", f"day={last_day}"
    return tuple(sorted(file.name for file in version.files["visits"] if first <= file.parent.name <= last))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _mapped(folder: Path, by: str) -> Projection:
    def column(name: str) -> npt.NDArray[Any]:
        file = folder / f"by_{by}.{name}.npy"
        empty = file.stat().st_size <= 128  # an empty file cannot be mapped
        found: npt.NDArray[Any] = np.load(file, mmap_mode=None if empty else "r")
        return found

    return Projection(*(column(name) for name in ("offsets", "other", "start", "stay", "longest")))
