"""The demo's outbreak through the same engine as any replay: a market scenario told in memory instead of on disk.

Detection runs nightly in the past and every quarter of an hour from five days before the first positive; the duty
desk's ordinary work is done meanwhile.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

from citywatch.city.registry import queries as registry
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.server import jobs
from citywatch.server.demo import desk
from citywatch.server.demo.story import Setting
from citywatch.server.replay.folder import Message
from citywatch.server.replay.sending import Sender, Watching
from citywatch.simulation.identities import identity
from citywatch.simulation.people import City
from citywatch.simulation.scenarios import Outbreak

CLOSE_WATCH = timedelta(days=5)
_EPOCH = date(1970, 1, 1)
Progress = Callable[[int, int, str], None]


def send(
    of: Setting, city: City, outbreak: Outbreak, *, after: datetime, until: datetime, progress: Progress | None = None
) -> int:
    """Send everything due in (after, until] and detect as it goes; leaves city time at `until`."""
    close = of.first_positive - CLOSE_WATCH
    sender = Sender(InMemory(city, outbreak), Watching("nightly", close=close), Desk(city.plan.market_street, close))
    days = (clock.day_of(until) - clock.day_of(after)).days + 1

    def tell(at: datetime) -> None:
        if progress:
            day = clock.day_of(at)
            progress((day - clock.day_of(after)).days, days, day.isoformat())

    sent = sender.send(after=after, until=until, progress=tell)
    jobs.lay_out_visits(clock.day_of(until) - timedelta(days=1))
    root = registry.city_place()
    journal.record("demo.advanced", place=root, by=machine("demo", place=root, abilities=[]), at=until)
    export.catch_up()
    return sent


class Desk:
    """The duty desk of the demo: whatever has waited two hours is answered after each detection run."""

    def __init__(self, street_code: str, close_watch_from: datetime) -> None:
        self._street, self._from = street_code, close_watch_from

    def due(self, after: datetime, until: datetime) -> Sequence[datetime]:
        del after, until
        return ()

    def act(self, at: datetime) -> None:
        desk.answer(street_code=self._street, close_watch_from=self._from, at=at)


class InMemory:
    """What a simulated outbreak sends, by day."""

    def __init__(self, city: City, outbreak: Outbreak) -> None:
        self._city, self._outbreak = city, outbreak
        self._by_day: dict[date, list[Message]] = defaultdict(list)
        for message in sorted(_messages(outbreak), key=lambda one: one.at):
            self._by_day[clock.day_of(message.at)].append(message)
        self._id_numbers: dict[int, str] = {}  # kept between days: most people go out every day

    def messages(self, day: date) -> list[Message]:
        return self._by_day[day]

    def visits(self, day: date) -> bytes | None:
        number = (day - _EPOCH).days
        chosen = np.flatnonzero(_day_of(self._outbreak.visits.minute_in) == number)
        return visits_file(self._city, self._outbreak, chosen, known=self._id_numbers) if chosen.size else None


def _messages(outbreak: Outbreak) -> list[Message]:
    found = [
        Message(
            batch.sent_at, batch.site_code, batch.form, f"{batch.form}-{batch.day.isoformat()}-{n}", _body(batch.rows)
        )
        for n, batch in enumerate(outbreak.batches)
    ]
    for n, result in enumerate(outbreak.lab_results):
        name = f"lab-{result.barcode}-{n}"
        found.append(Message(result.sent_at, result.lab_code, "lab-result", name, _body([result.row])))
    return found


def _body(rows: Sequence[dict[str, str]]) -> bytes:
    return json.dumps({"rows": list(rows)}, ensure_ascii=False).encode()


def visits_file(city: City, outbreak: Outbreak, chosen: np.ndarray, *, known: dict[int, str]) -> bytes:
    """Some captured visits as the Parquet file a scanning operator would send; `known` keeps ID numbers made so far."""
    visits = outbreak.visits
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


def _day_of(minutes: np.ndarray) -> np.ndarray:
    return (minutes.astype(np.int64) + 8 * 60) // (24 * 60)
