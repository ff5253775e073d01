"""How infections pass from person to person: at home, along the day's real visits, and from goods or a meal.

Only infectious people's stays and those of the people who shared them are looked at. Who falls ill and what is then
reported belongs to `scenarios`; which visits a closed hall or a quarantine leaves is decided before they come here.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import DAY, is_working_day, midnight
from citywatch.simulation.disease.history import by_age

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

    from citywatch.simulation.disease.history import NaturalHistory
    from citywatch.simulation.people import City
    from citywatch.simulation.visits import Visits

CAUSE_OF_KIND: Final = {
    "hall": "market",
    "market": "market",
    "workplace": "work",
    "warehouse": "work",
    "importer": "work",
    "school": "school",
    "restaurant": "dining",
    "shop": "shopping",
    "park": "leisure",
    "transport": "transport",
    "institution": "care",
    "nursing_home": "care",
}
CLOSE: Final = 12  # of all people around, so many are near enough at any moment (assumed)
_MINUTES: Final = 13  # bits that hold the minute of a day and of the night after it
_GROUPS: Final = 24
_SAMPLE: Final = 400
_LONGEST: Final = 16 * 60


@dataclass(slots=True, kw_only=True)
class Case:
    """One infection. `onset` is when symptoms begin (for the asymptomatic, when they would have); -1 is none."""

    number: int
    person: int
    disease: str
    outbreak: int
    infector: int
    place: int
    batch: int
    cause: str
    at: int
    onset: int
    asymptomatic: bool
    strength: float
    first_report: int = -1
    positive_at: int = -1


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Goods or food that infect whoever stays near them: `places` says how strongly, relative to the worst place.

    `staff` and `visitor` are chances for one stay while fresh; they fade with `half_life` days.
    """

    outbreak: int
    disease: str
    places: Mapping[int, float]
    begins: int
    ends: int
    staff: float
    visitor: float
    cause: str
    half_life: float = 1e6
    batch: int = -1


@dataclass(slots=True, kw_only=True)
class Outbreak:
    """One outbreak as it grows. It is stopped at `largest` and begun again at its source below `least`."""

    number: int
    kind: str
    disease: str
    place: int
    batch: int
    begins: int
    least: int
    largest: int
    cases: list[int] = field(default_factory=list)
    tries: int = 0
    damped_from: int = -1  # from this minute infections outside the home are `damped_to` of what they were
    damped_to: float = 1.0
    careful: float = 1.0  # the same before that, when masks and distance are the custom of the time


@dataclass(slots=True)
class SpreadState:
    """Everything that a day leaves to the next."""

    cases: list[Case] = field(default_factory=list)
    outbreaks: list[Outbreak] = field(default_factory=list)
    infected: dict[str, dict[int, int]] = field(default_factory=dict)  # disease, person: case number
    infectious: dict[str, list[int]] = field(default_factory=dict)
    at_home: list[tuple[int, int, int]] = field(default_factory=list)  # heap of minute, case number, member
    exposures: list[Exposure] = field(default_factory=list)
    typical: dict[str, float] = field(default_factory=dict)  # contact hours of a typical case


class Mingling:
    """One day's stays at the places that certain people visit, arranged to ask who was there with whom."""

    def __init__(self, visits: Visits, *, whose: np.ndarray, places: int, start: int) -> None:
        """`whose` is a mask over all people; `start` the minute at which the day begins."""
        own = whose[visits.person]
        hot = np.zeros(places, dtype=bool)
        hot[visits.place[own]] = True
        rows = np.flatnonzero(hot[visits.place])
        group = getattr(visits, "group", None)
        key = visits.place[rows].astype(np.int64) << _GROUPS
        key += 0 if group is None else group[rows].astype(np.int64) + 1
        key <<= _MINUTES
        begins = np.maximum(visits.minute_in[rows] - start, 0)
        ends = np.maximum(visits.minute_out[rows] - start, 0)
        order = np.argsort(key + begins, kind="stable")
        self.start = start
        self.person, self.place = visits.person[rows][order], visits.place[rows][order]
        self.begins, self.ends, self._key = begins[order], ends[order], key[order]
        self._by_begin = self._key + self.begins
        self._by_end = np.sort(key + ends)
        self.stays = np.flatnonzero(own[rows][order])

    def others(self, stays: np.ndarray) -> np.ndarray:
        """How many other people each of `stays` was shared with, however briefly."""
        key = self._key[stays]
        came = np.searchsorted(self._by_begin, key + self.ends[stays]) - np.searchsorted(self._by_begin, key)
        left = np.searchsorted(self._by_end, key + self.begins[stays], side="right") - np.searchsorted(
            self._by_end, key
        )
        return np.asarray(np.maximum(came - left - 1, 0))

    def company(self, stay: int, *, minutes: int = 10) -> np.ndarray:
        """Positions of the stays that shared at least so many minutes with a stay of somebody else."""
        key, begin, end = self._key[stay], self.begins[stay], self.ends[stay]
        low = np.searchsorted(self._by_begin, key + max(int(begin) - _LONGEST, 0))
        high = np.searchsorted(self._by_begin, key + max(int(end) - minutes, 0), side="right")
        near = np.arange(low, high)
        shared = np.minimum(self.ends[low:high], end) - np.maximum(self.begins[low:high], begin)
        return np.asarray(near[(shared >= minutes) & (self.person[low:high] != self.person[stay])])


