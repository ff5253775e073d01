"""Goods walked back from the cases: which node of the supply chain could have sent what made them ill.

Owns the walk and the ranking. Where people were infected by place and time see `sources`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Selling points without a case stand against a source only when there are some: four imagined ones, half supplied.
_IMAGINED = 4.0
# A second source is looked for while this share of the cases, and two of them, is still unexplained.
_LEFT = 0.1


Neighbours = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Movement:
    """One delivery. Times in any one unit, infinite where not told: `sent` +inf and `received` -inf never forbid."""

    origin: str
    target: str
    sent: float = inf
    received: float = -inf
    batch: str = ""


@dataclass(frozen=True, slots=True)
class IllAt:
    """One case: where it bought or ate, and when it fell ill (+inf when not told). `group`: cases of one kind."""

    case: str
    node: str
    onset: float = inf
    group: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A node and what it explains.

    `cases` can have been reached from here by deliveries whose times and batches fit. `origin`: nobody supplies it.
    `quiet_points` are selling points without a case that its goods can have reached. `adds` are cases
    that no better-ranked origin explains. `groups` gives explained and all cases per group. `crosses`: it was reached
    through a node where batches mix; `kills`: a kill step here, so that what made people ill came in after it.
    """

    node: str
    origin: bool
    cases: frozenset[str]
    share: float
    quiet_points: int
    adds: int
    groups: Mapping[str, tuple[int, int]]
    crosses: bool
    kills: bool
    upstream: tuple[str, ...]


def trace_goods(
    cases: Sequence[IllAt],
    movements: Sequence[Movement],
    *,
    mixing: Collection[str] = (),
    killing: Collection[str] = (),
) -> tuple[Source, ...]:
    """Rank the nodes of a supply chain by the cases whose goods can have come through them.

    The walk goes backward from each case along deliveries that fit in time: received no later than onset, or than the
    next delivery was sent. Where a node received the very batch that it sent on, only that batch is followed; where it
    did not (it mixed, cut or packed anew), every delivery received in time may be in it. At a node in `mixing`
    (cross-contamination) batches never keep goods apart; past a node in `killing` (cooking, pasteurising) the walk
    does not go, so that the node itself can be the source and its suppliers cannot.

    Order. A source explains a case better the fewer selling points without cases it supplied too: each explained case
    counts one, and the logarithm of one over that share, smoothed. So what goes to every shop explains little, and with
    no quiet selling point known the order is by share. Two guilty suppliers: after the first origin the next is the one
    that explains best what the first leaves over (while a tenth of the cases and at least two are left). An origin
    comes before its own customers, whatever they explain: a distributor that handled the goods of two suppliers
    explains more than either.

    Nodes that explain no case are left out. Raises ValueError when a node has no name.

    Source: the tracing score of FoodChain-Lab, Weiser et al. 2016, PLoS ONE 11:e0151977; lot tracing after Kaufman
    et al. 2014, PLoS Computational Biology 10:e1003692, Norstrom et al. 2015, Journal of Food Protection 78:1921.

    >>> moved = [Movement("farm", "depot", 1, 2), Movement("depot", "shop", 3, 4), Movement("late", "depot", 5, 6)]
    >>> [(s.node, s.origin, s.share) for s in trace_goods([IllAt("a", "shop", 9)], moved)]
    [('farm', True, 1.0), ('depot', False, 1.0), ('shop', False, 1.0)]
    """
    if any(not m.origin or not m.target for m in movements) or any(not c.node for c in cases):
        msg = "A movement or a case has no node; each needs a name at both ends."
        raise ValueError(msg)
    reach = _walk(cases, movements, frozenset(mixing), frozenset(killing))
    names = [case.case for case in cases]
    everyone = {node: frozenset(names[i] for i in range(len(names)) if mask >> i & 1) for node, mask in reach.items()}
    nodes = [node for node in everyone if everyone[node]]
    with_cases = {case.node for case in cases}
    suppliers, customers = _neighbours(movements)
    origins = _origins(movements, with_cases)
    quiet = sorted(node for node in suppliers if node not in customers and node not in with_cases)
    # What could have reached a quiet shop is walked by the same rules, as if somebody had fallen ill there at the end.
    silent = _walk([IllAt(node, node) for node in quiet], movements, frozenset(mixing), frozenset(killing))
    points = {node: silent.get(node, 0).bit_count() for node in nodes}
    total = len(set(names))
    each = {node: _worth_of_a_case(points[node], len(quiet)) for node in nodes}
    worth = {node: len(everyone[node]) * each[node] for node in nodes}
    ranked = _by_evidence([node for node in nodes if node in origins], everyone, each, total)
    above: dict[str, list[str]] = {node: [] for node in nodes}
    for origin in ranked:
        for node in _all_from([origin], customers) - {origin}:
            if node in above:
                above[node].append(origin)
    rest = sorted(
        (node for node in nodes if node not in origins),
        key=lambda node: (-worth[node], -len(everyone[node]), -_levels(node, customers), node),
    )
    order = _woven(ranked, rest, above, worth)
    adds = _adds(ranked, everyone)
    crossed = _all_from(set(mixing), suppliers) if mixing else set()
    groups = _groups(cases)
    return tuple(
        Source(
            node=node,
            origin=node in origins,
            cases=everyone[node],
            share=len(everyone[node]) / total,
            quiet_points=points[node],
            adds=adds.get(node, 0),
            groups={name: (len(everyone[node] & members), len(members)) for name, members in groups.items()},
            crosses=node in crossed,
            kills=node in killing,
            upstream=tuple(above[node]),
        )
        for node in order
    )


