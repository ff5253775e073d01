"""Cases, places and visits out of other people's files, ready for the questions of tracing.

Cases and places are small and read as text. Visits may be many millions: DuckDB reads them as typed columns, and only
what a question needs comes into memory. Times without a zone are city time, others are turned into it; minutes and days
are counted from 1970 on the city's wall clock.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from citywatch.interop.tables.read import TERMINAL, Table, read_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.sources import Presence
from citywatch.science.sources.presence import DAYS_PER_WORD

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

DAY = 1440
# A visit without any time (an address, a habit) holds on every day; year 68 to year 3871.
ALWAYS = (-1_000_000_000, 1_000_000_000)
# Days may be negative (Broad Street was in 1854) and DuckDB's // truncates: shift, divide, shift back.
_SHIFT = 700_000
_EARTH = 6_371_008.8
_CITY = ZoneInfo("Asia/Shanghai")
_MEMORY = "1500MB"
_SAMPLE = 1_000_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  wall-clock minutes, no zone
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$")


def _day(column: str) -> str:
    return f"(({column} + {_SHIFT * DAY}) // {DAY} - {_SHIFT})"


_ONE_OVERLAP = (
    "SELECT number AS stay, id, index.place_id, visit.person_id, weight, greatest(t_in, begins) AS start, "
    "least(greatest(t_out, t_in + $point), ends) AS stop FROM visit JOIN {index} AS index "
    "ON visit.place = index.place AND visit.person_id <> index.id AND {near} "
    "AND t_in <= ends AND greatest(t_out, t_in + $point) >= begins "
    "WHERE least(greatest(t_out, t_in + $point), ends) - greatest(t_in, begins) >= $least"
)


# Visits of up to a day are met by the day they began on; the few longer ones by place alone.
_LONG = f"greatest(t_out - t_in, $point) > {DAY}"
_OVERLAPS = (
    _ONE_OVERLAP.format(index="index_day", near=f"NOT {_LONG} AND {_day('t_in')} = index.day")
    + " UNION ALL "
    + _ONE_OVERLAP.format(index="index_stay", near=_LONG)
)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case: onset and infectious time in minutes, None where not told; `timed` says that onset has an hour."""

    person: str
    onset: int | None
    timed: bool
    infectious_from: int | None
    infectious_to: int | None


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One place: kind and name as written, its point where it has one."""

    place: str
    kind: str
    name: str
    point: tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Stays:
    """Visits in memory: index of the person asked for, place, minutes in and out (equal for a point in time)."""

    person: IntArray
    place: NDArray[Any]
    start: IntArray
    end: IntArray


@dataclass(slots=True)
class Counted:
    """What a visits file held: rows, those without an end, and those set aside, by reason."""

    rows: int = 0
    points: int = 0
    set_aside: dict[str, int] = field(default_factory=dict)


def minutes(text: str, *, end: bool = False) -> tuple[int, bool]:
    """A date or an instant as minutes of the city's wall clock since 1970, and whether an hour was given.

    A date alone is its midnight, as an end the next one. Raises ValueError for anything else.
    """
    plain = text.strip().replace("/", "-")
    if len(plain) <= 10:
        day = date(*(int(part) for part in plain.split("-")))
        return (day.toordinal() - _EPOCH.toordinal() + end) * DAY, False
    if _OFFSET.search(plain[10:]):
        told = datetime.fromisoformat(plain).astimezone(_CITY).replace(tzinfo=None)
    else:
        told = datetime.fromisoformat(plain)
    return (told - _EPOCH) // timedelta(minutes=1), True


def text_of(minute: int) -> str:
    """Minutes of the city's wall clock as 2020-06-11T08:30."""
    return (_EPOCH + timedelta(minutes=int(minute))).isoformat(timespec="minutes")


