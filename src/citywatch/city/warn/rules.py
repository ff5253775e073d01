"""The dated rules of warning: what alarms, what counts as one episode, which level it deserves, and how it is worked.

Every rule says itself in both languages; pages print those words beside what the rule did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from citywatch.city.registry import reference
from citywatch.city.warn.types import By, Evidence, Level, SeriesKey, Step
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import Lifecycle, Transition

LEVELS: tuple[Level, ...] = ("blue", "yellow", "orange", "red")
CLOCKS: Mapping[Level, str] = {level: f"proposal-{level}" for level in LEVELS}
NOT_WATCHED = frozenset({"lab"})  # laboratory positives raise a red proposal on their own, entry by entry
HISTORY_DAYS = 45
HISTORY_WEEKS = 8 * 52
WEEKLY_STREAMS = ("card",)
BY_SITE = frozenset({"absence"})
"""Streams whose sites are watched and not their streets: a school is not a sample of the street it stands in."""
VIEWS: tuple[By, ...] = ("reporting", "home", "site", "district", "city")

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
    "absence": Label("因病缺课", "absence from school"),
    "visit": Label("居家随访", "home visits"),
    "lab": Label("实验室", "laboratory"),
}
LOOK_WORDS: Mapping[str, Label] = {
    "chance": Label("当晚全部序列中突出", "stands out among the whole night's series"),
    "persistence": Label("连日偏高", "stays high for days"),
    "company": Label("另一渠道同时异常", "another stream stands out too"),
    "rule": Label("达到固定标准", "reaches a fixed number"),
    "alarm": Label("方法自身报警", "the method's own alarm"),
}
"""What let an alarm through to the desk, by `Signal.look`."""
GROUND_WORDS: Mapping[str, Label] = {
    "street": Label("同一街道", "in the same street"),
    "neighbours": Label("相邻街道", "in neighbouring streets"),
    "market": Label("同一市场", "in one market"),
    "school": Label("同一学校", "in one school"),
    "district": Label("同一区", "in one district"),
    "desk": Label("值守人员合并", "merged by the desk"),
}
"""Why signals belong to one proposal, by `Proposal.grounds`."""
COVID = "covid-19"
_COVID_CODE = "0103"
HAZARD_WORDS: Mapping[str, Label] = {COVID: Label("新型冠状病毒", "COVID-19")}


@dataclass(frozen=True, slots=True)
class DetectorRule:
    """What an alarm needs beyond its own method before anyone is called: a number worth a person's time.

    EARS takes seven days' spread for the truth. Where a street sees one cough a day that spread is often far too small
    by luck, so an alarm counts only if it stands `least_excess` reports above the expected number and would be
    improbable under a Poisson rate known from the same days. How these figures were chosen: docs/science/detection.md.
    Which method watches what is in `detectors.DETECTORS`.
    """

    valid_from: date
    least_count: int = 3
    least_excess: float = 3.0
    chance: float = 0.05
    chance_c3: float = 0.10

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：当日（周）不足{self.least_count}例、"
            f"或超出期望值不足{self.least_excess:g}例的不作统计预警；"
            f"并要求该数在基线下偶然出现的概率不超过{self.chance:.0%}（EARS C3为{self.chance_c3:.0%}）。"
            "无人报告的日子不当作零。",
            f"From {self.valid_from}: no statistical signal below {self.least_count} reports or {self.least_excess:g} "
            f"above expected in the day (or week); and a chance of at most {self.chance:.0%} under the baseline "
            f"({self.chance_c3:.0%} for EARS C3). A day nobody reported is not a zero.",
        )


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """The two looks that stand between an alarm and the desk; together they are the desk's declared budget.

    A city asks thousands of series every night, and one in thousands is always unlikely. First look: among all series
    of one kind judged for that day, false discoveries are held to `share` (Benjamini-Hochberg), so a night without any
    outbreak calls the desk about as often as `share` says. Second look, for what is slow: an alarm on `days` of `span`
    days, with the sum over the span held to the same share. A weaker alarm is told only in company of another stream in
    its street, or in a neighbouring one when both together are improbable enough (`EpisodeRule`); of such streets the
    least likely come first, and there is room for `company` a day, whatever the size of the city.
    """

    valid_from: date
    share: Mapping[tuple[str, Step], float] = field(
        default_factory=lambda: {("street", "day"): 0.2, ("site", "day"): 0.2, ("district", "week"): 0.2}
    )
    days: int = 2
    span: int = 3
    company: int = 1

    def describe(self) -> Label:
        street, site, week = (self.share[k] for k in (("street", "day"), ("site", "day"), ("district", "week")))
        return Label(
            f"自{self.valid_from}起：每晚同类序列一并检验，误报占比控制在街道日序列{street:.0%}、点位日序列{site:.0%}、"
            f"区周序列{week:.0%}以内（按错误发现率控制）；{self.span}天内{self.days}天超限的，按{self.span}天合计再检验，两次检验平分该比例；"
            f"其余超限只有在同街道（或相邻街道）另一渠道同时异常时才提出，全市平均每天至多{self.company}个街道，最不可能偶然的优先。",
            f"From {self.valid_from}: all series of one kind are tested together each night and false discoveries held "
            f"to {street:.0%} (streets by day), {site:.0%} (sites by day), {week:.0%} (districts by week) "
            f"(Benjamini-Hochberg); what alarms on {self.days} of {self.span} days is tested again by its sum over "
            f"{self.span} days, half of the share for each look; any other alarm is told only when another stream in "
            "the same street, or a neighbouring one, stands out too, the least likely first and at most "
            f"{self.company} street a day.",
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
class SchoolRule:
    """So many children of one school with the same complaint within a week are a report whatever the past was.

    Numbers of the weekly school counts of Huzhou 2023 (influenza-like illness, norovirus, hand-foot-mouth disease,
    varicella, mumps, rubella, scarlet fever, measles); that fever stands for the first, vomiting or diarrhoea for the
    second and rash for varicella is assumed. A register of absences sees more than clinics do, and every cold of the
    winter: there `absent` alike in a week are enough, if that is improbable after the school's own four weeks before
    (our own; docs/science/scoring.md says how the two figures were chosen). One class with `class_day` alike in a day
    or `class_three_days` in three (a school's reporting chart in use), or with `class_week` of a complaint in a week
    (two of hand-foot-mouth disease in a class, Huzhou 2023), is enough by itself.
    """

    valid_from: date
    days: int = 7
    absent: int = 5
    chance: float = 0.01
    past_days: int = 28
    class_day: int = 3
    class_three_days: int = 5
    class_week: Mapping[str, int] = field(default_factory=lambda: {"rash": 2})
    at_least: Mapping[str, int] = field(
        default_factory=lambda: {
            "fever": 10, "diarrhoea": 10, "vomiting": 10, "rash": 5,
            "1000": 2, "1400": 10, "3500": 10, "3600": 5, "3700": 5, "3900": 10, "4000": 5,
        }
    )  # fmt: skip

    def threshold(self, syndrome: str) -> float:
        """Reports within `days` days that are one too many; infinite where the rule is silent.

        >>> SchoolRule(date(2020, 1, 1)).threshold("4000")
        5
        """
        return self.at_least.get(syndrome, float("inf"))

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：同一学校{self.days}天内流感样发热、呕吐或腹泻各达10例，手足口病、水痘样皮疹、腮腺炎、风疹各达5例，"
            f"猩红热10例，麻疹2例，即为黄色；因病缺课登记中发热、呕吐、腹泻或皮疹{self.days}天内达{self.absent}例，"
            f"且在本校前四周水平下偶然出现的概率不超过{self.chance:.0%}，或同一班级同类症状1天内{self.class_day}例、"
            f"3天内{self.class_three_days}例、皮疹{self.days}天内{self.class_week['rash']}例，亦为黄色。",
            f"From {self.valid_from}: one school with 10 fevers, vomiting or diarrhoea, 5 of hand-foot-mouth disease, "
            f"rash, mumps or rubella, 10 of scarlet fever or 2 of measles within {self.days} days is yellow. So are "
            f"{self.absent} pupils absent with fever, vomiting, diarrhoea or rash within {self.days} days where the "
            f"school's own four weeks before make that improbable ({self.chance:.0%}), and one class with "
            f"{self.class_day} alike in a day, {self.class_three_days} in three days, or {self.class_week['rash']} "
            f"rashes in {self.days} days.",
        )


@dataclass(frozen=True, slots=True)
class EpisodeRule:
    """What belongs together: alarms of one series, signals of one street and its neighbours, positives of one outbreak.

    Across streets only another stream is a new witness, and only when all witnesses together would be improbable
    (`linked_chance`, by Fisher's method with Brown's correction for streams that rise together by `correlation`).
    """

    valid_from: date
    gap_days: int = 3
    fresh_days: int = 3
    fusion_hours: int = 72
    red_gap_days: int = 14
    worse_by: float = 2.0
    muted_days: int = 7
    neighbour_km: float = 6.0
    linked_chance: float = 0.001
    correlation: float = 0.2

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：同一序列{self.gap_days}天内的连续预警为同一信号；同一街道{self.fusion_hours}小时内的信号"
            f"合并为一个预警提议；相邻街道（{self.neighbour_km:g}公里内）或同一学校、市场的不同渠道，合并后偶然概率不超过{self.linked_chance:g}的"
            f"并入同一提议；同一病种阳性间隔不超过{self.red_gap_days}天为同一起；已关闭的提议静默{self.muted_days}天，出现新的监测渠道"
            f"或强度达到{self.worse_by:g}倍时重新提出。",
            f"From {self.valid_from}: alarms of one series within {self.gap_days} days are one signal; signals of one "
            f"street within {self.fusion_hours} h become one proposal; different streams of neighbouring streets "
            f"(within {self.neighbour_km:g} km), or of one school or market, join it when their combined chance is at "
            f"most {self.linked_chance:g}; positives of one hazard at most {self.red_gap_days} days apart are one "
            f"episode; a closed proposal is silent for {self.muted_days} days unless a new stream or "
            f"{self.worse_by:g} times the strength raises a new one.",
        )


@dataclass(frozen=True, slots=True)
class LevelRule:
    """Which level the evidence deserves."""

    valid_from: date
    yellow_streams: int = 2
    red_positives: int = 2

    def level(self, evidence: Evidence) -> Level:
        """The highest level the evidence reaches.

        >>> LevelRule(date(2020, 1, 1)).level(Evidence(streams=frozenset({"symptom", "pharmacy"})))
        'yellow'
        """
        if evidence.positives and (evidence.class_a or evidence.positives >= self.red_positives):
            return "red"
        if evidence.single_cases or evidence.positives:
            return "orange"
        if evidence.schools or len(evidence.streams) >= self.yellow_streams:
            return "yellow"
        return "blue"

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：蓝色，一个统计信号；黄色，同一街道72小时内{self.yellow_streams}个监测渠道，或达到学校聚集标准；"
            f"橙色，甲类管理传染病报告卡，或其他病种核酸阳性1例；红色，甲类管理病种核酸阳性，或相关联的阳性{self.red_positives}例及以上。",
            f"From {self.valid_from}: blue, one statistical signal; yellow, {self.yellow_streams} streams in one "
            "street within 72 h, or a school over its threshold; orange, a report card of a disease managed as class "
            "A, or one laboratory positive for another; red, a laboratory positive for a disease managed as class A, "
            f"or {self.red_positives} linked positives for any.",
        )


@dataclass(frozen=True, slots=True)
class LateRule:
    """What happens to a proposal nobody answers: it goes up to those who can make somebody answer.

    The level stays what the evidence says; a breached limit is no evidence.
    """

    valid_from: date
    page: Mapping[Level, str] = field(
        default_factory=lambda: {"blue": "city", "yellow": "city", "orange": "city", "red": "commander"}
    )

    def describe(self) -> Label:
        return Label(
            f"自{self.valid_from}起：超过研判时限未答复的提议自动上报市级值班；红色上报指挥长。级别不因超时而改变。",
            f"From {self.valid_from}: a proposal not answered within its limit goes up to the city's duty desk, a red "
            "one to the commander. Its level does not change because it is late.",
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force from one day on."""

    valid_from: date
    detector: DetectorRule
    budget: BudgetRule
    single_case: SingleCaseRule
    school: SchoolRule
    episode: EpisodeRule
    level: LevelRule
    late: LateRule

    def describe(self) -> tuple[Label, ...]:
        parts = (
            self.detector, self.budget, self.single_case, self.school, self.episode, self.level, self.late,
        )  # fmt: skip
        return tuple(part.describe() for part in parts)


_FIRST = date(2020, 1, 1)
RULES: tuple[Rules, ...] = (
    Rules(
        _FIRST, DetectorRule(_FIRST), BudgetRule(_FIRST), SingleCaseRule(_FIRST), SchoolRule(_FIRST),
        EpisodeRule(_FIRST), LevelRule(_FIRST), LateRule(_FIRST),
    ),
)  # fmt: skip
"""Oldest first. A change is a new row with its day; the old one stays, so a past run can be repeated."""


def rules_on(day: date) -> Rules:
    """The rules in force on a day (before the first, the first)."""
    return next((rules for rules in reversed(RULES) if rules.valid_from <= day), RULES[0])


def single_case_diseases(on: date) -> frozenset[str]:
    """Codes of class A diseases and those managed as class A on a day."""
    listed = reference.diseases(on, subtypes=True)
    return frozenset(disease.code for disease in listed if "甲" in {disease.legal_class, disease.managed_as})


def managed_as_a(hazard: str, on: date) -> bool:
    """Whether a hazard is of class A, or managed as such, on a day.

    >>> managed_as_a(COVID, date(2020, 6, 11)), managed_as_a(COVID, date(2023, 6, 11))
    (True, False)
    """
    return (_COVID_CODE if hazard == COVID else hazard) in single_case_diseases(on)


def rank(level: str) -> int:
    """0 for blue to 3 for red."""
    return LEVELS.index(level)


def higher(one: Level, other: Level) -> Level:
    return max(one, other, key=rank)


def signal_fingerprint(family: str, key: SeriesKey, place_code: str, first_day: date) -> str:
    """The same claim tomorrow has the same fingerprint: it is made of codes that survive a rebuilt database."""
    return _digest("signal", family, key.stream, key.syndrome, place_code, key.by, first_day.isoformat())


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
        "joined": Label("已并入", "Joined to another"),
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
        # Only a run holds the ability of these two. Evidence from two streets turned out to be one thing:
        Transition(
            "join", ("new", "watched"), "joined", "warn.raise", Label("并入相邻提议", "Joined to a neighbour's"),
            stops=_ALL_CLOCKS,
        ),
        # A watched proposal whose level rises comes back to the desk:
        Transition("raise_again", ("watched",), "new", "warn.raise", Label("升级再报", "Raised again")),
        # The desk itself finds two to be one thing, or takes an answer back (`triage` says who may, and how long):
        Transition(
            "merge", ("new", "watched"), "joined", _TRIAGE, Label("合并", "Merge"), reason=True, stops=_ALL_CLOCKS,
            offered=False,
        ),
        Transition(
            "raise_merged", ("watched",), "new", _TRIAGE, Label("合并后升级再报", "Raised again by merging"),
            offered=False,
        ),
        Transition("reopen", ("closed", "watched", "joined"), "new", _TRIAGE, Label("撤销", "Undo"), offered=False),
        Transition("rewatch", ("closed", "joined", "new"), "watched", _TRIAGE, Label("撤销", "Undo"), offered=False),
    ),
    done=frozenset({"verified", "closed", "joined"}),
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
    "merge": (
        Label("同一起事件", "One and the same event"),
        Label("同一场所的不同来源", "Several streams of one place"),
    ),
    "verify": (
        Label("电话核实：确有聚集", "Called the site: a cluster is there"),
        Label("核酸阳性，复核一致", "PCR positive, confirmed on review"),
        Label("多渠道同时异常，需流调", "Several streams at once; needs investigation"),
    ),
}
"""What desks write most, for one-click triage; free text is always possible."""
