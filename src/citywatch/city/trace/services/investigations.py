"""Open an investigation, look further back, publish its source, close it."""

from datetime import datetime, timedelta

from django.db import transaction

from citywatch.city.trace import evidence, rules
from citywatch.city.trace.models import Case, Investigation, RiskPoint
from citywatch.city.trace.services.contacts import judge_again
from citywatch.city.trace.services.rows import SOURCE_LOCK, district_of, investigation_row
from citywatch.city.warn import queries as warn
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.errors import Conflict, NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import advance, begin, stop_clock


@transaction.atomic
def open_investigation(event_id: int, *, by: Viewer, at: datetime, because: str = "") -> int:
    """Begin the search for an event's source in its district; asked again, gives the one already begun.

    Cases of the same hazard that belong to no investigation yet and were reported in this episode come along.
    """
    event = warn.event_facts(event_id)
    place = Place.objects.get(pk=event.place_id)
    district = district_of(place)
    if not (by.may("trace.open", district.path) or by.may("warn.view", place.path)):
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)  # the words for an event that does not exist
    must(by, "trace.open", district)
    known = Investigation.objects.filter(event_id=event_id).first()
    if known is not None:
        return int(known.pk)
    investigation = Investigation(
        place=district,
        event_id=event_id,
        hazard=event.hazard,
        title_zh=event.title.zh[:200],
        title_en=event.title.en[:200],
        opened_at=at,
        look_back_days=rules.window_rule(day_of(at)).look_back_days,
    )
    entry = begin(investigation, "trace.investigation_opened", by=by, at=at, because=because, event=event_id)
    waiting = Case.objects.filter(
        investigation__isnull=True,
        hazard=investigation.hazard,
        reported_at__gte=at - timedelta(days=rules.EPISODE_DAYS),
    ).exclude(state="discarded")
    for case in waiting.select_related("place"):
        attach(case, investigation, by=by, at=entry.at)
    return int(investigation.pk)


@transaction.atomic
def change_look_back(investigation_id: int, days: int, *, by: Viewer, at: datetime, because: str) -> tuple[int, int]:
    """Look further (or less far) back from onset for contacts; gives how many became close and how many no longer are.

    Contacts already notified or moved to quarantine keep their judgement.
    """
    investigation = investigation_row(investigation_id, by)
    must(by, "trace.open", investigation.place)
    if not because.strip():
        raise Refusal(
            "Changing the look-back needs a reason; write one sentence.", zh="更改追溯天数须填写理由；请写一句话。"
        )
    if not 0 <= days <= rules.EPISODE_DAYS:
        raise Refusal(
            f"A look-back of {days} days is outside 0 to {rules.EPISODE_DAYS}; choose a number between.",
            zh=f"追溯天数须在0至{rules.EPISODE_DAYS}天之间。",
        )
    before, investigation.look_back_days = investigation.look_back_days, days
    investigation.save(update_fields=["look_back_days"])
    cases = list(investigation.cases.select_related("place", "investigation"))
    for case in cases:
        case.investigation = investigation
    gained, lost = judge_again(cases, by=by, at=at)
    journal.record(
        "trace.look_back_changed",
        place=investigation.place,
        by=by,
        at=at,
        because=because,
        subject=investigation,
        before=before,
        after=days,
        became_close=gained,
        no_longer_close=lost,
    )
    return gained, lost


@transaction.atomic
def publish_risk_point(investigation_id: int, place_id: int, *, by: Viewer, at: datetime, because: str) -> int:
    """Name a place as the source: keep the figures it rests on, stop the source clock, tell those downstream."""
    investigation = investigation_row(investigation_id, by)
    place = Place.objects.filter(pk=place_id).first()
    if place is None:
        raise NotFound(
            f"There is no place number {place_id}; choose one of the ranking.", zh="没有该地点；请从排序表中选择。"
        )
    must(by, "trace.publish", place)
    if investigation.is_done:
        raise Conflict("This investigation is closed; open a new one first.", zh="该调查已结案；请先新开调查。")
    if not because.strip():
        raise Refusal(
            "Publishing a risk point needs a reason; write one sentence.", zh="公布风险点位须填写理由；请写一句话。"
        )
    if RiskPoint.objects.filter(investigation=investigation, place=place).exists():
        raise Conflict(
            f"{place.name_en} is already published as a risk point of this investigation.",
            zh=f"{place.name_zh}已作为本次调查的风险点位公布。",
        )
    ranked = next((one for one in evidence.ranked(investigation) if one.place_id == place_id), None)
    point = RiskPoint.objects.create(
        place=place,
        investigation=investigation,
        published_at=at,
        because=because,
        figures=evidence.snapshot(ranked),
        first_positive_at=evidence.first_positive_at(investigation),
    )
    if investigation.state == "open":
        advance(investigation, "publish_source", by=by, at=at, because=because, place_code=place.code)
    for case in investigation.cases.all():
        stop_clock(SOURCE_LOCK, case, at=at)
    journal.record(
        "trace.risk_point_published",
        place=place,
        by=by,
        at=at,
        because=because,
        subject=point,
        investigation=investigation.pk,
        event=investigation.event_id,
        place_code=place.code,
        figures=point.figures,
    )
    return point.pk


@transaction.atomic
def close_investigation(investigation_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """End the search, with a reason."""
    investigation = investigation_row(investigation_id, by)
    advance(investigation, "close", by=by, at=at, because=because)


def attach(case: Case, investigation: Investigation, *, by: Viewer, at: datetime) -> None:
    case.investigation = investigation
    case.save(update_fields=["investigation"])
    journal.record("trace.case_attached", place=case.place, by=by, at=at, subject=case, investigation=investigation.pk)
