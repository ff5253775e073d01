"""`citywatch rank-exposures`: a line list in, exposures ranked by the harm they did out."""

from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np

from citywatch.interop.tables.read import TERMINAL, Table, read_table
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.exposures import ExposureFinding
from citywatch.science.exposures import rank_exposures as rank
from citywatch.server.cli.tabular import TabularCommand

YES = frozenset({"y", "yes", "是", "1", "true"})
NO = frozenset({"n", "no", "否", "0", "false"})
COLUMNS = (
    "exposure",
    "exposed_ill",
    "exposed_total",
    "unexposed_ill",
    "unexposed_total",
    "attack_rate_exposed",
    "attack_rate_unexposed",
    "risk_ratio",
    "odds_ratio",
    "ci_low",
    "ci_high",
    "p_value",
    "adjusted_risk_ratio",
    "rank",
)

Answers = np.ma.MaskedArray[tuple[int, ...], np.dtype[np.bool_]]


@click.command("rank-exposures", cls=TabularCommand)
@click.argument("line_list", type=click.Path(path_type=Path))
@click.option("--ill", required=True, metavar="COLUMN", help="The column that says who fell ill.")
@click.option("--exposures", required=True, metavar="COL,COL,...", help="The columns to compare.")
@click.option("--unknown", default="", metavar="VALUE,...", help="Values that mean not known, besides empty cells.")
@click.option("--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix, or -.")
def rank_exposures(line_list: Path, ill: str, exposures: str, unknown: str, out: str) -> None:
    """Say which exposure of a LINE_LIST (one row per person) made people ill.

    Yes and no may be Y/N, yes/no, 是/否, 1/0, true/false. The interval is the risk ratio's, the p-value Fisher's. Every
    runner-up is adjusted for the leader (Mantel-Haenszel), so that a dish eaten along with the guilty one sinks.
    """
    refuse_unwritable(out)
    table = read_table(line_list, limits=TERMINAL)
    table.refuse_problems()
    names = _names(exposures, ill=ill)
    left_out = frozenset(_split(unknown))
    columns = {name: _answers(table, name, left_out) for name in (ill, *names)}
    findings = rank(columns[ill], {name: columns[name] for name in names})
    write_table(out, COLUMNS, (_line(finding) for finding in findings))


def _names(exposures: str, *, ill: str) -> list[str]:
    names = [name.strip() for name in exposures.split(",") if name.strip()]
    twice = [name for position, name in enumerate(names) if name in names[:position]]
    if not names:
        sentence = "--exposures names no column; give the columns to compare, separated by commas."
        raise Refusal(sentence)
    if twice or ill in names:
        sentence = (
            f"--exposures: {(twice or [ill])[0]} is named twice; name each column once, and the illness only in --ill."
        )
        raise Refusal(sentence)
    return names


def _split(values: str) -> Iterable[str]:
    return (value.strip().casefold() for value in values.split(",") if value.strip())


def _answers(table: Table, column: str, left_out: frozenset[str]) -> Answers:
    position = table.position(column)
    answers = np.ma.zeros(len(table.rows), dtype=np.bool_)
    for index, row in enumerate(table.rows):
        word = row.cells[position].casefold()
        if not word or word in left_out:
            answers[index] = np.ma.masked
        elif word in YES:
            answers[index] = True
        elif word not in NO:
            sentence = (
                f"{table.name} row {row.number} column {column}: '{row.cells[position]}' is neither yes nor no; "
                "write Y/N, yes/no, 是/否, 1/0 or true/false, leave it empty, or name it in --unknown."
            )
            raise Refusal(sentence)
    return answers


def _line(finding: ExposureFinding) -> tuple[Cell, ...]:
    table = finding.table
    return (
        finding.exposure,
        table.exposed_ill,
        table.exposed_total,
        table.unexposed_ill,
        table.unexposed_total,
        finding.attack_rate_exposed,
        finding.attack_rate_unexposed,
        finding.risk_ratio.value,
        finding.odds_ratio.value,
        finding.risk_ratio.low,
        finding.risk_ratio.high,
        finding.p_value,
        finding.adjusted_risk_ratio,
        finding.rank,
    )
