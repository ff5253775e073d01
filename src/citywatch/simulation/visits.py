"""Who is where, when, outside the home, on any day: work, school, bus and metro, meals, shops, parks, clinics, markets.

Visits here are true ones; `scanned` says which of them the city's scanners captured. A day is a pure function of the
city, the date and the controls in force, so days can be made in any order and by any number of workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np

from citywatch.simulation import movement
from citywatch.simulation.days import (
    DAY,
    OUT_FLOW,
    DayKind,
    attendance_factor,
    away_turns,
    day_kind,
    in_vacation,
    midnight,
)
from citywatch.simulation.movement import LONGEST_STAY, ONE, Crowd, Ground, Today
from citywatch.simulation.places import PRIMARY_KINDS, distances_km

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from citywatch.simulation.people import City

CHUNK: Final = 65_536  # people whose day is made at once
COMPILED_FROM: Final = 200_000  # people from which a day alone is worth the loading of compiled code

BAND_OF_AGE: Final = np.searchsorted(movement.BANDS, np.arange(128), side="right").astype(np.int8)
# Chances on a working day, per age band 0-2, 3-6, 7-17, 18-39, 40-59, 60 and over. Assumed; set so that contacts a day
# match the published ones by age (domain dossier, section 3) and a person makes about two visits a day.
WORKS: Final = (0.0, 0.92, 0.95, 0.93, 0.93, 0.5)
LUNCHES_OUT: Final = (0.0, 0.0, 0.0, 0.30, 0.22, 0.1)
OUTINGS: Final = (0.05, 0.05, 0.10, 0.30, 0.30, 0.30)
SHOPS: Final = (0.12, 0.12, 0.15, 0.38, 0.45, 0.68)
STROLLS: Final = (0.16, 0.14, 0.06, 0.09, 0.12, 0.42)
DINES: Final = (0.05, 0.06, 0.10, 0.22, 0.16, 0.08)
# Relative need of a doctor by age band, and the mean over the city (outpatient visits, domain dossier, section 3).
CARE: Final = (1.8, 1.5, 0.7, 0.6, 1.0, 1.9)
CLINIC_RATE: Final = 0.02411
OFF_DAYS: Final = {  # how an activity changes, by kind of day: work, lunch, outing, shop, park, dinner
    "working": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "weekend": (0.16, 1.0, 1.25, 1.3, 1.6, 1.6),
    "holiday": (0.10, 1.0, 1.4, 1.2, 2.0, 1.7),
    "national_day": (0.08, 1.0, 1.3, 1.1, 1.8, 1.5),
    "spring_festival": (0.05, 1.0, 0.9, 0.7, 1.1, 0.8),
}
HALL_STAFF_WORK: Final = 6 / 7
MARKET_TRIP: Final = 0.13  # chance that a regular who is free goes; one in ten over a week with working days
# Of a day's visitors of a place, the share a visitor overlaps with in time, and how many of those are met (assumed;
# set with the chances above). A place has so many groups (tables, aisles, carriages) that this many remain.
OVERLAP: Final = {"transport": 0.30, "restaurant": 0.55, "shop": 0.12, "park": 0.30, "care": 0.25, "hall": 0.16}
MEETS: Final = {"transport": 3.2, "restaurant": 5.0, "shop": 3.6, "park": 13.0, "care": 5.0, "hall": 5.0}
NEAREST: Final = {"restaurant": 4, "shop": 3, "park": 2, "primary": 3, "hospital": 2, "market": 1}
LEVEL_FACTOR: Final = 0.5  # what level II leaves of dining, leisure, shopping and bus trips (assumed)

# How much of ordinary going out was left between the first wave and the summer of 2020 (assumed).
SPRING_2020: Final = {"lunch": 0.2, "outing": 0.25, "shop": 0.5, "park": 0.5, "dinner": 0.6, "ride": 0.6}


@dataclass(frozen=True, kw_only=True)
class Visits:
    """One row per stay: person and place indices, minutes since 1970-01-01 UTC, all int32 and of one length.

    `group` is the class, team, table, carriage, aisle or stall within the place: people meet within it.
    """

    person: np.ndarray
    place: np.ndarray
    minute_in: np.ndarray
    minute_out: np.ndarray
    group: np.ndarray

    def __len__(self) -> int:
        """How many stays there are."""
        return len(self.person)

    def only(self, chosen: np.ndarray | slice) -> Visits:
        """The stays that `chosen` (a mask, positions or a slice) picks."""
        return Visits(**{column: getattr(self, column)[chosen] for column in COLUMNS})


COLUMNS: Final = ("person", "place", "minute_in", "minute_out", "group")


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What is forbidden on a day. Minutes are since 1970-01-01 UTC; a person or place not named is free.

    A closed place closes what is part of it, and sends home whoever is inside. `mobility` multiplies the chance of
    `work`, `lunch`, `outing`, `clinic`, `market`, `shop`, `park`, `dinner` or `ride`.
    """

    held: Mapping[int, int] = field(default_factory=dict)
    released: Mapping[int, int] = field(default_factory=dict)
    closed: Mapping[int, int] = field(default_factory=dict)
    schools_closed_from: int | None = None
    level_from: int | None = None
    mobility: Mapping[str, float] = field(default_factory=dict)


