"""Sources that changed what they send: stopped, only zeros, or the same number again and again.

A number missing is not a number, and a city that reads it as zero counts nobody ill where nobody reports. Each source
is held to its own habit: how often did it miss a day, report zero, or repeat itself before the present run of it began,
and how likely is the run if the habit still held (a geometric tail, days taken as independent)?
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["silent", "zeros", "same"]
CHANCE: dict[Kind, float] = {"silent": 1 / 2000, "zeros": 1 / 10_000, "same": 1 / 10_000}
"""A run this unlikely is told. Of a thousand source-days at most one may be told falsely; zeros and repeats are told
later, because a quiet week and a chance repeat are no fault of anybody's."""
HABIT = 28
"""Days of which a habit is made, at most."""
LEAST = 7
"""Days without which there is no habit."""
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One source's present run: which row, what of, for how many due days, and how likely by habit."""

    row: int
    kind: Kind
    days: int
    chance: float


def changes(counts: npt.NDArray[np.float64], due: npt.NDArray[np.bool_]) -> list[Change]:
    """The sources whose last days are unlike their habit.

    `counts` (sources, days) holds what each sent of each day, NaN where nothing came; `due` (sources, days) says of
    which days it owed something: other days are left out. Days are in order, the last one the latest that is due.
    At most one change a source, the first of silent, zeros, same. Raises `ValueError` where the shapes differ.

    >>> import numpy as np
    >>> sent = np.array([[3, 5, 2, 4] * 7 + [np.nan, np.nan]], dtype=float)
    >>> [(one.kind, one.days) for one in changes(sent, np.ones(sent.shape, dtype=bool))]
    [('silent', 2)]

    Source: our own rule, a geometric tail on each source's habit; that volume by source is watched daily is practice of
    the National Syndromic Surveillance Program (CDC, NSSP data quality reports).
    """
    if counts.shape != due.shape or counts.ndim != 2:
        raise ValueError(f"counts {counts.shape} and due {due.shape} must be alike: sources by days.")
    found = (_change(row, one[owed]) for row, (one, owed) in enumerate(zip(counts, due, strict=True)))
    return [one for one in found if one is not None]


def _change(row: int, sent: npt.NDArray[np.float64]) -> Change | None:
    """The change of one source, given what it sent of the days it owed."""
    missing = np.isnan(sent)
    if missing.all():
        return None
    heard = sent[~missing]
    same = np.concatenate([[False], (heard[1:] == heard[:-1]) & (heard[1:] > 0)])
    kinds: tuple[tuple[Kind, npt.NDArray[np.bool_]], ...] = (("silent", missing), ("zeros", heard == 0), ("same", same))
    for kind, signs in kinds:
        if kind != "silent" and missing[-1]:
            break  # what it said before it fell silent is no news
        days, chance = _run(signs)
        if days >= SHORTEST and chance <= CHANCE[kind]:
            return Change(row, kind, days, chance)
    return None


def _run(signs: npt.NDArray[np.bool_]) -> tuple[int, float]:
    """How many of the last days bear a sign without a break, and the chance of that by the habit before."""
    days = int(np.argmin(signs[::-1])) if not signs.all() else len(signs)
    habit = signs[: len(signs) - days][-HABIT:]
    if len(habit) < LEAST:
        return days, 1.0
    often = (habit.sum() + 0.5) / (len(habit) + 1)
    return days, float(often**days)
