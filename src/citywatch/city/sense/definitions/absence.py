"""A school's register of pupils absent because of illness (因病缺课登记): one row a pupil and day, and no name.

What morning checks ask is that of provincial student-health systems: who of which class is absent, since when, and
with which complaints. A pupil counts on the first day of an absence; the days after are kept and counted once no more.
"""

from citywatch.city.sense.definitions import asked
from citywatch.mechanisms.forms.types import Answers, Choices, Form, Problem, Question
from citywatch.mechanisms.labels import Label

GRADES: Choices = (
    ("K1", Label("小班", "Kindergarten, first year")),
    ("K2", Label("中班", "Kindergarten, second year")),
    ("K3", Label("大班", "Kindergarten, third year")),
    *((f"G{n}", Label(f"{zh}年级", f"Grade {n}")) for n, zh in enumerate("一二三四五六", start=1)),
    *((f"G{n}", Label(f"初{zh}", f"Grade {n}")) for n, zh in enumerate("一二三", start=7)),
    *((f"G{n}", Label(f"高{zh}", f"Grade {n}")) for n, zh in enumerate("一二三", start=10)),
)
NEW = "new"


def _findings(answers: Answers) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answers.get("symptoms") or ())) if answers["status"] == NEW else ()


def _listed_within_the_roll(answers: Answers) -> Problem | None:
    roll = answers.get("roll")
    if roll and answers["list_no"] > roll:
        return Problem(
            "list_no",
            Label(
                f"序号大于班级人数{roll}；请更正其中一项。",
                f"is above the {roll} pupils of the class; correct one of them.",
            ),
        )
    return None


def _ill_before_absent(answers: Answers) -> Problem | None:
    began = answers.get("onset_date")
    if began and began > answers["absent_on"]:
        return Problem(
            "onset_date", Label("发病日期晚于缺课日期；请更正。", "lies after the day of absence; correct one of them.")
        )
    return None


FORM = Form(
    code="school-absence",
    version=1,
    stream="absence",
    title=Label("学生因病缺课登记", "Pupils absent because of illness"),
    occurred="absent_on",
    findings=_findings,
    checks=(_listed_within_the_roll, _ill_before_absent),
    questions=(
        Question(
            "absent_on", "date", Label("缺课日期", "Day of absence"), required=True, aliases=("日期", "因病缺课日期")
        ),
        Question("grade", "choice", Label("年级", "Grade"), required=True, choices=GRADES),
        Question("class_no", "count", Label("班级", "Class"), required=True, low=1, high=99, aliases=("班", "班号")),
        Question(
            "list_no",
            "count",
            Label("序号", "Number in the class's list"),
            required=True,
            low=1,
            high=200,
            aliases=("班内序号",),
            hint=Label(
                "当日该班缺课名单中的第几名；不填姓名和学号。",
                "First, second, third of the class absent that day; no name and no student number.",
            ),
        ),
        Question(
            "status",
            "choice",
            Label("新增/持续", "New or continuing"),
            required=True,
            choices=((NEW, Label("新增", "New")), ("continuing", Label("持续", "Continuing"))),
            aliases=("缺课情况",),
            hint=Label("同一次患病缺课的第一天为新增。", "The first day of an absence is new."),
        ),
        asked.symptoms(required=False),
        Question("roll", "count", Label("班级人数", "Pupils of the class"), low=1, high=200, aliases=("应到人数",)),
        Question("onset_date", "date", Label("发病日期", "Onset date"), aliases=("发病时间", "起病日期")),
        Question("seen_doctor", "yes_no", Label("是否就诊", "Seen by a doctor"), aliases=("就诊",)),
        Question("diagnosis", "text", Label("诊断", "Diagnosis"), aliases=("疾病名称", "病名")),
    ),
)
