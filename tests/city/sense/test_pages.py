"""A nurse reports on a phone, in either language, and sees her own institution only."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.city.reports import absence, id_number, symptom

from citywatch.city.registry.services import NewSite, add_sites, grant, make_account
from citywatch.interop.tables.read import read_table
from citywatch.interop.tables.write import xlsx_bytes
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.server import forms

pytestmark = pytest.mark.django_db
FORM = "/sense/forms/symptom-registration/"


def posted(**more):
    row = symptom(**more)
    return {**row, "symptoms": row["symptoms"].split(";"), "token": "t-1"}


@pytest.fixture
def nurse(client_as, at_noon):
    return client_as("sentinel_nurse")


def text(response):
    return response.content.decode()


def test_the_home_page_offers_the_sites_own_form_in_chinese(nurse):
    page = text(nurse.get("/sense/"))

    assert "八项症状登记" in page
    assert "发热门诊就诊登记" not in page
    assert "今日零报告：八项症状" in page


def test_the_home_page_speaks_english_too(nurse):
    page = text(nurse.get("/sense/", headers={"accept-language": "en"}))

    assert "Eight-symptom registration" in page
    assert "Nothing today: Eight symptoms" in page


def test_the_form_opens_with_now_and_the_usual_answers_filled_in(nurse):
    page = text(nurse.get(FORM))

    assert 'value="2020-06-11T12:00"' in page
    assert re.search(r'value="first"\s+checked', page)
    assert page.index('name="id_number"') < page.index('<details class="card"')


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_posted_report_is_stored_and_answered_with_its_receipt(nurse, language):
    answer = nurse.post(FORM, posted(), headers={"accept-language": language}, follow=True)

    receipt = Receipt.objects.get()
    assert answer.redirect_chain[0][0] == f"/sense/done/{receipt.pk}/"
    assert re.search(f"回执[^<]*{receipt.pk}" if language == "zh-hans" else f"Receipt no. {receipt.pk}", text(answer))
    assert Submission.objects.get().findings == ["fever", "cough_throat"]


def test_an_id_number_fills_sex_and_age_where_the_page_left_them_empty(nurse):
    nurse.post(FORM, posted(sex="", age="", age_unit="", id_number=id_number(2, born="20190312")))

    answers = Submission.objects.get().answers
    assert (answers["sex"], answers["age"], answers["age_unit"]) == ("F", 1, "Y")


def test_a_double_tap_stores_one_report(nurse):
    nurse.post(FORM, posted())
    nurse.post(FORM, posted())

    assert Submission.objects.count() == 1


def test_a_mistake_is_shown_beside_its_question_and_nothing_is_stored(nurse):
    answer = nurse.post(FORM, posted(temperature="48"))

    assert answer.status_code == 422
    assert "超出范围" in text(answer)
    assert 'value="张甲1"' in text(answer)
    assert not Receipt.objects.exists()


def test_names_are_masked_on_the_list_of_today(nurse):
    nurse.post(FORM, posted(visit_at="2020-06-11T09:00"))
    page = text(nurse.get("/sense/"))

    assert "张**" in page
    assert "张甲" not in page


def test_one_tap_reports_zero_and_a_second_changes_nothing(nurse):
    tap = {"site": "110106018-C01", "stream": "symptom", "day": "2020-06-11"}
    nurse.post("/sense/zero/", tap)
    nurse.post("/sense/zero/", tap)

    zero = Submission.objects.get()
    assert (zero.form, zero.stream, zero.count) == ("zero-report", "symptom", 0)
    assert "今日零报告" not in text(nurse.get("/sense/"))


def test_a_nurse_cannot_tap_or_post_for_another_site(nurse):
    assert (
        nurse.post("/sense/zero/", {"site": "110106024-S01", "stream": "symptom", "day": "2020-06-11"}).status_code
        == 403
    )
    assert nurse.post(FORM, {**posted(), "site": "110106024-S01"}).status_code == 403
    assert not Submission.objects.exists()


def test_the_coverage_page_lists_the_silent_for_the_duty_officer(client_as, at_noon):
    page = text(client_as("duty_officer").get("/sense/coverage/"))

    assert "逾期未报机构" in page
    assert "新村社区卫生服务站" in page


def test_a_nurse_sees_her_own_institution_only(nurse, client_as):
    page = text(nurse.get("/sense/coverage/"))

    assert "花乡社区卫生服务中心" in page
    assert "新村社区卫生服务站" not in page


@pytest.mark.parametrize("address", ["/sense/", FORM, "/sense/coverage/", "/sense/holds/", "/sense/quarantine/"])
def test_without_a_role_no_page_opens(client_as, address):
    assert client_as("press").get(address).status_code == 403
    assert client_as("").get(address).status_code == 302


def workbook(*rows):
    asked = forms.form("symptom-registration")
    cells = [[row.get(question.name, "") for question in asked.questions] for row in rows]
    return SimpleUploadedFile("表.xlsx", xlsx_bytes([q.label.zh for q in asked.questions], cells))


def test_a_workbook_is_checked_first_and_stored_only_when_sent(nurse):
    checked = nurse.post("/uploads/symptom-registration/", {"file": workbook(symptom(1), symptom(2, temperature="48"))})
    assert "超出范围" in text(checked)
    assert not Receipt.objects.exists()

    held = re.search(r'name="held" value="([^"]+)"', text(checked))[1]
    sheet = nurse.post("/uploads/symptom-registration/", {"held": held, "move": "sheet"})
    (row,) = read_table(sheet.content).rows
    assert "超出范围" in row.cells[-1]
    assert row.cells[-2] == "3"

    sent = nurse.post("/uploads/symptom-registration/", {"held": held, "move": "send"}, follow=True)
    receipt = Receipt.objects.get()
    assert (receipt.rows, receipt.stored, receipt.quarantined) == (2, 1, 1)
    assert re.search(f"回执[^<]*{receipt.pk}", text(sent))


def test_the_template_holds_the_chinese_headers_the_upload_reads(nurse):
    for suffix in ("xlsx", "csv"):
        template = nurse.get(f"/uploads/symptom-registration/template.{suffix}")
        header = read_table(template.content).header
        assert header[:3] == ("就诊时间", "姓名", "证件号码")


def test_a_quarantined_row_is_mended_on_its_page_and_the_opening_is_journaled(nurse):
    checked = nurse.post("/uploads/symptom-registration/", {"file": workbook(symptom(2, temperature="48"))})
    held = re.search(r'name="held" value="([^"]+)"', text(checked))[1]
    nurse.post("/uploads/symptom-registration/", {"held": held, "move": "send"})
    row = QuarantinedRow.objects.get()
    assert "超出范围" in text(nurse.get("/sense/quarantine/"))

    assert 'value="张甲2"' in text(nurse.get(f"/sense/quarantine/{row.pk}/"))
    assert Entry.objects.filter(kind="sense.row_opened", subject_id=row.pk).exists()
    nurse.post(f"/sense/quarantine/{row.pk}/", {**posted(order=2), "move": "mend"})

    assert Submission.objects.count() == 1
    assert "没有待更正的数据行" in text(nurse.get("/sense/quarantine/"))


def test_a_school_registers_an_absent_pupil_on_its_page_without_a_name(accounts, at_noon):
    add_sites(
        [NewSite(
            "110106018-E01", "110106018", "school", "花乡第一小学", "Huaxiang School 1", 116.34, 39.81,
            institution_kind="school", streams=("absence",),
        )]
    )  # fmt: skip
    school = Place.objects.get(code="110106018-E01")
    teacher = make_account(username="school", password="x", place=school, title_zh="校医", title_en="School doctor")
    grant(
        teacher, role="sentinel_nurse", place=school, at=at_noon,
        by=machine("set-up", place=school, abilities=["registry.grant"]),
    )  # fmt: skip
    client = Client()
    client.force_login(teacher)
    page = client.get("/sense/forms/school-absence/").content.decode()
    answer = client.post("/sense/forms/school-absence/", absence(token="t"))

    assert 'name="list_no"' in page
    assert 'name="name"' not in page
    assert answer.status_code == 302
    (row,) = Submission.objects.filter(stream="absence")
    assert (row.place, row.person, row.findings) == (school, None, ["vomiting"])
