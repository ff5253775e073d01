"""`citywatch estimate-r`: cases per day in, the reproduction number per window out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from math import isfinite, nan
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from citywatch.interop.tables.read import TERMINAL, Row, Table, read_table
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.reproduction import ENOUGH_CASES, Reproduction, discretised_serial_interval
from citywatch.science.reproduction import estimate_r as estimate
from citywatch.server.cli.tabular import TabularCommand

COLUMNS = ("t_start", "t_end", "mean", "std", "q025", "median", "q975")
LEVELS = (0.025, 0.5, 0.975)
COUNTS = ("incidence", "observed", "cases")
# A date that is a slip of the pen must not ask for memory for a thousand years.
LONGEST = 40_000
LONGEST_INTERVAL = 1_000
ROUNDING = 0.01


@dataclass(slots=True)
class Series:
    """One series of the file, day by day."""

    begin: int = 1
    days: list[int] = field(default_factory=list)
    everyone: list[float] = field(default_factory=list)
    imported: list[float] = field(default_factory=list)


@click.command("estimate-r", cls=TabularCommand)
@click.argument("incidence", type=click.Path(path_type=Path))
@click.option("--si-mean", type=float, metavar="DAYS", help="Mean of the serial interval, above 1 (shifted gamma).")
@click.option("--si-sd", type=float, metavar="DAYS", help="Its standard deviation.")
@click.option(
    "--si", type=click.Path(path_type=Path), help="Or the interval itself: a table of k (days) and w (chance)."
)
@click.option("--window", default=7, show_default=True, metavar="DAYS", help="Width of the sliding window.")
@click.option("--prior-mean", default=5.0, show_default=True, help="Mean of R before any case was seen.")
@click.option("--prior-sd", default=5.0, show_default=True, help="Its standard deviation.")
@click.option("--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix, or -.")
def estimate_r(  # noqa: PLR0917 - one for each option
    incidence: Path,
    si_mean: float | None,
    si_sd: float | None,
    si: Path | None,
    window: int,
    prior_mean: float,
    prior_sd: float,
    out: str,
) -> None:
    """Tell how many people one case infects, by sliding windows over the INCIDENCE (Cori et al. 2013).

    One row per day: date or t (1, 2, 3, ...) and incidence (or observed, or cases), or local and imported apart;
    series_id where there are several series. Write 0 for a day without cases, leave it empty if nobody knows. t_start
    and t_end count days from 1. What cannot be told is empty: windows that end within one mean serial interval of the
    first day, or lean on a missing day.
    """
    refuse_unwritable(out)
    weights = _given_interval(si, si_mean, si_sd)
    table = read_table(incidence, limits=TERMINAL)
    table.refuse_problems()
    found = _series(table)
    _refuse_short(table, found, window)
    named = "series_id" in table.header
    header = ("series_id", *COLUMNS) if named else COLUMNS
    lines: list[tuple[Cell, ...]] = []
    thin = 0
    for name, series in found.items():
        length = len(series.everyone)
        interval = (
            discretised_serial_interval(np.arange(length + 1), mean=si_mean, sd=si_sd)
            if weights is None and si_mean is not None and si_sd is not None
            else weights
        )
        try:
            told = estimate(
                series.everyone,
                serial_interval=np.array([0.0]) if interval is None else interval,
                imported=series.imported,
                window=window,
                prior_mean=prior_mean,
                prior_sd=prior_sd,
                levels=LEVELS,
            )
        except ValueError as error:
            sentence = f"{table.name}: {error}"
            raise Refusal(sentence) from error
        thin += int((told.cases < ENOUGH_CASES).sum())
        lines.extend((name, *cells) if named else cells for cells in _lines(told, series.begin))
    if thin:
        click.echo(
            f"{thin} of {len(lines)} windows hold fewer than {ENOUGH_CASES} cases; there the prior still speaks, "
            "so read the interval and not the mean, or widen --window.",
            err=True,
        )
    write_table(out, header, lines)


def _given_interval(si: Path | None, mean: float | None, sd: float | None) -> NDArray[np.float64] | None:
    """The serial interval of the file; None when mean and sd are to make it."""
    if si is None:
        if mean is None or sd is None:
            sentence = "a serial interval is needed: give --si-mean and --si-sd, or --si FILE."
            raise Refusal(sentence)
        if not (1 < mean < LONGEST_INTERVAL and 0 < sd < LONGEST_INTERVAL):
            sentence = (
                f"--si-mean {mean:g} --si-sd {sd:g}: the mean must be above 1 day and the sd above 0, both below "
                f"{LONGEST_INTERVAL}; for a shorter interval give the chances themselves with --si FILE."
            )
            raise Refusal(sentence)
        return None
    if mean is not None or sd is not None:
        sentence = "--si gives the whole serial interval; leave out --si-mean and --si-sd, or --si."
        raise Refusal(sentence)
    table = read_table(si, limits=TERMINAL)
    table.refuse_problems()
    weights = np.zeros(LONGEST_INTERVAL)
    seen: set[int] = set()
    for row in table.rows:
        day = _whole(table, row, "k")
        if not 0 <= day < LONGEST_INTERVAL or day in seen:
            sentence = (
                f"{table.name} row {row.number} column k: {day} is "
                f"{'given twice' if day in seen else f'not between 0 and {LONGEST_INTERVAL - 1}'}; one row per day."
            )
            raise Refusal(sentence)
        seen.add(day)
        weights[day] = _number(table, row, "w", what="chance")
    if weights[0] != 0:
        sentence = f"{table.name} column w: the chance of day 0 is {weights[0]:g}; it must be 0, R counts later days."
        raise Refusal(sentence)
    if abs(weights.sum() - 1) > ROUNDING:
        sentence = f"{table.name} column w: the chances sum to {weights.sum():.4g}; they must sum to 1."
        raise Refusal(sentence)
    return np.trim_zeros(weights, "b")


def _series(table: Table) -> dict[str, Series]:
    named = "series_id" in table.header
    timed = "t" if "t" in table.header else "date"
    table.position(timed)
    apart = _apart(table)
    counts = None if apart else next((name for name in COUNTS if name in table.header), COUNTS[0])
    found: dict[str, Series] = {}
    for row in table.rows:
        name = row.cells[table.position("series_id")] if named else ""
        if named and not name:
            sentence = f"{table.name} row {row.number} column series_id: empty; name the series this day belongs to."
            raise Refusal(sentence)
        series = found.setdefault(name, Series())
        day = _whole(table, row, "t") if timed == "t" else _date(table, row).toordinal()
        _refuse_gap(table, row, timed, series, day)
        if not series.days:
            series.begin = day if timed == "t" else 1
        series.days.append(day)
        if counts is None:
            local, imported = (_number(table, row, column) for column in ("local", "imported"))
            series.everyone.append(local + imported)
            series.imported.append(imported)
        else:
            series.everyone.append(_number(table, row, counts))
            series.imported.append(0.0)
    if not found:
        sentence = f"{table.name}: there are no rows; give one row per day."
        raise Refusal(sentence)
    return found


def _apart(table: Table) -> bool:
    """Whether local and imported cases are told apart; columns that are empty throughout tell nothing."""
    if not {"local", "imported"} <= set(table.header):
        return False
    return any(table.column("local")) or not set(COUNTS) & set(table.header)


def _refuse_gap(table: Table, row: Row, timed: str, series: Series, day: int) -> None:
    if not series.days or day == series.days[-1] + 1:
        return
    after = series.days[-1] + 1
    if day > after:
        absent = str(after) if timed == "t" else date.fromordinal(after).isoformat()
        sentence = (
            f"{table.name} row {row.number} column {timed}: there is no row for {absent}; "
            "write 0 for a day without cases, leave the count empty if nobody knows."
        )
    else:
        sentence = (
            f"{table.name} row {row.number} column {timed}: '{row.cells[table.position(timed)]}' does not come after "
            "the row before; sort each series by day, one row per day."
        )
    raise Refusal(sentence)


def _refuse_short(table: Table, found: dict[str, Series], window: int) -> None:
    if window < 1:
        sentence = f"--window {window}: a window has at least 1 day."
        raise Refusal(sentence)
    longest = max(len(series.everyone) for series in found.values())
    if longest > LONGEST:
        sentence = f"{table.name}: {longest} days are more than the {LONGEST} taken at once; give a shorter series."
        raise Refusal(sentence)
    if longest <= window:
        sentence = (
            f"{table.name}: {longest} days are too few for a window of {window} that begins on the second day; "
            "give more days or a smaller --window."
        )
        raise Refusal(sentence)
    short = [name for name, series in found.items() if len(series.everyone) <= window]
    if short:
        click.echo(f"{len(short)} series too short for a window give no row: {', '.join(short[:5])}.", err=True)


def _lines(told: Reproduction, begin: int) -> Iterator[tuple[Cell, ...]]:
    for at in range(told.first.size):
        yield (
            int(told.first[at]) + begin,
            int(told.last[at]) + begin,
            float(told.mean[at]),
            float(told.sd[at]),
            *(float(value) for value in told.quantiles[at]),
        )


def _whole(table: Table, row: Row, column: str) -> int:
    text = row.cells[table.position(column)]
    try:
        return int(text)
    except ValueError as error:
        sentence = f"{table.name} row {row.number} column {column}: '{text}' is not a whole number; count days 1, 2, 3."
        raise Refusal(sentence) from error


def _date(table: Table, row: Row) -> date:
    text = row.cells[table.position("date")]
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        sentence = f"{table.name} row {row.number} column date: '{text}' is not a date; write it as 2020-06-11."
        raise Refusal(sentence) from error


def _number(table: Table, row: Row, column: str, *, what: str = "count") -> float:
    text = row.cells[table.position(column)]
    if not text and what == "count":
        return nan
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not isfinite(number) or number < 0:
        sentence = (
            f"{table.name} row {row.number} column {column}: '{text}' is not a {what}; give a number of 0 or more."
        )
        raise Refusal(sentence)
    return number
