"""What there is to export, each kind as one function: masked, within what the viewer may see."""

from collections.abc import Callable
from dataclasses import dataclass

from citywatch.city.trace import queries as trace
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.exporting import Size


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
    lines = trace.lines(list(trace.worklist(viewer)), viewer, at=clock.now())
    rows = tuple(
        (
            f"{line.row.pk}",
            line.name,
            line.row.case.title,
            str(line.row.kind),
            _moment(line.row.first_at),
            _moment(line.row.last_at),
            line.row.visited.name if line.row.visited else "",
            str(line.row.state_label),
            line.row.place.name,
        )
        for line in lines
    )
    return Sheet(rows, sum(bool(row[6]) for row in rows))


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
_ALL = (Kind("contacts", Label("密接转运清单", "Contacts to be moved"), "trace.view", _CONTACTS, 7, contacts),)
KINDS = {one.code: one for one in _ALL}
