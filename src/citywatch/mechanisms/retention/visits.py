"""The clock of captured visits: whole days of the log go, on the day after their time is over."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

import numpy as np

from citywatch.eventlog.expressions import table
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal.export import engine, store
from citywatch.mechanisms.retention.rules import keeps
from citywatch.mechanisms.vault.holds import in_force

_AT_ONCE = 200_000


def first_day(at: datetime) -> date:
    """The first day whose visits are kept. A legal hold keeps every day that was there when it was placed."""
    begins = [day_of(at), *(day_of(placed) for placed in in_force(at).values_list("placed_at", flat=True))]
    return min(begins) - keeps("visits", day_of(at))


def expired(at: datetime) -> list[date]:
    """Days still in the log whose time is over."""
    first = first_day(at)
    return sorted(day for day in store().days("visits") if day < first)


def let_go(at: datetime) -> int:
    """Let the days go whose time is over; returns how many. Their files follow when the log is next tidied."""
    days = expired(at)
    if days:
        log = store()
        log.retain("visits", first_day(at))
        log.roll_up(max(log.days("visits"), default=day_of(at)) - timedelta(days=2))
    return len(days)


def seen(people: Collection[int]) -> set[int]:
    """Those of these people whom the log's visits still know."""
    if not people or not store().days("visits"):
        return set()
    theirs = table("visits").semi_join(table("people"), "person").select("person").distinct()
    version = store().pin()
    ordered = sorted(people)
    found: set[int] = set()
    for start in range(0, len(ordered), _AT_ONCE):
        asked = {"person": np.array(ordered[start : start + _AT_ONCE], dtype=np.int32)}
        found.update(engine("duckdb").run(theirs, version, people=asked)["person"].tolist())
    return found
