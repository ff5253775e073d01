"""One case."""

from typing import Any

from citywatch.city.trace.models import Case, Stay
from citywatch.mechanisms.jurisdiction.types import Viewer


def case(viewer: Viewer, case_id: int) -> Any:
    """One case, or the refusal that tells nothing."""
    return Case.objects.visible_to(viewer).select_related("place", "investigation__place").pick_one(case_id)


def may_see_investigation(viewer: Viewer, row: Any) -> bool:
    """Whoever sees a case sees the investigation that holds it."""
    return row.investigation_id is not None and viewer.may(Case.VIEW, row.place.path)


def stays(row: Any) -> list[Any]:
    return list(Stay.objects.filter(case=row).select_related("visited__parent").order_by("from_at"))


def case_by_barcode(barcode: str) -> int | None:
    """The case that a positive sample made, by the sample's barcode."""
    return Case.objects.filter(sample_barcode=barcode).values_list("pk", flat=True).first()


def is_interviewed(barcode: str) -> bool:
    """Whether the case of this sample has been interviewed (true too where there is no such case to ask)."""
    found = Case.objects.filter(sample_barcode=barcode)
    return not found.exists() or found.exclude(state="reported").exists()
