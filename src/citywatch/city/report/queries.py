"""The situation as the event log knew it at a moment, and what the command screen shows besides.

Every figure of page, DOCX and press view comes from `situation`, so they cannot differ.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis.expr.types as ir
import numpy as np
from django.utils.translation import gettext

from citywatch.city.registry.queries import city_place, institutions_reporting, place_facts
from citywatch.city.registry.types import PlaceFacts
from citywatch.city.report import rules
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
from citywatch.eventlog.expressions import daily_counts, reporting_sites, table
from citywatch.eventlog.schema import EVERYTHING, city_days
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import services as lifecycle
from citywatch.mechanisms.lifecycle.models import Clock

_HOLDS = ("sense.hold_opened", "sense.hold_release", "sense.hold_isolate")
_CITY = Label("市级", "City level")
_BIG = "source-lock"
_LEVELS = ("blue", "yellow", "orange", "red")


@dataclass(frozen=True, slots=True)
class Counted:
    """Subjects of one figure: the day each first counted and the district it belongs to."""

    days: np.ndarray
    districts: list[str]
    places: list[int]


def situation(viewer: Viewer, as_of: datetime, *, ability: str = "report.view") -> Situation:
    """The figures of everything under the viewer's reach, as the log knew them at `as_of`.

    New means recorded on the Shanghai day of `as_of` up to that moment; total means recorded at any time up to it. The
    sums by day and by district equal the total.
    """
    export.catch_up()
    day = clock.day_of(as_of)
    reach = viewer.paths(ability)
    places = {pk: facts for pk, facts in place_facts().items() if facts.path.startswith(tuple(reach))} if reach else {}
    found = _first_entries(as_of, places)
    counted = {rule.code: _counted(rule, found, places) for rule in rules.FIGURES}
    risk_places = tuple(dict.fromkeys(counted["risk_points"].places))
    holds = _subjects(found, "sense.hold_opened") - _subjects(found, "sense.hold_release", "sense.hold_isolate")
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
        holds=len(holds),
    )


def press_sheet(viewer: Viewer) -> PressSheet:
    """What the press office may say now: always the present moment, so that two chosen moments cannot be subtracted."""
    return rules.for_press(situation(viewer, clock.now(), ability="report.public"))


def command(viewer: Viewer) -> Command:
    """The command screen now."""
    at = clock.now()
    now = situation(viewer, at)
    incidents = respond.open_incidents(viewer)
    source, others = running_clocks(viewer, at)
    inbox = desk.inbox(viewer)  # the gravest first; one page is what a wall can hold
    proposals = [row.facts for row in inbox.rows]
    return Command(
        situation=now,
        levels=inbox.open_by_level,
        proposals=proposals,
        incidents=incidents,
        orders=respond.order_counts(viewer),
        open_orders=respond.orders(viewer, open_only=True),
        source_clocks=source,
        clocks=others,
        map=_map(viewer, now, proposals, incidents),
    )


def _map(viewer: Viewer, now: Situation, proposals: Sequence[Any], incidents: Sequence[Any]) -> dict[str, Any]:
    """Districts with their cases and the gravest level open there; points where something is open or published."""
    places = place_facts({one.place_id for one in (*proposals, *incidents)})
    worst: dict[str, str] = {}
    for one in proposals:
        district = places[one.place_id].district_code
        worst[district] = max(worst.get(district, one.level), one.level, key=_LEVELS.index)
    for event in warn.open_events(viewer):
        district = place_facts([event.place_id])[event.place_id].district_code
        worst[district] = max(worst.get(district, event.level), event.level, key=_LEVELS.index)
    areas = {
        line.code: {
            "value": line.total["cases"],
            "level": worst.get(line.code),
            "label": gettext("%d cases") % line.total["cases"] if line.total["cases"] else "",
        }
        for line in now.districts
        if line.code
    }
    published = place_facts(now.risk_point_places).values()
    points = [_point(one, str(one.name), "red") for one in published]
    points += [_point(places[one.place_id], str(one.why), one.level) for one in proposals if one.place_id in places]
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
    """The source-lock clocks by themselves, and all other running clocks by kind, the most used up first."""
    running = list(Clock.objects.visible_to(viewer).filter(stopped_at__isnull=True).order_by("due_at"))
    groups: dict[str, list[Clock]] = defaultdict(list)
    for one in running:
        if one.code != _BIG:
            groups[one.code].append(one)
    lines = [
        ClockGroup(
            code,
            lifecycle.clock_rule(code).label,
            running=len(ones),
            late=sum(one.is_late(at) for one in ones),
            share=max(one.share(at) for one in ones),
        )
        for code, ones in groups.items()
    ]
    return [one for one in running if one.code == _BIG], sorted(lines, key=lambda line: -line.share)


def _first_entries(as_of: datetime, places: Mapping[int, PlaceFacts]) -> dict[str, Any]:
    """Per kind and subject the first entry recorded by `as_of`, inside `places`; oldest first."""
    kinds = {kind for rule in rules.FIGURES for kind in (*rule.kinds, *rule.withdrawn_by)} | set(_HOLDS)
    found = export.engine().run(first_entries(table("entries"), kinds=sorted(kinds), as_of=as_of), export.store().pin())
    seen = np.isin(found["place"], np.fromiter(places, dtype=np.int64, count=len(places)))
    return {name: column[seen] for name, column in found.items()}


def first_entries(entries: ir.Table, *, kinds: Collection[str], as_of: datetime) -> ir.Table:
    """The first entry of each kind about each subject, as known at `as_of`: `kind`, `subject`, `at`, `place`."""
    known = entries.filter(entries["at"] <= as_of.astimezone(UTC).replace(tzinfo=None), entries.kind.isin(list(kinds)))
    first = known.group_by("kind", "subject").agg(place=known.place.argmin(known["at"]), at=known["at"].min())
    return first.order_by("at", "kind", "subject")


def _subjects(found: Mapping[str, Any], *kinds: str) -> set[int]:
    return set(found["subject"][np.isin(found["kind"].astype(str), kinds)].tolist())


def _counted(rule: FigureRule, found: Mapping[str, Any], places: Mapping[int, PlaceFacts]) -> Counted:
    kind = found["kind"].astype(str)
    withdrawn = found["subject"][np.isin(kind, rule.withdrawn_by)]
    keep = np.isin(kind, rule.kinds) & ~np.isin(found["subject"], withdrawn)
    # A subject counted under two kinds counts once, at the earlier.
    _, first = np.unique(found["subject"][keep], return_index=True)
    first.sort()
    where = found["place"][keep][first].tolist()
    days = city_days(found["at"][keep][first].astype("datetime64[us]"))
    return Counted(days, [places[pk].district_code for pk in where], where)


def _figure(rule: FigureRule, counted: Counted, day: date) -> FigureLine:
    return FigureLine(rule, new=int((counted.days == np.datetime64(day)).sum()), total=len(counted.districts))


def _by_district(
    counted: Mapping[str, Counted], places: Mapping[int, PlaceFacts], day: date
) -> tuple[DistrictLine, ...]:
    new: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(counted, 0))
    total: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(counted, 0))
    for code, ones in counted.items():
        for district, is_new in zip(ones.districts, (ones.days == np.datetime64(day)).tolist(), strict=True):
            total[district][code] += 1
            new[district][code] += is_new
    districts = sorted((facts for facts in places.values() if facts.kind == "district"), key=lambda facts: facts.code)
    lines = [DistrictLine(one.code, one.name, new[one.code], total[one.code]) for one in districts]
    known = {line.code for line in lines}
    rest = [code for code in total if code not in known]
    lines += [DistrictLine(code, _CITY if not code else Label(code, code), new[code], total[code]) for code in rest]
    return tuple(lines)


def _by_day(counted: Mapping[str, Counted], day: date) -> tuple[DayLine, ...]:
    """The last days one by one, newest first, and everything before them in one line, so that the column adds up."""
    shown = [day - timedelta(days=back) for back in range(rules.DAYS_SHOWN)]
    lines = [
        DayLine(one, {code: int((c.days == np.datetime64(one)).sum()) for code, c in counted.items()}) for one in shown
    ]
    earlier = {code: int((c.days < np.datetime64(shown[-1])).sum()) for code, c in counted.items()}
    return (*lines, DayLine(None, earlier))


def _streams(places: Mapping[int, PlaceFacts], *, as_of: datetime, day: date) -> tuple[StreamLine, ...]:
    counts = table("counts")
    first = day - timedelta(days=rules.DAYS_SHOWN)
    whole = counts.filter(counts.syndrome == EVERYTHING)
    asked = daily_counts(whole, by=("stream", "place"), as_of=as_of, first_day=first, last_day=day)
    due = day - timedelta(days=1)
    sites = reporting_sites(counts, as_of=as_of, first_day=due, last_day=due)
    engine, pinned = export.engine(), export.store().pin()
    found, reported = engine.run(asked, pinned), engine.run(sites, pinned)
    reporting = set(zip(reported["stream"].tolist(), reported["place"].tolist(), strict=True))
    days = tuple(first + timedelta(days=n) for n in range(rules.DAYS_SHOWN + 1))
    due_here = [site for site in institutions_reporting() if site.place.id in places]
    expected = {code: [site.place.id for site in due_here if code in site.streams] for code in rules.STREAMS}
    return tuple(_stream(code, found, reporting, places, days, expected=expected[code]) for code in rules.STREAMS)


def _stream(
    code: str,
    found: Mapping[str, Any],
    reporting: Collection[tuple[str, int]],
    places: Mapping[int, PlaceFacts],
    days: tuple[date, ...],
    *,
    expected: Collection[int],
) -> StreamLine:
    series = dict.fromkeys(days, 0)
    by_district: dict[str, int] = defaultdict(int)
    rows = zip(
        found["stream"].tolist(),
        found["place"].tolist(),
        found["occurred_on"].tolist(),
        found["count"].tolist(),
        strict=True,
    )
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
        reporting=sum((code, pk) in reporting for pk in expected),
        expected=len(expected),
    )


def _name_of(reach: tuple[str, ...], places: Mapping[int, PlaceFacts]) -> Label:
    """The name of the one place the viewer reaches, or all of them joined."""
    tops = [facts.name for facts in places.values() if facts.path in reach]
    if not tops:
        city = city_place()
        return Label(city.name_zh, city.name_en)
    return Label("、".join(name.zh for name in tops), ", ".join(name.en for name in tops))
