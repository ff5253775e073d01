"""The store keeps what it acknowledged, once, whatever is merged, let go or repeated."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from citywatch.eventlog import levels
from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.expressions import table
from citywatch.eventlog.rebuild import EntryRow, batches_of, rebuild, submission_columns
from citywatch.eventlog.segments import Batch, Store

DAY = date(2020, 6, 11)
AT_ONCE = timedelta(0)


def visits(*people):
    some = list(people)
    zeros = np.zeros(len(some), dtype="int32")
    return {"person": some, "place": zeros, "minute_in": zeros, "minute_out": zeros + 5, "source": ["scan"] * len(some)}


def people_in(store, version):
    return sorted(open_engine(store=store).run(table("visits").select("person"), version)["person"].tolist())


def test_a_batch_sent_twice_is_acknowledged_twice_and_kept_once(store):
    assert store.append("visits", visits(1, 2), day=DAY, batch_id="gate-7") is True
    assert store.append("visits", visits(1, 2), day=DAY, batch_id="gate-7") is False
    assert people_in(store, store.pin()) == [1, 2]


def test_the_same_batch_id_in_another_table_is_another_batch(store, fever):
    store.append("visits", visits(1), day=DAY, batch_id="7")
    assert store.append("counts", submission_columns([fever(1)]), day=DAY, batch_id="7")


def test_a_reader_sees_the_version_it_pinned_while_the_log_moves_on(store):
    store.append("visits", visits(1), day=DAY, batch_id="a")
    store.append("visits", visits(2), day=DAY, batch_id="b")
    pinned = store.pin()
    store.compact("visits", DAY)
    store.append("visits", visits(3), day=DAY, batch_id="c")
    store.retain("visits", DAY + timedelta(days=1))
    store.sweep(older_than=timedelta(hours=1))

    assert people_in(store, pinned) == [1, 2]
    assert people_in(store, store.pin()) == []


def test_merging_a_day_keeps_every_row_once_and_leaves_other_days_alone(store):
    for number in range(5):
        store.append("visits", visits(number), day=DAY, batch_id=f"b{number}")
    store.append("visits", visits(99), day=DAY + timedelta(days=1), batch_id="next day")

    assert store.compact("visits", DAY) == 5
    assert store.days("visits") == {DAY: 1, DAY + timedelta(days=1): 1}
    assert people_in(store, store.pin()) == [0, 1, 2, 3, 4, 99]
    assert store.append("visits", visits(3), day=DAY, batch_id="b3") is False


def test_merging_may_forget_batch_ids_when_asked(store):
    store.append("visits", visits(1), day=DAY, batch_id="a")
    store.append("visits", visits(2), day=DAY, batch_id="b")
    store.compact("visits", DAY, keep_batch_ids=False)

    assert store.append("visits", visits(1), day=DAY, batch_id="a") is True


def test_days_let_go_leave_the_disk_at_the_next_sweep_and_cannot_come_back(store):
    store.append("visits", visits(1), day=DAY, batch_id="a")
    store.append("visits", visits(2), day=DAY + timedelta(days=1), batch_id="b")

    assert store.retain("visits", DAY + timedelta(days=1)) == 1
    assert store.sweep(older_than=timedelta(hours=1)) == 0
    assert store.sweep(older_than=AT_ONCE) == 1
    assert [file.parent.name for file in store.root.glob("visits/*/*")] == ["day=2020-06-12"]
    with pytest.raises(ValueError, match="keeps days from 2020-06-12"):
        store.append("visits", visits(1), day=DAY, batch_id="a")


def test_levels_kept_beside_the_tables_are_left_alone_by_a_sweep(store):
    folder, found = store.root / "levels", {"person": np.array([1]), "level": np.array([2])}
    levels.record(folder, 18_424, found, made_from="a")

    assert store.sweep(older_than=AT_ONCE) == 0
    assert levels.status(folder, first_day=18_424, last_day=18_424).tolist() == [0, 2]


def test_emptying_the_log_empties_every_table(store, fever):
    store.append("visits", visits(1), day=DAY, batch_id="a")
    store.append("counts", submission_columns([fever(1)]), day=DAY, batch_id="a")
    store.reset()

    assert not any(store.pin().files.values())
    assert store.append("visits", visits(1), day=DAY, batch_id="a") is True


def test_a_rebuild_replaces_what_the_journal_holds_and_leaves_the_visits(store, ask, fever):
    store.append("visits", visits(1), day=DAY, batch_id="a")
    store.append("counts", submission_columns([fever(1), fever(2)]), day=DAY, batch_id="a")
    entry = EntryRow(
        writer="web-1",
        seq=4,
        kind="sense.submitted",
        place=30,
        at=datetime(2020, 6, 11, 4, tzinfo=UTC),
        subject_kind="submission",
        subject=9,
        actor="u1",
    )

    assert rebuild(store, [fever(9), entry]) == 3  # the submission, its fever, the entry
    assert ask(table("counts").select("submission").distinct()) == [(9,)]
    assert ask(table("entries").select("writer", "seq", "subject")) == [("web-1", 4, 9)]
    assert people_in(store, store.pin()) == [1]


def test_a_rebuild_that_fails_half_way_changes_nothing(store, ask, fever):
    store.append("counts", submission_columns([fever(1)]), day=DAY, batch_id="a")

    with pytest.raises(ValueError, match="each once"):
        rebuild(store, [fever(2), fever(3, syndromes=("rash", "rash"))])

    assert ask(table("counts").select("submission").distinct()) == [(1,)]


def test_a_late_evening_report_belongs_to_the_citys_day_not_to_greenwichs(fever):
    just_after_midnight = datetime(2020, 6, 10, 16, 1, tzinfo=UTC)
    (batch,) = batches_of([fever(1, recorded_at=just_after_midnight)], batch_id="a")

    assert batch.day == DAY


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("person", [2**31], "outside"),
        ("person", [1.5], "not whole numbers"),
        ("source", [None], "not text"),
        ("person", [1, 2], "differ in length"),
    ],
)
def test_a_value_the_column_cannot_hold_is_refused_and_nothing_is_kept(store, column, values, complaint):
    with pytest.raises(ValueError, match=complaint):
        store.append("visits", {**visits(1), column: values}, day=DAY, batch_id="a")
    assert store.pin().number == 0


def test_an_instant_without_a_time_zone_is_refused(fever):
    with pytest.raises(ValueError, match="time zone"):
        submission_columns([fever(1, recorded_at=datetime(2020, 6, 11, 4))])  # noqa: DTZ001  the point of the test


def test_a_table_with_a_missing_column_is_refused_by_name(store):
    with pytest.raises(ValueError, match="minute_out"):
        store.append("visits", {"person": [1], "place": [1], "minute_in": [1], "source": ["x"]}, day=DAY, batch_id="a")


def test_two_batches_of_one_name_cannot_come_together(store):
    one = Batch("visits", visits(1), DAY, "a")
    with pytest.raises(ValueError, match="twice at once"):
        store.append_together([one, one])
    assert store.pin().number == 0


def test_a_log_in_a_directory_with_an_awkward_name_works(tmp_path):
    store = Store(tmp_path / "城市's log")
    store.append("visits", visits(4), day=DAY, batch_id="批次 'x'")
    assert people_in(store, store.pin()) == [4]
