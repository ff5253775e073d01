"""The fixed numbers of schools: cases of a week, absences beyond the school's own level, and of one class."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from citywatch.city.warn.counting import Counted
from citywatch.city.warn.rules import BY_SITE, Rules
from citywatch.city.warn.types import SeriesKey
from citywatch.science.detect import Detection
from citywatch.science.series import moving_sum

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def school(
    counts: Floats, counted: Counted, rules: Rules, *, observed: Floats, rows: NDArray[np.int64], start: int
) -> Detection:
    """Judge schools: an alarm where the numbers of the dated rule (`Rules.school`) are reached, from `start` on."""
    keys = [counted.keys[row] for row in rows.tolist()]
    absent = np.array([key.stream in BY_SITE for key in keys], dtype=bool)
    enough = np.array([rules.school.threshold(key.syndrome) for key in keys])
    enough = np.where(absent, np.minimum(enough, rules.school.absent), enough)[:, np.newaxis]
    alarm = observed >= enough
    if absent.any():
        alarm[absent] &= _beyond_own(counts[absent], rules)[:, start:]
        alarm |= _one_class(keys, counted, rules)[:, start:]
    none = np.full(observed.shape, np.nan)
    return Detection(
        np.zeros(observed.shape), np.broadcast_to(enough - 1, observed.shape), observed / enough, none, alarm
    )


def _beyond_own(counts: Floats, rules: Rules) -> Flags:
    """Whether a week's sum is improbable after the weeks before it (`chance_of` says how that is counted).

    A school that was not heard on `_A_FORTNIGHT` days of those weeks (after a vacation, say) has no level of its own.
    """
    days, past = rules.school.days, rules.school.past_days
    known, reports = (~np.isnan(counts)).astype(np.float64), np.nan_to_num(counts)
    heard, told = np.zeros(counts.shape), np.zeros(counts.shape)
    for back in range(days, min(days + past, counts.shape[1])):
        heard[:, back:] += known[:, : counts.shape[1] - back]
        told[:, back:] += reports[:, : counts.shape[1] - back]
    week, present = np.nan_to_num(moving_sum(reports, days)), np.nan_to_num(moving_sum(known, days))
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = betainc(np.maximum(week, 1), told + 0.5, present / (heard + present))
    return np.asarray((heard >= _A_FORTNIGHT) & (chance <= rules.school.chance))


_A_FORTNIGHT = 10  # school days


def _one_class(keys: Sequence[SeriesKey], counted: Counted, rules: Rules) -> Flags:
    """On which days one class of a school had so many alike that the class alone is enough."""
    row_of = {(key.place_id, key.syndrome): n for n, key in enumerate(keys) if key.stream in BY_SITE}
    days = counted.counts.shape[1]
    alike: dict[tuple[int, str], Floats] = defaultdict(lambda: np.zeros(days))
    for one in counted.classes:
        day, row = (one.day - counted.first_day).days, row_of.get((one.place_id, one.syndrome))
        if row is not None and 0 <= day < days:
            alike[row, one.group][day] += one.count
    school, found = rules.school, np.zeros((len(keys), days), dtype=bool)
    for (row, _), seen in alike.items():
        there = seen > 0  # an alarm stands on the day that brought the last of them
        found[row] |= there & (
            (seen >= school.class_day)
            | (np.nan_to_num(moving_sum(seen, 3)) >= school.class_three_days)
            | (np.nan_to_num(moving_sum(seen, school.days)) >= school.class_week.get(keys[row].syndrome, np.inf))
        )
    return found
