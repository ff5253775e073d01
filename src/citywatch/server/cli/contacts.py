"""`citywatch contacts`: cases and visits in, who was near them while they could infect out."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from citywatch.interop.tables.visit_files import (
    DAY,
    CaseRow,
    PlaceRow,
    Stays,
    VisitFile,
    read_cases,
    read_places,
    text_of,
)
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.contacts import DOSE_OF_GROUND, GROUND_OF_KIND, Ground, contact_dose
from citywatch.server.cli.tabular import TabularCommand

COLUMNS = (
    "person_id",
    "class",
    "cases",
    "minutes",
    "dose",
    "first_contact",
    "last_contact",
    "ground",
    "places",
    "case_ids",
)
PAIR_COLUMNS = ("from", "to", "place_id", "start", "end", "minutes", "ground")
CLOSE, GENERAL, SECOND = "close", "general", "second"


@click.command("contacts", cls=TabularCommand)
@click.option(
    "--cases", required=True, type=click.Path(path_type=Path), help="person_id,onset[,infectious_from,infectious_to]."
)
@click.option(
    "--visits", required=True, type=click.Path(path_type=Path), help="CSV, a Parquet file or a folder of them."
)
@click.option("--places", default=None, type=click.Path(path_type=Path), help="place_id,kind,name,lon,lat.")
@click.option("--minutes", default=15, show_default=True, type=click.IntRange(0), help="Least time together.")
@click.option("--days-before", default=2, show_default=True, type=click.IntRange(0), help="Infectious before onset.")
@click.option("--days-after", default=10, show_default=True, type=click.IntRange(0), help="Infectious after onset.")
@click.option(
    "--point-minutes", default=0, show_default=True, type=click.IntRange(0), help="Length of a visit without end."
)
@click.option("--radius", default=None, type=float, metavar="METRES", help="For visits with a coordinate alone [100].")
@click.option("--general", is_flag=True, help="Also those together for less than --minutes.")
@click.option("--pairs", is_flag=True, help="One row per case, person and meeting, cases among each other too.")
@click.option("--second-ring", is_flag=True, help="Also contacts of contacts, within the thresholds.")
@click.option(
    "--ring-minutes", default=60, show_default=True, type=click.IntRange(1), help="Least time in the second ring."
)
@click.option(
    "--ring-people", default=30, show_default=True, type=click.IntRange(2), help="Largest place of the second ring."
)
@click.option("--ring-days", default=7, show_default=True, type=click.IntRange(1), help="Days after the first contact.")
@click.option("--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix, or -.")
def contacts(
    *,
    cases: Path,
    visits: Path,
    places: Path | None,
    minutes: int,
    days_before: int,
    days_after: int,
    point_minutes: int,
    radius: float | None,
    general: bool,
    pairs: bool,
    second_ring: bool,
    ring_minutes: int,
    ring_people: int,
    ring_days: int,
    out: str,
) -> None:
    """List who was at the same place as a case at the same time while the case could infect.

    The infectious time is infectious_from to infectious_to where given, else from --days-before days before onset to
    --days-after days after it. Cases among each other are left out unless --pairs asks for every meeting. Without
    thresholds the second ring is nearly the whole city, so it always has them.
    """
    refuse_unwritable(out)
    listed = read_cases(cases)
    known = read_places(places) if places else {}
    spans = {case.person: _infectious(case, days_before, days_after) for case in listed}
    people = [person for person, span in spans.items() if span]
    if not people:
        sentence = f"{cases.name}: no case has an onset or infectious_from; give one of them."
        raise Refusal(sentence)
    with VisitFile(visits, places=known, radius=radius) as log:
        if log.coordinates_only:
            log.match_all(known, radius)
        stays = _while_infectious(log.of_people(people), people, spans, cases.name, log.name)
        if pairs:
            met = log.companions(stays, people, least=0 if general else minutes, point_minutes=point_minutes)
            write_table(out, PAIR_COLUMNS, _pair_rows(met, stays, people, known))
            return
        weight = _weights(log, stays, known)
        found = log.gathered(stays, people, weight=weight, least=0 if general else minutes, point_minutes=point_minutes)
        listed_cases = frozenset(spans)
        rows = list(_rows(found, listed_cases, known, minutes))
        if second_ring:
            rows += _second(
                log, found, listed_cases, known, minutes=minutes, least=ring_minutes, people=ring_people, days=ring_days
            )
        _tell(
            log, sum(person in listed_cases for person in found["person_id"]), len(listed) - len(people), point_minutes
        )
    write_table(out, COLUMNS, rows)


def _infectious(case: CaseRow, before: int, after: int) -> tuple[int, int] | None:
    """From and to in minutes; None where neither onset nor infectious_from is known."""
    day = None if case.onset is None else case.onset // DAY * DAY
    begins = case.infectious_from
    if begins is None:
        if day is None:
            return None
        begins = day - before * DAY
    ends = case.infectious_to
    if ends is None:
        ends = (begins + before * DAY if day is None else day) + (after + 1) * DAY
    return begins, ends


def _while_infectious(
    stays: Stays, people: Sequence[str], spans: Mapping[str, tuple[int, int] | None], called: str, visits: str
) -> Stays:
    if not len(stays.person):
        sentence = (
            f"{called}: none of its {len(people)} cases has a visit in {visits}; person_id must be the same in both."
        )
        raise Refusal(sentence)
    span = np.array([spans[person] for person in people], dtype=np.int64)[stays.person]
    start, end = np.maximum(stays.start, span[:, 0]), np.minimum(stays.end, span[:, 1])
    kept = (end > start) | ((stays.start == stays.end) & (end == start))
    return Stays(stays.person[kept], stays.place[kept], start[kept], end[kept])


def _weights(log: VisitFile, stays: Stays, known: Mapping[str, PlaceRow]) -> NDArray[np.float64]:
    """What a minute in each stay is worth, by the kind of its place and the crowd there."""
    names, at = np.unique(stays.place.astype(str), return_inverse=True)
    if not len(names):
        return np.zeros(0)
    first, last = int(stays.start.min()) // DAY, int(stays.end.max()) // DAY
    # People per day: over many days the visitors add up, the crowd does not.
    crowd = log.visitors_of(names.tolist(), first, last) / max(last - first + 1, 1)
    grounds = [_ground(name, known) for name in names.tolist()]
    weight = np.array([DOSE_OF_GROUND.get(ground, 1.0) if ground else 1.0 for ground in grounds])
    return contact_dose(1.0, weight=weight, crowd=crowd)[at.reshape(-1)]


def _ground(place: str, known: Mapping[str, PlaceRow]) -> Ground | None:
    kind = known[place].kind if place in known else ""
    return GROUND_OF_KIND.get(kind.casefold().replace("_", " ").replace("-", " "))


def _rows(
    found: Mapping[str, NDArray[Any]], cases: frozenset[str], known: Mapping[str, PlaceRow], least: int
) -> Iterator[tuple[Cell, ...]]:
    """Close contacts, then the others, each by falling dose; cases are no contacts."""
    listed = [i for i, person in enumerate(found["person_id"].tolist()) if person not in cases]
    close = found["longest"] >= least
    for i in sorted(listed, key=lambda i: not close[i]):
        yield _row(found, i, CLOSE if close[i] else GENERAL, known)


def _row(found: Mapping[str, NDArray[Any]], i: int, standing: str, known: Mapping[str, PlaceRow]) -> tuple[Cell, ...]:
    places = str(found["places"][i])
    ground = _ground(places.split(";", maxsplit=1)[0], known)
    return (
        str(found["person_id"][i]),
        standing,
        int(found["cases"][i]),
        int(found["minutes"][i]),
        round(float(found["dose"][i]), 1),
        text_of(found["first"][i]),
        text_of(found["last"][i]),
        ground.value if ground else Ground.JUDGEMENT.value,
        places,
        str(found["case_ids"][i]),
    )


def _pair_rows(
    met: Mapping[str, NDArray[Any]], stays: Stays, people: Sequence[str], known: Mapping[str, PlaceRow]
) -> Iterator[tuple[Cell, ...]]:
    rows = zip(met["stay"].tolist(), met["person_id"].tolist(), met["start"].tolist(), met["end"].tolist(), strict=True)
    for stay, person, start, end in rows:
        place = str(stays.place[stay])
        ground = _ground(place, known)
        yield (
            people[int(stays.person[stay])],
            str(person),
            place,
            text_of(start),
            text_of(end),
            end - start,
            ground.value if ground else "",
        )


def _second(
    log: VisitFile,
    found: Mapping[str, NDArray[Any]],
    cases: frozenset[str],
    known: Mapping[str, PlaceRow],
    *,
    minutes: int,
    least: int,
    people: int,
    days: int,
) -> list[tuple[Cell, ...]]:
    """Who stayed with a close contact in a small place, for long, in the days after that contact's first meeting."""
    met = dict(zip(found["person_id"].tolist(), found["first"].tolist(), strict=True))
    close = found["person_id"][found["longest"] >= minutes].tolist()
    ring = [person for person in close if person not in cases]
    if not ring:
        return []
    stays = log.of_people(ring)
    since = np.array([met[person] for person in ring], dtype=np.int64)[stays.person]
    names, place = np.unique(stays.place.astype(str), return_inverse=True)
    crowd = log.visitors_of(names.tolist(), int(since.min()) // DAY, int(since.max()) // DAY + days)
    start, end = np.maximum(stays.start, since), np.minimum(stays.end, since + days * DAY)
    kept = (end - start >= least) & (crowd[place.reshape(-1)] <= people)
    chosen = Stays(stays.person[kept], stays.place[kept], start[kept], end[kept])
    outer = log.gathered(chosen, ring, weight=_weights(log, chosen, known), least=least)
    return [
        _row(outer, i, SECOND, known)
        for i, person in enumerate(outer["person_id"].tolist())
        if person not in cases and person not in met
    ]


def _tell(log: VisitFile, among: int, left_out: int, point_minutes: int) -> None:
    counted = log.counted
    aside = "".join(f", {number} set aside {reason}" for reason, number in counted.set_aside.items())
    click.echo(f"{log.name}: {counted.rows} visits{aside}; {among} cases met another case.", err=True)
    if counted.points and not point_minutes:
        click.echo(
            f"{counted.points} visits have no end and meet nobody for any time; --point-minutes gives them a length.",
            err=True,
        )
    if left_out:
        click.echo(f"{left_out} cases have neither onset nor infectious_from and were left out.", err=True)
