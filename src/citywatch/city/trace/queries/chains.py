"""Who infected whom: as told where anybody told, else the likeliest tree with what speaks against it.

Read whole, whoever asks: a case's number and day name nobody. Only cases the viewer may see can be opened.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from citywatch.city.trace import rules
from citywatch.city.trace.models import Contact, Link, Stay
from citywatch.city.trace.queries.candidates import infectious_since
from citywatch.mechanisms.labels import Label
from citywatch.science.chains import Chains, SerialInterval, infector_tree, infector_weights, trace_chains

MOST_NODES = 500
_NAMED, _SHARED = 1.0, 0.5
"""What a pair on a contact list is worth, and one that shared a place at the same time (assumed: half)."""
_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Offspring:
    """A case with the number of cases it infected, and its generation (None inside a circle of links)."""

    label: str
    case_id: int
    infected: int
    generation: int | None


def told_chains(links: Sequence[Link], cases: Any) -> tuple[Chains, dict[str, tuple[str, int]]]:
    """The chains by case number, and each number's label."""
    labels = {str(row.pk): (row.title, row.pk) for row in cases}
    pairs = [(str(link.infector_id), str(link.infectee_id)) for link in links]
    return trace_chains([pair for pair in pairs if pair[0] in labels and pair[1] in labels]), labels


def offspring_of(chains: Chains, labels: dict[str, tuple[str, int]]) -> tuple[Offspring, ...]:
    found = [
        Offspring(*labels[key], infected, generation if generation >= 0 else None)
        for key, infected, generation in zip(
            chains.cases, chains.offspring.tolist(), chains.generation.tolist(), strict=True
        )
    ]
    return tuple(sorted((one for one in found if one.infected), key=lambda one: (-one.infected, one.label)))


def contradictions_in(chains: Chains, labels: dict[str, tuple[str, int]]) -> tuple[Label, ...]:
    told = []
    for circle in chains.cycles:
        names = [labels[key][0] for key in circle]
        if len(names) == 1:
            told.append(
                Label(
                    f"{names[0]}被登记为感染了自己；请更正。",
                    f"{names[0]} is on record as having infected themselves; correct it.",
                )
            )
            continue
        told.append(
            Label(
                f"传播链成环：{'、'.join(names)}；请核实方向。",
                f"These links form a circle: {', '.join(names)}; check who infected whom.",
            )
        )
    if chains.several_infectors:
        names = [labels[key][0] for key in chains.several_infectors]
        told.append(
            Label(
                f"{len(names)}例登记了多个感染来源：{'、'.join(names[:8])}；请核实。",
                f"{len(names)} cases have more than one infector on record: {', '.join(names[:8])}; check them.",
            )
        )
    return tuple(told)


@dataclass(frozen=True, slots=True)
class Infector:
    """Who may have infected a case: a case's number, or None for somebody nobody knows."""

    case_id: int | None
    title: str
    support: float

    @property
    def percent(self) -> int:
        return round(100 * self.support)


@dataclass(frozen=True, slots=True)
class ChainNode:
    """A case in the tree: its infector with support (None at a told root), the next best ones, its height drawn."""

    case_id: int
    title: str
    day: date | None
    infector: Infector | None
    others: tuple[Infector, ...]
    opens: bool
    height: float
    infected: int


@dataclass(frozen=True, slots=True)
class Met:
    """What tells who met whom: stays told, by case, and contacts named."""

    stays: Mapping[int, Sequence[Stay]]
    contacts: Sequence[Contact]


@dataclass(frozen=True, slots=True)
class ChainTree:
    """The tree of an investigation; `told` says whether people told it or weights guessed it."""

    nodes: tuple[ChainNode, ...]
    told: bool
    left_out: int

    @property
    def roots(self) -> int:
        return sum(node.infector is None or node.infector.case_id is None for node in self.nodes)


