"""The epidemic curve: cases by the day they fell ill, and what its last days will reach when all reports are in."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from citywatch.city.trace import rules
from citywatch.city.trace.models import Case
from citywatch.mechanisms.clock import day_of
from citywatch.science.nowcast import nowcast_bayes, reporting_triangle

MOST_DAYS = 120
"""A curve longer than this is drawn from its last days; one wrong date must not ask for years of bars."""
LEAST_CASES = 10
"""Of fewer nobody can tell how long reports take."""
LONGEST_DELAY = 21
"""Days; a report that took longer counts as this late, and an outbreak silent for longer has all its reports."""
COMPLETE = 0.95
"""A day of which this share is usually known by now is drawn as it is."""

Told = Collection[tuple[date, date]]
"""Of each case the day it fell ill (or was sampled) and the day it was reported."""


def curve(cases: Iterable[Case], *, at: datetime | None = None) -> dict[str, Any]:
    """The epidemic curve by onset (by sampling in those never ill), one series per classification.

    With `at` it runs to that day, where its last days are not complete by then, and says what they will reach.
    """
    known = [
        (day, case.classification, day_of(case.reported_at))
        for case in cases
        if (day := case.reference_day) is not None
    ]
    if not known:
        return {"days": [], "series": []}
    coming = still_to_come([(day, told) for day, _, told in known], day_of(at)) if at is not None else None
    last = max(day for day, *_ in known)
    if at is not None and coming:
        last = max(last, day_of(at))
    first = max(min(day for day, *_ in known), last - timedelta(days=MOST_DAYS - 1))
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    counts = Counter((day, kind) for day, kind, _ in known)
    drawn: dict[str, Any] = {
        "days": [day.isoformat() for day in days],
        "series": [
            {"name": str(label), "values": [counts[day, kind] for day in days]}
            for kind, label in rules.CLASSIFICATIONS.items()
            if any(k == kind for _, k, _ in known)
        ],
    }
    return drawn | ({"coming": coming} if coming else {})


def still_to_come(told: Told, today: date) -> dict[str, list[Any]] | None:
    """The last days, not yet complete today, with the number each will probably reach and its 95 % interval.

    None where too few cases tell how long reports take, where nothing is late, or where the last illness is so long ago
    that everything is in. A case dated into the future, or reported before its day, tells nothing about delays.
    """
    usual = [(day, report) for day, report in told if day <= report <= today]
    if len(usual) < LEAST_CASES or max(day for day, _ in usual) < today - timedelta(days=LONGEST_DELAY):
        return None
    longest = min(LONGEST_DELAY, max((report - day).days for day, report in usual))
    if not longest:
        return None
    events, reports = (np.array(dates, dtype="datetime64[D]") for dates in zip(*usual, strict=True))
    triangle = reporting_triangle(events, reports, now=np.datetime64(today), max_delay=longest, past=MOST_DAYS)
    found = nowcast_bayes(triangle)
    late = np.flatnonzero(found.share < COMPLETE)
    if not late.size:
        return None
    since = int(late[0])
    left = triangle.shape[0] - since
    return {
        "days": [(today - timedelta(days=left - 1 - n)).isoformat() for n in range(left)],
        **{name: _told(getattr(found, name)[since:]) for name in ("expected", "lower", "upper")},
    }


def _told(values: Any) -> list[int | None]:
    return [int(value) if np.isfinite(value) else None for value in values]
