"""A person's day as arithmetic: where they go and when, from a hash of (seed, day, person) and nothing else.

Every step is whole-number arithmetic on one value or on arrays of them alike, so the same lines run compiled over one
person at a time and in numpy over thousands, and give the same rows on any machine and in any order.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

# A value or an array of values: numpy's arithmetic reads the same for both.
Whole = Any

U16: Final = np.uint64(0xFFFF)
M1: Final = np.uint64(0xBF58476D1CE4E5B9)
M2: Final = np.uint64(0x94D049BB133111EB)
GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
S16: Final = np.uint64(16)
S27: Final = np.uint64(27)
S30: Final = np.uint64(30)
S31: Final = np.uint64(31)
S32: Final = np.uint64(32)
S48: Final = np.uint64(48)
ONE: Final = 65_536  # a chance of one
MASK: Final = (1 << 64) - 1
SALT_A, SALT_B, SALT_C, SALT_D, SALT_E, SALT_F, SALT_G = (np.uint64(n * 0x9E3779B97F4A7C15 & MASK) for n in range(1, 8))

# What a person does by day: the codes of `People.role`. They stand here because compiled code is kept with this file.
ROLES: Final = ("home", "pupil", "worker", "hall", "resident")
HOME, PUPIL, WORKER, HALL_STAFF, RESIDENT = range(5)
# Rows of the table of chances; its columns are the age bands.
WORK, LUNCH, OUTING, CLINIC, MARKET, SHOP, PARK, DINNER, RIDE = range(9)
BANDS: Final = (3, 7, 18, 40, 60)  # upper ages (exclusive) of the bands but the last
# Kinds of place near a home street, in the order of `Near`.
NEAR_KINDS: Final = ("restaurant", "shop", "park", "primary", "hospital", "market")
NEAR_RESTAURANT, NEAR_SHOP, NEAR_PARK, NEAR_PRIMARY, NEAR_HOSPITAL, NEAR_MARKET = range(6)
# How outgoing people are, against 256: sixteen equal shares of a log-normal law with log standard deviation 0.5.
SOCIABLE: Final = np.array(
    [89, 117, 136, 153, 169, 185, 202, 219, 237, 257, 280, 306, 339, 382, 446, 579], dtype=np.int64
)
# Chance of each hall on a market trip, hall 1 first, adding up to one (appeals assumed).
HALL_SHARE: Final = np.array([0.55, 0.40, 0.35, 0.25, 0.25, 0.15, 0.15, 0.12])
HALL_EDGES: Final = np.round(np.cumsum(HALL_SHARE / HALL_SHARE.sum()) * ONE).astype(np.int64)
IN_CACHE: Final = 4_096  # people whose arrays stay in a core's cache
SLOTS: Final = 16  # stays a person can have in a day
LONGEST_STAY: Final = 14 * 60
LAST_START: Final = 21 * 60 + 30


class Ground(NamedTuple):
    """The city as the arithmetic reads it: tables by place and by home street."""

    place_street: np.ndarray
    sections: np.ndarray  # into how many groups a place's visitors fall
    parent: np.ndarray
    near_first: np.ndarray  # [kind, street]: where the street's places begin in `near`
    near_count: np.ndarray
    near: np.ndarray
    main_market: int
    first_line: int
    lines: int


class Today(NamedTuple):
    """One day: keys of the hashes, chances by activity and age band, how busy each street is, who is away."""

    person_key: np.uint64  # of what a person always does
    day_key: np.uint64
    chance: np.ndarray  # [activity, band], of 65,536
    busy: np.ndarray  # per street, against 256
    gone: int  # of those who leave for the festival, the share of 65,536 that has left
    back: int
    leaving: int  # share of private households that leave, of 65,536; dormitories twice that
    midnight: int


class Crowd(NamedTuple):
    """What the arithmetic needs to know of some people; arrays of one length, or one value each."""

    person: Whole
    band: Whole
    role: Whole
    workplace: Whole
    group: Whole
    street: Whole
    line: Whole
    household: Whole
    collective: Whole
    regular: Whole


def pick(condition: Whole, yes: Whole, no: Whole) -> Whole:
    """One of two numbers by a condition; compiled code has its own of this name."""
    return np.where(condition, yes, no)


def negate(condition: Whole) -> Whole:
    """The opposite of a condition; compiled code has its own of this name."""
    return np.logical_not(condition)


def mix(x: Whole) -> Whole:
    """Spread a 64-bit number over all numbers: the finaliser of SplitMix64 (Steele et al., 2014)."""
    x = (x ^ (x >> S30)) * M1
    x = (x ^ (x >> S27)) * M2
    return x ^ (x >> S31)


def draw(key: Whole, salt: Whole) -> Whole:
    """64 random bits under a key and a salt."""
    return mix(key + salt)


def part0(bits: Whole) -> Whole:
    """The lowest 16 of 64 bits, 0 to 65,535; `part1` to `part3` are the others."""
    return np.int64(bits & U16)


def part1(bits: Whole) -> Whole:
    """Bits 16 to 31."""
    return np.int64((bits >> S16) & U16)


def part2(bits: Whole) -> Whole:
    """Bits 32 to 47."""
    return np.int64((bits >> S32) & U16)


def part3(bits: Whole) -> Whole:
    """Bits 48 to 63."""
    return np.int64((bits >> S48) & U16)


def evenly(part: Whole, span: int) -> Whole:
    """A number from 0 to span - 1, each as likely."""
    return (part * span) >> 16


def peaked(part: Whole, span: int) -> Whole:
    """A number from 0 to about `span`, most often in the middle: the sum of two even draws."""
    return (((part & 255) + (part >> 8)) * span) >> 9


def nearby(ground: Ground, kind: int, street: Whole, part: Whole) -> Whole:
    """A place of a kind near a street; every street has at least one of each kind within reach."""
    first, count = ground.near_first[kind, street], ground.near_count[kind, street]
    return np.int64(ground.near[first + ((part * count) >> 16)])


def hall_of(part: Whole) -> Whole:
    """A hall, 0 to 7, by appeal."""
    hall = np.int64(part >= HALL_EDGES[0])
    for edge in HALL_EDGES[1:]:
        hall = hall + np.int64(part >= edge)
    return hall


def section(ground: Ground, place: Whole, part: Whole) -> Whole:
    """The table, aisle, carriage or waiting bench of a place somebody happens on."""
    return (part * ground.sections[place]) >> 16


def present(today: Today, household: Whole, collective: Whole) -> Whole:
    """Whether a household is in town: around Spring Festival whole households leave and come back."""
    bits = draw(today.person_key ^ M2, household * GOLDEN)
    leaves = part0(bits) < today.leaving + collective * today.leaving
    left = part1(bits) < today.gone
    returned = part2(bits) < today.back
    return negate(leaves & left & negate(returned))


def one_day(  # noqa: PLR0915  a day has many parts, and compiled code wants them in one function
    ground: Ground, today: Today, who: Crowd
) -> tuple[tuple[Whole, Whole, Whole, Whole, Whole], ...]:
    """Up to 16 stays in order: (whether it happens, place, minute in, minute out, group), minutes after midnight.

    Someone who works spends the day there and does the rest after; everyone else goes out from the morning on.
    """
    number = who.person * GOLDEN
    habit, key = draw(today.person_key, number), draw(today.day_key, number)
    a, b, c, d = draw(key, SALT_A), draw(key, SALT_B), draw(key, SALT_C), draw(key, SALT_D)
    e, f, g = draw(key, SALT_E), draw(key, SALT_F), draw(key, SALT_G)
    chance, band, busy = today.chance, who.band, today.busy[who.street]
    outgoing = SOCIABLE[part0(habit) >> 12]
    here = present(today, who.household, who.collective)
    lives_there = who.role == RESIDENT
    free = here & negate(lives_there)

    # ── Work, school, and the way there and back ──
    works = free & (who.role > 0) & (part0(a) < chance[WORK, band])
    hall_staff = works & (who.role == HALL_STAFF)
    pupil = who.role == PUPIL
    spot = np.maximum(who.workplace, 0)
    work_street = ground.place_street[spot]
    at_nine = pick(pupil, 455 + peaked(part1(a), 30), 480 + peaked(part1(a), 130))
    begins = pick(lives_there, 7 * 60, pick(hall_staff, 265 + peaked(part1(a), 90), at_nine))
    office = pick(pupil, 500 + peaked(part2(a), 60), 490 + peaked(part2(a), 150))
    stays = pick(lives_there, LONGEST_STAY, pick(hall_staff, 540 + peaked(part2(a), 120), office))
    ends = begins + stays
    commutes = works & (who.line >= 0) & (part3(a) < chance[RIDE, band])
    starts_out = 390 + evenly(part1(a), 420)
    outing = free & negate(works) & (part3(a) < (chance[OUTING, band] * outgoing >> 8))
    line = pick(who.line >= 0, who.line, ground.first_line + (who.street * 7 + (part1(habit) & 3)) % ground.lines)
    second = ground.first_line + (line - ground.first_line + 1 + work_street * 7) % ground.lines
    changes = commutes & (part2(habit) < 26_000)  # four in ten change lines, assumed
    ride = 14 + evenly(part0(b), 34)
    ride_two = 8 + evenly(part1(b), 20)
    leaves_home = pick(works, begins - ride - 8 - pick(changes, ride_two + 6, 0), starts_out)
    rides = commutes | outing
    back = 10 + pick(changes, ride_two + 6, 0)
    work_place = pick(works | lives_there, spot, -1)
    lunch_out = works & (who.role == WORKER) & (part2(b) < (chance[LUNCH, band] * outgoing >> 8))
    lunch_in = 11 * 60 + 30 + peaked(part3(b), 90)
    lunch_out_at = lunch_in + 25 + evenly(part0(c), 35)
    lunch_place = nearby(ground, NEAR_RESTAURANT, work_street, part1(c))
    rest = pick(lunch_out, lunch_out_at + 5, begins)

    # ── What else the day brings, one thing after the other ──
    now = pick(works, ends + pick(commutes, back + ride, 12), starts_out + pick(outing, ride + 4, 0))
    bits = part2(c)
    sick = free & (part3(c) < (chance[CLINIC, band] * busy >> 8)) & (now < LAST_START - 90)
    clinic = pick(
        (bits & 255) < 105,  # share of visits to primary care (950 of 2,411; domain dossier, section 3)
        nearby(ground, NEAR_PRIMARY, who.street, part0(d)),
        nearby(ground, NEAR_HOSPITAL, who.street, part0(d)),
    )
    clinic_in = now + 5 + evenly(part1(d), 60)
    clinic_out = clinic_in + 25 + evenly(part2(d), 95)
    now = pick(sick, clinic_out, now)

    market = pick(who.regular > 0, ground.main_market, nearby(ground, NEAR_MARKET, who.street, part0(d)))
    # Beside the main market's own pool, one in sixteen is a regular of the nearest other one.
    regular = (who.regular > 0) | ((market != ground.main_market) & (part3(habit) < 4096))
    goes = free & negate(works) & regular & (part3(d) < (chance[MARKET, band] * busy >> 8)) & (now < 960)
    market_in = now + 5 + evenly(part0(e), 60)
    hall_a, hall_b, hall_c = hall_of(part1(e)), hall_of(part2(e)), hall_of(part3(e))
    more = (hall_b != hall_a) & ((part0(e) & 255) < 215)
    third = more & (hall_c != hall_a) & (hall_c != hall_b) & ((part1(d) & 255) < 190)
    len_a, len_b, len_c = 6 + evenly(part0(f), 19), 6 + evenly(part1(f), 19), 6 + evenly(part2(f), 19)
    in_b = market_in + 3 + len_a
    in_c = in_b + pick(more, len_b, 0)
    market_out = in_c + pick(third, len_c, 0) + 5
    # Halls follow their market in the list of places.
    hall_1 = market + 1
    now = pick(goes, market_out, now)

    shops = free & (part3(f) < ((chance[SHOP, band] * outgoing >> 8) * busy >> 8)) & (now < LAST_START - 60)
    usual = nearby(ground, NEAR_SHOP, who.street, part1(habit))
    shop = pick((part0(c) & 255) < 180, usual, nearby(ground, NEAR_SHOP, who.street, part0(g)))
    shop_in = now + 5 + evenly(part1(g), 50)
    shop_out = shop_in + 8 + evenly(part2(g), 32)
    now = pick(shops, shop_out, now)

    strolls = free & (part3(g) < (chance[PARK, band] * outgoing >> 8)) & (now < LAST_START - 100)
    park = nearby(ground, NEAR_PARK, who.street, part2(habit))
    park_in = now + 5 + evenly(part0(d), 50)
    park_out = park_in + 30 + evenly(part3(e), 80)
    now = pick(strolls, park_out, now)
    home_ride = outing & (now < 23 * 60)
    now_home = pick(home_ride, now + 10 + ride, now)

    dines = free & (part1(b) < ((chance[DINNER, band] * outgoing >> 8) * busy >> 8)) & (now_home < LAST_START)
    near_street = pick((part2(c) & 3) < 3, who.street, work_street)
    dinner = nearby(ground, NEAR_RESTAURANT, near_street, part2(g))
    dinner_in = np.maximum(now_home + 8, 17 * 60 + 30 + peaked(part1(f), 110))
    dinner_out = dinner_in + 40 + evenly(part0(b), 55)

    market_of_staff = ground.parent[spot]
    # The group at a hall is the stall a visitor stops at; staff have theirs.
    return (
        (np.int64(hall_staff), market_of_staff, begins - 5, ends + 5, who.group),
        (np.int64(rides), line, leaves_home, leaves_home + ride, section(ground, line, part1(c))),
        (np.int64(changes), second, begins - 6 - ride_two, begins - 6, section(ground, second, part1(d))),
        (np.int64(works | (here & lives_there)), work_place, begins, pick(lunch_out, lunch_in - 5, ends), who.group),
        (np.int64(lunch_out), lunch_place, lunch_in, lunch_out_at, section(ground, lunch_place, part2(f))),
        (np.int64(lunch_out), work_place, rest, np.maximum(ends, rest + 30), who.group),
        (np.int64(changes), second, ends + 6, ends + 6 + ride_two, section(ground, second, part2(d))),
        (
            np.int64(commutes | home_ride),
            line,
            pick(commutes, ends + back, now + 6),
            pick(commutes, ends + back + ride, now + 6 + ride),
            section(ground, line, part2(e)),
        ),
        (np.int64(sick), clinic, clinic_in, clinic_out, section(ground, clinic, part3(d))),
        (np.int64(goes), market, market_in, market_out, section(ground, market, part0(f))),
        (
            np.int64(goes),
            hall_1 + hall_a,
            market_in + 3,
            market_in + 3 + len_a,
            section(ground, hall_1 + hall_a, part1(f)),
        ),
        (np.int64(goes & more), hall_1 + hall_b, in_b, in_b + len_b, section(ground, hall_1 + hall_b, part2(f))),
        (np.int64(goes & third), hall_1 + hall_c, in_c, in_c + len_c, section(ground, hall_1 + hall_c, part3(g))),
        (np.int64(shops), shop, shop_in, shop_out, section(ground, shop, part2(b))),
        (np.int64(strolls), park, park_in, park_out, section(ground, park, part3(b))),
        (np.int64(dines), dinner, dinner_in, dinner_out, section(ground, dinner, part1(g))),
    )


def rows(ground: Ground, today: Today, who: Crowd) -> tuple[np.ndarray, ...]:
    """All stays of some people on one day: person, place, minute in, minute out and group, int32, by person."""
    parts = [
        _rows(ground, today, Crowd(*(column[first : first + IN_CACHE] for column in who)))
        for first in range(0, len(who.person), IN_CACHE)
    ]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _rows(ground: Ground, today: Today, who: Crowd) -> tuple[np.ndarray, ...]:
    stays = one_day(ground, today, who)
    happens = np.empty((len(who.person), SLOTS), dtype=np.bool_)
    for slot, (does, *_) in enumerate(stays):
        happens[:, slot] = does
    row = (np.cumsum(happens.ravel(), dtype=np.int32) - 1).reshape(happens.shape)
    out = np.empty((5, int(row[-1, -1]) + 1), dtype=np.int32)
    for slot, (_, *told) in enumerate(stays):
        some = np.flatnonzero(happens[:, slot])
        at = row[some, slot]
        out[0, at] = who.person[some]
        for column, values in zip(out[1:], told, strict=True):
            column[at] = values[some]
    out[2:4] += np.int32(today.midnight)
    return tuple(out)


def fill(ground: Ground, today: Today, crowd: Crowd, out: np.ndarray) -> int:
    """Write the stays of a crowd into rows, one person after the other; for compiled code. Gives how many."""
    n = 0
    for i in range(len(crowd.person)):
        one = Crowd(
            np.uint64(crowd.person[i]),
            np.int64(crowd.band[i]),
            np.int64(crowd.role[i]),
            np.int64(crowd.workplace[i]),
            np.int64(crowd.group[i]),
            np.int64(crowd.street[i]),
            np.int64(crowd.line[i]),
            np.uint64(crowd.household[i]),
            np.int64(crowd.collective[i]),
            np.int64(crowd.regular[i]),
        )
        stays = one_day(ground, today, one)
        for slot in range(SLOTS):
            does, place, begins, ends, group = stays[slot]
            if does:
                out[0, n] = crowd.person[i]
                out[1, n] = place
                out[2, n] = begins + today.midnight
                out[3, n] = ends + today.midnight
                out[4, n] = group
                n += 1
    return n


def is_compiled() -> bool:
    """Whether compiled code is at hand already, so that using it costs nothing."""
    return "citywatch.simulation.movement_compiled" in sys.modules


def compiled() -> Callable[..., tuple[np.ndarray, ...]] | None:
    """The same rows by compiled code, where the extra `fast` (numba) is installed; None where it is not."""
    try:
        from citywatch.simulation.movement_compiled import rows as fast  # noqa: PLC0415  numba is an extra
    except ImportError:
        return None
    return fast
