"""What every request passes: who asks, how a refusal is answered, and reactions to what it changed."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.models import Account
from citywatch.mechanisms.jurisdiction.services import viewer_for
from citywatch.mechanisms.jurisdiction.types import NOBODY
from citywatch.server import wiring

Answer = Callable[[HttpRequest], HttpResponse]
_SAFE = {"GET", "HEAD", "OPTIONS"}


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
        return self.answer(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Refusal):
            template = "partials/refusal.html" if getattr(request, "htmx", False) else "refusal.html"
            return render(request, template, {"sentence": str(exception)}, status=exception.status)
        return None


def reactions(answer: Answer) -> Answer:
    """After a request that may have changed something, let downstream areas react to new journal entries.

    The worker does the same every few seconds, so a process killed in between loses nothing.
    """

    def ask(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        if request.method not in _SAFE:
            wiring.catch_up()
        return response

    return ask
