"""How many rows a message holds, counted without the readers that will read it.

For the ledger's check: a reader that drops a row drops it from its own count too. So nothing of `read` or of the JSON
decoder is used here, and the counts are as plain as they can be.
"""

import csv
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO, StringIO

_BLANK = " \t\r\n,;|\"'\u3000\ufeff\u00a0"
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*?(?:/>|>(.*?)</(?:\w+:)?row>)", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|t)\b[^>]*>\s*[^<\s]")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")


def rows_of_json(body: bytes) -> int:
    """The objects of a list, or of the list under `rows`."""
    message = json.loads(body, parse_int=str, parse_float=str)
    return len(message["rows"] if isinstance(message, dict) else message)


def rows_of_csv(body: bytes) -> int:
    """The records below the first that say something.

    Bytes stand for characters: in UTF-8 and GB18030 alike no comma, quote or line end is part of another character.
    """
    records = csv.reader(StringIO(body.decode("latin-1"), newline=""), delimiter=_delimiter(body))
    return max(0, sum(_says_something(record) for record in records) - 1)


def rows_of_xlsx(body: bytes) -> int:
    """The rows below the first with a value, of the sheet that has most."""
    with zipfile.ZipFile(BytesIO(body)) as packed:
        sheets = [packed.read(name) for name in packed.namelist() if _SHEET.fullmatch(name)]
    held = [sum(bool(row[1] and _VALUE.search(row[1])) for row in _ROW.finditer(sheet)) for sheet in sheets]
    return max(0, max(held, default=0) - 1)


BY_CHANNEL: Mapping[str, Callable[[bytes], int]] = {
    "api": rows_of_json,
    "form": rows_of_json,
    "demo": rows_of_json,
    "csv": rows_of_csv,
    "xlsx": rows_of_xlsx,
}


def _delimiter(body: bytes) -> str:
    first = body.split(b"\n", 1)[0]
    return max(",;\t", key=lambda mark: first.count(mark.encode()))


def _says_something(record: list[str]) -> bool:
    return any(_as_text(cell).strip(_BLANK) for cell in record)


def _as_text(cell: str) -> str:
    """A cell's own characters where they are UTF-8 (a wide space is one), else its bytes."""
    raw = cell.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return cell
