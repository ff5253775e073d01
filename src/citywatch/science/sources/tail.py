"""The chance of a score: each case adds one, a half or nothing, with a chance of its own at each place."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_CHUNK = 512


def log_weighted_tail(score: ArrayLike, *, full: ArrayLike, half: ArrayLike) -> FloatArray:
    """Natural log of the chance of `score` or more, counted in half points, one value per place.

    Unit u scores two half points at place p with chance `full[p, u]`, one with `half[p, u]`, independently of the
    others; with `half` zero it is the Poisson-binomial tail. Every term is positive and the sum is tilted towards the
    score, so that 1e-400 is still a number. Shapes: `score` (places,), `full` and `half` (places, units). Raises
    ValueError when a chance is below 0 or the two exceed 1.

    Source: the Poisson-binomial law by direct convolution, Hong 2013, Computational Statistics & Data Analysis 59:41;
    exponential tilting, Esscher 1932.

    >>> bool(np.isclose(np.exp(log_weighted_tail([4], full=[[0.1, 0.2, 0.3]], half=np.zeros((1, 3)))[0]), 0.098))
    True
    """
    points = np.asarray(score, dtype=np.int64)
    two, one = np.asarray(full, dtype=np.float64), np.asarray(half, dtype=np.float64)
    if two.size and (min(two.min(), one.min()) < 0 or (two + one).max() > 1 + 1e-9):
        msg = f"Chances run from {min(two.min(), one.min())} to {(two + one).max()}; they lie between 0 and 1."
        raise ValueError(msg)
    found = np.zeros(len(points))
    order = np.argsort(points, kind="stable")
    for begin in range(0, len(order), _CHUNK):
        rows = order[begin : begin + _CHUNK]
        found[rows] = _tail(points[rows], two[rows], one[rows])
    return found


def _tail(points: NDArray[np.int64], two: FloatArray, one: FloatArray) -> FloatArray:
    wanted = np.maximum(points, 0)
    width = int(wanted.max(initial=0)) + 1
    mean = (2 * two + one).sum(axis=1)
    tilt = np.clip(wanted / np.maximum(mean, 1e-300), 1.0, 1e9)[:, None]
    # State s holds the chance of exactly s half points times tilt^s; the last state of a row holds "that many or more".
    state = np.zeros((len(points), width))
    state[:, 0] = 1.0
    scale = np.zeros(len(points))
    last = wanted[:, None]
    index = np.arange(width)[None, :]
    below = index < last
    # Out of the state just below the goal two half points overshoot by one, which the tilt must not count.
    overshoot = index == last - 1
    for unit in range(two.shape[1]):
        a, b = two[:, unit, None], one[:, unit, None]
        # The goal keeps what it has; a place that needs no point is certain from the start.
        moved = np.where(below, state * np.maximum(1 - a - b, 0.0), np.where(index == last, state, 0.0))
        stepped = np.where(below, state, 0.0)
        if width > 1:
            moved[:, 1:] += (stepped * b * tilt)[:, :-1]
            moved[:, 1:] += np.where(overshoot, stepped * a * tilt, 0.0)[:, :-1]
        if width > 2:
            moved[:, 2:] += np.where(overshoot, 0.0, stepped * a * tilt**2)[:, :-2]
        top = np.maximum(moved.max(axis=1), 1e-300)
        state = moved / top[:, None]
        scale += np.log(top)
    reached = np.take_along_axis(state, last, axis=1)[:, 0]
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(np.log(reached) + scale - wanted * np.log(tilt[:, 0]), 0.0))
