"""Visits come by the hundred thousand, are proven by a receipt, and stay out of the database."""

import json
from datetime import date

import duckdb
import numpy as np
import pytest
from django.utils.translation import override
from tests.city.reports import id_number
from tests.conftest import NOON

from citywatch.city.sense import services as sense
from citywatch.city.sense import visits
from citywatch.eventlog import arrow as arrow_door
from citywatch.eventlog.expressions import table
from citywatch.mechanisms.errors import Conflict, NotAllowed, Refusal
from citywatch.mechanisms.journal.export import engine, store
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.services import enrol, find
from citywatch.mechanisms.vault.types import Identity
from citywatch.server import forms

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("chinese")]
MARKET = "110106018-M01"
STAY = (id_number(1), MARKET, "2020-06-01T00:30:30", "2020-06-01T01:00:30")


def parquet(tmp_path, *rows):
    ids, places, ins, outs = zip(*rows, strict=True)
    columns = {
        "id_number": np.array(ids, dtype=object),
        "place_code": np.array(places, dtype=object),
        "time_in": np.array(ins, dtype="datetime64[us]"),
        "time_out": np.array(outs, dtype="datetime64[us]"),
    }
    path = tmp_path / "v.parquet"
    with duckdb.connect() as connection:
        connection.register("v", columns)
        connection.execute(f"COPY (SELECT * FROM v) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


@pytest.fixture
def chinese():
    with override("zh-hans"):  # a page asked for earlier may have left another language behind
        yield


@pytest.fixture
def take(viewers, tmp_path):
    def take(*rows, key="v-1", body=None):
        site = Place.objects.get(code="110106018-P01")
        return visits.take_visits(
            parquet(tmp_path, *rows) if body is None else body,
            site=site, source="scan", message_id=key, by=viewers["pharmacist"], at=NOON,
        )  # fmt: skip

    return take


def in_log():
    found = engine().run(table("visits"), store().pin())
    return sorted(zip(*(found[c].tolist() for c in ("person", "place", "minute_in", "minute_out")), strict=True))


def test_a_stay_reaches_the_log_under_a_number_in_whole_minutes(take):
    taken = take(STAY)

    minute = int(np.datetime64("2020-06-01T00:30", "m").astype(int))
    assert (taken.rows, taken.stored) == (1, 1)
    assert in_log() == [(find(id_number=STAY[0]), Place.objects.get(code=MARKET).pk, minute, minute + 31)]


def test_a_day_that_was_let_go_is_not_taken_in_again_and_the_others_are(take):
    store().retain("visits", date(2020, 6, 2))
    before_midnight = (*STAY[:2], "2020-06-01T15:59", "2020-06-01T16:30")

    taken = take(before_midnight, (*STAY[:2], "2020-06-01T16:00", "2020-06-01T16:30"))

    assert (taken.rows, taken.stored, taken.quarantined) == (2, 1, 1)
    assert "no longer kept" in QuarantinedRow.objects.get().why_en


def test_bad_rows_wait_and_everything_adds_up(take):
    taken = take(
        STAY,
        STAY,
        (id_number(2), "nowhere", *STAY[2:]),
        (id_number(3), MARKET, STAY[3], STAY[2]),
        ("110106196801010019"[:17] + "Y", MARKET, *STAY[2:]),
    )

    assert (taken.rows, taken.stored, taken.duplicate) == (5, 1, 1)
    assert taken.quarantined == 3
    assert len(in_log()) == 1


def test_the_same_file_twice_is_counted_once_and_another_under_its_name_is_a_conflict(take):
    first, again = take(STAY), take(STAY)

    assert (again.repeat, again.receipt_id) == (True, first.receipt_id)
    assert len(in_log()) == 1
    with pytest.raises(Conflict):
        take((id_number(9), *STAY[1:]))


def test_a_visitor_is_the_same_person_as_the_patient_known_before_and_after(take, viewers):
    clinic = Place.objects.get(code="110106018-C01")
    before = enrol(Identity(name="张甲", id_number=id_number(1)), place=clinic, relation="reporting", at=NOON)
    take(STAY, (id_number(2), *STAY[1:]))
    after = enrol(Identity(name="李乙", id_number=id_number(2)), place=clinic, relation="reporting", at=NOON)

    assert {row[0] for row in in_log()} == {before.pk, after.pk}
    assert Person.objects.count() == 2


def test_a_worker_killed_between_log_and_count_is_finished_without_doubling(take, monkeypatch):
    from datetime import timedelta

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(receipts, "close", killed)
        with pytest.raises(KeyboardInterrupt):
            take(STAY)
    assert Receipt.objects.get().state == "received"

    assert sense.finish_unfinished(forms.DECODERS, NOON + timedelta(minutes=5)) == 1
    assert Receipt.objects.get().stored == 1
    assert len(in_log()) == 1


def test_a_file_that_is_no_parquet_is_refused_and_kept(take):
    with pytest.raises(Refusal, match="无法读取到访文件"):
        take(body=b"not parquet")

    assert Receipt.objects.get().state == "refused"


def lines(*rows):
    names = ("id_number", "place_code", "time_in", "time_out")
    return "\n".join(
        row if isinstance(row, str) else json.dumps(dict(zip(names, row, strict=True))) for row in rows
    ).encode()


def arrow(*rows, names=("id_number", "place_code", "time_in", "time_out")):
    """An Arrow IPC stream, written by the library that senders would use or, without it, left out."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow writes the stream; it comes with make setup-cluster")
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns[2:] = [np.array(column, dtype="datetime64[us]") for column in columns[2:]]
    batch = pa.table(dict(zip(names, columns, strict=True)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(batch)
    return sink.getvalue().to_pybytes()


def test_json_lines_and_arrow_say_the_same_as_parquet(take):
    city_time = (STAY[0], STAY[1], "2020-06-01T08:30:30", "2020-06-01T09:00:30+08:00")  # UTC+8, said or not
    take(STAY)
    by_parquet = in_log()
    take(body=lines(city_time), key="v-2")
    take(body=arrow(STAY), key="v-3")

    assert in_log() == sorted(by_parquet * 3)


def test_a_line_that_cannot_be_read_waits_and_holds_up_no_other(take, viewers):
    unread = '{"id_number": 12, "place_code": ["x"]}'
    taken = take(body=lines(STAY, unread, "", '{"id_num', (*STAY[:3], "soon")))

    assert (taken.rows, taken.stored, taken.quarantined) == (4, 1, 3)
    waiting = list(QuarantinedRow.objects.order_by("number"))
    assert [row.number for row in waiting] == [2, 4, 5]
    assert receipts.values_of(waiting[0])["line"] == unread
    assert "JSON" in waiting[0].why_en
    assert "time out" in waiting[2].why_en


def test_a_waiting_visit_is_mended_as_a_new_message(take, viewers):
    take((id_number(2), "nowhere", *STAY[2:]))
    row = QuarantinedRow.objects.get()
    told = dict(zip(visits.COLUMNS, (id_number(2), MARKET, "2020-06-01T08:30", "2020-06-01T09:00"), strict=True))
    outcome = sense.mend(row.pk, told, by=viewers["pharmacist"], at=NOON)

    row.refresh_from_db()
    assert (outcome.rows, outcome.quarantined, row.settled_at) == (1, 0, NOON)
    assert len(in_log()) == 1


@pytest.mark.parametrize("cut", [4, 100, -40])
def test_a_damaged_stream_ends_only_the_reader_that_tried_it(take, cut):
    body = arrow(STAY)
    damaged = body[:cut] + b"\x7f" * 8 + body[cut + 8 :]
    with pytest.raises(Refusal, match="无法读取到访文件"):
        take(body=damaged if cut > 0 else body[:cut])

    assert Receipt.objects.get().state == "refused"


def test_a_stream_without_a_column_is_refused_and_kept(take):
    with pytest.raises(Refusal, match="无法读取到访文件"):
        take(body=arrow(STAY, names=("id_number", "place", "time_in", "time_out")))

    assert Receipt.objects.get().state == "refused"


def test_a_reader_that_dies_is_a_refusal_not_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow_door.sys, "executable", "/bin/false")
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(arrow_door.Unreadable, match="ended with 1"):
        arrow_door.to_parquet(tmp_path / "a", tmp_path / "b", visits.COLUMNS)


def test_a_feed_may_only_come_from_a_site_that_may_send(viewers, tmp_path):
    with pytest.raises(NotAllowed):
        visits.take_visits(
            parquet(tmp_path, STAY), site=Place.objects.get(code="110106018-P01"), source="scan", message_id="x",
            by=viewers["press"], at=NOON,
        )  # fmt: skip
