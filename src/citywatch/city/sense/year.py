"""Reports by day over a year, as the heat calendar shows them: weekdays, holidays, seasons and silence at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from citywatch.city.sense.streams import FORM_OF_STREAM, STREAM_NAMES
from citywatch.eventlog.expressions import daily_counts, table
from citywatch.eventlog.schema import EVERYTHING
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.journal.export import engine, store
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label

DAYS = 371
"""A year and the week it begins in."""
_ENDLESS = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Year:
    """What was counted on each day; None on a day on which none of these sites said anything."""

    stream: str
    finding: str
    label: Label
    days: tuple[date, ...]
    counts: tuple[int | None, ...]

    @property
    def silent(self) -> int:
        return sum(count is None for count in self.counts)

    @property
    def total(self) -> int:
        return sum(count or 0 for count in self.counts)


def findings_of(stream: str) -> tuple[tuple[str, Label], ...]:
    """The findings a stream's reports count under, besides the total: the choices of the question they come from."""
    questions = FORM_OF_STREAM[stream].by_name
    for name in ("symptoms", "drug_class", "disease"):
        if name in questions:
            return questions[name].choices
    return ()


def year(viewer: Viewer, *, stream: str, finding: str = "", at: datetime) -> Year:
    """A stream's counts by day over the year to `at`, of the sites this viewer may see, as known at `at`."""
    if stream not in FORM_OF_STREAM:
        raise NotFound(
            f"There is no stream {stream!r}; choose one of {', '.join(FORM_OF_STREAM)}.",
            zh=f"没有代码为“{stream}”的监测内容；请从 {'、'.join(FORM_OF_STREAM)} 中选择。",
        )
    label = STREAM_NAMES[stream]
    if finding:
        named = dict(findings_of(stream)).get(finding)
        if named is None:
            raise NotFound(
                f"{label.en} does not count {finding!r} apart; choose one of the list.",
                zh=f"{label.zh}不单独统计“{finding}”；请从列表中选择。",
            )
        label = Label(f"{label.zh}：{named.zh}", f"{label.en}: {named.en}")
    last = day_of(at)
    days = tuple(last - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
    return Year(stream, finding, label, days, _counted(viewer, stream, finding or EVERYTHING, days, at))


def _counted(viewer: Viewer, stream: str, finding: str, days: Sequence[date], at: datetime) -> tuple[int | None, ...]:
    counts = table("counts")
    known = counts.cross_join(table("moment"))  # handed in, so that the question is the same at every moment
    known = known.filter(known.recorded_at <= known.as_of, known.stream == stream).drop("as_of")
    told = known.filter(known.syndrome.isin([EVERYTHING, finding]))
    asked = daily_counts(told, by=("syndrome", "place"), as_of=_ENDLESS, first_day=days[0], last_day=days[-1])
    moment = np.array([at.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")
    found = engine().run(asked, store().pin(), moment={"as_of": moment})
    mine = np.isin(found["place"], _places(viewer))
    day = found["occurred_on"].astype("datetime64[D]") - np.datetime64(days[0])
    spoke, total = np.zeros(len(days), dtype=bool), np.zeros(len(days), dtype=np.int64)
    at_day = day.astype(np.int64)
    spoke[at_day[mine]] = True
    counted = mine & (found["syndrome"] == finding)
    np.add.at(total, at_day[counted], found["count"][counted])
    return tuple(int(count) if heard else None for count, heard in zip(total, spoke, strict=True))


def _places(viewer: Viewer) -> NDArray[np.int64]:
    mine = Q(pk__in=[])
    for path in viewer.paths("sense.view"):
        mine |= Q(path__startswith=path)
    return np.fromiter(Place.objects.filter(mine).values_list("pk", flat=True), dtype=np.int64)