class Spread:
    """Infections of all diseases in one city. Hand in each day's visits in turn; `state` is all it remembers."""

    def __init__(
        self,
        city: City,
        diseases: Mapping[str, NaturalHistory],
        *,
        seed: int,
        state: SpreadState | None = None,
        on_case: Callable[[Case], None] | None = None,
    ) -> None:
        """`on_case` sees every new case at once."""
        self.city, self.diseases, self.seed = city, diseases, seed
        self.state = state or SpreadState()
        self.on_case = on_case
        self._kinds = np.array([_kind(place) for place in city.places])
        self._weights: dict[str, np.ndarray] = {}
        self._susceptible: dict[str, np.ndarray] = {}
        work = np.asarray(city.people.workplace)
        stalls = (work >= 0) & (self._kinds[work] == "stall")
        self._post = np.where(stalls, city.parent_place[work], work)  # a stall's staff are their hall's
        self._by_post = np.argsort(self._post, kind="stable").astype(np.int32)

    # ── What is asked from outside ───────────────────────────────────────────────────────────────────────────────

    def members_of(self, place: int) -> np.ndarray:
        """Who works at or goes to school at a place."""
        low, high = np.searchsorted(self._post, [place, place + 1], sorter=self._by_post)
        return np.asarray(self._by_post[low:high])

    def susceptibility(self, disease: str) -> np.ndarray:
        """Each person's susceptibility to a disease, 1 at most."""
        if disease not in self._susceptible:
            bands = self.diseases[disease].susceptibility
            self._susceptible[disease] = by_age(bands, np.asarray(self.city.people.age)).astype(np.float32)
        return self._susceptible[disease]

    def is_infected(self, disease: str, person: int) -> bool:
        """Whether a person has, or has had, the disease."""
        return person in self.state.infected.get(disease, {})

    def busy(self, day: date) -> bool:
        """Whether the day's visits matter: somebody is infectious, or goods lie somewhere."""
        begin = midnight(day)
        lying = any(one.begins < begin + DAY and one.ends > begin for one in self.state.exposures)
        return lying or any(self.state.infectious.values())

    def infect(
        self,
        person: int,
        *,
        outbreak: Outbreak,
        at: int,
        cause: str,
        place: int = -1,
        infector: int = -1,
        batch: int = -1,
        rng: np.random.Generator,
    ) -> Case | None:
        """Infect a person, unless they have had the disease or the outbreak has reached its end."""
        history, state = self.diseases[outbreak.disease], self.state
        known = state.infected.setdefault(history.code, {})
        if person in known or len(outbreak.cases) >= outbreak.largest:
            return None
        incubation = max(history.incubation(int(self.city.people.age[person]), rng), 0.1)
        case = Case(
            number=len(state.cases),
            person=int(person),
            disease=history.code,
            outbreak=outbreak.number,
            infector=infector,
            place=place,
            batch=batch,
            cause=cause,
            at=int(at),
            onset=int(at) + round(incubation * DAY),
            asymptomatic=bool(rng.random() < history.asymptomatic),
            strength=float(rng.gamma(history.individual) / history.individual),
        )
        state.cases.append(case)
        outbreak.cases.append(case.number)
        known[case.person] = case.number
        state.infectious.setdefault(history.code, []).append(case.number)
        self._plan_home(case, history, rng=rng)
        if self.on_case is not None:
            self.on_case(case)
        return case

    def live(self, day: date, visits: Visits | None, *, held: Callable[[int, int], bool]) -> None:
        """Let a day's infections happen. `held` says whether a person is kept apart at a minute."""
        begin = midnight(day)
        rng = np.random.default_rng([self.seed, self.city.seed, 11, begin // DAY])
        self._begin_again(begin, rng=rng)
        if visits is not None:
            for one in self.state.exposures:
                self._expose(one, visits, begin=begin, rng=rng)
            for disease in sorted(self.state.infectious):
                self._meet(disease, visits, day=day, held=held, rng=rng)
        self._at_home(until=begin + DAY, held=held, rng=rng)
        for disease, numbers in self.state.infectious.items():
            last = self.diseases[disease].infectious_days * DAY
            kept = [n for n in numbers if self.state.cases[n].onset + last > begin + DAY]
            self.state.infectious[disease] = kept

    # ── At home ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _plan_home(self, case: Case, history: NaturalHistory, *, rng: np.random.Generator) -> None:
        chance = history.household_attack * (history.asymptomatic_infectiousness if case.asymptomatic else 1.0)
        for member in self.city.household_of(case.person):
            weight = self.susceptibility(case.disease)[member]
            if member != case.person and rng.random() < chance * weight:
                at = case.onset + round(history.from_onset(rng) * DAY)
                heapq.heappush(
                    self.state.at_home, (max(at, case.at + round(history.latent_least * DAY)), case.number, int(member))
                )

    def _at_home(self, *, until: int, held: Callable[[int, int], bool], rng: np.random.Generator) -> None:
        while self.state.at_home and self.state.at_home[0][0] < until:
            at, number, member = heapq.heappop(self.state.at_home)
            case = self.state.cases[number]
            if held(case.person, at) or held(member, at):
                continue
            self.infect(
                member,
                outbreak=self.state.outbreaks[case.outbreak],
                at=at,
                cause="household",
                infector=case.person,
                rng=rng,
            )

    # ── Elsewhere ────────────────────────────────────────────────────────────────────────────────────────────────

    def _weight(self, disease: str) -> np.ndarray:
        """What an hour beside somebody weighs at each place."""
        if disease not in self._weights:
            mixing = self.diseases[disease].mixing
            names, kind = np.unique(self._kinds, return_inverse=True)
            self._weights[disease] = np.array([mixing.get(str(name), 0.0) for name in names])[kind]
        return self._weights[disease]

    def _hours(self, there: Mingling, disease: str, stays: np.ndarray) -> np.ndarray:
        hours = (there.ends[stays] - there.begins[stays]) / 60
        return np.asarray(self._weight(disease)[there.place[stays]] * hours * np.minimum(there.others(stays), CLOSE))

    def calibrate(self, disease: str, visits: Mapping[date, Visits]) -> None:
        """Learn how many contact hours a typical case has, from whole working days and days off."""
        weight = self.susceptibility(disease).astype(float)
        rng = np.random.default_rng([self.seed, self.city.seed, 12])
        drawn = np.unique(rng.choice(len(weight), size=_SAMPLE, p=weight / weight.sum()))
        whose = np.zeros(len(weight), dtype=bool)
        whose[drawn] = True
        means = {True: [0.0], False: [0.0]}
        for day, stays in visits.items():
            there = Mingling(stays, whose=whose, places=len(self.city.places), start=midnight(day))
            hours = self._hours(there, disease, there.stays)
            taken = np.array([self._taken(there, disease, int(stay)) for stay in there.stays])
            means[is_working_day(day)].append(float((hours * taken).sum()) / len(drawn))
        work, rest = max(means[True]), max(means[False])
        self.state.typical[disease] = max((5 * work + 2 * rest) / 7, 1e-9)

    def _taken(self, there: Mingling, disease: str, stay: int) -> float:
        near = there.company(stay)
        return float(self.susceptibility(disease)[there.person[near]].mean()) if len(near) else 0.0

    def _meet(
        self,
        disease: str,
        visits: Visits,
        *,
        day: date,
        held: Callable[[int, int], bool],
        rng: np.random.Generator,
    ) -> None:
        history, begin = self.diseases[disease], midnight(day)
        if not history.outside:
            return
        cases = [self.state.cases[n] for n in self.state.infectious[disease]]
        cases = [case for case in cases if not self._closed(case)]
        if not cases:
            return
        rates = self._rates(cases, history, begin=begin)
        cases = [case for case, rate in zip(cases, rates, strict=True) if rate > 0]
        rates = rates[rates > 0]
        of_person = np.full(len(self.city.people), -1, dtype=np.int32)
        of_person[[case.person for case in cases]] = np.arange(len(cases))
        there = Mingling(visits, whose=of_person >= 0, places=len(self.city.places), start=begin)
        hours = self._hours(there, disease, there.stays)
        whose = of_person[there.person[there.stays]]
        expected = rates[whose] * hours / self.state.typical[disease]
        numbers = rng.poisson(expected)
        meetings = [
            (int(stay), int(who))
            for stay, who, times in zip(there.stays, whose, numbers, strict=True)
            for _ in range(int(times))
        ]
        for stay, who in meetings:
            self._pass_on(cases[who], there, stay, held=held, rng=rng)

    def _rates(self, cases: list[Case], history: NaturalHistory, *, begin: int) -> np.ndarray:
        """How many each case would infect outside the home on this day, given a typical case's contacts."""
        onset = np.array([case.onset for case in cases])
        since = np.array([case.at + round(history.latent_least * DAY) for case in cases])
        first = np.maximum(np.maximum(begin, since) - onset, -30 * DAY) / DAY
        share = np.maximum(history.spent((begin + DAY - onset) / DAY) - history.spent(first), 0)
        strength = np.array(
            [c.strength * (history.asymptomatic_infectiousness if c.asymptomatic else 1) for c in cases]
        )
        damped = np.array([self._damping(case, begin) for case in cases])
        return np.asarray(share * strength * history.outside * damped * (since < begin + DAY))

    def _damping(self, case: Case, begin: int) -> float:
        outbreak = self.state.outbreaks[case.outbreak]
        return outbreak.damped_to if 0 <= outbreak.damped_from <= begin else outbreak.careful

    def _closed(self, case: Case) -> bool:
        outbreak = self.state.outbreaks[case.outbreak]
        return len(outbreak.cases) >= outbreak.largest

    def _pass_on(
        self, case: Case, there: Mingling, stay: int, *, held: Callable[[int, int], bool], rng: np.random.Generator
    ) -> None:
        """One meeting at which an infection may pass, to one of those present, the susceptible more likely."""
        near = there.company(stay)
        if not len(near):
            return
        weight = np.cumsum(self.susceptibility(case.disease)[there.person[near]], dtype=float)
        drawn = rng.random() * len(near)
        if drawn >= weight[-1]:  # those present do not take it so easily
            return
        other = int(near[np.searchsorted(weight, drawn, side="right")])
        low = max(there.begins[stay], there.begins[other])
        high = min(there.ends[stay], there.ends[other])
        at = there.start + int(low + rng.random() * (high - low))
        person, place = int(there.person[other]), int(there.place[stay])
        soonest = case.at + round(self.diseases[case.disease].latent_least * DAY)
        if at < soonest or held(person, at) or held(case.person, at):
            return
        self.infect(
            person,
            outbreak=self.state.outbreaks[case.outbreak],
            at=at,
            cause=CAUSE_OF_KIND.get(str(self._kinds[place]), "other"),
            place=place,
            infector=case.person,
            rng=rng,
        )

    # ── Sources ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _expose(self, one: Exposure, visits: Visits, *, begin: int, rng: np.random.Generator) -> None:
        """Expose everyone who stays where the goods are, each stay on its own, the earliest first."""
        if one.begins >= begin + DAY or one.ends <= begin:
            return
        factor = np.zeros(len(self.city.places))
        factor[list(one.places)] = list(one.places.values())
        near = (factor[visits.place] > 0) & (visits.minute_in >= one.begins) & (visits.minute_in < one.ends)
        rows = np.flatnonzero(near)
        rows = rows[np.lexsort((visits.person[rows], visits.minute_in[rows]))]
        person, place = visits.person[rows], visits.place[rows]
        staff = self._post[person] == place
        age = (visits.minute_in[rows] - one.begins) / DAY
        chance = np.where(staff, one.staff, one.visitor) * factor[place] * 0.5 ** (age / one.half_life)
        hit = rng.random(len(rows)) < chance * self.susceptibility(one.disease)[person]
        inside = rng.random(len(rows))
        outbreak = self.state.outbreaks[one.outbreak]
        for row, share in zip(rows[hit], inside[hit], strict=True):
            at = int(visits.minute_in[row] + share * (visits.minute_out[row] - visits.minute_in[row]))
            self.infect(
                int(visits.person[row]),
                outbreak=outbreak,
                at=at,
                cause=one.cause,
                place=int(visits.place[row]),
                batch=one.batch,
                rng=rng,
            )

    def _begin_again(self, begin: int, *, rng: np.random.Generator) -> None:
        """An outbreak that died out too small meets its source once more: somebody else of the same place."""
        alive = {self.state.cases[n].outbreak for numbers in self.state.infectious.values() for n in numbers}
        for one in self.state.outbreaks:
            if one.number in alive or not one.cases or len(one.cases) >= one.least or one.tries >= 20 or one.place < 0:
                continue
            one.tries += 1
            for person in self._fresh(one, count=2, rng=rng):
                at = begin + int(rng.integers(9 * 60, 16 * 60))
                self.infect(person, outbreak=one, at=at, cause="source", place=one.place, rng=rng)

    def _fresh(self, one: Outbreak, *, count: int, rng: np.random.Generator) -> Iterator[int]:
        members = self.members_of(one.place)
        weight = self.susceptibility(one.disease)[members].astype(float)
        if not weight.sum():
            return
        size = min(count, int((weight > 0).sum()))
        for person in rng.choice(members, size=size, replace=False, p=weight / weight.sum()):
            if not self.is_infected(one.disease, int(person)):
                yield int(person)


def _kind(place: object) -> str:
    kind, institution = getattr(place, "kind", ""), getattr(place, "institution_kind", None)
    return str(institution or kind) if kind == "institution" else str(kind)
