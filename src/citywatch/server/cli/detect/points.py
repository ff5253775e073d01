"""The points of a file of series, as arrays; every wrong row is refused in one sentence that names it."""

from dataclasses import dataclass
from datetime import date
from math import isfinite, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from citywatch.interop.tables.columns import Columns, Texts, read_columns
from citywatch.interop.tables.read import TERMINAL, Row, Table, read_table
from citywatch.mechanisms.errors import Refusal

# A slip of the pen in t (20200611 for 611) must not ask for memory for twenty million points.
LONGEST = 1_000_000
NO_DAY = np.datetime64("NaT", "D")

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Wholes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """One value per point in the order of the file: its series, time, count, population and date (NaN, NaT: none).

    `by_time` puts the points into the order of series and time; `begins` says where each series starts in that order,
    one more entry closes the last.
    """

    series: Texts
    t: Wholes
    observed: Floats
    population: Floats | None
    day: Days | None
    by_time: Wholes
    begins: Wholes


class _Wrong(Exception):
    """The first point at which the file contradicts itself: its position, the column, and what is wrong with it."""

    def __init__(self, at: int, column: str, what: str) -> None:
        super().__init__(what)
        self.at, self.column, self.what = at, column, what


def read_points(source: Path, *, population: bool, dates: bool) -> Points:
    """Read series_id, t (or date alone) and observed, with population and date where they are asked for and there.

    The quick reader takes what is plainly right; anything else is read row by row, for the sentence it deserves.
    """
    texts, numbers = ("series_id", "date"), ("t", "observed", *(("population",) if population else ()))
    columns = read_columns(source, texts=texts, numbers=numbers)
    if columns is not None:
        found = _quickly(columns, dates=dates)
        if found is not None:
            return found
    table = read_table(source, limits=TERMINAL)
    table.refuse_problems()
    careful = _carefully(table, population=population, dates=dates)
    try:
        return _points(careful, dates=dates)
    except _Wrong as wrong:
        sentence = f"{table.name} row {table.rows[wrong.at].number} column {wrong.column}: {wrong.what}"
        raise Refusal(sentence) from wrong


def _quickly(columns: Columns, *, dates: bool) -> Points | None:
    named, dated = columns.texts.get("series_id"), columns.texts.get("date")
    if named is None or "observed" not in columns.numbers or (named.codes < 0).any():
        return None
    if "t" not in columns.numbers and (dated is None or (dated.codes < 0).any()):
        return None
    whole = columns.numbers.get("t", np.zeros(1))
    counts = [columns.numbers[name] for name in ("observed", "population") if name in columns.numbers]
    if not (np.trunc(whole) == whole).all() or any((values < 0).any() for values in counts):
        return None
    try:
        return _points(columns, dates=dates)
    except (_Wrong, ValueError):
        return None


def _carefully(table: Table, *, population: bool, dates: bool) -> Columns:
    """Read what the quick reader would have read, cell by cell. Refuses the first cell that makes no sense."""
    id_at, observed_at = table.position("series_id"), table.position("observed")
    timed = "t" in table.header or "date" not in table.header
    t_at = table.position("t") if timed else None
    population_at = table.position("population") if population and "population" in table.header else None
    date_at = table.position("date") if "date" in table.header and (dates or not timed) else None
    names: list[str] = []
    written: list[str] = []
    numbers: dict[str, list[float]] = {"observed": []}
    numbers |= {"t": []} if timed else {}
    numbers |= {"population": []} if population_at is not None else {}
    for row in table.rows:
        where = f"{table.name} row {row.number} column"
        names.append(_name(row, id_at, where))
        numbers["observed"].append(_count(row.cells[observed_at], f"{where} observed", "a count"))
        if t_at is not None:
            numbers["t"].append(_whole(row.cells[t_at], where))
        if population_at is not None:
            numbers["population"].append(_count(row.cells[population_at], f"{where} population", "a population"))
        if date_at is not None:
            written.append(_date(row.cells[date_at], where, empty=timed))
    texts = {"series_id": Texts.of(names)} | ({"date": Texts.of(written)} if date_at is not None else {})
    return Columns(texts, {name: np.array(values, dtype=np.float64) for name, values in numbers.items()})


def _name(row: Row, at: int, where: str) -> str:
    if not row.cells[at]:
        sentence = f"{where} series_id: empty; name the series this point belongs to."
        raise Refusal(sentence)
    return row.cells[at]


