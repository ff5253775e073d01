"""Confirming who one is before something weighty: with the second factor, or the password where there is none."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse

from citywatch.server.accounts.gate import careful

View = Callable[..., HttpResponse]


def confirmed(view: View) -> View:
    """Let a view answer only whoever confirmed in the last five minutes; others confirm first and then come back."""

    @wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if careful() and not did_recently_reauthenticate(request):
            raise ReauthenticationRequired
        return view(request, *args, **kwargs)

    return door
