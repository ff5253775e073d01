"""Who was near a case while it could infect: windows in days, stays that overlap, and the ring beyond.

Owns the geometry of time and place. The ground on which someone is a contact is judged by a person (or by the kind of
place) and only carried here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DayArray = NDArray[np.datetime64]
IntArray = NDArray[np.int64]
Span = float | np.timedelta64


class Ground(StrEnum):
    """Why someone counts as a close contact: the nine grounds of the national control guideline for COVID-19, 2021."""

    HOUSEHOLD = "household"
    CARE = "care"
    AEROSOL = "aerosol"
    SAME_ROOM = "same_room"
    CLOSED_VENUE = "closed_venue"
    VISIT = "visit"
    TRANSPORT = "transport"
    ENVIRONMENT = "environment"
    JUDGEMENT = "judgement"


# The ground that the kind of a shared place suggests; a person confirms it. Kinds in lower case with spaces.
GROUND_OF_KIND: Mapping[str, Ground] = MappingProxyType(
    {
        **dict.fromkeys(
            ("home", "household", "residence", "apartment", "flat", "家", "家庭", "住宅"), Ground.HOUSEHOLD
        ),
        **dict.fromkeys(("ward", "nursing home", "care home", "病房", "养老院"), Ground.CARE),
        **dict.fromkeys(("hospital", "clinic", "fever clinic", "emergency room", "医院", "诊所"), Ground.VISIT),
        **dict.fromkeys(
            ("office", "workplace", "work", "school", "classroom", "class", "factory", "dormitory", "lift", "canteen"),
            Ground.SAME_ROOM,
        ),
        **dict.fromkeys(("单位", "学校", "教室", "工厂", "宿舍", "食堂"), Ground.SAME_ROOM),
        **dict.fromkeys(
            (
                "restaurant",
                "bar",
                "cafe",
                "cinema",
                "theatre",
                "gym",
                "church",
                "temple",
                "ktv",
                "club",
                "hall",
                "venue",
            ),
            Ground.CLOSED_VENUE,
        ),
        **dict.fromkeys(("market", "shop", "supermarket", "餐厅", "饭店", "影院", "市场", "超市"), Ground.CLOSED_VENUE),
        **dict.fromkeys(
            ("bus", "train", "metro", "plane", "flight", "ship", "taxi", "transport", "公交", "地铁", "火车", "飞机"),
            Ground.TRANSPORT,
        ),
    }
)

# How much likelier a minute infects than in a social contact. Household: 15.6 % against 4.6 % of contacts infected; the
# others are assumptions of ours, to become dated rules once there are figures.
DOSE_OF_GROUND: Mapping[Ground, float] = MappingProxyType(
    {Ground.HOUSEHOLD: 15.6 / 4.6, Ground.CARE: 2.0, Ground.AEROSOL: 5.0, Ground.SAME_ROOM: 1.5, Ground.TRANSPORT: 1.5}
)
# In a crowd of more than this many, few were near.
_NEAR = 30


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """From a day to a day, both included, one pair per case. NaT in `start`: not known; NaT in `end`: still open."""

    start: DayArray
    end: DayArray

    def holds(self, day: ArrayLike) -> NDArray[np.bool_]:
        """Whether each case's window holds the day; False where the window's start is not known."""
        days = np.asarray(day, dtype="datetime64[D]")
        return (days >= self.start) & (np.isnat(self.end) | (days <= self.end))


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Times that an index person and another spent in one place; one row per pair of stays, times in the caller's unit.

    `index_stay` and `stay` point into the caller's stays, so that a ground or a note travels along.
    """

    index_person: IntArray
    person: IntArray
    place: IntArray
    start: NDArray[Any]
    end: NDArray[Any]
    index_stay: IntArray
    stay: IntArray

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True, slots=True, eq=False)
class ContactList:
    """One row per contact: how many index persons, how long together, first and last time."""

    person: IntArray
    index_persons: IntArray
    together: NDArray[Any]
    first: NDArray[Any]
    last: NDArray[Any]


def infectious_window(*, onset: ArrayLike, sampled: ArrayLike, isolated: ArrayLike, days_before: int = 2) -> Window:
    """From when to when each case could infect.

    From `days_before` days before onset (or before the first positive sample in those who never fell ill) until
    isolation. All three are calendar days, one per case, NaT where there is none; a case with neither onset nor
    sample has a start NaT, one not isolated an end NaT. Raises ValueError for negative days.

    Source: the national control guideline for COVID-19 (close contact: from 2 days before onset, or before sampling
    in the asymptomatic); pre-symptomatic spread in He et al. 2020, Nature Medicine 26:672.

    >>> sampled, isolated = ["2020-06-10", "2020-06-12"], ["2020-06-11", "NaT"]
    >>> window = infectious_window(onset=["2020-06-09", "NaT"], sampled=sampled, isolated=isolated)
    >>> window.start.astype(str).tolist(), window.end.astype(str).tolist()
    (['2020-06-07', '2020-06-10'], ['2020-06-11', 'NaT'])
    """
    begins = _first_known(onset, sampled) - _days(days_before)
    ends = np.asarray(isolated, dtype="datetime64[D]")
    return Window(begins, np.broadcast_to(ends, begins.shape).copy())


