"""Space-time permutation scan with 999 replications against a plain loop of the same arithmetic, in one run.

The plain loop does a few replications (shuffle the days, add up every zone and duration, take the ratio) and is scaled
to 999; a second loop does the same with NumPy's arrays, one replication after the other. Both must find our cluster.

Run: python benchmarks/scan.py [replications]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import random
import statistics
import sys
import time
from math import log

import numpy as np

from citywatch.science.scan import circular_zones, scan_permutation

ROUNDS = 3
PLAIN = 2
PLAIN_ARRAYS = 20


def town(side, days, cases, seed=1):
    """A square of side x side streets, an outbreak in its middle in the last days."""
    rng = np.random.default_rng(seed)
    x, y = (at.ravel() + rng.normal(0, 0.1, side * side) for at in np.meshgrid(range(side), range(side)))
    counts = rng.poisson(cases / days / side**2 * rng.gamma(4, 0.25, side * side)[:, np.newaxis], (side * side, days))
    counts[np.hypot(x - side / 2, y - side / 2) < 1.2, -4:] += 2
    return counts, circular_zones(x, y, max_share=0.5)


def plain(counts, zones, longest, replications, seed=1):
    """Highest ratio of the data and of each replication, as one would write it down."""
    shuffle = random.Random(seed).shuffle
    places, days = counts.shape
    total = int(counts.sum())
    where = [place for place in range(places) for _ in range(int(counts[place].sum()))]
    when = [day for place in range(places) for day in range(days) for _ in range(int(counts[place, day]))]
    rows, columns = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    members = [zone.tolist() for zone in zones.members]
    found = []
    for replication in range(replications + 1):
        if replication:
            shuffle(when)
        table = [[0] * days for _ in range(places)]
        for place, day in zip(where, when, strict=True):
            table[place][day] += 1
        highest = 0.0
        for zone in members:
            observed, expected, share = 0, 0.0, sum(rows[place] for place in zone) / total
            for back in range(1, longest + 1):
                observed += sum(table[place][-back] for place in zone)
                expected += share * columns[-back]
                if observed > expected:
                    ratio = observed * log(observed / expected)
                    if observed < total:
                        ratio += (total - observed) * log((total - observed) / (total - expected))
                    highest = max(highest, ratio)
        found.append(highest)
    return found


def arrays(counts, zones, longest, replications, seed=1):
    """The same with a matrix of zones, one replication at a time."""
    rng = np.random.default_rng(seed)
    places, days = counts.shape
    total = counts.sum()
    inside = np.zeros((len(zones.members), places))
    for zone, members in enumerate(zones.members):
        inside[zone, members] = 1
    where = np.repeat(np.arange(places), counts.sum(axis=1))
    when = np.concatenate([np.repeat(np.arange(days), row) for row in counts])
    back = np.cumsum(np.outer(counts.sum(axis=1), counts.sum(axis=0))[:, ::-1][:, :longest] / total, axis=1)
    expected = inside @ back
    found = []
    for replication in range(replications + 1):
        if replication:
            rng.shuffle(when)
        table = np.bincount(where * days + when, minlength=places * days).reshape(places, days)
        observed = inside @ np.cumsum(table[:, ::-1][:, :longest], axis=1)
        outside = total - observed
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = observed * np.log(observed / expected)
            ratio += np.where(outside > 0, outside * np.log(outside / (total - expected)), 0)
        found.append(np.where(observed > expected, ratio, 0).max())
    return found


def seconds(work, *given, **settings):
    start = time.perf_counter()
    found = work(*given, **settings)
    return time.perf_counter() - start, found


def compare(side, days, cases, longest, replications):
    counts, zones = town(side, days, cases)
    fast, slow, middling = [], [], []
    for seed in range(ROUNDS):
        took, found = seconds(
            scan_permutation, counts, zones, max_duration=longest, replications=replications, seed=seed
        )
        fast.append(took)
        took, told = seconds(plain, counts, zones, longest, PLAIN, seed)
        slow.append(took / (PLAIN + 1) * (replications + 1))
        took, also = seconds(arrays, counts, zones, longest, PLAIN_ARRAYS, seed)
        middling.append(took / (PLAIN_ARRAYS + 1) * (replications + 1))
        if not np.allclose([told[0], also[0]], found.llr.max(), rtol=1e-9):
            sys.exit("scan: the loops find another cluster; no speed is worth that.")
        if not found.highest.min() <= statistics.median(also[1:]) <= found.highest.max():
            sys.exit("scan: the replications are of another kind; no speed is worth that.")
    ours, loop, matrix = (statistics.median(took) for took in (fast, slow, middling))
    print(
        f"permutation scan, {side * side} places x {days} days, {counts.sum()} cases, {len(zones.members)} zones x "
        f"{longest} durations, {replications} replications: {ours:.3f} s; plain Python loop {loop:.1f} s "
        f"(ratio {loop / ours:.0f}), one NumPy pass a replication {matrix:.2f} s (ratio {matrix / ours:.1f})"
    )


def main():
    replications = int(sys.argv[1]) if len(sys.argv) > 1 else 999
    for side, days, cases, longest in ((7, 30, 4600, 30), (7, 30, 4600, 7), (15, 90, 9000, 14)):
        compare(side, days, cases, longest, replications)


if __name__ == "__main__":
    main()
