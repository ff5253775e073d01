"""Frozen values that trace takes in and hands out."""

from dataclasses import dataclass, field
from datetime import date, datetime

from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.types import Identity


@dataclass(frozen=True, slots=True)
class CoreTold:
    """The core information due four hours after a case is reported. Empty means not yet known."""

    onset_date: date | None = None
    occupation: str = ""
    sex: str = ""
    age: int | None = None


@dataclass(frozen=True, slots=True)
class StayTold:
    """A stay as told in an interview; instants are timezone-aware. `row` is the stay it corrects, if one was kept."""

    place_code: str
    from_at: datetime
    to_at: datetime
    row: int | None = None


@dataclass(frozen=True, slots=True)
class InterviewKept:
    """Numbers of the rows that a telling became, in the order told."""

    stays: tuple[int, ...]
    contacts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ContactTold:
    """A contact as told: `kind` close or second, `ground` one of the nine of `rules.GROUNDS` (or a word for it).

    `through` is the number of the close contact that a second one was reached through.
    """

    identity: Identity | None
    kind: str
    ground: str
    first_at: datetime
    last_at: datetime
    place_code: str | None = None
    through: int | None = None


@dataclass(frozen=True, slots=True)
class NotMoved:
    """A contact that a bulk action left where it was, and why."""

    contact_id: int
    why: Label

    @property
    def title(self) -> str:
        return f"K{self.contact_id:04d}"


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What a bulk action did: asked = moved + refused."""

    moved: tuple[int, ...]
    refused: tuple[NotMoved, ...]


@dataclass(frozen=True, slots=True)
class CaseListed:
    """One row of somebody's line list, already in our words. Empty text and None mean not given."""

    label: str
    sex: str = ""
    age: int | None = None
    onset_date: date | None = None
    reported_on: date | None = None
    classification: str = "confirmed"
    outcome: str = ""
    occupation: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LinkListed:
    """Who infected whom by somebody's list of contacts; `exposure` is a code of `rules.EXPOSURES` or empty."""

    infector: str
    infectee: str
    exposure: str = ""


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What an import did: received = stored + changed + the same."""

    investigation_id: int | None
    received: int
    stored: int
    changed: int
    same: int


@dataclass(frozen=True, slots=True)
class RankedPlace:
    """A place that cases shared, with the numbers of those that were not ill.

    `ratio` and its 95 % interval are None where no visit was captured to compare with. `within` names the market of a
    hall.
    """

    rank: int
    place_id: int
    code: str
    kind: str
    name: Label
    within: Label | None
    district_code: str
    lon: float | None
    lat: float | None
    cases: int
    all_cases: int
    coverage: float
    visitors: int
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    p_value: float | None
    p_adjusted: float | None
    because: Label


@dataclass(frozen=True, slots=True)
class SpreadPlace:
    """A place where cases were while they could infect, with those who were beside them there.

    `hours` are those of the cases, `people` the others captured beside them long enough, each once, `minutes` their
    minutes together, `dose` those minutes weighed by the kind of place and its crowd.
    """

    rank: int
    place_id: int
    code: str
    kind: str
    name: Label
    within: Label | None
    district_code: str
    lon: float | None
    lat: float | None
    cases: int
    all_cases: int
    hours: float
    people: int
    minutes: int
    dose: float
    because: Label


@dataclass(frozen=True, slots=True)
class RiskPointFacts:
    """A published risk point."""

    id: int
    investigation_id: int
    event_id: int | None
    place_id: int
    code: str
    name: Label
    district_code: str
    lon: float | None
    lat: float | None
    published_at: datetime
    because: str
    hours_from_first_positive: float | None


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """Cases a viewer may see, counted three ways; each adds up to `total`."""

    total: int
    by_day: dict[date, int] = field(default_factory=dict)
    by_district: dict[str, int] = field(default_factory=dict)
    by_occupation: dict[str, int] = field(default_factory=dict)
    by_classification: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvestigationFacts:
    """An investigation as other areas may know it."""

    id: int
    event_id: int | None
    place_id: int
    hazard: str
    title: Label
    state: str
    opened_at: datetime
    cases: int
