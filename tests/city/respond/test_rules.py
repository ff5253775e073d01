"""What the facts suggest, who decides, and what has to hold before a level comes down."""

from datetime import date

import pytest

from citywatch.city.respond import rules
from citywatch.city.respond.types import LevelFacts

DAY = date(2020, 6, 11)


@pytest.mark.parametrize(
    ("level", "facts"),
    [
        ("", LevelFacts()),
        ("IV", LevelFacts(confirmed=1, districts=1)),
        ("IV", LevelFacts(confirmed=5, districts=1)),
        ("III", LevelFacts(confirmed=2, districts=1, linked=2)),
        ("III", LevelFacts(confirmed=2, districts=2)),
        ("III", LevelFacts(confirmed=12, districts=2, linked=12)),
        ("III", LevelFacts(confirmed=9, districts=2, linked=9, risk_points=1)),
        ("II", LevelFacts(confirmed=10, districts=1, linked=2, risk_points=1)),
        ("II", LevelFacts(confirmed=3, districts=3, risk_points=1)),
    ],
)
def test_the_gravest_rule_that_holds_is_proposed(level, facts):
    rule = rules.proposed_rule(facts, on=DAY)

    assert (rule.level if rule else "") == level


def test_no_rule_ever_proposes_level_one():
    everything = LevelFacts(confirmed=10_000, districts=16, linked=10_000, risk_points=50)

    assert rules.proposed_rule(everything, on=DAY).level == "II"


def test_no_rule_applies_before_its_first_day():
    assert rules.proposed_rule(LevelFacts(confirmed=10, districts=5, linked=9), on=date(2019, 12, 31)) is None


@pytest.mark.parametrize("rule", rules.LEVEL_RULES, ids=lambda rule: rule.level)
def test_every_rule_prints_itself_with_date_and_source_in_both_languages(rule):
    words = rule.describe()

    assert "2020-01-01" in words.zh
    assert "assumed" in words.en
    assert words.zh.startswith(f"{rule.level}级")


def test_a_municipality_decides_level_two_itself():
    assert "直辖市即市政府" in rules.package("II", on=DAY).decider_zh
    assert "State Council" in rules.package("I", on=DAY).decider_en


def test_city_bodies_get_one_order_and_every_district_its_own():
    orders = rules.package_orders("III", on=DAY, city_desk="110000", district_codes=["110106", "110102"])

    places = {order.recipient: set() for order in orders}
    for order in orders:
        places[order.recipient].add(order.place_code)
    assert places["city_cdc"] == {"110000"}
    assert places["district_team"] == {"110106", "110102"}


def grounds(last, on):
    return {g.code: g.met for g in rules.lowering_grounds(LevelFacts(last_confirmed_on=last), on=on)}


def test_thirteen_days_without_a_case_do_not_lower_the_level_and_fourteen_do():
    last = date(2020, 7, 5)

    assert grounds(last, date(2020, 7, 18))["lowering-14"] is False
    assert grounds(last, date(2020, 7, 19))["lowering-14"] is True


def test_what_the_records_cannot_tell_must_be_attested():
    found = rules.lowering_grounds(LevelFacts(last_confirmed_on=date(2020, 7, 5)), on=date(2020, 7, 20))

    assert [g.met for g in found] == [True, None, None, None]
    assert [g.code for g in rules.unmet(found, attested=["lowering-16"])] == ["lowering-19", "lowering-29"]
    assert rules.unmet(found, attested=["lowering-16", "lowering-19", "lowering-29"]) == []


def test_nobody_can_attest_away_what_the_records_contradict():
    found = rules.lowering_grounds(LevelFacts(last_confirmed_on=date(2020, 7, 15)), on=date(2020, 7, 20))

    assert [g.code for g in rules.unmet(found, attested=[g.code for g in found])] == ["lowering-14"]
