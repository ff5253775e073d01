"""A synthetic city, simulated and written as a whole process, beside covasim on as many people and days.

Both live an epidemic through contacts at home, school, work and elsewhere (covasim's hybrid population). Ours also
writes every report, every captured visit and the truth to disk; covasim writes nothing. Whole processes are timed, from
the interpreter's start to its end, in turns; memory is the highest of the process and of its workers.

covasim pulls other versions of what we use, so it wants an environment of its own:
    python -m venv ENV && ENV/bin/pip install covasim
    CITYWATCH_COVASIM=ENV/bin/python python benchmarks/simulation.py [people] [days] [workers]
Without it our figure is printed alone.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

ROUNDS = 2
COVASIM = """
import sys
import covasim as cv
people, days = int(sys.argv[1]), int(sys.argv[2])
sim = cv.Sim(pop_size=people, pop_type="hybrid", n_days=days, pop_infected=20, rand_seed=1, verbose=0)
sim.run()
print(int(sim.results["cum_infections"][-1]))
"""


def whole_process(command):
    """Seconds of a process from beginning to end, and what it printed."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # neither compiles anew
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    took = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{command[0]} stopped: {done.stderr.strip().splitlines()[-1]}")
    return took, done.stdout


def ours(people, days, workers, scenario):
    """Seconds, rows of visits and megabytes of one simulated and written city."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "citywatch.server.cli", "simulate", scenario, "--people", str(people)]
        command += ["--days", str(days), "--seed", "1", "--out", f"{folder}/city", "--workers", str(workers)]
        took, _ = whole_process(command)
        files = list(Path(folder).rglob("visits/**/*.parquet"))
        counted = duckdb.sql(f"SELECT count(*) FROM read_parquet('{folder}/city/visits/**/*.parquet')").fetchall()[0]
        infected = duckdb.sql(f"SELECT count(*) FROM read_parquet('{folder}/city/truth.parquet')").fetchall()[0]
        if not json.loads(Path(folder, "city/progress.json").read_text())["done"]:
            sys.exit("ours did not finish")
        return took, counted[0], infected[0], sum(file.stat().st_size for file in files) / 1e6


def main():
    people, days, workers, *_ = [*(int(one) for one in sys.argv[1:4]), *(100_000, 30, 1)[len(sys.argv) - 1 :]]
    peer = os.environ.get("CITYWATCH_COVASIM")
    if peer and not Path(peer).exists():
        sys.exit(f"CITYWATCH_COVASIM names {peer}, which is not there; name the python of an environment with covasim.")
    mine, theirs = {"baseline": [], "market": []}, []
    for _ in range(ROUNDS):
        for scenario, measured in mine.items():
            measured.append(ours(people, days, workers, scenario))
        if peer:
            theirs.append(whole_process([peer, "-c", COVASIM, str(people), str(days)]))
    agent_days = people * days
    for scenario, measured in mine.items():
        took = statistics.median(seconds for seconds, *_ in measured)
        _, rows, infected, megabytes = measured[0]
        print(
            f"{scenario}, {people} people, {days} days, {workers} worker(s): {took:.1f} s, "
            f"{agent_days / took / 1e6:.2f} M agent-days a second, {rows / 1e6:.1f} M captured visits written "
            f"({rows / took / 1e6:.2f} M a second, {megabytes:.0f} MB), {infected} infected",
            end="",
        )
        if theirs:
            other = statistics.median(seconds for seconds, _ in theirs)
            print(
                f"; covasim {other:.1f} s, {agent_days / other / 1e6:.3f} M agent-days a second "
                f"({theirs[0][1].split()[-1]} infected); ratio {other / took:.1f}"
            )
        else:
            print("; covasim is not here (set CITYWATCH_COVASIM), so there is no ratio")
    highest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"highest memory of any one process (ours or covasim's): {highest:.2f} GB")


if __name__ == "__main__":
    main()