FREE: Final = Controls()
_ACTIVITIES: Final = ("work", "lunch", "outing", "clinic", "market", "shop", "park", "dinner", "ride")
_UNDER_LEVEL: Final = ("lunch", "outing", "shop", "park", "dinner")


def join(parts: Sequence[Visits]) -> Visits:
    """Several lots of stays as one."""
    return Visits(**{column: np.concatenate([getattr(part, column) for part in parts]) for column in COLUMNS})


# ── A day ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def visits_on(
    city: City, day: date, *, controls: Controls = FREE, people: range | None = None, compiled: bool | None = None
) -> Visits:
    """Everyone's stays on a calendar day of the city, by person, or those of a range of people.

    `compiled` chooses numba's rows or numpy's, which are equal; by default numba where it is installed and pays.
    """
    parts = [visits for _, visits in day_in_parts(city, day, controls=controls, people=people, compiled=compiled)]
    return join(parts) if len(parts) != 1 else parts[0]


def day_in_parts(
    city: City, day: date, *, controls: Controls = FREE, people: range | None = None, compiled: bool | None = None
) -> Iterator[tuple[range, Visits]]:
    """The stays of a day, some tens of thousands of people at a time, so that no one need hold a whole day."""
    whole = people if people is not None else range(len(city.people))
    ground, today = _ground(city), _today(city, day, controls=controls)
    rows = _arithmetic(len(whole), compiled=compiled)
    limits = _Limits(city, day, controls=controls)
    for first in range(whole.start, whole.stop, CHUNK):
        some = range(first, min(first + CHUNK, whole.stop))
        made = Visits(**dict(zip(COLUMNS, rows(ground, today, _crowd(city, some)), strict=True)))
        yield some, limits.applied(made)


def _arithmetic(people: int, *, compiled: bool | None) -> Callable[..., tuple[np.ndarray, ...]]:
    if compiled is None:
        compiled = people >= COMPILED_FROM or movement.is_compiled()
    return (movement.compiled() if compiled else None) or movement.rows


def _crowd(city: City, some: range) -> Crowd:
    people, part = city.people, slice(some.start, some.stop)
    return Crowd(
        person=np.arange(some.start, some.stop, dtype=np.uint64),
        band=BAND_OF_AGE[people.age[part]].astype(np.int64),
        role=people.role[part].astype(np.int64),
        workplace=people.workplace[part].astype(np.int64),
        group=people.group[part].astype(np.int64),
        street=people.street[part].astype(np.int64),
        line=people.line[part].astype(np.int64),
        household=people.household[part].astype(np.uint64),
        collective=people.collective[part].astype(np.int64),
        regular=people.market_regular[part].astype(np.int64),
    )


def present_on(city: City, day: date) -> np.ndarray:
    """Who is in town on a day: a mask over the people. Around Spring Festival whole households are away."""
    today, people = _today(city, day, controls=FREE), city.people
    return np.asarray(
        movement.present(today, people.household.astype(np.uint64), people.collective.astype(np.int64)), dtype=np.bool_
    )


def _today(city: City, day: date, *, controls: Controls) -> Today:
    number = np.array([day.toordinal()], dtype=np.uint64)
    person_key = movement.mix(np.array([city.seed & movement.MASK], dtype=np.uint64) + movement.GOLDEN)
    # Trips home for the festival are a new decision every year; habits are for good.
    day_key = movement.mix(person_key + number * movement.M2)
    turns = away_turns(day)
    gone, back = turns or (0.0, 0.0)
    streets = np.arange(len(city.plan.streets), dtype=np.uint64)
    noise = movement.part0(movement.draw(day_key ^ movement.M1, streets * movement.GOLDEN))
    return Today(
        person_key=person_key[0],
        day_key=day_key[0],
        chance=_chances(city, day, controls=controls),
        # Street-days vary as gamma counts with k = 10 do: an even law of the same spread (domain dossier, section 3).
        busy=128 + (noise >> 8),
        gone=round(gone * ONE),
        back=round(back * ONE),
        leaving=round(_private_leaving(city) * ONE),
        midnight=midnight(day),
    )


