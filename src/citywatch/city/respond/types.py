"""The two processes of command as tables, and the frozen values that respond hands to its pages and to report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.types import Lifecycle, Transition

INCIDENT = Lifecycle(
    "incident",
    states={
        "open": Label("处置中", "Open"),
        "closing": Label("拟终止响应", "Closing"),
        "closed": Label("已终止", "Closed"),
    },
    transitions=(
        Transition(
            "start_closing",
            ("open",),
            "closing",
            "respond.command",
            Label("拟终止响应", "Prepare to close"),
            reason=True,
        ),
        Transition("reopen", ("closing",), "open", "respond.command", Label("继续处置", "Keep open"), reason=True),
        Transition(
            "close", ("closing",), "closed", "respond.command", Label("终止响应", "Close"), reason=True, primary=True
        ),
    ),
    done=frozenset({"closed"}),
)

ORDER = Lifecycle(
    "order",
    states={
        "drafted": Label("拟制", "Drafted"),
        "issued": Label("已下达", "Issued"),
        "signed": Label("已签收", "Received"),
        "done": Label("已办结", "Done"),
        "cancelled": Label("已撤销", "Cancelled"),
    },
    transitions=(
        Transition(
            "issue",
            ("drafted",),
            "issued",
            "respond.command",
            Label("下达", "Issue"),
            starts=("order-receipt",),
            primary=True,
        ),
        Transition(
            "sign",
            ("issued",),
            "signed",
            "respond.sign",
            Label("签收", "Sign for it"),
            stops=("order-receipt",),
            primary=True,
        ),
        Transition(
            "complete",
            ("signed",),
            "done",
            "respond.sign",
            Label("办结", "Report done"),
            stops=("order-done",),
            primary=True,
        ),
        Transition(
            "cancel",
            ("drafted", "issued", "signed"),
            "cancelled",
            "respond.command",
            Label("撤销", "Cancel"),
            reason=True,
            stops=("order-receipt", "order-done"),
        ),
    ),
    done=frozenset({"done", "cancelled"}),
)


@dataclass(frozen=True, slots=True)
class LevelFacts:
    """What is known of an incident when a level is proposed. Counts are people; places and points are counts too."""

    confirmed: int = 0
    districts: int = 0
    linked: int = 0
    risk_points: int = 0
    last_confirmed_on: date | None = None
    district_codes: tuple[str, ...] = ()

    def as_body(self) -> dict[str, object]:
        return {
            "confirmed": self.confirmed,
            "districts": self.districts,
            "linked": self.linked,
            "risk_points": self.risk_points,
            "last_confirmed_on": self.last_confirmed_on,
        }


@dataclass(frozen=True, slots=True)
class OrderText:
    """An order before it has a number: who shall do what by when. `place_code` is the recipient's own place."""

    recipient: str
    place_code: str
    text: Label
    within: timedelta
    origin: str


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as its recipient and the commander see it."""

    id: int
    incident_id: int
    incident_title: Label
    position: int
    text: Label
    recipient: str
    recipient_name: Label
    place_id: int
    place_name: Label
    origin: str
    state: str
    state_label: Label
    within: timedelta
    issued_at: datetime | None
    receipt_due_at: datetime | None
    signed_at: datetime | None
    signed_by: str
    deadline: datetime | None
    done_at: datetime | None
    receipt_late: bool
    late: bool
    moves: tuple[Transition, ...] = ()

    @property
    def pk(self) -> int:
        return self.id

    @property
    def hours(self) -> str:
        """The time allowed, in hours, for pages."""
        return f"{self.within.total_seconds() / 3600:g}"

    @property
    def is_open(self) -> bool:
        return self.state in {"issued", "signed"}


@dataclass(frozen=True, slots=True)
class OrderCounts:
    """Orders by state, and how many of those are late to be received or to be done."""

    drafted: int = 0
    issued: int = 0
    signed: int = 0
    done: int = 0
    cancelled: int = 0
    receipt_late: int = 0
    late: int = 0

    @property
    def open(self) -> int:
        return self.issued + self.signed


@dataclass(frozen=True, slots=True)
class Overview:
    """What is being managed now: the incidents not closed, their orders that are open, all their orders counted."""

    incidents: "list[IncidentFacts]"
    open_orders: "list[OrderFacts]"
    counts: OrderCounts


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """An incident with the level proposed by rule and the level decided (`""` for none)."""

    id: int
    event_id: int
    place_id: int
    place_name: Label
    title: Label
    state: str
    state_label: Label
    opened_at: datetime
    proposed: str
    level: str
    orders: OrderCounts
    moves: tuple[Transition, ...] = ()

    @property
    def pk(self) -> int:
        return self.id


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One proposal of the rule, or one decision of a person, with the facts it stood on."""

    at: datetime
    proposed: str
    decided: str
    by: str
    because: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the incident's log."""

    at: datetime
    kind: str
    words: Label
    actor: str
    because: str
    place_name: Label
    detail: Label


@dataclass(frozen=True, slots=True)
class Ground:
    """One ground for lowering the level: so many days without something. `met` is None when the records cannot tell."""

    code: str
    label: Label
    days: int
    source: str
    since: date | None
    passed: int | None
    met: bool | None


@dataclass(frozen=True, slots=True)
class LevelCard:
    """One level as the page offers it: name, colour, who decides it, how many orders it brings, when it is proposed."""

    level: str
    colour: str
    name: Label
    decider: Label
    orders: int
    rule: Label
    proposed: bool
    current: bool


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """Everything the page of an incident prints; its fields are the names the page uses.

    `recipients` and `places` are who an order may be addressed to and where, by code.
    """

    incident: IncidentFacts
    cards: list[LevelCard]
    decisions: list[DecisionLine]
    grounds: tuple[Ground, ...]
    orders: list[OrderFacts]
    log: list[LogLine]
    commands: bool
    recipients: list[tuple[str, Label]]
    places: list[tuple[str, Label]]
