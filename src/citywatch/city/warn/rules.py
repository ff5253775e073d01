"""The dated rules of warning: what alarms, what counts as one episode, which level it deserves, and how it is worked.

Every rule says itself in both languages; pages print those words beside what the rule did.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from citywatch.city.registry import reference
from citywatch.city.warn.types import Evidence, Level, SeriesKey
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import Lifecycle, Transition

LEVELS: tuple[Level, ...] = ("blue", "yellow", "orange", "red")
CLOCKS: Mapping[Level, str] = {level: f"proposal-{level}" for level in LEVELS}
NOT_WATCHED = frozenset({"lab"})  # laboratory positives raise a red proposal on their own, entry by entry
HISTORY_DAYS = 45

LEVEL_WORDS: Mapping[str, Label] = {
    "blue": Label("蓝色", "Blue"),
    "yellow": Label("黄色", "Yellow"),
    "orange": Label("橙色", "Orange"),
    "red": Label("红色", "Red"),
}
STREAM_WORDS: Mapping[str, Label] = {
    "symptom": Label("症状监测", "symptom registration"),
    "fever": Label("发热门诊", "fever clinic"),
    "pharmacy": Label("药店", "pharmacy"),
    "card": Label("传染病报告卡", "report card"),
    "lab": Label("实验室", "laboratory"),
}
COVID = "covid-19"
HAZARD_WORDS: Mapping[str, Label] = {COVID: Label("新型冠状病毒", "COVID-19")}


@dataclass(frozen=True, slots=True)
class DetectorRule:
    """How a series is judged: EARS C1, C2 and C3, then a second look at whether the number is worth a person's time.

    EARS takes seven days' spread for the truth. Where a street sees one cough a day that spread is often far too small
    by luck, so an alarm counts only if it stands `least_excess` reports above the expected number and would be
    improbable under a Poisson rate known from the same days. How these figures were chosen: docs/science/detection.md.
    """

    valid_from: date
    baseline: int = 7
    least_days: int = 5
    alpha: float = 0.001
    alpha_c3: float = 0.025
    min_sigma: float = 0.5
    least_count: int = 3
    least_excess: float = 3.0
    chance: float = 0.05
    chance_c3: float = 0.10

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：EARS C1、C2、C3，基线{self.baseline}天（至少{self.least_days}天有报告），"
            f"标准差下限{self.min_sigma:g}；当日不足{self.least_count}例、"
            f"或超出期望值不足{self.least_excess:g}例的不作统计预警；并要求该数在基线下偶然出现的概率不超过{self.chance:.0%}（C3为{self.chance_c3:.0%}）。无人报告的日子不当作零。",
            f"From {self.valid_from}: EARS C1, C2, C3 over {self.baseline} days (at least {self.least_days} of them "
            f"reported), standard deviation at least {self.min_sigma:g}; no statistical signal below "
            f"{self.least_count} reports or {self.least_excess:g} above expected; and a chance of at most "
            f"{self.chance:.0%} under the baseline ({self.chance_c3:.0%} for C3). "
            "A day nobody reported is not a zero.",
        )


@dataclass(frozen=True, slots=True)
class SingleCaseRule:
    """One report card of a class A disease, or one managed as class A, is a signal whatever the past was."""

    valid_from: date
    stream: str = "card"
    at_least: int = 1

    def diseases(self, on: date) -> frozenset[str]:
        """Codes of the diseases under this rule on a day, subtypes included.

        >>> sorted(RULES[-1].single_case.diseases(date(2020, 6, 11)))[:3]
        ['0100', '0103', '0200']
        """
        return single_case_diseases(on)

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：甲类及按甲类管理的传染病，报告卡{self.at_least}例即为预警信号（单病例预警）。",
            f"From {self.valid_from}: {self.at_least} report card of a class A disease, or one managed as class A, "
            "is a signal.",
        )


@dataclass(frozen=True, slots=True)
class EpisodeRule:
    """What belongs together: alarms of one series, signals of one street, positives of one outbreak."""

    valid_from: date
    gap_days: int = 3
    fresh_days: int = 3
    fusion_hours: int = 72
    red_gap_days: int = 14
    worse_by: float = 2.0

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：同一序列{self.gap_days}天内的连续预警为同一信号；同一街道{self.fusion_hours}小时内的信号"
            f"合并为一个预警提议；同一病种阳性间隔不超过{self.red_gap_days}天为同一起；已关闭的提议，出现新的监测渠道"
            f"或强度达到{self.worse_by:g}倍时重新提出。",
            f"From {self.valid_from}: alarms of one series within {self.gap_days} days are one signal; signals of one "
            f"street within {self.fusion_hours} h become one proposal; positives of one hazard at most "
            f"{self.red_gap_days} days apart are one episode; after a proposal is closed, a new stream or "
            f"{self.worse_by:g} times the strength raises a new one.",
        )


@dataclass(frozen=True, slots=True)
class LevelRule:
    """Which level the evidence deserves."""

    valid_from: date
    yellow_streams: int = 2

    def level(self, evidence: Evidence) -> Level:
        """The highest level the evidence reaches.

        >>> LevelRule(date(2020, 1, 1)).level(Evidence(streams=frozenset({"symptom", "pharmacy"})))
        'yellow'
        """
        if evidence.positives:
            return "red"
        if evidence.single_cases:
            return "orange"
        return "yellow" if len(evidence.streams) >= self.yellow_streams else "blue"

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：蓝色，一个统计信号；黄色，同一街道72小时内{self.yellow_streams}个监测渠道；"
            "橙色，甲类管理传染病报告卡；红色，甲类管理病种核酸阳性。",
            f"From {self.valid_from}: blue, one statistical signal; yellow, {self.yellow_streams} streams in one "
            "street within 72 h; orange, a report card of a disease managed as class A; red, a laboratory positive "
            "for one.",
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force from one day on."""

    valid_from: date
    detector: DetectorRule
    single_case: SingleCaseRule
    episode: EpisodeRule
    level: LevelRule

    def describe(self) -> tuple[Label, ...]:
        parts = (self.detector, self.single_case, self.episode, self.level)
        return tuple(part.describe() for part in parts)


