"""The calendar the synthetic city lives by: local days, working days, and how busy a day is.

Minutes since 1970-01-01 UTC are the simulation's only unit of time; instants and dates are made at the edge.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

# China has kept UTC+8 without summer time since 1991, so a fixed offset is exact and needs no zone file.
LOCAL: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
DAY: Final = 24 * 60
LOCAL_OFFSET: Final = 8 * 60

# State Council notice on the 2020 holidays, as changed for Spring Festival; other years know weekends only.
HOLIDAYS: Final = frozenset(
    [date(2020, 1, 1)]
    + [date(2020, 1, 24) + timedelta(days=n) for n in range(10)]
    + [date(2020, 4, 4) + timedelta(days=n) for n in range(3)]
    + [date(2020, 5, 1) + timedelta(days=n) for n in range(5)]
    + [date(2020, 6, 25) + timedelta(days=n) for n in range(3)]
    + [date(2020, 10, 1) + timedelta(days=n) for n in range(8)]
)
MAKE_UP_WORKDAYS: Final = frozenset(
    [date(2020, 1, 19), date(2020, 4, 26), date(2020, 5, 9), date(2020, 6, 28), date(2020, 9, 27), date(2020, 10, 10)]
)

# Outpatient attendance, Monday to Sunday, relative to a mean day (assumed in the domain dossier, section 3).
WEEKDAY_FACTOR: Final = (1.20, 1.08, 1.04, 1.02, 1.00, 0.85, 0.80)
HOLIDAY_FACTOR: Final = 0.6
RETURN_FACTOR: Final = 1.4


def is_working_day(day: date) -> bool:
    """Whether offices and schools open on `day`."""
    if day in HOLIDAYS:
        return False
    return day in MAKE_UP_WORKDAYS or day.weekday() < 5  # Saturday is 5


def attendance_factor(day: date) -> float:
    """How many people seek ordinary care on `day`, relative to a mean day.

    Holidays dip; the first working day after one rebounds; a make-up Saturday or Sunday is a plain Friday.
    """
    if day in HOLIDAYS:
        return HOLIDAY_FACTOR
    if is_working_day(day) and day - timedelta(days=1) in HOLIDAYS:
        return RETURN_FACTOR
    if day in MAKE_UP_WORKDAYS:
        return WEEKDAY_FACTOR[4]
    return WEEKDAY_FACTOR[day.weekday()]


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
