"""How the lines of the table judge their series, what of it reaches the desk, and how alarms become findings."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from citywatch.city.warn.chances import chance_of, dispersion
from citywatch.city.warn.counting import Counted
from citywatch.city.warn.detectors import SCHOOL, SINGLE_CASE, Detector, settings_on
from citywatch.city.warn.rules import BY_SITE, NOT_WATCHED, DetectorRule, Rules, single_case_diseases
from citywatch.city.warn.schools import school
from citywatch.city.warn.types import Finding, Ground
from citywatch.eventlog.schema import EVERYTHING
from citywatch.science.detect import Detection
from citywatch.science.detect.catalogue import METHODS
from citywatch.science.detect.single_case import single_case
from citywatch.science.fusion import combined_chance
from citywatch.science.multiplicity import benjamini_hochberg
from citywatch.science.series import moving_sum, past_mean_and_spread

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Looks = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """A family's view of its series: rows are the indexes into `Counted.keys`, arrays have the shape (rows, steps).

    The first column is step `start` of the series. `looks` says what lets each alarm through to the desk (`_LOOKS`, 0
    for nothing yet); `observed` is what was judged, which for schools is the sum of a week.
    """

    family: str
    rows: NDArray[np.int64]
    expected: Floats
    upper: Floats
    score: Floats
    p: Floats
    fired: Mapping[str, Flags]
    looks: Looks
    observed: Floats
    start: int = 0
    unjudged: int = 0

    @property
    def series(self) -> int:
        """How many series were looked at, those included that are too small to alarm whatever a method says."""
        return int(self.rows.size) + self.unjudged

    @property
    def alarm(self) -> Flags:
        return np.asarray(np.logical_or.reduce(list(self.fired.values())))


_LOOKS = ("", "rule", "chance", "persistence", "alarm")
_LEAST_WEEKS = 2 * 52
_JUDGED = {"street": 14, "site": 8, "district": 2}
"""Steps a run judges: an episode in reach of the last days, with the days before that decide on it."""
_SAMPLE = 8_000


def judge(
    counted: Counted, rules: Rules, detectors: Sequence[Detector] | None = None, *, start: int = 0
) -> list[Verdict]:
    """Let every family of this level and step judge the series it watches, from step `start` on."""
    lines = settings_on(counted.last_day) if detectors is None else detectors
    mine = [d for d in lines if d.enabled and (d.level, d.step) == (counted.level, counted.step)]
    mine = [d for d in mine if d.method in METHODS or d.method in {SINGLE_CASE, SCHOOL}]
    families = dict.fromkeys(d.family for d in mine)
    return [_verdict([d for d in mine if d.family == family], counted, rules, start) for family in families]


def findings(
    grids: Sequence[Counted], rules: Rules, detectors: Sequence[Detector] | None = None
) -> tuple[list[Finding], int]:
    """Episodes of alarms that reach into the last days, and how many series could be judged.

    Figures are those of the last alarm step. An episode whose `look` is empty is no finding yet: `told` decides.
    """
    found: list[Finding] = []
    series = 0
    for counted in grids:
        start = max(0, counted.counts.shape[1] - _JUDGED[counted.level])
        for verdict in judge(counted, rules, detectors, start=start):
            series += verdict.series
            found += _episodes(verdict, counted, rules)
    return found, series


def told(found: Sequence[Finding], rules: Rules, ground: Ground) -> list[Finding]:
    """What reaches the desk: alarms that passed a look, the best of the weak that have company, each report once.

    A site whose street already tells the same stream and syndrome adds nothing: they are the same reports.
    """
    company = _company(found, rules, ground)
    kept = [one if one.look else replace(one, look="company") for one in found if one.look or one in company]
    heard = {(one.key.stream, one.key.syndrome, one.key.place_id) for one in kept if one.key.by == "reporting"}
    return [
        one
        for one in kept
        if one.key.by != "site"
        or one.family == SCHOOL
        or (one.key.stream, one.key.syndrome, ground.street_of.get(one.key.place_id, 0)) not in heard
    ]


def _company(found: Sequence[Finding], rules: Rules, ground: Ground) -> set[Finding]:
    """Weak alarms of streets where another stream alarms too, the least likely first, as many as the budget has room.

    The other stream may speak in the street itself or, when both together are improbable enough, in a neighbouring one.
    Every stream is one witness, by the least of its chances.
    """
    there: dict[int, list[Finding]] = defaultdict(list)
    for one in found:
        if one.key.by in {"reporting", "home"}:
            there[one.key.place_id].append(one)
        elif one.key.stream in BY_SITE and one.p is not None and one.key.place_id in ground.street_of:
            there[ground.street_of[one.key.place_id]].append(one)
    pairs = list(_pairs(there, ground))
    if not pairs:
        return set()
    table = np.full((len(pairs), max(len(chances) for _, _, chances in pairs)), np.nan)
    for row, (_, _, chances) in enumerate(pairs):
        table[row, : len(chances)] = chances
    together = np.nan_to_num(combined_chance(table, correlation=rules.episode.correlation), nan=1.0)
    least: dict[int, float] = {}
    for (street, alone, _), chance in zip(pairs, together.tolist(), strict=True):
        if alone or chance <= rules.episode.linked_chance:
            least[street] = min(least.get(street, 1.0), chance)
    room = rules.budget.company * rules.episode.fresh_days
    best = sorted(least, key=lambda street: (least[street], street))[:room]
    return {one for street in best for one in there[street] if not one.look}


def _pairs(there: Mapping[int, list[Finding]], ground: Ground) -> Iterator[tuple[int, bool, list[float]]]:
    """Streets with a weak alarm: the chances of all their streams, and those with each neighbour's further streams."""
    witnesses = {street: _least_by_stream(those) for street, those in there.items()}
    for street, own in witnesses.items():
        if all(one.look for one in there[street]):
            continue
        if len(own) > 1:
            yield street, True, list(own.values())
        for other in ground.neighbours.get(street, frozenset()):
            new = [p for stream, p in witnesses.get(other, {}).items() if stream not in own]
            if new:
                yield street, False, [*own.values(), *new]


