"""Every series of a file before its method, many at once, and the verdicts back in the order of the file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from citywatch.interop.tables.columns import Texts, Written
from citywatch.mechanisms.errors import Refusal
from citywatch.science.detect import Detection
from citywatch.science.detect.catalogue import Method
from citywatch.server.cli.detect.points import NO_DAY, Days, Floats, Points, Wholes

COLUMNS = ("series_id", "t", "observed", "expected", "upperbound", "score", "p_value", "alarm")
# So many points go before a method at once: enough to be quick, few enough for any machine's memory.
AT_ONCE = 250_000
MONTHLY = 12

Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person at the terminal wants: a method with its settings, and which points to judge."""

    method: Method
    settings: Mapping[str, object]
    match_r: bool = False
    frequency: int = 52
    first_t: int | None = None
    last_t: int | None = None
    start_period: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Series that can go before the method together: as long as each other, judged from the same place on.

    `points` are their points in the file, `row` and `column` where each stands in the matrices.
    """

    points: Wholes
    row: Wholes
    column: Wholes
    counts: Floats
    population: Floats | None
    dates: Days | None
    start: int | None


def judged(points: Points, asked: Asked, *, step: Step = lambda _cells: None) -> dict[str, Written]:
    """Judge every point asked for; the columns of the answer. `step` hears how many points each round took."""
    found: list[tuple[Wholes, Mapping[str, NDArray[np.float64]]]] = []
    for batch in _batches(points, asked):
        detection = _detection(batch, asked)
        found.append(_verdicts(batch, detection, asked))
        step(batch.counts.size)
    rows = np.concatenate([rows for rows, _ in found]) if found else np.zeros(0, dtype=np.int64)
    order = slice(None) if (np.diff(rows) > 0).all() else np.argsort(rows)
    rows = rows[order]
    figures = {
        name: (np.concatenate([values[name] for _, values in found]) if found else np.zeros(0))[order]
        for name in COLUMNS[3:]
    }
    alarm = figures.pop("alarm")
    return {
        "series_id": Texts(points.series.codes[rows], points.series.values),
        "t": points.t[rows],
        "observed": points.observed[rows],
        **figures,
        "alarm": np.ma.masked_array(np.nan_to_num(alarm).astype(np.int32), mask=np.isnan(alarm)),
    }


def _detection(batch: _Batch, asked: Asked) -> Detection:
    try:
        return asked.method.judge(
            batch.counts,
            asked.settings,
            start=batch.start,
            frequency=asked.frequency,
            dates=batch.dates,
            population=batch.population,
            start_period=asked.start_period,
            match_r=asked.match_r,
        )
    except ValueError as error:
        sentence = f"--settings: {error}"
        raise Refusal(sentence) from error


def _verdicts(batch: _Batch, found: Detection, asked: Asked) -> tuple[Wholes, Mapping[str, Floats]]:
    """The figures of a batch's points from the first asked for on; the alarm is NaN where it could not tell."""
    begin = found.first if batch.start is None else batch.start
    shown = batch.column >= begin
    at = batch.row[shown], batch.column[shown] - found.start
    # An alarm is told even where no count at all would have been none and there is no bound to print.
    alarm = np.where(found.judged | found.alarm, found.alarm, np.nan)[at]
    if asked.match_r and asked.method.r_keeps_silent:
        alarm = np.where(batch.column[shown] >= found.first, np.nan_to_num(alarm), alarm)
    figures = {name: getattr(found, name)[at] for name in COLUMNS[3:-1]}
    return batch.points[shown], figures | {"alarm": alarm}


