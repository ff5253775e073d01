"""What the log answers equals a slow and obvious count in Python, row for row."""

import tempfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.eventlog import expressions as ask_for
from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.expressions import table
from citywatch.eventlog.rebuild import EntryRow, SubmissionRow, entry_columns, rebuild, submission_columns
from citywatch.eventlog.segments import Store

DAY = date(2020, 6, 11)
NOON = datetime(2020, 6, 11, 4, tzinfo=UTC)
WEEK = {"first_day": date(2020, 6, 8), "last_day": date(2020, 6, 14)}
slowly = settings(max_examples=30, deadline=None)


def rows_of(expression, store, **small):
    found = open_engine(store=store).run(expression, store.pin(), **small)
    return list(zip(*(column.tolist() for column in found.values()), strict=True))


def fresh_log():
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


# --- small and by hand


def test_a_correction_known_later_does_not_change_what_the_desk_saw(store, ask, fever):
    later = NOON + timedelta(hours=2)
    rows = [fever(1), fever(2, recorded_at=later, corrects=1, syndromes=("rash",))]
    store.append("counts", submission_columns(rows), day=DAY, batch_id="a")

    def seen(at):
        return ask(ask_for.daily_counts(table("counts"), by=("syndrome",), as_of=at, **WEEK))

    assert seen(NOON - timedelta(microseconds=1)) == []
    assert seen(NOON) == [("*", DAY, 1), ("fever", DAY, 1)]
    assert seen(later - timedelta(microseconds=1)) == [("*", DAY, 1), ("fever", DAY, 1)]
    assert seen(later) == [("*", DAY, 1), ("rash", DAY, 1)]


def test_a_correction_that_moves_a_case_out_of_the_week_takes_it_out_of_the_count(store, ask, fever):
    rows = [fever(1), fever(2, corrects=1, occurred_on=date(2020, 5, 1))]
    store.append("counts", submission_columns(rows), day=DAY, batch_id="a")

    assert ask(ask_for.daily_counts(table("counts"), as_of=NOON, **WEEK)) == []


def test_a_zero_report_is_a_zero_and_silence_is_no_row(store, ask, fever):
    rows = [fever(1, syndromes=(), count=0), fever(2, street=4, place=40)]
    store.append("counts", submission_columns(rows), day=DAY, batch_id="a")

    counts = ask(ask_for.daily_counts(table("counts"), by=("street", "syndrome"), as_of=NOON, **WEEK))
    assert counts == [(3, "*", DAY, 0), (4, "*", DAY, 1), (4, "fever", DAY, 1)]
    sites = ask(ask_for.reporting_sites(table("counts"), as_of=NOON, **WEEK))
    assert sites == [("symptom", DAY, 1, 3, 30, 1), ("symptom", DAY, 1, 4, 40, 1)]


def test_counts_can_be_asked_by_home_street(store, ask, fever):
    rows = [fever(1, home_street=8), fever(2, home_street=8, street=4), fever(3)]
    store.append("counts", submission_columns(rows), day=DAY, batch_id="a")

    asked = ask_for.daily_counts(table("counts"), by=("syndrome", "home_street"), as_of=NOON, **WEEK)
    assert ask(asked.filter(asked.syndrome == "fever")) == [("fever", 0, DAY, 1), ("fever", 8, DAY, 2)]


def test_a_moment_told_in_city_time_is_the_same_moment(store, ask, fever):
    store.append("counts", submission_columns([fever(1)]), day=DAY, batch_id="a")
    shanghai = timezone(timedelta(hours=8))

    noon_here = datetime(2020, 6, 11, 12, tzinfo=shanghai)
    assert len(ask(ask_for.known_at(table("counts"), noon_here))) == 2
    assert ask(ask_for.known_at(table("counts"), noon_here - timedelta(seconds=1))) == []
    with pytest.raises(ValueError, match="no time zone"):
        ask_for.known_at(table("counts"), datetime(2020, 6, 11, 12))  # noqa: DTZ001  the point of the test


def test_instants_and_days_come_back_as_they_went_in(store, fever):
    moment = NOON + timedelta(microseconds=123_457)
    store.append("counts", submission_columns([fever(1, recorded_at=moment)]), day=DAY, batch_id="a")

    found = open_engine(store=store).run(table("counts"), store.pin())
    assert found["recorded_at"].dtype == "datetime64[us]"
    assert found["recorded_at"].tolist() == [moment.replace(tzinfo=None)] * 2
    assert found["occurred_on"].dtype == "datetime64[D]"
    assert found["occurred_on"].tolist() == [DAY] * 2
    assert found["count"].dtype == "int32"


