"""A person's status is the highest level of the days kept, however the days came to be known."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.eventlog import levels

rows = st.lists(st.tuples(st.integers(18420, 18425), st.integers(0, 12), st.integers(1, 3)), max_size=30)


def columns(found):
    arrays = np.array(found, dtype=np.int32).reshape(-1, 3).T
    return dict(zip(("day", "person", "level"), arrays, strict=True))


@settings(max_examples=40, deadline=None)
@given(batches=st.lists(rows, max_size=4), first=st.integers(18419, 18425), length=st.integers(0, 5))
def test_levels_learnt_in_any_order_are_the_highest_of_each_day(batches, first, length):
    everything = [row for batch in batches for row in batch]
    with TemporaryDirectory() as folder:
        for batch in [*batches, *batches[:1]]:  # one comes twice
            levels.record(Path(folder), columns(batch))
        found = levels.status(Path(folder), first_day=first, last_day=first + length, people=13)
    slow = [
        max((level for day, who, level in everything if who == person and first <= day <= first + length), default=0)
        for person in range(13)
    ]
    assert found.tolist() == slow


def test_a_status_falls_when_the_day_of_exposure_is_let_go(tmp_path):
    levels.record(tmp_path, columns([(18420, 7, 2), (18424, 7, 1), (18424, 8, 2)]))

    assert levels.drop(tmp_path, before=18421) == 1
    assert levels.status(tmp_path, first_day=18411, last_day=18424, people=9).tolist() == [0] * 7 + [1, 2]


def test_whoever_is_not_asked_about_is_not_in_the_answer_and_a_newcomer_has_no_level(tmp_path):
    levels.record(tmp_path, columns([(18420, 3, 2)]))

    assert levels.status(tmp_path, first_day=18420, last_day=18420, people=2).tolist() == [0, 0]
    assert levels.status(tmp_path, first_day=18420, last_day=18420, people=6).tolist() == [0, 0, 0, 2, 0, 0]
