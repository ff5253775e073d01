"""On which days schools are open: working days, make-up days (调休) included, outside the vacations of the table.

Working days are those of the State Council's notices as the `chinesecalendar` package knows them. The vacations are
assumed (each city sets its own terms): edit `reference/school_vacations.csv`.
"""

from datetime import date
from functools import lru_cache

import chinese_calendar

from citywatch.city.registry import reference

_SATURDAY = 5


@lru_cache(maxsize=4096)
def is_school_day(day: date) -> bool:
    """Whether schools and kindergartens are open on a day.

    >>> [is_school_day(date(2020, 6, day)) for day in (11, 13, 25, 28)]  # Thursday, Saturday, Dragon Boat, make-up day
    [True, False, False, True]
    """
    if any(first <= day <= last for first, last in reference.school_vacations()):
        return False
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:  # a year whose notice is not known yet: weekends only
        return day.weekday() < _SATURDAY
