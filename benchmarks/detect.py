"""EARS over a whole city's series against the same method as a plain loop, timed in one run, results compared.

Run: python benchmarks/detect.py [series] [days]
"""

import statistics
import sys
import time

import numpy as np

from citywatch.science.detect.ears import ears_c1, ears_c2

SAMPLE = 20
ROUNDS = 3


def slow_ears(counts, gap, baseline=7, z=3.090232306167813, min_sigma=0.5):
    """One series, day by day, as the paper describes it."""
    alarms = []
    for day in range(len(counts)):
        past = counts[max(0, day - gap - baseline) : max(0, day - gap)]
        if len(past) < baseline:
            alarms.append(False)
            continue
        alarms.append(counts[day] > statistics.fmean(past) + z * max(statistics.stdev(past), min_sigma))
    return alarms


def seconds(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main():
    series, days = (int(given) for given in (sys.argv[1:] + ["10000", "364"][len(sys.argv) - 1 :])[:2])
    counts = np.random.default_rng(1).poisson(3, size=(series, days)).astype(float)
    sample = [row.tolist() for row in counts[:SAMPLE]]
    for name, method, gap in (("C1", ears_c1, 0), ("C2", ears_c2, 2)):
        ours, theirs = [], []
        for _ in range(ROUNDS):
            took, found = seconds(lambda method=method: method(counts))
            ours.append(took / series)
            took, slow = seconds(lambda gap=gap: [slow_ears(row, gap) for row in sample])
            theirs.append(took / len(sample))
        if found.alarm[: len(sample)].tolist() != slow:
            sys.exit(f"EARS {name}: the two disagree; no speed is worth that.")
        fast, plain = statistics.median(ours), statistics.median(theirs)
        print(
            f"EARS {name}, {series} series of {days} days: {fast * series:.2f} s, {fast * 1e6:.1f} us a series; "
            f"plain Python loop {plain * 1e3:.2f} ms a series; ratio {plain / fast:.0f}"
        )


if __name__ == "__main__":
    main()
