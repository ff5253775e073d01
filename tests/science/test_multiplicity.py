"""The control of false discoveries: against the paper's words, against statsmodels, and by what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from citywatch.science.multiplicity import benjamini_hochberg, benjamini_yekutieli

chances = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def slowly(p, share):
    """By the words of the paper: the largest k with p(k) <= share * k / m; reject the k smallest."""
    ranked = sorted(p)
    most = max((k for k in range(1, len(p) + 1) if ranked[k - 1] <= share * k / len(p)), default=0)
    return [bool(most) and one <= ranked[most - 1] for one in p]


@settings(deadline=None)
@given(chances)
def test_discoveries_are_those_of_the_papers_words(p):
    assert benjamini_hochberg(p, share=0.1).rejected.tolist() == slowly(p, 0.1)


@pytest.mark.parametrize(("ours", "theirs"), [(benjamini_hochberg, "fdr_bh"), (benjamini_yekutieli, "fdr_by")])
def test_adjusted_chances_are_those_of_statsmodels(ours, theirs):
    p = np.random.default_rng(3).beta(0.4, 2, 500)

    assert ours(p, share=0.05).adjusted == pytest.approx(multipletests(p, 0.05, method=theirs)[1])


def test_the_example_of_the_1995_paper():
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.324,
        0.4262,
        0.5719,
        0.6528,
        0.759,
        1,
    ]

    found = benjamini_hochberg(p, share=0.05)

    assert int(found.rejected.sum()) == 4
    assert found.threshold == 0.0095


def test_what_could_not_be_told_is_no_test():
    found = benjamini_hochberg([[0.03, np.nan], [np.nan, 0.9]], share=0.1)

    assert found.tested == 2
    assert found.rejected.tolist() == [[True, False], [False, False]]
    assert np.isnan(found.adjusted[0, 1])


def test_small_chances_alone_are_judged_among_all_that_were_tested():
    p = np.concatenate([[0.0003, 0.004], np.full(998, 1.0)])

    alone = benjamini_hochberg(p[:2], share=0.3, tested=1000)

    assert alone.rejected.tolist() == benjamini_hochberg(p, share=0.3).rejected[:2].tolist() == [True, False]


def test_nothing_tested_discovers_nothing():
    found = benjamini_hochberg([np.nan, np.nan], share=0.1)

    assert (found.tested, found.threshold, found.rejected.any()) == (0, 0.0, False)


def test_nights_without_an_outbreak_call_the_desk_as_often_as_declared():
    draws = np.random.default_rng(11)
    called = np.mean([benjamini_hochberg(draws.random(300), share=0.2).rejected.any() for _ in range(4000)])

    assert called == pytest.approx(0.2, abs=0.02)


def test_of_what_is_told_at_most_the_declared_share_is_false():
    draws = np.random.default_rng(12)
    false = []
    for _ in range(600):
        p = np.concatenate([draws.random(180), draws.beta(0.02, 5, 20)])
        rejected = benjamini_hochberg(p, share=0.2).rejected
        false.append(rejected[:180].sum() / max(1, rejected.sum()))

    assert np.mean(false) == pytest.approx(0.2 * 180 / 200, abs=0.02)


@pytest.mark.parametrize(
    ("p", "more"), [([0.1], {"share": 0}), ([1.2], {"share": 0.1}), ([0.1, 0.2], {"share": 0.1, "tested": 1})]
)
def test_nonsense_is_refused(p, more):
    with pytest.raises(ValueError, match=r"share is|is none|tested is"):
        benjamini_hochberg(p, **more)