def test_the_exporter_finds_where_each_writer_stopped(store, ask):
    def entry(writer, seq):
        return EntryRow(writer=writer, seq=seq, kind="k", place=1, at=NOON, subject_kind="s", subject=1, actor="u")

    store.append("entries", entry_columns([entry("b", 3), entry("a", 7), entry("a", 8)]), day=DAY, batch_id="a")
    assert ask(ask_for.last_entries(table("entries"))) == [("a", 8), ("b", 3)]


def test_people_who_met_a_case_for_a_quarter_of_an_hour(store, ask):
    visits = {
        "person": [1, 2, 3, 4, 5],
        "place": [9, 9, 9, 9, 8],
        "minute_in": [100, 110, 125, 130, 100],
        "minute_out": [130, 125, 140, 160, 130],
        "source": ["scan"] * 5,
    }
    store.append("visits", visits, day=DAY, batch_id="a")
    stays = {"person": [1], "place": [9], "minute_in": [100], "minute_out": [130]}

    met = ask_for.co_visits(table("visits"), table("stays"), 15)
    assert ask(met, stays=stays) == [(1, 2, 9, 110, 125, 15)]
    assert len(ask(ask_for.co_visits(table("visits"), table("stays"), 1), stays=stays)) == 2
    with pytest.raises(ValueError, match="minutes is 0"):
        ask_for.co_visits(table("visits"), table("stays"), 0)


# --- against the slow obvious version

moments = st.integers(0, 6).map(lambda hours: NOON + timedelta(hours=hours))


@st.composite
def submissions(draw):
    size = draw(st.integers(0, 12))
    rows = []
    for number in range(1, size + 1):
        syndromes = tuple(sorted(draw(st.sets(st.sampled_from(["fever", "rash", "腹泻"])))))
        rows.append(
            SubmissionRow(
                submission=number,
                stream=draw(st.sampled_from(["symptom", "card"])),
                syndromes=syndromes,
                place=draw(st.integers(1, 3)),
                street=draw(st.integers(1, 2)),
                district=1,
                home_street=draw(st.integers(0, 2)),
                occurred_on=DAY + timedelta(days=draw(st.integers(-5, 5))),
                recorded_at=draw(moments),
                corrects=draw(st.integers(0, number - 1)),
                count=draw(st.integers(0, 1)),
            )
        )
    return rows


def obviously_known(rows, as_of):
    told = [row for row in rows if row.recorded_at <= as_of]
    return [row for row in told if not any(other.corrects == row.submission for other in told)]


@slowly
@given(rows=submissions(), as_of=moments, by=st.sampled_from(["street", "home_street", "place"]))
def test_daily_counts_equal_a_slow_count_as_known_at_any_moment(rows, as_of, by):
    slow = {}
    for row in obviously_known(rows, as_of):
        if WEEK["first_day"] <= row.occurred_on <= WEEK["last_day"]:
            for syndrome in ("*", *row.syndromes):
                key = (row.stream, syndrome, getattr(row, by), row.occurred_on)
                slow[key] = slow.get(key, 0) + row.count
    with fresh_log() as root:
        store = Store(Path(root))
        rebuild(store, rows)
        asked = ask_for.daily_counts(table("counts"), by=("stream", "syndrome", by), as_of=as_of, **WEEK)
        assert rows_of(asked, store) == [(*key, count) for key, count in sorted(slow.items())]


@slowly
@given(rows=submissions(), as_of=moments)
def test_reporting_sites_equal_a_slow_list(rows, as_of):
    slow = Counter(
        (row.stream, row.occurred_on, row.district, row.street, row.place)
        for row in obviously_known(rows, as_of)
        if WEEK["first_day"] <= row.occurred_on <= WEEK["last_day"]
    )
    with fresh_log() as root:
        store = Store(Path(root))
        rebuild(store, rows)
        found = rows_of(ask_for.reporting_sites(table("counts"), as_of=as_of, **WEEK), store)
        assert found == [(*key, count) for key, count in sorted(slow.items())]


stay = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 20), st.integers(0, 8)).map(
    lambda one: (one[0], one[1], one[2], one[2] + one[3])
)
window = st.tuples(st.integers(1, 3), st.integers(0, 20), st.integers(1, 8)).map(
    lambda one: (one[0], one[1], one[1] + one[2])
)


def log_of_visits(root, stays):
    store = Store(Path(root))
    for number, half in enumerate((stays[::2], stays[1::2])):
        columns = as_columns(("person", "place", "minute_in", "minute_out"), half)
        store.append("visits", {**columns, "source": ["scan"] * len(half)}, day=DAY, batch_id=str(number))
    return store


