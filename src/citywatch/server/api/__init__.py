"""The API under /api/: machine keys or a signed-in session, refusals as one sentence, docs page served from here."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import APIKeyCookie, HttpBearer

from citywatch import __version__
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.services import viewer_for, viewer_for_key
from citywatch.server import wiring
from citywatch.server.api.reading import CleanJson

_REFUSALS = {
    401: "No key and no session: nobody is asking",
    403: "Not part of the caller's role or place",
    404: "Nothing there that the caller may see",
    409: "Contradicts something already recorded",
    408: "Stopped coming; nothing was taken in",
    422: "Cannot be taken as it was sent",
    429: "Too many of the caller's requests at once; nothing was taken in, come back after `Retry-After` seconds",
    503: "Busy; nothing was taken in, come back after `Retry-After` seconds",
}
_SHOWN_PROBLEMS = 5


class Wrong(Schema):
    """What every refused request is answered with: one sentence."""

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


class CityAPI(NinjaAPI):
    """The API, whose description names for every operation how it refuses."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        described = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        described["components"].setdefault("schemas", {})["Wrong"] = Wrong.json_schema()
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Wrong"}}}
        for operations in described["paths"].values():
            for operation in operations.values():
                for status, words in _REFUSALS.items():
                    operation["responses"].setdefault(status, {"description": words, "content": content})
        return described


api = CityAPI(
    title="CityWatch 城市卫哨",
    version=__version__,
    auth=[MachineKeyAuth(), SessionAuth(csrf=True)],
    docs_url="/docs",
    urls_namespace="api",
    parser=CleanJson(),
)


@api.exception_handler(Refusal)
def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Answer a refusal with its status and sentence."""
    return _wrong(request, str(refusal), refusal.status)


@api.exception_handler(ValidationError)
def misread(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Say in one sentence which fields do not fit."""
    found = [f"{_field(problem['loc'])}: {problem['msg']}" for problem in error.errors[:_SHOWN_PROBLEMS]]
    return _wrong(request, f"{'; '.join(found)}. See /api/docs for what this request takes.", 422)


@api.exception_handler(AuthenticationError)
def unknown(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    """Nobody is asking."""
    sentence = "Send a machine key as `Authorization: Bearer …`, or sign in first."
    return _wrong(request, sentence, 401)


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """A body that is no JSON is refused like any other content that cannot be taken."""
    if isinstance(error.__cause__, Refusal):  # raised while the body was read
        return refused(request, error.__cause__)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return _wrong(request, "The body is not JSON; see /api/docs for what this request takes.", 422)
    return _wrong(request, str(error), error.status_code)


def _wrong(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    return api.create_response(request, {"detail": sentence}, status=status)


def _field(where: tuple[object, ...]) -> str:
    """The field's own name: ninja puts the source and the parameter before it."""
    names = [str(part) for part in where[1:]] or ["request"]
    return ".".join(names[1:] if where[0] == "body" and len(names) > 1 else names)


class CityOut(Schema):
    """City time, and what the caller may do."""

    now: str
    caller: str
    abilities: list[str]


class Reacted(Schema):
    """How many journal entries were reacted to."""

    reacted: int


@api.get("/city", response=CityOut, tags=["city"])
def city(request: HttpRequest) -> dict[str, object]:
    """City time, and what the caller may do."""
    viewer = request.viewer  # type: ignore[attr-defined]
    return {"now": clock.now().isoformat(), "caller": viewer.name, "abilities": sorted(viewer.reach)}


@api.post("/react", response=Reacted, tags=["city"], include_in_schema=False)
def react(request: HttpRequest) -> dict[str, int]:  # noqa: ARG001 - ninja's signature
    """Let reactions catch up now (the worker does so every minute)."""
    return {"reacted": wiring.catch_up()}


def mount() -> NinjaAPI:
    """Add every area's router and hand over the whole."""
    from citywatch.server.api import (  # noqa: PLC0415 - routers import `api`'s neighbours
        lab,
        registry,
        report,
        respond,
        sense,
        trace,
        warn,
    )

    for prefix, router in {
        "/registry": registry.router,
        "": sense.router,
        "/lab": lab.router,
        "/warn": warn.router,
        "/trace": trace.router,
        "/respond": respond.router,
        "/report": report.router,
    }.items():
        api.add_router(prefix, router)
    return api
