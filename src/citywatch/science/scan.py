"""Prospective space-time scans: where and since when there are too many cases, all places and times tried at once.

Owns the zones, three likelihood ratios and the replications that tell chance from cluster. Counts have shape
(locations, time), last time = now; a cluster is a zone and the last so many times.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
AnyCounts = NDArray[Any]
# Draws replications: how many are asked for in, counts over the last 1, 2, ... times (locations, durations, drawn) out.
Draw = Callable[[int], AnyCounts]
Step = tuple[bool, IntArray]

EARTH_KM = 6371.0088
_MOST_ZONES = 2_000_000
_EULER = 0.5772156649015329
# What one pass over all zones holds at once: small enough for the cache, large enough to outweigh the loop.
_CELLS_AT_ONCE = 40_000
_KEYS_AT_ONCE = 60_000
_BYTES_AT_ONCE = 64_000_000
# Zones are looked through in blocks, the first small: what they reach tells what the next need not bother with.
_FIRST_ZONES = 4
_MOST_ZONES_AT_ONCE = 512
_WAITING = 20_000
# A shuffle costs by the case, a hypergeometric draw by the cell and about ten times as much.
_SHUFFLE_PER_CELL = 10
# Ratios that differ by rounding alone are ties.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Zones:
    """Sets of locations that are tried as clusters.

    `members` are the locations of each zone as indices. `centre` is the location in its middle (-1 where the zone was
    given as a mere set) and `radius` the distance to its farthest member (NaN then), in kilometres on the sphere, else
    in the unit of the coordinates. Zones of one centre follow each other, each the beginning of the next.
    """

    members: tuple[IntArray, ...]
    centre: IntArray
    radius: FloatArray


@dataclass(frozen=True, slots=True)
class Cluster:
    """A zone and its last times with more cases than expected.

    `first` and `last` are indices of the time axis, both inside. `p_value` is the share of replications (this data
    set among them) whose best cluster is as strong, `p_gumbel` its smooth form from a Gumbel distribution with their
    mean and spread; both are NaN without replications.
    """

    zone: int
    members: IntArray
    centre: int
    radius: float
    first: int
    last: int
    observed: int
    expected: float
    llr: float
    p_value: float
    p_gumbel: float

    @property
    def ratio(self) -> float:
        """Observed cases per expected case."""
        return self.observed / self.expected


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found: the clusters, strongest first.

    `llr` (zones, durations) holds all ratios, for the last 1, 2, ... times; `highest` (replications,) the strongest
    ratio of each data set drawn under no cluster.
    """

    clusters: tuple[Cluster, ...]
    llr: FloatArray
    highest: FloatArray


def circular_zones(
    x: ArrayLike,
    y: ArrayLike,
    *,
    spherical: bool = False,
    weights: ArrayLike | None = None,
    max_share: float = 0.5,
    max_radius: float | None = None,
) -> Zones:
    """Draw circles around every location, each wide enough for one neighbour more.

    Nobody knows the size of the next outbreak, so all sizes are tried, up to `max_share` of the `weights` (population
    or cases per location; default one each) and to `max_radius`. `x` and `y` are plane coordinates, or with
    `spherical` longitude and latitude in degrees and distances great circles in kilometres. Locations at one distance
    enter together; a location alone is always a zone; equal sets appear once. Raises ValueError for lengths that
    differ, coordinates that are missing or off the sphere, a share outside 0..1, or more than two million zones.

    Source: Kulldorff 2001, Journal of the Royal Statistical Society A 164:61.

    >>> [zone.tolist() for zone in circular_zones([0, 1, 3], [0, 0, 0], max_share=0.7).members]
    [[0], [0, 1], [1], [2], [2, 1]]
    """
    points = np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)], axis=-1)
    weight = np.ones(len(points)) if weights is None else np.asarray(weights, dtype=np.float64)
    if points.ndim != 2 or weight.shape != points.shape[:1]:
        msg = f"there are {len(points)} locations and {weight.size} weights; each location needs x, y and one weight."
        raise ValueError(msg)
    if not np.isfinite(points).all() or (spherical and (np.abs(points) > (180, 90)).any()):
        msg = "a location's coordinates are missing or outside longitude -180..180 and latitude -90..90."
        raise ValueError(msg)
    if not 0 < max_share <= 1 or (max_radius is not None and not max_radius >= 0) or not (weight >= 0).all():
        msg = f"max_share is {max_share}, max_radius {max_radius}; 0 < max_share <= 1, radius and weights 0 or more."
        raise ValueError(msg)
    most = max_share * weight.sum() * (1 + _SAME)
    # Two sets are the same when the exclusive or of their members' random numbers is.
    mark = np.random.default_rng(0).integers(0, np.iinfo(np.int64).max, size=len(points))
    seen: set[int] = set()
    members, centres, radii = [], [], []
    for centre in range(len(points)):
        order, distance = _neighbours(points, centre, spherical=spherical, max_radius=max_radius)
        # A circle is complete where the next neighbour is farther away.
        complete = np.append(np.diff(distance) > _SAME * distance[-1], True)
        within = np.cumsum(weight[order]) <= most
        within[0] = complete[0] = True
        sets = np.bitwise_xor.accumulate(mark[order])
        for last in np.flatnonzero(complete & within):
            if int(sets[last]) not in seen:
                seen.add(int(sets[last]))
                members.append(order[: last + 1])
                centres.append(centre)
                radii.append(distance[last])
        if len(members) > _MOST_ZONES:
            msg = f"more than {_MOST_ZONES} zones; give a smaller max_radius or max_share."
            raise ValueError(msg)
    return Zones(tuple(members), np.array(centres, dtype=np.int64), np.array(radii, dtype=np.float64))


