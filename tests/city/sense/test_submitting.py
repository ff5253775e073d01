"""What a site sends is counted once, row by row, or waits with a reason; nothing is lost."""

import json
from datetime import timedelta

import pytest
from django.utils.translation import override
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.city.reports import card, fever, id_number, message, sale, symptom
from tests.conftest import NOON

from citywatch.city.sense import services as sense
from citywatch.interop.tables.write import csv_bytes, xlsx_bytes
from citywatch.mechanisms.errors import Conflict, NotAllowed, NotFound, Refusal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.server import forms

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("chinese")]
SITES = {"symptom-registration": "110106018-C01", "fever-clinic-visit": "110106018-H01", "report-card": "110106018-H01"}
WHO = {"110106018-C01": "sentinel_nurse", "110106018-H01": "fever_nurse", "110106018-P01": "pharmacist"}


@pytest.fixture
def chinese():
    with override("zh-hans"):  # a page asked for earlier may have left another language behind
        yield


@pytest.fixture
def send(viewers):
    def send(code, body, *, site=None, who=None, key="m-1", channel="api", at=NOON):
        place = Place.objects.get(code=site or SITES.get(code, "110106018-C01"))
        by = viewers[who or WHO[place.code]]
        return forms.submit(
            code, body, channel=channel, site=place, source="test", message_id=key, sent_at=at, by=by, at=at
        )

    return send


def reasons():
    return [row.why_zh for row in QuarantinedRow.objects.order_by("number")]


def adds_up(outcome):
    return outcome.rows == len(outcome.stored) + outcome.duplicate + outcome.quarantined


def test_a_good_report_is_stored_without_its_identity(send):
    outcome = send("symptom-registration", message(symptom(home_street="110106024", address="新村街1号")))

    (row,) = Submission.objects.all()
    assert outcome.stored == (row.pk,)
    assert row.findings == ["fever", "cough_throat"]
    assert row.home_place.code == "110106024"
    assert not {"name", "id_number", "phone", "address"} & set(row.answers)
    assert "张甲" not in json.dumps(row.answers, ensure_ascii=False)


def test_bad_rows_wait_with_their_reason_and_the_good_ones_are_stored(send):
    outcome = send(
        "symptom-registration",
        message(symptom(1), symptom(2, temperature="48"), symptom(3, symptoms="headache"), symptom(4, onset_date="")),
    )

    assert len(outcome.stored) == 1
    assert outcome.quarantined == 3
    assert adds_up(outcome)
    assert [reason.split("：")[0] for reason in reasons()] == ["体温（℃）", "症状", "发病日期"]


def test_a_wrong_check_digit_is_refused_in_one_sentence(send):
    good = id_number(7)
    wrong = good[:17] + ("1" if good[17] != "1" else "2")

    send("symptom-registration", message(symptom(id_number=wrong)))

    assert "校验不通过" in reasons()[0]


def test_id_numbers_that_a_spreadsheet_cut_are_named_as_such(send):
    cut = [first + "000" for first in ("110106196801010", "110106197203040")]

    send("symptom-registration", message(*[symptom(n, id_number=number) for n, number in enumerate(cut, start=1)]))

    assert all("校验不通过" in reason or "电子表格" in reason for reason in reasons())
    assert len(reasons()) == 2


def test_a_long_number_rounded_by_excel_is_quarantined_and_not_stored_as_another_person(send):
    header = ["就诊时间", "姓名", "身份证号", "性别", "年龄", "年龄单位", "初诊/复诊", "发病日期", "症状", "去向"]
    row = ["2020-06-10 09:30", "张甲", "1.10106E+17", "男", "52", "岁", "初诊", "2020-06-09", "发热", "居家观察"]

    outcome = send("symptom-registration", csv_bytes(header, [row]), channel="csv")

    assert outcome.quarantined == 1
    assert "截断" in reasons()[0]
    assert not Submission.objects.exists()


def test_an_unknown_disease_code_is_named(send):
    send("report-card", message(card(disease="9999")))

    assert "“9999”不在代码表中" in reasons()[0]


def test_a_disease_not_yet_notifiable_on_the_day_of_diagnosis_is_refused(send):
    early = {"onset_date": "2020-01-08", "diagnosed_at": "2020-01-10T11:00", "filled_on": "2020-01-10"}

    send("report-card", message(card(disease="0103", **early), card(2, disease="0103")))

    assert Submission.objects.count() == 1
    assert "不在法定传染病目录中" in reasons()[0]


def test_a_revised_card_replaces_the_first_even_within_one_message(send):
    send("report-card", message(card(), card(card_type="2", revised_disease="3500")))
    send("report-card", message(card(card_type="2", revised_disease="4000")), key="m-2")

    first, second, third = Submission.objects.order_by("pk")
    assert (first.corrects_id, second.corrects_id, third.corrects_id) == (None, first.pk, second.pk)
    assert third.findings == ["4000"]