def _private_leaving(city: City) -> float:
    """The share of private households that leave at Spring Festival, dormitories leaving twice as often."""
    return OUT_FLOW / (1 + float(city.people.collective.mean()))


def _chances(city: City, day: date, *, controls: Controls) -> np.ndarray:
    kind: DayKind = day_kind(day)
    work, lunch, outing, shop, park, dinner = OFF_DAYS[kind]
    vacation = in_vacation(day)
    season = 0.7 if day.month in {12, 1, 2} else 1.1 if day.month in {4, 5, 6, 9, 10} else 1.0
    # The city as a whole has livelier and quieter days, within a tenth either way.
    mood = 0.9 + 0.2 * ((day.toordinal() * 7919 + city.seed * 104_729) % 1009) / 1009
    table = np.zeros((len(_ACTIVITIES), len(CARE)))
    table[movement.WORK] = np.multiply(WORKS, work)
    pupils = slice(1, 3)
    table[movement.WORK, pupils] = 0.0 if kind != "working" or vacation else table[movement.WORK, pupils]
    table[movement.LUNCH] = np.multiply(LUNCHES_OUT, lunch)
    table[movement.OUTING] = np.multiply(OUTINGS, outing)
    table[movement.CLINIC] = np.multiply(CARE, CLINIC_RATE * attendance_factor(day) / _mean_care(city))
    table[movement.MARKET] = MARKET_TRIP * shop
    table[movement.SHOP] = np.multiply(SHOPS, shop * mood)
    table[movement.PARK] = np.multiply(STROLLS, park * season * mood)
    table[movement.DINNER] = np.multiply(DINES, dinner * mood)
    table[movement.RIDE] = 0.95
    for n, activity in enumerate(_ACTIVITIES):
        table[n] *= controls.mobility.get(activity, 1.0)
        if controls.level_from is not None and midnight(day) >= controls.level_from and activity in _UNDER_LEVEL:
            table[n] *= LEVEL_FACTOR
    if not len(city.of_kind("transport")):
        table[movement.OUTING] = table[movement.RIDE] = 0.0
    return np.minimum(np.round(table * ONE), ONE).astype(np.int64)


def _mean_care(city: City) -> float:
    if city not in _NEEDS:
        ages = np.bincount(city.people.age, minlength=128)
        _NEEDS[city] = float((ages * np.array(CARE)[BAND_OF_AGE]).sum() / ages.sum())
    return _NEEDS[city]


_NEEDS: Final[WeakKeyDictionary[City, float]] = WeakKeyDictionary()
_GROUNDS: Final[WeakKeyDictionary[City, Ground]] = WeakKeyDictionary()


def _ground(city: City) -> Ground:
    """The city's tables for the arithmetic of a day, made once a city."""
    if city not in _GROUNDS:
        _GROUNDS[city] = _lay_ground(city)
    return _GROUNDS[city]


def _lay_ground(city: City) -> Ground:
    kinds = {kind: city.of_kind(kind) for kind in movement.NEAR_KINDS if kind != "primary"}
    kinds["primary"] = _primary(city)
    lists, first, count, begin = [], [], [], 0
    far = np.array([distances_km(city.plan, origin=street) for street in range(len(city.plan.streets))])
    for kind in movement.NEAR_KINDS:
        places = kinds[kind] if len(kinds[kind]) else np.array([city.market], dtype=np.int32)
        found = [_nearest(places, far[street][city.place_street[places]], NEAREST[kind]) for street in range(len(far))]
        lengths = np.array([len(near) for near in found])
        first.append(begin + np.cumsum(lengths) - lengths)
        count.append(lengths)
        lists += found
        begin += int(lengths.sum())
    lines = city.of_kind("transport")
    return Ground(
        place_street=city.place_street.astype(np.int64),
        sections=_sections(city),
        parent=city.parent_place.astype(np.int64),
        near_first=np.array(first, dtype=np.int64),
        near_count=np.array(count, dtype=np.int64),
        near=np.concatenate(lists).astype(np.int64),
        main_market=city.market,
        first_line=int(lines[0]) if len(lines) else 0,
        lines=max(len(lines), 1),
    )


