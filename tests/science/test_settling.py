"""How many interviews settle which place it was, in cities whose answer the study of whole Beijing measured."""

import numpy as np
import pytest

from citywatch.science.sources.settling import interviews_to_settle

MARKET, VISITORS, PEOPLE, PLACES = 0, 347_684, 21_900_000, 1_000_000


def cases_of(cases, at_market, *, elsewhere=20):
    """So many cases at the market of full Beijing, each at twenty places of a thousandth of the city besides."""
    rng = np.random.default_rng(3)
    pairs = [(case, MARKET) for case in range(at_market)]
    pairs += [(case, 1 + int(place)) for case in range(cases) for place in rng.integers(0, 20_000, elsewhere)]
    return {
        "case_of": [case for case, _ in pairs],
        "place_of": [place for _, place in pairs],
        "cases": cases,
        "visitors": [VISITORS] + [21_900] * 20_000,
        "population": PEOPLE,
        "tried": PLACES,
    }


def test_half_of_ten_cases_is_not_enough_and_half_of_twenty_is():
    assert 5 <= interviews_to_settle(**cases_of(10, 5)) <= 60
    assert interviews_to_settle(**cases_of(20, 10)) == 0


def test_a_sixth_of_sixty_cases_needs_about_as_many_again_or_more():
    assert 30 <= interviews_to_settle(**cases_of(60, 10)) <= 300
    assert interviews_to_settle(**cases_of(300, 51)) == 0


def test_where_no_place_is_shared_more_than_by_chance_no_interview_helps():
    everyday = {"case_of": range(18), "place_of": [0] * 18, "cases": 20, "visitors": [900], "population": 1000}
    assert interviews_to_settle(**everyday, tried=1000) is None
    assert interviews_to_settle(case_of=[], place_of=[], cases=4, visitors=[9], population=90, tried=1) is None


def test_a_market_and_its_hall_are_one_answer_when_they_are_said_to_be():
    both = [(case, place) for case in range(20) for place in (0, 1)]
    asked = {
        "case_of": [case for case, _ in both],
        "place_of": [place for _, place in both],
        "cases": 20,
        "visitors": [500, 510],
        "population": 100_000,
        "tried": 1000,
    }
    assert interviews_to_settle(**asked, answer=[0, 0]) == 0
    assert interviews_to_settle(**asked) != 0  # ten visitors more or less do not tell the hall from its market


def test_two_workplaces_with_equal_evidence_are_never_told_apart_by_the_cases_they_have():
    pairs = [(case, 0) for case in range(5)] + [(case, 1) for case in range(5, 10)]
    asked = {"cases": 10, "visitors": [5, 5], "population": 1_000_000, "tried": 1000}
    found = interviews_to_settle(case_of=[case for case, _ in pairs], place_of=[place for _, place in pairs], **asked)
    assert found is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_figure_hardly_depends_on_the_draw(seed):
    assert 60 <= interviews_to_settle(**cases_of(60, 10), seed=seed) <= 160
