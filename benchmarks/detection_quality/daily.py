"""A daily set from the fifteen signals of `nf16_daily_scenarios.csv`: five- and seven-day weeks, seasons, holidays.

Signals: Noufaily et al. 2019, Bioinformatics 35:3110 (10.1093/bioinformatics/bty997). Holidays are ours: practices that
keep a five-day week are shut on them and see half as many people more on the next working day; services that work all
week see twice as many people, as on the bank holidays of that study.
"""

import csv
from pathlib import Path

import numpy as np

from .nf42 import Study, counts

WEEKS_A_YEAR, YEARS, TESTED_WEEKS = 52, 5, 49
CYCLE = 7 * WEEKS_A_YEAR
DAYS = CYCLE * YEARS
FIRST = DAYS - 7 * TESTED_WEEKS
HOLIDAYS = (0, 90, 91, 124, 145, 235, 273, 274, 275, 359, 360)  # days of the year
PAST, SIZES, REPLICATES = (0, 5), (0.5, 1, 2, 3, 5), 4


def holidays():
    """1 on a holiday, shape (days,)."""
    return np.isin(np.arange(DAYS) % CYCLE, HOLIDAYS).astype(float)


def mean_of(row):
    """Mean a day before holidays are kept, shape (days,); 0 on days the service is shut."""
    number = {name: float(value) for name, value in row.items() if value}
    week = int(number["days_per_week"])
    t = np.arange(1, WEEKS_A_YEAR * YEARS * week + 1) + number["shift_days"]
    eta = number["theta"] + number["beta"] * t
    for j in range(1, int(number["annual_harmonics"]) + 1):
        angle = 2 * np.pi * j * t / (WEEKS_A_YEAR * week)
        eta += number["gamma1_annual_cos"] * np.cos(angle) + number["gamma2_annual_sin"] * np.sin(angle)
    for j in range(1, int(number["weekly_harmonics"]) + 1):
        angle = 2 * np.pi * j * t / week
        eta += number["gamma3_week_cos"] * np.cos(angle) + number["gamma4_week_sin"] * np.sin(angle)
    mean = np.zeros((WEEKS_A_YEAR * YEARS, 7))
    mean[:, :week] = np.exp(eta).reshape(-1, week) / number["divide_by"]
    return mean.ravel(), number["phi"], week


def kept(mean, week):
    """The mean as holidays bend it."""
    off = holidays() > 0
    if week == 7:
        return np.where(off, 2.0 * mean, mean)
    out = np.where(off, 0.0, mean)
    for day in np.flatnonzero(off):
        after = np.flatnonzero((out[day:] > 0) & ~off[day:])
        if after.size and after[0] <= 4:
            out[day + after[0]] = 1.5 * mean[day + after[0]]
    return out


def outbreak(rng, mean, *, size, phi, start, week):
    """Cases of one outbreak by day: Poisson, as many standard deviations of a day as a week has days, times size."""
    open_days = np.flatnonzero(mean[start:] > 0)[: 12 * week]
    while True:
        cases = rng.poisson(size * week * np.sqrt(phi * mean[start]))
        lags = np.floor(rng.lognormal(0.0, 0.5, cases) / 0.25).astype(int)
        lags = lags[lags < open_days.size]
        if lags.size:
            return start + open_days[lags]


def study(path: Path, seed):
    """Series of every signal, with and without past outbreaks, and current outbreaks laid over them."""
    rng = np.random.default_rng(seed)
    base, group, past, of, sizes, starts, ends, added = [], [], [], [], [], [], [], []
    with path.open() as file:
        rows = list(csv.DictReader(file))
    for signal, row in enumerate(rows):
        plain, phi, week = mean_of(row)
        mean = kept(plain, week)
        for k1 in PAST:
            for _ in range(REPLICATES):
                series = counts(rng, np.maximum(mean, 1e-12), phi)
                if k1:
                    for start in rng.choice(np.flatnonzero(mean[: FIRST - 60] > 0), YEARS - 1, replace=False):
                        np.add.at(series, outbreak(rng, mean, size=k1, phi=phi, start=start, week=week), 1)
                for size in SIZES:
                    start = rng.choice(np.flatnonzero(mean[FIRST : DAYS - 14] > 0)) + FIRST
                    days = outbreak(rng, mean, size=size, phi=phi, start=start, week=week)
                    more = np.bincount(days[days < DAYS] - FIRST, minlength=DAYS - FIRST).astype(float)
                    of.append(len(base))
                    sizes.append(size)
                    starts.append(start)
                    ends.append(FIRST + np.flatnonzero(more).max())
                    added.append(more)
                base.append(series)
                group.append(signal)
                past.append(k1)
    return Study(
        np.array(base), np.array(group), np.array(past), np.array(of), np.array(sizes),
        np.array(starts), np.array(ends), np.array(added), first=FIRST,
    )  # fmt: skip
