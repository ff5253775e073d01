"""What every request passes: who asks, how a refusal is answered, and reactions to what it changed."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Account
from citywatch.mechanisms.jurisdiction.services import viewer_for
from citywatch.mechanisms.jurisdiction.types import NOBODY
from citywatch.server import wiring

Answer = Callable[[HttpRequest], HttpResponse]
_SAFE = {"GET", "HEAD", "OPTIONS"}
_log = logging.getLogger(__name__)


def viewer(answer: Answer) -> Answer:
    """Give the request its `viewer`, from the grants in force now."""

    def ask(request: HttpRequest) -> HttpResponse:
        user = request.user
        viewer = viewer_for(user, at=clock.now()) if isinstance(user, Account) else NOBODY
        request.viewer = viewer  # type: ignore[attr-defined]
        return answer(request)

    return ask


class refusals:  # noqa: N801 - Django middleware with an exception hook must be a class; it reads as its siblings do
    """Answer a `Refusal` raised by a view with its sentence and status."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _holds_zero(request):
            en = "What was sent holds a zero character; delete it and try again."
            return self._answer(request, Refusal(en, zh="输入中含有空字符；请删除后重试。"))
        return self.answer(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return self._answer(request, exception) if isinstance(exception, Refusal) else None

    @staticmethod
    def _answer(request: HttpRequest, refusal: Refusal) -> HttpResponse:
        if request.path.startswith("/api/"):
            return JsonResponse({"detail": str(refusal)}, status=refusal.status)
        template = "partials/refusal.html" if getattr(request, "htmx", False) else "refusal.html"
        return render(request, template, {"sentence": str(refusal)}, status=refusal.status)


def _holds_zero(request: HttpRequest) -> bool:
    """PostgreSQL keeps no zero character, so none comes past this door (the API's JSON has a door of its own)."""
    if request.path.startswith("/api/"):
        return "\0" in request.path
    sent = [request.GET] if request.method in _SAFE else [request.GET, request.POST]
    return "\0" in request.path or any("\0" in text for part in sent for _, texts in part.lists() for text in texts)


def reactions(answer: Answer) -> Answer:
    """After a request that did something others react to, let them react to new journal entries.

    The worker does the same every minute, so a process killed in between loses nothing; and whoever made the request
    gets their answer, whatever goes wrong downstream. Reactions take turns; most reports wake none and need not wait.
    """

    def ask(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        if request.method not in _SAFE and not wiring.REACTIONS.keys().isdisjoint(journal.kinds_recorded()):
            try:
                wiring.catch_up()
            except Exception:  # noqa: BLE001
                _log.exception("Reactions could not catch up after %s %s.", request.method, request.path)
        return response

    return ask
