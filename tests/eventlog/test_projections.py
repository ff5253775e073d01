"""What is made of a closed day holds the same visits as the day, whatever comes late, is merged again or let go."""

from collections import Counter
from datetime import timedelta

import pytest
from tests.eventlog.test_crashes import DAY, every_cut, kept, visit

from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.expressions import table
from citywatch.eventlog.segments import Store

NEXT = DAY + timedelta(days=1)
VIEWS = ("visits_by_person", "pairs", "visitor_counts", "unpaired")


def people(store, name):
    found = open_engine(store=store).run(table(name).select("person"), store.pin())
    return Counter(found["person"].tolist())


def everywhere(store):
    """The people of the log, once it is certain that each way of laying them out holds the same."""
    by_place = kept(store)
    assert people(store, "visits_by_person") == by_place
    assert set(people(store, "pairs")) == set(by_place)
    return by_place


@pytest.fixture
def week(store):
    """Two days of two batches each, none closed."""
    for number, day in enumerate((DAY, DAY, NEXT, NEXT)):
        store.append("visits", visit(number), day=day, batch_id=str(number))
    return store


def test_a_closed_day_is_laid_out_by_person_and_by_place_and_open_days_are_read_beside_it(week):
    assert week.close(DAY) is True
    assert week.close(DAY) is False
    assert week.days("visits") == {DAY: 1, NEXT: 2}
    assert everywhere(week) == dict.fromkeys(range(4), 1)


def test_a_visit_that_comes_for_a_closed_day_is_there_at_once_and_once(week):
    week.close(DAY)
    week.roll_up(DAY)
    week.append("visits", visit(9), day=DAY, batch_id="late")
    assert everywhere(week)[9] == 1
    assert week.close(DAY) is True
    assert everywhere(week) == dict.fromkeys((0, 1, 2, 3, 9), 1)
    assert week.append("visits", visit(9), day=DAY, batch_id="late") is False


def test_a_day_merged_after_it_was_closed_is_not_read_twice(week):
    week.close(DAY)
    week.roll_up(NEXT)
    week.append("visits", visit(9), day=DAY, batch_id="late")
    week.compact("visits", DAY)
    assert everywhere(week) == dict.fromkeys((0, 1, 2, 3, 9), 1)


def test_the_roll_up_knows_each_pair_once_and_forgets_days_let_go(week):
    week.append("visits", visit(1), day=NEXT, batch_id="again")
    for day in (DAY, NEXT):
        week.close(day)
    assert people(week, "pairs")[1] == 2
    assert week.roll_up(NEXT) is True
    assert week.roll_up(NEXT) is False
    assert people(week, "pairs") == dict.fromkeys(range(4), 1)

    week.retain("visits", NEXT)
    assert everywhere(week) == {1: 1, 2: 1, 3: 1}
    assert week.roll_up(NEXT) is True
    assert everywhere(week) == {1: 1, 2: 1, 3: 1}


def test_visits_older_than_the_window_are_in_no_pair(store):
    store.append("visits", visit(1), day=DAY - timedelta(days=14), batch_id="old")
    store.append("visits", visit(2), day=DAY, batch_id="new")
    assert set(people(store, "pairs")) == {2}
    store.roll_up(DAY)
    assert set(people(store, "pairs")) == {2}


@pytest.mark.parametrize("name", VIEWS)
def test_nothing_is_appended_to_what_is_made_of_visits(store, name):
    with pytest.raises(ValueError, match="takes no rows"):
        store.append(name, visit(1), day=DAY, batch_id="1")


def test_a_power_cut_while_a_day_is_closed_or_rolled_up_neither_hides_nor_doubles_a_visit(tmp_path):
    def close_and_roll_up(store):
        store.close(DAY)
        store.roll_up(DAY)

    for store, _ in every_cut(tmp_path, close_and_roll_up):
        assert everywhere(store) == {1: 1, 2: 1}
        store.sweep(older_than=timedelta(0))
        assert everywhere(store) == {1: 1, 2: 1}
        close_and_roll_up(store)
        assert everywhere(Store(store.root)) == {1: 1, 2: 1}


def test_a_power_cut_while_a_closed_day_goes_takes_all_of_it_or_nothing(tmp_path):
    def let_go(store):
        store.close(DAY)
        store.roll_up(DAY)
        store.retain("visits", NEXT)

    for store, _ in every_cut(tmp_path, let_go):
        assert everywhere(store) in ({1: 1, 2: 1}, {})
