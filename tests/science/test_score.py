"""What a score says of alerts whose worth is known by hand."""

import numpy as np
import pytest

from citywatch.science.score import (
    Touches,
    cases_by,
    delay,
    found,
    median_delay,
    per_district_week,
    precision,
    rank_of,
    share_found,
    strongest,
    top_share,
)

NEVER = float("nan")

# Five alerts, three outbreaks: alert 0 touches the first on day 4 by one report, alert 1 the first on day 3 by five and
# the second on day 9 by two; alerts 2 to 4 touch nothing; nobody finds the third.
TOUCHES = Touches.of([(0, 0, 4.0, 1), (1, 0, 3.0, 5), (1, 1, 9.0, 2)])


def test_an_outbreak_is_found_by_the_alert_that_held_one_of_its_reports_first():
    first = found(TOUCHES, 3)

    assert first.at.tolist()[:2] == [3.0, 9.0]
    assert np.isnan(first.at[2])
    assert first.alert.tolist() == [1, 1, -1]


def test_of_two_alerts_at_one_moment_the_first_counts_as_the_finder():
    assert found(Touches.of([(2, 0, 1.0, 1), (1, 0, 1.0, 1)]), 1).alert.tolist() == [1]


def test_an_alert_that_touches_two_outbreaks_is_one_good_alert():
    assert precision(TOUCHES, 5) == pytest.approx(2 / 5)


def test_one_stray_report_does_not_make_an_alert_good_where_two_are_asked_for():
    assert precision(TOUCHES, 5, least=2) == pytest.approx(1 / 5)


def test_no_alerts_have_no_precision():
    assert np.isnan(precision(Touches.of([]), 0))


def test_touches_of_some_alerts_leave_the_others_out():
    kept = TOUCHES.of_alerts([True, False, False, False, False])

    assert found(kept, 3).alert.tolist() == [0, -1, -1]


def test_the_price_of_alerts_is_by_district_and_week():
    assert per_district_week(52, districts=4, days=91) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no district-week"):
        per_district_week(1, districts=0, days=7)


def test_a_delay_runs_from_the_beginning_and_is_endless_for_what_was_never_found():
    late = delay([3.0, 1.0, NEVER, 5.0], [1.0, 2.0, 0.0, NEVER])

    assert late[:3].tolist() == [2.0, 0.0, float("inf")]
    assert np.isnan(late[3])


def test_the_median_delay_does_not_forget_what_was_missed():
    assert median_delay([1.0, 3.0]) == 2.0
    assert median_delay([1.0, 3.0, float("inf")]) == 3.0
    assert median_delay([1.0, float("inf"), float("inf")]) == float("inf")
    assert median_delay([1.0, float("inf")]) == float("inf")
    assert median_delay([float("inf"), float("inf")]) == float("inf")
    assert np.isnan(median_delay([]))


def test_the_share_found_is_of_the_outbreaks_asked_about():
    at = [3.0, NEVER, 9.0, NEVER]

    assert share_found(at) == 0.5
    assert share_found(at, [True, False, True, False]) == 1.0
    assert np.isnan(share_found(at, [False] * 4))


def test_cases_by_the_alert_are_the_infections_that_had_happened_by_then():
    by = cases_by([3.0, 9.0, NEVER], [0, 0, 0, 1, 2, -1], [1.0, 3.0, 3.5, 8.0, 1.0, 1.0])

    assert by.tolist() == [2, 1, -1]


def test_the_strongest_alerts_are_as_many_as_asked_for_and_no_more():
    assert strongest([5.0, 1.0, 5.0, 9.0], 2).tolist() == [True, False, False, True]
    assert strongest([1.0, 2.0], 5).tolist() == [True, True]
    assert strongest([1.0, 2.0], 0).tolist() == [False, False]


def test_the_rank_of_a_source_is_its_first_name_in_each_list():
    assert rank_of([[7, 3, 4], [4], [8, 9]], [3, 4]).tolist() == [2, 1, 0]


def test_a_source_named_only_after_the_fifth_case_came_too_late():
    ranks = [[0, 0, 3, 1], [0, 0, 0, 0, 0, 1], [4, 4], []]

    assert top_share(ranks, top=3, within=5) == pytest.approx(1 / 4)
    assert top_share(ranks, top=3, within=6) == pytest.approx(2 / 4)
    assert np.isnan(top_share([], top=3, within=5))
