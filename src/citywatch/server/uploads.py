"""The spreadsheet door: template out, file in, every row checked before anything is stored, an error sheet back.

A file is dry-run first and stored nowhere; the page itself carries it until it is sent.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

from citywatch.city.lab.queries import my_labs
from citywatch.city.registry.access import signed_in
from citywatch.city.sense.queries import site_places
from citywatch.city.sense.services import site_named
from citywatch.interop.tables.write import csv_bytes, xlsx_bytes
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.services import check_rows
from citywatch.mechanisms.forms.types import Form, Problem, Question, Row
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.server import forms

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV = "text/csv; charset=utf-8"
_ZIP = b"PK\x03\x04"
_SHOWN = 100
_DRY_RUN_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Wrong:
    """One problem of one row, as the page and the error sheet show it."""

    row: int
    column: str
    value: str
    sentence: str


@require_safe
@signed_in("sense.submit")
def home(request: HttpRequest) -> HttpResponse:
    """Every form that can come as a spreadsheet."""
    return render(request, "uploads/home.html", {"forms": forms.ALL_FORMS})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in("sense.submit")
def form(request: HttpRequest, code: str) -> HttpResponse:
    """Upload, dry run, then send what was shown."""
    viewer = request.viewer  # type: ignore[attr-defined]
    asked = forms.form(code)
    places = _places(viewer, asked)
    site = _site(request, viewer, places)
    context = {"asked": asked, "site": site, "sites": places}
    if request.method != "POST":
        return render(request, "uploads/form.html", context)
    body = _body(request)
    try:
        rows, wrong = dry_run(asked, body)
    except Refusal as refusal:
        return render(request, "uploads/form.html", {**context, "refusal": str(refusal)}, status=422)
    move = request.POST.get("move", "check")
    if move == "sheet":
        return _attachment(error_sheet(asked, rows, wrong), f"{asked.title}-错误清单.xlsx", _XLSX)
    if move == "send":
        return _send(asked, body, site, viewer)
    bad = {one.row for one in wrong}
    context |= {
        "checked": True,
        "rows": len(rows),
        "good": len(rows) - len(bad),
        "bad": len(bad),
        "wrong": wrong[:_SHOWN],
        "more": max(len(wrong) - _SHOWN, 0),
        "held": base64.b64encode(body).decode(),
    }
    return render(request, "uploads/form.html", context)


@require_safe
@signed_in("sense.submit")
def done(request: HttpRequest, receipt_id: int) -> HttpResponse:
    """What became of the file."""
    rows = Receipt.objects.visible_to(request.viewer).select_related("place")  # type: ignore[attr-defined]
    receipt = cast("Receipt", rows.pick_one(receipt_id))
    return render(request, "uploads/done.html", {"receipt": receipt, "asked": forms.form(receipt.form)})


@require_safe
@signed_in("sense.submit")
def template(_request: HttpRequest, code: str, suffix: str) -> HttpResponse:
    """The empty table with Chinese headers and, as its second row in XLSX, what each column takes."""
    asked = forms.form(code)
    header = [question.label.zh for question in asked.questions]
    if suffix == "csv":
        return _attachment(csv_bytes(header, []), f"{asked.title.zh}.csv", _CSV)
    return _attachment(xlsx_bytes(header, [], sheet=asked.title.zh[:31]), f"{asked.title.zh}.xlsx", _XLSX)


@require_safe
@signed_in("sense.submit")
def guide(request: HttpRequest, code: str) -> HttpResponse:
    """What each column of a form's table takes."""
    asked = forms.form(code)
    return render(request, "uploads/guide.html", {"asked": asked, "columns": [(q, takes(q)) for q in asked.questions]})


def takes(question: Question) -> str:
    """What a column takes, in a few words of the page's language."""
    if question.choices:
        shown = [f"{code} {label}" for code, label in question.choices[:12]]
        return "；".join(shown) + ("…" if len(question.choices) > len(shown) else "")
    return {"yes_no": "Y / N", "date": "2020-06-11", "moment": "2020-06-11 08:30", "street": "110106018"}.get(
        question.kind, ""
    )


def dry_run(asked: Form, body: bytes) -> tuple[list[Row], list[Wrong]]:
    """Every row of a file and every problem, nothing stored. Refuses a file that cannot be read at all."""
    _, decode = forms.DECODERS[asked.code, "xlsx"]
    rows = decode(body)
    checked = check_rows(asked, rows, sent_at=clock.now())
    return rows, [_wrong(asked, row, problem) for row, problems in checked for problem in problems]


def error_sheet(asked: Form, rows: list[Row], wrong: list[Wrong]) -> bytes:
    """The rows that need mending with their row number and what is wrong, ready to be corrected and uploaded again."""
    by_row: dict[int, list[str]] = {}
    for one in wrong:
        by_row.setdefault(one.row, []).append(f"{one.column}：{one.sentence}")
    header = [*(question.label.zh for question in asked.questions), *forms.ERROR_SHEET]
    bad = [row for row in rows if row.number in by_row]
    cells = [
        [*(row.values.get(q.name, "") for q in asked.questions), str(row.number), " ".join(by_row[row.number])]
        for row in bad
    ]
    return xlsx_bytes(header, cells, sheet="错误清单")


def _send(asked: Form, body: bytes, site: Place, viewer: Viewer) -> HttpResponse:
    now = clock.now()
    outcome = forms.submit(
        asked.code,
        body,
        channel="xlsx" if body.startswith(_ZIP) else "csv",
        site=site,
        source=f"upload:{site.code}",
        message_id=f"{asked.code}-{hashlib.sha256(body).hexdigest()[:32]}",  # the same file twice is one message
        sent_at=now,
        by=viewer,
        at=now,
    )
    return redirect("uploads:done", receipt_id=outcome.receipt_id)


def _body(request: HttpRequest) -> bytes:
    sent = request.FILES.get("file")
    if sent is not None:
        if (sent.size or 0) > _DRY_RUN_BYTES:
            raise Refusal(
                "The file is larger than 20 MB; split it and send the parts.", zh="文件超过20 MB；请拆分后分批上传。"
            )
        return bytes(sent.read())
    try:
        body = base64.b64decode(request.POST.get("held", ""), validate=True)
    except binascii.Error:
        body = b""
    if not body:
        raise Refusal("No file was chosen; choose a CSV or XLSX file.", zh="未选择文件；请选择 CSV 或 XLSX 文件。")
    return body


def _places(viewer: Viewer, asked: Form) -> list[Place]:
    return my_labs(viewer) if asked.stream == "lab" else site_places(viewer)


def _site(request: HttpRequest, viewer: Viewer, places: list[Place]) -> Place:
    named = request.POST.get("site") or request.GET.get("site")
    if named:
        return site_named(named, by=viewer)
    if not places:
        raise Refusal("Your account may not send this form for any institution.", zh="您的账号没有可报送本表单的机构。")
    return places[0]


def _wrong(asked: Form, row: Row, problem: Problem) -> Wrong:
    question = asked.by_name.get(problem.question)
    column = str(question.label) if question else problem.question
    value = "" if question and question.is_identity else row.values.get(problem.question, "")
    return Wrong(row.number, column, value, str(problem.sentence))


def _attachment(content: bytes, name: str, kind: str) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": disposition})


urlpatterns = [
    path("", home, name="home"),
    path("<slug:code>/", form, name="form"),
    path("<slug:code>/guide/", guide, name="guide"),
    path("<slug:code>/template.<str:suffix>", template, name="template"),
    path("done/<int:receipt_id>/", done, name="done"),
]
