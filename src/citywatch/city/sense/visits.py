"""The door of the visit feed: who was where, from when to when, by the hundred thousand.

The receipt proves what came; the rows go to the event log alone, under dense person numbers. No journal entry per row.
Three ways to send the same four columns: a Parquet file, an Arrow IPC stream, or one JSON object a line.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from django.db import transaction

from citywatch.city.sense.types import VisitsTaken
from citywatch.eventlog import arrow
from citywatch.eventlog.segments import Batch
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.identifiers import is_resident_number, looks_like_other_document
from citywatch.mechanisms.journal.export import store
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.mechanisms.vault.services import find_many, surrogates

FEED = "visits"
COLUMNS = ("id_number", "place_code", "time_in", "time_out")
_MAGIC = {b"PAR1": "parquet", b"\xff\xff\xff\xff": "arrow"}

_WRONG = {
    "id": Label(
        "证件号码校验不通过；请从原系统重新导出。",
        "The ID number does not pass its check; export it again from its source.",
    ),
    "place": Label("地点编码不存在；请核对地点编码表。", "There is no place with this code; check it in the registry."),
    "times": Label(
        "离开时间早于进入时间或时间缺失；请更正。",
        "The time out lies before the time in, or one is missing; correct them.",
    ),
    "late": Label(
        "到访日期早于到访记录的保存期限，不再接收；请只报送保存期内的到访。",
        "Visits of that day are no longer kept, nor taken in; send those of days still kept.",
    ),
    "line": Label(
        f"该行不是含 {'、'.join(COLUMNS)} 四个文本的 JSON 对象；请更正后重新发送该行。",
        f"This line is no JSON object with the texts {', '.join(COLUMNS)}; correct it and send it again.",
    ),
}
_STAGE = """
CREATE TABLE came AS SELECT file_row_number + 1 AS number,
    upper(trim(id_number)) AS id_number,
    trim(place_code) AS place_code, epoch_us(time_in) AS us_in, epoch_us(time_out) AS us_out, NULL::VARCHAR AS line
FROM read_parquet(?, file_row_number = true)
"""
# A written time without an offset is the city's, as on every form; China has had no summer time since 1991.
_MICROSECONDS = r"""
CASE WHEN regexp_matches({text}, '(Z|[+-]\d\d:?\d\d)$') THEN epoch_us(try_cast({text} AS TIMESTAMPTZ))
     ELSE epoch_us(try_cast({text} AS TIMESTAMP)) - 8 * 3600000000 END
"""
_STAGE_LINES = f"""
CREATE TABLE came AS SELECT number, upper(trim(id_number)) AS id_number, trim(place_code) AS place_code,
    {_MICROSECONDS.format(text="time_in")} AS us_in, {_MICROSECONDS.format(text="time_out")} AS us_out, line
