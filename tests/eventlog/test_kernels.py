"""The compiled questions give the very rows their expressions specify, on any small city."""

from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from citywatch.eventlog import window
from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.expressions import (
    co_visits,
    contacts,
    day_levels,
    present,
    ring,
    status,
    table,
    visitors,
    visits_of,
)
from citywatch.eventlog.segments import Store

kernels = pytest.importorskip("citywatch.eventlog.kernels", reason="needs numba (pip install 'citywatch[fast]')")

FIRST = date(2020, 6, 1)
DAYS = 3
ORIGIN = window.first_minute(FIRST)
STAY = ("person", "place", "minute_in", "minute_out")

visit = st.tuples(st.integers(0, 8), st.integers(0, 5), st.integers(0, DAYS * 1440 - 1), st.integers(0, 700))
city = st.lists(visit, max_size=40)

# A morning at two places in steps of ten minutes: people meet, and meetings are just long enough or just not.
ten = st.integers(0, 12).map(lambda steps: 10 * steps)
busy = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1), ten, ten), max_size=20)
just = st.sampled_from([10, 20, 30])


def laid_out(root, rows):
    """A log of these visits in two batches a day, and its window."""
    store = Store(root)
    for day in range(DAYS):
        mine = [row for row in rows if row[2] // 1440 == day]
        for half in (mine[::2], mine[1::2]):
            if half:
                person, place, start, stay = (np.array(column, dtype=np.int32) for column in zip(*half, strict=True))
                columns = {"person": person, "place": place, "minute_in": ORIGIN + start}
                columns |= {"minute_out": ORIGIN + start + stay, "source": ["scan"] * len(half)}
                store.append("visits", columns, day=FIRST + timedelta(days=day), batch_id=str((day, half)))
    made = window.build(store.root, store.pin(), root / "w", first_day=FIRST, last_day=FIRST + timedelta(days=DAYS - 1))
    return store, made


def rows_of(found, names):
    return list(zip(*(np.asarray(found[name]).tolist() for name in names), strict=True))


@settings(max_examples=25, deadline=None)
@given(
    rows=city, spans=st.lists(st.tuples(st.integers(0, 6), st.integers(-50, 4400), st.integers(1, 3000)), max_size=6)
)
def test_visitors_are_those_the_expression_counts(rows, spans):
    with TemporaryDirectory() as folder:
        store, made = laid_out(Path(folder), rows)
        windows = {
            "place": np.array([place for place, _, _ in spans], dtype=np.int32),
            "minute_from": np.array([ORIGIN + start for _, start, _ in spans], dtype=np.int32),
            "minute_to": np.array([ORIGIN + start + length for _, start, length in spans], dtype=np.int32),
        }
        specified = open_engine(store=store).run(
            visitors(table("visits"), table("windows")), store.pin(), windows=windows
        )
        assert rows_of(kernels.visitors(made, windows), ("place", "visitors")) == rows_of(
            specified, ("place", "visitors")
        )


@settings(max_examples=25, deadline=None)
@given(rows=city, stays=city.filter(bool), minutes=st.integers(1, 90))
def test_meetings_are_those_the_expression_finds(rows, stays, minutes):
    with TemporaryDirectory() as folder:
        store, made = laid_out(Path(folder), rows)
        person, place, start, stay = (np.array(column, dtype=np.int32) for column in zip(*stays, strict=True))
        asked = {"person": person, "place": place, "minute_in": ORIGIN + start, "minute_out": ORIGIN + start + stay}
        expression = co_visits(table("visits"), table("stays"), minutes)
        specified = open_engine(store=store).run(expression, store.pin(), stays=asked)
        assert rows_of(kernels.co_visits(made, asked, minutes), specified) == rows_of(specified, specified)
        expression = contacts(table("visits"), table("stays"), minutes)
        specified = open_engine(store=store).run(expression, store.pin(), stays=asked)
        assert rows_of(kernels.contacts(made, asked, minutes), specified) == rows_of(specified, specified)


@settings(max_examples=25, deadline=None)
@given(rows=city, people=st.lists(st.integers(0, 10), max_size=5))
def test_visits_of_people_are_those_the_expression_gives(rows, people):
    with TemporaryDirectory() as folder:
        store, made = laid_out(Path(folder), rows)
        asked = np.array(people, dtype=np.int32)
        specified = open_engine(store=store).run(
            visits_of(table("visits"), table("people")), store.pin(), people={"person": asked}
        )
        names = ("person", "place", "minute_in", "minute_out")
        assert rows_of(kernels.visits_of(made, asked), names) == rows_of(specified, names)


members = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=8)


@settings(max_examples=25, deadline=None)
@given(
    rows=city,
    spans=st.lists(st.tuples(st.integers(0, 6), st.integers(-50, 4400), st.integers(1, 3000)), max_size=6),
    halls=members,
)
def test_a_market_counts_the_people_of_its_halls_as_the_expression_does(rows, spans, halls):
    with TemporaryDirectory() as folder:
        store, made = laid_out(Path(folder), rows)
        small = {
            "windows": columns(
                ("place", "minute_from", "minute_to"), [(p, a, a + n) for p, a, n in spans], shift=(1, 2)
            ),
            "members": columns(("place", "whole"), halls),
        }
        engine, version = open_engine(store=store), store.pin()
        specified = engine.run(visitors(table("visits"), table("windows"), table("members")), version, **small)
        names = ("place", "visitors")
        assert rows_of(kernels.visitors(made, small["windows"], small["members"]), names) == rows_of(specified, names)
        specified = engine.run(present(table("visits"), table("windows")), version, windows=small["windows"])
        assert rows_of(kernels.present(made, small["windows"]), ("person",)) == rows_of(specified, ("person",))


