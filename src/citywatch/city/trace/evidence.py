"""What an investigation rests on: where its cases were while infected, compared with everyone else who was there.

Reads the investigation whole, whoever asks: its counts name nobody, and half of the cases would point elsewhere.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np

from citywatch.city.trace.models import Case, Investigation
from citywatch.city.trace.types import RankedPlace
from citywatch.city.trace.whereabouts import (
    AREAS,
    CaseWindow,
    Pairs,
    Telling,
    captured_pairs,
    exposure_windows,
    full_name,
    groups,
    merged,
    people_of,
    rolled_up,
    told_pairs,
)
from citywatch.eventlog.crowds import Crowds
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.science.sources import PlaceRanking, interviews_to_settle, log_hypergeometric_tail, rank_places

SHOWN = 20
RECOUNTED = 200
"""How many places are counted closely where counting all that cases shared would mean reading the city's visits."""
LEAST_CASES = 2  # one case shares nothing with anybody
_SURE = 0.05
_TINY = 1e-4


@dataclass(frozen=True, slots=True)
class Counted:
    """The ranking in place numbers; `compared` is False where the log holds no visit of these days."""

    places: tuple[int, ...]
    ranking: PlaceRanking
    cases: int
    compared: bool
    more_interviews: int | None


def ranked(
    investigation: Investigation,
    *,
    without_cases: frozenset[int] = frozenset(),
    without_places: frozenset[int] = frozenset(),
    told: Telling | None = None,
) -> list[RankedPlace]:
    """The places its cases shared, best explanation first (at most 20); empty until two cases told of one place.

    `without_cases` (numbers of cases) counts as if they had never been reported. `without_places` (numbers of places)
    counts as if nobody, ill or well, had been there: nobody leaves the comparison, so a case that was nowhere else is
    a case no place explains. A market takes its halls along; a hall leaves its market standing, without the hall.
    `told` is what the cases told, where it is in hand.
    """
    counted = _question(investigation, without_cases, without_places, told)
    return _told(counted) if counted is not None else []


def power(
    investigation: Investigation,
    *,
    without_cases: frozenset[int] = frozenset(),
    without_places: frozenset[int] = frozenset(),
    told: Telling | None = None,
    places: Sequence[RankedPlace] | None = None,
) -> Label | None:
    """Whether the first place is settled, and how many interviews more would settle it; None with nothing to compare.

    See `science.sources.interviews_to_settle`. A market and its halls are one answer here: which of them it was is the
    next question. `places` is the ranking of the same question, where it is in hand.
    """
    counted = _question(investigation, without_cases, without_places, told)
    if counted is None or not counted.compared or not _shown(counted):
        return None
    ranked_places = _told(counted) if places is None else places
    return _power_words(ranked_places[0].name, counted) if ranked_places else None


def first_positive_at(investigation: Investigation) -> datetime | None:
    """When the first positive result of the episode was recorded: the beginning of the source clock."""
    return (
        Clock.objects.filter(
            code="source-lock",
            subject_kind=Case._meta.label_lower,
            subject_id__in=investigation.cases.exclude(state="discarded").values("pk"),
        )
        .order_by("started_at")
        .values_list("started_at", flat=True)
        .first()
    )


def snapshot(place: RankedPlace | None) -> dict[str, Any]:
    """The figures kept with a published risk point."""
    if place is None:
        return {}
    names = ("rank", "cases", "all_cases", "visitors", "ratio", "ratio_low", "ratio_high", "p_value", "p_adjusted")
    return {name: getattr(place, name) for name in names} | {"because": [place.because.zh, place.because.en]}


def _question(
    investigation: Investigation, without_cases: frozenset[int], without_places: frozenset[int], told: Telling | None
) -> Counted | None:
    exposed = tuple(one for one in exposure_windows(investigation, told) if one.case not in without_cases)
    if len(exposed) < LEAST_CASES:
        return None
    halls = Place.objects.filter(parent_id__in=without_places).values_list("pk", flat=True)
    version = export.store().pin()
    return _counted(str(export.store().root), version.number, exposed, without_places.union(halls))


