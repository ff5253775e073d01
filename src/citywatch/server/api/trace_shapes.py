"""What the API of tracing takes and gives."""

from datetime import date, datetime

from ninja import Field, Schema

from citywatch.server.api.reading import Day, Moment, RowId


class InvestigationOut(Schema):
    id: int
    event_id: int | None
    hazard: str
    title_zh: str
    title_en: str
    place: str
    state: str
    opened_at: datetime
    cases: int


class OpenIn(Schema):
    event_id: RowId
    because: str = ""


class SharedPlaceOut(Schema):
    """A place that cases shared, and how many may have caught it there or passed it on there."""

    rank: int
    place_id: int
    code: str
    name_zh: str
    name_en: str
    cases: int
    all_cases: int
    where_from: int
    who_next: int
    because_zh: str
    because_en: str


class RankedOut(SharedPlaceOut):
    coverage: float
    visitors: int
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    p_value: float | None
    p_adjusted: float | None


class SpreadOut(SharedPlaceOut):
    hours: float
    people: int
    minutes: int
    dose: float


class Without(Schema):
    without_case: list[RowId] = Field(default_factory=list)
    without_place: list[RowId] = Field(default_factory=list)


class CaseOut(Schema):
    id: int
    title: str
    classification: str
    onset_date: date | None
    reported_at: datetime
    place: str
    state: str
    late: bool


class OffspringOut(Schema):
    label: str
    infected: int
    generation: int | None


class DossierOut(Schema):
    investigation: InvestigationOut
    cases: list[CaseOut]
    hidden_cases: int
    contacts: int
    contact_states: dict[str, int]
    late_contacts: int
    offspring: list[OffspringOut]


class StayIn(Schema):
    place_code: str
    from_at: Moment
    to_at: Moment


class IdentityIn(Schema):
    name: str = ""
    id_number: str = ""
    phone: str = ""
    address: str = ""


class ContactIn(Schema):
    identity: IdentityIn | None = None
    kind: str
    ground: str
    first_at: Moment
    last_at: Moment
    place_code: str | None = None
    through: RowId | None = None


class CoreIn(Schema):
    onset_date: Day | None = None
    occupation: str = ""
    sex: str = ""
    age: int | None = None


class InterviewIn(Schema):
    core: CoreIn | None = None
    stays: list[StayIn] = Field(default_factory=list)
    contacts: list[ContactIn] = Field(default_factory=list)
    complete: bool = True


class PublishIn(Schema):
    place_id: RowId
    because: str


class MoveIn(Schema):
    move: str
    because: str = ""


class BecauseIn(Schema):
    because: str


class JudgeIn(Schema):
    kind: str
    ground: str
    because: str
    through: RowId | None = None


class IsolateIn(Schema):
    isolated_at: Moment
    because: str = ""


class BulkIn(Schema):
    contacts: list[RowId]
    move: str
    because: str = ""


class NotMovedOut(Schema):
    contact: int
    why_zh: str
    why_en: str


class BulkOut(Schema):
    moved: list[int]
    refused: list[NotMovedOut]


class HandOverIn(Schema):
    to: str
    because: str


class MilestoneOut(Schema):
    name_zh: str
    name_en: str
    at: datetime | None
    hours: float | None


class SourceLockOut(Schema):
    limit_hours: float
    started_at: datetime | None
    due_at: datetime | None
    stopped_at: datetime | None
    milestones: list[MilestoneOut]


class ClassifyIn(Schema):
    classification: str
    because: str


class LookBackIn(Schema):
    days: int
    because: str


class LookedBack(Schema):
    became_close: int
    no_longer_close: int


class ContactOut(Schema):
    id: int
    case_id: int
    kind: str
    ground: str
    first_at: datetime
    last_at: datetime
    place: str
    state: str
    late: bool


class Made(Schema):
    id: int


class RiskPointOut(Schema):
    id: int
    investigation_id: int
    event_id: int | None
    code: str
    name_zh: str
    name_en: str
    published_at: datetime
    because: str
    hours_from_first_positive: float | None
