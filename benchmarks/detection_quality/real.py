"""The Robert Koch Institute's series that carry its own outbreak flags, read in place beside the checkout."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

FLAGGED = ("s1", "s3", "m1", "m3", "n1", "k1", "q1_nrwh")


def series(path: Path):
    """Per series id: frequency, counts, population, flags (NaN where the source has none) and dates or None."""
    rows = defaultdict(list)
    with path.open() as file:
        for row in csv.DictReader(file):
            rows[row["series_id"]].append(row)

    def column(table, name):
        return np.array([float(row[name]) if row[name] else np.nan for row in table])

    return {
        name: {
            "frequency": int(table[0]["freq"]),
            "counts": column(table, "observed"),
            "population": column(table, "population"),
            "flags": column(table, "outbreak_state"),
            "dates": np.array([row["date"] for row in table], dtype="datetime64[D]") if table[0]["date"] else None,
        }
        for name, table in rows.items()
    }
