"""The counts that detection and its pages look at: every series of the city by day, as known at a moment.

Owns the difference between a zero and a silence. Does not judge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from citywatch.city.warn.rules import HISTORY_DAYS
from citywatch.city.warn.types import By, SeriesKey
from citywatch.eventlog.expressions import daily_counts, table
from citywatch.eventlog.segments import Version
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_Known = Callable[[int, int], Flags]
_BY = ("stream", "syndrome", "street", "home_street")


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Counts of shape (series, days), NaN on days when nobody who could have reported did; `keys` name the rows."""

    keys: tuple[SeriesKey, ...]
    first_day: date
    last_day: date
    counts: NDArray[np.float64]

    @property
    def days(self) -> list[str]:
        return [(self.first_day + timedelta(days=n)).isoformat() for n in range(self.counts.shape[1])]

    def row(self, key: SeriesKey) -> NDArray[np.float64] | None:
        """One series, or None where nothing of it was ever counted."""
        return self.counts[self.keys.index(key)] if key in self.keys else None


def digest_of(version: Version) -> str:
    """Names the state of the counts in the log, whatever else was appended to it."""
    names = "\n".join(file.name for file in version.files["counts"])
    return blake2b(names.encode(), digest_size=16).hexdigest()


def count(at: datetime, *, version: Version | None = None, days: int = HISTORY_DAYS) -> Counted:
    """Every stream's syndromes by reporting street and by home street, over the last `days` days, as known at `at`."""
    last = day_of(at)
    first = last - timedelta(days=days - 1)
    asked = daily_counts(table("counts"), by=_BY, as_of=at, first_day=first, last_day=last)
    found = export.engine().run(asked, version or export.store().pin())
    day = (found["occurred_on"] - np.datetime64(first, "D")).astype(np.int64)
    names: dict[tuple[str, str], int] = {}
    pair = _numbered(zip(found["stream"], found["syndrome"], strict=True), names)
    streams: dict[str, int] = {}
    stream = _numbered(found["stream"], streams)
    street, home = found["street"].astype(np.int64), found["home_street"].astype(np.int64)
    spoke = _Spoke(stream, street, day, streams=len(streams), days=days)
    pairs = list(names)

    def series(where: Ints, by: By, known: _Known) -> tuple[list[SeriesKey], list[NDArray[np.float64]]]:
        keys: list[SeriesKey] = []
        rows: list[NDArray[np.float64]] = []
        placed = where > 0
        ids, index = np.unique(pair[placed] * (where.max(initial=0) + 1) + where[placed], return_inverse=True)
        cells = index * days + day[placed]
        sums = np.bincount(cells, weights=found["count"][placed], minlength=ids.size * days).reshape(ids.size, days)
        for one, row in zip(ids.tolist(), sums, strict=True):
            name, place = divmod(one, int(where.max(initial=0)) + 1)
            if row.any():
                stream_name, syndrome = pairs[name]
                keys.append(SeriesKey(stream_name, syndrome, by, place))
                rows.append(np.where(known(streams[stream_name], place), row, np.nan))
        return keys, rows

    reporting, reporting_rows = series(street, "reporting", spoke.street)
    homes, home_rows = series(home, "home", spoke.around)
    rows = [*reporting_rows, *home_rows]
    counts = np.array(rows, dtype=np.float64) if rows else np.empty((0, days))
    return Counted((*reporting, *homes), first, last, counts)


@dataclass(frozen=True, slots=True)
class _SiteDay:
    place_id: int
    count: int
    days_reported: int


def sites(at: datetime, key: SeriesKey, *, days: int = 7) -> Sequence[_SiteDay]:
    """The sites behind a series in the last `days` days, most reports first.

    By reporting street these are the street's sites, those with a zero included; by home street, those where its
    people were counted.
    """
    last = day_of(at)
    counts = table("counts")
    mine = counts.street if key.by == "reporting" else counts.home_street
    here = counts.filter(mine == key.street_id, counts.stream == key.stream)
    asked = daily_counts(
        here, by=("syndrome", "place"), as_of=at, first_day=last - timedelta(days=days - 1), last_day=last
    )
    found = export.engine().run(asked, export.store().pin())
    total: dict[int, int] = {}
    spoke: dict[int, set[object]] = {}
    for syndrome, place, day, number in zip(
        found["syndrome"], found["place"].tolist(), found["occurred_on"].tolist(), found["count"].tolist(), strict=True
    ):
        total[place] = total.get(place, 0) + (number if syndrome == key.syndrome else 0)
        spoke.setdefault(place, set()).add(day)
    rows = [_SiteDay(place, number, len(spoke[place])) for place, number in total.items()]
    shown = [row for row in rows if row.count or key.by == "reporting"]
    return sorted(shown, key=lambda row: (-row.count, row.place_id))


class _Spoke:
    """On which days somebody sent a stream: from a street, from its district, from anywhere."""

    def __init__(self, stream: Ints, street: Ints, day: Ints, *, streams: int, days: int) -> None:
        self._by_street = self._table(stream, street, day, streams, days)
        self._district = dict(Place.objects.filter(kind=Place.Kind.STREET).values_list("pk", "parent_id"))
        district = np.array([self._district.get(one, 0) for one in street.tolist()], dtype=np.int64)
        self._by_district = self._table(stream, district, day, streams, days)
        self._anywhere: Flags = np.asarray(self._by_street.any(axis=1))

    @staticmethod
    def _table(stream: Ints, where: Ints, day: Ints, streams: int, days: int) -> Flags:
        spoke = np.zeros((streams, int(where.max(initial=0)) + 1, days), dtype=bool)
        spoke[stream, where, day] = True
        return spoke

    def street(self, stream: int, place: int) -> Flags:
        return np.asarray(self._by_street[stream, place])

    def around(self, stream: int, place: int) -> Flags:
        """For a home street: its district's sites, or the city's where the district has none of the stream."""
        district = self._district.get(place, 0)
        if district < self._by_district.shape[1] and self._by_district[stream, district].any():
            return np.asarray(self._by_district[stream, district])
        return np.asarray(self._anywhere[stream])


def _numbered(values: object, numbers: dict) -> Ints:  # type: ignore[type-arg]
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)  # type: ignore[attr-defined]