def read_cases(source: Path) -> list[CaseRow]:
    """Read `person_id,onset[,infectious_from,infectious_to]`; a person named twice with the same onset is one case."""
    table = read_table(source, limits=TERMINAL)
    table.refuse_problems()
    table.position("person_id")
    table.position("onset")
    found: dict[str, CaseRow] = {}
    for number, cells in table.records():
        person = cells["person_id"]
        if not person:
            sentence = (
                f"{table.name} row {number} column person_id: it is empty; every case needs the number it visits under."
            )
            raise Refusal(sentence)
        onset = _moment(table, number, cells, "onset")
        begins, ends = (
            _moment(table, number, cells, name, end=name.endswith("to"))
            for name in ("infectious_from", "infectious_to")
        )
        row = CaseRow(person, onset and onset[0], bool(onset and onset[1]), begins and begins[0], ends and ends[0])
        if found.setdefault(person, row) != row:
            sentence = (
                f"{table.name} row {number} column person_id: {person} stands twice with different dates; keep one row."
            )
            raise Refusal(sentence)
    if not found:
        sentence = f"{table.name}: there is no case in it; give one row per case."
        raise Refusal(sentence)
    return list(found.values())


def read_places(source: Path) -> dict[str, PlaceRow]:
    """Read `place_id[,kind,name,lon,lat]`, or `x,y` in a plane instead of lon, lat."""
    table = read_table(source, limits=TERMINAL)
    table.refuse_problems()
    table.position("place_id")
    found: dict[str, PlaceRow] = {}
    for number, cells in table.records():
        place = cells["place_id"]
        point = None
        for across, up in (("lon", "lat"), ("x", "y")):
            if cells.get(across) and cells.get(up):
                point = _number(table, number, across, cells), _number(table, number, up, cells)
        found[place] = PlaceRow(place, cells.get("kind", "").strip(), cells.get("name", "").strip(), point)
    return found


