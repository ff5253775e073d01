"""Who is to be looked in on at home today, whom nobody has reached, and who needs something."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Any

from citywatch.city.registry.queries import institutions_under
from citywatch.city.registry.types import InstitutionFacts
from citywatch.city.sense.definitions.visit import FORM
from citywatch.city.sense.home_visits import HomeVisit, home_visits
from citywatch.city.trace.models import Visiting
from citywatch.city.trace.queries.contacts import contact_rows
from citywatch.city.trace.rules import LOST_AFTER, VISITED
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.services import masked_identities
from citywatch.mechanisms.vault.types import Identity

_SHOWN = 7
"""Days of visits that a list looks back on: who was not visited for as long stands there as not visited."""
_MOST_WAITING = 50
MOST_SHOWN = 100
"""Of each list: a worker's round is shorter, and of a whole district nobody reads more at once."""


@dataclass(frozen=True, slots=True)
class Visited:
    """Somebody on a list: masked name, the visits of the last days, and whether this viewer is the one who visits."""

    row: Any
    name: str
    visits: tuple[HomeVisit, ...]
    today: date
    may_visit: bool

    @property
    def number(self) -> str:
        return str(self.row.contact.title)

    @property
    def last(self) -> HomeVisit | None:
        return self.visits[-1] if self.visits else None

    @property
    def spoke(self) -> HomeVisit | None:
        """The last visit on which they were reached: what they then said holds until they say otherwise."""
        return next((one for one in reversed(self.visits) if one.is_reached), None)

    @property
    def is_done(self) -> bool:
        """Reached today."""
        return self.spoke is not None and self.spoke.on == self.today

    @property
    def missed(self) -> int:
        """How often in a row nobody was reached, up to now."""
        return sum(1 for _ in takewhile(lambda one: not one.is_reached, reversed(self.visits)))

    @property
    def is_lost(self) -> bool:
        return self.missed >= LOST_AFTER

    @property
    def symptoms(self) -> tuple[Label, ...]:
        return self.spoke.symptoms if self.spoke else ()

    @property
    def needs(self) -> tuple[Label, ...]:
        return self.spoke.needs if self.spoke else ()

    @property
    def is_concern(self) -> bool:
        """Somebody the street or district has to do something about."""
        return bool(self.symptoms or self.needs) or self.is_lost


@dataclass(frozen=True, slots=True)
class Stray:
    """A visit told under a number that stands on no list of its committee, to be put right with whoever sent it."""

    visit: HomeVisit
    site: str


@dataclass(frozen=True, slots=True)
class VisitLists:
    """A day's visits: who is a concern, who is to be visited, who was; and what was told under a wrong number.

    Of each list the first hundred; `counts` says how many there are.
    """

    concerns: tuple[Visited, ...]
    due: tuple[Visited, ...]
    done: tuple[Visited, ...]
    strays: tuple[Stray, ...]
    counts: Mapping[str, int]


def visit_lists(viewer: Viewer, *, at: datetime) -> VisitLists:
    """Those under the viewer's places who are to be visited now; the ill first, then the lost, then those in need."""
    today = day_of(at)
    rows = list(
        Visiting.objects.visible_to(viewer)
        .filter(ended_at__isnull=True, until__gte=today, contact__state__in=VISITED)
        .select_related("place", "contact")
        .order_by("place__code", "contact_id")
    )
    sites = {row.place_id: row.place.name for row in rows}
    told = home_visits(sites, today - timedelta(days=_SHOWN - 1), today, at=at)
    by_number: dict[tuple[int, str], list[HomeVisit]] = defaultdict(list)
    for one in told:
        by_number[one.site, one.number].append(one)
    found = [
        Visited(
            row,
            "",
            tuple(one for one in by_number[row.place_id, row.contact.title] if one.at >= _minute(row.since)),
            today,
            viewer.may("sense.submit", row.place.path),
        )
        for row in rows
    ]
    concerns = sorted((one for one in found if one.is_concern), key=lambda one: (not one.symptoms, not one.is_lost))
    due, done = [one for one in found if not one.is_done], [one for one in found if one.is_done]
    shown = [one.row.contact.person_id for listed in (concerns, due, done) for one in listed[:MOST_SHOWN]]
    names = masked_identities(shown, by=viewer) if shown else {}

    def named(listed: list[Visited]) -> tuple[Visited, ...]:
        return tuple(
            replace(one, name=names.get(one.row.contact.person_id, Identity()).name) for one in listed[:MOST_SHOWN]
        )

    return VisitLists(
        named(concerns),
        named(due),
        named(done),
        _strays(told, sites, today),
        Counter(concerns=len(concerns), due=len(due), done=len(done)),
    )


def _minute(moment: datetime) -> datetime:
    """The minute a moment lies in: a form tells minutes, and a visit may follow at once."""
    return moment.replace(second=0, microsecond=0)


def _strays(told: Iterable[HomeVisit], sites: dict[int, str], today: date) -> tuple[Stray, ...]:
    """Today's visits under numbers that were never on the list of the place that sent them."""
    lately = [one for one in told if one.on == today]
    ever = Visiting.objects.filter(place_id__in=sites).values_list("place_id", "contact_id") if lately else ()
    listed = {(place, f"K{contact:04d}") for place, contact in ever}
    return tuple(Stray(one, sites[one.site]) for one in lately if (one.site, one.number) not in listed)


def nobody_visits(viewer: Viewer, *, at: datetime) -> tuple[tuple[Any, str], ...]:
    """Close and second contacts still at home whom no committee visits, each with the masked name; the first fifty."""
    visited = Visiting.objects.filter(ended_at__isnull=True, until__gte=day_of(at)).values("contact_id")
    rows = list(
        contact_rows(viewer)
        .filter(state__in=VISITED, person__isnull=False, kind__in=("close", "second"))
        .exclude(pk__in=visited)
        .order_by("judged_at", "pk")[:_MOST_WAITING]
    )
    names = masked_identities({row.person_id for row in rows}, by=viewer) if rows else {}
    return tuple((row, names.get(row.person_id, Identity()).name) for row in rows)


def committees(viewer: Viewer) -> list[InstitutionFacts]:
    """The committees of the viewer's districts that make home visits."""
    return [one for one in institutions_under(viewer.paths("trace.investigate")) if FORM.stream in one.streams]
