"""Shared places asked one of two ways, as they stand and without a chosen case or place. Nothing is written.

Backward: where were they infected (`evidence`)? Forward: where may they have spread it (`spreading`)?
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from citywatch.city.trace import evidence, rules, spreading, whereabouts
from citywatch.city.trace.queries.investigations import Opened, opened
from citywatch.city.trace.types import RankedPlace, SpreadPlace
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label

_DRAWN = 5
"""How many places a map shows: few cases leave it open, so never one answer, and never twenty."""
_ONE_SPOT = 0.02
"""Degrees (about two kilometres): nearer than this, two points of a city's map cover one another."""


@dataclass(frozen=True, slots=True)
class RankLine:
    """A place with its rank as asked and as it stands; None where it is not among the first, or was left out.

    `where_from` cases were there while they could be infected, `who_next` while they could infect others.
    """

    place: RankedPlace | SpreadPlace
    rank: int | None
    stands: int | None
    where_from: int = 0
    who_next: int = 0
    left_out: bool = False

    @property
    def own_name(self) -> Label:
        """The place's name without that of the market it is part of, which would stand on every line."""
        whole, name = self.place.within, self.place.name
        if whole is None:
            return name
        zh, en = name.zh.removeprefix(whole.zh), name.en.removeprefix(whole.en).removeprefix(", ")
        return Label(zh or name.zh, en or name.en)

    @property
    def moved(self) -> int:
        """How many ranks it rose (positive) or fell; 0 where one of the two is unknown."""
        return self.stands - self.rank if self.rank and self.stands else 0

    @property
    def steps(self) -> int:
        return abs(self.moved)

    @property
    def rank_words(self) -> Label:
        """Its rank as asked and, where that differs, as it stands."""
        if self.left_out:
            return Label(f"不计（原第{self.stands}）", f"left out (stands {self.stands})")
        if self.rank is None:
            return Label(f"不再是共同场所（原第{self.stands}）", f"no longer shared (stands {self.stands})")
        if self.rank == self.stands:
            return Label(f"第{self.rank}", f"rank {self.rank}")
        if self.stands is None:
            return Label(f"第{self.rank}（原未列出）", f"rank {self.rank} (not listed as it stands)")
        return Label(f"第{self.rank}（原第{self.stands}）", f"rank {self.rank} (stands {self.stands})")


@dataclass(frozen=True, slots=True)
class Ranking:
    """Shared places as asked, with what was left out and (backward) how settled the answer is."""

    direction: str
    lines: tuple[RankLine, ...]
    power: Label | None
    without_cases: tuple[tuple[int, str], ...]
    without_places: tuple[tuple[int, Label], ...]
    cases: tuple[tuple[int, str], ...]

    @property
    def is_what_if(self) -> bool:
        return bool(self.without_cases or self.without_places)

    @property
    def is_forward(self) -> bool:
        return self.direction == "forward"

    @property
    def places(self) -> list[Any]:
        return [line.place for line in self.lines if line.rank is not None]


def what_if(
    viewer: Viewer,
    investigation_id: int,
    *,
    at: datetime,
    direction: str = "backward",
    without_cases: Collection[int] = (),
    without_places: Collection[int] = (),
    read: Opened | None = None,
) -> Ranking:
    """Rank with these cases and places left out, in one of `rules.DIRECTIONS`.

    Only a case the viewer may see can be left out: the difference one case makes tells where it was. `read` is the
    investigation, where it is in hand.
    """
    rules.known_direction(direction)
    read = read or opened(viewer, investigation_id)
    titles = {case.pk: case.title for case in read.counted if case.pk in read.seen}
    out_cases = frozenset(pk for pk in without_cases if pk in titles)
    named = (
        Place.objects.select_related("parent").filter(pk__in=list(without_places)).exclude(kind__in=whereabouts.AREAS)
    )
    names = {place.pk: whereabouts.full_name(place) for place in named}
    out_places = frozenset(names)
    stands = _ranked(direction, read, at, frozenset(), frozenset())
    asked = _ranked(direction, read, at, out_cases, out_places) if out_cases or out_places else stands
    return Ranking(
        direction,
        _lines(read, stands, asked, at=at, out_cases=out_cases, out_places=out_places),
        _power(read, asked, out_cases, out_places) if direction == "backward" else None,
        tuple((pk, titles[pk]) for pk in sorted(out_cases)),
        tuple(sorted(names.items())),
        tuple(titles.items()),
    )


