"""Invented names, ID numbers, phones and addresses, the same for a person every time they are asked for.

Nothing here can be a real person's: ID numbers carry a county code ending in 99, which GB/T 2260 does not assign, and
phones lie in one block, 199 00xx xxxx, taken as unissued (assumed), or from the millionth person on begin with 12,
which no mobile number does. Check digits follow GB 11643-1999.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.people import rank_within

if TYPE_CHECKING:
    from citywatch.simulation.people import City

SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
GIVEN_MALE: Final = "伟强磊洋勇军杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆东海峰志建国文博安康宁晨旭泽睿"
GIVEN_FEMALE: Final = "芳娜敏静丽艳娟霞秀燕玲桂英红玉兰洁梅琳云莲真环雪荣爱妹月莺媛瑞凡佳嘉琼勤珍贞莉"
ESTATES: Final = ("春晓", "和平", "新苑", "柳荫", "东湖", "向阳", "翠竹", "安居", "锦绣", "望河")
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# One area numbers 499 men and 499 women of one birthday; a large city goes on in prefectures that do not exist.
_AREAS: Final = {
    "beijing": ("110199", *(f"11{n:02d}99" for n in range(3, 90))),
    "xiamen": ("350299", *(f"35{n:02d}99" for n in range(10, 90))),
}
_ORDERS: Final = 499
_ISSUED: Final = 1_000_000
_CHECKS: Final = "10X98765432"
_MASK: Final = (1 << 64) - 1


def identity(city: City, person: int) -> dict[str, str]:
    """Name, ID number, phone, address and birth date of a person; a child's phone is that of the household's adult."""
    people = city.people
    born = birth_date(city, person)
    owner = int(people.head[person]) if people.age[person] < 12 else person  # first own phone
    return {
        "name": name(city, person),
        "id_number": id_number(
            area=_AREAS[city.plan.kind][int(people.same_birthday[person]) // _ORDERS],
            born=born,
            order=2 * (int(people.same_birthday[person]) % _ORDERS) + (1 if people.male[person] else 2),
        ),
        "phone": _phone(owner, seed=city.seed),
        "address": address(city, person),
        "birth_date": born.isoformat(),
    }


def id_numbers(kind: str, *, born: np.ndarray, male: np.ndarray) -> np.ndarray:
    """The citizen numbers of a whole city at once, equal to those of `identity`, from its people's birthdays and sexes.

    `born` counts days since 1970-01-01, in the order of the people; the answer is an array of 18-letter texts.
    """
    born, male = np.asarray(born, dtype=np.int64), np.asarray(male, dtype=np.bool_)
    rank = rank_within(born * 2 + male)
    days, at = np.unique(born, return_inverse=True)
    written = np.array([f"{date(1970, 1, 1) + timedelta(days=int(day)):%Y%m%d}" for day in days])
    digits = np.empty((len(born), 18), dtype=np.uint8)
    areas = np.array(_AREAS[kind])
    digits[:, :6] = _letters(areas)[rank // _ORDERS]
    digits[:, 6:14] = _letters(written)[at]
    order = 2 * (rank % _ORDERS) + np.where(male, 1, 2)
    digits[:, 14:17] = np.stack([order // 100, order // 10 % 10, order % 10], axis=1) + ord("0")
    total = (digits[:, :17].astype(np.int32) - ord("0")) @ np.array(_WEIGHTS, dtype=np.int32)
    digits[:, 17] = np.frombuffer(_CHECKS.encode(), dtype=np.uint8)[total % 11]
    return np.asarray(digits.view("S18").ravel().astype("U18"))


def _letters(texts: np.ndarray) -> np.ndarray:
    """Texts of one length as rows of ASCII codes."""
    return np.asarray(np.array(texts, dtype="S").view(np.uint8).reshape(len(texts), -1))


def _phone(owner: int, *, seed: int) -> str:
    if owner < _ISSUED:
        return f"19900{(owner * 7919 + seed * 104_729) % _ISSUED:06d}"
    return f"12{(owner * 7919 + seed * 104_729) % 1_000_000_000:09d}"


def name(city: City, person: int) -> str:
    """A person's name; households share the surname of their first adult, partners apart."""
    people, mixed = city.people, _mix(city.seed, person, 1)
    head = int(people.head[person])
    own = person == head or people.age[person] >= people.age[head] - 15
    surname = SURNAMES[_mix(city.seed, person if own else head, 2) % len(SURNAMES)]
    given = GIVEN_MALE if people.male[person] else GIVEN_FEMALE
    second = given[mixed // 64 % len(given)] if mixed % 10 < 7 else ""  # seven in ten have two
    return surname + given[mixed % len(given)] + second


def birth_date(city: City, person: int) -> date:
    """The day a person was born."""
    return date(1970, 1, 1) + timedelta(days=int(city.people.born[person]))


def age_on(city: City, person: int, day: date) -> tuple[int, str]:
    """Age and its unit as a form writes them: years (Y), under one year months (M), under one month days (D)."""
    born = birth_date(city, person)
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    if years > 0:
        return years, "Y"
    days = max((day - born).days, 0)
    return (days * 12 // 365, "M") if days >= 31 else (days, "D")  # a month


def address(city: City, person: int) -> str:
    """A door in an estate that does not exist; one household, one door."""
    mixed = _mix(city.seed, int(city.people.household[person]), 3)
    street = city.plan.streets[int(city.people.street[person])].name_zh
    estate, building, unit = ESTATES[mixed % len(ESTATES)], mixed // 16 % 30 + 1, mixed // 1024 % 6 + 1
    return f"{street}{estate}某小区{building}号楼{unit}单元{mixed // 8192 % 18 + 1}{mixed // 262_144 % 4 + 1:02d}"


def id_number(*, area: str, born: date, order: int) -> str:
    """An 18-character citizen number: area, birth date, order (odd for men), check character (GB 11643-1999).

    >>> id_number(area="110199", born=date(1968, 2, 29), order=1)[-4:-1]
    '001'
    """
    body = f"{area}{born:%Y%m%d}{order:03d}"
    if len(body) != len(_WEIGHTS):
        msg = f"{body!r} has {len(body)} digits; area 6, birth date 8 and order 3 make 17."
        raise ValueError(msg)
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + _CHECKS[total % 11]


def _mix(seed: int, key: int, salt: int) -> int:
    """A well-spread number for (seed, key, salt): the finaliser of SplitMix64 (Steele et al., 2014)."""
    mixed = (seed * 0x9E3779B97F4A7C15 + key * 0xBF58476D1CE4E5B9 + salt * 0x94D049BB133111EB) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) >> 8
