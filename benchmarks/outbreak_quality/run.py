"""How well the city finds its outbreaks: `many` over a year for detection, `market` for the source, seed by seed.

    run.py many 101-105 --people 100000      precision, alerts, outbreaks found and how late, beside the best stream
    run.py market 201-250 --people 20000     the rank of the true market as cases are investigated
    run.py table                             what has been measured so far

Each seed is simulated, replayed through the real doors into a system of its own and scored by `citywatch score`; its
figures stay in results/, and a seed that is there already is not run again. Seeds 1 to 5 are for tuning, 101 on are
not to be looked at while tuning.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
DETECT = "nightly"
TUNING = range(1, 101)
_KEPT = ("folder", "scored", "alerts", "outbreaks", "best_single_stream", "streams", "methods", "source", "contacts")


def main() -> None:
    """Run what is asked and print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("scenario", choices=("many", "market", "table"))
    asked.add_argument("seeds", nargs="?", default="", help="such as 101-105 or 1,3")
    asked.add_argument("--people", type=int, default=100_000)
    asked.add_argument(
        "--before", default="", help="a command to put before each step, such as one that waits its turn"
    )
    given = asked.parse_args()
    if given.scenario != "table":
        for seed in _numbers(given.seeds):
            run(given.scenario, seed, people=given.people, before=given.before.split())
    table()


def run(scenario: str, seed: int, *, people: int, before: list[str]) -> None:
    """Simulate, replay and score one seed, unless its figures are there."""
    target = RESULTS / f"{scenario}-{people}-{seed}.json"
    if target.exists():
        return
    RESULTS.mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"citywatch-{scenario}-{seed}-"))
    folder = scratch / "city"
    command = [*before, sys.executable, "-m", "citywatch.server.cli"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CITYWATCH", "DATABASE"))}
    environment |= {"CITYWATCH_HOME": str(scratch / "home"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    visits = [] if scenario == "market" else ["--no-visits"]  # only tracing asks for visits
    steps = {
        "simulate": ["simulate", scenario, "--people", str(people), "--seed", str(seed), "--out", str(folder), *visits],
        "replay": ["replay", str(folder), "--detect", DETECT],
        "score": ["score", str(folder), "--json", str(scratch / "score.json")],
    }
    took = {}
    try:
        for name, arguments in steps.items():
            begun = time.monotonic()
            subprocess.run([*command, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
            took[name] = round(time.monotonic() - begun)
        report = json.loads((scratch / "score.json").read_text())
        kept = {name: report[name] for name in _KEPT} | {"seconds": took, "detect": DETECT}
        target.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
        print(target.name, took, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def table() -> None:
    """Print every measured seed, tuning and test apart."""
    for kind, chosen in (("tuning", lambda seed: seed in TUNING), ("test", lambda seed: seed not in TUNING)):
        for scenario in ("many", "market"):
            found = [(_seed(path), json.loads(path.read_text())) for path in sorted(RESULTS.glob(f"{scenario}-*.json"))]
            mine = sorted((seed, one) for seed, one in found if chosen(seed))
            if mine:
                print(f"\n{scenario}, {kind} seeds")
                (_many if scenario == "many" else _market)(mine)


def _many(mine: list[tuple[int, dict]]) -> None:
    print(
        "  seed  people   detect  alerts  /district-week  precision  >=2 reports  found 20+   delay  best single stream"
    )
    for seed, one in mine:
        alerts, outbreaks, best = one["alerts"], one["outbreaks"], one["best_single_stream"]
        print(
            f"{seed:6d} {one['folder'].split('/')[2]:>7} {one.get('detect', DETECT):>8} {alerts['count']:7d} "
            f"{alerts['per_district_week']:15.3f} "
            f"{_shown(alerts['precision']):>10} {_shown(alerts['precision_two_reports']):>12} "
            f"{_shown(outbreaks['found_share_20plus']):>10} {_shown(outbreaks['median_delay_days']):>7}  "
            f"{best['stream']} {_shown(best['median_delay_days'])} (found {_shown(best['found_share_20plus'])}, "
            f"{best['alerts']} alerts)"
        )
    large = sum(one["outbreaks"]["count_20plus"] for _, one in mine)
    caught = sum(
        sum(each["alert_at"] is not None and each["size"] >= 20 for each in one["outbreaks"]["each"]) for _, one in mine
    )
    touching = sum(one["alerts"]["precision"] * one["alerts"]["count"] for _, one in mine)
    alerts = sum(one["alerts"]["count"] for _, one in mine)
    print(f"   all: precision {touching / alerts:.3f} of {alerts} alerts; {caught} of {large} outbreaks of 20+ found")


def _market(mine: list[tuple[int, dict]]) -> None:
    shares = [one["source"]["top3_within_5_cases_share"] for _, one in mine]
    known = [share for share in shares if share is not None]
    exact = [s for _, one in mine if (s := one["source"]["exact_top3_within_5_cases_share"]) is not None]
    none = len(shares) - len(known)
    print(f"  {len(mine)} seeds, {none} without an investigation")
    if known:
        hits = sum(share >= 0.5 for share in known)
        print(f"  true market in the first 3 within 5 cases: {hits} of {len(mine)} seeds ({hits / len(mine):.0%})")
        print(f"  the very hall: {sum(share >= 0.5 for share in exact)} of {len(mine)}")
    late = [one["outbreaks"]["median_delay_from_infection_days"] for _, one in mine]
    late = [one for one in late if one is not None]
    if late:
        print(f"  days from first infection to the first alert, median over seeds: {statistics.median(late):.1f}")


def _seed(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _numbers(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
