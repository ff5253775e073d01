"""What a form is: questions, checks, and which findings a submission counts under."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.types import IDENTITY_FIELDS

Kind = Literal["text", "long_text", "count", "number", "date", "moment", "choice", "choices", "yes_no", "street"]
Choices = tuple[tuple[str, Label], ...]
Answers = Mapping[str, Any]
Check = Callable[[Answers], "Problem | Label | None"]
"""What is wrong with the answers taken together: a problem of one question, or a sentence about when it happened."""

SEX: Choices = (("M", Label("男", "Male")), ("F", Label("女", "Female")))
AGE_UNIT: Choices = (("Y", Label("岁", "years")), ("M", Label("月", "months")), ("D", Label("天", "days")))
YES_NO: Choices = (("Y", Label("是", "Yes")), ("N", Label("否", "No")))


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a form.

    `aliases` are further spreadsheet headers it is known by. `shown_when` names another question and the answers that
    show this one. A question named like an identity field (name, id_number, phone, address, birth_date, guardian_name)
    goes to the vault and never into answers.
    """

    name: str
    kind: Kind
    label: Label
    required: bool = False
    choices: Choices = ()
    aliases: tuple[str, ...] = ()
    shown_when: tuple[str, tuple[str, ...]] | None = None
    low: float | None = None
    high: float | None = None
    hint: Label | None = None

    @property
    def is_identity(self) -> bool:
        return self.name in IDENTITY_FIELDS

    def is_shown(self, raw: Mapping[str, str]) -> bool:
        if self.shown_when is None:
            return True
        other, answers = self.shown_when
        return bool(set((raw.get(other) or "").split(";")) & set(answers))


def _one_finding(_answers: Answers) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of report, version by version.

    `occurred` names the question that says when it happened (a moment or a date). `findings` maps answers to the codes
    the log counts besides the total. `revised_by` names the question (such as a card number) by which a later
    submission of the same site corrects an earlier one.
    """

    code: str
    version: int
    stream: str
    title: Label
    questions: tuple[Question, ...]
    occurred: str
    checks: tuple[Check, ...] = ()
    findings: Callable[[Answers], tuple[str, ...]] = _one_finding
    revised_by: str = ""
    counted: bool = True
    by_name: Mapping[str, Question] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {question.name: question for question in self.questions})
        if self.occurred not in self.by_name:
            raise ValueError(f"{self.code} says it happened at {self.occurred!r}, which is not one of its questions.")

    @property
    def headers(self) -> dict[str, str]:
        """Every header a spreadsheet may use for a question, to the question's name."""
        known = {}
        for question in self.questions:
            for header in (question.name, question.label.zh, question.label.en, *question.aliases):
                known[header] = question.name
        return known


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it arrived: its number in the message or file (the first is 1), and its text values.

    `problems` is damage seen while the file was read, such as an ID number that a spreadsheet has rounded.
    """

    number: int
    values: Mapping[str, str]
    problems: "tuple[Problem, ...]" = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one answer, and what to do."""

    question: str
    sentence: Label
