"""When a daily return is late, and what its lateness asks for."""

from datetime import date, datetime, timedelta

from citywatch.city.registry.school_days import is_school_day
from citywatch.city.sense.types import Status
from citywatch.mechanisms.clock import start_of

REMIND_AFTER = timedelta(hours=2)
DISTRICT_AFTER = timedelta(hours=24)
SCHOOL_DAYS_ONLY = frozenset({"absence"})
"""Streams that nobody owes on days when schools are closed."""

BY_A_LIST = frozenset({"visit"})
"""Streams nobody owes by the day: a list of people says whom to visit, and who was not."""


def is_owed(stream: str, day: date) -> bool:
    """Whether a site that sends a stream must send it for a day.

    >>> is_owed("symptom", date(2020, 6, 11)), is_owed("visit", date(2020, 6, 11))
    (True, False)
    """
    if stream in BY_A_LIST:
        return False
    return stream not in SCHOOL_DAYS_ONLY or is_school_day(day)


def due_at(day: date, limit: timedelta) -> datetime:
    """The instant a day's return is due: `limit` after the day ended."""
    return start_of(day + timedelta(days=1)) + limit


def status_of(count: int | None, *, due: datetime, at: datetime) -> Status:
    """What a site-day is at `at`; `count` is None where nothing came.

    >>> from datetime import UTC
    >>> due = datetime(2020, 6, 12, 2, 0, tzinfo=UTC)
    >>> [status_of(None, due=due, at=due + timedelta(hours=h)) for h in (-1, 1, 3, 25)]
    ['waiting', 'overdue', 'reminded', 'district']
    """
    if count is not None:
        return "reported" if count else "zero"
    late = at - due
    if late <= timedelta():
        return "waiting"
    if late <= REMIND_AFTER:
        return "overdue"
    return "reminded" if late <= DISTRICT_AFTER else "district"
