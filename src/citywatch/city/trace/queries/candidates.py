"""People the log saw beside a case: candidates for its contacts, ordered by dose; and the ring beyond, cut down.

A person judges every one of them. Sharing a place is not contact: distance and masks are asked, not captured.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from citywatch.city.trace import rules, whereabouts
from citywatch.city.trace.models import Case, Contact, Stay
from citywatch.city.trace.queries.timeline import instant, may_see_records
from citywatch.eventlog.expressions import co_visits, table, visitors, visits_of
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.services import masked_identities
from citywatch.mechanisms.vault.types import Identity
from citywatch.science.contacts import DOSE_OF_GROUND, GROUND_OF_KIND, Ground, contact_dose

_Together = tuple[int, int, int, int, int]  # whose stay, other person, place, minute from, minute to


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody captured beside a case (or, in the second ring, beside one of its close contacts)."""

    person_id: int
    pseudonym: str
    name: str
    minutes: int
    dose: float
    crowd: int
    place: Any
    ground: str
    first_at: datetime
    last_at: datetime
    through: Any = None

    @property
    def where(self) -> Label:
        return whereabouts.full_name(self.place)

    @property
    def ground_label(self) -> Label:
        return rules.ground(self.ground).label


@dataclass(frozen=True, slots=True)
class Beside:
    """The candidates, how many there were in all, and how far the ring would reach without thresholds."""

    rows: tuple[Candidate, ...]
    found: int
    since: datetime | None
    until: datetime | None


NOBODY_BESIDE = Beside((), 0, None, None)


def beside(viewer: Viewer, row: Any, *, at: datetime) -> Beside:
    """Who was captured where the case was, for long enough, while it could infect; those already listed left out."""
    since = infectious_since(row)
    if since is None or not may_see_records(viewer, row):
        return NOBODY_BESIDE
    until = min(row.isolated_at or at, at)
    own = row.person_id or 0
    told = Stay.objects.filter(case=row, from_at__lt=until, to_at__gt=since)
    stays = {(own, stay.visited_id, whereabouts.minute(stay.from_at), whereabouts.minute(stay.to_at)) for stay in told}
    if row.person_id:
        stays |= set(_visits({row.person_id}))
    clipped = _clipped(stays, {own: (whereabouts.minute(since), whereabouts.minute(until))})
    listed = _listed(row) | {own}
    met = [one for one in _together(clipped, rules.LEAST_MINUTES) if one[1] not in listed]
    return _summed(viewer, met, since, until, through={})


def second_ring(viewer: Viewer, row: Any, *, at: datetime) -> Beside:
    """Who was captured beside a close contact between their first meeting with the case and their isolation.

    Three thresholds of `rules` keep it a list: time together, how many people a place may hold, how many days back.
    """
    if not may_see_records(viewer, row):
        return NOBODY_BESIDE
    close = list(
        Contact.objects.filter(case=row, kind="close", person__isnull=False).exclude(state__in=("dropped", "declined"))
    )
    if not close:
        return NOBODY_BESIDE
    isolated = _isolated(close)
    windows: dict[int, tuple[int, int]] = {}
    for one in close:
        until = min(isolated.get(one.pk, at), at)
        since = max(one.first_at, until - timedelta(days=rules.RING_DAYS))
        windows[one.person_id] = whereabouts.minute(since), whereabouts.minute(until)
    stays = _clipped(_visits(windows), windows)
    listed = _listed(row) | {row.person_id or 0}
    met = [one for one in _together(stays, rules.RING_MINUTES) if one[1] not in listed]
    crowds = _crowds({place for _, _, place, *_ in met}, *_hull(windows.values()))
    near = [one for one in met if crowds.get(one[2], 0) <= rules.RING_LARGEST]
    since_all, until_all = (instant(edge) for edge in _hull(windows.values()))
    return _summed(viewer, near, since_all, until_all, through={one.person_id: one for one in close})


def infectious_since(row: Any) -> datetime | None:
    """The first instant at which meeting the case makes a contact."""
    reference = rules.reference_day(row.onset_date, row.sampled_on)
    if reference is None:
        return None
    rule = rules.window_rule(day_of(row.reported_at))
    return rules.infectious_from(
        reference, row.investigation.look_back_days if row.investigation else rule.look_back_days
    )


def _listed(row: Any) -> set[int]:
    """Everybody who is a contact of this case already, and every case of its investigation."""
    contacts = Contact.objects.filter(case=row, person__isnull=False).values_list("person_id", flat=True)
    cases = Case.objects.filter(investigation=row.investigation_id or 0, person__isnull=False)
    return {*contacts, *cases.values_list("person_id", flat=True)}


