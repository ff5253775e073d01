"""Who was where on which days, packed so that a whole city fits: one bit a day, equal histories counted once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]

# Days in one word. The two bits left free keep every shift of a signed 64-bit word within its range.
DAYS_PER_WORD = 62


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """Histories of days at places, each with the number of people who share it.

    Row r: `people[r]` distinct people were at place index `place[r]` on exactly the days set in `words[r]`; bit b of
    word w is the day `first_day + 62 w + b`. `places` is the number of places there are.
    """

    first_day: int
    place: IntArray
    words: IntArray
    people: IntArray
    places: int

    def visitors(self, first: int, last: int) -> IntArray:
        """Distinct people at each place on any day from `first` to `last` (days since 1970, both included).

        Shape (places,).
        """
        chosen = self._chosen(first, last)
        return np.bincount(self.place, weights=self.people * chosen, minlength=self.places).astype(np.int64)

    def visitors_in_any(self, spans: ArrayLike) -> IntArray:
        """Distinct people at each place on a day of any of the spans, shape (spans, 2), days since 1970, inclusive."""
        chosen = np.zeros(len(self.place), dtype=np.bool_)
        for first, last in np.asarray(spans, dtype=np.int64).reshape(-1, 2):
            chosen |= self._chosen(int(first), int(last))
        return np.bincount(self.place, weights=self.people * chosen, minlength=self.places).astype(np.int64)

    def _chosen(self, first: int, last: int) -> NDArray[np.bool_]:
        chosen = np.zeros(len(self.place), dtype=np.bool_)
        for word in range(self.words.shape[1]):
            mask = _bits(first - self.first_day - word * DAYS_PER_WORD, last - self.first_day - word * DAYS_PER_WORD)
            if mask:
                chosen |= (self.words[:, word] & mask) != 0
        return chosen


def presence_of(*, person: ArrayLike, place: ArrayLike, first: ArrayLike, last: ArrayLike, places: int) -> Presence:
    """Pack stays, one value per stay, into `Presence`: person and place as indexes, first and last day since 1970.

    For files that fit in memory; a store packs its rows itself in the same form. Raises ValueError when lengths differ
    or a stay ends before it began.

    Source: bitmap indexes, O'Neil & Quass 1997, SIGMOD Record 26:38.

    >>> packed = presence_of(person=[7, 7, 9], place=[0, 0, 0], first=[100, 103, 103], last=[100, 103, 103], places=1)
    >>> packed.visitors(99, 102).tolist(), packed.visitors(100, 103).tolist()
    ([1], [2])
    """
    who, where, start, end = (np.asarray(column, dtype=np.int64) for column in (person, place, first, last))
    if len({column.shape for column in (who, where, start, end)}) > 1:
        msg = f"Columns of {who.size}, {where.size}, {start.size} and {end.size} stays do not belong together."
        raise ValueError(msg)
    if (end < start).any():
        row = int(np.flatnonzero(end < start)[0])
        msg = f"Stay {row} ends on day {end[row]}, before day {start[row]} when it began."
        raise ValueError(msg)
    if not who.size:
        return Presence(0, who, np.zeros((0, 1), dtype=np.int64), who, places)
    origin = int(start.min())
    words = np.zeros((len(who), (int(end.max()) - origin) // DAYS_PER_WORD + 1), dtype=np.int64)
    for word in range(words.shape[1]):
        low = np.clip(start - origin - word * DAYS_PER_WORD, 0, DAYS_PER_WORD)
        high = np.clip(end - origin - word * DAYS_PER_WORD + 1, 0, DAYS_PER_WORD)
        words[:, word] = np.where(
            high > low, np.left_shift(np.left_shift(1, np.maximum(high - low, 0)) - 1, np.minimum(low, high)), 0
        )
    order = np.lexsort((who, where))
    who, where, words = who[order], where[order], words[order]
    begins = np.flatnonzero(np.r_[True, (who[1:] != who[:-1]) | (where[1:] != where[:-1])])
    merged = np.bitwise_or.reduceat(words, begins, axis=0)
    histories, people = np.unique(np.column_stack([where[begins], merged]), axis=0, return_counts=True)
    return Presence(origin, histories[:, 0], histories[:, 1:], people.astype(np.int64), places)


def _bits(first: int, last: int) -> int:
    low, high = max(first, 0), min(last, DAYS_PER_WORD - 1)
    return ((1 << (high - low + 1)) - 1) << low if high >= low else 0
