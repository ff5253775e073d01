"""The investigator's interview form: posted text into told values, with a sentence per line that cannot be read."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import zip_longest
from typing import Any

from django.http import QueryDict

from citywatch.city.trace import queries, rules
from citywatch.city.trace.types import ContactTold, CoreTold, StayTold
from citywatch.city.trace.whereabouts import full_name
from citywatch.mechanisms.clock import SHANGHAI, moment_of, start_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms import identifiers
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.types import Identity
from citywatch.science.contacts import Ground

STAY_FIELDS = ("stay_row", "stay_place", "stay_day", "stay_from", "stay_to")
CONTACT_FIELDS = (
    "contact_row",
    "contact_name",
    "contact_phone",
    "contact_relation",
    "contact_id_number",
    "contact_kind",
    "contact_ground",
    "contact_through",
    "contact_first",
    "contact_last",
    "contact_place",
)
# Selects always send a value, and a row's number or a day alone says nothing.
_SAYS_NOTHING = {"contact_kind", "contact_ground", "contact_through", "contact_row", "stay_row", "stay_day"}
EMPTY_STAYS, EMPTY_CONTACTS = 1, 1
_CLOCK = re.compile(r"(\d{1,2})(?::?(\d{2}))?")
_SHORT_DAY = re.compile(r"(?:(\d{4})[-/.年])?(?:(\d{1,2})[-/.月])?(\d{1,2})日?")
_PACKED_DAY = re.compile(r"(\d{4})?(\d{2})(\d{2})")

_NO_PLACE = Label(
    "没有这个地点；请从提示中选择，或填写地点代码。",
    "There is no such place; choose one of those offered, or write its code.",
)
_SEVERAL = Label("有多个同名地点；请从提示中选择。", "Several places have this name; choose one of those offered.")
_NO_TIME = Label("请填写起止时间。", "Give both times.")
_ORDER = Label(
    "结束时间早于开始时间；跨过零点请写到24，再另起一行。",
    "The end is before the beginning; past midnight, write until 24 and go on in a second line.",
)
_NO_RELATION = Label(
    "没有这种关系；例如：家人、同事、同学、朋友、同车。",
    "There is no such relation; for example family, colleague, classmate, friend, passenger.",
)
_NO_DATE = Label("不是有效日期，请按 2020-06-11 填写。", "This is not a date; write it as 2020-06-11.")
_BAD_ID = Label("证件号码有误，请核对校验位。", "This ID number is not valid; check it digit by digit.")
_NO_AGE = Label("年龄须为0至130的整数。", "Age is a whole number from 0 to 130.")


@dataclass(slots=True)
class Line:
    """One line of the form as typed, with what is wrong with it."""

    values: dict[str, str]
    problem: Label | None = None
    kept: int | None = None


@dataclass(slots=True)
class Interview:
    """The form as typed and as read; `removed` are kept stays whose line was emptied."""

    core: CoreTold | None = None
    stays: list[StayTold] = field(default_factory=list)
    contacts: list[ContactTold] = field(default_factory=list)
    stay_lines: list[Line] = field(default_factory=list)
    contact_lines: list[Line] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    problems: dict[str, Label] = field(default_factory=dict)
    complete: bool = False
    removed: list[int] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.problems and not any(line.problem for line in [*self.stay_lines, *self.contact_lines])

    def with_room(self) -> "Interview":
        """The same with empty lines to write on."""
        self.stay_lines += [Line(dict.fromkeys(STAY_FIELDS, "")) for _ in range(EMPTY_STAYS)]
        self.contact_lines += [Line(dict.fromkeys(CONTACT_FIELDS, "")) for _ in range(EMPTY_CONTACTS)]
        return self


def kept(stays: Iterable[Any]) -> list[Line]:
    """Lines for stays already kept, to be read over and corrected."""
    return [
        Line(
            {
                "stay_row": str(stay.pk),
                "stay_place": f"{stay.visited.code} {full_name(stay.visited)}",
                "stay_day": f"{stay.from_at.astimezone(SHANGHAI):%m-%d}",
                "stay_from": f"{stay.from_at.astimezone(SHANGHAI):%H:%M}",
                "stay_to": _until(stay.from_at.astimezone(SHANGHAI), stay.to_at.astimezone(SHANGHAI)),
            },
            kept=stay.pk,
        )
        for stay in stays
    ]


def _until(begin: datetime, end: datetime) -> str:
    if end.date() == begin.date():
        return f"{end:%H:%M}"
    is_midnight = end == start_of(begin.date() + timedelta(days=1))
    return "24:00" if is_midnight else f"{end:%Y-%m-%dT%H:%M}"


def read(posted: QueryDict, *, today: date) -> Interview:
    """Read what was posted; lines left empty are skipped, a kept stay left empty is removed.

    A day is the last one of that number up to `today`; where none is given it is the line above's.
    """
    told = Interview(complete=posted.get("complete") == "Y")
    told.core = _core(posted, told)
    above = ""
    for values in _lines(posted, STAY_FIELDS, told):
        values["stay_day"] = above = values["stay_day"] or above
        line = Line(values, kept=_number(values["stay_row"]))
        told.stay_lines.append(line)
        stay = _stay(line, today)
        if stay:
            told.stays.append(stay)
    for values in _lines(posted, CONTACT_FIELDS, told):
        line = Line(values, kept=_number(values["contact_row"]))
        told.contact_lines.append(line)
        # A kept contact is named by its number alone: who they are is in the vault, not in the page.
        contact = _contact(line, today) if line.kept is None else None
        if contact:
            told.contacts.append(contact)
    return told


def _core(posted: QueryDict, told: Interview) -> CoreTold:
    told.values = {name: posted.get(name, "").strip() for name in ("onset_date", "occupation", "sex", "age")}
    onset, age = None, None
    if told.values["onset_date"]:
        try:
            onset = date.fromisoformat(told.values["onset_date"])
        except ValueError:
            told.problems["onset_date"] = _NO_DATE
    if told.values["age"]:
        age = int(told.values["age"]) if told.values["age"].isascii() and told.values["age"].isdigit() else -1
        if not 0 <= age <= 130:
            told.problems["age"] = _NO_AGE
    sex = told.values["sex"] if told.values["sex"] in {"M", "F"} else ""
    return CoreTold(onset, told.values["occupation"], sex, age)


def _lines(posted: QueryDict, names: Sequence[str], told: Interview) -> list[dict[str, str]]:
    columns = [posted.getlist(name) for name in names]
    lines = [dict(zip(names, map(str.strip, row), strict=True)) for row in zip_longest(*columns, fillvalue="")]
    written = []
    for line in lines:
        if any(value for name, value in line.items() if name not in _SAYS_NOTHING):
            written.append(line)
        elif number := _number(line.get("stay_row", "")):
            told.removed.append(number)
    return written


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _stay(line: Line, today: date) -> StayTold | None:
    code = _place(line, line.values["stay_place"])
    span = _span(line, line.values["stay_from"], line.values["stay_to"], line.values["stay_day"], today)
    return StayTold(code, *span, row=line.kept) if code and span else None


def _contact(line: Line, today: date) -> ContactTold | None:
    values = line.values
    code = _place(line, values["contact_place"]) if values["contact_place"] else None
    span = _meeting(line, values["contact_first"], values["contact_last"], today)
    number = identifiers.tidy(values["contact_id_number"])
    if number and not (identifiers.is_resident_number(number) or identifiers.looks_like_other_document(number)):
        line.problem = line.problem or _BAD_ID
    ground = values["contact_ground"] or str(Ground.JUDGEMENT)
    if values["contact_relation"]:
        try:
            ground = str(rules.ground(values["contact_relation"].lower()).code)
        except Refusal:
            line.problem = line.problem or _NO_RELATION
    if line.problem or span is None:
        return None
    identity = Identity(name=values["contact_name"], id_number=number, phone=values["contact_phone"])
    kind = values["contact_kind"] or "close"
    through = _number(values["contact_through"]) if kind == "second" else None
    return ContactTold(identity, kind, ground, *span, code, through)


def _meeting(line: Line, first: str, last: str, today: date) -> tuple[datetime, datetime] | None:
    """First and last meeting; one alone stands for both, and a day without an hour for all of it."""
    begin, end = _when(first or last, today), _when(last or first, today)
    if begin is None or end is None:
        line.problem = line.problem or _NO_TIME
        return None
    if end[1] < begin[0]:
        line.problem = line.problem or _ORDER
        return None
    return begin[0], end[1]


def hours_of(first: str, last: str, *, day: date) -> tuple[datetime, datetime]:
    """From and until of a day, or a refusal that says what is wrong."""
    line = Line({})
    span = _span(line, first, last, f"{day:%Y-%m-%d}", day)
    if span is None:
        problem = line.problem or _NO_TIME
        raise Refusal(problem.en, zh=problem.zh)
    return span


def _when(text: str, today: date) -> tuple[datetime, datetime] | None:
    """The first and last instant that a moment, or a day, may mean."""
    exact = moment_of(text)
    if exact is not None and len(text) > 10:
        return exact, exact
    day, _, hour = text.strip().replace("T", " ").partition(" ")
    found = day_told(day, today=today)
    if found is None:
        return None
    if not hour:
        return start_of(found), start_of(found + timedelta(days=1)) - timedelta(minutes=1)
    at = _clock(hour)
    return (start_of(found) + at, start_of(found) + at) if at is not None else None


def day_told(text: str, *, today: date) -> date | None:
    """A day as people say it: 3, 6-3, 6月3日, 0603 or 2020-06-03; the last such day up to today.

    >>> day_told("30", today=date(2020, 6, 11)), day_told("6-3", today=date(2020, 6, 11))
    (datetime.date(2020, 5, 30), datetime.date(2020, 6, 3))
    """
    found = _PACKED_DAY.fullmatch(text) or _SHORT_DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    for back in range(13):
        # Back from this month, a month at a time, until year and month are the ones said and the day lies behind us.
        number = today.year * 12 + today.month - 1 - back
        if (month or number % 12 + 1) != number % 12 + 1 or (year or number // 12) != number // 12:
            continue
        try:
            said = date(number // 12, number % 12 + 1, day or 0)
        except ValueError:
            continue
        if said <= today:
            return said
    return None


def _clock(text: str) -> timedelta | None:
    """An hour as people write it: 9, 930, 9:30 or 24."""
    found = _CLOCK.fullmatch(text.strip().replace("：", ":"))
    if found is None:
        return None
    at = timedelta(hours=int(found[1]), minutes=int(found[2] or 0))
    return at if int(found[2] or 0) < 60 and at <= timedelta(days=1) else None


def _place(line: Line, typed: str) -> str:
    """A place code: typed alone, before its name as the offered list writes it, or behind a name that is unique."""
    found = queries.place_typed(typed)
    if len(found) == 1:
        return found[0]
    line.problem = line.problem or (_SEVERAL if found else _NO_PLACE)
    return ""


def _span(line: Line, first: str, last: str, day: str, today: date) -> tuple[datetime, datetime] | None:
    """From and until: two moments, or two hours of one day."""
    begin, end = _instant(first, day, today), _instant(last, day, today)
    if begin is None or end is None:
        line.problem = line.problem or _NO_TIME
        return None
    if end < begin:
        line.problem = line.problem or _ORDER
        return None
    return begin, end


def _instant(text: str, day: str, today: date) -> datetime | None:
    found, at = day_told(day, today=today), _clock(text)
    if found is not None and at is not None:
        return start_of(found) + at
    return moment_of(text) if len(text) > 10 else None
