"""The interview."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from citywatch.city.registry.access import signed_in
from citywatch.city.trace import interview_form, queries, rules, services
from citywatch.city.trace.views.asked import to, viewer_of
from citywatch.city.trace.views.cases import occupations, rule_of
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal


@require_http_methods(["GET", "POST"])
@signed_in("trace.investigate")
def interview(request: HttpRequest, case_id: int) -> HttpResponse:
    """The interview form; told in parts as often as needed."""
    row = queries.case(viewer_of(request), case_id)
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
                    by=viewer_of(request),
                    at=clock.now(),
                    complete=told.complete,
                )
            except Refusal as refusal:
                sentence = str(refusal)
            else:
                return to("trace:case", case_id)
    return render(
        request,
        "trace/interview.html",
        {
            "row": row,
            "line": queries.lines([row], viewer_of(request), at=clock.now())[0],
            "told": told.with_room(),
            "sentence": sentence,
            "occupations": occupations(),
            "grounds": rules.GROUNDS,
            "kinds": rules.KINDS.items(),
            "definitions": rules.DEFINITIONS.items(),
            "rule": rule_of(row),
        },
        status=422 if request.method == "POST" else 200,
    )


@require_GET
@signed_in("trace.investigate")
def places(request: HttpRequest) -> HttpResponse:
    """Options for a place field, by what has been typed so far."""
    typed = request.GET.get("stay_place") or request.GET.get("contact_place") or request.GET.get("q", "")
    return render(request, "trace/places.html", {"places": queries.find_places(typed)})


def _core_values(row: Any) -> dict[str, str]:
    return {
        "onset_date": row.onset_date.isoformat() if row.onset_date else "",
        "occupation": row.occupation,
        "sex": row.sex,
        "age": "" if row.age is None else str(row.age),
    }
