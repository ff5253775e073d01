"""Small numbers that would point at a person, hidden before a table leaves the house.

Owns one-way tables with a total. Tables crossed two ways, and the same people told in two tables, need a wider view
than this file has.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Suppressed:
    """Which cells of a table may be shown: `shown` one value per cell, `total_shown` for the total.

    `primary` marks the cells hidden for being small; what else is hidden protects them.
    """

    shown: NDArray[np.bool_]
    primary: NDArray[np.bool_]
    total_shown: bool


def suppress_small_counts(counts: ArrayLike, *, threshold: int = 5, hide_zeros: bool = False) -> Suppressed:
    """Hide every count from 1 to `threshold` - 1, and another where the total would give them back.

    One hidden cell is the total minus the rest, and several are known exactly when all must be 1 or all `threshold` -
    1; then the smallest shown count is hidden too. When no other count is left to hide, the total is hidden. Zeros
    are shown unless `hide_zeros` (where "no case among the twelve nuns" would itself tell).

    `counts` is one-dimensional and whole. Raises ValueError for negative or broken numbers and a threshold below 2.

    Source: Hundepool et al., Statistical Disclosure Control, 2012, chapter 4.

    >>> suppress_small_counts([12, 3, 40]).shown.tolist()
    [False, False, True]
    """
    cells = np.asarray(counts, dtype=np.float64)
    if cells.ndim != 1 or not np.isfinite(cells).all() or (cells < 0).any() or (cells != np.round(cells)).any():
        msg = f"A table of people is one row of whole numbers, 0 or more: {cells.tolist()}."
        raise ValueError(msg)
    if threshold < 2:
        msg = f"threshold is {threshold}; below 2 nothing is hidden."
        raise ValueError(msg)
    least = 0 if hide_zeros else 1
    primary = (cells >= least) & (cells < threshold)
    shown = ~primary
    if not primary.any() or not _given_back(cells[primary], least=least, most=threshold - 1):
        return Suppressed(shown, primary, total_shown=True)
    # Hiding a zero protects nobody who looks at the map, so the smallest count of people goes.
    others = np.flatnonzero(shown & (cells > 0))
    if not others.size:
        return Suppressed(shown, primary, total_shown=False)
    shown[others[np.argmin(cells[others])]] = False
    return Suppressed(shown, primary, total_shown=True)


def _given_back(hidden: NDArray[np.float64], *, least: int, most: int) -> bool:
    """Whether a reader who knows the hidden cells' sum and limits knows at least one of them."""
    spare = hidden.sum() - least * hidden.size
    room = most * hidden.size - hidden.sum()
    return bool(hidden.size == 1 or spare == 0 or room == 0)
