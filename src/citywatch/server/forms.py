"""All forms of the city together, and how their rows are read from each kind of file.

Sense and the laboratory do not know one another; here their forms meet, for the doors that serve them all.
"""

from collections.abc import Callable, Mapping
from typing import Unpack

from citywatch.city.lab import definitions as lab_definitions
from citywatch.city.lab import services as lab
from citywatch.city.sense import services as sense
from citywatch.city.sense import streams
from citywatch.interop.tables.read import read_table
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.forms.services import Decode, Message, Outcome, Sent, decode_json
from citywatch.mechanisms.forms.together import submit_with_others
from citywatch.mechanisms.forms.types import Form, Problem, Row
from citywatch.mechanisms.labels import Label

ALL_FORMS: tuple[Form, ...] = (*streams.FORMS, *lab_definitions.FORMS)
BY_CODE: Mapping[str, Form] = {form.code: form for form in ALL_FORMS}

ERROR_SHEET = ("行号", "错误说明")
"""Columns that the error sheet adds; a corrected sheet may come back with them, and they are left aside."""

_DAMAGE = {
    "rounded": Label("长数字被电子表格截断，末位已丢失；请将该列设为文本格式后重新录入。", ""),
    "garbled": Label("文字已成乱码；请从原系统重新导出。", ""),
    "outside": Label("该行的列数多于表头；请检查单元格中的逗号。", ""),
    "Excel error": Label("单元格为Excel错误值；请直接填写数值。", ""),
}
_OTHER_DAMAGE = Label("单元格无法读取；请更正后重新上传。", "")


def form(code: str) -> Form:
    """The form with this code, whichever area defines it."""
    if code not in BY_CODE:
        raise NotFound(
            f"There is no form {code!r}; the forms are {', '.join(BY_CODE)}.",
            zh=f"没有代码为“{code}”的表单；现有：{'、'.join(BY_CODE)}。",
        )
    return BY_CODE[code]


def submit(form_code: str, body: bytes, **sent: Unpack[Sent]) -> Outcome:
    """Hand a message to the area whose form it is, decoded as its channel says."""
    return submit_with_others(message(form_code, body, **sent))


def message(form_code: str, body: bytes, **sent: Unpack[Sent]) -> Message:
    """A message as the area whose form it is lets it in, to be submitted alone or by `submit_messages`."""
    of_area = lab.message if form(form_code).code in lab_definitions.BY_CODE else sense.message
    _, decode = DECODERS[form_code, sent["channel"]]
    return of_area(form_code, body, decode, **sent)


def decode_table(asked: Form) -> Decode:
    """Read a form's rows from a CSV or XLSX file whose header may use any name the form knows.

    An unknown column refuses the file: dropping it would lose what somebody wrote down.
    """

    def decode(body: bytes) -> list[Row]:
        table = read_table(body, name="file")
        names = _columns(asked, table.header)
        return [
            Row(
                row.number,
                {name: text for name, text in zip(names, row.cells, strict=True) if name and text},
                tuple(_damage(asked, problem) for problem in row.problems),
            )
            for row in table.rows
        ]

    return decode


def _columns(asked: Form, header: tuple[str, ...]) -> list[str]:
    """The question of each column; "" for a column that the error sheet added."""
    known = asked.headers
    unknown = [name for name in header if name not in known and name not in ERROR_SHEET]
    if unknown:
        offered_zh = "、".join(question.label.zh for question in asked.questions)
        offered_en = ", ".join(question.label.en for question in asked.questions)
        raise Refusal(
            f"Row 1: this form has no column {', '.join(unknown)}; rename or remove it. The columns are {offered_en}.",
            zh=f"第1行：本表单没有“{'”“'.join(unknown)}”列；请更名或删除。可用的列：{offered_zh}。",
        )
    names = [known.get(name, "") for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        question = asked.by_name[twice[0]]
        raise Refusal(
            f"Row 1: two columns both mean {question.label.en}; keep one.",
            zh=f"第1行：有两列都表示“{question.label.zh}”；请只保留一列。",
        )
    return names


def _damage(asked: Form, problem: str) -> Problem:
    """The reader names a damaged cell as `file row 3 column 证件号码: what is wrong`."""
    where, _, what = problem.partition(": ")
    column = where.rpartition(" column ")[2]
    zh = next((label.zh for sign, label in _DAMAGE.items() if sign in problem), _OTHER_DAMAGE.zh)
    return Problem(asked.headers.get(column, column), Label(zh, what or problem))


def _json(_asked: Form) -> Decode:
    return decode_json


_BY_CHANNEL: Mapping[str, Callable[[Form], Decode]] = {
    "api": _json,
    "form": _json,
    "demo": _json,
    "csv": decode_table,
    "xlsx": decode_table,
}
DECODERS: Mapping[tuple[str, str], tuple[Form, Decode]] = {
    (asked.code, channel): (asked, decode(asked)) for asked in ALL_FORMS for channel, decode in _BY_CHANNEL.items()
}
