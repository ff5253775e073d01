"""The eight-symptom register of primary care: community health centres and stations, village rooms, clinics."""

from citywatch.city.sense.definitions import asked
from citywatch.mechanisms.forms.types import Answers, Form, Question
from citywatch.mechanisms.labels import Label


def _findings(answers: Answers) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answers["symptoms"]))


FORM = Form(
    code="symptom-registration",
    version=1,
    stream="symptom",
    title=Label("八项症状登记", "Eight-symptom registration"),
    occurred="visit_at",
    findings=_findings,
    checks=(asked.onset_not_after("visit_at"),),
    questions=(
        Question(
            "visit_at", "moment", Label("就诊时间", "Time of visit"), required=True, aliases=("就诊日期", "接诊时间")
        ),
        asked.name(),
        asked.id_number(),
        asked.PHONE,
        asked.SEX_ASKED,
        *asked.age(),
        asked.symptoms(),
        asked.temperature(),
        asked.onset(),
        Question(
            "visit_type",
            "choice",
            Label("初诊/复诊", "First or return visit"),
            required=True,
            choices=(("first", Label("初诊", "First visit")), ("return", Label("复诊", "Return visit"))),
            aliases=("就诊类型", "初复诊"),
        ),
        Question(
            "disposition",
            "choice",
            Label("去向", "Disposition"),
            required=True,
            choices=(
                ("home", Label("居家观察", "Home")),
                ("fever_clinic", Label("转发热门诊", "Referred to a fever clinic")),
                ("called_120", Label("呼叫120转运", "Ambulance called")),
                ("admitted", Label("收治", "Admitted")),
            ),
            aliases=("患者去向", "处置"),
        ),
        asked.occupation(),
        asked.HOME_STREET,
        asked.address(),
        asked.travel(),
        Question(
            "contact_14d",
            "yes_no",
            Label("14天内病例接触史", "Contact with a case in the last 14 days"),
            aliases=("接触史",),
        ),
        Question(
            "cluster_14d",
            "yes_no",
            Label("14天内聚集性发病", "Part of a cluster in the last 14 days"),
            aliases=("聚集性发病",),
        ),
        Question("preliminary_diagnosis", "text", Label("初步诊断", "Preliminary diagnosis"), aliases=("诊断",)),
    ),
)
