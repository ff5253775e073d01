"""Whether what came is what is here."""

import sys
from datetime import timedelta

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.operator import operator


@click.command()
@click.option("--days", default=1.0, show_default=True, help="How far back messages are looked at again.")
@click.option("--settle", type=int, metavar="RECEIPT", help="Answer for a message that does not add up.")
@click.option("--because", default="", help="What was found and done; the record keeps it.")
def command(days: float, settle: int | None, because: str) -> None:
    """Compare every message with what is stored of it: rows held, read, stored, in quarantine, in journal and log.

    Exit 1 where something does not add up. To bring in rows that are missing let the source send the file again under
    another id: rows that are here already are counted as repeats.
    """
    set_up()
    from citywatch.interop.tables.counting import BY_CHANNEL
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.forms import ledger
    from citywatch.mechanisms.receipts.models import Receipt
    from citywatch.server.jobs import missing_from_log

    by, _ = operator("receipt.view", ledger.SETTLE)
    at = clock.now()
    if settle is not None:
        ledger.settle(settle, because=because, by=by, at=at)
        click.echo(f"receipt {settle} is answered for; it raises no alarm any more")
        return
    since = at - timedelta(days=days)
    found = ledger.account(Receipt.objects.visible_to(by).filter(received_at__gte=since), BY_CHANNEL, at=at)
    wrong = [*found.differences, *missing_from_log(at)]
    for one in wrong:
        rows = f"  rows {', '.join(map(str, one.rows))}" if one.rows else ""
        stage = ledger.STAGES[one.stage].en
        click.echo(
            f"receipt {one.receipt}  {one.source}  {one.message_id}  {stage}: {one.found} of {one.expected}{rows}"
        )
    looked = f"{found.messages:,} messages, {found.rows:,} rows since {since:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{looked}; not accounted for: {len(wrong)}")
    sys.exit(1 if wrong else 0)
