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

_DAY = 1440


def table(name: str) -> ir.Table:
    """Name a table of the log, or a small table handed in with the query (`schema.SMALL_TABLES`).

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


def entry_chains(entries: ir.Table) -> ir.Table:
    """Give for each `writer` its `first` and `last` seq in the log, how many `rows` and how many `different` seqs."""
    chains = entries.group_by("writer").agg(
        first=entries.seq.min(), last=entries.seq.max(), rows=entries.count(), different=entries.seq.nunique()
    )
    return chains.order_by("writer")


def visits_of(visits: ir.Table, people: ir.Table) -> ir.Table:
    """Give every visit of these people, by person and time."""
    theirs = visits.semi_join(people, "person")
    return theirs.order_by("person", "minute_in", "place", "minute_out", "source")


def visitors(visits: ir.Table, windows: ir.Table, members: ir.Table | None = None) -> ir.Table:
    """Count, for each place, the distinct people there during any of its windows `[minute_from, minute_to)`.

    Gives `place`, `visitors` (int64); a place nobody came to is no row. A visit covers `[minute_in, minute_out)`; one
    of no length counts at its minute. With `members` a row of `place` and `whole` says that who was at the place was
    at the whole, and the windows are those of wholes: a market counts the people of all its halls, each once.
    """
    there = whereabouts(visits, windows, members)
    return there.group_by("place").agg(visitors=lambda rows: rows.count()).order_by("place")


def whereabouts(visits: ir.Table, windows: ir.Table, members: ir.Table | None = None) -> ir.Table:
    """List who was at each place during any of its windows, each pair of `place` and `person` once; see `visitors`."""
    if members is not None:
        of = members.select(at=members.place, whole=members.whole)
        visits = visits.join(of, visits.place == of["at"]).drop("place", "at").rename(place="whole")
    asked = windows.select(at=windows.place, minute_from=windows.minute_from, minute_to=windows.minute_to)
    meets = [visits.place == asked["at"], *_during(visits, asked)]
    return visits.join(asked, meets).select("place", "person").distinct()


def present(visits: ir.Table, windows: ir.Table) -> ir.Table:
    """List everybody seen anywhere during any window `[minute_from, minute_to)`, whatever place it names; `person`."""
    spans = windows.select("minute_from", "minute_to").distinct()
    return visits.join(spans, _during(visits, spans)).select("person").distinct().order_by("person")


def candidates(
    pairs: ir.Table, visitor_counts: ir.Table, unpaired: ir.Table, people: ir.Table, *, least: int = 2
) -> ir.Table:
    """Count, for each place that `least` of these people came to, them and everybody: which places to look at closely.

    Gives `place`, `cases`, `visitors` (int64). Pairs hold no day, so this asks about the whole rolled-up time; whoever
    came again on a day not yet rolled up counts again among the visitors, who are as many as `pairs` has rows for the
    place. The places it names first are then counted anew within each case's own window (`visitors`).
    """
    mine = pairs.semi_join(people, "person").group_by("place").agg(cases=lambda rows: rows.person.nunique())
    shared = mine.filter(mine.cases >= least)
    counted = visitor_counts.union(unpaired.select("place", visitors=ibis.literal(1, "int32")))
    return (
        shared.join(counted, "place")
        .group_by("place", "cases")
        .agg(visitors=lambda rows: rows.visitors.sum())
        .order_by("place")
    )


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
    # Joined by place and day, so that no engine compares a visit with the stays of another day; a visit of more than a
    # day, which may have begun long before, is looked for apart.
    # Both ends are one division each: Ibis subtracts the ends for Spark without brackets around sums.
    first, beyond = (case.since - _DAY) // _DAY, (case.until + _DAY) // _DAY
    dated = case.mutate(day=ibis.range(first, beyond, 1).unnest())
    began = visits.mutate(day=visits.minute_in // _DAY)
    near = began.join(dated, [began.place == dated["at"], began.day == dated.day])
    long = visits.filter(visits.minute_out - visits.minute_in > _DAY)
    far = long.join(case, [long.place == case["at"], long.minute_in // _DAY < first])
    columns = ("case_person", "person", "place", "minute_in", "minute_out", "since", "until")
    met = near.select(*columns).union(far.select(*columns))
    shared = met.filter(met.person != met.case_person).select(
        "case_person",
        "person",
        "place",
        minute_from=ibis.greatest(met.minute_in, met.since),
        minute_to=ibis.least(met.minute_out, met.until),
    )
    lasting = shared.mutate(minutes=(shared.minute_to - shared.minute_from).cast("int32"))
    enough = lasting.filter(lasting.minutes >= minutes)
    return enough.order_by("case_person", "person", "place", "minute_from", "minute_to")


def contacts(visits: ir.Table, case_stays: ir.Table, minutes: int) -> ir.Table:
    """Sum up who met the cases (`co_visits`): `person`, `cases` met, `minutes` in all, and `since` when.

    One row a contact, in order of persons; `cases` and `minutes` are int64. A case that met another is a contact too.
    """
    met = co_visits(visits, case_stays, minutes)
    return (
        met.group_by("person")
        .agg(cases=met.case_person.nunique(), minutes=met.minutes.sum(), since=met.minute_from.min())
        .order_by("person")
    )


def ring(visits: ir.Table, carriers: ir.Table, *, minutes: int, crowd: int) -> ir.Table:
    """Find the second ring: who spent `minutes` at one time where a carrier was, at a place of at most `crowd` visits.

    Gives `person`, once and in order, none of the carriers. `carriers` are the contacts, each with the span
    `[minute_from, minute_to)` in which it could pass the infection on: the days after it was exposed. `visits` are
    those of the days asked; a place's visits are counted over them. Without thresholds the second ring is nearly the
    whole city (93 % in a synthetic Beijing): choose them so that the list can be acted on.
    """
    if minutes < 1:
        raise ValueError(f"minutes is {minutes}; two visits meet when they share at least 1 minute.")
    sizes = visits.group_by("place").agg(visits=lambda rows: rows.count())
    small = visits.semi_join(sizes.filter(sizes.visits <= crowd), "place")
    theirs = small.join(carriers, "person")
    carried = theirs.select(
        at="place",
        since=ibis.greatest(theirs.minute_in, theirs.minute_from),
        until=ibis.least(theirs.minute_out, theirs.minute_to),
    )
    others = small.anti_join(carriers, "person")
    overlap = ibis.least(others.minute_out, carried.until) - ibis.greatest(others.minute_in, carried.since)
    met = others.join(carried, [others.place == carried["at"], overlap >= minutes])
    return met.select("person").distinct().order_by("person")


def day_levels(visits: ir.Table, case_stays: ir.Table, *, minutes: int, linger: int) -> ir.Table:
    """Give the highest exposure level of everybody exposed on a day: `day`, `person`, `level` (int32), 1 to 3.

    3: the person is a case, on the days it stayed anywhere. 2: it was where a case stayed, for `minutes` at one time
    or longer. 1: it was there for a shorter time, or came up to `linger` minutes after the case had gone. Who is in no
    row has level 0 that day. The day is that on which the stay began, in days of the city since 1970, so one day's
    stays make one day's rows, which later stays can only raise. Which stays of a case count, how many minutes, and
    what a level means for a person is for a dated rule to say, not for this.
    """
    if minutes < 1:
        raise ValueError(f"minutes is {minutes}; two visits meet when they share at least 1 minute.")
    case = case_stays.select(
        case_person=case_stays.person, at=case_stays.place, since=case_stays.minute_in, until=case_stays.minute_out
    )
    there = visits.join(
        case,
        [
            visits.place == case["at"],
            visits.minute_in < case.until + linger,
            visits.minute_out > case.since,
        ],
    )
    shared = ibis.least(there.minute_out, there.until) - ibis.greatest(there.minute_in, there.since)
    met = there.select(
        day=_day_of_minute(there.since), person="person", level=ibis.ifelse(shared >= minutes, 2, 1).cast("int32")
    )
    ill = case.select(day=_day_of_minute(case.since), person="case_person", level=ibis.literal(3, "int32"))
    both = met.union(ill)
    return both.group_by("day", "person").agg(level=both.level.max()).order_by("day", "person")


def status(levels: ir.Table) -> ir.Table:
    """Give each person's highest level over the days kept (`day_levels`): `person`, `level`; 0 for whoever is in none.

    The summary of a closed day never has to be read again with the visits: this is a maximum over small tables.
    """
    return levels.group_by("person").agg(level=levels.level.max()).order_by("person")


def _during(visits: ir.Table, windows: ir.Table) -> list[ir.BooleanValue]:
    return [
        visits.minute_in < windows.minute_to,
        (visits.minute_out > windows.minute_from) | (visits.minute_in >= windows.minute_from),
    ]


def _day_of_minute(minute: ir.IntegerColumn) -> ir.IntegerColumn:
    """Give the city's day, counted from 1970, of a minute of the log; UTC+8 all year."""
    return ((minute + 480) // 1440).cast("int32")


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
