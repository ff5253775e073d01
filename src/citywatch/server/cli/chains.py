"""`citywatch chains`: a line list in, who infected whom out, with what speaks for it and against it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from citywatch.interop.tables.read import TERMINAL, Table, read_table
from citywatch.interop.tables.visit_files import DAY, minutes
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.chains import (
    InfectorTree,
    SerialInterval,
    fit_offspring,
    fit_serial_interval,
    infector_tree,
    infector_weights,
    trace_chains,
)
from citywatch.science.genomes import seqtrack
from citywatch.server.cli.tabular import TabularCommand

COLUMNS = (
    "case_id",
    "onset",
    "infector",
    "support",
    "second_infector",
    "second_support",
    "serial_interval",
    "generation",
    "offspring",
    "expected_offspring",
    "setting",
    "seqtrack_infector",
    "reason",
)
CASE = ("case_id", "person_id", "id", "CaseID", "case")
ONSET = ("onset", "onset_date", "date_onset", "dt_onset", "date_of_onset", "date_onset_symptoms", "date")
ENDS = (
    ("from", "to"),
    ("infector", "infectee"),
    ("source", "target"),
    ("case_id", "contact_id"),
    ("source_visualid", "target_visualid"),
    ("source_uuid", "target_uuid"),
    ("i", "j"),
)
SETTING = ("setting", "exposure", "context", "ground", "exposure_type", "context_of_exposure")
DISTANCE = ("distance", "snp", "snps", "genetic_distance")
OUTSIDE = "outside"
UNKNOWN = frozenset({"na", "n/a", "nan", "nat", "null", "none", "unknown", "-", "?", "不详", "未知"})

# A list in which so many fell ill before the one who would have infected them says who met, not who infected whom.
_BACKWARD = 0.2

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Listed:
    """Pairs of cases that met, in both directions where both are listed, and the setting of each."""

    met: FloatArray
    setting: Mapping[tuple[int, int], str]


@click.command("chains", cls=TabularCommand)
@click.argument("line_list", type=click.Path(path_type=Path))
@click.option("--contacts", default=None, type=click.Path(path_type=Path), help="from,to[,setting]: who met whom.")
@click.option("--distances", default=None, type=click.Path(path_type=Path), help="i,j,distance, or a square table.")
@click.option(
    "--serial-interval",
    default="",
    metavar="MEAN,SD",
    help="In days. By default from ten or more listed contacts, else COVID-19's 5.8, 4.5.",
)
@click.option("--id", "id_column", default="", metavar="COLUMN", help=f"The case's number [{', '.join(CASE)}].")
@click.option("--onset", "onset_column", default="", metavar="COLUMN", help="Day of onset [onset, onset_date, …].")
@click.option(
    "--summary", default=None, metavar="FILE", help="Offspring, dispersion and R by setting, as measure,value."
)
@click.option("--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix, or -.")
def chains(
    *,
    line_list: Path,
    contacts: Path | None,
    distances: Path | None,
    serial_interval: str,
    id_column: str,
    onset_column: str,
    summary: str | None,
    out: str,
) -> None:
    """Say who most likely infected each case of a LINE_LIST, and how sure that is.

    One row per case. The tree is the likeliest whole one, without circles; support is the share of all trees' weight
    with that infector. With --contacts an infector is someone on the list, or from outside it; without them onset times
    alone decide, and support is low for good reason. With --distances genomes weigh in, and SeqTrack's answer stands
    beside.
    """
    refuse_unwritable(out)
    if summary:
        refuse_unwritable(summary)
    cases, onset, told = _line_list(read_table(line_list, limits=TERMINAL), id_column, onset_column)
    index = {case: i for i, case in enumerate(cases)}
    listed = _contacts(read_table(contacts, limits=TERMINAL), index, line_list.name) if contacts else None
    away = _distances(read_table(distances, limits=TERMINAL), index) if distances else None
    law, listed = _law(serial_interval, listed, onset)
    tree = infector_tree(
        *infector_weights(onset, serial=law, contact=None if listed is None else listed.met, distance=away)
    )
    near = None if away is None else seqtrack(away, onset).ancestor
    write_table(out, COLUMNS, _rows(cases=cases, onset=onset, told=told, tree=tree, listed=listed, near=near))
    measures = list(_measures(cases, tree, listed, law))
    if summary:
        write_table(summary, ("measure", "value"), measures)
    else:
        click.echo("; ".join(f"{name} {_short(value)}" for name, value in measures), err=True)


def _column(table: Table, wanted: str, usual: Sequence[str], option: str) -> str:
    if wanted:
        table.position(wanted)
        return wanted
    for name in usual:
        for there in table.header:
            if there.casefold() == name.casefold():
                return there
    sentence = (
        f"{table.name} row 1: there is no column {usual[0]}; name it so, or name yours with {option}. "
        f"The columns are: {', '.join(table.header)}."
    )
    raise Refusal(sentence)


def _line_list(table: Table, id_column: str, onset_column: str) -> tuple[list[str], FloatArray, list[str]]:
    table.refuse_problems()
    case, day = _column(table, id_column, CASE, "--id"), _column(table, onset_column, ONSET, "--onset")
    cases: list[str] = []
    onset: list[float] = []
    told: list[str] = []
    seen: dict[str, str] = {}
    for number, cells in table.records():
        name, when = cells[case], cells[day]
        if when.casefold() in UNKNOWN:
            when = ""
        if not name:
            sentence = f"{table.name} row {number} column {case}: it is empty; every case needs a number."
            raise Refusal(sentence)
        if name in seen:
            if when and seen[name] and when != seen[name]:
                sentence = (
                    f"{table.name} row {number} column {case}: {name} stands twice with onset {seen[name]} and {when}; "
                    "keep one row per case, or name the column that tells them apart with --id."
                )
                raise Refusal(sentence)
            continue
        seen[name] = when
        try:
            minute = minutes(when)[0] if when else None
        except (ValueError, TypeError) as error:
            sentence = f"{table.name} row {number} column {day}: '{when}' is no date; write 2020-06-11."
            raise Refusal(sentence) from error
        cases.append(name)
        onset.append(nan if minute is None else minute // DAY)
        told.append(when)
    if not cases:
        sentence = f"{table.name}: there is no case in it; give one row per case."
        raise Refusal(sentence)
    return cases, np.array(onset), told


def _ends(table: Table, index: Mapping[str, int]) -> tuple[str, str]:
    """The two columns that name cases; of several such pairs the one whose names are those of the line list."""
    there = [(start, end) for start, end in ENDS if start in table.header and end in table.header]
    if not there:
        sentence = f"{table.name} row 1: there are no columns from and to; the columns are: {', '.join(table.header)}."
        raise Refusal(sentence)

    def known(pair: tuple[str, str]) -> int:
        return sum(name in index for column in pair for name in table.column(column))

    return max(there, key=known)


def _contacts(table: Table, index: Mapping[str, int], called: str) -> Listed:
    table.refuse_problems()
    start, end = _ends(table, index)
    where = next((name for name in SETTING if name in table.header), None)
    met = np.zeros((len(index), len(index)))
    setting: dict[tuple[int, int], str] = {}
    outsiders = 0
    for _, cells in table.records():
        if cells[start] not in index or cells[end] not in index:
            outsiders += 1
            continue
        pair = index[cells[start]], index[cells[end]]
        if pair[0] == pair[1]:
            continue
        met[pair] = 1.0
        if where and cells[where]:
            setting.setdefault(pair, cells[where])
    if not met.any():
        sentence = f"{table.name}: no row joins two cases of {called}; {start} and {end} must be numbers of its cases."
        raise Refusal(sentence)
    if outsiders:
        click.echo(
            f"{table.name}: {outsiders} rows concern people who are not in {called} and were left out.", err=True
        )
    return Listed(met, setting)


def _distances(table: Table, index: Mapping[str, int]) -> FloatArray:
    table.refuse_problems()
    found = np.full((len(index), len(index)), np.nan)
    value = next((name for name in DISTANCE if name in table.header), None)
    if value is None:
        return _square(table, index, found)
    start, end = _ends(table, index)
    both: set[tuple[int, int]] = set()
    for number, cells in table.records():
        if cells[start] in index and cells[end] in index and cells[value]:
            pair = index[cells[start]], index[cells[end]]
            found[pair] = _number(table, number, value, cells[value])
            both.add(pair)
    for a, b in both:
        if (b, a) not in both:
            found[b, a] = found[a, b]
    return found


def _square(table: Table, index: Mapping[str, int], found: FloatArray) -> FloatArray:
    first, *others = table.header
    if not any(name in index for name in others):
        sentence = f"{table.name} row 1: there is neither a column distance nor one named after a case."
        raise Refusal(sentence)
    for number, cells in table.records():
        if cells[first] not in index:
            continue
        for name in others:
            if name in index and cells[name]:
                found[index[cells[first]], index[name]] = _number(table, number, name, cells[name])
    return found


def _number(table: Table, number: int, column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        sentence = f"{table.name} row {number} column {column}: '{text}' is no number; write a distance such as 3."
        raise Refusal(sentence) from error


def _law(given: str, listed: Listed | None, onset: FloatArray) -> tuple[SerialInterval, Listed | None]:
    """The serial interval to use; and the list, read as who met whom where it does not tell who infected whom."""
    if given:
        try:
            mean, sd = (float(part) for part in given.split(","))
            return SerialInterval(mean, sd, shift=0.5), listed
        except ValueError as error:
            sentence = f"--serial-interval: '{given}' is no mean and sd; write two numbers of days such as 5.8,4.5."
            raise Refusal(sentence) from error
    if listed is None:
        return SerialInterval(), None
    # A pair listed both ways says who met, not who infected: its gap has no sign of its own.
    gap = (onset[None, :] - onset[:, None])[(listed.met > 0) & ~(listed.met.T > 0)]
    gap = gap[~np.isnan(gap)]
    if (gap < 0).mean() > _BACKWARD if len(gap) else True:
        return SerialInterval(), Listed(np.maximum(listed.met, listed.met.T), listed.setting)
    return fit_serial_interval(gap), listed


def _rows(
    *,
    cases: Sequence[str],
    onset: FloatArray,
    told: Sequence[str],
    tree: InfectorTree,
    listed: Listed | None,
    near: NDArray[np.int64] | None,
) -> Iterator[tuple[Cell, ...]]:
    offspring = np.bincount(tree.infector[tree.infector >= 0], minlength=len(cases))
    generation = _generations(tree.infector)
    for i, case in enumerate(cases):
        infector = int(tree.infector[i])
        second = int(tree.alternatives[i, 0]) if tree.alternatives.shape[1] else -2
        yield (
            case,
            told[i],
            _name(infector, cases),
            float(tree.support[i]),
            _name(second, cases),
            float(tree.alternative_support[i, 0]) if second > -2 else None,
            float(onset[i] - onset[infector]) if infector >= 0 else None,
            int(generation[i]),
            int(offspring[i]),
            float(tree.expected_offspring[i]),
            _setting(infector, i, listed),
            None if near is None else (cases[int(near[i])] if near[i] >= 0 else OUTSIDE),
            _reason(i, tree, cases, onset, listed),
        )


def _name(i: int, cases: Sequence[str]) -> str:
    return cases[i] if i >= 0 else OUTSIDE if i == -1 else ""


def _setting(infector: int, case: int, listed: Listed | None) -> str:
    if listed is None or infector < 0:
        return ""
    return listed.setting.get((infector, case), listed.setting.get((case, infector), ""))


def _generations(infector: NDArray[np.int64]) -> NDArray[np.int64]:
    found = np.full(len(infector), -1, dtype=np.int64)
    found[infector < 0] = 0
    while (found < 0).any():
        above = np.where(infector >= 0, found[np.maximum(infector, 0)], -1)
        found = np.where((found < 0) & (above >= 0), above + 1, found)
    return found


def _reason(i: int, tree: InfectorTree, cases: Sequence[str], onset: FloatArray, listed: Listed | None) -> str:
    infector = int(tree.infector[i])
    sure = f"support {tree.support[i]:.2f}"
    if infector < 0:
        return f"No case before it fits well enough ({sure}): infected outside the list, or by nobody known."
    gap = onset[i] - onset[infector]
    days = "onset of one of them unknown" if np.isnan(gap) else f"{gap:.0f} days after {cases[infector]}"
    met = "; on the contact list" if listed is not None and listed.met[infector, i] else ""
    rivals = sum(float(s) >= 0.1 for s in tree.alternative_support[i])
    others = f"; {rivals} others possible" if rivals else ""
    return f"{days}{met} ({sure}{others})."


def _measures(
    cases: Sequence[str], tree: InfectorTree, listed: Listed | None, law: SerialInterval
) -> Iterator[tuple[str, float | int | str]]:
    linked = tree.infector >= 0
    # The outside is nobody: only cases' own offspring count.
    counts = np.bincount(tree.infector[linked], minlength=len(cases))
    told = fit_offspring(counts)
    yield "cases", len(cases)
    yield "linked", int(linked.sum())
    yield "mean_offspring", told.mean
    yield "dispersion_k", told.dispersion
    yield "dispersion_low", told.dispersion_low
    yield "dispersion_high", told.dispersion_high
    yield "infected_nobody", told.infected_nobody
    yield "share_of_cases_behind_80_percent", told.share_for_80
    yield "serial_interval_mean", law.mean
    yield "serial_interval_sd", law.sd
    if linked.any():
        made = trace_chains([(cases[int(tree.infector[i])], cases[i]) for i in np.flatnonzero(linked).tolist()])
        yield "longest_chain", int(made.generation.max())
    if listed is not None and listed.setting:
        by = Counter(_setting(int(tree.infector[i]), i, listed) or "unknown" for i in np.flatnonzero(linked).tolist())
        for name, number in by.most_common():
            yield f"r_setting:{name}", number / len(cases)


def _short(value: float | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