_FIRST = date(2020, 1, 1)
RULES: tuple[Rules, ...] = (
    Rules(_FIRST, DetectorRule(_FIRST), SingleCaseRule(_FIRST), EpisodeRule(_FIRST), LevelRule(_FIRST)),
)
"""Oldest first. A change is a new row with its day; the old one stays, so a past run can be repeated."""


def rules_on(day: date) -> Rules:
    """The rules in force on a day (before the first, the first)."""
    return next((rules for rules in reversed(RULES) if rules.valid_from <= day), RULES[0])


def single_case_diseases(on: date) -> frozenset[str]:
    """Codes of class A diseases and those managed as class A on a day."""
    listed = reference.diseases(on, subtypes=True)
    return frozenset(disease.code for disease in listed if "甲" in {disease.legal_class, disease.managed_as})


def rank(level: str) -> int:
    """0 for blue to 3 for red."""
    return LEVELS.index(level)


def higher(one: Level, other: Level) -> Level:
    return max(one, other, key=rank)


def signal_fingerprint(family: str, key: SeriesKey, street_code: str, first_day: date) -> str:
    """The same claim tomorrow has the same fingerprint: it is made of codes that survive a rebuilt database."""
    return _digest("signal", family, key.stream, key.syndrome, street_code, key.by, first_day.isoformat())


def proposal_fingerprint(*parts: str) -> str:
    return _digest("proposal", *parts)


def _digest(*parts: str) -> str:
    return sha256("\x00".join(parts).encode()).hexdigest()


_ALL_CLOCKS = tuple(CLOCKS.values())
_TRIAGE = "warn.triage"

PROPOSAL = Lifecycle(
    "proposal",
    states={
        "new": Label("待研判", "New"),
        "watched": Label("持续关注", "Watched"),
        "verified": Label("已核实", "Verified"),
        "closed": Label("已关闭", "Closed"),
    },
    transitions=(
        Transition(
            "verify", ("new", "watched"), "verified", _TRIAGE, Label("核实", "Verify"),
            reason=True, stops=_ALL_CLOCKS, primary=True,
        ),
        Transition("watch", ("new",), "watched", _TRIAGE, Label("关注", "Watch"), reason=True, stops=_ALL_CLOCKS),
        Transition(
            "close", ("new", "watched"), "closed", _TRIAGE, Label("关闭", "Close"), reason=True, stops=_ALL_CLOCKS
        ),
        # Only a run holds this ability: a watched proposal whose level rises comes back to the desk.
        Transition("raise_again", ("watched",), "new", "warn.raise", Label("升级再报", "Raised again")),
    ),
    done=frozenset({"verified", "closed"}),
)  # fmt: skip

EVENT = Lifecycle(
    "event",
    states={"verified": Label("已核实", "Verified"), "ended": Label("已结束", "Ended")},
    transitions=(Transition("end", ("verified",), "ended", "warn.publish", Label("结束", "End"), reason=True),),
    done=frozenset({"ended"}),
)

REASONS: Mapping[str, tuple[Label, ...]] = {
    "close": (
        Label("电话核实：散发，无聚集", "Called the site: sporadic, no cluster"),
        Label("补报或集中录入所致", "Caused by late or bulk entry"),
        Label("节假日就诊波动", "Holiday rhythm of visits"),
        Label("促销或备药，非疾病", "Sales offer or stocking up, not illness"),
    ),
    "watch": (
        Label("数量少，观察至明日", "Few reports; watch until tomorrow"),
        Label("等待核酸结果", "Waiting for PCR results"),
        Label("已请街道现场了解", "Street asked to look on site"),
    ),
    "verify": (
        Label("电话核实：确有聚集", "Called the site: a cluster is there"),
        Label("核酸阳性，复核一致", "PCR positive, confirmed on review"),
        Label("多渠道同时异常，需流调", "Several streams at once; needs investigation"),
    ),
}
"""What desks write most, for one-click triage; free text is always possible."""
