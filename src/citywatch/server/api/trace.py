"""Tracing through the API: the same services as the pages."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from citywatch.city.trace import queries, services
from citywatch.city.trace.types import ContactTold, CoreTold, StayTold
from citywatch.mechanisms import clock
from citywatch.mechanisms.vault.types import Identity
from citywatch.server.api.asking import asker
from citywatch.server.api.reading import RowId
from citywatch.server.api.trace_shapes import (
    BecauseIn,
    BulkIn,
    BulkOut,
    CaseOut,
    ClassifyIn,
    ContactIn,
    ContactOut,
    DossierOut,
    HandOverIn,
    InterviewIn,
    InvestigationOut,
    IsolateIn,
    JudgeIn,
    LookBackIn,
    LookedBack,
    Made,
    MoveIn,
    OpenIn,
    PublishIn,
    RankedOut,
    RiskPointOut,
    SourceLockOut,
    SpreadOut,
    Without,
)

router = Router(tags=["trace"])


@router.get("/investigations", response=list[InvestigationOut])
def investigations(request: HttpRequest) -> list[dict[str, Any]]:
    """Investigations the caller may see."""
    return [_investigation(row, row.case_count) for row in queries.investigations(asker(request, "trace.view"))]


@router.post("/investigations", response={201: Made})
def open_investigation(request: HttpRequest, told: OpenIn) -> Status[dict[str, int]]:
    """Open the investigation of a verified event, or find the one already open."""
    viewer = asker(request, "trace.open")
    return Status(
        201, {"id": services.open_investigation(told.event_id, by=viewer, at=clock.now(), because=told.because)}
    )


@router.get("/investigations/{investigation_id}", response=DossierOut)
def investigation(request: HttpRequest, investigation_id: RowId) -> dict[str, Any]:
    """The dossier in numbers, without names."""
    found = queries.dossier(asker(request, "trace.view"), investigation_id, at=clock.now())
    return {
        "investigation": _investigation(found.row, len(found.cases) + found.hidden_cases),
        "cases": [_case(line) for line in found.cases],
        "hidden_cases": found.hidden_cases,
        "contacts": len(found.contacts),
        "contact_states": found.contact_states,
        "late_contacts": found.late_contacts,
        "offspring": [
            {"label": one.label, "infected": one.infected, "generation": one.generation} for one in found.offspring
        ],
    }


@router.get("/investigations/{investigation_id}/places", response=list[RankedOut])
def places(request: HttpRequest, investigation_id: RowId, without: Query[Without]) -> list[dict[str, Any]]:
    """Backward: the places the cases shared while they could be infected, best explanation first.

    Asked without some cases or places, what it would be then. `where_from` cases were there while they could be
    infected, `who_next` while they could infect.
    """
    return _ranking(request, investigation_id, "backward", without)


@router.get("/investigations/{investigation_id}/spread", response=list[SpreadOut])
def spread(request: HttpRequest, investigation_id: RowId, without: Query[Without]) -> list[dict[str, Any]]:
    """Forward: the places where the cases may have spread it, by the dose of those captured beside them."""
    return _ranking(request, investigation_id, "forward", without)


@router.get("/investigations/{investigation_id}/source-lock", response=SourceLockOut)
def source_lock(request: HttpRequest, investigation_id: RowId) -> dict[str, Any]:
    """The sixteen hours from the first positive to the published risk point, with what happened on the way."""
    lock = queries.dossier(asker(request, "trace.view"), investigation_id, at=clock.now()).lock
    return {
        "limit_hours": lock.limit_hours,
        "started_at": lock.clock.started_at if lock.clock else None,
        "due_at": lock.clock.due_at if lock.clock else None,
        "stopped_at": lock.clock.stopped_at if lock.clock else None,
        "milestones": [
            {"name_zh": one.name.zh, "name_en": one.name.en, "at": one.at, "hours": one.hours}
            for one in lock.milestones
        ],
    }


@router.post("/investigations/{investigation_id}/risk-points", response={201: Made})
def publish(request: HttpRequest, investigation_id: RowId, told: PublishIn) -> Status[dict[str, int]]:
    """Publish a risk point."""
    viewer = asker(request, "trace.publish")
    number = services.publish_risk_point(
        investigation_id, told.place_id, by=viewer, at=clock.now(), because=told.because
    )
    return Status(201, {"id": number})


@router.post("/investigations/{investigation_id}/look-back", response=LookedBack)
def look_back(request: HttpRequest, investigation_id: RowId, told: LookBackIn) -> dict[str, int]:
    """Look further (or less far) back from onset for contacts; says how many judgements changed."""
    by = asker(request, "trace.open")
    gained, lost = services.change_look_back(investigation_id, told.days, by=by, at=clock.now(), because=told.because)
    return {"became_close": gained, "no_longer_close": lost}


@router.post("/investigations/{investigation_id}/close", response={204: None})
def close(request: HttpRequest, investigation_id: RowId, told: BecauseIn) -> Status[None]:
    """End the search."""
    by = asker(request, "trace.open")
    services.close_investigation(investigation_id, by=by, at=clock.now(), because=told.because)
    return Status(204, None)


@router.get("/risk-points", response=list[RiskPointOut])
def risk_points(request: HttpRequest) -> list[dict[str, Any]]:
    """Published risk points."""
    return [
        {
            "id": one.id,
            "investigation_id": one.investigation_id,
            "event_id": one.event_id,
            "code": one.code,
            "name_zh": one.name.zh,
            "name_en": one.name.en,
            "published_at": one.published_at,
            "because": one.because,
            "hours_from_first_positive": one.hours_from_first_positive,
        }
        for one in queries.risk_points(asker(request, "trace.view"))
    ]


@router.get("/cases/{case_id}", response=CaseOut)
def case(request: HttpRequest, case_id: RowId) -> dict[str, Any]:
    """One case, without its name."""
    viewer = asker(request, "trace.view")
    return _case(queries.lines([queries.case(viewer, case_id)], viewer, at=clock.now())[0])


@router.post("/cases/{case_id}/interview", response=CaseOut)
def interview(request: HttpRequest, case_id: RowId, told: InterviewIn) -> dict[str, Any]:
    """Record what a case told; identities go to the vault."""
    viewer, at = asker(request, "trace.investigate"), clock.now()
    services.record_interview(
        case_id,
        stays=[StayTold(one.place_code, _aware(one.from_at), _aware(one.to_at)) for one in told.stays],
        contacts=[_contact(one) for one in told.contacts],
        core=CoreTold(**told.core.dict()) if told.core else None,
        by=viewer,
        at=at,
        complete=told.complete,
    )
    return _case(queries.lines([queries.case(viewer, case_id)], viewer, at=at)[0])


@router.get("/cases/{case_id}/contacts", response=list[ContactOut])
def contacts(request: HttpRequest, case_id: RowId) -> list[dict[str, Any]]:
    """The contacts of a case, without names."""
    viewer = asker(request, "trace.view")
    return [_contact_out(line) for line in queries.contacts_of(viewer, queries.case(viewer, case_id), at=clock.now())]


@router.post("/cases/{case_id}/moves", response={204: None})
def move_case(request: HttpRequest, case_id: RowId, told: MoveIn) -> Status[None]:
    """Take a case one step on, or discard it with a reason."""
    by = asker(request, "trace.investigate")
    services.move_case(case_id, told.move, by=by, at=clock.now(), because=told.because)
    return Status(204, None)


@router.post("/cases/{case_id}/hand-over", response={201: Made})
def hand_over_case(request: HttpRequest, case_id: RowId, told: HandOverIn) -> Status[dict[str, int]]:
    """Hand a case to another district; gives the number of the row that waits there."""
    by = asker(request, "trace.investigate")
    number = services.hand_over_case(case_id, told.to, by=by, at=clock.now(), because=told.because)
    return Status(201, {"id": number})


@router.post("/cases/{case_id}/accept", response={204: None})
def accept_case(request: HttpRequest, case_id: RowId) -> Status[None]:
    """Take over a case that another district handed over; the work goes on where it stood."""
    services.accept_case(case_id, by=asker(request, "trace.investigate"), at=clock.now())
    return Status(204, None)


@router.post("/cases/{case_id}/decline", response={204: None})
def decline_case(request: HttpRequest, case_id: RowId, told: BecauseIn) -> Status[None]:
    """Send a case back to the district that handed it over, with a reason."""
    by = asker(request, "trace.investigate")
    services.decline_case(case_id, by=by, at=clock.now(), because=told.because)
    return Status(204, None)


@router.post("/cases/{case_id}/classification", response={204: None})
def classify(request: HttpRequest, case_id: RowId, told: ClassifyIn) -> Status[None]:
    """Change a case's classification, with a reason."""
    by = asker(request, "trace.investigate")
    services.classify_case(case_id, classification=told.classification, by=by, at=clock.now(), because=told.because)
    return Status(204, None)


