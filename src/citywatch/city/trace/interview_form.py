"""The investigator's interview form: posted text into told values, with a sentence per line that cannot be read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.http import QueryDict

from citywatch.city.trace import queries
from citywatch.city.trace.types import ContactTold, CoreTold, StayTold
from citywatch.mechanisms.clock import SHANGHAI
from citywatch.mechanisms.forms import identifiers
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.types import Identity

STAY_FIELDS = ("stay_place", "stay_from", "stay_to")
CONTACT_FIELDS = (
    "contact_name",
    "contact_id_number",
    "contact_phone",
    "contact_kind",
    "contact_ground",
    "contact_first",
    "contact_last",
    "contact_place",
)
_SAYS_NOTHING = {"contact_kind", "contact_ground"}  # selects always send a value
EMPTY_STAYS, EMPTY_CONTACTS = 4, 3

_NO_PLACE = Label(
    "没有这个地点；请从提示中选择，或填写地点代码。",
    "There is no such place; choose one of those offered, or write its code.",
)
_SEVERAL = Label("有多个同名地点；请从提示中选择。", "Several places have this name; choose one of those offered.")
_NO_TIME = Label("请填写起止时间。", "Give both times.")
_ORDER = Label("结束时间早于开始时间。", "The end is before the beginning.")
_NO_DATE = Label("不是有效日期，请按 2020-06-11 填写。", "This is not a date; write it as 2020-06-11.")
_BAD_ID = Label("证件号码有误，请核对校验位。", "This ID number is not valid; check it digit by digit.")
_NO_AGE = Label("年龄须为0至130的整数。", "Age is a whole number from 0 to 130.")


@dataclass(slots=True)
class Line:
    """One line of the form as typed, with what is wrong with it."""

    values: dict[str, str]
    problem: Label | None = None


@dataclass(slots=True)
class Interview:
    """The form as typed and as read."""

    core: CoreTold | None = None
    stays: list[StayTold] = field(default_factory=list)
    contacts: list[ContactTold] = field(default_factory=list)
    stay_lines: list[Line] = field(default_factory=list)
    contact_lines: list[Line] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    problems: dict[str, Label] = field(default_factory=dict)
    complete: bool = False

    @property
    def is_sound(self) -> bool:
        return not self.problems and not any(line.problem for line in [*self.stay_lines, *self.contact_lines])

    def with_room(self) -> "Interview":
        """The same with empty lines to write on."""
        self.stay_lines += [Line(dict.fromkeys(STAY_FIELDS, "")) for _ in range(EMPTY_STAYS)]
        self.contact_lines += [Line(dict.fromkeys(CONTACT_FIELDS, "")) for _ in range(EMPTY_CONTACTS)]
        return self


def read(posted: QueryDict) -> Interview:
    """Read what was posted; lines left empty are skipped."""
    told = Interview(complete=posted.get("complete") == "Y")
    told.core = _core(posted, told)
    for values in _lines(posted, STAY_FIELDS):
        line = Line(values)
        told.stay_lines.append(line)
        stay = _stay(line)
        if stay:
            told.stays.append(stay)
    for values in _lines(posted, CONTACT_FIELDS):
        line = Line(values)
        told.contact_lines.append(line)
        contact = _contact(line)
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


def _lines(posted: QueryDict, names: Sequence[str]) -> list[dict[str, str]]:
    columns = [posted.getlist(name) for name in names]
    lines = [dict(zip(names, map(str.strip, row), strict=True)) for row in zip(*columns, strict=False)]
    return [line for line in lines if any(value for name, value in line.items() if name not in _SAYS_NOTHING)]


def _stay(line: Line) -> StayTold | None:
    code = _place(line, line.values["stay_place"])
    span = _span(line, line.values["stay_from"], line.values["stay_to"])
    return StayTold(code, *span) if code and span else None


def _contact(line: Line) -> ContactTold | None:
    values = line.values
    code = _place(line, values["contact_place"]) if values["contact_place"] else None
    span = _span(line, values["contact_first"], values["contact_last"])
    number = identifiers.tidy(values["contact_id_number"])
    if number and not (identifiers.is_resident_number(number) or identifiers.looks_like_other_document(number)):
        line.problem = line.problem or _BAD_ID
    if line.problem or span is None:
        return None
    identity = Identity(name=values["contact_name"], id_number=number, phone=values["contact_phone"])
    return ContactTold(identity, values["contact_kind"], values["contact_ground"], *span, code)


def _place(line: Line, typed: str) -> str:
    """A place code: typed alone, before its name as the offered list writes it, or behind a name that is unique."""
    found = queries.place_typed(typed)
    if len(found) == 1:
        return found[0]
    line.problem = line.problem or (_SEVERAL if found else _NO_PLACE)
    return ""


def _span(line: Line, first: str, last: str) -> tuple[datetime, datetime] | None:
    begin, end = _moment(first), _moment(last)
    if begin is None or end is None:
        line.problem = line.problem or _NO_TIME
        return None
    if end < begin:
        line.problem = line.problem or _ORDER
        return None
    return begin, end


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
