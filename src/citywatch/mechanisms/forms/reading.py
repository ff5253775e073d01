"""From a row of text to clean answers, an identity and problems in words. Pure: no database and no clock."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from citywatch.mechanisms.clock import SHANGHAI, day_of, start_of
from citywatch.mechanisms.forms import identifiers
from citywatch.mechanisms.forms.types import Form, Problem, Question
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.types import Identity

_SLACK = timedelta(minutes=5)  # clinic computers run a little ahead
_TRUE = {"Y", "YES", "TRUE", "1", "是", "有"}
_FALSE = {"N", "NO", "FALSE", "0", "否", "无"}
_MAX_TEXT = 2000
_FIRST_YEAR, _LAST_YEAR = 1850, 2200  # nobody alive was born before; beyond either end time zones overflow
_MAX_OFFERED = 12
_DATE = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")
_BARE_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")  # seven digits would be a guess
_MOMENT = re.compile(
    r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?[ T]*"
    r"([0-9]{1,2})[:：时]([0-9]{1,2})分?(?:[:：]([0-9]{1,2})(?:\.0+)?)?"
)
_NAMES = {"name", "guardian_name"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_UNSEEN = re.compile("[\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")  # two names that look the same are one
_HAN = re.compile("[\u4e00-\u9fff]")
_NOT_CHINESE = re.compile("[^\u4e00-\u9fff\u3000-\u303f\uff00-\uffef0-9A-Za-z ,.:;()·-]")
_MISSING = Label("必填项未填写；请补填。", "is missing; fill it in.")
_BAD_ID = Label(
    "证件号码校验不通过；请对照证件逐位核对（表格请将该列设为文本格式）。",
    "does not pass its check digit; compare it with the document (and format spreadsheet columns as text).",
)
_BAD_PHONE = Label("电话号码格式不正确；请填写7至15位数字。", "is not a telephone number; give 7 to 15 digits.")
_LATER_THAN_SENT = Label("时间晚于报送时间；请更正。", "lies after the moment of sending; correct it.")
_NUL = Label(
    "含有不可见的控制字符；请删除后重填。", "holds an invisible control character; delete it and type it again."
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a row says. With problems it must not be stored."""

    answers: dict[str, Any]
    identity: Identity
    home_street: str
    occurred_at: datetime | None
    occurred_on: date | None
    findings: tuple[str, ...]
    problems: tuple[Problem, ...]


class _Bad(Exception):
    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.sentence = Label(zh, en)


def read(form: Form, raw: Mapping[str, str], *, sent_at: datetime) -> Reading:
    """Check one row of text against its form.

    Unknown columns are a problem, not something to drop. Answers of questions that are not shown are left out. An ID
    number that passes fills sex, age and birth date where the row leaves them empty.
    """
    problems = [
        Problem(
            name,
            Label(
                f"表单没有“{name}”这一项；请删除该列或更正列名。",
                f"is no question of this form; remove or rename {name!r}.",
            ),
        )
        for name in raw
        if name not in form.by_name
    ]
    raw = _filled_from_id(form, raw, sent_at)
    answers: dict[str, Any] = {}
    said = dict(raw)  # with answers as codes: a spreadsheet says 是 where the form's logic says Y
    for question in form.questions:
        text = (raw.get(question.name) or "").strip()
        if not question.is_shown(said):
            continue
        if not text:
            if question.required:
                problems.append(Problem(question.name, _MISSING))
            continue
        try:
            answer = answers[question.name] = _READERS[question.kind](question, text)
        except _Bad as bad:
            problems.append(Problem(question.name, bad.sentence))
        else:
            said[question.name] = ";".join(answer) if isinstance(answer, list) else str(answer)
    occurred_at, occurred_on = _when(answers.get(form.occurred))
    if occurred_at is not None and occurred_at > sent_at + _SLACK:
        problems.append(Problem(form.occurred, _LATER_THAN_SENT))
    if not problems:
        problems += [_problem(form, wrong) for wrong in (check(answers) for check in form.checks) if wrong]
    identity = Identity.of({name: str(value) for name, value in answers.items() if form.by_name[name].is_identity})
    plain = {name: _plain(value) for name, value in answers.items() if not form.by_name[name].is_identity}
    street = str(plain.pop("home_street", "") or "")
    findings = () if problems else form.findings(plain)
    return Reading(plain, identity, street, occurred_at, occurred_on, findings, tuple(problems))


def _problem(form: Form, wrong: Problem | Label) -> Problem:
    return wrong if isinstance(wrong, Problem) else Problem(form.occurred, wrong)


def _filled_from_id(form: Form, raw: Mapping[str, str], sent_at: datetime) -> dict[str, str]:
    filled = dict(raw)
    if "id_number" not in form.by_name or not (filled.get("id_number") or "").strip():
        return filled
    number = filled["id_number"] = identifiers.tidy(filled["id_number"])
    if not identifiers.is_resident_number(number):
        return filled
    born = identifiers.birth_date(number)
    if born is None:
        return filled
    today = day_of(sent_at)
    known = {
        "sex": identifiers.sex(number),
        "birth_date": born.isoformat(),
        "age": str(today.year - born.year - ((today.month, today.day) < (born.month, born.day))),
    }
    for name, value in known.items():
        if name in form.by_name and not (filled.get(name) or "").strip():
            filled[name] = value
            if name == "age" and "age_unit" in form.by_name:
                filled["age_unit"] = "Y"
    return filled


