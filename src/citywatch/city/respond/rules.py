"""Dated rules of command: which level the facts suggest, who decides it, what lowers it, whose place an order goes to.

A rule proposes; a person decides. Every rule prints itself on the page that uses it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from citywatch.city.registry import reference
from citywatch.city.respond.types import Ground, LevelFacts, OrderText
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.types import ClockRule

_DESIGN = Label(
    "依据：突发公共卫生事件应急预案四级划分，数值为本系统暂定",
    "design: the four grades of the public-health emergency plan, their numbers our own (assumed)",
)

CLOCKS = (
    ClockRule(
        "order-receipt",
        timedelta(minutes=30),
        Label("指令签收时限", "Receipt of an order"),
        "design: an order unanswered for half an hour is telephoned (assumed)",
    ),
    ClockRule(
        "order-done",
        timedelta(hours=24),
        Label("指令办结时限", "Completion of an order"),
        "the deadline of each order; 24 h only where an order names none (assumed)",
    ),
)


@dataclass(frozen=True, slots=True)
class LevelRule:
    """A level and the least facts that suggest it: any of the `ways` with all of its numbers reached."""

    level: str
    ways: tuple[LevelFacts, ...]
    label: Label
    source: Label = _DESIGN
    valid_from: date = date(2020, 1, 1)
    valid_to: date | None = None

    def holds(self, facts: LevelFacts) -> bool:
        return any(_reaches(facts, way) for way in self.ways)

    def describe(self) -> Label:
        """The rule as its page prints it, with its date and source."""
        until = f"至{self.valid_to}" if self.valid_to else "起"
        until_en = f" to {self.valid_to}" if self.valid_to else ""
        return Label(
            f"{self.level}级：{self.label.zh}（规则自{self.valid_from}{until}有效；{self.source.zh}）",
            f"Level {self.level}: {self.label.en} (rule in force from {self.valid_from}{until_en}; {self.source.en})",
        )


LEVEL_RULES = (
    LevelRule(
        "II",
        (
            LevelFacts(confirmed=10, linked=2, risk_points=1),
            LevelFacts(confirmed=3, districts=3, risk_points=1),
        ),
        Label(
            "共同来源引起社区传播：风险点位已发布，且病例10例及以上（其中2例以上有关联），或波及3个及以上区",
            "community spread from a shared source: a risk point is published, and 10 or more cases (2 or more of them"
            " linked) or 3 or more districts",
        ),
    ),
    LevelRule(
        "III",
        (LevelFacts(confirmed=2, linked=2), LevelFacts(confirmed=2, districts=2)),
        Label(
            "聚集性疫情：2例及以上有共同暴露场所的病例，或波及2个及以上区",
            "a cluster: 2 or more cases who shared a place, or cases in 2 or more districts",
        ),
    ),
    LevelRule(
        "IV",
        (LevelFacts(confirmed=1),),
        Label("1个区内报告病例，正在流调", "a confirmed case under investigation in one district"),
    ),
)
"""Gravest first. Level I is no rule of ours: the State Council leads it, and no machine of a city proposes it."""

LEVEL_I = Label(
    "I级：疫情超出本市处置能力或跨省扩散，由国务院领导决定；规则不提议。",
    "Level I: beyond what the city can handle or across provinces; the State Council leads, and no rule proposes it.",
)


def level_rules(on: date) -> tuple[LevelRule, ...]:
    """The rules in force on a day, gravest first."""
    return tuple(
        rule for rule in LEVEL_RULES if rule.valid_from <= on and (rule.valid_to is None or on <= rule.valid_to)
    )


def proposed_rule(facts: LevelFacts, *, on: date) -> LevelRule | None:
    """The gravest rule that holds, or None while nothing is confirmed.

    >>> proposed_rule(LevelFacts(confirmed=3, districts=1, linked=3), on=date(2020, 6, 11)).level
    'III'
    """
    return next((rule for rule in level_rules(on) if rule.holds(facts)), None)


def package(level: str, *, on: date) -> reference.ResponsePackage:
    """A level's name, decider and default orders. Raises ValueError for a level that does not exist."""
    for one in reference.response_packages(on):
        if one.level == level:
            return one
    raise ValueError(f"level is {level!r}; it must be I, II, III or IV.")


def rank(level: str) -> int:
    """1 is the gravest; no level at all ranks below IV.

    >>> rank("II"), rank("")
    (2, 5)
    """
    return ("I", "II", "III", "IV", "").index(level) + 1


def is_lowering(old: str, new: str) -> bool:
    return bool(old) and rank(new) > rank(old)


