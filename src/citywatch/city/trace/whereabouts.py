"""Where the cases of an investigation were in a window of theirs, as told and as captured: what every ranking counts.

Reads the investigation whole, whoever asks: its counts name nobody, and half of the cases would point elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from django.db.models import F, Q, QuerySet

from citywatch.city.trace import rules
from citywatch.city.trace.models import COUNTED, Case, Investigation, Stay
from citywatch.eventlog.crowds import Crowds
from citywatch.mechanisms.clock import day_of, start_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label

AREAS = ("city", "district", "street")
_TOLD = ("id", "place_id", "visited_id", "from_at", "to_at", "source")

Pairs = frozenset[tuple[int, int]]
Told = tuple[int, int, int]  # place, minute from, minute to
Stayed = tuple[int, int, int, int]  # index of the window, place, minute from, minute to


@dataclass(frozen=True, slots=True)
class CaseWindow:
    """One case in one window: `[start, end)` in minutes of the log, its person (0: unknown), the stays it told of."""

    case: int
    person: int
    start: int
    end: int
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Telling:
    """Cases that count, by number, and the stays each told of: read once for all that a page asks of them."""

    cases: tuple[Case, ...]
    stays: Mapping[int, Sequence[Stay]]


def told_by(cases: Sequence[Case]) -> Telling:
    """What these cases told."""
    rows = tuple(sorted(cases, key=lambda case: case.pk))
    stays: dict[int, list[Stay]] = {}
    for stay in Stay.objects.filter(case__in=[case.pk for case in rows]):
        stays.setdefault(stay.case_id, []).append(stay)
    return Telling(rows, stays)


def found_and_told(cases: QuerySet[Case]) -> Telling:
    """Those cases that a question finds and what they told, asked for together."""
    rows: dict[int, Case] = {}
    stays: dict[int, list[Stay]] = {}
    told = {f"told_{name}": F(f"stays__{name}") for name in _TOLD}
    for row in cases.annotate(**told).order_by("pk", "stays__pk"):
        case: Any = rows.setdefault(row.pk, row)
        stay = Stay(case=case, **{name: getattr(row, f"told_{name}") for name in _TOLD})
        if stay.visited_id is not None:
            stays.setdefault(case.pk, []).append(stay)
    return Telling(tuple(rows.values()), stays)


def told_in(investigation: Investigation) -> Telling:
    """What the cases of an investigation told."""
    return found_and_told(investigation.cases.filter(COUNTED))


def exposure_windows(investigation: Investigation, told: Telling | None = None) -> tuple[CaseWindow, ...]:
    """Its cases while they were infected: where from? Those of whom no day is known are left out.

    `told` is what they told, where it is in hand.
    """
    rule = rules.window_rule(day_of(investigation.opened_at))
    return _windows(told or told_in(investigation), lambda _, reference: rules.exposure_span(reference, rule))


def infectious_windows(
    investigation: Investigation, *, at: datetime, told: Telling | None = None
) -> tuple[CaseWindow, ...]:
    """Its cases while they could infect, until isolation or now: who next?

    Now is the end of the hour, so that the same question is not asked anew each minute.
    """
    now = _end_of_hour(at)

    def span(case: Case, reference: date) -> tuple[datetime, datetime]:
        return rules.infectious_from(reference, investigation.look_back_days), case.isolated_at or now

    return _windows(told or told_in(investigation), span)


def city_windows(*, first: date, at: datetime) -> tuple[CaseWindow, ...]:
    """Every case of the city while it could infect, from `first` on, whichever investigation it belongs to."""
    now, since = _end_of_hour(at), start_of(first)

    def span(case: Case, reference: date) -> tuple[datetime, datetime]:
        rule = rules.window_rule(day_of(case.reported_at))
        back = case.investigation.look_back_days if case.investigation else rule.look_back_days
        return max(since, rules.infectious_from(reference, back)), case.isolated_at or now

    # Whoever was reported longer ago was isolated long since, or recovered.
    recent = Case.objects.filter(reported_at__gte=since - timedelta(days=rules.EPISODE_DAYS))
    return _windows(found_and_told(recent.filter(COUNTED).select_related("investigation")), span)


def pairs_in(windows: tuple[CaseWindow, ...]) -> Pairs:
    """(case, place): who was where in their window, told or captured; whoever was in a hall was in its market."""
    if not windows:
        return frozenset()
    return _pairs_in(str(export.store().root), export.store().pin().number, windows)


@lru_cache(maxsize=32)
def _pairs_in(root: str, version: int, windows: tuple[CaseWindow, ...]) -> Pairs:
    del root, version  # the key: another log, or a later one, is another question
    spans = merged(windows)
    log = Crowds(export.store(), export.engine(), spans)
    own, _ = captured_pairs(log.visits_of(people_of(windows)), windows, spans)
    pairs = own | told_pairs(windows)
    rolled = rolled_up(pairs, groups({place for _, place in pairs}))
    return frozenset((windows[index].case, place) for index, place in rolled)


def full_name(place: Place) -> Label:
    """A place's name with the market, hall or building it is part of, unless its own name begins with that."""
    whole = place.parent
    if whole is None or whole.kind in AREAS:
        return Label(place.name_zh, place.name_en)
    return Label(
        place.name_zh if place.name_zh.startswith(whole.name_zh) else f"{whole.name_zh}{place.name_zh}",
        place.name_en if place.name_en.startswith(whole.name_en) else f"{whole.name_en}, {place.name_en}",
    )


