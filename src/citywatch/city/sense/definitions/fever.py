"""The fever-clinic register: who came, what was asked about exposure, and who waits there for a result."""

from citywatch.city.sense.definitions import asked
from citywatch.mechanisms.forms.types import Answers, Form, Problem, Question
from citywatch.mechanisms.labels import Label


def _findings(answers: Answers) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answers["symptoms"]))


def _held_waits_for_a_result(answers: Answers) -> Problem | None:
    """A hold ends with a laboratory result, so nobody is held without a sample."""
    if answers["disposition"] == "held" and answers["pcr_ordered"] != "Y":
        return Problem(
            "disposition",
            Label(
                "留观待检须开具核酸检测；请选择“是”或更改去向。",
                "means waiting for a result; order a PCR or choose another.",
            ),
        )
    return None


FORM = Form(
    code="fever-clinic-visit",
    version=1,
    stream="fever",
    title=Label("发热门诊就诊登记", "Fever-clinic visit"),
    occurred="visit_at",
    findings=_findings,
    checks=(asked.onset_not_after("visit_at"), _held_waits_for_a_result),
    questions=(
        Question(
            "visit_at", "moment", Label("就诊时间", "Time of visit"), required=True, aliases=("就诊日期", "接诊时间")
        ),
        asked.name(),
        asked.id_number(required=True),
        asked.PHONE,
        asked.SEX_ASKED,
        *asked.age(),
        asked.temperature(required=True),
        asked.symptoms(),
        asked.onset(),
        Question(
            "pcr_ordered",
            "yes_no",
            Label("是否开具核酸检测", "PCR ordered"),
            required=True,
            aliases=("核酸检测", "是否核酸检测"),
        ),
        Question(
            "sample_barcode",
            "text",
            Label("标本条码", "Sample barcode"),
            required=True,
            shown_when=("pcr_ordered", ("Y",)),
            aliases=("条码号", "标本条码号", "采样管条码"),
        ),
        Question(
            "disposition",
            "choice",
            Label("去向", "Disposition"),
            required=True,
            choices=(
                ("held", Label("留观待检", "Held until the result")),
                ("home", Label("离院", "Home")),
                ("admitted", Label("收住入院", "Admitted")),
            ),
            aliases=("患者去向", "处置"),
        ),
        Question(
            "exposure_history",
            "choices",
            Label("流行病学史", "Exposure history"),
            choices=(
                ("case_area", Label("14天内到过有病例报告的社区", "Was in an area with cases in the last 14 days")),
                ("case_contact", Label("14天内接触过感染者", "Met an infected person in the last 14 days")),
                ("fever_contact", Label("14天内接触过来自病例社区的发热者", "Met a feverish person from such an area")),
                ("cluster", Label("聚集性发病", "Part of a cluster")),
            ),
            aliases=("流行病史",),
        ),
        asked.occupation(),
        asked.HOME_STREET,
        asked.address(),
        Question("diagnosis", "text", Label("诊断", "Diagnosis"), aliases=("初步诊断", "门诊诊断")),
    ),
)
