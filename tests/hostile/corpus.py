"""Files and messages that were made to do harm, and what becomes of each: `verdicts.csv` is the table.

Small ones lie in `files/` as they would come; large ones and archives are made here. All people are made up.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl
from tests.city.reports import id_number, message, symptom

HERE = Path(__file__).parent
FIELDS = (
    "visit_at", "name", "id_number", "sex", "age", "age_unit", "visit_type", "onset_date", "symptoms", "temperature",
    "disposition",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile thing and what must become of it: refused whole, or so many rows good and so many quarantined."""

    name: str
    verdict: str
    good: int
    bad: int
    says: str

    @property
    def channel(self) -> str:
        return "api" if self.name.endswith(".json") else "xlsx"

    @property
    def content(self) -> bytes:
        kept = HERE / "files" / self.name
        return kept.read_bytes() if kept.exists() else MADE[self.name]()


def cases() -> list[Case]:
    """The table of verdicts."""
    with (HERE / "verdicts.csv").open(encoding="utf-8", newline="") as file:
        return [
            Case(row["name"], row["verdict"], int(row["good"]), int(row["bad"]), row["says"])
            for row in csv.DictReader(file)
        ]


def patients(count: int, **more: str) -> Iterator[dict[str, str]]:
    for number in range(count):
        yield symptom(1, **{"name": f"张甲{number}", "id_number": numbered(number), "phone": "", **more})


def many(count: int) -> bytes:
    """So many rows, the last one a canary."""
    return b"visit_at,name\r\n" + b"2020-06-10T09:30,x\r\n" * (count - 1) + "2020-06-10T09:30,末行\r\n".encode()


def numbered(number: int) -> str:
    return id_number(number % 99 + 1, born=f"{1930 + number // 1188 % 90}{number // 99 % 12 + 1:02d}11")


