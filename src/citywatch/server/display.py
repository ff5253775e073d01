"""How somebody wants their pages: light or dark, usual or large type. A cookie of the browser keeps it, nobody else."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from citywatch.mechanisms.labels import Label

THEMES = {"system": Label("自动", "Automatic"), "light": Label("浅色", "Light"), "dark": Label("深色", "Dark")}
TYPES = {"usual": Label("标准", "Usual"), "large": Label("大字", "Large")}
_KEPT = 365 * 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Display:
    """What one browser asked for; anything unknown is as if nothing had been asked."""

    theme: str
    type: str

    @property
    def themes(self) -> list[tuple[str, Label]]:
        return list(THEMES.items())

    @property
    def types(self) -> list[tuple[str, Label]]:
        return list(TYPES.items())


def of(request: HttpRequest) -> Display:
    asked = request.COOKIES
    theme, size = asked.get("theme", ""), asked.get("type", "")
    return Display(theme if theme in THEMES else "system", size if size in TYPES else "usual")


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep what was chosen and go back to the page it was chosen on; needs no account."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    answer = HttpResponseRedirect(back)
    known: tuple[tuple[str, dict[str, Any]], ...] = (("theme", THEMES), ("type", TYPES))
    for name, values in known:
        if (value := request.POST.get(name, "")) in values:
            answer.set_cookie(name, value, max_age=_KEPT, samesite="Lax", secure=request.is_secure())
    return answer


urlpatterns = [path("display/", choose, name="display")]
