"""`citywatch nowcast`: a line list as known on a day in, the counts its last days will reach out."""

from datetime import date, datetime, timedelta
from math import inf
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import numpy as np

from citywatch.interop.tables.read import TERMINAL, Row, Table, read_table
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.nowcast import Nowcast, nowcast_bayes, nowcast_lawless, reporting_triangle
from citywatch.server.cli.tabular import TabularCommand

COLUMNS = ("date", "reported", "expected", "lower", "upper")
EVENTS = ("onset_date", "date_event", "event_date")
REPORTS = ("reported_at", "report_date", "date_report", "reported_on")
# A report that came years later is a slip of the pen or another matter; it shall not set the longest delay.
LONGEST_DELAY = 60
MOST_DAYS = 40_000
_CITY = ZoneInfo("Asia/Shanghai")

Day = click.DateTime(formats=["%Y-%m-%d"])


@click.command("nowcast", cls=TabularCommand)
@click.argument("line_list", type=click.Path(path_type=Path))
@click.option("--now", required=True, type=Day, metavar="DATE", help="The day to judge on; later reports are not seen.")
@click.option("--event", default="", metavar="COLUMN", help=f"When it happened (default: {', '.join(EVENTS)}).")
@click.option("--report", default="", metavar="COLUMN", help=f"When we were told (default: {', '.join(REPORTS)}).")
@click.option(
    "--max-delay",
    type=click.IntRange(1, 1000),
    metavar="DAYS",
    help=f"Longer delays count as this long (default: the longest known by --now, up to {LONGEST_DELAY}).",
)
@click.option("--past", type=click.IntRange(1), metavar="DAYS", help="Learn delays from so many days (default: all).")
@click.option("--method", type=click.Choice(["bayes", "lawless", "bayes-notrunc"]), default="bayes", show_default=True)
@click.option("--level", default=0.95, show_default=True, help="How often the interval should hold the truth.")
@click.option(
    "--prior-mean", type=float, help="bayes: level of a day before looking; inf is flat (default: recent days')."
)
@click.option("--prior-variance", type=float, help="bayes: its variance (default: twice the mean's square).")
@click.option("--match-r", is_flag=True, help="lawless: the numbers of R's surveillance::nowcast, its quirks included.")
@click.option("--quarantine", metavar="FILE", help="Set rows without two good dates aside here instead of refusing.")
@click.option("--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix, or -.")
def nowcast(  # noqa: PLR0917 - one for each option
    line_list: Path,
    now: datetime,
    event: str,
    report: str,
    max_delay: int | None,
    past: int | None,
    method: str,
    level: float,
    prior_mean: float | None,
    prior_variance: float | None,
    match_r: bool,
    quarantine: str | None,
    out: str,
) -> None:
    """Say how many cases the last days will have when all reports are in.

    LINE_LIST has one row per case: the day it happened and the day it was reported (an instant is taken in city time).
    Gives one row per day from the oldest that may still grow up to --now: reported so far, expected (the median of the
    final count), lower and upper. Empty: it could not be told. Weekdays are not modelled: after a weekend without
    reports the last days are promised too little.
    """
    refuse_unwritable(out)
    if quarantine:
        refuse_unwritable(quarantine)
    today = now.date()
    table = read_table(line_list, limits=TERMINAL)
    happened, told = _dates(table, _named(table, event, EVENTS), _named(table, report, REPORTS), quarantine)
    known = told <= np.datetime64(today)
    if not known.any():
        sentence = f"{table.name}: nothing was reported by {today}; give a later --now."
        raise Refusal(sentence)
    if max_delay is None:
        max_delay = int(np.clip((told - happened)[known].astype(np.int64).max(), 1, LONGEST_DELAY))
    oldest = happened[known].min()
    if past is None and (np.datetime64(today) - oldest).astype(np.int64) > MOST_DAYS:
        sentence = f"{table.name}: the first case is of {oldest}, too long ago; mend the date or give --past."
        raise Refusal(sentence)
    try:
        triangle = reporting_triangle(happened, told, now=np.datetime64(today), max_delay=max_delay, past=past)
        if method == "lawless":
            found = nowcast_lawless(triangle, level=level, match_r=match_r)
        else:
            found = nowcast_bayes(
                triangle,
                level=level,
                truncated=method == "bayes",
                prior_mean=prior_mean,
                prior_variance=prior_variance if prior_mean is None or prior_mean < inf else None,
            )
    except ValueError as error:
        sentence = f"{table.name}: {error}"
        raise Refusal(sentence) from error
    write_table(out, COLUMNS, _lines(found, today, max_delay))


def _named(table: Table, given: str, usual: tuple[str, ...]) -> int:
    return table.position(given or next((name for name in usual if name in table.header), usual[0]))


def _dates(
    table: Table, event: int, report: int, quarantine: str | None
) -> tuple[np.ndarray[tuple[int], np.dtype[np.datetime64]], np.ndarray[tuple[int], np.dtype[np.datetime64]]]:
    happened: list[date] = []
    told: list[date] = []
    aside: list[tuple[Cell, ...]] = []
    for row in table.rows:
        try:
            first, second = _both(table, row, event, report)
        except Refusal as refusal:
            if quarantine is None:
                raise
            aside.append((row.number, *row.cells, refusal.sentence))
        else:
            happened.append(first)
            told.append(second)
    if quarantine:
        write_table(quarantine, ("row", *table.header, "reason"), aside)
        click.echo(f"{len(happened)} cases taken, {len(aside)} set aside in {quarantine}.", err=True)
    return np.array(happened, dtype="datetime64[D]"), np.array(told, dtype="datetime64[D]")


def _both(table: Table, row: Row, event: int, report: int) -> tuple[date, date]:
    if row.problems:
        raise Refusal(row.problems[0])
    where = f"{table.name} row {row.number} column"
    happened = _day(row.cells[event], f"{where} {table.header[event]}")
    told = _day(row.cells[report], f"{where} {table.header[report]}")
    if told < happened:
        sentence = (
            f"{where} {table.header[report]}: reported on {told}, before it happened on {happened}; "
            "mend one of the dates, or set the row aside with --quarantine FILE."
        )
        raise Refusal(sentence)
    return happened, told


def _day(text: str, where: str) -> date:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        sentence = (
            f"{where}: '{text}' is not a date; write it as 2020-06-11, or set the row aside with --quarantine FILE."
        )
        raise Refusal(sentence) from error
    return (moment.astimezone(_CITY) if moment.tzinfo else moment).date()


def _lines(found: Nowcast, today: date, max_delay: int) -> list[tuple[Cell, ...]]:
    days = found.reported.size
    return [
        (
            (today - timedelta(days=days - 1 - at)).isoformat(),
            int(found.reported[at]),
            float(found.expected[at]),
            float(found.lower[at]),
            float(found.upper[at]),
        )
        for at in range(max(0, days - 1 - max_delay), days)
    ]