@router.post("/cases/{case_id}/isolation", response=LookedBack)
def isolate(request: HttpRequest, case_id: RowId, told: IsolateIn) -> dict[str, int]:
    """Say when a case was isolated: the end of its infectious window; says how many judgements changed."""
    by = asker(request, "trace.investigate")
    gained, lost = services.isolate_case(
        case_id, isolated_at=_aware(told.isolated_at), by=by, at=clock.now(), because=told.because
    )
    return {"became_close": gained, "no_longer_close": lost}


@router.post("/contacts/moves", response=BulkOut)
def move_contacts(request: HttpRequest, told: BulkIn) -> dict[str, Any]:
    """Take many contacts one step on; those that could not go are named and keep nobody else back."""
    by = asker(request, "trace.investigate")
    done = services.move_contacts(told.contacts, told.move, by=by, at=clock.now(), because=told.because)
    return {
        "moved": list(done.moved),
        "refused": [{"contact": one.contact_id, "why_zh": one.why.zh, "why_en": one.why.en} for one in done.refused],
    }


@router.post("/contacts/{contact_id}/hand-over", response={201: Made})
def hand_over(request: HttpRequest, contact_id: RowId, told: HandOverIn) -> Status[dict[str, int]]:
    """Hand a contact to another district; gives the number of the row that waits there."""
    by = asker(request, "trace.investigate")
    number = services.hand_over_contact(contact_id, told.to, by=by, at=clock.now(), because=told.because)
    return Status(201, {"id": number})


