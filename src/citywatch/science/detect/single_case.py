"""The fixed-value rule: so many cases are an alarm, whatever the past was.

For plague, cholera and what else has no background. Which diseases these are is a dated rule of the city, not of this
file.
"""

import numpy as np
from numpy.typing import ArrayLike

from citywatch.science.detect import Detection


def single_case(counts: ArrayLike, *, at_least: int = 1) -> Detection:
    """Flag every day with `at_least` cases or more, where none is expected.

    `counts` has shape (..., time), NaN a missing day, which is not judged. `score` is the count; `p_value` is NaN
    throughout, because a rule without a model of chance claims no probability. Raises ValueError when `at_least` is
    below 1.

    Source: the fixed-value signals of China's automatic warning system CIDARS; Yang et al. 2011, Western Pacific
    Surveillance and Response 2(1):10.

    >>> single_case([0, 0, 1, 0]).alarm.tolist()
    [False, False, True, False]
    """
    if at_least < 1:
        msg = f"at_least is {at_least}; a rule that fires on no case at all fires every day."
        raise ValueError(msg)
    values = np.asarray(counts, dtype=np.float64)
    return Detection(
        expected=np.zeros(values.shape),
        upperbound=np.full(values.shape, at_least - 1.0),
        score=values.copy(),
        p_value=np.full(values.shape, np.nan),
        alarm=values >= at_least,
    )