def chain_tree(
    cases: Sequence[Any],
    links: Sequence[Link],
    *,
    seen: Collection[int],
    met: "Met | None" = None,
) -> ChainTree:
    """Tell the tree of these cases (at most 500, the earliest), of which `seen` may be opened.

    `met` is what is known of who met whom, where it is in hand.
    """
    dated = sorted(cases, key=lambda row: (_day(row) or date.max, row.pk))
    kept, left_out = dated[:MOST_NODES], max(0, len(dated) - MOST_NODES)
    titles = {row.pk: row.title for row in kept}
    told = _told_by(links, titles)
    known = told or _guessed(kept, met)
    parent = {row.pk: known[row.pk][0].case_id if row.pk in known else None for row in kept}
    heights = _heights([row.pk for row in kept], parent)
    infected: dict[int, int] = {}
    for above in parent.values():
        if above is not None:
            infected[above] = infected.get(above, 0) + 1
    nodes = []
    for row in kept:
        first, *others = known.get(row.pk, (None,))
        nodes.append(
            ChainNode(
                row.pk,
                row.title,
                _day(row),
                first,
                tuple(others),
                row.pk in seen,
                heights[row.pk],
                infected.get(row.pk, 0),
            )
        )
    return ChainTree(tuple(nodes), bool(told), left_out)


def chain_graph_of(tree: ChainTree, address: Mapping[int, str]) -> dict[str, Any]:
    """The tree for the picture: nodes by day and height, links with their support; `address` opens a case."""
    shown = {node.case_id for node in tree.nodes if node.day is not None}
    return {
        "nodes": [
            {
                "id": str(node.case_id),
                "name": node.title,
                "day": node.day.isoformat(),
                "height": node.height,
                "infected": node.infected,
                "href": address.get(node.case_id, ""),
                "root": node.infector is None or node.infector.case_id is None,
                "infector": _named(node.infector),
                "others": [_named(one) for one in node.others],
            }
            for node in tree.nodes
            if node.day is not None
        ],
        "links": [
            {
                "source": str(infector.case_id),
                "target": str(node.case_id),
                "support": round(infector.support, 3),
            }
            for node in tree.nodes
            if node.case_id in shown
            for infector in (node.infector, *(node.others if tree.told else ()))
            if infector is not None and infector.case_id in shown
        ],
        "told": tree.told,
    }


def _named(one: Infector | None) -> str:
    if one is None:
        return ""
    return f"{one.title} {one.percent}%" if one.support < 1 else one.title


def _told_by(links: Sequence[Link], titles: Mapping[int, str]) -> dict[int, tuple[Infector, ...]]:
    """Each case's told infectors, first told first; where several are named none is surer than another."""
    named: dict[int, list[int]] = {}
    for link in sorted(links, key=lambda link: link.pk):
        named.setdefault(link.infectee_id, []).append(link.infector_id)
    return {
        infectee: tuple(Infector(one, titles.get(one, f"C{one:04d}"), 1 / len(infectors)) for one in infectors)
        for infectee, infectors in named.items()
    }


def _day(row: Any) -> date | None:
    return rules.reference_day(row.onset_date, row.sampled_on)


def _guessed(cases: Sequence[Any], known: Met | None) -> dict[int, tuple[Infector, ...]]:
    """For each dated case its likeliest infector and the next best, by number."""
    rows = [row for row in cases if _day(row) is not None]
    if len(rows) < 2:
        return {}
    days = tuple(day.toordinal() for row in rows if (day := _day(row)) is not None)
    met = _met(rows, known)
    found = _tree(days, met)
    outside = str(Label("来源不明", "Unknown source"))

    def named(index: int, support: float) -> Infector:
        if index < 0:
            return Infector(None, outside, support)
        return Infector(rows[index].pk, rows[index].title, support)

    return {
        row.pk: tuple(named(index, support) for index, support in choices if index > -2)
        for row, choices in zip(rows, found, strict=True)
    }


