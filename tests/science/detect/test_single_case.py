"""One case of plague is enough."""

import numpy as np
import pytest

from citywatch.science.detect import Detection
from citywatch.science.detect.single_case import single_case


def test_one_case_where_none_is_expected_is_an_alarm_and_none_is_not():
    assert single_case([[0, 1], [2, 0]]).alarm.tolist() == [[False, True], [True, False]]


def test_a_rule_of_three_lets_two_pass():
    assert single_case([2, 3], at_least=3).alarm.tolist() == [False, True]


def test_a_missing_day_is_neither_quiet_nor_an_alarm():
    found = single_case([np.nan, 1])
    assert found.judged.tolist() == [False, True]
    assert found.alarm.tolist() == [False, True]


def test_a_rule_without_a_model_of_chance_claims_no_probability():
    assert np.isnan(single_case([5]).p_value).all()


def test_a_rule_that_would_fire_every_day_is_refused():
    with pytest.raises(ValueError, match="at_least is 0"):
        single_case([1], at_least=0)


def test_a_detection_whose_arrays_do_not_fit_is_refused():
    two, three = np.zeros(2), np.zeros(3)
    with pytest.raises(ValueError, match="different shapes"):
        Detection(expected=two, upperbound=two, score=three, p_value=two, alarm=two > 0)
