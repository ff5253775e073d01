"""Who lives together, told from where people spend the night, so that a family's four cases are one introduction."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]

# The households of a city are small; a dormitory, a nursing home or a block of flats can be the source itself.
LARGEST_HOME = 12
# A night is told by being there at this hour; who comes back for a second lives there, a week in a ward is one stay.
_NIGHT_MINUTE = 3 * 60
_NIGHTS = 2
# Where only days are known: a handful of people, nearly all of them there on most days they were seen anywhere.
_LARGEST_BY_DAY = 6
_LEAST_DAYS = 5
_MOST_DAYS = 0.6
_DAY = 1440


def shared_homes(
    *,
    person: ArrayLike,
    place: ArrayLike,
    minute_in: ArrayLike,
    minute_out: ArrayLike,
    places: int,
    named: ArrayLike | None = None,
    seen_days: ArrayLike | None = None,
) -> NDArray[np.bool_]:
    """Which places are homes: few people, who sleep there or are there day after day. One value per place.

    Stays, one value each: `person` and `place` as indexes, minutes in local time since 1970 (`minute_out` equal to
    `minute_in` for a point in time). `named` says which places were declared to be homes; those still have to be
    small, since a block of flats may be the source. `seen_days` holds, by person index, on how many days the person
    was seen anywhere; without it the rule by days is left out. A home has at most 12 people, at least half of whom
    (and at least two) came to sleep there, being there at 3 in the morning, twice or more; where no stay has an hour,
    at most 6 people, at least two of whom were there on most of their days (60 %, and 5 at least).

    Source: our own rule; home as the place of the night after Ahas et al. 2010, Journal of Urban Technology 17:3.

    >>> night = dict(person=[0, 1, 0, 1], place=[0, 0, 0, 0], minute_in=[1200, 1260, 2700, 2640])
    >>> shared_homes(**night, minute_out=[1900, 1920, 3300, 3360], places=1).tolist()
    [True]
    """
    who, where = np.asarray(person, dtype=np.int64), np.asarray(place, dtype=np.int64)
    begin, end = np.asarray(minute_in, dtype=np.int64), np.asarray(minute_out, dtype=np.int64)
    declared = np.zeros(places, dtype=np.bool_) if named is None else np.asarray(named, dtype=np.bool_)
    if not who.size:
        return np.zeros(places, dtype=np.bool_)
    pair, of_stay = np.unique(np.column_stack([where, who]), axis=0, return_inverse=True)
    of_stay = of_stay.reshape(-1)
    residents = np.bincount(pair[:, 0], minlength=places)
    nights = np.bincount(of_stay, weights=_overnight(begin, end), minlength=len(pair))
    sleepers = np.bincount(pair[:, 0], weights=nights >= _NIGHTS, minlength=places)
    slept_in = (sleepers >= 2) & (2 * sleepers >= residents)
    by_day = np.zeros(places, dtype=np.bool_)
    if seen_days is not None:
        days = np.unique(np.column_stack([of_stay, begin // _DAY]), axis=0)[:, 0]
        present = np.bincount(days, minlength=len(pair))
        seen = np.asarray(seen_days, dtype=np.int64)[pair[:, 1]]
        regular = (present >= _LEAST_DAYS) & (present >= _MOST_DAYS * seen)
        steady = np.bincount(pair[:, 0], weights=regular, minlength=places)
        timed = np.bincount(where, weights=(begin % _DAY != 0) & (end > begin), minlength=places) > 0
        by_day = (steady >= 2) & (2 * steady >= residents) & (residents <= _LARGEST_BY_DAY) & ~timed
    return (residents <= LARGEST_HOME) & (residents > 0) & (declared | slept_in | by_day)


def _overnight(begin: IntArray, end: IntArray) -> NDArray[np.bool_]:
    """Whether each stay holds a 3 in the morning; a whole calendar day says that no hour was told, and no night."""
    by_day = (begin % _DAY == 0) & (end % _DAY == 0) & (end - begin <= _DAY)
    return np.asarray(~by_day & ((end - _NIGHT_MINUTE) // _DAY > (begin - _NIGHT_MINUTE - 1) // _DAY))
