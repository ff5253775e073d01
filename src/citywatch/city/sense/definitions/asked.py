"""Questions that several registers ask in the same words, the codes they offer, and checks they share."""

from collections.abc import Iterable

from citywatch.city.registry import reference
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.forms.types import AGE_UNIT, SEX, Answers, Check, Choices, Problem, Question
from citywatch.mechanisms.labels import Label


def coded(table: Iterable[reference.Choice]) -> Choices:
    """A reference table as the answers of a question."""
    return tuple((row.code, Label(row.name_zh, row.name_en)) for row in table)


SYMPTOMS = coded(reference.symptoms())
DRUG_CLASSES = coded(reference.drug_classes())
OCCUPATIONS = coded(reference.occupations())

SYMPTOMS_ASSUMED = Label(
    "八项症状的官方目录未公开，此为暂定代码表，各市可替换。",
    "The official list of eight is not public; this table is assumed and a city replaces it.",
)


def name(*, required: bool = True) -> Question:
    return Question(
        "name", "text", Label("姓名", "Name"), required=required, aliases=("患者姓名", "病人姓名", "就诊人姓名")
    )


def id_number(*, required: bool = False) -> Question:
    return Question(
        "id_number",
        "text",
        Label("证件号码", "ID number"),
        required=required,
        aliases=("身份证号", "身份证号码", "身份证件号码", "有效证件号", "有效证件号码", "证件号"),
        hint=Label("填写身份证号后自动填入性别和年龄。", "A resident ID fills in sex and age."),
    )


PHONE = Question(
    "phone", "text", Label("联系电话", "Phone"), aliases=("电话", "手机号", "手机号码", "联系方式", "患者电话")
)
SEX_ASKED = Question("sex", "choice", Label("性别", "Sex"), required=True, choices=SEX, aliases=("患者性别",))


def age(*, required: bool = True) -> tuple[Question, Question]:
    """An age and its unit; a baby's age is counted in months or days."""
    return (
        Question(
            "age", "count", Label("年龄", "Age"), required=required, low=0, high=150, aliases=("实足年龄", "患者年龄")
        ),
        Question("age_unit", "choice", Label("年龄单位", "Age unit"), required=required, choices=AGE_UNIT),
    )


def occupation(*, required: bool = False) -> Question:
    return Question(
        "occupation",
        "choice",
        Label("人群分类", "Population group"),
        required=required,
        choices=OCCUPATIONS,
        aliases=("职业",),
    )


HOME_STREET = Question(
    "home_street",
    "street",
    Label("现住街道（乡镇）", "Home street"),
    aliases=("街道代码", "现住街道", "居住街道", "街道（乡镇）代码"),
    hint=Label("本市九位街道代码；外地患者留空。", "The nine-digit code of a street in this city; empty for visitors."),
)


def address(*, required: bool = False) -> Question:
    return Question(
        "address",
        "text",
        Label("现住详细地址", "Address"),
        required=required,
        aliases=("现住址", "详细地址", "居住地址", "家庭住址"),
    )


def onset() -> Question:
    return Question(
        "onset_date", "date", Label("发病日期", "Onset date"), required=True, aliases=("发病时间", "起病日期")
    )


def temperature(*, required: bool = False) -> Question:
    return Question(
        "temperature",
        "number",
        Label("体温（℃）", "Temperature (°C)"),
        required=required,
        low=34,
        high=43,
        aliases=("体温", "腋温", "体温℃"),
    )


def symptoms(*, required: bool = True) -> Question:
    return Question(
        "symptoms",
        "choices",
        Label("症状", "Symptoms"),
        required=required,
        choices=SYMPTOMS,
        aliases=("主要症状", "八项症状", "症状名称"),
        hint=SYMPTOMS_ASSUMED,
    )


def travel() -> Question:
    return Question(
        "travel_14d", "yes_no", Label("14天内旅居史", "Travel in the last 14 days"), aliases=("旅居史", "14天旅居史")
    )


def onset_not_after(moment: str) -> Check:
    """Refuse an illness that began after it was seen."""

    def check(answers: Answers) -> Problem | None:
        seen, began = answers.get(moment), answers.get("onset_date")
        if seen and began and began > day_of(seen):
            return Problem(
                "onset_date",
                Label("发病日期晚于就诊（诊断）日期；请更正。", "lies after the visit; correct one of them."),
            )
        return None

    return check
