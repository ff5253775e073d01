"""A person's status is the highest level of the days kept, however the days came to be known."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.eventlog import levels

FIRST = 18420
rows = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3)), max_size=8)


def columns(found):
    person, level = np.array(found, dtype=np.int32).reshape(-1, 2).T
    return {"person": person, "level": level}


@settings(max_examples=40, deadline=None)
@given(
    batches=st.lists(st.tuples(st.integers(FIRST, FIRST + 5), rows), max_size=8),
    first=st.integers(FIRST - 1, FIRST + 5),
    length=st.integers(0, 5),
)
def test_a_status_is_the_highest_of_its_days_as_each_was_last_made(batches, first, length):
    with TemporaryDirectory() as folder:
        for day, found in batches:
            levels.record(Path(folder), day, columns(found))
        found = levels.status(Path(folder), first_day=first, last_day=first + length, people=13)
    last = dict(batches)
    slow = [
        max(
            (
                level
                for day, rows in last.items()
                if first <= day <= first + length
                for who, level in rows
                if who == one
            ),
            default=0,
        )
        for one in range(13)
    ]
    assert found.tolist() == slow


def test_a_day_made_again_without_a_discarded_case_falls(tmp_path):
    levels.record(tmp_path, FIRST, columns([(7, 2), (8, 1)]), made_from="two cases")
    levels.record(tmp_path, FIRST, columns([(8, 1)]), made_from="one case")

    assert levels.source_of(tmp_path, FIRST) == "one case"
    assert levels.source_of(tmp_path, FIRST + 1) is None
    assert levels.status(tmp_path, first_day=FIRST, last_day=FIRST).tolist() == [0] * 8 + [1]


def test_a_status_falls_when_the_day_of_exposure_is_let_go(tmp_path):
    levels.record(tmp_path, FIRST, columns([(7, 2)]))
    levels.record(tmp_path, FIRST + 4, columns([(7, 1), (8, 2)]))

    assert levels.drop(tmp_path, before=FIRST + 1) == 1
    assert levels.source_of(tmp_path, FIRST) is None
    assert levels.status(tmp_path, first_day=FIRST - 9, last_day=FIRST + 4, people=9).tolist() == [0] * 7 + [1, 2]


def test_whoever_is_not_asked_about_is_not_in_the_answer_and_a_newcomer_has_no_level(tmp_path):
    levels.record(tmp_path, FIRST, columns([(3, 2)]))

    assert levels.status(tmp_path, first_day=FIRST, last_day=FIRST, people=2).tolist() == [0, 0]
    assert levels.status(tmp_path, first_day=FIRST, last_day=FIRST, people=6).tolist() == [0, 0, 0, 2, 0, 0]


def test_a_day_on_which_nobody_was_exposed_is_kept_as_such(tmp_path):
    levels.record(tmp_path, FIRST, columns([]), made_from="no case")

    assert levels.source_of(tmp_path, FIRST) == "no case"
    assert levels.status(tmp_path, first_day=FIRST, last_day=FIRST).tolist() == []
