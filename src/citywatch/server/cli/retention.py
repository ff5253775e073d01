"""What expires when, and expiring it now."""

from datetime import timedelta

import click

from citywatch.server.cli import set_up


@click.command()
@click.option("--run", is_flag=True, help="Destroy what is past its time now, as the worker does every day.")
def command(run: bool) -> None:
    """Say for each class of data how long it is kept and by what law, what is past its time, and what is held.

    Exit 2 when something has been past its time for longer than a day.
    """
    set_up()
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.vault import holds
    from citywatch.server import keeping

    at = clock.now()
    if run:
        paper = keeping.expire()
        click.echo(f"Certificate of entry {paper['entry'][0]}:{paper['entry'][1]}" if paper else "Nothing was due.")
    for one in keeping.standings(at):
        mark = "  (assumed)" if one.rule.assumed else ""
        click.echo(f"{one.rule.label.en} / {one.rule.label.zh}: {_kept(one.rule.keeps, one.rule.since.en)}{mark}")
        click.echo(f"    {one.rule.source.en}")
        click.echo(
            f"    {one.total} here, {one.expired} past, {one.soon} in 30 days, {one.held} held, {one.waits} wait"
        )
    for hold in holds.in_force(at):
        whom = f"person {hold.person_id}" if hold.person_id else "everybody"
        click.echo(f"hold {hold.pk}: {whom} at {hold.place.code} until {hold.until:%Y-%m-%d}, {hold.ordered_by}")
    late = keeping.overdue(at)
    if late:
        told = ", ".join(f"{count} of {code}" for code, count in late.items())
        raise Refusal(f"Past their time for more than a day and still here: {told}; run `citywatch retention --run`.")


def _kept(keeps: timedelta | None, since: str) -> str:
    return "never destroyed" if keeps is None else f"{keeps.days} days from {since}"
