"""Forward: where the cases of an investigation were while they could infect, and who was beside them there.

The other question than `evidence`: not where they were infected, but where they may have spread it. There is no test in
it: nobody asks whether a place has more than its share of cases, but how many people are to be found and how near they
were. Reads the investigation whole, whoever asks: its counts name nobody.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from citywatch.city.trace import rules
from citywatch.city.trace.models import Investigation
from citywatch.city.trace.types import SpreadPlace
from citywatch.city.trace.whereabouts import (
    AREAS,
    CaseWindow,
    Telling,
    columns_of,
    full_name,
    infectious_windows,
    merged,
    people_of,
    stays_in,
)
from citywatch.eventlog.crowds import Crowds
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label
from citywatch.science.contacts import DOSE_OF_GROUND, GROUND_OF_KIND, Ground, contact_dose

SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Summed:
    """One place: the cases there, their minutes, the others beside them, the crowd of those days."""

    place: int
    cases: int
    case_minutes: int
    people: int
    minutes: int
    crowd: int


def ranked(
    investigation: Investigation,
    *,
    at: datetime,
    without_cases: frozenset[int] = frozenset(),
    without_places: frozenset[int] = frozenset(),
    told: Telling | None = None,
) -> list[SpreadPlace]:
    """The places where its cases may have spread it, by dose (at most 20), those where nobody was captured last.

    `without_cases` counts as if they had never been reported, `without_places` (and their halls) as if no case had
    been there. `told` is what they told, where it is in hand.
    """
    windows = tuple(one for one in infectious_windows(investigation, at=at, told=told) if one.case not in without_cases)
    if not windows:
        return []
    halls = Place.objects.filter(parent_id__in=without_places).values_list("pk", flat=True)
    summed = _summed(str(export.store().root), export.store().pin().number, windows, without_places.union(halls))
    return _told(summed, len(windows))


@lru_cache(maxsize=16)
def _summed(root: str, version: int, windows: tuple[CaseWindow, ...], left_out: frozenset[int]) -> tuple[_Summed, ...]:
    """Sum up each place; kept for one version of the log and one state of the cases."""
    del root, version  # the key: another log, or a later one, is another question
    log = Crowds(export.store(), export.engine(), merged(windows))
    people = people_of(windows)
    stays = [stay for stay in stays_in(windows, log.visits_of(people)) if stay[1] not in left_out]
    if not stays:
        return ()
    asked = columns_of(stays, windows)
    met = log.exposed(asked, rules.LEAST_MINUTES, but=people)
    found = zip(met["place"].tolist(), met["people"].tolist(), met["minutes"].tolist(), strict=True)
    beside = {one: (others, minutes) for one, others, minutes in found}
    places = sorted(set(asked["place"].tolist()))
    crowds = log.visitors([(one, one) for one in places])
    cases = Counter(one for _, one in {(i, p) for i, p, *_ in stays})
    lasted: Counter[int] = Counter()
    for _, one, began, ended in stays:
        lasted[one] += ended - began
    summed = []
    for one in places:
        others, minutes = beside.get(one, (0, 0))
        summed.append(_Summed(one, cases[one], lasted[one], others, minutes, crowds.get(one, 0)))
    return tuple(summed)


def _told(summed: Sequence[_Summed], all_cases: int) -> list[SpreadPlace]:
    known = Place.objects.exclude(kind__in=AREAS).select_related("parent").in_bulk([one.place for one in summed])
    rated = [(one, known[one.place], _dose(one, known[one.place].kind)) for one in summed if one.place in known]
    rated.sort(key=lambda row: (-row[2], -row[0].people, -row[0].case_minutes, row[0].place))
    return [_ranked(number, *row, all_cases) for number, row in enumerate(rated[:SHOWN], start=1)]


def _dose(one: _Summed, kind: str) -> float:
    weight = DOSE_OF_GROUND.get(GROUND_OF_KIND.get(kind, Ground.JUDGEMENT), 1.0)
    return float(contact_dose(one.minutes, weight=weight, crowd=one.crowd))


def _ranked(number: int, one: _Summed, place: Place, dose: float, all_cases: int) -> SpreadPlace:
    within = place.parent if place.parent and place.parent.kind not in AREAS else None
    return SpreadPlace(
        rank=number,
        place_id=place.pk,
        code=place.code,
        kind=place.kind,
        name=full_name(place),
        within=Label(within.name_zh, within.name_en) if within else None,
        district_code=place.district_code,
        lon=place.lon,
        lat=place.lat,
        cases=one.cases,
        all_cases=all_cases,
        hours=one.case_minutes / 60,
        people=one.people,
        minutes=one.minutes,
        dose=dose,
        because=_sentence(full_name(place), one, all_cases),
    )


def _sentence(name: Label, one: _Summed, all_cases: int) -> Label:
    hours = one.case_minutes / 60
    zh = f"{all_cases}例中{one.cases}例在传染期到过{name.zh}，共{hours:,.1f}小时"
    en = f"{one.cases} of {all_cases} cases were at {name.en} while they could infect, {hours:,.1f} hours in all"
    if not one.people:
        return Label(
            f"{zh}；未采集到同处{rules.LEAST_MINUTES}分钟以上的人。", f"{en}; nobody was captured beside them."
        )
    return Label(
        f"{zh}；采集到{one.people:,}人与其同处{rules.LEAST_MINUTES}分钟以上，合计{one.minutes:,}人分钟。",
        f"{en}; {one.people:,} others were captured beside them for {rules.LEAST_MINUTES} minutes or longer, "
        f"{one.minutes:,} person-minutes.",
    )
