"""The API of reporting: batches of any form, the visit feed, coverage, and what became of a submission."""

from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from citywatch.city.sense import queries
from citywatch.city.sense.services import site_named
from citywatch.city.sense.visits import take_visits
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotAllowed, NotFound, Refusal
from citywatch.mechanisms.forms.types import Form, Question
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Place
from citywatch.server import forms, wiring

router = Router(tags=["reporting"])
_LONGEST_KEY = 120
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


@router.get("/forms", response=list[FormTitle], summary="The forms that can be sent")
def list_forms(request: HttpRequest) -> list[dict[str, Any]]:  # noqa: ARG001 - ninja's signature
    """List every form by code."""
    return [
        {"code": f.code, "version": f.version, "stream": f.stream, "title_zh": f.title.zh, "title_en": f.title.en}
        for f in forms.ALL_FORMS
    ]


@router.get("/forms/{code}", response=dict[str, Any], summary="The JSON schema of a form's rows")
def form_schema(request: HttpRequest, code: str) -> dict[str, Any]:  # noqa: ARG001 - ninja's signature
    """Give the schema of one row; all values are text."""
    return schema_of(forms.form(code))


@router.post("/forms/{code}/batches", response={200: Taken, 201: Taken}, summary="Send rows of a form")
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
    wiring.catch_up()
    counts = {
        "receipt": outcome.receipt_id,
        "rows": outcome.rows,
        "stored": len(outcome.stored),
        "duplicate": outcome.duplicate,
        "quarantined": outcome.quarantined,
        "repeat": outcome.repeat,
        "submissions": list(outcome.stored),
    }
    return Status(200 if outcome.repeat else 201, counts)


@router.post("/visits", response={200: Counts, 201: Counts}, summary="Send visits as Parquet")
def send_visits(request: HttpRequest, site: str = "") -> Status[dict[str, Any]]:
    """Take a Parquet body with id_number, place_code, time_in and time_out (UTC)."""
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
def coverage(request: HttpRequest, day: date | None = None) -> dict[str, Any]:
    """Give a day's completeness; without `day`, of the last day that is over."""
    found = queries.coverage(request.viewer, day or clock.today() - timedelta(days=1))  # type: ignore[attr-defined]
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
def submission(request: HttpRequest, submission_id: int) -> HttpResponse | object:
    """Give a submission as the caller may see it."""
    found = queries.submission_facts([submission_id], request.viewer)  # type: ignore[attr-defined]
    if submission_id not in found:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    return found[submission_id]


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
        return site_named(code, by=request.viewer)  # type: ignore[attr-defined]
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
    try:
        sent = datetime.fromisoformat(text)
    except ValueError:
        sent = None
    if sent is None or sent.tzinfo is None:
        raise Refusal(
            f"The header Sent-At is {text!r}; write it as 2020-06-11T08:30:00+08:00.",
            zh="请求头 Sent-At 须写成 2020-06-11T08:30:00+08:00。",
        )
    return min(sent, now)
