"""The interview."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.trace import interview_form, queries, rules, services
from citywatch.city.trace.views.asked import moment, to
from citywatch.city.trace.views.cases import occupations, rule_of
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label


@require_http_methods(["GET", "POST"])
@signed_in("trace.investigate")
def interview(request: HttpRequest, case_id: int) -> HttpResponse:
    """The interview form, filled with what is known; told in parts as often as needed."""
    viewer, at = viewer_of(request), clock.now()
    row = queries.case(viewer, case_id)
    stays = queries.stays(row)
    told = interview_form.Interview(values=_core_values(row), stay_lines=interview_form.kept(stays))
    sentence = ""
    if request.method == "POST":
        told = interview_form.read(request.POST, today=clock.day_of(at))
        if told.is_sound:
            try:
                _record(case_id, told, viewer, at)
            except Refusal as refusal:
                sentence = str(refusal)
            else:
                return to("trace:case", case_id)
    timeline = queries.timeline(viewer, row, at=at, told=stays)
    if row.person_id and not timeline.withheld:
        services.note_reading(row, what="interview", by=viewer, at=at)
    line, _, contacts = queries.case_with_contacts(viewer, row, at=at)
    return render(
        request,
        "trace/interview.html",
        {
            "row": row,
            "line": line,
            "told": told.with_room(),
            "sentence": sentence,
            "occupations": occupations(),
            "grounds": rules.GROUNDS,
            "relations": _RELATIONS,
            "kinds": rules.KINDS.items(),
            "said": rules.SAID,
            "definitions": rules.DEFINITIONS.items(),
            "rule": rule_of(row),
            "captured": timeline.open_lines,
            "contacts": contacts,
            "close": [one.row for one in contacts if one.row.kind == "close"],
        },
        status=422 if request.method == "POST" else 200,
    )


def _record(case_id: int, told: interview_form.Interview, viewer: Viewer, at: datetime) -> None:
    with transaction.atomic():
        for number in told.removed:
            services.remove_stay(case_id, number, by=viewer, at=at)
        services.record_interview(
            case_id,
            stays=told.stays,
            contacts=told.contacts,
            core=told.core,
            by=viewer,
            at=at,
            complete=told.complete,
        )


@require_POST
@signed_in("trace.investigate")
def interview_line(request: HttpRequest, case_id: int) -> JsonResponse:
    """Keep one line while the case still talks; sent again, nothing doubles. Answers with its number or its problem."""
    viewer, at = viewer_of(request), clock.now()
    queries.case(viewer, case_id)
    told = interview_form.read(request.POST, today=clock.day_of(at))
    lines = [*told.stay_lines, *told.contact_lines]
    problem = next((line.problem for line in lines if line.problem), None) or next(iter(told.problems.values()), None)
    if problem is not None:
        return JsonResponse({"problem": str(problem)}, status=422)
    for number in told.removed:
        services.remove_stay(case_id, number, by=viewer, at=at)
    has_core = "onset_date" in request.POST
    kept = services.record_interview(
        case_id,
        stays=told.stays,
        contacts=told.contacts,
        core=told.core if has_core else None,
        by=viewer,
        at=at,
        complete=False,
        draft=True,
    )
    return JsonResponse({"stays": kept.stays, "contacts": kept.contacts})


@require_POST
@signed_in("trace.investigate")
def captured(request: HttpRequest, case_id: int) -> HttpResponse:
    """Keep what the case said to one captured visit."""
    viewer, at = viewer_of(request), clock.now()
    row = queries.case(viewer, case_id)
    said = request.POST.get("said", "")
    begin, end = moment(request, "from_at"), moment(request, "to_at")
    really = None
    if said == "corrected":
        really = interview_form.hours_of(
            request.POST.get("really_from", ""), request.POST.get("really_to", ""), day=clock.day_of(begin)
        )
    services.answer_captured(
        row.pk,
        place_code=request.POST.get("place_code", ""),
        from_at=begin,
        to_at=end,
        said=said,
        by=viewer,
        at=at,
        really=really,
    )
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"said": str(rules.SAID[said])})
    return to("trace:interview", case_id)


@require_GET
@signed_in("trace.investigate")
def places(request: HttpRequest) -> HttpResponse:
    """Options for a place field, by what has been typed so far."""
    typed = request.GET.get("stay_place") or request.GET.get("contact_place") or request.GET.get("q", "")
    return render(request, "trace/places.html", {"places": queries.find_places(typed)})


_RELATIONS = (
    Label("家人", "family"),
    Label("同事", "colleague"),
    Label("同学", "classmate"),
    Label("朋友", "friend"),
    Label("同车", "passenger"),
    Label("护工", "carer"),
    Label("其他", "other"),
)
"""Words offered for how a contact knows the case; `rules.ground` knows more."""


def _core_values(row: Any) -> dict[str, str]:
    return {
        "onset_date": row.onset_date.isoformat() if row.onset_date else "",
        "occupation": row.occupation,
        "sex": row.sex,
        "age": "" if row.age is None else str(row.age),
    }
