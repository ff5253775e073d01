"""`citywatch scan`: counts by place and time in, clusters of places with too many cases of late out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from math import gcd, isfinite
from pathlib import Path

import click
import h3
import numpy as np
from numpy.typing import NDArray

from citywatch.interop.tables.read import TERMINAL, Row, Table, read_table
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.scan import (
    Cluster,
    Scan,
    Zones,
    circular_zones,
    given_zones,
    scan_expectation,
    scan_permutation,
    scan_poisson,
)
from citywatch.server.cli.tabular import TabularCommand

COLUMNS = (
    "rank",
    "centre",
    "radius",
    "locations",
    "t_start",
    "t_end",
    "observed",
    "expected",
    "ratio",
    "llr",
    "p_value",
    "recurrence_days",
)
# A time that is a slip of the pen must not ask for memory for a million days.
MOST_CELLS = 50_000_000

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Places:
    """The locations file: names and where they are; `spherical` where in longitude and latitude."""

    index: Mapping[str, int]
    x: FloatArray
    y: FloatArray
    spherical: bool
    population: FloatArray | None


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts file as (locations, times); `beside` holds population or expected, NaN where no row gave them."""

    counts: FloatArray
    beside: Mapping[str, FloatArray]
    begin: int
    step: int
    dated: bool


@click.command("scan", cls=TabularCommand)
@click.argument("counts", type=click.Path(path_type=Path))
@click.option(
    "--locations", required=True, type=click.Path(path_type=Path), help="Table of location and x,y, lon,lat or h3."
)
@click.option(
    "--method",
    type=click.Choice(["permutation", "poisson", "expectation"]),
    default="permutation",
    show_default=True,
    help="permutation needs cases alone; poisson a population; expectation your forecast (or a population).",
)
@click.option("--zones", type=click.Path(path_type=Path), help="Table of zone and location to try instead of circles.")
@click.option(
    "--max-duration", type=click.IntRange(1), metavar="TIMES", help="Longest cluster (default: half the times)."
)
@click.option("--max-share", default=0.5, show_default=True, help="Widest circle, as a share of cases or population.")
@click.option("--max-radius", type=float, metavar="KM", help="Widest circle, in km (x,y: in their unit).")
@click.option("--replications", type=click.IntRange(0, 999_999), default=999, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--gumbel", is_flag=True, help="p-values below 1 / (replications + 1), from a fitted Gumbel distribution."
)
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="How many clusters at most.")
@click.option("--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix, or -.")
def scan(  # noqa: PLR0917 - one for each option
    counts: Path,
    locations: Path,
    method: str,
    zones: Path | None,
    max_duration: int | None,
    max_share: float,
    max_radius: float | None,
    replications: int,
    seed: int,
    gumbel: bool,
    top: int,
    out: str,
) -> None:
    """Find where there have been too many cases up to the last time of COUNTS.

    COUNTS has date (or time 1, 2, 3, ...), location and count, and for --method poisson population, for expectation
    expected (or population; it may also stand in the locations table). A place and time without a row has no cases.
    Gives one row per cluster, strongest first, no location in two. p_value allows for all circles and durations tried;
    recurrence_days is how often so strong a cluster comes by chance if the scan is run each time.
    """
    refuse_unwritable(out)
    places = _places(_table(locations))
    table = _table(counts)
    counted = _counted(table, places)
    beside = _beside(table, method, counted, places)
    try:
        tried = _zones(_table(zones), places) if zones else _circles(places, beside, max_share, max_radius)
        run = _run(method, beside)
        found = run(counted.counts, tried, max_duration=max_duration, replications=replications, seed=seed, top=top)
    except ValueError as error:
        sentence = f"{table.name}: {error}"
        raise Refusal(sentence) from error
    write_table(out, COLUMNS, _lines(found, counted, list(places.index), gumbel=gumbel))


def _run(method: str, beside: FloatArray) -> Callable[..., Scan]:
    if method == "permutation":
        return scan_permutation
    if method == "poisson":
        return partial(scan_poisson, population=beside)
    return partial(scan_expectation, expected=beside)


def _table(path: Path) -> Table:
    table = read_table(path, limits=TERMINAL)
    table.refuse_problems()
    return table


def _places(table: Table) -> Places:
    name = "location" if "location" in table.header or "h3" not in table.header else "h3"
    by_cell = "h3" in table.header
    spherical = by_cell or {"lon", "lat"} <= set(table.header)
    across, up = ("lon", "lat") if spherical else ("x", "y")
    index: dict[str, int] = {}
    at: list[tuple[float, float]] = []
    people: list[float] = []
    for row in table.rows:
        label = row.cells[table.position(name)]
        if not label or label in index:
            what = f"'{label}' is given twice" if label else "empty"
            sentence = f"{table.name} row {row.number} column {name}: {what}; give each location once, by its name."
            raise Refusal(sentence)
        index[label] = len(index)
        at.append(_centre(table, row) if by_cell else (_number(table, row, across), _number(table, row, up)))
        if "population" in table.header:
            people.append(_number(table, row, "population", least=0))
    if not index:
        sentence = f"{table.name}: there are no locations; give one row for each."
        raise Refusal(sentence)
    x, y = np.array(at).T
    return Places(index, x, y, spherical, np.array(people) if people else None)


def _centre(table: Table, row: Row) -> tuple[float, float]:
    cell = row.cells[table.position("h3")]
    if not h3.is_valid_cell(cell):
        sentence = f"{table.name} row {row.number} column h3: '{cell}' is no H3 cell; write it as 8a2a1072b59ffff."
        raise Refusal(sentence)
    lat, lon = h3.cell_to_latlng(cell)
    return lon, lat


