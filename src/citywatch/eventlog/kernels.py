"""The five hot questions, compiled: they read the bare columns of a `Window` and give the rows `expressions` specify.

Needs the extra `fast` (numba). Allocation stays outside the compiled parallel loops: arrays made inside them have been
seen to corrupt memory at city size. A property test holds every kernel equal to its expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import get_num_threads, njit, prange

if TYPE_CHECKING:
    import numpy.typing as npt

    from citywatch.eventlog.window import Window

    Arrays = dict[str, npt.NDArray[Any]]
    Numbers = npt.NDArray[np.int32]

_WORD = 64


def visits_of(window: Window, people: Numbers) -> Arrays:
    """Every visit of these people, by person and time: `person`, `place`, `minute_in`, `minute_out`.

    Specified by `expressions.visits_of`.
    """
    mine = window.by_person
    asked = np.unique(people)
    asked = asked[(asked >= 0) & (asked < mine.keys)]
    first, last = mine.offsets[asked], mine.offsets[asked + 1]
    rows = _ranges(first, last)
    start = window.origin + mine.start[rows].astype(np.int32)
    found = {
        "person": np.repeat(asked, last - first).astype(np.int32),
        "place": np.asarray(mine.other[rows]),
        "minute_in": start.astype(np.int32),
        "minute_out": (start + mine.stay[rows]).astype(np.int32),
    }
    order = np.lexsort((found["minute_out"], found["place"], found["minute_in"], found["person"]))
    return {name: column[order] for name, column in found.items()}


def visitors(window: Window, windows: Arrays) -> Arrays:
    """Distinct people at each place during any of its spans: `place`, `visitors`; a place nobody came to is no row.

    `windows` has one row per place and span `[minute_from, minute_to)`. Specified by `expressions.visitors`.
    """
    places = np.unique(windows["place"])
    order = np.lexsort((windows["minute_from"], windows["place"]))
    since = (windows["minute_from"][order].astype(np.int64) - window.origin).clip(-1, 1 << 20)
    until = (windows["minute_to"][order].astype(np.int64) - window.origin).clip(-1, 1 << 20)
    spans = np.searchsorted(windows["place"][order], np.append(places, np.iinfo(np.int32).max), side="left")
    known = (places >= 0) & (places < window.by_place.keys)
    counts = np.zeros(len(places), dtype=np.int64)
    column = window.by_place
    # The large places first, each to the thread that comes free: one wholesale market can be half of the work.
    size = np.zeros(len(places), dtype=np.int64)
    size[known] = column.offsets[places[known] + 1] - column.offsets[places[known]]
    largest_first = np.argsort(-size, kind="stable")
    threads = get_num_threads()
    seen = np.zeros((threads, window.by_person.keys // _WORD + 1), dtype=np.uint64)
    _visitors(
        places, known, largest_first, spans, since, until,
        column.offsets, column.other, column.start, column.stay, seen, counts,
    )  # fmt: skip
    there = counts > 0
    return {"place": places[there].astype(np.int32), "visitors": counts[there]}


def co_visits(window: Window, stays: Arrays, minutes: int) -> Arrays:
    """Who was where a case was for at least so many minutes at one time. Specified by `expressions.co_visits`."""
    if minutes < 1:
        raise ValueError(f"minutes is {minutes}; two visits meet when they share at least 1 minute.")
    column = window.by_place
    inside = (stays["place"] >= 0) & (stays["place"] < column.keys)
    person, place = stays["person"][inside], stays["place"][inside]
    since = stays["minute_in"][inside].astype(np.int64) - window.origin
    until = stays["minute_out"][inside].astype(np.int64) - window.origin
    rows = np.zeros(len(place), dtype=np.int64)
    columns = (column.offsets, column.other, column.start, column.stay, column.longest)
    _count_meetings(person, place, since, until, minutes, *columns, rows)
    ends = np.cumsum(rows)
    total = int(ends[-1]) if len(ends) else 0
    met, low, high = (np.empty(total, dtype=np.int32) for _ in range(3))
    _fill_meetings(person, place, since, until, minutes, *columns, ends - rows, met, low, high)
    found = {
        "case_person": np.repeat(person, rows).astype(np.int32),
        "person": met,
        "place": np.repeat(place, rows).astype(np.int32),
        "minute_from": (low + window.origin).astype(np.int32),
        "minute_to": (high + window.origin).astype(np.int32),
    }
    found["minutes"] = found["minute_to"] - found["minute_from"]
    order = np.lexsort(
        (found["minute_to"], found["minute_from"], found["place"], found["person"], found["case_person"])
    )
    return {name: values[order] for name, values in found.items()}


def _ranges(first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The numbers of all half-open ranges, one after the other."""
    length = last - first
    ends = np.cumsum(length)
    total = int(ends[-1]) if len(ends) else 0
    numbers: npt.NDArray[np.int64] = np.arange(total) + np.repeat(first - (ends - length), length)
    return numbers


