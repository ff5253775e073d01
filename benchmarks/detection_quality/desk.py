"""What a desk is called for when nobody is ill: every method over six quiet years of the synthetic city's streets.

The daily rates are those the simulated city reports at (100,000 people, 32 streets, 16 districts), with weekdays, a
yearly swing and overdispersion; no outbreak is in them, so every signal is a false one. Judged is the last year.
Run: python benchmarks/detection_quality/desk.py [seed]
"""

import csv
import sys
from pathlib import Path

import numpy as np

from citywatch.science.detect.catalogue import METHODS
from citywatch.science.multiplicity import benjamini_hochberg
from citywatch.simulation.streams import DAILY, DRUG_SHARE, SYMPTOM_SHARE

DISTRICTS, STREETS, PHARMACIES = 16, 32, 5
YEARS, JUDGED = 6, 364
DISPERSION = 10.0
WEEK = np.array([1.15, 1.05, 1.0, 1.0, 1.05, 0.9, 0.85])
SWING = 0.3
GAP = 3  # alarms of one series within so many days are one signal, as on the desk
SHARE = 0.2  # of false discoveries a night, the desk's budget
HERE = Path(__file__).resolve().parent

METHODS_SHOWN = (
    ("ears-c1", {}),
    ("ears-c2", {}),
    ("ears-c3", {}),
    ("ewma-regression", {}),
    ("moving-percentile", {"percentile": 80.0, "frequency": 365}),
    ("moving-percentile", {"percentile": 90.0, "frequency": 365}),
    ("citywatch", {"frequency": 365}),
)


def quiet_city(seed):
    """Counts of shape (series, days) and the district of each series."""
    rng = np.random.default_rng(seed)
    days = YEARS * 365
    rhythm = WEEK[np.arange(days) % 7] * (1 + SWING * np.cos(2 * np.pi * np.arange(days) / 365.25))
    weight = rng.gamma(4, 1, STREETS)
    means = [
        (street, DAILY["symptom"] * weight[street] / weight.sum() * share / sum(SYMPTOM_SHARE.values()))
        for street in range(STREETS)
        for share in SYMPTOM_SHARE.values()
    ]
    means += [
        (street, DAILY["pharmacy"] / PHARMACIES * share)
        for street in range(PHARMACIES)
        for share in DRUG_SHARE.values()
    ]
    mean = np.array([m for _, m in means])[:, None] * rhythm
    counts = rng.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean)).astype(float)
    return counts, np.array([street // 2 for street, _ in means])


def signals(alarm):
    """Alarms of one series within `GAP` days are one signal."""
    total = 0
    for row in alarm:
        days = np.flatnonzero(row)
        total += int((np.diff(days) > GAP).sum() + 1) if days.size else 0
    return total


def held_back(found):
    """The desk's two looks: a night's budget of false discoveries, or two alarms in three days."""
    p = np.where(np.isnan(found.p_value), 1.0, found.p_value)
    within = np.stack([benjamini_hochberg(night, share=SHARE).rejected for night in p.T], axis=1)
    within &= found.alarm
    lasting = found.alarm & (
        sum(np.pad(found.alarm, ((0, 0), (back, 0)))[:, : found.alarm.shape[1]] for back in (0, 1, 2)) >= 2
    )
    return {
        "published": found.alarm,
        "within the night's budget": within,
        "and those of two days in three": within | lasting,
    }


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    counts, district = quiet_city(seed)
    weeks = JUDGED / 7 * len(np.unique(district))
    print(f"{len(counts)} series, {JUDGED} quiet days judged, seed {seed}; signals a district and week:")
    rows = []
    for name, settings in METHODS_SHOWN:
        method = METHODS[name]
        found = method.function(counts, start=counts.shape[1] - JUDGED, **settings)
        row = {
            "method": f"{name} {settings.get('percentile', '')}".strip(),
            "alarms per series-day": f"{found.alarm.mean():.4f}",
        }
        row |= {look: f"{signals(alarm) / weeks:.3f}" for look, alarm in held_back(found).items()}
        rows.append(row)
        print("  " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    with (HERE / "results" / "desk.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