class VisitFile:
    """A file (or folder) of visits, opened for questions; use it in a `with`."""

    def __init__(self, source: Path, *, places: Mapping[str, PlaceRow], radius: float | None = None) -> None:
        self.name = source.name
        self.counted = Counted()
        self._folder = TemporaryDirectory(prefix="citywatch-visits-")
        self._db = duckdb.connect()
        self._db.execute("SET TimeZone='UTC'")
        self._db.execute("SET enable_progress_bar=false")
        self._db.execute(f"SET memory_limit='{_MEMORY}'")
        self._db.execute("SET preserve_insertion_order=false")
        self._db.execute("SET temp_directory=$folder", {"folder": self._folder.name})
        self.coordinates_only = False
        self.undated = False
        try:
            self._load(source)
            self.matched_by_radius = self._match(places, radius) if not self.coordinates_only else 0
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give memory and temporary files back."""
        self._db.close()
        self._folder.cleanup()

    def of_people(self, people: Sequence[str]) -> Stays:
        """All visits of the people, whose index is their place in the sequence."""
        self._small("asked", people)
        got = self._db.execute(
            'SELECT asked.number AS person, place_id AS place, t_in AS start, t_out AS "end" FROM visit '
            "JOIN asked ON visit.person = hash(asked.id) AND visit.person_id = asked.id WHERE place_id IS NOT NULL"
        ).fetchnumpy()
        return _stays(got)

    def points_of(self, people: Sequence[str]) -> tuple[IntArray, FloatArray, FloatArray]:
        """One coordinate per person: index (-1 for anybody else) and points (n, 2); for files of addresses."""
        self._small("asked", people)
        got = self._db.execute(
            "SELECT coalesce(any_value(asked.number), -1) AS number, any_value(lon) AS lon, any_value(lat) AS lat "
            "FROM visit LEFT JOIN asked ON visit.person_id = asked.id "
            "WHERE lon IS NOT NULL AND lat IS NOT NULL GROUP BY visit.person_id ORDER BY visit.person_id"
        ).fetchnumpy()
        return np.asarray(got["number"], dtype=np.int64), _plain(got["lon"]), _plain(got["lat"])

    def at_places(self, places: Sequence[str], first: int, last: int) -> tuple[list[str], Stays]:
        """Everyone's visits at the places between two days, with the people's ids; places in the answer as indexes."""
        self._small("wanted", places)
        got = self._db.execute(
            'SELECT person_id, wanted.number AS place, t_in AS start, t_out AS "end" FROM visit '
            "JOIN wanted ON visit.place = hash(wanted.id) WHERE t_in < $to AND t_out >= $since",
            {"since": first * DAY, "to": (last + 1) * DAY},
        ).fetchnumpy()
        ids, number = np.unique(got["person_id"].astype(str), return_inverse=True)
        stays = _stays({"person": number, "place": got["place"], "start": got["start"], "end": got["end"]})
        return ids.tolist(), stays

    def visitors_of(self, places: Sequence[str], first: int, last: int) -> IntArray:
        """Distinct people at each place between two days."""
        self._small("wanted", places)
        got = self._db.execute(
            "SELECT wanted.number AS number, count(DISTINCT person) AS people FROM visit "
            "JOIN wanted ON visit.place = hash(wanted.id) WHERE t_in < $to AND t_out >= $since GROUP BY 1",
            {"since": first * DAY, "to": (last + 1) * DAY},
        ).fetchnumpy()
        found = np.zeros(len(places), dtype=np.int64)
        found[np.asarray(got["number"], dtype=np.int64)] = got["people"]
        return found

    def days_seen(self, people: Sequence[str], first: int, last: int) -> IntArray:
        """On how many days between the two each person was seen to begin a visit anywhere."""
        self._small("asked", people)
        got = self._db.execute(
            f"SELECT asked.number AS number, count(DISTINCT {_day('t_in')}) AS days FROM visit "  # noqa: S608
            "JOIN asked ON visit.person = hash(asked.id) WHERE t_in < $to AND t_in >= $since GROUP BY 1",
            {"since": first * DAY, "to": (last + 1) * DAY},
        ).fetchnumpy()
        found = np.zeros(len(people), dtype=np.int64)
        found[np.asarray(got["number"], dtype=np.int64)] = got["days"]
        return found

    def presence(self, places: Sequence[str], first: int, last: int) -> tuple[Presence, Presence, Presence]:
        """Days between the two: of everyone at each place, of everyone anywhere, and how active people are.

        The third counts, from a sample where the file is large, (person, place) pairs as place 0 and people as 1.
        """
        self._small("wanted", places)
        words = range((last - first) // DAYS_PER_WORD + 1)
        bits = ", ".join(f"bit_or({_word_bits(first + word * DAYS_PER_WORD, last)}) AS w{word}" for word in words)
        names = ", ".join(f"w{word}" for word in words)
        again = ", ".join(f"bit_or(w{word}) AS w{word}" for word in words)
        inside = f"t_in < {(last + 1) * DAY} AND t_out >= {first * DAY} AND place_id IS NOT NULL"
        here = self._db.execute(
            f"SELECT place, {names}, count(*) AS people FROM (SELECT wanted.number AS place, person, {bits} "  # noqa: S608
            f"FROM visit JOIN wanted ON visit.place = hash(wanted.id) WHERE {inside} GROUP BY wanted.number, person) "
            f"GROUP BY place, {names}"
        ).fetchnumpy()
        anywhere = self._db.execute(
            f"SELECT 0 AS place, {names}, count(*) AS people FROM (SELECT person, {bits} FROM visit WHERE {inside} "  # noqa: S608
            f"GROUP BY person) GROUP BY {names}"
        ).fetchnumpy()
        every = max(1, self.counted.rows // _SAMPLE)
        active = self._db.execute(
            f"WITH pair AS (SELECT person, place, {bits} FROM visit WHERE {inside} AND person % {every} = 0 "  # noqa: S608
            f"GROUP BY person, place), one AS (SELECT person, {again} FROM pair GROUP BY person) "
            f"SELECT 0 AS place, {names}, count(*) AS people FROM pair GROUP BY {names} "
            f"UNION ALL SELECT 1 AS place, {names}, count(*) AS people FROM one GROUP BY {names}"
        ).fetchnumpy()
        return (
            _packed(here, first, len(words), len(places)),
            _packed(anywhere, first, len(words), 1),
            _packed(active, first, len(words), 2),
        )

    def count(self, first: int, last: int, *, leaving_out: Sequence[str] = ()) -> tuple[int, int]:
        """Distinct places, and distinct people but for those left out, between two days."""
        self._small("asked", leaving_out)
        found = self._db.execute(
            "SELECT count(DISTINCT place), count(DISTINCT person) FILTER (person NOT IN (SELECT hash(id) FROM asked)) "
            "FROM visit WHERE t_in < $to AND t_out >= $since AND place_id IS NOT NULL",
            {"since": first * DAY, "to": (last + 1) * DAY},
        ).fetchall()
        return int(found[0][0]), int(found[0][1])

    def places_of(self, first: int, last: int, among: Sequence[str]) -> int:
        """How many of the places were visited at all between two days."""
        return int((self.visitors_of(among, first, last) > 0).sum()) if among else 0

    def companions(
        self, stays: Stays, people: Sequence[str], *, least: int, point_minutes: int = 0
    ) -> Mapping[str, NDArray[Any]]:
        """Everyone whose visit overlaps one of the stays at the same place for `least` minutes or more.

        Columns: stay (index), person_id, start, end of the overlap. A visit without an end lasts `point_minutes`.
        """
        self._index(stays, people, np.ones(len(stays.person)), point_minutes)
        return self._db.execute(
            f'SELECT stay, person_id, start, stop AS "end" FROM ({_OVERLAPS}) ORDER BY stay, person_id, start',  # noqa: S608
            {"point": point_minutes, "least": least},
        ).fetchnumpy()

    def gathered(
        self, stays: Stays, people: Sequence[str], *, weight: FloatArray, least: int, point_minutes: int = 0
    ) -> Mapping[str, NDArray[Any]]:
        """The same summed up per person, most dose first; `weight` per stay turns minutes into dose.

        Columns: person_id, cases, minutes, dose, longest, first, last, and up to five places and cases as text, the
        ones with most of it first.
        """
        self._index(stays, people, weight, point_minutes)
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE met AS SELECT person_id, id, place_id, sum(stop - start) AS minutes, "  # noqa: S608
            "sum((stop - start) * weight) AS dose, max(stop - start) AS longest, min(start) AS first, "
            f"max(stop) AS last FROM ({_OVERLAPS}) GROUP BY person_id, id, place_id",
            {"point": point_minutes, "least": least},
        )
        return self._db.execute(
            "WITH spot AS (SELECT person_id, place_id, sum(dose) AS d FROM met GROUP BY ALL), "
            "whom AS (SELECT person_id, id, sum(minutes) AS m FROM met GROUP BY ALL), "
            "places AS (SELECT person_id, "
            "array_to_string(list(place_id ORDER BY d DESC, place_id)[1:5], ';') AS places FROM spot "
            "GROUP BY person_id), "
            "cases AS (SELECT person_id, array_to_string(list(id ORDER BY m DESC, id)[1:5], ';') AS case_ids, "
            "count(*) AS cases FROM whom GROUP BY person_id) "
            "SELECT met.person_id, any_value(cases.cases) AS cases, sum(minutes)::BIGINT AS minutes, "
            "sum(dose) AS dose, max(longest) AS longest, min(first) AS first, max(last) AS last, "
            "any_value(places.places) AS places, "
            "any_value(case_ids) AS case_ids FROM met JOIN places USING (person_id) JOIN cases USING (person_id) "
            "GROUP BY met.person_id ORDER BY sum(dose) DESC, met.person_id"
        ).fetchnumpy()

    def _index(self, stays: Stays, people: Sequence[str], weight: FloatArray, point_minutes: int) -> None:
        self._db.register(
            "index_stays",
            {
                "number": np.arange(len(stays.person)),
                "id": _objects([people[int(i)] for i in stays.person]),
                "place_id": _objects(stays.place.tolist()),
                "begins": stays.start,
                "ends": np.maximum(stays.end, stays.start + point_minutes),
                "weight": weight,
            },
        )
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE index_stay AS SELECT *, hash(place_id) AS place FROM index_stays"
        )
        self._db.unregister("index_stays")
        # By day, so that a station's stay of an hour is not held against everyone's of a fortnight.
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE index_day AS SELECT index_stay.*, "  # noqa: S608
            f"unnest(range({_day('begins')} - 1, {_day('ends')} + 1)) AS day FROM index_stay"
        )

    def _load(self, source: Path) -> None:
        relation, types, listed = _relation(source)
        for name in ("person_id",):
            _need(self.name, types, name)
        across, up = ("lon", "lat") if "lon" in types else ("x", "y")
        has_point = across in types and up in types
        if "place_id" not in types and not has_point:
            _need(self.name, types, "place_id")
        self.planar = across == "x"
        self.undated = "start" not in types
        start = _minute_sql('"start"', types["start"]) if not self.undated else str(ALWAYS[0])
        if self.undated:
            stop = str(ALWAYS[1])
        else:
            stop = _minute_sql('"end"', types["end"], end=True) if "end" in types else "NULL"
        place = _text_sql("place_id", types["place_id"]) if "place_id" in types else "NULL::VARCHAR"
        point = (
            f", try_cast({across} AS DOUBLE) AS lon, try_cast({up} AS DOUBLE) AS lat"
            if has_point
            else ", NULL::DOUBLE AS lon, NULL::DOUBLE AS lat"
        )
        texts = [name for name in ("start", "end") if types.get(name) == "VARCHAR"]
        wrong = " OR ".join(
            f'({column} IS NULL AND "{name}" IS NOT NULL AND trim("{name}") <> \'\')'
            for name, column in (("start", "t_in"), ("end", "t_out"))
            if name in texts
        )
        kept = ", ".join(f'CASE WHEN {wrong} THEN "{name}" END AS wrong_{name}' for name in texts) if wrong else ""
        told = "".join(f', "{name}"' for name in texts)
        inner = (
            f"SELECT {_text_sql('person_id', types['person_id'])} AS person_id, {place} AS place_id{point}, "  # noqa: S608
            f"{start} AS t_in, {stop} AS t_out{told} FROM {relation}"
        )
        try:
            self._db.execute(
                "CREATE TEMP TABLE visit AS SELECT hash(person_id) AS person, hash(place_id) AS place, person_id, "  # noqa: S608
                "place_id, lon, lat, coalesce(t_in, t_out) AS t_in, coalesce(t_out, t_in) AS t_out, "
                f"t_out IS NULL AS is_point{', ' + kept if kept else ''} FROM ({inner})",
                {"files": listed} if "$files" in relation else None,
            )
        except duckdb.Error as error:
            raise _unreadable(self.name, error) from error
        self._refuse_wrong(source, texts if wrong else [])
        self._set_aside(has_point=has_point)

    def _refuse_wrong(self, source: Path, texts: Sequence[str]) -> None:
        for name in texts:
            found = self._db.execute(f"SELECT any_value(wrong_{name}) FROM visit").fetchall()  # noqa: S608
            for (told,) in found:
                if told is not None and _is_wrong(str(told), end=name == "end"):
                    where = _row_of(source, name, str(told))
                    sentence = (
                        f"{self.name}{where} column {name}: '{told}' is no time; write 2020-06-11 or 2020-06-11T08:30."
                    )
                    raise Refusal(sentence)

    def _set_aside(self, *, has_point: bool) -> None:
        one = self._db.execute(
            "SELECT count(*), count(*) FILTER (is_point), count(*) FILTER (person_id IS NULL), "
            "count(*) FILTER (t_in IS NULL), "
            "count(*) FILTER (place_id IS NULL AND (lon IS NULL OR lat IS NULL)), "
            "count(*) FILTER (t_out < t_in), count(place_id) FROM visit"
        ).fetchall()
        rows, points, nobody, never, nowhere, backward, placed = (int(value) for value in one[0])
        self.counted.rows, self.counted.points = rows, points
        if not rows:
            sentence = f"{self.name}: there is no visit in it; give one row per visit."
            raise Refusal(sentence)
        reasons = {
            "without a person": nobody,
            "without a time": never,
            "without a place": nowhere,
            "that ended before they began": backward,
        }
        self.counted.set_aside = {reason: number for reason, number in reasons.items() if number}
        if self.counted.set_aside:
            self._db.execute(
                "DELETE FROM visit WHERE person_id IS NULL OR t_in IS NULL OR t_out < t_in "
                "OR (place_id IS NULL AND (lon IS NULL OR lat IS NULL))"
            )
        self.coordinates_only = has_point and not placed

    def match_all(self, places: Mapping[str, PlaceRow], radius: float | None) -> None:
        """Match a file of coordinates alone to places after all."""
        self.coordinates_only = False
        self.matched_by_radius = self._match(places, radius)

    def _match(self, places: Mapping[str, PlaceRow], radius: float | None) -> int:
        """Give visits with a coordinate alone the nearest place within the radius; how many found one."""
        got = self._db.execute(
            "SELECT lon, lat, count(*) AS visits FROM visit WHERE place_id IS NULL GROUP BY lon, lat"
        ).fetchnumpy()
        lon, lat = _plain(got["lon"]), _plain(got["lat"])
        if not len(lon):
            return 0
        located = [(place.place, place.point) for place in places.values() if place.point]
        if not located:
            sentence = (
                f"{self.name}: {int(got['visits'].sum())} visits have a coordinate and no place_id; give --places with "
                "lon and lat, so that they can be matched."
            )
            raise Refusal(sentence)
        names = np.array([name for name, _ in located], dtype=object)
        tree = cKDTree(_on_earth(np.array([point for _, point in located]), planar=self.planar))
        reach = radius if radius is not None else 100.0
        far, nearest = tree.query(
            _on_earth(np.column_stack([lon, lat]), planar=self.planar), distance_upper_bound=reach
        )
        found = np.isfinite(far)
        self._db.register("matches", {"lon": lon[found], "lat": lat[found], "place_id": names[nearest[found]]})
        self._db.execute(
            "UPDATE visit SET place_id = matches.place_id, place = hash(matches.place_id) FROM matches "
            "WHERE visit.place_id IS NULL AND visit.lon = matches.lon AND visit.lat = matches.lat"
        )
        self._db.unregister("matches")
        missed = int(got["visits"][~found].sum())
        if missed:
            unit = "" if self.planar else " m"
            self.counted.set_aside[f"farther than {reach:g}{unit} from any place"] = missed
        return int(got["visits"][found].sum())

    def _small(self, name: str, values: Sequence[str]) -> None:
        self._db.register("small", {"id": _objects(values), "number": np.arange(len(values))})
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT id::VARCHAR AS id, number FROM small")  # noqa: S608
        self._db.unregister("small")


def _relation(source: Path) -> tuple[str, dict[str, str], list[str]]:
    """How DuckDB names the file, its columns' types, and the paths behind it."""
    if source.is_dir():
        listed = sorted(str(path) for path in source.rglob("*.parquet"))
        if not listed:
            sentence = (
                f"{source.name}: there is no Parquet file in the folder; name a folder of *.parquet, or one file."
            )
            raise Refusal(sentence)
    elif source.is_file():
        listed = [str(source)]
    else:
        sentence = f"{source.name}: there is no such file; check the path."
        raise Refusal(sentence)
    with Path(listed[0]).open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        relation = "read_parquet($files, union_by_name=true, hive_partitioning=false)"
        with duckdb.connect() as connection:
            try:
                rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}", {"files": listed}).fetchall()  # noqa: S608
            except duckdb.Error as error:
                raise _unreadable(source.name, error) from error
        return relation, {str(row[0]): str(row[1]) for row in rows}, listed
    return _csv_relation(source)


