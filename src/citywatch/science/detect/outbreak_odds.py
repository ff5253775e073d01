"""The odds that an outbreak is under way, and how often chance alone would give such odds.

Owns the statistic of `citywatch` at one point: counts and their forecast in, evidence, p-value and bound out. Knows
nothing of seasons or of how the forecast was made.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri

from citywatch.science.detect.background import size_of, upper_tail

FloatArray = NDArray[np.float64]

# Cases a point that an outbreak may add, in standard deviations of that point. The last is there for rare diseases that
# come in clumps: without it the largest clump looks more like another clump than like an outbreak, and never alarms.
SIZES = (0.5, 1.0, 2.0, 5.0, 15.0)
CELLS = 56  # the newest block's counts are laid out in so many cells
NODES = {1: (36,), 2: (16, 10)}  # and those of the blocks before it in these
CHUNK = 512
SLACK = 1e-9  # rounding must not keep a count from tying with itself
LARGEST = 250.0  # of a log likelihood ratio; exp of it squared still fits a float


@dataclass(frozen=True, slots=True)
class Blocks:
    """What was counted and what was foretold; every array has the shape (blocks, points), the newest block first.

    `spread` is the sum of the standard deviations of a block's single points: an outbreak adds to each of them.
    """

    counts: FloatArray
    mean: FloatArray
    variance: FloatArray
    spread: FloatArray

    def part(self, points: slice | NDArray[np.bool_]) -> "Blocks":
        """The same for some of the points."""
        return Blocks(self.counts[:, points], self.mean[:, points], self.variance[:, points], self.spread[:, points])


@dataclass(frozen=True, slots=True)
class Evidence:
    """`odds` (log), `p_value` and `bound` of each point; shape (points,)."""

    odds: FloatArray
    p_value: FloatArray
    bound: FloatArray


def judge(blocks: Blocks, *, begun: tuple[float, ...], alpha: float) -> Evidence:
    """Weigh "an outbreak began in this block or one before it" against "none", for many points at once.

    `begun` holds the weight of each hypothesis "began in block j". See `citywatch` for the idea.
    """
    n = blocks.counts.shape[1]
    out = [np.empty(n), np.empty(n), np.empty(n)]
    for k in range(0, n, CHUNK):
        found = _judge(blocks.part(slice(k, k + CHUNK)), begun, alpha)
        for whole, piece in zip(out, found, strict=True):
            whole[k : k + CHUNK] = piece
    return Evidence(*out)


def _judge(blocks: Blocks, begun: tuple[float, ...], alpha: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    counts, mean, variance = blocks.counts, blocks.mean, blocks.variance
    size = size_of(mean, variance)
    added = np.array(SIZES)[:, None, None] * blocks.spread  # (sizes, blocks, points)
    # What the blocks before the newest may hold: every combination of their cells, and last what they do hold.
    mass, carried = _older(blocks, added, begun, alpha)
    just_so = _exactly(counts[1:], mean[1:], size[1:]).prod(axis=0)
    lowest, step = _layout(mean[0], variance[0], CELLS, below=3.0, above=6.0, skew=4.0)
    edges = lowest + np.arange(CELLS + 1)[:, None] * step
    log_tail = np.log(np.maximum(upper_tail(edges, mean[0], size[0]), 1e-300))
    ratio = np.exp(_log_ratio(edges, mean[0], variance[0], added[:, 0]))  # (sizes, cells, points)
    alone = begun[0] * ratio.mean(axis=0)
    table = np.log(carried.transpose(2, 1, 0) @ ratio.transpose(2, 0, 1) + alone.T[:, None, :])
    # More cases are never less evidence: the ratio of two negative binomials falls again in the far tail.
    table = np.maximum.accumulate(table, axis=2)
    null, observed = table[:, :-1], table[:, -1]

    def chance(newest: FloatArray) -> FloatArray:
        """P(odds at least as high as with so many), the newest tail averaged over what the older blocks may hold.

        Mid-p: the very counts judged count half (Lancaster 1961, Journal of the American Statistical Association
        56:223), or sparse series would never spend their share of false alarms.
        """
        evidence = evidence_of(newest) - SLACK
        reached = (null < evidence[:, None, None]).sum(axis=2)
        upper, lower = np.minimum(reached, CELLS), np.clip(reached - 1, 0, CELLS)
        above = np.take_along_axis(null, upper[:, :, None], axis=2)[:, :, 0]
        below = np.take_along_axis(null, lower[:, :, None], axis=2)[:, :, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(above > below, (evidence[:, None] - below) / (above - below), 0.0)
        # The least whole count that reaches the evidence; rounding lets a count tie with itself.
        count = np.ceil((lower + np.clip(share, 0.0, 1.0)) * step[:, None] - 1e-6)
        count = np.where(reached == 0, -lowest[:, None], count)
        at_least = (mass.T * _between(log_tail, count / step[:, None])).sum(axis=1)
        return np.asarray(at_least - 0.5 * just_so * _exactly(newest, mean[0], size[0]))

    def evidence_of(count: FloatArray) -> FloatArray:
        place = np.clip((count - lowest) / step, 0.0, CELLS)
        left = np.minimum(place.astype(np.int64), CELLS - 1)
        rows = np.arange(place.size)
        part = place - left
        return np.asarray(observed[rows, left] * (1.0 - part) + observed[rows, left + 1] * part)

    odds = evidence_of(counts[0])
    p_value = chance(counts[0])
    # The bound: halve the range of counts until the last that does not alarm is found.
    low, high = lowest - 1.0, lowest + CELLS * step
    settled = p_value <= alpha
    high, low = np.where(settled, np.minimum(high, counts[0]), high), np.where(settled, low, np.maximum(low, counts[0]))
    while True:
        open_ = np.flatnonzero(high - low > 1.0)
        if not open_.size:
            break
        middle = np.floor((high + low) / 2.0)
        alarms = chance(middle) <= alpha
        high, low = (
            np.where(alarms & (high - low > 1.0), middle, high),
            np.where(~alarms & (high - low > 1.0), middle, low),
        )
    return odds, p_value, low


def _older(blocks: Blocks, added: FloatArray, begun: tuple[float, ...], alpha: float) -> tuple[FloatArray, FloatArray]:
    """Chances (nodes, points) of the older blocks' counts and the evidence they carry (sizes, nodes + 1, points).

    What would have alarmed by itself is carried as the most that would not: the same cases are not to alarm twice.
    """
    counts, mean, variance = blocks.counts, blocks.mean, blocks.variance
    size = size_of(mean, variance)
    points = counts.shape[1]
    chances = np.ones((1, points))
    product = np.ones((len(SIZES), 2, points))  # the last entry is the observed
    total = np.zeros((len(SIZES), 2, points))
    for block, cells in enumerate(NODES[counts.shape[0] - 1], start=1):
        # Up to where a count alarms by itself; above, all counts carry the same.
        limit = 0.5 - float(ndtri(alpha))
        lowest, step = _layout(mean[block], variance[block], cells, below=4.0, above=limit, skew=limit**2 / 3.0)
        edges = lowest + np.arange(cells + 1)[:, None] * step
        tail = upper_tail(edges, mean[block], size[block])
        tail[0] = 1.0
        mass = -np.diff(tail, axis=0)
        mass[-1] += tail[-1]
        held = np.concatenate([edges[:-1] + (step - 1.0) / 2.0, counts[block][None]])
        ratio = np.exp(_log_ratio(held, mean[block], variance[block], added[:, block]))
        alone = np.concatenate([tail[:-1], upper_tail(counts[block], mean[block], size[block])[None]]) <= alpha
        alone[0] = False
        most = np.where(alone, 0.0, ratio).max(axis=1, keepdims=True)
        ratio = np.where(alone, most, ratio)
        # Every old combination with every new cell, and the observed with the observed.
        old, now = product[:, :-1, None], ratio[:, None, :-1]
        product = np.concatenate([(old * now).reshape(len(SIZES), -1, points), product[:, -1:] * ratio[:, -1:]], axis=1)
        total = (
            np.concatenate([np.repeat(total[:, :-1], cells, axis=1), total[:, -1:]], axis=1)
            + begun[block] / len(SIZES) * product
        )
        chances = (chances[:, None] * mass).reshape(-1, points)
    return chances, total


def _exactly(count: FloatArray, mean: FloatArray, size: FloatArray) -> FloatArray:
    return upper_tail(count, mean, size) - upper_tail(count + 1.0, mean, size)


def _layout(
    mean: FloatArray, variance: FloatArray, cells: int, *, below: float, above: float, skew: float
) -> tuple[FloatArray, FloatArray]:
    """Where a grid of whole counts begins and how many counts make one of its cells."""
    sd = np.sqrt(variance)
    lowest = np.floor(np.maximum(mean - below * sd, 0.0))
    highest = np.ceil(mean + above * sd + skew * variance / mean)
    return lowest, np.maximum(1.0, np.ceil((highest - lowest) / cells))


def _log_ratio(count: FloatArray, mean: FloatArray, variance: FloatArray, added: FloatArray) -> FloatArray:
    """Log likelihood ratio of "so many cases on top" against none; count (cells, points), added (sizes, points).

    The outbreak's cases are Poisson and come on top of the background, so mean and variance rise by the same number.
    """
    base = _log_mass(count, mean, variance)
    return np.stack([np.minimum(_log_mass(count, mean + more, variance + more) - base, LARGEST) for more in added])


def _log_mass(count: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Log of the negative binomial's mass but for log(count!), which cancels."""
    size = np.minimum(size_of(mean, variance), 1e6 * np.maximum(mean, 1.0))
    shift = size * np.log(size / (size + mean)) - gammaln(size)
    return np.asarray(gammaln(count + size) + shift + count * np.log(mean / (size + mean)))


def _between(table: FloatArray, place: FloatArray) -> FloatArray:
    """Take exp of table (cells, points) at fractional places (points, nodes), linear; 1 below the first cell."""
    clipped = np.clip(place, 0.0, CELLS)
    left = np.minimum(clipped.astype(np.int64), CELLS - 1)
    part = clipped - left
    rows = np.arange(place.shape[0])[:, None]
    lines = table.T
    found = np.exp(lines[rows, left] * (1.0 - part) + lines[rows, left + 1] * part)
    return np.where(place <= 0.0, 1.0, found)