def _whole(text: str, where: str) -> float:
    number = _number(text)
    if not isfinite(number) or not number.is_integer():
        sentence = f"{where} t: '{text}' is not a whole number; number the points 1, 2, 3, or give a date column alone."
        raise Refusal(sentence)
    return number


def _count(text: str, where: str, what: str) -> float:
    if not text:
        return nan
    count = _number(text)
    if not isfinite(count) or count < 0:
        sentence = f"{where}: '{text}' is not {what}; give a number of 0 or more, or leave it empty if missing."
        raise Refusal(sentence)
    return count


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan


def _date(text: str, where: str, *, empty: bool) -> str:
    if not text and empty:
        return ""
    try:
        date.fromisoformat(text)
    except ValueError as error:
        sentence = f"{where} date: '{text}' is not a date; write it as 2020-06-11."
        raise Refusal(sentence) from error
    return text


def _points(columns: Columns, *, dates: bool) -> Points:
    series, t = columns.texts["series_id"], columns.numbers.get("t")
    day = _days(columns.texts["date"]) if "date" in columns.texts and (dates or t is None) else None
    by_time = _order(series.codes, t)
    codes = series.codes[by_time]
    begins = (
        np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1], [True]))) if codes.size else np.zeros(1, int)
    )
    if t is None:
        assert day is not None  # noqa: S101 - there is a date where there is no t
        _refuse_dates(series, day, by_time, codes, gaps=False)
        at = np.empty(codes.size, dtype=np.int64)
        at[by_time] = np.arange(codes.size) - np.repeat(begins[:-1], np.diff(begins)) + 1
    else:
        at = t.astype(np.int64)
        _refuse_times(series, at, by_time, begins)
        if day is not None:
            _refuse_dates(series, day, by_time, codes, gaps=True)
    return Points(
        series=series,
        t=at,
        observed=columns.numbers["observed"],
        population=columns.numbers.get("population"),
        day=day if dates else None,
        by_time=by_time,
        begins=begins,
    )


def _days(column: Texts) -> Days:
    """Only the distinct dates are parsed; a decade of weeks in ten thousand series has but 520."""
    known = np.array([np.datetime64(date.fromisoformat(value), "D") for value in column.values] + [NO_DAY])
    return known.astype("datetime64[D]")[column.codes]


def _order(codes: Wholes, t: Floats | None) -> Wholes:
    if t is None:
        return np.argsort(codes, kind="stable")
    forward = (codes[1:] > codes[:-1]) | ((codes[1:] == codes[:-1]) & (t[1:] > t[:-1]))
    return np.arange(codes.size) if forward.all() else np.lexsort((t, codes))


def _refuse_times(series: Texts, t: Wholes, by_time: Wholes, begins: Wholes) -> None:
    same = series.codes[by_time][1:] == series.codes[by_time][:-1]
    twice = np.flatnonzero(same & (t[by_time][1:] == t[by_time][:-1]))
    if twice.size:
        at = int(by_time[twice + 1].min())
        raise _Wrong(at, "t", f"series {_of(series, at)} already has a point {t[at]}; give each point once.")
    first, last = t[by_time[begins[:-1]]], t[by_time[begins[1:] - 1]]
    leaps = np.flatnonzero(last - first >= LONGEST)
    if leaps.size:
        at = int(by_time[begins[leaps[0] + 1] - 1])
        leap = f"{last[leaps[0]]} lies {last[leaps[0]] - first[leaps[0]]} points after the first of series"
        raise _Wrong(at, "t", f"{leap} {_of(series, at)}; number the points without such leaps.")


def _refuse_dates(series: Texts, day: Days, by_time: Wholes, codes: Wholes, *, gaps: bool) -> None:
    """Dates rise with the points of each series, and a series has them all or none."""
    days = day[by_time]
    same = codes[1:] == codes[:-1]
    back = np.flatnonzero(same & (days[1:] <= days[:-1]))
    if back.size:
        at = int(by_time[back + 1].min())
        place = back[by_time[back + 1] == at][0]
        order = "sort each series by date, one row per date" if not gaps else "the dates must rise with t"
        raise _Wrong(at, "date", f"{days[place + 1]} does not come after {days[place]}; {order}.")
    there = ~np.isnat(day)
    dated = np.zeros(len(series.values), dtype=bool)
    dated[series.codes[there]] = True
    partly = np.flatnonzero(~there & dated[series.codes])
    if partly.size:
        at = int(partly[0])
        what = f"empty, where other points of series {_of(series, at)} have one; give a series all its dates or none."
        raise _Wrong(at, "date", what)


def _of(series: Texts, at: int) -> str:
    return series.values[int(series.codes[at])]
