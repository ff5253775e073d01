"""Who saw a person."""

from datetime import timedelta

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.operator import operator


@click.command()
@click.argument("number", type=int, required=False)
@click.option("--days", default=183, show_default=True, help="How far back.")
def command(number: int | None, days: int) -> None:
    """List who was shown this person (by number), newest first, with what for.

    Without a number the ID number is asked for and not shown, so that it stands in no shell's history.
    """
    set_up()
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.vault import services as vault
    from citywatch.mechanisms.vault.seen import who_saw
    from citywatch.server.keeping import READS

    by, _ = operator("journal.read")
    if number is None:
        number = vault.find(id_number=click.prompt("ID number", hide_input=True, err=True).strip().upper())
        if number is None:
            raise Refusal("Nobody here has this ID number; check it.")
    at = clock.now()
    for look in who_saw(number, reads=READS, since=at - timedelta(days=days), by=by, at=at):
        moment = look.at.astimezone(clock.SHANGHAI)
        click.echo(f"{moment:%Y-%m-%d %H:%M}  {look.name}  {look.kind}  {look.because}  {look.place}")
