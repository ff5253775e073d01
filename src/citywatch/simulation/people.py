"""The synthetic city's people: ages, households, homes, work, school and the market's staff and regulars.

Numbers are those of the 2020 census as the domain dossier (section 3) gives them; who lives with whom is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np

from citywatch.simulation.movement import HALL_STAFF, HOME, PUPIL, RESIDENT, WORKER
from citywatch.simulation.places import (
    BEEF_HALL,
    HALLS,
    SEAFOOD_HALL,
    CityPlan,
    SitePlace,
    distances_km,
    lay_out_places,
    market_index,
)

# The day whose whole-year ages the `age` column holds.
AGES_ON: Final = date(2020, 6, 1)
HOUSEHOLD_SIZES: Final = (0.29, 0.33, 0.24, 0.085, 0.04, 0.015)
COLLECTIVE_SHARE: Final = 0.131
DORMITORY: Final = 6  # people a room of collective housing, assumed
# Upper age (exclusive) of each band and its share. Beijing: census 2020, 0-14 11.9 %, 60+ 19.6 %, 65+ 13.3 %.
# Xiamen: 60+ 9.56 % from the census; its other shares are assumed.
AGE_BANDS: Final = {
    "beijing": ((15, 0.119), (18, 0.018), (40, 0.400), (60, 0.267), (65, 0.063), (80, 0.100), (96, 0.033)),
    "xiamen": ((15, 0.171), (18, 0.030), (40, 0.435), (60, 0.2684), (65, 0.0336), (80, 0.048), (96, 0.014)),
}
MEAN_HOUSEHOLD: Final = {"beijing": 2.311, "xiamen": 2.33}
MALE_SHARE: Final = 0.511
EMPLOYED: Final = {18: 0.76, 40: 0.66}  # share by lowest age, up to retirement, assumed
ADULT: Final = 18
RETIRES: Final = 60
RIDERS: Final = 0.45  # share of workers who commute by bus or metro, assumed
RIDING_PUPILS: Final = 0.25  # of those aged twelve and over, assumed
NURSING_SHARE: Final = 0.0016  # of all people, aged 75 and over, assumed
# People who share a room for the day, by what the place is (assumed; set so that contacts a day by age match the
# published ones, domain dossier, section 3).
CLASS_SIZE: Final = {"kindergarten": 11, "primary": 40, "secondary": 40}
TEAM_SIZE: Final = 31
SERVICE_TEAM: Final = {
    "restaurant": 2,
    "shop": 3,
    "park": 3,
    "hospital": 8,
    "chc": 5,
    "chs": 4,
    "clinic": 3,
    "transport": 4,
}
WARD_SIZE: Final = 12
STALL_TEAM: Final = 4
KITCHEN: Final = 9  # the group of a school's kitchen staff
# People who work at a place that serves others; pupils a teacher (assumed). Workplaces share the rest, sizes skewed.
STAFF: Final = {
    "chc": 60,
    "chs": 10,
    "village_room": 2,
    "clinic": 5,
    "pharmacy": 4,
    "hospital": 500,
    "cdc": 60,
    "lab": 25,
    "restaurant": 8,
    "shop": 10,
    "park": 5,
    "transport": 20,
    "nursing_home": 25,
    "warehouse": 30,
    "importer": 15,
    "hall": 20,
}
PUPILS_A_TEACHER: Final = 13
SIZE_SPREAD: Final = 1.1  # log standard deviation of workplace sizes
# Stages of school by age: from three, six and twelve years.
STAGE_FROM: Final = {"kindergarten": 3, "primary": 6, "secondary": 12}


@dataclass(frozen=True, kw_only=True)
class People:
    """One row per person, all arrays of the same length.

    `street` is the home street's position in the plan; `workplace` a place index (a hall for market staff, a school
    for pupils, a nursing home for those who live in one) or -1; `group` the class, team or ward within it; `line` the
    bus line ridden to work or -1; `market_hall` 1-8 for staff of that hall of the main market, else 0.
    """

    age: np.ndarray
    male: np.ndarray
    born: np.ndarray  # days since 1970-01-01
    same_birthday: np.ndarray  # rank among people of one birthday and sex, so that ID numbers differ
    street: np.ndarray
    household: np.ndarray
    head: np.ndarray  # the person index of the household's first adult
    collective: np.ndarray
    workplace: np.ndarray
    group: np.ndarray
    role: np.ndarray
    pupil: np.ndarray
    line: np.ndarray
    market_hall: np.ndarray
    market_regular: np.ndarray

    def __len__(self) -> int:
        """How many people live in the city."""
        return len(self.age)


@dataclass(frozen=True, kw_only=True, eq=False)
class City:
    """A built city: its plan, the seed it came from, its places and its people."""

    plan: CityPlan
    seed: int
    places: list[SitePlace]
    people: People
    residents: np.ndarray  # person indices sorted by home street
    first_resident: np.ndarray  # where each street's residents begin in `residents`, plus the end
    first_kin: np.ndarray  # where each household begins among the people, plus the end

    @cached_property
    def _index_of(self) -> dict[str, int]:
        return {place.code: i for i, place in enumerate(self.places)}

    @cached_property
    def _by_kind(self) -> dict[str, np.ndarray]:
        found: dict[str, list[int]] = {}
        for i, place in enumerate(self.places):
            found.setdefault(place.kind, []).append(i)
            if place.institution_kind and place.institution_kind != place.kind:
                found.setdefault(place.institution_kind, []).append(i)
        return {kind: np.array(indices, dtype=np.int32) for kind, indices in found.items()}

    @cached_property
    def _streets(self) -> dict[str, int]:
        return {street.code: i for i, street in enumerate(self.plan.streets)}

    @cached_property
    def place_street(self) -> np.ndarray:
        """The street each place stands in, as its position in the plan."""
        return np.array([self._streets[place.street_code] for place in self.places], dtype=np.int32)

    @cached_property
    def parent_place(self) -> np.ndarray:
        """The place each place is part of (a hall's market, a stall's hall), -1 for those that stand in a street."""
        return np.array([self._index_of.get(place.parent_code, -1) for place in self.places], dtype=np.int32)

    def place_index(self, code: str) -> int:
        """The position of the place with this code; KeyError where there is none."""
        return self._index_of[code]

    def of_kind(self, kind: str) -> np.ndarray:
        """Indices of places of a kind or of an institution kind."""
        return self._by_kind.get(kind, np.zeros(0, dtype=np.int32))

    @property
    def halls(self) -> np.ndarray:
        """Place indices of the main market's halls, hall 1 first."""
        return self.of_kind("hall")[: len(HALLS)]

    @property
    def market(self) -> int:
        """Place index of the main market."""
        return int(self.of_kind("market")[0])

    def street_index(self, code: str) -> int:
        """The position of a street in the plan; KeyError where there is none."""
        return self._streets[code]

    def residents_of(self, street: int) -> np.ndarray:
        """Person indices of everyone who lives in a street."""
        return self.residents[self.first_resident[street] : self.first_resident[street + 1]]

    def household_of(self, person: int) -> np.ndarray:
        """Person indices of everyone in a person's household, that person included; they are neighbours."""
        home = int(self.people.household[person])
        return np.arange(self.first_kin[home], self.first_kin[home + 1])


