"""The situation as the event log knew it at a moment, and what the command screen shows besides.

Every figure of page, DOCX and press view comes from `situation`, so they cannot differ.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Q
from django.utils.translation import gettext

from citywatch.city.registry.queries import city_place, place_facts, streams_due
from citywatch.city.registry.types import PlaceFacts
from citywatch.city.report import rules, tally
from citywatch.city.report.tally import StreamTallies, Tally
from citywatch.city.report.types import (
    ClockGroup,
    Command,
    DayLine,
    DistrictLine,
    FigureLine,
    FigureRule,
    PressSheet,
    Situation,
    StreamLine,
)
from citywatch.city.respond import queries as respond
from citywatch.city.warn import desk
from citywatch.city.warn import queries as warn
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import services as lifecycle
from citywatch.mechanisms.lifecycle.models import Clock

_CITY = Label("市级", "City level")
_BIG = "source-lock"
_LEVELS = ("blue", "yellow", "orange", "red")


def situation(viewer: Viewer, as_of: datetime, *, ability: str = "report.view") -> Situation:
    """The figures of everything under the viewer's reach, as the log knew them at `as_of`.

    New means recorded on the Shanghai day of `as_of` up to that moment; total means recorded at any time up to it. The
    sums by day and by district equal the total.
    """
    return _situation(viewer, as_of, place_facts(), ability)


def _situation(viewer: Viewer, as_of: datetime, everywhere: Mapping[int, PlaceFacts], ability: str) -> Situation:
    export.catch_up()
    day = clock.day_of(as_of)
    reach = viewer.paths(ability)
    places = {pk: facts for pk, facts in everywhere.items() if facts.path.startswith(reach)} if reach else {}
    counted = tally.tallies(as_of, places)
    holds = counted.pop(tally.HOLDS).total
    risk_places = tuple(dict.fromkeys(counted["risk_points"].places.tolist()))
    return Situation(
        as_of=as_of,
        day=day,
        place_name=_name_of(reach, places),
        figures=tuple(_figure(rule, counted[rule.code], day) for rule in rules.FIGURES),
        districts=_by_district(counted, places, day),
        days=_by_day(counted, day),
        streams=_streams(places, as_of=as_of, day=day),
        risk_points=tuple(places[pk].name for pk in risk_places),
        risk_point_places=risk_places,
        holds=holds,
    )


def press_sheet(viewer: Viewer) -> PressSheet:
    """What the press office may say now: always the present moment, so that two chosen moments cannot be subtracted."""
    return rules.for_press(situation(viewer, clock.now(), ability="report.public"))


def command(viewer: Viewer) -> Command:
    """The command screen now."""
    at = clock.now()
    everywhere = place_facts()
    now = _situation(viewer, at, everywhere, "report.view")
    response = respond.overview(viewer)
    source, others = running_clocks(viewer, at)
    proposals, levels = desk.foremost(viewer)  # the gravest first, as many as a wall can hold
    return Command(
        situation=now,
        levels=levels,
        proposals=proposals,
        incidents=response.incidents,
        orders=response.counts,
        open_orders=response.open_orders,
        source_clocks=source,
        clocks=others,
        map=_map(now, proposals, warn.open_events(viewer), everywhere),
    )


def _map(
    now: Situation, proposals: Sequence[Any], events: Sequence[Any], places: Mapping[int, PlaceFacts]
) -> dict[str, Any]:
    """Districts with their cases and the gravest level open there; points where something is open or published."""
    worst: dict[str, str] = {}
    for one in (*proposals, *events):
        district = places[one.place_id].district_code
        worst[district] = max(worst.get(district, one.level), one.level, key=_LEVELS.index)
    areas = {
        line.code: {
            "value": line.total["cases"],
            "level": worst.get(line.code),
            "label": gettext("%d cases") % line.total["cases"] if line.total["cases"] else "",
        }
        for line in now.districts
        if line.code
    }
    published = [places[pk] for pk in now.risk_point_places]
    points = [_point(one, str(one.name), "red") for one in published]
    points += [_point(places[one.place_id], str(one.why), one.level) for one in proposals]
    return {
        "areas": areas,
        "points": [point for point in points if point],
        "caption": gettext("Cases by district; colour: the gravest open level"),
    }


def _point(place: PlaceFacts, label: str, level: str) -> dict[str, Any] | None:
    if place.lon is None or place.lat is None:
        return None
    return {"lon": place.lon, "lat": place.lat, "label": label, "level": level}


def running_clocks(viewer: Viewer, at: datetime) -> tuple[list[Clock], list[ClockGroup]]:
    """The source-lock clock that is due first, and all other running clocks by kind, the most used up first.

    The database counts them: an epidemic has more running clocks than a page should fetch.
    """
    limit = ExpressionWrapper(F("due_at") - F("started_at"), output_field=DurationField())
    counted = (
        Clock.objects.visible_to(viewer)
        .filter(stopped_at__isnull=True)
        .annotate(limit=limit)
        .values("code", "limit")
        .annotate(running=Count("pk"), late=Count("pk", filter=Q(due_at__lt=at)), due=Min("due_at"))
        .order_by()
    )
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in counted:
        groups[row["code"]].append(row)
    foremost = {code: min(rows, key=lambda row: row["due"]) for code, rows in groups.items()}
    source = [_clock(foremost[_BIG])] if _BIG in foremost else []
    lines = [
        ClockGroup(
            code,
            lifecycle.clock_rule(code).label,
            running=sum(row["running"] for row in rows),
            late=sum(row["late"] for row in rows),
            share=max(_clock(row).share(at) for row in rows),
        )
        for code, rows in groups.items()
        if code != _BIG
    ]
    return source, sorted(lines, key=lambda line: -line.share)


def _clock(row: Mapping[str, Any]) -> Clock:
    """The clock of a group that is due first, as far as its face needs it."""
    return Clock(code=row["code"], started_at=row["due"] - row["limit"], due_at=row["due"])


def _figure(rule: FigureRule, counted: Tally, day: date) -> FigureLine:
    return FigureLine(rule, new=counted.on(day), total=counted.total)


def _by_district(counted: Mapping[str, Tally], places: Mapping[int, PlaceFacts], day: date) -> tuple[DistrictLine, ...]:
    new: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(counted, 0))
    total: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(counted, 0))
    for code, ones in counted.items():
        is_new = (ones.days == np.datetime64(day)).tolist()
        for place, number, today in zip(ones.places.tolist(), ones.numbers.tolist(), is_new, strict=True):
            district = places[place].district_code
            total[district][code] += number
            new[district][code] += number * today
    districts = sorted((facts for facts in places.values() if facts.kind == "district"), key=lambda facts: facts.code)
    lines = [DistrictLine(one.code, one.name, new[one.code], total[one.code]) for one in districts]
    known = {line.code for line in lines}
    rest = [code for code in total if code not in known]
    lines += [DistrictLine(code, _CITY if not code else Label(code, code), new[code], total[code]) for code in rest]
    return tuple(lines)


def _by_day(counted: Mapping[str, Tally], day: date) -> tuple[DayLine, ...]:
    """The last days one by one, newest first, and everything before them in one line, so that the column adds up."""
    shown = [day - timedelta(days=back) for back in range(rules.DAYS_SHOWN)]
    lines = [DayLine(one, {code: c.on(one) for code, c in counted.items()}) for one in shown]
    earlier = {code: c.before(shown[-1]) for code, c in counted.items()}
    return (*lines, DayLine(None, earlier))


def _streams(places: Mapping[int, PlaceFacts], *, as_of: datetime, day: date) -> tuple[StreamLine, ...]:
    first = day - timedelta(days=rules.DAYS_SHOWN)
    told = tally.stream_tallies(as_of, first=first, last=day, due=day - timedelta(days=1))
    days = tuple(first + timedelta(days=n) for n in range(rules.DAYS_SHOWN + 1))
    due_here = {pk: streams for pk, streams in streams_due().items() if pk in places}
    expected = {code: [pk for pk, streams in due_here.items() if code in streams] for code in rules.STREAMS}
    return tuple(_stream(code, told, places, days, expected=expected[code]) for code in rules.STREAMS)


def _stream(
    code: str,
    told: StreamTallies,
    places: Mapping[int, PlaceFacts],
    days: tuple[date, ...],
    *,
    expected: Collection[int],
) -> StreamLine:
    series = dict.fromkeys(days, 0)
    by_district: dict[str, int] = defaultdict(int)
    rows = zip(*(told.counts[name].tolist() for name in ("stream", "place", "occurred_on", "count")), strict=True)
    seen: set[date] = set()
    for stream, place, on, count in rows:
        if stream != code or place not in places:
            continue
        series[on] += int(count)
        seen.add(on)
        if on == days[-1]:
            by_district[places[place].district_code] += int(count)
    before = days[-1 - rules.USUAL_DAYS : -1]
    return StreamLine(
        code=code,
        label=rules.STREAMS[code],
        today=series[days[-1]],
        usual=sum(series[one] for one in before) / len(before) if seen & set(before) else None,
        series=tuple(series.values()),
        days=days,
        by_district=by_district,
        reporting=sum((code, pk) in told.reporting for pk in expected),
        expected=len(expected),
    )


def _name_of(reach: tuple[str, ...], places: Mapping[int, PlaceFacts]) -> Label:
    """The name of the one place the viewer reaches, or all of them joined."""
    tops = [facts.name for facts in places.values() if facts.path in reach]
    if not tops:
        city = city_place()
        return Label(city.name_zh, city.name_en)
    return Label("、".join(name.zh for name in tops), ", ".join(name.en for name in tops))
