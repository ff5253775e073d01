"""The API of warning: proposals, the desk's answers, events, alerts and signals."""

import json
from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status

from citywatch.city.warn import decisions, desk, queries, services
from citywatch.city.warn import feedback as feedbacks
from citywatch.city.warn.feedback import Share, Tally
from citywatch.city.warn.types import EventFacts, ProposalFacts, SignalFacts, Sought
from citywatch.interop.tables.write import Cell, csv_bytes
from citywatch.mechanisms import clock
from citywatch.mechanisms.labels import Label
from citywatch.server.api.asking import asker
from citywatch.server.api.reading import Day, RowId
from citywatch.server.api.warn_shapes import (
    AlertIn,
    AnswerIn,
    ChoiceIn,
    DecidedOut,
    DecisionIn,
    DryRunOut,
    EventOut,
    EvidenceOut,
    FeedbackOut,
    LineOut,
    Made,
    ProposalOut,
    ProposalsOut,
    SignalOut,
)

router = Router(tags=["warn"])

_CSV = {"responses": {200: {"description": "OK", "content": {"text/csv": {"schema": {"type": "string"}}}}}}


@router.get("/proposals", response=ProposalsOut)
def proposals(request: HttpRequest, state: str = "open", level: str = "", page: int = 1) -> dict[str, object]:
    """List proposals, what hurts first."""
    found = desk.inbox(asker(request, "warn.view"), Sought(state=state, level=level), page=page)
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


@router.get("/feedback", response=FeedbackOut)
def feedback(request: HttpRequest, weeks: int = 4) -> dict[str, object]:
    """Say how the proposals of the last 4, 13 or 52 weeks fared: precision, load, answer times, silent sources."""
    found = feedbacks.feedback(asker(request, "warn.view"), at=clock.now(), weeks=weeks)
    plain = ("first_day", "last_day", "weeks", "log_since", "open_now", "overdue_now")
    grouped = ("rules", "streams", "levels", "districts")
    return {
        **{name: getattr(found, name) for name in plain},
        **{name: [_tally(one) for one in getattr(found, name)] for name in grouped},
        "total": _tally(found.total),
        "by_week": [{"first_day": day, "states": states} for day, states in found.by_week],
        "reasons": None
        if found.reasons is None
        else [{"text": _words(one.text), "number": one.number} for one in found.reasons],
        "silent": [
            {"district": _words(one.district), "stream": _words(one.stream), "expected": one.expected,
             "silent": len(one.sites), "sites": [_words(site.name) for site in one.sites]}
            for one in found.silent
        ],
    }  # fmt: skip


