"""R with seven quantiles over a year of days, ours against EpiEstim's, interleaved in one run, results compared.

EpiEstim (Debian: r-cran-epiestim) times itself inside R, so neither its start nor the passing of data is counted.
Both are asked the whole question: serial interval from mean and sd, 358 weekly windows, mean, sd, seven quantiles.

Run: python benchmarks/reproduction.py [series]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np

from citywatch.science.reproduction import discretised_serial_interval, estimate_r

DAYS = 365
ROUNDS = 5
REPEATS = {"ours": 30, "theirs": 7}
IN_R = """
suppressMessages(library(EpiEstim))
incidence <- scan(file("stdin"), quiet = TRUE)
config <- suppressMessages(make_config(list(mean_si = 5.2, std_si = 2.8)))
once <- function() suppressWarnings(suppressMessages(estimate_R(incidence, "parametric_si", config = config)))
found <- once()
took <- replicate(%d, system.time(once(), gcFirst = FALSE)[["elapsed"]])
cat(sprintf("[%%.17g,[%%s]]", median(took), paste(sprintf("%%.15g", unlist(found$R[, 3:11])), collapse = ",")))
"""


def ours(counts):
    return estimate_r(counts, serial_interval=discretised_serial_interval(np.arange(DAYS), mean=5.2, sd=2.8))


def timed(work, repeats):
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = work()
        took.append(time.perf_counter() - start)
    return statistics.median(took), found


def in_r(counts):
    script = IN_R % REPEATS["theirs"]
    done = subprocess.run(
        ["Rscript", "-e", script], input="\n".join(map(str, counts)), capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout.replace("NaN", "null").replace("NA", "null")) if done.returncode == 0 else None


def epidemic(rng):
    level = 40 + 35 * np.sin(np.arange(DAYS) / 25)
    return rng.negative_binomial(5, 5 / (5 + level))


def main():
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rng = np.random.default_rng(1)
    counts = epidemic(rng)
    peer = shutil.which("Rscript") is not None and in_r(counts) is not None
    fast, slow = [], []
    for _ in range(ROUNDS):
        took, found = timed(lambda: ours(counts), REPEATS["ours"])
        fast.append(took)
        if peer:
            took, told = in_r(counts)
            slow.append(took)
            mine = np.column_stack([found.mean, found.sd, found.quantiles]).T
            told = np.array(told, dtype=float).reshape(mine.shape)
            # EpiEstim leaves the windows empty that we leave empty.
            if not np.allclose(mine, told, rtol=1e-9, atol=0, equal_nan=True):
                sys.exit("Rt: the two disagree; no speed is worth that.")
    print(f"Rt, {DAYS} days, 7 quantiles: {statistics.median(fast) * 1e3:.3f} ms", end="")
    if peer:
        ratios = [theirs / mine for theirs, mine in zip(slow, fast, strict=True)]
        print(
            f"; EpiEstim {statistics.median(slow) * 1e3:.1f} ms; ratio {statistics.median(ratios):.0f} "
            f"({min(ratios):.0f} to {max(ratios):.0f} over {ROUNDS} rounds), all values equal to 1e-9"
        )
    else:
        print("; EpiEstim is not here (apt install r-cran-epiestim), so there is no ratio")
    many = np.stack([epidemic(rng) for _ in range(series)])
    took, _ = timed(lambda: ours(many), 1)
    print(f"Rt, {series} series at once: {took:.2f} s, {took / series * 1e3:.3f} ms a series")


if __name__ == "__main__":
    main()
