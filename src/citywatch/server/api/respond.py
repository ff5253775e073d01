"""Command over the API: incidents, their log, levels and orders, by the same services as the pages."""

from datetime import datetime, timedelta
from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from citywatch.city.respond import queries, services
from citywatch.city.respond.types import IncidentFacts, OrderFacts
from citywatch.mechanisms import clock
from citywatch.server.api.asking import asker
from citywatch.server.api.reading import RowId

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


class DraftIn(Schema):
    recipient: str
    place_code: str
    text: str
    within_hours: Annotated[float, Field(ge=0.5, le=720)]


class Drafted(Schema):
    orders: list[int]


class Issued(Schema):
    issued: int


@router.get("/incidents", response=list[IncidentOut])
def incidents(request: HttpRequest) -> list[IncidentOut]:
    """Incidents the caller may see, newest first."""
    return [_incident(one) for one in queries.incidents(asker(request, "respond.view"))]


@router.get("/incidents/{incident_id}", response=IncidentOut)
def incident(request: HttpRequest, incident_id: RowId) -> IncidentOut:
    """One incident."""
    return _incident(queries.incident(asker(request, "respond.view"), incident_id))


@router.get("/incidents/{incident_id}/log", response=list[LogOut])
def log(request: HttpRequest, incident_id: RowId) -> list[LogOut]:
    """The incident's log, newest first."""
    lines = queries.incident_log(asker(request, "respond.view"), incident_id)
    return [LogOut(at=line.at, kind=line.kind, actor=line.actor, because=line.because) for line in lines]


@router.post("/incidents/{incident_id}/level", response=Drafted)
def decide(request: HttpRequest, incident_id: RowId, asked: LevelIn) -> Drafted:
    """Decide the response level; answers with the numbers of the orders drafted."""
    made = services.decide_level(
        incident_id,
        asked.level,
        by=asker(request, "respond.command"),
        at=clock.now(),
        because=asked.because,
        attested=asked.attested,
    )
    return Drafted(orders=made)


@router.post("/incidents/{incident_id}/orders", response={201: Drafted})
def draft(request: HttpRequest, incident_id: RowId, asked: DraftIn) -> Status[Drafted]:
    """Draft one more order in the commander's own words."""
    made = services.draft_order(
        incident_id,
        recipient=asked.recipient,
        place_code=asked.place_code,
        text=asked.text,
        within=timedelta(hours=asked.within_hours),
        by=asker(request, "respond.command"),
        at=clock.now(),
    )
    return Status(201, Drafted(orders=[made]))


@router.post("/incidents/{incident_id}/moves", response={204: None})
def move_incident(request: HttpRequest, incident_id: RowId, asked: MoveIn) -> Status[None]:
    """Prepare to close, keep open, or close an incident."""
    by = asker(request, "respond.command")
    services.move_incident(incident_id, asked.move, by=by, at=clock.now(), because=asked.because)
    return Status(204, None)


@router.post("/incidents/{incident_id}/issue", response=Issued)
def issue(request: HttpRequest, incident_id: RowId) -> Issued:
    """Issue every drafted order of an incident."""
    return Issued(issued=services.issue_orders(incident_id, by=asker(request, "respond.command"), at=clock.now()))


@router.get("/orders", response=list[OrderOut])
def orders(request: HttpRequest, incident_id: RowId | None = None) -> list[OrderOut]:
    """Orders at places the caller reaches: what awaits an answer first."""
    return [_order(one) for one in queries.orders(asker(request, "respond.view"), incident_id)]


@router.post("/orders/{order_id}/moves", response={204: None})
def move(request: HttpRequest, order_id: RowId, asked: MoveIn) -> Status[None]:
    """Take one step of an order: issue, sign, complete, cancel."""
    by = asker(request, "respond.command", "respond.sign")
    services.move_order(order_id, asked.move, by=by, at=clock.now(), because=asked.because)
    return Status(204, None)


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
