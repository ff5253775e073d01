"""A synthetic city on disk: what `citywatch simulate` writes, day by day, so that a run that was stopped can go on.

Every file is written under another name and then renamed, and `progress.json` counts a day only when all of it is
there. The bytes depend on the arguments alone: each file is written by one worker, with one thread.
"""

import json
import multiprocessing
import os
import pickle
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from citywatch import __version__
from citywatch.mechanisms.errors import Refusal
from citywatch.server.synthetic.plan import CityName, plan_of
from citywatch.simulation import movement
from citywatch.simulation.goods import goods_of
from citywatch.simulation.people import City, build_city, occupations
from citywatch.simulation.scenarios import Ending, RunState, run
from citywatch.simulation.streams import Sent
from citywatch.simulation.visits import Controls, Visits, day_in_parts, join, scanned

FORMAT: Final = 1
CAPTURE: Final = 0.70  # share of stays the scanning captures (domain dossier, section 3, assumed there)
PART: Final = 2_000_000  # people whose visits share one file
COMPILES_FROM: Final = 1_000_000  # person-days from which loading compiled code pays
AHEAD: Final = 2  # days whose visits may be under way, for each worker
_PARQUET = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 491520"
_INSTANT = "CAST(make_timestamp(CAST({0} AS BIGINT) * 60000000) AS TIMESTAMP) AS {1}"
# The types of the tables of truth, also where they are empty.
TYPES: Final = {
    **dict.fromkeys(
        ("person_id", "infector", "outbreak", "place_id", "batch", "row", "size", "symptomatic"), "INTEGER"
    ),
    **dict.fromkeys(("source_place", "source_batch", "from_place", "to_place"), "INTEGER"),
    **dict.fromkeys(("infected_at", "onset_at", "first_report_at", "positive_at", "began_at"), "TIMESTAMP"),
    **dict.fromkeys(("sent", "received"), "TIMESTAMP"),
    **dict.fromkeys(("disease", "cause", "kind", "message_id", "from_node", "to_node"), "VARCHAR"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What decides every byte of a folder."""

    scenario: str
    city: CityName
    people: int
    seed: int
    start: date
    days: int
    visits: bool = True
    true_visits: bool = False
    found_later: int = 0  # days by which the city discovers it later than it would

    def told(self) -> dict[str, Any]:
        """The arguments as `progress.json` keeps them."""
        return asdict(self) | {"start": self.start.isoformat(), "made_by": __version__}


@dataclass(slots=True)
class Progress:
    """How far a folder has come, told after every day."""

    days_done: int
    days: int


def write_city(arguments: Arguments, folder: Path, *, workers: int = 1) -> Iterator[Progress]:
    """Write a city into `folder`, or go on where an earlier run with the same arguments stopped.

    Yields after the start and after every day that is complete. Refuses a folder that holds anything else.
    """
    done = _claim(folder, arguments)
    yield Progress(max(done, 0), arguments.days)
    if done >= 0 and _read_progress(folder)["done"]:
        _forget(folder)
        return
    city = build_city(plan_of(arguments.city, people=arguments.people), seed=arguments.seed)
    if done < 0:
        _write_places(city, folder / "places.parquet")
        _write_people(city, folder / "people.parquet")
        _note(folder, arguments, days=0)
        done = 0
    if arguments.visits and arguments.people * arguments.days >= COMPILES_FROM:
        movement.compiled()  # before any worker parts
    state, subjects = _recall(folder, done)
    running = run(
        city, arguments.scenario, start=arguments.start, days=arguments.days, seed=arguments.seed, state=state,
        found_days_later=arguments.found_later,
    )  # fmt: skip
    with _crew(city, arguments, folder, workers=workers) as crew:
        for day in running:
            number = (day.day - arguments.start).days
            _write_reports(day.batches, folder / "reports" / f"day={day.day}.jsonl")
            subjects.append(_subjects(day.batches))
            memory = pickle.dumps((running.state, subjects))
            for finished in crew.after(number, day.day, day.controls, memory):
                yield Progress(finished, arguments.days)
        for finished in crew.rest():
            yield Progress(finished, arguments.days)
    _write_ending(city, arguments, folder, ending=running.finish(), subjects=subjects)


# ── The folder and how far it has come ───────────────────────────────────────────────────────────────────────────────


def _claim(folder: Path, arguments: Arguments) -> int:
    """How many days the folder holds of just these arguments; -1 where nothing is there yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise Refusal(f"{folder} cannot be written ({error.strerror}); name a folder that can.") from error
    if not found:
        return -1
    if "progress.json" not in found:
        if {name.removesuffix(".new") for name in found} <= {"places.parquet", "people.parquet", "progress.json"}:
            return -1  # stopped before the first day
        raise Refusal(f"{folder} holds {found[0]} and is no folder of a simulated city; name an empty one.")
    there = _read_progress(folder)
    for name, value in arguments.told().items():
        if there["arguments"].get(name) != value:
            raise Refusal(
                f"{folder} holds a city made with {name.replace('_', '-')} {there['arguments'].get(name)}, "
                f"not {value}; name an empty folder, or the same arguments to go on."
            )
    return int(there["days_done"])


def _read_progress(folder: Path) -> dict[str, Any]:
    path = folder / "progress.json"
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        known = {"found_later": 0} | dict(read["arguments"])  # folders begun before there was this argument
        return {"arguments": known, "days_done": int(read["days_done"]), "done": bool(read["done"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{path} does not say how far the city has come; name an empty folder.") from error


def _note(folder: Path, arguments: Arguments, *, days: int, done: bool = False) -> None:
    told = {"format": FORMAT, "arguments": arguments.told(), "days_done": days, "done": done}
    _write_text(folder / "progress.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def _recall(folder: Path, days: int) -> tuple[RunState | None, list[list[tuple[Any, ...]]]]:
    """The state the last complete day left, and which report rows were about whom so far."""
    if not days:
        return None, []
    path = folder / f"state-{days}.pickle"
    try:
        state, subjects = pickle.loads(path.read_bytes())  # noqa: S301 - our own file, beside the progress it belongs to
    except (OSError, pickle.PickleError, EOFError, AttributeError) as error:
        raise Refusal(f"{path} cannot be read, so the run cannot go on; name an empty folder.") from error
    return state, subjects


def _forget(folder: Path) -> None:
    """Remove what was kept to go on from."""
    for state in (*folder.glob("state-*.pickle"), *folder.glob("state-*.new")):
        state.unlink()


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


# ── Days, in one process or several ──────────────────────────────────────────────────────────────────────────────────


class _Crew:
    """Writes the visits of days, one worker a day, and counts days in order."""

    def __init__(self, arguments: Arguments, folder: Path, pool: ProcessPoolExecutor | None, *, workers: int) -> None:
        self.arguments, self.folder, self.pool = arguments, folder, pool
        self.most = AHEAD * workers
        self.waiting: list[tuple[int, Future[None] | None, bytes]] = []

    def after(self, number: int, day: date, controls: Controls, memory: bytes) -> Iterator[int]:
        """Have the visits of a day written; tells the days that are complete by now."""
        future = None
        if self.pool is not None:
            future = self.pool.submit(_write_day, day, controls, self.arguments, self.folder)
        else:
            _write_day(day, controls, self.arguments, self.folder)
        self.waiting.append((number + 1, future, memory))
        while self.waiting and (len(self.waiting) > self.most or future is None or self._first_is_done()):
            yield self._count()

    def rest(self) -> Iterator[int]:
        """Wait for all that is still under way."""
        while self.waiting:
            yield self._count()

    def _first_is_done(self) -> bool:
        future = self.waiting[0][1]
        return future is None or future.done()

    def _count(self) -> int:
        days, future, memory = self.waiting.pop(0)
        if future is not None:
            future.result()
        state = self.folder / f"state-{days}.pickle"
        state.with_suffix(".new").write_bytes(memory)
        state.with_suffix(".new").replace(state)
        _note(self.folder, self.arguments, days=days)
        (self.folder / f"state-{days - 1}.pickle").unlink(missing_ok=True)
        return days


_CITY: list[City] = []  # the worker's city: inherited by a fork, built again where processes begin anew


@contextmanager
def _crew(city: City, arguments: Arguments, folder: Path, *, workers: int) -> Iterator[_Crew]:
    _CITY[:] = [city]
    try:
        if workers < 2 or not arguments.visits:
            yield _Crew(arguments, folder, None, workers=1)
            return
        forks = sys.platform == "linux"
        context = multiprocessing.get_context("fork" if forks else "spawn")
        again = None if forks else arguments
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_settle, initargs=(again,)) as pool:
            yield _Crew(arguments, folder, pool, workers=workers)
    finally:
        _CITY.clear()


def _settle(arguments: Arguments | None) -> None:
    """Give a worker its city, where it did not come with one."""
    if arguments is not None:
        _CITY[:] = [build_city(plan_of(arguments.city, people=arguments.people), seed=arguments.seed)]


def _write_day(day: date, controls: Controls, arguments: Arguments, folder: Path) -> None:
    if not arguments.visits:
        return
    city, parts, held = _CITY[0], 0, 0
    true: list[Visits] = []
    with _parquet() as files:
        for some, visits in day_in_parts(city, day, controls=controls):
            true.append(visits)
            held += len(some)
            if held >= PART or some.stop == len(city.people):
                _write_part(files, join(true), folder, f"day={day}/part-{parts}.parquet", true=arguments.true_visits)
                parts, held = parts + 1, 0
                true.clear()


def _write_part(files: duckdb.DuckDBPyConnection, visits: Visits, folder: Path, name: str, *, true: bool) -> None:
    if true:
        _write_visits(files, visits, folder / "truth_visits" / name)
    seen = scanned(_CITY[0], visits, share=CAPTURE)
    _write_visits(files, visits.only(seen), folder / "visits" / name)


def _write_visits(files: duckdb.DuckDBPyConnection, visits: Visits, path: Path) -> None:
    columns = {"person_id": visits.person, "place_id": visits.place, "a": visits.minute_in, "b": visits.minute_out}
    begin, end = _INSTANT.format("a", '"start"'), _INSTANT.format("b", '"end"')
    _write_table(files, columns, f"person_id, place_id, {begin}, {end}", path)


# ── Tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _parquet() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of one thread, so that its files come out the same every time.

    It is closed again at once: a worker that is forked while its parent has one open dies.
    """
    with duckdb.connect(":memory:", config={"threads": 1}) as files:
        files.execute("SET enable_progress_bar = false")
        yield files


def _write_table(files: duckdb.DuckDBPyConnection, columns: Mapping[str, np.ndarray], select: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    files.register("lines", dict(columns))
    quoted = str(new).replace("'", "''")
    files.execute(f"COPY (SELECT {select} FROM lines) TO '{quoted}' ({_PARQUET}, USE_TMP_FILE false)")  # noqa: S608 - our own path
    files.unregister("lines")
    new.replace(path)


def _write_places(city: City, path: Path) -> None:
    places, streets = city.places, city.plan.streets
    street = city.place_street
    texts = {
        "code": [place.code for place in places],
        "parent_code": [place.parent_code for place in places],
        "kind": [place.kind for place in places],
        "institution_kind": [place.institution_kind or "" for place in places],
        "name_zh": [place.name_zh for place in places],
        "name_en": [place.name_en for place in places],
        "district_code": [streets[i].district_code for i in street],
        "street_code": [place.street_code for place in places],
        "streams": [";".join(place.streams) for place in places],
        "flags": [";".join(place.flags) for place in places],
    }
    columns: dict[str, np.ndarray] = {name: np.array(values, dtype=object) for name, values in texts.items()}
    columns["place_id"] = np.arange(len(places), dtype=np.int32)
    columns["lon"] = np.array([place.lon for place in places])
    columns["lat"] = np.array([place.lat for place in places])
    select = (
        "place_id, code, parent_code, kind, nullif(institution_kind, '') AS institution_kind, name_zh, name_en, "
        "district_code, street_code, lon, lat, streams, flags"
    )
    with _parquet() as files:
        _write_table(files, columns, select, path)


def _write_people(city: City, path: Path) -> None:
    people = city.people
    codes = np.array([street.code for street in city.plan.streets], dtype=object)
    columns = {
        "person_id": np.arange(len(people), dtype=np.int32),
        "born": people.born,
        "male": people.male,
        "home_street": codes[people.street],
        "household": people.household,
        "collective": people.collective,
        "workplace": people.workplace,
        "pupil": people.pupil,
        "occupation": occupations(city),
    }
    select = (
        "person_id, DATE '1970-01-01' + born AS born, male, home_street, household, collective, workplace, pupil, "
        "occupation"
    )
    with _parquet() as files:
        _write_table(files, columns, select, path)


def _write_reports(batches: list[Sent], path: Path) -> None:
    lines = [
        json.dumps(
            {
                "sent_at": _instant_text(batch.sent_at),
                "site": batch.site,
                "form": batch.form,
                "message_id": batch.message_id,
                "day": batch.day.isoformat(),
                "rows": batch.rows,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for batch in batches
    ]
    _write_text(path, "".join(line + "\n" for line in lines))


def _subjects(batches: list[Sent]) -> list[tuple[Any, ...]]:
    """The report rows of a day that belong to a true infection; a batch sent again counts once."""
    return [(batch.message_id, *subject) for batch in batches for subject in batch.subjects]


def _write_ending(
    city: City, arguments: Arguments, folder: Path, *, ending: Ending, subjects: list[list[tuple[Any, ...]]]
) -> None:
    about = list(dict.fromkeys(line for day in subjects for line in day))
    reports = {
        "message_id": np.array([line[0] for line in about], dtype=object),
        "row": np.array([line[1] for line in about], dtype=np.int32),
        "person_id": np.array([line[2] for line in about], dtype=np.int32),
        "outbreak": np.array([line[3] for line in about], dtype=np.int32),
        "disease": np.array([line[4] for line in about], dtype=object),
    }
    with _parquet() as files:
        # A scenario that does nothing to goods leaves them as they are every day.
        moved = ending.goods or goods_of(city, first_day=arguments.start, days=arguments.days).columns()
        tables = {
            "truth_reports": reports,
            "truth": ending.truth,
            "outbreaks": ending.outbreaks,
            "goods": _goods(city, moved),
        }
        for table, columns in tables.items():
            select = ", ".join(
                name if array.dtype == np.bool_ else f"CAST({name} AS {TYPES[name]}) AS {name}"
                for name, array in columns.items()
            )
            _write_table(files, columns, select, folder / f"{table}.parquet")
    lines = [json.dumps(_written(told), ensure_ascii=False, default=_written) for told in ending.interviews]
    _write_text(folder / "interviews.jsonl", "".join(line + "\n" for line in lines))
    told = {
        "format": FORMAT,
        "scenario": arguments.scenario,
        "city": arguments.city,
        "people": arguments.people,
        "seed": arguments.seed,
        "start": arguments.start.isoformat(),
        "days": arguments.days,
        "found_later": arguments.found_later,
        "first_positive": None if ending.first_positive is None else _instant_text(ending.first_positive),
        "capture": CAPTURE,
        "made_by": __version__,
    }
    _write_text(folder / "scenario.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    _note(folder, arguments, days=arguments.days, done=True)
    _forget(folder)


def _goods(city: City, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Movements of goods with their places' codes beside the ids, as `citywatch trace-goods` reads them."""
    codes = np.array([place.code for place in city.places], dtype=object)
    return dict(columns) | {"from_node": codes[columns["from_place"]], "to_node": codes[columns["to_place"]]}


def _written(value: Any) -> Any:
    """What JSON does not know: instants, and what is told in interviews."""
    if isinstance(value, datetime):
        return _instant_text(value)
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _instant_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def last_day(arguments: Arguments) -> date:
    """The last day of a run."""
    return arguments.start + timedelta(days=arguments.days - 1)
