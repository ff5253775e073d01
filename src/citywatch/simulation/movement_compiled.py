"""A person's day, compiled: the lines of `movement` run over one person at a time by numba (extra `fast`).

Nothing is decided here. A test holds its rows equal to numpy's, byte for byte.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from citywatch.simulation import movement
from citywatch.simulation.movement import SLOTS, Crowd

if TYPE_CHECKING:
    from collections.abc import Callable

    from citywatch.simulation.movement import Ground, Today


@njit
def _pick(condition: bool, yes: int, no: int) -> Any:  # noqa: FBT001
    return np.int64(yes) if condition else np.int64(no)


@njit
def _negate(condition: bool) -> bool:  # noqa: FBT001
    return not condition


def _compile(*names: str) -> Any:
    """Compile functions of `movement` so that each calls the compiled ones before it; returns the last."""
    known = dict(vars(movement)) | {"pick": _pick, "negate": _negate}
    for name in names:
        plain: Callable[..., Any] = getattr(movement, name)
        known[name] = njit(FunctionType(plain.__code__, known, name, plain.__defaults__))
    return known[names[-1]]


_one_day = _compile(
    *("mix", "draw", "part0", "part1", "part2", "part3", "evenly", "peaked", "nearby", "hall_of", "section", "present"),
    "one_day",
)


@njit
def _fill(ground: Any, today: Any, crowd: Any, out: np.ndarray) -> int:
    n = 0
    for i in range(len(crowd.person)):
        one = Crowd(
            np.uint64(crowd.person[i]),
            np.int64(crowd.band[i]),
            np.int64(crowd.role[i]),
            np.int64(crowd.workplace[i]),
            np.int64(crowd.group[i]),
            np.int64(crowd.street[i]),
            np.int64(crowd.line[i]),
            np.uint64(crowd.household[i]),
            np.int64(crowd.collective[i]),
            np.int64(crowd.regular[i]),
        )
        stays = _one_day(ground, today, one)
        for slot in range(SLOTS):
            does, place, begins, ends, group = stays[slot]
            if does:
                out[0, n] = crowd.person[i]
                out[1, n] = place
                out[2, n] = begins + today.midnight
                out[3, n] = ends + today.midnight
                out[4, n] = group
                n += 1
    return n


def rows(ground: Ground, today: Today, who: Crowd) -> tuple[np.ndarray, ...]:
    """All stays of some people on one day: person, place, minute in, minute out and group, int32, by person."""
    out = np.empty((5, len(who.person) * SLOTS), dtype=np.int32)
    count = _fill(ground, today, who, out)
    return tuple(column[:count].copy() for column in out)
