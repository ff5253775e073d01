"""Which place it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from citywatch.science.sources import log_hypergeometric_tail, rank_places


@st.composite
def draws(draw):
    population = draw(st.integers(1, 300))
    marked = draw(st.integers(0, population))
    drawn = draw(st.integers(0, population))
    return draw(st.integers(0, min(marked, drawn) + 1)), drawn, marked, population


@given(draws())
def test_the_tail_is_the_one_others_compute(case):
    found, drawn, marked, population = case
    ours = np.exp(log_hypergeometric_tail(found, drawn=drawn, marked=marked, population=population))
    assert ours == pytest.approx(hypergeom.sf(found - 1, population, marked, drawn), rel=1e-8, abs=1e-12)


def test_a_chance_too_small_for_a_double_still_has_its_place_in_the_order():
    tail = log_hypergeometric_tail([300, 299], drawn=400, marked=300, population=21_900_000)
    assert np.isfinite(tail).all()
    assert tail[0] < tail[1] < np.log(1e-300)


def test_the_market_comes_before_the_small_workplace_with_the_larger_ratio():
    # 12 of 40 cases at a market of 3,000 visitors; 2 in an office of five; 26 at a station that 60,000 pass.
    pairs = (
        [(case, 0) for case in range(12)] + [(case, 1) for case in range(20, 22)] + [(case, 2) for case in range(26)]
    )
    ranked = rank_places(
        case_of=[case for case, _ in pairs],
        place_of=[place for _, place in pairs],
        cases=40,
        visitors=[3_000, 5, 60_000, 900],
        population=100_000,
    )
    assert ranked.place.tolist() == [0, 1, 2]
    assert ranked.ratio[1] > ranked.ratio[0]
    assert ranked.coverage[0] == 0.3
    assert ranked.p_value[0] == pytest.approx(hypergeom.sf(11, 100_000, 40, 3_000))
    assert ranked.p_adjusted[0] == pytest.approx(4 * ranked.p_value[0])
    assert (ranked.ratio_low < ranked.ratio).all()
    assert (ranked.ratio < ranked.ratio_high).all()
    assert ranked.p_value[2] > 0.1


def test_a_visit_told_twice_is_one_case():
    once = rank_places(case_of=[0, 1], place_of=[0, 0], cases=3, visitors=[10], population=100)
    twice = rank_places(case_of=[0, 1, 1, 0], place_of=[0, 0, 0, 0], cases=3, visitors=[10], population=100)
    assert twice.cases.tolist() == once.cases.tolist() == [2]


def test_a_case_told_in_an_interview_is_a_visitor_though_no_scan_saw_them():
    ranked = rank_places(case_of=[0, 1], place_of=[0, 0], cases=3, visitors=[1], population=100)
    assert ranked.visitors.tolist() == [2]


def test_all_cases_at_one_place_still_has_a_finite_ratio():
    ranked = rank_places(case_of=[0, 1, 2], place_of=[0, 0, 0], cases=3, visitors=[40], population=1_000)
    assert np.isfinite([ranked.ratio[0], ranked.ratio_low[0], ranked.ratio_high[0]]).all()


def test_without_visits_there_is_no_place_to_rank():
    assert len(rank_places(case_of=[], place_of=[], cases=3, visitors=[40], population=1_000)) == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"case_of": [3]}, "3 cases allow 0 to 2"),
        ({"place_of": [1]}, "1 places allow 0 to 0"),
        ({"cases": 2_000}, "2000 cases do not fit"),
        ({"visitors": [2_000]}, "population of 1000"),
        ({"case_of": [0, 1]}, "each pair needs both"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(wrong, says):
    whole = {"case_of": [0], "place_of": [0], "cases": 3, "visitors": [40], "population": 1_000}
    with pytest.raises(ValueError, match=says):
        rank_places(**whole | wrong)
