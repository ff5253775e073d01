"""Tables for other people's programs: CSV, XLSX and Parquet, every one through here.

Owns the one rule that no exported cell may run in a spreadsheet.
"""

import io
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import openpyxl
from numpy.typing import NDArray

from citywatch.mechanisms.errors import Refusal

Cell = str | int | float | bool | datetime | None

# A cell that begins with one of these is run as a formula by some spreadsheet, the full-width forms in East Asian ones.
DANGEROUS = frozenset("=+-@\t\r\n＝＋－＠")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_NEEDS_QUOTES = re.compile(r'[",\r\n;\t]')  # where lists are cut at semicolons or tabs, a quoted cell stays whole
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What no XML file can hold, and halves of characters: one such cell must not keep a whole table from being written."""
_BEFORE_A_FORMULA = " \u3000\ufeff\ufffd\u200b\xa0"
_CITY = ZoneInfo("Asia/Shanghai")
STANDARD_OUTPUT = "-"


def harmless(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run; a plain number such as -3.5 stays.

    Characters that no file can hold stand as U+FFFD.

    >>> harmless("=HYPERLINK(0)"), harmless("-3.5"), harmless("发热")
    ("'=HYPERLINK(0)", '-3.5', '发热')
    """
    text = _UNWRITABLE.sub("\ufffd", text)
    begins = text.lstrip(_BEFORE_A_FORMULA)[:1]
    if not begins or begins not in DANGEROUS or _PLAIN_NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def as_text(value: Cell) -> str:
    """One cell as text: None and NaN empty, whole floats without a point, yes and no as 1 and 0, instants in city time.

    >>> [as_text(v) for v in (None, float("nan"), 3.0, True, "@x")]
    ['', '', '3', '1', "'@x"]
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return "" if isnan(value) else str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(_CITY).replace(tzinfo=None).isoformat(timespec="minutes")
    return harmless(str(value))


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Give a table as CSV in UTF-8 with a BOM, which Excel needs to show Chinese."""
    text = io.StringIO(newline="")
    _write_csv(text, header, rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def xlsx_bytes(header: Sequence[str], rows: Iterable[Sequence[Cell]], *, sheet: str = "Sheet1") -> bytes:
    """Give a table as an Excel workbook of one sheet; text stays text: no ID number is rounded and no formula runs."""
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet(sheet)
    page.append([harmless(name) for name in header])
    for row in rows:
        page.append([_excel_cell(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def write_table(target: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write a table where `target` says: `-` is CSV on standard output, otherwise .csv, .xlsx or .parquet by suffix.

    CSV is plain UTF-8 without BOM here: its readers are programs. In Parquet a column is double where it holds floats,
    bigint where whole numbers, else text. Raises Refusal for any other suffix and where the file cannot be written.
    """
    try:
        _write(target, header, rows)
    except (OSError, duckdb.IOException) as error:
        raise refused_to_write(target, error) from error


def refused_to_write(target: str, error: Exception) -> Refusal:
    """Word a target that the operating system does not let us write."""
    why = getattr(error, "strerror", None) or "no such folder, or no right to it"
    sentence = f"{target}: cannot be written ({why}); name a folder that is there and open to you."
    return Refusal(sentence, zh=f"{target}：无法写入，请换一个存在且有权限的目录。")


def refuse_unwritable(target: str) -> None:
    """Refuse a target with an unknown suffix, before any work is done for it."""
    if target != STANDARD_OUTPUT and Path(target).suffix.lower() not in {".csv", ".xlsx", ".parquet"}:
        sentence = f"{target}: the ending says no known format; use .csv, .xlsx or .parquet, or - for standard output."
        raise Refusal(sentence, zh=f"{target}：无法从后缀判断格式，请用 .csv、.xlsx 或 .parquet，或用 - 表示标准输出。")


def _write(target: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    refuse_unwritable(target)
    if target == STANDARD_OUTPUT:
        _write_csv(sys.stdout, header, rows)
        return
    path = Path(target)
    match path.suffix.lower():
        case ".xlsx":
            path.write_bytes(xlsx_bytes(header, rows))
        case ".parquet":
            _write_parquet(path, header, list(rows))
        case _:
            with path.open("w", encoding="utf-8", newline="") as file:
                _write_csv(file, header, rows)


def _write_csv(file: TextIO, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    file.write(_csv_line([harmless(name) for name in header]))
    file.writelines(_csv_line([as_text(value) for value in row]) for row in rows)


def _csv_line(cells: Sequence[str]) -> str:
    """One line by RFC 4180; Python's own writer leaves a lone carriage return unquoted, which breaks the row."""
    line = ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' if _NEEDS_QUOTES.search(cell) else cell for cell in cells)
    return f"{line}\n" if line else '""\n'


def _excel_cell(value: Cell) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A number of more than 15 digits would be rounded by Excel: it goes as text.
        return as_text(value) if isnan(value) or abs(value) >= 10**15 else value
    return as_text(value) or None


def _write_parquet(path: Path, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    columns = {name: _column([row[position] for row in rows]) for position, name in enumerate(header)}
    with duckdb.connect() as connection:
        connection.register("columns", columns)
        connection.sql("SELECT * FROM columns").write_parquet(str(path))


def _column(values: Sequence[Cell]) -> NDArray[Any]:
    """Doubles where any value is a float, whole numbers where all are, else text; nothing is NaN or NULL."""
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, int) for value in present) and len(present) == len(values):
        return np.array(values, dtype=np.int64)
    if present and all(isinstance(value, int | float) for value in present):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array([None if value is None else as_text(value) for value in values], dtype=object)
