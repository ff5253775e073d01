"""What the pages of warning read from a request, and the answer that sends a browser on."""

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language

from citywatch.city.warn import queries
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.types import Viewer

KEYS = {"close": "c", "watch": "w", "verify": "v", "merge": "m"}
_SEE_OTHER = 303


def because_of(request: HttpRequest) -> str:
    """A remembered reason (the button pressed) or the text written beside it."""
    return (request.POST.get("quick") or request.POST.get("because") or "").strip()


def reasons_of(viewer: Viewer) -> dict[str, list[str]]:
    return queries.remembered_reasons(viewer, language=get_language() or "zh")


def number_of(text: str | None, otherwise: int) -> int:
    if text is None or not text:
        return otherwise
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Refusal(f"{text[:20]!r} is not a number; use the links of the page.", zh="编号无效；请使用页面上的链接。")
    return int(text)


def see_other(name: str, *args: int, query: str = "") -> HttpResponseRedirect:
    response = HttpResponseRedirect(reverse(name, args=args) + (f"?{query}" if query else ""))
    response.status_code = _SEE_OTHER
    return response
