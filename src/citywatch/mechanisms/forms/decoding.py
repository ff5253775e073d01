"""Rows from the bytes of a JSON message: what JSON can spell and a row cannot mean is named, never guessed at.

Python's reader takes the last of two equal names, turns long numbers into other ones and knows NaN; a message in which
that happens would be stored as something its sender did not say.
"""

import json
import re
from typing import Any

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.types import Problem, Row
from citywatch.mechanisms.labels import Label

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # the zero character, and halves of characters
_TWICE = Label("该项在同一行中出现两次；请只保留一个。", "stands twice in this row; keep one.")
_NESTED = Label("应为单个值，而不是对象；请更正。", "holds an object where one value is due; give text or a number.")


class _Twice(dict[str, Any]):
    """An object in which some names stood twice."""

    names: frozenset[str] = frozenset()


def decode_json(body: bytes) -> list[Row]:
    """Rows of a JSON message: a list of objects with text values, or an object with that list under `rows`.

    Numbers stay as they were written. A name that stands twice in a row, or a value that is an object, is a problem of
    that row; NaN and Infinity, which are no JSON, refuse the message.
    """
    try:
        message = json.loads(
            body,
            object_pairs_hook=_object,
            parse_int=str,
            parse_float=_as_written,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise Refusal(
            f"The message is not JSON ({error}); send a list of objects.", zh="消息不是有效的JSON；请发送对象列表。"
        ) from None
    if isinstance(message, _Twice):
        raise _no_rows()
    rows = message.get("rows") if isinstance(message, dict) else message
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _no_rows()
    return [_row(number, row) for number, row in enumerate(rows, start=1)]


def _no_rows() -> Refusal:
    return Refusal(
        'The message holds no list of rows; send {"rows": [{…}, …]}.',
        zh='消息中没有 rows 列表；请按 {"rows": [{…}]} 发送。',
    )


def _row(number: int, row: dict[str, Any]) -> Row:
    problems = [Problem(_storable(name), _TWICE) for name in getattr(row, "names", ())]
    problems += [Problem(_storable(name), _NESTED) for name, value in row.items() if _nests(value)]
    return Row(number, {_storable(name): _storable(_text(value)) for name, value in row.items()}, tuple(problems))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) == len(pairs):
        return read
    seen: set[str] = set()
    twice = _Twice(read)
    twice.names = frozenset(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return twice


def _nests(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict | list) for one in value))


def _text(value: object) -> str:
    if value is None:
        return ""
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)


def _as_written(text: str) -> str:
    """36.50 stays 36.50; only an exponent is worked out, as no form knows it."""
    return str(float(text)) if "e" in text.lower() else text


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _storable(text: str) -> str:
    """JSON can spell characters that no database and no UTF-8 file can hold; they stand as damaged, seen by `read`."""
    return _UNSTORABLE.sub("\ufffd", text)