def _isolated(contacts: Collection[Contact]) -> dict[int, datetime]:
    """When each contact was moved to quarantine, for those who were: the stop of their transfer clock."""
    moved = [one.pk for one in contacts if one.state in {"transferred", "released"}]
    clocks = Clock.objects.filter(
        code="contact-transfer", subject_kind=Contact._meta.label_lower, subject_id__in=moved, stopped_at__isnull=False
    )
    return {clock.subject_id: clock.stopped_at for clock in clocks if clock.stopped_at}


def _visits(people: Iterable[int]) -> set[tuple[int, int, int, int]]:
    asked = {"person": np.array(sorted(set(people)), dtype=np.int32)}
    found = export.engine().run(
        visits_of(table("visits_by_person"), table("people")), export.store().pin(), people=asked
    )
    rows = zip(found["person"], found["place"], found["minute_in"], found["minute_out"], strict=True)
    return {(int(a), int(b), int(c), int(d)) for a, b, c, d in rows}


def _clipped(
    stays: Iterable[tuple[int, int, int, int]], windows: dict[int, tuple[int, int]]
) -> list[tuple[int, int, int, int]]:
    kept = []
    for person, place, began, ended in stays:
        since, until = windows[person]
        if began < until and ended > since:
            kept.append((person, place, max(began, since), min(ended, until)))
    return sorted(kept)


def _together(stays: Collection[tuple[int, int, int, int]], minutes: int) -> list[_Together]:
    if not stays:
        return []
    columns = np.array(sorted(stays), dtype=np.int32).T
    asked = dict(zip(("person", "place", "minute_in", "minute_out"), columns, strict=True))
    found = export.engine().run(co_visits(table("visits"), table("stays"), minutes), export.store().pin(), stays=asked)
    names = ("case_person", "person", "place", "minute_from", "minute_to")
    return sorted({tuple(int(v) for v in row) for row in zip(*(found[name] for name in names), strict=True)})  # type: ignore[misc]


def _crowds(places: Collection[int], since: int, until: int) -> dict[int, int]:
    """How many people the log saw at each place in these days."""
    if not places:
        return {}
    asked = {
        "place": np.array(sorted(places), dtype=np.int32),
        "minute_from": np.full(len(places), since, dtype=np.int32),
        "minute_to": np.full(len(places), until, dtype=np.int32),
    }
    found = export.engine().run(visitors(table("visits"), table("windows")), export.store().pin(), windows=asked)
    return dict(zip(found["place"].tolist(), found["visitors"].tolist(), strict=True))


def _hull(windows: Iterable[tuple[int, int]]) -> tuple[int, int]:
    spans = list(windows)
    return min(since for since, _ in spans), max(until for _, until in spans)


def _summed(
    viewer: Viewer, met: Collection[_Together], since: datetime, until: datetime, *, through: dict[int, Contact]
) -> Beside:
    places = Place.objects.select_related("parent").in_bulk({place for _, _, place, *_ in met})
    crowds = _crowds(set(places), whereabouts.minute(since), whereabouts.minute(until))
    by_person: dict[int, list[_Together]] = {}
    for one in met:
        if one[2] in places:
            by_person.setdefault(one[1], []).append(one)
    rated = sorted(((_rate(ones, places, crowds), person) for person, ones in by_person.items()), reverse=True)
    shown = rated[: rules.MOST_CANDIDATES]
    people = Person.objects.in_bulk([person for _, person in shown])
    names = masked_identities(set(people), by=viewer)
    rows = []
    for (dose, place, ground), person in shown:
        if person not in people:  # left the vault since; the log forgets when its day is dropped
            continue
        ones = by_person[person]
        rows.append(
            Candidate(
                person_id=person,
                pseudonym=people[person].pseudonym,
                name=names.get(person, Identity()).name,
                minutes=sum(last - first for *_, first, last in ones),
                dose=dose,
                crowd=crowds.get(place, 0),
                place=places[place],
                ground=ground,
                first_at=instant(min(first for *_, first, _ in ones)),
                last_at=instant(max(last for *_, last in ones)),
                through=through.get(max(ones, key=lambda one: one[4] - one[3])[0]),
            )
        )
    return Beside(tuple(rows), len(rated), since, until)


def _rate(ones: Collection[_Together], places: dict[int, Place], crowds: dict[int, int]) -> tuple[float, int, str]:
    """The dose over all places, and the place that gives most of it with the ground it suggests."""
    grounds = [GROUND_OF_KIND.get(places[place].kind, Ground.JUDGEMENT) for _, _, place, *_ in ones]
    doses = contact_dose(
        [last - first for *_, first, last in ones],
        weight=[DOSE_OF_GROUND.get(ground, 1.0) for ground in grounds],
        crowd=[crowds.get(place, 1) for _, _, place, *_ in ones],
    )
    leading = int(np.argmax(doses))
    return float(doses.sum()), list(ones)[leading][2], str(grounds[leading])
