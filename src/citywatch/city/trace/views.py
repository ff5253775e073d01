"""Pages of tracing: investigations and their dossiers, cases and interviews, contacts, risk points."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from citywatch.city.registry import reference
from citywatch.city.registry.access import signed_in
from citywatch.city.trace import interview_form, queries, rules, services
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.services import clock_rule
from citywatch.mechanisms.vault.services import masked_identities, open_identities
from citywatch.mechanisms.vault.types import Identity

PER_PAGE = 50


@require_GET
@signed_in("trace.view")
def investigations(request: HttpRequest) -> HttpResponse:
    """The list of investigations, with the numbers a duty officer asks for first."""
    at = clock.now()
    page = Paginator(queries.investigations(_viewer(request)), PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "trace/investigations.html",
        {
            "page": page,
            "clocks": queries.source_clocks(_viewer(request))[:3],
            "late_contacts": queries.late_contacts(_viewer(request), at=at),
            "counts": queries.case_counts(_viewer(request)),
        },
    )


@require_POST
@signed_in("trace.open")
def open_investigation(request: HttpRequest, event_id: int) -> HttpResponse:
    """Open the investigation of a verified event (or go to the one already open)."""
    number = services.open_investigation(
        event_id, by=_viewer(request), at=clock.now(), because=request.POST.get("because", "")
    )
    return _to("trace:investigation", number)


@require_GET
@signed_in("trace.view")
def investigation(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """The dossier."""
    viewer = _viewer(request)
    found = queries.dossier(viewer, investigation_id, at=clock.now())
    places = queries.ranking(viewer, investigation_id)
    published = {point.place_id for point in found.risk_points}
    return render(
        request,
        "trace/investigation.html",
        {
            "dossier": found,
            "places": places,
            "published": published,
            "may_publish": viewer.may_anywhere("trace.publish") and not found.row.is_done,
            "may_look_back": viewer.may("trace.open", found.row.place.path) and not found.row.is_done,
            "map": queries.map_of(viewer, found, places),
            "limit_rule": clock_rule("source-lock"),
            "ranking_chart": _ranking_chart(places[:5]),
        },
    )


@require_POST
@signed_in("trace.publish")
def publish(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """Publish a risk point."""
    services.publish_risk_point(
        investigation_id,
        _number(request, "place_id"),
        by=_viewer(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return _to("trace:investigation", investigation_id)


@require_POST
@signed_in("trace.open")
def look_back(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """Change how far back contacts are asked for."""
    services.change_look_back(
        investigation_id,
        _number(request, "days"),
        by=_viewer(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return _to("trace:investigation", investigation_id)


@require_POST
@signed_in("trace.open")
def investigation_move(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """Close an investigation."""
    services.close_investigation(
        investigation_id, by=_viewer(request), at=clock.now(), because=request.POST.get("because", "")
    )
    return _to("trace:investigation", investigation_id)


@require_GET
@signed_in("trace.view")
def case(request: HttpRequest, case_id: int) -> HttpResponse:
    """One case: its fortnight, stays and contacts."""
    return _case_page(request, queries.case(_viewer(request), case_id))


@require_POST
@never_cache
@signed_in("vault.open")
def identity(request: HttpRequest, case_id: int) -> HttpResponse:
    """Open a case's identity for a stated purpose; journaled, shown once, kept nowhere."""
    row = queries.case(_viewer(request), case_id)
    if row.person_id is None:
        raise Refusal("This case has no identity on record.", zh="该病例没有身份信息。")
    purpose = request.POST.get("purpose", "")
    opened = open_identities([row.person_id], by=_viewer(request), purpose=purpose, at=clock.now())
    return _case_page(request, row, opened=opened[row.person_id], purpose=purpose)


