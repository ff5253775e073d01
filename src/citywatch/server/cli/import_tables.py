"""`citywatch import`: line lists, contacts, form rows, visits or places; a dry run says what would happen."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from citywatch.interop.tables.read import TERMINAL, read_table
from citywatch.server.cli import set_up
from citywatch.server.cli.tabular import TabularCommand

if TYPE_CHECKING:  # models load only after set_up
    from citywatch.city.registry.services import SitesImported
    from citywatch.city.trace.types import ImportOutcome
    from citywatch.mechanisms.jurisdiction.models import Place
    from citywatch.mechanisms.jurisdiction.types import Viewer

_SHOWN = 20  # rows named one by one; the others wait on the page of rows to mend
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("import")
def command() -> None:
    """Import a line list, contacts, form rows, visits or places from a file (CSV, XLSX, Parquet)."""


def _mapped(function: click.decorators.FC) -> click.decorators.FC:
    """The options that line lists and contacts share."""
    for option in reversed(
        (
            click.argument("file", type=FILE),
            click.option("--map", "mapping", required=True, metavar="NAME|FILE.toml", help="How columns are named."),
            click.option("--place", required=True, metavar="CODE", help="The place that leads the investigation."),
            click.option("--title", required=True, help="What the investigation is called; sent again, it is updated."),
            click.option("--unknown-as-empty", is_flag=True, help="Leave unknown values empty instead of refusing."),
            click.option("--dry-run", is_flag=True, help="Tell what would be stored, and store nothing."),
        )
    ):
        function = option(function)
    return function


@command.command("line-list", cls=TabularCommand)
@_mapped
def line_list(*, file: Path, mapping: str, place: str, title: str, unknown_as_empty: bool, dry_run: bool) -> None:
    """Import a line list (one row per case) as an investigation."""
    set_up()
    from citywatch.city.trace import services
    from citywatch.interop.tables.linelist import cases, load_mapping
    from citywatch.mechanisms import clock

    columns = load_mapping(mapping)
    rows = cases(read_table(file, limits=TERMINAL), columns, unknown_as_empty=unknown_as_empty)
    where = _place(place)
    outcome = services.import_line_list(
        rows,
        place=where,
        title=title,
        hazard=columns.hazard or "unknown",
        by=_operator(where),
        at=clock.now(),
        dry_run=dry_run,
    )
    _tell(outcome, "cases", dry_run=dry_run)


@command.command("contacts", cls=TabularCommand)
@_mapped
def contacts(*, file: Path, mapping: str, place: str, title: str, unknown_as_empty: bool, dry_run: bool) -> None:
    """Import contacts (who infected whom) of a line list imported before under the same title."""
    set_up()
    from citywatch.city.trace import services
    from citywatch.interop.tables.linelist import links, load_mapping
    from citywatch.mechanisms import clock

    columns = load_mapping(mapping)
    rows = links(read_table(file, limits=TERMINAL), columns, unknown_as_empty=unknown_as_empty)
    where = _place(place)
    outcome = services.import_contacts(
        rows, place=where, title=title, by=_operator(where), at=clock.now(), dry_run=dry_run
    )
    _tell(outcome, "links", dry_run=dry_run)


@command.command("form", cls=TabularCommand)
@click.argument("file", type=FILE)
@click.option("--form", "code", required=True, metavar="CODE", help="For instance symptom-registration.")
@click.option("--site", required=True, metavar="CODE", help="The institution that reports.")
@click.option("--dry-run", is_flag=True, help="Check every row, and store nothing.")
def form(file: Path, code: str, site: str, dry_run: bool) -> None:
    """Submit the rows of a FILE as one institution's reports; the same file again stores nothing."""
    set_up()
    import hashlib

    from citywatch.mechanisms import clock
    from citywatch.mechanisms.forms.services import check_rows
    from citywatch.mechanisms.jurisdiction.services import machine
    from citywatch.mechanisms.receipts.models import QuarantinedRow
    from citywatch.server import forms

    channel, wanted, where, at = _channel(file), forms.form(code), _place(site), clock.now()
    body = file.read_bytes()
    if dry_run:
        checked = check_rows(wanted, forms.decode_table(wanted)(body), sent_at=at)
        for row, problems in checked:
            for problem in problems:
                click.echo(f"row {row.number} {problem.question}: {problem.sentence.en}")
        click.echo(
            f"{len(checked)} rows read, {sum(bool(problems) for _, problems in checked)} with problems; nothing stored"
        )
        return
    outcome = forms.submit(
        code,
        body,
        channel=channel,
        site=where,
        source=f"import:{where.code}",
        message_id=hashlib.sha256(body).hexdigest(),
        sent_at=at,
        by=machine("import", place=where, abilities=["sense.submit"]),
        at=at,
    )
    click.echo(
        f"{outcome.rows} rows received: {len(outcome.stored)} stored, {outcome.duplicate} duplicate, "
        f"{outcome.quarantined} quarantined{' (this file was imported before)' if outcome.repeat else ''}"
    )
    for bad in QuarantinedRow.objects.filter(receipt=outcome.receipt_id, settled_at__isnull=True).order_by("number"):
        click.echo(f"row {bad.number}: {bad.why_en}")


