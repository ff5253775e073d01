"""The visitors counted beside the pairs are those the pairs hold, whatever comes late, is merged again or let go."""

from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.eventlog import cluster
from tests.eventlog.test_crashes import DAY

from citywatch.eventlog import manifest
from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.expressions import candidates, table
from citywatch.eventlog.schema import ROLL_UP, ROLLED_UP_DAYS
from citywatch.eventlog.segments import Store

SICK = [0, 1, 2]
ASKED = candidates(table("pairs"), table("visitor_counts"), table("unpaired"), table("people"))

day = st.integers(0, 2).map(lambda number: DAY + timedelta(days=number))
came = st.tuples(st.just("append"), day, st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1))
done = st.tuples(st.sampled_from(["close", "roll_up", "compact", "retain"]), day)


def append(store, on, rows, batch):
    person, place = (list(column) for column in zip(*rows, strict=True))
    columns = {"person": person, "place": place, "minute_in": [0] * len(rows), "minute_out": [5] * len(rows)}
    store.append("visits", columns | {"source": ["scan"] * len(rows)}, day=on, batch_id=batch)


def rows_of(store, expression, **small):
    found = open_engine(store=store).run(expression, store.pin(), **small)
    return list(zip(*(column.tolist() for column in found.values()), strict=True))


def ranked(store):
    return rows_of(store, ASKED, people={"person": SICK})


def slowly_ranked(store):
    """The same from the pairs alone, row by row."""
    people = defaultdict(list)
    for place, person in rows_of(store, table("pairs")):
        people[place].append(person)
    cases = {place: len(set(came).intersection(SICK)) for place, came in people.items()}
    return [(place, cases[place], len(came)) for place, came in sorted(people.items()) if cases[place] > 1]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.one_of(came, done), min_size=2, max_size=7))
def test_a_place_has_as_many_visitors_by_its_count_as_by_its_pairs_after_any_work_on_the_log(steps):
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        append(store, DAY + timedelta(days=2), [(0, 0), (1, 0), (0, 0), (5, 0)], "first")
        for number, (word, on, *rows) in enumerate(steps):
            if word == "append":
                if on >= manifest.read(store.root / "manifest.json").first_days.get("visits", on):
                    append(store, on, *rows, str(number))
            elif word in {"compact", "retain"}:
                getattr(store, word)("visits", on)
            else:
                getattr(store, word)(on)
            assert ranked(store) == slowly_ranked(store)
        store.roll_up(DAY + timedelta(days=2))
        assert ranked(store) == slowly_ranked(store)
        # Rolled up whole, everybody is counted once.
        everywhere = {(place, person) for person, place in rows_of(store, table("visits").select("person", "place"))}
        visitors = Counter(place for place, _ in everywhere)
        assert all(count == visitors[place] for place, _, count in ranked(store))


def test_pairs_of_a_release_that_kept_no_counts_are_not_believed_and_made_again(store):
    append(store, DAY, [(0, 0), (1, 0), (5, 0)], "first")
    store.roll_up(DAY)
    path = store.root / "manifest.json"
    old = manifest.read(path)
    manifest.write(path, old.swap(out=old.of("visitor_counts")))

    assert ranked(store) == [(0, 2, 3)]
    assert store.roll_up(DAY) is True
    assert ranked(store) == [(0, 2, 3)]
    assert all(len(manifest.read(path).of(name)) == 1 for name in ROLL_UP)


def test_a_fortnight_is_counted_and_no_day_before_it(store):
    append(store, DAY - timedelta(days=ROLLED_UP_DAYS), [(0, 0), (1, 0)], "old")
    append(store, DAY, [(0, 1), (1, 1), (5, 1)], "new")
    store.roll_up(DAY)
    assert ranked(store) == [(1, 2, 3)]


@pytest.mark.skipif(not cluster.THERE, reason=cluster.MISSING)
def test_the_visitors_counted_and_those_come_since_are_added_on_spark_too(spark_master, store):
    append(store, DAY, [(0, 0), (1, 0), (5, 0), (5, 0)], "first")
    there = open_engine(spark_master, store=store)
    for late in (False, True):
        if late:
            store.roll_up(DAY)
            append(store, DAY, [(5, 0), (2, 3), (1, 3)], "late")
        found = there.run(ASKED, store.pin(), people={"person": SICK})
        assert list(zip(*(column.tolist() for column in found.values()), strict=True)) == ranked(store)
