"""Pages of one case: its fortnight, its clocks, its contacts, its identity."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from citywatch.city.registry import reference
from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import districts
from citywatch.city.trace import queries, rules, services
from citywatch.city.trace.views.asked import moment, numbers, to, told
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.services import open_identities
from citywatch.mechanisms.vault.types import Identity


@require_GET
@signed_in("trace.view")
def case(request: HttpRequest, case_id: int) -> HttpResponse:
    """One case: its fortnight, stays and contacts."""
    return _case_page(request, queries.case(viewer_of(request), case_id))


@require_POST
@never_cache
@signed_in("vault.open")
def identity(request: HttpRequest, case_id: int) -> HttpResponse:
    """Open a case's identity for a stated purpose; journaled, shown once, kept nowhere."""
    row = queries.case(viewer_of(request), case_id)
    if row.person_id is None:
        raise Refusal("This case has no identity on record.", zh="该病例没有身份信息。")
    purpose = request.POST.get("purpose", "")
    opened = open_identities([row.person_id], by=viewer_of(request), purpose=purpose, at=clock.now())
    return _case_page(request, row, opened=opened[row.person_id], purpose=purpose)


@require_POST
@signed_in("trace.investigate")
def classify(request: HttpRequest, case_id: int) -> HttpResponse:
    """Reclassify a case."""
    services.classify_case(
        case_id,
        classification=request.POST.get("classification", ""),
        **told(request),
    )
    return to("trace:case", case_id)


@require_POST
@signed_in("trace.investigate")
def case_move(request: HttpRequest, case_id: int) -> HttpResponse:
    """Take a case one step on."""
    services.move_case(
        case_id,
        request.POST.get("move", ""),
        **told(request),
    )
    return to("trace:case", case_id)


@require_POST
@signed_in("trace.investigate")
def case_hand_over(request: HttpRequest, case_id: int) -> HttpResponse:
    """Hand a case to another district."""
    services.hand_over_case(case_id, request.POST.get("to", ""), **told(request))
    return to("trace:case", case_id)


@require_POST
@signed_in("trace.investigate")
def case_answer(request: HttpRequest, case_id: int) -> HttpResponse:
    """Accept a case that another district handed over, or send it back with a reason."""
    who = told(request)
    if request.POST.get("move") == "decline":
        services.decline_case(case_id, **who)
    else:
        services.accept_case(case_id, by=who["by"], at=who["at"])
    return to("trace:case", case_id)


def _case_page(request: HttpRequest, row: Any, *, opened: Identity | None = None, purpose: str = "") -> HttpResponse:
    viewer, at = viewer_of(request), clock.now()
    line, masked, contact_lines = queries.case_with_contacts(viewer, row, at=at)
    told = queries.told_with(row)
    timeline = queries.timeline(viewer, row, at=at, told=told.stays.get(row.pk, ()))
    if row.person_id and not timeline.withheld:
        services.note_reading(row, what="timeline", by=viewer, at=at)
    return render(
        request,
        "trace/case.html",
        {
            "row": row,
            "line": line,
            "masked": masked,
            "opened": opened,
            "purpose": purpose,
            "timeline": timeline,
            "certainties": rules.CERTAINTIES.items(),
            "districts": districts(),
            "close": [line.row for line in contact_lines if line.row.kind == "close"],
            "now": at,
            "contacts": contact_lines,
            "rule": rule_of(row),
            "occupation": dict(occupations()).get(row.occupation, row.occupation),
            "classifications": rules.CLASSIFICATIONS.items(),
            "kinds": rules.KINDS.items(),
            "grounds": rules.GROUNDS,
            "may_investigate": queries.may_work(viewer, row),
            "may_answer": row.state == "offered" and viewer.may("trace.investigate", row.place.path),
            "other_row": queries.other_row(row),
            "shared": queries.shared_places(viewer, row, at=at, told=told, known=timeline.places),
            "may_open": bool(row.person_id) and viewer.may_anywhere("vault.open"),
            "shows_investigation": queries.may_see_investigation(viewer, row),
        },
    )


def occupations() -> list[tuple[str, Label]]:
    """The occupations of a report card."""
    return [(one.code, Label(one.name_zh, one.name_en)) for one in reference.occupations()]


def rule_of(row: Any) -> object:
    """The windows of a case in words."""
    rule = rules.window_rule(clock.day_of(row.reported_at))
    return rule.describe(row.investigation.look_back_days if row.investigation else None)


@require_POST
@signed_in("trace.investigate")
def isolate(request: HttpRequest, case_id: int) -> HttpResponse:
    """Say when a case was isolated."""
    services.isolate_case(
        case_id,
        isolated_at=moment(request, "isolated_at"),
        **told(request),
    )
    return to("trace:case", case_id)


@require_http_methods(["GET", "POST"])
@signed_in("trace.investigate")
def beside(request: HttpRequest, case_id: int) -> HttpResponse:
    """Who the log saw beside a case, or (ring 2) beside its close contacts; those ticked become contacts."""
    viewer, at = viewer_of(request), clock.now()
    row = queries.case(viewer, case_id)
    ring = 2 if (request.POST.get("ring") or request.GET.get("ring")) == "2" else 1
    if request.method == "POST":
        services.list_candidates(case_id, numbers(request.POST.getlist("person")), ring=ring, by=viewer, at=at)
        return to("trace:case", case_id)
    services.note_reading(row, what=f"ring {ring}", by=viewer, at=at)
    found = (queries.second_ring if ring == 2 else queries.beside)(viewer, row, at=at)
    return render(
        request,
        "trace/beside.html",
        {
            "row": row,
            "found": found,
            "ring": ring,
            "least": rules.LEAST_MINUTES,
            "most": rules.MOST_CANDIDATES,
            "thresholds": {"minutes": rules.RING_MINUTES, "largest": rules.RING_LARGEST, "days": rules.RING_DAYS},
        },
    )