FROM lines
"""  # noqa: S608 - our own columns
_JUDGE = """
CREATE TABLE judged AS SELECT came.*, people.person, places.place,
    CASE WHEN line IS NOT NULL THEN 'line' WHEN people.person IS NULL THEN 'id' WHEN places.place IS NULL THEN 'place'
         WHEN us_in IS NULL OR us_out IS NULL OR us_out < us_in THEN 'times'
         WHEN (us_in // 60000000 + 480) // 1440 < ? THEN 'late' ELSE '' END AS wrong
FROM came LEFT JOIN people USING (id_number) LEFT JOIN places USING (place_code)
"""
# A minute begun counts whole: the first minute the person was no longer there is rounded up.
_KEEP = """
SELECT person, place, (us_in // 60000000)::INTEGER AS minute_in,
    ((us_out + 59999999) // 60000000)::INTEGER AS minute_out,
    ((us_in // 60000000 + 480) // 1440)::INTEGER AS city_day
FROM judged WHERE wrong = '' GROUP BY ALL ORDER BY city_day, place, minute_in, person
"""


def take_visits(body: bytes, *, site: Place, source: str, message_id: str, by: Viewer, at: datetime) -> VisitsTaken:
    """Take a body with the columns `COLUMNS` into the log's visits: Parquet, an Arrow stream, or JSON lines.

    Times are UTC in Parquet and Arrow; as text they carry their offset, or are the city's. Unknown places, failing ID
    numbers, reversed times and days no longer kept are quarantined; a stay repeated within the file counts as a
    duplicate. The same message again answers as the first time.
    """
    must(by, "sense.submit", site)
    receipt, new = receipts.take(
        body, source=source, message_id=message_id, channel=format_of(body), form=FEED, place=site, sent_at=at, at=at
    )
    if not new and receipt.state == Receipt.State.PROCESSED:
        return _taken(receipt, repeat=True)
    return process(receipt, at=at, body=body)


def process(receipt: Receipt, *, at: datetime, body: bytes | None = None) -> VisitsTaken:
    """Put a taken receipt's visits into the log; run again after a killed worker, nothing comes twice.

    People first, then the log (which drops a batch it knows), then the count: each step may be repeated.
    """
    with _opened(body if body is not None else receipts.body_of(receipt), receipt) as files:
        _identify(files, at)
        kept = files.execute(_KEEP).fetchnumpy()
        wrong = files.execute("SELECT * FROM judged WHERE wrong <> '' ORDER BY number").fetchall()
        (rows,) = files.execute("SELECT count(*) FROM came").fetchone() or (0,)
    store().append_together(list(_batches(kept, receipt)))
    stored = len(kept["person"])
    with transaction.atomic():
        held = Receipt.objects.select_for_update(of=("self",)).select_related("place").get(pk=receipt.pk)
        if held.state == Receipt.State.PROCESSED:
            return _taken(held, repeat=True)
        quarantined = receipts.quarantine(held, _reasons(wrong))
        receipts.close(held, rows=rows, stored=stored, duplicate=rows - stored - quarantined, quarantined=quarantined)
        return _taken(held)


def format_of(body: bytes) -> str:
    """How a body is written, told by its first bytes: `parquet`, `arrow`, else `ndjson`.

    >>> format_of(b'{"id_number": "1"}')
    'ndjson'
    """
    return _MAGIC.get(body[:4], "ndjson")


@contextmanager
def _opened(body: bytes, receipt: Receipt) -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as files:
        files.execute("SET TimeZone = 'UTC'")
        try:
            _STAGERS[receipt.channel](files, Path(folder), body)
        except (duckdb.Error, arrow.Unreadable, UnicodeDecodeError):
            wanted = ", ".join(COLUMNS)
            sentence = f"The visits cannot be read; send Parquet, an Arrow stream or JSON lines with {wanted}."
            receipts.refuse(receipt, sentence)
            raise Refusal(
                sentence,
                zh=f"无法读取到访文件；请发送含 {'、'.join(COLUMNS)} 的 Parquet、Arrow 流或每行一个 JSON 对象的文件。",
            ) from None
        yield files


def _stage_parquet(files: duckdb.DuckDBPyConnection, folder: Path, body: bytes) -> None:
    path = folder / "visits.parquet"
    path.write_bytes(body)
    files.execute(_STAGE, [str(path)])


def _stage_arrow(files: duckdb.DuckDBPyConnection, folder: Path, body: bytes) -> None:
    stream, path = folder / "visits.arrows", folder / "visits.parquet"
    stream.write_bytes(body)
    arrow.to_parquet(stream, path, COLUMNS)
    files.execute(_STAGE, [str(path)])


def _stage_lines(files: duckdb.DuckDBPyConnection, folder: Path, body: bytes) -> None:
    """Read line by line: one that cannot be read waits in quarantine, the others do not wait for it."""
    del folder
    columns: dict[str, list[str | None]] = {name: [] for name in (*COLUMNS, "line")}
    numbers = []
    for number, line in enumerate(body.decode("utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        values, unread = _texts(line)
        numbers.append(number)
        for name, text in zip(columns, (*values, unread), strict=True):
            columns[name].append(text)
    if not any(unread is None for unread in columns["line"]):
        raise arrow.Unreadable("no line is an object with these columns")
    arrays = {name: np.array(texts, dtype=object) for name, texts in columns.items()}
    files.execute(f"CREATE TABLE lines (number BIGINT, {', '.join(f'{name} VARCHAR' for name in arrays)})")
    files.register("columns_of", {"number": np.array(numbers, dtype=np.int64), **arrays})
    files.execute(f"INSERT INTO lines SELECT number, {', '.join(arrays)} FROM columns_of")  # noqa: S608 - our own names
    files.unregister("columns_of")
    files.execute(_STAGE_LINES)


def _texts(line: str) -> tuple[tuple[str | None, ...], str | None]:
    """The four texts of a line; or nothing, and the line itself."""
    try:
        told = json.loads(line)
        values = tuple(told[name] for name in COLUMNS)
    except (ValueError, KeyError, TypeError, RecursionError):
        return (None,) * len(COLUMNS), line
    return (values, None) if all(isinstance(value, str) for value in values) else ((None,) * len(COLUMNS), line)


_STAGERS = {"parquet": _stage_parquet, "arrow": _stage_arrow, "ndjson": _stage_lines, "form": _stage_lines}


def _identify(files: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """Judge every row: whose it is, where it was, and what is wrong with it."""
    asked = [row[0] for row in files.execute("SELECT DISTINCT id_number FROM came WHERE id_number <> ''").fetchall()]
    people = find_many(asked)  # who is known has a sound number
    unknown = [number for number in asked if number not in people]
    sound = [number for number in unknown if is_resident_number(number) or looks_like_other_document(number)]
    people |= surrogates(sound, at=at)
    codes = [row[0] for row in files.execute("SELECT DISTINCT place_code FROM came").fetchall()]
    places = dict(Place.objects.filter(code__in=[code for code in codes if code]).values_list("code", "pk"))
    _register(files, "people", "id_number", "person", people)
    _register(files, "places", "place_code", "place", places)
    kept_from = store().first_day("visits") or date.min
    files.execute(_JUDGE, [(kept_from - date(1970, 1, 1)).days])


def _register(files: duckdb.DuckDBPyConnection, table: str, text: str, number: str, values: dict[str, int]) -> None:
    files.execute(f"CREATE TABLE {table} ({text} VARCHAR, {number} INTEGER)")
    if values:
        columns = {
            "text": np.array(list(values), dtype=object),
            "number": np.array(list(values.values()), dtype=np.int32),
        }
        files.register("columns_of", columns)
        files.execute(f"INSERT INTO {table} SELECT text, number FROM columns_of")  # noqa: S608 - our own names
        files.unregister("columns_of")


def _batches(kept: dict[str, Any], receipt: Receipt) -> Iterator[Batch]:
    days = np.asarray(kept["city_day"])
    for day in np.unique(days):
        mine = days == day
        count = int(mine.sum())
        columns = {name: np.asarray(kept[name])[mine] for name in ("person", "place", "minute_in", "minute_out")}
        columns["source"] = np.full(count, receipt.source, dtype=object)
        calendar = np.datetime64(int(day), "D").astype(object)
        yield Batch("visits", columns, day=calendar, batch_id=f"receipt-{receipt.pk}-{calendar}")


def _reasons(wrong: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, dict[str, str], Label]]:
    for number, id_number, place_code, us_in, us_out, line, _person, _place, why in wrong:
        values = {"id_number": id_number, "place_code": place_code, "time_in": _iso(us_in), "time_out": _iso(us_out)}
        if line is not None:
            values["line"] = line
        yield number, {name: str(value or "") for name, value in values.items()}, _WRONG[why]


def _iso(microseconds: int | None) -> str:
    return "" if microseconds is None else f"{np.datetime64(microseconds, 'us').astype('datetime64[s]')}Z"


def _taken(receipt: Receipt, *, repeat: bool = False) -> VisitsTaken:
    return VisitsTaken(receipt.pk, receipt.rows, receipt.stored, receipt.duplicate, receipt.quarantined, repeat)
