"""What the API of warning takes and gives."""

from datetime import date, datetime
from typing import Any, Literal

from ninja import Field, Schema

from citywatch.server.api.reading import Day


class Words(Schema):
    """One thing in both languages."""

    zh: str
    en: str


class ProposalOut(Schema):
    """A proposal as the inbox shows it."""

    id: int
    place_code: str
    place: Words
    level: str
    state: str
    hazard: str
    streams: list[str]
    positives: int
    first_positive_at: datetime | None
    opened_at: datetime
    due_at: datetime | None
    why: Words
    event_id: int | None


class ProposalsOut(Schema):
    """A page of proposals."""

    proposals: list[ProposalOut]
    page: int
    pages: int
    total: int


class SignalOut(Schema):
    """A signal: one series, one episode."""

    id: int
    place: Words
    stream: str
    syndrome: str
    by: str
    detectors: list[str]
    first_day: date
    last_day: date
    observed: int
    expected: float
    upper: float
    p: float | None


class EventOut(Schema):
    """A verified event."""

    id: int
    title: Words
    hazard: str
    level: str
    state: str
    verified_at: datetime
    first_positive_at: datetime | None
    proposal_id: int


class ChartOut(Schema):
    """The last five weeks of one series with what was expected; null where a day is missing."""

    days: list[date]
    observed: list[float | None]
    expected: list[float | None]
    upper: list[float | None]
    alarm: list[int]


class SiteOut(Schema):
    """A site's share of a series in the last seven days."""

    place_id: int
    name: Words
    count: int
    days_reported: int


class ClockOut(Schema):
    """A time limit as it stands."""

    code: str
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    late: bool


class EvidenceOut(Schema):
    """The grounds of a proposal."""

    signals: list[SignalOut]
    chart: ChartOut | None
    sites: list[SiteOut]
    clocks: list[ClockOut]


class ShareOut(Schema):
    """A part of a whole with its 95% Wilson interval; null where the whole is 0."""

    part: int
    of: int
    value: float | None
    low: float | None
    high: float | None


class TallyOut(Schema):
    """How the proposals of one group fared; `no_data` where nobody who could have reported did."""

    code: str
    label: Words
    no_data: bool
    raised: int | None
    verified: int | None
    closed: int | None
    watched: int | None
    waiting: int | None
    ppv: ShareOut
    heard_district_weeks: float
    per_district_week: float | None
    median_answer_minutes: float | None
    answered: int
    in_time: ShareOut


class ReasonOut(Schema):
    """Why proposals were closed."""

    text: Words
    number: int


class WeekOut(Schema):
    """Proposals raised in seven days by what became of them; null where nobody reported."""

    first_day: date
    states: dict[str, int] | None


class SilenceOut(Schema):
    """A district's sites that owe a stream and sent nothing in the period."""

    district: Words
    stream: Words
    expected: int
    silent: int
    sites: list[Words]


class FeedbackOut(Schema):
    """What the desk's answers say about detection."""

    first_day: date
    last_day: date
    weeks: int
    log_since: date | None
    total: TallyOut
    rules: list[TallyOut]
    streams: list[TallyOut]
    levels: list[TallyOut]
    districts: list[TallyOut]
    by_week: list[WeekOut]
    reasons: list[ReasonOut] | None
    silent: list[SilenceOut]
    open_now: int
    overdue_now: int


class LineOut(Schema):
    """A detector as it stands; `settings` are those that differ from the method's published ones."""

    code: str
    label: Words
    watches: list[Words]
    method: str
    settings: dict[str, Any]
    enabled: bool
    since: date
    decided_by: str | None
    because: str | None
    signals_7: int
    signals_28: int
    ppv_28: ShareOut | None
    per_district_week_28: float | None


class DecidedOut(Schema):
    """A decision on a detector; it is never changed, a later one takes its place."""

    id: int
    detector: str
    enabled: bool
    method: Words
    valid_from: date
    decided_at: datetime
    by: str
    because: str
    in_force: bool
    shown: dict[str, Any]


class ChoiceIn(Schema):
    """A method with the settings that differ from its published ones."""

    method: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    enabled: bool = True


class DifferenceOut(Schema):
    """Signals of a week or a district as it is and as it would have been."""

    label: Words
    day: date | None
    now: int
    then: int
    gained: int
    lost: int
    load_now: float | None
    load_then: float | None


class EventChangeOut(Schema):
    """When the first signal near a verified event came; null where none did."""

    event_id: int
    title: Words
    now: date | None
    then: date | None
    verdict: Literal["same", "neither", "missed", "found", "earlier", "later"]


class DryRunOut(Schema):
    """What would have been different; `sealed` is what a decision takes."""

    first_day: date
    last_day: date
    days: int
    whole_year: bool
    series: int
    signals: DifferenceOut
    proposals_now: int
    proposals_then: int
    load_now: float | None
    load_then: float | None
    by_week: list[DifferenceOut]
    by_district: list[DifferenceOut]
    events: list[EventChangeOut]
    sealed: str


class DecisionIn(Schema):
    """The seal of a dry run, from which day it holds, and why."""

    sealed: str
    valid_from: Day
    because: str


class AnswerIn(Schema):
    """Why."""

    because: str


class AlertIn(Schema):
    """With which level, and why."""

    level: str
    because: str


class Made(Schema):
    """The number of what was made, if anything was."""

    id: int | None
