"""The command screen, the situation sheet as page and as DOCX, and what the press office sees."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.report import queries, rules, sheet
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@require_safe
@signed_in("report.view")
def command(request: HttpRequest) -> HttpResponse:
    """The wall: everything that runs, on one screen."""
    return render(request, "report/command.html", {"command": queries.command(viewer_of(request))})


@require_safe
@signed_in("report.view")
def command_live(request: HttpRequest) -> HttpResponse:
    """The wall's inside, fetched again every 15 seconds."""
    return render(request, "report/wall.html", {"command": queries.command(viewer_of(request))})


@require_safe
@signed_in("report.view")
def situation(request: HttpRequest) -> HttpResponse:
    """The situation sheet, now or as known at a past moment."""
    as_of = _as_of(request)
    found = queries.situation(viewer_of(request), as_of)
    context = {
        "situation": found,
        "title": sheet.title(found),
        "columns": [line.rule for line in found.figures if line.rule.code in rules.MAIN],
        "curve": {
            "days": [line.day.isoformat() for line in reversed(found.days) if line.day],
            "series": [
                {
                    "name": str(found.figure("cases").rule.label),
                    "values": [line.new["cases"] for line in reversed(found.days) if line.day],
                }
            ],
            "coming": {
                "days": [clock.day_of(found.as_of).isoformat()]
            },  # the day is not over; what came before is all in
        },
        "asked": request.GET.get("as_of", ""),
    }
    return render(request, "report/situation.html", context)


@require_safe
@signed_in("report.view")
def situation_docx(request: HttpRequest) -> HttpResponse:
    """The same sheet as a Word document."""
    as_of = _as_of(request)
    response = HttpResponse(sheet.situation_docx(queries.situation(viewer_of(request), as_of)), content_type=_DOCX)
    name = as_of.astimezone(clock.SHANGHAI).strftime("situation-%Y%m%d-%H%M.docx")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@signed_in("report.public", "report.press")
def press(request: HttpRequest) -> HttpResponse:
    """Aggregates in public words: no small number, no person."""
    urls = {"public_url": reverse("public:home"), "publish_url": reverse("public:publish")}
    return render(request, "report/press.html", {"sheet": queries.press_sheet(viewer_of(request)), **urls})


def _as_of(request: HttpRequest) -> datetime:
    """The moment asked for, read as city time where it has no zone; now where none is asked."""
    text = request.GET.get("as_of", "")
    if not text:
        return clock.now()
    moment = clock.moment_of(text)
    if moment is None:
        raise Refusal(
            f"{text!r} is no moment; write it as 2020-06-11T15:00.",
            zh=f"“{text}”不是有效时间；请写成2020-06-11T15:00。",
        )
    if moment > clock.now():
        raise Refusal("That moment has not come yet; choose an earlier one.", zh="所选时间尚未到来；请选择更早的时间。")
    return moment
