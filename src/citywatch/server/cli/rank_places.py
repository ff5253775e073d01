"""`citywatch rank-places`: cases and visits in, the places where they may have been infected out, best first."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from citywatch.interop.tables.visit_files import (
    ALWAYS,
    DAY,
    CaseRow,
    PlaceRow,
    Stays,
    VisitFile,
    on_plane,
    read_cases,
    read_places,
)
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.sources import (
    CaseDays,
    Origins,
    Settings,
    infection_window,
    interviews_needed,
    rank_nearest,
    rank_origins,
    shared_homes,
)
from citywatch.science.sources.homes import LARGEST_HOME
from citywatch.server.cli.tabular import TabularCommand

COLUMNS = (
    "rank",
    "place_id",
    "cases",
    "visitors",
    "expected_cases",
    "ratio",
    "ci_low",
    "ci_high",
    "p_value",
    "share_of_cases",
    "reason",
)
HOME_KINDS = frozenset(
    {"home", "household", "residence", "house", "flat", "apartment", "dwelling", "family"}
) | frozenset({"家", "家庭", "住宅", "住所", "住址", "居所", "户"})
_SURE = 0.05
# An illness of hours leaves no early days to compare with, and no memory of days to be wrong by.
_LONG = 7

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Question:
    """The cases that can be asked: ids, days of onset, and the settings of the illness; and all cases listed."""

    people: tuple[str, ...]
    everyone: tuple[str, ...]
    onset: IntArray
    timed: tuple[int | None, ...]
    settings: Settings


@click.command("rank-places", cls=TabularCommand)
@click.option("--cases", required=True, type=click.Path(path_type=Path), help="person_id,onset per case.")
@click.option(
    "--visits", required=True, type=click.Path(path_type=Path), help="CSV, a Parquet file or a folder of them."
)
@click.option("--places", default=None, type=click.Path(path_type=Path), help="place_id,kind,name,lon,lat.")
@click.option("--exclude", default="", metavar="KIND,...", help="Kinds of places to leave out, e.g. hospital.")
@click.option(
    "--incubation", default="1-14", metavar="FROM-TO", show_default=True, help="Days from infection to onset."
)
@click.option("--radius", default=None, type=float, metavar="METRES", help="For visits with a coordinate alone [100].")
@click.option(
    "--forward", is_flag=True, help="Where cases were while infectious (who next), instead of before (where from)."
)
@click.option("--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix, or -.")
def rank_places(
    *,
    cases: Path,
    visits: Path,
    places: Path | None,
    exclude: str,
    incubation: str,
    radius: float | None,
    forward: bool,
    out: str,
) -> None:
    """Rank the places where the cases may have been infected.

    Distinct cases inside each one's window before onset against everyone who was there in the same days. p_value is
    after trying all places (Bonferroni). Who lives together counts once; what people visit because they are ill, or
    after falling ill, does not count. A summary goes to standard error.
    """
    refuse_unwritable(out)
    listed = read_cases(cases)
    known = read_places(places) if places else {}
    left_out = _kinds(exclude, known, told=places is not None)
    question = _question(listed, incubation, forward=forward)
    with VisitFile(visits, places=known, radius=radius) as log:
        if log.coordinates_only and radius is None and (log.undated or not _others(log, question)):
            rows = list(_nearest(log, question, known, left_out))
        else:
            if log.coordinates_only:
                log.match_all(known, radius)
            rows = list(_ranked(log, question, known, left_out=left_out, called=cases.name, forward=forward))
        for sentence in _about(log, question):
            click.echo(sentence, err=True)
    write_table(out, COLUMNS, rows)


def _kinds(exclude: str, places: Mapping[str, PlaceRow], *, told: bool) -> frozenset[str]:
    wanted = frozenset(_plain(kind) for kind in exclude.split(",") if kind.strip())
    if wanted and not told:
        sentence = "--exclude leaves out kinds of places, and no kind is known; give --places with a column kind."
        raise Refusal(sentence)
    there = {_plain(place.kind) for place in places.values() if place.kind}
    if wanted - there:
        click.echo(
            f"--exclude: no place is of kind {', '.join(sorted(wanted - there))}; "
            f"the kinds are {', '.join(sorted(there))}.",
            err=True,
        )
    return wanted


def _plain(kind: str) -> str:
    return kind.strip().casefold().replace("_", " ").replace("-", " ")


def _question(listed: Sequence[CaseRow], incubation: str, *, forward: bool) -> Question:
    settings = _settings(incubation)
    before = settings.infectious_before * DAY
    people, onset, timed = [], [], []
    for case in listed:
        minute = case.onset if case.onset is not None else None
        if minute is None and case.infectious_from is not None:
            minute = case.infectious_from + before
        if minute is None:
            continue
        people.append(case.person)
        # With an hour of onset, that day's earlier hours are the last day before it.
        onset.append(minute // DAY + (case.timed and not forward))
        timed.append(minute if case.timed else None)
    if not people:
        sentence = "No case has an onset; give onset, or infectious_from for those who never fell ill."
        raise Refusal(sentence)
    if forward:
        settings = Settings(
            shortest=0, longest=settings.infectious_before + settings.infectious_after, late=-1, recall=0
        )
        onset = [day + settings.longest - 2 for day in onset]
    everyone = tuple(case.person for case in listed)
    return Question(tuple(people), everyone, np.array(onset, dtype=np.int64), tuple(timed), settings)


def _settings(incubation: str) -> Settings:
    try:
        shortest, longest = (int(part) for part in incubation.split("-"))
        long = longest >= _LONG
        return Settings(shortest=shortest, longest=longest, late=1 if long else -1, recall=2 if long else 0)
    except ValueError as error:
        sentence = f"--incubation: '{incubation}' is no range of days; write the shortest and the longest, e.g. 1-14."
        raise Refusal(sentence) from error


def _others(log: VisitFile, question: Question) -> int:
    number, _, _ = log.points_of(question.everyone)
    return int((number < 0).sum())


def _ranked(
    log: VisitFile,
    question: Question,
    known: Mapping[str, PlaceRow],
    *,
    left_out: frozenset[str],
    called: str,
    forward: bool,
) -> Iterator[tuple[Cell, ...]]:
    settings = question.settings
    stays = log.of_people(question.people)
    if not len(stays.person):
        sentence = (
            f"{called}: none of its {len(question.people)} cases has a visit in {log.name}; "
            "person_id must be the same in both."
        )
        raise Refusal(sentence)
    names, place = np.unique(stays.place.astype(str), return_inverse=True)
    days = _days(stays, place.reshape(-1), question)
    first = int(question.onset.min()) - settings.longest
    last = int(question.onset.max()) - settings.shortest
    inside = _inside(days, question)
    allowed = np.array([not _is_kind(known, name, left_out) for name in names])
    candidate, days = _candidates(days, inside, allowed, len(names))
    wanted = names[candidate].tolist()
    at_places, everywhere, active = log.presence(wanted, first, last)
    tried, others = log.count(first, last, leaving_out=question.everyone)
    gone = log.places_of(first, last, [place for place in known if _is_kind(known, place, left_out)]) if left_out else 0
    home = _homes(log, wanted, at_places.visitors(first, last), known, (first, last))
    found = rank_origins(
        days,
        onset=question.onset,
        visitors=at_places,
        everyone=everywhere,
        activity=None if forward else active,
        home=home,
        others=others,
        tried=max(tried - gone, len(wanted), 1),
        settings=settings,
    )
    order = np.lexsort((np.arange(len(found)), -found.visitors, -found.cases)) if forward else np.arange(len(found))
    power = "" if forward else _power(found)
    if power:
        click.echo(power, err=True)
    for rank, row in enumerate(order.tolist(), start=1):
        reason = _forward_reason(found, row, known, wanted) if forward else _reason(found, row, known, wanted, settings)
        if rank == 1 and power:
            reason = f"{reason} {power}"
        yield (
            rank,
            wanted[int(found.place[row])],
            int(found.cases[row]),
            int(found.visitors[row]),
            float(found.expected[row]),
            float(found.ratio[row]),
            float(found.ratio_low[row]),
            float(found.ratio_high[row]),
            float(found.p_value[row]),
            float(found.share[row]),
            reason,
        )


def _is_kind(known: Mapping[str, PlaceRow], name: str, kinds: frozenset[str]) -> bool:
    return bool(kinds) and name in known and _plain(known[name].kind) in kinds


def _days(stays: Stays, place: IntArray, question: Question) -> CaseDays:
    """One row per case, place and day, from a window before onset to some days after."""
    settings = question.settings
    onset = question.onset[stays.person]
    low = np.maximum(stays.start, (onset - settings.longest) * DAY)
    high = np.minimum(np.maximum(stays.end - 1, stays.start), (onset + settings.infectious_after + 1) * DAY - 1)
    kept = np.flatnonzero(high >= low)
    begin, end = low[kept] // DAY, high[kept] // DAY
    row = np.repeat(np.arange(len(kept)), end - begin + 1)
    day = (
        begin[row]
        + np.arange(len(row))
        - np.concatenate([[0], np.cumsum(end - begin + 1)[:-1]]).repeat(end - begin + 1)
    )
    case, where = stays.person[kept][row], place[kept][row]
    # A visit that began after the hour of onset is after it, though the day is the same.
    hour = np.array([minute if minute is not None else ALWAYS[1] for minute in question.timed], dtype=np.int64)[case]
    later = (stays.start[kept][row] >= hour) & (day == question.onset[case] - 1)
    return CaseDays(case, where, day + 2 * later)


def _inside(days: CaseDays, question: Question) -> NDArray[np.bool_]:
    window = infection_window(question.onset, question.settings)
    return np.asarray((days.day >= window[days.case, 0]) & (days.day <= window[days.case, 1]))


def _candidates(
    days: CaseDays, inside: NDArray[np.bool_], allowed: NDArray[np.bool_], places: int
) -> tuple[IntArray, CaseDays]:
    """Places with two cases in their windows (with one, where none has two), renumbered, and the days there.

    A place left out by kind still shows that a case was asked, so its days stay under a number that ranks nowhere.
    """
    pairs = np.unique(np.column_stack([days.place, days.case])[inside], axis=0)
    cases = np.bincount(pairs[:, 0], minlength=places) * allowed
    least = 2 if (cases >= 2).any() else 1
    candidate = np.flatnonzero(cases >= least)
    return candidate, days if not len(candidate) else _renumbered(days, candidate, places)


def _renumbered(days: CaseDays, candidate: IntArray, places: int) -> CaseDays:
    number = np.arange(places) + len(candidate)
    number[candidate] = np.arange(len(candidate))
    return CaseDays(days.case, number[days.place], days.day)


def _homes(
    log: VisitFile, wanted: Sequence[str], visitors: IntArray, known: Mapping[str, PlaceRow], span: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which candidate places are homes, by their kind or by who sleeps there."""
    first, last = span
    small = np.flatnonzero(visitors <= LARGEST_HOME)
    found = np.zeros(len(wanted), dtype=np.bool_)
    names = [wanted[int(i)] for i in small]
    ids, stays = log.at_places(names, first, last)
    named = np.array([_is_kind(known, name, HOME_KINDS) for name in names], dtype=np.bool_)
    found[small] = shared_homes(
        person=stays.person,
        place=stays.place,
        minute_in=stays.start,
        minute_out=stays.end,
        places=len(small),
        named=named,
        seen_days=log.days_seen(ids, first, last),
    )
    return found


