"""What somebody is called outside (代号): one code for each purpose that lists leave for.

Two lists taken for one purpose can be laid side by side, two taken for different ones cannot. A code is drawn by chance
and remembered, so nobody computes it, not even with every key; whoever is forgotten has no code any more.
"""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.models import Pseudonym
from citywatch.mechanisms.writing import write_values

PERSON = "vault.person"
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U, as read out over the telephone
_LENGTH = 12  # 60 bits
_CODE = re.compile(f"[{_LETTERS}]{{{_LENGTH}}}")
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015\uff0d]")
_MISREAD = str.maketrans("ILO", "110")
_PARAMETERS = 5000  # of one query: SQLite takes 32,766

Subject = tuple[str, int]
"""Whom a code stands for: a person's number, or the number of a row about somebody who is not known by name."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a list leaves for. `worked`: whoever takes it works with these people and has to find them again here.

    Then numbers, masked names and the minute leave too; otherwise the code, the day and the age in five years.
    """

    code: str
    title: Label
    worked: bool


_ALL = (
    Purpose(
        "response", Label("现场处置（转运、隔离、入户）", "Work on site: transfer, quarantine, visits"), worked=True
    ),
    Purpose("authority", Label("上报上级机关", "Reporting to the authority above"), worked=True),
    Purpose(
        "partners", Label("部门协查（公安、交通、社区）", "Inquiries by police, transport, communities"), worked=True
    ),
    Purpose("analysis", Label("统计分析（去标识）", "Statistics (de-identified)"), worked=False),
    Purpose("research", Label("科学研究（去标识）", "Research (de-identified)"), worked=False),
)
PURPOSES = {one.code: one for one in _ALL}


def purpose_of(code: str) -> Purpose:
    """The purpose of this name. Raises `Refusal`."""
    if code not in PURPOSES:
        raise Refusal("Choose what the list is taken for.", zh="请选择导出用途类别。")
    return PURPOSES[code]


@transaction.atomic
def codes_for(subjects: Collection[Subject], *, purpose: Purpose) -> dict[Subject, str]:
    """The code of each subject for a purpose, made where there was none."""
    wanted = sorted(set(subjects))
    found = _known(wanted, purpose)
    while missing := [one for one in wanted if one not in found]:  # a drawn code may be another's: draw again
        rows = [(purpose.code, kind, number, _drawn()) for kind, number in missing]
        names = ["purpose", "subject_kind", "subject_id", "code"]
        write_values(Pseudonym, names, rows, "ON CONFLICT DO NOTHING")
        found |= _known(missing, purpose)
    return found


def led_to(code: str) -> Subject | None:
    """Whom a code stands for, as `as_code` writes it; for services that ask who may know."""
    found = Pseudonym.objects.filter(code=code).first()
    return (found.subject_kind, found.subject_id) if found else None


def as_code(typed: str) -> str:
    """A code as it is kept, however it was typed; empty where a text can be none.

    >>> as_code(" 7k3m 9xqo-ab2d "), as_code("张某")
    ('7K3M-9XQ0-AB2D', '')
    """
    letters = _BETWEEN.sub("", typed).upper().translate(_MISREAD)
    return _in_fours(letters) if _CODE.fullmatch(letters) else ""


def _known(subjects: Collection[Subject], purpose: Purpose) -> dict[Subject, str]:
    found: dict[Subject, str] = {}
    for kind in {kind for kind, _ in subjects}:
        numbers = [number for one, number in subjects if one == kind]
        for start in range(0, len(numbers), _PARAMETERS):
            part = Pseudonym.objects.filter(
                purpose=purpose.code, subject_kind=kind, subject_id__in=numbers[start : start + _PARAMETERS]
            )
            found |= {(kind, number): code for number, code in part.values_list("subject_id", "code")}
    return found


def _drawn() -> str:
    return _in_fours("".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)))


def _in_fours(letters: str) -> str:
    return "-".join(letters[start : start + 4] for start in range(0, _LENGTH, 4))
