"""The laboratory's pages: what waits, the one result form, and one sample's story."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from citywatch.city.lab import queries, services
from citywatch.city.lab.definitions import FORM
from citywatch.city.lab.types import SAMPLE
from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotAllowed, Refusal
from citywatch.mechanisms.forms.services import check_rows
from citywatch.mechanisms.forms.types import Row
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.services import clocks_of

_DEFAULTS = {"specimen": "throat_swab", "method": "pcr"}


@require_safe
@signed_in("lab.view")
def worklist(request: HttpRequest) -> HttpResponse:
    """Samples that wait, under their six hours; results that fit no order; what was reported last."""
    viewer, now = viewer_of(request), clock.now()
    waiting = [
        (row, clock_row, bool(clock_row and clock_row.is_late(now))) for row, clock_row in queries.waiting(viewer)
    ]
    context = {
        "waiting": waiting,
        "late": sum(late for *_, late in waiting),
        "loose": queries.loose_ends(viewer),
        "latest": queries.latest(viewer),
        "results": SAMPLE.states,
        "may_report": viewer.may_anywhere("lab.result"),
    }
    return render(request, "lab/worklist.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in("lab.result")
def result(request: HttpRequest) -> HttpResponse:
    """Enter one result. A positive wakes the duty desk at once."""
    viewer, now = viewer_of(request), clock.now()
    lab = _laboratory(viewer, request.POST.get("lab") or request.GET.get("lab", ""))
    if request.method != "POST":
        values = {**_DEFAULTS, "barcode": request.GET.get("barcode", ""), "tested_at": _local(now)}
        return _form_page(request, lab, values, {}, token=secrets.token_urlsafe(12))
    given = {question.name: request.POST.get(question.name, "").strip() for question in FORM.questions}
    values = {name: text for name, text in given.items() if text}
    ((_row, problems),) = check_rows(FORM, [Row(1, values)], sent_at=now)
    token = request.POST.get("token", "")[:32]
    if problems:
        return _form_page(request, lab, values, {p.question: p.sentence for p in problems}, token=token, status=422)
    body = json.dumps({"rows": [values]}, ensure_ascii=False, sort_keys=True).encode()
    outcome = services.submit(
        FORM.code,
        body,
        channel="form",
        site=lab,
        source=f"page:{lab.code}",
        message_id=f"{token}-{hashlib.sha256(body).hexdigest()[:16]}",
        sent_at=now,
        by=viewer,
        at=now,
    )
    messages.success(request, _("Result recorded, receipt no. %(number)s.") % {"number": outcome.receipt_id})
    return redirect("lab:worklist")


@require_safe
@signed_in("lab.view")
def sample(request: HttpRequest, sample_id: int) -> HttpResponse:
    """One sample, with its clock."""
    row = queries.sample(viewer_of(request), sample_id)
    return render(request, "lab/sample.html", {"row": row, "clocks": clocks_of(row)})


def _form_page(
    request: HttpRequest,
    lab: Place,
    values: Mapping[str, str],
    problems: Mapping[str, Label],
    *,
    token: str,
    status: int = 200,
) -> HttpResponse:
    fields = [(question, values.get(question.name, ""), problems.get(question.name)) for question in FORM.questions]
    context = {
        "asked": FORM,
        "lab": lab,
        "labs": queries.my_labs(viewer_of(request)),
        "fields": fields,
        "problems": problems,
        "token": token,
    }
    return render(request, "lab/result.html", context, status=status)


def _laboratory(viewer: Viewer, code: str) -> Place:
    mine = queries.my_labs(viewer)
    if not mine:
        raise Refusal(
            "Your account reports for no laboratory; ask your administrator.",
            zh="您的账号没有可报送的检测机构；请联系管理员。",
        )
    for lab in mine:
        if lab.code == code or not code:
            return lab
    raise NotAllowed(f"You may not report results for {code}.", zh=f"您无权为 {code} 报告结果。")


def _local(at: datetime) -> str:
    return at.astimezone(clock.SHANGHAI).strftime("%Y-%m-%dT%H:%M")