def _nearest(places: np.ndarray, far: np.ndarray, least: int) -> np.ndarray:
    """The places in the street itself, or the `least` nearest where it has fewer."""
    order = np.argsort(far, kind="stable")
    return places[order[: max(least, int((far == 0).sum()))]]


def _sections(city: City) -> np.ndarray:
    """Into how many groups the visitors of each place fall, so that those there at one time are a handful each."""
    people, sections = len(city.people), np.ones(len(city.places), dtype=np.int64)

    def divide(places: np.ndarray, visitors: np.ndarray | float, kind: str) -> None:
        sections[places] = np.maximum(np.round(visitors * OVERLAP[kind] / MEETS[kind]), 1)

    riders = np.bincount(city.people.line[city.people.line >= 0], minlength=len(city.places))
    lines, primary, hospitals = city.of_kind("transport"), _primary(city), city.of_kind("hospital")
    divide(lines, riders[lines] * 1.3 + 0.12 * people / max(len(lines), 1), "transport")
    for kind, share in (("restaurant", 0.27), ("shop", 0.42), ("park", 0.2)):
        divide(city.of_kind(kind), share * people / max(len(city.of_kind(kind)), 1), kind)
    divide(primary, 0.4 * CLINIC_RATE * people / len(primary), "care")
    divide(hospitals, 0.6 * CLINIC_RATE * people / max(len(hospitals), 1), "care")
    divide(city.of_kind("market"), city.plan.market_visitors, "hall")
    divide(city.of_kind("hall"), 0.28 * city.plan.market_visitors, "hall")
    return sections


def _primary(city: City) -> np.ndarray:
    return np.sort(np.concatenate([city.of_kind(kind) for kind in PRIMARY_KINDS]))


class _Limits:
    """The controls that forbid stays one by one: people held, places and schools closed."""

    def __init__(self, city: City, day: date, *, controls: Controls) -> None:
        self.controls = controls
        start, never = midnight(day), np.iinfo(np.int32).max
        held = {p: at for p, at in controls.held.items() if at < start + DAY}
        free = {p: controls.released.get(p, never) for p in held}
        self.people = np.array(sorted(p for p in held if free[p] > start), dtype=np.int64)
        self.held = np.array([held[int(p)] for p in self.people], dtype=np.int64)
        self.free = np.array([free[int(p)] for p in self.people], dtype=np.int64)
        self.closes: np.ndarray | None = None
        if controls.closed or controls.schools_closed_from is not None:
            closes = np.full(len(city.places), never, dtype=np.int64)
            for place, minute in controls.closed.items():
                closes[place] = minute
            if controls.schools_closed_from is not None:
                schools = city.of_kind("school")
                closes[schools] = np.minimum(closes[schools], controls.schools_closed_from)
            for _ in range(2):  # a market closes its halls, a hall its stalls
                parent = city.parent_place
                closes = np.where(parent >= 0, np.minimum(closes, closes[np.maximum(parent, 0)]), closes)
            self.closes = closes

    def applied(self, visits: Visits) -> Visits:
        """The stays that are left; who is fetched or sent home leaves at that minute."""
        if self.closes is not None:
            visits = _cut(visits, self.closes[visits.place])
        if len(self.people):
            found = np.minimum(np.searchsorted(self.people, visits.person), len(self.people) - 1)
            known = self.people[found] == visits.person
            back = known & (visits.minute_in >= self.free[found])
            limit = np.where(known & ~back, self.held[found], np.iinfo(np.int32).max)
            visits = _cut(visits, limit)
        return visits


def _cut(visits: Visits, limit: np.ndarray) -> Visits:
    """Drop stays that begin at or after their limit, and end the others by it."""
    kept = visits.minute_in < limit
    if kept.all() and (visits.minute_out <= limit).all():
        return visits
    out = np.minimum(visits.minute_out, limit).astype(np.int32)
    return Visits(**{c: (out if c == "minute_out" else getattr(visits, c))[kept] for c in COLUMNS})


# ── Who met whom ─────────────────────────────────────────────────────────────────────────────────────────────────────


