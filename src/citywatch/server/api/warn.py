"""The API of warning: proposals, the desk's answers, events, alerts and signals."""

from datetime import date, datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema

from citywatch.city.warn import queries, services
from citywatch.city.warn.types import EventFacts, ProposalFacts, SignalFacts
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotAllowed
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label

router = Router(tags=["warn"])


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


@router.get("/proposals", response=ProposalsOut)
def proposals(request: HttpRequest, state: str = "open", level: str = "", page: int = 1) -> dict[str, object]:
    """List proposals, what hurts first."""
    found = queries.inbox(_viewer(request, "warn.view"), state=state, level=level, page=page)
    return {
        "proposals": [_proposal(row.facts) for row in found.rows],
        "page": found.number,
        "pages": found.pages,
        "total": found.total,
    }


@router.get("/proposals/{int:proposal_id}", response=ProposalOut)
def proposal(request: HttpRequest, proposal_id: int) -> dict[str, object]:
    """Show one proposal."""
    return _proposal(queries.proposal_facts(_viewer(request, "warn.view"), proposal_id))


@router.post("/proposals/{int:proposal_id}/{move}", response=Made)
def answer(
    request: HttpRequest, proposal_id: int, move: Literal["close", "watch", "verify"], given: AnswerIn
) -> dict[str, int | None]:
    """Answer a proposal; verifying returns the number of the event."""
    viewer = _viewer(request, "warn.triage")
    return {"id": services.answer(move, proposal_id, by=viewer, at=clock.now(), because=given.because)}


@router.get("/signals", response=list[SignalOut])
def signals(request: HttpRequest, day: date) -> list[dict[str, object]]:
    """List the signals whose episode covers a day."""
    return [_signal(one) for one in queries.signals_of(_viewer(request, "warn.view"), day)]


@router.get("/events", response=list[EventOut])
def events(request: HttpRequest, page: int = 1) -> list[dict[str, object]]:
    """List verified events, newest first."""
    rows, _pages = queries.events(_viewer(request, "warn.view"), page=page)
    return [_event(row) for row in rows]


@router.post("/events/{int:event_id}/alerts", response={201: Made})
def publish(request: HttpRequest, event_id: int, given: AlertIn) -> tuple[int, dict[str, int]]:
    """Publish an alert about an event."""
    viewer = _viewer(request, "warn.publish")
    made = services.publish_alert(event_id, level=given.level, by=viewer, at=clock.now(), because=given.because)
    return 201, {"id": made}


def _viewer(request: HttpRequest, ability: str) -> Viewer:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    if not viewer.may_anywhere(ability):
        raise NotAllowed("This request is not part of your role.", zh="此请求不在您的角色权限内。")
    return viewer


def _words(label: Label) -> dict[str, str]:
    return {"zh": label.zh, "en": label.en}


def _proposal(one: ProposalFacts) -> dict[str, object]:
    names = ("id", "place_code", "level", "state", "hazard", "streams", "positives", "first_positive_at", "opened_at",
             "due_at", "event_id")  # fmt: skip
    return {**{name: getattr(one, name) for name in names}, "place": _words(one.place), "why": _words(one.why)}


def _signal(one: SignalFacts) -> dict[str, object]:
    names = ("id", "detectors", "first_day", "last_day", "observed", "expected", "upper", "p")
    key = {"stream": one.key.stream, "syndrome": one.key.syndrome, "by": one.key.by}
    return {**{name: getattr(one, name) for name in names}, **key, "place": _words(one.place)}


def _event(one: EventFacts) -> dict[str, object]:
    names = ("id", "hazard", "level", "state", "verified_at", "first_positive_at", "proposal_id")
    return {**{name: getattr(one, name) for name in names}, "title": _words(one.title)}
