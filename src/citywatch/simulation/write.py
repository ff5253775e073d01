"""Writes what a simulated outbreak sent, and the truth, as CSV files for people and benchmarks.

The only file of the simulation that touches a disk.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from citywatch.simulation.people import City
    from citywatch.simulation.scenarios import Outbreak
    from citywatch.simulation.visits import Visits


def write_outbreak(city: City, outbreak: Outbreak, *, folder: Path) -> list[Path]:
    """Write one CSV a form, `lab-result.csv`, `visits.csv` and `truth.csv`; returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    by_form: dict[str, list[dict[str, str]]] = defaultdict(list)
    for batch in outbreak.batches:
        sent = {"site_code": batch.site_code, "sent_at": batch.sent_at.isoformat()}
        by_form[batch.form] += [sent | row for row in batch.rows]
    for result in outbreak.lab_results:
        sent = {"site_code": result.lab_code, "sent_at": result.sent_at.isoformat()}
        by_form["lab-result"].append(sent | result.row)
    written = [_write_csv(folder / f"{form}.csv", rows) for form, rows in sorted(by_form.items())]
    written.append(write_visits(outbreak.visits, path=folder / "visits.csv"))
    written.append(write_truth(city, outbreak, path=folder / "truth.csv"))
    return written


def write_truth(city: City, outbreak: Outbreak, *, path: Path) -> Path:
    """Write who infected whom, where and when, and when it was found, as CSV."""
    return _write_csv(path, list(_truth_rows(city, outbreak)))


def write_visits(visits: Visits, *, path: Path) -> Path:
    """Write stays as CSV: person and place indices, minutes since 1970-01-01 UTC."""
    columns = ("person", "place", "minute_in", "minute_out")
    stays = np.column_stack([getattr(visits, column) for column in columns])
    np.savetxt(path, stays, fmt="%d", delimiter=",", header=",".join(columns), comments="")
    return path


def _truth_rows(city: City, outbreak: Outbreak) -> Iterable[dict[str, str]]:
    truth = outbreak.truth
    for n in range(len(truth.person)):
        place = int(truth.place[n])
        yield {
            "person": str(truth.person[n]),
            "infector": "" if truth.infector[n] < 0 else str(truth.infector[n]),
            "place_code": "" if place < 0 else city.places[place].code,
            "infected_at_minute": str(truth.infected_at[n]),
            "onset_date": "" if truth.asymptomatic[n] else str(truth.onset_date[n]),
            "asymptomatic": "Y" if truth.asymptomatic[n] else "N",
            "cause": str(truth.cause[n]),
            "positive_at_minute": "" if truth.positive_at[n] < 0 else str(truth.positive_at[n]),
        }


def _write_csv(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