def meetings_on(visits: Visits, *, minutes: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of people, each pair once and the lower index first, who shared a group of a place for some minutes."""
    order = np.lexsort((visits.minute_in, visits.group, visits.place))
    person, place, group = visits.person[order], visits.place[order], visits.group[order]
    begin, end = visits.minute_in[order], visits.minute_out[order]
    pairs = []
    rows, step = np.arange(len(person) - 1), 1
    while len(rows):
        # Within a group stays stand by their start: compare each with the next, the one after, and so on.
        other = rows + step
        beside = (place[rows] == place[other]) & (group[rows] == group[other])
        rows, other = rows[beside], other[beside]
        met = np.minimum(end[rows], end[other]) - begin[other] >= minutes
        one, two = person[rows[met]].astype(np.int64), person[other[met]].astype(np.int64)
        pairs.append((np.minimum(one, two) << 32 | np.maximum(one, two))[one != two])
        step += 1
        rows = rows[rows + step < len(person)]
    found = np.unique(np.concatenate(pairs)) if pairs else np.zeros(0, dtype=np.int64)
    return found >> 32, found & 0xFFFF_FFFF


def contacts_on(city: City, visits: Visits, *, minutes: int = 1) -> np.ndarray:
    """How many different people each person met in a day's stays, those of the own household included."""
    people = city.people
    one, two = meetings_on(visits, minutes=minutes)
    elsewhere = people.household[one] != people.household[two]
    met = np.bincount(np.concatenate([one[elsewhere], two[elsewhere]]), minlength=len(people))
    return np.asarray(met + np.diff(city.first_kin)[people.household] - 1)


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

    def with_stay(self, row: int, *, minutes: int = 15, same_group: bool = False) -> np.ndarray:
        """Positions of other people's stays that share at least `minutes` with stay `row`, or its group as well."""
        visits = self.visits
        low, high = np.searchsorted(self._places, [visits.place[row], visits.place[row] + 1])
        begin, end = visits.minute_in[row], visits.minute_out[row]
        first, last = np.searchsorted(self._starts[low:high], [begin - LONGEST_STAY, end - minutes + 1])
        found = self._by_place[low + first : low + last]
        shared = np.minimum(visits.minute_out[found], end) - np.maximum(visits.minute_in[found], begin)
        near = (shared >= minutes) & (visits.person[found] != visits.person[row])
        if same_group:
            near &= visits.group[found] == visits.group[row]
        return np.asarray(found[near])


# ── What the scenarios ask ───────────────────────────────────────────────────────────────────────────────────────────


def true_visits(
    city: City, *, days: Sequence[date], market_closes: int, rng: np.random.Generator | None = None
) -> Visits:
    """Everyone's stays on `days` of spring 2020; the main market has none from minute `market_closes` on."""
    del rng
    controls = Controls(closed={city.market: market_closes}, mobility=SPRING_2020)
    return join([visits_on(city, day, controls=controls) for day in days])


def market_visit(city: City, *, person: int, hall: int, at: int, minutes: int) -> Visits:
    """One person's trip to one hall of the main market: a stay at the market and, within it, a stay in the hall."""
    return Visits(
        person=np.array([person, person], dtype=np.int32),
        place=np.array([city.market, city.halls[hall - 1]], dtype=np.int32),
        minute_in=np.array([at, at + 3], dtype=np.int32),
        minute_out=np.array([at + minutes + 8, at + 3 + minutes], dtype=np.int32),
        group=np.zeros(2, dtype=np.int32),
    )


def captured(visits: Visits, *, share: float, rng: np.random.Generator) -> np.ndarray:
    """A mask of the stays that scanning captured, each on its own."""
    return rng.random(len(visits)) < share


def scanned(city: City, visits: Visits, *, share: float) -> np.ndarray:
    """A mask of the stays that scanning captured: the same for a stay whatever other stays it is asked with."""
    stay = visits.person.astype(np.uint64) << np.uint64(32) | visits.place.astype(np.uint64)
    key = movement.mix(np.array([city.seed & movement.MASK], dtype=np.uint64) ^ movement.M1)
    bits = movement.draw(movement.mix(stay ^ key), visits.minute_in.astype(np.uint64))
    return np.asarray(movement.part1(bits) < round(share * ONE))


def until_held(visits: Visits, *, held_from: dict[int, int]) -> Visits:
    """Drop or cut the stays of people who were held (isolated) from a minute on."""
    limit = np.full(int(visits.person.max(initial=0)) + 1, np.iinfo(np.int32).max, dtype=np.int64)
    for person, minute in held_from.items():
        if person < len(limit):
            limit[person] = minute
    return _cut(visits, limit[visits.person])
