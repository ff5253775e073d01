"""Sign-in rules that differ from the library's defaults."""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Account, Place
from citywatch.mechanisms.jurisdiction.services import viewer_for
from citywatch.mechanisms.signin import attempts
from citywatch.mechanisms.signin.models import OpenSession
from citywatch.mechanisms.vault.sealing import key_named, seal, unseal
from citywatch.server.accounts import browsers
from citywatch.server.accounts.session_words import ENROLLED

_JUST_IN = timedelta(minutes=10)
_SEALED = "sealed:"
_BOUND = "mfa.authenticator.data"


class SignIn(DefaultAccountAdapter):  # type: ignore[misc]  # the library has no types
    """Accounts are made by an administrator; passwords are tried slowly; a second factor confirms."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - the library's signature
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Account | None:
        """The library's own limit is one for everybody, so a stranger can use it up; ours is in `signin.attempts`."""
        login = str(credentials.get("username", ""))
        try:
            tried = attempts.admit(
                login,
                address=browsers.address_of(request),
                browser=browsers.known(request, login),
                at=clock.wall(),
            )
        except attempts.TooManyTries as refusal:
            page = render(request, "account/lockout.html", {"sentence": str(refusal)}, status=refusal.status)
            raise ImmediateHttpResponse(page) from refusal
        user = authenticate(request, **credentials)
        if not isinstance(user, Account):
            attempts.failed(tried)
            return None
        attempts.succeeded(tried)
        return user

    def post_login(self, request: HttpRequest, user: Account, **told: Any) -> HttpResponse:
        """Through every stage: from now on this browser is known, and the journal says who came in."""
        response: HttpResponse = super().post_login(request, user, **told)
        browsers.remember(request, response, user.get_username())
        city = Place.objects.filter(kind=Place.Kind.CITY).order_by("pk").first()
        if city is not None:
            at = clock.now()
            by = viewer_for(user, at=at)
            journal.record(
                "signin.entered", place=city, by=by, at=at, subject=user, address=browsers.address_of(request)
            )
        return response

    def is_reauthentication_required(self, *, app: str, **told: Any) -> bool:
        """Who has just given the password, or just set up a second factor, is not asked again to go on with it."""
        if app == "allauth.mfa" and self._just_proven():
            return False
        required: bool = super().is_reauthentication_required(app=app, **told)
        return required

    def _just_proven(self) -> bool:
        session, now = self.request.session, clock.wall()
        if now.timestamp() - session.get(ENROLLED, 0) < _JUST_IN.total_seconds():
            return True
        if SecondFactor().is_mfa_enabled(self.request.user):
            return False
        begun = OpenSession.objects.filter(session_key=session.session_key or "").first()
        return begun is not None and now - begun.begun_at < _JUST_IN

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Whoever has a second factor confirms with it; a password alone is what a thief would have."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return [one for one in methods if one["id"] != "reauthenticate"] or methods


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]  # the library has no types
    """Secrets of second factors lie sealed in the database."""

    def get_totp_issuer(self) -> str:
        return "CityWatch"

    def encrypt(self, text: str) -> str:
        return _SEALED + seal(text.encode(), key=key_named("signin"), bound_to=_BOUND).hex()

    def decrypt(self, encrypted_text: str) -> str:
        """What an installation stored before secrets were sealed reads as it is."""
        if not encrypted_text.startswith(_SEALED):
            return encrypted_text
        sealed = bytes.fromhex(encrypted_text.removeprefix(_SEALED))
        return unseal(sealed, key=key_named("signin"), bound_to=_BOUND).decode()