def lowering_grounds(facts: LevelFacts, *, on: date) -> tuple[Ground, ...]:
    """The grounds Beijing stated for lowering on 20 July 2020, each with what the records say on a day.

    Our records know confirmed cases only. No confirmed case at all for so many days also means none in the community
    and no cluster; otherwise, and always for cases exported to other cities, a person has to attest the ground.
    """
    since = facts.last_confirmed_on
    passed = (on - since).days if since else None
    return tuple(_ground(clock, since, passed) for clock in reference.clocks(on) if clock.code.startswith("lowering-"))


def unmet(grounds: Sequence[Ground], *, attested: Collection[str]) -> list[Ground]:
    """The grounds that still forbid a lowering: contradicted by the records, or neither known nor attested."""
    return [ground for ground in grounds if ground.met is False or (ground.met is None and ground.code not in attested)]


def _ground(clock: reference.Clock, since: date | None, passed: int | None) -> Ground:
    days = clock.limit.days
    met: bool | None = None
    if clock.code == "lowering-14":
        met = passed is None or passed >= days
    elif clock.code != "lowering-29" and (passed is None or passed >= days):
        met = True
    return Ground(clock.code, Label(clock.name_zh, clock.name_en), days, clock.source, since, passed, met)


CITY_WIDE = frozenset({"city_cdc", "press_office"})
"""Recipients that sit at the city; every other order goes to the districts concerned, which sign for it."""

_NO_RECIPIENT = Label("其他单位", "Another body")


def recipient_name(code: str) -> Label:
    return next((Label(c.name_zh, c.name_en) for c in reference.response_recipients() if c.code == code), _NO_RECIPIENT)


def package_orders(level: str, *, on: date, city_desk: str, district_codes: Sequence[str]) -> list[OrderText]:
    """The level's default orders, one for each place that must sign it; `city_desk` signs the city's own."""
    made = []
    for order in package(level, on=on).orders:
        places = [city_desk] if order.recipient in CITY_WIDE else list(district_codes)
        made += [
            OrderText(order.recipient, place, Label(order.text_zh, order.text_en), order.within, f"level {level}")
            for place in places
        ]
    return made


@dataclass(frozen=True, slots=True)
class RiskPointOrder:
    """What a published risk point asks of one recipient; `{zh}` and `{en}` stand for the place's name."""

    recipient: str
    at_the_place: bool
    within: timedelta
    text: Label


RISK_POINT_ORDERS = (
    RiskPointOrder(
        "site_operator",
        True,
        timedelta(hours=2),
        Label(
            "立即关闭“{zh}”，人员只进不出，保留现场。",
            "Close {en} at once, let nobody leave unregistered and leave it as it is.",
        ),
    ),
    RiskPointOrder(
        "market_regulator",
        False,
        timedelta(hours=6),
        Label(
            "封存“{zh}”同批次商品，停止出货并追查流向。",
            "Seal goods of the same batch from {en}, stop deliveries and trace where they went.",
        ),
    ),
    RiskPointOrder(
        "district_team",
        False,
        timedelta(hours=6),
        Label("对“{zh}”环境和从业人员采样送检。", "Swab the surfaces and the staff of {en} and send the samples in."),
    ),
    RiskPointOrder(
        "police_data_cell",
        False,
        timedelta(hours=12),
        Label(
            "通知近14天到访“{zh}”的人员登记并检测。",
            "Invite everyone who visited {en} in the last 14 days to register and be tested.",
        ),
    ),
)
"""After what Beijing did between 11 and 13 June 2020 (domain notes on Xinfadi); wording and limits our own, assumed."""


def risk_point_orders(*, place_code: str, district_code: str, name: Label) -> list[OrderText]:
    """The four orders of a published risk point: close, seal the batch, swab, invite the visitors.

    >>> orders = risk_point_orders(place_code="1-M01", district_code="1", name=Label("市场", "the market"))
    >>> [order.recipient for order in orders]
    ['site_operator', 'market_regulator', 'district_team', 'police_data_cell']
    """
    return [
        OrderText(
            order.recipient,
            place_code if order.at_the_place else district_code,
            Label(order.text.zh.format(zh=name.zh), order.text.en.format(en=name.en)),
            order.within,
            f"risk point {place_code}",
        )
        for order in RISK_POINT_ORDERS
    ]


def _reaches(facts: LevelFacts, least: LevelFacts) -> bool:
    return (
        facts.confirmed >= least.confirmed
        and facts.districts >= least.districts
        and facts.linked >= least.linked
        and facts.risk_points >= least.risk_points
    )
