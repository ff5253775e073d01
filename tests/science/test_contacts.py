"""Who was near a case while it could infect."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.science.contacts import (
    Ground,
    exposure_window,
    infectious_window,
    list_contacts,
    overlapping_stays,
    second_ring,
)

STAY = st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 50), st.integers(0, 30), st.booleans())


def columns(stays):
    person, place, begin, length, index = (np.array(column) for column in zip(*stays, strict=True))
    return {"person": person, "place": place, "t_in": begin, "t_out": begin + length, "index_stay": index}


def test_a_case_infects_from_two_days_before_onset_until_isolation():
    window = infectious_window(onset=["2020-06-09"], sampled=["2020-06-10"], isolated=["2020-06-11"])
    days = ["2020-06-06", "2020-06-07", "2020-06-11", "2020-06-12"]
    assert [bool(window.holds(day)[0]) for day in days] == [False, True, True, False]


def test_who_never_fell_ill_counts_from_the_sample_and_who_is_not_isolated_infects_on():
    window = infectious_window(onset=["NaT"], sampled=["2020-06-10"], isolated=["NaT"])
    assert window.holds("2020-06-08")[0]
    assert window.holds("2020-12-31")[0]


def test_a_case_with_neither_onset_nor_sample_has_no_window():
    assert not infectious_window(onset=["NaT"], sampled=["NaT"], isolated=["NaT"]).holds("2020-06-08").any()


def test_the_infection_lies_in_the_fourteen_days_before_onset():
    window = exposure_window(onset=["2020-06-15"], sampled=["2020-06-20"])
    assert window.holds("2020-06-01")[0]
    assert not window.holds("2020-05-31")[0]
    assert not window.holds("2020-06-16")[0]


def test_a_window_into_the_future_is_refused():
    with pytest.raises(ValueError, match="-1 days"):
        exposure_window(onset=["2020-06-15"], sampled=["NaT"], days=-1)


@given(st.lists(STAY, min_size=1, max_size=25), st.integers(1, 10))
def test_the_pairs_are_those_of_comparing_every_stay_with_every_other(stays, at_least):
    table = columns(stays)
    slow = {
        (i, j)
        for i, (a, here, t, n, index) in enumerate(stays)
        for j, (b, there, u, m, _) in enumerate(stays)
        if index and a != b and here == there and min(t + n, u + m) - max(t, u) >= at_least
    }
    found = overlapping_stays(**table, at_least=at_least)
    assert sorted(zip(found.index_stay.tolist(), found.stay.tolist(), strict=True)) == sorted(slow)


def test_instants_and_minutes_give_the_same_contacts():
    begin = np.array(["2020-06-08T08:00", "2020-06-08T08:50"], dtype="datetime64[m]")
    found = overlapping_stays(
        person=[0, 1],
        place=[3, 3],
        t_in=begin,
        t_out=begin + np.timedelta64(60, "m"),
        index_stay=[True, False],
        at_least=np.timedelta64(10, "m"),
    )
    assert found.person.tolist() == [1]
    assert list_contacts(found).together[0] == np.timedelta64(10, "m")


def test_meeting_two_cases_counts_both_and_adds_the_time():
    stays = [(0, 0, 0, 60, True), (1, 0, 0, 30, True), (2, 0, 0, 60, False)]
    rows = list_contacts(overlapping_stays(**columns(stays), at_least=15))
    third = rows.person.tolist().index(2)
    assert (rows.index_persons[third], rows.together[third], rows.first[third], rows.last[third]) == (2, 90, 0, 60)


def test_a_city_without_stays_has_no_contacts():
    nothing = overlapping_stays(person=[], place=[], t_in=[], t_out=[], index_stay=[], at_least=15)
    assert len(list_contacts(nothing).person) == 0


def test_a_stay_that_ends_before_it_began_is_refused():
    with pytest.raises(ValueError, match="Stay 0 ends at 5"):
        overlapping_stays(person=[0], place=[0], t_in=[9], t_out=[5], index_stay=[True], at_least=1)


RING = {
    "person": [0, 1, 1, 2, 3],
    "place": [5, 5, 6, 6, 6],
    "t_in": [100, 100, 300, 300, 0],
    "t_out": [160, 160, 360, 360, 50],
}


def ring(**changed):
    first = list_contacts(overlapping_stays(**RING, index_stay=[True, False, False, False, False], at_least=15))
    return second_ring(
        **RING, contacts=first, cases=[0], **{"until": [10**6], "at_least": 15, "largest_place": 10} | changed
    )


def test_the_second_ring_met_the_contact_after_the_contact_met_the_case():
    assert ring().person.tolist() == [2]


def test_who_met_the_contact_only_after_isolation_is_free():
    assert len(ring(until=[200])) == 0
    assert len(ring(until=[310])) == 0
    assert len(ring(until=[320])) == 1


def test_a_crowd_is_no_second_ring():
    assert len(ring(largest_place=2)) == 0


def test_without_contacts_there_is_no_second_ring():
    nobody = list_contacts(overlapping_stays(**RING, index_stay=[False] * 5, at_least=15))
    found = second_ring(**RING, contacts=nobody, cases=[0], until=[], at_least=15, largest_place=10)
    assert len(found) == 0


def test_the_guideline_has_nine_grounds():
    assert len(Ground) == 9
