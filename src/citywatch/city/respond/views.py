"""Pages of command and of those who carry orders out."""

from dataclasses import fields
from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.respond import queries, services
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal

_SEE_OTHER = 303
_DIGITS = 19  # a number of the database has fewer


@require_safe
@signed_in("respond.view")
def incidents(request: HttpRequest) -> HttpResponse:
    """Every incident with its levels and how its orders stand."""
    return render(request, "respond/incidents.html", {"incidents": queries.incidents(viewer_of(request))})


@require_safe
@signed_in("respond.view")
def incident(request: HttpRequest, incident_id: int) -> HttpResponse:
    """One incident on one screen: level, orders by recipient, log."""
    page = queries.incident_page(viewer_of(request), incident_id)
    return render(request, "respond/incident.html", {f.name: getattr(page, f.name) for f in fields(page)})


@require_POST
@signed_in("respond.command")
def decide(request: HttpRequest, incident_id: int) -> HttpResponse:
    """The commander's decision on the level."""
    made = services.decide_level(
        incident_id,
        request.POST.get("level", ""),
        by=viewer_of(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
        attested=request.POST.getlist("attested"),
    )
    messages.success(
        request,
        ngettext("Level decided; %d order drafted.", "Level decided; %d orders drafted.", len(made)) % len(made),
    )
    return _back_to(incident_id)


@require_POST
@signed_in("respond.command")
def order_new(request: HttpRequest, incident_id: int) -> HttpResponse:
    """One more order in the commander's own words."""
    services.draft_order(
        incident_id,
        recipient=request.POST.get("recipient", ""),
        place_code=request.POST.get("place", ""),
        text=request.POST.get("text", ""),
        within=_hours(request.POST.get("within_hours", "")),
        by=viewer_of(request),
        at=clock.now(),
    )
    messages.success(request, _("Order drafted."))
    return _back_to(incident_id)


@require_POST
@signed_in("respond.command")
def issue_all(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Send every drafted order at once."""
    count = services.issue_orders(incident_id, by=viewer_of(request), at=clock.now())
    messages.success(request, ngettext("%d order issued.", "%d orders issued.", count) % count)
    return _back_to(incident_id)


@require_POST
@signed_in("respond.command")
def incident_move(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Prepare to close, keep open, close."""
    services.move_incident(
        incident_id,
        request.POST.get("move", ""),
        by=viewer_of(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return _back_to(incident_id)


@require_POST
@signed_in("respond.command", "respond.sign")
def order_move(request: HttpRequest, order_id: int) -> HttpResponse:
    """Issue, sign for, report done or cancel one order, then go back to the page it was done from."""
    services.move_order(
        order_id,
        request.POST.get("move", ""),
        by=viewer_of(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    back = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = reverse("respond:my_orders")
    return HttpResponseRedirect(back, status=_SEE_OTHER)


@require_POST
@signed_in("respond.sign")
def sign_all(request: HttpRequest) -> HttpResponse:
    """Sign for every order that stood on the page, and for none that came since."""
    ids = [int(given) for given in request.POST.getlist("order") if given.isdecimal() and len(given) < _DIGITS]
    number = services.sign_orders(ids, by=viewer_of(request), at=clock.now())
    messages.success(request, ngettext("%d order signed.", "%d orders signed.", number) % number)
    return HttpResponseRedirect(reverse("respond:my_orders"), status=_SEE_OTHER)


@require_safe
@signed_in("respond.sign", "respond.view")
def my_orders(request: HttpRequest) -> HttpResponse:
    """What this viewer has to sign for and to report done, on a phone as on a desk."""
    viewer = viewer_of(request)
    orders = queries.orders_to_sign(viewer)
    unsigned = [one.id for one in orders if any(move.name == "sign" for move in one.moves)]
    return render(
        request,
        "respond/my_orders.html",
        {"orders": orders, "unsigned": unsigned, "finished": queries.finished_orders(viewer)},
    )


def _back_to(incident_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("respond:incident", args=[incident_id]), status=_SEE_OTHER)


def _hours(text: str) -> timedelta:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24 * 30:
        raise Refusal(
            f"A deadline of {text!r} hours makes no sense; give 0.5 to 720.",
            zh=f"时限“{text}”小时不合理；请填写0.5至720。",
        )
    return timedelta(hours=hours)
