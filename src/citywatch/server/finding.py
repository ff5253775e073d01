"""One box for what somebody has in hand: a case's number, a tube's barcode, words of a title, a person's ID number.

Only what the asker's lists hold is found, and hidden and absent are answered alike. An ID number, or the code a person
bears in a list that left, finds rows for those who might open the identity, with a purpose and on record; it is sent in
a form and never stands in an address.
"""

from collections.abc import Callable
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.lab import queries as lab
from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import city_place
from citywatch.city.respond import queries as respond
from citywatch.city.trace import queries as trace
from citywatch.city.warn import queries as warn
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.finding import Found, Sought
from citywatch.mechanisms.forms.identifiers import is_resident_number, tidy
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.pseudonyms import as_code
from citywatch.server import navigation

app_name = "find"
FINDERS: tuple[Callable[[Viewer, Sought], list[Found]], ...] = (trace.find, lab.find, warn.find, respond.find)
OF_PERSON = (trace.of_person, lab.of_person)
DOORS = ("trace.view", "lab.view", "warn.view", "respond.view")
IDENTITY = "vault.open"
KINDS = {
    "case": (Label("病例", "Case"), "trace:case"),
    "contact": (Label("密切接触者", "Contact"), ""),
    "sample": (Label("标本", "Sample"), "lab:sample"),
    "investigation": (Label("流调", "Investigation"), "trace:investigation"),
    "risk_point": (Label("风险点位", "Risk point"), ""),
    "event": (Label("事件", "Event"), "warn:event"),
    "incident": (Label("应急响应", "Incident"), "respond:incident"),
}


@require_safe
@never_cache
@signed_in(*DOORS)
def home(request: HttpRequest) -> HttpResponse:
    """What the words of the address find; without any, the box."""
    sought = Sought.of(request.GET.get("q", "")[:100])
    if sought.is_a_person:
        return _page(request, person=sought.words)
    found = [one for find in FINDERS for one in find(viewer_of(request), sought)] if sought.is_enough else None
    return _page(request, sought=sought, found=found, pages=_pages(request, sought) if found is not None else [])


@require_POST
@never_cache
@signed_in(*DOORS)
def ask(request: HttpRequest) -> HttpResponse:
    """Words go into the address, to be shared and gone back to; what names a person goes back into its own form."""
    sought = Sought.of(request.POST.get("q", "")[:100])
    if sought.is_a_person:
        return _page(request, person=sought.words)
    return redirect(f"{reverse('find:home')}?{urlencode({'q': sought.words})}")


@require_POST
@never_cache
@signed_in(IDENTITY)
def person(request: HttpRequest) -> HttpResponse:
    """The rows of the person behind an ID number, or a code of a list that left; that it was asked is on record."""
    typed, purpose = request.POST.get("person", "")[:40], request.POST.get("purpose", "")[:200]
    number, code = tidy(typed), as_code(typed)
    if not (code or is_resident_number(number)):
        raise Refusal(
            "This is neither a resident ID number (18 characters, the last must fit the others) nor the code of a list "
            "(three times four letters and digits). Check what was typed.",
            zh="既不是有效的身份证号（18位且校验码正确），也不是导出清单中的代号（三组各四位）；请核对。",
        )
    viewer = viewer_of(request)
    known = vault.sought(id_number=number, code=code, by=viewer, purpose=purpose, place=city_place(), at=clock.now())
    found = [one for of_person in OF_PERSON for one in of_person(viewer, known or 0)]
    return _page(request, found=found, purpose=purpose)


def _pages(request: HttpRequest, sought: Sought) -> list[navigation.Item]:
    wanted = sought.words.casefold()
    items = navigation.for_viewer(viewer_of(request))
    return [item for item in items if wanted in item.label.zh or wanted in item.label.en.casefold()]


def _page(request: HttpRequest, *, found: list[Found] | None = None, **more: object) -> HttpResponse:
    lines = None if found is None else [(KINDS[one.kind][0], one, _address(one)) for one in found]
    context = {"lines": lines, "may_seek": viewer_of(request).may_anywhere(IDENTITY), **more}
    return render(request, "finding/home.html", context)


def _address(one: Found) -> str:
    """Where a row is shown: its own page, or a list."""
    if one.kind == "contact":
        return f"{reverse('trace:contacts')}?number={one.number}"
    return reverse("trace:risk_points") if one.kind == "risk_point" else reverse(KINDS[one.kind][1], args=[one.number])


urlpatterns = [
    path("", home, name="home"),
    path("ask/", ask, name="ask"),
    path("person/", person, name="person"),
]
