"""Whose list a leaked part was."""

from itertools import product
from pathlib import Path

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.operator import operator


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Tell from a part of an exported list (CSV or XLSX, with its header) who took it out, and when.

    Fifty rows are enough, sorted or with spaces trimmed, not both. The journal keeps that this was asked.
    """
    set_up()
    from citywatch.interop.tables.read import TERMINAL, read_table
    from citywatch.interop.tables.watermark import whose
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.journal import services as journal
    from citywatch.mechanisms.vault import exporting
    from citywatch.mechanisms.vault.models import Export
    from citywatch.mechanisms.vault.pseudonyms import PURPOSES
    from citywatch.server.exports.sheets import KINDS

    table = read_table(file, limits=TERMINAL)
    by, city = operator("journal.audit")
    for kind, purpose in product(KINDS.values(), PURPOSES.values()):
        width = len(kind.header(purpose))
        marks = exporting.marks(kind.code, purpose)
        if len(table.header) < width or not marks:
            continue
        rows = [list(row.cells[:width]) for row in table.rows]
        number = whose(rows, marks, column=kind.column(purpose))
        journal.record("export.traced", place=city, by=by, at=clock.now(), what=kind.code, rows=len(rows), found=number)
        if number is not None:
            made = Export.objects.select_related("account").get(pk=number)
            taken = made.taken_at.astimezone(clock.SHANGHAI) if made.taken_at else clock.now()
            click.echo(f"export {number}  {made.account.username}  {taken:%Y-%m-%d %H:%M}  {made.because}")
            return
    raise Refusal("These rows agree with no export beyond doubt; give more of them, as they were found.")
