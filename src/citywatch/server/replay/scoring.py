"""What the system said, held against the truth of the folder it was fed: the figures of `citywatch score`.

What counts as an alert, a touch and a delay is defined in docs/science/scoring.md; the arithmetic is `science.score`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf, isinf, isnan
from typing import Any

import numpy as np
from django.db.models import F, Q
from numpy.typing import NDArray

from citywatch.city.registry import queries as registry
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.vault.services import find
from citywatch.science import score
from citywatch.server.replay.folder import Folder
from citywatch.server.replay.said import Proposal, Said
from citywatch.server.replay.touching import EPOCH, Alerts, Truth, day_number, see, signals_of

TOP, WITHIN = 3, 5

Report = dict[str, Any]


def judge(folder: Folder) -> Report:
    """The whole score of what this system said of a folder so far."""
    of = folder.scenario
    seen = see(folder)
    until, truth, said, held, fused, row_of = (
        seen.until, seen.truth, seen.said, seen.held, seen.fused, seen.row_of,
    )  # fmt: skip
    days = (until - of.begins) / timedelta(days=1)
    districts = _districts()
    span = _Span(days, districts)
    signals = list(said.signals.values())
    streams = {
        name: signals_of([s for s in signals if s.stream == name], held, row_of)
        for name in sorted({signal.stream for signal in signals})
    }
    methods = {
        name: signals_of([s for s in signals if name in s.detectors], held, row_of)
        for name in sorted({name for signal in signals for name in signal.detectors})
    }
    graded = _figures(fused, truth, span)
    equal = {name: _at_equal_number(one, fused, truth, span) for name, one in streams.items()}
    return {
        "folder": of.name,
        "scenario": of.scenario,
        "city": of.city,
        "people": of.people,
        "seed": of.seed,
        "scored": {"from": _iso(of.begins), "until": _iso(until), "days": days, "districts": districts},
        "alerts": {
            "count": graded["alerts"],
            "precision": graded["precision"],
            "precision_two_reports": graded["precision_two_reports"],
            "per_district_week": graded["per_district_week"],
            "by_level": _by_level(said.proposals, fused),
            "by_week": _by_week(fused, of.begins, days),
        },
        "outbreaks": {name: graded[name] for name in _OF_OUTBREAKS}
        | {"count": len(truth.ids), "count_20plus": int(truth.large.sum()), "each": _each(fused, truth)},
        "streams": {
            name: _figures(one, truth, span) | {"at_same_number": equal[name]} for name, one in streams.items()
        },
        "methods": {name: _figures(one, truth, span) for name, one in methods.items()},
        "best_single_stream": _best(equal),
        "source": _source(folder, said, truth),
        "contacts": _contacts(folder, said, truth),
        "clocks": clocks_kept(until),
    }


_OF_OUTBREAKS = (
    "found", "found_share", "found_share_20plus", "median_delay_days", "median_delay_from_infection_days",
    "median_cases_by_alert",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Span:
    days: float
    districts: int


def _figures(alerts: Alerts, truth: Truth, span: _Span) -> Report:
    number = int(alerts.at.size)
    first = score.found(alerts.touches, len(truth.ids))
    late = score.delay(first.at, truth.first_report)
    since_infection = score.delay(first.at, truth.began)
    by_then = score.cases_by(first.at, truth.infected_of, truth.infected_at)
    large = truth.large
    return {
        "alerts": number,
        "precision": _number(score.precision(alerts.touches, number)),
        "precision_two_reports": _number(score.precision(alerts.touches, number, least=2)),
        "per_district_week": _number(
            score.per_district_week(number, districts=span.districts, days=span.days) if span.days > 0 else inf
        ),
        "found": int(np.sum(first.alert >= 0)),
        "found_share": _number(score.share_found(first.at)),
        "found_share_20plus": _number(score.share_found(first.at, large)),
        "median_delay_days": _number(score.median_delay(_unreported_never(late)[large])),
        "median_delay_from_infection_days": _number(score.median_delay(since_infection[large])),
        "median_cases_by_alert": _number(score.median_delay(np.where(by_then < 0, inf, by_then)[large])),
    }


def _unreported_never(late: NDArray[np.float64]) -> NDArray[np.float64]:
    """An outbreak nobody ever reported cannot be found: as late as one that was missed."""
    return np.where(np.isnan(late), inf, late)


def _at_equal_number(alone: Alerts, fused: Alerts, truth: Truth, span: _Span) -> Report:
    return _figures(alone.only(score.strongest(alone.strength, int(fused.at.size))), truth, span)


def _best(equal: Mapping[str, Report]) -> Report:
    """The stream that alone, with at most as many alerts as were proposed, finds large outbreaks soonest."""

    def order(name: str) -> tuple[float, float, str]:
        late = equal[name]["median_delay_days"]
        return (inf if late is None else late, -(equal[name]["found_share_20plus"] or 0.0), name)

    if not equal:
        return {"stream": None, "alerts": 0, "median_delay_days": None, "found_share_20plus": None, "precision": None}
    best = min(equal, key=order)
    names = ("alerts", "median_delay_days", "median_delay_from_infection_days", "found_share_20plus", "precision")
    return {"stream": best} | {name: equal[best][name] for name in names}


def _by_level(proposals: Sequence[Proposal], fused: Alerts) -> Report:
    touching = set(fused.touches.alert.tolist())
    told = {}
    for level in ("blue", "yellow", "orange", "red"):
        mine = [number for number, proposal in enumerate(proposals) if proposal.level == level]
        good = sum(number in touching for number in mine)
        told[level] = {"count": len(mine), "precision": good / len(mine) if mine else None}
    return told


def _by_week(fused: Alerts, begins: datetime, days: float) -> list[Report]:
    week = ((fused.at - day_number(begins)) // 7).astype(int)
    touching = np.isin(np.arange(fused.at.size), fused.touches.alert)
    return [
        {"week": n + 1, "alerts": int(np.sum(week == n)), "touching": int(np.sum(touching & (week == n)))}
        for n in range(max(1, -int(-days // 7)))
    ]


def _each(fused: Alerts, truth: Truth) -> list[Report]:
    first = score.found(fused.touches, len(truth.ids))
    late = score.delay(first.at, truth.first_report)
    since = score.delay(first.at, truth.began)
    by_then = score.cases_by(first.at, truth.infected_of, truth.infected_at)
    return [
        {
            "outbreak": number,
            "kind": truth.kind[n],
            "disease": truth.disease[n],
            "size": int(truth.size[n]),
            "began_at": _iso_of(truth.began[n]),
            "first_report_at": _iso_of(truth.first_report[n]),
            "alert_at": _iso_of(first.at[n]),
            "delay_days": _number(late[n]),
            "delay_from_infection_days": _number(since[n]),
            "cases_by_alert": None if by_then[n] < 0 else int(by_then[n]),
        }
        for n, number in enumerate(truth.ids)
    ]


def _source(folder: Folder, said: Said, truth: Truth) -> Report:
    """The rank of each investigation's true source, and of the market or building it is part of, case by case."""
    codes = folder.places["code"].tolist()
    whole = whole_of(folder)
    outbreak_of = dict(zip(truth.person.tolist(), truth.infected_of.tolist(), strict=True))
    person_of = {told.case_ref: told.person for told in folder.interviews}
    by_investigation: dict[int, list[Any]] = defaultdict(list)
    for one in said.ranked:
        by_investigation[one.investigation].append(one)
    number_of = {code: n for n, code in enumerate(codes)}
    told = []
    for investigation, lists in sorted(by_investigation.items()):
        rows = [outbreak_of.get(person_of.get(one.case_ref, -1), -1) for one in lists]
        sourced = [row for row in rows if row >= 0 and truth.source[row] >= 0]
        if not sourced:
            continue
        row = max(set(sourced), key=sourced.count)
        right = codes[truth.source[row]]
        named = [[number_of.get(code, -1) for code in one.places] for one in lists]
        same_whole = [n for code, n in number_of.items() if whole[code] == whole[right]]
        told.append(
            {
                "investigation": investigation,
                "outbreak": truth.ids[row],
                "source": right,
                "ranks": score.rank_of(named, same_whole).tolist(),
                "exact_ranks": score.rank_of(named, [number_of[right]]).tolist(),
            }
        )
    ranks, exact = [one["ranks"] for one in told], [one["exact_ranks"] for one in told]
    return {
        "investigations": len(told),
        "top3_within_5_cases_share": _number(score.top_share(ranks, top=TOP, within=WITHIN)),
        "exact_top3_within_5_cases_share": _number(score.top_share(exact, top=TOP, within=WITHIN)),
        "each": told,
    }


