"""The page where a list about people is asked for, approved and taken."""

from urllib.parse import quote

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.interop.tables.watermark import marked
from citywatch.interop.tables.write import xlsx_bytes
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotAllowed, NotFound
from citywatch.mechanisms.jurisdiction.models import Account, Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault import exporting
from citywatch.mechanisms.vault.models import Export
from citywatch.mechanisms.vault.pseudonyms import PURPOSES, purpose_of
from citywatch.server.accounts.confirming import confirmed
from citywatch.server.exports.sheets import KINDS, Kind, Sheet

app_name = "exports"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TAKEN_BY = Label("导出标识", "Taken by")


@require_safe
@never_cache
@signed_in("export.take", "export.approve")
def home(request: HttpRequest) -> HttpResponse:
    """What can be exported, what one asked for, and what waits for one's agreement."""
    viewer, at = viewer_of(request), clock.now()
    context = {
        "kinds": [one for one in KINDS.values() if viewer.may_anywhere(one.ability)],
        "purposes": list(PURPOSES.values()),
        "own": [_line(one) for one in exporting.own(_account(request), at)],
        "waiting": [_line(one) for one in exporting.waiting(viewer)],
        "tracks": exporting.MOST_TRACKS,
        "rows": exporting.MOST_ROWS,
    }
    return render(request, "exports/home.html", context)


@require_POST
@signed_in("export.take")
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a list, saying what for."""
    viewer, kind = viewer_of(request), _kind(request.POST.get("kind", ""), viewer_of(request))
    made = exporting.ask(
        kind.code, kind.fill(viewer).size, purpose=request.POST.get("purpose", ""), account=_account(request),
        place=_place(viewer), by=viewer, at=clock.now(), because=request.POST.get("because", "")[:500],
    )  # fmt: skip
    if made.second:
        messages.info(request, gettext("A second person has to agree; they find it on this page."))
    return redirect("exports:home")


@require_POST
@signed_in("export.approve")
@confirmed
def approve(request: HttpRequest) -> HttpResponse:
    """Agree to somebody else's export."""
    exporting.approve(_number(request), by=viewer_of(request), at=clock.now())
    messages.success(request, gettext("Done; it is on record."))
    return redirect("exports:home")


@require_POST
@never_cache
@signed_in("export.take")
@confirmed
def take(request: HttpRequest) -> HttpResponse:
    """The list as a file, once, marked as this person's."""
    viewer, account = viewer_of(request), _account(request)
    asked = Export.objects.filter(pk=_number(request), account=account).first()
    kind = _kind(asked.kind if asked else "", viewer)
    sheet = kind.fill(viewer)
    made = exporting.take(_number(request), sheet.size, account=account, by=viewer, at=clock.now())
    name = quote(f"{kind.title}-{made.pk}.xlsx")
    return HttpResponse(
        _file(kind, sheet, made, account),
        content_type=_XLSX,
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Cache-Control": "no-store"},
    )


def _file(kind: Kind, sheet: Sheet, made: Export, account: Account) -> bytes:
    """The rows with the mark nobody sees, and on each the one everybody sees."""
    purpose = purpose_of(made.purpose)
    seen = f"{account.username} #{made.pk} {clock.now().astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}"
    told = marked(kind.told(sheet, purpose), mark=made.mark, column=kind.column(purpose))
    return xlsx_bytes([str(label) for label in (*kind.header(purpose), _TAKEN_BY)], [[*row, seen] for row in told])


def _line(made: Export) -> tuple[Export, Label, Label]:
    return made, KINDS[made.kind].title, PURPOSES[made.purpose].title


def _kind(code: str, viewer: Viewer) -> Kind:
    kind = KINDS.get(code)
    if kind is None:
        raise NotFound("There is no such list.", zh="没有此清单。")
    if not viewer.may_anywhere(kind.ability):
        raise NotAllowed("This list is not part of your role.", zh="此清单不在您的角色权限内。")
    return kind


def _place(viewer: Viewer) -> Place:
    """Where the export is entered: the highest place the asker may export for."""
    return Place.objects.get(path=min(viewer.paths(exporting.TAKE), key=len))


def _number(request: HttpRequest) -> int:
    number = request.POST.get("export", "")
    if not number.isdecimal():
        raise NotFound("There is no such export.", zh="没有此导出申请。")
    return int(number[:18])


def _account(request: HttpRequest) -> Account:
    return request.user  # type: ignore[return-value]


urlpatterns = [
    path("", home, name="home"),
    path("ask/", ask, name="ask"),
    path("approve/", approve, name="approve"),
    path("take/", take, name="take"),
]
