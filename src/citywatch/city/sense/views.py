"""The pages of reporting: a nurse's phone, coverage, holds, and rows that wait for a person."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import streets
from citywatch.city.sense import phone, queries, services, silence
from citywatch.city.sense.definitions.card import diseases_on
from citywatch.city.sense.streams import BY_CODE, FORM_OF_STREAM, STREAM_NAMES, STREAMS
from citywatch.city.sense.streams import form as form_named
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.services import Outcome, check_rows
from citywatch.mechanisms.forms.types import Form, Question, Row
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.mechanisms.vault.services import masked_identities

Drawn = tuple[Question, Any, Label | None]
"""A question as a page shows it: what was said, and what is wrong with it."""


@require_safe
@signed_in("sense.submit")
def home(request: HttpRequest) -> HttpResponse:
    """Big tiles of the site's own forms, today's reports, zero-reports in one tap, and what the site owes."""
    viewer, now = viewer_of(request), clock.now()
    today = clock.day_of(now)
    sites = queries.my_sites(viewer)
    ids = {site.place.id for site in sites}
    sent = queries.sent_on(viewer, ids, today)
    names = masked_identities({one.person_id for one in sent if one.person_id}, by=viewer)
    reported = {(one.place_id, one.stream) for one in sent}
    desks = [
        {
            "site": site.place,
            "forms": [FORM_OF_STREAM[s] for s in STREAMS if s in site.streams],
            "silent": [
                (s, STREAM_NAMES[s]) for s in STREAMS if s in site.streams and (site.place.id, s) not in reported
            ],
        }
        for site in sites
    ]
    rows = [(one, _title(one.form, one.stream), names.get(one.person_id or 0)) for one in sent]
    overdue = [(one, STREAM_NAMES[one.stream]) for one in queries.overdue_of(ids, viewer, at=now)]
    context = {
        "desks": desks,
        "rows": rows,
        "overdue": overdue,
        "today": today,
        "waiting": len(queries.quarantined(viewer)),
        "opens_photos": viewer.may_anywhere("sense.view"),
        **phone.waiting_parts(viewer),
    }
    return render(request, "sense/home.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in("sense.submit")
def form(request: HttpRequest, code: str) -> HttpResponse:
    """One report on a phone: what must be filled in first, the rest folded away."""
    viewer, now = viewer_of(request), clock.now()
    asked = form_named(code)
    site = site_of(request, viewer, asked)
    if request.method != "POST":
        values = _defaults(asked, site, viewer, now) | phone.carried_on(request, asked)
        values |= phone.from_a_list(request, asked)
        return form_page(request, asked, site, values, {}, token=secrets.token_urlsafe(12))
    values = answers_of(asked, request.POST)
    problems = problems_of(asked, values, now)
    if problems:
        return form_page(request, asked, site, values, problems, token=request.POST.get("token", ""), status=422)
    outcome = send(asked, values, token=request.POST.get("token", ""), site=site, viewer=viewer, at=now)
    phone.carry_on(request, asked, values)
    return redirect("sense:done", receipt_id=outcome.receipt_id)


@require_safe
@signed_in("sense.submit")
def done(request: HttpRequest, receipt_id: int) -> HttpResponse:
    """The receipt: what arrived and what became of it."""
    rows = Receipt.objects.visible_to(viewer_of(request)).select_related("place")
    receipt = cast("Receipt", rows.pick_one(receipt_id))
    waiting = list(receipt.quarantine.filter(settled_at__isnull=True))
    asked = BY_CODE.get(receipt.form)
    settled = receipt.message_id.rpartition("-")[0]  # the key under which a phone may still keep it
    context = {"receipt": receipt, "waiting": waiting, "asked": asked, "settled": settled}
    return render(request, "sense/done.html", context)


@require_POST
@signed_in("sense.submit")
def zero(request: HttpRequest) -> HttpResponse:
    """One tap: nothing to report."""
    viewer, now = viewer_of(request), clock.now()
    site = services.site_named(request.POST.get("site", ""), by=viewer)
    services.zero_report(
        site, stream=request.POST.get("stream", ""), day=request.POST.get("day", ""), by=viewer, at=now
    )
    return redirect("sense:home")


@require_safe
@signed_in("sense.view")
def coverage(request: HttpRequest) -> HttpResponse:
    """Who reported a day and who is silent, by district and by site."""
    viewer = viewer_of(request)
    day = _day(request.GET.get("day", ""))
    found = queries.coverage(viewer, day)
    context = {
        "found": found,
        "stream_names": STREAM_NAMES,
        "quiet": silence.standing(viewer, "sense.view"),
        "overdue": [(one, STREAM_NAMES[one.stream]) for one in found.overdue],
        "districts": [(row, STREAM_NAMES[row.stream]) for row in found.districts],
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1) if day < clock.today() else None,
        "now": clock.now(),
    }
    return render(request, "sense/coverage.html", context)


@require_safe
@signed_in("sense.view")
def holds(request: HttpRequest) -> HttpResponse:
    """Who waits at a fever clinic for a result, and whose wait just ended."""
    viewer, now = viewer_of(request), clock.now()
    held, ended = queries.open_holds(viewer), queries.ended_holds(viewer, since=now - timedelta(days=1))
    names = masked_identities({hold.person_id for hold in (*held, *ended)}, by=viewer)
    context = {
        "held": [(hold, names.get(hold.person_id), now - hold.started_at) for hold in held],
        "ended": [(hold, names.get(hold.person_id)) for hold in ended],
    }
    return render(request, "sense/holds.html", context)


@require_safe
@signed_in("receipt.view")
def quarantine(request: HttpRequest) -> HttpResponse:
    """Rows that arrived and could not be stored, each with its reason."""
    viewer = viewer_of(request)
    rows = [
        (row, _title(row.receipt.form, ""), viewer.may("sense.submit", row.place.path))
        for row in queries.quarantined(viewer)
    ]
    return render(request, "sense/quarantine.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in("sense.submit")
def settle(request: HttpRequest, row_id: int) -> HttpResponse:
    """Mend a row and send it as a new message, or drop it with a reason."""
    viewer, now = viewer_of(request), clock.now()
    if request.method == "POST" and request.POST.get("move") == "drop":
        services.drop(row_id, because=request.POST.get("because", ""), by=viewer, at=now)
        return redirect("sense:quarantine")
    row, values = services.open_row(row_id, by=viewer, at=now)
    asked = BY_CODE.get(row.receipt.form)
    problems: dict[str, Label] = {}
    if request.method == "POST" and asked:
        values = answers_of(asked, request.POST)
        problems = problems_of(asked, values, now)
        if not problems:
            outcome = services.mend(row_id, values, by=viewer, at=now)
            return redirect("sense:done", receipt_id=outcome.receipt_id)
    elif asked:
        problems = problems_of(asked, {k: v for k, v in values.items() if k in asked.by_name}, row.receipt.sent_at)
    context = {
        "row": row,
        "asked": asked,
        "unknown": [name for name in values if asked and name not in asked.by_name],
        "fields": fields_of(asked, values, problems, now) if asked else [],
        "streets": streets(),
        "words": phone.words(),
        "regions": phone.regions(),
    }
    return render(request, "sense/settle.html", context, status=422 if request.method == "POST" else 200)


def answers_of(asked: Form, posted: QueryDict) -> dict[str, str]:
    """What a posted page says, as a row of text."""
    given = {question.name: ";".join(posted.getlist(question.name)).strip() for question in asked.questions}
    return {name: text for name, text in given.items() if text}


def problems_of(asked: Form, values: Mapping[str, str], at: datetime) -> dict[str, Label]:
    """What is wrong with a row, by question, before anything is stored."""
    ((_, problems),) = check_rows(asked, [Row(1, values)], sent_at=at)
    return {problem.question: problem.sentence for problem in problems}


def send(asked: Form, values: Mapping[str, str], *, token: str, site: Place, viewer: Viewer, at: datetime) -> Outcome:
    """One report from a phone page, typed now or kept while the line was down: the same bytes under the same id."""
    body = json.dumps({"rows": [dict(values)]}, ensure_ascii=False, sort_keys=True).encode()
    return services.submit(
        asked.code,
        body,
        channel="form",
        site=site,
        source=f"page:{site.code}",
        message_id=_message_id(token, body),
        sent_at=at,
        by=viewer,
        at=at,
    )


def form_page(
    request: HttpRequest,
    asked: Form,
    site: Place,
    values: Mapping[str, str],
    problems: Mapping[str, Label],
    *,
    token: str,
    status: int = 200,
) -> HttpResponse:
    """The form on a phone, with what was said and what is wrong with it."""
    context = {
        **phone_parts(request, asked, fields_of(asked, values, problems, clock.now())),
        "site": site,
        "sites": [one for one in queries.my_sites(viewer_of(request)) if asked.stream in one.streams],
        "problems": problems,
        "streets": streets(),
        "token": token,
        "upload_url": _upload_url(asked),
    }
    return render(request, "sense/form.html", context, status=status)


def phone_parts(request: HttpRequest, asked: Form, fields: Iterable[Drawn]) -> dict[str, Any]:
    """What page and shell of a form share: the questions in order, and what the scripts need to know."""
    viewer = viewer_of(request)
    first, usual, rest = phone.in_order(asked, fields)
    return {
        "asked": asked,
        "first": first,
        "usual": usual,
        "rest": rest,
        "takes_photos": phone.takes_photos(asked),
        "rest_open": any(field[2] for field in rest),
        "usual_answers": phone.usual_answers(asked),
        "regions": phone.regions(),
        "now": clock.now(),
        **phone.waiting_parts(viewer),
    }


def _upload_url(asked: Form) -> str:
    return reverse("uploads:form", args=[asked.code])


def fields_of(asked: Form, values: Mapping[str, str], problems: Mapping[str, Label], at: datetime) -> list[Drawn]:
    """Every question with what was said and what is wrong with it."""
    return [
        (
            _drawn(question, at),
            values.get(question.name, "").split(";") if question.kind == "choices" else values.get(question.name, ""),
            problems.get(question.name),
        )
        for question in asked.questions
    ]


def _drawn(question: Question, at: datetime) -> Question:
    """A page offers the diseases of the day; reading still knows every name the list has held."""
    if question.name in {"disease", "revised_disease"}:
        return replace(question, choices=diseases_on(clock.day_of(at)))
    return question


def _defaults(asked: Form, site: Place, viewer: Viewer, at: datetime) -> dict[str, str]:
    local = at.astimezone(clock.SHANGHAI)
    today = local.date().isoformat()
    values = {name: text for name, text in phone.USUAL.items() if name in asked.by_name}
    values |= {question.name: today for question in asked.questions if question.name in phone.DAYS_OF_TODAY}
    values[asked.occurred] = (
        local.strftime("%Y-%m-%dT%H:%M") if asked.by_name[asked.occurred].kind == "moment" else today
    )
    if "card_no" in asked.by_name:
        values |= {"card_no": f"{site.code}-{local:%Y%m%d-%H%M%S}", "doctor": viewer.name}
    return values


def site_of(request: HttpRequest, viewer: Viewer, asked: Form) -> Place:
    """The site a page reports for: the one named, or the first of the viewer's that sends this stream."""
    named = request.POST.get("site") or request.GET.get("site")
    if named:
        return services.site_named(named, by=viewer)
    mine = queries.my_sites(viewer)
    fitting = [one for one in mine if asked.stream in one.streams] or mine
    if not fitting:
        raise Refusal(
            "Your account reports for no institution; ask your administrator for a role at one.",
            zh="您的账号没有可报送的机构；请联系管理员授权。",
        )
    return services.site_named(fitting[0].place.code, by=viewer)


def _message_id(token: str, body: bytes) -> str:
    """A double tap sends the same id; going back and correcting the page sends another."""
    return f"{token[:32]}-{hashlib.sha256(body).hexdigest()[:16]}"


def _title(form_code: str, stream: str) -> str:
    asked = BY_CODE.get(form_code)
    if asked is None:
        return form_code
    return f"{asked.title} · {STREAM_NAMES[stream]}" if form_code == "zero-report" and stream else str(asked.title)


def _day(text: str) -> date:
    """The day asked for; without one the last day that is due."""
    if not text:
        return clock.today() - timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refusal(
            f"{text!r} is not a day; write it as 2020-06-11.", zh=f"“{text}”不是有效日期；请写成 2020-06-11。"
        ) from None
