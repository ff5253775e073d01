"""Frozen values of warning: what a run finds, and what other areas and pages are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Literal

from citywatch.mechanisms.labels import Label

By = Literal["reporting", "home", "site", "district", "city"]
Step = Literal["day", "week"]
Level = Literal["blue", "yellow", "orange", "red"]


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """One series of counts: a stream's syndrome at a place, by day or by ISO week.

    `by` says what the place is: the street that reported, the street where people live, one site, one district or the
    city.
    """

    stream: str
    syndrome: str
    by: By
    place_id: int
    step: Step = "day"

    @property
    def street_id(self) -> int:
        """The place under the name it had when every series was a street's."""
        return self.place_id


@dataclass(frozen=True, slots=True)
class Decision:
    """A dated decision on one line of `DETECTORS`: the whole method and settings that replace the code's from a day on.

    `settings` are all that differ from the method's published ones; nothing is taken over from the line replaced.
    """

    detector: str
    method: str
    settings: Mapping[str, Any]
    enabled: bool
    valid_from: date
    because: str
    decided_at: datetime
    decided_by: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A machine's claim before it is stored: one episode of alarms in one series.

    Figures are those of the last alarm day (or week), in reports a day (or week). `p` is the chance of such a count
    under the baseline, None where the rule has no model of chance; `score` is how many standard deviations the count
    stands above it. `look` is what let it through (`rules.LOOK_WORDS`).
    """

    key: SeriesKey
    family: str
    detectors: tuple[str, ...]
    first_day: date
    last_day: date
    observed: int
    expected: float
    upper: float
    p: float | None
    score: float
    look: str = "chance"


@dataclass(frozen=True, slots=True)
class Ground:
    """How places belong together: the street of a site, the neighbours of a street, the school or market around a site.

    `setting_of` names a site's school or market by its kind and number.
    """

    street_of: Mapping[int, int] = field(default_factory=dict)
    neighbours: Mapping[int, frozenset[int]] = field(default_factory=dict)
    setting_of: Mapping[int, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a proposal: the streams of its best 72 hours, single-case diseases, laboratory positives.

    `schools` counts schools over their threshold; `class_a` says whether the positives' disease is managed as class A.
    """

    streams: frozenset[str]
    single_cases: int = 0
    positives: int = 0
    schools: int = 0
    class_a: bool = True


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """A stored signal."""

    id: int
    key: SeriesKey
    family: str
    detectors: tuple[str, ...]
    first_day: date
    last_day: date
    observed: int
    expected: float
    upper: float
    p: float | None
    score: float
    stream: Label
    syndrome: Label
    place: Label


@dataclass(frozen=True, slots=True)
class ProposalFacts:
    """A proposal as lists and other areas see it. `due_at` is None when no clock runs."""

    id: int
    place_id: int
    place_code: str
    place: Label
    level: Level
    state: str
    state_label: Label
    hazard: str
    streams: tuple[str, ...]
    positives: int
    first_positive_at: datetime | None
    opened_at: datetime
    due_at: datetime | None
    score: float
    why: Label
    event_id: int | None


@dataclass(frozen=True, slots=True)
class EventFacts:
    """A verified event."""

    id: int
    place_id: int
    hazard: str
    level: Level
    title: Label
    verified_at: datetime
    first_positive_at: datetime | None
    proposal_id: int
    state: str = "verified"


@dataclass(frozen=True, slots=True)
class Sought:
    """What a person asks the inbox for; empty text asks for everything. `words` are looked for in places' names."""

    state: str = "open"
    level: str = ""
    district: str = ""
    hazard: str = ""
    stream: str = ""
    words: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> "Sought":
        return cls(asked.get("state", "open"), *(asked.get(f.name, "") for f in fields(cls)[1:]))

    def query(self) -> dict[str, str]:
        """What differs from the plain inbox, as an address holds it."""
        plain = Sought()
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != getattr(plain, f.name)}


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One line of the inbox: the facts, the running clock, what this viewer may do, and three weeks of counts."""

    facts: ProposalFacts
    clock: Any
    moves: tuple[Any, ...]
    spark: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class InboxPage:
    """A page of the inbox, how many proposals of each level and hazard are open, and what is sought as map points."""

    rows: tuple[InboxRow, ...]
    number: int
    pages: int
    total: int
    open_by_level: Mapping[str, int]
    open_by_hazard: Mapping[str, int]
    map: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SiteCount:
    """What one site sent to a series in the last seven days, and on how many of them it sent anything."""

    place_id: int
    name: Label
    count: int
    days_reported: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a proposal has its level, and whether the desk's closing still silences more of the same."""

    level: Label
    grounds: tuple[Label, ...]
    chance: float | None
    looks: dict[int, Label]
    closed_on: date | None = None
    muted_until: date | None = None


@dataclass(frozen=True, slots=True)
class ProposalPage:
    """Everything the proposal page prints, counted as known at the moment of asking."""

    row: Any
    facts: ProposalFacts
    signals: tuple[SignalFacts, ...]
    shown: SignalFacts | None
    chart: Mapping[str, Any] | None
    sites: tuple[SiteCount, ...]
    similar: tuple[ProposalFacts, ...]
    clocks: tuple[Any, ...]
    history: tuple[Any, ...]
    standing: Standing
    moves: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Glance:
    """What stands beside the inbox for the line a person is at."""

    facts: ProposalFacts
    level: Label
    shown: SignalFacts | None
    chart: Mapping[str, Any] | None
    sites: tuple[SiteCount, ...]
    similar: tuple[ProposalFacts, ...]
    clocks: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class EventPage:
    """A verified event with its alerts and history."""

    row: Any
    facts: EventFacts
    place: Label
    why: Label
    alerts: tuple[Any, ...]
    history: tuple[Any, ...]
    moves: tuple[Any, ...]
    may_publish: bool


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a detection run did. `skipped`: nothing had changed since the last one."""

    at: datetime
    series: int = 0
    raised: int = 0
    extended: int = 0
    proposals: int = 0
    took_ms: int = 0
    skipped: bool = False
    fault: str = ""
    findings: tuple[Finding, ...] = field(default=(), repr=False)
    stages: Mapping[str, int] = field(default_factory=dict, repr=False)
    escalated: int = 0
