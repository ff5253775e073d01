"""The hot questions, compiled: they read the bare columns of a `Window` and give the rows `expressions` specify.

Needs the extra `fast` (numba). Allocation stays outside the compiled parallel loops: arrays made inside them have been
seen to corrupt memory at city size. A property test holds every kernel equal to its expression.
"""

# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0917 - what is compiled takes its types from the arrays it is given

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import get_num_threads, njit, prange

if TYPE_CHECKING:
    import numpy.typing as npt

    from citywatch.eventlog.window import Window

    Arrays = dict[str, npt.NDArray[Any]]
    Numbers = npt.NDArray[np.int32]
    Longs = npt.NDArray[np.int64]

_WORD = 64
_DAY, _SHANGHAI = 1440, 480


def visits_of(window: Window, people: Numbers) -> Arrays:
    """Every visit of these people, by person and time: `person`, `place`, `minute_in`, `minute_out`.

    Specified by `expressions.visits_of`.
    """
    mine = window.by_person
    asked = np.unique(people)
    asked = asked[(asked >= 0) & (asked < mine.keys)]
    mine.expect(asked.astype(np.int64))
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


def visitors(window: Window, windows: Arrays, members: Arrays | None = None) -> Arrays:
    """Distinct people at each place during any of its spans: `place`, `visitors`; a place nobody came to is no row.

    `windows` has one row per place and span `[minute_from, minute_to)`; `members` says what counts as which whole.
    Specified by `expressions.visitors`.
    """
    column = window.by_place
    order = np.lexsort((windows["minute_from"], windows["place"]))
    wholes, begin = np.unique(windows["place"][order], return_index=True)
    spans = np.append(begin, len(order)).astype(np.int64)
    since = (windows["minute_from"][order].astype(np.int64) - window.origin).clip(-1, 1 << 20)
    until = (windows["minute_to"][order].astype(np.int64) - window.origin).clip(-1, 1 << 20)
    parts, ends = _parts(wholes, members, column.keys)
    # The large places first, each to the thread that comes free: one wholesale market can be half of the work.
    size = np.append(0, np.cumsum(column.offsets[parts + 1] - column.offsets[parts]))
    largest_first = np.argsort(size[ends[:-1]] - size[ends[1:]], kind="stable")
    always = np.maximum.reduceat((since <= 0) & (until >= window.minutes), begin) if len(wholes) else begin == 0
    column.expect(parts, times=not always.all())
    counts = np.zeros(len(wholes), dtype=np.int64)
    seen = np.zeros((get_num_threads(), window.by_person.keys // _WORD + 1), dtype=np.uint64)
    _visitors(
        parts, ends, largest_first, always, spans, since, until,
        column.offsets, column.other, column.start, column.stay, seen, counts,
    )  # fmt: skip
    there = counts > 0
    return {"place": wholes[there].astype(np.int32), "visitors": counts[there]}


def whereabouts(window: Window, windows: Arrays, members: Arrays, people: Numbers) -> Arrays:
    """Which of these people were at each place during any of its spans: `place`, `person`, each pair once, in order.

    Specified by `expressions.whereabouts`, of these people alone.
    """
    mine = visits_of(window, people)
    members = {name: column[np.argsort(members["place"], kind="stable")] for name, column in members.items()}
    first, last = (np.searchsorted(members["place"], mine["place"], side=side) for side in ("left", "right"))
    rows, of = np.repeat(np.arange(len(first)), last - first), _ranges(first, last)
    whole = members["whole"][of]
    order = np.argsort(windows["place"], kind="stable")
    asked = {name: column[order] for name, column in windows.items()}
    first, last = (np.searchsorted(asked["place"], whole, side=side) for side in ("left", "right"))
    visit, span = np.repeat(np.arange(len(first)), last - first), _ranges(first, last)
    begin, end = mine["minute_in"][rows[visit]], mine["minute_out"][rows[visit]]
    since = asked["minute_from"][span]
    there = (begin < asked["minute_to"][span]) & ((end > since) | (begin >= since))
    visit = visit[there]
    pairs = np.unique(whole[visit].astype(np.int64) << 32 | mine["person"][rows[visit]])
    return {"place": (pairs >> 32).astype(np.int32), "person": (pairs & 0xFFFFFFFF).astype(np.int32)}


def present(window: Window, windows: Arrays) -> Arrays:
    """Everybody seen anywhere during any span `[minute_from, minute_to)`: `person`. See `expressions.present`."""
    spans = np.unique(np.column_stack([windows["minute_from"], windows["minute_to"]]).astype(np.int64), axis=0)
    spans = (spans - window.origin).clip(-1, 1 << 20)
    column = window.by_person
    there = np.zeros(column.keys, dtype=np.uint8)
    since, until = np.ascontiguousarray(spans[:, 0]), np.ascontiguousarray(spans[:, 1])
    _present(since, until, column.offsets, column.start, column.stay, there)
    return {"person": np.flatnonzero(there).astype(np.int32)}


def co_visits(window: Window, stays: Arrays, minutes: int) -> Arrays:
    """Who was where a case was for at least so many minutes at one time. Specified by `expressions.co_visits`."""
    _refuse_less_than_a_minute(minutes)
    column = window.by_place
    person, place, since, until = _known_stays(window, stays)
    by_case = np.lexsort((until, since, place, person))
    person, place, since, until = person[by_case], place[by_case], since[by_case], until[by_case]
    rows = np.zeros(len(place), dtype=np.int64)
    columns = (column.offsets, column.other, column.start, column.stay, column.longest)
    threads = get_num_threads()
    _count_meetings(threads, person, place, since, until, minutes, *columns, rows)
    ends = np.cumsum(rows)
    total = int(ends[-1]) if len(ends) else 0
    met, low, high = (np.empty(total, dtype=np.int32) for _ in range(3))
    _fill_meetings(threads, person, place, since, until, minutes, window.origin, *columns, ends - rows, met, low, high)
    found = {
        "case_person": np.repeat(person, rows),
        "person": met,
        "place": np.repeat(place, rows),
        "minute_from": low,
        "minute_to": high,
        "minutes": high - low,
    }
    order = _in_order(found)
    return {name: values[order] for name, values in found.items()}


def contacts(window: Window, stays: Arrays, minutes: int) -> Arrays:
    """Who met the cases: `person`, `cases` met, `minutes` in all, `since` when. Specified by `expressions.contacts`.

    The meetings are summed as they are found; there are far more of them than contacts.
    """
    _refuse_less_than_a_minute(minutes)
    column = window.by_place
    person, place, since, until = _known_stays(window, stays)
    by_case = np.argsort(person, kind="stable")
    case = np.unique(person, return_inverse=True)[1][by_case].astype(np.int32)
    people = window.by_person.keys
    cases, total, latest = (np.zeros(people, dtype=np.int32) for _ in range(3))
    first = np.full(people, np.iinfo(np.int32).max, dtype=np.int32)
    columns = (column.offsets, column.other, column.start, column.stay, column.longest)
    asked = (case, person[by_case], place[by_case], since[by_case], until[by_case], minutes)
    _sum_meetings(get_num_threads(), *asked, *columns, cases, total, first, latest)
    met = np.flatnonzero(cases)
    return {
        "person": met.astype(np.int32),
        "cases": cases[met].astype(np.int64),
        "minutes": total[met].astype(np.int64),
        "since": first[met] + np.int32(window.origin),
    }


def ring(window: Window, carriers: Arrays, *, minutes: int, crowd: int) -> Arrays:
    """Who spent `minutes` at one time where a carrier was, at places of at most `crowd` visits: `person`.

    One pass over the places. Whether anybody met a visit needs no pair: of the carriers there, by the time they came,
    the latest leaving so far is kept, and each visit looks once. Specified by `expressions.ring`.
    """
    _refuse_less_than_a_minute(minutes)
    people, column = window.by_person.keys, window.by_place
    known = (carriers["person"] >= 0) & (carriers["person"] < people)
    person = carriers["person"][known].astype(np.int64)
    order = np.argsort(person, kind="stable")
    person = person[order]
    since, until = (
        (carriers[name][known].astype(np.int64)[order] - window.origin).clip(-(1 << 20), 1 << 20).astype(np.int32)
        for name in ("minute_from", "minute_to")
    )
    # First one bit a person, which stays in the processor's cache; the spans themselves are looked up for carriers.
    words, spans = np.zeros(people // _WORD + 1, dtype=np.uint64), np.zeros(people, dtype=np.int32)
    carrier, first = np.unique(person, return_index=True)
    np.bitwise_or.at(words, carrier >> 6, np.uint64(1) << (carrier & 63).astype(np.uint64))
    spans[carrier] = first
    largest = _largest_within(column.offsets, crowd)
    most = int(np.diff(np.append(first, len(person))).max(initial=1))
    room = np.empty((2, get_num_threads(), largest * most), dtype=np.int32)
    met = np.zeros(people, dtype=np.uint8)
    columns = (column.offsets, column.other, column.start, column.stay)
    _ring(*columns, minutes, crowd, words, spans, person, since, until, room[0], room[1], met)
    met[carrier] = 0
    return {"person": np.flatnonzero(met).astype(np.int32)}


def day_levels(window: Window, stays: Arrays, *, minutes: int, linger: int) -> Arrays:
    """The highest exposure level of everybody exposed on each day: `day`, `person`, `level`.

    Specified by `expressions.day_levels`.
    """
    days = (stays["minute_in"].astype(np.int64) + _SHANGHAI) // _DAY
    found: dict[str, list[npt.NDArray[Any]]] = {"day": [], "person": [], "level": []}
    for day in np.unique(days):
        mine = {name: values[days == day] for name, values in stays.items()}
        people = int(max(window.by_person.keys, mine["person"].max() + 1))
        level = status(window, mine, minutes=minutes, linger=linger, people=people)
        exposed = np.flatnonzero(level)
        found["day"].append(np.full(len(exposed), day))
        found["person"].append(exposed)
        found["level"].append(level[exposed])
    return {
        name: np.concatenate(parts).astype(np.int32) if parts else np.empty(0, dtype=np.int32)
        for name, parts in found.items()
    }


def status(window: Window, stays: Arrays, *, minutes: int, linger: int, people: int) -> npt.NDArray[np.uint8]:
    """The highest exposure level of every person 0 to `people` (excluded) by these stays, 0 to 3.

    Specified by `expressions.status` over `expressions.day_levels`; here whoever is in no row has his 0.
    """
    _refuse_less_than_a_minute(minutes)
    column = window.by_place
    _, place, since, until = _known_stays(window, stays)
    most = max(people, window.by_person.keys)
    near, close = (np.zeros(most, dtype=np.uint8) for _ in range(2))  # two, so that threads never write two values
    columns = (column.offsets, column.other, column.start, column.stay, column.longest)
    _levels(get_num_threads(), place, since, until, minutes, linger, *columns, near, close)
    np.maximum(near, close, out=near)
    near[stays["person"][stays["person"] < most]] = 3
    return near[:people]


def _known_stays(window: Window, stays: Arrays) -> tuple[Numbers, Numbers, Longs, Longs]:
    """The stays at places the columns know, the most visited places first, their times from the window's beginning."""
    offsets = window.by_place.offsets
    inside = np.flatnonzero((stays["place"] >= 0) & (stays["place"] < window.by_place.keys))
    place = stays["place"][inside]
    inside = inside[np.argsort(offsets[place] - offsets[place + 1], kind="stable")]
    return (
        stays["person"][inside].astype(np.int32),
        stays["place"][inside].astype(np.int32),
        stays["minute_in"][inside].astype(np.int64) - window.origin,
        stays["minute_out"][inside].astype(np.int64) - window.origin,
    )


def _in_order(found: Arrays) -> npt.NDArray[np.int64]:
    """The order of meetings by case, person, place and time, of rows that lie by case, place and the case's stay.

    So each case's rows are sorted by person alone, and only who met a case twice in stays that overlap is sorted again
    by the rest: five keys at once cost ten times the search.
    """
    case, person = found["case_person"], found["person"]
    order = person.astype(np.int64) << 32 | np.arange(len(person))
    changes = np.flatnonzero(case[1:] != case[:-1]) + 1
    for first, last in zip((0, *changes), (*changes, len(case)), strict=True):
        order[first:last].sort()
    order &= 0xFFFFFFFF
    place, begin, end = (found[name][order] for name in ("place", "minute_from", "minute_to"))
    one = (case[1:] == case[:-1]) & (person[order[1:]] == person[order[:-1]])
    early = (begin[1:] < begin[:-1]) | ((begin[1:] == begin[:-1]) & (end[1:] < end[:-1]))
    wrong = np.flatnonzero(one & (place[1:] == place[:-1]) & early)
    if wrong.size:
        run = np.append(0, np.cumsum(~one))  # the rows of one case and one other person
        again = np.flatnonzero(np.isin(run, run[wrong]))
        keys = (end[again], begin[again], place[again], run[again])
        order[again] = order[again[np.lexsort(keys)]]
    return order


def _parts(wholes: npt.NDArray[Any], members: Arrays | None, keys: int) -> tuple[Longs, Longs]:
    """The places that make up each whole, one after the other, and where each whole's begin."""
    if members is None:
        place, whole = wholes.astype(np.int64), np.arange(len(wholes))
    else:
        pairs = np.unique(np.column_stack([members["whole"], members["place"]]).astype(np.int64), axis=0)
        pairs = pairs[np.isin(pairs[:, 0], wholes)]
        place, whole = pairs[:, 1], np.searchsorted(wholes, pairs[:, 0])
    known = (place >= 0) & (place < keys)
    place, whole = place[known], whole[known]
    return place, np.append(0, np.cumsum(np.bincount(whole, minlength=len(wholes))))


def _largest_within(offsets: npt.NDArray[np.int64], crowd: int) -> int:
    sizes = np.diff(offsets)
    return int(sizes[sizes <= crowd].max(initial=1))


def _refuse_less_than_a_minute(minutes: int) -> None:
    if minutes < 1:
        raise ValueError(f"minutes is {minutes}; two visits meet when they share at least 1 minute.")


def _ranges(first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The numbers of all half-open ranges, one after the other."""
    length = last - first
    ends = np.cumsum(length)
    total = int(ends[-1]) if len(ends) else 0
    numbers: npt.NDArray[np.int64] = np.arange(total) + np.repeat(first - (ends - length), length)
    return numbers


@njit(cache=True, nogil=True)
def scatter(key, another, minute_in, minute_out, origin, reached, other, start, stay, longest):  # type: ignore[no-untyped-def]
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


@njit(cache=True, nogil=True, inline="always")
def _during(start, stay, first, last, since, until):  # type: ignore[no-untyped-def]
    """Whether a visit meets any of the spans `first` to `last`."""
    begin = np.int64(start)
    end = begin + stay
    for span in range(first, last):  # noqa: SIM110 - numba compiles a loop to less than a generator
        if begin < until[span] and (end > since[span] or begin >= since[span]):
            return True
    return False


@njit(cache=True, nogil=True, parallel=True)
def _visitors(parts, ends, largest_first, always, spans, since, until, offsets, person, start, stay, seen, counts):  # type: ignore[no-untyped-def]
    threads = len(seen)
    for thread in prange(threads):
        mine = seen[thread]
        for turn in range(thread, len(largest_first), threads):
            at = largest_first[turn]
            found, rows = 0, 0
            for part in range(ends[at], ends[at + 1]):
                first, last = offsets[parts[part]], offsets[parts[part] + 1]
                rows += last - first
                if always[at]:  # the times need not be read
                    for row in range(first, last):
                        found += _new(mine, person[row])
                else:
                    for row in range(first, last):
                        if _during(start[row], stay[row], spans[at], spans[at + 1], since, until):
                            found += _new(mine, person[row])
            if rows > len(mine) // 8:  # eight words in a row are emptied sooner than one that has to be found
                mine[:] = 0
            else:
                for part in range(ends[at], ends[at + 1]):
                    for row in range(offsets[parts[part]], offsets[parts[part] + 1]):
                        mine[person[row] >> 6] = 0
            counts[at] = found


@njit(cache=True, nogil=True, inline="always")
def _new(seen, person):  # type: ignore[no-untyped-def]
    """Mark a person; 1 the first time, 0 from then on."""
    word, bit = person >> 6, np.uint64(1) << np.uint64(person & 63)
    before = seen[word]
    seen[word] = before | bit
    return np.int64((before & bit) == 0)  # without a branch: whether somebody came before is nothing to guess


@njit(cache=True, nogil=True, parallel=True)
def _present(since, until, offsets, start, stay, there):  # type: ignore[no-untyped-def]
    for person in prange(len(there)):
        for row in range(offsets[person], offsets[person + 1]):
            if _during(start[row], stay[row], 0, len(since), since, until):
                there[person] = 1
                break


@njit(cache=True, nogil=True, inline="always")
def _first_that_may_meet(start, first, last, earliest):  # type: ignore[no-untyped-def]
    """The first row of a place whose beginning is not before `earliest`; rows lie by beginning."""
    while first < last:
        middle = (first + last) // 2
        if np.int64(start[middle]) < earliest:
            first = middle + 1
        else:
            last = middle
    return first


@njit(cache=True, nogil=True, parallel=True)
def _count_meetings(threads, person, place, since, until, minutes, offsets, other, start, stay, longest, rows):  # type: ignore[no-untyped-def]
    for thread in prange(threads):
        for case in range(thread, len(place), threads):
            at = place[case]
            last = offsets[at + 1]
            row = _first_that_may_meet(start, offsets[at], last, since[case] + minutes - np.int64(longest[at]))
            found = 0
            while row < last and np.int64(start[row]) < until[case]:
                begin = max(np.int64(start[row]), since[case])
                end = min(np.int64(start[row]) + stay[row], until[case])
                if end - begin >= minutes and other[row] != person[case]:
                    found += 1
                row += 1
            rows[case] = found


@njit(cache=True, nogil=True, parallel=True)
def _fill_meetings(  # type: ignore[no-untyped-def]
    threads, person, place, since, until, minutes, origin, offsets, other, start, stay, longest, into, met, low, high
):
    for thread in prange(threads):
        for case in range(thread, len(place), threads):
            at = place[case]
            last = offsets[at + 1]
            row = _first_that_may_meet(start, offsets[at], last, since[case] + minutes - np.int64(longest[at]))
            to = into[case]
            while row < last and np.int64(start[row]) < until[case]:
                begin = max(np.int64(start[row]), since[case])
                end = min(np.int64(start[row]) + stay[row], until[case])
                if end - begin >= minutes and other[row] != person[case]:
                    met[to] = other[row]
                    low[to] = begin + origin
                    high[to] = end + origin
                    to += 1
                row += 1


@njit(cache=True, nogil=True, parallel=True)
def _sum_meetings(  # type: ignore[no-untyped-def]
    threads, case, ill, place, since, until, minutes, offsets, other, start, stay, longest, cases, total, first, latest
):
    # Each thread reads every row and sums for its own people, so that no two ever write to one person.
    for thread in prange(threads):
        for turn in range(len(place)):
            at = place[turn]
            last = offsets[at + 1]
            row = _first_that_may_meet(start, offsets[at], last, since[turn] + minutes - np.int64(longest[at]))
            while row < last and np.int64(start[row]) < until[turn]:
                who = other[row]
                if who % threads == thread and who != ill[turn]:
                    begin = max(np.int64(start[row]), since[turn])
                    shared = min(np.int64(start[row]) + stay[row], until[turn]) - begin
                    if shared >= minutes:
                        if latest[who] != case[turn] + 1:
                            latest[who] = case[turn] + 1
                            cases[who] += 1
                        total[who] += shared
                        first[who] = min(first[who], begin)
                row += 1


@njit(cache=True, nogil=True, parallel=True)
def _levels(threads, place, since, until, minutes, linger, offsets, other, start, stay, longest, near, close):  # type: ignore[no-untyped-def]
    for thread in prange(threads):
        for case in range(thread, len(place), threads):
            at = place[case]
            last = offsets[at + 1]
            row = _first_that_may_meet(start, offsets[at], last, since[case] - np.int64(longest[at]))
            while row < last and np.int64(start[row]) < until[case] + linger:
                begin = np.int64(start[row])
                end = begin + stay[row]
                if end > since[case]:
                    if min(end, until[case]) - max(begin, since[case]) >= minutes:
                        close[other[row]] = 2
                    else:
                        near[other[row]] = 1
                row += 1


@njit(cache=True, nogil=True, parallel=True)
def _ring(offsets, other, start, stay, minutes, crowd, words, spans, carrier, since, until, came, left, met):  # type: ignore[no-untyped-def]
    threads = len(came)
    for thread in prange(threads):
        for place in range(thread, len(offsets) - 1, threads):
            first, last = offsets[place], offsets[place + 1]
            if last - first > crowd:
                continue
            known = _carried(
                first,
                last,
                other,
                start,
                stay,
                minutes,
                words,
                spans,
                carrier,
                since,
                until,
                came[thread],
                left[thread],
            )
            if known == 0:
                continue
            for row in range(first, last):
                if stay[row] >= minutes and not met[other[row]]:
                    begin = np.int32(start[row])
                    end = begin + np.int32(stay[row])
                    # Who came later than `minutes` before this one left shared too little.
                    came_by_then = _first_after(came[thread], known, end - minutes)
                    if came_by_then > 0 and left[thread][came_by_then - 1] >= begin + minutes:
                        met[other[row]] = 1


@njit(cache=True, nogil=True)
def _carried(first, last, other, start, stay, minutes, words, spans, carrier, since, until, came, left):  # type: ignore[no-untyped-def]
    """A place's visits of carriers, by when they came, and the latest leaving of all who had come by then."""
    known = 0
    for row in range(first, last):
        who = other[row]
        if not words[who >> 6] & (np.uint64(1) << np.uint64(who & 63)):
            continue
        span = spans[who]
        while span < len(carrier) and carrier[span] == who:
            begin = max(np.int32(start[row]), since[span])
            end = min(np.int32(start[row]) + np.int32(stay[row]), until[span])
            span += 1
            if end - begin >= minutes:
                # Rows lie by beginning; only a visit cut by its span comes later than where it stands.
                to = known
                while to > 0 and came[to - 1] > begin:
                    came[to], left[to] = came[to - 1], left[to - 1]
                    to -= 1
                came[to], left[to] = begin, end
                known += 1
    for to in range(1, known):
        left[to] = max(left[to], left[to - 1])
    return known


@njit(cache=True, nogil=True, inline="always")
def _first_after(ordered, length, value):  # type: ignore[no-untyped-def]
    low, high = 0, length
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low
