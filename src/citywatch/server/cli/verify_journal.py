"""Check the journal."""

from pathlib import Path

import click

from citywatch.server.cli import set_up


@click.command()
@click.option("--heads", type=click.Path(path_type=Path), help="A file of heads exported earlier: is the tail whole?")
def command(heads: Path | None) -> None:
    """Check every chain of the journal; print its heads and their root, or the first broken entry (exit 2).

    With --heads the ends written down earlier must be there too: that is how a cut tail shows.
    """
    set_up()
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.journal import heads as exported
    from citywatch.mechanisms.journal import services as journal

    broken = journal.first_broken()
    if broken:
        raise Refusal(
            f"The journal is broken at {broken}; keep this machine as it is and restore from a backup beside it."
        )
    lost = exported.first_missing(heads) if heads else None
    if lost:
        raise Refusal(
            f"The journal no longer holds {lost}, which {heads} says it did: its tail was cut, or all of it "
            "rewritten; keep this machine as it is and restore from a backup beside it."
        )
    ends = journal.heads()
    for writer, (seq, digest) in sorted(ends.items()):
        click.echo(f"{writer} {seq} {digest}")
    click.echo(f"root {exported.root_of(ends)}")
