"""The API of reporting: batches of any form, the visit feed, coverage, and what became of a submission."""

import re
from datetime import date, datetime, timedelta
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from citywatch.city.sense import queries
from citywatch.city.sense import services as sense
from citywatch.city.sense.visits import take_visits
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotAllowed, NotFound, Refusal
from citywatch.mechanisms.forms.services import Outcome
from citywatch.mechanisms.forms.types import Form, Question
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Place
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.server import forms
from citywatch.server.api.asking import asker, must_hold_any
from citywatch.server.api.reading import Day, RowId

router = Router(tags=["reporting"])
_LONGEST_KEY = 120
_HAS_OFFSET = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")
_JSON_TYPES: dict[str, dict[str, Any]] = {
    "count": {"type": "string", "pattern": "^[0-9]+$"},
    "number": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    "date": {"type": "string", "format": "date"},
    "moment": {"type": "string", "description": "Asia/Shanghai local time, 2020-06-11T08:30, or with an offset"},
    "yes_no": {"type": "string", "enum": ["Y", "N"]},
    "street": {"type": "string", "pattern": "^[0-9]{9}$"},
}


class FormTitle(Schema):
    """A form and where its schema is."""

    code: str
    version: int
    stream: str
    title_zh: str
    title_en: str


class Counts(Schema):
    """What became of a message: rows = stored + duplicate + quarantined."""

    receipt: int
    rows: int
    stored: int
    duplicate: int
    quarantined: int
    repeat: bool


class Taken(Counts):
    """The counts, with the numbers of the submissions stored."""

    submissions: list[int]


class DistrictOut(Schema):
    """A district's completeness in one stream."""

    code: str
    name_zh: str
    stream: str
    expected: int
    reported: int
    overdue: int
    count: int


class CoverageOut(Schema):
    """A day's completeness among the sites the caller may see."""

    day: date
    due_at: datetime
    expected: int
    reported: int
    overdue: int
    districts: list[DistrictOut]


class SubmissionOut(Schema):
    """A submission without identity."""

    id: int
    form: str
    stream: str
    place_id: int
    person_id: int | None
    occurred_at: datetime
    recorded_at: datetime
    answers: dict[str, Any]
    findings: list[str]
    corrects: int | None
    receipt_id: int


class ReceiptOut(Schema):
    """A message in the ledger: rows = stored + duplicate + quarantined once it is processed."""

    id: int
    form: str
    channel: str
    state: str
    why: str
    received_at: datetime
    rows: int
    stored: int
    duplicate: int
    quarantined: int


class HoldOut(Schema):
    """Somebody held at a fever clinic."""

    id: int
    barcode: str
    place_code: str
    started_at: datetime


class QuarantinedOut(Schema):
    """A row that waits, and why."""

    id: int
    receipt: int
    form: str
    place_code: str
    row: int
    why_zh: str
    why_en: str


class MendIn(Schema):
    """The row's values, corrected."""

    values: dict[str, str]


class DropIn(Schema):
    """Why the row is given up."""

    because: str


_BATCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["rows"],
                    "properties": {"rows": {"type": "array", "items": {"type": "object"}}},
                }
            }
        },
    },
    "parameters": [
        {"in": "header", "name": "Idempotency-Key", "required": True, "schema": {"type": "string", "maxLength": 120}},
        {"in": "header", "name": "Sent-At", "required": False, "schema": {"type": "string", "format": "date-time"}},
    ],
}
_VISITS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
            "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    },
    "parameters": _BATCH["parameters"][:1],
}


@router.get("/forms", response=list[FormTitle], summary="The forms that can be sent")
def list_forms(request: HttpRequest) -> list[dict[str, Any]]:
    """List every form by code."""
    must_hold_any(request)
    return [
        {"code": f.code, "version": f.version, "stream": f.stream, "title_zh": f.title.zh, "title_en": f.title.en}
        for f in forms.ALL_FORMS
    ]


@router.get("/forms/{code}", response=dict[str, Any], summary="The JSON schema of a form's rows")
def form_schema(request: HttpRequest, code: str) -> dict[str, Any]:
    """Give the schema of one row; all values are text."""
    must_hold_any(request)
    return schema_of(forms.form(code))


