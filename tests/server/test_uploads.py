"""Spreadsheets as hospitals send them, through the upload page: looked at first, stored when sent, mended by sheet."""

import re
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook
from tests.city.reports import fever, id_number, message, result, symptom
from tests.conftest import NOON

from citywatch.interop.tables.read import read_table
from citywatch.interop.tables.write import csv_bytes, xlsx_bytes
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.server import forms, wiring

pytestmark = pytest.mark.django_db
DOOR = "/uploads/symptom-registration/"


@pytest.fixture
def nurse(client_as, at_noon):
    return client_as("sentinel_nurse")


def cells(code, rows):
    questions = [q for q in forms.form(code).questions if any(q.name in row for row in rows)]
    return [q.label.zh for q in questions], [[row.get(q.name, "") for q in questions] for row in rows]


def table(encoding, *rows, code="symptom-registration"):
    header, body = cells(code, rows)
    if encoding == "xlsx":
        return xlsx_bytes(header, body)
    if encoding == "utf-8-sig":
        return csv_bytes(header, body)
    return "\r\n".join(",".join(line) for line in [header, *body]).encode(encoding)


def upload(client, content, *, door=DOOR, name="登记表.csv", **more):
    return client.post(door, {"file": SimpleUploadedFile(name, content), **more})


def text(answer):
    return answer.content.decode()


def held(answer):
    return re.search(r'name="held" value="([^"]+)"', text(answer))[1]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "xlsx"])
def test_a_table_is_looked_at_stored_when_sent_and_stored_once(nurse, encoding):
    content = table(encoding, symptom(1), symptom(2), symptom(3, temperature="48"))
    checked = upload(nurse, content)

    assert checked.status_code == 200
    assert "48超出范围" in text(checked)
    assert not Receipt.objects.exists()
    for _ in range(2):
        answer = nurse.post(DOOR, {"held": held(checked), "move": "send"})
        assert answer.status_code == 302
    receipt = Receipt.objects.get()
    assert (receipt.rows, receipt.stored, receipt.duplicate, receipt.quarantined) == (3, 2, 0, 1)
    assert {row.answers["symptoms"][0] for row in Submission.objects.all()} == {"fever"}
    assert QuarantinedRow.objects.get().number == 4  # as the spreadsheet counts, with its header


def test_the_error_sheet_holds_the_bad_rows_as_they_were_and_sent_back_corrected_they_are_stored(nurse):
    checked = upload(nurse, table("xlsx", symptom(1), symptom(2, temperature="48"), symptom(3, sex="男女")))
    sheet = nurse.post(DOOR, {"held": held(checked), "move": "sheet"})

    assert sheet["Content-Type"].endswith("sheet")
    read = read_table(sheet.content)
    assert [row.cells[read.header.index("行号")] for row in read.rows] == ["3", "4"]
    assert [row.cells[read.header.index("姓名")] for row in read.rows] == ["张甲2", "张甲3"]
    book = load_workbook(BytesIO(sheet.content))
    page = book.active
    titles = [cell.value for cell in page[1]]
    page.cell(2, titles.index("体温（℃）") + 1).value = "38.1"
    page.cell(3, titles.index("性别") + 1).value = "女"
    page.delete_cols(titles.index("行号") + 1, 2)
    mended = BytesIO()
    book.save(mended)
    again = upload(nurse, mended.getvalue(), name="更正.xlsx")
    nurse.post(DOOR, {"held": held(again), "move": "send"})
    assert Submission.objects.count() == 2


def test_the_error_sheet_may_come_back_with_its_own_two_columns(nurse):
    checked = upload(nurse, table("xlsx", symptom(2, temperature="48")))
    sheet = nurse.post(DOOR, {"held": held(checked), "move": "sheet"})

    again = upload(nurse, sheet.content, name="错误清单.xlsx")

    assert again.status_code == 200
    assert "48超出范围" in text(again)
    assert "错误说明”列" not in text(again)


def test_numbers_a_spreadsheet_cut_are_named_and_wait_for_their_true_end(nurse):
    cut = [symptom(n, id_number=id_number(n)[:15] + "000") for n in (1, 2, 3)]

    assert "文本格式" in text(upload(nurse, table("utf-8", *cut)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空"),
        ("姓名,鞋码\r\n张甲,42\r\n".encode(), "鞋码"),
        ("姓名,姓名\r\n张甲,张乙\r\n".encode(), "姓名"),
        ("姓名\r\n张甲\r\n".encode("utf-16"), "CSV UTF-8"),
        (b"PK\x03\x04 half a workbook", "Excel"),
        (b"\x00\x01\x02", "CSV"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_refused_in_one_sentence_and_nothing_is_kept(nurse, content, words):
    answer = upload(nurse, content)

    assert answer.status_code == 422
    assert words in text(answer)
    assert not Receipt.objects.exists()


def test_a_file_held_by_the_page_and_spoilt_on_the_way_is_refused(nurse):
    assert nurse.post(DOOR, {"held": "no base64!", "move": "send"}).status_code == 422
    assert not Receipt.objects.exists()


def test_nobody_uploads_for_another_site_or_without_the_right(nurse, client_as):
    assert upload(nurse, table("utf-8", symptom(1)), site="110106024-S01").status_code == 403
    assert upload(client_as("press"), table("utf-8", symptom(1))).status_code == 403
    assert upload(nurse, table("utf-8", result("S1"), code="lab-result"), door="/uploads/lab-result/").status_code in {
        403, 422,
    }  # fmt: skip
    assert not Receipt.objects.exists()


def test_a_receipt_of_another_site_is_not_shown(nurse, client_as):
    nurse.post(DOOR, {"held": held(upload(nurse, table("utf-8", symptom(1)))), "move": "send"})
    number = Receipt.objects.get().pk

    assert nurse.get(f"/uploads/done/{number}/").status_code == 200
    assert client_as("pharmacist").get(f"/uploads/done/{number}/").status_code == 404
    assert nurse.get("/uploads/done/99999999999999999999/").status_code == 404


def test_a_laboratorys_workbook_ends_the_holds(client_as, at_noon, city):
    hospital = Place.objects.get(code="110106018-H01")
    by = machine("his", place=hospital, abilities=["sense.submit"])
    forms.submit("fever-clinic-visit", message(fever(1)), channel="api", site=hospital, source="his", message_id="m-1",
                 sent_at=NOON, by=by, at=NOON)  # fmt: skip
    wiring.catch_up()
    technician = client_as("lab")
    door = "/uploads/lab-result/"
    checked = upload(technician, table("xlsx", result(fever(1)["sample_barcode"]), code="lab-result"), door=door)
    technician.post(door, {"held": held(checked), "move": "send"})

    assert "阴性" in text(technician.get("/lab/"))