def whole_of(folder: Folder) -> dict[str, str]:
    """By place code the market, school or building it is part of; itself where it is part of none."""
    places = folder.places
    above = dict(zip(places["code"].tolist(), places["parent_code"].tolist(), strict=True))

    def top(code: str) -> str:
        while above[code] in above:
            code = above[code]
        return code

    return {code: top(code) for code in above}


def _contacts(folder: Folder, said: Said, truth: Truth) -> Report:
    """Of the people whom the known cases infected, how many stood on a list of contacts."""
    numbers = folder.id_numbers
    case_of: dict[int, int] = {}
    for person in truth.person.tolist():
        known = find(id_number=str(numbers[person]))
        if known is not None:
            case_of[person] = known
    cases = {person for person, known in case_of.items() if known in said.case_people}
    infected = [
        person for person, by in zip(truth.person.tolist(), truth.infector.tolist(), strict=True) if by in cases
    ]
    listed = sum(case_of.get(person, 0) in said.contact_people for person in infected)
    return {
        "cases": len(cases),
        "true_contacts": len(infected),
        "found": listed,
        "share": listed / len(infected) if infected else None,
        "listed": len(said.contact_people),
    }


def clocks_kept(until: datetime) -> Report:
    """By limit: how many began, were met in time, were late, and still run."""
    told = {}
    clocks = Clock.objects.filter(started_at__lte=until)
    for code in clocks.order_by("code").values_list("code", flat=True).distinct():
        mine = clocks.filter(code=code)
        met = mine.filter(stopped_at__isnull=False, stopped_at__lte=F("due_at")).count()
        late = mine.filter(Q(stopped_at__gt=F("due_at")) | Q(stopped_at__isnull=True, due_at__lt=until)).count()
        number = mine.count()
        told[code] = {
            "count": number, "met": met, "late": late, "running": number - met - late,
            "met_share": met / (met + late) if met + late else None,
        }  # fmt: skip
    return told


def _districts() -> int:
    codes = {facts.place.district_code for facts in registry.institutions_reporting()}
    return max(1, len(codes - {""}))


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _iso_of(day: float) -> str | None:
    return None if isnan(day) else _iso(EPOCH + timedelta(seconds=round(day * 86400)))


def _number(value: float) -> float | None:
    """A figure for JSON, which knows neither infinity nor NaN: both are null."""
    return None if isnan(value) or isinf(value) else float(value)
