"""Put new master keys in place of the old ones."""

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.operator import operator
from citywatch.server.cli.progress import progress


@click.command()
@click.option("--destroy-old", is_flag=True, help="Destroy the masters that no key needs any more.")
def command(destroy_old: bool) -> None:
    """Wrap every key anew under new masters, while the city works; stopped, the same command goes on.

    The old masters stay for the backups made under them. With --destroy-old they are destroyed, and with them
    whatever those backups hold sealed.
    """
    set_up()
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.receipts import rotation
    from citywatch.mechanisms.vault.rotation import LETTERS, LETTERS_WAIT

    by, city = operator("vault.rotate")
    if destroy_old:
        for master, gone in rotation.give_up_old(city, by=by, at=clock.now()).items():
            click.echo(f"{master}: {len(gone)} old master keys destroyed")
        return
    with progress() as bar:
        bar.stage("Wrapping keys anew")
        moved = rotation.rotate(city, by=by, at=clock.now(), step=bar.step)
    for master, (generation, count) in moved.items():
        keys = f", {count} keys wrapped under it now" if master != LETTERS else "; phones seal under it from now on"
        click.echo(f"{master}: generation {generation}{keys}")
    click.echo("Make a backup, then `citywatch rotate-keys --destroy-old` when the backups before it may go.")
    click.echo(f"Of keys that phones seal under, it destroys those replaced {LETTERS_WAIT.days} days ago or longer.")
