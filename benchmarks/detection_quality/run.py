"""Judge every method on outbreaks whose truth is known; print the tables and write them beside this file.

Run: python benchmarks/detection_quality/run.py [weekly|seeds|frontier|daily|families|flagged|page ...]
Without a word all are run: about half an hour on one core. Data that only stand beside the checkout are read in
place; what needs them is left out, and says so, where they are absent.
"""

import csv
import html
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # the matrices are small; threads would only wait for each other

import numpy as np  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from citywatch.science.detect.catalogue import METHODS  # noqa: E402
from detection_quality import daily, families, measure, nf42, real, svg  # noqa: E402

SHARED = HERE.parents[2] / "shared"
GOLDEN = SHARED / "golden" / "detection"
RESULTS = HERE / "results"
PAGE = HERE.parents[1] / "var" / "detection-quality" / "real-outbreaks.html"
# 101 to 104 were meant for judging; they were looked at before the last change, so they count as tuned on.
TUNED_ON, JUDGED_ON = (1, 101, 102, 103, 104), (201, 202, 203, 204)

# The study's settings (Bédubourg and Le Strat 2017, caption of table 2) and R's row with the same.
WEEKLY = (
    ("citywatch", {}, None),
    ("citywatch", {"alpha": 0.02}, None),
    ("farrington-flexible", {"threshold_method": "nbPlugin"}, "FarrFlex_nbPlugin_0.01"),
    ("farrington-flexible", {"threshold_method": "delta"}, "FarrFlex_delta_0.01"),
    ("farrington-flexible", {"threshold_method": "muan"}, "FarrFlex_muan_0.01"),
    ("farrington", {}, "FarrOrig_0.01"),
    ("historical-limits", {}, "CDC"),
    ("ears-c1", {"alpha": 0.01}, "C1"),
    ("ears-c2", {"alpha": 0.01}, "C2"),
    ("ears-c3", {"alpha": 0.01}, "C3"),
    ("rki-1", {}, "RKI1"),
    ("rki-2", {}, "RKI2"),
    ("rki-3", {}, "RKI3"),
    ("bayes-1", {}, "Bayes1"),
    ("bayes-2", {}, "Bayes2"),
    ("bayes-3", {}, "Bayes3"),
    ("cusum", {"k": 1.04, "h": 2.26, "transform": "standard"}, "CUSUM"),
    ("cusum", {"k": 1.04, "h": 2.26, "transform": "rossi"}, "CUSUM_Rossi"),
    ("cusum", {"k": 1.04, "h": 2.26, "transform": "rossi", "mean": "glm"}, "CUSUM_GLM_Rossi"),
    ("glr-nb", {}, "GLRNB"),
    ("glr-poisson", {}, "GLRPois"),
    ("moving-percentile", {"percentile": 80}, "CIDARS_MPM_5y_P80"),
    ("ewma-regression", {}, None),
)
THEIR_NAMES = {"POD1": "POD1week", "delay": "mean_delay_weeks_if_detected"}


