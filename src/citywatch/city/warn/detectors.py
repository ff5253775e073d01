"""Which detector judges which series, and how their alarms become findings. To add one, add a line to `DETECTORS`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from citywatch.city.warn.counting import Counted
from citywatch.city.warn.rules import NOT_WATCHED, DetectorRule, Rules, single_case_diseases
from citywatch.city.warn.types import Finding
from citywatch.eventlog.schema import EVERYTHING
from citywatch.science.detect import Detection
from citywatch.science.detect.ears import ears_c1, ears_c2, ears_c3
from citywatch.science.detect.single_case import single_case
from citywatch.science.series import past_mean_and_spread

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Judge = Callable[[Floats, Rules], Detection]
Watches = Callable[[Counted, Rules], Flags]

EARS, SINGLE_CASE = "ears", "single-case"


@dataclass(frozen=True, slots=True)
class Detector:
    """A method, the family whose signals it shares, the series it watches and what it asks beyond its own alarm."""

    code: str
    family: str
    judge: Judge
    watches: Watches
    chance: Callable[[DetectorRule], float] | None = None
    bound_shown: bool = True


def _syndromes(counted: Counted, _rules: Rules) -> Flags:
    return np.array([k.syndrome != EVERYTHING and k.stream not in NOT_WATCHED for k in counted.keys], dtype=bool)


def _statistical(counted: Counted, rules: Rules) -> Flags:
    return _syndromes(counted, rules) & ~_single_cases(counted, rules)


def _single_cases(counted: Counted, rules: Rules) -> Flags:
    codes = single_case_diseases(counted.last_day)
    rule = rules.single_case
    return np.array([k.stream == rule.stream and k.syndrome in codes for k in counted.keys], dtype=bool)


def _c1(counts: Floats, rules: Rules) -> Detection:
    r = rules.detector
    return ears_c1(counts, baseline=r.baseline, alpha=r.alpha, min_sigma=r.min_sigma, least=r.least_days)


def _c2(counts: Floats, rules: Rules) -> Detection:
    r = rules.detector
    return ears_c2(counts, baseline=r.baseline, alpha=r.alpha, min_sigma=r.min_sigma, least=r.least_days)


def _c3(counts: Floats, rules: Rules) -> Detection:
    r = rules.detector
    return ears_c3(counts, baseline=r.baseline, alpha=r.alpha_c3, min_sigma=r.min_sigma, least=r.least_days)


def _one_case(counts: Floats, rules: Rules) -> Detection:
    return single_case(counts, at_least=rules.single_case.at_least)


DETECTORS: tuple[Detector, ...] = (
    Detector("C2", EARS, _c2, _statistical, chance=lambda rule: rule.chance),
    Detector("C1", EARS, _c1, _statistical, chance=lambda rule: rule.chance),
    # C3's bound contains the observation itself (see `ears_c3`), so it is never the one shown.
    Detector("C3", EARS, _c3, _statistical, chance=lambda rule: rule.chance_c3, bound_shown=False),
    Detector("single-case", SINGLE_CASE, _one_case, _single_cases),
)
"""Within a family the first that alarmed gives the expected number and the bound that pages show, else the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """A family's view of its series: rows are the indexes into `Counted.keys`, arrays have the shape (rows, days)."""

    family: str
    rows: NDArray[np.int64]
    expected: Floats
    upper: Floats
    score: Floats
    p: Floats
    fired: Mapping[str, Flags]

    @property
    def alarm(self) -> Flags:
        return np.asarray(np.logical_or.reduce(list(self.fired.values())))


def judge(counted: Counted, rules: Rules) -> list[Verdict]:
    """Let every family judge the series it watches."""
    return [_verdict(family, counted, rules) for family in dict.fromkeys(d.family for d in DETECTORS)]


def findings(counted: Counted, rules: Rules) -> list[Finding]:
    """Episodes of alarms that reach into the last days, with the figures of their last alarm day."""
    return [found for verdict in judge(counted, rules) for found in _episodes(verdict, counted, rules)]


