"""A simulated city as it lies on disk: what it sends day by day, and the truth beside it.

Written by `citywatch simulate`. Whatever is missing or damaged is refused in one sentence naming the file and the line.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.simulation import identities

FORMAT = 1
_NEEDED = ("scenario", "city", "people", "seed", "start", "days")
_VISITS = """
COPY (SELECT people.id_number, places.code AS place_code, visits."start" AS time_in, visits."end" AS time_out
      FROM read_parquet(?) visits JOIN people USING (person_id) JOIN places USING (place_id)
      ORDER BY time_in, place_code, id_number)
TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Message:
    """What one site sends at once; `body` is what goes over the wire."""

    at: datetime
    site: str
    form: str
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What one case tells when asked; times are instants."""

    case_ref: str
    person: int
    at: datetime
    onset: datetime | None
    stays: tuple[dict[str, Any], ...]
    contacts: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What was simulated; `first_positive` is None where nobody is ever tested positive."""

    scenario: str
    city: str
    people: int
    seed: int
    start: date
    days: int
    first_positive: datetime | None
    found_later: int = 0

    @property
    def begins(self) -> datetime:
        return clock.start_of(self.start)

    @property
    def ends(self) -> datetime:
        return clock.start_of(self.start + timedelta(days=self.days))

    @property
    def name(self) -> str:
        """What tells one folder from another."""
        late = f"/found {self.found_later} days later" if self.found_later else ""
        return f"{self.scenario}/{self.city}/{self.people}/{self.seed}/{self.start}{late}"


class Folder:
    """The folder of one simulated city."""

    def __init__(self, root: Path) -> None:
        """Refuses a folder that is not a finished simulated city."""
        self.root = root
        self.scenario = _scenario(root)
        progress = _json(root / "progress.json")
        if not progress.get("done"):
            raise Refusal(
                f"{root / 'progress.json'}: this city is not finished; run the same `citywatch simulate` again, "
                "it goes on where it stopped."
            )

    @cached_property
    def places(self) -> Columns:
        """The columns of places.parquet; row n is place n."""
        return self.table("places.parquet", order="place_id")

    @cached_property
    def id_numbers(self) -> NDArray[np.object_]:
        """Every person's ID number, by person."""
        people = self.table("people.parquet", "date_diff('day', DATE '1970-01-01', born) AS born, male", "person_id")
        numbers = identities.id_numbers(self.scenario.city, born=people["born"], male=people["male"])
        return np.asarray(numbers, dtype=object)

    def table(self, name: str, columns: str = "*", order: str = "") -> Columns:
        """Columns of one Parquet file as arrays; instants and days are numpy's, null is NaT, NaN or None."""
        path = self.root / name
        if not path.exists():
            raise Refusal(f"{path} is missing; this is not the folder of a simulated city, or not all of it.")
        try:
            with duckdb.connect() as files:
                sql = f"SELECT {columns} FROM read_parquet(?)" + (f" ORDER BY {order}" if order else "")  # noqa: S608
                found = files.execute(sql, [str(path)]).fetchnumpy()
        except duckdb.Error as error:
            raise Refusal(f"{path} cannot be read ({str(error).splitlines()[0]}); simulate the city again.") from None
        return {column: _plain(values) for column, values in found.items()}

    def messages(self, day: date) -> list[Message]:
        """What was sent on a day, in the order of sending."""
        path = self.root / "reports" / f"day={day.isoformat()}.jsonl"
        if not path.exists():
            return []
        with path.open(encoding="utf-8") as lines:
            found = [_message(line, f"{path} line {number}") for number, line in enumerate(lines, start=1)]
        return sorted(found, key=lambda message: message.at)

    def visits(self, day: date) -> bytes | None:
        """A day's visits as the file a scanning operator would send; None where that day has none."""
        source = self.root / "visits" / f"day={day.isoformat()}"
        if not source.is_dir():
            return None
        target = self._scratch / "visits.parquet"
        try:
            self._files.execute(_VISITS.format(path=target), [str(source / "*.parquet")])
        except duckdb.Error as error:
            raise Refusal(f"{source} cannot be read ({str(error).splitlines()[0]}); simulate the city again.") from None
        return target.read_bytes()

    @cached_property
    def interviews(self) -> Sequence[Told]:
        """What each case would tell, in the order they are asked."""
        path = self.root / "interviews.jsonl"
        if not path.exists():
            return ()
        with path.open(encoding="utf-8") as lines:
            told = [_told(line, f"{path} line {number}") for number, line in enumerate(lines, start=1)]
        return sorted(told, key=lambda one: (one.at, one.case_ref))

    def days(self, first: date, last: date) -> Iterator[date]:
        """Each day from first to last."""
        for n in range((last - first).days + 1):
            yield first + timedelta(days=n)

    @cached_property
    def _scratch(self) -> Path:
        self._held = tempfile.TemporaryDirectory(prefix="citywatch-replay-")
        return Path(self._held.name)

    @cached_property
    def _files(self) -> duckdb.DuckDBPyConnection:
        """A connection that knows everybody's number and every place's code."""
        files = duckdb.connect()
        numbers, codes = self.id_numbers, self.places["code"]
        for table, key, column, values in (
            ("people", "person_id", "id_number", numbers),
            ("places", "place_id", "code", codes),
        ):
            columns = {key: np.arange(len(values), dtype=np.int32), column: np.asarray(values, dtype=object)}
            files.register("given", columns)
            files.execute(f"CREATE TABLE {table} AS SELECT * FROM given")  # noqa: S608 - our own names
            files.unregister("given")
        return files