def table(rows: Iterator[dict[str, str]], *, encoding: str = "utf-8", names: tuple[str, ...] = FIELDS) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def book(*sheets: list[list[object]], change: Callable[[openpyxl.Workbook], None] | None = None) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for number, rows in enumerate(sheets):
        sheet = made.create_sheet(f"表{number + 1}")
        for row in rows:
            sheet.append(row)
    if change:
        change(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def lines(count: int = 2) -> list[list[object]]:
    return [list(FIELDS), *([row.get(name, "") for name in FIELDS] for row in patients(count))]


def repacked(
    content: bytes, changes: dict[str, Callable[[bytes], bytes]], more: dict[str, bytes] | None = None
) -> bytes:
    """A workbook with some of its parts changed or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name, bytes)(old.read(name)))
        for name, part in (more or {}).items():
            new.writestr(name, part)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
BILLION = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">%s]>' % b"".join(
    b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9)
)


def _entities(part: bytes) -> bytes:
    return BILLION + part[part.index(b"<worksheet") :].replace(
        b"</sheetData>", b"<row><c><v>&j;</v></c></row></sheetData>"
    )


def _far_row(part: bytes) -> bytes:
    return part.replace(b"</sheetData>", b'<row r="2000000000"><c r="A2000000000"><v>1</v></c></row></sheetData>')


def _far_cells(part: bytes) -> bytes:
    rows = b"".join(b'<row r="%d"><c r="XFD%d"/></row>' % (at, at) for at in range(4, 60_000))
    return part.replace(b"</sheetData>", rows + b"</sheetData>")


def _tiny(part: bytes) -> bytes:
    return part.replace(b"<sheetData>", b'<dimension ref="A1:A1"/><sheetData>')


def _lying(content: bytes) -> bytes:
    """The directory says the sheet is small; it is not."""
    raw = bytearray(content)
    at = raw.index(b"PK\x01\x02")
    while raw[at : at + 4] == b"PK\x01\x02":
        name_length = int.from_bytes(raw[at + 28 : at + 30], "little")
        if bytes(raw[at + 46 : at + 46 + name_length]) == SHEET.encode():
            raw[at + 24 : at + 28] = (100).to_bytes(4, "little")
        at += 46 + sum(int.from_bytes(raw[at + of : at + of + 2], "little") for of in (28, 30, 32))
    return bytes(raw)


def _merged(made: openpyxl.Workbook) -> None:
    made.worksheets[0].merge_cells("H2:H3")


def _hidden(made: openpyxl.Workbook) -> None:
    made.worksheets[0].row_dimensions[3].hidden = True
    made.worksheets[0].auto_filter.ref = "A1:I3"
    made.worksheets[0].column_dimensions["B"].hidden = True


def _damaged_ids() -> bytes:
    """Two hundred ID numbers, two of them with the end that a spreadsheet leaves: one in a hundred."""
    rows = list(patients(200))
    for at in (50, 150):
        rows[at]["id_number"] = next(
            number
            for born in range(1, 29)
            for order in range(0, 1000, 100)
            if (number := id_number(order, born=f"197{at // 50}01{born:02d}")).endswith("000")
        )
    return table(iter(rows))


def _same_name_written_differently() -> bytes:
    dots = ("·", "•", "・", "．", " · ")
    return table(
        symptom(1, name=f"阿卜杜拉{dot}买买提", visit_at=f"2020-06-10T0{at}:30") for at, dot in enumerate(dots)
    )


MADE: dict[str, Callable[[], bytes]] = {
    "deep.json": lambda: b'{"rows": [' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}",
    "long-number.json": lambda: message(symptom(1)).replace(b'"52"', b"5" * 5000),
    "rows-65536.csv": lambda: many(65_535),
    "rows-65537.csv": lambda: many(65_536),
    "rows-200001.csv": lambda: many(200_001),
    "rows-1048577.csv": lambda: many(1_048_576),
    "rare-gb18030.csv": lambda: table(patients(2, name="㛃䶮𬭎𠮷"), encoding="gb18030"),
    "latin.csv": lambda: table(symptom(n, name="张三".encode().decode("latin-1")) for n in (1, 2)),
    "read-as-gbk.csv": lambda: table(symptom(n, name="张三".encode().decode("gb18030")) for n in (1, 2)),
    "id-cut.csv": _damaged_ids,
    "one-name-five-dots.csv": _same_name_written_differently,
    "two-sheets.xlsx": lambda: book(lines(), lines()),
    "second-sheet.xlsx": lambda: book([], lines()),
    "merged.xlsx": lambda: book(lines(), change=_merged),
    "hidden.xlsx": lambda: book(lines(), change=_hidden),
    "dimension-lies.xlsx": lambda: repacked(book(lines()), {SHEET: _tiny}),
    "size-lies.xlsx": lambda: _lying(book(lines(50))),
    "billion-laughs.xlsx": lambda: repacked(book(lines()), {SHEET: _entities}),
    "far-row.xlsx": lambda: repacked(book(lines()), {SHEET: _far_row}),
    "far-cells.xlsx": lambda: repacked(book(lines()), {SHEET: _far_cells}),
    "zeros.xlsx": lambda: repacked(book(lines()), {}, {"xl/media/image1.png": bytes(60_000_000)}),
    "many-parts.xlsx": lambda: repacked(book(lines()), {}, {f"xl/media/{n}": b"" for n in range(2000)}),
    "nested.xlsx": lambda: repacked(book(lines()), {SHEET: lambda _: book(lines())}),
    "outside.xlsx": lambda: repacked(book(lines()), {}, {"../../../../tmp/citywatch-was-here": b"x"}),
    "no-sheet.xlsx": lambda: repacked(book(lines()), {"xl/workbook.xml": lambda _: b"<workbook/>"}),
    "half.xlsx": lambda: book(lines(50))[:-700],
    "old.xls": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
}


def write_small() -> None:
    """Write the files of `files/` anew (run this module); kept so that nobody has to guess how they were made."""
    row = symptom(1)
    plain = json.dumps(row, ensure_ascii=False)
    small = {
        "nan.json": '{{"rows": [{}]}}'.format(plain.replace('"52"', "NaN")),
        "infinity.json": '{{"rows": [{}]}}'.format(plain.replace('"38.2"', "-Infinity")),
        "overflow.json": '{{"rows": [{}]}}'.format(plain.replace('"38.2"', "1e999")),
        "twice.json": '{{"rows": [{}]}}'.format(plain.replace('"sex": "M"', '"sex": "M", "sex": "F"')),
        "rows-twice.json": f'{{"rows": [{plain}], "rows": []}}',
        "object.json": '{{"rows": [{}]}}'.format(plain.replace('"home"', '{"a": "home"}')),
        "half-character.json": '{{"rows": [{}]}}'.format(plain.replace("张甲1", "\\ud800")),
        "zero.json": '{{"rows": [{}]}}'.format(plain.replace("张甲1", "张\\u0000甲")),
        "reversed.json": '{{"rows": [{}]}}'.format(plain.replace("张甲1", "张\\u202e甲")),
        "invisible.json": '{{"rows": [{}]}}'.format(plain.replace("张甲1", "张\\u200b甲")),
        "wide-digits.json": '{{"rows": [{}]}}'.format(plain.replace('"52"', '"５²"')),
        "serial.json": '{{"rows": [{}]}}'.format(plain.replace("2020-06-09", "43991")),
        "no-such-day.json": '{{"rows": [{}]}}'.format(plain.replace("2020-06-09", "2021-02-30")),
        "day-first.json": '{{"rows": [{}]}}'.format(plain.replace("2020-06-09", "09062020")),
        "tomorrow.json": '{{"rows": [{}]}}'.format(plain.replace("2020-06-10T09:30", "2020-06-12T09:30")),
        "typo-in-id.json": '{{"rows": [{}]}}'.format(plain.replace(row["id_number"], "110106196801010020")),
    }
    for name, text in small.items():
        (HERE / "files" / name).write_text(text, encoding="utf-8")
    base = ",".join(FIELDS) + "\r\n" + ",".join(row.get(name, "") for name in FIELDS) + "\r\n"
    for name, content in {
        "replaced.csv": base.replace("张甲1", "锟斤拷").encode(),
        "utf-16.csv": base.encode("utf-16"),
        "neither.csv": base.encode() + b"\xff\xff\r\n",
        "open-quote.csv": base.replace("张甲1", '"张甲1').encode(),
        "header-only.csv": base.partition("\r\n")[0].encode() + b"\r\n",
        "formula-header.csv": base.replace("sex", "=1+1", 1).encode(),
    }.items():
        (HERE / "files" / name).write_bytes(content)


if __name__ == "__main__":
    write_small()