@command.command("visits", cls=TabularCommand)
@click.argument("file", type=FILE)
@click.option("--site", metavar="CODE", help="Who scanned; without it the city.")
@click.option("--dry-run", is_flag=True, help="Read every row, and store nothing.")
def visits(file: Path, site: str | None, dry_run: bool) -> None:
    """Take visits into the event log: id_number, place_code, time_in, time_out.

    CSV, XLSX, Parquet, an Arrow stream (.arrows) or JSON lines (.ndjson). Times in tables and lines are the city's
    unless they carry an offset; in Parquet and Arrow they are UTC. The same file again stores nothing.
    """
    set_up()
    import hashlib

    from citywatch.city.registry.queries import city_place
    from citywatch.city.sense.visits import COLUMNS, take_visits
    from citywatch.interop.tables.visit_feed import parts_of
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.jurisdiction.services import machine
    from citywatch.mechanisms.receipts.models import QuarantinedRow

    where = _place(site) if site else city_place()
    rows = stored = duplicate = quarantined = 0
    for number, (body, count) in enumerate(parts_of(file, COLUMNS), start=1):
        if dry_run:
            rows += count
            continue
        taken = take_visits(
            body,
            site=where,
            source=f"import:{where.code}",
            message_id=f"visits-{number}-{hashlib.sha256(body).hexdigest()}",
            by=machine("import", place=where, abilities=["sense.submit"]),
            at=clock.now(),
        )
        rows, stored, duplicate = rows + taken.rows, stored + taken.stored, duplicate + taken.duplicate
        quarantined += taken.quarantined
        waiting = QuarantinedRow.objects.filter(receipt=taken.receipt_id, settled_at__isnull=True).order_by("number")
        for bad in waiting[:_SHOWN]:
            click.echo(f"part {number} row {bad.number}: {bad.why_en}")
        if taken.quarantined > _SHOWN:
            click.echo(f"part {number}: {taken.quarantined - _SHOWN:,} rows more wait; see the page of rows to mend")
        if taken.repeat:
            click.echo(f"part {number} was imported before; nothing was stored again")
    if dry_run:
        click.echo(f"{rows:,} visits read; nothing stored")
        return
    click.echo(f"{rows:,} visits received: {stored:,} stored, {duplicate:,} duplicate, {quarantined:,} quarantined")


@command.command("places", cls=TabularCommand)
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Check every row, and store nothing.")
def places(file: Path, dry_run: bool) -> None:
    """Bring places below streets into the registry: markets, halls, schools, clinics, pharmacies.

    Columns code, parent_code, kind, name_zh; and where they are known name_en, lon, lat, institution_kind, streams and
    flags (several in one cell joined by ;). Parents stand before their parts. Known codes take the file's words.
    """
    set_up()
    from citywatch.city.registry import services
    from citywatch.city.registry.queries import city_place
    from citywatch.interop.tables.places import sites
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.jurisdiction.services import machine

    outcome = services.import_sites(
        sites(read_table(file, limits=TERMINAL)),
        by=machine("import", place=city_place(), abilities=["registry.grant"]),
        at=clock.now(),
        dry_run=dry_run,
    )
    _tell(outcome, "places", dry_run=dry_run)


def _channel(file: Path) -> str:
    from citywatch.mechanisms.errors import Refusal

    suffix = file.suffix.lower().removeprefix(".")
    if not file.is_file():
        raise Refusal(f"{file}: there is no such file; check the path.")
    if suffix not in {"csv", "xlsx"}:
        raise Refusal(f"{file.name}: the ending says no known format; use .csv or .xlsx.")
    return suffix


def _place(code: str) -> "Place":
    from citywatch.city.registry.queries import place_by_code

    return place_by_code(code)


def _operator(place: "Place") -> "Viewer":
    """Whoever runs this terminal runs the installation; the journal names the import, limited to its place."""
    from citywatch.mechanisms.jurisdiction.services import machine

    return machine("import", place=place, abilities=["trace.open", "trace.view"])


def _tell(outcome: "ImportOutcome | SitesImported", what: str, *, dry_run: bool) -> None:
    done = "would be stored" if dry_run else "stored"
    click.echo(
        f"{outcome.received} {what} read: {outcome.stored} {done}, {outcome.changed} changed, {outcome.same} the same"
    )
