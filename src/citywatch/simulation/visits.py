"""Who is where, when, outside the home: work, school, bus lines, restaurants, the market and its halls.

Visits here are true ones; which of them the city's scanners captured is decided by the scenario.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import is_working_day, midnight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from citywatch.simulation.people import City

# The chance that one market visit includes each hall, hall 1 first (assumed).
HALL_APPEAL: Final = np.array([0.55, 0.40, 0.35, 0.25, 0.25, 0.15, 0.15, 0.12])
WEEKEND_WORK: Final = 0.15
HALL_STAFF_WORK: Final = 6 / 7
DINERS: Final = 0.12  # share of people who eat out on a day, assumed
# Nobody stays anywhere longer than this; searches for overlapping stays rely on it.
LONGEST_STAY: Final = 14 * 60


@dataclass(frozen=True, kw_only=True)
class Visits:
    """One row per stay: person and place indices, minutes since 1970-01-01 UTC, all int32 and of one length."""

    person: np.ndarray
    place: np.ndarray
    minute_in: np.ndarray
    minute_out: np.ndarray

    def __len__(self) -> int:
        """How many stays there are."""
        return len(self.person)

    def only(self, chosen: np.ndarray) -> Visits:
        """The stays that `chosen` (a mask or positions) picks."""
        return Visits(
            person=self.person[chosen],
            place=self.place[chosen],
            minute_in=self.minute_in[chosen],
            minute_out=self.minute_out[chosen],
        )


def join(parts: Sequence[Visits]) -> Visits:
    """Several lots of stays as one."""
    columns = ("person", "place", "minute_in", "minute_out")
    return Visits(**{column: np.concatenate([getattr(part, column) for part in parts]) for column in columns})


class Presence:
    """Stays arranged to answer two questions fast: where was this person, and who else was there."""

    def __init__(self, visits: Visits) -> None:
        """Sort the stays by person and by place; `visits` itself is not copied."""
        self.visits = visits
        self._by_person = np.argsort(visits.person, kind="stable")
        self._persons = visits.person[self._by_person]
        self._by_place = np.lexsort((visits.minute_in, visits.place))
        self._places = visits.place[self._by_place]
        self._starts = visits.minute_in[self._by_place]

    def stays_of(self, person: int) -> np.ndarray:
        """Positions of a person's stays, in order of time."""
        low, high = np.searchsorted(self._persons, [person, person + 1])
        rows = self._by_person[low:high]
        return np.asarray(rows[np.argsort(self.visits.minute_in[rows], kind="stable")])

    def with_stay(self, row: int, *, minutes: int = 15) -> np.ndarray:
        """Positions of other people's stays that share at least `minutes` with stay `row`."""
        visits = self.visits
        low, high = np.searchsorted(self._places, [visits.place[row], visits.place[row] + 1])
        begin, end = visits.minute_in[row], visits.minute_out[row]
        first, last = np.searchsorted(self._starts[low:high], [begin - LONGEST_STAY, end - minutes + 1])
        found = self._by_place[low + first : low + last]
        shared = np.minimum(visits.minute_out[found], end) - np.maximum(visits.minute_in[found], begin)
        return np.asarray(found[(shared >= minutes) & (visits.person[found] != visits.person[row])])


def true_visits(city: City, *, days: Sequence[date], market_closes: int, rng: np.random.Generator) -> Visits:
    """Everyone's stays on `days`; the market has none from minute `market_closes` on."""
    parts = [part for day in days for part in _one_day(city, day=day, rng=rng)]
    everything = join(parts)
    at_market = np.zeros(len(city.places), dtype=bool)
    at_market[[city.market, *city.halls]] = True
    return everything.only(~at_market[everything.place] | (everything.minute_in < market_closes))


def market_visit(city: City, *, person: int, hall: int, at: int, minutes: int) -> Visits:
    """One person's trip to one hall: a stay at the market and, within it, a stay in the hall."""
    return _stays(
        [person, person], place=[city.market, city.halls[hall - 1]], start=[at, at + 3], length=[minutes + 8, minutes]
    )


def _one_day(city: City, *, day: date, rng: np.random.Generator) -> list[Visits]:
    start = midnight(day)
    return [
        *_working(city, start=start, working=is_working_day(day), rng=rng),
        *_dining(city, start=start, rng=rng),
        *_hall_staff(city, start=start, rng=rng),
        *_shopping(city, start=start, rng=rng),
    ]


def _stays(person: object, *, place: object, start: object, length: object) -> Visits:
    begin = np.asarray(start, dtype=np.int32)
    stay = np.minimum(np.asarray(length, dtype=np.int32), LONGEST_STAY)
    return Visits(
        person=np.asarray(person, dtype=np.int32),
        place=np.asarray(place, dtype=np.int32),
        minute_in=begin,
        minute_out=begin + stay,
    )


