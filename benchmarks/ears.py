"""EARS against R's earsC and against a plain loop, in turns in one run on the same counts, medians, one core.

Processor time is measured, user and system, on both sides: each works in one thread, and a busy machine then slows both
alike.

Run: python benchmarks/ears.py [series] [days]

R with its package surveillance is the peer; on Debian: apt install r-cran-surveillance. Where it is missing, the plain
loop alone is timed. Every alarm and bound is compared before a time is believed.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from citywatch.science.detect.ears import R_DEFAULTS, ears_c1, ears_c2, ears_c3

ROUNDS = 5
# The peer and the loop take so much longer that a few series of them give the time of one.
PEER_SERIES = {"whole": 10, "latest": 100}
LOOP_SERIES = 5
FLOOR = {"whole": 300, "latest": 3000}
METHODS = {"C1": ears_c1, "C2": ears_c2, "C3": ears_c3}

# Reads "method first last" lines, answers with seconds of processor a series, then bounds and alarms, one line each.
PEER = """
suppressMessages(library(surveillance))
counts <- as.matrix(read.csv(commandArgs(TRUE)[1], header = FALSE))
series <- lapply(seq_len(nrow(counts)), function(i) sts(observed = counts[i, ], start = c(2020, 1), frequency = 365))
asked <- file("stdin", "r")
while (length(line <- readLines(asked, 1)) > 0) {
  words <- strsplit(line, " ")[[1]]
  control <- list(method = words[1], range = as.integer(words[2]):as.integer(words[3]))
  some <- series[seq_len(as.integer(words[4]))]
  began <- sum(proc.time()[1:2])
  found <- lapply(some, function(one) earsC(one, control))
  cat((sum(proc.time()[1:2]) - began) / length(some), "\n")
  cat(sprintf("%.15g", unlist(lapply(found, function(one) one@upperbound))), "\n")
  cat(as.integer(unlist(lapply(found, function(one) one@alarm))), "\n")
  flush(stdout())
}
"""


class Peer:
    """R in a process of its own, started once, so that its start is not timed."""

    def __init__(self, counts, folder):
        table, program = Path(folder) / "counts.csv", Path(folder) / "peer.R"
        np.savetxt(table, counts, fmt="%d", delimiter=",")
        program.write_text(PEER, encoding="utf-8")
        self.process = subprocess.Popen(
            ["Rscript", str(program), str(table)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def judge(self, method, first, last, series):
        """Seconds of processor a series, bounds and alarms; days counted from 1 as R does."""
        self.process.stdin.write(f"{method} {first} {last} {series}\n")
        self.process.stdin.flush()
        seconds, bounds, alarms = (self.process.stdout.readline().split() for _ in range(3))
        return float(seconds[0]), np.array(bounds, dtype=float), np.array(alarms, dtype=int)


def peer_or_none(counts, folder):
    try:
        peer = Peer(counts, folder)
        peer.judge("C1", 8, 20, 1)
    except (OSError, ValueError, IndexError):
        print("R or its package surveillance is missing, so there is no peer to compare with.")
        return None
    return peer


def slow_ears(counts, days, method, z, baseline=7):
    """One series, day by day, as the paper describes it, with the reference program's bound for C3."""
    gap = 0 if method == "C1" else 2

    def past(day):
        window = counts[day - gap - baseline : day - gap]
        return statistics.fmean(window), statistics.stdev(window)

    bounds = []
    for day in days:
        mean, sd = past(day)
        if method != "C3":
            bounds.append(mean + z * sd)
            continue
        before = sum(max(0.0, (counts[d] - m) / s - 1.0) for d in (day - 1, day - 2) for m, s in [past(d)])
        bounds.append(max(0.0, counts[day] + sd * (z - before)))
    return bounds


def timed(work):
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def compare(name, what, counts, peer):
    method, days = METHODS[name], counts.shape[1]
    asked = {**R_DEFAULTS[method.__name__], "match_r": True}
    first = {"C1": 7, "C2": 9, "C3": 11}[name]
    # C3 fails in the peer when one day alone is asked for, so its latest point is not compared.
    start, range_from = (None, first) if what == "whole" else (days - 1, days - 1)
    sample = [row.tolist() for row in counts[:LOOP_SERIES]]
    z = {"C3": 1.959963984540054}.get(name, 3.090232306167813)
    ours, theirs, plain = [], [], []
    for _ in range(ROUNDS):
        took, found = timed(lambda: method(counts, start=start, **asked))
        ours.append(took / len(counts))
        if peer:
            took, bounds, alarms = peer.judge(name, range_from + 1, days, PEER_SERIES[what])
            theirs.append(took)
        took, slow = timed(lambda: [slow_ears(row, range(range_from, days), name, z) for row in sample])
        plain.append(took / len(sample))
    tail = -(days - range_from)
    np.testing.assert_allclose(found.upperbound[:LOOP_SERIES, tail:], slow, rtol=1e-9, atol=1e-9)
    if peer:
        np.testing.assert_allclose(found.upperbound[: PEER_SERIES[what], tail:].ravel(), bounds, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(found.alarm[: PEER_SERIES[what], tail:].ravel(), alarms)
    mine = statistics.median(ours)
    says = f"EARS {name}, {what} series of {days} days, {len(counts)} at once: {mine * 1e6:.3f} us a series"
    if what == "latest":
        says = says.replace("latest series", "latest point of series")
    if peer:
        median = statistics.median(theirs)
        ratios = sorted(r / o for r, o in zip(theirs, ours, strict=True))
        says += (
            f"; R {median * 1e3:.3f} ms; ratio {median / mine:.0f} "
            f"({ratios[0]:.0f} to {ratios[-1]:.0f}, asked {FLOOR[what]})"
        )
    loop = statistics.median(plain)
    print(f"{says}; plain Python loop {loop * 1e3:.3f} ms, ratio {loop / mine:.0f}")


def main():
    series, days = (int(given) for given in (sys.argv[1:] + ["10000", "364"][len(sys.argv) - 1 :])[:2])
    # A mean of 6, so that no week of the sample is flat: R's answer there is a matter of its own (see the tests).
    counts = np.random.default_rng(1).poisson(6, size=(series, days)).astype(float)
    with tempfile.TemporaryDirectory() as folder:
        peer = peer_or_none(counts[: max(PEER_SERIES.values())], folder)
        for name in METHODS:
            compare(name, "whole", counts, peer)
        for name in ("C1", "C2"):
            compare(name, "latest", counts, peer)
        if peer:
            peer.process.stdin.close()
            peer.process.wait()


if __name__ == "__main__":
    main()