def test_the_same_batch_twice_is_stored_once(send):
    body = message(symptom(1), symptom(2))
    first, again = send("symptom-registration", body), send("symptom-registration", body)

    assert again.repeat
    assert again.stored == first.stored
    assert Submission.objects.count() == 2


def test_the_same_rows_under_another_id_count_as_duplicates(send):
    send("symptom-registration", message(symptom(1), symptom(2)))
    outcome = send("symptom-registration", message(symptom(2), symptom(3), symptom(3)), key="m-2")

    assert (len(outcome.stored), outcome.duplicate) == (1, 2)
    assert adds_up(outcome)


def test_the_same_id_with_other_content_is_a_conflict_and_both_are_kept(send):
    send("symptom-registration", message(symptom(1)))

    with pytest.raises(Conflict, match="已用于其他内容"):
        send("symptom-registration", message(symptom(2)))

    assert Receipt.objects.count() == 2
    assert Submission.objects.count() == 1


def test_text_that_is_not_json_is_refused_and_its_bytes_are_kept(send):
    with pytest.raises(Refusal, match="不是有效的JSON"):
        send("symptom-registration", b"\xff\xfe garbage")

    assert receipts.body_of(Receipt.objects.get()) == b"\xff\xfe garbage"


def test_a_file_in_no_known_encoding_is_refused_with_its_row(send):
    with pytest.raises(Refusal, match="第2行：既不是 UTF-8"):
        send("symptom-registration", "姓名,性别\n".encode() + b"\xff\xff\x80,\xb2\n", channel="csv")


@pytest.mark.parametrize("encode", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_chinese_spreadsheet_is_read_in_the_encodings_that_clinics_use(send, encode):
    text = "就诊日期,患者姓名,身份证号码,性别,年龄,年龄单位,初诊/复诊,发病日期,主要症状,去向\n"
    text += f"2020/6/10 9:30,张三,{id_number(5)},男,52,岁,初诊,2020/6/9,发热、皮疹,居家观察\n"

    outcome = send("symptom-registration", text.encode(encode), channel="csv")

    assert len(outcome.stored) == 1
    row = Submission.objects.get()
    assert row.findings == ["fever", "rash"]
    assert row.occurred_at.isoformat() == "2020-06-10T01:30:00+00:00"


def test_a_spreadsheet_that_says_yes_in_chinese_still_owes_the_barcode(send):
    asked = forms.form("fever-clinic-visit")
    values = {**fever(), "pcr_ordered": "是", "sample_barcode": ""}
    header = [question.label.zh for question in asked.questions]
    body = xlsx_bytes(header, [[values.get(question.name, "") for question in asked.questions]])

    outcome = send("fever-clinic-visit", body, channel="xlsx")

    assert outcome.quarantined == 1
    assert reasons()[0].startswith("标本条码")


def test_an_unknown_column_refuses_the_file_rather_than_dropping_what_somebody_wrote(send):
    with pytest.raises(Refusal, match="没有“病房”列"):
        send("symptom-registration", "姓名,病房\n张三,3\n".encode(), channel="csv")


def test_one_number_with_two_names_is_never_merged(send):
    send("symptom-registration", message(symptom(1)))
    outcome = send("symptom-registration", message(symptom(1, name="别人")), key="m-2")

    assert outcome.quarantined == 1
    assert "另一姓名" in reasons()[0]


def test_a_site_cannot_report_for_another_site(send):
    with pytest.raises(NotAllowed):
        send("symptom-registration", message(symptom()), site="110106024-S01", who="sentinel_nurse")

    assert not Receipt.objects.exists()


def test_an_unknown_form_is_refused_naming_those_that_exist(send):
    with pytest.raises(NotFound, match="symptom-registration"):
        send("weather", message({}))


def test_a_killed_worker_leaves_a_receipt_that_is_finished_once(send, viewers, monkeypatch):
    from citywatch.mechanisms.forms import storing

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storing, "store", killed)
        with pytest.raises(KeyboardInterrupt):
            send("symptom-registration", message(symptom(1), symptom(2, age="x")))
    assert Receipt.objects.get().state == "received"

    later = NOON + timedelta(minutes=5)
    assert sense.finish_unfinished(forms.DECODERS, later) == 1
    assert sense.finish_unfinished(forms.DECODERS, later) == 0
    again = send("symptom-registration", message(symptom(1), symptom(2, age="x")))

    assert (len(again.stored), again.quarantined, again.repeat) == (1, 1, True)
    assert Submission.objects.count() == 1


def test_a_receipt_that_cannot_be_read_does_not_stop_the_others(send, viewers):
    site = Place.objects.get(code="110106018-C01")
    for number, body in enumerate([b"not json", message(symptom(1))]):
        receipts.take(
            body,
            source="test",
            message_id=f"left-{number}",
            channel="api",
            form="symptom-registration",
            place=site,
            sent_at=NOON,
            at=NOON,
        )

    assert sense.finish_unfinished(forms.DECODERS, NOON + timedelta(minutes=5)) == 1
    assert sorted(Receipt.objects.values_list("state", flat=True)) == ["processed", "refused"]


