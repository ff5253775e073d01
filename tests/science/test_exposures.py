"""Which dish it was."""

import csv
from math import inf, isfinite, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact as scipy_fisher
from statsmodels.stats.contingency_tables import StratifiedTable
from tests.shared import SHARED, needs_shared

from citywatch.science.exposures import (
    TwoByTwo,
    attack_rates,
    fisher_exact,
    mantel_haenszel_odds_ratio,
    mantel_haenszel_risk_ratio,
    mantel_haenszel_score,
    odds_ratio,
    rank_exposures,
    risk_ratio,
    two_by_two,
)

CELL = st.integers(0, 40)
FULL = st.integers(1, 40)


def _rows(*path):
    with SHARED.joinpath(*path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def people(*groups):
    """Answers from (number of people, ill, {exposure: answer}) groups."""
    ill = [sick for n, sick, _ in groups for _ in range(n)]
    names = groups[0][2]
    return ill, {name: [met[name] for n, _, met in groups for _ in range(n)] for name in names}


@needs_shared
def test_at_the_church_supper_it_was_the_vanilla_ice_cream():
    rows = _rows("data", "source_tracing", "oswego_1940_linelist.csv")
    dishes = list(rows[0])[7:]
    findings = rank_exposures(
        [row["ill"] == "Y" for row in rows],
        {
            d: np.ma.array([row[d] == "Y" for row in rows], mask=[row[d] not in "YN" or not row[d] for row in rows])
            for d in dishes
        },
    )
    first = findings[0]
    assert first.exposure == "vanilla_ice_cream"
    assert first.table == TwoByTwo(43, 11, 3, 18)
    assert (round(first.risk_ratio.value, 3), round(first.risk_ratio.low, 2), round(first.risk_ratio.high, 2)) == (
        5.574,
        1.94,
        16.03,
    )
    assert [finding.rank for finding in findings] == list(range(1, 15))


@needs_shared
@pytest.mark.parametrize(
    "row", _rows("golden", "detection", "expected_exposure_2x2.csv") if SHARED else [], ids=lambda row: row["table_id"]
)
def test_rates_and_ratios_are_those_of_the_reference_program(row):
    cells = ("ill_exposed", "well_exposed", "ill_unexposed", "well_unexposed")
    table = TwoByTwo(*(int(row[name]) for name in cells))
    rr, odds = risk_ratio(table), odds_ratio(table)
    found = [*attack_rates(table), rr.value, rr.low, rr.high, odds.value, odds.low, odds.high, fisher_exact(table)]
    names = [
        "attack_rate_exposed",
        "attack_rate_unexposed",
        "rr_wald",
        "rr_lo",
        "rr_hi",
        "or_wald",
        "or_wald_lo",
        "or_wald_hi",
    ]
    for name, value in zip([*names, "p_fisher"], found, strict=True):
        reference = float(row[name] or "nan")
        assert value == pytest.approx(reference, rel=1e-6) if isfinite(reference) else not isfinite(value)


@given(CELL, CELL, CELL, CELL)
def test_the_exact_p_is_the_one_others_compute(a, b, c, d):
    assert fisher_exact(TwoByTwo(a, b, c, d)) == pytest.approx(scipy_fisher([[a, b], [c, d]])[1], rel=1e-6)


@given(st.lists(st.tuples(FULL, FULL, FULL, FULL), min_size=1, max_size=4))
def test_pooling_over_strata_is_what_others_compute(strata):
    oracle = StratifiedTable([np.array([[a, b], [c, d]], dtype=float) for a, b, c, d in strata])
    tables = [TwoByTwo(*cells) for cells in strata]
    assert mantel_haenszel_odds_ratio(tables) == pytest.approx(oracle.oddsratio_pooled)
    assert mantel_haenszel_risk_ratio(tables) == pytest.approx(oracle.riskratio_pooled)
    assert mantel_haenszel_score(tables) ** 2 == pytest.approx(oracle.test_null_odds().statistic, abs=1e-9)


@given(CELL, CELL, CELL, CELL)
def test_no_table_of_people_is_beyond_us(a, b, c, d):
    table = TwoByTwo(a, b, c, d)
    ratio = risk_ratio(table)
    assert isnan(ratio.value) or ratio.value >= 0
    assert isnan(ratio.low) or ratio.low <= ratio.value <= ratio.high
    assert 0 <= fisher_exact(table) <= 1


def test_nobody_ill_among_the_unexposed_is_an_infinite_ratio_without_interval():
    ratio = risk_ratio(TwoByTwo(5, 5, 0, 10))
    assert ratio.value == inf
    assert isnan(ratio.low)
    assert isnan(ratio.high)


def test_who_does_not_remember_a_dish_is_left_out_of_that_dish_alone():
    ill = np.ma.array([True, True, False, False], mask=[0, 0, 0, 1])
    dish = np.ma.array([True, True, False, False], mask=[0, 1, 0, 0])
    assert two_by_two(ill, dish) == TwoByTwo(1, 0, 0, 1)
    assert two_by_two(ill, [True, True, False, False]) == TwoByTwo(2, 0, 0, 1)


def test_a_sauce_eaten_along_with_the_guilty_dish_sinks_below_an_honest_second_cause():
    # Sauce goes with ice (no effect of its own); water harms a few who had no ice.
    ill, ate = people(
        (36, True, {"ice": True, "sauce": True, "water": False}),
        (4, False, {"ice": True, "sauce": True, "water": False}),
        (9, True, {"ice": True, "sauce": False, "water": False}),
        (1, False, {"ice": True, "sauce": False, "water": False}),
        (2, True, {"ice": False, "sauce": False, "water": False}),
        (40, False, {"ice": False, "sauce": False, "water": False}),
        (4, True, {"ice": False, "sauce": False, "water": True}),
        (6, False, {"ice": False, "sauce": False, "water": True}),
    )
    findings = {finding.exposure: finding for finding in rank_exposures(ill, ate)}
    assert findings["sauce"].p_value < 1e-8
    assert findings["sauce"].adjusted_risk_ratio == pytest.approx(1.0)
    assert {name: finding.rank for name, finding in findings.items()} == {"ice": 1, "water": 2, "sauce": 3}


def test_a_dish_that_protects_never_leads_however_strong():
    ill, ate = people(
        (30, True, {"tea": False, "ham": True}),
        (2, True, {"tea": True, "ham": True}),
        (20, False, {"tea": True, "ham": True}),
        (12, False, {"tea": True, "ham": False}),
    )
    findings = rank_exposures(ill, ate)
    assert [finding.exposure for finding in findings] == ["ham", "tea"]
    assert findings[1].p_value < findings[0].p_value


def test_two_dishes_eaten_by_the_very_same_people_stand_side_by_side():
    ill, ate = people(
        (10, True, {"fish": True, "dip": True, "rice": True}),
        (2, False, {"fish": True, "dip": True, "rice": False}),
        (2, True, {"fish": False, "dip": False, "rice": False}),
        (10, False, {"fish": False, "dip": False, "rice": True}),
    )
    findings = rank_exposures(ill, ate)
    assert [finding.exposure for finding in findings] == ["fish", "dip", "rice"]
    assert isnan(findings[1].adjusted_risk_ratio)


def test_a_line_list_without_people_or_exposures_has_no_answer_and_no_crash():
    assert rank_exposures([], {}) == ()
    assert isnan(rank_exposures([], {"tea": []})[0].risk_ratio.value)


def test_answers_for_other_people_are_refused():
    with pytest.raises(ValueError, match="tea has 1 answers for 2 people"):
        rank_exposures([True, False], {"tea": [True]})


def test_a_salad_eaten_with_both_guilty_dishes_looks_worst_alone_and_comes_behind_them():
    # Fish and cream each make ill; salad went with either, and alone does nothing.
    well = {"fish": False, "cream": False, "salad": False}
    ill, ate = people(
        (28, True, well | {"fish": True, "salad": True}),
        (7, False, well | {"fish": True, "salad": True}),
        (28, True, well | {"cream": True, "salad": True}),
        (7, False, well | {"cream": True, "salad": True}),
        (5, True, well | {"fish": True}),
        (1, False, well | {"fish": True}),
        (5, True, well | {"cream": True}),
        (1, False, well | {"cream": True}),
        (1, True, well | {"salad": True}),
        (19, False, well | {"salad": True}),
        (4, True, well),
        (56, False, well),
    )
    findings = rank_exposures(ill, ate)
    assert min(findings, key=lambda finding: finding.p_value).exposure == "salad"
    assert {finding.exposure for finding in findings[:2]} == {"fish", "cream"}


@pytest.mark.parametrize("seed", range(10))
def test_a_dish_that_only_went_along_with_the_guilty_one_never_leads(seed):
    rng = np.random.default_rng(seed)
    guilty = rng.random(90) < 0.55
    along = np.where(guilty, rng.random(90) < 0.85, rng.random(90) < 0.25)
    others = {f"dish {i}": rng.random(90) < rng.uniform(0.2, 0.8) for i in range(8)}
    ill = rng.random(90) < np.where(guilty, 0.7, 0.08)
    assert rank_exposures(ill, {"along": along, "guilty": guilty, **others})[0].exposure == "guilty"
