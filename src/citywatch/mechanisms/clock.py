"""The only reading of now in the house.

City time is wall time plus one stored offset: zero in production, moved forward by the demo and by drills, never
backwards. Days are Asia/Shanghai calendar days. Sessions, lock-out and job leases use wall time, not this clock.
"""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings

from citywatch.mechanisms.errors import Refusal

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Moments of people's lives lie between: a limit added to a far one would overflow."""
_FRESH_SECONDS = 0.5  # another process may move the clock, so the cached offset is short-lived
_cached: tuple[float, timedelta] | None = None


def now() -> datetime:
    """The city's present instant, timezone-aware UTC."""
    return datetime.now(UTC) + _offset()


def wall() -> datetime:
    """Wall time, for sessions, lock-out and job leases: moving city time must not sign anybody out or in."""
    return datetime.now(UTC)


def today() -> date:
    """The city's present calendar day."""
    return day_of(now())


def day_of(instant: datetime) -> date:
    """The Asia/Shanghai calendar day on which an instant falls.

    >>> day_of(datetime(2020, 6, 10, 17, 0, tzinfo=UTC)).isoformat()
    '2020-06-11'
    """
    return instant.astimezone(SHANGHAI).date()


def start_of(day: date) -> datetime:
    """The UTC instant at which a Shanghai day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)


def moment_of(text: str) -> datetime | None:
    """An instant that somebody outside wrote as ISO 8601, as UTC; city time where it names no offset.

    None if it is none, or far from people's lives. Put into UTC at once: Python reads offsets of up to 24 hours, and
    PostgreSQL breaks on those beyond 16.

    >>> moment_of("2020-06-11T08:30+08:00") == moment_of("2020-06-11T08:30")
    True
    >>> moment_of("0001-01-01T00:00"), moment_of("tomorrow")
    (None, None)
    """
    try:
        told = datetime.fromisoformat(text)
        told = (told if told.tzinfo else told.replace(tzinfo=SHANGHAI)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return told if FIRST_YEAR <= told.year <= LAST_YEAR else None


def set_to(moment: datetime) -> None:
    """Move city time to `moment` (demo and drill only).

    Moving within the present installation never goes backwards; `rewind_to` is for an empty one.
    """
    if moment < now() - timedelta(seconds=1):
        raise Refusal(f"City time is already past {moment.isoformat()}; it never moves backwards.")
    _store(moment - datetime.now(UTC))


def rewind_to(moment: datetime) -> None:
    """Anchor city time when an installation starts: at the demo's first day, or at the last journal entry."""
    _store(moment - datetime.now(UTC))


def _store(offset: timedelta) -> None:
    global _cached  # noqa: PLW0603 - the cache belongs to this module alone
    if not settings.CITY_CLOCK_MOVES:
        raise Refusal("City time is wall time outside the demo and drills; it cannot be moved.")
    model = apps.get_model("lifecycle", "CityClock")
    model.objects.update_or_create(pk=1, defaults={"offset_seconds": offset.total_seconds()})
    _cached = (time.monotonic(), offset)


def forget() -> None:
    """Drop the cached offset (a test's database was rolled back under it)."""
    global _cached  # noqa: PLW0603
    _cached = None


def _offset() -> timedelta:
    global _cached  # noqa: PLW0603
    if not settings.CITY_CLOCK_MOVES:
        return timedelta()
    if _cached is None or time.monotonic() - _cached[0] > _FRESH_SECONDS:
        model = apps.get_model("lifecycle", "CityClock")
        seconds = model.objects.filter(pk=1).values_list("offset_seconds", flat=True).first() or 0.0
        _cached = (time.monotonic(), timedelta(seconds=seconds))
    return _cached[1]