def exposure_window(*, onset: ArrayLike, sampled: ArrayLike, days: int = 14) -> Window:
    """When each case must have been infected.

    The `days` days before onset (or before sampling in those who never fell ill), that day included. Calendar days,
    NaT where there is none. Raises ValueError for negative days.

    Source: the 14-day exposure history of the national case investigation form; incubation in Li et al. 2020, NEJM
    382:1199.

    >>> window = exposure_window(onset=["2020-06-15"], sampled=["NaT"])
    >>> window.start.astype(str).tolist(), window.end.astype(str).tolist()
    (['2020-06-01'], ['2020-06-15'])
    """
    ends = _first_known(onset, sampled)
    return Window(ends - _days(days), ends)


def overlapping_stays(
    *, person: ArrayLike, place: ArrayLike, t_in: ArrayLike, t_out: ArrayLike, index_stay: ArrayLike, at_least: Span
) -> Overlaps:
    """Pair every index stay with every stay of somebody else in the same place that overlaps it by `at_least` or more.

    One value per stay: `person` and `place` as indexes, `t_in` and `t_out` as numbers or datetime64 (`at_least` in
    the same unit, or timedelta64), and `index_stay`, True for the stays of cases inside their infectious window.
    Index persons are paired with each other too, in both directions; nobody with themselves. Rows come by index stay,
    then by time. Raises ValueError when lengths differ or a stay ends before it began.

    Source: the interval join of Allen 1983, Communications of the ACM 26:832, on the definition of a close contact.

    >>> stays = dict(person=[0, 1, 2], place=[5, 5, 5], t_in=[0, 50, 59], t_out=[60, 90, 90])
    >>> told = overlapping_stays(**stays, index_stay=[True, False, False], at_least=10)
    >>> told.person.tolist(), told.start.tolist(), told.end.tolist()
    ([1], [50], [60])
    """
    who, where = np.asarray(person, dtype=np.int64), np.asarray(place, dtype=np.int64)
    begin, end, chosen = np.asarray(t_in), np.asarray(t_out), np.asarray(index_stay, dtype=np.bool_)
    sizes = {array.shape for array in (who, where, begin, end, chosen)}
    if len(sizes) > 1:
        msg = f"The columns of the stays have different lengths: {sorted(sizes)}."
        raise ValueError(msg)
    if (end < begin).any():
        row = int(np.flatnonzero(end < begin)[0])
        msg = f"Stay {row} ends at {end[row]}, before it began at {begin[row]}."
        raise ValueError(msg)
    left, right = _candidates(where, begin, end, np.flatnonzero(chosen))
    start, stop = np.maximum(begin[left], begin[right]), np.minimum(end[left], end[right])
    near = (who[left] != who[right]) & (stop >= start) & (stop - start >= at_least)
    left, right = left[near], right[near]
    return Overlaps(
        index_person=who[left],
        person=who[right],
        place=where[right],
        start=start[near],
        end=stop[near],
        index_stay=left,
        stay=right,
    )