def _csv_relation(source: Path) -> tuple[str, dict[str, str], list[str]]:
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
    except UnicodeDecodeError as error:
        sentence = f"{source.name}: this is not CSV text in UTF-8; in Excel choose 'CSV UTF-8' when saving."
        raise Refusal(sentence) from error
    comma = max(",;\t", key=first.count)
    header = [name.strip() for name in next(csv.reader([first], delimiter=comma), [])]
    if not header or len(set(header)) < len(header) or not all(header):
        sentence = f"{source.name} row 1: the first row must name every column once, person_id and place_id among them."
        raise Refusal(sentence)
    columns = ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}': 'VARCHAR'" for name in header)
    relation = (
        f"read_csv($files, auto_detect=false, header=true, delim='{comma}', quote='\"', escape='\"', "
        f"null_padding=true, columns={{{columns}}})"
    )
    return relation, dict.fromkeys(header, "VARCHAR"), [str(source)]


def _minute_sql(column: str, kind: str, *, end: bool = False) -> str:
    """A column as minutes of the city's wall clock; NULL where it holds no time."""
    whole_day = DAY if end else 0
    if kind == "DATE":
        return f"(datediff('day', DATE '1970-01-01', {column}) * {DAY} + {whole_day})::INTEGER"
    if kind.startswith("TIMESTAMP WITH"):
        return f"CAST(floor(epoch({column}) / 60) AS INTEGER) + 480"
    if kind.startswith("TIMESTAMP"):
        return f"CAST(floor(epoch({column}) / 60) AS INTEGER)"
    if kind == "VARCHAR":
        text = f"trim({column})"
        zoned = f"(contains({column}, '+') OR contains({column}, 'Z') OR contains(substr({column}, 12), '-'))"
        return (
            f"CASE WHEN length({text}) > 10 AND {zoned} "
            f"THEN CAST(floor(epoch(try_cast({text} AS TIMESTAMPTZ)) / 60) AS INTEGER) + 480 "
            f"WHEN length({text}) > 10 THEN CAST(floor(epoch(try_cast({text} AS TIMESTAMP)) / 60) AS INTEGER) "
            f"ELSE (datediff('day', DATE '1970-01-01', try_cast({text} AS DATE)) * {DAY} + {whole_day})::INTEGER END"
        )
    sentence = f"column {column}: times are of type {kind}; write them as timestamps, dates or text."
    raise Refusal(sentence)


