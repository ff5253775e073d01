"""Weak signals from different streams, brought together when they speak of one place at one time.

Owns the grouping, the count of independent witnesses, who is a neighbour, and the chance of all witnesses together.
Which count deserves which alert level is a dated rule of the city.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay, QhullError
from scipy.special import gammaincc, ndtr, ndtri

Moments = NDArray[np.datetime64]
Floats = NDArray[np.float64]

_LEAST = 1e-300  # a chance of exactly nothing would silence every other witness
_KM_PER_DEGREE = 111.195  # of latitude, on a sphere of 6,371 km


@dataclass(frozen=True, slots=True)
class Cluster:
    """Signals of one place that follow each other within the window.

    `members` are the caller's signal indexes in time order. `streams` are the distinct streams of the best-witnessed
    single window, sorted: three streams strung out over ten days are not three witnesses to one thing. `first` and
    `last` are the times of the first and last member; place and `first` stay the same when later signals join, so
    they may serve as fingerprint.
    """

    place: str
    members: tuple[int, ...]
    first: np.datetime64
    last: np.datetime64
    streams: tuple[str, ...]


def fuse_signals(
    *, place: Sequence[str], stream: Sequence[str], at: ArrayLike, hours: float = 72
) -> tuple[Cluster, ...]:
    """Group signals in the same place, each within `hours` of the one before, and count their distinct streams.

    One value per signal: the place's code, the stream's code, the time (datetime64, any unit). Two signals exactly
    `hours` apart are together. Clusters come by place, then by time. Raises ValueError when lengths differ, a time is
    missing or `hours` is negative.

    Source: multi-point triggers (k of m streams, same place, same window); evidence in Texier et al. 2019, BMC
    Medical Informatics and Decision Making 19:38.

    >>> at = ["2020-06-09T08", "2020-06-11T08", "2020-06-11T08"]
    >>> told = fuse_signals(place=["f", "f", "g"], stream=["symptom", "pharmacy", "lab"], at=at)
    >>> [(c.place, c.streams) for c in told]
    [('f', ('pharmacy', 'symptom')), ('g', ('lab',))]
    """
    when = np.asarray(at, dtype="datetime64[s]")
    if not len(place) == len(stream) == when.size:
        msg = f"{len(place)} places, {len(stream)} streams and {when.size} times; each signal needs one of each."
        raise ValueError(msg)
    if np.isnat(when).any():
        msg = f"Signal {int(np.flatnonzero(np.isnat(when))[0])} has no time."
        raise ValueError(msg)
    if not hours >= 0:
        msg = f"A window of {hours} hours holds nothing; give 0 or more."
        raise ValueError(msg)
    reach = np.timedelta64(round(hours * 3600), "s")
    order = sorted(range(len(place)), key=lambda i: (place[i], when[i], stream[i]))
    groups: list[list[int]] = []
    for signal in order:
        if groups and place[groups[-1][-1]] == place[signal] and when[signal] - when[groups[-1][-1]] <= reach:
            groups[-1].append(signal)
        else:
            groups.append([signal])
    return tuple(
        Cluster(
            place=place[group[0]],
            members=tuple(group),
            first=when[group[0]],
            last=when[group[-1]],
            streams=_best_witnessed(group, stream, when, reach),
        )
        for group in groups
    )


def _best_witnessed(
    group: Sequence[int], stream: Sequence[str], when: Moments, reach: np.timedelta64
) -> tuple[str, ...]:
    windows = [
        {stream[later] for later in group[start:] if when[later] - when[first] <= reach}
        for start, first in enumerate(group)
    ]
    best: set[str] = max(windows, key=len)
    return tuple(sorted(best))


def combined_chance(p: ArrayLike, *, method: str = "fisher", correlation: float = 0.0) -> Floats:
    """Give the chance that independent witnesses would all be so unlikely by accident.

    `p` has shape (..., witnesses), one-sided chances, NaN for a witness that could not tell (left out; NaN where none
    could). "fisher" answers to one loud witness, "stouffer" to many that lean the same way. Streams share weekdays,
    weather and holidays, so they are never quite independent: `correlation` (0 to below 1) is that of their underlying
    normal deviates, the same for every pair, and widens the reference distribution (Brown's scaled chi-square with the
    covariances of Kost & McDermott; for Stouffer the variance of the sum). Raises ValueError for a chance outside 0..1,
    an unknown method or a correlation outside 0..1.

    Source: Fisher 1932, Statistical Methods for Research Workers, 4th edition; Stouffer et al. 1949, The American
    Soldier, volume 1; Brown 1975, Biometrics 31:987; Kost & McDermott 2002, Statistics & Probability Letters 60:183.

    >>> round(float(combined_chance([0.03, 0.05])), 4)
    0.0113
    >>> round(float(combined_chance([0.03, 0.05], correlation=0.3)), 4)
    0.0187
    """
    chances = np.asarray(p, dtype=np.float64)
    if not 0 <= correlation < 1:
        msg = f"correlation is {correlation}; witnesses agree by chance to a degree from 0 to below 1."
        raise ValueError(msg)
    known = ~np.isnan(chances)
    if ((chances < 0) | (chances > 1)).any():
        msg = "A chance lies outside 0 to 1."
        raise ValueError(msg)
    k = known.sum(axis=-1).astype(np.float64)
    held = np.clip(chances, _LEAST, 1.0)
    if method == "fisher":
        told = _fisher(np.where(known, -2.0 * np.log(held), 0.0).sum(axis=-1), k, correlation)
    elif method == "stouffer":
        deviates = np.where(known, -ndtri(np.minimum(held, 1 - 1e-16)), 0.0).sum(axis=-1)
        told = ndtr(-deviates / np.sqrt(np.maximum(k + k * (k - 1) * correlation, 1.0)))
    else:
        msg = f"There is no method {method!r}; combine by fisher or stouffer."
        raise ValueError(msg)
    return np.asarray(np.where(k > 0, told, np.nan))


def _fisher(statistic: Floats, k: Floats, correlation: float) -> Floats:
    # Under the null the statistic has mean 2k and variance 4k + the covariances; scale * chi-square(df) matches both.
    pair = 3.263 * correlation + 0.710 * correlation**2 + 0.027 * correlation**3
    mean = 2.0 * np.maximum(k, 1.0)
    variance = 2.0 * mean + np.maximum(k, 1.0) * (np.maximum(k, 1.0) - 1.0) * pair
    scale, df = variance / (2.0 * mean), 2.0 * mean**2 / variance
    return np.asarray(gammaincc(df / 2.0, statistic / (2.0 * scale)))


def neighbours(lon: ArrayLike, lat: ArrayLike, *, within_km: float) -> tuple[tuple[int, int], ...]:
    """Say which places are neighbours where no outlines are known: nobody else lies between them.

    Two points are neighbours (Gabriel graph) when no third lies inside the circle that has them as its diameter, and
    they are at most `within_km` apart: three streets in the dense centre, one valley to the next in the hills. Pairs of
    indexes, the smaller first, sorted; places without coordinates (NaN) have no neighbours. Raises ValueError when the
    lengths differ or `within_km` is not positive.

    Source: Gabriel & Sokal 1969, Systematic Zoology 18:259; in disease mapping, Bivand et al. 2013, Applied Spatial
    Data Analysis with R, chapter 9.

    >>> neighbours([116.30, 116.31, 116.32, 116.31], [39.80, 39.801, 39.80, 39.85], within_km=6)
    ((0, 1), (1, 2), (1, 3))
    """
    x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        msg = f"Coordinates of shape {x.shape} and {y.shape} do not pair; give one of each for every place."
        raise ValueError(msg)
    if not within_km > 0:
        msg = f"within_km is {within_km}; neighbours need a distance above 0."
        raise ValueError(msg)
    placed = np.flatnonzero(~(np.isnan(x) | np.isnan(y)))
    if placed.size < 2:
        return ()
    points = np.column_stack([x[placed] * np.cos(np.radians(y[placed].mean())), y[placed]]) * _KM_PER_DEGREE
    pairs = _candidates(points)
    a, b = points[pairs[:, 0]], points[pairs[:, 1]]
    squared = ((a - b) ** 2).sum(axis=1)
    near = squared <= within_km**2
    pairs, centre, squared = pairs[near], ((a + b) / 2)[near], squared[near]
    inside = ((centre[:, np.newaxis, :] - points[np.newaxis, :, :]) ** 2).sum(axis=2) < squared[:, np.newaxis] / 4 * (
        1 - 1e-9
    )
    inside[np.arange(len(pairs)), pairs[:, 0]] = inside[np.arange(len(pairs)), pairs[:, 1]] = False
    kept = placed[pairs[~inside.any(axis=1)]]
    return tuple(sorted((int(min(one)), int(max(one))) for one in kept))


def _candidates(points: Floats) -> NDArray[np.int64]:
    """Pairs that can be Gabriel neighbours: the Delaunay edges, or all pairs where points are few or lie in a line."""
    n = len(points)
    if n > 3:
        try:
            corners = Delaunay(points).simplices
        except QhullError:  # all on one line
            pass
        else:
            edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
            if np.unique(corners).size == n:  # a point that shares its place with another is in no triangle
                return np.unique(np.sort(edges, axis=1), axis=0).astype(np.int64)
    return np.array([(i, j) for i in range(n) for j in range(i + 1, n)], dtype=np.int64)
