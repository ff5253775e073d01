"""The ranking without a chosen case or place, beside the ranking as it stands. Nothing is written."""

from collections.abc import Collection
from dataclasses import dataclass

from citywatch.city.trace import evidence
from citywatch.city.trace.models import Case
from citywatch.city.trace.queries.investigations import investigation_row
from citywatch.city.trace.types import RankedPlace
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label


@dataclass(frozen=True, slots=True)
class RankLine:
    """A place with its rank as asked and as it stands; None where it is not among the first, or was left out."""

    place: RankedPlace
    rank: int | None
    stands: int | None
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


@dataclass(frozen=True, slots=True)
class Ranking:
    """Shared places as asked, with what was left out and how settled the answer is."""

    lines: tuple[RankLine, ...]
    power: Label | None
    without_cases: tuple[tuple[int, str], ...]
    without_places: tuple[tuple[int, Label], ...]
    cases: tuple[tuple[int, str], ...]

    @property
    def is_what_if(self) -> bool:
        return bool(self.without_cases or self.without_places)

    @property
    def places(self) -> list[RankedPlace]:
        return [line.place for line in self.lines if line.rank is not None]


def what_if(
    viewer: Viewer, investigation_id: int, *, without_cases: Collection[int] = (), without_places: Collection[int] = ()
) -> Ranking:
    """Rank with these cases and places left out.

    Only a case the viewer may see can be left out: the difference one case makes tells where it was.
    """
    row = investigation_row(viewer, investigation_id)
    seen = Case.objects.visible_to(viewer).filter(investigation=row).exclude(state="discarded").order_by("pk")
    titles = {case.pk: case.title for case in seen}
    out_cases = frozenset(pk for pk in without_cases if pk in titles)
    named = Place.objects.select_related("parent").filter(pk__in=list(without_places)).exclude(kind__in=evidence.AREAS)
    names = {place.pk: evidence.full_name(place) for place in named}
    stands = evidence.ranked(row)
    asked = stands
    if out_cases or names:
        asked = evidence.ranked(row, without_cases=out_cases, without_places=frozenset(names))
    before = {one.place_id: one for one in stands}
    now = {one.place_id for one in asked}
    lines = [RankLine(one, one.rank, before[one.place_id].rank if one.place_id in before else None) for one in asked]
    gone = [one for one in stands if one.place_id not in now]
    halls = Place.objects.filter(parent_id__in=list(names)).values_list("pk", flat=True)
    out = {*names, *halls}
    lines += [RankLine(one, None, one.rank, left_out=one.place_id in out) for one in gone]
    return Ranking(
        tuple(lines),
        evidence.power(row, without_cases=out_cases, without_places=frozenset(names)),
        tuple((pk, titles[pk]) for pk in sorted(out_cases)),
        tuple(sorted(names.items())),
        tuple(titles.items()),
    )
