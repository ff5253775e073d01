"""One case."""

from typing import Any

from citywatch.city.trace.lifecycles import GIVEN_AWAY
from citywatch.city.trace.models import Case, Stay
from citywatch.city.trace.queries.contacts import handed_over_by, handed_over_to
from citywatch.mechanisms.jurisdiction.types import Viewer


def case(viewer: Viewer, case_id: int) -> Any:
    """One case, or the refusal that tells nothing."""
    return (
        Case.objects.visible_to(viewer)
        .select_related("place", "investigation__place", "from_row__place")
        .pick_one(case_id)
    )


def may_see_investigation(viewer: Viewer, row: Any) -> bool:
    """Whoever sees a case sees the investigation that holds it."""
    return row.investigation_id is not None and viewer.may(Case.VIEW, row.place.path)


def may_work(viewer: Viewer, row: Any) -> bool:
    """Whether the viewer works this case now: not while it is on its way to another district, nor after."""
    return row.state not in {"offered", *GIVEN_AWAY} and viewer.may("trace.investigate", row.place.path)


def other_row(row: Any) -> Any:
    """The other row of a hand-over under way or done, of which the viewer may know the district and the state."""
    if row.state == "handed_over":
        return row.handed_to.select_related("place").order_by("-pk").first()
    return row.from_row


def stays(row: Any) -> list[Any]:
    return list(Stay.objects.filter(case=row).select_related("visited__parent__parent").order_by("from_at"))


def case_by_barcode(barcode: str) -> int | None:
    """The case that a positive sample made, by the sample's barcode."""
    found = Case.objects.filter(sample_barcode=barcode).exclude(state__in=GIVEN_AWAY)
    return found.values_list("pk", flat=True).first()


def is_interviewed(barcode: str) -> bool:
    """Whether the case of this sample has been interviewed (true too where there is no such case to ask)."""
    found = Case.objects.filter(sample_barcode=barcode).exclude(state__in=GIVEN_AWAY)
    return not found.exists() or found.exclude(state__in=("reported", "offered")).exists()


def cases_waiting(viewer: Viewer) -> list[Any]:
    """Cases that other districts handed over and that wait for this viewer's answer."""
    return handed_over_to(viewer, Case)


def cases_given(viewer: Viewer) -> list[Any]:
    """The viewer's cases that went to another district, each with the row it last became."""
    return handed_over_by(viewer, Case)


def line_list(viewer: Viewer) -> Any:
    """Every case the viewer's districts are responsible for, in the order reported; those given away are others'."""
    rows = Case.objects.visible_to(viewer).select_related("place", "investigation").exclude(state__in=GIVEN_AWAY)
    return rows.order_by("reported_at", "pk")


def stays_told(viewer: Viewer) -> Any:
    """Where those cases were, as told or recorded, case by case."""
    rows = Stay.objects.visible_to(viewer).select_related("case", "visited__parent", "place")
    return rows.exclude(case__state__in=GIVEN_AWAY).order_by("case_id", "from_at", "pk")
