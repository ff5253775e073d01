"""`citywatch detect`: counts in a file in, a judgement per point out."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import isfinite, nan
from pathlib import Path

import click
import numpy as np

from citywatch.interop.tables.read import TERMINAL, Table, read_table
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.detect import Detection
from citywatch.science.detect.ears import ears_c1, ears_c2, ears_c3
from citywatch.server.cli.tabular import TabularCommand

METHODS: Mapping[str, Callable[..., Detection]] = {"ears-c1": ears_c1, "ears-c2": ears_c2, "ears-c3": ears_c3}
SETTINGS: Mapping[str, type] = {"baseline": int, "alpha": float, "min_sigma": float, "least": int}
# A file is judged as the method was published, without a least spread; the city's own watch asks for 0.5.
AS_PUBLISHED = {"min_sigma": 0.0}
COLUMNS = ("series_id", "t", "observed", "expected", "upperbound", "score", "p_value", "alarm")
# A slip of the pen in t (20200611 for 611) must not ask for memory for twenty million points.
LONGEST = 1_000_000


@dataclass(slots=True)
class Series:
    """One series of the file: its points' times, counts and places in the output."""

    t: list[int] = field(default_factory=list)
    observed: list[float] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    last_date: date | None = None


@click.command("detect", cls=TabularCommand)
@click.argument("series", type=click.Path(path_type=Path))
@click.option("--method", required=True, type=click.Choice(sorted(METHODS)), help="How to judge.")
@click.option(
    "--settings",
    default="{}",
    metavar="JSON",
    help='For instance {"baseline": 7, "alpha": 0.001, "min_sigma": 0.5}. By default as published, so min_sigma is 0. '
    "least: how many days present are enough to judge a window with missing ones (default: all).",
)
@click.option(
    "--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix; - is standard output."
)
def detect(series: Path, method: str, settings: str, out: str) -> None:
    """Judge every point of the SERIES in a table with columns series_id, t (or date alone) and observed.

    Gives one row per point, in the order of the file, from the first with a whole baseline behind it. An empty observed
    is a missing point; what cannot be told is empty.
    """
    refuse_unwritable(out)
    chosen = _settings(settings)
    table = read_table(series, limits=TERMINAL)
    table.refuse_problems()
    write_table(out, COLUMNS, _judged(_series(table), METHODS[method], chosen))


def _settings(text: str) -> dict[str, float | int]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        sentence = f'--settings: not JSON at character {error.pos + 1}; write for instance {{"baseline": 7}}.'
        raise Refusal(sentence) from error
    if not isinstance(given, dict):
        sentence = '--settings: names and values are needed; write for instance {"baseline": 7}.'
        raise Refusal(sentence)
    for name, value in given.items():
        if name not in SETTINGS:
            sentence = f"--settings: there is no setting {name}; the settings are {', '.join(SETTINGS)}."
            raise Refusal(sentence)
        whole = SETTINGS[name] is int
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            sentence = f"--settings {name}: {json.dumps(value)} is not a {'whole ' if whole else ''}number; give one."
            raise Refusal(sentence)
    return AS_PUBLISHED | given


def _series(table: Table) -> dict[str, Series]:
    id_at, observed_at = table.position("series_id"), table.position("observed")
    t_at = table.position("t") if "t" in table.header or "date" not in table.header else None
    found: dict[str, Series] = {}
    for line, row in enumerate(table.rows):
        name = row.cells[id_at]
        if not name:
            sentence = f"{table.name} row {row.number} column series_id: empty; name the series this point belongs to."
            raise Refusal(sentence)
        series = found.setdefault(name, Series())
        where = f"{table.name} row {row.number} column"
        if t_at is None:
            series.last_date = _later_date(row.cells[table.position("date")], series.last_date, where)
            series.t.append(len(series.t) + 1)
        else:
            series.t.append(_whole(row.cells[t_at], where))
        series.observed.append(_count(row.cells[observed_at], where))
        series.line.append(line)
    for name, series in found.items():
        _refuse_times(table, name, series)
    return found


def _later_date(text: str, before: date | None, where: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        sentence = f"{where} date: '{text}' is not a date; write it as 2020-06-11."
        raise Refusal(sentence) from error
    if before is not None and day <= before:
        sentence = f"{where} date: {day} does not come after {before}; sort each series by date, one row per date."
        raise Refusal(sentence)
    return day


def _whole(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        sentence = f"{where} t: '{text}' is not a whole number; number the points 1, 2, 3, or give a date column alone."
        raise Refusal(sentence) from error


def _count(text: str, where: str) -> float:
    if not text:
        return nan
    try:
        count = float(text)
    except ValueError:
        count = nan
    if not isfinite(count) or count < 0:
        sentence = (
            f"{where} observed: '{text}' is not a count; give a number of 0 or more, or leave it empty if missing."
        )
        raise Refusal(sentence)
    return count


def _refuse_times(table: Table, name: str, series: Series) -> None:
    times = np.array(series.t)
    _, first, times_seen = np.unique(times, return_index=True, return_counts=True)
    if (times_seen > 1).any():
        t = times[first[times_seen > 1][0]]
        row = table.rows[series.line[np.flatnonzero(times == t)[1]]].number
        sentence = f"{table.name} row {row} column t: series {name} already has a point {t}; give each point once."
        raise Refusal(sentence)
    if times.max() - times.min() >= LONGEST:
        row = table.rows[series.line[int(times.argmax())]].number
        leap = f"{times.max()} lies {times.max() - times.min()} points after the first of series {name}"
        sentence = f"{table.name} row {row} column t: {leap}; number the points without such leaps."
        raise Refusal(sentence)


def _judged(
    found: Mapping[str, Series], method: Callable[..., Detection], settings: Mapping[str, float | int]
) -> Iterator[tuple[Cell, ...]]:
    by_length: dict[int, list[str]] = {}
    for name, series in found.items():
        by_length.setdefault(max(series.t) - min(series.t) + 1, []).append(name)
    lines: list[tuple[int, tuple[Cell, ...]]] = []
    for length, names in by_length.items():
        counts = np.full((len(names), length), np.nan)
        for row, name in enumerate(names):
            counts[row, np.array(found[name].t) - min(found[name].t)] = found[name].observed
        try:
            detection = method(counts, **settings)
        except ValueError as error:
            sentence = f"--settings: {error}"
            raise Refusal(sentence) from error
        for row, name in enumerate(names):
            lines.extend(_lines(name, found[name], detection, row))
    return (cells for _, cells in sorted(lines))


def _lines(name: str, series: Series, detection: Detection, row: int) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    begin = min(series.t)
    judged = detection.judged[row]
    for t, observed, line in zip(series.t, series.observed, series.line, strict=True):
        at = t - begin
        if at >= detection.first:
            cells = (
                name,
                t,
                observed,
                float(detection.expected[row, at]),
                float(detection.upperbound[row, at]),
                float(detection.score[row, at]),
                float(detection.p_value[row, at]),
                int(detection.alarm[row, at]) if judged[at] else None,
            )
            yield line, cells
