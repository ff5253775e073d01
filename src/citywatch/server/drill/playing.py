"""Preparing a drill's system, and playing its city on while people work in it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from citywatch.city.registry import queries as registry
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.server.demo import build, desk
from citywatch.server.drill import exercise
from citywatch.server.drill.exercise import Exercise
from citywatch.server.replay import joining
from citywatch.server.replay.folder import Folder
from citywatch.server.replay.investigating import Investigators
from citywatch.server.replay.running import Replayed, replay

BEFORE = timedelta(hours=24)
Tell = Callable[[datetime], None]


def take_over_at(folder: Folder) -> datetime:
    """When people take over: a day before the first positive, or before the first report of any outbreak."""
    of = folder.scenario
    first = of.first_positive
    if first is None:
        reported = folder.table("outbreaks.parquet", "min(first_report_at) AS at")["at"][0]
        if np.isnat(reported):
            raise Refusal(f"{folder.root}: nothing is ever reported in this city; drill another scenario.")
        first = clock.start_of(reported.astype("datetime64[D]").astype(object))
    return max(of.begins, first - BEFORE)


def prepare(folder: Folder, *, home: Path, speed: float, takes_over: datetime | None, tell: Tell | None) -> Exercise:
    """Fill an empty system up to the moment people take over, and make its accounts."""
    speed = exercise.checked_speed(speed)
    if not joining.is_empty():
        raise Refusal(f"{home} holds a city already; give the drill a folder of its own with --home.")
    takes_over = takes_over or take_over_at(folder)
    joining.join(folder)
    _make_people(folder)
    replay(folder, until=takes_over, pace="nightly", hands=Routine(), tell=tell)
    made = Exercise(str(folder.root.resolve()), speed, takes_over.isoformat())
    exercise.write(home, made)
    exercise.write_accounts(home, {name: password for name, (_role, password) in build.new_passwords().items()})
    return made


def play(home: Path) -> Replayed:
    """Send the city on at the drill's speed until it is ended, or over. Cases are asked once people investigate."""
    while True:
        told = exercise.read(home)
        if told is None:
            raise Refusal("This system runs no drill; start one with `citywatch drill start`.")
        folder, speed = Folder(Path(told.folder)), told.speed
        done = replay(
            folder,
            speed=speed,
            pace="hourly",
            hands=Investigators(folder.interviews, verifies=False),
            stops=lambda speed=speed: _no_longer_at(speed, home),  # type: ignore[misc]
        )
        now = exercise.read(home)
        if now is None or now.ended or now.speed == speed:
            exercise.end(home, at=done.until)
            return done


class Routine:
    """The duty desk before the drill: what waited two hours is answered, so that people find no backlog."""

    def due(self, after: datetime, until: datetime) -> Sequence[datetime]:
        del after, until
        return ()

    def act(self, at: datetime) -> None:
        desk.answer(street_code="", close_watch_from=at, at=at)


def _no_longer_at(speed: float, home: Path) -> bool:
    told = exercise.read(home)
    return told is None or bool(told.ended) or told.speed != speed


def _make_people(folder: Folder) -> None:
    """The six accounts; the investigator belongs to the district where the largest outbreak begins."""
    outbreaks = folder.table("outbreaks.parquet", order="size DESC, outbreak")
    places = folder.places
    sources = [int(one) for one in outbreaks["source_place"] if one >= 0]
    chosen = sources[0] if sources else 0
    street = str(places["street_code"][chosen])
    reporting = [facts.place.street_code for facts in registry.institutions_reporting("symptom")]
    build.make_people(
        district=str(places["district_code"][chosen]), nurse_street=street if street in reporting else reporting[0]
    )