def _batches(points: Points, asked: Asked) -> Iterator[_Batch]:
    """Cut the file into batches: by length, place of the first point to judge, and calendar."""
    if not points.t.size:
        return
    first = points.t[points.by_time[points.begins[:-1]]]
    last = points.t[points.by_time[points.begins[1:] - 1]]
    if asked.last_t is not None:
        last = np.minimum(last, asked.last_t)
    length = np.maximum(last - first + 1, 0)
    start = np.full(length.shape, -1) if asked.first_t is None else np.clip(asked.first_t - first, 0, length)
    counted = _any(points, None if points.population is None else ~np.isnan(points.population))
    dated = _any(points, None if points.day is None else ~np.isnat(points.day))
    kinds, kind_of = np.unique(np.stack([length, start, counted, dated]), axis=1, return_inverse=True)
    for kind, (size, begin, with_population, with_dates) in enumerate(kinds.T.tolist()):
        if begin >= size or not size:
            continue
        alike = np.flatnonzero(kind_of.ravel() == kind)
        together = max(1, AT_ONCE // size)
        for at in range(0, alike.size, together):
            part = alike[at : at + together]
            place = _place(points, part, size)
            days = _matrix(points.day, NO_DAY, place) if points.day is not None and with_dates else None
            monthly = asked.frequency == MONTHLY
            yield from _by_calendar(points, place, days, population=bool(with_population), start=begin, monthly=monthly)


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where the points of some series stand in a matrix of them, one row a series and one column a point in time."""

    points: Wholes
    row: Wholes
    column: Wholes
    shape: tuple[int, int]

    def of(self, rows: Wholes) -> "_Place":
        """The same for some of the rows, numbered anew."""
        number = np.full(self.shape[0], -1)
        number[rows] = np.arange(rows.size)
        mine = number[self.row] >= 0
        return _Place(self.points[mine], number[self.row[mine]], self.column[mine], (rows.size, self.shape[1]))


def _any(points: Points, there: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Per series whether any of its points has the thing at all."""
    if there is None:
        return np.zeros(points.begins.size - 1, dtype=np.int64)
    return np.logical_or.reduceat(there[points.by_time], points.begins[:-1]).astype(np.int64)


def _place(points: Points, series: Wholes, size: int) -> _Place:
    begin, many = points.begins[series], points.begins[series + 1] - points.begins[series]
    row = np.repeat(np.arange(series.size), many)
    where = points.by_time[np.arange(row.size) + np.repeat(begin - (np.cumsum(many) - many), many)]
    column = points.t[where] - points.t[points.by_time[begin]][row]
    kept = column < size
    return _Place(where[kept], row[kept], column[kept], (series.size, size))


def _matrix(values: NDArray[Any], empty: object, place: _Place) -> NDArray[Any]:
    made = np.full(place.shape, empty, dtype=values.dtype)
    made[place.row, place.column] = values[place.points]
    return made


def _by_calendar(
    points: Points, place: _Place, days: Days | None, *, population: bool, start: int, monthly: bool
) -> Iterator[_Batch]:
    if days is None:
        yield _batch(points, place, None, population=population, start=start)
        return
    whole = np.array([_without_gaps(row, monthly=monthly) if np.isnat(row).any() else row for row in days])
    alike: dict[bytes, list[int]] = {}
    for row, calendar in enumerate(whole):
        alike.setdefault(calendar.tobytes(), []).append(row)
    for rows in alike.values():
        part = place if len(rows) == place.shape[0] else place.of(np.array(rows))
        yield _batch(points, part, whole[rows[0]], population=population, start=start)


def _without_gaps(days: Days, *, monthly: bool) -> Days:
    """Give the points that are missing between two dated ones, or after the last, the dates that lie evenly there."""
    unit = "datetime64[M]" if monthly else "datetime64[D]"
    known = np.flatnonzero(~np.isnat(days))
    numbers = days[known].astype(unit).astype(np.int64)
    step = np.rint(np.median(np.diff(numbers) / np.diff(known))) if known.size > 1 else 1
    at = np.arange(days.size)
    even = np.rint(np.interp(at, known, numbers) + step * np.maximum(at - known[-1], 0)).astype(np.int64).astype(unit)
    if monthly:
        of_month = days[known] - days[known].astype("datetime64[M]").astype("datetime64[D]")
        even = even.astype("datetime64[D]") + np.median(of_month.astype(np.int64)).astype(np.int64)
    return np.where(np.isnat(days), even.astype("datetime64[D]"), days)


def _batch(points: Points, place: _Place, dates: Days | None, *, population: bool, start: int) -> _Batch:
    return _Batch(
        place.points,
        place.row,
        place.column,
        counts=_matrix(points.observed, np.nan, place),
        population=_matrix(points.population, np.nan, place) if points.population is not None and population else None,
        dates=dates,
        start=None if start < 0 else start,
    )
