"""Bring a backup back into an empty installation."""

import time
from pathlib import Path

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.backup import FOLDER
from citywatch.server.cli.progress import progress


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--keys", required=True, type=FOLDER, help="The folder of keys saved with this backup.")
def command(folder: Path, keys: Path) -> None:
    """Bring the backup in FOLDER back into CITYWATCH_HOME (and DATABASE_URL), which must be empty, and compare.

    Nothing is written over. A backup that was cut short or changed, and keys that are another's, are refused before
    anything is written.
    """
    set_up()
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.server.backup.restoring import restore

    began = time.monotonic()
    try:
        with progress() as bar:
            told = restore(folder, keys=keys, now=clock.now, stage=bar.stage)
    except OSError as error:
        raise Refusal(f"The backup cannot be brought back ({error}); free some space and run it again.") from error
    opened = sum(told.sealed.values())
    click.echo(
        f"{sum(told.rows.values()):,} rows as saved {told.made_at}, {len(told.heads)} journal chains hold, "
        f"{opened:,} of {opened:,} sealed values open; {time.monotonic() - began:.1f} s"
    )
