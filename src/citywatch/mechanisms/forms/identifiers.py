"""Resident identity numbers (GB 11643-1999) and telephone numbers: what is surely wrong, and nothing more.

A checksum error is refused. A region code older or younger than the birth year is not: people register late, and codes
were reissued; and 81, 82, 83 are residence permits of Hong Kong, Macao and Taiwan people.
"""

import re
from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_RESIDENT = re.compile(r"[1-9][0-9]{16}[0-9X]")
_OTHER_DOCUMENT = re.compile(r"[A-Z0-9]{5,20}")
_PHONE = re.compile(r"\+?[0-9]{7,15}|0[0-9]{2,3}-[0-9]{7,8}")
_ODD_IS_MALE = 2
_LENGTH = 18


def tidy(number: str) -> str:
    """Upper case, full-width digits made plain, spaces and dashes dropped.

    >>> tidy("１１０101 1968-0101123x")
    '11010119680101123X'
    """
    plain = number.translate({code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)})
    return re.sub(r"[\s-]", "", plain).upper()


def check_digit(first_17: str) -> str:
    """The 18th character by MOD 11-2 (ISO 7064).

    >>> check_digit("11010519491231002")
    'X'
    """
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True)) % 11]


def is_resident_number(number: str) -> bool:
    """Eighteen characters with a right check digit and a real birth date."""
    return (
        bool(_RESIDENT.fullmatch(number)) and check_digit(number[:17]) == number[17] and birth_date(number) is not None
    )


def looks_like_other_document(number: str) -> bool:
    """A passport or permit number; 15 or 18 digits would be a resident number and must pass as one."""
    return bool(_OTHER_DOCUMENT.fullmatch(number)) and not (
        len(number) == _LENGTH and number[:17].isascii() and number[:17].isdigit()
    )


def birth_date(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def sex(number: str) -> str:
    """M or F, by the parity of the 17th digit."""
    return "M" if int(number[16]) % _ODD_IS_MALE else "F"


def is_phone(text: str) -> bool:
    return bool(_PHONE.fullmatch(text))
