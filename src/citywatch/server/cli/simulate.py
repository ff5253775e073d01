"""`citywatch simulate`: a synthetic city with known truth, written to a folder day by day."""

import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import duckdb

from citywatch.mechanisms.errors import Refusal
from citywatch.server.cli.progress import progress
from citywatch.server.cli.tabular import TabularCommand

if TYPE_CHECKING:
    from citywatch.simulation.scenarios import Scenario


_LATEST = 60


@click.command("simulate", cls=TabularCommand)
@click.argument("scenario")
@click.option("--city", type=click.Choice(["beijing", "xiamen"]), default="beijing", help="What it is like [beijing].")
@click.option("--people", type=int, default=100_000, help="20,000 to 22,000,000 [100,000].")
@click.option("--days", type=int, default=None, help="How many days; by default as long as the scenario needs.")
@click.option("--seed", type=int, default=1, help="Same arguments, same bytes [1].")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default=None, help="First day; by default the scenario's.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="An empty folder, or one to go on with.",
)
@click.option("--workers", type=int, default=1, help="Processes that write visits; the bytes do not depend on it [1].")
@click.option(
    "--found-later", type=int, default=0, metavar="DAYS", help="What if it were discovered so many days later [0]?"
)
@click.option("--true-visits", is_flag=True, help="Also all visits before capture.")
@click.option("--no-visits", is_flag=True, help="No visits at all.")
def simulate(  # noqa: PLR0917  click passes options by name
    scenario: str,
    city: str,
    people: int,
    days: int | None,
    seed: int,
    start: datetime | None,
    out: Path,
    workers: int,
    found_later: int,
    true_visits: bool,
    no_visits: bool,
) -> None:
    """Live SCENARIO in a synthetic city and write what it sends, and the truth, to a folder.

    A run that was stopped goes on where it was when the same command is given again.
    """
    from citywatch.server.synthetic.folder import Arguments, write_city

    known = _scenario(scenario)
    first = start.date() if start else known.default_start
    arguments = Arguments(
        scenario=scenario,
        city="beijing" if city == "beijing" else "xiamen",
        people=people,
        seed=seed,
        start=first,
        days=known.default_days if days is None else days,
        visits=not no_visits,
        true_visits=true_visits and not no_visits,
        found_later=found_later,
    )
    _check_discovery(known, found_later)
    _check(arguments.days, people=people, seed=seed, first=first, workers=workers)
    if true_visits and no_visits:
        raise Refusal("--true-visits and --no-visits exclude each other; give one of them.")
    try:
        with progress() as bar:
            bar.stage(f"{scenario}, {people} people", total=arguments.days)
            told = 0
            for at in write_city(arguments, out, workers=workers):
                bar.step(at.days_done - told)
                told = at.days_done
    except (OSError, duckdb.IOException) as error:
        reason = " ".join(str(error).split())
        raise Refusal(f"{out} could not be written ({reason}); make room, and the same command goes on.") from error
    click.echo(f"{out}: {arguments.days} days of {people} people from {first}, scenario {scenario}.", err=True)


def _scenario(name: str) -> "Scenario":
    from citywatch.simulation.scenarios import SCENARIOS

    if name not in SCENARIOS:
        raise Refusal(f"There is no scenario '{name}'; name one of {', '.join(SCENARIOS)}.")
    return SCENARIOS[name]


def _check_discovery(scenario: "Scenario", found_later: int) -> None:
    from citywatch.simulation.scenarios import SCENARIOS

    if not 0 <= found_later <= _LATEST:
        raise Refusal(f"--found-later is {found_later}; give 0 to {_LATEST} days.")
    if found_later and not scenario.is_discovered:
        named = ", ".join(name for name, one in SCENARIOS.items() if one.is_discovered)
        raise Refusal(f"--found-later means nothing in '{scenario.name}'; it belongs to {named}.")


def _check(days: int, *, people: int, seed: int, first: date, workers: int) -> None:
    """Refuse numbers nobody can simulate, each in one sentence."""
    from citywatch.server.synthetic.plan import LEAST, MOST
    from citywatch.simulation.days import FIRST_YEAR, LAST_YEAR

    if not LEAST <= people <= MOST:
        raise Refusal(f"--people is {people:,}; a synthetic city has {LEAST:,} to {MOST:,} people.")
    if not 1 <= days <= 2_000:
        raise Refusal(f"--days is {days}; give 1 to 2,000.")
    if not 0 <= seed < 2**63:
        raise Refusal(f"--seed is {seed}; give a whole number from 0 to 9223372036854775807.")
    if not FIRST_YEAR <= first.year <= LAST_YEAR or date.fromordinal(first.toordinal() + days - 1).year > LAST_YEAR:
        raise Refusal(
            f"{days} days from {first} leave {FIRST_YEAR} to {LAST_YEAR}, the years whose holidays are known; "
            "change --start or --days."
        )
    most = 4 * (os.cpu_count() or 1)
    if not 1 <= workers <= most:
        raise Refusal(f"--workers is {workers}; give 1 to {most}.")
