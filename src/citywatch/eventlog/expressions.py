"""What is asked of the log, as expressions: tables in, a table out, nothing run and no engine known.

Each is the specification of its query. An engine runs it; a faster kernel must give the same rows.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import ibis

from citywatch.eventlog.schema import EVERYTHING, IBIS_TYPES, SMALL_TABLES, TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir


def table(name: str) -> ir.Table:
    """Name a table of the log, or a small table handed in with the query (`people`, `windows`, `stays`).

    >>> table("people").columns
    ('person',)
    """
    schema = {**TABLES, **SMALL_TABLES}[name]
    return ibis.table({column: IBIS_TYPES[kind] for column, kind in schema.items()}, name=name)


def known_at(counts: ir.Table, as_of: datetime) -> ir.Table:
    """Keep the rows recorded by `as_of` whose submission no correction recorded by then replaces.

    A correction recorded later changes nothing about what was known, so a past alert is judged by what its desk saw.
    """
    known = counts.filter(counts.recorded_at <= _utc(as_of))
    corrections = known.filter(known.corrects != 0)
    replaced = corrections.select(submission=corrections.corrects).distinct()
    return known.anti_join(replaced, "submission")


def daily_counts(
    counts: ir.Table,
    *,
    by: Sequence[str] = ("stream", "syndrome", "street"),
    as_of: datetime,
    first_day: date,
    last_day: date,
) -> ir.Table:
    """Sum counts over each day they happened, both days included, as known at `as_of`.

    Gives `by`, `occurred_on`, `count` (int64) in that order. A day with zero-reports alone is a row with 0; a day
    nobody reported is no row. By `home_street`, code 0 stands for home unknown.
    """
    # Days are cut after corrections are applied: a correction may move a submission to a day outside the span.
    known = _between(known_at(counts, as_of), first_day, last_day)
    return known.group_by(*by, "occurred_on").agg(count=known["count"].sum()).order_by(*by, "occurred_on")


def reporting_sites(counts: ir.Table, *, as_of: datetime, first_day: date, last_day: date) -> ir.Table:
    """List the sites that sent anything, zero-reports too, for each stream and day they reported on.

    Gives `stream`, `occurred_on`, `district`, `street`, `place`, `submissions` (int64), as known at `as_of`.
    """
    known = _between(known_at(counts, as_of), first_day, last_day)
    whole = known.filter(known.syndrome == EVERYTHING)
    keys = ("stream", "occurred_on", "district", "street", "place")
    return whole.group_by(*keys).agg(submissions=whole.submission.nunique()).order_by(*keys)


def recorded(counts: ir.Table) -> ir.Table:
    """Sum up what was recorded on each city day: `recorded_on`, `first` and `last` submission, and the `latest` moment.

    Enough to know which days a correction can reach, without reading them: submissions are numbered as they come.
    """
    dated = counts.mutate(recorded_on=_city_day(counts.recorded_at))
    return (
        dated.group_by("recorded_on")
        .agg(first=dated.submission.min(), last=dated.submission.max(), latest=dated.recorded_at.max())
        .order_by("recorded_on")
    )


def corrections(counts: ir.Table) -> ir.Table:
    """List what replaces what, and since when: `submission` (the one replaced), `recorded_at` (of its correction)."""
    said = counts.filter(counts.corrects != 0)
    return said.select(submission=said.corrects, recorded_at=said.recorded_at).distinct().order_by("submission")


def names_in(counts: ir.Table) -> ir.Table:
    """List the pairs of `stream` and `syndrome` that occur."""
    return counts.select("stream", "syndrome").distinct().order_by("stream", "syndrome")


def cells(counts: ir.Table, moment: ir.Table, replaced: ir.Table, names: ir.Table, *, by: Sequence[str]) -> ir.Table:
    """Sum counts over cells of (day recorded, `by`, day it happened): the pieces that daily and weekly series add up.

    Gives `recorded_on`, `name`, `by`, `occurred_on`, `count` (int64). Handed in: `moment` (one row: only what was
    recorded by then counts), `replaced` (submissions that no longer count) and `names` (a number for each pair of
    stream and syndrome wanted; other pairs are left out). Added up over the days recorded by a moment this equals
    `daily_counts`; nothing in the expression changes from run to run, so it is compiled once.
    """
    known = counts.cross_join(moment)
    known = known.filter(known.recorded_at <= known.as_of).anti_join(replaced, "submission")
    named = known.join(names, ["stream", "syndrome"])
    dated = named.mutate(recorded_on=_city_day(named.recorded_at))
    keys = ("recorded_on", "name", *by, "occurred_on")
    return dated.group_by(*keys).agg(count=dated["count"].sum()).order_by(*keys)


def last_entries(entries: ir.Table) -> ir.Table:
    """Give the last `seq` of each `writer` that has reached the log: where the exporter goes on."""
    return entries.group_by("writer").agg(seq=entries.seq.max()).order_by("writer")


def visits_of(visits: ir.Table, people: ir.Table) -> ir.Table:
    """Give every visit of these people, by person and time."""
    theirs = visits.semi_join(people, "person")
    return theirs.order_by("person", "minute_in", "place", "minute_out", "source")


def visitors(visits: ir.Table, windows: ir.Table) -> ir.Table:
    """Count, for each place, the distinct people there during any of its windows `[minute_from, minute_to)`.

    Gives `place`, `visitors` (int64); a place nobody came to is no row. A visit covers `[minute_in, minute_out)`; one
    of no length counts at its minute.
    """
    asked = windows.select(at=windows.place, minute_from=windows.minute_from, minute_to=windows.minute_to)
    meets = [
        visits.place == asked["at"],
        visits.minute_in < asked.minute_to,
        (visits.minute_out > asked.minute_from) | (visits.minute_in >= asked.minute_from),
    ]
    there = visits.join(asked, meets).select("place", "person").distinct()
    return there.group_by("place").agg(visitors=there.person.nunique()).order_by("place")


def candidates(pairs: ir.Table, people: ir.Table, *, least: int = 2) -> ir.Table:
    """Count, for each place that `least` of these people came to, them and everybody: which places to look at closely.

    Gives `place`, `cases`, `visitors` (int64). Pairs hold no day, so this asks about the whole rolled-up time; whoever
    came again on a day not yet rolled up counts again among the visitors. The places it names first are then counted
    anew within each case's own window (`visitors`).
    """
    mine = pairs.semi_join(people, "person").group_by("place").agg(cases=lambda rows: rows.person.nunique())
    shared = mine.filter(mine.cases >= least)
    there = pairs.semi_join(shared, "place").group_by("place").agg(visitors=lambda rows: rows.count())
    return shared.join(there, "place").select("place", "cases", "visitors").order_by("place")


def co_visits(visits: ir.Table, case_stays: ir.Table, minutes: int) -> ir.Table:
    """Find who was where a case was, for at least so many minutes at one time.

    Gives `case_person`, `person`, `place`, `minute_from`, `minute_to`, `minutes`, one row for each pair of visits that
    overlap so long. Sharing a place is not yet close contact: distance and masks are asked in the interview.
    """
    if minutes < 1:
        raise ValueError(f"minutes is {minutes}; two visits meet when they share at least 1 minute.")
    case = case_stays.select(
        case_person=case_stays.person, at=case_stays.place, since=case_stays.minute_in, until=case_stays.minute_out
    )
    met = visits.join(case, [visits.place == case["at"], visits.person != case.case_person])
    shared = met.select(
        "case_person",
        "person",
        "place",
        minute_from=ibis.greatest(met.minute_in, met.since),
        minute_to=ibis.least(met.minute_out, met.until),
    )
    lasting = shared.mutate(minutes=(shared.minute_to - shared.minute_from).cast("int32"))
    enough = lasting.filter(lasting.minutes >= minutes)
    return enough.order_by("case_person", "person", "place", "minute_from", "minute_to")


def _city_day(instant: ir.TimestampValue) -> ir.DateValue:
    """Give the Asia/Shanghai day of an instant kept in UTC; UTC+8 all year."""
    return (instant + ibis.interval(hours=8)).date()


def _utc(moment: datetime) -> datetime:
    """Give the moment as the log keeps it: UTC without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; an instant of the city is known only with one.")
    return moment.astimezone(UTC).replace(tzinfo=None)


def _between(counts: ir.Table, first_day: date, last_day: date) -> ir.Table:
    return counts.filter(counts.occurred_on.between(first_day, last_day))