def _nearest(
    log: VisitFile, question: Question, known: Mapping[str, PlaceRow], left_out: frozenset[str]
) -> Iterator[tuple[Cell, ...]]:
    """Addresses alone: which place lies nearest to more cases than its neighbourhood explains."""
    located = [p for p in known.values() if p.point and not (left_out and _plain(p.kind) in left_out)]
    if not located:
        sentence = f"{log.name}: visits have coordinates and no place_id; give --places with lon and lat (or x and y)."
        raise Refusal(sentence)
    number, lon, lat = log.points_of(question.people)
    points = on_plane(
        np.concatenate([np.column_stack([lon, lat]), np.array([p.point for p in located], dtype=np.float64)]),
        planar=log.planar,
    )
    homes, wells = points[: len(lon)], points[len(lon) :]
    found = rank_nearest(homes[number >= 0], wells, addresses=homes[number < 0])
    n = int((number >= 0).sum())
    if not n:
        sentence = f"{log.name}: none of the cases has an address in it; person_id must be the same in both."
        raise Refusal(sentence)
    compared = "the addresses of everyone" if (number < 0).any() else "an even spread over the area of the cases"
    for rank, i in enumerate(range(len(found.source)), start=1):
        k, expected = int(found.cases[i]), float(found.expected[i])
        low, high = _exact(k, n)
        share = expected / n
        p = min(1.0, math.exp(min(float(found.log_p[i]) + math.log(len(located)), 0.0)))
        reason = f"Nearest to {k} of {n} cases; {expected:.1f} expected from {compared}." + (
            " May be chance." if p >= _SURE else ""
        )
        yield (
            rank,
            located[int(found.source[i])].place,
            k,
            k,
            expected,
            k / expected if expected else math.nan,
            low / share if share else math.nan,
            high / share if share else math.nan,
            p,
            k / n,
            reason,
        )