@router.get("/feedback.csv", url_name="warn_feedback_csv", openapi_extra=_CSV, response={200: None})
def feedback_csv(request: HttpRequest, weeks: int = 4) -> HttpResponse:
    """The same figures as a table for a spreadsheet; an empty cell is no data, never zero."""
    found = feedbacks.feedback(asker(request, "warn.view"), at=clock.now(), weeks=weeks)
    rows = [_cells(kind, one) for kind, tallies in found.groups for one in tallies]
    name = f"feedback-{found.first_day:%Y%m%d}-{found.last_day:%Y%m%d}.csv"
    return HttpResponse(
        csv_bytes(_COLUMNS, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/detectors", response=list[LineOut])
def detectors(request: HttpRequest) -> list[dict[str, object]]:
    """Say which method watches what, with which settings, since when and by whose decision."""
    return [_line(one) for one in decisions.lines(asker(request, "warn.view"), at=clock.now())]


@router.get("/detectors/decisions", response=list[DecidedOut])
def detector_decisions(request: HttpRequest) -> list[dict[str, object]]:
    """List every decision on a detector, newest first."""
    names = ("id", "enabled", "valid_from", "decided_at", "by", "because", "in_force", "shown")
    return [
        {**{name: getattr(one, name) for name in names}, "detector": one.code, "method": _words(one.method)}
        for one in decisions.history(asker(request, "warn.view"), at=clock.now())
    ]


@router.post("/detectors/{code}/dry-run", response=DryRunOut)
def try_detector(request: HttpRequest, code: str, given: ChoiceIn) -> dict[str, object]:
    """Try a change on the past year, or as far back as the reports go; stores nothing."""
    viewer, at = asker(request, decisions.SET), clock.now()
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.settings.items()}
    choice = decisions.choose(code, given.method, told, enabled=given.enabled, at=at)
    return _dry_run(decisions.simulate(choice, by=viewer, at=at))


@router.post("/detectors/{code}/decisions", response={201: Made})
def decide_detector(request: HttpRequest, code: str, given: DecisionIn) -> Status[dict[str, int]]:
    """Put a change that was tried in force from a day on."""
    made = decisions.decide(
        given.sealed,
        detector=code,
        valid_from=given.valid_from,
        by=asker(request, decisions.SET),
        at=clock.now(),
        because=given.because,
    )
    return Status(201, {"id": made})


def _line(one: decisions.Line) -> dict[str, object]:
    names = ("code", "enabled", "since", "signals_7", "signals_28")
    return {
        **{name: getattr(one, name) for name in names},
        "label": _words(one.label),
        "watches": [_words(words) for words in one.watches],
        "method": one.detector.method,
        "settings": dict(decisions.as_it_stands(one).settings),
        "decided_by": one.decided.by if one.decided else None,
        "because": one.decided.because if one.decided else None,
        "ppv_28": _share(one.tally.ppv) if one.tally else None,
        "per_district_week_28": one.tally.load if one.tally else None,
    }


def _dry_run(run: decisions.DryRun) -> dict[str, object]:
    names = ("first_day", "last_day", "days", "whole_year", "series", "proposals_now", "proposals_then", "load_now",
             "load_then", "sealed")  # fmt: skip
    return {
        **{name: getattr(run, name) for name in names},
        "signals": _difference(run.signals),
        "by_week": [_difference(one) for one in run.by_week],
        "by_district": [_difference(one) for one in run.by_district],
        "events": [
            {"event_id": one.event_id, "title": _words(one.title), "now": one.now, "then": one.then,
             "verdict": one.verdict}
            for one in run.events
        ],
    }  # fmt: skip


def _difference(one: decisions.Difference) -> dict[str, object]:
    names = ("day", "now", "then", "gained", "lost", "load_now", "load_then")
    return {**{name: getattr(one, name) for name in names}, "label": _words(one.label)}


def _tally(one: Tally) -> dict[str, object]:
    counts = ("raised", "verified", "closed", "watched", "waiting")
    return {
        **{name: None if one.silent else getattr(one, name) for name in counts},
        "code": one.code,
        "label": _words(one.label),
        "no_data": one.silent,
        "ppv": _share(one.ppv),
        "heard_district_weeks": one.heard,
        "per_district_week": one.load,
        "median_answer_minutes": one.median_minutes,
        "answered": one.answered,
        "in_time": _share(one.in_time),
    }


def _share(one: Share) -> dict[str, object]:
    return {name: getattr(one, name) for name in ("part", "of", "value", "low", "high")}


_COLUMNS = (
    "group", "code", "name_zh", "name_en", "raised", "verified", "closed", "watched", "waiting", "judged", "ppv",
    "ppv_low", "ppv_high", "heard_district_weeks", "per_district_week", "median_answer_minutes", "answered", "in_time",
    "in_time_of",
)  # fmt: skip


def _cells(kind: str, one: Tally) -> list[Cell]:
    named: list[Cell] = [kind, one.code, one.label.zh, one.label.en]
    if one.silent:
        return [*named, *[None] * (len(_COLUMNS) - len(named))]
    return [
        *named, one.raised, one.verified, one.closed, one.watched, one.waiting, one.ppv.of, one.ppv.value, one.ppv.low,
        one.ppv.high, one.heard, one.load, one.median_minutes, one.answered, one.in_time.part, one.in_time.of,
    ]  # fmt: skip


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
