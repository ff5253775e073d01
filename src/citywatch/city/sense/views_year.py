"""The page of a year's reports by day."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.sense.streams import FORM_OF_STREAM, STREAM_NAMES
from citywatch.city.sense.year import findings_of, year
from citywatch.mechanisms import clock


@require_safe
@signed_in("sense.view")
def calendar(request: HttpRequest) -> HttpResponse:
    """A stream's reports on each day of the last year, whole or of one finding."""
    stream = request.GET.get("stream", "") or next(iter(FORM_OF_STREAM))
    finding = request.GET.get("finding", "")
    if stream in FORM_OF_STREAM and finding not in dict(findings_of(stream)):
        finding = ""  # the finding chosen before, of another stream
    found = year(viewer_of(request), stream=stream, finding=finding, at=clock.now())
    context = {
        "found": found,
        "chart": {
            "days": [day.isoformat() for day in found.days],
            "values": found.counts,
            "name": str(found.label),
        },
        "streams": [(code, STREAM_NAMES[code]) for code in FORM_OF_STREAM],
        "findings": findings_of(stream),
    }
    return render(request, "sense/calendar.html", context)