def _walk(
    cases: Sequence[IllAt], movements: Sequence[Movement], mixing: frozenset[str], killing: frozenset[str]
) -> dict[str, int]:
    """For each node the cases reached from it, as bits in the order of `cases`."""
    into: dict[str, list[int]] = defaultdict(list)
    arrived: dict[str, set[str]] = defaultdict(set)
    for number, move in enumerate(movements):
        into[move.target].append(number)
        arrived[move.target].add(move.batch)
    carried = [0] * len(movements)
    reach: dict[str, int] = defaultdict(int)
    waiting: list[int] = []

    def add(numbers: Iterable[int], bits: int) -> None:
        for number in numbers:
            if bits & ~carried[number]:
                carried[number] |= bits
                waiting.append(number)

    def before(node: str, time: float) -> list[int]:
        return [] if node in killing else [i for i in into[node] if movements[i].received <= time]

    for bit, case in enumerate(cases):
        reach[case.node] |= 1 << bit
        add(before(case.node, case.onset), 1 << bit)
    while waiting:
        number = waiting.pop()
        move, bits = movements[number], carried[number]
        reach[move.origin] |= bits
        fits = before(move.origin, move.sent)
        if move.batch and move.batch in arrived[move.origin] and move.origin not in mixing:
            # The batch itself came too late by the papers: then they are wrong, and anything may be in it.
            fits = [i for i in fits if movements[i].batch == move.batch] or fits
        add(fits, bits)
    return reach


def _origins(movements: Sequence[Movement], also: set[str]) -> frozenset[str]:
    """Nodes that nobody outside their own circle of deliveries supplies."""
    nodes = sorted({m.origin for m in movements} | {m.target for m in movements} | also)
    index = {node: i for i, node in enumerate(nodes)}
    if not movements:
        return frozenset(nodes)
    rows = np.array([index[m.origin] for m in movements], dtype=np.int32)
    columns = np.array([index[m.target] for m in movements], dtype=np.int32)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(nodes), len(nodes)))
    _, circle = connected_components(graph, directed=True, connection="strong")
    supplied = {int(circle[b]) for a, b in zip(rows, columns, strict=True) if circle[a] != circle[b]}
    return frozenset(node for node in nodes if int(circle[index[node]]) not in supplied)


def _neighbours(movements: Sequence[Movement]) -> tuple[Neighbours, Neighbours]:
    """Who supplies each node, and whom it supplies."""
    suppliers: Neighbours = defaultdict(set)
    customers: Neighbours = defaultdict(set)
    for move in movements:
        suppliers[move.target].add(move.origin)
        customers[move.origin].add(move.target)
    return suppliers, customers


def _all_from(starts: Collection[str], neighbours: Neighbours) -> set[str]:
    """The starts and everything that can be reached from them."""
    waiting, seen = list(starts), set(starts)
    while waiting:
        fresh = neighbours.get(waiting.pop(), set()) - seen
        seen |= fresh
        waiting.extend(fresh)
    return seen


def _levels(node: str, customers: Neighbours) -> int:
    """Steps down to the last customer: the higher up the chain, the more."""
    wave, seen, levels = {node}, {node}, 0
    while wave := {customer for one in wave for customer in customers.get(one, ())} - seen:
        seen |= wave
        levels += 1
    return levels


def _worth_of_a_case(quiet: int, all_quiet: int) -> float:
    """One for being explained, and how surprising it is that the case lies among the points supplied."""
    return 1 - log((quiet + _IMAGINED / 2) / (all_quiet + _IMAGINED))


def _by_evidence(
    origins: Sequence[str], reached: Mapping[str, frozenset[str]], each: Mapping[str, float], total: int
) -> list[str]:
    left = sorted(origins)
    ranked: list[str] = []
    explained: frozenset[str] = frozenset()
    while left:
        open_cases = total - len(explained)
        covering = bool(explained) and open_cases >= max(2, _LEFT * total)

        def worth(node: str) -> tuple[float, float, int]:
            whole = len(reached[node]) * each[node]
            new = len(reached[node] - explained) * each[node]  # noqa: B023  used at once
            return (new if covering else 0.0), whole, len(reached[node])  # noqa: B023

        best = max(left, key=worth)
        left.remove(best)
        ranked.append(best)
        explained |= reached[best]
    return ranked


def _adds(ranked: Sequence[str], reached: Mapping[str, frozenset[str]]) -> dict[str, int]:
    explained: frozenset[str] = frozenset()
    found = {}
    for node in ranked:
        found[node] = len(reached[node] - explained)
        explained |= reached[node]
    return found


def _woven(
    ranked: Sequence[str], rest: Sequence[str], above: Mapping[str, Sequence[str]], worth: Mapping[str, float]
) -> list[str]:
    """Origins in their order; every other node behind the last of its own, and there by what it explains."""
    order = list(ranked)
    placed: set[str] = set()
    for node in rest:
        spot = max((order.index(origin) for origin in above[node]), default=-1) + 1
        while spot < len(order) and (order[spot] in placed or worth[order[spot]] > worth[node]):
            spot += 1
        order.insert(spot, node)
        placed.add(node)
    return order


def _groups(cases: Sequence[IllAt]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        if case.group:
            found[case.group].add(case.case)
    return {name: frozenset(members) for name, members in sorted(found.items())}