def _least_by_stream(found: Sequence[Finding]) -> dict[str, float]:
    least: dict[str, float] = {}
    for one in found:
        p = np.nan if one.p is None else one.p
        least[one.key.stream] = float(np.fmin(least.get(one.key.stream, np.nan), p))
    return least


def _watched(lines: Sequence[Detector], counted: Counted, rules: Rules) -> NDArray[np.int64]:
    """The rows a family watches: its streams' syndromes, the single cases apart from the rest."""
    streams = lines[0].streams
    single = single_case_diseases(counted.last_day)
    family = lines[0].family

    def watched(stream: str, syndrome: str) -> bool:
        if syndrome == EVERYTHING or stream in NOT_WATCHED or (streams and stream not in streams):
            return False
        if stream in BY_SITE and counted.level != "site":
            return False
        one_is_enough = stream == rules.single_case.stream and syndrome in single
        if family == SCHOOL:
            return bool(np.isfinite(rules.school.threshold(syndrome)))
        return one_is_enough if family == SINGLE_CASE else not (one_is_enough and counted.step == "day")

    keys = counted.columns
    flags = np.array([watched(stream, syndrome) for stream, syndrome, _ in keys.kinds], dtype=bool)[keys.kind]
    if family == SCHOOL:
        flags &= np.isin(keys.place, list(counted.schools))
    return np.flatnonzero(flags)


def _verdict(lines: Sequence[Detector], counted: Counted, rules: Rules, start: int) -> Verdict:
    rows = _watched(lines, counted, rules)
    sampled, passed_over, rows = _worth_judging(rows, lines, counted, rules, start)
    counts = counted.counts[rows]
    fired: dict[str, Flags] = {}
    shown: Detection | None = None
    spread: Floats | None = None
    observed = counts[:, start:]
    chances = np.full(observed.shape, np.nan)
    could_tell = np.zeros(observed.shape, dtype=bool)
    ruled = np.zeros(observed.shape, dtype=bool)
    for line in lines:
        if line.method == SCHOOL:
            observed = np.nan_to_num(moving_sum(np.nan_to_num(counts), rules.school.days))[:, start:]
        detection = _detect(line, counts, counted, rules, observed=observed, rows=rows, start=start)
        alarm = detection.alarm
        if line.method not in {SINGLE_CASE, SCHOOL}:
            alarm = alarm & _worth_a_look(observed, detection, rules.detector)
            if spread is None and line.method.startswith("ears-"):
                spread = dispersion(counted, rows, detection, start, among=sampled)
            chance = _chance(line, counts, detection, alarm, spread, start=start)
            least = rules.detector.chance_c3 if line.method == "ears-c3" else rules.detector.chance
            with np.errstate(invalid="ignore"):
                alarm = alarm & ~(chance > least)
            chances = np.fmin(chances, np.where(alarm, chance, np.nan))
            could_tell |= detection.judged
        else:
            ruled |= alarm
        if shown is None:
            shown = detection
        elif line.method != "ears-c3":  # C3's bound is what is left after the two days before, no bound of the day
            before = np.logical_or.reduce(list(fired.values()))
            shown = _figures_of(shown, detection, instead=np.isnan(shown.upperbound) | (alarm & ~before))
        fired[line.code] = alarm
    assert shown is not None  # noqa: S101 - a family has a member
    alarms = np.asarray(np.logical_or.reduce(list(fired.values())))
    spread = np.ones(len(rows)) if spread is None else spread
    looks = _looks(
        alarms, chances, lines, rules,
        ruled=ruled, tested=could_tell.sum(axis=0) + passed_over.sum(axis=0),
        counts=counts, spread=spread, start=start,
    )  # fmt: skip
    return Verdict(
        lines[0].family, rows, shown.expected, shown.upperbound, shown.score, chances, fired, looks, observed, start,
        unjudged=len(passed_over),
    )  # fmt: skip


