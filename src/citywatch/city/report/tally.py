"""What the log holds of each figure, counted by place and day inside the engine, so that no epidemic travels to a page.

Nothing in an expression changes from look to look (the moment is handed in), so each is compiled once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from citywatch.city.registry.types import PlaceFacts
from citywatch.city.report import rules
from citywatch.eventlog.expressions import daily_counts, reporting_sites, table
from citywatch.eventlog.schema import EVERYTHING
from citywatch.mechanisms.journal import export

HOLDS = "holds"
_ENDLESS = datetime(9999, 1, 1, tzinfo=UTC)
_COUNTED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **{rule.code: (rule.kinds, rule.withdrawn_by) for rule in rules.FIGURES},
    HOLDS: (("sense.hold_opened",), ("sense.hold_release", "sense.hold_isolate")),
}
"""By figure: the entries that count a subject, and those that withdraw it again."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One figure: so many subjects first counted on this day at this place; the oldest row first."""

    days: np.ndarray
    places: np.ndarray
    numbers: np.ndarray

    @property
    def total(self) -> int:
        return int(self.numbers.sum())

    def on(self, day: date) -> int:
        return int(self.numbers[self.days == np.datetime64(day)].sum())

    def before(self, day: date) -> int:
        return int(self.numbers[self.days < np.datetime64(day)].sum())


@dataclass(frozen=True, slots=True)
class StreamTallies:
    """What the sites sent: counts by stream, site and day, and the (stream, site) pairs heard on the last whole day."""

    counts: Mapping[str, Any]
    reporting: frozenset[tuple[str, int]]


def tallies(as_of: datetime, places: Mapping[int, PlaceFacts]) -> dict[str, Tally]:
    """Every figure as recorded by `as_of`, of these places alone."""
    expression = first_counted(table("entries"), table("moment"), _COUNTED)
    found = export.engine().run(expression, export.store().pin(), moment=moment_of(as_of))
    inside = np.isin(found["place"], np.fromiter(places, dtype=np.int64, count=len(places)))
    found = {name: column[inside] for name, column in found.items()}
    told = {}
    for number, code in enumerate(_COUNTED):
        mine = found["figure"] == number
        told[code] = Tally(found["day"][mine].astype("datetime64[D]"), found["place"][mine], found["number"][mine])
    return told


def first_counted(
    entries: ir.Table, moment: ir.Table, counted: Mapping[str, tuple[Sequence[str], Sequence[str]]]
) -> ir.Table:
    """Count each subject once, at the place and on the day of its first entry, unless another entry withdrew it.

    `counted` gives for each figure the kinds that count and the kinds that withdraw; figures are numbered in its order.
    Gives `figure`, `place`, `day`, `number` (int64), and `at`, the first of them; the oldest first.
    """
    asked = sorted({kind for kinds, withdrawn in counted.values() for kind in (*kinds, *withdrawn)})
    known = entries.filter(entries.kind.isin(asked)).cross_join(moment)
    known = known.filter(known["at"] <= known.as_of)
    first = known.group_by("kind", "subject").agg(place=known.place.argmin(known["at"]), at=known["at"].min())
    parts = []
    for number, (kinds, withdrawn) in enumerate(counted.values()):
        mine = first.filter(first.kind.isin(list(kinds)))
        if len(kinds) > 1:  # a subject counted under two kinds counts once, at the earlier
            mine = mine.group_by("subject").agg(place=mine.place.argmin(mine["at"]), at=mine["at"].min())
        if withdrawn:
            mine = mine.anti_join(first.filter(first.kind.isin(list(withdrawn))), "subject")
        day = (mine["at"] + ibis.interval(hours=8)).date()  # UTC+8 all year
        mine = mine.select(figure=ibis.literal(number, "int32"), place=mine.place, day=day, at=mine["at"])
        parts.append(mine.group_by("figure", "place", "day").agg(number=mine.count(), at=mine["at"].min()))
    return ibis.union(*parts).order_by("at", "figure", "place")


def stream_tallies(as_of: datetime, *, first: date, last: date, due: date) -> StreamTallies:
    """Counts of these days by stream and site, and who reported on the day `due`, as known at `as_of`."""
    counts = table("counts")
    known = counts.cross_join(table("moment"))
    known = known.filter(known.recorded_at <= known.as_of).drop("as_of")
    whole = known.filter(known.syndrome == EVERYTHING)
    asked = daily_counts(whole, by=("stream", "place"), as_of=_ENDLESS, first_day=first, last_day=last)
    sites = reporting_sites(known, as_of=_ENDLESS, first_day=due, last_day=due)
    engine, pinned = export.engine(), export.store().pin()
    found = engine.run(asked, pinned, moment=moment_of(as_of))
    heard = engine.run(sites, pinned, moment=moment_of(as_of))
    return StreamTallies(found, frozenset(zip(heard["stream"].tolist(), heard["place"].tolist(), strict=True)))


def moment_of(as_of: datetime) -> dict[str, Any]:
    return {"as_of": np.array([as_of.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")}
