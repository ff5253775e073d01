"""What was found at the doors of those who stay at home, by the number on the list under which each was visited."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from citywatch.city.sense.definitions import asked, visit
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.labels import Label

_REACHED, _SYMPTOMS, _NEEDS = dict(visit.REACHED), dict(asked.SYMPTOMS), dict(visit.NEEDS)


@dataclass(frozen=True, slots=True)
class HomeVisit:
    """One visit as told: `site` is the place that visited, `number` the one on its list."""

    site: int
    number: str
    at: datetime
    on: date
    is_reached: bool
    reached: Label
    symptoms: tuple[Label, ...]
    temperature: float | None
    needs: tuple[Label, ...]


def home_visits(sites: Collection[int], first: date, last: date, *, at: datetime) -> list[HomeVisit]:
    """The visits these places made, both days included, as known at `at`, oldest first; for whoever may see the lists.

    Ask it for places whose list the viewer sees, and show of it the numbers that stand there.
    """
    if not sites:
        return []
    rows = Submission.objects.filter(
        place_id__in=sites,
        form=visit.FORM.code,
        occurred_on__range=(first, last),
        recorded_at__lte=at,
        corrected_by__isnull=True,
    ).order_by("occurred_at", "pk")
    return [_visit(*row) for row in rows.values_list("place_id", "occurred_at", "occurred_on", "answers")]


def _visit(site: int, at: datetime, on: date, told: dict[str, object]) -> HomeVisit:
    reached = str(told["reached"])
    temperature = told.get("temperature")
    return HomeVisit(
        site,
        str(told["contact"]),
        at,
        on,
        reached != visit.NOT_REACHED,
        _REACHED[reached],
        tuple(_SYMPTOMS[code] for code in _codes(told.get("symptoms"))),
        float(str(temperature)) if temperature is not None else None,
        tuple(_NEEDS[code] for code in _codes(told.get("needs"))),
    )


def _codes(answer: object) -> list[str]:
    return list(answer) if isinstance(answer, list) else []
