"""Pages of contacts."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import districts
from citywatch.city.trace import queries, rules, services
from citywatch.city.trace.views.asked import PER_PAGE, back, numbers, told
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.finding import Sought
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.services import clock_rule


@require_GET
@signed_in("trace.view")
def contacts(request: HttpRequest) -> HttpResponse:
    """Contacts to be notified and moved, the longest known first."""
    at = clock.now()
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    one = Sought.of(request.GET.get("number", "")).numbers("K")
    rows = queries.worklist(viewer_of(request), kind=kind, state=state, number=one[0] if one else None)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "trace/contacts.html",
        {
            "page": page,
            "lines": queries.lines(list(page.object_list), viewer_of(request), at=at),
            "kinds": rules.KINDS.items(),
            "states": services.CONTACT_STATES.items(),
            "kind": kind,
            "state": state,
            "one": one,
            "late_contacts": queries.late_contacts(viewer_of(request), at=at),
            "rule": clock_rule("contact-transfer"),
            "waiting": queries.lines(queries.handed_over_to(viewer_of(request)), viewer_of(request), at=at),
            "given": queries.handed_over_by(viewer_of(request)),
            "districts": districts(),
            "may_act": viewer_of(request).may_anywhere("trace.investigate"),
        },
    )


@require_POST
@signed_in("trace.investigate")
def contact_move(request: HttpRequest, contact_id: int) -> HttpResponse:
    """Take a contact one step on and go back to where the button was."""
    services.move_contact(
        contact_id,
        request.POST.get("move", ""),
        **told(request),
    )
    return back(request, reverse("trace:contacts"))


@require_POST
@signed_in("trace.investigate")
def contacts_move(request: HttpRequest) -> HttpResponse:
    """Take all ticked contacts one step on; those that could not go are named on the page that follows."""
    viewer, at = viewer_of(request), clock.now()
    chosen, move = numbers(request.POST.getlist("contact")), request.POST.get("move", "")
    if not chosen:
        raise Refusal("Nobody was chosen; tick at least one row.", zh="未选择任何人；请至少勾选一行。")
    because = request.POST.get("because", "")
    if move == "hand_over":
        outcome = services.hand_over_contacts(chosen, request.POST.get("to", ""), by=viewer, at=at, because=because)
    else:
        outcome = services.move_contacts(chosen, move, by=viewer, at=at, because=because)
    if outcome.moved:
        done = Label(f"已处理{len(outcome.moved)}人。", f"Done for {len(outcome.moved)}.")
        messages.success(request, str(done))
    for one in outcome.refused:
        messages.error(request, f"{one.title}: {one.why}")
    return back(request, reverse("trace:contacts"))


@require_POST
@signed_in("trace.investigate")
def contact_answer(request: HttpRequest, contact_id: int) -> HttpResponse:
    """Accept a contact that another district handed over, or send it back with a reason."""
    viewer, at = viewer_of(request), clock.now()
    if request.POST.get("move") == "decline":
        services.decline_contact(contact_id, by=viewer, at=at, because=request.POST.get("because", ""))
    else:
        services.accept_contact(contact_id, by=viewer, at=at)
    return back(request, reverse("trace:contacts"))


@require_POST
@signed_in("trace.investigate")
def contact_judge(request: HttpRequest, contact_id: int) -> HttpResponse:
    """Judge a contact anew."""
    services.judge_contact(
        contact_id,
        kind=request.POST.get("kind", ""),
        ground=request.POST.get("ground", ""),
        through=next(iter(numbers([request.POST.get("through", "")])), None),
        **told(request),
    )
    return back(request, reverse("trace:contacts"))