def _working(city: City, *, start: int, working: bool, rng: np.random.Generator) -> list[Visits]:
    people = city.people
    at_work = (people.workplace >= 0) & (people.market_hall == 0)
    goes = np.where(people.pupil, 0.95 if working else 0.0, 0.93 if working else WEEKEND_WORK)
    who = np.flatnonzero(at_work & (rng.random(len(people)) < goes)).astype(np.int32)
    begin = start + np.where(people.pupil[who], 7 * 60 + 50, 8 * 60 + 40) + rng.normal(0, 25, len(who)).astype(int)
    length = np.where(people.pupil[who], 8 * 60 + 30, 9 * 60) + rng.normal(0, 30, len(who)).astype(int)
    rides = people.line[who] >= 0
    line, trip = people.line[who][rides], rng.integers(15, 55, int(rides.sum()))
    return [
        _stays(who, place=people.workplace[who], start=begin, length=length),
        _stays(who[rides], place=line, start=begin[rides] - trip - 5, length=trip),
        _stays(who[rides], place=line, start=begin[rides] + length[rides] + 8, length=trip),
    ]


def _dining(city: City, *, start: int, rng: np.random.Generator) -> list[Visits]:
    """Evening meals out, mostly at a restaurant of the diner's own street."""
    restaurants = city.of_kind("restaurant")
    if not len(restaurants):
        return []
    who = np.flatnonzero(rng.random(len(city.people)) < DINERS)
    streets = np.array([city.street_index(city.places[i].street_code) for i in restaurants])
    chosen = rng.integers(0, len(restaurants), len(who))
    near = rng.random(len(who)) < 0.6  # share who eat near home, assumed
    for street in np.unique(streets):
        own = np.flatnonzero(streets == street)
        mine = near & (city.people.street[who] == street)
        chosen[mine] = own[rng.integers(0, len(own), int(mine.sum()))]
    begin = start + rng.normal(19 * 60, 35, len(who)).astype(int)
    return [_stays(who, place=restaurants[chosen], start=begin, length=rng.integers(35, 100, len(who)))]


def _hall_staff(city: City, *, start: int, rng: np.random.Generator) -> list[Visits]:
    people = city.people
    who = np.flatnonzero((people.market_hall > 0) & (rng.random(len(people)) < HALL_STAFF_WORK))
    begin = start + 5 * 60 + rng.integers(-40, 60, len(who))
    length = rng.integers(9 * 60, 11 * 60, len(who))
    return [
        _stays(who, place=np.full(len(who), city.market), start=begin - 5, length=length + 10),
        _stays(who, place=people.workplace[who], start=begin, length=length),
    ]


def _shopping(city: City, *, start: int, rng: np.random.Generator) -> list[Visits]:
    """A day's market visitors, drawn from its regulars: a stay at the market and one in each hall entered."""
    pool = np.flatnonzero(city.people.market_regular)
    count = min(int(rng.poisson(city.plan.market_visitors)), len(pool))
    who = rng.choice(pool, size=count, replace=False)
    enters = rng.random((count, len(HALL_APPEAL))) < HALL_APPEAL
    idle = ~enters.any(axis=1)
    enters[idle, rng.choice(len(HALL_APPEAL), size=int(idle.sum()), p=HALL_APPEAL / HALL_APPEAL.sum())] = True
    length = np.where(enters, rng.integers(6, 25, enters.shape), 0)
    arrives = start + np.clip(rng.normal(8.5 * 60, 110, count), 5 * 60, 17 * 60).astype(int)
    begins = arrives[:, None] + 3 + np.cumsum(length, axis=1) - length
    visitor, hall = np.nonzero(enters)
    return [
        _stays(who, place=np.full(count, city.market), start=arrives, length=length.sum(axis=1) + 8),
        _stays(who[visitor], place=city.halls[hall], start=begins[enters], length=length[enters]),
    ]


def captured(visits: Visits, *, share: float, rng: np.random.Generator) -> np.ndarray:
    """A mask of the stays that scanning captured, each on its own."""
    return rng.random(len(visits)) < share


def until_held(visits: Visits, *, held_from: dict[int, int]) -> Visits:
    """Drop or cut the stays of people who were held (isolated) from a minute on."""
    people = np.array(sorted(held_from), dtype=np.int64)
    limits = np.array([held_from[int(person)] for person in people], dtype=np.int64)
    limit = np.full(int(visits.person.max(initial=0)) + 1, np.iinfo(np.int32).max, dtype=np.int64)
    known = people < len(limit)
    limit[people[known]] = limits[known]
    last = limit[visits.person]
    kept = visits.only(visits.minute_in < last)
    out = np.minimum(kept.minute_out, limit[kept.person]).astype(np.int32)
    return Visits(person=kept.person, place=kept.place, minute_in=kept.minute_in, minute_out=out)