@router.post("/contacts/{contact_id}/accept", response={204: None})
def accept(request: HttpRequest, contact_id: RowId) -> Status[None]:
    """Take over a contact that another district handed over."""
    services.accept_contact(contact_id, by=asker(request, "trace.investigate"), at=clock.now())
    return Status(204, None)


@router.post("/contacts/{contact_id}/decline", response={204: None})
def decline(request: HttpRequest, contact_id: RowId, told: BecauseIn) -> Status[None]:
    """Send a contact back to the district that handed it over, with a reason."""
    by = asker(request, "trace.investigate")
    services.decline_contact(contact_id, by=by, at=clock.now(), because=told.because)
    return Status(204, None)


@router.post("/contacts/{contact_id}/moves", response={204: None})
def move_contact(request: HttpRequest, contact_id: RowId, told: MoveIn) -> Status[None]:
    """Take a contact one step on: notified, transferred, released, dropped."""
    by = asker(request, "trace.investigate")
    services.move_contact(contact_id, told.move, by=by, at=clock.now(), because=told.because)
    return Status(204, None)


@router.post("/contacts/{contact_id}/judgement", response={204: None})
def judge(request: HttpRequest, contact_id: RowId, told: JudgeIn) -> Status[None]:
    """Judge a contact anew: close, second or general, and on what ground."""
    by = asker(request, "trace.investigate")
    services.judge_contact(
        contact_id,
        kind=told.kind,
        ground=told.ground,
        by=by,
        at=clock.now(),
        because=told.because,
        through=told.through,
    )
    return Status(204, None)


def _contact_out(line: queries.Line) -> dict[str, Any]:
    row = line.row
    return {
        "id": row.pk,
        "case_id": row.case_id,
        "kind": row.kind,
        "ground": row.ground,
        "first_at": row.first_at,
        "last_at": row.last_at,
        "place": row.place.code,
        "state": row.state,
        "late": line.late,
    }


def _investigation(row: Any, cases: int) -> dict[str, Any]:
    return {
        "id": row.pk,
        "event_id": row.event_id,
        "hazard": row.hazard,
        "title_zh": row.title_zh,
        "title_en": row.title_en,
        "place": row.place.code,
        "state": row.state,
        "opened_at": row.opened_at,
        "cases": cases,
    }


def _case(line: queries.Line) -> dict[str, Any]:
    row = line.row
    return {
        "id": row.pk,
        "title": row.title,
        "classification": row.classification,
        "onset_date": row.onset_date,
        "reported_at": row.reported_at,
        "place": row.place.code,
        "state": row.state,
        "late": line.late,
    }


def _ranking(request: HttpRequest, investigation_id: int, direction: str, without: Without) -> list[dict[str, Any]]:
    found = queries.what_if(
        asker(request, "trace.view"),
        investigation_id,
        at=clock.now(),
        direction=direction,
        without_cases=without.without_case,
        without_places=without.without_place,
    )
    return [_ranked(line) for line in found.lines if line.rank is not None]


def _ranked(line: queries.RankLine) -> dict[str, Any]:
    place = line.place
    return asdict(place) | {
        "where_from": line.where_from,
        "who_next": line.who_next,
        "name_zh": place.name.zh,
        "name_en": place.name.en,
        "because_zh": place.because.zh,
        "because_en": place.because.en,
    }


def _contact(told: ContactIn) -> ContactTold:
    return ContactTold(
        Identity(**told.identity.dict()) if told.identity else None,
        told.kind,
        told.ground,
        _aware(told.first_at),
        _aware(told.last_at),
        told.place_code,
        told.through,
    )


def _aware(instant: datetime) -> datetime:
    """An instant without an offset is city time."""
    return instant if instant.tzinfo else instant.replace(tzinfo=clock.SHANGHAI)