def _worth_judging(
    rows: NDArray[np.int64], lines: Sequence[Detector], counted: Counted, rules: Rules, start: int
) -> tuple[Flags, Flags, NDArray[np.int64]]:
    """Which of many series a run has to judge: those with enough reports to alarm at all, and a fair sample.

    Most of a city's sites see no three rashes in a week. They are tests like any other (the passed over, by step), but
    what a method would say of them is known. The sample tells how much ordinary days vary; those that could alarm would
    not, they were chosen for varying. Gives the sampled among the rows to judge, the passed over, and those rows.
    """
    every = max(1, rows.size // _SAMPLE)
    ears = all(line.method.startswith("ears-") for line in lines)
    if not start or every == 1 or not ears:
        return np.ones(rows.size, dtype=bool), np.zeros((0, counted.counts.shape[1] - start), dtype=bool), rows
    told = ~np.isnan(counted.counts[rows, start:])
    enough = (np.where(told, counted.counts[rows, start:], 0.0) >= rules.detector.least_count).any(axis=1)
    sampled = np.arange(rows.size) % every == 0
    kept = enough | sampled
    return sampled[kept], told[~kept], rows[kept]


def _detect(
    line: Detector, counts: Floats, counted: Counted, rules: Rules,
    *, observed: Floats, rows: NDArray[np.int64], start: int,
) -> Detection:  # fmt: skip
    """The line's method on the whole series, told from `start` on."""
    if line.method == SINGLE_CASE:
        return single_case(observed, at_least=rules.single_case.at_least)
    if line.method == SCHOOL:
        return school(counts, counted, rules, observed=observed, rows=rows, start=start)
    method = METHODS[line.method]
    weeks = counted.step == "week"
    if weeks and counts.shape[1] < _LEAST_WEEKS:  # without two seasons to compare with, nothing is told
        none = np.full(observed.shape, np.nan)
        return Detection(none, none, none, none, np.zeros(observed.shape, dtype=bool), start=start)
    first = np.datetime64(counted.first_day, "D")
    found = method.judge(
        counts, method.resolve(line.settings), start=start or None, frequency=52 if weeks else 7,
        dates=first + np.arange(counts.shape[1]) * np.timedelta64(7 if weeks else 1, "D"),
    )  # fmt: skip
    cut = (slice(None), slice(start - found.start, None))
    return Detection(
        found.expected[cut], found.upperbound[cut], found.score[cut], found.p_value[cut], found.alarm[cut],
        first=found.first, start=start,
    )  # fmt: skip


def _worth_a_look(counts: Floats, detection: Detection, rule: DetectorRule) -> Flags:
    with np.errstate(invalid="ignore"):
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


def _chance(
    line: Detector, counts: Floats, detection: Detection, alarm: Flags, spread: Floats | None, *, start: int
) -> Floats:
    """How likely a count so high is by accident, where it alarms (NaN elsewhere).

    The method's own word, except for EARS, whose normal tail is none.
    """
    if not line.method.startswith("ears-"):
        return np.where(alarm, detection.p_value, np.nan)
    baseline = int(line.settings.get("baseline", 7))
    gap = 0 if line.method == "ears-c1" else 2  # C3 reaches two days further back but shares C2's baseline
    chance = np.full(alarm.shape, np.nan)
    rows = np.flatnonzero(alarm.any(axis=1))
    chance[rows] = chance_of(
        counts[rows], detection.expected[rows], baseline=baseline, gap=gap, start=start,
        dispersion=None if spread is None else spread[rows],
    )  # fmt: skip
    return np.where(alarm, chance, np.nan)


def _looks(
    alarms: Flags, chances: Floats, lines: Sequence[Detector], rules: Rules,
    *, ruled: Flags, tested: NDArray[np.int64], counts: Floats, spread: Floats, start: int,
) -> Looks:  # fmt: skip
    """What lets each alarm through: the night's grid, persistence, a fixed number, or nothing yet."""
    looks = np.zeros(alarms.shape, dtype=np.int8)
    share = rules.budget.share.get((lines[0].level, lines[0].step))
    looks[ruled] = _LOOKS.index("rule")
    unpriced = alarms & ~ruled & np.isnan(chances)
    looks[unpriced] = _LOOKS.index("alarm")  # a method without chances cannot be held to a share
    if share is None:
        return looks
    # Two looks share what the night may cost. Every method had its try, and the least of their chances is taken.
    tries = sum(line.method not in {SINGLE_CASE, SCHOOL} for line in lines)
    slow = _slow_chances(alarms, chances, lines, rules, counts=counts, spread=spread, start=start)
    for look, grid in (("persistence", slow), ("chance", np.minimum(chances * tries, 1.0))):
        for step in range(alarms.shape[1]):
            column = grid[:, step]
            if np.isfinite(column).any():
                among = max(int(tested[step]), int(np.isfinite(column).sum()))
                found = benjamini_hochberg(column, share=share / 2, tested=among)
                looks[found.rejected & (looks[:, step] != _LOOKS.index("rule")), step] = _LOOKS.index(look)
    return looks


def _slow_chances(
    alarms: Flags, chances: Floats, lines: Sequence[Detector], rules: Rules,
    *, counts: Floats, spread: Floats, start: int,
) -> Floats:  # fmt: skip
    """The chance of the last days together, where enough of them alarmed; NaN elsewhere and for weeks."""
    budget = rules.budget
    if lines[0].step != "day" or not alarms.size:
        return np.full(alarms.shape, np.nan)
    times = np.zeros(alarms.shape)
    for back in range(budget.span):
        times[:, back:] += alarms[:, : alarms.shape[1] - back]
    often = alarms & (times >= budget.days)
    slow = np.full(alarms.shape, np.nan)
    rows = np.flatnonzero(often.any(axis=1))
    if not rows.size:
        return slow
    ears = next((line for line in lines if line.method.startswith("ears-")), None)
    if ears is None:
        padded = np.pad(chances[rows], ((0, 0), (budget.span - 1, 0)), constant_values=np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(padded, budget.span, axis=1)
        together = combined_chance(windows, correlation=rules.episode.correlation)
    else:
        baseline, least = int(ears.settings.get("baseline", 7)), ears.settings.get("least")
        mean, _ = past_mean_and_spread(counts[rows], width=baseline, gap=budget.span - 1, least=least)
        together = chance_of(
            counts[rows], mean[:, start:], baseline=baseline, gap=budget.span - 1, start=start, span=budget.span,
            dispersion=spread[rows],
        )  # fmt: skip
    slow[rows] = np.where(often[rows], together, np.nan)
    return slow


def _episodes(verdict: Verdict, counted: Counted, rules: Rules) -> Iterator[Finding]:
    fresh, gap = (rules.episode.fresh_days, rules.episode.gap_days) if counted.step == "day" else (2, 1)
    alarm = verdict.alarm
    for at in np.flatnonzero(alarm[:, -fresh:].any(axis=1)):
        steps = np.flatnonzero(alarm[at])
        breaks = np.flatnonzero(np.diff(steps) > gap)
        first, last = int(steps[breaks[-1] + 1 if breaks.size else 0]), int(steps[-1])
        p = float(verdict.p[at, last])
        span = slice(first, last + 1)
        seen = {int(look) for look in verdict.looks[at, span]} - {0}
        yield Finding(
            key=counted.keys[int(verdict.rows[at])],
            family=verdict.family,
            detectors=tuple(sorted(code for code, flags in verdict.fired.items() if flags[at, span].any())),
            first_day=counted.day(verdict.start + first),
            last_day=counted.day(verdict.start + last, end=True),
            observed=int(verdict.observed[at, last]),
            expected=round(float(verdict.expected[at, last]), 4),
            upper=round(float(verdict.upper[at, last]), 4),
            p=None if np.isnan(p) else p,
            score=round(float(verdict.score[at, last]), 4),
            look=_LOOKS[min(seen, default=0)],
        )
