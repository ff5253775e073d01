"""The synthetic city's people: ages, households, homes, work, school and the market's staff and regulars.

Numbers are those of the 2020 census as the domain dossier (section 3) gives them; who lives with whom is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

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
EMPLOYED: Final = 0.72  # of people aged 18-59, assumed
ADULT: Final = 18


@dataclass(frozen=True, kw_only=True)
class People:
    """One row per person, all arrays of the same length.

    `street` is the home street's position in the plan; `workplace` a place index (a hall for market staff, a school
    for pupils) or -1; `line` the bus line ridden to work or -1; `market_hall` 1-8 for staff of that hall, else 0.
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
    pupil: np.ndarray
    line: np.ndarray
    market_hall: np.ndarray
    market_regular: np.ndarray

    def __len__(self) -> int:
        """How many people live in the city."""
        return len(self.age)


@dataclass(frozen=True, kw_only=True)
class City:
    """A built city: its plan, the seed it came from, its places and its people."""

    plan: CityPlan
    seed: int
    places: list[SitePlace]
    people: People
    residents: np.ndarray  # person indices sorted by home street
    first_resident: np.ndarray  # where each street's residents begin in `residents`, plus the end
    kin: np.ndarray  # person indices sorted by household
    first_kin: np.ndarray

    def place_index(self, code: str) -> int:
        """The position of the place with this code."""
        return next(i for i, place in enumerate(self.places) if place.code == code)

    def of_kind(self, kind: str) -> np.ndarray:
        """Indices of places of a kind or of an institution kind."""
        return np.array(
            [i for i, place in enumerate(self.places) if kind in {place.kind, place.institution_kind}], dtype=np.int32
        )

    @property
    def halls(self) -> np.ndarray:
        """Place indices of the market's halls, hall 1 first."""
        return self.of_kind("hall")

    @property
    def market(self) -> int:
        """Place index of the market itself."""
        return int(self.of_kind("market")[0])

    def street_index(self, code: str) -> int:
        """The position of a street in the plan."""
        return [street.code for street in self.plan.streets].index(code)

    def residents_of(self, street: int) -> np.ndarray:
        """Person indices of everyone who lives in a street."""
        return self.residents[self.first_resident[street] : self.first_resident[street + 1]]

    def household_of(self, person: int) -> np.ndarray:
        """Person indices of everyone in a person's household, that person included."""
        home = int(self.people.household[person])
        return self.kin[self.first_kin[home] : self.first_kin[home + 1]]


def build_city(plan: CityPlan, *, seed: int) -> City:
    """Build the city of `plan`. The same plan and seed give the same city, on any machine.

    Raises ValueError when the plan cannot be built.
    """
    places = lay_out_places(plan, rng=np.random.default_rng([seed, 1]))
    rng = np.random.default_rng([seed, 2])
    household, collective = _households(plan, rng=rng)
    age = _ages(plan, household=household, collective=collective, rng=rng)
    street = _homes(plan, household=household, rng=rng)
    male = rng.random(plan.people) < MALE_SHARE
    born = (AGES_ON - date(1970, 1, 1)).days - np.floor((age + rng.random(plan.people) * 0.997) * 365.2425).astype(int)
    work = _occupy(plan, places=places, age=age, street=street, rng=rng)
    residents = np.argsort(street, kind="stable").astype(np.int32)
    kin = np.argsort(household, kind="stable").astype(np.int32)
    head = _heads(household, age=age)
    people = People(
        age=age,
        male=male,
        born=born.astype(np.int32),
        same_birthday=_rank_within(born.astype(np.int64) * 2 + male),
        street=street,
        household=household,
        head=head,
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
        kin=kin,
        first_kin=np.searchsorted(household[kin], np.arange(int(household.max()) + 2)),
    )