def _text_sql(column: str, kind: str) -> str:
    return f"nullif(trim({column}), '')" if kind == "VARCHAR" else f"CAST({column} AS VARCHAR)"


def _word_bits(first: int, last: int) -> str:
    """The days of a visit as bits of a word that begins at day `first`; who leaves at midnight left the day before."""
    upper = min(DAYS_PER_WORD - 1, last - first)
    low = f"greatest({_day('t_in')} - {first}, 0)::BIGINT"
    high = f"least({_day('greatest(t_out - 1, t_in)')} - {first}, {upper})::BIGINT"
    return f"CASE WHEN {high} >= {low} THEN ((1::BIGINT << ({high} - {low} + 1)) - 1) << {low} ELSE 0::BIGINT END"


def _packed(got: Mapping[str, NDArray[Any]], first: int, words: int, places: int) -> Presence:
    return Presence(
        first,
        np.asarray(got["place"], dtype=np.int64),
        np.column_stack([np.asarray(got[f"w{word}"], dtype=np.int64) for word in range(words)]),
        np.asarray(got["people"], dtype=np.int64),
        places,
    )


def _stays(got: Mapping[str, NDArray[Any]]) -> Stays:
    return Stays(
        np.asarray(got["person"], dtype=np.int64),
        np.asarray(got["place"]),
        np.asarray(got["start"], dtype=np.int64),
        np.asarray(got["end"], dtype=np.int64),
    )


