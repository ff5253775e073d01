"""`citywatch detect`: counts in a file in, a judgement per point out."""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from citywatch.interop.tables.columns import write_columns
from citywatch.interop.tables.write import STANDARD_OUTPUT, refuse_unwritable
from citywatch.mechanisms.errors import Refusal
from citywatch.science.detect.catalogue import ALIASES, METHODS
from citywatch.server.cli.detect.judging import COLUMNS, Asked, judged
from citywatch.server.cli.detect.manual import DetectCommand
from citywatch.server.cli.detect.points import Points, read_points
from citywatch.server.cli.progress import progress

__all__ = ["COLUMNS", "detect"]

STANDARD_INPUT = "-"
# Arguments of a reference case that say which points to judge rather than how.
RANGE = ("range_first", "range_last", "start_period")


@click.command("detect", cls=DetectCommand)
@click.argument("series", type=click.Path(path_type=Path))
@click.option(
    "--method", required=True, metavar="NAME", type=click.Choice([*METHODS, *ALIASES]), help="How to judge; see below."
)
@click.option(
    "--frequency",
    type=click.Choice(["52", "12", "365", "7"]),
    help="Points to a season: 52 weeks, 12 months or 365 days to a year, 7 days to a week. Default: 52; for the daily "
    "method ewma-regression 7.",
)
@click.option(
    "--settings",
    default="{}",
    metavar="JSON",
    help='For instance {"baseline": 7, "alpha": 0.001}, in the words below or in R\'s. '
    '"match_r": true gives what R gives, its defaults and quirks included.',
)
@click.option(
    "--first-t",
    type=int,
    metavar="N",
    help="Judge from point N on, as the file numbers them. Default: the first with a whole baseline behind it.",
)
@click.option(
    "--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix; - is standard output."
)
def detect(*, series: Path, method: str, frequency: str | None, settings: str, first_t: int | None, out: str) -> None:
    """Judge every point of the SERIES in a table with columns series_id, t and observed; - is standard input.

    Further columns, where a method makes use of them: population, and date (2020-06-11), by which the same week of
    other years is then found; without dates it lies 52 points back. A date column alone may stand for t.

    Gives one row per point from --first-t on, in the order of the file: series_id, t, observed, expected, upperbound,
    score, p_value, alarm. An empty observed and an absent t are missing points; what cannot be told is empty.
    """
    refuse_unwritable(out)
    asked = _asked(ALIASES.get(method, method), settings, first_t=first_t, frequency=frequency)
    with progress() as bar:
        bar.stage("reading")
        points = _read(series, asked)
        bar.stage("judging", points.t.size)
        columns = judged(points, asked, step=bar.step)
        bar.stage("writing")
        write_columns(out, columns)


def _asked(name: str, text: str, *, first_t: int | None, frequency: str | None) -> Asked:
    """Read the settings, a whole argument object of a reference case included."""
    method, given = METHODS[name], _object(text)
    match_r = given.pop("match_r", False)
    if not isinstance(match_r, bool):
        sentence = f"--settings match_r: {json.dumps(match_r)} is not true or false; give one."
        raise Refusal(sentence)
    ranges = {key: _whole(key, given.pop(key)) for key in RANGE if key in given}
    try:
        settings = method.resolve(given, match_r=match_r)
    except ValueError as error:
        sentence = f"--settings {error}" if not str(error).startswith("there is") else f"--settings: {error}"
        raise Refusal(sentence) from error
    return Asked(
        method,
        settings,
        match_r=match_r,
        frequency=int(frequency) if frequency else method.frequency,
        first_t=ranges.get("range_first") if first_t is None else first_t,
        last_t=ranges.get("range_last"),
        start_period=ranges.get("start_period", 1),
    )


def _object(text: str) -> dict[str, object]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        sentence = f'--settings: not JSON at character {error.pos + 1}; write for instance {{"baseline": 7}}.'
        raise Refusal(sentence) from error
    if not isinstance(given, dict):
        sentence = '--settings: names and values are needed; write for instance {"baseline": 7}.'
        raise Refusal(sentence)
    return given


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        sentence = f"--settings {name}: {json.dumps(value)} is not a whole number; give one."
        raise Refusal(sentence)
    return value


def _read(series: Path, asked: Asked) -> Points:
    population, dates = asked.method.takes("population"), asked.method.takes("dates")
    if str(series) != STANDARD_INPUT:
        return read_points(series, population=population, dates=dates)
    with TemporaryDirectory(prefix="citywatch-") as folder:
        spooled = Path(folder) / "standard input"
        with spooled.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return read_points(spooled, population=population, dates=dates)
