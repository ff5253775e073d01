"""The story of the demo: contaminated goods at the wholesale market, found by one patient at a given minute.

The story is told on condition that its index patient's sample is the first positive, at exactly the minute asked for;
everything else is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation import streams
from citywatch.simulation.days import DAY, LOCAL_OFFSET, days_between, instant, local_day, midnight, minute_of
from citywatch.simulation.disease.covid import COVID
from citywatch.simulation.disease.told import Contamination, Course, Epidemic, Infection
from citywatch.simulation.interviews import Interview, interview
from citywatch.simulation.places import SEAFOOD_HALL, market_index
from citywatch.simulation.visits import Presence, Visits, captured, join, market_visit, true_visits, until_held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from citywatch.simulation.people import City
    from citywatch.simulation.streams import Batch, LabResult, Report

HOUR: Final = 60
COVID_CODE: Final = "0103"
CAPTURE: Final = 0.70
VISIT_DAYS: Final = 14


@dataclass(frozen=True, kw_only=True)
class MarketStory:
    """The market story's own numbers; hours count from the first positive result (T). All are assumed."""

    index_age: int = 52
    index_temperature: str = "38.2"
    index_shops_days_before: int = 8
    index_onset_hours: int = -42
    index_clinic_hours: int = -20
    goods_days_before: tuple[float, float] = (9.5, 12.0)
    market_closes_hours: int = 16
    first_wave: int = 10  # further cases found between these hours, by the fever clinic and by calling on staff
    first_wave_hours: tuple[int, int] = (1, 13)
    second_wave_hours: tuple[int, int] = (14, 66)
    found_later: float = 0.75
    buys_drugs: float = 0.7
    sees_clinic: float = 0.7
    staff_stay_near: float = 0.8  # staff who use the clinic and pharmacy beside the market


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What really happened. Infection arrays share one order, that of infection; minutes are since 1970-01-01 UTC."""

    person: np.ndarray
    infector: np.ndarray  # person index, -1 from goods
    place: np.ndarray  # place index, -1 at home
    infected_at: np.ndarray
    onset_date: np.ndarray  # datetime64[D], NaT for the asymptomatic
    asymptomatic: np.ndarray
    cause: np.ndarray
    positive_at: np.ndarray  # minute of the positive result, -1 when never tested
    visits: Visits
    captured: np.ndarray  # mask over `visits`
    index_person: int
    goods_arrive_at: datetime
    source_place_code: tuple[str, str]  # the hall, the market


@dataclass(frozen=True, kw_only=True)
class Outbreak:
    """Everything a city sends while the story runs, and the truth beside it."""

    batches: list[Batch]
    lab_results: list[LabResult]
    visits: Visits
    interviews: list[Interview]
    truth: Truth


@dataclass(frozen=True, kw_only=True)
class _Attendance:
    """A case's visit to a fever clinic, and when its sample turns out positive."""

    at: int
    positive_at: int


def simulate_outbreak(
    city: City,
    *,
    first_day: date,
    first_positive_at: datetime,
    seed: int,
    scenario: str = "market",
    days_after: int = 3,
    story: MarketStory | None = None,
) -> Outbreak:
    """Run ordinary days from `first_day` and the outbreak up to `days_after` days past the first positive result.

    The same city and arguments give the same outbreak. Raises ValueError for an unknown scenario, an instant without
    time zone or not on a whole minute, or too few days before the first positive.
    """
    if scenario != "market":
        msg = f"scenario {scenario!r} is not known; this version tells 'market'."
        raise ValueError(msg)
    t = minute_of(first_positive_at)
    last_day = local_day(t) + timedelta(days=days_after)
    if midnight(first_day) > t - VISIT_DAYS * DAY:
        msg = f"first_day {first_day} leaves fewer than {VISIT_DAYS} days before {first_positive_at.isoformat()}."
        raise ValueError(msg)
    days = days_between(first_day, last_day)
    return _Market(city, days=days, t=t, seed=seed, story=story or MarketStory()).tell()