def _plain(values: NDArray[Any]) -> FloatArray:
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)


def _objects(values: Iterable[str]) -> NDArray[Any]:
    listed = list(values)
    made = np.empty(len(listed), dtype=object)
    made[:] = listed
    return made


def _on_earth(points: FloatArray, *, planar: bool) -> FloatArray:
    """Points whose straight distances are metres: on a sphere for lon and lat, as they are in a plane."""
    if planar:
        return points
    lon, lat = np.radians(points[:, 0]), np.radians(points[:, 1])
    return _EARTH * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def on_plane(points: FloatArray, *, planar: bool) -> FloatArray:
    """Points of one neighbourhood in metres in a plane; as they are where they were in one."""
    if planar or not len(points):
        return points
    middle = float(np.radians(np.nanmean(points[:, 1])))
    return np.asarray(np.radians(points) * _EARTH * np.array([np.cos(middle), 1.0]))


def _moment(
    table: Table, number: int, cells: Mapping[str, str], column: str, *, end: bool = False
) -> tuple[int, bool] | None:
    told = cells.get(column, "")
    if not told:
        return None
    try:
        return minutes(told, end=end)
    except (ValueError, TypeError) as error:
        sentence = (
            f"{table.name} row {number} column {column}: '{told}' is no time; write 2020-06-11 or 2020-06-11T08:30."
        )
        raise Refusal(sentence) from error


