"""The drill's pages: in the city's own system the start, in the drill's the end and the after-action sheet."""

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry import queries as registry
from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.server.drill import exercise, launching
from citywatch.server.drill.after_action import Sheet
from citywatch.server.drill.after_action import sheet as judge
from citywatch.server.drill.document import after_action_docx
from citywatch.server.replay.folder import Folder

SPEEDS = (1, 10, 60, 300, 600)
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@require_safe
@signed_in("drill.start")
def home(request: HttpRequest) -> HttpResponse:
    """Start a drill, or see the one this system is."""
    if settings.DRILL:
        told = exercise.read(Path(settings.HOME))
        name = Path(told.folder).name if told else ""
        return render(request, "drill/running.html", {"exercise": told, "name": name, "speeds": SPEEDS})
    context = {"scenarios": launching.scenarios(), "drills": launching.drills(), "speeds": SPEEDS}
    return render(request, "drill/start.html", context)


@require_POST
@signed_in("drill.start")
def start(request: HttpRequest) -> HttpResponse:
    """Start a drill in a system of its own."""
    if settings.DRILL:
        raise Refusal("This system is a drill itself; start another from the city's own.", zh="本系统即为演练系统。")
    launching.start(request.POST.get("scenario", ""), speed=_speed(request), by=viewer_of(request), at=clock.now())
    return redirect("drill:home")


@require_POST
@signed_in("drill.start")
def pace(request: HttpRequest) -> HttpResponse:
    """Let city time run faster or slower from now on."""
    told = exercise.set_speed(Path(settings.HOME), _speed(request))
    journal.record(
        "drill.speed_changed", place=registry.city_place(), by=viewer_of(request), at=clock.now(), speed=told.speed
    )
    return redirect("drill:home")


@require_POST
@signed_in("drill.start")
def end(request: HttpRequest) -> HttpResponse:
    """End the drill; its time stands, and the sheet may be read."""
    at = clock.now()
    exercise.end(Path(settings.HOME), at=at)
    journal.record("drill.ended", place=registry.city_place(), by=viewer_of(request), at=at)
    return redirect("drill:sheet")


@require_safe
@signed_in("drill.start")
def sheet(request: HttpRequest) -> HttpResponse:
    """The after-action sheet."""
    return render(request, "drill/sheet.html", {"sheet": _sheet()})


@require_safe
@signed_in("drill.start")
def sheet_docx(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """The after-action sheet as a Word document."""
    response = HttpResponse(after_action_docx(_sheet()), content_type=_DOCX)
    response["Content-Disposition"] = 'attachment; filename="after-action.docx"'
    return response


def _sheet() -> Sheet:
    told = exercise.read(Path(settings.HOME))
    if told is None:
        raise NotFound("This system runs no drill.", zh="本系统没有演练。")
    return judge(told, Folder(Path(told.folder)))


def _speed(request: HttpRequest) -> float:
    try:
        return float(request.POST.get("speed", "1"))
    except ValueError:
        raise Refusal("The speed is no number; choose one of the list.", zh="倍速不是数字；请从列表中选择。") from None


urlpatterns = [
    path("", home, name="home"),
    path("start/", start, name="start"),
    path("pace/", pace, name="pace"),
    path("end/", end, name="end"),
    path("sheet/", sheet, name="sheet"),
    path("sheet.docx", sheet_docx, name="sheet_docx"),
]
