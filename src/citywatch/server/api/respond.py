"""Command over the API: incidents, their log, levels and orders, by the same services as the pages."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from citywatch.city.respond import queries, services
from citywatch.city.respond.types import IncidentFacts, OrderFacts
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.types import Viewer

router = Router(tags=["respond"])


class IncidentOut(Schema):
    id: int
    event_id: int
    title_zh: str
    title_en: str
    state: str
    proposed: str
    level: str
    opened_at: datetime


class OrderOut(Schema):
    id: int
    incident_id: int
    position: int
    text_zh: str
    text_en: str
    recipient: str
    place_id: int
    state: str
    issued_at: datetime | None
    signed_at: datetime | None
    deadline: datetime | None
    done_at: datetime | None
    receipt_late: bool
    late: bool


class LogOut(Schema):
    at: datetime
    kind: str
    actor: str
    because: str


class LevelIn(Schema):
    level: str
    because: str
    attested: tuple[str, ...] = ()


class MoveIn(Schema):
    move: str
    because: str = ""


class Drafted(Schema):
    orders: list[int]


class Issued(Schema):
    issued: int


@router.get("/incidents", response=list[IncidentOut])
def incidents(request: HttpRequest) -> list[IncidentOut]:
    """Incidents the caller may see, newest first."""
    return [_incident(one) for one in queries.incidents(_viewer(request))]


@router.get("/incidents/{incident_id}", response=IncidentOut)
def incident(request: HttpRequest, incident_id: int) -> IncidentOut:
    """One incident."""
    return _incident(queries.incident(_viewer(request), incident_id))


@router.get("/incidents/{incident_id}/log", response=list[LogOut])
def log(request: HttpRequest, incident_id: int) -> list[LogOut]:
    """The incident's log, newest first."""
    lines = queries.incident_log(_viewer(request), incident_id)
    return [LogOut(at=line.at, kind=line.kind, actor=line.actor, because=line.because) for line in lines]


@router.post("/incidents/{incident_id}/level", response=Drafted)
def decide(request: HttpRequest, incident_id: int, asked: LevelIn) -> Drafted:
    """Decide the response level; answers with the numbers of the orders drafted."""
    made = services.decide_level(
        incident_id, asked.level, by=_viewer(request), at=clock.now(), because=asked.because, attested=asked.attested
    )
    return Drafted(orders=made)


@router.post("/incidents/{incident_id}/issue", response=Issued)
def issue(request: HttpRequest, incident_id: int) -> Issued:
    """Issue every drafted order of an incident."""
    return Issued(issued=services.issue_orders(incident_id, by=_viewer(request), at=clock.now()))


@router.get("/orders", response=list[OrderOut])
def orders(request: HttpRequest, incident_id: int | None = None) -> list[OrderOut]:
    """Orders at places the caller reaches: what awaits an answer first."""
    return [_order(one) for one in queries.orders(_viewer(request), incident_id)]


@router.post("/orders/{order_id}/moves", response={204: None})
def move(request: HttpRequest, order_id: int, asked: MoveIn) -> tuple[int, None]:
    """Take one step of an order: issue, sign, complete, cancel."""
    services.move_order(order_id, asked.move, by=_viewer(request), at=clock.now(), because=asked.because)
    return 204, None


def _incident(one: IncidentFacts) -> IncidentOut:
    return IncidentOut(
        id=one.id,
        event_id=one.event_id,
        title_zh=one.title.zh,
        title_en=one.title.en,
        state=one.state,
        proposed=one.proposed,
        level=one.level,
        opened_at=one.opened_at,
    )


def _order(one: OrderFacts) -> OrderOut:
    return OrderOut(
        id=one.id,
        incident_id=one.incident_id,
        position=one.position,
        text_zh=one.text.zh,
        text_en=one.text.en,
        recipient=one.recipient,
        place_id=one.place_id,
        state=one.state,
        issued_at=one.issued_at,
        signed_at=one.signed_at,
        deadline=one.deadline,
        done_at=one.done_at,
        receipt_late=one.receipt_late,
        late=one.late,
    )


def _viewer(request: HttpRequest) -> Viewer:
    """Who asks, as the middleware found out."""
    return request.viewer  # type: ignore[attr-defined, no-any-return]
