"""Two releases subtracted tell of nobody."""

from datetime import UTC, datetime

from citywatch.city.report.release import held_back, numbers
from citywatch.city.report.types import PressFigure, PressSheet
from citywatch.mechanisms.labels import Label

PEOPLE = (True, False)


def sheet(total, places=1, **districts):
    named = tuple((Label(name, name), count) for name, count in districts.items())
    figures = (PressFigure(Label("病例", "Cases"), 0, total), PressFigure(Label("点位", "Places"), 0, places))
    return PressSheet(datetime(2020, 6, 11, tzinfo=UTC), Label("市", "City"), figures, named, (), 5)


def after(before, now):
    said = numbers(held_back(now, numbers(before), people=PEOPLE))
    return said.totals, said.districts


def test_one_new_case_does_not_show_until_five_have_come():
    before = sheet(41, a=20, b=21)

    assert after(before, sheet(42, a=21, b=21)) == ((41, 1), {"a": 20, "b": 21})
    assert after(before, sheet(46, a=25, b=21)) == ((46, 1), {"a": 25, "b": 21})


def test_a_held_district_is_not_given_back_by_the_total_and_the_others():
    totals, districts = after(sheet(60, a=20, b=20, c=20), sheet(72, a=22, b=30, c=20))

    assert totals == (72, 1)
    assert districts == {"a": 20, "b": 20, "c": 20}  # b's ten would give a's two back, so b stays as well


def test_where_nothing_else_can_be_held_the_total_stays():
    totals, districts = after(sheet(40, a=20, b=20), sheet(42, a=22, b=20))

    assert totals == (40, 1)
    assert districts == {"a": 20, "b": 20}


def test_fours_that_the_total_would_give_back_hold_the_total_too():
    assert after(sheet(40, a=20, b=20), sheet(48, a=24, b=24)) == ((40, 1), {"a": 20, "b": 20})


def test_a_count_put_right_downward_is_held_as_well():
    assert after(sheet(40, a=40), sheet(38, a=38)) == ((40, 1), {"a": 40})
    assert after(sheet(40, a=40), sheet(30, a=30)) == ((30, 1), {"a": 30})


def test_what_was_withheld_before_is_judged_by_its_size_alone():
    assert after(sheet(40, a=None, b=40), sheet(47, a=7, b=40)) == ((47, 1), {"a": 7, "b": 40})


def test_places_are_no_people_and_move_at_once():
    assert after(sheet(40, 1, a=40), sheet(40, 2, a=40)) == ((40, 2), {"a": 40})


def test_the_first_release_is_the_sheet_itself():
    first = sheet(40, a=40)

    assert held_back(first, None, people=PEOPLE) == first
