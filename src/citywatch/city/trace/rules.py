"""The dated rules of tracing: windows before and after onset, classification, grounds, and the words for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.types import ClockRule
from citywatch.science.contacts import Ground

COVID = "covid-19"
"""What the laboratory's PCR looks for in this version; a positive result is a case of it."""
COVID_CARDS = frozenset({"0103"})
"""The report card's codes of that disease (ours, assumed: the public code list is older)."""

MERS = "mers"

HAZARDS: Mapping[str, Label] = {
    COVID: Label("新冠肺炎", "COVID-19"),
    MERS: Label("中东呼吸综合征", "MERS"),
}

CLOCKS = (
    ClockRule(
        "contact-handover",
        timedelta(hours=2),
        Label("移交接收时限", "Answer to a contact handed over"),
        "design: a sixth of the twelve hours in which a close contact must be moved (assumed)",
    ),
    ClockRule(
        "case-handover",
        timedelta(hours=12),
        Label("病例移交接收时限", "Answer to a case handed over"),
        "design: half of the day in which the first full report is due (assumed)",
    ),
)

EPISODE_DAYS = 14
"""A positive that comes this long after the last case of its hazard begins a new episode, and the source clock anew."""

VISITED = ("listed", "notified")
"""The states in which a contact is still at home, and looked in on there."""
LOST_AFTER = 2
"""Visits in a row without reaching somebody, after which the street and the district are told (assumed)."""

SAME_ILLNESS_DAYS = 90
"""A positive this long after a person's case is a new illness, not the old one (the usual definition of a suspected
reinfection; assumed here)."""


@dataclass(frozen=True, slots=True)
class WindowRule:
    """How far back to look: for the source before onset, for contacts before onset.

    Without onset (never ill) the day of the first positive sample stands for it.
    """

    exposure_days: int
    look_back_days: int
    valid_from: date
    source: str
    assumed: bool = False

    def describe(self, look_back_days: int | None = None) -> Label:
        back = self.look_back_days if look_back_days is None else look_back_days
        return Label(
            f"暴露期：发病（或采样）前{self.exposure_days}天；传染期：发病（或采样）前{back}天起至隔离。",
            f"Exposure: the {self.exposure_days} days before onset (or sampling). Infectious: from {back} days before "
            "onset (or sampling) until isolation.",
        )


WINDOW_RULES = (
    WindowRule(14, 2, date(2020, 1, 1), "national control plan in force in June 2020; close contact guideline"),
    WindowRule(14, 4, date(2021, 5, 14), "national control plan, 8th edition, from memory", assumed=True),
    WindowRule(14, 2, date(2022, 6, 28), "national control plan, 9th edition, from memory", assumed=True),
)


def window_rule(on: date) -> WindowRule:
    """The rule in force on a day.

    >>> window_rule(date(2020, 6, 11)).look_back_days, window_rule(date(2021, 8, 1)).look_back_days
    (2, 4)
    """
    return max((rule for rule in WINDOW_RULES if rule.valid_from <= on), key=lambda rule: rule.valid_from)


def reference_day(onset: date | None, sampled: date | None) -> date | None:
    """The day the windows hang on: onset, or sampling in those who never fell ill."""
    return onset or sampled


def exposure_span(reference: date, rule: WindowRule) -> tuple[datetime, datetime]:
    """From when until when (excluded) a case was infected.

    It ends as the day of onset begins: nobody falls ill on the day of infection, and a window that ran on would point
    at the clinic where they were tested.

    >>> [one.date().isoformat() for one in exposure_span(date(2020, 6, 11), WINDOW_RULES[0])]
    ['2020-05-27', '2020-06-10']
    """
    return start_of(reference - timedelta(days=rule.exposure_days)), start_of(reference)


def infectious_from(reference: date, look_back_days: int) -> datetime:
    """The first instant at which meeting the case makes a contact."""
    return start_of(reference - timedelta(days=look_back_days))


def judged_kind(
    told: str,
    *,
    last_at: datetime,
    since: datetime | None,
    first_at: datetime | None = None,
    until: datetime | None = None,
) -> str:
    """What a contact told as `told` counts as: general when every meeting was outside the days the case could infect.

    Those run from `since` to `until`, the case's isolation. Without a reference day nobody is ruled out as too early,
    without isolation nobody as too late.
    """
    if told != "close":
        return told
    too_early = since is not None and last_at < since
    too_late = until is not None and first_at is not None and first_at >= until
    return "general" if too_early or too_late else told


def classify(*, positive: bool, symptoms: bool, linked: bool = False) -> str:
    """A case's classification from what is known.

    A positive result with symptoms confirms; a positive without is asymptomatic (counted apart in 2020); symptoms with
    a link to a case make a suspected one, symptoms alone a clinical one.

    >>> classify(positive=True, symptoms=False)
    'asymptomatic'
    """
    if positive:
        return "confirmed" if symptoms else "asymptomatic"
    return "suspected" if linked else "clinical"