def as_columns(names, rows):
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


@slowly
@given(stays=st.lists(stay, max_size=20), windows=st.lists(window, max_size=4))
def test_visitors_equal_a_slow_count_minute_by_minute(stays, windows):
    slow = {}
    for person, place, came, left in stays:
        minutes = set(range(came, left)) or {came}
        if any(place == at and minutes & set(range(since, until)) for at, since, until in windows):
            slow.setdefault(place, set()).add(person)
    with fresh_log() as root:
        found = rows_of(
            ask_for.visitors(table("visits"), table("windows")),
            log_of_visits(root, stays),
            windows=as_columns(("place", "minute_from", "minute_to"), windows),
        )
    assert found == [(place, len(people)) for place, people in sorted(slow.items())]


@slowly
@given(stays=st.lists(stay, max_size=20), cases=st.lists(stay, max_size=3), least=st.integers(1, 4))
def test_meetings_equal_a_slow_list(stays, cases, least):
    slow = []
    for case, where, since, until in cases:
        for person, place, came, left in stays:
            first, last = max(since, came), min(until, left)
            if person != case and place == where and last - first >= least:
                slow.append((case, person, place, first, last, last - first))
    with fresh_log() as root:
        found = rows_of(
            ask_for.co_visits(table("visits"), table("stays"), least),
            log_of_visits(root, stays),
            stays=as_columns(("person", "place", "minute_in", "minute_out"), cases),
        )
    assert found == sorted(slow)


@slowly
@given(stays=st.lists(stay, max_size=20), people=st.sets(st.integers(1, 6)))
def test_visits_of_people_equal_a_slow_list(stays, people):
    with fresh_log() as root:
        store = log_of_visits(root, stays)
        found = rows_of(ask_for.visits_of(table("visits"), table("people")), store, people={"person": sorted(people)})
    wanted = [(*one, "scan") for one in stays if one[0] in people]
    assert found == sorted(wanted, key=lambda one: (one[0], one[2], one[1], one[3]))


@slowly
@given(
    stays=st.lists(stay, max_size=20),
    windows=st.lists(window, max_size=4),
    halls=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=4),
)
def test_a_market_counts_everybody_in_its_halls_once_as_a_slow_count_does(stays, windows, halls):
    slow, seen = {}, set()
    for person, place, came, left in stays:
        minutes = set(range(came, left)) or {came}
        for at, since, until in windows:
            if minutes & set(range(since, until)):
                seen.add(person)
                if (place, at) in halls:
                    slow.setdefault(at, set()).add(person)
    small = {
        "windows": as_columns(("place", "minute_from", "minute_to"), windows),
        "members": as_columns(("place", "whole"), halls),
    }
    with fresh_log() as root:
        store = log_of_visits(root, stays)
        found = rows_of(ask_for.visitors(table("visits"), table("windows"), table("members")), store, **small)
        there = rows_of(ask_for.present(table("visits"), table("windows")), store, windows=small["windows"])
    assert found == [(place, len(people)) for place, people in sorted(slow.items())]
    assert there == [(person,) for person in sorted(seen)]


@slowly
@given(
    stays=st.lists(stay, max_size=20),
    carriers=st.lists(window, max_size=3),
    least=st.integers(1, 4),
    crowd=st.integers(1, 12),
)
def test_the_second_ring_equals_a_slow_search(stays, carriers, least, crowd):
    size = Counter(place for _, place, _, _ in stays)
    infected = {person for person, _, _ in carriers}
    slow = set()
    for carrier, since, until in carriers:
        for who, where, came, left in stays:
            for person, place, first, last in stays:
                shared = min(left, until, last) - max(came, since, first)
                if who == carrier and place == where and size[place] <= crowd and shared >= least:
                    slow.add(person)
    with fresh_log() as root:
        found = rows_of(
            ask_for.ring(table("visits"), table("carriers"), minutes=least, crowd=crowd),
            log_of_visits(root, stays),
            carriers=as_columns(("person", "minute_from", "minute_to"), carriers),
        )
    assert found == [(person,) for person in sorted(slow - infected)]


