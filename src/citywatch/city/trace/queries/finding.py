"""Cases, contacts, investigations and risk points by what somebody knows of them."""

from typing import Any

from django.db.models import Q

from citywatch.city.trace.models import Case, Contact, RiskPoint
from citywatch.city.trace.queries.investigations import seen_by
from citywatch.city.trace.whereabouts import full_name
from citywatch.mechanisms.finding import MOST, Found, Sought
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label

PUBLISHED = Label("已公布", "published")


def find(viewer: Viewer, sought: Sought) -> list[Found]:
    """By number, label or barcode; investigations by words of their title, risk points by those of their place."""
    # As written and in capitals, and not by UPPER(): an index has to find them among a city's cases.
    written = {sought.words, sought.words.upper()} - {""}
    cases = Q(pk__in=sought.numbers("C")) | Q(sample_barcode__in=written) | Q(label__in=written)
    named = Q(title_zh__icontains=sought.words) | Q(title_en__icontains=sought.words)
    opened = seen_by(viewer).filter(named).select_related("place").order_by("state", "-opened_at")
    return [
        *_cases(Case.objects.visible_to(viewer).filter(cases)),
        *_contacts(Contact.objects.visible_to(viewer).filter(pk__in=sought.numbers("K"))),
        *(Found.row("investigation", row, row.title) for row in opened[:MOST]),
        *_points(viewer, sought.words),
    ]


def of_person(viewer: Viewer, person_id: int) -> list[Found]:
    """The cases and contacts this person is or was, among those the viewer may see."""
    return [
        *_cases(Case.objects.visible_to(viewer).filter(person_id=person_id)),
        *_contacts(Contact.objects.visible_to(viewer).filter(person_id=person_id)),
    ]


def _points(viewer: Viewer, words: str) -> list[Found]:
    named = Q(place__name_zh__icontains=words) | Q(place__name_en__icontains=words)
    named |= Q(place__parent__name_zh__icontains=words) | Q(place__parent__name_en__icontains=words)
    rows = RiskPoint.objects.visible_to(viewer).filter(named).select_related("place__parent").order_by("-published_at")
    return [
        Found(
            "risk_point",
            row.pk,
            full_name(row.place),
            Label(row.place.parent.name_zh, row.place.parent.name_en),
            PUBLISHED,
        )
        for row in rows[:MOST]
    ]


def _cases(rows: Any) -> list[Found]:
    return [Found.row("case", row, row.title) for row in rows.select_related("place").order_by("-reported_at")[:MOST]]


def _contacts(rows: Any) -> list[Found]:
    found = rows.select_related("place").order_by("-judged_at")[:MOST]
    return [Found.row("contact", row, row.title) for row in found]
