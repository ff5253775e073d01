"""What detectors would have told over a long past: the same, night by night, as the runs would have told then."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from citywatch.city.warn.counting import Counted
from citywatch.city.warn.detectors import settings_on
from citywatch.city.warn.hindsight import Episodes, first_near, merged, overlapping, told_over
from citywatch.city.warn.judging import findings, told
from citywatch.city.warn.rules import rules_on
from citywatch.city.warn.types import Ground, SeriesKey

FIRST = date(2020, 2, 1)
DAYS = 100
SPAN_FROM = FIRST + timedelta(days=60)
RULES = rules_on(date(2020, 6, 1))
STREETS = range(1, 9)
GROUND = Ground(
    street_of={street * 100: street for street in STREETS},
    neighbours={street: frozenset({street % 8 + 1}) for street in STREETS},
)


def city(seed):
    """Eight streets with a site each: quiet, with days of too much in one or two streams and gaps of silence."""
    draw = np.random.default_rng(seed)
    keys, rows, site_keys, site_rows = [], [], [], []
    for street in STREETS:
        for stream, syndrome in (("symptom", "fever"), ("pharmacy", "cough")):
            row = draw.poisson(2.0, DAYS).astype(float)
            for start in draw.integers(52, DAYS, 5):
                row[start : start + int(draw.integers(1, 4))] += draw.integers(4, 14)
            row[draw.integers(0, DAYS, 5)] = np.nan
            keys.append(SeriesKey(stream, syndrome, "reporting", street))
            rows.append(row)
            site_keys.append(SeriesKey(stream, syndrome, "site", street * 100))
            site_rows.append(np.floor(row * 0.7))
    last = FIRST + timedelta(days=DAYS - 1)
    return (
        Counted(tuple(keys), FIRST, last, np.array(rows)),
        Counted(tuple(site_keys), FIRST, last, np.array(site_rows), level="site"),
    )


def until(grids, night):
    """The same counts as that night's run had them."""
    width = (night - FIRST).days + 1
    return [replace(one, last_day=night, counts=one.counts[:, :width]) for one in grids]


def night_by_night(grids, lines):
    """Every signal the nightly runs would have raised, with all its days: slow, and by the runs' own code."""
    seen = {}
    for n in range((SPAN_FROM - FIRST).days, DAYS):
        night = FIRST + timedelta(days=n)
        found, _ = findings(until(grids, night), RULES, lines)
        for one in told(found, RULES, GROUND):
            if one.last_day >= SPAN_FROM:
                seen.setdefault(one.key, set()).update({one.first_day, one.last_day})
    return seen


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_span_is_judged_as_its_nights_were(seed):
    grids, lines = city(seed), settings_on(date(2020, 6, 1))
    numbers = {}

    over = told_over(grids, RULES, lines, GROUND, first=SPAN_FROM, numbers=numbers, at_once=1)

    of = {number: key for key, number in numbers.items()}
    span = {}
    for series, first, last in zip(over.series.tolist(), over.first.tolist(), over.last.tolist(), strict=True):
        days = span.setdefault(of[series], set())
        days.update({SPAN_FROM + timedelta(days=first), SPAN_FROM + timedelta(days=last)})
    slow = night_by_night(grids, lines)
    assert set(span) == set(slow)
    assert len(span) > 8  # the city does say something
    for key, days in span.items():
        assert (min(days), max(days)) == (min(slow[key]), max(slow[key]))


def test_a_detector_switched_off_tells_nothing():
    lines = [replace(line, enabled=False) for line in settings_on(date(2020, 6, 1))]

    assert len(told_over(city(1), RULES, lines, GROUND, first=SPAN_FROM, numbers={})) == 0


def test_merging_and_matching_equal_the_slow_way():
    draw = np.random.default_rng(7)
    gap = 3

    def some(number):
        first = draw.integers(0, 60, number)
        return Episodes.of(
            [(int(s), int(f), int(f + n), 1) for s, f, n in zip(
                draw.integers(0, 5, number), first, draw.integers(0, 4, number), strict=True)]
        )  # fmt: skip

    for _ in range(50):
        one, other = merged(some(12), gap), merged(some(9), gap)
        for s, f, n in zip(one.series, one.first, one.last, strict=True):
            near = (one.series == s) & (one.first - n <= gap) & (f - one.last <= gap)
            assert near.sum() == 1  # itself: what is near was merged
        slow = [
            any(
                s == s2 and f2 - n <= gap and f - n2 <= gap
                for s2, f2, n2 in zip(other.series, other.first, other.last, strict=True)
            )
            for s, f, n in zip(one.series, one.first, one.last, strict=True)
        ]
        assert overlapping(one, other, gap).tolist() == slow


def test_the_first_signal_near_an_event_is_the_earliest_that_reaches_into_its_days():
    told_then = Episodes.of([(1, 2, 4, 10), (2, 8, 9, 10), (3, 1, 20, 11)])

    assert first_near(told_then, {10}, 3, 12) == 2
    assert first_near(told_then, {10}, 5, 12) == 8
    assert first_near(told_then, {10}, 10, 12) is None
