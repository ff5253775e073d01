"""Legal holds: what the clocks must not destroy."""

from datetime import date, timedelta

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.operator import operator


@click.group()
def command() -> None:
    """Keep what the retention clocks would destroy, on somebody's order."""


@command.command("add")
@click.option("--place", "code", required=True, metavar="CODE", help="Everybody known here and below, if no --person.")
@click.option("--person", "number", type=int, help="One person's number.")
@click.option("--because", required=True, help="Why, in one sentence.")
@click.option("--ordered-by", required=True, help="The court or office, and its file number.")
@click.option("--until", required=True, metavar="YYYY-MM-DD", help="The last day.")
def add(*, code: str, number: int | None, because: str, ordered_by: str, until: str) -> None:
    """Place a hold."""
    set_up()
    from citywatch.city.registry.queries import place_by_code
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.vault import holds
    from citywatch.mechanisms.vault.models import Person

    by, _ = operator("vault.hold")
    try:
        last = clock.start_of(date.fromisoformat(until) + timedelta(days=1))
    except ValueError:
        raise Refusal(f"--until is {until!r}; write a day as 2020-12-31.") from None
    person = Person.objects.filter(pk=number).first() if number is not None else None
    if number is not None and person is None:
        raise Refusal(f"There is no person {number}; check the number.")
    hold = holds.place_hold(
        place_by_code(code), person=person, because=because, ordered_by=ordered_by, until=last, by=by, at=clock.now()
    )
    click.echo(f"hold {hold.pk} placed")


@command.command("lift")
@click.argument("number", type=int)
@click.option("--because", required=True, help="Why, in one sentence.")
def lift(number: int, because: str) -> None:
    """End a hold before its day."""
    set_up()
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.vault import holds

    by, _ = operator("vault.hold")
    holds.lift_hold(number, because=because, by=by, at=clock.now())
    click.echo(f"hold {number} lifted")