CLASSIFICATIONS: Mapping[str, Label] = {
    "suspected": Label("疑似病例", "Suspected"),
    "clinical": Label("临床诊断病例", "Clinical"),
    "confirmed": Label("确诊病例", "Confirmed"),
    "asymptomatic": Label("无症状感染者", "Asymptomatic"),
}

OUTCOMES: Mapping[str, Label] = {
    "alive": Label("存活", "Alive"),
    "discharged": Label("出院", "Discharged"),
    "dead": Label("死亡", "Dead"),
}

KINDS: Mapping[str, Label] = {
    "close": Label("密接", "Close contact"),
    "second": Label("次密接", "Contact of a contact"),
    "general": Label("一般接触", "General contact"),
}

DEFINITIONS: Mapping[str, Label] = {
    "close": Label(
        "从病例出现症状前2天（无症状感染者为采样前2天）起，未采取有效防护与其有近距离接触的人员。",
        "Anyone near a case without effective protection from two days before onset (or before sampling, in those "
        "without symptoms).",
    ),
    "second": Label(
        "自密接与病例首次接触起至密接被隔离前，与密接共同生活、工作、聚餐等近距离接触的人员。",
        "Anyone who lived, worked or dined with a close contact between that contact's first meeting with the case and "
        "their isolation.",
    ),
    "general": Label(
        "与病例同乘交通工具或到过同一场所，但不符合密接判定的人员。",
        "Anyone who shared transport or a place with the case without meeting the definition of a close contact.",
    ),
}


@dataclass(frozen=True, slots=True)
class GroundRule:
    """Why someone is a contact: one of the nine grounds. `also` are words that reports use for it."""

    code: str
    label: Label
    also: tuple[str, ...] = ()


GROUNDS = (
    GroundRule(
        Ground.HOUSEHOLD,
        Label("共同生活", "Lives in the same home"),
        ("home", "family", "spouse", "parent", "child", "roommate", "家人", "夫妻", "配偶", "父母", "子女", "室友"),
    ),
    GroundRule(
        Ground.CARE,
        Label("诊治、照护或探视护理", "Cared for or treated the case"),
        ("carer", "nurse", "doctor", "护工", "医生", "护士"),
    ),
    GroundRule(Ground.AEROSOL, Label("可能产生气溶胶的诊疗操作", "Aerosol-producing procedure")),
    GroundRule(
        Ground.SAME_ROOM,
        Label("同办公室、车间、班级、电梯、食堂", "Same office, workshop, class, lift or canteen"),
        ("colleague", "classmate", "同事", "同学"),
    ),
    GroundRule(
        Ground.CLOSED_VENUE,
        Label("密闭场所共餐、娱乐", "Dined or spent leisure in a closed space"),
        ("dining", "friend", "聚餐", "同餐", "朋友"),
    ),
    GroundRule(Ground.VISIT, Label("探视病例", "Visited the case"), ("visitor", "探视", "探病")),
    GroundRule(
        Ground.TRANSPORT,
        Label("同乘交通工具（1米内）", "Within one metre in the same transport"),
        ("passenger", "同车", "同乘"),
    ),
    GroundRule(
        Ground.ENVIRONMENT, Label("暴露于可能被污染的环境", "Exposed to an environment the case may have contaminated")
    ),
    GroundRule(Ground.JUDGEMENT, Label("现场调查人员判定", "Investigator's judgement"), ("judged", "other", "其他")),
)
"""National guideline, nine grounds (domain notes 2.8)."""

_GROUND_OF = {word: ground for ground in GROUNDS for word in (str(ground.code), *ground.also)}


def ground(word: str) -> GroundRule:
    """The ground behind a code or a word that reports use for it.

    >>> ground("dining").code
    <Ground.CLOSED_VENUE: 'closed_venue'>
    """
    found = _GROUND_OF.get(word)
    if found is None:
        known = ", ".join(str(one.code) for one in GROUNDS)
        raise Refusal(
            f"{word!r} is not a ground of contact; use one of {known}.",
            zh=f"“{word}”不是密接判定依据；可用：{'、'.join(one.label.zh for one in GROUNDS)}。",
        )
    return found


EXPOSURES: Mapping[str, Label] = {
    "hospital_room": Label("同病房", "Hospital room"),
    "emergency_room": Label("急诊室", "Emergency room"),
    "hospital_visit": Label("探视医院", "Hospital visit"),
    "healthcare_worker": Label("医务人员接触", "Contact with a health worker"),
    "family": Label("家庭成员", "Family member"),
}
"""How one case was exposed to another, as line lists of outbreaks tell it."""


