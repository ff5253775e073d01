"""The exposure status of a whole city: for everybody the gravest level of the rule's days, kept day by day.

A number for each level names nobody, so it is the city's, whoever asks. Whose level it is stays in the log.
"""

from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from citywatch.city.trace import rules
from citywatch.city.trace.whereabouts import CaseWindow, city_windows, columns_of, merged, people_of, stays_in
from citywatch.eventlog import levels
from citywatch.eventlog.crowds import Crowds
from citywatch.eventlog.segments import Version
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal import export

_EPOCH = date(1970, 1, 1)
_MINUTES_OF_SHANGHAI = 480


@dataclass(frozen=True, slots=True)
class DayStatus:
    """One day: how many people were exposed at each level, and whether it had to be made for this answer."""

    day: date
    people: dict[int, int]
    is_fresh: bool


@dataclass(frozen=True, slots=True)
class CityStatus:
    """How many people have each level as their status, by which rule, and the days it is the gravest of."""

    rule: rules.StatusRule
    people: dict[int, int]
    days: tuple[DayStatus, ...]


def city_status(*, at: datetime) -> CityStatus:
    """Everybody's status now, counted; only days whose visits or stays changed since they were kept are made anew."""
    rule = rules.status_rule(day_of(at))
    last = (day_of(at) - _EPOCH).days
    first = last - rule.days + 1
    folder = export.store().root / "levels"
    made = _keep(folder, rule, first, last, at)
    levels.drop(folder, before=first)
    days = tuple(
        DayStatus(_EPOCH + timedelta(days=day), _counted(folder, day, day), day in made)
        for day in range(first, last + 1)
    )
    return CityStatus(rule, _counted(folder, first, last), days)


def _counted(folder: Path, first: int, last: int) -> dict[int, int]:
    found = np.bincount(levels.status(folder, first_day=first, last_day=last), minlength=len(rules.STATUSES) + 1)
    return {level: int(found[level]) for level in rules.STATUSES}


def _keep(folder: Path, rule: rules.StatusRule, first: int, last: int, at: datetime) -> set[int]:
    """Make the days that changed; gives which."""
    version = export.store().pin()
    windows = city_windows(first=_EPOCH + timedelta(days=first), at=at)
    stays = _stays(windows, rule)
    day_of_stay = (stays["minute_in"].astype(np.int64) + _MINUTES_OF_SHANGHAI) // (24 * 60)
    by_day = {
        day: {name: column[day_of_stay == day] for name, column in stays.items()} for day in range(first, last + 1)
    }
    sources = {day: _source(rule, by_day[day], version, day) for day in by_day}
    changed = {day for day, source in sources.items() if levels.source_of(folder, day) != source}
    asked = np.isin(day_of_stay, sorted(changed))
    found = {name: np.empty(0, dtype=np.int32) for name in ("day", "person", "level")}
    if asked.any():
        log = _log(windows, rule)
        some = {name: column[asked] for name, column in stays.items()}
        found = log.day_levels(some, minutes=rule.minutes, linger=rule.linger)
    for day in changed:
        mine = found["day"] == day
        levels.record(folder, day, {name: found[name][mine] for name in ("person", "level")}, made_from=sources[day])
    return changed


def _log(windows: tuple[CaseWindow, ...], rule: rules.StatusRule) -> Crowds:
    spans = [(since, until + rule.linger) for since, until in merged(windows)]
    return Crowds(export.store(), export.engine(), spans)


def _stays(windows: tuple[CaseWindow, ...], rule: rules.StatusRule) -> dict[str, Any]:
    if not windows:
        return columns_of((), ())
    return columns_of(tuple(stays_in(windows, _log(windows, rule).visits_of(people_of(windows)))), windows)


def _source(rule: rules.StatusRule, stays: dict[str, Any], version: Version, day: int) -> str:
    """What a day is made from, in one word: the rule, the cases' stays that began on it, the visits it could read."""
    through = f"day={_EPOCH + timedelta(days=day + 1)}"
    visits = [path.name for path in version.files["visits"] if path.parent.name <= through]
    parts = (astuple(rule), sorted(zip(*(column.tolist() for column in stays.values()), strict=True)), visits)
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()
