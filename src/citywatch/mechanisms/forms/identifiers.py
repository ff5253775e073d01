"""Resident identity numbers (GB 11643-1999) and telephone numbers: what is surely wrong, and nothing more.

A checksum error is refused. A region code older or younger than the birth year is not: people register late, and codes
were reissued; and 81, 82, 83 are residence permits of Hong Kong, Macao and Taiwan people.
"""

import re
from datetime import date
from operator import mul

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_RESIDENT = re.compile(r"[1-9][0-9]{16}[0-9X]")
_OTHER_DOCUMENT = re.compile(r"[A-Z0-9]{5,20}")
_PHONE = re.compile(r"\+?[0-9]{7,15}|0[0-9]{2,3}-[0-9]{7,8}")
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_WIDE_LETTERS = {code: chr(code - 0xFEE0) for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_HAN = "[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_DOTS = re.compile(rf"\s*[·•・‧∙⋅･ᐧ．﹒]\s*|(?<={_HAN})\s*\.\s*(?={_HAN})")
_BETWEEN_HAN = re.compile(f"(?<={_HAN}) +(?={_HAN})")
_ODD_IS_MALE = 2
_LENGTH = 18


def tidy(number: str) -> str:
    """Upper case, full-width digits made plain, spaces and dashes dropped.

    >>> tidy("１１０101 1968-0101123x")
    '11010119680101123X'
    """
    plain = number.translate(_WIDE)
    return re.sub(r"[\s-]", "", plain).upper()


def tidy_name(name: str) -> str:
    """A name in one spelling: any of the look-alike dots as ·, no spaces between Chinese characters or beside the dot.

    Characters themselves are left as they are: a rare one is somebody's own.

    >>> tidy_name("阿卜杜拉 • 买买提"), tidy_name("张　三"), tidy_name("Ｊｏｈｎ  Smith")
    ('阿卜杜拉·买买提', '张三', 'John Smith')
    """
    plain = name.translate(_WIDE_LETTERS)
    plain = _DOTS.sub("·", plain)
    return _BETWEEN_HAN.sub("", " ".join(plain.split()))


def check_digit(first_17: str) -> str:
    """The 18th character by MOD 11-2 (ISO 7064).

    >>> check_digit("11010519491231002")
    'X'
    """
    return _CHECK[sum(map(mul, _WEIGHTS, map(int, first_17))) % 11]


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
