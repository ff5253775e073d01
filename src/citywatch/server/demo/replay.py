"""Sending a simulated outbreak through the doors, in the order things were sent, with detection as time passes.

One batch per site-day through the bulk door; detection daily in the past and every 15 minutes from five days before T.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np

from citywatch.city.registry import queries as registry
from citywatch.city.sense import services as sense
from citywatch.city.sense.visits import take_visits
from citywatch.city.warn import services as warn
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.server import forms, jobs, wiring
from citywatch.server.demo import desk
from citywatch.server.demo.story import Setting
from citywatch.simulation.identities import identity
from citywatch.simulation.people import City
from citywatch.simulation.scenarios import Outbreak

QUARTER = timedelta(minutes=15)
CLOSE_WATCH = timedelta(days=5)
_MINUTE = 60
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Event:
    """Something due at a moment: a batch, a laboratory result, a day of visits, or a detection run."""

    at: datetime
    kind: Literal["batch", "result", "visits", "watch"]
    index: int


def send(
    of: Setting, city: City, outbreak: Outbreak, *, after: datetime, until: datetime, progress: Progress | None = None
) -> int:
    """Send everything due in (after, until] and detect as it goes; leaves city time at `until`."""
    events = sorted(due(of, outbreak, after=after, until=until), key=lambda event: (event.at, event.kind == "watch"))
    sender = Sender(of, city, outbreak)
    for number, event in enumerate(events, start=1):
        sender.send(event)
        if progress:
            progress(number, len(events), clock.day_of(event.at).isoformat())
    wiring.catch_up()
    journal.record("demo.advanced", place=sender.root, by=machine("demo", place=sender.root, abilities=[]), at=until)
    export.catch_up()
    clock.set_to(until)
    return len(events)


def due(of: Setting, outbreak: Outbreak, *, after: datetime, until: datetime) -> Iterator[Event]:
    """Everything due in (after, until]."""
    for index, batch in enumerate(outbreak.batches):
        if after < batch.sent_at <= until:
            yield Event(batch.sent_at, "batch", index)
    for index, result in enumerate(outbreak.lab_results):
        if after < result.sent_at <= until:
            yield Event(result.sent_at, "result", index)
    for index, day in enumerate(_visit_days(outbreak)):
        closes = _instant((day + 1) * 24 * 60) - timedelta(hours=8)  # the feed of a day arrives at its midnight
        if after < closes <= until:
            yield Event(closes, "visits", index)
    for moment in watch_moments(of, after=after, until=until):
        yield Event(moment, "watch", 0)


def watch_moments(of: Setting, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """Daily at 23:45 city time in the past; every quarter of an hour from five days before the first positive."""
    close = of.first_positive - CLOSE_WATCH
    day = max(of.first_day, clock.day_of(after))
    moment = clock.start_of(day)
    while moment <= until:
        if moment > after and (moment >= close or moment == _nightly(moment)):
            yield moment
        moment += QUARTER


def _nightly(moment: datetime) -> datetime:
    return clock.start_of(clock.day_of(moment)) + timedelta(hours=23, minutes=45)


class Sender:
    """Knows the senders' places and credentials."""

    def __init__(self, of: Setting, city: City, outbreak: Outbreak) -> None:
        self.of, self.city, self.outbreak = of, city, outbreak
        self.places = {place.code: place for place in Place.objects.all()}
        self.root = registry.city_place()
        self.days = _visit_days(outbreak)
        self.id_numbers: dict[int, str] = {}

    def send(self, event: Event) -> None:
        getattr(self, f"_{event.kind}")(event)

    def _batch(self, event: Event) -> None:
        batch = self.outbreak.batches[event.index]
        site = self.places[batch.site_code]
        body = json.dumps({"rows": batch.rows}, ensure_ascii=False).encode()
        sense.submit(
            batch.form,
            body,
            channel="api",
            site=site,
            source=site.code,
            message_id=f"{batch.form}-{batch.day.isoformat()}-{event.index}",
            sent_at=event.at,
            by=self._sender(site),
            at=event.at,
        )
        if batch.form == "fever-clinic-visit":
            wiring.catch_up()

    def _result(self, event: Event) -> None:
        result = self.outbreak.lab_results[event.index]
        site = self.places[result.lab_code]
        forms.submit(
            "lab-result",
            json.dumps({"rows": [result.row]}, ensure_ascii=False).encode(),
            channel="api",
            site=site,
            source=site.code,
            message_id=f"lab-{result.barcode}-{event.index}",
            sent_at=event.at,
            by=machine(f"sender:{site.code}", place=site, abilities=["sense.submit", "lab.result"]),
            at=event.at,
        )
        wiring.catch_up()

    def _visits(self, event: Event) -> None:
        day = self.days[event.index]
        take_visits(
            visits_of_day(self.city, self.outbreak, day, known=self.id_numbers),
            site=self.root,
            source="visit-feed",
            message_id=f"visits-{day}",
            by=machine("visit-feed", place=self.root, abilities=["sense.submit"]),
            at=event.at,
        )

    def _watch(self, event: Event) -> None:
        warn.watch(at=event.at)
        if event.at == _nightly(event.at):
            jobs.compact(closed=clock.day_of(event.at))
        desk.answer(
            street_code=self.city.plan.market_street, close_watch_from=self.of.first_positive - CLOSE_WATCH, at=event.at
        )

    def _sender(self, site: Place) -> Viewer:
        return machine(f"sender:{site.code}", place=site, abilities=["sense.submit"])


def visits_of_day(city: City, outbreak: Outbreak, day: int, *, known: dict[int, str]) -> bytes:
    """One day's captured visits as the Parquet file a scanning operator would send.

    `known` keeps the ID numbers made so far: most people go out every day.
    """
    visits = outbreak.visits
    chosen = np.flatnonzero(_day_of(visits.minute_in) == day)
    people = np.unique(visits.person[chosen])
    for person in people.tolist():
        if person not in known:
            known[person] = identity(city, person)["id_number"]
    numbers = np.array([known[person] for person in people.tolist()], dtype=object)
    codes = np.array([place.code for place in city.places], dtype=object)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        columns = {
            "id_number": numbers[np.searchsorted(people, visits.person[chosen])],
            "place_code": codes[visits.place[chosen]],
            "time_in": visits.minute_in[chosen].astype("datetime64[m]").astype("datetime64[us]"),
            "time_out": visits.minute_out[chosen].astype("datetime64[m]").astype("datetime64[us]"),
        }
        connection.register("visits", columns)
        path = Path(folder) / "visits.parquet"
        connection.execute(f"COPY (SELECT * FROM visits) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")  # noqa: S608 - our own path
        return path.read_bytes()


def _visit_days(outbreak: Outbreak) -> list[int]:
    return [int(day) for day in np.unique(_day_of(outbreak.visits.minute_in))]


def _day_of(minutes: np.ndarray) -> np.ndarray:
    return (minutes.astype(np.int64) + 8 * 60) // (24 * 60)


def _instant(minutes: int) -> datetime:
    return datetime.fromtimestamp(minutes * _MINUTE, tz=UTC)
