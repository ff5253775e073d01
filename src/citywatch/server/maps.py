"""The city's outline and tile grid for the maps of every page.

The outlines are schematic (示意图), never a legal boundary; an installation may replace the file.
"""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.urls import path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from citywatch.city.registry import reference

_DAY = 24 * 3600


def _city() -> str:
    if settings.CITYWATCH_CITY not in reference.CITIES:
        raise Http404("This city has no outline; put one beside the others in registry/reference.")
    return str(settings.CITYWATCH_CITY)


@require_safe
@login_required
@cache_control(private=True, max_age=_DAY)
def outline(_request: HttpRequest) -> HttpResponseBase:
    """The districts' outlines as GeoJSON; each feature has `code`, `name_zh`, `name_en` and `centre`.

    `outline.geojson` in the installation's folder, where there is one, takes the place of the committed file.
    """
    own = settings.HOME / "outline.geojson"
    file = own if own.exists() else reference.outline(_city())
    return FileResponse(file.open("rb"), content_type="application/geo+json")


@require_safe
@login_required
@cache_control(private=True, max_age=_DAY)
def grid(_request: HttpRequest) -> HttpResponseBase:
    """One cell a district: `{cells: [{code, col, row, name_zh, name_en}]}`."""
    city = _city()
    names = {division.code: division for division in reference.divisions(city)}
    cells = [
        {
            "code": tile.code,
            "col": tile.col,
            "row": tile.row,
            "name_zh": names[tile.code].name_zh,
            "name_en": names[tile.code].name_en,
        }
        for tile in reference.tile_grid(city)
    ]
    return JsonResponse({"cells": cells})


urlpatterns = [path("outline.geojson", outline, name="outline"), path("grid.json", grid, name="grid")]
