"""Every row that came is stored, a repeat or in quarantine; where one is not, somebody is told within minutes."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.city.reports import message, symptom
from tests.conftest import NOON
from tests.hostile.corpus import cases

from citywatch.city.registry.queries import city_place
from citywatch.interop.tables.counting import BY_CHANNEL, rows_of_csv, rows_of_xlsx
from citywatch.interop.tables.read import read_table
from citywatch.interop.tables.write import csv_bytes, xlsx_bytes
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotAllowed, NotFound, Refusal
from citywatch.mechanisms.forms import ledger, storing
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.server import forms, jobs

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
CLINIC = "110106018-C01"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def send(city):
    """Send rows of the eight-symptom register, by any channel."""
    place = Place.objects.get(code=CLINIC)
    by = machine("his", place=place, abilities=["sense.submit"])

    def send(name, *orders, body=None, channel="api"):
        sent = body if body is not None else message(*(symptom(order) for order in orders))
        return forms.submit(
            "symptom-registration", sent, channel=channel, site=place, source=f"api:{CLINIC}", message_id=name,
            sent_at=NOON, by=by, at=NOON,
        )  # fmt: skip

    return send


@pytest.fixture
def check(city, at_noon):
    """The job, minutes after noon."""

    def check(minutes=6):
        clock.now = lambda: NOON + minutes * MINUTE
        return jobs.account_for()

    before = clock.now
    yield check
    clock.now = before


def as_file(write, *rows):
    asked = forms.form("symptom-registration")
    names = [question.name for question in asked.questions]
    return write(
        [question.label.zh for question in asked.questions], [[row.get(name, "") for name in names] for row in rows]
    )


def told(kinds=ledger.KINDS):
    return [entry.kind for entry in Entry.objects.filter(kind__in=kinds).order_by("pk")]


def difference():
    (one,) = ledger.standing().body["differences"]
    return one


def test_an_ordinary_day_adds_up_and_nobody_is_told_anything(send, check):
    send("json", 1, 2, 3)
    send("again", 3, 4)
    send("wrong", body=message(symptom(5), symptom(6, temperature="99")))
    send("csv", body=as_file(csv_bytes, symptom(7), symptom(8)), channel="csv")
    send("xlsx", body=as_file(xlsx_bytes, symptom(9), symptom(9), symptom(10)), channel="xlsx")
    with pytest.raises(Refusal):
        send("refused", body=b"{", channel="api")
    export.catch_up()

    found = check()

    assert (found.messages, found.rows, found.differences) == (6, 12, ())
    assert told() == []
    assert check(12).messages == 0, "each message is looked at once"
    assert ledger.last_check() == NOON + 7 * MINUTE


def test_a_stored_row_that_is_gone_is_named_until_somebody_answers_for_it(send, check, client_as):
    send("whole", 1, 2)
    receipt = send("short", 3, 4, 5).receipt_id
    lost = Submission.objects.get(receipt=receipt, row=2)
    Submission.objects.filter(pk=lost.pk)._raw_delete("default")
    export.catch_up()
    check()

    assert difference() == {
        "receipt": receipt, "source": f"api:{CLINIC}", "message_id": "short",
        "stage": "stored", "expected": 3, "found": 2, "rows": [2],
    }  # fmt: skip
    page = client_as("duty_officer").get("/warn/").content.decode()
    export.catch_up()
    assert f"来源 api:{CLINIC} 报文 short 入库行数与记账不符（应3，实2），第2行" in page
    assert "收发对账不符" not in client_as("investigator_xicheng").get("/").content.decode()
    check(12)
    assert told() == ["ledger.differs"], "said once"

    operator = machine("operator", place=city_place(), abilities=["receipt.view", ledger.SETTLE])
    with pytest.raises(Refusal):
        ledger.settle(receipt, because=" ", by=operator, at=NOON)
    with pytest.raises(NotFound):
        ledger.settle(receipt, because="x", by=machine("x", place=city_place(), abilities=[]), at=NOON)
    with pytest.raises(NotAllowed):
        ledger.settle(receipt, because="x", by=machine("x", place=city_place(), abilities=["receipt.view"]), at=NOON)
    ledger.settle(receipt, because="第2行已请医院重发", by=operator, at=NOON)
    export.catch_up()
    check(18)
    assert told() == ["ledger.differs", "ledger.agrees"]
    assert ledger.standing() is None


def test_a_reader_that_drops_the_last_row_is_found_out_by_a_count_of_another_kind(send, check, monkeypatch):
    for channel, write in (("csv", csv_bytes), ("xlsx", xlsx_bytes)):
        asked, whole = forms.DECODERS["symptom-registration", channel]
        monkeypatch.setitem(
            forms.DECODERS, ("symptom-registration", channel), (asked, lambda body, whole=whole: whole(body)[:-1])
        )
        send(channel, body=as_file(write, symptom(1), symptom(2), symptom(3)), channel=channel)
    check()

    wrong = ledger.standing().body["differences"]
    assert [(one["message_id"], one["stage"], one["expected"], one["found"]) for one in wrong] == [
        ("csv", "read", 3, 2),
        ("xlsx", "read", 3, 2),
    ]


def test_a_row_of_which_the_journal_says_nothing_is_named(send, check, monkeypatch):
    whole = storing.journal.record_each
    monkeypatch.setattr(storing.journal, "record_each", lambda drafts: whole(drafts[: 1 if len(drafts) > 1 else None]))
    send("short", 1, 2)
    check()

    assert (difference()["stage"], difference()["rows"]) == ("journaled", [2])


def test_a_row_that_never_reached_quarantine_is_missed(send, check):
    send("wrong", body=message(symptom(1, temperature="99"), symptom(2)))
    QuarantinedRow.objects.all()._raw_delete("default")
    check()

    assert (difference()["stage"], difference()["rows"]) == ("quarantined", [1])


def test_a_message_that_waits_ten_minutes_is_told_of_until_it_is_read(send, check, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(storing, "store", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send("stuck", 1, 2)
    check(9)
    assert told() == []
    check(11)
    assert (difference()["stage"], difference()["message_id"]) == ("waiting", "stuck")

    jobs.finish_receipts()
    Submission.objects.filter(row=2)._raw_delete("default")
    check(17)
    assert difference()["stage"] == "stored", "what is read late is looked at too"


@pytest.mark.parametrize("fault", ["lost", "twice", "not taken up"])
def test_an_entry_that_is_not_once_in_the_log_is_told_of(send, check, monkeypatch, fault):
    send("first", 1)
    export.catch_up()
    send("second", 2, 3)
    send("third", 4)
    whole = export.rows_of

    def spoilt(entry, areas):
        rows = whole(entry, areas)
        if entry.body.get("row") == 2:
            return [] if fault == "lost" else rows * 2
        return rows

    if fault != "not taken up":
        monkeypatch.setattr(export, "rows_of", spoilt)
        export.catch_up()
    check(12)

    assert {one["stage"] for one in ledger.standing().body["differences"]} == {"logged"}
    monkeypatch.setattr(export, "rows_of", whole)
    export.catch_up() if fault == "not taken up" else export.rebuild()
    check(18)
    assert ledger.standing() is None


def test_a_message_nobody_can_open_is_a_difference_and_stops_no_check(send, check):
    receipt = send("sealed", 1).receipt_id
    Receipt.objects.filter(pk=receipt).update(sealed=b"\x01" + b"0" * 40)
    send("next", 2)
    assert check().messages == 2
    assert difference()["message_id"] == "sealed"


@pytest.mark.parametrize("case", [one for one in cases() if one.verdict != "refused"], ids=lambda case: case.name)
def test_the_plain_count_agrees_with_the_reader_on_all_that_is_taken_of_the_hostile_corpus(case):
    body = case.content
    channel = "csv" if case.channel == "xlsx" and not body.startswith(b"PK") else case.channel
    _, decode = forms.DECODERS["symptom-registration", channel]
    assert BY_CHANNEL[channel](body) == len(decode(body))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(WORDS, min_size=3, max_size=3), max_size=12),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
)
def test_the_plain_count_of_a_csv_file_is_what_its_reader_gives(rows, encoding):
    out = StringIO()
    csv.writer(out).writerows([["姓名", "年龄", "症状"], *rows])
    body = out.getvalue().encode(encoding)
    try:
        read = read_table(body)
    except Refusal:
        return
    assert rows_of_csv(body) == len(read.rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(WORDS, min_size=2, max_size=2), max_size=8))
def test_the_plain_count_of_a_workbook_is_what_its_reader_gives(rows):
    body = xlsx_bytes(["姓名", "年龄"], rows)
    assert rows_of_xlsx(body) == len(read_table(body).rows)
