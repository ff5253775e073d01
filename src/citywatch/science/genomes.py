"""Who infected whom, from genomes and dates alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NOBODY = -1


@dataclass(frozen=True, slots=True, eq=False)
class GenomeTree:
    """Each case's likeliest ancestor (index, -1 for none among the cases), its distance, and how many were as near."""

    ancestor: NDArray[np.int64]
    distance: NDArray[np.float64]
    equally_near: NDArray[np.int64]


def seqtrack(distances: ArrayLike, date: ArrayLike, *, largest: float = np.inf) -> GenomeTree:
    """Give each case the genetically nearest of the cases sampled before it.

    Since an ancestor is always earlier, the best tree is the best ancestor of each case on its own, and no circle can
    arise. Of several equally near the earliest stands, then the first in the list: `equally_near` says how much that
    choice means. Genomes tell who is close, not who met: put contacts beside them (`chains`).

    `distances` (cases, cases), row = ancestor, NaN where not compared; `date` (cases,) as numbers or datetime64, NaN or
    NaT where unknown (such a case is nobody's ancestor and has none). A case with nobody earlier within `largest` is a
    root. Raises ValueError when the shapes do not fit.

    Source: Jombart et al. 2011, Heredity 106:383 (SeqTrack).

    >>> seqtrack([[0, 1, 4], [1, 0, 2], [4, 2, 0]], [10, 12, 15]).ancestor.tolist()
    [-1, 0, 1]
    """
    away = np.asarray(distances, dtype=np.float64)
    when = np.asarray(date)
    if when.dtype.kind in "USO":
        when = when.astype("datetime64[D]")
    known = ~np.isnat(when) if when.dtype.kind == "M" else ~np.isnan(when.astype(np.float64))
    n = len(when)
    if away.shape != (n, n):
        msg = f"Distances of shape {away.shape} do not fit {n} dates; one row and column per case."
        raise ValueError(msg)
    order = np.argsort(np.where(known, when, when.max(initial=when[0]) if n else when), kind="stable")
    earlier = (when[:, None] < when[None, :]) & known[:, None] & known[None, :]
    cost = np.where(earlier & (away <= largest), away, np.inf)
    # Rows in order of date, so that the first of equals is the earliest.
    nearest = order[np.argmin(cost[order], axis=0)] if n else np.zeros(0, dtype=np.int64)
    least = cost[nearest, np.arange(n)]
    found = np.isfinite(least)
    return GenomeTree(
        ancestor=np.where(found, nearest, NOBODY).astype(np.int64),
        distance=np.where(found, least, np.nan),
        equally_near=np.where(found, (cost == least).sum(axis=0), 0).astype(np.int64),
    )
