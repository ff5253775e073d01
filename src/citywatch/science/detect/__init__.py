"""Detectors: one module a method, each a function of counts with time last that returns a `Detection`.

Owns what every method answers. Which method watches which stream is decided elsewhere (`city/warn/detectors.py`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """What a detector says about each point of one or many series; every array has the shape (..., points judged).

    The points judged are those of the counts from index `start` on, so a nightly run pays for one night. `expected`
    is the number the past foretells, `upperbound` the largest number that is still no alarm, `score` the method's own
    statistic, `p_value` its nominal upper tail probability, `alarm` the verdict (False where nothing could be said).
    NaN means "could not tell". `first` is the index in the series of the first point with a whole baseline behind it.

    >>> import numpy as np
    >>> nan = np.array([np.nan])
    >>> Detection(expected=nan, upperbound=nan, score=nan, p_value=nan, alarm=np.array([False])).judged.tolist()
    [False]
    """

    expected: NDArray[np.float64]
    upperbound: NDArray[np.float64]
    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    alarm: NDArray[np.bool_]
    first: int = 0
    start: int = 0

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.expected, self.upperbound, self.score, self.p_value, self.alarm)}
        if len(shapes) > 1:
            msg = f"The arrays of one detection have different shapes: {sorted(shapes)}."
            raise ValueError(msg)

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Where the detector could tell: both a bound and an observation were there."""
        return ~(np.isnan(self.upperbound) | np.isnan(self.score))