def minute(instant: datetime) -> int:
    """An instant in the minutes of the log."""
    return int(instant.timestamp() // 60)


def people_of(windows: Iterable[CaseWindow]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """The persons of these cases, each once; a case without one is not among them."""
    return np.array(sorted({one.person for one in windows if one.person}), dtype=np.int32)


def merged(windows: Iterable[CaseWindow]) -> list[tuple[int, int]]:
    """The cases' windows as spans that do not overlap: the well are asked about the same days as the ill."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted((one.start, one.end) for one in windows):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def told_pairs(windows: Sequence[CaseWindow]) -> Pairs:
    """(index of the window, place) as told."""
    return frozenset((index, place) for index, one in enumerate(windows) for place, *_ in one.told)


def captured_pairs(
    captured: dict[str, Any], windows: Sequence[CaseWindow], spans: Sequence[tuple[int, int]]
) -> tuple[Pairs, Pairs]:
    """(index of the window, place) pairs seen in each case's own window, and in any of the spans."""
    own, any_time = set(), set()
    for index, place, began, ended in captured_stays(captured, windows):
        if meets(began, ended, windows[index].start, windows[index].end):
            own.add((index, place))
        if any(meets(began, ended, start, end) for start, end in spans):
            any_time.add((index, place))
    return frozenset(own), frozenset(any_time)


def captured_stays(captured: dict[str, Any], windows: Sequence[CaseWindow]) -> Iterable[tuple[int, int, int, int]]:
    """Every captured visit of the cases: index of the window, place, minute in, minute out."""
    of_person: dict[int, list[int]] = {}
    for index, one in enumerate(windows):
        if one.person:
            of_person.setdefault(one.person, []).append(index)
    rows = zip(captured["person"], captured["place"], captured["minute_in"], captured["minute_out"], strict=True)
    for person, place, began, ended in ((int(a), int(b), int(c), int(d)) for a, b, c, d in rows):
        for index in of_person[person]:
            yield index, place, began, ended


def stays_in(windows: Sequence[CaseWindow], captured: dict[str, Any]) -> Iterable[Stayed]:
    """Each case's times at each place inside its window, told and captured; what overlaps is one time."""
    spans: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for number, one in enumerate(windows):
        for place, began, ended in one.told:
            spans.setdefault((number, place), []).append((began, ended))
    for number, place, began, ended in captured_stays(captured, windows):
        since, until = max(began, windows[number].start), min(ended, windows[number].end)
        if since <= until and began < windows[number].end:
            spans.setdefault((number, place), []).append((since, until))
    for (number, place), times in sorted(spans.items()):
        for began, ended in _joined(times):
            yield number, place, began, ended


def _joined(times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for began, ended in sorted(times):
        if joined and began <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(ended, joined[-1][1])
        else:
            joined.append((began, ended))
    return joined


def columns_of(stays: Sequence[Stayed], windows: Sequence[CaseWindow]) -> dict[str, Any]:
    """These stays as the log is asked about them; a case without a person gets a number nobody has."""
    index, place, since, until = np.array(stays, dtype=np.int32).reshape(-1, 4).T.copy()
    numbers = np.array([one.person or -1 - i for i, one in enumerate(windows)], dtype=np.int32)
    return {"person": numbers[index], "place": place, "minute_in": since, "minute_out": until}


def meets(began: int, ended: int, start: int, end: int) -> bool:
    """Whether a visit touches a window; one of no length counts at its minute."""
    return began < end and (ended > start or began >= start)


def groups(visited: Iterable[int], left_out: frozenset[int] = frozenset()) -> dict[int, tuple[int, ...]]:
    """For every market one of whose halls was visited: the market and all its halls, by the market's number."""
    near = Place.objects.filter(Q(pk__in=list(visited)) | Q(parent_id__in=list(visited)))
    parents = set(near.exclude(parent__kind__in=AREAS).values_list("parent_id", flat=True))
    parents.discard(None)
    children: dict[int, list[int]] = {parent: [parent] for parent in parents}
    halls = Place.objects.filter(parent_id__in=parents).exclude(pk__in=left_out)
    for place, parent in halls.values_list("pk", "parent_id"):
        children[parent].append(place)
    return {parent: tuple(places) for parent, places in children.items()}


def rolled_up(pairs: Pairs, grouped: dict[int, tuple[int, ...]]) -> Pairs:
    """Who was in a hall was in its market."""
    above = {place: parent for parent, places in grouped.items() for place in places}
    return pairs | {(case, above[place]) for case, place in pairs if place in above}


def _end_of_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _windows(told: Telling, span_of: Callable[[Case, date], tuple[datetime, datetime]]) -> tuple[CaseWindow, ...]:
    found = []
    for case in told.cases:
        if case.reference_day is None:
            continue
        start, end = span_of(case, case.reference_day)
        if start >= end:
            continue
        there = {
            (stay.visited_id, minute(max(stay.from_at, start)), minute(min(stay.to_at, end)))
            for stay in told.stays.get(case.pk, ())
            if stay.from_at < end and stay.to_at > start
        }
        found.append(CaseWindow(case.pk, case.person_id or 0, minute(start), minute(end), tuple(sorted(there))))
    return tuple(found)
