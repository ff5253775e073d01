"""Where the cases come from: every place judged on each case's own days, and the known false answers seen through.

A place can be shared without being the source: because everybody goes there, because the ill go there, because the
cases live there together, or because an earlier case infected the others there. Each has its rule below, and each rule
leaves its word in the result.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv
from scipy.stats import binom

from citywatch.science.sources.presence import Presence
from citywatch.science.sources.tail import log_weighted_tail

# A place may lead another only if its cases that met nobody ill there are this unlikely. Only places where the earlier
# cases were are compared, some twenty, so that this is about 0.02 after all.
_LEADS = 0.001

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is assumed of the illness and of memory; days are counted back from onset.

    Infection lies `shortest` to `longest` days before onset. A visit on the last `late` days counts half. Where
    people go because they are ill, nothing nearer than `recall` days counts at all, since an onset told may be wrong
    by that much. A case infects from `infectious_before` days before onset to `infectious_after` days after it, and
    whom it infects falls ill at least `serial` days later.
    """

    shortest: int = 1
    longest: int = 14
    late: int = 1
    recall: int = 2
    infectious_before: int = 2
    infectious_after: int = 14
    serial: int = 2
    confidence: float = 0.95
    sought_level: float = 0.01
    sought_ratio: float = 3.0

    def __post_init__(self) -> None:
        if not 0 <= self.shortest <= self.longest:
            msg = f"Infection {self.shortest} to {self.longest} days before onset is no window."
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class CaseDays:
    """Days of cases at places, one row per case, place and day: indexes, and the day since 1970."""

    case: IntArray
    place: IntArray
    day: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """Places by rank, best explanation first; arrays have one value per place, in rank order.

    `cases` counted there, `visitors` distinct people in the same days, `expected` cases if cases went where everyone
    goes, `ratio` of the two with its interval, `p_value` after trying all places, `log_p` before. `introductions`
    counts cases that share a home once. `sought`: people go there because they are ill; `after` cases came there only
    after onset. `earlier`: so many of its cases were there together with a case ill before them; `led_by` is the place
    (caller's index) that explains those earlier cases, -1 where none does. `only_with` is the place where all or
    nearly all its cases also were, -1 where none. `asked` cases have any day on record.
    """

    place: IntArray
    cases: IntArray
    visitors: IntArray
    expected: FloatArray
    ratio: FloatArray
    ratio_low: FloatArray
    ratio_high: FloatArray
    p_value: FloatArray
    log_p: FloatArray
    share: FloatArray
    introductions: IntArray
    sought: BoolArray
    after: IntArray
    earlier: IntArray
    led_by: IntArray
    only_with: IntArray
    home: BoolArray
    asked: int
    compared: bool
    tried: int
    chance: FloatArray = field(repr=False)

    def __len__(self) -> int:
        return len(self.place)


def infection_window(onset: ArrayLike, settings: Settings | None = None) -> IntArray:
    """First and last day on which each case can have been infected, shape (cases, 2); onset in days since 1970.

    Source: the exposure history of the national case investigation form, ending before the day of onset.

    >>> infection_window([100]).tolist()
    [[86, 99]]
    """
    chosen = settings or Settings()
    days = np.asarray(onset, dtype=np.int64)
    return np.stack([days - chosen.longest, days - chosen.shortest], axis=-1)