class _Market:
    """One telling of the market story, in the order things are decided."""

    def __init__(self, city: City, *, days: list[date], t: int, seed: int, story: MarketStory) -> None:
        self.city, self.days, self.t, self.seed, self.story = city, days, t, seed, story
        self.end = midnight(days[-1]) + DAY
        self.sites = streams.open_sites(city, rng=self._rng(1))
        self.attendance: dict[int, _Attendance] = {}
        self._finding = self._rng(2)

    def _rng(self, part: int) -> np.random.Generator:
        """A generator of its own for each part, so that changing one part leaves the others as they were."""
        return np.random.default_rng([self.seed, self.city.seed, part])

    def tell(self) -> Outbreak:
        index = self._index_patient()
        shopping = self._index_shopping(index)
        true = join([self._ordinary_visits(), shopping])
        epidemic, goods = self._spread(index, shopping=shopping, presence=Presence(true))
        happened = until_held(true, held_from=epidemic.held_from)
        infections = list(epidemic.infections.values())
        reports = list(streams.ordinary_reports(self.sites, days=self.days, rng=self._rng(5)))
        reports += self._case_reports(infections, index=index)
        barcodes = streams.label_samples(reports)
        live_from = midnight(local_day(self.t)) - 3 * DAY
        sent = streams.batches(self.sites, reports, days=self.days, live_from=live_from, rng=self._rng(6))
        received = {
            row["sample_barcode"]: minute_of(batch.sent_at)
            for batch in sent
            for row in batch.rows
            if row.get("sample_barcode")
        }
        sent = sorted([*sent, *self._school_registers(epidemic)], key=lambda batch: (batch.sent_at, batch.site_code))
        seen = captured(happened, share=CAPTURE, rng=self._rng(7))
        return Outbreak(
            batches=sent,
            lab_results=streams.lab_results(self.city, reports, received=received, rng=self._rng(8)),
            visits=happened.only(seen),
            interviews=self._interviews(epidemic, presence=Presence(happened), barcodes=barcodes),
            truth=self._truth(infections, visits=happened, seen=seen, index=index, goods=goods),
        )

    # ── The index patient ────────────────────────────────────────────────────────────────────────────────────────

    def _index_patient(self) -> int:
        """A man of the story's age who does not work at the market, from its street or the nearest people there are."""
        people, market = self.city.people, market_index(self.city.plan)
        men = np.flatnonzero(people.male & (people.market_hall == 0) & ~people.collective & (people.age >= 18))
        off_age = np.abs(people.age[men].astype(int) - self.story.index_age)
        elsewhere = people.street[men] != market
        return int(men[np.lexsort((men, elsewhere, off_age))[0]])

    def _index_shopping(self, index: int) -> Visits:
        """Twenty minutes in the seafood hall on a morning eight days before, as the 2020 index patient recalled."""
        morning = midnight(local_day(self.t)) - self.story.index_shops_days_before * DAY + 10 * HOUR + 12
        return market_visit(self.city, person=index, hall=SEAFOOD_HALL, at=morning, minutes=20)

    # ── Truth ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ordinary_visits(self) -> Visits:
        first = local_day(self.t) - timedelta(days=VISIT_DAYS)
        closes = self.t + self.story.market_closes_hours * HOUR
        return true_visits(self.city, days=days_between(first, self.days[-1]), market_closes=closes, rng=self._rng(3))

    def _spread(self, index: int, *, shopping: Visits, presence: Presence) -> tuple[Epidemic, Contamination]:
        """Run the epidemic: freely up to the first visits to the fever clinic, then with cases being found."""
        rng = self._rng(4)
        goods = Contamination(arrives=self.t - round(rng.uniform(*self.story.goods_days_before) * DAY))
        epidemic = Epidemic(self.city, presence=presence, course=Course(), rng=rng)
        epidemic.infect(
            index,
            place=int(shopping.place[1]),
            at=int(shopping.minute_in[1]) + 9,
            onset=self.t + self.story.index_onset_hours * HOUR,
        )
        clinic = self.t + self.story.index_clinic_hours * HOUR
        self._attend(epidemic, index, at=clinic, positive_at=self.t)
        epidemic.contaminate(goods)
        epidemic.run(until=clinic + HOUR)
        self._find_known(epidemic, index=index)
        epidemic.run(until=self.end, after_each=lambda infection: self._find_later(epidemic, infection))
        return epidemic, goods

    def _attend(self, epidemic: Epidemic, person: int, *, at: int, positive_at: int) -> None:
        if positive_at < self.end:
            self.attendance[person] = _Attendance(at=at, positive_at=positive_at)
            epidemic.held_from[person] = at

    def _find_known(self, epidemic: Epidemic, *, index: int) -> None:
        """Plan who is found when, among those infected so far: a first wave of the ill, then the rest."""
        rng, story = self._finding, self.story
        infected = [one for one in epidemic.infections.values() if one.person != index]
        ill = [
            one
            for one in infected
            if not one.asymptomatic and one.cause == "market" and one.onset <= self.t - 20 * HOUR
        ]
        wave = [ill[i] for i in rng.permutation(len(ill))[: story.first_wave]]
        low, high = (self.t + hours * HOUR for hours in story.first_wave_hours)
        for n, one in enumerate(wave):
            positive_at = low + int((high - low) * (n + rng.random()) / len(wave))
            at = positive_at - int(rng.integers(4 * HOUR, 10 * HOUR))
            self._attend(epidemic, one.person, at=at, positive_at=positive_at)
        for one in infected:
            if one.person not in self.attendance:
                self._find_later(epidemic, one)

    def _find_later(self, epidemic: Epidemic, infection: Infection) -> None:
        """Most of the ill come to a fever clinic or are called there after the first wave; the well are not found."""
        rng, story = self._finding, self.story
        if infection.asymptomatic or rng.random() >= story.found_later:
            return
        earliest, latest = (self.t + hours * HOUR for hours in story.second_wave_hours)
        wish = infection.onset + round(rng.uniform(0.5, 2.5) * DAY)
        positive_at = max(wish, int(rng.integers(earliest, latest))) + int(rng.integers(0, 4 * HOUR))
        at = max(positive_at - int(rng.integers(4 * HOUR, 9 * HOUR)), infection.onset + HOUR)
        self._attend(epidemic, infection.person, at=at, positive_at=max(positive_at, at + 4 * HOUR))

    # ── What schools register ────────────────────────────────────────────────────────────────────────────────────

    def _school_registers(self, epidemic: Epidemic) -> Iterator[Batch]:
        """Pupils absent because of illness, those of the outbreak among them until they are held."""
        register, rng = streams.Register(self.city), self._rng(12)
        for one in sorted(epidemic.infections.values(), key=lambda one: (one.at, one.person)):
            if not one.asymptomatic:
                register.fell_ill(
                    one.person, onset=one.onset, symptoms=_symptoms(rng), care=COVID.care, about=None, rng=rng
                )

        def is_held(person: int, at: int) -> bool:
            return at >= epidemic.held_from.get(person, at + 1)

        for n, day in enumerate(self.days):
            for sent in register.day(day, rng=self._rng(100 + n), is_held=is_held):
                yield streams.Batch(
                    site_code=sent.site, form=sent.form, day=sent.day, sent_at=sent.sent_at, rows=sent.rows
                )

    # ── What the cases cause ─────────────────────────────────────────────────────────────────────────────────────

    def _case_reports(self, infections: list[Infection], *, index: int) -> list[Report]:
        rng = self._rng(9)
        reports = self._index_reports(next(one for one in infections if one.person == index), rng=rng)
        for one in infections:
            if one.asymptomatic or one.person == index:
                continue
            symptoms = _symptoms(rng)
            reports += self._first_seeks(one, symptoms=symptoms, rng=rng)
            reports += self._fever_visit(one, symptoms=symptoms, rng=rng)
        return [report for report in reports if report.at < self.end]

    def _index_reports(self, index: Infection, *, rng: np.random.Generator) -> list[Report]:
        """The index patient: the health station by day, the fever clinic twenty hours before the result."""
        clinic = self.attendance[index.person]
        morning = midnight(local_day(clinic.at - 8 * HOUR))
        station = streams.symptom_report(
            self.city,
            site=self.sites.primary_of(int(self.city.people.street[index.person]))[0],
            at=morning + 15 * HOUR + 40,
            person=index.person,
            symptoms=["fever", "cough_throat"],
            onset=index.onset,
            temperature=self.story.index_temperature,
            referred=True,
            rng=rng,
        )
        visit = self._fever_visit(
            index, symptoms=["fever", "cough_throat"], rng=rng, temperature=self.story.index_temperature, site=0
        )
        return [station, *visit]

    def _first_seeks(self, one: Infection, *, symptoms: list[str], rng: np.random.Generator) -> list[Report]:
        """Before any fever clinic, a case may buy drugs and may see the clinic nearby; neither is diagnostic."""
        story, reports = self.story, []
        street = self._care_street(one, rng=rng)
        if rng.random() < story.buys_drugs:
            site = self.sites.nearest("pharmacy", street=street)
            at = self._seek(site, after=one.onset + round(rng.uniform(0.1, 1.5) * DAY), rng=rng)
            drug = "antipyretic" if "fever" in symptoms else "cough"
            reports.append(streams.sale_report(self.city, site=site, at=at, person=one.person, drug=drug, rng=rng))
        if rng.random() < story.sees_clinic:
            near = self.sites.primary_of(street)
            site = near[int(rng.integers(len(near)))]
            at = self._seek(site, after=one.onset + round(rng.uniform(0.3, 2.5) * DAY), rng=rng)
            reports.append(
                streams.symptom_report(
                    self.city, site=site, at=at, person=one.person, symptoms=symptoms, onset=one.onset, rng=rng
                )
            )
        known = self.attendance.get(one.person)
        return [report for report in reports if known is None or report.at < known.at]

    def _seek(self, site: int, *, after: int, rng: np.random.Generator) -> int:
        return streams.within_opening(self.sites, site, after=after, rng=rng)

    def _care_street(self, one: Infection, *, rng: np.random.Generator) -> int:
        """Market staff mostly use the clinic and pharmacy beside the market; everyone else those near home."""
        staff = self.city.people.market_hall[one.person] > 0
        if staff and rng.random() < self.story.staff_stay_near:
            return market_index(self.city.plan)
        return int(self.city.people.street[one.person])

    def _fever_visit(
        self,
        one: Infection,
        *,
        symptoms: list[str],
        rng: np.random.Generator,
        temperature: str | None = None,
        site: int | None = None,
    ) -> list[Report]:
        """The visit that takes the positive sample, and the card within two hours of the result."""
        known = self.attendance.get(one.person)
        if known is None:
            return []
        clinics = sorted(self.sites.of("fever"), key=lambda i: self.city.places[i].institution_kind != "hospital")
        chosen = clinics[site] if site is not None else clinics[int(rng.random() < 0.3) % len(clinics)]
        called = known.at > self.t and one.cause == "market"
        visit = streams.fever_report(
            self.city,
            site=chosen,
            at=known.at,
            person=one.person,
            symptoms=symptoms,
            onset=one.onset,
            pcr=True,
            temperature=temperature,
            exposure=["cluster"] if called else [],
            positive_at=known.positive_at,
            rng=rng,
        )
        card = streams.card_report(
            self.city,
            site=chosen,
            at=known.positive_at + int(rng.integers(15, 95)),
            person=one.person,
            disease=COVID_CODE,
            case_class="2",
            onset=one.onset,
            live=True,
        )
        return [visit, card]

    def _interviews(self, epidemic: Epidemic, *, presence: Presence, barcodes: dict[int, str]) -> list[Interview]:
        rng = self._rng(10)
        found = sorted(self.attendance.items(), key=lambda item: (item[1].positive_at, item[0]))
        return [
            interview(
                self.city,
                epidemic.infections[person],
                presence=presence,
                case_ref=barcodes[person],
                held=known.at,
                at=known.positive_at + int(rng.integers(55, 150)),
                rng=rng,
            )
            for person, known in found
        ]

    def _truth(
        self, infections: list[Infection], *, visits: Visits, seen: np.ndarray, index: int, goods: Contamination
    ) -> Truth:
        ordered = sorted(infections, key=lambda one: (one.at, one.person))
        onset = [(one.onset + LOCAL_OFFSET) // DAY for one in ordered]
        asymptomatic = np.array([one.asymptomatic for one in ordered])
        dates = np.array(onset, dtype="datetime64[D]")
        dates[asymptomatic] = np.datetime64("NaT")
        places = self.city.places
        positive = [self.attendance[o.person].positive_at if o.person in self.attendance else -1 for o in ordered]
        return Truth(
            person=np.array([one.person for one in ordered], dtype=np.int32),
            infector=np.array([one.infector for one in ordered], dtype=np.int32),
            place=np.array([one.place for one in ordered], dtype=np.int32),
            infected_at=np.array([one.at for one in ordered], dtype=np.int64),
            onset_date=dates,
            asymptomatic=asymptomatic,
            cause=np.array([one.cause for one in ordered]),
            positive_at=np.array(positive, dtype=np.int64),
            visits=visits,
            captured=seen,
            index_person=index,
            goods_arrive_at=instant(goods.arrives),
            source_place_code=(places[self.city.halls[SEAFOOD_HALL - 1]].code, places[self.city.market].code),
        )


def _symptoms(rng: np.random.Generator) -> list[str]:
    """Symptoms of a mild case, as a clinic codes them; fever in most, cough in many (shares assumed)."""
    shares = (("fever", 0.85), ("cough_throat", 0.65), ("diarrhoea", 0.06))
    symptoms = [code for code, share in shares if rng.random() < share]
    return symptoms or ["cough_throat"]
