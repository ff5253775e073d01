"""Identity numbers: what is surely wrong is refused, and nothing more."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.city.reports import id_number

from citywatch.mechanisms.forms import identifiers

BIRTHS = st.dates(date(1900, 1, 1), date(2026, 1, 1)).map("{:%Y%m%d}".format)
NUMBERS = st.builds(id_number, st.integers(0, 999), born=BIRTHS)


@given(NUMBERS)
def test_every_number_with_its_own_check_digit_passes(number):
    assert identifiers.is_resident_number(number)


@given(NUMBERS, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(number, position, step):
    if number[position] == "X":
        damaged = number[:position] + str(step)
    else:
        damaged = number[:position] + str((int(number[position]) + step) % 10) + number[position + 1 :]

    assert not identifiers.is_resident_number(damaged)


@given(NUMBERS, st.integers(0, 15))
def test_two_neighbours_swapped_are_noticed(number, position):
    a, b = number[position : position + 2]
    swapped = number[:position] + b + a + number[position + 2 :]

    assert a == b or not identifiers.is_resident_number(swapped)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("１１０１０５１９４９１２３１００２x", "11010519491231002X"),
        ("110105 19491231 002x", "11010519491231002X"),
        ("110105-19491231-002X", "11010519491231002X"),
    ],
)
def test_numbers_typed_with_spaces_or_wide_digits_are_understood(typed, meant):
    assert identifiers.tidy(typed) == meant


def test_a_day_that_never_was_is_no_birth_date():
    assert not identifiers.is_resident_number(id_number(born="20190231"))


def test_sex_is_the_parity_of_the_17th_digit():
    assert [identifiers.sex(id_number(order)) for order in (1, 2)] == ["M", "F"]


@pytest.mark.parametrize("number", ["E12345678", "H1234567800"])
def test_passports_and_permits_are_other_documents(number):
    assert identifiers.looks_like_other_document(number)


@pytest.mark.parametrize("area", ["810000", "820000", "830000"])
def test_residence_permits_of_hong_kong_macao_and_taiwan_people_pass_as_resident_numbers(area):
    assert identifiers.is_resident_number(id_number(area=area))


def test_eighteen_characters_with_a_wrong_check_digit_do_not_pass_as_a_passport():
    good = id_number(7)
    wrong = good[:17] + ("1" if good[17] != "1" else "2")

    assert not identifiers.looks_like_other_document(wrong)


@pytest.mark.parametrize(
    ("text", "right"), [("13900001234", True), ("010-62001234", True), ("+8613900001234", True), ("12", False)]
)
def test_telephone_numbers(text, right):
    assert identifiers.is_phone(text) is right
