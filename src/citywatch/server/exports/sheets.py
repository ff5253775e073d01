"""What there is to export, each kind as one function: masked, within what the viewer may see."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from citywatch.city.registry import reference
from citywatch.city.trace import queries as trace
from citywatch.city.trace.rules import CLASSIFICATIONS, OUTCOMES, SOURCES
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.exporting import TAKE, Size

_SEXES = {"M": Label("男", "Male"), "F": Label("女", "Female")}


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows about people as texts; `tracks` of them name a place where somebody was."""

    rows: tuple[tuple[str, ...], ...]
    tracks: int

    @property
    def size(self) -> Size:
        return Size(len(self.rows), self.tracks)


@dataclass(frozen=True, slots=True)
class Kind:
    """One list that can be exported, the ability that shows it, and the column whose words bear the mark."""

    code: str
    title: Label
    ability: str
    header: tuple[Label, ...]
    column: int
    fill: Callable[[Viewer], Sheet]


def contacts(viewer: Viewer) -> Sheet:
    """The contacts still to be moved, as the worklist shows them: masked names, and where they met the case."""
    lines = trace.lines(list(_mine_to_take(trace.worklist(viewer), viewer)), viewer, at=clock.now())
    rows = tuple(
        (
            f"{line.row.pk}",
            line.name,
            line.row.case.title,
            str(line.row.kind_label),
            _moment(line.row.first_at),
            _moment(line.row.last_at),
            line.row.visited.name if line.row.visited else "",
            str(line.row.state_label),
            line.row.place.name,
        )
        for line in lines
    )
    return Sheet(rows, sum(bool(row[6]) for row in rows))


def cases(viewer: Viewer) -> Sheet:
    """The line list: who fell ill, when, and how far the investigation is; masked names."""
    lines = trace.lines(list(_mine_to_take(trace.line_list(viewer), viewer)), viewer, at=clock.now())
    occupations = {one.code: Label(one.name_zh, one.name_en) for one in reference.occupations()}
    rows = tuple(
        (
            line.row.title,
            line.name,
            str(_SEXES.get(line.row.sex, "")),
            "" if line.row.age is None else f"{line.row.age}",
            str(occupations.get(line.row.occupation, line.row.occupation)),
            str(line.row.onset_date or ""),
            str(line.row.sampled_on or ""),
            _moment(line.row.reported_at),
            str(CLASSIFICATIONS[line.row.classification]),
            str(line.row.state_label),
            str(OUTCOMES.get(line.row.outcome, "")),
            str(line.row.investigation.title) if line.row.investigation else "",
            line.row.place.name,
        )
        for line in lines
    )
    return Sheet(rows, 0)


def stays(viewer: Viewer) -> Sheet:
    """Where cases were, each line a track; the cases by their numbers alone."""
    rows = tuple(
        (
            f"{row.pk}",
            row.case.title,
            row.visited.name,
            row.visited.parent.name if row.visited.parent else "",
            _moment(row.from_at),
            _moment(row.to_at),
            str(SOURCES[row.source].label),
            row.place.name,
        )
        for row in _mine_to_take(trace.stays_told(viewer), viewer)
    )
    return Sheet(rows, len(rows))


def _mine_to_take(rows: Any, viewer: Viewer) -> Any:
    """What an emergency shows may be read and not taken, nor what stands where the viewer takes nothing out."""
    return rows.visible_to(viewer, TAKE)


def _moment(instant: object) -> str:
    return instant.astimezone(clock.SHANGHAI).strftime("%Y-%m-%d %H:%M") if instant else ""  # type: ignore[attr-defined]


_CONTACTS = (
    Label("编号", "Number"),
    Label("姓名（脱敏）", "Name (masked)"),
    Label("病例", "Case"),
    Label("类别", "Kind"),
    Label("首次接触", "First met"),
    Label("末次接触", "Last met"),
    Label("接触地点", "Where"),
    Label("状态", "State"),
    Label("负责辖区", "Responsible"),
)
_CASES = (
    Label("病例", "Case"),
    Label("姓名（脱敏）", "Name (masked)"),
    Label("性别", "Sex"),
    Label("年龄", "Age"),
    Label("职业", "Occupation"),
    Label("发病日期", "Onset"),
    Label("采样日期", "Sampled"),
    Label("报告时间", "Reported"),
    Label("诊断分类", "Classification"),
    Label("状态", "State"),
    Label("转归", "Outcome"),
    Label("所属调查", "Investigation"),
    Label("负责辖区", "Responsible"),
)
_STAYS = (
    Label("编号", "Number"),
    Label("病例", "Case"),
    Label("到访地点", "Place"),
    Label("所在区域", "In"),
    Label("到达", "From"),
    Label("离开", "To"),
    Label("来源", "Source"),
    Label("负责辖区", "Responsible"),
)
_ALL = (
    Kind("contacts", Label("密接转运清单", "Contacts to be moved"), "trace.view", _CONTACTS, 7, contacts),
    Kind("cases", Label("病例一览表", "Line list of cases"), "trace.view", _CASES, 9, cases),
    Kind("stays", Label("病例活动轨迹", "Where cases were"), "trace.view", _STAYS, 6, stays),
)
KINDS = {one.code: one for one in _ALL}
