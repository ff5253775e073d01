"""Tables as people really send them, and as they may safely leave."""

import csv
import io
from datetime import UTC, date, datetime, time

import openpyxl
import pytest

from citywatch.interop.tables.read import Limits, read_table
from citywatch.interop.tables.write import as_text, csv_bytes, harmless, refuse_unwritable, write_table, xlsx_bytes
from citywatch.mechanisms.errors import Refusal

VISITS = "姓名,症状\n张三,发热\n"


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def refusal(content, **options):
    with pytest.raises(Refusal) as caught:
        read_table(content, name="visits.csv", **options).refuse_problems()
    assert "\n" not in caught.value.sentence
    return caught.value.sentence


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_clinic_may_save_its_sheet_as_its_computer_likes(encoding):
    table = read_table(VISITS.encode(encoding))
    assert table.header == ("姓名", "症状")
    assert [cells for _, cells in table.records()] == [{"姓名": "张三", "症状": "发热"}]


def test_bytes_that_are_no_text_are_refused_with_their_row_and_never_replaced():
    assert "visits.csv row 2: a byte here is neither UTF-8 nor GB18030" in refusal(b"a,b\nx,\xff\n")
    assert "UTF-8" in refusal("a,b\n".encode("utf-16"))


@pytest.mark.parametrize("remains", ["锟斤拷", "张\ufffd"])
def test_text_garbled_before_it_came_is_refused_with_its_place(remains):
    assert refusal(f"name,age\n张三,4\n{remains},5\n".encode()).startswith(
        "visits.csv row 3 column name: the text was garbled"
    )
    assert "row 1 column 1" in refusal(f"{remains},age\n".encode())


def test_rows_keep_the_numbers_a_spreadsheet_shows():
    table = read_table(b'a,b\n\n"two\nlines",2\n,\nx,y\n')
    assert [row.number for row in table.rows] == [3, 5]


def test_headers_are_found_through_the_spaces_of_merged_cells():
    assert read_table("姓　 名, onset \n date ,\nx,y\n".replace("\n date", " date").encode()).header == (
        "姓名",
        "onset date",
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"\n,\n", "the file is empty"),
        (b"a,a\n", "the name a stands twice"),
        (b"a,,b\n", "column 2: the column has no name"),
        (b"a,b\n1,2,3\n", "row 2 column 3: '3' stands outside the 2 named columns"),
        (b'a,b\n"x,y\n', "row 2: the quotes or commas do not add up"),
        (b"PK\x03\x04broken", "not a whole Excel workbook"),
        (b"\xd0\xcf\x11\xe0old", "old Excel format"),
    ],
)
def test_a_broken_file_gets_one_sentence_that_says_where_and_what_to_do(content, says):
    assert says in refusal(content)


def test_too_large_is_refused_whole():
    content = b"a,b\n" + b"1,2\n" * 5
    assert "more than 4 rows" in refusal(content, limits=Limits(rows=4))
    assert len(read_table(content, limits=Limits(rows=5)).rows) == 5
    assert "2 columns is more than" in refusal(content, limits=Limits(columns=1))
    assert "1 MB" in refusal(b"a\n" + b"1\n" * 800_000, limits=Limits(megabytes=1))
    assert "more than the 3 one cell takes" in refusal(b"a\n1234\n", limits=Limits(cell=3))


def test_an_id_number_that_excel_has_rounded_spoils_its_own_row_alone():
    table = read_table(
        workbook(["姓名", "身份证号"], ["张三", 110106199001011234], ["李四", "110106199001015678"]), name="u.xlsx"
    )
    assert table.rows[0].problems[0].startswith("u.xlsx row 2 column 身份证号: ")
    assert "format the column as text" in table.rows[0].problems[0]
    assert table.rows[1].problems == ()
    assert table.column("身份证号")[1] == "110106199001015678"


def test_a_rounded_number_shows_in_csv_by_its_exponent():
    assert "row 2 column id" in refusal(b"id\n1.10106E+17\n")
    assert read_table(b"id\n1.5E+3\n").rows[0].problems == ()


def test_a_workbook_comes_in_as_the_text_its_sender_saw():
    rows = [
        ["t", "day", "at", "hour", "n", "x", "ok", "gap"],
        [" a ", date(2020, 6, 11), datetime.fromisoformat("2020-06-11T08:30"), time(8, 30), 3.0, 36.6, True, None],
    ]
    assert read_table(workbook(*rows)).rows[0].cells == (
        "a",
        "2020-06-11",
        "2020-06-11T08:30",
        "08:30",
        "3",
        "36.6",
        "true",
        "",
    )


def test_an_excel_error_is_not_a_value():
    assert "Excel error #N/A" in refusal(workbook(["a"], ["#N/A"]))


@pytest.mark.parametrize(
    "evil",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", "  =1", "\u3000=1"],
)
def test_nothing_we_export_runs_in_a_spreadsheet(evil):
    assert harmless(evil) == f"'{evil}"
    exported = io.StringIO(csv_bytes([evil], [[evil]]).decode("utf-8-sig"), newline="")
    assert [cell for row in csv.reader(exported) for cell in row] == [f"'{evil}"] * 2
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([evil], [[evil]]))).active
    assert [cell.data_type for row in sheet.iter_rows() for cell in row] == ["s", "s"]
    assert all(cell.value.startswith("'") for row in sheet.iter_rows() for cell in row)


@pytest.mark.parametrize("plain", ["-3.5", "+86", "发热", "1-2", "", "a=b", "-1e-05"])
def test_what_no_spreadsheet_runs_leaves_as_it_is(plain):
    assert harmless(plain) == plain


def test_our_own_export_comes_home_unchanged():
    rows = [("=1", "张三"), ("-x", "it's")]
    for content in (csv_bytes(["a", "b"], rows), xlsx_bytes(["a", "b"], rows)):
        assert [row.cells for row in read_table(content).rows] == rows


def test_an_instant_leaves_in_city_time():
    assert as_text(datetime(2020, 6, 10, 17, 0, tzinfo=UTC)) == "2020-06-11T01:00"


def test_a_long_number_leaves_excel_unrounded():
    content = xlsx_bytes(["n"], [[123456789012345678], ["110106199001011234"], [3]])
    assert read_table(content).column("n") == ["123456789012345678", "110106199001011234", "3"]


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_what_is_written_is_read_again_in_every_format(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    write_table(str(path), ["id", "n", "x"], [["甲", 1, 0.1], ["@乙", 2, float("nan")]])
    table = read_table(path)
    assert table.header == ("id", "n", "x")
    assert [row.cells for row in table.rows] == [("甲", "1", "0.1"), ("@乙", "2", "")]


def test_a_format_nobody_knows_is_refused_before_any_work():
    with pytest.raises(Refusal, match=r"out\.doc"):
        refuse_unwritable("out.doc")


def test_a_folder_that_is_not_there_is_refused_in_one_sentence(tmp_path):
    for suffix in ("csv", "xlsx", "parquet"):
        with pytest.raises(Refusal) as caught:
            write_table(str(tmp_path / "nowhere" / f"t.{suffix}"), ["a"], [["1"]])
        assert "cannot be written" in caught.value.sentence
        assert "\n" not in caught.value.sentence
