"""A visit to somebody who stays at home (居家随访): what a grid worker of a neighbourhood committee finds at the door.

The form names nobody: the number on the worker's list says who is visited, to those alone who may see that list. A
symptom counts on the day it is first found; on later visits of the same illness it is kept and counted no more.
"""

import re

from citywatch.city.sense.definitions import asked
from citywatch.mechanisms.forms.types import Answers, Choices, Form, Problem, Question
from citywatch.mechanisms.labels import Label

NEW, NOT_REACHED = "new", "no"
REACHED: Choices = (
    ("seen", Label("见到本人", "Seen in person")),
    ("phoned", Label("电话联系上", "Reached by telephone")),
    (NOT_REACHED, Label("未联系上", "Not reached")),
)
NEEDS: Choices = (
    ("food", Label("生活物资", "Food and supplies")),
    ("medicine", Label("药品", "Medicine")),
    ("dialysis", Label("血液透析", "Dialysis")),
    ("prenatal", Label("孕产检查", "Prenatal care")),
    ("other", Label("其他困难", "Something else")),
)
_SPOKE = ("reached", ("seen", "phoned"))
_NUMBER = re.compile("K[0-9]{4,18}")


def _findings(answers: Answers) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answers.get("symptoms") or ())) if answers.get("status") == NEW else ()


def _number_as_on_the_list(answers: Answers) -> Problem | None:
    if _NUMBER.fullmatch(answers["contact"]):
        return None
    return Problem(
        "contact", Label("应为名单上的编号，如 K0012；请核对。", "is not a number of the list, such as K0012.")
    )


def _feverish_without_symptom(answers: Answers) -> Problem | None:
    if (answers.get("temperature") or 0) >= 37.3 and "fever" not in (answers.get("symptoms") or ()):
        return Problem(
            "temperature",
            Label(
                "体温达到37.3℃，请在症状中选择“发热”，或更正体温。",
                "is a fever; choose it as a symptom, or correct this.",
            ),
        )
    return None


FORM = Form(
    code="home-visit",
    version=1,
    stream="visit",
    title=Label("居家随访", "Home visit"),
    occurred="visited_at",
    findings=_findings,
    checks=(_number_as_on_the_list, _feverish_without_symptom),
    questions=(
        Question("visited_at", "moment", Label("随访时间", "Time of visit"), required=True, aliases=("上门时间",)),
        Question(
            "contact",
            "text",
            Label("名单编号", "Number on the list"),
            required=True,
            aliases=("密接编号", "随访编号"),
            hint=Label("今日随访名单上的编号，如 K0012；不填姓名。", "As on today's list, such as K0012; no name."),
        ),
        Question("reached", "choice", Label("是否联系上", "Reached"), required=True, choices=REACHED),
        Question("ill", "yes_no", Label("是否有症状", "Any symptom"), required=True, shown_when=_SPOKE),
        Question(
            "symptoms",
            "choices",
            Label("症状", "Symptoms"),
            required=True,
            choices=asked.SYMPTOMS,
            aliases=("主要症状",),
            shown_when=("ill", ("Y",)),
            hint=asked.SYMPTOMS_ASSUMED,
        ),
        Question(
            "temperature",
            "number",
            Label("体温（℃）", "Temperature (°C)"),
            low=34,
            high=43,
            aliases=("体温", "体温℃"),
            shown_when=_SPOKE,
        ),
        Question("needs", "choices", Label("需要帮助", "Needs"), choices=NEEDS, aliases=("需求",), shown_when=_SPOKE),
        Question(
            "status",
            "choice",
            Label("症状新发/持续", "Symptoms new or continuing"),
            required=True,
            choices=((NEW, Label("新发", "New")), ("continuing", Label("持续", "Continuing"))),
            shown_when=("ill", ("Y",)),
            hint=Label(
                "首次发现为新发；同一次患病以后各次为持续。", "New when first found; later visits are continuing."
            ),
        ),
    ),
)
