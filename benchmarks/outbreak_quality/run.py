"""How well the city finds its outbreaks: `many` over a year for detection, `market` for the source, seed by seed.

    run.py many 101-105 --people 100000      precision, alerts, outbreaks found and how late, beside the best stream
    run.py market 201-250 --people 20000     the rank of the true market as cases are investigated
    run.py table                             what has been measured so far

Each seed is simulated, replayed through the real doors into a system of its own and scored by `citywatch score`; its
figures stay in results/, and a seed that is there already is not run again. Seeds 1 to 5 are for tuning, 101 on are
not to be looked at while tuning.

A market is simulated for six weeks, of which the first two are ordinary ones, and replayed until a day after its sixth
interview: by then what is scored of it (which places are named first within five investigated cases, and when the first
alert came) is settled. `--whole` simulates and replays the scenario's own 75 days.
"""

import argparse
import atexit
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
DETECT = "nightly"
TUNING = range(1, 101)
TOP, WITHIN = 3, 5
DAYS = 42
ASKED = 6  # interviews; one more than are scored, in case the first was of another investigation
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
    asked.add_argument("--whole", action="store_true", help="replay a market to its end")
    given = asked.parse_args()
    if given.scenario != "table":
        for seed in _numbers(given.seeds):
            run(given.scenario, seed, people=given.people, before=given.before.split(), whole=given.whole)
    table()


def run(scenario: str, seed: int, *, people: int, before: list[str], whole: bool) -> None:
    """Simulate, replay and score one seed, unless its figures are there."""
    target = RESULTS / f"{scenario}-{people}-{seed}.json"
    if target.exists():
        return
    RESULTS.mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"citywatch-{scenario}-{seed}-"))
    folder = scratch / "city"
    command = [*before, sys.executable, "-m", "citywatch.server.cli"]
    environment = _environment(scratch / "home")
    short = scenario == "market" and not whole
    more = {"market": ["--days", str(DAYS)] if short else [], "many": ["--no-visits"]}  # only tracing asks for visits
    steps = {
        "simulate": [
            "simulate",
            scenario,
            "--people",
            str(people),
            "--seed",
            str(seed),
            "--out",
            str(folder),
            *more[scenario],
        ],
        "replay": ["replay", str(folder), "--detect", DETECT],
        "score": ["score", str(folder), "--json", str(scratch / "score.json")],
    }
    took = {}
    shutil.copytree(_empty_home(), scratch / "home")
    try:
        for name, arguments in steps.items():
            begun = time.monotonic()
            until = _until(folder) if name == "replay" and short else []
            subprocess.run([*command, *arguments, *until], env=environment, check=True, stdout=subprocess.DEVNULL)
            took[name] = round(time.monotonic() - begun)
        report = json.loads((scratch / "score.json").read_text())
        kept = {name: report[name] for name in _KEPT} | {"seconds": took, "detect": DETECT}
        target.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
        print(target.name, took, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _environment(home: Path) -> dict[str, str]:
    found = {k: v for k, v in os.environ.items() if not k.startswith(("CITYWATCH", "DATABASE"))}
    return found | {"CITYWATCH_HOME": str(home), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@cache
def _empty_home() -> Path:
    """An empty system with its tables made, once for all seeds."""
    home = Path(tempfile.mkdtemp(prefix="citywatch-empty-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    made = _environment(home) | {"CITYWATCH_MODE": "drill", "DJANGO_SETTINGS_MODULE": "citywatch.server.settings"}
    subprocess.run([sys.executable, "-m", "django", "migrate", "--verbosity=0"], env=made, check=True)
    return home


def _until(folder: Path) -> list[str]:
    """The arguments that end a replay a day after the sixth interview; none where fewer cases are ever asked."""
    told = sorted(json.loads(line)["at"] for line in (folder / "interviews.jsonl").read_text().splitlines())
    if len(told) < ASKED:
        return []
    return ["--until", (datetime.fromisoformat(told[ASKED - 1]) + timedelta(days=1)).isoformat()]


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
    first = [next(iter(one["source"]["each"]), None) for _, one in mine]  # what the market's positives opened
    print(f"  {len(mine)} seeds, {first.count(None)} without an investigation; these count as missed")
    for what, ranks in (("true market", "ranks"), ("very hall", "exact_ranks")):
        hits = [one is not None and any(0 < n <= TOP for n in one[ranks][:WITHIN]) for one in first]
        share = sum(hits) / len(mine)
        print(f"  {what} in the first {TOP} within {WITHIN} cases: {sum(hits)} of {len(mine)} seeds ({share:.0%})")
        for (seed, _), one, hit in zip(mine, first, hits, strict=True):
            if what == "true market" and not hit:
                print(f"    missed at seed {seed}: {one['ranks'] if one else 'no investigation'}")
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
