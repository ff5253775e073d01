"""What there is to export, each kind as one function: masked, within what the viewer may see.

Cells stay values until it is known what the list leaves for: to those who work with these people a case is told by its
number and a meeting by the minute; for anything else by a code and by the day.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from citywatch.city.registry import reference
from citywatch.city.trace import queries as trace
from citywatch.city.trace.rules import CLASSIFICATIONS, OUTCOMES, SOURCES
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.exporting import TAKE, Size
from citywatch.mechanisms.vault.pseudonyms import PERSON, Purpose, Subject, codes_for

_SEXES = {"M": Label("男", "Male"), "F": Label("女", "Female")}
_BAND = 5  # years


@dataclass(frozen=True, slots=True)
class Who:
    """A cell that names somebody: by a number of ours, or by their code."""

    subject: Subject
    number: str


@dataclass(frozen=True, slots=True)
class Age:
    """A cell of whole years."""

    years: int


Cell = str | Who | Age | datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row about somebody."""

    about: Subject
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows about people; `tracks` of them name a place where somebody was."""

    rows: tuple[Row, ...]
    tracks: int

    @property
    def size(self) -> Size:
        return Size(len(self.rows), self.tracks)


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; a `worked` one leaves with those lists alone whose taker works with these people."""

    label: Label
    worked: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One list that can be exported, the ability that shows it, and the heading whose words bear the mark."""

    code: str
    title: Label
    ability: str
    columns: tuple[Column, ...]
    marked: Label
    fill: Callable[[Viewer], Sheet]

    def header(self, purpose: Purpose) -> list[Label]:
        """The headings of a list that leaves for a purpose."""
        return [CODE, *(one.label for one in self.columns if _leaves(one, purpose))]

    def column(self, purpose: Purpose) -> int:
        """Which of them bears the mark."""
        return self.header(purpose).index(self.marked)

    def told(self, sheet: Sheet, purpose: Purpose) -> list[list[str]]:
        """The rows as they leave for a purpose, each with the code of whom it is about."""
        codes = codes_for(_named(sheet), purpose=purpose)
        kept = [at for at, one in enumerate(self.columns) if _leaves(one, purpose)]
        return [[codes[row.about], *(_text(row.cells[at], purpose, codes) for at in kept)] for row in sheet.rows]


def contacts(viewer: Viewer) -> Sheet:
    """The contacts still to be moved, as the worklist shows them: masked names, and where they met the case."""
    lines = trace.lines(list(_mine_to_take(trace.worklist(viewer), viewer)), viewer, at=clock.now())
    rows = tuple(
        Row(
            _subject(line.row),
            (
                f"{line.row.pk}",
                line.name,
                Who(_subject(line.row.case), line.row.case.title),
                str(line.row.kind_label),
                line.row.first_at,
                line.row.last_at,
                line.row.visited.name if line.row.visited else "",
                str(line.row.state_label),
                line.row.place.name,
            ),
        )
        for line in lines
    )
    return Sheet(rows, sum(line.row.visited is not None for line in lines))


def cases(viewer: Viewer) -> Sheet:
    """The line list: who fell ill, when, and how far the investigation is; masked names."""
    lines = trace.lines(list(_mine_to_take(trace.line_list(viewer), viewer)), viewer, at=clock.now())
    occupations = {one.code: Label(one.name_zh, one.name_en) for one in reference.occupations()}
    rows = tuple(
        Row(
            _subject(line.row),
            (
                line.row.title,
                line.name,
                str(_SEXES.get(line.row.sex, "")),
                None if line.row.age is None else Age(line.row.age),
                str(occupations.get(line.row.occupation, line.row.occupation)),
                str(line.row.onset_date or ""),
                str(line.row.sampled_on or ""),
                line.row.reported_at,
                str(CLASSIFICATIONS[line.row.classification]),
                str(line.row.state_label),
                str(OUTCOMES.get(line.row.outcome, "")),
                str(line.row.investigation.title) if line.row.investigation else "",
                line.row.place.name,
            ),
        )
        for line in lines
    )
    return Sheet(rows, 0)


def stays(viewer: Viewer) -> Sheet:
    """Where cases were, each line a track; the cases by their numbers alone."""
    rows = tuple(
        Row(
            _subject(row.case),
            (
                f"{row.pk}",
                row.case.title,
                row.visited.name,
                row.visited.parent.name if row.visited.parent else "",
                row.from_at,
                row.to_at,
                str(SOURCES[row.source].label),
                row.place.name,
            ),
        )
        for row in _mine_to_take(trace.stays_told(viewer), viewer)
    )
    return Sheet(rows, len(rows))


def _subject(row: Any) -> Subject:
    """Whom a row is about: a person, or the row itself where nobody is known by name."""
    return (PERSON, row.person_id) if row.person_id else (row._meta.label_lower, row.pk)


def _named(sheet: Sheet) -> Collection[Subject]:
    cells = (cell for row in sheet.rows for cell in row.cells)
    return {row.about for row in sheet.rows} | {cell.subject for cell in cells if isinstance(cell, Who)}


def _leaves(column: Column, purpose: Purpose) -> bool:
    return purpose.worked or not column.worked


def _text(cell: Cell, purpose: Purpose, codes: dict[Subject, str]) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Who):
        return cell.number if purpose.worked else codes[cell.subject]
    if isinstance(cell, Age):
        return f"{cell.years}" if purpose.worked else _band(cell.years)
    if isinstance(cell, datetime):
        return cell.astimezone(clock.SHANGHAI).strftime("%Y-%m-%d %H:%M" if purpose.worked else "%Y-%m-%d")
    return cell


def _band(years: int) -> str:
    """Five years of age, the oldest together: few people are as old as they are.

    >>> _band(31), _band(93)
    ('30–34', '85+')
    """
    first = years // _BAND * _BAND
    return "85+" if first >= 85 else f"{first}–{first + _BAND - 1}"


def _mine_to_take(rows: Any, viewer: Viewer) -> Any:
    """What an emergency shows may be read and not taken, nor what stands where the viewer takes nothing out."""
    return rows.visible_to(viewer, TAKE)


CODE = Label("代号", "Code")
_STATE, _SOURCE = Label("状态", "State"), Label("来源", "Source")
_CONTACTS = (
    Column(Label("编号", "Number"), worked=True),
    Column(Label("姓名（脱敏）", "Name (masked)"), worked=True),
    Column(Label("病例", "Case")),
    Column(Label("类别", "Kind")),
    Column(Label("首次接触", "First met")),
    Column(Label("末次接触", "Last met")),
    Column(Label("接触地点", "Where")),
    Column(_STATE),
    Column(Label("负责辖区", "Responsible")),
)
_CASES = (
    Column(Label("病例", "Case"), worked=True),
    Column(Label("姓名（脱敏）", "Name (masked)"), worked=True),
    Column(Label("性别", "Sex")),
    Column(Label("年龄", "Age")),
    Column(Label("职业", "Occupation")),
    Column(Label("发病日期", "Onset")),
    Column(Label("采样日期", "Sampled")),
    Column(Label("报告时间", "Reported")),
    Column(Label("诊断分类", "Classification")),
    Column(_STATE),
    Column(Label("转归", "Outcome")),
    Column(Label("所属调查", "Investigation"), worked=True),
    Column(Label("负责辖区", "Responsible")),
)
_STAYS = (
    Column(Label("编号", "Number"), worked=True),
    Column(Label("病例", "Case"), worked=True),
    Column(Label("到访地点", "Place")),
    Column(Label("所在区域", "In")),
    Column(Label("到达", "From")),
    Column(Label("离开", "To")),
    Column(_SOURCE),
    Column(Label("负责辖区", "Responsible")),
)
_ALL = (
    Kind("contacts", Label("密接转运清单", "Contacts to be moved"), "trace.view", _CONTACTS, _STATE, contacts),
    Kind("cases", Label("病例一览表", "Line list of cases"), "trace.view", _CASES, _STATE, cases),
    Kind("stays", Label("病例活动轨迹", "Where cases were"), "trace.view", _STAYS, _SOURCE, stays),
)
KINDS = {one.code: one for one in _ALL}