def rank_origins(
    days: CaseDays,
    *,
    onset: ArrayLike,
    visitors: Presence,
    everyone: Presence,
    activity: Presence | None = None,
    home: ArrayLike | None = None,
    others: int,
    tried: int,
    least_cases: int = 2,
    settings: Settings | None = None,
) -> Origins:
    """Rank the places cases passed while they could be infected, by how unlikely so many cases there would be.

    Counting. A case counts at a place if it was there inside its own window; a case with no day on record in its
    window was not asked. What everyone did is taken from the same days: for each window the share of people present in
    the city who were at the place (`visitors` over `everyone`, the cases among both). So a place that everyone passes
    expects many cases and explains none.

    Chance. Each case is one draw with its own probability, and p is the tail of their sum (Poisson-binomial), taken
    times `tried`, the number of places that could have been found (Bonferroni). A case that went to more places than
    people do (by `activity`, one row per person and place) is expected at each of them more often, since an
    interview finds more than a scan. A visit on the last day before onset counts half, for the ill and the well.

    False answers. *Sought when ill*: a place where cases spend at least three times as many days after onset as in
    the early window (binomial p < 0.01) is where the ill go; only visits earlier than the last two days before onset
    count there, for recall of onset is no better. *Home*: cases who share a place marked in `home` are one
    introduction, at the home and everywhere else. *Secondary*: where two thirds of a place's cases were together with
    a case who was ill before them, and those earlier cases were, before, at another place that is unlikely (p < 0.001)
    without any such meeting, and the rest were mostly not, that other place comes first.

    `onset` in days since 1970, one per case; `days` outside the window are used too (after onset), and days at places
    numbered beyond `visitors` show that a case was asked and are ranked nowhere. `others` is the number of people with
    days on record who are no cases: with none there is nothing to compare with, p is NaN and the order is by cases
    counted, places sought when ill last. Places with fewer than `least_cases` are left out unless all have fewer. The
    interval is Clopper and Pearson's for the share of cases, over the expected share.

    Source: over-representation as in Rivals et al. 2007, Bioinformatics 23:401; each case its own window as in the
    case-crossover design, Maclure 1991, American Journal of Epidemiology 133:144; Clopper & Pearson 1934, Biometrika
    26:404.

    >>> from citywatch.science.sources.presence import presence_of
    >>> person, place = [0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    >>> stays = dict(person=person, first=[95] * 13, last=[95] * 13)
    >>> told = rank_origins(
    ...     CaseDays(np.array([0, 1, 2, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 1]), np.full(6, 95)),
    ...     onset=[100, 100, 100],
    ...     visitors=presence_of(place=place, places=2, **stays),
    ...     everyone=presence_of(place=[0] * 13, places=1, **stays),
    ...     others=7,
    ...     tried=2,
    ... )
    >>> told.place.tolist(), told.cases.tolist(), told.visitors.tolist(), told.expected.round(2).tolist()
    ([0, 1], [3, 3], [3, 10], [0.9, 3.0])
    """
    chosen = settings or Settings()
    ill = np.asarray(onset, dtype=np.int64)
    places = max(visitors.places, int(days.place.max(initial=-1)) + 1)
    at_home = np.zeros(places, dtype=np.bool_)
    if home is not None:
        at_home[: visitors.places] = home
    history = _History(days, ill, places, chosen)
    asked = np.unique(history.case[history.inside])
    sought = history.sought()
    score = history.scores(sought)
    counted = np.bincount(history.pair_place, weights=score > 0, minlength=places).astype(np.int64)
    counted[visitors.places :] = 0
    least = least_cases if (counted >= least_cases).any() else 1
    kept = np.flatnonzero(counted >= least)
    unit = _introductions(days, at_home, len(ill))
    windows = infection_window(ill, chosen)
    full, half = _chances(kept, windows, asked, sought, visitors=visitors, everyone=everyone, settings=chosen)
    if activity is not None:
        full, half = _as_active_as(full, half, history.places_of_cases(asked), activity, windows[asked])
    compared = others > 0
    points = _points(history, score, kept, unit, places)
    log_p = _log_p(points, full, half, unit[asked]) if compared else np.full(len(kept), np.nan)
    expected = (full + half).sum(axis=1) if compared else np.full(len(kept), np.nan)
    k, n = counted[kept], len(asked)
    met, introduced_by = history.met_earlier(score)
    alone = _points(history, np.where(met, 0, score), kept, unit, places)
    first_p = _log_p(alone, full, half, unit[asked]) if compared else np.full(len(kept), np.nan)
    order = np.lexsort((kept, -k, -points, sought[kept])) if not compared else np.lexsort((kept, -k, log_p))
    membership = {int(p): set(history.pair_case[(history.pair_place == p) & (score > 0)].tolist()) for p in kept}
    led = _led_by(
        kept[order],
        membership,
        sure=kept[first_p < np.log(_LEADS)] if compared else kept[:0],
        unmet={int(p): int(((history.pair_place == p) & (score > 0) & ~met).sum()) for p in kept},
        introduced=_introduced(history, met & (score > 0), introduced_by),
        exposed_on=history.middle_day(score),
    )
    order = _behind_their_leaders(order, kept, led)
    final = kept[order]
    low, high = _interval(k[order], n, chosen.confidence)
    share_expected = expected[order] / max(n, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(share_expected > 0, k[order] / max(n, 1) / share_expected, np.nan)
        ratio_low, ratio_high = low / share_expected, high / share_expected
    spans = np.unique(windows[asked], axis=0) if n else np.zeros((0, 2), dtype=np.int64)
    after = history.only_after()
    earlier = np.bincount(history.pair_place, weights=met & (score > 0), minlength=places).astype(np.int64)
    return Origins(
        place=final,
        cases=k[order],
        visitors=np.maximum(visitors.visitors_in_any(spans)[final], k[order]),
        expected=expected[order],
        ratio=ratio,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
        p_value=np.minimum(1.0, np.exp(log_p[order] + np.log(max(tried, 1)))),
        log_p=log_p[order],
        share=k[order] / max(n, 1),
        introductions=_distinct_units(history, score, final, unit),
        sought=sought[final],
        after=after[final],
        earlier=earlier[final],
        led_by=np.array([led.get(int(p), -1) for p in final], dtype=np.int64),
        only_with=_only_with(final, membership),
        home=at_home[final],
        asked=n,
        compared=compared,
        tried=tried,
        chance=share_expected,
    )


class _History:
    """The cases' days at places by lag before onset, and what follows from them. Pairs are distinct (place, case)."""

    def __init__(self, days: CaseDays, onset: IntArray, places: int, settings: Settings) -> None:
        rows = np.unique(np.column_stack([days.place, days.case, days.day]), axis=0)
        self.place, self.case, self.day = rows[:, 0], rows[:, 1], rows[:, 2]
        self.onset, self.places, self.settings = onset, places, settings
        self.lag = onset[self.case] - self.day
        self.inside = (self.lag >= settings.shortest) & (self.lag <= settings.longest)
        pairs, self.of_row = np.unique(rows[:, :2], axis=0, return_inverse=True)
        self.of_row = self.of_row.reshape(-1)
        self.pair_place, self.pair_case = pairs[:, 0], pairs[:, 1]

    def _any(self, rows: BoolArray) -> BoolArray:
        return np.bincount(self.of_row, weights=rows, minlength=len(self.pair_place)) > 0

    def _days(self, rows: BoolArray) -> FloatArray:
        return np.bincount(self.place[rows], minlength=self.places).astype(np.float64)

    def sought(self) -> BoolArray:
        """Places where cases are on far more days after onset than before they can have known."""
        early = self.inside & (self.lag > self.settings.recall)
        after = (self.lag < 0) & (self.lag >= -self.settings.infectious_after)
        last_seen = np.full(len(self.onset), np.iinfo(np.int64).min)
        np.maximum.at(last_seen, self.case, self.day)
        seen_after = np.clip(last_seen - self.onset, 0, self.settings.infectious_after).astype(np.float64)
        asked = np.zeros(len(self.onset), dtype=np.bool_)
        asked[self.case] = True
        time_after = float(seen_after[asked].sum())
        early_days = self.settings.longest - max(self.settings.recall, self.settings.shortest - 1)
        time_early = float(max(early_days, 0) * asked.sum())
        if not time_after or not time_early:
            return np.zeros(self.places, dtype=np.bool_)
        before, then = self._days(early), self._days(after)
        chance = binom.sf(then - 1, before + then, time_after / (time_after + time_early))
        often = then * time_early >= self.settings.sought_ratio * before * time_after
        cases_after = np.bincount(self.pair_place, weights=self._any(after), minlength=self.places)
        return np.asarray((cases_after >= 2) & often & (chance < self.settings.sought_level))

    def scores(self, sought: BoolArray) -> IntArray:
        """Half points of each (place, case) pair: 2, or 1 for a visit on the last day(s) before onset only."""
        s = self.settings
        least = np.where(sought[self.place], s.recall + 1, s.shortest)
        counts = self.inside & (self.lag >= least)
        return np.where(self._any(counts & (self.lag > s.late)), 2, self._any(counts).astype(np.int64))

    def only_after(self) -> IntArray:
        """Per place the cases that were there on or after the day of onset and never inside their window."""
        missed = self._any(self.lag <= 0) & ~self._any(self.inside)
        return np.bincount(self.pair_place, weights=missed, minlength=self.places).astype(np.int64)

    def middle_day(self, score: IntArray) -> FloatArray:
        """Per place the median of the days on which its counted cases were first there inside their windows."""
        first = np.full(len(self.pair_place), np.iinfo(np.int64).max)
        np.minimum.at(first, self.of_row[self.inside], self.day[self.inside])
        found = np.full(self.places, np.nan)
        for place in np.unique(self.pair_place[score > 0]):
            found[place] = np.median(first[(self.pair_place == place) & (score > 0)])
        return found

    def places_of_cases(self, asked: IntArray) -> IntArray:
        """How many places each asked case was at inside its window."""
        return np.bincount(self.pair_case, weights=self._any(self.inside), minlength=len(self.onset)).astype(np.int64)[
            asked
        ]

    def met_earlier(self, score: IntArray) -> tuple[BoolArray, dict[tuple[int, int], set[int]]]:
        """Which pairs were there on a day with an infectious case that fell ill earlier; by pair, those cases."""
        s = self.settings
        infectious = (self.lag <= s.infectious_before) & (self.lag >= -s.infectious_after)
        at: dict[tuple[int, int], list[int]] = {}
        for row in np.flatnonzero(infectious):
            at.setdefault((int(self.place[row]), int(self.day[row])), []).append(int(self.case[row]))
        met = np.zeros(len(self.pair_place), dtype=np.bool_)
        by: dict[tuple[int, int], set[int]] = {}
        for row in np.flatnonzero(self.inside):
            pair = int(self.of_row[row])
            if not score[pair]:
                continue
            case = int(self.case[row])
            ready = {
                other
                for other in at.get((int(self.place[row]), int(self.day[row])), ())
                if other != case and self.onset[other] + s.serial <= self.onset[case]
            }
            if ready:
                met[pair] = True
                by.setdefault((int(self.place[row]), case), set()).update(ready)
        return met, by


def _introductions(days: CaseDays, home: BoolArray, cases: int) -> IntArray:
    """A number per case; the same for cases joined by homes."""
    unit = np.arange(cases)
    rows = np.unique(np.column_stack([days.place, days.case])[home[days.place]], axis=0)
    for place in np.unique(rows[:, 0]):
        together = rows[rows[:, 0] == place, 1]
        joined = np.isin(unit, unit[together])
        unit[joined] = unit[together].min()
    return unit


def _chances(
    kept: IntArray,
    windows: IntArray,
    asked: IntArray,
    sought: BoolArray,
    *,
    visitors: Presence,
    everyone: Presence,
    settings: Settings,
) -> tuple[FloatArray, FloatArray]:
    """Shares of people at each place, shape (places, asked): on a day that counts whole, and on a late day only."""
    spans, of_case = np.unique(windows[asked], axis=0, return_inverse=True)
    full = np.zeros((len(kept), len(spans)))
    half = np.zeros_like(full)
    for i, (first, last) in enumerate(spans.tolist()):
        present = max(int(everyone.visitors(first, last).sum()), 1)
        onset = last + settings.shortest
        anyone = visitors.visitors(first, last)[kept]
        whole = visitors.visitors(first, min(last, onset - settings.late - 1))[kept]
        before = visitors.visitors(first, min(last, onset - settings.recall - 1))[kept]
        full[:, i] = np.where(sought[kept], before, whole) / present
        half[:, i] = np.where(sought[kept], 0, anyone - whole) / present
    of_case = of_case.reshape(-1)
    return np.minimum(full, 1.0)[:, of_case], np.minimum(half, 1.0)[:, of_case]


def _as_active_as(
    full: FloatArray, half: FloatArray, places_seen: IntArray, activity: Presence, windows: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Raise the chances of cases that were at more places than people are; nobody's are lowered."""
    spans, of_case = np.unique(windows, axis=0, return_inverse=True)
    usual = np.ones(len(spans))
    for i, (first, last) in enumerate(spans.tolist()):
        pairs, people = activity.visitors(first, last)
        usual[i] = pairs / people if people else 1.0
    times = np.clip(places_seen / np.maximum(usual[of_case.reshape(-1)], 1.0), 1.0, 10.0)
    either = 1 - (1 - np.minimum(full + half, 1.0)) ** times
    whole = 1 - (1 - full) ** times
    return whole, np.maximum(either - whole, 0.0)


def _points(history: _History, score: IntArray, kept: IntArray, unit: IntArray, places: int) -> IntArray:
    """Half points per kept place, the best of each introduction."""
    best: dict[tuple[int, int], int] = {}
    for place, case, points in zip(
        history.pair_place.tolist(), history.pair_case.tolist(), score.tolist(), strict=True
    ):
        if points:
            key = place, int(unit[case])
            best[key] = max(best.get(key, 0), points)
    total = np.zeros(places, dtype=np.int64)
    for (place, _), points in best.items():
        total[place] += points
    return total[kept]


def _log_p(points: IntArray, full: FloatArray, half: FloatArray, unit: IntArray) -> FloatArray:
    groups, of_case = np.unique(unit, return_inverse=True)
    neither, not_full = np.ones((len(full), len(groups))), np.ones((len(full), len(groups)))
    for column, group in enumerate(of_case.reshape(-1)):
        neither[:, group] *= np.maximum(1 - full[:, column] - half[:, column], 0.0)
        not_full[:, group] *= 1 - full[:, column]
    return log_weighted_tail(points, full=1 - not_full, half=np.maximum(not_full - neither, 0.0))


def _introduced(
    history: _History, counted: BoolArray, by: dict[tuple[int, int], set[int]]
) -> dict[int, dict[int, set[int]]]:
    """By place: each counted case that met an earlier one there, with those earlier ones."""
    found: dict[int, dict[int, set[int]]] = {}
    for pair in np.flatnonzero(counted):
        place, case = int(history.pair_place[pair]), int(history.pair_case[pair])
        found.setdefault(place, {})[case] = by[place, case]
    return found


def _led_by(
    ranked: IntArray,
    members: dict[int, set[int]],
    *,
    sure: IntArray,
    unmet: dict[int, int],
    introduced: dict[int, dict[int, set[int]]],
    exposed_on: FloatArray,
) -> dict[int, int]:
    """For each place whose cases come from earlier cases there: the sure place those earlier cases come from."""
    leaders = [int(place) for place in ranked if place in set(sure.tolist()) and unmet[int(place)] >= 3]
    found: dict[int, int] = {}
    for place in (int(p) for p in ranked):
        later = introduced.get(place, {})
        if len(later) < 2 or 3 * len(later) < 2 * len(members[place]):
            continue
        for leader in leaders:
            if leader == place or leader in found:
                continue
            there = members[leader]
            through = sum(bool(earlier & there) for earlier in later.values())
            themselves = sum(case in there for case in later)
            before = exposed_on[leader] <= exposed_on[place]
            if 2 * through >= len(later) and 2 * themselves <= len(later) and before:
                found[place] = leader
                break
    return found


def _behind_their_leaders(order: IntArray, kept: IntArray, led: dict[int, int]) -> IntArray:
    """Move each led place directly behind its leader, where it stood before it."""
    line = [int(i) for i in order]
    spot = {int(kept[i]): int(i) for i in order}
    for place, leader in led.items():
        here, there = line.index(spot[place]), line.index(spot[leader])
        if here < there:
            line.insert(there, line.pop(here))
    return np.array(line, dtype=np.int64)


def _only_with(ranked: IntArray, members: dict[int, set[int]]) -> IntArray:
    """The best-ranked earlier place that all, or all but a tenth, of a place's cases were at too; -1 for none."""
    found = np.full(len(ranked), -1, dtype=np.int64)
    for i, place in enumerate(ranked.tolist()):
        for better in ranked[:i].tolist()[:5]:
            if len(members[place] & members[better]) >= 0.9 * len(members[place]):
                found[i] = better
                break
    return found


def _distinct_units(history: _History, score: IntArray, ranked: IntArray, unit: IntArray) -> IntArray:
    counted = score > 0
    pairs = np.unique(np.column_stack([history.pair_place[counted], unit[history.pair_case[counted]]]), axis=0)
    return np.bincount(pairs[:, 0], minlength=history.places).astype(np.int64)[ranked]


def _interval(k: IntArray, n: int, confidence: float) -> tuple[FloatArray, FloatArray]:
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
        high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high
