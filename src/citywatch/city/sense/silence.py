"""Sources that fell silent or say the same again and again: noticed each hour, said on record, shown until they end."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db.models import Count
from django.db.models.functions import TruncDate

from citywatch.city.registry.queries import districts, institutions_under
from citywatch.city.sense.queries import arrived
from citywatch.city.sense.rules import due_at, is_owed
from citywatch.city.sense.streams import STREAM_NAMES, STREAMS
from citywatch.city.sense.visits import FEED
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.services import clock_rule
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.science.silence import HABIT, changes

QUIET, HEARD = KINDS = "sense.quiet", "sense.heard"
HOW = {
    "silent": Label("无报送", "nothing sent"),
    "zeros": Label("连续报零", "only zeros"),
    "same": Label("连续报送相同数值", "the same number again and again"),
}
_FEED_NAME = Label("到访记录", "Visits")
_BACK = HABIT + 14  # days: a habit, and a run that may have begun a fortnight ago
_TOLD = 50  # sources in one entry
_NAMED = 3  # in a sentence


@dataclass(frozen=True, slots=True)
class Quiet:
    """A source that is not what it was: since which day, of how many due days."""

    code: str
    name: Label
    stream: str
    kind: str
    days: int
    last_day: date

    @property
    def stream_name(self) -> Label:
        return STREAM_NAMES.get(self.stream, _FEED_NAME)

    @property
    def how(self) -> Label:
        return HOW[self.kind]


def quiet_sources(viewer: Viewer, *, at: datetime) -> dict[str, list[Quiet]]:
    """By district the sources of the viewer's places whose last due days are unlike their habit.

    Daily returns by site and stream, and the visits of each place by the day they came.
    """
    last = _last_due(at)
    days = [last - timedelta(days=n) for n in reversed(range(_BACK))]
    found = arrived(viewer, days[0], last, at)
    heard = {key: float(count) for key, (count, _) in found.items()} | _feeds(viewer, days[0], at)
    sites = {one.place.id: one.place for one in institutions_under(viewer.paths("sense.view"))}
    asked = [
        (one.place.id, stream)
        for one in institutions_under(viewer.paths("sense.view"))
        for stream in (*one.streams, FEED)
        if stream in STREAMS or any((one.place.id, FEED, day) in heard for day in days)
    ]
    if not asked:
        return {}
    counts = np.array([[heard.get((place, stream, day), np.nan) for day in days] for place, stream in asked])
    owed = {stream: [is_owed(stream, day) for day in days] for stream in {stream for _, stream in asked}}
    due = np.array([owed[stream] for _, stream in asked], dtype=bool)
    quiet: dict[str, list[Quiet]] = defaultdict(list)
    for one in changes(counts, due):
        place_id, stream = asked[one.row]
        site = sites[place_id]
        there = [day for day, count in zip(days, counts[one.row], strict=True) if not np.isnan(count)]
        told = Quiet(site.code, site.name, stream, one.kind, one.days, there[-1])
        quiet[site.district_code].append(told)
    return dict(quiet)


def notice(*, by: Viewer, at: datetime) -> int:
    """The job: say on record, in each district, which of its sources changed; gives how many there are now."""
    quiet = quiet_sources(by, at=at)
    said = {entry.place.code: entry for entry in _last(journal.in_turn(KINDS))}
    places = {place.code: place for place in districts()}
    for code, place in places.items():
        _tell(quiet.get(code, []), said.get(code), place=place, by=by, at=at)
    return sum(len(one) for one in quiet.values())


def standing(viewer: Viewer, ability: str, told: Sequence[Entry] | None = None) -> list[Quiet]:
    """What was noticed and has not ended, in the districts where the viewer holds an ability."""
    entries = _last(journal.in_turn(KINDS) if told is None else [one for one in told if one.kind in KINDS])
    mine = [one for one in entries if one.kind == QUIET and viewer.may(ability, one.place.path)]
    return [_read(one) for entry in mine for one in entry.body["sources"]]


def sentence(quiet: Sequence[Quiet]) -> Label | None:
    """What the desk is told; None where there is nothing to tell."""
    if not quiet:
        return None
    named = quiet[:_NAMED]
    zh = "、".join(f"{one.name.zh}（{one.stream_name.zh}，{one.days}天{one.how.zh}）" for one in named)
    en = ", ".join(f"{one.name.en} ({one.stream_name.en}: {one.how.en} for {one.days} days)" for one in named)
    more = len(quiet) - len(named)
    return Label(
        f"{len(quiet)}个报送来源异常：{zh}{f'等，另有{more}个' if more else ''}。无报送不计为零；详见报告质量。",
        f"{len(quiet)} sources are not what they were: {en}{f' and {more} more' if more else ''}. Silence counts as no "
        "data, never as zero; see Coverage.",
    )


def _last(told: Sequence[Entry]) -> list[Entry]:
    """The newest entry of each district."""
    return list({entry.place_id: entry for entry in told}.values())


def _tell(quiet: Sequence[Quiet], said: Entry | None, *, place: Place, by: Viewer, at: datetime) -> None:
    before = {tuple(one[:3]) for one in said.body["sources"]} if said and said.kind == QUIET else set()
    now = [_plain(one) for one in quiet[:_TOLD]]
    if {tuple(one[:3]) for one in now} != before:
        journal.record(QUIET if quiet else HEARD, place=place, by=by, at=at, sources=now, count=len(quiet))


def _plain(one: Quiet) -> list[object]:
    return [one.code, one.stream, one.kind, one.days, one.last_day.isoformat(), one.name.zh, one.name.en]


def _read(told: Sequence[object]) -> Quiet:
    code, stream, kind, days, last_day, zh, en = map(str, told)
    return Quiet(code, Label(zh, en), stream, kind, int(days), date.fromisoformat(last_day))


def _last_due(at: datetime) -> date:
    """The latest day whose returns are due by now."""
    day, limit = clock.day_of(at), clock_rule("daily-return").limit
    while due_at(day, limit) > at:
        day -= timedelta(days=1)
    return day


def _feeds(viewer: Viewer, first: date, at: datetime) -> dict[tuple[int, str, date], float]:
    rows = Receipt.objects.visible_to(viewer, "sense.view").filter(
        form=FEED, received_at__gte=clock.start_of(first), received_at__lte=at
    )
    by_day = rows.values_list("place_id", TruncDate("received_at", tzinfo=clock.SHANGHAI)).annotate(Count("pk"))
    return {(place, FEED, day): float(count) for place, day, count in by_day}
