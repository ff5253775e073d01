"""Copy the whole installation while it works; prove that the copy can be brought back."""

from pathlib import Path

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.progress import progress

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--keys", required=True, type=FOLDER, help="Where the keys go: another medium, another safe.")
@click.option("--drill", "practise", is_flag=True, help="Restore it elsewhere and compare; also an older backup.")
def command(folder: Path, keys: Path, practise: bool) -> None:
    """Copy database, event log and journal heads to FOLDER and the keys to --keys, while the city works.

    Both folders must be new. With --drill the backup is restored into a place that is thrown away, and compared: rows,
    hashes, the journal's chain and ends, and that everything sealed opens. A FOLDER that is a backup already is only
    drilled.
    """
    set_up()
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.server.backup import manifest
    from citywatch.server.backup.drill import drill
    from citywatch.server.backup.taking import take

    try:
        with progress() as bar:
            if not (practise and (folder / manifest.FILE).exists()):
                told = take(folder, keys=keys, at=clock.now(), stage=bar.stage)
                size = sum(length for length, _ in told.files.values())
                click.echo(f"{sum(told.rows.values()):,} rows, {len(told.files)} files, {size:,} bytes in {folder}")
                click.echo(f"{len(told.keys)} keys in {keys}")
            if practise:
                bar.stage("Restoring elsewhere")
                click.echo(f"drill: {drill(folder.resolve(), keys=keys.resolve())}")
    except OSError as error:
        raise Refusal(f"The backup cannot be written ({error}); free some space or name another folder.") from error
