"""Many tests at once: which of a night's small chances are worth a person's time.

Owns the control of false discoveries. Which series are tested together, and at which share, is a dated rule of the
city.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Discoveries:
    """What stands out of a grid of tests; arrays have the shape of the chances handed in.

    `rejected` marks the discoveries, `adjusted` is the smallest share at which each test would be one (NaN where
    nothing was tested), `threshold` the largest chance that still counts (0 when none does), `tested` how many tests
    there were.
    """

    rejected: Flags
    adjusted: Floats
    threshold: float
    tested: int


def benjamini_hochberg(p: ArrayLike, *, share: float, tested: int | None = None) -> Discoveries:
    """Keep the expected share of false discoveries among all discoveries at most `share`.

    A city that asks ten thousand series a night at one in a thousand is told of ten outbreaks every night it is well.
    Here the bar moves with what the night shows: the k smallest chances are discoveries for the largest k with
    p(k) <= share * k / tests. In a city without any outbreak the chance of even one discovery is at most `share`, so
    the setting is the desk's budget: 0.2 is one false night in five.

    `p` has any shape, NaN where nothing could be tested. `tested` is the number of tests when `p` holds only the small
    ones (never fewer than those in `p`). Valid for independent tests and for those that rise together (positive
    regression dependence, as neighbouring series do). Raises ValueError for a chance outside 0..1, a share outside 0..1
    or too small a `tested`.

    Source: Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57:289; dependence in Benjamini &
    Yekutieli 2001, Annals of Statistics 29:1165; in surveillance of many series, Marshall et al. 2004, Statistics in
    Medicine 23:2057.

    >>> benjamini_hochberg([0.001, 0.2, 0.012, 0.8, np.nan], share=0.05).rejected.tolist()
    [True, False, True, False, False]
    """
    return _step_up(p, share=share, tested=tested, penalty=1.0)


def benjamini_yekutieli(p: ArrayLike, *, share: float, tested: int | None = None) -> Discoveries:
    """Do as `benjamini_hochberg` for tests that depend on each other in any way at all.

    The price is a share smaller by 1 + 1/2 + ... + 1/tests (about 10 for ten thousand). Arguments, shapes and errors as
    there.

    Source: Benjamini & Yekutieli 2001, Annals of Statistics 29:1165.

    >>> benjamini_yekutieli([0.001, 0.2, 0.012, 0.8], share=0.05).rejected.tolist()
    [True, False, True, False]
    >>> benjamini_yekutieli([0.001, 0.2, 0.013, 0.8], share=0.05).rejected.tolist()
    [True, False, False, False]
    """
    values, known, total = _checked(p, share, tested)
    penalty = float((1.0 / np.arange(1, max(total, 1) + 1)).sum())
    return _step_up(values, share=share, tested=total if known.size else tested, penalty=penalty)


def _step_up(p: ArrayLike, *, share: float, tested: int | None, penalty: float) -> Discoveries:
    values, known, total = _checked(p, share, tested)
    adjusted = np.full(values.shape, np.nan)
    if known.size == 0:
        return Discoveries(np.zeros(values.shape, dtype=bool), adjusted, 0.0, total)
    order = np.argsort(known, kind="stable")
    ranked = known[order] * (total * penalty) / np.arange(1, known.size + 1)
    smallest_from_here = np.minimum.accumulate(ranked[::-1])[::-1]
    found = np.empty(known.size)
    found[order] = np.minimum(smallest_from_here, 1.0)
    adjusted[~np.isnan(values)] = found
    rejected = np.nan_to_num(adjusted, nan=np.inf) <= share
    threshold = float(values[rejected].max()) if rejected.any() else 0.0
    return Discoveries(rejected, adjusted, threshold, total)


def _checked(p: ArrayLike, share: float, tested: int | None) -> tuple[Floats, Floats, int]:
    if not 0 < share < 1:
        msg = f"share is {share}; the expected share of false discoveries lies between 0 and 1."
        raise ValueError(msg)
    values = np.asarray(p, dtype=np.float64)
    known = values[~np.isnan(values)]
    outside = known[(known < 0) | (known > 1)]
    if outside.size:
        msg = f"A chance of {outside[0]} is none; chances lie from 0 to 1."
        raise ValueError(msg)
    total = known.size if tested is None else tested
    if total < known.size:
        msg = f"tested is {tested}, but {known.size} chances were handed in."
        raise ValueError(msg)
    return values, known, total
