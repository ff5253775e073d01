"""Pupils absent because of illness, as schools and kindergartens register them each school day.

Who is ill of an outbreak comes from the scenario; who is ill of something else is drawn here. Shares of person-days:
kindergartens 16.5 ‰ and schools 4.15 ‰ in Shanghai 2020-21 (Chinese Journal of School Doctor 2023(1)), 1.77 %, 0.28 %
and 0.08 % for kindergartens, primary and secondary schools in Hangzhou 2018-20 (Dis Surveill 2020.11.011). Complaints:
cough 48 and 49.5 %, fever 18 and 29 % in the two cities; the others are assumed. An absence lasts two days (0.28 days a
pupil from 12.4 % of the pupils, Xuzhou 2014). Of all absences a school's doctor wrote down about a third where machines
counted too (JMIR Public Health Surveill 2022;8(10):e37177). What else schools do wrong is assumed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import DAY, in_vacation, instant, is_working_day, local_day, midnight
from citywatch.simulation.streams.ordinary import DISPERSION, SECOND_SYMPTOM, mix
from citywatch.simulation.streams.post import Sent
from citywatch.simulation.streams.rows import ABSENCE, FORM_OF_STREAM, ZERO_REPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from citywatch.simulation.disease.history import Care
    from citywatch.simulation.people import City

SHARE_ABSENT: Final = {"kindergarten": 0.0165, "primary": 0.0035, "secondary": 0.0010}
MEAN_DAYS: Final = 2.0
COMPLAINTS: Final = {
    "cough_throat": 0.48, "fever": 0.23, "vomiting": 0.05, "diarrhoea": 0.03, "rash": 0.03, "red_eye": 0.005, "": 0.175,
}  # fmt: skip
NOTED: Final = 0.7  # of pupils who stay at home ill, those of whom the school learns it with their complaint (assumed)
SENT_HOME: Final = 0.5  # of those who fall ill in class, those registered the same day (assumed)
AFTER_REST: Final = 0.25  # more new absences for each day the school was closed, up to two (assumed)
BEGINS, NOON_CHECK = 7 * 60 + 30, 14 * 60
LATE, MISSING, FALLS_SILENT = 0.05, 0.03, 0.002
FALSE_ZERO, REPEATED = 0.02, 0.005
ONSET_GIVEN, DOCTOR_KNOWN = 0.8, 0.5
_GRADE_OF_AGE: Final = {3: "K1", 4: "K2", 5: "K3"} | {age: f"G{age - 5}" for age in range(6, 18)}

About = tuple[int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A pupil who stays at home, from the first school day missed to the last. `about` is the true infection."""

    school: int
    person: int
    onset: date
    first: date
    last: date
    symptoms: tuple[str, ...]
    onset_given: bool
    about: About | None = None


@dataclass(slots=True)
class AbsenceState:
    """What is left after a day: who is or will be absent, what is still to be sent, which schools have gone silent."""

    known: list[Absence] = field(default_factory=list)
    waiting: list[tuple[int, Sent]] = field(default_factory=list)
    silent_until: dict[int, date] = field(default_factory=dict)


def is_open(day: date) -> bool:
    """Whether schools open on a day: make-up days count, holidays and vacations do not."""
    return is_working_day(day) and not in_vacation(day)