def write(name, rows):
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / name).open("w", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
        table.writeheader()
        table.writerows({key: short(value) for key, value in row.items()} for row in rows)


def short(value):
    return f"{value:.4f}" if isinstance(value, float) else value


def show(*columns):
    print("  ".join(f"{short(value)!s:>{9 if isinstance(value, float) else 24}}" for value in columns), flush=True)


def weekly():
    """Every method on the fixed sample, beside what R gave on it."""
    sample = nf42.shared_sample(GOLDEN / "nf42")
    with (SHARED / "reference" / "detection_baseline.csv").open() as file:
        theirs = {row["method"]: row for row in csv.DictReader(file) if not row["target_FPR"]}
    rows = []
    show("method", *measure.HEAD)
    for name, settings, peer in WEEKLY:
        try:
            answers = measure.ask(name, sample, settings)
        except (KeyError, ValueError) as why:
            print(f"{name} {settings}: left out, {why}")
            continue
        found = measure.figures(sample, answers.alarm_base, answers.alarm_outbreak)
        words = " ".join([name, *map(str, settings.values())])
        show(words, *found.values())
        rows.append({"method": words, "program": "citywatch", **found})
        if peer in theirs:
            same = {head: float(theirs[peer][THEIR_NAMES.get(head, head)]) for head in measure.HEAD}
            show(peer, *same.values())
            rows.append({"method": peer, "program": theirs[peer]["implementation"][:24], **same})
        write("weekly.csv", rows)


def seeds():
    """The recommended method on seeds it was tuned on and on seeds nobody looked at, with sampling errors."""
    rows = []
    show("seed", "alpha", *measure.HEAD[:4])
    for kind, numbers in (("judged", JUDGED_ON), ("tuned", TUNED_ON)):
        for alpha in (0.01, 0.02):
            these = []
            for seed in numbers:
                drawn = nf42.study(seed)
                answers = measure.ask_where_it_counts("citywatch", drawn, {"alpha": alpha})
                at = measure.at_rate(drawn, answers, alpha)
                found = measure.figures(drawn, answers.alarm_base, answers.alarm_outbreak)
                row = {head: found[head] for head in measure.HEAD[:4]} | {
                    "POD at exactly alpha": at["POD"],
                    "POD1 at exactly alpha": at["POD1"],
                }
                these.append(row)
                show(f"{kind} {seed}", alpha, *row.values())
                rows.append({"seeds": kind, "seed": str(seed), "alpha": str(alpha), **row})
                write("seeds.csv", rows)
            mean = {head: float(np.mean([row[head] for row in these])) for head in these[0]}
            error = {head: float(np.std([row[head] for row in these], ddof=1) / np.sqrt(len(these))) for head in mean}
            for words, row in (("mean", mean), ("standard error", error)):
                show(f"{kind} {words}", alpha, *row.values())
                rows.append({"seeds": kind, "seed": words, "alpha": str(alpha), **row})
            write("seeds.csv", rows)


def frontier():
    """What more weight on the week before buys and costs, at exactly 1 % and 2 % false alarms; judging seeds."""
    rows, points = [], {0.01: [], 0.02: []}
    show("before", "rate", "POD", "POD1", "sensitivity")
    drawn = [nf42.study(seed) for seed in JUDGED_ON[:1]]
    for before in (0.0, 0.15, 0.3, 0.6, 1.0):
        for rate in (0.01, 0.02):
            found = [
                measure.at_rate(
                    one, measure.ask_where_it_counts("citywatch", one, {"alpha": rate, "before": before}), rate
                )
                for one in drawn
            ]
            row = {head: float(np.mean([each[head] for each in found])) for head in ("POD", "POD1", "sensitivity")}
            show(str(before), rate, *row.values())
            rows.append({"before": str(before), "FPR": str(rate), **row})
            points[rate].append((row["POD"], row["POD1"], str(before)))
            write("frontier.csv", rows)
    (RESULTS / "frontier.svg").write_text(svg.frontier(points), encoding="utf-8")


DAYS = (
    ("citywatch", {}, {"frequency": daily.CYCLE, "holidays": daily.holidays()}),
    ("citywatch", {}, {"frequency": daily.CYCLE}),
    ("ewma-regression", {}, {}),
    ("ears-c1", {}, {}),
    ("ears-c2", {}, {}),
    ("ears-c3", {}, {}),
    ("farrington-flexible", {"years_back": 4}, {"frequency": daily.CYCLE}),
)


def days():
    """Daily signals with weekends, holidays, five- and seven-day weeks; at published settings and at exactly 1 %."""
    drawn = daily.study(GOLDEN / "nf16_daily_scenarios.csv", JUDGED_ON[0])
    rows = []
    show("method", *measure.HEAD, "POD at 1 %", "delay at 1 %")
    for name, settings, context in DAYS:
        answers = measure.ask_where_it_counts(name, drawn, settings, **context)
        found = measure.figures(drawn, answers.alarm_base, answers.alarm_outbreak)
        at = measure.at_rate(drawn, answers, 0.01)
        words = name + (", holidays told" if "holidays" in context else "")
        row = {**found, "POD at 1 %": at["POD"], "delay at 1 %": at["delay"]}
        show(words, *row.values())
        rows.append({"method": words, **row})
        write("daily.csv", rows)


def other_families():
    """Weekly series of other kinds: what the rule does where its own model is wrong, beside Farrington flexible."""
    drawn = families.study(JUDGED_ON[0])
    rows = []
    show("family", "method", "FPR", "POD", "POD1", "POD at 1 %", "POD1 at 1 %")
    for name in ("citywatch", "farrington-flexible"):
        answers = measure.ask_where_it_counts(name, drawn, {})
        for number, family in enumerate((*families.FAMILIES, "all")):
            base = drawn.group == number if family != "all" else np.ones(drawn.group.size, dtype=bool)
            laid = base[drawn.of]
            position = np.cumsum(base) - 1
            part = replace(
                drawn,
                base=drawn.base[base],
                of=position[drawn.of[laid]],
                start=drawn.start[laid],
                end=drawn.end[laid],
                added=drawn.added[laid],
            )
            own = measure.Answers(
                answers.p_base[base], answers.alarm_base[base], answers.p_outbreak[laid], answers.alarm_outbreak[laid]
            )
            found, at = measure.figures(part, own.alarm_base, own.alarm_outbreak), measure.at_rate(part, own, 0.01)
            row = {head: found[head] for head in ("FPR", "POD", "POD1")} | {
                "POD at 1 %": at["POD"],
                "POD1 at 1 %": at["POD1"],
            }
            show(family, name, *row.values())
            rows.append({"family": family, "method": name, **row})
    write("families.csv", rows)


FLAGGED_BY = ("citywatch", "ears-c1", "ears-c2", "ears-c3", "rki-1", "bayes-1", "farrington-flexible", "glr-nb")
SHORTEST = 17  # weeks of past before the first judged one: the institute's outbreaks lie early in short series


def flagged():
    """The institute's own outbreak flags: which of the seven outbreaks a method finds, how late, at what price.

    Many "false" alarms fall on rises the institute did not flag, so the second half compares at one and the same rate.
    """
    table = real.series(GOLDEN / "series.csv")
    flags = {series: table[series]["flags"] > 0 for series in real.FLAGGED}
    rows = []
    for name in FLAGGED_BY:
        found = {series: _told(name, table[series]["counts"]) for series in real.FLAGGED}
        quiet = np.concatenate([chance[~flags[series] & told] for series, (chance, _, told) in found.items()])
        row = {"method": name, "quiet weeks judged": str(quiet.size)}
        row["false alarms"] = str(sum(int((alarm & ~flags[k]).sum()) for k, (_, alarm, _) in found.items()))
        limit = np.sort(quiet)[int(0.02 * quiet.size) - 1] if quiet.size else -np.inf
        for series, (chance, alarm, told) in found.items():
            row[series] = _week(alarm, told, flags[series])
            row[f"{series} at 2 %"] = _week(chance <= limit, told, flags[series])
        row["outbreak weeks alarmed at 2 %"] = str(
            sum(int(((chance <= limit) & flags[k]).sum()) for k, (chance, _, _) in found.items())
        )
        show(*(row[key] for key in row if "at 2" not in key or "weeks" in key))
        rows.append(row)
    write("flagged.csv", rows)


def _told(name, counts):
    """Chance, alarm and whether it could tell, over the whole series; the score's rank where there is no chance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = METHODS[name].judge(counts, METHODS[name].resolve({}), start=SHORTEST)
    told, alarm = np.zeros(counts.size, dtype=bool), np.zeros(counts.size, dtype=bool)
    told[found.start :], alarm[found.start :] = found.judged, found.alarm
    chance = np.full(counts.size, np.inf)
    p_value = -found.score if np.isnan(found.p_value).all() else found.p_value
    chance[found.start :] = np.where(found.judged, p_value, np.inf)
    return chance, alarm, told


def _week(alarm, told, outbreak):
    hits = np.flatnonzero(alarm & outbreak)
    if hits.size:
        return f"week {hits[0] - np.flatnonzero(outbreak)[0] + 1}"
    return "missed" if (told & outbreak).any() else "cannot tell"


OUTBREAKS = ("salmonella.agona", "hepatitisA", "husO104Hosp:daily", "stsNewport", "s1", "k1", "m3", "s3")


def page():
    """One page of plots, every method on every real outbreak; made from the data in place and not committed."""
    table = real.series(GOLDEN / "series.csv")
    parts = ["<!doctype html><meta charset=utf-8><title>Real outbreaks</title>", svg.STYLE]
    for series in OUTBREAKS:
        one = table[series]
        parts.append(f"<h2>{html.escape(series)}</h2>")
        for name, method in METHODS.items():
            frequency = 7 if one["frequency"] == 365 and len(one["counts"]) < 730 else one["frequency"]
            start = min(2 * 52, len(one["counts"]) // 2) if frequency != 7 else 14
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)
                    found = method.judge(
                        one["counts"], method.resolve({}), start=start, frequency=frequency, dates=one["dates"]
                    )
            except (ValueError, IndexError, np.linalg.LinAlgError) as why:
                parts.append(f"<p>{html.escape(name)}: {html.escape(str(why))}</p>")
                continue
            parts.append(svg.detection(f"{name} on {series}", one["counts"], one["flags"], found))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(f"{PAGE.relative_to(HERE.parents[1])}: {len(OUTBREAKS)} series x {len(METHODS)} methods")


PARTS = {
    "weekly": (weekly, True),
    "seeds": (seeds, False),
    "frontier": (frontier, False),
    "daily": (days, True),
    "families": (other_families, False),
    "flagged": (flagged, True),
    "page": (page, True),
}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    for word in wanted:
        if word not in PARTS:
            sys.exit(f"{word}: not one of {', '.join(PARTS)}.")
        part, needs_shared = PARTS[word]
        print(f"== {word}: {part.__doc__}")
        if needs_shared and not GOLDEN.is_dir():
            print("left out: needs ../shared beside the checkout.")
            continue
        part()


if __name__ == "__main__":
    main()
