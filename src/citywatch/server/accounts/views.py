"""One's own sessions: where one is signed in, ending them, and how long this one lasts."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from citywatch.city.registry.access import signed_in_at_all
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.jurisdiction.models import Account
from citywatch.mechanisms.signin import sessions as open_sessions
from citywatch.server.accounts import browsers


@require_safe
@never_cache
@signed_in_at_all
def sessions(request: HttpRequest) -> HttpResponse:
    """Where one is signed in."""
    rows = [(row, browsers.described(row.browser)) for row in open_sessions.of(_account(request))]
    return render(request, "account/sessions.html", {"rows": rows, "current": request.session.session_key})


@require_POST
@signed_in_at_all
def end_session(request: HttpRequest) -> HttpResponse:
    """End one session by its number, or all but this one."""
    wanted = request.POST.get("session", "")
    if wanted == "others":
        open_sessions.end_all(_account(request), but=request.session.session_key or "")
    elif not wanted.isdecimal() or not open_sessions.end(_account(request), number=int(wanted[:18])):
        raise NotFound("This session is over already; look at the list again.", zh="该会话已结束；请刷新列表。")
    messages.success(request, gettext("Ended."))
    return redirect("sessions")


@require_http_methods(["GET", "POST"])
@never_cache
@signed_in_at_all
def session_left(request: HttpRequest) -> HttpResponse:
    """Seconds until this session ends if nobody does anything; a POST says that somebody is there."""
    left = request.session_left  # type: ignore[attr-defined]
    return JsonResponse({"left": int(left.total_seconds())})


def _account(request: HttpRequest) -> Account:
    return request.user  # type: ignore[return-value]


urlpatterns = [
    path("sessions/", sessions, name="sessions"),
    path("sessions/end/", end_session, name="end_session"),
    path("session/", session_left, name="session_left"),
]
