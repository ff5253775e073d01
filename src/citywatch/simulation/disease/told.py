"""The course of the outbreak that the demo tells: one draw after another around a first positive at a given minute.

Scenarios of any other kind use the natural histories beside this file and `spread`.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import DAY
from citywatch.simulation.disease.spread import CAUSE_OF_KIND
from citywatch.simulation.places import BEEF_HALL, HALLS, SEAFOOD_HALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from citywatch.simulation.people import City
    from citywatch.simulation.visits import Presence


@dataclass(frozen=True, kw_only=True)
class Course:
    """Parameters of one disease. Defaults: COVID-19 before vaccines, from the domain dossier, section 3.

    `profile_*` is the infectiousness around onset (He et al., Nat Med 2020): a gamma law that begins 2.3 days before
    onset and peaks 0.7 days before it, 44 % of it before onset.
    """

    incubation_mean: float = 5.2  # days
    incubation_log_sd: float = 0.42
    profile_shape: float = 2.1158
    profile_scale: float = 1.4496  # days
    profile_begins: float = -2.3067  # days from onset
    household_attack: float = 0.156
    social_mean: float = 0.7  # further infections outside the home
    social_dispersion: float = 0.4
    asymptomatic: float = 0.09
    asymptomatic_infectiousness: float = 0.5

    def incubation(self, rng: np.random.Generator) -> float:
        """Days from infection to onset: log-normal with the given mean."""
        mu = math.log(self.incubation_mean) - self.incubation_log_sd**2 / 2
        return float(rng.lognormal(mu, self.incubation_log_sd))

    def from_onset(self, rng: np.random.Generator) -> float:
        """Days from the infector's onset to a transmission; negative before onset."""
        return self.profile_begins + float(rng.gamma(self.profile_shape, self.profile_scale))


@dataclass(frozen=True, kw_only=True)
class Contamination:
    """Goods carrying virus in the market's halls, fading with a half-life. All rates are assumed.

    No hall-by-hall attack rates of 2020 were published; these give the seafood hall's staff about one in three and
    its visitors about one in a hundred over the whole period.
    """

    arrives: int  # minute
    half_life: float = 3.0  # days
    staff_day: float = 0.13  # chance for a day worked in the seafood hall when the goods are fresh
    visitor: float = 0.026  # chance for one visit to it
    beef_hall: float = 0.35  # relative to the seafood hall
    other_halls: float = 0.03

    def hall_factor(self) -> np.ndarray:
        """Relative danger of each hall, hall 1 first."""
        factor = np.full(len(HALLS), self.other_halls)
        factor[[SEAFOOD_HALL - 1, BEEF_HALL - 1]] = 1.0, self.beef_hall
        return factor


@dataclass(kw_only=True)
class Infection:
    """One infected person. `onset` is when symptoms begin (for the asymptomatic, when they would have)."""

    person: int
    infector: int  # person index, -1 from contaminated goods
    place: int  # place index, -1 at home
    at: int
    onset: int
    asymptomatic: bool
    cause: str  # household or one of CAUSE_OF_KIND


@dataclass(order=True)
class _Chance:
    """A transmission that may happen; `number` breaks ties so that heaps never compare further."""

    at: int
    number: int
    target: int = field(compare=False)
    infector: int = field(compare=False)
    place: int = field(compare=False)


_SOMEONE: Final = -2


