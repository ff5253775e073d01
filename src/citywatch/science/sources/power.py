"""How much more asking would settle it: the answer an investigator needs when the ranking says "may be chance"."""

from math import ceil, inf, log

_NEVER = 10_000


def interviews_needed(
    *,
    cases: int,
    at_leader: int,
    leader_chance: float,
    at_second: int,
    second_chance: float,
    tried: int,
    level: float = 0.01,
    lead: float = 100.0,
) -> int | None:
    """How many interviews more would make the leader sure and clearly first, if its share of the cases holds; 0 if now.

    `cases` were asked, of whom `at_leader` were at the leading place, where `leader_chance` of everyone was in the
    same days; likewise for the second. Sure: p after trying `tried` places below `level`. Clearly first: its p is
    `lead` times smaller than the second's. None when no number of interviews will do, because the share at the leader
    is no more than everyone's, or the second explains as much. An estimate: each interview adds on average the
    Kullback-Leibler divergence between the share among the cases and the share among everyone.

    Source: Chernoff 1952, Annals of Mathematical Statistics 23:493 (Stein's lemma).

    >>> said = dict(leader_chance=0.02, at_second=2, second_chance=0.05, tried=5000)
    >>> [interviews_needed(cases=n, at_leader=n // 4, **said) for n in (8, 40)]
    [23, 0]
    """
    if cases < 1:
        return None
    mine = _divergence(at_leader / cases, leader_chance)
    other = _divergence(at_second / cases, second_chance)
    wanted = max(_times(log(tried / level), mine), _times(log(lead), mine - other))
    if wanted > _NEVER:
        return None
    return max(0, ceil(wanted) - cases)


def _times(needed: float, each: float) -> float:
    return needed / each if each > 0 else inf


def _divergence(share: float, chance: float) -> float:
    """What one case tells, in nats; 0 where the share is not above the chance."""
    if share <= chance or chance >= 1:
        return 0.0
    if chance <= 0:
        return inf
    told = share * log(share / chance)
    return told + ((1 - share) * log((1 - share) / (1 - chance)) if share < 1 else 0.0)