def test_a_mended_row_is_stored_and_leaves_the_list(send, viewers):
    send("symptom-registration", message(symptom(1, temperature="82")))
    row = QuarantinedRow.objects.get()

    outcome = sense.mend(row.pk, symptom(1, temperature="38.2"), by=viewers["sentinel_nurse"], at=NOON)

    row.refresh_from_db()
    assert len(outcome.stored) == 1
    assert row.settled_at == NOON


def test_a_row_is_dropped_only_with_a_reason_and_by_its_own_site(send, viewers):
    send("symptom-registration", message(symptom(1, temperature="82")))
    row = QuarantinedRow.objects.get()

    with pytest.raises(Refusal, match="须填写理由"):
        sense.drop(row.pk, because=" ", by=viewers["sentinel_nurse"], at=NOON)
    with pytest.raises(NotFound):
        sense.drop(row.pk, because="测试", by=viewers["pharmacist"], at=NOON)
    sense.drop(row.pk, because="患者登记有误", by=viewers["sentinel_nurse"], at=NOON)

    row.refresh_from_db()
    assert row.settled_at == NOON


VALUES = st.one_of(
    st.just(""), st.sampled_from(["Y", "2020-06-10T09:30", "fever", "110106018", "\x00", "锟斤拷"]), st.text(max_size=8)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from([*symptom(), "home_street", "nonsense"]), VALUES, max_size=4), max_size=4
    )
)
def test_whatever_arrives_received_is_stored_plus_duplicate_plus_quarantined(send, rows):
    body = message(*[{**symptom(n % 2), **row} for n, row in enumerate(rows)])

    outcome = send("symptom-registration", body, key=f"h-{hash(body)}")

    assert outcome.rows == len(rows)
    assert adds_up(outcome)


def test_all_forms_read_their_own_headers_and_no_header_means_two_questions():
    for form in forms.ALL_FORMS:
        names = [h for q in form.questions for h in {q.name, q.label.zh, q.label.en, *q.aliases}]
        assert len(names) == len(set(names)), form.code


def test_a_sale_is_counted_under_its_drug_class(send):
    send("pharmacy-sale", message(sale()), site="110106018-P01")

    assert Submission.objects.get().findings == ["antipyretic"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_date_beyond_every_calendar_waits_with_a_reason_and_the_others_are_stored(send, day):
    outcome = send("symptom-registration", message(symptom(1, visit_at=f"{day}T00:00"), symptom(2)))

    assert (len(outcome.stored), outcome.quarantined) == (1, 1)
    assert "不是有效时间" in reasons()[0]


def test_a_receipt_the_system_fails_on_stops_no_other_and_says_why(send, viewers, monkeypatch):
    from citywatch.mechanisms.forms import storing
    from citywatch.mechanisms.journal.models import Entry

    site = Place.objects.get(code="110106018-C01")
    for number in (1, 2):
        receipts.take(
            message(symptom(number)), source="test", message_id=f"left-{number}", channel="api",
            form="symptom-registration", place=site, sent_at=NOON, at=NOON,
        )  # fmt: skip
    store, broken = storing.store, [True]

    def sometimes(messages):
        if broken and messages[0].receipt.message_id == "left-1":
            raise ArithmeticError("no room\nDETAIL: 张甲1")
        return store(messages)

    monkeypatch.setattr(storing, "store", sometimes)
    later = NOON + timedelta(minutes=5)
    assert [sense.finish_unfinished(forms.DECODERS, later) for _ in range(3)] == [1, 0, 0]
    left = Receipt.objects.get(message_id="left-1")
    assert (left.state, left.why) == ("received", "ArithmeticError: no room")
    assert Entry.objects.filter(kind="sense.receipt_failed").count() == 1

    broken.clear()
    assert sense.finish_unfinished(forms.DECODERS, later) == 1
    assert Submission.objects.count() == 2


def test_a_reason_kept_in_the_open_does_not_say_a_name_or_number_that_slipped_into_a_column(send):
    slipped = [
        symptom(1, age="张小明"),
        symptom(2, temperature="13900001111"),
        symptom(3, onset_date="110106196801010011"),
        symptom(4, symptoms="fever;欧阳娜"),
        symptom(5, temperature="82"),
    ]
    send("symptom-registration", message(*slipped))

    told = " ".join(f"{row.why_zh} {row.why_en}" for row in QuarantinedRow.objects.all())
    for secret in ("张小明", "13900001111", "110106196801010011", "欧阳娜"):
        assert secret not in told
    assert "82" in told
    assert receipts.values_of(QuarantinedRow.objects.get(number=1))["age"] == "张小明"
