"""No published number points at a person."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.science.disclosure import suppress_small_counts


def test_one_small_count_takes_a_second_with_it():
    told = suppress_small_counts([12, 3, 40, 0])
    assert told.shown.tolist() == [False, False, True, True]
    assert told.primary.tolist() == [False, True, False, False]


def test_large_counts_and_zeros_are_all_shown():
    told = suppress_small_counts([12, 0, 40])
    assert told.shown.all()
    assert told.total_shown


def test_two_districts_with_one_case_each_would_be_told_by_their_sum():
    assert suppress_small_counts([1, 1, 30]).shown.tolist() == [False, False, False]
    assert suppress_small_counts([1, 2, 30]).shown.tolist() == [False, False, True]


def test_with_nothing_else_to_hide_the_total_goes():
    told = suppress_small_counts([0, 2, 0])
    assert not told.total_shown


def test_zeros_are_hidden_where_none_would_itself_tell():
    assert suppress_small_counts([0, 3, 30], hide_zeros=True).shown.tolist() == [False, False, True]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_no_reader_who_adds_up_learns_a_small_count(counts):
    told = suppress_small_counts(counts)
    if not told.total_shown:
        return
    hidden = np.flatnonzero(~told.shown)
    total = sum(counts[i] for i in hidden)
    # What the hidden cells could be, as far as the page tells: any count of at least one.
    worlds = [world for world in product(range(1, 28), repeat=min(len(hidden), 3)) if sum(world) == total]
    for position, cell in enumerate(hidden[:3]):
        if told.primary[cell] and len(hidden) <= 3:
            assert len({world[position] for world in worlds}) > 1


@pytest.mark.parametrize("wrong", [[-1], [1.5], [np.nan], [[1, 2]]])
def test_what_is_no_table_of_people_is_refused(wrong):
    with pytest.raises(ValueError, match="whole numbers"):
        suppress_small_counts(wrong)


def test_a_threshold_that_hides_nothing_is_refused():
    with pytest.raises(ValueError, match="threshold is 1"):
        suppress_small_counts([1], threshold=1)