def _when(value: object) -> tuple[datetime | None, date | None]:
    if isinstance(value, datetime):
        return value, day_of(value)
    if isinstance(value, date):
        return start_of(value), value
    return None, None


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _text(question: Question, text: str) -> str:
    if _CONTROL.search(text) or (question.is_identity and _UNSEEN.search(text)):
        raise _Bad(_NUL.zh, _NUL.en)
    if "\ufffd" in text or "锟斤拷" in text or _was_misread(text):
        raise _Bad(
            "含有乱码；请检查文件编码后重发。",
            "holds characters damaged by a wrong encoding; check the file's encoding and send it again.",
        )
    if len(text) > _MAX_TEXT:
        raise _Bad(f"超过{_MAX_TEXT}字；请缩短。", f"is longer than {_MAX_TEXT} characters; shorten it.")
    if question.name == "id_number":
        number = identifiers.tidy(text)
        if not identifiers.is_resident_number(number) and not identifiers.looks_like_other_document(number):
            raise _Bad(_BAD_ID.zh, _BAD_ID.en)
        return number
    if question.name in _NAMES:
        return identifiers.tidy_name(text)
    if question.name == "phone" and not identifiers.is_phone(text):
        raise _Bad(_BAD_PHONE.zh, _BAD_PHONE.en)
    return text


def _was_misread(text: str) -> bool:
    """UTF-8 that somebody opened as GBK or as Latin script and saved again: 寮犱笁 for 张三.

    Only where the whole text turns back into Chinese characters: no true name or sentence does that by chance.
    """
    if text.isascii():
        return False
    for encoding in ("gb18030", "latin-1", "cp1252"):
        try:
            meant = text.encode(encoding).decode()
        except UnicodeError:
            continue
        if meant != text and _HAN.search(meant) and not _NOT_CHINESE.search(meant):
            return True
    return False


def _number(question: Question, text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", text):
        raise _Bad(f"“{text}”不是数字；请填写数字。", f"{text!r} is not a number; give a number.")
    value = float(text)
    if (question.low is not None and value < question.low) or (question.high is not None and value > question.high):
        raise _Bad(
            f"{text}超出范围（{_range(question, '至')}）；请更正。",
            f"{text} lies outside {_range(question, 'to')}; correct it.",
        )
    return value


def _range(question: Question, to: str) -> str:
    low = "…" if question.low is None else f"{question.low:g}"
    high = "…" if question.high is None else f"{question.high:g}"
    return f"{low} {to} {high}"


def _count(question: Question, text: str) -> int:
    value = _number(question, text)
    if value != int(value) or value < 0:
        raise _Bad(f"“{text}”不是整数；请填写0或正整数。", f"{text!r} is not a whole number; give 0 or more.")
    return int(value)


def _date(_question: Question, text: str) -> date:
    plain = re.sub(r"[ T]0?0:00(:00)?$", "", text)  # spreadsheets write a date as its midnight
    match = _DATE.fullmatch(plain) or _BARE_DATE.fullmatch(plain)
    try:
        if match is None:
            raise ValueError(text)  # noqa: TRY301 - one way out for both kinds of wrong
        day = date(int(match[1]), int(match[2]), int(match[3]))
        _must_be_in_range(day)
    except ValueError:
        raise _Bad(
            f"“{text}”不是有效日期；请写成 2020-06-11。", f"{text!r} is not a date; write it as 2020-06-11."
        ) from None
    return day


def _must_be_in_range(when: date) -> None:
    if not _FIRST_YEAR <= when.year <= _LAST_YEAR:
        raise ValueError(when)


def _moment(_question: Question, text: str) -> datetime:
    match = _MOMENT.fullmatch(text)
    try:
        parts = [int(part or 0) for part in match.groups()] if match else []
        moment = datetime(*parts, tzinfo=SHANGHAI) if parts else datetime.fromisoformat(text.replace("/", "-"))  # type: ignore[arg-type,misc]
        _must_be_in_range(moment)
    except ValueError:
        raise _Bad(
            f"“{text}”不是有效时间；请写成 2020-06-11 08:30。", f"{text!r} is not a time; write it as 2020-06-11 08:30."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def _choice(question: Question, text: str) -> str:
    for code, label in question.choices:
        if text.casefold() in {code.casefold(), label.zh.casefold(), label.en.casefold()}:
            return code
    if len(question.choices) > _MAX_OFFERED:
        code, label = question.choices[-1]
        raise _Bad(
            f"“{text}”不在代码表中；请按代码表填写代码或名称，如 {code} 或 {label.zh}。",
            f"{text!r} is not in the code table; give a code or name of the table, such as {code} or {label.en}.",
        )
    offered = "、".join(label.zh for _, label in question.choices)
    codes = ", ".join(code for code, _ in question.choices)
    raise _Bad(f"“{text}”不在选项中；可填：{offered}。", f"{text!r} is not one of the answers; give one of {codes}.")


def _choices(question: Question, text: str) -> list[str]:
    return [_choice(question, part.strip()) for part in re.split(r"[;；、]", text) if part.strip()]


def _yes_no(_question: Question, text: str) -> str:
    if text.upper() in _TRUE:
        return "Y"
    if text.upper() in _FALSE:
        return "N"
    raise _Bad(f"“{text}”应为“是”或“否”。", f"{text!r} must be yes or no.")


_READERS: dict[str, Callable[[Question, str], Any]] = {
    "text": _text,
    "long_text": _text,
    "street": _text,
    "number": _number,
    "count": _count,
    "date": _date,
    "moment": _moment,
    "choice": _choice,
    "choices": _choices,
    "yes_no": _yes_no,
}
