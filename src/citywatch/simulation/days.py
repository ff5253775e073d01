"""The calendar the synthetic city lives by: local days, working days, holidays, vacations, and how busy a day is.

Minutes since 1970-01-01 UTC are the simulation's only unit of time; instants and dates are made at the edge.
"""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

# China has kept UTC+8 without summer time since 1991, so a fixed offset is exact and needs no zone file.
LOCAL: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
DAY: Final = 24 * 60
LOCAL_OFFSET: Final = 8 * 60

DayKind = Literal["working", "weekend", "holiday", "spring_festival", "national_day"]

# Outpatient attendance, Monday to Sunday, relative to a mean day (assumed in the domain dossier, section 3).
WEEKDAY_FACTOR: Final = (1.20, 1.08, 1.04, 1.02, 1.00, 0.85, 0.80)
HOLIDAY_FACTOR: Final = 0.6
SPRING_FESTIVAL_FACTOR: Final = 0.3
RETURN_FACTOR: Final = 1.4
# Lunar New Year's Day; people leave in the twelve days before it and are all back twenty days after (assumed).
LUNAR_NEW_YEAR: Final = {
    2019: date(2019, 2, 5),
    2020: date(2020, 1, 25),
    2021: date(2021, 2, 12),
    2022: date(2022, 2, 1),
    2023: date(2023, 1, 22),
    2024: date(2024, 2, 10),
}
LEAVES_FROM: Final = -12
BACK_FROM, BACK_BY = 5, 20
OUT_FLOW: Final = 0.35  # share of the people who leave at Spring Festival (domain dossier, section 3, from memory)
FIRST_YEAR, LAST_YEAR = 2019, 2024


@lru_cache(maxsize=1)
def _notices() -> tuple[dict[date, str], frozenset[date]]:
    """Holidays by occasion, and make-up working days (调休), from the table of State Council notices beside this file.

    Years outside the table know weekends only.
    """
    rest: dict[date, str] = {}
    work: set[date] = set()
    with resources.files(__package__).joinpath("holidays.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            run = days_between(date.fromisoformat(row["first"]), date.fromisoformat(row["last"]))
            if row["kind"] == "rest":
                rest |= dict.fromkeys(run, row["occasion"])
            else:
                work |= set(run)
    return rest, frozenset(work)


def is_working_day(day: date) -> bool:
    """Whether offices and schools open on `day`."""
    rest, work = _notices()
    if day in rest:
        return False
    return day in work or day.weekday() < 5  # Saturday is 5


def holiday(day: date) -> str | None:
    """The occasion `day` is a public holiday for, such as `spring_festival`; None on other days."""
    return _notices()[0].get(day)


def day_kind(day: date) -> DayKind:
    """What kind of day the city has: working, weekend, or a holiday, the two long ones apart."""
    occasion = holiday(day)
    if occasion == "spring_festival":
        return "spring_festival"
    if occasion == "national_day":
        return "national_day"
    if occasion:
        return "holiday"
    return "working" if is_working_day(day) else "weekend"


def in_vacation(day: date) -> bool:
    """Whether schools rest for the summer (assumed: 11 July to 31 August) or around Lunar New Year."""
    if (7, 11) <= (day.month, day.day) <= (8, 31):
        return True
    new_year = LUNAR_NEW_YEAR.get(day.year)
    return new_year is not None and -14 <= (day - new_year).days <= 16


def attendance_factor(day: date) -> float:
    """How many people seek ordinary care on `day`, relative to a mean day.

    Holidays dip; the first working day after one rebounds; a make-up Saturday or Sunday is a plain Friday.
    """
    rest, work = _notices()
    if day in rest:
        return SPRING_FESTIVAL_FACTOR if rest[day] == "spring_festival" else HOLIDAY_FACTOR
    if is_working_day(day) and day - timedelta(days=1) in rest:
        return RETURN_FACTOR
    if day in work:
        return WEEKDAY_FACTOR[4]
    return WEEKDAY_FACTOR[day.weekday()]


def present_share(day: date) -> float:
    """The share of the residents who are in the city on `day`: below one around Spring Festival."""
    away = away_turns(day)
    if away is None:
        return 1.0
    gone, back = away
    return 1 - OUT_FLOW * gone * (1 - back)


def away_turns(day: date) -> tuple[float, float] | None:
    """Of those who leave for Spring Festival, the shares who have left and who are back by `day`; None far from it."""
    new_year = LUNAR_NEW_YEAR.get(day.year)
    since = (day - new_year).days if new_year else BACK_BY
    if not LEAVES_FROM <= since < BACK_BY:
        return None
    gone = min((since - LEAVES_FROM + 1) / -LEAVES_FROM, 1.0)
    return gone, min(max((since - BACK_FROM) / (BACK_BY - BACK_FROM), 0.0), 1.0)


def minute_of(at: datetime) -> int:
    """Minutes since 1970-01-01 UTC of an aware instant, which must fall on a whole minute."""
    if at.tzinfo is None:
        msg = f"{at!r} has no time zone; give an aware instant."
        raise ValueError(msg)
    seconds = (at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    if seconds % 60:
        msg = f"{at.isoformat()} is not a whole minute; the simulation counts in minutes."
        raise ValueError(msg)
    return int(seconds // 60)


def instant(minute: int) -> datetime:
    """The aware UTC instant of a minute."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=int(minute))


def local_day(minute: int) -> date:
    """The city's calendar day at a minute."""
    return date(1970, 1, 1) + timedelta(days=(int(minute) + LOCAL_OFFSET) // DAY)


def midnight(day: date) -> int:
    """The minute at which the city's calendar `day` begins."""
    return (day - date(1970, 1, 1)).days * DAY - LOCAL_OFFSET


def instant_text(minute: int) -> str:
    """A minute as forms write it: local time, `2020-06-11T08:30`."""
    return instant(minute).astimezone(LOCAL).strftime("%Y-%m-%dT%H:%M")


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
