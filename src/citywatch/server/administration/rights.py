"""The security administrator's pages: who may do what, where, and until when."""

from datetime import date, datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry import administering, services
from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import place_by_code
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.jurisdiction.models import Role
from citywatch.server.accounts.confirming import confirmed

ABILITY = administering.RIGHTS


@require_safe
@signed_in(ABILITY)
def rights(request: HttpRequest) -> HttpResponse:
    """Every account with what it may do, and the roles."""
    by, at = viewer_of(request), clock.now()
    people = [
        (one, list(services.grants_in_force(one.account, at=at)))
        for one in administering.staff(by, ABILITY)
        if one.account.is_active
    ]
    return render(
        request,
        "administration/rights.html",
        {"people": people, "roles": Role.objects.order_by("code"), "own": request.user.pk},
    )


@require_POST
@signed_in(ABILITY)
@confirmed
def give(request: HttpRequest, username: str) -> HttpResponse:
    """Give somebody a role over a place."""
    by, at = viewer_of(request), clock.now()
    administering.give_role(
        administering.one_of(by, ABILITY, username),
        role=request.POST.get("role", ""),
        place=place_by_code(request.POST.get("place", "").strip()),
        until=_until(request.POST.get("until", "")),
        by=by,
        at=at,
        because=request.POST.get("because", "")[:200],
    )
    messages.success(request, gettext("Done; it is on record."))
    return redirect("administration:rights")


@require_POST
@signed_in(ABILITY)
@confirmed
def take(request: HttpRequest, username: str) -> HttpResponse:
    """Take a role away."""
    by, at, number = viewer_of(request), clock.now(), request.POST.get("grant", "")
    if not number.isdecimal():
        raise NotFound("This right is gone already.", zh="该授权已不存在。")
    administering.take_role(
        administering.one_of(by, ABILITY, username), int(number[:18]), by=by, at=at,
        because=request.POST.get("because", "")[:200],
    )  # fmt: skip
    messages.success(request, gettext("Done; it is on record."))
    return redirect("administration:rights")


def _until(given: str) -> datetime | None:
    """The end of the day somebody chose; none for a right without an end."""
    if not given.strip():
        return None
    try:
        return clock.start_of(date.fromisoformat(given) + timedelta(days=1))
    except (ValueError, OverflowError):
        raise Refusal(
            "The last day is no date; choose one like 2026-12-31.", zh="截止日期格式不正确；示例：2026-12-31。"
        ) from None