def _ranked(
    direction: str, read: Opened, at: datetime, out_cases: frozenset[int], out_places: frozenset[int]
) -> Sequence[RankedPlace | SpreadPlace]:
    if direction == "forward":
        return spreading.ranked(read.row, at=at, without_cases=out_cases, without_places=out_places, told=read.told)
    return evidence.ranked(read.row, without_cases=out_cases, without_places=out_places, told=read.told)


def _power(read: Opened, places: Sequence[Any], out_cases: frozenset[int], out_places: frozenset[int]) -> Label | None:
    return evidence.power(read.row, without_cases=out_cases, without_places=out_places, told=read.told, places=places)


def _lines(
    read: Opened,
    stands: Sequence[RankedPlace | SpreadPlace],
    asked: Sequence[RankedPlace | SpreadPlace],
    *,
    at: datetime,
    out_cases: frozenset[int],
    out_places: frozenset[int],
) -> tuple[RankLine, ...]:
    before = {one.place_id: one.rank for one in stands}
    now = {one.place_id for one in asked}
    halls = Place.objects.filter(parent_id__in=out_places).values_list("pk", flat=True)
    out = out_places.union(halls)
    where_from = _cases_at(whereabouts.exposure_windows(read.row, read.told), out_cases)
    who_next = _cases_at(whereabouts.infectious_windows(read.row, at=at, told=read.told), out_cases)
    ranks: list[tuple[RankedPlace | SpreadPlace, int | None, int | None]] = [
        (one, one.rank, before.get(one.place_id)) for one in asked
    ]
    ranks += [(one, None, one.rank) for one in stands if one.place_id not in now]
    return tuple(
        RankLine(
            one,
            rank,
            was,
            where_from[one.place_id],
            who_next[one.place_id],
            left_out=rank is None and one.place_id in out,
        )
        for one, rank, was in ranks
    )


def _cases_at(windows: tuple[whereabouts.CaseWindow, ...], out_cases: frozenset[int]) -> Counter[int]:
    """How many cases were at each place in these windows."""
    return Counter(place for case, place in whereabouts.pairs_in(windows) if case not in out_cases)


def map_of(
    viewer: Viewer,
    investigation_id: int,
    ranking: Ranking,
    *,
    published: Collection[int] = (),
    read: Opened | None = None,
) -> dict[str, Any]:
    """Cases by district, and the leading places as points with their ranks, as asked.

    Asked without a case or a place, the map is that of the same question: its counts lack the case, its ranks are the
    changed ones with those as it stands beside them, and a place that left the first five is still drawn.
    """
    read = read or opened(viewer, investigation_id)
    without = {pk for pk, _ in ranking.without_cases}
    shown = [case for case in read.counted if case.pk in read.seen and case.pk not in without]
    counts = Counter(case.place.district_code or case.place.code for case in shown)
    leading = drawn(ranking)
    return {
        "areas": {code: {"value": number, "label": f"{number}"} for code, number in counts.items()},
        "points": _points(leading, published),
        "caption": str(_caption(ranking)),
    }


def _caption(ranking: Ranking) -> Label:
    asked = rules.DIRECTIONS[ranking.direction]
    if not ranking.is_what_if:
        return asked
    names = [Label(title, title) for _, title in ranking.without_cases] + [name for _, name in ranking.without_places]
    return Label(
        f"{asked.zh}，假如不计：{'、'.join(name.zh for name in names)}",
        f"{asked.en}, what if without: {', '.join(name.en for name in names)}",
    )


def drawn(ranking: Ranking) -> list[RankLine]:
    """The lines a map shows: the first as asked, and those first as it stands, wherever they went."""
    return [line for line in ranking.lines if min(line.rank or _DRAWN + 1, line.stands or _DRAWN + 1) <= _DRAWN]


def _points(lines: Sequence[RankLine], published: Collection[int]) -> list[dict[str, Any]]:
    """One point for each spot with the ranks of all that stand there: a market and its halls lie on one another."""
    spots: list[list[RankLine]] = []
    for line in lines:
        if line.place.lon is None or line.place.lat is None:
            continue
        near = (one for one in spots if math.dist(_where(one[0]), _where(line)) < _ONE_SPOT)
        spot = next(near, None)
        if spot is None:
            spots.append([line])
        else:
            spot.append(line)
    return [
        {
            "lon": found[0].place.lon,
            "lat": found[0].place.lat,
            "mark": " ".join("–" if line.rank is None else f"{line.rank}" for line in found),
            "label": "; ".join(f"{line.place.name} · {line.rank_words}" for line in found),
            "level": "red" if any(line.place.place_id in published for line in found) else "blue",
        }
        for found in spots
    ]


def _where(line: RankLine) -> tuple[float, float]:
    return line.place.lon or 0.0, line.place.lat or 0.0