@njit(cache=True, nogil=True)
def scatter(key, another, minute_in, minute_out, origin, reached, other, start, stay, longest):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, PLR0917
    """Put each visit at the next free row of its key; `reached` moves on."""
    for row in range(len(key)):
        k = key[row]
        at = reached[k]
        reached[k] = at + 1
        other[at] = another[row]
        start[at] = minute_in[row] - origin
        length = minute_out[row] - minute_in[row]
        stay[at] = length
        longest[k] = max(longest[k], length)


@njit(cache=True, nogil=True, parallel=True)
def _visitors(places, known, largest_first, spans, since, until, offsets, person, start, stay, seen, counts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0917
    threads = len(seen)
    for thread in prange(threads):
        mine = seen[thread]
        for turn in range(thread, len(places), threads):
            at = largest_first[turn]
            if not known[at]:
                continue
            first, last = offsets[places[at]], offsets[places[at] + 1]
            found = 0
            for row in range(first, last):
                begin = np.int64(start[row])
                end = begin + stay[row]
                there = False
                for span in range(spans[at], spans[at + 1]):
                    if begin < until[span] and (end > since[span] or begin >= since[span]):
                        there = True
                        break
                if there:
                    who = person[row]
                    word, bit = who >> 6, np.uint64(1) << np.uint64(who & 63)
                    if not mine[word] & bit:
                        mine[word] |= bit
                        found += 1
            for row in range(first, last):
                mine[person[row] >> 6] = np.uint64(0)
            counts[at] = found


@njit(cache=True, nogil=True, inline="always")
def _first_that_may_meet(start, first, last, earliest):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The first row of a place whose beginning is not before `earliest`; rows lie by beginning."""
    while first < last:
        middle = (first + last) // 2
        if np.int64(start[middle]) < earliest:
            first = middle + 1
        else:
            last = middle
    return first


@njit(cache=True, nogil=True, parallel=True)
def _count_meetings(person, place, since, until, minutes, offsets, other, start, stay, longest, rows):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0917
    for case in prange(len(place)):
        at = place[case]
        last = offsets[at + 1]
        row = _first_that_may_meet(start, offsets[at], last, since[case] - np.int64(longest[at]))
        found = 0
        while row < last and np.int64(start[row]) < until[case]:
            begin = max(np.int64(start[row]), since[case])
            end = min(np.int64(start[row]) + stay[row], until[case])
            if end - begin >= minutes and other[row] != person[case]:
                found += 1
            row += 1
        rows[case] = found


@njit(cache=True, nogil=True, parallel=True)
def _fill_meetings(person, place, since, until, minutes, offsets, other, start, stay, longest, into, met, low, high):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0917
    for case in prange(len(place)):
        at = place[case]
        last = offsets[at + 1]
        row = _first_that_may_meet(start, offsets[at], last, since[case] - np.int64(longest[at]))
        to = into[case]
        while row < last and np.int64(start[row]) < until[case]:
            begin = max(np.int64(start[row]), since[case])
            end = min(np.int64(start[row]) + stay[row], until[case])
            if end - begin >= minutes and other[row] != person[case]:
                met[to] = other[row]
                low[to] = begin
                high[to] = end
                to += 1
            row += 1
