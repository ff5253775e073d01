"""The API under /api/: machine keys or a signed-in session, refusals as one sentence, docs page served from here."""

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.security import APIKeyCookie, HttpBearer

from citywatch import __version__
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.services import viewer_for, viewer_for_key
from citywatch.server import wiring


class Wrong(Schema):
    """What every refused request is answered with."""

    detail: str


class MachineKeyAuth(HttpBearer):
    """`Authorization: Bearer …` of a reporting system, bound to one institution."""

    def authenticate(self, request: HttpRequest, token: str) -> object | None:
        found = viewer_for_key(token)
        if found is None:
            return None
        request.viewer, request.site = found  # type: ignore[attr-defined]
        return request.viewer  # type: ignore[attr-defined]


class SessionAuth(APIKeyCookie):
    """The session of somebody signed in on the pages (with the CSRF token for changes)."""

    param_name = "sessionid"

    def authenticate(self, request: HttpRequest, key: str | None) -> object | None:  # noqa: ARG002 - the session speaks
        if not request.user.is_authenticated:
            return None
        request.viewer = viewer_for(request.user, at=clock.now())  # type: ignore[attr-defined, arg-type]
        request.site = None  # type: ignore[attr-defined]
        return request.user


api = NinjaAPI(
    title="CityWatch 城市卫哨",
    version=__version__,
    auth=[MachineKeyAuth(), SessionAuth(csrf=True)],
    docs_url="/docs",
    urls_namespace="api",
)


@api.exception_handler(Refusal)
def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Answer a refusal with its status and sentence."""
    return api.create_response(request, {"detail": str(refusal)}, status=refusal.status)


@api.get("/city", response=dict, tags=["city"])
def city(request: HttpRequest) -> dict[str, object]:
    """City time, and what the caller may do."""
    viewer = request.viewer  # type: ignore[attr-defined]
    return {"now": clock.now(), "caller": viewer.name, "abilities": sorted(viewer.reach)}


@api.post("/react", response=dict, tags=["city"], include_in_schema=False)
def react(request: HttpRequest) -> dict[str, int]:  # noqa: ARG001 - ninja's signature
    """Let reactions catch up now (the worker does so every minute)."""
    return {"reacted": wiring.catch_up()}


def mount() -> NinjaAPI:
    """Add every area's router and hand over the whole."""
    from citywatch.server.api import report, respond, sense, trace, warn  # noqa: PLC0415 - routers import `api`'s neighbours

    for prefix, router in {
        "": sense.router,
        "/warn": warn.router,
        "/trace": trace.router,
        "/respond": respond.router,
        "/report": report.router,
    }.items():
        api.add_router(prefix, router)
    return api
