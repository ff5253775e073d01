"""Pages of home visits: the worker's list on the phone, what the street and the district have to see to, who visits."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.trace import services
from citywatch.city.trace.queries import visiting
from citywatch.city.trace.views.asked import numbers, see_other, told
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.labels import Label

PURPOSE = Label("居家随访", "Home visit")


@require_safe
@signed_in("trace.visit")
def visits(request: HttpRequest) -> HttpResponse:
    """Who is to be visited today, who was, and who is a concern; for the district also whom nobody visits yet."""
    viewer, at = viewer_of(request), clock.now()
    found = visiting.visit_lists(viewer, at=at)
    may_ask = viewer.may_anywhere("trace.investigate")
    context = {
        "found": found,
        "total": found.counts["due"] + found.counts["done"],
        "most": visiting.MOST_SHOWN,
        "today": clock.day_of(at),
        "is_worker": viewer.may_anywhere("sense.submit"),
        "may_open": viewer.may_anywhere("vault.open"),
        "may_ask": may_ask,
        "waiting": visiting.nobody_visits(viewer, at=at) if may_ask else (),
        "committees": visiting.committees(viewer) if may_ask else (),
    }
    return render(request, "trace/visits.html", context)


@require_POST
@never_cache
@signed_in("trace.visit")
def visit_identity(request: HttpRequest, visiting_id: int) -> HttpResponse:
    """Name, telephone and address of one who is to be visited; journaled, shown once, kept nowhere."""
    viewer = viewer_of(request)
    row, who = services.open_visited(visiting_id, by=viewer, purpose=PURPOSE.zh, at=clock.now())
    context = {"row": row, "who": who, "may_visit": viewer.may("sense.submit", row.place.path)}
    return render(request, "trace/visit_identity.html", context)


@require_POST
@signed_in("trace.investigate")
def visits_ask(request: HttpRequest) -> HttpResponse:
    """Have a committee visit all ticked contacts; those that cannot be are named on the page that follows."""
    chosen = numbers(request.POST.getlist("contact"))
    if not chosen:
        raise Refusal("Nobody was chosen; tick at least one row.", zh="未选择任何人；请至少勾选一行。")
    outcome = services.ask_visits(chosen, request.POST.get("committee", ""), **told(request))
    if outcome.moved:
        number = len(outcome.moved)
        messages.success(request, str(Label(f"已安排随访{number}人。", f"{number} will be visited.")))
    for one in outcome.refused:
        messages.error(request, f"{one.title}: {one.why}")
    return see_other(reverse("trace:visits"))


@require_POST
@signed_in("trace.investigate")
def visits_end(request: HttpRequest, visiting_id: int) -> HttpResponse:
    """Visit somebody no longer, for a reason."""
    services.end_visits(visiting_id, **told(request))
    return see_other(reverse("trace:visits"))
