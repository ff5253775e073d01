"""The quick way through long tables says what the careful way says, or steps aside."""

import csv

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.interop.tables.columns import Texts, read_columns, write_columns
from citywatch.interop.tables.read import TERMINAL, read_table
from citywatch.interop.tables.write import write_table
from citywatch.mechanisms.errors import Refusal

HEADER = b"series_id,t,observed\n"


def taken(path, texts=("series_id", "date"), numbers=("t", "observed")):
    return read_columns(path, texts=texts, numbers=numbers)


@pytest.fixture
def file(tmp_path):
    def write(content, name="series.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_columns_come_as_arrays_in_the_order_of_the_file(file):
    columns = taken(file("date,observed,series_id,note,t\n,2,b,x,1\n2020-06-11,,a,,2\n,0.5,b,y,3\n"))

    assert columns.texts["series_id"].values == ("b", "a")
    assert columns.texts["series_id"].codes.tolist() == [0, 1, 0]
    assert columns.texts["date"].values == ("2020-06-11",)
    assert columns.texts["date"].codes.tolist() == [-1, 0, -1]
    assert columns.numbers["t"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(columns.numbers["observed"], [2, np.nan, 0.5])


def test_a_column_that_is_not_there_is_left_out(file):
    columns = taken(file(HEADER + b"a,1,2\n"), numbers=("t", "observed", "population"))
    assert set(columns.texts) == {"series_id"}
    assert set(columns.numbers) == {"t", "observed"}


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HEADER + b"a,1,2\n",
        HEADER.replace(b"\n", b"\r\n") + b"a,1,2\r\na,2,\r\n",
        HEADER + b'"a, ""b""\n c",1,2\n\na,"2", 3 \n',
        HEADER + "发热,1,2e3\n".encode(),
        HEADER + b"a,1,2",
        b"series_id,t,T,observed\na,1,5,2\n",
        HEADER,
    ],
    ids=[
        "byte order mark",
        "Windows lines",
        "quotes and blank lines",
        "Chinese",
        "no last newline",
        "t and T",
        "no rows",
    ],
)
def test_what_is_plain_is_read_as_the_careful_reader_reads_it(file, content):
    path = file(content)
    columns, table = taken(path), read_table(path, limits=TERMINAL)
    texts = columns.texts["series_id"]

    assert [texts.values[code] for code in texts.codes] == table.column("series_id")
    for name in ("t", "observed"):
        np.testing.assert_array_equal(columns.numbers[name], [float(cell or "nan") for cell in table.column(name)])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"series_id,t,observed",
        HEADER + b"a,1,few\n",
        HEADER + b"a,1,NaN\n",
        HEADER + b"a,1,inf\n",
        HEADER + b"a,1,NA\n",
        HEADER + b"a,1,2\na,2\n",
        HEADER + b"a,1,2,3\n",
        HEADER + b",,\na,1,2\n",
        HEADER + b"a,1,1.23457E+17\n",
        HEADER + b" a,1,2\n",
        HEADER + b"'=a,1,2\n",
        HEADER + "锟斤拷,1,2\n".encode(),
        HEADER + "发热,1,2\n".encode("gb18030"),
        HEADER + b'"a,1,2\n',
        HEADER + b"a\0b,1,2\n",
        HEADER.replace(b"t", b" t ", 1) + b"a,1,2\n",
        b"\n" + HEADER + b"a,1,2\n",
        b"t,t,observed\na,1,2\n",
        b"series_id;t;observed\na;1;2\n",
        b"other\n1\n",
        b"PK\x03\x04 a workbook",
        b"PAR1 not really",
    ],
)
def test_whatever_is_in_doubt_is_left_to_the_careful_reader(file, content):
    assert taken(file(content)) is None


def test_a_path_that_looks_like_a_pattern_or_is_not_there_is_left_to_the_careful_reader(file, tmp_path):
    file(HEADER + b"a,1,2\n", "a1.csv")
    assert taken(file(HEADER + b"b,1,2\n", "a[1].csv")) is None
    assert taken(tmp_path / "gone.csv") is None


@pytest.mark.parametrize(
    ("select", "values"),
    [
        ("'a' AS series_id, 1::BIGINT AS t, 'NaN'::DOUBLE AS observed, TIMESTAMP '2020-06-11' AS date", "2020-06-11"),
        ("7 AS series_id, 1.0 AS t, NULL::INTEGER AS observed, DATE '2020-06-11' AS date", "2020-06-11"),
        ("'a' AS series_id, 1 AS t, 2 AS observed, TIMESTAMP '2020-06-11 08:30' AS date", "2020-06-11 08:30:00"),
    ],
)
def test_parquet_columns_of_other_programs_are_taken(tmp_path, select, values):
    path = tmp_path / "series.parquet"
    duckdb.sql(f"COPY (SELECT {select}) TO '{path}'")
    columns = taken(path)

    assert columns.texts["date"].values == (values,)
    assert columns.texts["series_id"].values in {("a",), ("7",)}
    assert columns.numbers["t"].tolist() == [1]
    assert columns.numbers["observed"].tolist() == [2] or np.isnan(columns.numbers["observed"][0])