def given_zones(members: Sequence[ArrayLike]) -> Zones:
    """Take sets of location indices as zones: districts, bus lines, catchments. Raises ValueError for an empty one.

    Source: as any shape may be scanned, Tango & Takahashi 2005, International Journal of Health Geographics 4:11.

    >>> given_zones([[0, 1], [1, 2]]).centre.tolist()
    [-1, -1]
    """
    sets = tuple(np.unique(np.asarray(zone, dtype=np.int64)) for zone in members)
    for at, zone in enumerate(sets):
        if not zone.size or zone[0] < 0:
            msg = f"zone {at} is {zone.tolist()}; a zone holds locations by their index."
            raise ValueError(msg)
    return Zones(sets, np.full(len(sets), -1, dtype=np.int64), np.full(len(sets), np.nan))


def scan_permutation(
    counts: ArrayLike,
    zones: Zones,
    *,
    max_duration: int | None = None,
    replications: int = 999,
    seed: int = 1,
    top: int | None = None,
) -> Scan:
    """Look for places whose share of the last days' cases is above their share of all days'.

    It needs cases alone. Expected are place total x day total / total, so a place that always reports much is no
    cluster, nor is a day on which everybody reports much; an outbreak in the whole city at once is invisible to it.
    Replications keep both totals and shuffle which case fell on which day.

    `counts` has shape (locations, time), whole numbers; `max_duration` in times (default half of them); `top` limits
    how many clusters without a common location are returned. p-values can reach 1 / (replications + 1); the same
    `seed` gives the same ones. Raises ValueError for counts that are missing or not whole, zones of other locations or
    settings without meaning.

    Source: Kulldorff et al. 2005, PLoS Medicine 2:e59; p-values from a Gumbel distribution, Abrams, Kulldorff &
    Kleinman 2010, International Journal of Health Geographics 9:61.

    >>> counts = np.array([[1, 1, 1, 1, 1, 1, 8], [2, 2, 2, 2, 2, 2, 2], [3, 1, 2, 2, 3, 1, 2]])
    >>> found = scan_permutation(counts, circular_zones([0, 1, 2], [0, 0, 0])).clusters[0]
    >>> found.members.tolist(), found.first, found.observed, round(found.expected, 2), found.p_value < 0.05
    ([0], 6, 8, 4.0, True)
    """
    cases, longest = _checked(counts, zones, max_duration)
    total = int(cases.sum())
    expected = np.outer(cases.sum(axis=1), cases.sum(axis=0)) / max(total, 1)
    draw = _shuffled if total < _SHUFFLE_PER_CELL * cases.shape[0] * longest else _hypergeometric
    return _scan(
        cases, expected, zones, longest, draw(cases, longest, _rng(seed, replications)), replications, top, total
    )


