"""A person's day, compiled: the lines of `movement` run over one person at a time by numba (extra `fast`).

Nothing is decided here. A test holds its rows equal to numpy's, byte for byte.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from citywatch.simulation import movement
from citywatch.simulation.movement import SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from citywatch.simulation.movement import Crowd, Ground, Today


@njit
def _pick(condition: bool, yes: int, no: int) -> Any:  # noqa: FBT001
    return np.int64(yes) if condition else np.int64(no)


@njit
def _negate(condition: bool) -> bool:  # noqa: FBT001
    return not condition


def _compile(*names: str) -> Any:
    """Compile functions of `movement` so that each calls the compiled ones before it; returns the last.

    The last is kept on disk beside `movement`, where that can be written: compiling takes seconds, loading none. It is
    compiled again when that file changes.
    """
    known = dict(vars(movement)) | {"pick": _pick, "negate": _negate}
    for name in names:
        plain: Callable[..., Any] = getattr(movement, name)
        rebound = FunctionType(plain.__code__, known, name, plain.__defaults__)
        try:
            known[name] = njit(rebound, cache=name == names[-1])
        except RuntimeError:  # numba found no folder to keep it in
            known[name] = njit(rebound)
    return known[names[-1]]


_fill = _compile(
    *("mix", "draw", "part0", "part1", "part2", "part3", "evenly", "peaked", "nearby", "hall_of", "section", "present"),
    *("one_day", "fill"),
)


def rows(ground: Ground, today: Today, who: Crowd) -> tuple[np.ndarray, ...]:
    """All stays of some people on one day: person, place, minute in, minute out and group, int32, by person."""
    out = np.empty((5, len(who.person) * SLOTS), dtype=np.int32)
    count = _fill(ground, today, who, out)
    return tuple(column[:count].copy() for column in out)
