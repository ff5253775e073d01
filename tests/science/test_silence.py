"""A source that stops, sends only zeros or repeats itself is held to its own habit."""

import numpy as np
import pytest

from citywatch.science.silence import LEAST, changes

NAN = np.nan


def of(*sent):
    counts = np.array([sent], dtype=float)
    return [(one.kind, one.days) for one in changes(counts, np.ones(counts.shape, dtype=bool))]


BUSY = [3, 5, 2, 4, 6, 3, 1, 4, 5, 2, 3, 4, 6, 2, 5, 3, 4, 2, 1, 5, 3, 4, 6, 2, 5, 3, 4, 2]


def test_who_always_reported_is_missed_on_the_second_day_and_not_on_the_first():
    assert of(*BUSY, NAN) == []
    assert of(*BUSY, NAN, NAN) == [("silent", 2)]
    assert of(*BUSY, NAN, NAN, 3) == []


def test_who_often_misses_a_day_is_given_more():
    patchy = [NAN if n % 4 == 0 else 3 + n % 2 for n in range(28)]
    assert of(*patchy[1:], *[NAN] * 4) == []
    assert of(*patchy[1:], *[NAN] * 6) == [("silent", 6)]


def test_zeros_are_no_silence_and_are_told_where_they_are_unlike_the_source():
    assert of(*BUSY, 0, 0) == []
    assert of(*BUSY, 0, 0, 0) == [("zeros", 3)]
    quiet = [0, 0, 1, 0, 0, 0, 2, 0] * 3
    assert of(*quiet, 0, 0, 0, 0, 0) == []


def test_the_same_number_again_and_again_is_told():
    assert of(*BUSY, 4, 4, 4) == []
    assert of(*BUSY, 7, 7, 7, 7, 7) == [("same", 4)]
    assert of(*BUSY, 7, 7, 7, 7, 7, NAN) == [], "one day silent: no news of what it said before"


def test_days_on_which_nothing_is_owed_are_left_out():
    counts = np.array([[*BUSY, NAN, NAN]], dtype=float)
    closed = np.ones(counts.shape, dtype=bool)
    closed[0, -2:] = False
    assert changes(counts, closed) == []


def test_without_a_habit_nothing_is_told():
    assert of(*BUSY[: LEAST - 1], NAN, NAN, NAN) == []
    assert of(NAN, NAN, NAN) == []
    with pytest.raises(ValueError, match="sources by days"):
        changes(np.zeros((2, 3)), np.ones((2, 2), dtype=bool))


def test_a_city_of_sources_keeps_to_one_false_word_in_a_thousand_and_finds_those_that_stop():
    """10,844 sources, each with a habit of its own; a year of days, and a hundred that stop on the last two."""
    draw = np.random.default_rng(20260611)
    sources, days = 10_844, 60
    missing = draw.beta(0.6, 12, (sources, 1))
    counts = draw.poisson(draw.gamma(1.5, 4, (sources, 1)), (sources, days)).astype(float)
    counts[draw.random((sources, days)) < missing] = NAN
    due = np.ones((sources, days), dtype=bool)

    began, before = 0, set()
    for last in range(48, days):
        told = {one.row for one in changes(counts[:, :last], due[:, :last])}
        began, before = began + len(told - before), told
    assert began / (sources * (days - 48)) < 1 / 1000

    regular = np.flatnonzero((missing[:, 0] < 0.01) & ~np.isnan(counts[:, -3]) & (counts[:, -3] > 0))[:100]
    counts[regular, -2:] = NAN
    told = {one.row for one in changes(counts, due) if one.kind == "silent"}
    assert len(told & set(regular.tolist())) >= 95