def _exact(k: int, n: int) -> tuple[float, float]:
    from scipy.special import betaincinv

    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    return low, float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0


def _reason(found: Origins, row: int, known: Mapping[str, PlaceRow], wanted: Sequence[str], settings: Settings) -> str:
    k, n = int(found.cases[row]), found.asked
    window = f"{settings.shortest} to {settings.longest} days before onset"
    told = [f"{k} of {n} cases were here {window}"]
    if found.compared:
        told.append(f", {_count(float(found.expected[row]))} expected from everyone's visits in the same days")
    else:
        told.append("; there is nobody else's visit to compare with")
    told.append(".")
    if found.sought[row]:
        told.append(
            " People come here when ill (many of the cases' days here follow onset), so only visits "
            f"{settings.recall + 1} days or more before onset count."
        )
    elif found.after[row]:
        told.append(f" {found.after[row]} more came only on or after the day of onset, which does not count.")
    if found.home[row]:
        told.append(f" They live together: {found.introductions[row]} introduction.")
    elif found.introductions[row] < k:
        told.append(f" They come from {found.introductions[row]} homes, and a home counts once.")
    if found.led_by[row] >= 0:
        leader = _called(wanted[int(found.led_by[row])], known)
        told.append(
            f" Secondary: {found.earlier[row]} of them met a case here that was ill before them, and those earlier "
            f"cases lead to {leader}."
        )
    elif 2 * found.earlier[row] >= k:
        told.append(f" {found.earlier[row]} of them met a case here that was ill before them.")
    if found.only_with[row] >= 0:
        told.append(f" Nearly all of them were also at {_called(wanted[int(found.only_with[row])], known)}.")
    if found.compared and found.p_value[row] >= _SURE:
        told.append(" May be chance.")
    return "".join(told)


