"""One page that shows every component, for design work and browser tests; it exists in the demo and in tests alone."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from citywatch.mechanisms import clock
from citywatch.mechanisms.forms.types import SEX, Problem, Question
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.types import Transition
from citywatch.server.templatetags.citywatch import LEVELS

_DAYS = [f"2020-06-{day:02d}" for day in range(1, 15)]
_COUNTS = [2, 3, 1, 2, 4, 2, 3, 2, 3, 5, 9, 14, 22, 31]
_STREETS = (
    Label("新村街道", "Xincun"),
    Label("花乡地区", "Huaxiang"),
    Label("广安门外街道", "Guang'anmenwai"),
    Label("金融街街道", "Jinrong Jie"),
)
_MOVES = (
    Transition("close", ("new",), "closed", "warn.triage", Label("关闭", "Close"), reason=True),
    Transition("watch", ("new",), "watched", "warn.triage", Label("继续观察", "Keep watching")),
    Transition("verify", ("new",), "verified", "warn.triage", Label("核实为事件", "Verify as event"), primary=True),
)
_FEVER = (
    ("fever", Label("发热", "Fever")),
    ("cough", Label("咳嗽咽痛", "Cough")),
    ("rash", Label("皮疹", "Rash")),
    ("jaundice", Label("黄疸", "Jaundice")),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """Stands for a worked row where the components need one."""

    pk: int = 1
    state_label: Label = field(default_factory=lambda: Label("待研判", "To be assessed"))
    is_done: bool = False


@require_safe
@login_required
def styles(request: HttpRequest) -> HttpResponse:
    """Show all components; `?variant=phone` and `?variant=wall` show the two page variants."""
    if settings.MODE == "production":
        raise Http404
    variant = request.GET.get("variant", "")
    context = {
        "variant": variant if variant in {"phone", "wall"} else "",
        "figures": _figures(),
        "rows": _rows(),
        "row": _Row(),
        "moves": _MOVES,
        "levels": list(LEVELS),
        "clocks": _clocks(clock.now()),
        "charts": _charts(),
        "map": _map(),
        "questions": _questions(),
        "empty": _("No proposal is waiting."),
    }
    return render(request, "styles.html", context)


def _figures() -> list[dict[str, Any]]:
    names = (_("Reports today"), _("Signals"), _("Cases"), _("Contacts"), _("Reporting rate"))
    values = ((412, ""), (7, ""), (36, "+5"), (178, "+41"), ("97%", ""))
    return [
        {"name": name, "value": value, "unit": unit, "note": _("as known at city time"), "alarm": name == names[2]}
        for name, (value, unit) in zip(names, values, strict=True)
    ]


def _rows() -> list[dict[str, Any]]:
    return [
        {"level": level, "place": place, "values": _COUNTS[: 14 - 2 * i], "observed": 31 - 8 * i}
        for i, (level, place) in enumerate(zip(LEVELS, _STREETS, strict=True))
    ]


def _clocks(at: datetime) -> list[Clock]:
    def face(code: str, began: float, due: float, met: float | None = None) -> Clock:
        hours = [at + timedelta(hours=span) for span in (began, due)]
        return Clock(
            code=code,
            started_at=hours[0],
            due_at=hours[1],
            stopped_at=None if met is None else at + timedelta(hours=met),
        )

    return [
        face("source-lock", -4, 12),
        face("proposal-red", -0.45, 0.05),
        face("investigation-core", -5, -1),
        face("pcr-clinic", -7, -1, -3),
    ]


def _charts() -> dict[str, Any]:
    streets = [str(street) for street in _STREETS]
    return {
        "baseline": {
            "days": _DAYS,
            "observed": _COUNTS,
            "expected": [2.4] * 14,
            "upper": [5.2] * 14,
            "alarm": [int(count > 5.2) for count in _COUNTS],
        },
        "epicurve": {
            "days": _DAYS,
            "series": [{"name": _("confirmed"), "values": _COUNTS}, {"name": _("suspected"), "values": _COUNTS[::-1]}],
            "coming": {"days": _DAYS[-3:], "expected": [16, 29, 47], "lower": [15, 26, 38], "upper": [19, 34, 61]},
        },
        "calendar": {
            "days": [(date(2020, 1, 1) + timedelta(days=n)).isoformat() for n in range(366)],
            "values": [None if n % 61 == 60 else (n * 37 % 11) * (5 if n % 7 < 5 else 2) for n in range(366)],
            "name": _("Reports today"),
        },
        "ranking": {
            "names": streets,
            "values": [18.2, 6.1, 2.4, 1.1],
            "low": [9.7, 2.0, 0.9, 0.3],
            "high": [34.0, 14.4, 6.2, 3.9],
        },
        "pyramid": {
            "labels": ["80+", "60–79", "40–59", "20–39", "0–19"],
            "series": [
                {"name": _("Male"), "values": [1, 4, 9, 6, 2]},
                {"name": _("Female"), "values": [2, 3, 7, 8, 1]},
            ],
        },
        "bars": {"labels": streets, "series": [{"name": _("Reports today"), "values": [41, 35, 22, 18]}]},
        "graph": {
            "nodes": [
                {"id": i, "name": f"C{i:02d}", "category": _("Cases") if i < 5 else _("Contacts"), "size": 22 - i}
                for i in range(12)
            ],
            "links": [{"source": i // 3, "target": i} for i in range(1, 12)],
        },
    }


def _map() -> dict[str, Any]:
    counts = {
        "110106": (31, "red"),
        "110102": (9, "orange"),
        "110115": (6, "yellow"),
        "110108": (4, "blue"),
        "110105": (12, ""),
        "110112": (5, ""),
        "110114": (2, ""),
    }
    return {
        "areas": {
            code: {"value": value, "level": level, "label": _("%(count)d cases") % {"count": value}}
            for code, (value, level) in counts.items()
        },
        "points": [{"lon": 116.32, "lat": 39.81, "label": str(_STREETS[1]), "level": "red", "url": ""}],
        "caption": datetime(2020, 6, 14, tzinfo=UTC).date().isoformat(),
    }


def _questions() -> list[tuple[Question, str, Problem | None]]:
    missing = Problem("name", Label("必填项未填写；请补填。", "is missing; fill it in."))
    return [
        (Question("name", "text", Label("姓名", "Name"), required=True), "", missing),
        (Question("sex", "choice", Label("性别", "Sex"), required=True, choices=SEX), "F", None),
        (
            Question(
                "temperature",
                "number",
                Label("体温（℃）", "Temperature (℃)"),
                low=34,
                high=43,
                hint=Label("腋温，保留一位小数", "Axillary, one decimal"),
            ),
            "38.4",
            None,
        ),
        (Question("onset_date", "date", Label("发病日期", "Onset date"), required=True), "2020-06-11", None),
        (
            Question("symptoms", "choices", Label("症状", "Symptoms"), required=True, choices=_FEVER),
            "fever;cough",
            None,
        ),
        (Question("pcr_ordered", "yes_no", Label("是否采样核酸", "PCR ordered"), required=True), "Y", None),
        (
            Question("sample_barcode", "text", Label("样本条码", "Sample barcode"), shown_when=("pcr_ordered", ("Y",))),
            "",
            None,
        ),
        (Question("note", "long_text", Label("备注", "Note")), "", None),
    ]
