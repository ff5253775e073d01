from datetime import UTC, date, datetime

import pytest

from citywatch.simulation.days import (
    attendance_factor,
    instant,
    instant_text,
    is_working_day,
    local_day,
    midnight,
    minute_of,
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