@lru_cache(maxsize=16)
def _tree(days: tuple[int, ...], met: tuple[tuple[int, int, float], ...]) -> tuple[tuple[tuple[int, float], ...], ...]:
    """Per case (infector, support), the chosen one first; kept, since it is asked again at every look at the page."""
    contact = None
    if met:
        contact = np.zeros((len(days), len(days)))
        for a, b, worth in met:
            contact[a, b] = max(contact[a, b], worth)
    tree = infector_tree(*infector_weights(np.array(days, dtype=np.float64), serial=SerialInterval(), contact=contact))
    return tuple(
        (
            (int(tree.infector[i]), float(tree.support[i])),
            *(
                (int(other), float(support))
                for other, support in zip(
                    tree.alternatives[i][:_ALTERNATIVES], tree.alternative_support[i][:_ALTERNATIVES], strict=True
                )
            ),
        )
        for i in range(len(days))
    )


def _met(rows: Sequence[Any], known: Met | None = None) -> tuple[tuple[int, int, float], ...]:
    """Pairs known to have met while the first could infect: named as a contact, or told of one place at one time."""
    known = known or told_of(rows)
    windows = [_infectious(row) for row in rows]
    index = {row.pk: i for i, row in enumerate(rows)}
    of_person = {row.person_id: i for i, row in enumerate(rows) if row.person_id}
    pairs: dict[tuple[int, int], float] = {}

    def meet(a: int, b: int, first: datetime, last: datetime, worth: float) -> None:
        for one, other in ((a, b), (b, a)):
            since, until = windows[one]
            if one != other and first < until and last >= since:
                pairs[one, other] = max(pairs.get((one, other), 0.0), worth)

    on_lists = (one for one in known.contacts if one.case_id in index and one.person_id in of_person)
    for one in on_lists:
        meet(index[one.case_id], of_person[one.person_id], one.first_at, one.last_at, _NAMED)
    by_place: dict[int, list[Stay]] = {}
    for stay in (stay for pk in index for stay in known.stays.get(pk, ())):
        by_place.setdefault(stay.visited_id, []).append(stay)
    for stays in by_place.values():
        for number, stay in enumerate(stays):
            for other in stays[number + 1 :]:
                first, last = max(stay.from_at, other.from_at), min(stay.to_at, other.to_at)
                if stay.case_id != other.case_id and first < last:
                    meet(index[stay.case_id], index[other.case_id], first, last, _SHARED)
    return tuple(sorted((a, b, worth) for (a, b), worth in pairs.items()))


def told_of(rows: Sequence[Any]) -> Met:
    """The stays these cases told of, and which of them are on each other's contact lists."""
    numbers = [row.pk for row in rows]
    stays: dict[int, list[Stay]] = {}
    for stay in Stay.objects.filter(case_id__in=numbers):
        stays.setdefault(stay.case_id, []).append(stay)
    people = [row.person_id for row in rows if row.person_id]
    named = Contact.objects.filter(case_id__in=numbers, person_id__in=people).exclude(state="dropped")
    return Met(stays, list(named))


def _infectious(row: Any) -> tuple[datetime, datetime]:
    since = infectious_since(row)
    assert since is not None  # noqa: S101 - only dated cases are asked
    return since, row.isolated_at or since + timedelta(days=2 * rules.EPISODE_DAYS)


def _heights(cases: Sequence[int], parent: Mapping[int, int | None]) -> dict[int, float]:
    """A height for each case, so that a tree drawn by day has its branches side by side: a parent amid its children."""
    children: dict[int | None, list[int]] = {}
    for one in cases:
        above = parent.get(one)
        children.setdefault(above if above in parent else None, []).append(one)
    heights: dict[int, float] = {}
    waiting = [(one, False) for one in reversed(children.get(None, []))]
    lowest = 0
    while waiting:
        one, is_back = waiting.pop()
        below = children.get(one, [])
        if is_back:
            heights[one] = sum(heights[child] for child in below) / len(below)
        elif below and one not in heights:
            waiting += [(one, True), *((child, False) for child in reversed(below))]
        elif not below:
            heights[one] = float(lowest)
            lowest += 1
    for one in cases:  # a circle of links has no root to begin from
        if one not in heights:
            heights[one] = float(lowest)
            lowest += 1
    return heights
