"""The notifiable-disease report card of 2019 (传染病报告卡), its disease list as it stood on the day of diagnosis."""

from datetime import date

from citywatch.city.registry import reference
from citywatch.city.sense.definitions import asked
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.forms.types import Answers, Choices, Form, Problem, Question
from citywatch.mechanisms.labels import Label

_GUARDIAN_BELOW = 14  # years; the card asks for a parent's name below it


def diseases_on(day: date) -> Choices:
    """The diseases a doctor may choose on a day, under their names of that day."""
    return tuple((row.code, Label(row.name_zh, row.name_en)) for row in reference.diseases(day, subtypes=True))


def _ever_listed() -> Choices:
    """Every code and name the list has held, for reading; `_in_force` then asks about the day."""
    return tuple(dict.fromkeys((row.code, Label(row.name_zh, row.name_en)) for row in reference.diseases_ever()))


def _findings(answers: Answers) -> tuple[str, ...]:
    return (answers.get("revised_disease") or answers["disease"],)


def _in_force(answers: Answers) -> Problem | None:
    day = day_of(answers["diagnosed_at"])
    codes = {code for code, _ in diseases_on(day)}
    for question in ("disease", "revised_disease"):
        code = answers.get(question)
        if code and code not in codes:
            return Problem(
                question,
                Label(
                    f"病种代码 {code} 在诊断日期 {day} 不在法定传染病目录中；请核对病种或诊断时间。",
                    f"{code} was not a notifiable disease on {day}; check the disease or the time of diagnosis.",
                ),
            )
    return None


def _age_known(answers: Answers) -> Problem | None:
    if answers.get("birth_date") or ("age" in answers and "age_unit" in answers):
        return None
    return Problem(
        "age",
        Label("出生日期与年龄（含单位）须至少填写一项。", "is missing; give the birth date, or the age with its unit."),
    )


def _child_has_guardian(answers: Answers) -> Problem | None:
    months_or_days = answers.get("age_unit") in {"M", "D"}
    young = "age" in answers and (months_or_days or answers["age"] < _GUARDIAN_BELOW)
    if young and not answers.get("guardian_name"):
        return Problem(
            "guardian_name",
            Label("14岁以下患儿须填写家长姓名。", "is missing; a child below 14 needs a parent's name."),
        )
    return None


def _death_after_onset(answers: Answers) -> Problem | None:
    died = answers.get("death_date")
    if died and died < answers["onset_date"]:
        return Problem(
            "death_date", Label("死亡日期早于发病日期；请更正。", "lies before the onset; correct one of them.")
        )
    return None


_DISEASES = _ever_listed()

FORM = Form(
    code="report-card",
    version=1,
    stream="card",
    title=Label("传染病报告卡", "Notifiable-disease report card"),
    occurred="diagnosed_at",
    findings=_findings,
    revised_by="card_no",
    checks=(asked.onset_not_after("diagnosed_at"), _in_force, _age_known, _child_has_guardian, _death_after_onset),
    questions=(
        Question(
            "card_no", "text", Label("卡片编号", "Card number"), required=True, aliases=("报卡编号", "卡片ID", "卡号")
        ),
        Question(
            "card_type",
            "choice",
            Label("报卡类别", "Card type"),
            required=True,
            choices=(("1", Label("初次报告", "First report")), ("2", Label("订正报告", "Revision"))),
            aliases=("卡片类别",),
        ),
        asked.name(),
        Question("guardian_name", "text", Label("家长姓名", "Guardian"), aliases=("患儿家长姓名", "监护人姓名")),
        asked.id_number(),
        asked.SEX_ASKED,
        Question("birth_date", "date", Label("出生日期", "Birth date"), aliases=("出生年月日",)),
        *asked.age(required=False),
        Question(
            "workplace", "text", Label("工作单位（学校）", "Workplace or school"), aliases=("工作单位", "单位", "学校")
        ),
        asked.PHONE,
        Question(
            "patient_belongs",
            "choice",
            Label("病人属于", "Patient belongs to"),
            required=True,
            choices=(
                ("1", Label("本县区", "This district")),
                ("2", Label("本市其他县区", "Another district of this city")),
                ("3", Label("本省其它地市", "Another city of this province")),
                ("4", Label("外省", "Another province")),
                ("5", Label("港澳台", "Hong Kong, Macao or Taiwan")),
                ("6", Label("外籍", "Another country")),
            ),
            aliases=("病例属于",),
        ),
        asked.HOME_STREET,
        asked.address(required=True),
        asked.occupation(required=True),
        Question(
            "case_class",
            "choice",
            Label("病例分类", "Case class"),
            required=True,
            choices=(
                ("1", Label("临床诊断病例", "Clinically diagnosed")),
                ("2", Label("确诊病例", "Confirmed")),
                ("3", Label("疑似病例", "Suspected")),
                ("4", Label("病原携带者", "Carrier")),
            ),
        ),
        Question(
            "course",
            "choice",
            Label("急性/慢性", "Acute or chronic"),
            choices=(("acute", Label("急性", "Acute")), ("chronic", Label("慢性", "Chronic"))),
        ),
        asked.onset(),
        Question(
            "diagnosed_at",
            "moment",
            Label("诊断时间", "Time of diagnosis"),
            required=True,
            aliases=("诊断日期", "诊断日期时间"),
        ),
        Question("death_date", "date", Label("死亡日期", "Date of death")),
        Question(
            "disease",
            "choice",
            Label("疾病名称", "Disease"),
            required=True,
            choices=_DISEASES,
            aliases=("病种", "传染病名称", "疾病代码"),
        ),
        Question(
            "revised_disease", "choice", Label("订正病名", "Revised disease"), choices=_DISEASES, aliases=("订正疾病",)
        ),
        Question("return_reason", "text", Label("退卡原因", "Reason for return")),
        Question("reporting_phone", "text", Label("报告单位联系电话", "Reporting unit's phone"), aliases=("单位电话",)),
        Question("doctor", "text", Label("填卡医生", "Doctor"), required=True, aliases=("报告医生", "填报医生")),
        Question("filled_on", "date", Label("填卡日期", "Date of filling in"), required=True, aliases=("报告日期",)),
        Question("note", "long_text", Label("备注", "Note")),
    ),
)
