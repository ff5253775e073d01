"""The 42-scenario simulation study of weekly counts, drawn anew from any seed.

Recipe: Noufaily et al. 2013, Statistics in Medicine 32:1206, in the form Bedubourg and Le Strat 2017
(10.1371/journal.pone.0181227) ran it: 42 means, five intensities of past outbreaks, ten sizes of current ones.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WEEKS, CYCLE, BASELINE, TESTED = 624, 52, 312, 575  # tested weeks begin at index 575, week 576 of the recipe
PAST = (0, 2, 3, 5, 10)
SIZES = tuple(range(1, 11))
REPLICATES = 4
SETS = (  # theta, beta if there is a trend, gamma1, gamma2, phi
    (0.1, 0.0025, 0.6, 0.6, 1.5),
    (-2.0, 0.005, 0.1, 0.3, 2.0),
    (1.5, 0.003, 0.2, -0.4, 1.0),
    (0.5, 0.002, 0.5, 0.5, 5.0),
    (2.5, 0.001, 1.0, 0.1, 3.0),
    (3.75, 0.001, 0.1, -0.1, 1.1),
    (5.0, 0.0001, 0.05, 0.01, 1.2),
)


@dataclass(frozen=True, slots=True)
class Study:
    """Series without a current outbreak, and the outbreaks that are laid over them one at a time.

    `base` has shape (series, time), `added` (outbreaks, tested points); `start` and `end` are indices in time.
    """

    base: np.ndarray
    group: np.ndarray
    past: np.ndarray
    of: np.ndarray
    size: np.ndarray
    start: np.ndarray
    end: np.ndarray
    added: np.ndarray
    first: int = TESTED
    mean: np.ndarray | None = None
    phi: np.ndarray | None = None

    def with_outbreak(self, rows):
        """The whole series of the outbreaks `rows`, history included."""
        series = self.base[self.of[rows]].copy()
        series[:, self.first :] += self.added[rows]
        return series


def means():
    """Mean of every scenario, shape (42, 624), and its variance over the mean."""
    t = np.arange(1, WEEKS + 1)
    rows, phis = [], []
    for theta, beta, gamma1, gamma2, phi in SETS:
        for slope in (0.0, beta):
            for harmonics in range(3):
                angle = 2 * np.pi * np.arange(1, harmonics + 1)[:, None] * t / CYCLE
                rows.append(np.exp(theta + slope * t + (gamma1 * np.cos(angle) + gamma2 * np.sin(angle)).sum(axis=0)))
                phis.append(phi)
    return np.array(rows), np.array(phis)


def counts(rng, mean, phi):
    """Negative binomial with variance phi * mean; Poisson where phi is 1."""
    rate = np.broadcast_to(mean, np.broadcast_shapes(mean.shape, np.shape(phi))).copy()
    spread = np.broadcast_to(phi, rate.shape) > 1
    scale = np.broadcast_to(phi, rate.shape)[spread] - 1
    rate[spread] = rng.gamma(rate[spread] / scale) * scale
    return rng.poisson(rate).astype(float)


def size_of(rng, spread):
    """Cases of one outbreak: Poisson, drawn again until there is one."""
    while True:
        drawn = rng.poisson(spread)
        if drawn >= 1:
            return drawn


def spread_in_time(rng, size):
    """How many weeks after the start each case falls."""
    return np.floor(rng.lognormal(0.0, 0.5, size)).astype(int)


def study(seed):
    """Draw the whole study: 840 series, each with ten outbreaks of sizes 1 to 10 laid over it one at a time."""
    rng = np.random.default_rng(seed)
    mean, phi = means()
    group = np.repeat(np.arange(len(mean)), len(PAST) * REPLICATES)
    past = np.tile(np.repeat(PAST, REPLICATES), len(mean))
    base = counts(rng, mean[group], phi[group, None])
    sd = np.sqrt(phi[:, None] * mean)
    for i in np.flatnonzero(past):
        for begin in rng.choice(np.arange(BASELINE, TESTED), 4, replace=False):
            weeks = begin + spread_in_time(rng, size_of(rng, past[i] * sd[group[i], begin]))
            np.add.at(base[i], weeks[weeks < TESTED], 1)
    of = np.repeat(np.arange(len(base)), len(SIZES))
    size = np.tile(SIZES, len(base))
    start, end = np.empty(len(of), dtype=int), np.empty(len(of), dtype=int)
    added = np.zeros((len(of), WEEKS - TESTED))
    for row, (i, k) in enumerate(zip(of, size, strict=True)):
        while not added[row].any():  # an outbreak none of whose cases falls inside the study is drawn again
            start[row] = rng.integers(TESTED, WEEKS)
            weeks = start[row] + spread_in_time(rng, size_of(rng, k * sd[group[i], start[row]]))
            np.add.at(added[row], weeks[weeks < WEEKS] - TESTED, 1)
        end[row] = TESTED + np.flatnonzero(added[row]).max()
    return Study(base, group, past, of, size, start, end, added, mean=mean, phi=phi)


def shared_sample(folder: Path):
    """The fixed sample that the reference programs were run on (seed 20250101 of its own generator)."""
    with (folder / "nf42_base_series.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    table = np.array(rows, dtype=float)
    mean, phi = means()
    with (folder / "nf42_current_outbreaks.csv").open() as file:
        outbreaks = list(csv.DictReader(file))
    added = np.zeros((len(outbreaks), WEEKS - TESTED))
    for row, outbreak in enumerate(outbreaks):
        for cell in outbreak["cases"].split(";"):
            week, cases = cell.split(":")
            added[row, int(week) - 1 - TESTED] = int(cases)
    column = {
        name: np.array([int(outbreak[name]) for outbreak in outbreaks]) for name in ("base_id", "k2", "start", "end")
    }
    position = {int(base_id): i for i, base_id in enumerate(table[:, 0])}
    return Study(
        base=table[:, 4:],
        group=table[:, 1].astype(int) - 1,
        past=table[:, 2].astype(int),
        of=np.array([position[base_id] for base_id in column["base_id"].tolist()]),
        size=column["k2"],
        start=column["start"] - 1,
        end=column["end"] - 1,
        added=added,
        mean=mean,
        phi=phi,
    )
