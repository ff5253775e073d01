"""Frozen values that cross from sense to its pages and to other areas, and the life of a hold."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import Lifecycle, Transition

HOLD = Lifecycle(
    "hold",
    states={
        "held": Label("留观待检", "Held until the result"),
        "released": Label("已解除留观", "Released"),
        "isolated": Label("已转隔离", "Isolated"),
    },
    transitions=(
        Transition("release", ("held",), "released", needs="sense.hold", label=Label("解除留观", "Release")),
        # From released too: a result corrected from negative to positive must still reach the person.
        Transition("isolate", ("held", "released"), "isolated", needs="sense.hold", label=Label("转隔离", "Isolate")),
    ),
    done=frozenset({"released", "isolated"}),
)

Status = Literal["reported", "zero", "waiting", "overdue", "reminded", "district"]
STATUS_NAMES: dict[Status, Label] = {
    "reported": Label("已报告", "Reported"),
    "zero": Label("零报告", "Zero report"),
    "waiting": Label("未到时限", "Not yet due"),
    "overdue": Label("逾期", "Overdue"),
    "reminded": Label("逾期超2小时，已催报", "Overdue over 2 h, reminder"),
    "district": Label("逾期超24小时，转区处理", "Overdue over 24 h, district task"),
}


@dataclass(frozen=True, slots=True)
class SiteDay:
    """What one site sent of one stream for one day; `count` is None where nothing came: silent is not zero."""

    place_id: int
    code: str
    name: Label
    district_code: str
    stream: str
    day: date
    count: int | None
    first_at: datetime | None
    late: bool
    status: Status

    @property
    def silent(self) -> bool:
        return self.count is None

    @property
    def status_name(self) -> Label:
        return STATUS_NAMES[self.status]


@dataclass(frozen=True, slots=True)
class DistrictDay:
    """How many of a district's sites reported a stream for a day, of how many that must."""

    code: str
    name: Label
    stream: str
    expected: int
    reported: int
    overdue: int
    count: int

    @property
    def silent(self) -> int:
        return self.expected - self.reported

    @property
    def share(self) -> float:
        return self.reported / self.expected


@dataclass(frozen=True, slots=True)
class Coverage:
    """A day's completeness: by district and stream, and the site-days beneath."""

    day: date
    due_at: datetime
    districts: tuple[DistrictDay, ...]
    site_days: tuple[SiteDay, ...]

    @property
    def expected(self) -> int:
        return len(self.site_days)

    @property
    def reported(self) -> int:
        return sum(not one.silent for one in self.site_days)

    @property
    def share(self) -> float | None:
        return self.reported / self.expected if self.site_days else None

    @property
    def overdue(self) -> tuple[SiteDay, ...]:
        return tuple(one for one in self.site_days if one.silent and one.status != "waiting")


@dataclass(frozen=True, slots=True)
class ClassDay:
    """How many pupils of one class of a school were newly absent on a day with one complaint."""

    place_id: int
    group: str
    syndrome: str
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class SubmissionFacts:
    """A submission as other areas may know it: no identity, only the person's number."""

    id: int
    form: str
    stream: str
    place_id: int
    person_id: int | None
    home_place_id: int | None
    occurred_at: datetime
    occurred_on: date
    recorded_at: datetime
    answers: dict[str, Any]
    findings: tuple[str, ...]
    count: int
    corrects: int | None
    receipt_id: int


@dataclass(frozen=True, slots=True)
class VisitsTaken:
    """What became of a file of visits: rows = stored + duplicate + quarantined."""

    receipt_id: int
    rows: int
    stored: int
    duplicate: int
    quarantined: int
    repeat: bool = False
