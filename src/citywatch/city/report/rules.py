"""What the situation sheet counts, and what of it the public may see."""

import numpy as np

from citywatch.city.report.types import FigureRule, PressFigure, PressSheet, Situation
from citywatch.mechanisms.labels import Label
from citywatch.science.disclosure import suppress_small_counts

FIGURES = (
    FigureRule(
        "cases",
        Label("报告病例", "Cases registered"),
        ("trace.case_registered",),
        Label("流调登记", "Case register"),
        Label(
            "按登记时间、责任区计；已排除者不计",
            "by the time of registration and the responsible district; discarded ones left out",
        ),
        withdrawn_by=("trace.case_discard",),
        people=True,
    ),
    FigureRule(
        "positives",
        Label("核酸阳性样本", "Positive samples"),
        ("lab.sample_report_positive",),
        Label("实验室结果", "Laboratory results"),
        Label(
            "每份样本计一次，按首次报告阳性时间、送检机构所在区",
            "each sample once, when first reported positive, by the district of the ordering site",
        ),
        people=True,
    ),
    FigureRule(
        "negatives",
        Label("核酸阴性样本", "Negative samples"),
        ("lab.sample_report_negative",),
        Label("实验室结果", "Laboratory results"),
        Label(
            "每份样本计一次，按报告时间；后更正为阳性者不计",
            "each sample once, by the time of the result; one put right as positive left out",
        ),
        withdrawn_by=("lab.sample_report_positive",),
    ),
    FigureRule(
        "proposals",
        Label("预警提议", "Proposals raised"),
        ("warn.proposal_raised",),
        Label("预警研判", "Duty desk"),
        Label("机器提议，按提出时间、街道所在区", "raised by machine, by time and the street's district"),
    ),
    FigureRule(
        "events",
        Label("核实事件", "Events verified"),
        ("warn.event_verified",),
        Label("预警研判", "Duty desk"),
        Label("值班员核实为事件者", "verified by a duty officer"),
    ),
    FigureRule(
        "alerts",
        Label("发布预警", "Alerts published"),
        ("warn.alert_published",),
        Label("预警研判", "Duty desk"),
        Label("每次发布计一次", "each publication once"),
    ),
    FigureRule(
        "interviews",
        Label("已流调病例", "Cases interviewed"),
        ("trace.interview_recorded",),
        Label("流调记录", "Interviews"),
        Label("每例计一次，按首次记录时间", "each case once, by its first interview"),
    ),
    FigureRule(
        "risk_points",
        Label("发布风险点位", "Risk points published"),
        ("trace.risk_point_published",),
        Label("溯源发布", "Tracing"),
        Label("按发布时间、点位所在区", "by the time of publication and the place's district"),
    ),
    FigureRule(
        "orders_issued",
        Label("下达指令", "Orders issued"),
        ("respond.order_issue",),
        Label("应急处置", "Response"),
        Label("每条计一次，按接收单位所在区", "each order once, by the recipient's district"),
    ),
    FigureRule(
        "orders_signed",
        Label("签收指令", "Orders received"),
        ("respond.order_sign",),
        Label("应急处置", "Response"),
        Label("每条计一次，按签收时间", "each order once, when signed for"),
    ),
    FigureRule(
        "orders_done",
        Label("办结指令", "Orders done"),
        ("respond.order_complete",),
        Label("应急处置", "Response"),
        Label("每条计一次，按办结时间", "each order once, when reported done"),
    ),
)
MAIN = ("cases", "positives", "proposals", "events", "risk_points", "orders_issued", "orders_signed", "orders_done")
"""The columns of the tables by district and by day; the first table holds every figure."""

STREAMS = {
    "symptom": Label("基层症状登记", "Symptom registrations"),
    "fever": Label("发热门诊就诊", "Fever-clinic visits"),
    "pharmacy": Label("药店四类药品销售", "Pharmacy sales"),
    "card": Label("传染病报告卡", "Report cards"),
}
DAYS_SHOWN = 14
USUAL_DAYS = 7
PUBLIC = ("cases", "positives", "risk_points")
SMALLEST_PUBLIC = 5
"""No count of people from 1 to 4 leaves the house (assumed; see `science.disclosure` for the method)."""


def for_press(situation: Situation) -> PressSheet:
    """Withhold every small count of people, and every other cell that would give one back.

    The district table is protected together with its total; where the total has to be hidden it is hidden in both.
    """
    cases = [line for line in situation.districts if line.total["cases"] or line.code]
    cells = suppress_small_counts(np.array([line.total["cases"] for line in cases]), threshold=SMALLEST_PUBLIC)
    figures = []
    for code in PUBLIC:
        line = situation.figure(code)
        total_shown = cells.total_shown or code != "cases"
        total = _public(line.total, people=line.rule.people) if total_shown else None
        figures.append(PressFigure(line.rule.label, _public(line.new, people=line.rule.people), total))
    return PressSheet(
        as_of=situation.as_of,
        place_name=situation.place_name,
        figures=tuple(figures),
        districts=tuple(
            (line.name, line.total["cases"] if shown else None)
            for line, shown in zip(cases, cells.shown.tolist(), strict=True)
        ),
        risk_points=situation.risk_points,
        threshold=SMALLEST_PUBLIC,
    )


def _public(count: int, *, people: bool) -> int | None:
    return None if people and 0 < count < SMALLEST_PUBLIC else count
