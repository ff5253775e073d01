"""The situation over the API: the same figures as page and document."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from citywatch.city.report import queries
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.server.api.asking import asker
from citywatch.server.api.reading import Moment

router = Router(tags=["report"])


class FigureOut(Schema):
    code: str
    label_zh: str
    label_en: str
    new: int
    total: int
    source_zh: str
    basis_zh: str


class SituationOut(Schema):
    as_of: datetime
    figures: list[FigureOut]
    by_district: dict[str, dict[str, int]]
    by_day: dict[str, dict[str, int]]
    coverage: float | None


class SourceClockOut(Schema):
    started_at: datetime
    due_at: datetime
    late: bool


class ClockGroupOut(Schema):
    code: str
    running: int
    late: int
    share: float


class CommandOut(Schema):
    as_of: datetime
    levels: dict[str, int]
    incidents: int
    orders: dict[str, int]
    orders_late: int
    receipts_late: int
    source_clocks: list[SourceClockOut]
    clocks: list[ClockGroupOut]


class PressFigureOut(Schema):
    label_zh: str
    label_en: str
    new: int | None
    total: int | None


class PressOut(Schema):
    as_of: datetime
    figures: list[PressFigureOut]
    districts: dict[str, int | None]
    risk_points: list[str]


@router.get("/situation", response=SituationOut)
def situation(request: HttpRequest, as_of: Moment | None = None) -> SituationOut:
    """The figures as known at `as_of` (an instant with a zone), or now."""
    viewer = asker(request, "report.view")
    if as_of is not None and as_of.tzinfo is None:
        raise Refusal(
            "as_of needs a time zone, as in 2020-06-11T15:00+08:00.", zh="as_of须带时区，例如2020-06-11T15:00+08:00。"
        )
    found = queries.situation(viewer, as_of or clock.now())
    return SituationOut(
        as_of=found.as_of,
        figures=[
            FigureOut(
                code=line.rule.code,
                label_zh=line.rule.label.zh,
                label_en=line.rule.label.en,
                new=line.new,
                total=line.total,
                source_zh=line.rule.source.zh,
                basis_zh=line.rule.basis.zh,
            )
            for line in found.figures
        ],
        by_district={line.code or "city": dict(line.total) for line in found.districts},
        by_day={line.day.isoformat() if line.day else "earlier": dict(line.new) for line in found.days},
        coverage=found.coverage,
    )


@router.get("/command", response=CommandOut)
def command(request: HttpRequest) -> CommandOut:
    """What the command screen shows now besides the situation."""
    found = queries.command(asker(request, "report.view"))
    orders, at = found.orders, found.situation.as_of
    return CommandOut(
        as_of=at,
        levels=dict(found.levels),
        incidents=len(found.incidents),
        orders={state: getattr(orders, state) for state in ("drafted", "issued", "signed", "done", "cancelled")},
        orders_late=orders.late,
        receipts_late=orders.receipt_late,
        source_clocks=[
            SourceClockOut(started_at=one.started_at, due_at=one.due_at, late=one.is_late(at))
            for one in found.source_clocks
        ],
        clocks=[
            ClockGroupOut(code=one.code, running=one.running, late=one.late, share=one.share) for one in found.clocks
        ],
    )


@router.get("/press", response=PressOut)
def press(request: HttpRequest) -> PressOut:
    """What may be told to the public now; null is withheld."""
    sheet = queries.press_sheet(asker(request, "report.public"))
    return PressOut(
        as_of=sheet.as_of,
        figures=[
            PressFigureOut(label_zh=one.label.zh, label_en=one.label.en, new=one.new, total=one.total)
            for one in sheet.figures
        ],
        districts={name.zh: count for name, count in sheet.districts},
        risk_points=[name.zh for name in sheet.risk_points],
    )