def instant(text: str) -> datetime:
    """An instant of the folder's JSON: ISO with a zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at.astimezone(UTC)


def _scenario(root: Path) -> Scenario:
    path = root / "scenario.json"
    told = _json(path)
    missing = [name for name in _NEEDED if name not in told]
    if missing:
        raise Refusal(f"{path}: {', '.join(missing)} is missing; simulate the city again.")
    if told.get("format") != FORMAT:
        raise Refusal(
            f"{path}: format {told.get('format')!r} is not read here (only {FORMAT}); simulate the city again."
        )
    try:
        first = told.get("first_positive")
        return Scenario(
            str(told["scenario"]), str(told["city"]), int(told["people"]), int(told["seed"]),
            date.fromisoformat(told["start"]), int(told["days"]), instant(first) if first else None,
            int(told.get("found_later", 0)),
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise Refusal(f"{path}: {error}; simulate the city again.") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal(f"{path} is missing; name a folder that `citywatch simulate` wrote.") from None
    except (OSError, ValueError) as error:
        raise Refusal(f"{path} cannot be read ({error}); simulate the city again.") from None
    if not isinstance(told, dict):
        raise Refusal(f"{path} holds no object; simulate the city again.")
    return told


def _message(line: str, where: str) -> Message:
    try:
        sent = json.loads(line)
        body = json.dumps({"rows": sent["rows"]}, ensure_ascii=False).encode()
        return Message(instant(sent["sent_at"]), sent["site"], sent["form"], sent["message_id"], body)
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(
            f"{where}: this is no batch ({type(error).__name__}: {error}); simulate the city again."
        ) from None


def _told(line: str, where: str) -> Told:
    try:
        one = json.loads(line)
        onset = one.get("onset")
        return Told(
            one["case_ref"], int(one.get("person_id", one.get("person"))), instant(one["at"]),
            instant(onset) if onset else None,
            tuple(_timed(stay, "from_at", "to_at") for stay in one["stays"]),
            tuple(_timed(met, "first_at", "last_at") for met in one["contacts"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(
            f"{where}: this is no interview ({type(error).__name__}: {error}); simulate the city again."
        ) from None


def _timed(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return row | {name: instant(row[name]) for name in names}


def _plain(values: Any) -> NDArray[Any]:
    """A masked array of DuckDB as a plain one: null is NaT, NaN or None."""
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    if values.dtype.kind == "M":
        return values.filled(np.datetime64("NaT"))
    if values.dtype.kind == "f":
        return values.filled(np.nan)
    return values.filled(None) if values.dtype.kind == "O" else values.filled(-1)