@router.post(
    "/forms/{code}/batches", response={200: Taken, 201: Taken}, summary="Send rows of a form", openapi_extra=_BATCH
)
def send_batch(request: HttpRequest, code: str, site: str = "") -> Status[dict[str, Any]]:
    """Take `{"rows": [{…}, …]}` from a site (a machine key's own, or `?site=CODE`).

    `Idempotency-Key` names the message: sent again it answers 200 with the first counts and stores nothing; with other
    content it answers 409. Rows that cannot be stored are quarantined and counted, the others are stored.
    """
    asked = forms.form(code)
    place, now = _place(request, site), clock.now()
    outcome = forms.submit(
        asked.code,
        request.body,
        channel="api",
        site=place,
        source=f"api:{place.code}",
        message_id=_key(request),
        sent_at=_sent_at(request, now),
        by=request.viewer,  # type: ignore[attr-defined]
        at=now,
    )
    return Status(200 if outcome.repeat else 201, _taken(outcome))


@router.post("/visits", response={200: Counts, 201: Counts}, summary="Send visits", openapi_extra=_VISITS)
def send_visits(request: HttpRequest, site: str = "") -> Status[dict[str, Any]]:
    """Take id_number, place_code, time_in and time_out as Parquet, as an Arrow IPC stream or as one JSON object a line.

    Times are UTC in Parquet and Arrow; as text (`2020-06-11T08:30`) they are the city's unless they carry an offset.
    `Idempotency-Key` names the batch: sent again it answers 200 with the first counts and stores nothing.
    """
    place = _place(request, site)
    taken = take_visits(
        request.body,
        site=place,
        source=f"api:{place.code}",
        message_id=_key(request),
        by=request.viewer,  # type: ignore[attr-defined]
        at=clock.now(),
    )
    counts = {
        "receipt": taken.receipt_id,
        "rows": taken.rows,
        "stored": taken.stored,
        "duplicate": taken.duplicate,
        "quarantined": taken.quarantined,
        "repeat": taken.repeat,
    }
    return Status(200 if taken.repeat else 201, counts)


@router.get("/coverage", response=CoverageOut, summary="Who reported a day")
def coverage(request: HttpRequest, day: Day | None = None) -> dict[str, Any]:
    """Give a day's completeness; without `day`, of the last day that is over."""
    found = queries.coverage(asker(request, "sense.view"), day or clock.today() - timedelta(days=1))
    return {
        "day": found.day,
        "due_at": found.due_at,
        "expected": found.expected,
        "reported": found.reported,
        "overdue": len(found.overdue),
        "districts": [
            {
                "code": row.code,
                "name_zh": row.name.zh,
                "stream": row.stream,
                "expected": row.expected,
                "reported": row.reported,
                "overdue": row.overdue,
                "count": row.count,
            }
            for row in found.districts
        ],
    }


@router.get("/submissions/{submission_id}", response=SubmissionOut, summary="One submission, without identity")
def submission(request: HttpRequest, submission_id: RowId) -> HttpResponse | object:
    """Give a submission as the caller may see it."""
    found = queries.submission_facts([submission_id], asker(request, "sense.view"))
    if submission_id not in found:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    return found[submission_id]


@router.get("/receipts/{receipt_id}", response=ReceiptOut, summary="What became of a message")
def receipt(request: HttpRequest, receipt_id: RowId) -> dict[str, Any]:
    """Give the counts of a message by its receipt's number."""
    found = cast("Receipt", Receipt.objects.visible_to(asker(request, "receipt.view")).pick_one(receipt_id))
    names = ("form", "channel", "state", "why", "received_at", "rows", "stored", "duplicate", "quarantined")
    return {"id": found.pk, **{name: getattr(found, name) for name in names}}


@router.get("/holds", response=list[HoldOut], summary="People held until their result")
def holds(request: HttpRequest) -> list[dict[str, Any]]:
    """List who is held at fever clinics now, longest first, without names."""
    return [
        {"id": row.pk, "barcode": row.barcode, "place_code": row.place.code, "started_at": row.started_at}
        for row in queries.open_holds(asker(request, "sense.view"))
    ]


