"""What if the market had been found 3 or 14 days later? Infections and found cases, seed by seed, in one process each.

    found_later.py 1-8 --people 20000       the same market, discovered on its day, 3 and 14 days later

Each seed lives the same outbreak three times: goods, people and days are equal until the city discovers it, the hall is
closed 16 hours after the first positive, people are called, contacts moved, level II follows after five days. What is
printed is the number of infections (and of positives) once it is over, and how many times those of the timely discovery
that is. Nothing is written but results/found-later.json.
"""

import argparse
import json
import multiprocessing
import os
import statistics
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from citywatch.server.synthetic.plan import plan_of
from citywatch.simulation.people import build_city
from citywatch.simulation.scenarios import SCENARIOS, run

RESULTS = Path(__file__).resolve().parent / "results" / "found-later.json"
LATER = (0, 3, 14)
DAYS = 90


def main() -> None:
    """Live every seed at every delay that is not in the results yet, then print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("seeds", nargs="?", default="", help="such as 1-8; none: print what has been measured")
    asked.add_argument("--people", type=int, default=20_000)
    given = asked.parse_args()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in numbers(given.seeds):
        for later in LATER:
            name = f"{given.people}/{seed}/{later}"
            if name not in known:
                with multiprocessing.get_context("spawn").Pool(1) as pool:  # memory goes back after each
                    known[name] = pool.apply(lived, (given.people, seed, later))
                RESULTS.parent.mkdir(exist_ok=True)
                RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
                print(name, known[name], flush=True)
    table(known)


def lived(people: int, seed: int, later: int) -> dict[str, float]:
    """One market outbreak from its beginning to its end."""
    city = build_city(plan_of("beijing", people=people), seed=seed)
    going = run(city, "market", start=SCENARIOS["market"].default_start, days=DAYS, seed=seed, found_days_later=later)
    for _ in going:
        pass
    truth = going.finish().truth
    last = truth["infected_at"].max() - np.datetime64(SCENARIOS["market"].default_start, "s")
    return {
        "infected": len(truth["person_id"]),
        "found": int((~np.isnat(truth["positive_at"])).sum()),
        "last_infection_day": round(float(last / np.timedelta64(1, "D")), 1),
    }


def table(known: dict[str, dict[str, float]]) -> None:
    """Infections by seed, and how many times the timely ones they are."""
    sizes = sorted({name.split("/")[0] for name in known}, key=int)
    for people in sizes:
        seeds = sorted({int(name.split("/")[1]) for name in known if name.startswith(f"{people}/")})
        whole = [seed for seed in seeds if all(f"{people}/{seed}/{later}" in known for later in LATER)]
        print(f"\nmarket, {people} people: infections (found) when discovered on the day, and so many days later")
        times: dict[int, list[float]] = {later: [] for later in LATER[1:]}
        for seed in whole:
            base = known[f"{people}/{seed}/0"]
            line = f"{seed:6d}"
            for later in LATER:
                one = known[f"{people}/{seed}/{later}"]
                line += f"  +{later:<2d} {one['infected']:5.0f} ({one['found']:.0f})"
                if later:
                    times[later].append(one["infected"] / base["infected"])
                    line += f" x{times[later][-1]:.1f}"
            print(line)
        for later, found in times.items():
            if found:
                print(
                    f"  +{later} days: {statistics.median(found):.1f} times (median of {len(found)} seeds, "
                    f"{min(found):.1f} to {max(found):.1f})"
                )


def numbers(text: str) -> list[int]:
    """Seeds such as 1-8 or 1,3."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


if __name__ == "__main__":
    main()
