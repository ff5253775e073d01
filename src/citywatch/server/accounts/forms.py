"""The library's forms for second factors: a code works once, wrong ones are counted, a session knows who set one up."""

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django.core.exceptions import ValidationError

from citywatch.mechanisms import clock
from citywatch.mechanisms.signin import attempts
from citywatch.mechanisms.signin.codes import use_once
from citywatch.server.accounts import browsers
from citywatch.server.accounts.session_words import ENROLLED


def _spend(user: Any, *, secret: str, code: str) -> None:
    for step in auth.yield_hotp_counters_from_time():
        if auth.format_hotp_value(auth.hotp_value(secret, step)) == _digits(code) and use_once(
            user, secret=secret, step=step
        ):
            return
    raise get_adapter().validation_error("incorrect_code")


def _digits(code: str) -> str:
    return "".join(character for character in code if character.isdecimal())


class _Counted:
    """Wrong codes are few for an account and a browser, whichever process they reach."""

    def clean_code(self) -> str:
        user, request = self.user, context.request  # type: ignore[attr-defined]
        login = user.get_username()
        try:
            tried = attempts.admit_code(
                login,
                address=browsers.address_of(request),
                browser=browsers.known(request, login),
                at=clock.wall(),
            )
        except attempts.TooManyTries as refusal:
            raise ValidationError(str(refusal)) from refusal
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except ValidationError:
            attempts.failed(tried, of=user)
            raise
        attempts.succeeded(tried)
        return code


class _WorksOnce:
    """A code that was used is wrong, in whatever process and however soon it comes again."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        used: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if used.type == Authenticator.Type.TOTP:
            _spend(self.user, secret=decrypt(used.data["secret"]), code=code)  # type: ignore[attr-defined]
        return code


class Authenticate(_Counted, _WorksOnce, AuthenticateForm):  # type: ignore[misc]  # the library has no types
    """The second step of signing in."""


class Reauthenticate(_Counted, _WorksOnce, ReauthenticateForm):  # type: ignore[misc]  # the library has no types
    """Confirming before something weighty."""


class ActivateTOTP(ActivateTOTPForm):  # type: ignore[misc]  # the library has no types
    """Setting up an authenticator app."""

    def clean_code(self) -> str:
        code: str = super().clean_code()
        _spend(self.user, secret=self.secret, code=code)
        context.request.session[ENROLLED] = clock.wall().timestamp()
        return code


class AddWebAuthn(AddWebAuthnForm):  # type: ignore[misc]  # the library has no types
    """Setting up a security key."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        if cleaned.get("credential"):
            context.request.session[ENROLLED] = clock.wall().timestamp()
        return cleaned