@require_POST
@signed_in("trace.investigate")
def classify(request: HttpRequest, case_id: int) -> HttpResponse:
    """Reclassify a case."""
    services.classify_case(
        case_id,
        classification=request.POST.get("classification", ""),
        by=_viewer(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return _to("trace:case", case_id)


@require_POST
@signed_in("trace.investigate")
def case_move(request: HttpRequest, case_id: int) -> HttpResponse:
    """Take a case one step on."""
    services.move_case(
        case_id,
        request.POST.get("move", ""),
        by=_viewer(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return _to("trace:case", case_id)


@require_http_methods(["GET", "POST"])
@signed_in("trace.investigate")
def interview(request: HttpRequest, case_id: int) -> HttpResponse:
    """The interview form; told in parts as often as needed."""
    row = queries.case(_viewer(request), case_id)
    told = interview_form.Interview(values=_core_values(row))
    sentence = ""
    if request.method == "POST":
        told = interview_form.read(request.POST)
        if told.is_sound:
            try:
                services.record_interview(
                    case_id,
                    stays=told.stays,
                    contacts=told.contacts,
                    core=told.core,
                    by=_viewer(request),
                    at=clock.now(),
                    complete=told.complete,
                )
            except Refusal as refusal:
                sentence = str(refusal)
            else:
                return _to("trace:case", case_id)
    return render(
        request,
        "trace/interview.html",
        {
            "row": row,
            "line": queries.lines([row], _viewer(request), at=clock.now())[0],
            "told": told.with_room(),
            "sentence": sentence,
            "occupations": _occupations(),
            "grounds": rules.GROUNDS,
            "kinds": rules.KINDS.items(),
            "definitions": rules.DEFINITIONS.items(),
            "rule": _rule(row),
        },
        status=422 if request.method == "POST" else 200,
    )


@require_GET
@signed_in("trace.view")
def contacts(request: HttpRequest) -> HttpResponse:
    """Contacts to be notified and moved, the longest known first."""
    at = clock.now()
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    rows = queries.worklist(_viewer(request), kind=kind, state=state)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "trace/contacts.html",
        {
            "page": page,
            "lines": queries.lines(list(page.object_list), _viewer(request), at=at),
            "kinds": rules.KINDS.items(),
            "states": services.CONTACT_STATES.items(),
            "kind": kind,
            "state": state,
            "late_contacts": queries.late_contacts(_viewer(request), at=at),
            "rule": clock_rule("contact-transfer"),
        },
    )


@require_POST
@signed_in("trace.investigate")
def contact_move(request: HttpRequest, contact_id: int) -> HttpResponse:
    """Take a contact one step on and go back to where the button was."""
    services.move_contact(
        contact_id,
        request.POST.get("move", ""),
        by=_viewer(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return _back(request, reverse("trace:contacts"))


@require_POST
@signed_in("trace.investigate")
def contact_judge(request: HttpRequest, contact_id: int) -> HttpResponse:
    """Judge a contact anew."""
    services.judge_contact(
        contact_id,
        kind=request.POST.get("kind", ""),
        ground=request.POST.get("ground", ""),
        by=_viewer(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return _back(request, reverse("trace:contacts"))


@require_GET
@signed_in("trace.view")
def risk_points(request: HttpRequest) -> HttpResponse:
    """Published risk points with the hours each took."""
    return render(
        request,
        "trace/risk_points.html",
        {
            "points": queries.risk_points(_viewer(request)),
            "limit_rule": clock_rule("source-lock"),
            "limit": services.limit_hours("source-lock"),
        },
    )


@require_GET
@signed_in("trace.investigate")
def places(request: HttpRequest) -> HttpResponse:
    """Options for a place field, by what has been typed so far."""
    typed = request.GET.get("stay_place") or request.GET.get("contact_place") or request.GET.get("q", "")
    return render(request, "trace/places.html", {"places": queries.find_places(typed)})


def _case_page(request: HttpRequest, row: Any, *, opened: Identity | None = None, purpose: str = "") -> HttpResponse:
    viewer, at = _viewer(request), clock.now()
    masked = masked_identities([row.person_id], by=viewer) if row.person_id else {}
    contact_lines = queries.contacts_of(viewer, row, at=at)
    return render(
        request,
        "trace/case.html",
        {
            "row": row,
            "line": queries.lines([row], viewer, at=at)[0],
            "masked": masked.get(row.person_id, Identity()),
            "opened": opened,
            "purpose": purpose,
            "timeline": queries.timeline(row, at=at),
            "stays": queries.stays(row),
            "contacts": contact_lines,
            "rule": _rule(row),
            "occupation": dict(_occupations()).get(row.occupation, row.occupation),
            "classifications": rules.CLASSIFICATIONS.items(),
            "kinds": rules.KINDS.items(),
            "grounds": rules.GROUNDS,
            "may_investigate": viewer.may("trace.investigate", row.place.path),
            "may_open": bool(row.person_id) and viewer.may_anywhere("vault.open"),
            "shows_investigation": queries.may_see_investigation(viewer, row),
        },
    )


def _viewer(request: HttpRequest) -> Viewer:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    return viewer


def _occupations() -> list[tuple[str, Label]]:
    return [(one.code, Label(one.name_zh, one.name_en)) for one in reference.occupations()]


def _rule(row: Any) -> object:
    rule = rules.window_rule(clock.day_of(row.reported_at))
    return rule.describe(row.investigation.look_back_days if row.investigation else None)


def _core_values(row: Any) -> dict[str, str]:
    return {
        "onset_date": row.onset_date.isoformat() if row.onset_date else "",
        "occupation": row.occupation,
        "sex": row.sex,
        "age": "" if row.age is None else str(row.age),
    }


def _ranking_chart(places: list[Any]) -> dict[str, Any]:
    compared = [one for one in places if one.ratio is not None]
    return {
        "names": [str(one.name) for one in compared],
        "values": [round(one.ratio, 2) for one in compared],
        "low": [round(one.ratio_low, 2) for one in compared],
        "high": [round(one.ratio_high, 2) for one in compared],
    }


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdigit()):
        raise Refusal(f"{name} is {text!r}; send a whole number.", zh="提交的编号或天数不是整数；请返回页面重新选择。")
    return int(text)


def _to(name: str, number: int) -> HttpResponseRedirect:
    return _see_other(reverse(name, args=[number]))


def _back(request: HttpRequest, otherwise: str) -> HttpResponseRedirect:
    """Back to the page the button was on, if that page is ours."""
    came_from = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()})
    return _see_other(came_from if ours else otherwise)


def _see_other(address: str) -> HttpResponseRedirect:
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response
