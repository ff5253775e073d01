"""Who was where is answered alike by the bare columns, with what came since beside them, and by the engine."""

from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.eventlog import crowds, window
from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.segments import Store

pytest.importorskip("numba", reason="needs numba (pip install 'citywatch[fast]')")

FIRST = date(2020, 6, 1)
DAYS = 3
ORIGIN = window.first_minute(FIRST)
PEOPLE = np.arange(9, dtype=np.int32)
HALLS = [(1, 1), (2, 2), (1, 6), (2, 6), (6, 6)]

visit = st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(0, DAYS * 1440 - 1), st.integers(0, 700))


def append(store, rows, batch):
    for day in range(-3, DAYS):
        mine = [row for row in rows if row[2] // 1440 == day]
        if mine:
            person, place, start, stay = (np.array(column, dtype=np.int32) for column in zip(*mine, strict=True))
            columns = {"person": person, "place": place, "minute_in": ORIGIN + start}
            columns |= {"minute_out": ORIGIN + start + stay, "source": ["scan"] * len(mine)}
            store.append("visits", columns, day=FIRST + timedelta(days=day), batch_id=f"{batch} {day}")


def asked_of(store, spans, *, compiled):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crowds, "COMPILED", compiled)
        return crowds.Crowds(store, open_engine(store=store), spans)


def answers(asked, spans):
    found = asked.visits_of(PEOPLE)
    rows = zip(*(found[name].tolist() for name in ("person", "place", "minute_in", "minute_out")), strict=True)
    since, until = min(since for since, _ in spans), max(until for _, until in spans)
    theirs = sorted(row for row in rows if row[2] < until and row[3] > since)
    return theirs, asked.visitors(HALLS), asked.people, beside(asked, spans), levels_of(asked, spans)


def stays_over(spans):
    """A case known by a number (0) and one without (-1), who were at places 0 and 1 all those spans."""
    stays = [(person, place, since, until) for person, place in ((0, 0), (-1, 1)) for since, until in spans]
    columns = (np.array(column, dtype=np.int32) for column in zip(*stays, strict=True))
    return dict(zip(("person", "place", "minute_in", "minute_out"), columns, strict=True))


def beside(asked, spans):
    found = asked.exposed(stays_over(spans), 30, but=np.array([0, 3], dtype=np.int32))
    return list(zip(*(found[name].tolist() for name in ("place", "people", "minutes")), strict=True))


def levels_of(asked, spans):
    found = asked.day_levels(stays_over(spans), minutes=30, linger=0)
    highest = {}
    for day, person, level in zip(*(found[name].tolist() for name in ("day", "person", "level")), strict=True):
        highest[day, person] = max(level, highest.get((day, person), 0))
    return highest


@settings(max_examples=12, deadline=None)
@given(
    rows=st.lists(visit, max_size=30),
    late=st.lists(visit, max_size=10),
    spans=st.lists(st.tuples(st.integers(0, 4400), st.integers(1, 3000)), min_size=1, max_size=3),
)
def test_columns_and_what_came_since_answer_as_the_engine_does(rows, late, spans):
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        append(store, [*rows, (0, 0, 5, 5), (0, 0, DAYS * 1440 - 1, 1)], "first")
        window.refresh(store.root, store.pin(), days=DAYS)
        append(store, late, "late")
        spans = [(ORIGIN + since, ORIGIN + since + length) for since, length in spans]
        quick, slow = (asked_of(store, spans, compiled=compiled) for compiled in (True, False))

        assert quick.compiled
        assert not slow.compiled
        assert answers(quick, spans) == answers(slow, spans)


def test_who_was_beside_the_cases_is_summed_by_place_each_person_once_and_no_case_among_them(store):
    # Persons 1 and 2 were at place 0 for an hour and twenty minutes, 1 came back for an hour; 3 is a case.
    append(store, [(1, 0, 60, 60), (2, 0, 60, 20), (1, 0, 300, 60), (3, 0, 60, 60), (4, 1, 60, 45)], "first")
    window.refresh(store.root, store.pin(), days=DAYS)
    append(store, [(5, 0, 90, 60)], "late")
    spans = [(ORIGIN, ORIGIN + 1440)]

    for compiled in (True, False):
        assert beside(asked_of(store, spans, compiled=compiled), spans) == [(0, 2, 180), (1, 1, 45)]


def test_columns_that_begin_after_the_question_do_not_answer_it(store):
    append(store, [(1, 1, day * 1440 + 600, 60) for day in range(-1, DAYS)], "first")
    window.refresh(store.root, store.pin(), days=DAYS)

    assert asked_of(store, [(ORIGIN, ORIGIN + 1440)], compiled=True).compiled
    assert not asked_of(store, [(ORIGIN - 1440, ORIGIN + 1440)], compiled=True).compiled


def test_a_visit_that_lasts_into_the_columns_days_is_not_forgotten(store):
    night = (1, 1, -60, 600)  # came before the first day and stayed till morning
    append(store, [night, (2, 1, 700, 60), (3, 1, 1440 * DAYS - 9, 5)], "first")
    window.refresh(store.root, store.pin(), days=DAYS)

    early, later = ([(ORIGIN + since, ORIGIN + 1440)] for since in (0, 600))

    assert asked_of(store, early, compiled=True).visitors([(1, 1)]) == {1: 2}
    assert asked_of(store, later, compiled=True).compiled
    assert asked_of(store, later, compiled=True).visitors([(1, 1)]) == {1: 1}


def test_columns_made_from_segments_since_merged_are_not_used_until_laid_out_anew(store):
    append(store, [(1, 1, 600, 60)], "first")
    append(store, [(2, 1, 600, 60)], "second")
    window.refresh(store.root, store.pin(), days=DAYS)
    store.close(FIRST)
    spans = [(ORIGIN, ORIGIN + 1440)]

    assert not asked_of(store, spans, compiled=True).compiled
    assert asked_of(store, spans, compiled=True).visitors([(1, 1)]) == {1: 2}
    window.refresh(store.root, store.pin(), days=DAYS)
    assert asked_of(store, spans, compiled=True).compiled


def test_columns_are_laid_out_anew_only_when_their_days_changed_and_the_old_ones_go(store):
    append(store, [(1, 1, 600, 60)], "first")
    made = window.refresh(store.root, store.pin(), days=DAYS)
    before = {file.name for file in (store.root / window.FOLDER).glob("columns-*")}
    window.refresh(store.root, store.pin(), days=DAYS)
    assert {file.name for file in (store.root / window.FOLDER).glob("columns-*")} == before

    append(store, [(2, 1, 600, 60)], "second")
    again = window.refresh(store.root, store.pin(), days=DAYS)
    after = {file.name for file in (store.root / window.FOLDER).glob("columns-*")}
    assert len(after) == 1
    assert after != before
    assert (made.visits, again.visits) == (1, 2)  # the reader of the old columns keeps them


def test_a_log_without_visits_has_no_columns(store):
    assert window.refresh(store.root, store.pin(), days=DAYS) is None


def test_a_visit_kept_under_another_day_than_its_own_is_refused_and_the_engine_goes_on(store):
    columns = {"person": [1], "place": [1], "minute_in": [ORIGIN + 9000], "minute_out": [ORIGIN + 9060]}
    store.append("visits", {**columns, "source": ["scan"]}, day=FIRST, batch_id="astray")

    with pytest.raises(ValueError, match="began on another day"):
        window.refresh(store.root, store.pin(), days=DAYS)
    spans = [(ORIGIN + 8000, ORIGIN + 9900)]
    assert asked_of(store, spans, compiled=True).visitors([(1, 1)]) == {1: 1}