@lru_cache(maxsize=16)
def _counted(root: str, version: int, exposed: tuple[CaseWindow, ...], left_out: frozenset[int]) -> Counted:
    """Count and judge; kept for one version of the log and one state of the cases."""
    del root, version  # the key: another log, or a later one, is another question
    windows = merged(exposed)
    log = Crowds(export.store(), export.engine(), windows)
    own, any_time = captured_pairs(log.visits_of(people_of(exposed)), exposed, windows)
    told = told_pairs(exposed)
    asked = sorted({case for case, _ in own | told})
    kept = _without(own | told, left_out)
    grouped = groups({place for _, place in kept}, left_out)
    pairs = rolled_up(kept, grouped)
    seen = rolled_up(_without(any_time, left_out), grouped)
    known_people = {case for case, _ in any_time}
    population = log.people + sum(case not in known_people for case in asked)
    shared = Counter(place for _, place in pairs)
    tried = max(len(shared), Place.objects.exclude(kind__in=AREAS).exclude(pk__in=left_out).count())
    places = [place for place, cases in shared.items() if cases >= LEAST_CASES]
    if not log.compiled and len(places) > RECOUNTED:
        places = _foremost(shared, log.candidates(people_of(exposed)), cases=len(asked), population=population)
    # Where the evidence is equal the hall stands before its market: the narrower place is the more useful answer.
    places.sort(key=lambda place: (place in grouped, place))
    among = log.visitors([(part, place) for place in places for part in grouped.get(place, (place,))])
    uncaptured = Counter(place for case, place in pairs if (case, place) not in seen)
    index = {place: i for i, place in enumerate(places)}
    number = {case: i for i, case in enumerate(asked)}
    counted = sorted((case, place) for case, place in pairs if place in index)
    figures: dict[str, Any] = {
        "case_of": [number[case] for case, _ in counted],
        "place_of": [index[place] for _, place in counted],
        "cases": len(asked),
        "visitors": [among.get(place, 0) + uncaptured[place] for place in places],
        "population": population,
        "tried": tried,
    }
    above = {place: parent for parent, members in grouped.items() for place in members}
    compared = log.people > 0
    more = interviews_to_settle(**figures, answer=[above.get(place, place) for place in places]) if compared else None
    return Counted(tuple(places), rank_places(**figures), len(asked), compared, more)


def _foremost(shared: Counter[int], crowds: dict[int, int], *, cases: int, population: int) -> list[int]:
    """The shared places worth counting closely: those first by what the rolled-up fortnight says of them.

    With them goes every place it does not know: one only told of, or a market, which is made of its halls.
    """
    places = [place for place, k in shared.items() if k >= LEAST_CASES]
    unknown = [place for place in places if place not in crowds]
    known = np.array([place for place in places if place in crowds], dtype=np.int64)
    k = np.array([shared[place] for place in known.tolist()])
    about = np.clip([crowds[place] for place in known.tolist()], k, population)
    log_p = log_hypergeometric_tail(k, drawn=about, marked=cases, population=population)
    return [*unknown, *known[np.lexsort((known, log_p))[:RECOUNTED]].tolist()]


def _without(pairs: Pairs, left_out: frozenset[int]) -> Pairs:
    return frozenset((case, place) for case, place in pairs if place not in left_out)


def _shown(counted: Counted) -> list[int]:
    """The rows of the ranking that are told: places that two cases shared."""
    return [row for row in range(len(counted.ranking)) if counted.ranking.cases[row] >= LEAST_CASES][:SHOWN]


