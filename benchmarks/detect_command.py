"""`citywatch detect` on a long file against an R script that does the same with surveillance, results compared.

Both are whole processes: start, read the CSV, judge, write the CSV. They take turns on the same file. Without R and its
package (Debian: apt install r-cran-surveillance) our figure is printed alone.

Run: python benchmarks/detect_command.py [series] [weeks] [rounds]
"""

import csv
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

COMMAND = [sys.executable, "-m", "citywatch.server.cli", "detect"]
# What to judge: our method, from so many weeks before the end, and R's word for it.
WORK = {
    "ears-c1": (49, 'earsC(x, control = list(range = judged, method = "C1"))'),
    "farrington-flexible": (1, "farringtonFlexible(x, control = list(range = judged))"),
}
R_SCRIPT = """
suppressPackageStartupMessages(library(surveillance))
given <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(given[1])
series <- split(rows$observed, factor(rows$series_id, levels = unique(rows$series_id)))
judged <- as.integer(given[2]):length(series[[1]])
found <- lapply(names(series), function(name) {
  x <- sts(matrix(series[[name]]), frequency = 52, start = c(2001, 1))
  y <- suppressWarnings(%s)
  data.frame(series_id = name, t = judged, upperbound = c(upperbound(y)), alarm = c(alarms(y)) + 0)
})
write.csv(do.call(rbind, found), given[3], row.names = FALSE, na = "")
"""


def made(path, series, weeks):
    """A city's weekly counts: seasons, levels from one case in ten weeks to a hundred a week, now and then a gap."""
    rng = np.random.default_rng(11)
    level = rng.uniform(-2.3, 4.6, size=(series, 1))
    season = 0.5 * np.cos(2 * np.pi * (np.arange(weeks) - rng.integers(0, 52, size=(series, 1))) / 52)
    counts = rng.poisson(np.exp(level + season))
    with path.open("w") as file:
        file.write("series_id,t,observed\n")
        for name, row in enumerate(counts.tolist()):
            file.writelines(f"series-{name},{t},{count}\n" for t, count in enumerate(row, start=1))


def ran(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def alarms(path):
    with path.open() as file:
        return {(row["series_id"], row["t"]): row["alarm"] for row in csv.DictReader(file)}


def compare(method, folder, weeks, rounds, *, with_r):
    back, judging = WORK[method]
    first = weeks - back + 1
    source, ours, theirs, script = (folder / name for name in ("series.csv", "ours.csv", "theirs.csv", "peer.R"))
    script.write_text(R_SCRIPT % judging)
    settings = '{"match_r": true}'
    command = [*COMMAND, source, "--method", method, "--settings", settings, "--first-t", first, "--out", ours]
    took, took_r = [], []
    for _ in range(rounds):
        took.append(ran([str(word) for word in command]))
        if with_r:
            took_r.append(ran(["Rscript", "--vanilla", str(script), str(source), str(first), str(theirs)]))
    said = f"{method}, {back} weeks of each: {statistics.median(took):.2f} s"
    if with_r:
        if alarms(ours) != alarms(theirs):
            sys.exit(f"{method}: the two disagree; no speed is worth that.")
        ratio = statistics.median(took_r) / statistics.median(took)
        said += f"; R surveillance {statistics.median(took_r):.1f} s; ratio {ratio:.0f}"
    print(said, flush=True)


def main():
    given = [int(word) for word in sys.argv[1:]]
    series, weeks, rounds = (given + [2000, 624, 3][len(given) :])[:3]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with_r = (
        bool(shutil.which("Rscript"))
        and not subprocess.run(["Rscript", "-e", "library(surveillance)"], capture_output=True, check=False).returncode
    )
    with TemporaryDirectory(prefix="bench-") as folder:
        made(Path(folder) / "series.csv", series, weeks)
        print(f"{series * weeks} rows, {series} series of {weeks} weeks" + ("" if with_r else "; no R here, no peer"))
        for method in WORK:
            compare(method, Path(folder), weeks, rounds, with_r=with_r)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"largest process of the run: {peak:.2f} GB")


if __name__ == "__main__":
    main()
