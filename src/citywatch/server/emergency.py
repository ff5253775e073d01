"""The page for breaking the glass: opening one case of another place, and reviewing what was opened."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import city_place
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.vault import emergency
from citywatch.server.accounts.confirming import confirmed

app_name = "emergency"
_LARGEST = 2**63 - 1
_SHOWN = 100


@require_safe
@signed_in("emergency.open", "emergency.see", "emergency.review")
def home(request: HttpRequest) -> HttpResponse:
    """What one has open, what was opened at one's places, and the form."""
    at = clock.now()
    context = {
        "own": emergency.own(request.user, at),  # type: ignore[arg-type]
        "rows": emergency.listed(viewer_of(request))[:_SHOWN],
        "rule": emergency.rule(clock.day_of(at)).describe(),
        "now": at,
    }
    return render(request, "emergency/home.html", context)


@require_POST
@signed_in("emergency.open")
@confirmed
def open_case(request: HttpRequest) -> HttpResponse:
    """Open one case by its number."""
    number = request.POST.get("number", "").strip().upper().removeprefix("C")  # pages call case 17 C0017
    if not number.isdecimal() or int(number[:30]) > _LARGEST:
        raise Refusal("Give the number of the case, like C0017 or 17.", zh="请填写病例编号，如C0017或17。")
    made = emergency.open_row(
        "trace.case", int(number), account=request.user, by=viewer_of(request), at=clock.now(),  # type: ignore[arg-type]
        because=request.POST.get("because", ""), city=city_place(),
    )  # fmt: skip
    return redirect("trace:case", made.number)


@require_POST
@signed_in("emergency.review")
def review(request: HttpRequest) -> HttpResponse:
    """Say whether an opening was justified."""
    number, said = request.POST.get("opening", ""), request.POST.get("justified", "")
    if not number.isdecimal() or said not in {"yes", "no"}:
        raise Refusal("Say whether it was justified.", zh="请选择是否合理。")
    emergency.review(
        int(number[:18]), justified=said == "yes", finding=request.POST.get("finding", ""), by=viewer_of(request),
        at=clock.now(),
    )  # fmt: skip
    messages.success(request, gettext("Done; it is on record."))
    return redirect("emergency:home")


urlpatterns = [
    path("", home, name="home"),
    path("open/", open_case, name="open"),
    path("review/", review, name="review"),
]
