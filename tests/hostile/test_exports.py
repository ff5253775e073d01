"""Whatever text is stored, what leaves the house is that text in every program, and runs in none."""

import csv
import io

import openpyxl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from citywatch.interop.tables.write import DANGEROUS, csv_bytes, harmless, xlsx_bytes

EVIL = st.text(
    st.sampled_from("=+-@\t\r\n＝＋－＠\x00\x01\x0b\x7f;,|'\"` \u3000\xa0\u200b\ufeff\ufffe\ud800_x0041_(1)张𠮷"),
    max_size=12,
)


def runs(cell):
    """Whether a program would take a cell for a formula; a signed number is none.

    Nor is one with a comma behind it, which is what a line beginning with a number becomes where nothing is cut at
    commas: numbers must stay numbers, so they bear no apostrophe.
    """
    begins = cell.lstrip(" \u3000\ufeff\xa0\u200b\ufffd")[:1]
    number = cell.split(",")[0].lstrip("+-").replace(".", "", 1)
    return begins in DANGEROUS and begins != "" and not number.isdigit()


@settings(max_examples=120, deadline=None)
@given(EVIL)
@example("_x0041_")
@example("-0")
@example("\x00=1")
@example("a;=cmd|' /C calc'!A0")
@example('a";=1+1;"')
@example("a\t=1")
def test_a_stored_text_is_one_cell_of_that_text_in_csv_and_excel_and_never_a_formula(text):
    table = csv_bytes(["名称", "备注"], [[text, "b"]])

    (row,) = list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))[1:]
    assert row == [harmless(text), "b"]
    for delimiter in ",;\t":  # as a spreadsheet of another country or a pasted table would cut it
        for cells in csv.reader(io.StringIO(table.decode("utf-8-sig"), newline=""), delimiter=delimiter):
            assert not [cell for cell in cells if runs(cell)], (delimiter, cells)
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(["名称", "备注"], [[text, "b"]]))).active
    assert sheet["A2"].data_type in {"s", "n"}
    assert (sheet["A2"].value or "").replace("\r\n", "\n").replace("\r", "\n") == harmless(text).replace(
        "\r\n", "\n"
    ).replace("\r", "\n")
    assert sheet["B2"].value == "b"


def test_one_spoilt_text_does_not_keep_a_table_from_being_written():
    rows = [["张\x0b甲"], ["\ud800"], ["\ufffe"], ["王丙"]]

    assert openpyxl.load_workbook(io.BytesIO(xlsx_bytes(["姓名"], rows))).active["A5"].value == "王丙"
    assert csv_bytes(["姓名"], rows).decode("utf-8-sig").splitlines()[-1] == "王丙"
