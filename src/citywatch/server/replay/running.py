"""A whole replay: as fast as it goes or at a multiple of real time, and remembering how far it came."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.server import jobs
from citywatch.server.replay import joining
from citywatch.server.replay.folder import Folder
from citywatch.server.replay.investigating import Investigators
from citywatch.server.replay.sending import Hands, Pace, Sender, Watching, grave_since

Tell = Callable[[datetime], None]
_MARKS = 60.0  # seconds of wall time between two marks of how far it came, while time runs at a multiple
_TICK = 1.0  # seconds of wall time between two looks at the clock when time runs at a multiple


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    begun: datetime
    until: datetime
    messages: int
    seconds: float


def replay(
    folder: Folder,
    *,
    until: datetime | None = None,
    speed: float | None = None,
    pace: Pace = "near",
    hands: Hands | None = None,
    stops: Callable[[], bool] | None = None,
    tell: Tell | None = None,
) -> Replayed:
    """Send a folder into this system up to `until` (city time; by default its end), from where it was left.

    With `speed`, city time runs that many times as fast as the wall's; without, as fast as the system takes it.
    `stops` is asked between two steps whether to end here.
    """
    if not settings.CITY_CLOCK_MOVES:
        raise Refusal(
            "City time is wall time in production and a replay moves it; set CITYWATCH_MODE=drill and CITYWATCH_HOME "
            "to a folder of its own."
        )
    fresh = joining.is_empty()
    if fresh and speed is None:
        _hurry()
    at = begun = joining.join(folder)
    until = min(until or folder.scenario.ends, folder.scenario.ends)
    sender = Sender(folder, Watching(pace), hands or Investigators(folder.interviews), asked=speed is not None)
    sender.near_until = at + timedelta(days=3) if grave_since(at - timedelta(days=3), at) else None
    clocked = _Clocked(at, speed)
    messages = 0
    started = marked = time.monotonic()
    try:
        while at < until and not (stops and stops()):
            step = min(until, clocked.next(at))
            messages += sender.send(after=at, until=step)
            at = step
            if speed is None or time.monotonic() - marked > _MARKS:
                joining.mark_sent(folder, at)
                marked = time.monotonic()
            if tell:
                tell(at)
    finally:
        if speed is not None and at > begun:
            joining.mark_sent(folder, at)
    jobs.lay_out_visits(clock.day_of(at) - timedelta(days=1))
    return Replayed(begun, at, messages, time.monotonic() - started)


class _Clocked:
    """Up to where to go next: a day at a time, or as far as real time times the speed has come."""

    def __init__(self, at: datetime, speed: float | None) -> None:
        self._at, self._speed, self._since = at, speed, time.monotonic()

    def next(self, at: datetime) -> datetime:
        if self._speed is None:
            return clock.start_of(clock.day_of(at) + timedelta(days=1))
        while True:
            reached = self._at + timedelta(seconds=(time.monotonic() - self._since) * self._speed)
            if reached > at:
                return reached
            time.sleep(_TICK)


def _hurry() -> None:
    """Let SQLite not wait for the disk while an empty system is filled: what is lost is sent again."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")