def _number(table: Table, number: int, column: str, cells: Mapping[str, str]) -> float:
    try:
        return float(cells[column])
    except ValueError as error:
        sentence = (
            f"{table.name} row {number} column {column}: '{cells[column]}' is no number; write degrees as 118.0894."
        )
        raise Refusal(sentence) from error


def _is_wrong(told: str, *, end: bool) -> bool:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'")
        found = connection.execute(f"SELECT {_minute_sql('told', 'VARCHAR', end=end)} FROM (SELECT ? AS told)", [told])  # noqa: S608
        ((minute,),) = found.fetchall()
    return bool(told.strip()) and minute is None


def _row_of(source: Path, column: str, told: str) -> str:
    """Where in a CSV file the value stands, for the sentence only; Parquet has no rows that people number."""
    if not source.is_file() or source.suffix.lower() == ".parquet":
        return ""
    with source.open(encoding="utf-8-sig", newline="") as file:
        comma = max(",;\t", key=file.readline().count)
        file.seek(0)
        rows = csv.reader(file, delimiter=comma)
        header = [name.strip() for name in next(rows)]
        at = header.index(column)
        for number, cells in enumerate(rows, start=2):
            if len(cells) > at and cells[at] == told:
                return f" row {number}"
    return ""


def _need(called: str, types: Mapping[str, str], name: str) -> None:
    if name not in types:
        there = ", ".join(types)
        sentence = f"{called} row 1: there is no column {name}; name one of: {there}."
        raise Refusal(sentence)


def _unreadable(called: str, error: Exception) -> Refusal:
    line = re.search(r"Line: (\d+)", str(error))
    where = f" row {line[1]}" if line else ""
    told = str(error).strip().splitlines()
    what = (
        "a byte here is not UTF-8"
        if "not utf-8" in str(error).lower()
        else (told[2] if line and len(told) > 2 else told[0])
    )
    return Refusal(
        f"{called}{where}: it cannot be read ({' '.join(what.split())}); save it as CSV UTF-8 or Parquet again."
    )
