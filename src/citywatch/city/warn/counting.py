"""The counts that detection and its pages look at: every series of the city by day and by week, as known at a moment.

Owns the difference between a zero and a silence. Does not judge.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from citywatch.city.registry.queries import streets
from citywatch.city.sense.queries import class_days
from citywatch.city.sense.streams import ABSENCE
from citywatch.city.sense.types import ClassDay
from citywatch.city.warn.cells import DAILY, Cells, Kind, cells, weekly
from citywatch.city.warn.models import WatchDecision
from citywatch.city.warn.rules import HISTORY_DAYS, HISTORY_WEEKS, WEEKLY_STREAMS
from citywatch.city.warn.types import By, Decision, SeriesKey, Step
from citywatch.eventlog.expressions import daily_counts, table
from citywatch.eventlog.segments import Version
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_Known = Callable[[Ints, Ints], Flags]
_DAYS = {"day": 1, "week": 7}
CLASS_DAYS = 14  # those a run judges of a site, and the week before them


@dataclass(frozen=True, slots=True, eq=False)
class SeriesKeys(Sequence[SeriesKey]):
    """The keys of a hundred thousand series as two columns; a key is made when somebody asks for it.

    `kinds` are the distinct stream, syndrome and view; `kind` numbers them for each row, `place` is its place.
    """

    kinds: tuple[tuple[str, str, By], ...]
    kind: Ints
    place: Ints
    step: Step = "day"

    @classmethod
    def of(cls, keys: Sequence[SeriesKey]) -> "SeriesKeys":
        """Lay keys out as columns."""
        if isinstance(keys, SeriesKeys):
            return keys
        numbers: dict[tuple[str, str, By], int] = {}
        kind = [numbers.setdefault((key.stream, key.syndrome, key.by), len(numbers)) for key in keys]
        place = [key.place_id for key in keys]
        step = keys[0].step if keys else "day"
        return cls(tuple(numbers), np.array(kind, dtype=np.int64), np.array(place, dtype=np.int64), step)

    def joined(self, other: "SeriesKeys") -> "SeriesKeys":
        """These rows, then those."""
        kind = np.concatenate([self.kind, other.kind + len(self.kinds)])
        return SeriesKeys((*self.kinds, *other.kinds), kind, np.concatenate([self.place, other.place]), self.step)

    def __len__(self) -> int:
        return int(self.kind.size)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204 - as Sequence, slices too
        if isinstance(row, slice):
            return SeriesKeys(self.kinds, self.kind[row], self.place[row], self.step)
        stream, syndrome, by = self.kinds[int(self.kind[row])]
        return SeriesKey(stream, syndrome, by, int(self.place[row]), self.step)

    def find(self, key: SeriesKey) -> int | None:
        """The row of a key, or None."""
        kind = (key.stream, key.syndrome, key.by)
        if kind not in self.kinds or key.step != self.step:
            return None
        rows = np.flatnonzero((self.place == key.place_id) & (self.kind == self.kinds.index(kind)))
        return int(rows[0]) if rows.size else None


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Counts of shape (series, days or weeks), NaN where nobody who could have reported did; `keys` name the rows.

    `first_day` is the first step's day (a Monday for weeks), `last_day` the last day counted. `level` is what the
    places are: "street" (by reporting and by home street), "site" or "district"; `schools` are the sites in
    a school, `classes` what their registers of absence say of each class over the last days.
    """

    keys: Sequence[SeriesKey]
    first_day: date
    last_day: date
    counts: Floats
    level: str = "street"
    step: Step = "day"
    schools: frozenset[int] = frozenset()
    classes: tuple[ClassDay, ...] = ()

    @property
    def days(self) -> list[str]:
        """The day of each step, or its Monday."""
        return [self.day(n).isoformat() for n in range(self.counts.shape[1])]

    def day(self, index: int, *, end: bool = False) -> date:
        """The first day of a step, or its last."""
        length = _DAYS[self.step]
        return self.first_day + timedelta(days=index * length + (length - 1 if end else 0))

    def row(self, key: SeriesKey) -> Floats | None:
        """One series, or None where nothing of it was ever counted."""
        row = self.columns.find(key)
        return None if row is None else self.counts[row]

    @property
    def columns(self) -> SeriesKeys:
        """The keys as columns."""
        return SeriesKeys.of(self.keys)


@dataclass(frozen=True, slots=True)
class Grids:
    """What a run judges, and how much of it had to be counted anew: periods counted and periods there are."""

    counted: tuple[Counted, ...]
    recounted: int
    periods: int


def digest_of(version: Version) -> str:
    """Names the state of the counts in the log, whatever else was appended to it."""
    names = "\n".join(file.name for file in version.files["counts"])
    return blake2b(names.encode(), digest_size=16).hexdigest()


def watch_decisions(at: datetime) -> tuple[Decision, ...]:
    """Which method watches which series, as decided by `at`; `detectors.settings_on` reads them."""
    return tuple(
        Decision(
            d.detector, d.method, d.settings, d.enabled, d.valid_from, d.because, d.decided_at, d.decided_by
        )
        for d in WatchDecision.objects.filter(decided_at__lte=at).order_by("valid_from", "decided_at", "pk")
    )  # fmt: skip


