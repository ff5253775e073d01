"""The zero-report: a site says that a day passed with nothing to report, so that silence is never taken for health."""

from citywatch.mechanisms.forms.types import Form, Question
from citywatch.mechanisms.labels import Label

STREAM_NAMES = {
    "symptom": Label("八项症状", "Eight symptoms"),
    "fever": Label("发热门诊", "Fever clinic"),
    "pharmacy": Label("四类药品", "Four drug classes"),
    "card": Label("传染病报告卡", "Report cards"),
    "absence": Label("因病缺课", "Absence from school"),
    "visit": Label("居家随访", "Home visits"),
}

FORM = Form(
    code="zero-report",
    version=1,
    stream="zero",
    title=Label("零报告", "Zero report"),
    occurred="day",
    counted=False,
    questions=(
        Question(
            "stream",
            "choice",
            Label("监测内容", "Stream"),
            required=True,
            choices=tuple(STREAM_NAMES.items()),
            aliases=("报告类别",),
        ),
        Question("day", "date", Label("日期", "Day"), required=True, aliases=("报告日期", "监测日期")),
    ),
)
