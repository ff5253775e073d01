"""Farrington 1996 and flexible against R's `surveillance`, interleaved on one core and the same data, results compared.

Run: python benchmarks/farrington.py [series] [rounds]

R judges the first SAMPLE series one after the other, which is the only way it has; ours judges all at once. Each round
times R, then ours; printed are medians over rounds, R's own start-up left out. Without R only ours is timed.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Before NumPy comes in: one thread for both.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np

from citywatch.science.detect.farrington import farrington
from citywatch.science.detect.farrington_flexible import farrington_flexible

WEEKS, SAMPLE = 364, 25

FLEXIBLE = {
    "b": 5,
    "w": 3,
    "noPeriods": 10,
    "weightsThreshold": 2.58,
    "pastWeeksNotIncluded": 26,
    "pThresholdTrend": 1,
    "alpha": 0.01,
    "thresholdMethod": "nbPlugin",
}
CLASSIC = {"b": 5, "w": 3, "alpha": 0.01}
# Name, R's function, R's settings, ours, weeks judged.
WORK = (
    ("flexible nbPlugin, latest week", "farringtonFlexible", FLEXIBLE, farrington_flexible, 1),
    (
        "flexible delta, latest week",
        "farringtonFlexible",
        {**FLEXIBLE, "thresholdMethod": "delta"},
        farrington_flexible,
        1,
    ),
    (
        "flexible muan, latest week",
        "farringtonFlexible",
        {**FLEXIBLE, "thresholdMethod": "muan"},
        farrington_flexible,
        1,
    ),
    (
        "flexible nbPlugin with population, latest week",
        "farringtonFlexible",
        {**FLEXIBLE, "populationOffset": True},
        farrington_flexible,
        1,
    ),
    ("flexible nbPlugin, 26 weeks", "farringtonFlexible", FLEXIBLE, farrington_flexible, 26),
    ("Farrington 1996, latest week", "farrington", CLASSIC, farrington, 1),
)
OURS = {
    "flexible delta, latest week": {"threshold_method": "delta"},
    "flexible muan, latest week": {"threshold_method": "muan"},
    "flexible nbPlugin with population, latest week": {"population_offset": True},
}

PROGRAM = """
suppressMessages({library(surveillance); library(jsonlite)})
job <- fromJSON(commandArgs(TRUE)[1], simplifyVector = FALSE)
counts <- as.matrix(read.csv(job$counts, header = FALSE))
people <- as.matrix(read.csv(job$people, header = FALSE))
series <- lapply(seq_len(nrow(counts)), function(i)
  sts(observed = matrix(counts[i, ]), population = matrix(people[i, ]), start = c(2015, 1), frequency = 52))
out <- lapply(job$work, function(work) {
  control <- c(work$control, list(range = (ncol(counts) - work$weeks + 1):ncol(counts)))
  if (work$f == "farringtonFlexible") control$glmWarnings <- FALSE
  taken <- numeric(); bound <- list()
  for (s in series[seq_len(work$sample)]) {
    begin <- proc.time()[["elapsed"]]
    found <- suppressWarnings(get(work$f)(s, control = control))
    taken <- c(taken, proc.time()[["elapsed"]] - begin)
    bound <- c(bound, list(as.numeric(found@upperbound)))
  }
  list(seconds = median(taken), bound = bound)
})
cat(toJSON(out, digits = I(15), na = "null", auto_unbox = TRUE))
"""


def city(series):
    """Weekly counts as in Noufaily 2013: negative binomial, seasonal, with and without trend; and people per week."""
    draw, week = np.random.default_rng(1), np.arange(WEEKS)
    level, season = draw.uniform(-1, 4, (series, 1)), draw.uniform(0, 0.6, (series, 1))
    trend, phi = draw.choice([0, 0.001, 0.0025], (series, 1)), draw.uniform(1.05, 4, (series, 1))
    mean = np.exp(level + trend * week + season * np.cos(2 * np.pi * week / 52))
    counts = draw.negative_binomial(mean / (phi - 1), 1 / phi).astype(float)
    return counts, np.round(draw.uniform(5e4, 2e5, (series, 1)) * np.exp(0.0005 * week))


def r_is_here():
    program = shutil.which("Rscript")
    if program is None:
        return "Rscript is not installed (Debian: r-cran-surveillance); only ours is timed."
    asked = subprocess.run(
        [program, "-e", "library(surveillance); library(jsonlite)"], capture_output=True, check=False
    )
    return None if asked.returncode == 0 else "R is there without surveillance and jsonlite; only ours is timed."


def ask_r(folder):
    out = subprocess.run(
        ["Rscript", str(folder / "work.R"), str(folder / "work.json")], capture_output=True, text=True, check=True
    )
    return json.loads(out.stdout)


def call(name, method, weeks, counts, people, **more):
    settings = {**OURS.get(name, {}), **more}
    if method is farrington_flexible:
        settings["population"] = people
    return method(counts, start=WEEKS - weeks, **settings)


def same(found, bounds):
    """Ours with `match_r` against R's bounds, NaN where R has none."""
    theirs = np.array([[np.nan if bound is None else bound for bound in np.atleast_1d(of)] for of in bounds], float)
    return np.allclose(found.upperbound[: len(theirs)], theirs, rtol=1e-8, atol=0, equal_nan=True)


def main():
    series, rounds = (int(given) for given in (sys.argv[1:] + ["10000", "5"][len(sys.argv) - 1 :])[:2])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    counts, people = city(series)
    missing = r_is_here()
    if missing:
        print(missing)
    ours, theirs = {name: [] for name, *_ in WORK}, {name: [] for name, *_ in WORK}
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        np.savetxt(folder / "counts.csv", counts[:SAMPLE], fmt="%d", delimiter=",")
        np.savetxt(folder / "people.csv", people[:SAMPLE], fmt="%d", delimiter=",")
        (folder / "work.R").write_text(PROGRAM)
        for _ in range(rounds):
            for name, f, control, method, weeks in WORK:
                # About a quarter of a million weeks at most, whatever one series has.
                some = max(SAMPLE, series // weeks)
                if not missing:
                    sample = max(3, SAMPLE // weeks)
                    work = [{"f": f, "control": control, "weeks": weeks, "sample": sample}]
                    files = {"counts": str(folder / "counts.csv"), "people": str(folder / "people.csv")}
                    (folder / "work.json").write_text(json.dumps({**files, "work": work}))
                    told = ask_r(folder)[0]
                    theirs[name].append(told["seconds"] / weeks)
                    like_r = call(name, method, weeks, counts[:sample], people[:sample], match_r=True)
                    if not same(like_r, told["bound"]):
                        sys.exit(f"{name}: the two disagree; no speed is worth that.")
                begin = time.perf_counter()
                call(name, method, weeks, counts[:some], people[:some])
                ours[name].append((time.perf_counter() - begin) / (some * weeks))
    for name, *_, weeks in WORK:
        each = statistics.median(ours[name])
        line = f"{name}: {each * 1e6:.1f} us a series-week, {series} series {each * series:.2f} s"
        if theirs[name]:
            ratios = [r / o for r, o in zip(theirs[name], ours[name], strict=True)]
            line += f"; R {statistics.median(theirs[name]) * 1e3:.2f} ms a series-week"
            line += f"; ratio {statistics.median(ratios):.0f} ({min(ratios):.0f} to {max(ratios):.0f})"
        print(line if weeks == 1 else line.replace(f", {series} series", f", {series} series-weeks"))


if __name__ == "__main__":
    main()
