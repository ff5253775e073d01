"""The system administrator's pages: who has an account, and which systems have a key."""

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry import administering
from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import place_by_code
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.server.accounts.confirming import confirmed

ABILITY = administering.ACCOUNTS
_QUIET = {
    "second_factor": administering.reset_second_factor,
    "forgive": administering.forgive,
    "close": administering.close_account,
    "reopen": administering.reopen_account,
}


@require_safe
@never_cache
@signed_in(ABILITY)
def accounts(request: HttpRequest) -> HttpResponse:
    """Every account below the administrator's places, and every key."""
    return _page(request)


@require_POST
@never_cache
@signed_in(ABILITY)
@confirmed
def make(request: HttpRequest) -> HttpResponse:
    """Make an account; its first password stands on the page that answers, once."""
    given = {name: request.POST.get(name, "").strip() for name in ("username", "place", "title_zh", "title_en")}
    if not given["title_zh"]:
        raise Refusal("Say what the person does (their title).", zh="请填写岗位名称。")
    try:
        password = administering.make_account(
            username=given["username"], place=place_by_code(given["place"]), title_zh=given["title_zh"],
            title_en=given["title_en"], by=viewer_of(request), at=clock.now(),
        )  # fmt: skip
    except ValidationError as error:
        raise Refusal(
            "A sign-in name has letters, digits and @ . + - _ only.", zh="登录名只能包含字母、数字和@.+-_。"
        ) from error
    return _page(request, told=(given["username"], password))


@require_POST
@never_cache
@signed_in(ABILITY)
@confirmed
def change(request: HttpRequest, username: str) -> HttpResponse:
    """A new password, a second factor reset, failures forgiven, the account closed or opened again."""
    by, at = viewer_of(request), clock.now()
    because, verb = request.POST.get("because", ""), request.POST.get("verb", "")
    who = administering.one_of(by, ABILITY, username)
    if not because.strip():
        raise Refusal("Say why; the record keeps it.", zh="请填写原因，将留存记录。")
    if verb == "password":
        return _page(request, told=(username, administering.new_password(who, by=by, at=at, because=because)))
    if verb not in _QUIET:
        raise NotFound("There is nothing of that name to do.", zh="没有此操作。")
    _QUIET[verb](who, by=by, at=at, because=because)
    messages.success(request, gettext("Done; it is on record."))
    return redirect("administration:accounts")


@require_POST
@never_cache
@signed_in(ABILITY)
@confirmed
def key(request: HttpRequest) -> HttpResponse:
    """Issue, rotate or revoke a machine key; a token stands on the page that answers, once."""
    by, at, number = viewer_of(request), clock.now(), request.POST.get("number", "")
    verb = request.POST.get("verb", "")
    if verb == "issue":
        name = request.POST.get("name", "").strip()[:80] or "-"
        place = place_by_code(request.POST.get("place", "").strip())
        token = administering.make_key(name=name, place=place, abilities=request.POST.getlist("ability"), by=by, at=at)
        return _page(request, told=(name, token))
    if not number.isdecimal() or verb not in {"rotate", "revoke"}:
        raise NotFound("There is nothing of that name to do.", zh="没有此操作。")
    if verb == "rotate":
        return _page(request, told=("", administering.rotate_key(int(number[:18]), by=by, at=at)))
    administering.revoke_key(int(number[:18]), by=by, at=at, because=request.POST.get("because", ""))
    messages.success(request, gettext("Done; it is on record."))
    return redirect("administration:accounts")


def _page(request: HttpRequest, told: tuple[str, str] | None = None) -> HttpResponse:
    by = viewer_of(request)
    people = list(administering.staff(by, ABILITY))
    careful = set(
        Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES)
        .filter(user__in=[one.account_id for one in people])
        .values_list("user_id", flat=True)
    )
    context = {
        "people": [(one, one.account_id in careful) for one in people],
        "keys": administering.keys(by),
        "abilities": administering.OF_MACHINES,
        "told": told,
    }
    return render(request, "administration/accounts.html", context)
