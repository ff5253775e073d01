"""`citywatch score`: what a replayed system said, held against what really happened."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.tabular import TabularCommand

_COLUMNS = ("", "alerts", "/district-week", "precision", "found", "found 20+", "delay", "cases by")
_CHOSEN = (
    "alerts", "per_district_week", "precision", "found_share", "found_share_20plus", "median_delay_days",
    "median_cases_by_alert",
)  # fmt: skip


@click.command(cls=TabularCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every figure there as JSON.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a page with charts there.")
def score(folder: Path, json_file: Path | None, html_file: Path | None) -> None:
    """Compare what the configured system said of FOLDER with the truth that lies beside what was sent.

    Delays are days from the first report to the alert, the median over outbreaks of 20 infections and more, those
    missed counting as endless (-). What every figure means: docs/science/scoring.md.
    """
    os.environ.setdefault("CITYWATCH_MODE", "drill")
    from citywatch.server.replay.folder import Folder

    opened = Folder(folder)
    os.environ.setdefault("CITY", opened.scenario.city)
    set_up()
    from django.core.management import call_command

    from citywatch.server.replay.page import page
    from citywatch.server.replay.scoring import judge

    call_command("migrate", verbosity=0)
    report = judge(opened)
    for line in _lines(report):
        click.echo(line)
    if json_file is not None:
        _write(json_file, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    if html_file is not None:
        _write(html_file, page(report))


def _write(path: Path, text: str) -> None:
    from citywatch.mechanisms.errors import Refusal

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{path} cannot be written ({error.strerror}); name a file in a folder that exists.") from None


def _lines(report: dict[str, Any]) -> Iterator[str]:
    yield f"{report['folder']}: {report['scored']['days']:.0f} days, {report['scored']['districts']} districts"
    rows = [("proposals", report["alerts"] | {"alerts": report["alerts"]["count"]} | report["outbreaks"])]
    rows += [(f"stream {name}", one) for name, one in report["streams"].items()]
    rows += [(f"  {name}, at same number", one["at_same_number"]) for name, one in report["streams"].items()]
    rows += [(f"method {name}", one) for name, one in report["methods"].items()]
    table = [_COLUMNS, *((name, *(_shown(one.get(key)) for key in _CHOSEN)) for name, one in rows)]
    widths = [max(len(row[n]) for row in table) for n in range(len(_COLUMNS))]
    for row in table:
        yield "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
    best, source, contacts = report["best_single_stream"], report["source"], report["contacts"]
    levels = ", ".join(
        f"{name} {one['count']} ({_shown(one['precision'])})" for name, one in report["alerts"]["by_level"].items()
    )
    yield f"levels (precision): {levels}"
    yield f"best single stream at the same number: {best['stream']}, delay {_shown(best['median_delay_days'])}"
    yield (
        f"source in the first 3 within 5 cases: {_shown(source['top3_within_5_cases_share'])} of "
        f"{source['investigations']} investigations (the very place: "
        f"{_shown(source['exact_top3_within_5_cases_share'])})"
    )
    yield (
        f"contacts: {contacts['found']} of {contacts['true_contacts']} people whom the {contacts['cases']} cases "
        f"infected were listed ({_shown(contacts['share'])}); {contacts['listed']} people listed in all"
    )
    for code, one in report["clocks"].items():
        yield f"clock {code}: {one['met']} met, {one['late']} late, {one['running']} running"


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}"
