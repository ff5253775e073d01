"""The rows a verb acts on, picked as the viewer may see them."""

from typing import cast

from citywatch.city.registry.queries import city_place
from citywatch.city.trace.lifecycles import GIVEN_AWAY
from citywatch.city.trace.models import Case, Contact, Investigation
from citywatch.mechanisms.errors import Conflict
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import clock_rule

SOURCE_LOCK = "source-lock"


def district_of(place: Place) -> Place:
    """The district a place lies in; the city itself where it lies in none."""
    code = place.district_code or place.codes[0]
    return place if place.code == code else Place.objects.get(code=code)


def case_row(case_id: int, by: Viewer) -> Case:
    rows = Case.objects.visible_to(by).select_related("place", "investigation")
    return cast("Case", rows.pick_one(case_id))


def worked_case(case_id: int, by: Viewer) -> Case:
    """The case, for somebody who works it now: its district's, and not while it is on the way to another."""
    case = case_row(case_id, by)
    must(by, "trace.investigate", case.place)
    if case.state in {"offered", *GIVEN_AWAY}:
        raise Conflict(
            f"Case {case.title} is “{case.state_label.en}”; only the district that has accepted it works on it.",
            zh=f"病例{case.title}当前为“{case.state_label.zh}”；由已接收的区负责处理。",
        )
    return case


def investigation_row(investigation_id: int, by: Viewer) -> Investigation:
    rows = Investigation.objects.visible_to(by).select_related("place")
    return cast("Investigation", rows.pick_one(investigation_id))


def contact_row(contact_id: int, by: Viewer) -> Contact:
    rows = Contact.objects.visible_to(by).select_related("place", "case")
    return cast("Contact", rows.pick_one(contact_id))


def limit_hours(code: str) -> float:
    """A clock's limit in hours, for pages that print it."""
    return clock_rule(code).limit.total_seconds() / 3600


def tracing() -> Viewer:
    """The machine that moves a row where another district's answer moves it."""
    return machine("trace", place=city_place(), abilities=["trace.investigate", "trace.view"])