def _verdict(family: str, counted: Counted, rules: Rules) -> Verdict:
    members = [d for d in DETECTORS if d.family == family]
    rows = np.flatnonzero(members[0].watches(counted, rules))
    counts = counted.counts[rows]
    fired: dict[str, Flags] = {}
    shown: Detection | None = None
    p = np.full(counts.shape, np.nan)
    for member in members:
        detection = member.judge(counts, rules)
        alarm = detection.alarm
        if member.chance is not None:
            chance = chance_of(counts, detection.expected, rules.detector, gap=detection.first)
            alarm = alarm & _worth_a_look(counts, detection, rules.detector) & (chance <= member.chance(rules.detector))
            p = np.fmin(p, np.where(alarm, chance, np.nan))
        if shown is None:
            shown = detection
        elif member.bound_shown:
            before = np.logical_or.reduce(list(fired.values()))
            shown = _figures_of(shown, detection, instead=np.isnan(shown.upperbound) | (alarm & ~before))
        fired[member.code] = alarm
    assert shown is not None  # noqa: S101 - a family has a member
    return Verdict(family, rows, shown.expected, shown.upperbound, shown.score, p, fired)


def _worth_a_look(counts: Floats, detection: Detection, rule: DetectorRule) -> Flags:
    return np.asarray((counts >= rule.least_count) & (counts - detection.expected >= rule.least_excess))


def _figures_of(shown: Detection, other: Detection, *, instead: Flags) -> Detection:
    """The figures shown, with those of another detector where the first could not tell or only the other alarmed."""
    return Detection(
        expected=np.where(instead, other.expected, shown.expected),
        upperbound=np.where(instead, other.upperbound, shown.upperbound),
        score=np.where(instead, other.score, shown.score),
        p_value=np.where(instead, other.p_value, shown.p_value),
        alarm=shown.alarm,
    )


def chance_of(counts: Floats, mean: Floats, rule: DetectorRule, *, gap: int) -> Floats:
    """The chance of so many reports or more on one day, if the rate is what the baseline's days say and no more.

    Jeffreys' posterior of a Poisson rate after n days with a sum s makes the next day negative binomial with size
    s + 1/2 and probability n / (n + 1) (Riebler 2004; the Bayes detectors of Höhle 2007, Comput Stat 22:571). `gap` is
    the first day judged, from which the days between baseline and day follow. NaN where nothing could be told.
    """
    lag = max(0, min(gap - rule.baseline, 2))  # C3 reaches two days further back but shares C2's baseline
    share, _ = past_mean_and_spread(np.where(np.isnan(counts), 0.0, 1.0), width=rule.baseline, gap=lag)
    days = share * rule.baseline
    with np.errstate(invalid="ignore"):
        chance: Floats = np.where(counts > 0, betainc(np.maximum(counts, 1), mean * days + 0.5, 1 / (days + 1)), 1.0)
    return np.where(np.isnan(mean) | np.isnan(counts), np.nan, chance)


def _episodes(verdict: Verdict, counted: Counted, rules: Rules) -> Iterator[Finding]:
    alarm = verdict.alarm
    for at in np.flatnonzero(alarm[:, -rules.episode.fresh_days :].any(axis=1)):
        days = np.flatnonzero(alarm[at])
        breaks = np.flatnonzero(np.diff(days) > rules.episode.gap_days)
        first, last = int(days[breaks[-1] + 1 if breaks.size else 0]), int(days[-1])
        p = float(verdict.p[at, last])
        span = slice(first, last + 1)
        yield Finding(
            key=counted.keys[int(verdict.rows[at])],
            family=verdict.family,
            detectors=tuple(sorted(code for code, flags in verdict.fired.items() if flags[at, span].any())),
            first_day=_day(counted, first),
            last_day=_day(counted, last),
            observed=int(counted.counts[verdict.rows[at], last]),
            expected=round(float(verdict.expected[at, last]), 4),
            upper=round(float(verdict.upper[at, last]), 4),
            p=None if np.isnan(p) else p,
            score=round(float(verdict.score[at, last]), 4),
        )


def _day(counted: Counted, index: int) -> date:
    return counted.first_day + timedelta(days=index)
