"""A scenario as it runs, day by day: what happens, what is found, what is done about it, and what is sent.

A day depends on the arguments and on the state after the day before, nothing else; the state can be pickled.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import DAY, instant, is_working_day, local_day, midnight, minute_of
from citywatch.simulation.disease import DISEASES
from citywatch.simulation.disease.spread import Outbreak, Spread, SpreadState
from citywatch.simulation.goods import goods_of
from citywatch.simulation.interviews import Interview, interview
from citywatch.simulation.scenarios.care import Errand, call, errands, write
from citywatch.simulation.scenarios.plans import ENDLESS, SCENARIOS, Planned, Setting
from citywatch.simulation.streams import AbsenceState, Ordinary, Post, PostState, Register, Report, Sent, open_sites
from citywatch.simulation.visits import FREE, Controls, Presence, Visits, join, visits_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from citywatch.simulation.disease.spread import Case
    from citywatch.simulation.people import City

RECALL: Final = 0.7  # of stays told in an interview
SLIP: Final = 25  # minutes by which times told are off (standard deviation, assumed)
LOOK_BACK: Final = 14
QUARANTINE: Final = 14
QUARANTINED: Final = 0.85  # of named contacts who are found and moved (assumed)
MOVED_HOURS: Final = (4, 14)
KEPT_DAYS, KEPT_ROWS = 2, 30_000_000  # days of visits at hand: so many at least, more while they are few rows
REMEMBERED: Final = 40
SCREENED: Final = 0.9  # of a market's infected staff and visitors who come when called (assumed)


@dataclass(slots=True)
class RunState:
    """Everything that a day leaves to the next."""

    done: int = 0
    spread: SpreadState = field(default_factory=SpreadState)
    post: PostState = field(default_factory=PostState)
    absent: AbsenceState = field(default_factory=AbsenceState)
    errands: dict[int, list[Errand]] = field(default_factory=dict)  # by days since 1970-01-01, local
    testing: dict[int, int] = field(default_factory=dict)  # case: minute of the visit that tests it
    held: dict[int, int] = field(default_factory=dict)
    released: dict[int, int] = field(default_factory=dict)
    closed: dict[int, int] = field(default_factory=dict)
    level_from: int | None = None
    controls: dict[date, Controls] = field(default_factory=dict)  # of the last days, as each day began
    first_positive: dict[int, int] = field(default_factory=dict)  # outbreak: minute
    reported: dict[int, int] = field(default_factory=dict)  # outbreak: cases reported
    counted: set[int] = field(default_factory=set)  # cases among them
    interviews: list[Interview] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day: what was sent on it, and the measures in force. `visits` are there when the epidemic needed them."""

    day: date
    batches: list[Sent]
    controls: Controls
    visits: Visits | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The truth after the last day, as tables of columns."""

    first_positive: datetime | None
    truth: dict[str, np.ndarray]
    outbreaks: dict[str, np.ndarray]
    goods: dict[str, np.ndarray]
    interviews: list[Interview]


def run(
    city: City,
    scenario: str,
    *,
    start: date,
    days: int,
    seed: int,
    state: RunState | None = None,
    found_days_later: int = 0,
) -> Run:
    """Begin a scenario, or go on with one from the `state` an earlier day left.

    Raises ValueError for an unknown scenario or a run of no days.
    """
    if scenario not in SCENARIOS:
        msg = f"scenario {scenario!r} is not known; this version has {', '.join(SCENARIOS)}."
        raise ValueError(msg)
    if days < 1:
        msg = f"{days} days cannot be run; give at least 1."
        raise ValueError(msg)
    return Run(city, scenario, start=start, days=days, seed=seed, state=state, found_days_later=found_days_later)


class Run:
    """A scenario under way. Iterate over it, or call `step` for one day; then `finish`."""

    def __init__(
        self,
        city: City,
        scenario: str,
        *,
        start: date,
        days: int,
        seed: int,
        state: RunState | None,
        found_days_later: int,
    ) -> None:
        """Plan what will happen; nothing has happened yet."""
        self.city, self.start, self.days, self.seed = city, start, days, seed
        self.state = state or RunState()
        self.sites = open_sites(city, rng=self._rng(1))
        self.ordinary = Ordinary(self.sites)
        self.post = Post(self.sites, state=self.state.post)
        self.register = Register(city, state=self.state.absent)
        self.spread = Spread(city, DISEASES, seed=seed, state=self.state.spread, on_case=self._fell_ill)
        setting = Setting(
            city=city, spread=self.spread, start=start, days=days, rng=self._rng(2), found_days_later=found_days_later
        )
        self.plan = SCENARIOS[scenario].plan(setting)
        self._past = _Past(city, self.state.controls)
        if not self.state.spread.outbreaks:
            self._announce()

    def __iter__(self) -> Iterator[Day]:
        """The days still to come."""
        while self.state.done < self.days:
            yield self.step()

    def step(self) -> Day:
        """Live one day."""
        day = self.start + timedelta(days=self.state.done)
        begin = midnight(day)
        self._arrive(begin)
        self._discover(begin)
        visits = None
        controls = self._controls()
        self._past.remember(day, controls)
        if self.spread.busy(day):
            self._calibrate(day)
            visits = self._past.whole(day)
        self.spread.live(day, visits, held=self._is_held)
        reports = self._errands(begin)
        reports += self.ordinary.day(day, rng=self._rng(3, begin // DAY))
        sent = self.post.day(day, reports, rng=self._rng(4, begin // DAY))
        self._hear(sent)
        absent = self.register.day(day, rng=self._rng(13, begin // DAY), is_held=self._is_held)
        self._learn(absent)
        self.state.done += 1
        batches = sorted([*sent, *absent], key=lambda one: one.sent_at) if absent else sent
        return Day(day=day, batches=batches, controls=controls, visits=visits)

    def finish(self) -> Ending:
        """The truth so far."""
        first = min(self.state.first_positive.values(), default=None)
        return Ending(
            first_positive=None if first is None else instant(first),
            truth=_truth(self.state.spread.cases),
            outbreaks=_outbreaks(self.state.spread),
            goods=goods_of(self.city, first_day=self.start, days=self.days).columns(),
            interviews=self.state.interviews,
        )

    def _rng(self, *part: int) -> np.random.Generator:
        """A generator of its own for each part, so that changing one part leaves the others as they were."""
        return np.random.default_rng([self.seed, self.city.seed, *part])

    # ── What happens ─────────────────────────────────────────────────────────────────────────────────────────────

    def _announce(self) -> None:
        """Enter the planned outbreaks, none of which has a case yet, and their sources."""
        for number, one in enumerate(self.plan):
            self.state.spread.outbreaks.append(
                Outbreak(
                    number=number,
                    kind=one.kind,
                    disease=one.disease,
                    place=one.place,
                    batch=one.batch,
                    begins=one.begins,
                    least=one.least,
                    largest=one.largest,
                    careful=one.response.before,
                )
            )
            self.state.spread.exposures += one.exposures

    def _arrive(self, begin: int) -> None:
        for number, one in enumerate(self.plan):
            for minute, count in one.arrivals:
                if begin <= minute < begin + DAY:
                    rng, outbreak = self._rng(5, number, minute), self.state.spread.outbreaks[number]
                    cause = "imported" if one.place < 0 else "source"
                    for person in self._arriving(one, count=count, rng=rng):
                        self.spread.infect(person, outbreak=outbreak, at=minute, cause=cause, place=one.place, rng=rng)

    def _discover(self, begin: int) -> None:
        """Once a disease may be found, somebody who fell ill of late sees a fever clinic, as a first case must."""
        state = self.state
        for number, one in enumerate(self.plan):
            due = begin >= one.response.tested_from > 0
            if not due or number in state.first_positive or not DISEASES[one.disease].care.tested:
                continue
            cases = [state.spread.cases[n] for n in state.spread.outbreaks[number].cases]
            if any(begin - DAY < state.testing.get(case.number, ENDLESS) < begin + 2 * DAY for case in cases):
                continue
            ill = [case for case in cases if not case.asymptomatic and begin - 10 * DAY < case.onset < begin]
            if ill:
                latest = max(ill, key=lambda case: (case.onset, case.number))
                self._call(latest, after=begin + 8 * 60, rng=self._rng(9, number, begin // DAY))

    def _arriving(self, one: Planned, *, count: int, rng: np.random.Generator) -> list[int]:
        members = self.spread.members_of(one.place) if one.place >= 0 else np.arange(len(self.city.people))
        weight = self.spread.susceptibility(one.disease)[members].astype(float)
        if one.place < 0:
            weight *= ~np.asarray(self.city.people.collective)[members]
        drawn = rng.choice(members, size=min(count, int((weight > 0).sum())), replace=False, p=weight / weight.sum())
        return [int(person) for person in drawn]

    def _fell_ill(self, case: Case) -> None:
        """Plan what a new case will do, and what the city will do about it if its outbreak is known."""
        history, response = DISEASES[case.disease], self.plan[case.outbreak].response
        rng = self._rng(6, case.number)
        planned = errands(case, history, sites=self.sites, tested_from=response.tested_from, rng=rng)
        self._plan([one for one in planned if one.visit < 0])
        self._test(case, [one for one in planned if one.visit >= 0])
        if not case.asymptomatic:
            self.register.fell_ill(
                case.person,
                onset=case.onset,
                symptoms=history.draw_symptoms(self._rng(6, case.number)),  # what a clinic is told of it, too
                care=history.care,
                about=(case.person, case.outbreak, case.disease),
                rng=self._rng(14, case.number),
            )
        if not history.care.tested or case.asymptomatic:
            return
        infector = self.state.spread.infected[case.disease].get(case.infector, -1)
        known = infector >= 0 and infector in self.state.testing and rng.random() < QUARANTINED
        if case.person in self.state.held and self.state.held[case.person] > case.at:
            self._call(case, after=self.state.held[case.person], rng=rng)
        elif known:
            self._call(case, after=max(case.at, self.state.testing[infector] + 12 * 60), rng=rng)
        elif case.outbreak in self.state.first_positive:
            self._screen(case, since=self.state.first_positive[case.outbreak], rng=rng)

    def _plan(self, planned: list[Errand]) -> None:
        for one in planned:
            day = midnight(local_day(one.at)) // DAY
            self.state.errands.setdefault(day, []).append(one)

    def _test(self, case: Case, planned: list[Errand]) -> None:
        """Plan the visit that tests a case, which is then kept apart, unless it will be tested sooner anyway."""
        if not planned:
            return
        visit = planned[0].visit
        if self.state.testing.get(case.number, ENDLESS) <= visit:
            return
        self.state.testing[case.number] = visit
        self._hold(case.person, since=visit, days=None)
        self._plan(planned)

    def _call(self, case: Case, *, after: int, rng: np.random.Generator) -> None:
        self._test(case, call(case, DISEASES[case.disease], sites=self.sites, after=after, rng=rng))

    def _screen(self, case: Case, *, since: int, rng: np.random.Generator) -> None:
        """Staff and visitors of a source are called for a test in the days after it is known."""
        response = self.plan[case.outbreak].response
        if response.screens and case.infector < 0 and not case.asymptomatic and rng.random() < SCREENED:
            self._call(case, after=since + int(rng.integers(10 * 60, 96 * 60)), rng=rng)

    # ── Who is kept apart, what is closed ────────────────────────────────────────────────────────────────────────

    def _hold(self, person: int, *, since: int, days: int | None) -> None:
        state = self.state
        state.held[person] = min(since, state.held.get(person, ENDLESS))
        if days is None:
            state.released.pop(person, None)
        elif person not in state.released:
            state.released[person] = since + days * DAY

    def _is_held(self, person: int, at: int) -> bool:
        state = self.state
        return state.held.get(person, ENDLESS) <= at < state.released.get(person, ENDLESS)

    def _controls(self) -> Controls:
        state = self.state
        return Controls(
            held=dict(state.held), released=dict(state.released), closed=dict(state.closed), level_from=state.level_from
        )

    def _calibrate(self, day: date) -> None:
        """Learn once what ordinary contact is, from the first working day and the first day off."""
        busy = {self.state.spread.cases[n].disease for ns in self.state.spread.infectious.values() for n in ns}
        busy |= {one.disease for one in self.plan}
        missing = sorted(busy - set(self.state.spread.typical))
        if not missing:
            return
        ahead = [day + timedelta(days=n) for n in range(14)]
        days = [next(d for d in ahead if is_working_day(d)), next(d for d in ahead if not is_working_day(d))]
        visits = {one: visits_on(self.city, one) for one in days}
        for disease in missing:
            self.spread.calibrate(disease, visits)

    # ── What is reported, heard and done ─────────────────────────────────────────────────────────────────────────

    def _errands(self, begin: int) -> list[Report]:
        """The rows that the ill cause on a day. Who is kept apart runs no errands but to be tested."""
        state = self.state
        reports = []
        due = state.errands.pop(begin // DAY, [])
        for n, one in enumerate(sorted(due, key=lambda e: (e.at, e.case, e.what))):
            case = state.spread.cases[one.case]
            if one.visit >= 0:
                if state.testing.get(one.case) != one.visit:
                    continue
            elif self._is_held(case.person, one.at):
                continue
            reports.append(write(one, case, city=self.city, rng=self._rng(7, one.case, one.at % 100_000, n)))
        return reports

    def _hear(self, sent: list[Sent]) -> None:
        """Note what has been reported, and answer to positive samples and to outbreaks that are noticed."""
        for batch in sent:
            at = minute_of(batch.sent_at)
            for row, person, _, disease in batch.subjects:
                case = self.state.spread.cases[self.state.spread.infected[disease][person]]
                if case.first_report < 0 or at < case.first_report:
                    case.first_report = at
                if case.number not in self.state.counted:
                    self.state.counted.add(case.number)
                    self._count(case, at=at)
                values = batch.rows[row]
                if values.get("result") == "positive" and case.positive_at < 0:
                    case.positive_at = at
                    self._answer(case, at=at, barcode=values["barcode"])

    def _learn(self, sent: list[Sent]) -> None:
        """Note which cases a school's register told of. The city answers to clinics' reports alone (assumed)."""
        for batch in sent:
            at = minute_of(batch.sent_at)
            for _, person, _, disease in batch.subjects:
                case = self.state.spread.cases[self.state.spread.infected[disease][person]]
                case.first_report = min(at, case.first_report) if case.first_report >= 0 else at

    def _count(self, case: Case, *, at: int) -> None:
        response = self.plan[case.outbreak].response
        seen = self.state.reported[case.outbreak] = self.state.reported.get(case.outbreak, 0) + 1
        if response.noticed and seen == response.noticed:
            outbreak = self.state.spread.outbreaks[case.outbreak]
            outbreak.damped_from = at + round(response.calm_days * DAY)
            outbreak.damped_to = response.calm_to

    def _answer(self, case: Case, *, at: int, barcode: str) -> None:
        """A positive sample: the source may be closed, the case is interviewed, its contacts are moved."""
        rng = self._rng(8, case.number)
        if case.outbreak not in self.state.first_positive:
            self.state.first_positive[case.outbreak] = at
            self._first_answer(case.outbreak, at=at, rng=rng)
        asked = at + int(rng.integers(55, 150))
        told = self._interview(case, barcode=barcode, at=asked, rng=rng)
        self.state.interviews.append(told)
        known = self.state.spread.infected[case.disease]
        for contact in told.contacts:
            if contact.kind != "close" or rng.random() >= QUARANTINED:
                continue
            low, high = MOVED_HOURS
            moved = asked + int(rng.integers(low * 60, high * 60))
            other = self.state.spread.cases[known[contact.person]] if contact.person in known else None
            if other is None or (other.asymptomatic and other.number not in self.state.testing):
                self._hold(contact.person, since=moved, days=QUARANTINE)
            elif other.positive_at < 0 and other.onset + 20 * DAY > at:
                self._hold(contact.person, since=moved, days=None)
                self._call(other, after=moved, rng=rng)

    def _first_answer(self, number: int, *, at: int, rng: np.random.Generator) -> None:
        response, outbreak = self.plan[number].response, self.state.spread.outbreaks[number]
        if response.source_closes_hours is not None and self.plan[number].place >= 0:
            shut = self.city.places[self.plan[number].place]
            place = self.city.place_index(shut.parent_code) if shut.kind == "hall" else self.plan[number].place
            self.state.closed[place] = at + response.source_closes_hours * 60
        if response.level_days is not None:
            level = at + round(response.level_days * DAY)
            self.state.level_from = min(level, self.state.level_from or level)
            outbreak.damped_from, outbreak.damped_to = level, response.level_to
        for n in list(outbreak.cases):
            self._screen(self.state.spread.cases[n], since=at, rng=rng)

    def _interview(self, case: Case, *, barcode: str, at: int, rng: np.random.Generator) -> Interview:
        """Ask a case for its stays, drawn again from the days before, and for whom it met since it was infectious."""
        last = local_day(min(at, self.state.testing[case.number]))
        first = local_day(case.onset - LOOK_BACK * DAY)
        since = local_day(case.onset - 2 * DAY)
        parts = []
        for n in range((last - first).days + 1):
            day = first + timedelta(days=n)
            parts.append(self._past.own(case.person, day) if day < since else self._past.shared(case.person, day))
        return interview(
            self.city,
            case,
            presence=Presence(join(parts)),
            case_ref=barcode,
            held=self.state.testing[case.number],
            at=at,
            rng=rng,
            recall=RECALL,
            slip=SLIP,
        )


class _Past:
    """Visits of this day and of days gone by, as they were under the measures of the day."""

    def __init__(self, city: City, controls: dict[date, Controls]) -> None:
        """`controls` is what each day began with; days before the first were free."""
        self.city, self.controls = city, controls
        self._kept: dict[date, Visits] = {}
        self._by_place: dict[date, tuple[np.ndarray, np.ndarray]] = {}

    def remember(self, day: date, controls: Controls) -> None:
        """Note the measures a day begins with, and forget what nobody will be asked about any more."""
        self.controls[day] = controls
        for old in [one for one in self.controls if (day - one).days > REMEMBERED]:
            del self.controls[old]
        for old in [one for one in self._kept if (day - one).days > LOOK_BACK]:
            self._by_place.pop(old, None)
            del self._kept[old]

    def whole(self, day: date) -> Visits:
        """Everyone's stays on a day; the last few days asked for are kept at hand."""
        if day not in self._kept:
            while len(self._kept) >= KEPT_DAYS and sum(map(len, self._kept.values())) > KEPT_ROWS:
                self._by_place.pop(min(self._kept), None)
                del self._kept[min(self._kept)]
            self._kept[day] = visits_on(self.city, day, controls=self.controls.get(day, FREE))
        return self._kept[day]

    def own(self, person: int, day: date) -> Visits:
        """One person's stays on a day."""
        measures = self.controls.get(day, FREE)
        mine = replace(
            measures,
            held={person: measures.held[person]} if person in measures.held else {},
            released={person: measures.released[person]} if person in measures.released else {},
        )
        return visits_on(self.city, day, controls=mine, people=range(person, person + 1))

    def shared(self, person: int, day: date) -> Visits:
        """A person's stays on a day, and everyone else's at the same places."""
        visits = self.whole(day)
        if day not in self._by_place:
            order = np.argsort(visits.place, kind="stable")
            self._by_place[day] = order, visits.place[order]
        order, places = self._by_place[day]
        own = slice(*np.searchsorted(visits.person, [person, person + 1]))
        spans = [np.searchsorted(places, [place, place + 1]) for place in np.unique(visits.place[own])]
        rows = [order[low:high] for low, high in spans]
        return visits.only(np.sort(np.concatenate(rows)) if rows else own)


# ── Tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _truth(cases: list[Case]) -> dict[str, np.ndarray]:
    ordered = sorted(cases, key=lambda case: (case.at, case.number))
    columns: dict[str, list[object]] = defaultdict(list)
    for case in ordered:
        columns["person_id"].append(case.person)
        columns["infector"].append(case.infector)
        columns["outbreak"].append(case.outbreak)
        columns["disease"].append(case.disease)
        columns["place_id"].append(case.place)
        columns["batch"].append(case.batch)
        columns["cause"].append(case.cause)
        columns["infected_at"].append(case.at)
        columns["onset_at"].append(case.onset)
        columns["symptomatic"].append(not case.asymptomatic)
        columns["first_report_at"].append(case.first_report)
        columns["positive_at"].append(case.positive_at)
    ids = ("person_id", "infector", "outbreak", "place_id", "batch")
    instants = ("infected_at", "onset_at", "first_report_at", "positive_at")
    return _table(columns, ids=ids, words=("disease", "cause"), instants=instants, flags=("symptomatic",))


def _outbreaks(spread: SpreadState) -> dict[str, np.ndarray]:
    columns: dict[str, list[object]] = defaultdict(list)
    for one in spread.outbreaks:
        cases = [spread.cases[n] for n in one.cases]
        reports = [case.first_report for case in cases if case.first_report >= 0]
        columns["outbreak"].append(one.number)
        columns["kind"].append(one.kind)
        columns["disease"].append(one.disease)
        columns["source_place"].append(one.place)
        columns["source_batch"].append(one.batch)
        columns["began_at"].append(min((case.at for case in cases), default=one.begins))
        columns["size"].append(len(cases))
        columns["symptomatic"].append(sum(not case.asymptomatic for case in cases))
        columns["first_report_at"].append(min(reports, default=-1))
    ids = ("outbreak", "source_place", "source_batch", "size", "symptomatic")
    return _table(columns, ids=ids, words=("kind", "disease"), instants=("began_at", "first_report_at"))


def _table(
    columns: dict[str, list[object]],
    *,
    ids: tuple[str, ...],
    words: tuple[str, ...],
    instants: tuple[str, ...],
    flags: tuple[str, ...] = (),
) -> dict[str, np.ndarray]:
    """Columns as arrays: int32 ids, instants in seconds with NaT for -1."""
    table: dict[str, np.ndarray] = {}
    for name in (*ids, *words, *instants, *flags):
        values = columns.get(name, [])
        if name in ids:
            table[name] = np.array(values, dtype=np.int32)
        elif name in words:
            table[name] = np.array(values, dtype=object)
        elif name in flags:
            table[name] = np.array(values, dtype=bool)
        else:
            minutes = np.array(values, dtype=np.int64)
            moments = (minutes * 60).astype("datetime64[s]")
            moments[minutes < 0] = np.datetime64("NaT")
            table[name] = moments
    return table