def count(at: datetime, *, version: Version | None = None, days: int = HISTORY_DAYS) -> Counted:
    """Every stream's syndromes by reporting street and by home street, over the last `days` days, as known at `at`."""
    return _by_day(at, version or export.store().pin(), days=days)[0].streets()


def count_weeks(at: datetime, *, version: Version | None = None, weeks: int = HISTORY_WEEKS) -> Counted:
    """Every notifiable disease by district and ISO week, the running week included, as known at `at`.

    A week in which no site of the district sent a card is missing. Weeks before anybody did are left out.
    """
    return _by_week(at, version or export.store().pin(), weeks=weeks)[0]


def count_all(at: datetime, *, version: Version, days: int = HISTORY_DAYS, weeks: int = HISTORY_WEEKS) -> Grids:
    """Everything a run judges, as known at `at`: streets and sites by day, districts by week."""
    daily, told = _by_day(at, version, days=days)
    weekly_counts, also = _by_week(at, version, weeks=weeks)
    last = daily.last
    classes = class_days(last - timedelta(days=CLASS_DAYS - 1), last, at=at) if ABSENCE in daily.streams else []
    return Grids(
        (daily.streets(), replace(daily.sites(), classes=tuple(classes)), weekly_counts),
        told.recounted + also.recounted,
        told.periods + also.periods,
    )  # fmt: skip


def count_series(at: datetime, key: SeriesKey) -> Counted:
    """The grid a series belongs to, for a page that shows one: streets, sites or districts."""
    if key.step == "week":
        return count_weeks(at)
    daily = _by_day(at, export.store().pin(), days=HISTORY_DAYS)[0]
    return daily.sites() if key.by == "site" else daily.streets()


def _by_day(at: datetime, version: Version, *, days: int) -> tuple["_Daily", Cells]:
    last = day_of(at)
    first = last - timedelta(days=days - 1)
    told = cells(DAILY, at=at, first=first, version=version)
    return _Daily(told, first, last), told


def _by_week(at: datetime, version: Version, *, weeks: int) -> tuple[Counted, Cells]:
    last = day_of(at)
    first = last - timedelta(days=last.weekday() + 7 * (weeks - 1))
    kind: Kind = weekly(WEEKLY_STREAMS)
    told = cells(kind, at=at, first=first, version=version)
    rows = told.tables["districts"]
    week = (rows["day"].astype(np.int64) - _epoch(first)) // 7
    inside = (week >= 0) & (week < weeks)
    name, district, number = (rows[key][inside].astype(np.int64) for key in ("name", "district", "count"))
    week = week[inside]
    began = int(week.min(initial=weeks - 1))  # weeks before anybody reported at all tell nothing
    week, weeks = week - began, weeks - began
    names = _Names(told.names)
    where, codes = _dense(district)
    spoke = np.zeros((names.streams, max(codes.size, 1), weeks), dtype=bool)
    spoke[names.stream[name], where, week] = True
    keys, counts = _series(
        names, _Rows(name, where, week, number, codes), weeks, by="district", step="week",
        known=lambda n, w: spoke[names.stream[n], w],
    )  # fmt: skip
    counted = Counted(keys, first + timedelta(weeks=began), last, counts, level="district", step="week")
    return counted, told