@router.get("/quarantine", response=list[QuarantinedOut], summary="Rows that wait for a person")
def quarantine(request: HttpRequest) -> list[dict[str, Any]]:
    """List the rows that could not be stored, oldest first, with what is wrong and without their content."""
    return [
        {
            "id": row.pk,
            "receipt": row.receipt_id,
            "form": row.receipt.form,
            "place_code": row.place.code,
            "row": row.number,
            "why_zh": row.why_zh,
            "why_en": row.why_en,
        }
        for row in queries.quarantined(asker(request, "receipt.view"))
    ]


@router.post("/quarantine/{row_id}/mend", response=Taken, summary="Send a quarantined row again, corrected")
def mend(request: HttpRequest, row_id: RowId, told: MendIn) -> dict[str, Any]:
    """Take the corrected row as a new message; the old row is settled when the new one is kept."""
    outcome = sense.mend(row_id, told.values, by=asker(request, "sense.submit"), at=clock.now())
    return _taken(outcome)


@router.post("/quarantine/{row_id}/drop", response={204: None}, summary="Give a quarantined row up")
def drop(request: HttpRequest, row_id: RowId, told: DropIn) -> Status[None]:
    """Settle a row without storing it, with the reason; its bytes stay in the receipt."""
    sense.drop(row_id, because=told.because, by=asker(request, "sense.submit"), at=clock.now())
    return Status(204, None)


def _taken(outcome: Outcome) -> dict[str, Any]:
    return {
        "receipt": outcome.receipt_id,
        "rows": outcome.rows,
        "stored": len(outcome.stored),
        "duplicate": outcome.duplicate,
        "quarantined": outcome.quarantined,
        "repeat": outcome.repeat,
        "submissions": list(outcome.stored),
    }


def schema_of(asked: Form) -> dict[str, Any]:
    """The JSON schema (2020-12) of one row of a form."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": asked.title.en,
        "description": asked.title.zh,
        "version": asked.version,
        "type": "object",
        "properties": {question.name: _property(question) for question in asked.questions},
        "required": [q.name for q in asked.questions if q.required and q.shown_when is None],
        "additionalProperties": False,
    }


def _property(question: Question) -> dict[str, Any]:
    described = {"title": question.label.zh, "description": question.label.en, "identity": question.is_identity}
    codes = list(dict.fromkeys(code for code, _ in question.choices))
    if question.kind == "choice":
        return {**described, "type": "string", "enum": codes}
    if question.kind == "choices":
        return {**described, "type": "array", "items": {"type": "string", "enum": codes}}
    return {**described, **_JSON_TYPES.get(question.kind, {"type": "string"})}


def _place(request: HttpRequest, code: str) -> Place:
    own = getattr(request, "site", None)
    if code and (own is None or own.code != code):
        return sense.site_named(code, by=request.viewer)  # type: ignore[attr-defined]
    if own is None:
        raise NotAllowed("Say which site is reporting: ?site=CODE.", zh="请说明报送机构：?site=机构代码。")
    return own  # type: ignore[no-any-return]


def _key(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > _LONGEST_KEY:
        raise Refusal(
            f"The header Idempotency-Key must name this message in 1 to {_LONGEST_KEY} characters, "
            "the same at every attempt.",
            zh=f"请求头 Idempotency-Key 须填写消息编号（1至{_LONGEST_KEY}个字符），重发时保持不变。",
        )
    return key


def _sent_at(request: HttpRequest, now: datetime) -> datetime:
    """When the sender sent it (header `Sent-At`, ISO 8601 with offset), never later than now."""
    text = request.headers.get("Sent-At", "").strip()
    if not text:
        return now
    sent = clock.moment_of(text) if _HAS_OFFSET.search(text) else None
    if sent is None:
        raise Refusal(
            f"The header Sent-At is {text!r}; write it as 2020-06-11T08:30:00+08:00.",
            zh="请求头 Sent-At 须写成 2020-06-11T08:30:00+08:00。",
        )
    return min(sent, now)
