"""What a positive case would tell an investigator: where they were, and whom they met. Memory is incomplete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from citywatch.simulation.days import DAY, instant
from citywatch.simulation.identities import identity

if TYPE_CHECKING:
    from datetime import datetime

    from citywatch.simulation.people import City
    from citywatch.simulation.visits import Presence

RECALL: Final = 0.85
LOOK_BACK_DAYS: Final = 14
INFECTIOUS_BEFORE_DAYS: Final = 2  # close contacts count from two days before onset (domain dossier, section 2.8)
# The ground a shared stay gives, and how many people met there a case can name (assumed).
GROUND_OF_KIND: Final = {
    "workplace": ("same_room", 6),
    "school": ("same_room", 6),
    "hall": ("environment", 6),
    "restaurant": ("dining", 3),
    "transport": ("transport", 2),
    "nursing_home": ("same_room", 6),
    "warehouse": ("same_room", 4),
    "importer": ("same_room", 4),
    "shop": ("environment", 1),
    "park": ("judged", 1),
}


class Ill(Protocol):
    """What an interview needs to know of an infection."""

    @property
    def person(self) -> int:
        """Who is asked."""

    @property
    def onset(self) -> int:
        """When symptoms began, as a minute."""


@dataclass(frozen=True, kw_only=True)
class Stay:
    """A stay as told: a place code, from, to."""

    place_code: str
    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, kw_only=True)
class ContactClaim:
    """A contact as told: `kind` close, or second and reached `through` a close one; `ground` is one of the nine."""

    person: int
    name: str
    id_number: str
    phone: str
    address: str
    ground: str
    kind: str
    first_at: datetime
    last_at: datetime
    place_code: str | None
    through: int | None = None


@dataclass(frozen=True, kw_only=True)
class Interview:
    """One case's interview; `case_ref` is the barcode of the positive sample."""

    person: int
    case_ref: str
    at: datetime
    onset: datetime
    stays: list[Stay]
    contacts: list[ContactClaim]


@dataclass(frozen=True, kw_only=True)
class _Met:
    person: int
    ground: str
    first: int
    last: int
    place: int | None


def interview(
    city: City,
    infection: Ill,
    *,
    presence: Presence,
    case_ref: str,
    held: int,
    at: int,
    rng: np.random.Generator,
    recall: float = RECALL,
    slip: int = 0,
) -> Interview:
    """Ask a case, held since minute `held`, for fourteen days of stays and for contacts since two days before onset.

    A share `recall` of the stays is told. With a `slip` the times told are off by about so many minutes.
    """
    visits = presence.visits
    rows = presence.stays_of(infection.person)
    rows = rows[visits.minute_in[rows] >= infection.onset - LOOK_BACK_DAYS * DAY]
    told = rows[rng.random(len(rows)) < recall]
    off = np.round(rng.normal(0, slip, (2, len(told)))).astype(int) if slip else np.zeros((2, len(told)), dtype=int)
    stays = [
        Stay(
            place_code=city.places[visits.place[row]].code,
            from_at=instant(int(visits.minute_in[row]) + wrong_in),
            to_at=instant(max(int(visits.minute_out[row]) + wrong_out, int(visits.minute_in[row]) + wrong_in + 5)),
        )
        for row, (wrong_in, wrong_out) in zip(told, off.T.tolist(), strict=True)
    ]
    begin = infection.onset - INFECTIOUS_BEFORE_DAYS * DAY
    met = _home(city, infection, begin=begin, held=held)
    met += _elsewhere(city, told, begin=begin, presence=presence, rng=rng)
    close = list({one.person: one for one in reversed(met)}.values())[::-1]
    contacts = [_claim(city, one, kind="close") for one in close]
    contacts += _second_ring(city, close, case=infection.person, until=at)
    return Interview(
        person=infection.person,
        case_ref=case_ref,
        at=instant(at),
        onset=instant(infection.onset),
        stays=stays,
        contacts=contacts,
    )


def _home(city: City, infection: Ill, *, begin: int, held: int) -> list[_Met]:
    others = [int(member) for member in city.household_of(infection.person) if member != infection.person]
    return [_Met(person=other, ground="home", first=min(begin, held - 1), last=held, place=None) for other in others]


def _elsewhere(city: City, told: np.ndarray, *, begin: int, presence: Presence, rng: np.random.Generator) -> list[_Met]:
    """People met in the stays the case remembers; for each place no more than one can name."""
    visits = presence.visits
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    for row in told[visits.minute_out[told] > begin]:
        place = int(visits.place[row])
        if city.places[place].kind not in GROUND_OF_KIND:
            continue
        for other in presence.with_stay(int(row), same_group=True):
            key = place, int(visits.person[other])
            first = max(int(visits.minute_in[row]), int(visits.minute_in[other]), begin)
            last = min(int(visits.minute_out[row]), int(visits.minute_out[other]))
            if last > first:
                known = spans.get(key, (first, last))
                spans[key] = min(known[0], first), max(known[1], last)
    met = []
    for place in sorted({place for place, _ in spans}):
        ground, limit = GROUND_OF_KIND[city.places[place].kind]
        there = sorted(person for where, person in spans if where == place)
        for person in rng.permutation(there)[:limit]:
            first, last = spans[place, int(person)]
            met.append(_Met(person=int(person), ground=ground, first=first, last=last, place=place))
    return met


def _second_ring(city: City, close: list[_Met], *, case: int, until: int) -> list[ContactClaim]:
    """Those who live with a close contact: from the contact's first meeting with the case until the interview."""
    known = {case, *(one.person for one in close)}
    ring = []
    for one in close:
        for member in city.household_of(one.person):
            if int(member) in known:
                continue
            known.add(int(member))
            last = max(until, one.first + 1)
            second = _Met(person=int(member), ground="home", first=one.first, last=last, place=None)
            ring.append(_claim(city, second, kind="second", through=one.person))
    return ring


def _claim(city: City, one: _Met, *, kind: str, through: int | None = None) -> ContactClaim:
    who = identity(city, one.person)
    return ContactClaim(
        person=one.person,
        name=who["name"],
        id_number=who["id_number"],
        phone=who["phone"],
        address=who["address"],
        ground=one.ground,
        kind=kind,
        first_at=instant(one.first),
        last_at=instant(one.last),
        place_code=None if one.place is None else city.places[one.place].code,
        through=through,
    )
