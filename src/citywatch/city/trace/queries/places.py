"""Places: published ones, and those a person may mean."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q

from citywatch.city.registry.queries import place_facts
from citywatch.city.trace import whereabouts
from citywatch.city.trace.models import RiskPoint
from citywatch.city.trace.types import RiskPointFacts
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label


def risk_points(viewer: Viewer | None = None, *, investigation_id: int | None = None) -> list[RiskPointFacts]:
    """Published risk points, newest first; what is published is known to all, a viewer narrows it to their places."""
    rows = RiskPoint.objects.all() if viewer is None else RiskPoint.objects.visible_to(viewer)
    if investigation_id is not None:
        rows = rows.filter(investigation_id=investigation_id)
    points = rows.select_related("investigation", "place__parent").order_by("-published_at", "-pk")
    return [risk_point_facts(point) for point in points]


def risk_point_facts(point: RiskPoint) -> RiskPointFacts:
    return RiskPointFacts(
        id=point.pk,
        investigation_id=point.investigation_id,
        event_id=point.investigation.event_id,
        place_id=point.place_id,
        code=point.place.code,
        name=whereabouts.full_name(point.place),
        district_code=point.place.district_code,
        lon=point.place.lon,
        lat=point.place.lat,
        published_at=point.published_at,
        because=point.because,
        hours_from_first_positive=point.hours,
    )


def find_places(text: str, *, limit: int = 12) -> list[Any]:
    """Places whose code or name holds the text, where people can be (no districts or streets)."""
    wanted = text.strip()
    if not wanted:
        return []
    named = Q(code__startswith=wanted) | Q(name_zh__icontains=wanted) | Q(name_en__icontains=wanted)
    named |= Q(parent__name_zh__icontains=wanted, parent__kind="market")
    return list(
        Place.objects.filter(named)
        .exclude(kind__in=whereabouts.AREAS)
        .select_related("parent")
        .order_by("code")[:limit]
    )


def place_names(ids: Collection[int]) -> dict[int, Label]:
    """Names of places, for pages."""
    return {pk: facts.name for pk, facts in place_facts(ids).items()}


def place_typed(text: str) -> list[str]:
    """The codes a person may mean by what they typed: a code, "code name", or a name."""
    wanted = text.strip()
    first = wanted.split(" ")[0]
    exact = Place.objects.filter(code=first).exclude(kind__in=whereabouts.AREAS).values_list("code", flat=True)
    if exact:
        return list(exact)
    named = Place.objects.filter(Q(name_zh=wanted) | Q(name_en=wanted)).exclude(kind__in=whereabouts.AREAS)
    return list(named.values_list("code", flat=True)[:2])