def _forward_reason(found: Origins, row: int, known: Mapping[str, PlaceRow], wanted: Sequence[str]) -> str:
    del known, wanted
    return (
        f"{found.cases[row]} of {found.asked} cases were here while they could infect; "
        f"{found.visitors[row]} people were here in those days."
    )


def _count(expected: float) -> str:
    return f"{expected:.1f}" if expected >= 0.1 else f"{expected:.2g}"


def _called(place: str, known: Mapping[str, PlaceRow]) -> str:
    name = known[place].name if place in known else ""
    return f"{name} ({place})" if name and name != place else place


def _power(found: Origins) -> str:
    """How many interviews more would settle it, in a sentence."""
    if not found.compared or not len(found):
        return ""
    second = 1 if len(found) > 1 else None
    more = interviews_needed(
        cases=found.asked,
        at_leader=int(found.introductions[0]),
        leader_chance=float(found.chance[0]),
        at_second=int(found.introductions[second]) if second else 0,
        second_chance=float(found.chance[second]) if second else 1.0,
        tried=found.tried,
    )
    if more == 0:
        return f"Settled with {found.asked} cases asked."
    if more is None:
        return f"Not settled with {found.asked} cases asked, and more would not settle it: no place stands out enough."
    return f"Not settled with {found.asked} cases asked; about {more} interviews more would, if the shares hold."


def _about(log: VisitFile, question: Question) -> Iterator[str]:
    counted = log.counted
    aside = "".join(f", {number} set aside {reason}" for reason, number in counted.set_aside.items())
    points = f", {counted.points} without an end" if counted.points and not log.undated else ""
    yield f"{log.name}: {counted.rows} visits{points}{aside}."
    silent = len(question.everyone) - len(question.people)
    if silent:
        yield f"{silent} cases have neither onset nor infectious_from and were left out."