def scan_poisson(
    counts: ArrayLike,
    zones: Zones,
    *,
    population: ArrayLike,
    max_duration: int | None = None,
    replications: int = 999,
    seed: int = 1,
    top: int | None = None,
) -> Scan:
    """Look for places with more cases per head in the last times than everywhere else and before.

    `population` (locations,) or (locations, time) may also hold expected cases, for they are only compared with each
    other: at each time the same share of all cases is expected, spread by population. So a rise of the whole city
    also counts, weekdays too. Replications spread the same number of cases by population. Other arguments, shapes and
    errors as in `scan_permutation`; ValueError also where there are cases but no people.

    Source: Kulldorff 2001, Journal of the Royal Statistical Society A 164:61.

    >>> counts = np.array([[1, 1, 1, 1, 1, 1, 8], [2, 2, 2, 2, 2, 2, 2], [3, 1, 2, 2, 3, 1, 2]])
    >>> found = scan_poisson(counts, circular_zones([0, 1, 2], [0, 0, 0]), population=[100, 100, 100]).clusters[0]
    >>> found.members.tolist(), found.first, round(found.expected, 2)
    ([0], 6, 2.0)
    """
    cases, longest = _checked(counts, zones, max_duration)
    people = _beside(population, cases, "population")
    total = int(cases.sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = total / cases.shape[1] * people / people.sum(axis=0)
    if not np.isfinite(expected).all():
        msg = "population is 0 everywhere at some time; nothing can be expected there."
        raise ValueError(msg)
    _refuse_impossible(cases, expected)
    draw = _multinomial(total, expected, longest, _rng(seed, replications))
    return _scan(cases, expected, zones, longest, draw, replications, top, total)


def scan_expectation(
    counts: ArrayLike,
    zones: Zones,
    *,
    expected: ArrayLike,
    max_duration: int | None = None,
    replications: int = 999,
    seed: int = 1,
    top: int | None = None,
) -> Scan:
    """Look for places with more cases in the last times than our own forecast said.

    `expected` (locations, time) are the cases a model of the past forecasts for each cell, with its season, weekdays
    and holidays: the scan then asks only where it failed, and a rise of the whole city is found as well as that of a
    street. Replications are Poisson about it, so counts that vary more than Poisson give p-values that are too small.
    Other arguments, shapes and errors as in `scan_permutation`; ValueError also where there are cases and 0 expected.

    Source: Neill et al. 2005, Proceedings of KDD:218; Neill 2009, Statistics in Medicine 28:3391.

    >>> counts = np.array([[1, 1, 1, 1, 1, 1, 8], [2, 2, 2, 2, 2, 2, 2], [3, 1, 2, 2, 3, 1, 2]])
    >>> forecast = np.full(counts.shape, 2.0)
    >>> round(scan_expectation(counts, circular_zones([0, 1, 2], [0, 0, 0]), expected=forecast).clusters[0].llr, 4)
    5.0904
    """
    cases, longest = _checked(counts, zones, max_duration)
    forecast = _beside(expected, cases, "expected")
    _refuse_impossible(cases, forecast)
    draw = _poisson(forecast, longest, _rng(seed, replications))
    return _scan(cases, forecast, zones, longest, draw, replications, top, None)


def _neighbours(
    points: FloatArray, centre: int, *, spherical: bool, max_radius: float | None
) -> tuple[IntArray, FloatArray]:
    """Locations by distance from one of them, itself first."""
    if spherical:
        lon, lat = np.radians(points).T
        half = np.sin((lat - lat[centre]) / 2) ** 2
        half += np.cos(lat) * np.cos(lat[centre]) * np.sin((lon - lon[centre]) / 2) ** 2
        distance = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(1.0, half)))
    else:
        distance = np.hypot(*(points - points[centre]).T)
    near = np.arange(len(points)) if max_radius is None else np.flatnonzero(distance <= max_radius * (1 + _SAME))
    first = np.where(near == centre, -1.0, distance[near])
    order = near[np.argsort(first, kind="stable")]
    return order, distance[order]


