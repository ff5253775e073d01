"""The door of every page: signed in, and holding the page's ability somewhere."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from citywatch.city.registry.queries import areas_read_once
from citywatch.mechanisms.errors import NotAllowed
from citywatch.mechanisms.jurisdiction.types import Viewer

View = Callable[..., HttpResponseBase]


def viewer_of(request: HttpRequest) -> Viewer:
    """Who asks, as `server.middleware` found them."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    return viewer


def signed_in(*abilities: str) -> Callable[[View], View]:
    """Let a view answer only viewers who hold one of `abilities` somewhere; services and querysets decide where."""

    def wrap(view: View) -> View:
        @wraps(view)
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            viewer = viewer_of(request)
            if not any(viewer.may_anywhere(ability) for ability in abilities):
                raise NotAllowed("This page is not part of your role.", zh="此页面不在您的角色权限内。")
            if request.method != "GET":
                return view(request, *args, **kwargs)
            with areas_read_once():
                return view(request, *args, **kwargs)

        return door

    return wrap


def signed_in_at_all(view: View) -> View:
    """Let a view answer anybody with an account: it shows them what is their own."""

    @wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return door
