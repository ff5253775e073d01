from datetime import date, datetime, timedelta

import pytest

from citywatch.city.trace import rules
from citywatch.mechanisms.clock import SHANGHAI
from citywatch.mechanisms.errors import Refusal
from citywatch.science.contacts import Ground


def test_the_look_back_was_two_days_in_2020_and_four_under_a_later_rule():
    assert rules.window_rule(date(2020, 6, 11)).look_back_days == 2
    assert rules.window_rule(date(2021, 5, 14)).look_back_days == 4
    assert rules.window_rule(date(2022, 7, 1)).look_back_days == 2


def test_exposure_ends_as_the_day_of_onset_begins():
    start, end = rules.exposure_span(date(2020, 6, 8), rules.window_rule(date(2020, 6, 11)))

    assert end == datetime(2020, 6, 8, tzinfo=SHANGHAI)
    assert end - start == timedelta(days=14)


def test_sampling_stands_for_onset_in_those_who_never_fell_ill():
    assert rules.reference_day(None, date(2020, 6, 10)) == date(2020, 6, 10)
    assert rules.reference_day(date(2020, 6, 8), date(2020, 6, 10)) == date(2020, 6, 8)


def test_a_contact_met_before_the_case_could_infect_is_general_only():
    since = rules.infectious_from(date(2020, 6, 8), 2)

    assert rules.judged_kind("close", last_at=since - timedelta(minutes=1), since=since) == "general"
    assert rules.judged_kind("close", last_at=since, since=since) == "close"
    assert rules.judged_kind("close", last_at=since, since=None) == "close"


@pytest.mark.parametrize(
    ("positive", "symptoms", "linked", "told"),
    [
        (True, True, False, "confirmed"),
        (True, False, True, "asymptomatic"),
        (False, True, True, "suspected"),
        (False, True, False, "clinical"),
    ],
)
def test_a_positive_result_confirms_the_ill_and_names_the_well_asymptomatic(positive, symptoms, linked, told):
    assert rules.classify(positive=positive, symptoms=symptoms, linked=linked) == told


def test_there_are_nine_grounds_and_reports_may_use_their_own_words_for_them():
    assert [one.code for one in rules.GROUNDS] == list(Ground)
    assert rules.ground("home").code is Ground.HOUSEHOLD
    with pytest.raises(Refusal, match="not a ground"):
        rules.ground("met once")