def _checked(counts: ArrayLike, zones: Zones, max_duration: int | None) -> tuple[IntArray, int]:
    given = np.asarray(counts, dtype=np.float64)
    if given.ndim != 2 or not given.size:
        msg = f"counts have shape {given.shape}; (locations, time) is needed."
        raise ValueError(msg)
    if not ((given >= 0) & (given == np.floor(given)) & (given < 2**53)).all():
        msg = "counts hold a value that is missing, negative or not whole; a scan counts cases."
        raise ValueError(msg)
    if not zones.members or max(int(zone.max()) for zone in zones.members) >= given.shape[0]:
        msg = f"the zones do not fit the counts: there must be some, of the {given.shape[0]} locations alone."
        raise ValueError(msg)
    longest = max(1, given.shape[1] // 2) if max_duration is None else max_duration
    if not 1 <= longest <= given.shape[1]:
        msg = f"max_duration is {longest}; it lies between 1 and the {given.shape[1]} times of the counts."
        raise ValueError(msg)
    return given.astype(np.int64), longest


def _beside(given: ArrayLike, cases: IntArray, name: str) -> FloatArray:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.shape[0] != cases.shape[0] or values.shape[1] not in {1, cases.shape[1]}:
        msg = f"{name} has shape {values.shape}; the counts have {cases.shape}."
        raise ValueError(msg)
    if not (np.isfinite(values) & (values >= 0)).all():
        msg = f"{name} holds a value that is missing or negative."
        raise ValueError(msg)
    return np.broadcast_to(values, cases.shape)


def _refuse_impossible(cases: IntArray, expected: FloatArray) -> None:
    wrong = (cases > 0) & (expected <= 0)
    if wrong.any():
        location, time = (int(at[0]) for at in np.nonzero(wrong))
        msg = f"location {location} has {cases[location, time]} cases at time {time}, where none can be expected."
        raise ValueError(msg)


def _rng(seed: int, replications: int) -> np.random.Generator:
    if replications < 0:
        msg = f"replications is {replications}; it is 0 or more."
        raise ValueError(msg)
    return np.random.default_rng(seed)


def _scan(  # noqa: PLR0917 - what three methods share
    cases: IntArray,
    expected: FloatArray,
    zones: Zones,
    longest: int,
    draw: Draw,
    replications: int,
    top: int | None,
    total: int | None,
) -> Scan:
    steps = _steps(zones)
    observed = np.stack([inside.copy() for inside in _in_zones(_back(cases, longest), steps)])
    baseline = np.stack([inside.copy() for inside in _in_zones(_back(expected, longest), steps)])
    llr = _likelihood_ratio(observed, baseline, total)
    highest = _highest_drawn(baseline, steps, draw, replications, total)
    return Scan(_clusters(llr, observed, baseline, zones, highest, top, cases.shape[1]), llr, highest)


def _back(values: NDArray[Any], longest: int) -> NDArray[Any]:
    """Sums over the last 1, 2, ... times."""
    found: NDArray[Any] = np.cumsum(values[:, ::-1][:, :longest], axis=1)
    return found


def _steps(zones: Zones) -> list[Step]:
    """How each zone is summed: whether on from the one before, and which locations are new."""
    found: list[Step] = []
    last: IntArray = np.zeros(0, dtype=np.int64)
    for zone, members in enumerate(zones.members):
        if zones.centre[zone] < 0:
            new = np.setdiff1d(members, last, assume_unique=True)
            goes_on = new.size + last.size == members.size
        else:
            goes_on = zone > 0 and zones.centre[zone] == zones.centre[zone - 1]
            new = members[last.size :]
        found.append((bool(goes_on), new if goes_on else members))
        last = members
    return found


def _in_zones(values: NDArray[Any], steps: Sequence[Step]) -> Iterator[NDArray[Any]]:
    """Zone by zone the sum of its locations' rows, always in the same array."""
    current = np.zeros(values.shape[1:], dtype=values.dtype)
    for goes_on, new in steps:
        if not goes_on:
            current.fill(0)
        for location in new:
            np.add(current, values[location], out=current)
        yield current


def _likelihood_ratio(observed: NDArray[np.number], expected: FloatArray, total: int | None) -> FloatArray:
    """Log likelihood ratio of a raised risk inside; 0 where there is none. Conditional on `total` cases, if given."""
    more = observed > expected
    inside, baseline = np.where(more, observed, 1.0), np.where(more, expected, 1.0)
    found = inside * np.log(inside / baseline)
    if total is None:
        found -= inside - baseline
    else:
        outside, rest = total - inside, total - baseline
        found += outside * np.log(np.where(outside > 0, outside, 1.0) / np.where(outside > 0, rest, 1.0))
    return np.where(more, found, 0.0)


def _least_count(baseline: FloatArray, ratio: float, total: int | None) -> FloatArray:
    """A count that the ratio cannot be reached with; below it, no logarithm need be taken.

    Newton's steps on a convex function come down from above; the last is followed to the whole number below.
    """
    if ratio <= 0:
        return np.floor(baseline)
    base = np.maximum(baseline, np.finfo(np.float64).tiny)
    count = base + sqrt(2 * ratio) * np.sqrt(base) + ratio
    if total is not None:
        count = np.minimum(count, total - 1e-6 * (total - base))
    for _ in range(8):
        value = count * np.log(count / base)
        slope = np.log(count / base)
        if total is None:
            value -= count - base
        else:
            away = np.log(np.maximum(total - count, 1e-9) / np.maximum(total - base, 1e-9))
            value += (total - count) * away
            slope -= away
        count = np.maximum(base, count - (value - ratio) / np.maximum(slope, 1e-300))
        if total is not None:
            count = np.minimum(count, total)
    return np.floor(count * (1 - _SAME) - _SAME)


def _highest_drawn(
    baseline: FloatArray, steps: Sequence[Step], draw: Draw, replications: int, total: int | None
) -> FloatArray:
    """The highest ratio of every replication, over all zones and durations."""
    durations = baseline.shape[1]
    highest = np.zeros(replications)
    locations = 1 + max(int(new.max()) for _, new in steps if new.size)
    at_once = max(1, min(_CELLS_AT_ONCE // durations, _BYTES_AT_ONCE // (4 * durations * locations)))
    for begin in range(0, replications, at_once):
        drawn = draw(min(at_once, replications - begin))
        highest[begin : begin + at_once] = _highest(drawn, baseline, steps, total)
    return highest


def _highest(drawn: AnyCounts, baseline: FloatArray, steps: Sequence[Step], total: int | None) -> FloatArray:
    """As `_highest_drawn` for some replications, shape (locations, durations, drawn).

    Few cells can be the highest of their replication, and only they are worth a logarithm: the others fall below the
    least count that the weakest of the highest ratios so far needs.
    """
    highest = np.zeros(drawn.shape[-1])
    most = np.iinfo(drawn.dtype).max
    above = np.empty(drawn.shape[1:], dtype=np.bool_)
    found: list[tuple[int, IntArray, AnyCounts]] = []
    waiting, first, last = 0, 0, 0
    least = np.zeros((0, drawn.shape[1]), dtype=drawn.dtype)
    for zone, current in enumerate(_in_zones(drawn, steps)):
        if zone == last or waiting > _WAITING:
            _look(found, baseline, total, highest)
            found, waiting = [], 0
        if zone == last:
            first, last = last, last + min(max(_FIRST_ZONES, last), _MOST_ZONES_AT_ONCE)
            needed = _least_count(baseline[first:last], float(highest.min()), total)
            least = np.minimum(needed, most).astype(drawn.dtype)
        np.greater(current, least[zone - first, :, np.newaxis], out=above)
        cell = np.flatnonzero(above)
        if cell.size:
            found.append((zone, cell, current.ravel()[cell]))
            waiting += cell.size
    _look(found, baseline, total, highest)
    return highest


def _look(
    found: Sequence[tuple[int, IntArray, AnyCounts]], baseline: FloatArray, total: int | None, highest: FloatArray
) -> None:
    """Raise `highest` by the ratios of the cells found, each its zone, its places in the array and its counts."""
    if not found:
        return
    cells, inside = np.concatenate([cell for _, cell, _ in found]), np.concatenate([count for _, _, count in found])
    zones = np.repeat([zone for zone, _, _ in found], [cell.size for _, cell, _ in found])
    duration, replication = np.divmod(cells, highest.size)
    np.maximum.at(highest, replication, _likelihood_ratio(inside, baseline[zones, duration], total))


def _clusters(  # noqa: PLR0917 - everything a cluster tells
    llr: FloatArray,
    observed: IntArray,
    baseline: FloatArray,
    zones: Zones,
    highest: FloatArray,
    top: int | None,
    times: int,
) -> tuple[Cluster, ...]:
    """The strongest cluster, then the strongest that shares no location with those before, and so on."""
    taken = np.zeros(1 + max(int(zone.max()) for zone in zones.members), dtype=np.bool_)
    best = llr.argmax(axis=1)
    strength = llr.max(axis=1)
    found: list[Cluster] = []
    for zone in np.argsort(-strength, kind="stable"):
        if strength[zone] <= 0 or (top is not None and len(found) >= top):
            break
        members = zones.members[zone]
        if taken[members].any():
            continue
        taken[members] = True
        duration = int(best[zone])
        p_value, p_gumbel = _p_values(float(strength[zone]), highest)
        found.append(
            Cluster(
                zone=int(zone),
                members=members,
                centre=int(zones.centre[zone]),
                radius=float(zones.radius[zone]),
                first=times - 1 - duration,
                last=times - 1,
                observed=int(observed[zone, duration]),
                expected=float(baseline[zone, duration]),
                llr=float(strength[zone]),
                p_value=p_value,
                p_gumbel=p_gumbel,
            )
        )
    return tuple(found)


def _p_values(llr: float, highest: FloatArray) -> tuple[float, float]:
    if not highest.size:
        return float("nan"), float("nan")
    p_value = float((1 + (highest >= llr * (1 - _SAME)).sum()) / (highest.size + 1))
    if highest.size < 2 or not highest.std() > 0:
        return p_value, float("nan")
    scale = float(highest.std(ddof=1)) * sqrt(6) / pi
    place = float(highest.mean()) - _EULER * scale
    return p_value, float(-np.expm1(-np.exp(-(llr - place) / scale)))


def _whole_numbers(most: float) -> type[np.int16 | np.int32 | np.int64]:
    return np.int16 if most < np.iinfo(np.int16).max else np.int32 if most < np.iinfo(np.int32).max else np.int64


def _shuffled(cases: IntArray, longest: int, rng: np.random.Generator) -> Draw:
    """Shuffle which case fell on which day, for few cases: random keys are sorted with the day as their last digits."""
    locations, times = cases.shape
    day_totals = cases.sum(axis=0)
    # Days before the longest duration need not be told apart.
    back = np.minimum(np.repeat(np.arange(times)[::-1], day_totals), longest).astype(np.uint64)
    at_location = np.repeat(np.arange(locations), cases.sum(axis=1)) * (longest + 1)
    digits = np.uint64(int(longest).bit_length())
    last_digits = np.uint64((1 << int(digits)) - 1)
    kept = _whole_numbers(float(cases.sum()))
    size = locations * (longest + 1)
    at_once = max(1, _KEYS_AT_ONCE // max(1, back.size))
    place = np.arange(at_once)[:, np.newaxis] * size + at_location

    def draw(replications: int) -> AnyCounts:
        found = np.empty((locations, longest, replications), dtype=kept)
        for begin in range(0, replications, at_once):
            some = min(at_once, replications - begin)
            keys = rng.integers(0, 1 << 63, size=(some, back.size), dtype=np.uint64)
            keys &= ~last_digits
            keys |= back
            keys.sort(axis=1)
            keys &= last_digits
            cells = keys.view(np.int64)
            cells += place[:some]
            table = np.bincount(cells.ravel(), minlength=some * size).reshape(some, locations, longest + 1)
            found[:, :, begin : begin + some] = np.cumsum(table[..., :longest], axis=2).transpose(1, 2, 0)
        return found

    return draw


def _hypergeometric(cases: IntArray, longest: int, rng: np.random.Generator) -> Draw:
    """The same for many cases: the days are dealt out to the locations one by one."""
    locations = cases.shape[0]
    day_totals = cases.sum(axis=0)[::-1][:longest]
    kept = _whole_numbers(float(cases.sum()))

    def draw(replications: int) -> AnyCounts:
        found = np.empty((locations, longest, replications), dtype=kept)
        left = np.tile(cases.sum(axis=1)[:, np.newaxis], (1, replications))
        for day, day_total in enumerate(day_totals):
            still = np.full(replications, day_total)
            others = left.sum(axis=0)
            for location in range(locations):
                others = others - left[location]
                here = rng.hypergeometric(left[location], others, still)
                found[location, day] = here
                still = still - here
                left[location] -= here
        np.cumsum(found, axis=1, out=found)
        return found

    return draw


def _multinomial(total: int, expected: FloatArray, longest: int, rng: np.random.Generator) -> Draw:
    recent = expected[:, ::-1][:, :longest].ravel() / max(total, 1)
    chance = np.append(recent, max(0.0, 1 - recent.sum()))
    kept = _whole_numbers(float(total))

    def draw(replications: int) -> AnyCounts:
        drawn = rng.multinomial(total, chance / chance.sum(), size=replications)[:, :-1].astype(kept)
        return _durations(drawn.reshape(replications, -1, longest))

    return draw


def _poisson(expected: FloatArray, longest: int, rng: np.random.Generator) -> Draw:
    recent = expected[:, ::-1][:, :longest]
    most = float(recent.sum())
    kept = _whole_numbers(2 * most + 1000)

    def draw(replications: int) -> AnyCounts:
        return _durations(rng.poisson(recent, size=(replications, *recent.shape)).astype(kept))

    return draw


def _durations(drawn: AnyCounts) -> AnyCounts:
    """Counts per time back from now, (replications, locations, times), summed over durations, replications last."""
    return np.ascontiguousarray(np.cumsum(drawn, axis=2, dtype=drawn.dtype).transpose(1, 2, 0))
