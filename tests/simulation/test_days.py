from datetime import UTC, date, datetime, timedelta

import pytest

from citywatch.simulation.days import (
    attendance_factor,
    day_kind,
    days_between,
    holiday,
    in_vacation,
    instant,
    instant_text,
    is_working_day,
    local_day,
    midnight,
    minute_of,
    present_share,
)


def test_the_citys_day_begins_at_sixteen_hours_utc():
    assert local_day(minute_of(datetime(2020, 6, 10, 15, 59, tzinfo=UTC))) == date(2020, 6, 10)
    assert local_day(minute_of(datetime(2020, 6, 10, 16, 0, tzinfo=UTC))) == date(2020, 6, 11)
    assert instant(midnight(date(2020, 6, 11))) == datetime(2020, 6, 10, 16, 0, tzinfo=UTC)


def test_forms_tell_local_time():
    assert instant_text(minute_of(datetime(2020, 6, 10, 17, 0, tzinfo=UTC))) == "2020-06-11T01:00"


def test_the_holidays_of_2020_and_their_make_up_days_are_known():
    assert not is_working_day(date(2020, 5, 4))
    assert is_working_day(date(2020, 5, 9))
    assert not is_working_day(date(2020, 5, 10))
    assert is_working_day(date(2020, 6, 28))


def test_holidays_dip_and_the_first_day_back_rebounds():
    assert attendance_factor(date(2020, 5, 5)) == 0.6
    assert attendance_factor(date(2020, 5, 6)) == 1.4
    assert attendance_factor(date(2020, 6, 26)) == 0.6


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        minute_of(datetime(2020, 6, 11, 1, 0))  # noqa: DTZ001 - the mistake under test


def test_the_table_of_holidays_is_that_of_the_state_councils_notices():
    known = pytest.importorskip("chinese_calendar", reason="chinesecalendar is a dependency of the server")

    for day in days_between(date(2019, 1, 1), date(2024, 12, 31)):
        assert is_working_day(day) == known.is_workday(day), day
        assert (holiday(day) is not None) == (day in known.constants.holidays), day


def test_spring_festival_is_quieter_than_national_day_and_make_up_sundays_are_working_days():
    assert attendance_factor(date(2021, 2, 12)) == 0.3
    assert attendance_factor(date(2021, 10, 3)) == 0.6
    assert day_kind(date(2021, 10, 3)) == "national_day"
    assert day_kind(date(2021, 9, 26)) == "working"


def test_a_third_leaves_before_new_year_and_is_back_three_weeks_later():
    share = {n: present_share(date(2019, 2, 5) + timedelta(days=n)) for n in (-14, -6, 0, 4, 12, 21)}

    assert share[-14] == share[21] == 1
    assert share[0] == share[4] == pytest.approx(0.65)
    assert share[0] < share[-6] < 1
    assert share[0] < share[12] < 1


def test_schools_rest_in_summer_and_around_new_year():
    assert in_vacation(date(2021, 8, 1))
    assert in_vacation(date(2021, 2, 1))
    assert not in_vacation(date(2021, 3, 1))
    assert not in_vacation(date(2021, 9, 1))
