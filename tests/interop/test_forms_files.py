"""Every form as a file: the headers people use, the encodings their systems write, and cells a spreadsheet spoilt."""

import pytest
from django.utils.translation import override
from tests.city.reports import absence, card, fever, result, sale, symptom
from tests.conftest import NOON

from citywatch.interop.tables.write import csv_bytes, xlsx_bytes
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.services import check_rows
from citywatch.server.forms import ALL_FORMS, DECODERS, ERROR_SHEET, decode_table, form

ROWS = {
    "symptom-registration": symptom(),
    "fever-clinic-visit": fever(),
    "pharmacy-sale": sale(),
    "report-card": card(),
    "school-absence": absence(),
    "lab-result": result("S1"),
    "home-visit": {
        "visited_at": "2020-06-10 09:30", "contact": "K0012", "reached": "seen", "ill": "Y", "symptoms": "fever",
        "temperature": "38.1", "needs": "food;medicine", "status": "new",
    },
    "zero-report": {"stream": "symptom", "day": "2020-06-10"},
}  # fmt: skip
WRITERS = {
    "xlsx": xlsx_bytes,
    "utf-8 with a mark": csv_bytes,
    "utf-8": lambda header, rows: plain(header, rows).encode(),
    "gb18030": lambda header, rows: plain(header, rows).encode("gb18030"),
}


def plain(header, rows):
    return "\r\n".join(",".join(cells) for cells in [header, *rows])


def asked(code):
    return [question for question in form(code).questions if question.name in ROWS[code]]


@pytest.fixture(autouse=True)
def _in_english():
    with override("en"):
        yield


def test_every_form_has_a_row_here_and_a_reader_for_every_channel():
    assert set(ROWS) == {one.code for one in ALL_FORMS}
    assert {channel for _, channel in DECODERS} == {"api", "form", "demo", "csv", "xlsx"}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("code", ROWS)
def test_a_row_under_chinese_headers_is_read_back_whole(code, writer, city):
    questions = asked(code)
    content = WRITERS[writer]([q.label.zh for q in questions], [[ROWS[code][q.name] for q in questions]])

    (row,) = decode_table(form(code))(content)

    assert row.values == {name: text for name, text in ROWS[code].items() if text}
    assert check_rows(form(code), [row], sent_at=NOON) == [(row, ())]


@pytest.mark.parametrize("header", [lambda q: q.name, lambda q: q.label.en, lambda q: f" {q.label.zh} "])
def test_codes_english_words_and_stray_blanks_name_a_column_too(header):
    questions = asked("symptom-registration")
    cells = [ROWS["symptom-registration"][q.name] for q in questions]

    (row,) = decode_table(form("symptom-registration"))(csv_bytes([header(q) for q in questions], [cells]))

    assert row.values["name"] == "张甲1"


def test_choices_may_be_written_in_words(city):
    words = symptom(sex="男", age_unit="岁", visit_type="初诊", symptoms="发热、咳嗽/咽痛", disposition="居家观察")
    questions = asked("symptom-registration")
    content = csv_bytes([q.label.zh for q in questions], [[words[q.name] for q in questions]])

    ((_, problems),) = check_rows(
        form("symptom-registration"), decode_table(form("symptom-registration"))(content), sent_at=NOON
    )

    assert [(one.question, one.sentence.en) for one in problems] == []


def test_a_column_nobody_knows_and_a_column_twice_refuse_the_file_with_its_name():
    read = decode_table(form("pharmacy-sale"))

    with pytest.raises(Refusal, match="no column 鞋码"):
        read(csv_bytes(["姓名", "鞋码"], [["张甲", "42"]]))
    with pytest.raises(Refusal, match="two columns both mean Buyer"):
        read(csv_bytes(["姓名", "name"], [["张甲", "张乙"]]))


def test_the_two_columns_of_an_error_sheet_are_left_aside():
    (row,) = decode_table(form("pharmacy-sale"))(csv_bytes(["姓名", *ERROR_SHEET], [["张甲", "7", "体温：超出范围"]]))

    assert row.values == {"name": "张甲"}
    assert row.problems == ()


def test_rows_keep_the_numbers_a_person_counts_in_the_spreadsheet():
    rows = decode_table(form("pharmacy-sale"))(csv_bytes(["姓名"], [["张甲"], [""], ["张乙"]]))

    assert [row.number for row in rows if row.values] == [2, 4]


def test_a_row_with_more_cells_than_headers_is_a_problem_of_that_row_alone():
    first, second = decode_table(form("pharmacy-sale"))("姓名,电话\n张甲,1,多,余\n张乙,2\n".encode())

    assert first.problems
    assert not second.problems


def test_an_error_value_of_a_spreadsheet_is_named_with_its_column():
    (row,) = decode_table(form("pharmacy-sale"))(xlsx_bytes(["姓名", "体温（℃）"], [["张甲", "#N/A"]]))

    assert [problem.question for problem in row.problems] == ["temperature"]
