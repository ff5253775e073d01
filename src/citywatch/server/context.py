"""What every page's template knows: the city, city time, the viewer, the navigation and whether this is a demo."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.types import NOBODY
from citywatch.server import display, finding, navigation


def page(request: HttpRequest) -> dict[str, Any]:
    viewer = getattr(request, "viewer", NOBODY)
    return {
        "viewer": viewer,
        "city_now": clock.now(),
        "demo": settings.DEMO,
        "enforced": settings.SIGN_IN_ENFORCED,
        "display": display.of(request),
        "navigation": navigation.for_viewer(viewer),
        "finds": any(viewer.may_anywhere(ability) for ability in finding.DOORS),
    }
