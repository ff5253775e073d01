"""Excel workbooks that strangers made: refused before they are unpacked, or read cell by cell and nothing left out.

Owns what an archive or a sheet may claim; what a cell means is `read`'s.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl

from citywatch.mechanisms.errors import Refusal

SHEET_ROWS = 1_048_576
_UNPACKED_AT_MOST = 20  # times the size that a file may have
_PACKED_TOO_WELL = 100  # times its own size; honest tables pack to a tenth, rarely to a thirtieth
_WORTH_A_LOOK = 10_000_000  # bytes unpacked below which no packing harms
_PARTS = 1000
_TEXTS_AT_MOST = 5  # times the size of a file: the texts of a workbook are held in memory
_STYLES_AT_MOST = 10_000_000
_EMPTY_CELLS = 20_000_000  # that a sheet may claim by cells far out: each has to be passed
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]+([0-9]+):[A-Z]+([0-9]+))"')
_CHUNK = 1 << 20

Cells = tuple[Any, ...]


def rows_of(content: bytes, called: str, *, megabytes: int, columns: int) -> Iterator[tuple[int, Cells]]:
    """Number and cells of each row of the one sheet that holds anything.

    Raises Refusal for what is no workbook, unpacks to too much, holds a second filled sheet, merged cells below the
    header or a last row at which a sheet ends, whatever else its maker did to it.
    """
    try:
        yield from _rows(content, called, megabytes, columns)
    except Refusal:
        raise
    except Exception as error:  # a hostile file fails anywhere in two libraries
        raise _broken(called) from error


def _rows(content: bytes, called: str, megabytes: int, columns: int) -> Iterator[tuple[int, Cells]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        _refuse_bomb(archive, called, len(content), megabytes)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        filled = []
        for sheet in book.worksheets:
            # The recorded size of a sheet is a claim of the program that wrote it, and often wrong.
            sheet.reset_dimensions()
            if any(True for _ in _filled_rows(sheet, called, columns)):
                filled.append(sheet)
        if len(filled) > 1:
            raise _refusal(
                called,
                f"the sheets {filled[0].title} and {filled[1].title} both hold cells; send one sheet a file",
                f"工作表“{filled[0].title}”和“{filled[1].title}”都有内容；请每个文件只保留一个工作表",
            )
        for sheet in filled:
            _refuse_merged(archive, sheet._worksheet_path, called)
            for number, cells in _filled_rows(sheet, called, columns):
                if number == SHEET_ROWS:
                    raise _refusal(
                        called,
                        f"the last of the {SHEET_ROWS:,} rows a sheet can hold is filled, so the table was probably "
                        "cut off there; send it as CSV, or in parts",
                        f"已写满工作表的最后一行（第{SHEET_ROWS:,}行），数据很可能被截断；请改用 CSV 或分批上传",
                    )
                yield number, cells
        book.close()


def _filled_rows(sheet: Any, called: str, columns: int) -> Iterator[tuple[int, Cells]]:
    passed = 0
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        passed += len(cells)
        if number > SHEET_ROWS or passed > _EMPTY_CELLS + number * columns:
            raise _broken(called)
        last = max((at for at, cell in enumerate(cells) if cell.value is not None), default=-1)
        if last >= 0:
            yield number, cells[: last + 1]


def _refuse_bomb(archive: zipfile.ZipFile, called: str, size: int, megabytes: int) -> None:
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    most = _UNPACKED_AT_MOST * megabytes * 1_000_000
    if unpacked > most or len(parts) > _PARTS:
        raise _refusal(
            called,
            f"{unpacked / 1_000_000:.0f} MB in {len(parts)} parts unpacked is more than the {most / 1_000_000:.0f} MB "
            f"in {_PARTS} taken at once; split it and send the parts",
            f"解压后为 {unpacked / 1_000_000:.0f} MB、{len(parts)} 个部分，超过一次可接收的 {most / 1_000_000:.0f} MB、"
            f"{_PARTS} 个部分；请拆分后分批上传",
        )
    texts = sum(part.file_size for part in parts if not part.filename.startswith("xl/worksheets/"))
    styles = max((part.file_size for part in parts if part.filename.endswith("styles.xml")), default=0)
    too_well = unpacked > _WORTH_A_LOOK and unpacked > _PACKED_TOO_WELL * size
    if too_well or texts > _TEXTS_AT_MOST * megabytes * 1_000_000 or styles > _STYLES_AT_MOST:
        raise _refusal(
            called,
            f"{size:,} bytes unpack to {unpacked / 1_000_000:.0f} MB, as no table does; save it as CSV and send that",
            f"{size:,} 字节解压后达 {unpacked / 1_000_000:.0f} MB，不是正常的表格；请另存为 CSV 后上传",
        )


def _refuse_merged(archive: zipfile.ZipFile, part: str, called: str) -> None:
    """Merged cells below the header: one value would stand for many rows, and all but the first would lose it."""
    held = b""
    with archive.open(part) as sheet:
        while chunk := sheet.read(_CHUNK):
            held = held[-200:] + chunk
            for where, first, last in _MERGED.findall(held):
                if int(last) > 1 and (int(first) > 1 or int(last) > int(first)):
                    raise _refusal(
                        called,
                        f"the cells {where.decode()} are merged; unmerge them and fill in each row",
                        f"单元格 {where.decode()} 已合并；请取消合并并逐行填写",
                    )


def _broken(called: str) -> Refusal:
    return _refusal(
        called,
        "this is not a whole Excel workbook; open it in Excel and save it as .xlsx again",
        "不是完整的 Excel 工作簿，请在 Excel 中打开后重新另存为 .xlsx",
    )


def _refusal(called: str, en: str, zh: str) -> Refusal:
    return Refusal(f"{called}: {en}.", zh=f"{called}：{zh}。")