class _Names:
    """Numbers of streams behind the numbers of stream and syndrome."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        self.pairs = names
        numbers: dict[str, int] = {}
        self.stream = np.array([numbers.setdefault(stream, len(numbers)) for stream, _ in names], dtype=np.int64)
        self.streams = max(len(numbers), 1)


class _Daily:
    """One reading of the cells, from which the series of streets and of sites are added up."""

    def __init__(self, told: Cells, first: date, last: date) -> None:
        self.first, self.last, self.days = first, last, (last - first).days + 1
        self._names = _Names(told.names)
        self._sites = self._inside(told.tables["sites"])
        self._homes = self._inside(told.tables["homes"])
        self._stream = self._names.stream[self._sites["name"]]

    @property
    def streams(self) -> frozenset[str]:
        """The streams anybody sent."""
        return frozenset(stream for stream, _ in self._names.pairs)

    def _inside(self, rows: Mapping[str, NDArray[np.int32]]) -> dict[str, Ints]:
        told: dict[str, Ints] = {key: column.astype(np.int64) for key, column in rows.items()}
        told["day"] -= _epoch(self.first)
        inside = (told["day"] >= 0) & (told["day"] < self.days)
        return told if inside.all() else {key: column[inside] for key, column in told.items()}

    def streets(self) -> Counted:
        rows, homes = self._sites, self._homes
        street, codes = _dense(rows["street"])
        home, home_codes = _dense(homes["home_street"])
        spoke = self._spoke(street, codes.size)
        above = {street.pk: street.parent_id for street in streets()}
        # A home street is heard when its district's sites are, or the city's where the district has none of the stream.
        district, districts = _dense(np.array([above.get(one, 0) for one in codes.tolist()], dtype=np.int64))
        heard = np.zeros((self._names.streams, districts.size + 1, self.days), dtype=bool)
        for n in range(codes.size):
            heard[:, district[n]] |= spoke[:, n]
        heard[:, -1] = spoke.any(axis=1)
        number = {code: n for n, code in enumerate(districts.tolist())}
        of_home = np.array([number.get(above.get(one, 0), -1) for one in home_codes.tolist()], dtype=np.int64)
        silent: Flags = np.asarray(~heard.any(axis=2))

        def around(name: Ints, where: Ints) -> Flags:
            stream, place = self._names.stream[name], of_home[where]
            return np.asarray(heard[stream, np.where(silent[stream, place], -1, place)])

        keys, counts = _series(
            self._names, _Rows(rows["name"], street, rows["day"], rows["count"], codes), self.days, by="reporting",
            known=lambda n, w: spoke[self._names.stream[n], w],
        )  # fmt: skip
        more, home_counts = _series(
            self._names, _Rows(homes["name"], home, homes["day"], homes["count"], home_codes), self.days, by="home",
            known=around,
        )  # fmt: skip
        return Counted(keys.joined(more), self.first, self.last, np.concatenate([counts, home_counts]))

    def sites(self) -> Counted:
        rows = self._sites
        place, codes = _dense(rows["place"])
        spoke = self._spoke(place, codes.size)
        keys, counts = _series(
            self._names, _Rows(rows["name"], place, rows["day"], rows["count"], codes), self.days, by="site",
            known=lambda n, w: spoke[self._names.stream[n], w],
        )  # fmt: skip
        return Counted(keys, self.first, self.last, counts, level="site", schools=_in_schools(codes))

    def _spoke(self, where: Ints, places: int) -> Flags:
        spoke = np.zeros((self._names.streams, max(places, 1), self.days), dtype=bool)
        spoke[self._stream, where, self._sites["day"]] = True
        return spoke


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Cells of one table, one value of each column a cell: which name, where (into `codes`), when, how many."""

    name: Ints
    where: Ints
    when: Ints
    number: Ints
    codes: Ints


def _series(
    names: _Names, rows: _Rows, steps: int, *, by: By, known: _Known, step: Step = "day"
) -> tuple[SeriesKeys, Floats]:
    """Add cells up to series: those with any report, at a place that is known, NaN where `known` says nobody spoke."""
    places = rows.codes.size
    index = rows.name * places + rows.where
    reports = np.bincount(index, weights=rows.number, minlength=len(names.pairs) * places)
    reports.reshape(len(names.pairs), places)[:, rows.codes == 0] = 0  # nobody lives in the street of that number
    kept = np.flatnonzero(reports)
    row_of = np.full(reports.size, -1, dtype=np.int64)
    row_of[kept] = np.arange(kept.size)
    row = row_of[index]
    there = row >= 0
    flat = row[there] * steps + rows.when[there]
    counts = np.bincount(flat, weights=rows.number[there], minlength=kept.size * steps).astype(np.float64)
    counts = counts.reshape(kept.size, steps)
    name, where = np.divmod(kept, max(places, 1))
    counts[~known(name, where)] = np.nan
    kinds: tuple[tuple[str, str, By], ...] = tuple((stream, syndrome, by) for stream, syndrome in names.pairs)
    return SeriesKeys(kinds, name, rows.codes[where], step), counts


@dataclass(frozen=True, slots=True)
class _SiteDay:
    place_id: int
    count: int
    days_reported: int


def sites(at: datetime, key: SeriesKey, *, days: int = 7) -> Sequence[_SiteDay]:
    """The sites behind a series in the last `days` days, most reports first.

    By reporting street or district these are its sites, those with a zero included; by home street, those where its
    people were counted; of a site's series, the site.
    """
    last = day_of(at)
    counts = table("counts")
    column = {"reporting": "street", "home": "home_street", "site": "place", "district": "district"}[key.by]
    here = counts.filter(counts[column] == key.place_id, counts.stream == key.stream)
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
    shown = [row for row in rows if row.count or key.by != "home"]
    return sorted(shown, key=lambda row: (-row.count, row.place_id))


def _in_schools(sites: Ints) -> frozenset[int]:
    """Those of these places that are a school or lie in one."""
    asked = Q(pk__in=sites.tolist()) | Q(kind=Place.Kind.SCHOOL)
    found = list(Place.objects.filter(asked).values_list("pk", "kind", "path"))
    schools = tuple(path for _, kind, path in found if kind == Place.Kind.SCHOOL)
    return frozenset(pk for pk, _, path in found if path.startswith(schools)) & frozenset(sites.tolist())


def _dense(codes: Ints) -> tuple[Ints, Ints]:
    """Each code as its index in the sorted codes there are, and those codes."""
    there = np.zeros(int(codes.max(initial=0)) + 1, dtype=bool)
    there[codes] = True
    known = np.flatnonzero(there)
    number = np.zeros(there.size, dtype=np.int64)
    number[known] = np.arange(known.size)
    return number[codes], known


def _epoch(day: date) -> int:
    return int(np.datetime64(day, "D").astype(np.int64))
