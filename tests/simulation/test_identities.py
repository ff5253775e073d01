from datetime import date

import pytest
from stdnum.iso7064 import mod_11_2

from citywatch.simulation.identities import age_on, id_number, identity


def test_every_citizen_number_has_a_valid_check_digit_and_its_owners_birthday_and_sex(demo_city):
    for person in range(0, len(demo_city.people), 97):
        who = identity(demo_city, person)
        number = who["id_number"]

        assert mod_11_2.is_valid(number)
        assert number[6:14] == who["birth_date"].replace("-", "")
        assert int(number[16]) % 2 == demo_city.people.male[person]


def test_a_published_example_of_the_standard_comes_out_right():
    assert id_number(area="110105", born=date(1949, 12, 31), order=2) == "11010519491231002X"


def test_no_two_people_share_a_citizen_number(demo_city):
    numbers = {identity(demo_city, person)["id_number"] for person in range(len(demo_city.people))}

    assert len(numbers) == len(demo_city.people)


def test_numbers_and_phones_lie_where_no_real_person_can_have_them(demo_city):
    for person in (0, 11, 99_999):
        who = identity(demo_city, person)
        assert who["id_number"].startswith("110199")
        assert who["phone"].startswith("19900")
        assert len(who["phone"]) == 11
        assert "某小区" in who["address"]


def test_ages_of_infants_are_told_in_months_and_days(demo_city):
    baby = int((demo_city.people.age == 0).nonzero()[0][0])
    born = date.fromisoformat(identity(demo_city, baby)["birth_date"])

    assert age_on(demo_city, baby, born) == (0, "D")
    assert age_on(demo_city, baby, date(born.year + 1, born.month, 28)) == (1, "Y")


def test_the_age_column_is_the_age_on_its_reference_day(demo_city):
    years = [age_on(demo_city, person, date(2020, 6, 1)) for person in range(0, 100_000, 501)]

    for person, (age, unit) in zip(range(0, 100_000, 501), years, strict=True):
        assert (age if unit == "Y" else 0) == pytest.approx(demo_city.people.age[person], abs=1)