@settings(max_examples=30, deadline=None)
@example(rows=[(0, 0, 0, 40), (1, 0, 30, 60)], carriers=[(1, 0, 90)], minutes=20, crowd=2)  # ten minutes, too little
@example(rows=[(0, 0, 0, 50), (1, 0, 30, 60)], carriers=[(1, 0, 90)], minutes=20, crowd=2)  # just long enough
@example(rows=[(0, 0, 0, 50), (1, 0, 30, 60)], carriers=[(1, 40, 90)], minutes=20, crowd=2)  # carried too late
@example(rows=[(0, 0, 0, 50), (1, 0, 30, 60)], carriers=[(1, 0, 90)], minutes=20, crowd=1)  # just too many there
@given(
    rows=busy | city,
    carriers=st.lists(st.tuples(st.integers(0, 8), ten, ten.map(lambda minutes: 10 + minutes)), max_size=4)
    | st.lists(st.tuples(st.integers(0, 8), st.integers(-50, 4400), st.integers(1, 3000)), max_size=5),
    minutes=just | st.integers(1, 120),
    crowd=st.integers(1, 20),
)
def test_the_second_ring_is_the_one_the_expression_finds(rows, carriers, minutes, crowd):
    with TemporaryDirectory() as folder:
        store, made = laid_out(Path(folder), rows)
        asked = columns(("person", "minute_from", "minute_to"), [(p, a, a + n) for p, a, n in carriers], shift=(1, 2))
        expression = ring(table("visits"), table("carriers"), minutes=minutes, crowd=crowd)
        specified = open_engine(store=store).run(expression, store.pin(), carriers=asked)
        found = kernels.ring(made, asked, minutes=minutes, crowd=crowd)
        assert found["person"].tolist() == specified["person"].tolist()


@settings(max_examples=25, deadline=None)
@example(rows=[(0, 0, 0, 50), (1, 0, 70, 9)], stays=[(8, 0, 30, 30)], minutes=20, linger=10)  # just long enough
@example(rows=[(0, 0, 0, 40), (1, 0, 69, 9)], stays=[(8, 0, 30, 30)], minutes=20, linger=10)  # just within the linger
@example(
    rows=[(0, 0, 0, 5), (0, 0, 1440, 60)], stays=[(8, 0, 0, 60), (8, 0, 1440, 60)], minutes=20, linger=0
)  # two days
@given(
    rows=busy | city,
    stays=(busy | city).filter(bool),
    minutes=just | st.integers(1, 90),
    linger=just | st.integers(0, 300),
)
def test_the_levels_of_a_city_are_those_the_expressions_give(rows, stays, minutes, linger):
    with TemporaryDirectory() as folder:
        store, made = laid_out(Path(folder), rows)
        asked = columns(STAY, [(p, at, a, a + n) for p, at, a, n in stays], shift=(2, 3))
        engine, version = open_engine(store=store), store.pin()
        expression = day_levels(table("visits"), table("stays"), minutes=minutes, linger=linger)
        specified = engine.run(expression, version, stays=asked)
        found = kernels.day_levels(made, asked, minutes=minutes, linger=linger)
        assert rows_of(found, specified) == rows_of(specified, specified)

        highest = engine.run(status(table("levels")), version, levels=found)
        everyone = np.zeros(9, dtype=np.uint8)
        everyone[highest["person"]] = highest["level"]
        assert kernels.status(made, asked, minutes=minutes, linger=linger, people=9).tolist() == everyone.tolist()


def columns(names, rows, shift=()):
    """Rows as columns; those at `shift` are minutes from the beginning of the window."""
    arrays = np.array(rows, dtype=np.int32).reshape(-1, len(names)).T.copy()
    for at in shift:
        arrays[at] += ORIGIN
    return dict(zip(names, arrays, strict=True))


def test_a_window_speaks_for_the_log_until_its_days_change(tmp_path):
    store, made = laid_out(tmp_path, [(1, 1, 10, 20), (2, 1, 1500, 20)])
    assert made.speaks_for(store.pin())
    assert made.visits == 2
    columns = {"person": [3], "place": [1], "minute_in": [ORIGIN + 5], "minute_out": [ORIGIN + 9], "source": ["scan"]}
    store.append("visits", columns, day=FIRST + timedelta(days=DAYS), batch_id="after")
    assert made.speaks_for(store.pin())
    store.append("visits", columns, day=FIRST, batch_id="late")
    assert not made.speaks_for(store.pin())


def test_a_window_longer_than_sixteen_bits_of_minutes_is_refused(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="no window of 1 to 45 days"):
        window.build(store.root, store.pin(), tmp_path / "w", first_day=FIRST, last_day=FIRST + timedelta(days=45))