@slowly
@given(stays=st.lists(stay, max_size=20), cases=st.lists(stay, max_size=3), least=st.integers(1, 4))
def test_the_levels_of_a_day_equal_a_slow_judgement(stays, cases, least):
    linger, slow = 3, {}
    for case, where, since, until in cases:
        slow[case] = 3
        for person, place, came, left in stays:
            if place == where and came < until + linger and left > since:
                level = 2 if min(left, until) - max(came, since) >= least else 1
                slow[person] = max(level, slow.get(person, 0))
    with fresh_log() as root:
        found = rows_of(
            ask_for.day_levels(table("visits"), table("stays"), minutes=least, linger=linger),
            log_of_visits(root, stays),
            stays=as_columns(("person", "place", "minute_in", "minute_out"), cases),
        )
    assert found == [(0, person, level) for person, level in sorted(slow.items())]


def test_a_person_has_the_highest_level_of_the_days_kept_and_an_old_day_forgotten_lowers_it(store, ask):
    days = {"day": [18420, 18421, 18421], "person": [7, 7, 8], "level": [3, 1, 2]}
    store.append(
        "visits", as_columns(("person", "place", "minute_in", "minute_out", "source"), []), day=DAY, batch_id=""
    )

    assert ask(ask_for.status(table("levels")), levels=days) == [(7, 3), (8, 2)]
    kept = {name: column[1:] for name, column in days.items()}
    assert ask(ask_for.status(table("levels")), levels=kept) == [(7, 1), (8, 2)]


def test_a_visit_of_many_days_is_met_on_its_last(store, ask):
    """Meetings are looked for by day; a patient who lay in the ward all week is met by a visitor on Sunday."""
    columns = {"person": [1, 2], "place": [9, 9], "minute_in": [100, 9000], "minute_out": [10_000, 9100]}
    store.append("visits", {**columns, "source": ["scan"] * 2}, day=DAY, batch_id="a")
    met = ask_for.co_visits(table("visits"), table("stays"), 15)

    visitor = {"person": [2], "place": [9], "minute_in": [9000], "minute_out": [9100]}
    patient = {"person": [1], "place": [9], "minute_in": [100], "minute_out": [10_000]}
    assert ask(met, stays=visitor) == [(2, 1, 9, 9000, 9100, 100)]
    assert ask(met, stays=patient) == [(1, 2, 9, 9000, 9100, 100)]


@pytest.mark.parametrize("question", ["ring", "day_levels"])
def test_sharing_no_minute_is_no_meeting(question):
    asked = {
        "ring": lambda: ask_for.ring(table("visits"), table("carriers"), minutes=0, crowd=9),
        "day_levels": lambda: ask_for.day_levels(table("visits"), table("stays"), minutes=0, linger=9),
    }
    with pytest.raises(ValueError, match="minutes is 0"):
        asked[question]()


# --- cells: counts in pieces by the day they were recorded


def moment(at):
    return {"as_of": [at]}


NAMED = {"stream": ["symptom", "symptom"], "syndrome": ["*", "fever"], "name": [0, 1]}


def test_cells_name_the_day_recorded_and_leave_out_what_was_replaced_or_came_later(store, ask, fever):
    late = NOON + timedelta(days=1)
    rows = [fever(1), fever(2), fever(3, recorded_at=late), fever(4, syndromes=("rash",))]
    store.append("counts", submission_columns(rows), day=DAY, batch_id="a")
    asked = ask_for.cells(table("counts"), table("moment"), table("replaced"), table("names"), by=("place",))

    def seen(at, replaced=()):
        return ask(asked, moment=moment(at), replaced={"submission": list(replaced)}, names=NAMED)

    assert seen(NOON) == [(DAY, 0, 30, DAY, 3), (DAY, 1, 30, DAY, 2)]
    assert seen(NOON, [1]) == [(DAY, 0, 30, DAY, 2), (DAY, 1, 30, DAY, 1)]
    assert (DAY + timedelta(days=1), 1, 30, DAY, 1) in seen(late)


def test_a_day_of_recording_ends_at_midnight_in_the_city(store, ask, fever):
    rows = [
        fever(1, recorded_at=datetime(2020, 6, 11, 15, 59, tzinfo=UTC)),
        fever(2, recorded_at=NOON.replace(hour=16)),
    ]
    store.append("counts", submission_columns(rows), day=DAY, batch_id="a")

    assert [row[:3] for row in ask(ask_for.recorded(table("counts")))] == [(DAY, 1, 1), (date(2020, 6, 12), 2, 2)]


def test_corrections_and_names_are_listed_once(store, ask, fever):
    rows = [fever(1, syndromes=("fever", "rash")), fever(2, corrects=1), fever(3)]
    store.append("counts", submission_columns(rows), day=DAY, batch_id="a")

    assert [row[0] for row in ask(ask_for.corrections(table("counts")))] == [1]
    assert ask(ask_for.names_in(table("counts"))) == [("symptom", "*"), ("symptom", "fever"), ("symptom", "rash")]
