"""What every request of somebody signed in passes: is the session still good, and was the second factor proven?"""

from collections.abc import Callable

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.models import Account
from citywatch.mechanisms.jurisdiction.types import NOBODY
from citywatch.mechanisms.signin import sessions
from citywatch.server.accounts import browsers
from citywatch.server.accounts.session_words import ENROLLED

Answer = Callable[[HttpRequest], HttpResponse]
_OPEN = ("/accounts/", "/i18n/", "/static/", "/health")
"""What somebody whose second factor is not proven yet may use: setting it up, the language, signing out."""
_WATCHING = ("/accounts/session/", "/warn/live/")
"""What a page asks by itself, how long the session lasts and what is new on the desk; asking is no activity."""


def entrance(answer: Answer) -> Answer:
    """End a session that is over; ask for the second factor that a role demands."""

    def ask(request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, Account) or not request.user.is_authenticated:
            return answer(request)
        standing = _standing(request, request.user)
        if standing.ended:
            return _ended(request, standing.ended)
        request.session_left = standing.left  # type: ignore[attr-defined]
        if _lacks_second_factor(request, request.user) and not request.path.startswith(_OPEN):
            return _asked_for_factor(request, request.user)
        return answer(request)

    return ask


def careful() -> bool:
    """Whether this installation enforces what roles ask of a sign-in (not in the demo, in drills or in tests)."""
    return bool(settings.SIGN_IN_ENFORCED)


def proven(request: HttpRequest, account: Account) -> bool:
    """Whether the second factor was given, or set up, in this very session."""
    if not Authenticator.objects.filter(user=account).exclude(type=Authenticator.Type.RECOVERY_CODES).exists():
        return False
    records = get_authentication_records(request, account)
    return bool(request.session.get(ENROLLED)) or any(record["method"] == "mfa" for record in records)


def _standing(request: HttpRequest, account: Account) -> sessions.Standing:
    htmx = bool(getattr(request, "htmx", False))
    by_page = request.path in _WATCHING or (htmx and request.method == "GET")
    return sessions.look(
        account,
        key=request.session.session_key or "",
        address=browsers.address_of(request),
        browser=request.headers.get("User-Agent", ""),
        idle=request.viewer.idle if careful() else None,  # type: ignore[attr-defined]
        active=request.method == "POST" or not by_page,
        at=clock.wall(),
    )


def _lacks_second_factor(request: HttpRequest, account: Account) -> bool:
    asked = account.is_staff or request.viewer.second_factor  # type: ignore[attr-defined]
    return careful() and asked and not proven(request, account)


def _ended(request: HttpRequest, why: sessions.Ended) -> HttpResponse:
    idle = request.viewer.idle  # type: ignore[attr-defined]
    sessions.end_keys([request.session.session_key or ""])
    logout(request)
    request.viewer = NOBODY  # type: ignore[attr-defined]
    if why == "idle":
        minutes = int(idle.total_seconds() // 60)
        sentence = gettext("You were signed out after %(minutes)s minutes without activity.") % {"minutes": minutes}
    else:
        sentence = gettext("You were signed out: a session lasts twelve hours at most.")
    return _to_sign_in(request, sentence)


def _asked_for_factor(request: HttpRequest, account: Account) -> HttpResponse:
    if Authenticator.objects.filter(user=account).exclude(type=Authenticator.Type.RECOVERY_CODES).exists():
        logout(request)  # signed in before the factor was there: its owner signs in anew, a thief cannot
        request.viewer = NOBODY  # type: ignore[attr-defined]
        return _to_sign_in(request, gettext("Sign in again with your second factor."))
    if request.path.startswith("/api/") or getattr(request, "htmx", False):
        return JsonResponse({"detail": gettext("Your role asks for a second factor; set it up first.")}, status=403)
    return redirect("mfa_activate_totp")


def _to_sign_in(request: HttpRequest, sentence: str) -> HttpResponse:
    if request.path.startswith("/api/") or request.path in _WATCHING:
        return JsonResponse({"detail": sentence}, status=401)
    if getattr(request, "htmx", False):
        return HttpResponse(status=204, headers={"HX-Redirect": "/accounts/login/"})
    messages.info(request, sentence)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
