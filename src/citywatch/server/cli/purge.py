"""Make people's identities unreadable on somebody's order."""

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.operator import operator


@click.command()
@click.argument("numbers", nargs=-1, type=int, required=True)
@click.option("--because", required=True, help="Who ordered it and why, in one sentence.")
@click.option("--yes", is_flag=True, help="Do not ask once more.")
def command(numbers: tuple[int, ...], because: str, yes: bool) -> None:
    """Destroy the identities of these people (by number) for good, and certify it.

    Their keys, sealed names, numbers and telephones, the index by which they are found and the messages they may stand
    in go; counts, hashes and the journal stay. It cannot be undone.
    """
    set_up()
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.retention import purging
    from citywatch.server.keeping import certificates

    by, city = operator("vault.purge")
    if not yes:
        click.confirm(f"Destroy the identities of {len(set(numbers))} people for good?", abort=True, err=True)
    paper = purging.purge(numbers, because=because, by=by, at=clock.now(), place=city, folder=certificates())
    for name, count in paper["destroyed"].items():
        click.echo(f"{name} {count}")
    click.echo(f"looked for {paper['looked_for']} destroyed values, found {paper['found']}")
    click.echo(f"certificate {certificates()}/purge-{paper['entry'][0]}-{paper['entry'][1]}.json")
    click.echo("Backups made before still hold what was destroyed: see docs/how-to/keep-and-destroy.md.")