def _told(counted: Counted) -> list[RankedPlace]:
    ranking, rows = counted.ranking, _shown(counted)
    if not counted.compared:
        rows.sort(key=lambda row: -ranking.cases[row])
    places = {
        place.pk: place
        for place in Place.objects.filter(pk__in=[counted.places[ranking.place[row]] for row in rows]).select_related(
            "parent"
        )
    }
    # A place that left the registry may still stand in old visits; nobody can publish it.
    kept = [row for row in rows if counted.places[ranking.place[row]] in places]
    return [
        _ranked_place(number, places[counted.places[ranking.place[row]]], counted, row)
        for number, row in enumerate(kept, start=1)
    ]


def _ranked_place(number: int, place: Place, counted: Counted, row: int) -> RankedPlace:
    ranking, compared = counted.ranking, counted.compared
    within = place.parent if place.parent and place.parent.kind not in AREAS else None
    cases, visitors_there = int(ranking.cases[row]), int(ranking.visitors[row])

    def figure(values: Any) -> float | None:
        return float(values[row]) if compared else None

    ratio, low, high = figure(ranking.ratio), figure(ranking.ratio_low), figure(ranking.ratio_high)
    p_adjusted = figure(ranking.p_adjusted)
    return RankedPlace(
        rank=number,
        place_id=place.pk,
        code=place.code,
        kind=place.kind,
        name=full_name(place),
        within=Label(within.name_zh, within.name_en) if within else None,
        district_code=place.district_code,
        lon=place.lon,
        lat=place.lat,
        cases=cases,
        all_cases=counted.cases,
        coverage=cases / counted.cases,
        visitors=visitors_there,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        p_value=figure(ranking.p_value),
        p_adjusted=p_adjusted,
        because=_sentence(full_name(place), cases, counted.cases, visitors_there, (ratio, low, high, p_adjusted)),
    )


def _sentence(name: Label, cases: int, asked: int, visitors_there: int, figures: tuple[float | None, ...]) -> Label:
    ratio, low, high, p_adjusted = figures
    zh = f"{asked}例中{cases}例在暴露期到过{name.zh}"
    en = f"{cases} of {asked} cases were at {name.en} while they could be infected"
    if ratio is None or low is None or high is None or p_adjusted is None:
        return Label(f"{zh}；该时段无到访数据可比。", f"{en}; no visits of those days were captured to compare with.")
    p_zh, p_en = _p_words(p_adjusted)
    figures_zh = f"同期访客{visitors_there:,}人；比值{_short(ratio)}（95%CI {_short(low)}–{_short(high)}），{p_zh}"
    figures_en = (
        f"among {visitors_there:,} visitors; odds ratio {_short(ratio)} (95% CI {_short(low)}–{_short(high)}), {p_en}"
    )
    return Label(f"{zh}，{figures_zh}。", f"{en}, {figures_en}.")


def _power_words(name: Label, counted: Counted) -> Label:
    asked, more = counted.cases, counted.more_interviews
    explained = int(counted.ranking.cases[_shown(counted)[0]])
    if more == 0:
        return Label(
            f"已问{asked}例，足以定论：{name.zh}居首，可解释其中{explained}例。",
            f"Settled with {asked} cases asked: {name.en} is first and explains {explained} of them.",
        )
    if more is None:
        return Label(
            f"已问{asked}例，尚不能定论，再多访谈也难定论：没有一处足够突出。",
            f"Not settled with {asked} cases asked, and more interviews would not settle it: no place stands out.",
        )
    return Label(
        f"已问{asked}例，尚不能定论；若比例不变，再访谈约{more}例可定论。",
        f"Not settled with {asked} cases asked; about {more} interviews more would settle it, if the shares hold.",
    )


def _p_words(p_adjusted: float) -> tuple[str, str]:
    value = f"p<{_TINY:g}" if p_adjusted < _TINY else f"p={p_adjusted:.2g}"
    if p_adjusted < _SURE:
        return f"校正后{value}", f"corrected {value}"
    return f"校正后{value}，可能为巧合", f"corrected {value}, may be chance"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"
