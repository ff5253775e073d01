"""Check the set-up."""

import click

from citywatch.server.cli import set_up


@click.command()
def command() -> None:
    """Check the set-up; print one line per check and exit 2 if something must be mended."""
    set_up()
    from citywatch.mechanisms.errors import Refusal
    from citywatch.server.doctor import examine

    findings = examine()
    for finding in findings:
        click.echo(
            f"{'ok  ' if finding.well else 'MEND'}  {finding.what}"
            + ("" if finding.well else f"\n      {finding.mend}")
        )
    wrong = sum(not finding.well for finding in findings)
    if wrong:
        raise Refusal(f"{wrong} of {len(findings)} checks need mending; each says how.")