def build_city(plan: CityPlan, *, seed: int) -> City:
    """Build the city of `plan`. The same plan and seed give the same city, on any machine.

    21.9 million people take about two minutes and 3 GB; what is left is some 35 bytes a person.
    Raises ValueError when the plan cannot be built.
    """
    places = lay_out_places(plan, rng=np.random.default_rng([seed, 1]))
    rng = np.random.default_rng([seed, 2])
    household, collective, elders = _households(plan, rng=rng)
    first_kin = np.searchsorted(household, np.arange(int(household[-1]) + 2))
    age = _ages(plan, household=household, collective=collective, elders=elders, rng=rng)
    at = Sited(plan, places)
    street, nursed = _homes(plan, at=at, household=household, elders=elders, rng=rng)
    male = rng.random(plan.people) < MALE_SHARE
    born = _births(age, rng=rng)
    work = _occupy(plan, at=at, age=age, street=street, nursed=nursed, rng=rng)
    residents = np.argsort(street, kind="stable").astype(np.int32)
    people = People(
        age=age,
        male=male,
        born=born,
        same_birthday=rank_within(born.astype(np.int64) * 2 + male),
        street=street,
        household=household,
        head=_heads(first_kin, household=household, age=age),
        collective=collective,
        market_regular=_regulars(plan, age=age, street=street, rng=rng) & (work["market_hall"] == 0),
        **work,
    )
    return City(
        plan=plan,
        seed=seed,
        places=places,
        people=people,
        residents=residents,
        first_resident=np.searchsorted(street[residents], np.arange(len(plan.streets) + 1)),
        first_kin=first_kin,
    )


