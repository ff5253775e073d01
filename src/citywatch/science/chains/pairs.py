"""Told chains: offspring, generations, serial intervals and contradictions out of "who infected whom".

Owns the counting. An infector nobody named is guessed in `likelihood`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNREACHED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """What a list of infector-infectee pairs says; arrays have one value per case, in the order of `cases`.

    `generation` counts from the cases nobody infected (0); it is -1 where a circle of pairs leaves no beginning.
    `cycles` lists each circle's cases, `several_infectors` the cases for whom more than one infector is named: both
    are errors of record to be cleared up, not hidden.
    """

    cases: tuple[str, ...]
    offspring: NDArray[np.int64]
    generation: NDArray[np.int64]
    cycles: tuple[tuple[str, ...], ...]
    several_infectors: tuple[str, ...]

    def offspring_of(self, case: str) -> int:
        """Count the cases that `case` infected; 0 for a case the pairs do not name."""
        return int(self.offspring[self.cases.index(case)]) if case in self.cases else 0


def trace_chains(pairs: Sequence[tuple[str, str]]) -> Chains:
    """Count offspring and generations from (infector, infectee) pairs; a pair given twice counts once.

    With several infectors named, the generation is the shortest way from a case that nobody infected.

    Source: generations and offspring as in Lloyd-Smith et al. 2005, Nature 438:355; circles by Tarjan 1972, SIAM
    Journal on Computing 1:146.

    >>> told = trace_chains([("a", "b"), ("a", "c"), ("c", "d")])
    >>> dict(zip(told.cases, told.offspring.tolist())), told.generation.tolist()
    ({'a': 2, 'b': 0, 'c': 1, 'd': 0}, [0, 1, 1, 2])
    """
    distinct = sorted(set(pairs))
    cases = tuple(sorted({case for pair in distinct for case in pair}))
    index = {case: i for i, case in enumerate(cases)}
    infected: dict[int, list[int]] = {i: [] for i in range(len(cases))}
    infectors = np.zeros(len(cases), dtype=np.int64)
    for infector, infectee in distinct:
        infected[index[infector]].append(index[infectee])
        infectors[index[infectee]] += 1
    return Chains(
        cases=cases,
        offspring=np.array([len(infected[i]) for i in range(len(cases))], dtype=np.int64),
        generation=_generations(infected, np.flatnonzero(infectors == 0)),
        cycles=_cycles(infected, cases),
        several_infectors=tuple(cases[i] for i in np.flatnonzero(infectors > 1)),
    )


def serial_intervals(pairs: Sequence[tuple[str, str]], onset: Mapping[str, str | np.datetime64]) -> NDArray[np.float64]:
    """Days from the infector's onset to the infectee's, one per pair as given; NaN where either onset is unknown.

    Negative values are kept: they are real in diseases that spread before symptoms. `onset` maps a case to its
    calendar day (text or datetime64, NaT or absent when unknown).

    Source: Fine 2003, American Journal of Epidemiology 158:1039; negative intervals in Du et al. 2020, Emerging
    Infectious Diseases 26:1341.

    >>> serial_intervals([("a", "b"), ("b", "c")], {"a": "2020-06-01", "b": "2020-06-06"}).tolist()
    [5.0, nan]
    """
    unknown = np.datetime64("NaT", "D")
    days = [np.array([onset.get(pair[side], unknown) for pair in pairs], dtype="datetime64[D]") for side in (0, 1)]
    gap = days[1] - days[0]
    return np.where(np.isnat(gap), np.nan, gap.astype(np.float64))


def _generations(infected: Mapping[int, Sequence[int]], roots: NDArray[np.int64]) -> NDArray[np.int64]:
    generation = np.full(len(infected), UNREACHED, dtype=np.int64)
    wave, depth = [int(root) for root in roots], 0
    while wave:
        generation[wave] = depth
        wave = sorted({child for case in wave for child in infected[case] if generation[child] == UNREACHED})
        depth += 1
    return generation


def _cycles(infected: Mapping[int, Sequence[int]], cases: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    from scipy.sparse import coo_array  # noqa: PLC0415 - slow to import, and most callers have no circle to find
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    ends = [(a, b) for a, children in infected.items() for b in children]
    if not ends:
        return ()
    rows, columns = np.array(ends, dtype=np.int32).T
    graph = coo_array((np.ones(len(ends)), (rows, columns)), shape=(len(cases), len(cases)))
    _, group = connected_components(graph, directed=True, connection="strong")
    alone = {a for a, b in ends if a == b}
    circles = [np.flatnonzero(group == label) for label in np.unique(group)[np.bincount(group) > 1]]
    circles += [np.array([case]) for case in sorted(alone) if (group == group[case]).sum() == 1]
    return tuple(sorted(tuple(cases[int(i)] for i in circle) for circle in circles))