class Epidemic:
    """An outbreak as it unfolds. Run it to a minute, look, mark people as held, run on."""

    def __init__(self, city: City, *, presence: Presence, course: Course, rng: np.random.Generator) -> None:
        """Begin with nobody infected."""
        self.city, self.presence, self.course = city, presence, course
        self.infections: dict[int, Infection] = {}
        self.held_from: dict[int, int] = {}
        self._rng = rng
        self._chances: list[_Chance] = []
        self._numbers = itertools.count()

    def contaminate(self, goods: Contamination) -> None:
        """Expose everyone who enters a hall with the goods in it, each stay on its own."""
        visits, halls = self.presence.visits, self.city.halls
        factor = np.zeros(len(self.city.places))
        factor[halls] = goods.hall_factor()
        rows = np.flatnonzero((factor[visits.place] > 0) & (visits.minute_in >= goods.arrives))
        age = (visits.minute_in[rows] - goods.arrives) / DAY
        staff = self.city.people.market_hall[visits.person[rows]] > 0
        chance = np.where(staff, goods.staff_day, goods.visitor) * factor[visits.place[rows]]
        hit = rows[self._rng.random(len(rows)) < chance * 0.5 ** (age / goods.half_life)]
        inside = self._rng.random(len(hit)) * (visits.minute_out[hit] - visits.minute_in[hit])
        for row, minutes in zip(hit, inside, strict=True):
            at = int(visits.minute_in[row] + minutes)
            self._expect(at, target=int(visits.person[row]), infector=-1, place=int(visits.place[row]))

    def infect(self, person: int, *, place: int, at: int, onset: int) -> None:
        """Make one person a symptomatic case of the goods, with a known onset."""
        self._begin(
            Infection(person=person, infector=-1, place=place, at=at, onset=onset, asymptomatic=False, cause="market")
        )

    def run(self, *, until: int, after_each: Callable[[Infection], None] | None = None) -> None:
        """Let transmissions happen up to minute `until`; `after_each` sees every new infection at once."""
        while self._chances and self._chances[0].at < until:
            infection = self._happen(heapq.heappop(self._chances))
            if infection is not None:
                self._begin(infection)
                if after_each is not None:
                    after_each(infection)

    def _expect(self, at: int, *, target: int, infector: int, place: int) -> None:
        heapq.heappush(self._chances, _Chance(at, next(self._numbers), target, infector, place))

    def _held(self, person: int, at: int) -> bool:
        return at >= self.held_from.get(person, at + 1)

    def _happen(self, chance: _Chance) -> Infection | None:
        """Turn a chance into an infection, or nothing when the target is immune, absent, or either one is held."""
        if chance.infector >= 0 and self._held(chance.infector, chance.at):
            return None
        target, place, at = chance.target, chance.place, chance.at
        if target == _SOMEONE:
            met = self._meet(chance.infector, at=at)
            if met is None:
                return None
            target, place, at = met
        if target in self.infections or self._held(target, at):
            return None
        cause = "household" if place < 0 else CAUSE_OF_KIND.get(self.city.places[place].kind, "other")
        course = self.course
        return Infection(
            person=target,
            infector=chance.infector,
            place=place,
            at=at,
            onset=at + round(course.incubation(self._rng) * DAY),
            asymptomatic=bool(self._rng.random() < course.asymptomatic),
            cause=cause,
        )

    def _meet(self, infector: int, *, at: int) -> tuple[int, int, int] | None:
        """Someone who shared a stay with the infector within half a day after `at`: (person, place, minute)."""
        visits, rows = self.presence.visits, self.presence.stays_of(infector)
        rows = rows[(visits.minute_in[rows] >= at) & (visits.minute_in[rows] < at + DAY // 2)]
        rows = rows[visits.minute_in[rows] < self.held_from.get(infector, at + DAY)]
        if not len(rows):
            return None
        row = int(rows[self._rng.integers(len(rows))])
        others = self.presence.with_stay(row, same_group=True)
        if not len(others):
            return None
        other = int(others[self._rng.integers(len(others))])
        begin = max(int(visits.minute_in[row]), int(visits.minute_in[other]))
        return int(visits.person[other]), int(visits.place[row]), begin + 5

    def _begin(self, infection: Infection) -> None:
        """Record an infection and draw whom it may reach: household members, and people met elsewhere."""
        self.infections[infection.person] = infection
        course, rng = self.course, self._rng
        strength = course.asymptomatic_infectiousness if infection.asymptomatic else 1.0
        for member in self.city.household_of(infection.person):
            if member != infection.person and rng.random() < course.household_attack * strength:
                self._expect(self._when(infection), target=int(member), infector=infection.person, place=-1)
        odds = course.social_dispersion / (course.social_dispersion + course.social_mean * strength)
        for _ in range(int(rng.negative_binomial(course.social_dispersion, odds))):
            self._expect(self._when(infection), target=_SOMEONE, infector=infection.person, place=-1)

    def _when(self, infection: Infection) -> int:
        """When a transmission happens: around the infector's onset, no sooner than a day after infection."""
        at = infection.onset + round(self.course.from_onset(self._rng) * DAY)
        return max(at, infection.at + DAY)