class Sited:
    """Where places stand, by kind, while people are sent to them."""

    def __init__(self, plan: CityPlan, places: list[SitePlace]) -> None:
        """Look every place's street and kind up once."""
        codes = {street.code: i for i, street in enumerate(plan.streets)}
        self.plan, self.places = plan, places
        self.street = np.array([codes[place.street_code] for place in places], dtype=np.int32)
        self.kind = np.array([place.institution_kind or place.kind for place in places])
        districts = {code: n for n, code in enumerate(sorted({street.district_code for street in plan.streets}))}
        self.district_of_street = np.array([districts[street.district_code] for street in plan.streets])

    def of(self, kind: str) -> np.ndarray:
        """Place indices of a kind."""
        return np.flatnonzero(self.kind == kind).astype(np.int32)

    def schools(self, stage: str) -> np.ndarray:
        """Place indices of the schools of a stage; all schools where the city has none of it."""
        schools = self.of("school")
        found = [i for i in schools if stage in self.places[i].flags]
        return np.array(found, dtype=np.int32) if found else schools


def occupations(city: City) -> np.ndarray:
    """The population group code of the 2019 report card for every person (domain dossier, section 2.6), as text.

    Which trade a worker of a plain workplace has is drawn by the place (assumed).
    """
    people = city.people
    code = np.where(people.age >= RETIRES, 23, 24).astype(np.int8)  # retired, else at home
    works = (people.role == WORKER) | (people.role == HALL_STAFF)
    trade = np.array([16, 22, 8, 16, 17, 16, 22], dtype=np.int8)[np.arange(len(city.places)) % 7]
    for kind, group in _TRADES.items():
        trade[city.of_kind(kind)] = group
    code[works] = trade[people.workplace[works]]
    code[works & people.collective & (code == 16)] = 17  # migrant workers live in dormitories
    code[people.role == PUPIL] = 3
    code[(people.role == PUPIL) & (people.age < STAGE_FROM["primary"])] = 1
    code[people.age < STAGE_FROM["kindergarten"]] = 2
    return np.array([str(n) for n in range(32)])[code]


_TRADES: Final = {
    "school": 4,
    "restaurant": 6,
    "hall": 8,
    "shop": 8,
    "chc": 9,
    "chs": 9,
    "village_room": 9,
    "clinic": 9,
    "hospital": 9,
    "lab": 9,
    "cdc": 9,
    "nursing_home": 5,
}


