"""Check the journal."""

import click

from citywatch.server.cli import set_up


@click.command()
def command() -> None:
    """Check every chain of the journal; print its heads, or the first broken entry (exit 2)."""
    set_up()
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.journal import services as journal

    broken = journal.first_broken()
    if broken:
        raise Refusal(
            f"The journal is broken at {broken}; keep this machine as it is and restore from a backup beside it."
        )
    for writer, (seq, digest) in sorted(journal.heads().items()):
        click.echo(f"{writer} {seq} {digest}")
