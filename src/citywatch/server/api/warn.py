"""The API of warning: proposals, the desk's answers, events, alerts and signals."""

from datetime import date, datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status

from citywatch.city.warn import queries, services
from citywatch.city.warn.types import EventFacts, ProposalFacts, SignalFacts
from citywatch.mechanisms import clock
from citywatch.mechanisms.labels import Label
from citywatch.server.api.asking import asker
from citywatch.server.api.reading import Day, RowId

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
    found = queries.inbox(asker(request, "warn.view"), state=state, level=level, page=page)
    return {
        "proposals": [_proposal(row.facts) for row in found.rows],
        "page": found.number,
        "pages": found.pages,
        "total": found.total,
    }


@router.get("/proposals/{proposal_id}", response=ProposalOut)
def proposal(request: HttpRequest, proposal_id: RowId) -> dict[str, object]:
    """Show one proposal."""
    return _proposal(queries.proposal_facts(asker(request, "warn.view"), proposal_id))


@router.get("/proposals/{proposal_id}/evidence", response=EvidenceOut)
def evidence(request: HttpRequest, proposal_id: RowId) -> dict[str, object]:
    """What stands behind a proposal, counted as known now: signals, the strongest one's chart and sites, clocks."""
    now = clock.now()
    page = queries.proposal_page(asker(request, "warn.view"), proposal_id, at=now)
    return {
        "signals": [_signal(one) for one in page.signals],
        "chart": page.chart,
        "sites": [
            {"place_id": one.place_id, "name": _words(one.name), "count": one.count, "days_reported": one.days_reported}
            for one in page.sites
        ],
        "clocks": [
            {"code": one.code, "started_at": one.started_at, "due_at": one.due_at, "stopped_at": one.stopped_at,
             "late": one.is_late(now)}
            for one in page.clocks
        ],
    }  # fmt: skip


@router.post("/proposals/{proposal_id}/{move}", response=Made)
def answer(
    request: HttpRequest, proposal_id: RowId, move: Literal["close", "watch", "verify"], given: AnswerIn
) -> dict[str, int | None]:
    """Answer a proposal; verifying returns the number of the event."""
    viewer = asker(request, "warn.triage")
    return {"id": services.answer(move, proposal_id, by=viewer, at=clock.now(), because=given.because)}


@router.get("/signals", response=list[SignalOut])
def signals(request: HttpRequest, day: Day) -> list[dict[str, object]]:
    """List the signals whose episode covers a day."""
    return [_signal(one) for one in queries.signals_of(asker(request, "warn.view"), day)]


@router.get("/events", response=list[EventOut])
def events(request: HttpRequest, page: int = 1) -> list[dict[str, object]]:
    """List verified events, newest first."""
    rows, _pages = queries.events(asker(request, "warn.view"), page=page)
    return [_event(row) for row in rows]


@router.post("/events/{event_id}/alerts", response={201: Made})
def publish(request: HttpRequest, event_id: RowId, given: AlertIn) -> Status[dict[str, int]]:
    """Publish an alert about an event."""
    viewer = asker(request, "warn.publish")
    made = services.publish_alert(event_id, level=given.level, by=viewer, at=clock.now(), because=given.because)
    return Status(201, {"id": made})


@router.post("/events/{event_id}/end", response={204: None})
def end(request: HttpRequest, event_id: RowId, given: AnswerIn) -> Status[None]:
    """Say that an event is over."""
    services.end_event(event_id, by=asker(request, "warn.triage"), at=clock.now(), because=given.because)
    return Status(204, None)


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