def _households(plan: CityPlan, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Household number of each person, whether it is collective housing, and the mask of a nursing home's residents.

    Sizes follow the census mix exactly. People of one household are neighbours in the array; collective rooms come
    last, those of nursing homes at the very end.
    """
    private = plan.people - round(plan.people * COLLECTIVE_SHARE)
    count = round(private / MEAN_HOUSEHOLD[plan.kind])
    sizes = np.repeat(np.arange(1, 7, dtype=np.int8), _quota(np.array(HOUSEHOLD_SIZES), total=count))
    rng.shuffle(sizes)
    # The rounded mix misses the head count by a percent: single households gain or pairs lose a member.
    short = private - int(sizes.sum(dtype=np.int64))
    change, from_size = (1, 1) if short > 0 else (-1, 2)
    sizes[np.flatnonzero(sizes == from_size)[: abs(short)]] += change
    rooms = (np.arange(plan.people - private) // DORMITORY + count).astype(np.int32)
    household = np.concatenate([np.repeat(np.arange(count, dtype=np.int32), sizes), rooms])
    full_rooms = round(plan.people * NURSING_SHARE / DORMITORY)
    elders = household > household[-1] - full_rooms
    return household, np.arange(plan.people) >= private, elders


def _quota(shares: np.ndarray, *, total: int) -> np.ndarray:
    """Whole numbers in the given proportions that sum to `total`."""
    edges = np.round(np.concatenate([[0.0], np.cumsum(shares / shares.sum())]) * total).astype(int)
    return np.asarray(np.diff(edges))


def _ages(
    plan: CityPlan,
    *,
    household: np.ndarray,
    collective: np.ndarray,
    elders: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Whole-year ages: the bands' shares exactly, children with adults, partners of like age."""
    bands = AGE_BANDS[plan.kind]
    quota = _quota(np.array([share for _, share in bands]), total=plan.people)
    lows = [0, *(upper for upper, _ in bands[:-1])]
    drawn = [rng.integers(low, upper, n, dtype=np.int16) for low, (upper, _), n in zip(lows, bands, quota, strict=True)]
    minors, adults = rng.permutation(np.concatenate(drawn[:2])), np.concatenate(drawn[2:])
    age = np.full(plan.people, -1, dtype=np.int16)
    # Collective housing is workers and students, adults under 56, and nursing homes.
    taken = np.zeros(len(adults), dtype=bool)
    for seats, fits in ((elders, adults >= 75), (collective & ~elders, adults <= 55)):
        wanted = np.flatnonzero(seats)
        chosen = rng.permutation(np.flatnonzero(fits & ~taken))[: len(wanted)]
        age[wanted] = adults[chosen]
        taken[chosen] = True
    adults = adults[~taken]
    rank = _rank_in_order(household)
    later = np.flatnonzero(~collective & (rank >= 2))  # third member and on
    chosen = rng.permutation(later)[: len(minors)]
    age[chosen] = minors[: len(chosen)]
    left = minors[len(chosen) :]
    second = np.flatnonzero(~collective & (rank == 1))
    age[rng.permutation(second)[: len(left)]] = left
    return _seat_adults(age, adults=adults, household=household, rng=rng)


def _seat_adults(age: np.ndarray, *, adults: np.ndarray, household: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give the unfilled seats their ages: parents of children around 38, others anywhere, partners close together."""
    seats = np.flatnonzero(age < 0)
    with_child = np.zeros(int(household[-1]) + 1, dtype=bool)
    with_child[household[(age >= 0) & (age < ADULT)]] = True
    anywhere = rng.choice(adults, size=len(with_child))
    key = np.where(with_child, rng.normal(38, 6, len(with_child)), anywhere).astype(np.float32)
    order = np.argsort(key[household[seats]] + rng.normal(0, 3, len(seats)).astype(np.float32), kind="stable")
    age[seats[order]] = np.sort(adults)
    return age


def _births(age: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """A birthday for every age, in days since 1970-01-01."""
    days = np.floor((age + rng.random(len(age)) * 0.997) * 365.2425)
    return ((AGES_ON - date(1970, 1, 1)).days - days).astype(np.int32)


def _homes(
    plan: CityPlan, *, at: Sited, household: np.ndarray, elders: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The home street of each person, and the nursing home of those who live in one, else -1.

    Whole households move together and streets keep their share.
    """
    count = int(household[-1]) + 1
    street = np.repeat(np.arange(len(plan.streets), dtype=np.int16), _quota(plan.shares, total=count))
    rng.shuffle(street)
    street = street[household]
    nursed = np.full(len(household), -1, dtype=np.int32)
    homes = at.of("nursing_home")
    if elders.any() and len(homes):
        nursed[elders] = homes[household[elders] % len(homes)]
        street[elders] = at.street[nursed[elders]]
    return street, nursed


def _occupy(
    plan: CityPlan, *, at: Sited, age: np.ndarray, street: np.ndarray, nursed: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Send pupils to the nearest schools, workers to workplaces near and far, and staff the market's halls."""
    workplace, pupil = nursed.copy(), (age >= STAGE_FROM["kindergarten"]) & (age < ADULT)
    _send_to_school(plan, at=at, workplace=workplace, age=age, pupil=pupil, street=street, rng=rng)
    employed = np.array([*EMPLOYED.values()])[np.searchsorted([*EMPLOYED], age.clip(ADULT), side="right") - 1]
    worker = (age >= ADULT) & (age < RETIRES) & (rng.random(len(age), dtype=np.float32) < employed)
    hall = _market_staff(plan, worker=worker, street=street, rng=rng)
    pupils = np.bincount(workplace[pupil], minlength=len(at.places))
    plain = np.flatnonzero(worker & (hall == 0))
    weight = _staff_wanted(plan, at=at, pupils=pupils, workers=len(plain), rng=rng)
    workplace[plain] = _find_work(at, weight=weight, street=street[plain], rng=rng)
    halls = at.of("hall")
    workplace[hall > 0] = halls[hall[hall > 0] - 1]
    role = np.select(
        [pupil, nursed >= 0, worker & (at.kind == "hall")[workplace], worker],
        [PUPIL, RESIDENT, HALL_STAFF, WORKER],
        HOME,
    ).astype(np.int8)
    return {
        "workplace": workplace,
        "group": _groups(at, workplace=workplace, age=age, role=role),
        "role": role,
        "pupil": pupil,
        "line": _lines(at, age=age, role=role, street=street, workplace=workplace, rng=rng),
        "market_hall": hall,
    }


def _send_to_school(
    plan: CityPlan,
    *,
    at: Sited,
    workplace: np.ndarray,
    age: np.ndarray,
    pupil: np.ndarray,
    street: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Give every pupil one of the two nearest schools of its stage, in place."""
    who = np.flatnonzero(pupil)
    stage = np.searchsorted(list(STAGE_FROM.values()), age[who], side="right") - 1
    near = np.empty((len(STAGE_FROM), len(plan.streets), 2), dtype=np.int32)
    for number, name in enumerate(STAGE_FROM):
        schools = at.schools(name)
        for home in range(len(plan.streets)):
            order = np.argsort(distances_km(plan, origin=home)[at.street[schools]], kind="stable")
            near[number, home] = schools[order[[0, min(1, len(order) - 1)]]]
    workplace[who] = near[stage, street[who], rng.integers(0, 2, len(who))]


def _staff_wanted(
    plan: CityPlan, *, at: Sited, pupils: np.ndarray, workers: int, rng: np.random.Generator
) -> np.ndarray:
    """How many people each place would employ: services by their kind, schools by their pupils, workplaces the rest."""
    wanted = np.zeros(len(at.places))
    for kind, staff in STAFF.items():
        wanted[at.of(kind)] = staff
    wanted[at.of("hall")[: len(HALLS)]] = 0  # the main market chooses its own
    wanted += pupils / PUPILS_A_TEACHER
    # A small city cannot man every service at full strength: never more than a third of its workers.
    wanted *= min(1.0, workers / 3 / max(wanted.sum(), 1.0))
    firms = at.of("workplace")
    size = rng.lognormal(0, SIZE_SPREAD, len(firms))
    wanted[firms] = size / size.sum() * max(workers - wanted.sum(), 1.0)
    del plan
    return wanted


def _find_work(at: Sited, *, weight: np.ndarray, street: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A place for each worker, in proportion to its weight: half work in their own district, half anywhere."""
    district = at.district_of_street[at.street]
    order = np.argsort(district, kind="stable")
    edges = np.cumsum(weight[order])
    first = np.searchsorted(district[order], np.arange(int(at.district_of_street.max()) + 2))
    bound = np.concatenate([[0.0], edges])[first]
    home = at.district_of_street[street]
    near = (rng.random(len(street), dtype=np.float32) < 0.5) & (bound[home + 1] > bound[home])
    low, high = np.where(near, bound[home], 0.0), np.where(near, bound[home + 1], edges[-1])
    chosen = np.searchsorted(edges, low + rng.random(len(street)) * (high - low), side="right")
    return np.asarray(order[np.minimum(chosen, len(order) - 1)], dtype=np.int32)


def _groups(at: Sited, *, workplace: np.ndarray, age: np.ndarray, role: np.ndarray) -> np.ndarray:
    """The class, team, stall or ward of everyone who spends the day at a place; -1 for the others.

    A pupil's is 100 times the school year (3 to 17) plus the class; a teacher has that of a class, a kitchen worker 9.
    """
    group = np.full(len(age), -1, dtype=np.int32)
    size = np.full(len(at.places), CLASS_SIZE["primary"])
    for stage in ("kindergarten", "secondary"):
        size[at.schools(stage)] = CLASS_SIZE[stage]
    pupils = np.flatnonzero(role == PUPIL)
    year = workplace[pupils].astype(np.int64) * 100 + age[pupils]
    group[pupils] = 100 * age[pupils] + _dealt(year, size=size[workplace[pupils]]) + 1
    school = at.kind == "school"
    staff = np.flatnonzero((role == WORKER) & school[workplace])
    if len(staff):
        group[staff] = _teachers(workplace[staff], classes=(workplace[pupils], group[pupils]), places=len(at.places))
    size = np.full(len(at.places), TEAM_SIZE)
    for kind, team in SERVICE_TEAM.items():
        size[at.of(kind)] = team
    size[at.of("hall")], size[at.of("nursing_home")] = STALL_TEAM, TEAM_SIZE
    who = np.flatnonzero(((role == WORKER) & ~school[workplace]) | (role == HALL_STAFF))
    group[who] = _dealt(workplace[who].astype(np.int64), size=size[workplace[who]])
    nursed = np.flatnonzero(role == RESIDENT)
    group[nursed] = _dealt(workplace[nursed].astype(np.int64), size=np.full(len(nursed), WARD_SIZE))
    return group


def _dealt(unit: np.ndarray, *, size: np.ndarray) -> np.ndarray:
    """Deal the members of each unit out into groups of about `size`, numbered from 0, equal to one person."""
    _, inverse, count = np.unique(unit, return_inverse=True, return_counts=True)
    return np.asarray(rank_within(unit) % -(-count[inverse] // size), dtype=np.int32)


def _teachers(workplace: np.ndarray, *, classes: tuple[np.ndarray, np.ndarray], places: int) -> np.ndarray:
    """A class for each teacher of a school, in turn; every sixth of the staff works in the kitchen."""
    known = np.unique(classes[0].astype(np.int64) * 10_000 + classes[1])
    first = np.searchsorted(known, np.arange(places + 1, dtype=np.int64) * 10_000)
    rank, count = rank_within(workplace), np.diff(first)[workplace]
    taught = known[first[workplace] + rank % np.maximum(count, 1)] % 10_000
    return np.where((rank % 6 == 5) | (count == 0), KITCHEN, taught).astype(np.int32)


def _lines(
    at: Sited, *, age: np.ndarray, role: np.ndarray, street: np.ndarray, workplace: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The bus or metro line of those who ride to work or school, else -1."""
    lines = at.of("transport")
    share = np.where(role == WORKER, RIDERS, np.where((role == PUPIL) & (age >= 12), RIDING_PUPILS, 0.0))
    rides = rng.random(len(age), dtype=np.float32) < share
    line = np.full(len(age), -1, dtype=np.int32)
    if len(lines):
        line[rides] = lines[(street[rides].astype(np.int32) * 7 + workplace[rides] % 5) % len(lines)]
    return line


def _market_staff(plan: CityPlan, *, worker: np.ndarray, street: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The main market's hall each person works in, 0 for none; six in ten staff live in the market's own street."""
    weight = np.ones(len(HALLS))
    weight[[SEAFOOD_HALL - 1, BEEF_HALL - 1]] = 1.7, 1.5
    halls = np.repeat(np.arange(1, len(HALLS) + 1, dtype=np.int8), _quota(weight, total=plan.market_staff))
    hall = np.zeros(len(street), dtype=np.int8)
    hall[_draw(worker, _nearness(plan, here=0.6, district=0.25)[street], len(halls), rng=rng)] = rng.permutation(halls)
    return hall


def _regulars(plan: CityPlan, *, age: np.ndarray, street: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Who ever shops at the main market: a pool ten times one day's visitors, most of them neighbours."""
    grown = age >= ADULT
    pool = np.zeros(len(age), dtype=bool)
    count = min(10 * plan.market_visitors, int(grown.sum()) // 2)
    pool[_draw(grown, _nearness(plan, here=0.5, district=0.25)[street], count, rng=rng)] = True
    return pool


def _draw(fit: np.ndarray, weight: np.ndarray, count: int, *, rng: np.random.Generator) -> np.ndarray:
    """`count` different people among the fit, weighted, in random order (Efraimidis and Spirakis, 2006).

    Raises ValueError when there are too few.
    """
    who = np.flatnonzero(fit & (weight > 0))
    if len(who) < count:
        msg = f"the market wants {count} people and {len(who)} would come; plan more people or a smaller market."
        raise ValueError(msg)
    key = rng.exponential(size=len(who)) / weight[who]
    chosen = np.argpartition(key, count - 1)[:count] if count else np.zeros(0, dtype=np.int64)
    return np.asarray(who[np.sort(chosen)])


def _nearness(plan: CityPlan, *, here: float, district: float) -> np.ndarray:
    """Per street, the chance weight of one resident, when the market draws these shares from street and district."""
    market, shares = market_index(plan), plan.shares
    same = np.array([s.district_code == plan.streets[market].district_code for s in plan.streets])
    group = np.where(np.arange(len(shares)) == market, 0, np.where(same, 1, 2))
    drawn = np.array([here, district, 1 - here - district])
    lives = np.array([shares[group == g].sum() for g in range(3)])
    return np.asarray(np.where(lives > 0, drawn / np.where(lives > 0, lives, 1), 0)[group])


def _heads(first_kin: np.ndarray, *, household: np.ndarray, age: np.ndarray) -> np.ndarray:
    """For each person the first-listed adult of the household (its first member where there is none)."""
    nobody = np.iinfo(np.int32).max
    adult = np.where(age >= ADULT, np.arange(len(age), dtype=np.int32), nobody)
    first = np.minimum.reduceat(adult, first_kin[:-1])
    return np.asarray(np.where(first < nobody, first, first_kin[:-1])[household], dtype=np.int32)


def _rank_in_order(group: np.ndarray) -> np.ndarray:
    """0, 1, 2… among equal values that already stand together."""
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    run = np.diff(np.append(starts, len(group)))
    return (np.arange(len(group)) - np.repeat(starts, run)).astype(np.int32)


def rank_within(group: np.ndarray) -> np.ndarray:
    """0, 1, 2… among equal values, in array order."""
    order = np.argsort(group, kind="stable")
    rank = np.empty(len(group), dtype=np.int32)
    rank[order] = _rank_in_order(group[order])
    return rank
