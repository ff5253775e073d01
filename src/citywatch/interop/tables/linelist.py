"""Somebody's line list or contacts, by a mapping file, into our words. What it does not know is listed, never guessed.

A mapping (TOML) names for `line_list` and `contacts` the column of each of our fields, the values of coded fields, and
fields that are the same for every row. Further columns are ignored.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from citywatch.city.trace import rules
from citywatch.city.trace.types import CaseListed, LinkListed
from citywatch.interop.tables.read import Table
from citywatch.mechanisms.errors import Refusal

SHIPPED = Path(__file__).resolve().parent / "maps"
OLDEST = 130
_SECTIONS: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "line_list": (CaseListed, ("label",)),
    "contacts": (LinkListed, ("infector", "infectee")),
}
_ALLOWED: Mapping[str, frozenset[str]] = {
    "sex": frozenset({"M", "F"}),
    "outcome": frozenset(rules.OUTCOMES),
    "classification": frozenset(rules.CLASSIFICATIONS),
    "exposure": frozenset(rules.EXPOSURES),
}
"""Fields whose values are codes of ours; a mapping's value table (or the file itself) must give one of these."""


@dataclass(frozen=True, slots=True)
class Section:
    """How one kind of file is read: our field to its column, values by field, and fields alike in every row."""

    columns: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]
    fixed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """A mapping file: its hazard, the texts that mean empty, and its sections."""

    name: str
    hazard: str
    empty: frozenset[str]
    sections: Mapping[str, Section]

    def section(self, name: str) -> Section:
        if name not in self.sections:
            raise Refusal(f"The mapping {self.name} has no section [{name}]; add [{name}.columns] to it.")
        return self.sections[name]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that its field does not know: where it stands first, and how often."""

    column: str
    value: str
    row: int
    times: int

    def __str__(self) -> str:
        often = f", {self.times} rows" if self.times > 1 else ""
        return f"{self.column} '{self.value}' (row {self.row}{often})"


def load_mapping(name: str) -> ColumnMap:
    """A mapping shipped with the house, by name, or any TOML file, by path. Refuses what it cannot use."""
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    if not path.is_file():
        shipped = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.toml")))
        raise Refusal(f"There is no mapping {name}; name one of {shipped}, or a .toml file.")
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refusal(f"{path.name}: this is not TOML ({error}); correct it.") from error
    sections = {key: _section(path.name, key, written[key]) for key in _SECTIONS if key in written}
    return ColumnMap(path.stem, str(written.get("hazard", "")), frozenset(written.get("empty", ())), sections)


def cases(table: Table, mapping: ColumnMap, *, unknown_as_empty: bool = False) -> list[CaseListed]:
    """The rows of a line list. Raises Refusal listing every value the mapping does not know."""
    return _rows(table, mapping, "line_list", unknown_as_empty=unknown_as_empty)


def links(table: Table, mapping: ColumnMap, *, unknown_as_empty: bool = False) -> list[LinkListed]:
    """The rows of a list of contacts (who infected whom); refuses as `cases` does."""
    return _rows(table, mapping, "contacts", unknown_as_empty=unknown_as_empty)


def _section(file: str, key: str, written: Mapping[str, Any]) -> Section:
    made, needed = _SECTIONS[key]
    ours = {one.name for one in fields(made)}
    section = Section(written.get("columns", {}), written.get("values", {}), written.get("fixed", {}))
    for name in (*section.columns, *section.values, *section.fixed):
        if name not in ours:
            raise Refusal(f"{file} [{key}]: there is no field {name}; the fields are {', '.join(sorted(ours))}.")
    for name in needed:
        if name not in section.columns:
            raise Refusal(f"{file} [{key}.columns]: {name} is not given; name its column.")
    wrong = [
        f"{name} = {value}"
        for name, allowed in _ALLOWED.items()
        for value in (*section.values.get(name, {}).values(), *([section.fixed[name]] if name in section.fixed else []))
        if value not in allowed
    ]
    if wrong:
        raise Refusal(
            f"{file} [{key}]: not codes of ours: {'; '.join(wrong)}; see the lists in docs/science/sources.md."
        )
    return section


def _rows(table: Table, mapping: ColumnMap, key: str, *, unknown_as_empty: bool) -> list[Any]:
    section = mapping.section(key)
    made, needed = _SECTIONS[key]
    table.refuse_problems()
    columns = {name: table.position(column) for name, column in section.columns.items()}
    unknown: dict[tuple[str, str], list[int]] = {}
    rows = []
    for row in table.rows:
        values: dict[str, Any] = dict(section.fixed)
        for name, position in columns.items():
            text = row.cells[position]
            if text in mapping.empty:
                text = ""
            if not text and name in needed:
                column = section.columns[name]
                raise Refusal(f"{table.name} row {row.number} column {column}: empty; every row needs its {name}.")
            value, known = _read(name, text, section.values.get(name))
            if not known:
                unknown.setdefault((section.columns[name], text), []).append(row.number)
            elif value is not None:
                values[name] = value
        rows.append(made(**values))
    if unknown and not unknown_as_empty:
        raise _list_unknown(table.name, unknown)
    return rows


def _read(name: str, text: str, values: Mapping[str, str] | None) -> tuple[Any, bool]:
    """A cell's value (None: leave the field empty), and whether it could be read."""
    if not text:
        return None, True
    if values is not None:
        return values.get(text), text in values
    if name in _ALLOWED:
        return text, text in _ALLOWED[name]
    reader = _READERS.get(name)
    if reader is None:
        return text, True
    try:
        return reader(text), True
    except ValueError:
        return None, False


def _whole_years(text: str) -> int:
    """Completed years; an infant's 0.5 is 0."""
    age = float(text)
    if not 0 <= age <= OLDEST:
        raise ValueError(text)
    return int(age)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "age": _whole_years,
    "onset_date": date.fromisoformat,
    "reported_on": date.fromisoformat,
}


def _list_unknown(file: str, unknown: Mapping[tuple[str, str], Sequence[int]]) -> Refusal:
    found: Iterable[Unknown] = (
        Unknown(column, value, rows[0], len(rows)) for (column, value), rows in sorted(unknown.items())
    )
    listed = "; ".join(map(str, found))
    return Refusal(
        f"{file}: {len(unknown)} values are unknown to the mapping: {listed}; add them to its values (or correct the "
        "file), or import with --unknown-as-empty.",
        zh=f"{file}：映射表中没有以下{len(unknown)}个取值：{listed}；"
        "请补充映射或更正文件，也可用 --unknown-as-empty 作空值导入。",
    )
