"""A birth date is a day and stays that day, also in the summers when China kept daylight time."""

from datetime import date, timedelta

from tests.city.reports import id_number, symptom
from tests.conftest import NOON

from citywatch.mechanisms.clock import day_of, start_of
from citywatch.mechanisms.forms.reading import read
from citywatch.server import forms

REGISTRATION = forms.form("symptom-registration")


def test_every_day_since_1900_begins_within_itself():
    day = date(1900, 1, 1)
    while day < date(2100, 1, 1):
        assert day_of(start_of(day)) == day
        day += timedelta(days=1)


def test_someone_born_in_a_summer_of_daylight_time_keeps_the_birth_date_of_the_id_number():
    for year in range(1986, 1992):
        for month, day in ((4, 12), (5, 4), (7, 1), (9, 14)):
            number = id_number(7, born=f"{year}{month:02d}{day:02d}")
            found = read(REGISTRATION, symptom(1, id_number=number, age="", age_unit=""), sent_at=NOON)
            assert not found.problems
            assert found.answers["age"] == 2020 - year - ((month, day) > (6, 11))
            if "birth_date" in REGISTRATION.by_name:
                assert found.identity.birth_date == date(year, month, day).isoformat()


def test_a_name_is_one_name_however_its_dot_is_typed():
    names = {
        read(REGISTRATION, symptom(1, name=f"阿卜杜拉{dot}买买提"), sent_at=NOON).identity.name
        for dot in ("·", "•", "・", "．", ".", " · ")
    }

    assert names == {"阿卜杜拉·买买提"}
    assert read(REGISTRATION, symptom(1, name="喆㛃 𠮷"), sent_at=NOON).identity.name == "喆㛃𠮷"
