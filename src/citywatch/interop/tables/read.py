"""Tables from other people's files, as text, with the row numbers those people see.

Owns encodings, damaged numbers and size limits. What a column means is decided by whoever maps it.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from math import isnan
from pathlib import Path
from typing import NamedTuple

import duckdb

from citywatch.interop.tables.workbooks import rows_of
from citywatch.interop.tables.write import DANGEROUS
from citywatch.mechanisms.errors import Refusal

# Excel keeps 15 significant digits: a longer number has lost its end for good.
MOST_DIGITS = 15
_ROUNDED = re.compile(r"[-+]?\d(?:\.\d+)?[eE]\+?(\d+)")
# What is left of Chinese text that was decoded wrongly, replaced and saved again.
_MOJIBAKE = ("\ufffd", "锟斤拷")
_BETWEEN_HAN = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MIDNIGHT = time(0)


# What is wrong with the cell at a position.
Problem = tuple[int, str]
RawRow = tuple[int, list[str], list[Problem]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a table may be; beyond that it is refused whole, in one sentence."""

    megabytes: int = 20
    rows: int = 200_000
    columns: int = 300
    cell: int = 32_767


UPLOAD = Limits()
TERMINAL = Limits(megabytes=4_000, rows=100_000_000, columns=2_000)


class Row(NamedTuple):
    """One row of a table: its number as a spreadsheet shows it, one text per column, and what is wrong with it."""

    number: int
    cells: tuple[str, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows under their header; empty rows are left out, numbers kept."""

    name: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]

    def column(self, name: str) -> list[str]:
        """Every row's text in one column. Refuses a name the header does not have."""
        at = self.position(name)
        return [row.cells[at] for row in self.rows]

    def position(self, name: str) -> int:
        """Where a column stands. Refuses a name the header does not have, and says which it has."""
        if name not in self.header:
            there = ", ".join(self.header)
            sentence = f"{self.name} row 1: there is no column {name}; name one of: {there}."
            raise Refusal(sentence, zh=f"{self.name} 第1行：没有“{name}”这一列；现有的列：{there}。")
        return self.header.index(name)

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Row by row: its number and its cells by column name."""
        for row in self.rows:
            yield row.number, dict(zip(self.header, row.cells, strict=True))

    def refuse_problems(self) -> None:
        """Refuse the whole table for the first damaged row: for those who cannot set single rows aside."""
        for row in self.rows:
            if row.problems:
                raise Refusal(row.problems[0])


def read_table(source: Path | bytes, *, name: str = "", limits: Limits = UPLOAD) -> Table:
    """Read a CSV, XLSX or Parquet file, given by its path or its bytes, into text.

    What it is shows in its first bytes, not in its name. CSV is UTF-8 (with or without BOM) or else GB18030,
    strictly: a byte that fits neither refuses the file. Damage confined to a row (a number Excel has rounded, text
    already garbled, too many cells) is written into that row's `problems`, so that the other rows can be taken.
    `name` is what sentences call the file. Raises Refusal, worded for whoever sent it.
    """
    called = name or (source.name if isinstance(source, Path) else "the file")
    if isinstance(source, Path):
        _refuse_absent(source, called)
        size = source.stat().st_size
    else:
        size = len(source)
    if size > limits.megabytes * 1_000_000:
        raise _too_large(called, f"{size / 1_000_000:.0f} MB", f"{limits.megabytes} MB")
    start = source[:4] if isinstance(source, bytes) else _first_bytes(source)
    if start == _PARQUET and isinstance(source, Path):
        return _table(called, _parquet_rows(source, called), limits)
    content = source if isinstance(source, bytes) else source.read_bytes()
    if start == _ZIP:
        return _table(called, _xlsx_rows(content, called, limits), limits)
    if start == _OLD_EXCEL:
        sentence = f"{called}: this is the old Excel format (.xls); save it as .xlsx or CSV and send it again."
        raise Refusal(sentence, zh=f"{called}：这是旧版 Excel 格式（.xls），请另存为 .xlsx 或 CSV 后再上传。")
    return _table(called, _csv_rows(content, called), limits)


def _refuse_absent(source: Path, called: str) -> None:
    if not source.is_file():
        sentence = f"{called}: there is no such file; check the path."
        raise Refusal(sentence, zh=f"{called}：没有这个文件，请检查路径。")


def _first_bytes(source: Path) -> bytes:
    with source.open("rb") as file:
        return file.read(4)


def _too_large(called: str, size: str, limit: str) -> Refusal:
    sentence = f"{called}: {size} is more than the {limit} taken at once; split it and send the parts."
    return Refusal(sentence, zh=f"{called}：{size}，超过一次可接收的 {limit}，请拆分后分批上传。")


def _table(called: str, raw: Iterable[RawRow], limits: Limits) -> Table:
    rows = iter(raw)
    header: tuple[str, ...] = ()
    for number, cells, _ in rows:
        header = _header(cells, called, number, limits)
        if header:
            break
    if not header:
        raise Refusal(
            f"{called}: the file is empty; its first row must name the columns.",
            zh=f"{called}：文件是空的，第一行应为列名。",
        )
    found: list[Row] = []
    for number, cells, problems in rows:
        texts = [_trim(cell) for cell in cells]
        if not any(texts) and not problems:
            continue
        if len(found) == limits.rows:
            raise _too_large(called, f"more than {limits.rows} rows", f"{limits.rows} rows")
        found.append(_row(called, header, (number, texts, problems), limits))
    return Table(called, header, tuple(found))


def _header(cells: Sequence[str], called: str, number: int, limits: Limits) -> tuple[str, ...]:
    names = [_BETWEEN_HAN.sub("", " ".join(cell.split())) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > limits.columns:
        raise _too_large(called, f"{len(names)} columns", f"{limits.columns} columns")
    for position, name in enumerate(names):
        where = f"{called} row {number} column {position + 1}"
        if not name:
            sentence = f"{where}: the column has no name; give it one or remove it."
            raise Refusal(sentence, zh=f"{called} 第{number}行第{position + 1}列：缺少列名，请补上或删除该列。")
        if _is_garbled(name):
            raise Refusal(
                _garbled(where), zh=f"{called} 第{number}行第{position + 1}列：文字已成乱码，请从原系统重新导出。"
            )
        if name in names[:position]:
            sentence = f"{where}: the name {name} stands twice; every column needs its own."
            raise Refusal(sentence, zh=f"{called} 第{number}行第{position + 1}列：列名“{name}”重复，请改为不同的列名。")
    return tuple(names)


def _row(called: str, header: tuple[str, ...], raw: RawRow, limits: Limits) -> Row:
    number, texts, problems = raw
    wrong = [f"{called} row {number} column {_column_name(header, at)}: {what}" for at, what in problems]
    for position, text in enumerate(texts):
        where = f"{called} row {number} column {_column_name(header, position)}"
        if position >= len(header) and text:
            wrong.append(
                f"{where}: '{text[:40]}' stands outside the {len(header)} named columns; quote commas inside a cell."
            )
        elif _is_garbled(text):
            wrong.append(_garbled(where))
        elif _is_rounded(text):
            wrong.append(f"{where}: {_rounded(text)}")
        elif len(text) > limits.cell:
            wrong.append(f"{where}: {len(text)} characters are more than the {limits.cell} one cell takes; shorten it.")
    cells = tuple(texts[: len(header)]) + ("",) * (len(header) - len(texts))
    return Row(number, cells, tuple(wrong))


def _column_name(header: tuple[str, ...], position: int) -> str:
    return header[position] if position < len(header) else str(position + 1)


def _trim(cell: str) -> str:
    text = cell.strip()
    # Our own exports put an apostrophe before what a spreadsheet would run; coming home, it goes.
    return text[1:] if text.startswith("'") and text[1:2] and text[1] in DANGEROUS else text


def _is_garbled(text: str) -> bool:
    return any(sign in text for sign in _MOJIBAKE)


def _garbled(where: str) -> str:
    return f"{where}: the text was garbled before it came here; export it again from its first source."


def _is_rounded(text: str) -> bool:
    found = _ROUNDED.fullmatch(text)
    return found is not None and int(found[1]) >= MOST_DIGITS


def _rounded(text: str) -> str:
    return (
        f"'{text}' is a long number that a spreadsheet has rounded, its last digits are lost; "
        "format the column as text and enter it again."
    )


def _csv_rows(content: bytes, called: str) -> Iterator[RawRow]:
    text = _decode(content, called)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            sentence = (
                f"{called} row {number}: the quotes or commas do not add up ({error}); save the file as CSV again."
            )
            raise Refusal(sentence, zh=f"{called} 第{number}行：引号或逗号不成对，请重新另存为 CSV。") from error
        yield number, cells, []


def _decode(content: bytes, called: str) -> str:
    if content[:2] in _UTF16 or b"\x00" in content:
        sentence = f"{called}: this is not CSV text in UTF-8 or GB18030; in Excel choose 'CSV UTF-8' when saving."
        raise Refusal(sentence, zh=f"{called}：不是 UTF-8 或 GB18030 编码的 CSV，请在 Excel 中另存为“CSV UTF-8”。")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("gb18030")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        sentence = (
            f"{called} row {row}: a byte here is neither UTF-8 nor GB18030; in Excel choose 'CSV UTF-8' when saving."
        )
        raise Refusal(
            sentence, zh=f"{called} 第{row}行：既不是 UTF-8 也不是 GB18030 编码，请在 Excel 中另存为“CSV UTF-8”。"
        ) from error


def _xlsx_rows(content: bytes, called: str, limits: Limits) -> Iterator[RawRow]:
    for number, cells in rows_of(content, called, megabytes=limits.megabytes, columns=limits.columns):
        texts: list[str] = []
        problems: list[Problem] = []
        for position, cell in enumerate(cells):
            text, problem = _text_of(cell.value)
            if getattr(cell, "data_type", "") == "e":
                problem = f"the cell shows the Excel error {text}; enter the value itself."
            texts.append(text)
            if problem:
                problems.append((position, problem))
        yield number, texts, problems


def _text_of(value: object) -> tuple[str, str]:
    """One cell's text, and what is wrong with it."""
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, int | float):
        if abs(value) >= 10**MOST_DIGITS and float(value).is_integer():
            # `int` keeps the message readable; the digits beyond the fifteenth are not the sender's.
            return str(int(value)), _rounded(str(int(value)))
        return (str(int(value)) if float(value).is_integer() else repr(value)), ""
    return _moment(value) if isinstance(value, date | time) else str(value), ""


def _moment(value: date | time) -> str:
    """Dates as 2020-06-11 (also where Excel keeps them as midnight), instants as 2020-06-11T08:30."""
    if isinstance(value, datetime) and value.time() == _MIDNIGHT:
        return value.date().isoformat()
    if isinstance(value, datetime | time):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return value.isoformat()


def _parquet_rows(source: Path, called: str) -> Iterator[RawRow]:
    connection = duckdb.connect()
    try:
        found = connection.execute("SELECT * FROM read_parquet(?)", [str(source)])
        yield 1, [column[0] for column in found.description or []], []
        number = 1
        while rows := found.fetchmany(10_000):
            for row in rows:
                number += 1
                yield number, [_parquet_text(value) for value in row], []
    except duckdb.Error as error:
        sentence = f"{called}: this Parquet file cannot be read; write it again."
        raise Refusal(sentence, zh=f"{called}：无法读取该 Parquet 文件，请重新生成。") from error
    finally:
        connection.close()


def _parquet_text(value: object) -> str:
    # Some programs write NaN where they mean an empty cell.
    if isinstance(value, float) and isnan(value):
        return ""
    # Parquet keeps whole numbers whole, so none is taken for one that Excel rounded.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text_of(value)[0]