@dataclass(frozen=True, slots=True)
class SourceRule:
    """Where a line of a timeline comes from and how far to trust it."""

    label: Label
    certainty: str


CERTAINTIES: Mapping[str, Label] = {
    "told": Label("自述", "Told"),
    "captured": Label("采集", "Captured"),
    "confirmed": Label("自述与采集一致", "Told and captured"),
    "recorded": Label("登记", "Recorded"),
    "denied": Label("本人否认", "Denied"),
}
"""How a line is known: told from memory (a case recalls about 85 % of stays, assumed), captured by a scan (about 70 %
of visits, assumed; a phone may be carried by somebody else), both, or recorded by an institution that saw them."""

SOURCES: Mapping[str, SourceRule] = {
    "interview": SourceRule(Label("流调访谈", "Interview"), "told"),
    "record": SourceRule(Label("访谈确认的到访记录", "Visit confirmed in the interview"), "confirmed"),
    "visit": SourceRule(Label("扫码到访", "Scanned visit"), "captured"),
    "pharmacy": SourceRule(Label("四类药品登记", "Pharmacy register"), "recorded"),
    "symptom": SourceRule(Label("基层症状登记", "Symptom register"), "recorded"),
    "fever": SourceRule(Label("发热门诊", "Fever clinic"), "recorded"),
    "card": SourceRule(Label("传染病报告卡", "Report card"), "recorded"),
    "sample": SourceRule(Label("采样", "Sampling"), "recorded"),
    "result": SourceRule(Label("检测结果", "Laboratory result"), "recorded"),
}
"""The sources of a timeline, each with the certainty it gives."""

CONFLICT_MINUTES = 15
"""A stay told and a visit captured contradict each other when they overlap so long at places that do not contain each
other (assumed: less may be a clock that runs fast)."""

SAID: Mapping[str, Label] = {
    "confirmed": Label("属实", "I was there"),
    "corrected": Label("时间有误", "At other times"),
    "denied": Label("不在场", "I was not there"),
}
"""What a case may say to a captured visit."""

DIRECTIONS: Mapping[str, Label] = {
    "backward": Label("溯源：在哪里感染", "Backward: where were they infected"),
    "forward": Label("追踪：可能在哪里传给他人", "Forward: where may they have spread it"),
}
"""The two ways to ask about a place that cases share."""


def known_direction(word: str) -> str:
    """The direction a page or program asked for, or a refusal.

    >>> known_direction("forward")
    'forward'
    """
    if word not in DIRECTIONS:
        raise Refusal(f"{word!r} is not a direction; use {' or '.join(DIRECTIONS)}.", zh="请选择溯源或追踪。")
    return word


@dataclass(frozen=True, slots=True)
class StatusRule:
    """What being where a case was means for a person's exposure status, and for how many days it counts.

    A level is that of a day; a status is the highest level of the last `days` days.
    """

    minutes: int
    linger: int
    days: int
    valid_from: date
    source: str
    assumed: bool = False

    def describe(self) -> Label:
        return Label(
            f"近{self.days}天内，与传染期病例同处一地满{self.minutes}分钟者为“同处”；"
            f"不足{self.minutes}分钟，或在其离开后{self.linger}分钟内到过者为“短暂或随后”。"
            + ("（阈值为假定）" if self.assumed else ""),
            f"Within the last {self.days} days: together with a case that could infect for {self.minutes} minutes or "
            f"longer is “together”; shorter, or there up to {self.linger} minutes after it had gone, is “briefly or "
            "after”." + (" (These thresholds are assumed.)" if self.assumed else ""),
        )


STATUS_RULES = (
    StatusRule(
        10,
        60,
        14,
        date(2020, 1, 1),
        "ten minutes and fourteen days as in the companion rule (时空伴随) announced by Chengdu in November 2021, from "
        "memory; the hour after is ours",
        assumed=True,
    ),
)

STATUSES: Mapping[int, Label] = {
    3: Label("病例", "Case"),
    2: Label("同处", "Together"),
    1: Label("短暂或随后", "Briefly or after"),
}
"""The exposure levels of `eventlog.expressions.day_levels`, the gravest first."""


def status_rule(on: date) -> StatusRule:
    """The rule in force on a day.

    >>> status_rule(date(2020, 6, 11)).minutes
    10
    """
    return max((rule for rule in STATUS_RULES if rule.valid_from <= on), key=lambda rule: rule.valid_from)


LEAST_MINUTES = 10
"""Time together from which somebody captured beside a case is offered as a contact (assumed)."""
MOST_CANDIDATES = 60

RING_MINUTES, RING_LARGEST, RING_DAYS = 60, 40, 7
"""The second ring's thresholds: an hour together, places of at most so many people, the last days before isolation.
Without any the ring is 93 % of a city of 21.9 million (measured), and a list of everybody is no list (assumed)."""