class Register:
    """The registers of all schools of a city. Tell it who falls ill, then ask for each day's batches in turn."""

    def __init__(self, city: City, *, state: AbsenceState | None = None) -> None:
        """`state` is what an earlier day left."""
        self.city, self.state = city, state or AbsenceState()
        self._schools = city.of_kind("school")
        people = city.people
        pupils = np.flatnonzero(people.pupil)
        self._pupils = pupils[np.argsort(people.workplace[pupils], kind="stable")].astype(np.int32)
        of = people.workplace[self._pupils]
        self._first = np.searchsorted(of, self._schools)
        self._count = np.searchsorted(of, self._schools, side="right") - self._first
        stage = [
            next((name for name in SHARE_ABSENT if name in city.places[i].flags), "primary") for i in self._schools
        ]
        self._share = np.array([SHARE_ABSENT[name] for name in stage])
        self._roll = Counter(zip(of.tolist(), people.group[self._pupils].tolist(), strict=True))

    def fell_ill(
        self, person: int, *, onset: int, symptoms: Sequence[str], care: Care, about: About | None,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """Note that a person has fallen ill; a pupil may stay at home for some days, and the school may learn of it."""
        people = self.city.people
        if not people.pupil[person]:
            return
        noted = rng.random() < care.stays_home * NOTED
        days = max(1, round(rng.gamma(2.0, care.days_home / 2.0)))
        sent_home, given = rng.random() < SENT_HOME, bool(rng.random() < ONSET_GIVEN)
        began = local_day(onset)
        minute = onset - midnight(began)
        today = minute < BEGINS or (minute < NOON_CHECK and sent_home and is_open(began))
        first = _next_open(began if today else began + timedelta(days=1))
        last = began + timedelta(days=days)
        if noted and first <= last:
            self.state.known.append(
                Absence(
                    school=int(people.workplace[person]), person=person, onset=began, first=first, last=last,
                    symptoms=tuple(symptoms), onset_given=given, about=about,
                )
            )  # fmt: skip

    def day(
        self, day: date, *, rng: np.random.Generator, is_held: Callable[[int, int], bool] = lambda *_: False
    ) -> list[Sent]:
        """The batches schools send on `day`, in order of sending. Who is kept apart is absent for another reason."""
        if is_open(day):
            self.state.known += self._others(day, rng=rng)
            absent: dict[int, list[Absence]] = {}
            for one in self.state.known:
                if one.first <= day <= one.last and not is_held(one.person, midnight(day) + BEGINS):
                    absent.setdefault(one.school, []).append(one)
            for school in self._schools.tolist():
                self._send(school, day, absent.get(school, []), rng=rng)
        self.state.known = [one for one in self.state.known if one.last > day]
        end = midnight(day) + DAY
        due = sorted(
            (one for one in self.state.waiting if one[0] < end),
            key=lambda one: (one[0], one[1].site, one[1].message_id),
        )
        self.state.waiting = [one for one in self.state.waiting if one[0] >= end]
        return [sent for _, sent in due]

    def _others(self, day: date, *, rng: np.random.Generator) -> Iterator[Absence]:
        """New absences of an ordinary day: more in winter, more after a weekend, unevenly."""
        shares = mix(COMPLAINTS, day)
        rested = next((n for n in range(2) if is_open(day - timedelta(days=n + 1))), 2)
        mean = self._count * self._share / MEAN_DAYS * shares.sum() * (1 + AFTER_REST * rested)
        counts = rng.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean))
        edges = np.cumsum(shares)
        for n in np.flatnonzero((counts > 0) & (self._count > 0)).tolist():
            own = self._pupils[self._first[n] : self._first[n] + self._count[n]]
            for person in np.unique(own[rng.integers(0, len(own), counts[n])]).tolist():
                told = _NAMES[int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))]
                second, chance = SECOND_SYMPTOM.get(told, ("", 0.0))
                symptoms = (told, second) if rng.random() < chance else (told,) if told else ()
                began = day - timedelta(days=int(rng.random() < 0.4))  # noticed the evening before (assumed)
                yield Absence(
                    school=int(self._schools[n]), person=person, onset=began, first=day,
                    last=day + timedelta(days=int(rng.poisson(MEAN_DAYS - 1))), symptoms=symptoms,
                    onset_given=bool(rng.random() < ONSET_GIVEN),
                )  # fmt: skip

    def _send(self, school: int, day: date, absent: Sequence[Absence], *, rng: np.random.Generator) -> None:
        """What one school sends of a day, if it sends: its list, or that nobody is absent."""
        chance, afternoon = rng.random(), int(rng.integers(14 * 60 + 30, 17 * 60))
        morning, again = int(rng.integers(8 * 60, 11 * 60)), rng.random() < REPEATED
        forgets = bool(rng.random() < FALSE_ZERO)
        if chance < FALLS_SILENT:
            self.state.silent_until[school] = day + timedelta(days=int(rng.integers(3, 11)))
        if chance < FALLS_SILENT + MISSING or self.state.silent_until.get(school, day) > day:
            return
        late = chance < FALLS_SILENT + MISSING + LATE
        at = midnight(_next_open(day + timedelta(days=1))) + morning if late else midnight(day) + afternoon
        listed = [] if forgets and len(absent) <= 2 else list(self._listed(day, absent, rng=rng))
        code, form = self.city.places[school].code, FORM_OF_STREAM[ABSENCE] if listed else ZERO_REPORT
        sent = Sent(
            sent_at=instant(at), site=code, form=form, message_id=f"{code}-{form}-{day:%Y%m%d}-1", day=day,
            rows=[row for row, _ in listed] or [{"stream": ABSENCE, "day": day.isoformat()}],
            subjects=[(n, *about) for n, (_, about) in enumerate(listed) if about is not None],
        )  # fmt: skip
        self.state.waiting.append((at, sent))
        if again:
            self.state.waiting.append((at + 20, replace(sent, sent_at=instant(at + 20))))

    def _listed(
        self, day: date, absent: Sequence[Absence], *, rng: np.random.Generator
    ) -> Iterator[tuple[dict[str, str], About | None]]:
        """A row for each absent pupil, class by class, and the infection a new one is about."""
        people, numbers = self.city.people, Counter[int]()
        for one in sorted(absent, key=lambda a: (int(people.group[a.person]), a.person, a.first)):
            group = int(people.group[one.person])
            numbers[group] += 1
            row = {
                "absent_on": day.isoformat(),
                "grade": _GRADE_OF_AGE[min(max(group // 100, 3), 17)],
                "class_no": str(group % 100),
                "list_no": str(numbers[group]),
                "status": "new" if one.first == day else "continuing",
                "symptoms": ";".join(one.symptoms),
                "roll": str(max(self._roll[one.school, group], numbers[group])),
                "onset_date": one.onset.isoformat() if one.onset_given else "",
                "seen_doctor": ("Y" if rng.random() < 0.6 else "N") if rng.random() < DOCTOR_KNOWN else "",
            }
            yield row, one.about if one.first == day else None


_NAMES: Final = tuple(COMPLAINTS)


def _next_open(day: date) -> date:
    while not is_open(day):
        day += timedelta(days=1)
    return day