def _counted(table: Table, places: Places) -> Counted:
    dated = "date" in table.header
    time = "date" if dated else "time" if "time" in table.header else "t"
    rows: dict[tuple[int, int], Row] = {}
    for row in table.rows:
        label = row.cells[table.position("location")]
        if label not in places.index:
            sentence = (
                f"{table.name} row {row.number} column location: '{label}' is not in the locations file; "
                "add it there with its coordinates."
            )
            raise Refusal(sentence)
        key = (places.index[label], _date(table, row) if dated else int(_number(table, row, time, whole=True)))
        if key in rows:
            sentence = (
                f"{table.name} row {row.number} column {time}: {label} already has a row for this {time}, "
                f"row {rows[key].number}; add them up."
            )
            raise Refusal(sentence)
        rows[key] = row
    if not rows:
        sentence = f"{table.name}: there are no counts; give one row per location and time with cases."
        raise Refusal(sentence)
    times = sorted({at for _, at in rows})
    step = gcd(*(later - times[0] for later in times[1:])) or 1 if dated else 1
    length = (times[-1] - times[0]) // step + 1
    if length * len(places.index) > MOST_CELLS:
        sentence = (
            f"{table.name} column {time}: {length} times of {len(places.index)} locations are too many; "
            "mend a stray time, or give a shorter file."
        )
        raise Refusal(sentence)
    counts = np.zeros((len(places.index), length))
    beside: dict[str, FloatArray] = {
        name: np.full(counts.shape, np.nan) for name in ("population", "expected") if name in table.header
    }
    for (location, at), row in rows.items():
        place = (location, (at - times[0]) // step)
        counts[place] = _number(table, row, "count", least=0, whole=True)
        for name, values in beside.items():
            if row.cells[table.position(name)]:
                values[place] = _number(table, row, name, least=0)
    return Counted(counts, beside, times[0], step, dated)


def _beside(table: Table, method: str, counted: Counted, places: Places) -> FloatArray:
    """What the method compares with, (locations, times); for the permutation the counts themselves."""
    if method == "permutation":
        return counted.counts
    if method == "expectation" and "expected" in counted.beside:
        return _whole(table, "expected", counted, places)
    if "population" in counted.beside:
        people = _whole(table, "population", counted, places)
    elif places.population is not None:
        people = np.repeat(places.population[:, np.newaxis], counted.counts.shape[1], axis=1)
    else:
        wanted = "population" if method == "poisson" else "expected or population"
        sentence = (
            f"{table.name} row 1: --method {method} needs a column {wanted} here, or population in the locations file; "
            "--method permutation needs neither."
        )
        raise Refusal(sentence)
    # Without a forecast the same share of all cases is expected per head at every time.
    return people if method == "poisson" or not people.any() else people / people.sum() * counted.counts.sum()


def _whole(table: Table, name: str, counted: Counted, places: Places) -> FloatArray:
    values = counted.beside[name]
    if np.isnan(values).any():
        location, time = (int(at[0]) for at in np.nonzero(np.isnan(values)))
        label = list(places.index)[location]
        sentence = (
            f"{table.name} column {name}: none is given for {label} at {_time(counted, time)}; "
            f"{name} needs a row for every location and time, those without cases too."
        )
        raise Refusal(sentence)
    return values


def _circles(places: Places, beside: FloatArray, max_share: float, max_radius: float | None) -> Zones:
    return circular_zones(
        places.x,
        places.y,
        spherical=places.spherical,
        weights=beside.sum(axis=1),
        max_share=max_share,
        max_radius=max_radius,
    )


def _zones(table: Table, places: Places) -> Zones:
    members: dict[str, list[int]] = {}
    for row in table.rows:
        label = row.cells[table.position("location")]
        if label not in places.index:
            sentence = (
                f"{table.name} row {row.number} column location: '{label}' is not in the locations file; add it there."
            )
            raise Refusal(sentence)
        members.setdefault(row.cells[table.position("zone")], []).append(places.index[label])
    return given_zones(list(members.values()))


def _lines(found: Scan, counted: Counted, names: list[str], *, gumbel: bool) -> list[tuple[Cell, ...]]:
    return [_line(rank, cluster, counted, names, gumbel=gumbel) for rank, cluster in enumerate(found.clusters, start=1)]


def _line(rank: int, cluster: Cluster, counted: Counted, names: list[str], *, gumbel: bool) -> tuple[Cell, ...]:
    p_value = cluster.p_gumbel if gumbel else cluster.p_value
    return (
        rank,
        names[cluster.centre] if cluster.centre >= 0 else None,
        cluster.radius,
        ";".join(names[member] for member in cluster.members),
        _time(counted, cluster.first),
        _time(counted, cluster.last),
        cluster.observed,
        cluster.expected,
        cluster.ratio,
        cluster.llr,
        p_value,
        counted.step / p_value if p_value > 0 else float("nan"),
    )


def _time(counted: Counted, at: int) -> str | int:
    time = counted.begin + at * counted.step
    return date.fromordinal(time).isoformat() if counted.dated else time


def _date(table: Table, row: Row) -> int:
    text = row.cells[table.position("date")]
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError as error:
        sentence = f"{table.name} row {row.number} column date: '{text}' is not a date; write it as 2020-06-11."
        raise Refusal(sentence) from error


def _number(table: Table, row: Row, column: str, *, least: float | None = None, whole: bool = False) -> float:
    text = row.cells[table.position(column)]
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number) or (least is not None and number < least) or (whole and not number.is_integer()):
        kind = "whole number" if whole else "number"
        wanted = f"a {kind}" if least is None else f"a {kind} of {least:g} or more"
        sentence = f"{table.name} row {row.number} column {column}: '{text}' is not {wanted}; mend the cell."
        raise Refusal(sentence)
    return number