def test_nan_in_parquet_is_an_empty_cell_to_the_careful_reader_too(tmp_path):
    path = tmp_path / "series.parquet"
    duckdb.sql(f"COPY (SELECT 'a' AS series_id, 1 AS t, 'NaN'::DOUBLE AS observed) TO '{path}'")
    assert read_table(path).column("observed") == [""]


@pytest.mark.parametrize("select", ["'a' AS series_id, '1' AS t", "1.5 AS series_id, 1 AS t", "['a'] AS series_id"])
def test_a_parquet_type_that_leaves_room_for_doubt_is_left_to_the_careful_reader(tmp_path, select):
    path = tmp_path / "series.parquet"
    duckdb.sql(f"COPY (SELECT {select}) TO '{path}'")
    assert taken(path) is None


NUMBERS = st.one_of(
    st.floats(allow_infinity=False, width=64), st.integers(-(2**53) + 1, 2**53 - 1).map(float), st.just(float("nan"))
)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(["a", "=1+1", '"', "a,b", "x\ry", "发热"]), st.text(min_size=1, max_size=4)),
            st.integers(-(2**62), 2**62),
            NUMBERS,
        ),
        max_size=6,
    )
)
def test_written_by_columns_or_by_rows_a_table_reads_the_same(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("written")
    # Neither a lone surrogate nor NUL can stand in a file of text.
    rows = [(name.encode("utf-8", "replace").decode().replace("\0", "0"), t, x) for name, t, x in rows]
    columns = {
        "name": Texts.of([name for name, _, _ in rows]),
        "t": np.array([t for _, t, _ in rows], dtype=np.int64),
        "x": np.array([x for _, _, x in rows], dtype=np.float64),
    }
    write_columns(str(folder / "quick.csv"), columns)
    write_table(str(folder / "slow.csv"), list(columns), rows)
    quick, slow = (
        list(csv.reader((folder / f"{n}.csv").open(encoding="utf-8", newline=""))) for n in ("quick", "slow")
    )

    assert [row[:2] for row in quick] == [row[:2] for row in slow]
    for (*_, text), (_, _, number) in zip(quick[1:], rows, strict=True):
        assert text == "" if np.isnan(number) else float(text) == number
        if float(number).is_integer() and abs(number) < 2**53:
            assert text == str(int(number))


COLUMNS = {
    "name": Texts.of(["b", "a", "b"]),
    "t": np.array([1, 2, 3]),
    "x": np.array([0.1, np.nan, 3.0]),
    "alarm": np.ma.masked_array([1, 0, 0], mask=[False, True, False]),
}
LINES = "name,t,x,alarm\nb,1,0.1,1\na,2,,\nb,3,3,0\n"


def test_the_same_columns_go_to_a_file_to_standard_output_and_to_a_sheet(tmp_path, capsys):
    write_columns(str(tmp_path / "out.csv"), COLUMNS)
    write_columns("-", COLUMNS)
    write_columns(str(tmp_path / "out.xlsx"), COLUMNS)

    assert (tmp_path / "out.csv").read_text() == LINES
    assert capsys.readouterr().out == LINES
    sheet = read_table(tmp_path / "out.xlsx")
    assert [",".join(row.cells) for row in sheet.rows] == LINES.splitlines()[1:]


def test_parquet_keeps_types_and_has_null_where_there_is_nothing(tmp_path):
    write_columns(str(tmp_path / "out.parquet"), COLUMNS)
    write_columns(str(tmp_path / "none.parquet"), {name: Texts.of([]) for name in COLUMNS})

    found = duckdb.sql(f"SELECT * FROM '{tmp_path / 'out.parquet'}'")
    assert [str(kind) for kind in found.types] == ["VARCHAR", "BIGINT", "DOUBLE", "BIGINT"]
    assert found.fetchall() == [("b", 1, 0.1, 1), ("a", 2, None, None), ("b", 3, 3.0, 0)]
    assert duckdb.sql(f"SELECT * FROM '{tmp_path / 'none.parquet'}'").fetchall() == []


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("no/out.csv", "cannot be written"),
        ("out.doc", "the ending says no known format"),
        ("out.xlsx", "3 rows are more than the 2 of an Excel sheet"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, target, says):
    monkeypatch.setattr("citywatch.interop.tables.columns._SHEET_ROWS", 2)
    with pytest.raises(Refusal) as caught:
        write_columns(str(tmp_path / target), COLUMNS)
    assert says in caught.value.sentence
