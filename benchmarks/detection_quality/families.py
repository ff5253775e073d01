"""Weekly series that no harmonic regression made: steps, lognormal noise, wandering levels, school terms, year effects.

The recommended method must not lean on the family of the 42 scenarios; here it meets others, with the same outbreaks.
"""

import numpy as np

from .nf42 import CYCLE, SIZES, TESTED, WEEKS, Study, size_of, spread_in_time

REPLICATES = 30
TERMS = ((0, 6), (16, 18), (28, 35), (43, 45), (51, 52))  # weeks of the year without school


def _steps(rng, level):
    season = np.repeat(np.exp(rng.normal(0, 0.6, 4)), CYCLE // 4)
    return level * np.tile(season, WEEKS // CYCLE)


def _school(_, level):
    off = np.zeros(CYCLE)
    for first, last in TERMS:
        off[first:last] = 1
    return level * np.tile(np.where(off > 0, 0.4, 1.2), WEEKS // CYCLE)


def _wandering(rng, level):
    walk = np.zeros(WEEKS)
    for t in range(1, WEEKS):
        walk[t] = 0.985 * walk[t - 1] + rng.normal(0, 0.06)
    return level * np.exp(walk + 0.3 * np.cos(2 * np.pi * np.arange(WEEKS) / CYCLE))


def _years(rng, level):
    swing = np.repeat(rng.uniform(0.2, 0.9, WEEKS // CYCLE), CYCLE)
    late = np.repeat(rng.normal(0, 2.0, WEEKS // CYCLE), CYCLE)
    return level * np.exp(swing * np.cos(2 * np.pi * (np.arange(WEEKS) + late) / CYCLE))


def _harmonic(_, level):
    return level * np.exp(0.4 * np.cos(2 * np.pi * np.arange(WEEKS) / CYCLE))


def _poisson(rng, mean):
    return rng.poisson(mean), mean


def _binomial2(rng, mean):
    return rng.poisson(mean * rng.gamma(5.0, 0.2, mean.size)), mean + 0.2 * mean**2


def _lognormal(rng, mean):
    noise = rng.lognormal(-0.08, 0.4, mean.size)
    return rng.poisson(mean * noise), mean + 0.17 * mean**2


FAMILIES = {
    "four steps a year": (_steps, _poisson),
    "school terms": (_school, _poisson),
    "wandering level": (_wandering, _poisson),
    "season's size and date change": (_years, _poisson),
    "variance with the mean's square": (_harmonic, _binomial2),
    "lognormal noise": (_harmonic, _lognormal),
}
LEVELS = (1.0, 8.0, 60.0)


def study(seed):
    """Every family at three levels, thirty series each; half of them with four past outbreaks of size 5."""
    rng = np.random.default_rng(seed)
    base, group, past, of, size, starts, ends, added = [], [], [], [], [], [], [], []
    for number, (shape, noise) in enumerate(FAMILIES.values()):
        for level in LEVELS:
            for replicate in range(REPLICATES):
                counts, variance = noise(rng, shape(rng, level))
                series, sd = counts.astype(float), np.sqrt(variance)
                if replicate % 2:
                    for begin in rng.choice(np.arange(WEEKS // 2, TESTED), 4, replace=False):
                        weeks = begin + spread_in_time(rng, size_of(rng, 5 * sd[begin]))
                        np.add.at(series, weeks[weeks < TESTED], 1)
                for k in SIZES:
                    more = np.zeros(WEEKS - TESTED)
                    while not more.any():
                        start = rng.integers(TESTED, WEEKS)
                        weeks = start + spread_in_time(rng, size_of(rng, k * sd[start]))
                        np.add.at(more, weeks[weeks < WEEKS] - TESTED, 1)
                    of.append(len(base))
                    size.append(k)
                    starts.append(start)
                    ends.append(TESTED + np.flatnonzero(more).max())
                    added.append(more)
                base.append(series)
                group.append(number)
                past.append(5 * (replicate % 2))
    return Study(*(np.array(column) for column in (base, group, past, of, size, starts, ends, added)))
