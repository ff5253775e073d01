"""The laboratory's one form: the result of one tube."""

from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.forms.types import Answers, Form, Problem, Question
from citywatch.mechanisms.labels import Label


def _findings(answers: Answers) -> tuple[str, ...]:
    return (answers["result"],)


def _ct_belongs_to_a_signal(answers: Answers) -> Problem | None:
    """A cycle threshold means that the target was amplified, which a negative result denies."""
    if answers["result"] == "negative" and ("ct_orf1ab" in answers or "ct_n" in answers):
        return Problem(
            "result", Label("填写了Ct值但结果为阴性；请核对。", "is negative, yet a Ct value is given; check both.")
        )
    return None


FORM = Form(
    code="lab-result",
    version=1,
    stream="lab",
    title=Label("核酸检测结果", "Laboratory result"),
    occurred="tested_at",
    findings=_findings,
    checks=(_ct_belongs_to_a_signal,),
    questions=(
        Question(
            "barcode", "text", Label("标本条码", "Barcode"), required=True, aliases=("条码号", "标本条码号", "样本编号")
        ),
        Question(
            "result",
            "choice",
            Label("检测结果", "Result"),
            required=True,
            choices=(
                ("negative", Label("阴性", "Negative")),
                ("positive", Label("阳性", "Positive")),
                ("indeterminate", Label("可疑（需复检）", "Indeterminate, test again")),
            ),
            aliases=("结果",),
        ),
        Question(
            "ct_orf1ab",
            "number",
            Label("Ct值（ORF1ab）", "Ct (ORF1ab)"),
            low=5,
            high=50,
            aliases=("ORF1ab Ct值", "ORF1ab"),
        ),
        Question(
            "ct_n", "number", Label("Ct值（N基因）", "Ct (N gene)"), low=5, high=50, aliases=("N基因Ct值", "N基因")
        ),
        Question(
            "tested_at", "moment", Label("检测时间", "Time of test"), required=True, aliases=("检验时间", "报告时间")
        ),
        Question(
            "specimen",
            "choice",
            Label("标本类型", "Specimen"),
            required=True,
            choices=(
                ("throat_swab", Label("咽拭子", "Throat swab")),
                ("nasal_swab", Label("鼻拭子", "Nasal swab")),
                ("sputum", Label("痰液", "Sputum")),
                ("blood", Label("血液", "Blood")),
                ("stool", Label("粪便", "Stool")),
                ("environment", Label("环境标本", "Environmental sample")),
            ),
            aliases=("样本类型",),
        ),
        Question(
            "method",
            "choice",
            Label("检测方法", "Method"),
            required=True,
            choices=(("pcr", Label("核酸PCR", "PCR")),),
            aliases=("方法",),
        ),
    ),
)
FORMS: tuple[Form, ...] = (FORM,)
BY_CODE = {form.code: form for form in FORMS}


def form(code: str) -> Form:
    """The laboratory's form with this code."""
    if code not in BY_CODE:
        raise NotFound(
            f"The laboratory has no form {code!r}; it has {', '.join(BY_CODE)}.", zh=f"实验室没有表单“{code}”。"
        )
    return BY_CODE[code]
