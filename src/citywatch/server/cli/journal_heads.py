"""Write the journal's heads down, now and in one more place."""

from pathlib import Path

import click

from citywatch.server.cli import set_up


@click.command()
@click.option("--to", "folder", type=click.Path(path_type=Path), help="One more folder, best of another machine.")
def command(folder: Path | None) -> None:
    """Write down the journal's ends and print their root; the worker does so every minute by itself.

    Keep the root on paper, or the file on another machine: `citywatch verify-journal --heads FILE` then shows a cut
    tail.
    """
    set_up()
    from django.conf import settings

    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.journal import heads
    from citywatch.mechanisms.journal import services as journal

    try:
        heads.export([*settings.CITYWATCH_HEADS, *([folder] if folder else [])], at=clock.now())
    except OSError as error:
        raise Refusal(f"The heads cannot be written ({error}); name a folder that can be written to.") from error
    click.echo(heads.root_of(journal.heads()))