def list_contacts(overlaps: Overlaps) -> ContactList:
    """Sum overlaps up per contact, ordered by person: number of index persons, time together, first and last moment.

    Two index persons met at once count their time twice: it is exposure that is summed, not clock time.

    Source: the contact table of the national case investigation form.

    >>> stays = dict(person=[0, 1, 2], place=[5, 5, 5], t_in=[0, 50, 40], t_out=[60, 90, 90])
    >>> told = overlapping_stays(**stays, index_stay=[True, False, False], at_least=10)
    >>> rows = list_contacts(told)
    >>> rows.person.tolist(), rows.together.tolist(), rows.first.tolist()
    ([1, 2], [10, 20], [50, 40])
    """
    people, slot = np.unique(overlaps.person, return_inverse=True)
    pairs = np.unique(np.stack([slot, overlaps.index_person]), axis=1)
    order = np.argsort(slot, kind="stable")
    starts = np.searchsorted(slot[order], np.arange(len(people)))
    length = overlaps.end - overlaps.start

    def per_person(ufunc: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(ufunc.reduceat(values[order], starts)) if len(people) else values

    return ContactList(
        person=people,
        index_persons=np.bincount(pairs[0], minlength=len(people)),
        together=per_person(np.add, length),
        first=per_person(np.minimum, overlaps.start),
        last=per_person(np.maximum, overlaps.end),
    )


def contact_dose(minutes: ArrayLike, *, weight: ArrayLike = 1.0, crowd: ArrayLike = 1) -> NDArray[np.float64]:
    """Minutes together, weighed by how near people are in such a place: for ordering follow-up, not for judging it.

    `weight` by ground (`DOSE_OF_GROUND`, 1 elsewhere), `crowd` the people there in those days: beyond 30 the chance of
    having been near falls with their number. All one value per contact and place, or one for all.

    Source: the order of household over social contacts in Bi et al. 2020, Lancet Infectious Diseases 20:911; the rest
    is our own and marked so in `docs/science/contacts.md`.

    >>> contact_dose([60, 60], weight=[3.4, 1.0], crowd=[4, 300]).tolist()
    [204.0, 6.0]
    """
    near = np.minimum(1.0, _NEAR / np.maximum(np.asarray(crowd, dtype=np.float64), 1.0))
    return np.asarray(np.asarray(minutes, dtype=np.float64) * np.asarray(weight, dtype=np.float64) * near)


def second_ring(
    *,
    person: ArrayLike,
    place: ArrayLike,
    t_in: ArrayLike,
    t_out: ArrayLike,
    contacts: ContactList,
    cases: ArrayLike,
    until: ArrayLike,
    at_least: Span,
    largest_place: int,
) -> Overlaps:
    """Contacts of contacts: who stayed with a contact between the first meeting with a case and isolation.

    Without thresholds this is nearly everybody: measured, 93 % of a city of 21.9 million. Hence two that must be
    chosen: `at_least`, the time together, and `largest_place`, the number of distinct people above which a place is
    left out. Cases and first-ring contacts are not returned.

    Stays as in `overlapping_stays`; `until` holds one time per row of `contacts`, the moment of isolation (use a far
    future for none). Errors as in `overlapping_stays`.

    Source: the secondary contact of the national control guideline for COVID-19, 2021: from the contact's first
    meeting with the case to the contact's isolation.

    >>> stays = dict(person=[0, 1, 1, 2], place=[5, 5, 6, 6], t_in=[0, 0, 100, 100], t_out=[60, 60, 160, 160])
    >>> first = list_contacts(overlapping_stays(**stays, index_stay=[True, False, False, False], at_least=15))
    >>> second_ring(**stays, contacts=first, cases=[0], until=[10**9], at_least=15, largest_place=50).person.tolist()
    [2]
    """
    who, where = np.asarray(person, dtype=np.int64), np.asarray(place, dtype=np.int64)
    begin, end = np.asarray(t_in), np.asarray(t_out)
    ends = np.broadcast_to(np.asarray(until), contacts.person.shape)
    is_contact = np.isin(who, contacts.person) & ~np.isin(who, np.asarray(cases, dtype=np.int64))
    chosen = np.zeros(who.shape, dtype=np.bool_)
    if len(contacts.person):
        slot = np.minimum(np.searchsorted(contacts.person, who), len(contacts.person) - 1)
        chosen = is_contact & (end > contacts.first[slot]) & (begin < ends[slot]) & ~_crowded(who, where, largest_place)
        # A stay under way at the first meeting or at isolation counts only between the two.
        begin = np.where(chosen, np.maximum(begin, contacts.first[slot]), begin)
        end = np.where(chosen, np.minimum(end, ends[slot]), end)
    found = overlapping_stays(person=who, place=where, t_in=begin, t_out=end, index_stay=chosen, at_least=at_least)
    outside = ~np.isin(found.person, contacts.person) & ~np.isin(found.person, np.asarray(cases, dtype=np.int64))
    return Overlaps(**{name: getattr(found, name)[outside] for name in Overlaps.__slots__})


def _first_known(onset: ArrayLike, sampled: ArrayLike) -> DayArray:
    ill, taken = np.asarray(onset, dtype="datetime64[D]"), np.asarray(sampled, dtype="datetime64[D]")
    return np.asarray(np.where(np.isnat(ill), taken, ill))


def _days(days: int) -> np.timedelta64:
    if days < 0:
        msg = f"A window of {days} days lies in the future; give 0 or more."
        raise ValueError(msg)
    return np.timedelta64(days, "D")


def _crowded(who: IntArray, where: IntArray, largest: int) -> NDArray[np.bool_]:
    if not who.size:
        return np.zeros(0, dtype=np.bool_)
    seen, people = np.unique(np.unique(np.stack([where, who]), axis=1)[0], return_counts=True)
    return np.asarray(people[np.searchsorted(seen, where)] > largest)


def _candidates(where: IntArray, begin: NDArray[Any], end: NDArray[Any], chosen: IntArray) -> tuple[IntArray, IntArray]:
    """For each chosen stay the stays in its place that may overlap it.

    Begun before it ended, and not longer before it began than the longest stay there lasts.
    """
    order = np.lexsort((begin, where))
    places, first = np.unique(where[order], return_index=True)
    last = np.append(first[1:], len(order))
    by_place = begin[order]
    lefts, rights = [], []
    for stay in chosen:
        slot = int(np.searchsorted(places, where[stay]))
        here = order[first[slot] : last[slot]]
        times = by_place[first[slot] : last[slot]]
        longest = (end[here] - begin[here]).max()
        low = int(np.searchsorted(times, begin[stay] - longest, side="left"))
        high = int(np.searchsorted(times, end[stay], side="right"))
        rights.append(here[low:high])
        lefts.append(np.full(high - low, stay))
    if not rights:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(lefts), np.concatenate(rights)