def _households(plan: CityPlan, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Household number of each person and whether it is collective housing; sizes follow the census mix exactly.

    People of one household are neighbours in the array; collective rooms come last.
    """
    private = plan.people - round(plan.people * COLLECTIVE_SHARE)
    count = round(private / MEAN_HOUSEHOLD[plan.kind])
    sizes = np.repeat(np.arange(1, 7), _quota(np.array(HOUSEHOLD_SIZES), total=count))
    rng.shuffle(sizes)
    # The rounded mix misses the head count by a percent: single households gain or pairs lose a member.
    short = private - int(sizes.sum())
    change, from_size = (1, 1) if short > 0 else (-1, 2)
    sizes[np.flatnonzero(sizes == from_size)[: abs(short)]] += change
    rooms = np.arange(plan.people - private) // DORMITORY + count
    household = np.concatenate([np.repeat(np.arange(count), sizes), rooms]).astype(np.int32)
    return household, np.arange(plan.people) >= private


def _quota(shares: np.ndarray, *, total: int) -> np.ndarray:
    """Whole numbers in the given proportions that sum to `total`."""
    edges = np.round(np.concatenate([[0.0], np.cumsum(shares / shares.sum())]) * total).astype(int)
    return np.asarray(np.diff(edges))


def _ages(plan: CityPlan, *, household: np.ndarray, collective: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole-year ages: the bands' shares exactly, children with adults, partners of like age."""
    bands = AGE_BANDS[plan.kind]
    quota = _quota(np.array([share for _, share in bands]), total=plan.people)
    lows = [0, *(upper for upper, _ in bands[:-1])]
    drawn = [rng.integers(low, upper, n) for low, (upper, _), n in zip(lows, bands, quota, strict=True)]
    minors, adults = rng.permutation(np.concatenate(drawn[:2])), np.concatenate(drawn[2:])
    age = np.full(plan.people, -1, dtype=np.int16)
    # Collective housing is workers and students: adults under 56.
    rooms = np.flatnonzero(collective)
    young = rng.permutation(np.flatnonzero(adults <= 55))[: len(rooms)]
    age[rooms] = adults[young]
    adults = np.delete(adults, young)
    later = np.flatnonzero(~collective & (_rank_within(household) >= 2))  # third member and on
    chosen = rng.permutation(later)[: len(minors)]
    age[chosen] = minors[: len(chosen)]
    left = minors[len(chosen) :]
    second = np.flatnonzero(~collective & (_rank_within(household) == 1))
    age[rng.permutation(second)[: len(left)]] = left
    return _seat_adults(age, adults=adults, household=household, rng=rng)


def _seat_adults(age: np.ndarray, *, adults: np.ndarray, household: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give the unfilled seats their ages: parents of children around 38, others anywhere, partners close together."""
    seats = np.flatnonzero(age < 0)
    with_child = np.zeros(int(household.max()) + 1, dtype=bool)
    with_child[household[(age >= 0) & (age < ADULT)]] = True
    anywhere = rng.choice(adults, size=len(with_child))
    key = np.where(with_child, rng.normal(38, 6, len(with_child)), anywhere)
    order = np.argsort(key[household[seats]] + rng.normal(0, 3, len(seats)), kind="stable")
    age[seats[order]] = np.sort(adults)
    return age


def _homes(plan: CityPlan, *, household: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The home street of each person; whole households move together and streets keep their share."""
    count = int(household.max()) + 1
    street = np.repeat(np.arange(len(plan.streets)), _quota(plan.shares, total=count))
    rng.shuffle(street)
    return np.asarray(street[household], dtype=np.int16)


def _occupy(
    plan: CityPlan, *, places: list[SitePlace], age: np.ndarray, street: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Send pupils to the nearest schools, workers to workplaces near and far, and staff the market's halls."""
    codes = [plan_street.code for plan_street in plan.streets]
    at = {
        kind: np.array([i for i, p in enumerate(places) if p.kind == kind])
        for kind in ("school", "workplace", "transport", "hall")
    }
    streets_of = {kind: np.array([codes.index(places[i].street_code) for i in found]) for kind, found in at.items()}
    workplace = np.full(len(age), -1, dtype=np.int32)
    pupil = (age >= 3) & (age < ADULT)  # kindergarten starts at three
    for home in range(len(codes)):
        near = np.argsort(distances_km(plan, origin=home)[streets_of["school"]], kind="stable")[:2]
        mine = np.flatnonzero(pupil & (street == home))
        workplace[mine] = at["school"][near][rng.integers(0, len(near), len(mine))]
    worker = (age >= ADULT) & (age < 60) & (rng.random(len(age)) < EMPLOYED)  # retirement
    size = rng.lognormal(0, 1, len(at["workplace"]))
    anywhere = rng.choice(at["workplace"], size=len(age), p=size / size.sum())
    workplace[worker] = anywhere[worker]
    for district in sorted({s.district_code for s in plan.streets}):
        here = np.array([plan.streets[s].district_code == district for s in streets_of["workplace"]])
        lives = np.array([s.district_code == district for s in plan.streets])[street]
        mine = np.flatnonzero(worker & lives & (rng.random(len(age)) < 0.5))  # half work nearby
        if here.any():
            workplace[mine] = rng.choice(at["workplace"][here], size=len(mine), p=size[here] / size[here].sum())
    hall = _market_staff(plan, worker=worker, street=street, rng=rng)
    workplace[hall > 0] = at["hall"][hall[hall > 0] - 1]
    rides = worker & (hall == 0) & (rng.random(len(age)) < 0.3)  # share by public transport, assumed
    line = np.where(rides, at["transport"][(street.astype(int) * 7 + workplace % 5) % len(at["transport"])], -1)
    return {"workplace": workplace, "pupil": pupil, "line": line.astype(np.int32), "market_hall": hall}


def _market_staff(plan: CityPlan, *, worker: np.ndarray, street: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The hall each person works in, 0 for none; six in ten staff live in the market's own street."""
    weight = np.ones(len(HALLS))
    weight[[SEAFOOD_HALL - 1, BEEF_HALL - 1]] = 1.7, 1.5
    halls = np.repeat(np.arange(1, len(HALLS) + 1), _quota(weight, total=plan.market_staff))
    chance = np.where(worker, _nearness(plan, here=0.6, district=0.25)[street], 0.0)
    chosen = rng.choice(len(street), size=len(halls), replace=False, p=chance / chance.sum())
    hall = np.zeros(len(street), dtype=np.int8)
    hall[chosen] = rng.permutation(halls)
    return hall


def _regulars(plan: CityPlan, *, age: np.ndarray, street: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Who ever shops at the market: a pool ten times one day's visitors, most of them neighbours."""
    chance = np.where(age >= ADULT, _nearness(plan, here=0.5, district=0.25)[street], 0.0)
    count = min(10 * plan.market_visitors, int((chance > 0).sum()) // 2)
    pool = np.zeros(len(age), dtype=bool)
    pool[rng.choice(len(age), size=count, replace=False, p=chance / chance.sum())] = True
    return pool


def _nearness(plan: CityPlan, *, here: float, district: float) -> np.ndarray:
    """Per street, the chance weight of one resident, when the market draws these shares from street and district."""
    market, shares = market_index(plan), plan.shares
    same = np.array([s.district_code == plan.streets[market].district_code for s in plan.streets])
    group = np.where(np.arange(len(shares)) == market, 0, np.where(same, 1, 2))
    drawn = np.array([here, district, 1 - here - district])
    lives = np.array([shares[group == g].sum() for g in range(3)])
    return np.asarray(np.where(lives > 0, drawn / np.where(lives > 0, lives, 1), 0)[group])


def _heads(household: np.ndarray, *, age: np.ndarray) -> np.ndarray:
    """For each person the first-listed adult of the household (the person itself where there is none)."""
    order = np.lexsort((np.arange(len(age)), age < ADULT, household))
    first = np.searchsorted(household[order], np.arange(int(household.max()) + 1))
    return np.asarray(order[first][household], dtype=np.int32)


def _rank_within(group: np.ndarray) -> np.ndarray:
    """0, 1, 2… among equal values, in array order."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    run = np.diff(np.append(starts, len(group)))
    rank = np.empty(len(group), dtype=np.int32)
    rank[order] = np.arange(len(group)) - np.repeat(starts, run)
    return rank
