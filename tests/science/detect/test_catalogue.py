"""The catalogue tells the truth about every method, and takes settings in anybody's words."""

import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pytest

from citywatch.science.detect import Detection
from citywatch.science.detect.catalogue import ALIASES, METHODS, Method, Words
from citywatch.science.detect.catalogue.kinds import Kind

NAMES = (
    "ears-c1 ears-c2 ears-c3 farrington farrington-flexible cusum glr-nb glr-poisson moving-percentile "
    "bayes-1 bayes-2 bayes-3 rki-1 rki-2 rki-3 outbreak-p ewma-regression historical-limits citywatch"
)
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def judge(
    counts,
    *,
    window: int = 3,
    alpha: float = 0.05,
    limit: tuple[int, int] = (5, 4),
    kind: Literal["plain", "sharp"] = "plain",
    model: Mapping[str, Any] | None = None,
    start: int | None = None,
    dates=None,
    match_r: bool = False,
) -> Detection:
    """A method of no use but to be asked for."""
    zeros = np.zeros(np.shape(counts))
    return Detection(zeros + window, zeros + alpha, zeros, zeros, zeros > 0, first=window, start=start or 0)


TOY = Method(
    "toy",
    judge,
    Words("玩具", "Toy"),
    Words("无", "nothing"),
    source="none",
    defaults_from="nowhere",
    setting_words={name: Words("词", "word") for name in ("window", "alpha", "limit", "kind", "model")},
    own={"alpha": 0.01},
    r_names={"w": "window", "limit54": "limit", "c.ARL": "alpha"},
    r_defaults={"window": 7, "alpha": 0.001},
    stands_for={"method": ("T1",), "decrease": (False, None)},
)


def test_every_method_of_the_command_line_is_there():
    assert " ".join(METHODS) == NAMES
    assert ALIASES == {"cdc": "historical-limits"}


@every_method
def test_a_method_says_what_it_is_in_both_languages_and_where_it_comes_from(method):
    for words in (method.words, method.idea, *(setting.words for setting in method.settings.values())):
        assert words.en.strip()
        assert words.zh.strip()
    assert any(digit in method.source for digit in "0123456789"), "a source has a year"
    assert method.defaults_from


@every_method
def test_a_methods_defaults_are_of_the_kind_it_asks_for_and_come_back_from_json(method):
    for match_r in {False, method.reproduces_r}:
        defaults = method.defaults(match_r=match_r)
        assert set(defaults) == set(method.settings)
        assert method.resolve(json.loads(json.dumps(defaults)), match_r=match_r) == defaults
        assert method.resolve({}, match_r=match_r) == defaults


@every_method
def test_rs_names_are_names_of_settings_there_are(method):
    assert set(method.r_names.values()) <= set(method.settings)
    assert not set(method.stands_for) & set(method.settings)


@every_method
def test_a_method_judges_the_last_point_of_many_series_as_it_judges_the_whole(method):
    counts = np.random.default_rng(3).poisson(6, size=(3, 420)).astype(float)
    whole = method.judge(counts, method.defaults(), start=400)
    last = method.judge(counts[0], method.defaults(), start=400)
    assert whole.alarm.shape == (3, 20)
    assert whole.start == 400
    assert whole.first <= 400, "eight years of weeks are a whole baseline for every method"
    assert whole.judged.any()
    np.testing.assert_allclose(last.upperbound, whole.upperbound[0], rtol=1e-9)


def test_settings_may_be_given_in_our_words_or_in_rs():
    assert TOY.resolve({"w": 4, "limit54": [0, 4]}) == TOY.resolve({"window": 4, "limit": [0, 4]})
    assert TOY.resolve({"c.ARL": 1})["alpha"] == 1.0
    assert TOY.resolve({"model": {"S": 1, "trend": False}})["model"] == {"S": 1, "trend": False}


def test_what_is_not_said_is_as_recommended_and_with_match_r_as_in_r():
    assert TOY.resolve({}) == {"window": 3, "alpha": 0.01, "limit": (5, 4), "kind": "plain", "model": None}
    assert TOY.resolve({"window": 5}, match_r=True) == {
        "window": 5, "alpha": 0.001, "limit": (5, 4), "kind": "plain", "model": None
    }  # fmt: skip


def test_a_resolved_default_of_a_reference_case_holds_where_nothing_else_is_said():
    assert TOY.resolve({"window_used": 9})["window"] == 9
    assert TOY.resolve({"w": None, "w_used": 9})["window"] == 9
    assert TOY.resolve({"window": 4, "window_used": 9})["window"] == 4


def test_null_stays_where_it_means_something():
    assert TOY.resolve({"model": None, "model_used": {"S": 2}})["model"] is None
    assert TOY.resolve({"model_used": {"S": 2}})["model"] == {"S": 2}


def test_an_argument_that_chooses_the_method_must_choose_this_one():
    assert TOY.resolve({"method": "T1", "decrease": False}) == TOY.resolve({})
    with pytest.raises(ValueError, match='"T2" does not go with toy, where it is "T1"'):
        TOY.resolve({"method": "T2"})
    with pytest.raises(ValueError, match="0 does not go with toy"):
        TOY.resolve({"decrease": 0})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"windw": 3}, "there is no setting windw for toy; its settings are window, alpha, limit, kind, model"),
        ({"windw_used": 3}, "there is no setting windw_used"),
        ({"w": 3, "window": 4}, "window: window is given twice, in our word and in R's"),
        ({"window": 2.5}, "window: 2.5 is not a whole number"),
        ({"w": True}, "w: true is not a whole number"),
        ({"window": None}, "window: null is not a whole number"),
        ({"alpha": "0.05"}, 'alpha: "0.05" is not a number'),
        ({"alpha": float("nan")}, "alpha: NaN is not a number"),
        ({"limit": [5]}, r"limit: \[5\] is not a list of 2, each a whole number"),
        ({"limit": [5, "4"]}, "limit: "),
        ({"limit": 5}, "limit: 5 is not"),
        ({"kind": "blunt"}, 'kind: "blunt" is not one of "plain", "sharp"'),
        ({"model": [1]}, "model: "),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_its_value(given, says):
    with pytest.raises(ValueError, match=says):
        TOY.resolve(given)


def test_there_is_no_matching_r_without_an_r():
    alone = Method("alone", judge, *TOY.words, "s", "d", setting_words=TOY.setting_words)
    assert not alone.reproduces_r
    with pytest.raises(ValueError, match="match_r: alone has no counterpart in R"):
        alone.resolve({}, match_r=True)


def test_a_method_is_handed_only_what_it_takes():
    assert TOY.takes("dates")
    assert not TOY.takes("population")
    found = TOY.judge([1, 2], TOY.resolve({"w": 2}), start=1, frequency=12, population=[1, 1], match_r=True)
    assert (found.first, found.start) == (2, 1)


def test_kinds_are_told_in_words_and_choices():
    assert Kind(int | None).words == "a whole number or null"
    assert Kind(tuple[float, ...]).words == "a list, each a number"
    assert Kind(Mapping[str, Any]).words == 'names and values such as {"S": 1, "trend": false}'
    assert Kind(Literal["a", "b"] | None).choices == ("a", "b")
    assert Kind(bool).choices == (True, False)
    assert Kind(float).choices == ()
    assert Kind(tuple[float, ...]).taken([1, 2]) == (1.0, 2.0)
