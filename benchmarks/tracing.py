"""The place behind the cases in a city's visits: the roll-up, the compiled kernels, plain SQL and PostgreSQL.

All answer the same questions on the same rows, called in turn, five rounds, medians; every answer must be equal.
Run: python benchmarks/tracing.py [visits, in millions] [--without-postgresql] [--folder FOLDER]
With --postgresql URL a server of one's own is the peer, filled if it is not yet. With --log-only the log is built and
asked in SQL, with neither peer nor bare columns: whole Beijing is `613.2 --log-only` (15 GB of disk). With
--columns-only the bare columns are laid out straight from the generator, without a log, and the kernels alone are
timed.
"""

import argparse
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from unittest import mock

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from private_postgres import binaries, cluster

from citywatch.eventlog import crowds, kernels, window
from citywatch.eventlog.engines import DuckEngine
from citywatch.eventlog.expressions import (
    candidates,
    contacts,
    day_levels,
    present,
    ring,
    status,
    table,
    visitors,
    visits_of,
)
from citywatch.eventlog.segments import Store
from citywatch.science.contacts import contact_dose
from citywatch.science.sources import rank_places
from citywatch.science.sources.settling import interviews_to_settle

FIRST = date(2020, 6, 1)
DAYS = 14
LAST = FIRST + timedelta(days=DAYS - 1)
CASES, FROM_MARKET, DECOYS = 300, 50, 10
VISITS_A_DAY = 2
ROUNDS = 5
LEAST_MINUTES = 15
LINGER = 60
INFECTIOUS = (-2, 3)  # days around onset
RING = {"minutes": 60, "crowd": 200}  # an hour together, at a place of at most 200 visits in the fourteen days
LONGEST_STAY = 480  # PostgreSQL is told, so that it can use its index from both ends
RECOUNTED = 200
INGEST_ROWS = 40_000  # a second: ten times the peak of a city of 21.9 million
COLUMNS = ("person", "place", "minute_in", "minute_out")
AT_ONCE = 4_000_000  # visits appended in one batch
IN_SQL = {
    "ranking, fourteen days": ("pairs (SQL)",),
    "its first 200, own windows": ("expression",),
    "contacts": ("expression",),
    "visits of the cases": ("expression",),
}
"""What is asked of whole Beijing: the rest takes minutes as an expression."""


class City:
    """Who may go where: districts, skewed venues, workplaces of skewed size, one market and its cases."""

    def __init__(self, visits, seed=1):
        self.rng = np.random.default_rng(seed)
        self.people = visits // (DAYS * VISITS_A_DAY)
        self.venues = max(2_000, self.people // 40)
        self.works = max(500, self.people // 50)
        self.district = self.rng.integers(0, 16, self.people)
        employed = self.rng.random(self.people) < 0.55
        size = 1 / (np.arange(1, self.works + 1) ** 0.7)
        self.work = np.where(employed, self.rng.choice(self.works, self.people, p=size / size.sum()), -1)
        weight = 1 / np.arange(1, self.venues // 16 + 1)
        self.steps = np.cumsum(weight / weight.sum())
        self.market = 120  # the eighth venue of its district: two of a hundred people pass it in a fortnight
        self.cases = self.rng.choice(self.people, CASES, replace=False)
        for group in range(DECOYS):  # ten workplaces with five cases each
            members = self.cases[FROM_MARKET + 5 * group : FROM_MARKET + 5 * group + 5]
            self.work[members] = self.works - 1 - group
        self.onset = self.rng.integers(7, 11, CASES)  # days after the first

    def day(self, number):
        """One day's visits as (person, place, minute_in, minute_out), minutes of the log."""
        rng, n = self.rng, self.people
        person = np.repeat(np.arange(n, dtype=np.int32), rng.poisson(VISITS_A_DAY, n))
        count = len(person)
        here = np.where(rng.random(count) < 0.7, self.district[person], rng.integers(0, 16, count))
        venue = np.searchsorted(self.steps, rng.random(count)) * 16 + here
        at_work = (self.work[person] >= 0) & (rng.random(count) < 0.3)
        place = np.where(at_work, self.venues + self.work[person], np.minimum(venue, self.venues - 1))
        del here, venue
        start = np.where(at_work, 480 + rng.integers(0, 120, count), rng.integers(360, 1200, count))
        stay = np.where(at_work, 480, rng.integers(5, 240, count))
        if 2 <= number <= 6:  # the market's cases come twice in five days, never without the city's other visitors
            there = self.cases[:FROM_MARKET][rng.random(FROM_MARKET) < 0.4]
            added = (there, *(np.full(len(there), value) for value in (self.market, 600, 60)))
            person, place, start, stay = (
                np.append(column, more) for column, more in zip((person, place, start, stay), added, strict=True)
            )
        begin = window.first_minute(FIRST + timedelta(days=number)) + start
        rows = person, place, begin, begin + stay
        return {name: column.astype(np.int32) for name, column in zip(COLUMNS, rows, strict=True)}


CANDIDATES = candidates(table("pairs"), table("visitor_counts"), table("unpaired"), table("people"))
RANKED = """
mine AS (SELECT place, count(DISTINCT person) AS cases FROM {visits} WHERE person IN ({sick}) GROUP BY place
         HAVING count(DISTINCT person) > 1)
SELECT place, max(cases), count(DISTINCT person) FROM {visits} JOIN mine USING (place) GROUP BY place ORDER BY place
"""


def seconds(work):
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


def seconds_of(run, *queries):
    return seconds(lambda: [run(query) for query in queries])[0]


class Memory:
    """The most memory of its own (anonymous pages, not the files it maps) this process held in a phase."""

    def __init__(self):
        self.most = 0
        self.stopped = threading.Event()
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while not self.stopped.wait(0.05):
            self.most = max(self.most, own_memory())

    def phase(self):
        most, self.most = self.most, own_memory()
        return most / 2**30


def own_memory():
    told = Path("/proc/self/status").read_text(encoding="utf-8").split("RssAnon:")
    return int(told[1].split()[0]) * 1024 if len(told) > 1 else 0


def filled(store, city):
    """The closed log of a fortnight; what its steps took."""
    took_append = 0.0
    for number in range(DAYS):
        rows = city.day(number)
        for at in range(0, len(rows["person"]), AT_ONCE):
            batch = {name: column[at : at + AT_ONCE] for name, column in rows.items()}
            batch["source"] = np.full(len(batch["person"]), "scan", dtype=object)
            said = {"day": day_of(number), "batch_id": f"day {number}, from {at}"}
            took, _ = seconds(lambda columns=batch, said=said: store.append("visits", columns, **said))
            took_append += took
        del rows, batch
    return took_append


def day_of(number):
    return FIRST + timedelta(days=number)


def size_of(files):
    return sum(file.stat().st_size for file in files)


class Postgres:
    """The peer, with the index that serves it best."""

    def __init__(self, url, store, city):
        import psycopg  # noqa: PLC0415  an extra, needed for this peer alone

        self.people = city.people
        self.connection = psycopg.connect(url, autocommit=True)
        run = self.connection.execute
        if run("SELECT to_regclass('visitor_count')").fetchone()[0] is None:
            self.fill(store)
        for query in (
            "SET work_mem = '1GB'",
            "SET max_parallel_workers_per_gather = 2",
            "CREATE TEMP TABLE sick (person int)",
            "CREATE TEMP TABLE stay (person int, place int, minute_in int, minute_out int)",
            "CREATE TEMP TABLE carrier (person int PRIMARY KEY, minute_from int, minute_to int)",
        ):
            run(query)

    def fill(self, store):
        run = self.connection.execute
        run("DROP TABLE IF EXISTS visit")
        run("CREATE UNLOGGED TABLE visit (person int, place int, minute_in int, minute_out int)")
        loaded, _ = seconds(lambda: [self.load(duckdb_rows(file)) for file in store.pin().files["visits"]])
        indexed = seconds_of(
            run,
            "SET maintenance_work_mem = '2GB'",
            "CREATE INDEX ON visit (place, minute_in) INCLUDE (person, minute_out)",
            "CREATE INDEX ON visit (person)",
            "VACUUM ANALYZE visit",
        )
        counted = seconds_of(
            run,
            "SET work_mem = '1GB'",
            "CREATE UNLOGGED TABLE visitor_count AS SELECT place, count(DISTINCT person)::int AS visitors FROM visit"
            " GROUP BY place",
            "ALTER TABLE visitor_count ADD PRIMARY KEY (place)",
            "VACUUM ANALYZE visitor_count",
        )
        print(f"PostgreSQL: COPY {loaded:.0f} s, indexes {indexed:.0f} s, visitor counts {counted:.0f} s", flush=True)

    def load(self, rows):
        """COPY, as fast as it can be fed: binary, no fsync, no write-ahead log."""
        with self.connection.cursor() as cursor, cursor.copy("COPY visit FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for at in range(0, len(rows["person"]), 1 << 20):
                copy.write(binary_rows([rows[name][at : at + (1 << 20)] for name in COLUMNS]))
            copy.write(b"\xff\xff")

    def bytes(self):
        return self.connection.execute("SELECT pg_total_relation_size('visit')").fetchone()[0]

    def settings(self):
        return self.connection.execute("SHOW shared_buffers").fetchone()[0]

    def put(self, name, *columns):
        run = self.connection.execute
        run(f"TRUNCATE {name}")
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for row in zip(*(column.tolist() for column in columns), strict=True):
                copy.write_row(row)
        run(f"ANALYZE {name}")

    def rank(self, cases):
        self.put("sick", cases)
        rows = self.connection.execute(
            f"WITH {RANKED.format(visits='visit', sick='SELECT person FROM sick')}"
        ).fetchall()
        return [tuple(row) for row in rows]

    def rank_by_counts(self, cases):
        """The same where PostgreSQL too keeps each place's visitors in a table: counted once, not kept up."""
        self.put("sick", cases)
        rows = self.connection.execute(
            "SELECT place, cases, visitors FROM (SELECT place, count(DISTINCT person) AS cases FROM visit"
            " WHERE person IN (SELECT person FROM sick) GROUP BY place HAVING count(DISTINCT person) > 1) mine"
            " JOIN visitor_count USING (place) ORDER BY place"
        ).fetchall()
        return [tuple(row) for row in rows]

    def contacts(self, stays):
        self.put("stay", *(stays[name] for name in COLUMNS))
        shared = "least(v.minute_out, s.minute_out) - greatest(v.minute_in, s.minute_in)"
        return self.numbers(
            "SELECT count(*), sum(cases), sum(minutes), sum(person * minutes), sum(since) FROM (SELECT person,"
            " count(DISTINCT ill) AS cases, sum(minutes) AS minutes, min(since) AS since FROM (SELECT"
            f" v.person::bigint AS person, s.person AS ill, {shared} AS minutes,"
            " greatest(v.minute_in, s.minute_in)::bigint AS since"
            " FROM visit v JOIN stay s ON v.place = s.place AND v.person <> s.person"
            f" AND v.minute_in < s.minute_out AND v.minute_in >= s.minute_in - {LONGEST_STAY}) met"
            f" WHERE minutes >= {LEAST_MINUTES} GROUP BY person) contact"
        )

    def status(self, stays):
        self.put("stay", *(stays[name] for name in COLUMNS))
        shared = "least(v.minute_out, s.minute_out) - greatest(v.minute_in, s.minute_in)"
        rows = self.connection.execute(
            f"WITH met AS (SELECT v.person, CASE WHEN {shared} >= {LEAST_MINUTES} THEN 2 ELSE 1 END AS level"
            f" FROM visit v JOIN stay s ON v.place = s.place AND v.minute_in < s.minute_out + {LINGER}"
            f" AND v.minute_in >= s.minute_in - {LONGEST_STAY} AND v.minute_out > s.minute_in"
            " UNION ALL SELECT person, 3 FROM stay), most AS (SELECT person, max(level) AS level FROM met GROUP BY 1)"
            " SELECT coalesce(level, 0) AS level, count(*), sum(p::bigint)"
            f" FROM generate_series(0, {self.people - 1}) p LEFT JOIN most ON most.person = p GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return [tuple(int(value) for value in row) for row in rows]

    def ring(self, carriers):
        self.put("carrier", *(carriers[name] for name in ("person", "minute_from", "minute_to")))
        shared = "least(v.minute_out, c.until) - greatest(v.minute_in, c.since)"
        return self.numbers(
            f"WITH small AS MATERIALIZED (SELECT place FROM visit GROUP BY place HAVING count(*) <= {RING['crowd']}),"
            " carried AS MATERIALIZED (SELECT v.place, greatest(v.minute_in, c.minute_from) AS since,"
            " least(v.minute_out, c.minute_to) AS until FROM visit v JOIN small USING (place)"
            " JOIN carrier c USING (person))"
            " SELECT count(*), sum(person::bigint) FROM (SELECT DISTINCT v.person FROM carried c"
            f" JOIN visit v ON v.place = c.place AND {shared} >= {RING['minutes']}"
            " WHERE NOT EXISTS (SELECT FROM carrier x WHERE x.person = v.person)) met"
        )

    def numbers(self, query):
        return tuple(int(value or 0) for value in self.connection.execute(query).fetchone())


def duckdb_rows(file):
    return duckdb.sql(f"SELECT {', '.join(COLUMNS)} FROM '{file}'").fetchnumpy()


def binary_rows(columns):
    """Rows as PostgreSQL's binary COPY wants them: the number of fields, then each field's length and value."""
    rows = np.empty(
        len(columns[0]), dtype=[("fields", ">i2")] + [(f"{part}{n}", ">i4") for n in range(4) for part in "lv"]
    )
    rows["fields"] = 4
    for n, column in enumerate(columns):
        rows[f"l{n}"], rows[f"v{n}"] = 4, column
    return rows.tobytes()


class Log:
    """The city's log with everything that answers from it."""

    def __init__(self, store, bare, city, peer):
        self.store, self.bare, self.city, self.peer = store, bare, city, peer
        self.folder = Path(bare.by_place.other.filename).parent.parent if bare else None
        self.origin = window.first_minute(FIRST)
        self.pin = store.pin()
        self.engine = DuckEngine(store)
        order = np.argsort(city.cases)
        self.cases = city.cases[order].astype(np.int32)
        self.stays = self.infectious(self.mine, city.onset[order])

    @cached_property
    def mine(self):
        """The cases' visits."""
        if self.bare:
            return kernels.visits_of(self.bare, self.cases)
        theirs = visits_of(table("visits_by_person"), table("people")).drop("source")
        return self.run(theirs, people={"person": self.cases})

    @cached_property
    def carriers(self):
        """Their contacts, each able to pass it on from one to seven days after it first met a case."""
        met = kernels.contacts(self.bare, self.stays, LEAST_MINUTES)
        since, until = ((met["since"] + days * 1440).astype(np.int32) for days in (1, 7))
        return {"person": met["person"], "minute_from": since, "minute_to": until}

    def infectious(self, mine, onset):
        """The cases' stays from two days before onset to three after."""
        day = (mine["minute_in"] - self.origin) // 1440 - onset[np.searchsorted(self.cases, mine["person"])]
        kept = (day >= INFECTIOUS[0]) & (day <= INFECTIOUS[1])
        return {name: column[kept] for name, column in mine.items()}

    def run(self, expression, **small):
        return self.engine.run(expression, self.pin, **small)

    def questions(self):
        """Each question with every way to answer it; all ways of one question give equal answers."""
        people = {"person": self.cases}
        ways = {
            "ranking, fourteen days": {
                "pairs (SQL)": lambda: rows_of(self.run(CANDIDATES, people=people)),
                "kernel": self.on_kernels,
                "plain SQL": self.plain_sql,
            },
            "its first 200, own windows": {
                "kernel": lambda: rows_of(kernels.visitors(self.bare, self.foremost)),
                "expression": lambda: rows_of(
                    self.run(visitors(table("visits"), table("windows")), windows=self.foremost)
                ),
            },
            "everybody seen in those windows": {
                "kernel": lambda: len(kernels.present(self.bare, self.foremost)["person"]),
                "expression": lambda: len(
                    self.run(present(table("visits"), table("windows")), windows=self.foremost)["person"]
                ),
            },
            "contacts": {
                "kernel": lambda: contacts_in(kernels.contacts(self.bare, self.stays, LEAST_MINUTES)),
                "expression": lambda: contacts_in(
                    self.run(contacts(table("visits"), table("stays"), LEAST_MINUTES), stays=self.stays)
                ),
            },
            "status of everybody": {
                "kernel": lambda: levels_of(
                    kernels.status(self.bare, self.stays, minutes=LEAST_MINUTES, linger=LINGER, people=self.city.people)
                ),
                "expression": self.status_by_expression,
            },
            "second ring with thresholds": {
                "kernel": lambda: people_in(kernels.ring(self.bare, self.carriers, **RING)),
                "expression": lambda: people_in(
                    self.run(ring(table("visits"), table("carriers"), **RING), carriers=self.carriers)
                ),
            },
            "forward: who was beside the cases, place by place": {
                way: (lambda compiled=way == "kernel": self.forward(compiled=compiled))
                for way in ("kernel", "expression")
            },
            "visits of the cases": {
                "kernel": lambda: rows_of(kernels.visits_of(self.bare, self.cases)),
                "expression": lambda: rows_of(
                    self.run(visits_of(table("visits_by_person"), table("people")).drop("source"), people=people)
                ),
            },
            "the bytes the ranking must read, summed": {"numpy": self.least_bytes},
            "from case ids to ranked places": {"warm": self.from_ids, "cold": self.from_ids_cold},
        }
        if self.peer:
            ways["ranking, fourteen days"]["PostgreSQL"] = lambda: self.peer.rank(self.cases)
            ways["ranking, fourteen days"]["PostgreSQL with counts"] = lambda: self.peer.rank_by_counts(self.cases)
            ways["contacts"]["PostgreSQL"] = lambda: self.peer.contacts(self.stays)
            ways["status of everybody"]["PostgreSQL"] = lambda: self.peer.status(self.stays)
            if self.bare.visits < 30_000_000:  # minutes at more
                ways["second ring with thresholds"]["PostgreSQL"] = lambda: self.peer.ring(self.carriers)
        return ways

    def on_kernels(self, bare=None):
        """Places two cases share, and everybody who was there in the fourteen days."""
        bare = bare or self.bare
        mine = kernels.visits_of(bare, self.cases)
        met = np.unique(mine["place"].astype(np.int64) << 32 | mine["person"])
        places, shared = np.unique(met >> 32, return_counts=True)
        places, shared = places[shared > 1].astype(np.int32), shared[shared > 1]
        since, until = (np.full(len(places), bare.origin + day * 1440, dtype=np.int32) for day in (0, DAYS))
        found = kernels.visitors(bare, {"place": places, "minute_from": since, "minute_to": until})
        return rows_of({"place": found["place"], "cases": shared, "visitors": found["visitors"]})

    def plain_sql(self):
        """The ranking as one would write it by hand over the day files."""
        files = ", ".join(f"'{file}'" for file in self.pin.files["visits"])
        visits = f"v AS (SELECT person, place FROM read_parquet([{files}], hive_partitioning = false))"
        query = RANKED.format(visits="v", sick=", ".join(map(str, self.cases)))
        with duckdb.connect(config={"threads": 2}) as connection:
            return connection.execute(f"WITH {visits}, {query}").fetchall()

    def forward(self, *, compiled):
        """Where the cases may have spread it, by dose, as the investigator's page asks it."""
        spans = [(int(self.stays["minute_in"].min()), int(self.stays["minute_out"].max()))]
        with mock.patch.object(crowds, "COMPILED", compiled):
            asked = crowds.Crowds(self.store, self.engine, spans)
        if asked.compiled != compiled:
            sys.exit("The bare columns do not answer as they should.")
        beside = asked.exposed(self.stays, LEAST_MINUTES, but=self.cases)
        there = asked.visitors([(place, place) for place in np.unique(self.stays["place"]).tolist()])
        crowd = [there[place] for place in beside["place"].tolist()]
        dose = contact_dose(beside["minutes"], crowd=crowd)
        order = np.lexsort((beside["place"], -dose))
        return rows_of({name: column[order] for name, column in beside.items()} | {"dose": dose[order]})

    def status_by_expression(self):
        expression = day_levels(table("visits"), table("stays"), minutes=LEAST_MINUTES, linger=LINGER)
        found = self.run(status(expression), stays=self.stays)
        everybody = np.zeros(self.city.people, dtype=np.uint8)
        everybody[found["person"]] = found["level"]
        return levels_of(everybody)

    def from_ids(self, bare=None):
        """All of it: visits of the cases, who else was there, chances, order."""
        bare = bare or self.bare
        mine = kernels.visits_of(bare, self.cases)
        places, place = np.unique(mine["place"], return_inverse=True)
        case = np.searchsorted(self.cases, mine["person"])
        shared = np.bincount(np.unique(place * CASES + case) // CASES, minlength=len(places)) > 1
        span = {"minute_from": bare.origin, "minute_to": bare.origin + bare.minutes}
        asked = places[shared]
        found = kernels.visitors(
            bare,
            {"place": asked} | {name: np.full(len(asked), at, dtype=np.int32) for name, at in span.items()},
        )
        return self.judged(mine, asked, found["visitors"]), asked

    def judged(self, mine, asked, visitors):
        """The places asked, by chance."""
        kept = np.isin(mine["place"], asked)
        return rank_places(
            case_of=np.searchsorted(self.cases, mine["person"][kept]),
            place_of=np.searchsorted(asked, mine["place"][kept]),
            cases=CASES,
            visitors=visitors,
            population=self.city.people,
            tried=self.city.venues + self.city.works,
        )

    @cached_property
    def ranked(self):
        """The ranking and the places it ranks, by whatever there is."""
        if self.bare:
            return self.from_ids()
        found = self.run(CANDIDATES, people={"person": self.cases})
        return self.judged(self.mine, found["place"], found["visitors"]), found["place"]

    def from_ids_cold(self):
        """The same with the columns neither mapped nor in the page cache."""
        folder = self.folder
        drop_from_cache(folder)
        begin = time.perf_counter()
        found = self.from_ids(window.Window.open(folder))
        return Timed(time.perf_counter() - begin, found)

    def least_bytes(self):
        """The least any method must do: read every visitor of the places concerned, once."""
        offsets, people = self.bare.by_place.offsets, self.bare.by_place.other
        places = [place for place, _, _ in self.on_kernels()]
        begin = time.perf_counter()
        for place in places:
            people[offsets[place] : offsets[place + 1]].sum()
        return Timed(time.perf_counter() - begin)

    @cached_property
    def foremost(self):
        """The first places of the ranking, each with the days in which a case may have been infected, merged."""
        ranking, asked = self.ranked
        places = np.sort(asked[ranking.place[:RECOUNTED]]).astype(np.int32)
        until = self.origin + int(self.city.onset.max()) * 1440
        return {
            "place": places,
            "minute_from": np.full(len(places), self.origin - 1440, dtype=np.int32),
            "minute_to": np.full(len(places), until, dtype=np.int32),
        }


def rows_of(found):
    return list(zip(*(np.asarray(column).tolist() for column in found.values()), strict=True))


def contacts_in(found):
    person, cases, minutes, since = (found[name].astype(np.int64) for name in ("person", "cases", "minutes", "since"))
    return len(person), *(int(one.sum()) for one in (cases, minutes, person * minutes, since))


def levels_of(everybody):
    at_level = {level: np.flatnonzero(everybody == level) for level in range(4)}
    return [(level, len(people), int(people.sum())) for level, people in at_level.items() if len(people)]


def people_in(found):
    return len(found["person"]), int(found["person"].sum(dtype=np.int64))


def drop_from_cache(folder):
    gc.collect()  # a mapped page is not let go
    for file in folder.rglob("*.npy"):
        opened = os.open(file, os.O_RDONLY)
        os.fsync(opened)
        os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(opened)


class Timed(float):
    """A time measured inside the call, with the answer beside it, if there is one."""

    def __new__(cls, took, answer=None):
        made = super().__new__(cls, took)
        made.answer = answer
        return made


def compare(question, ways, rounds=ROUNDS):
    times = {name: [] for name in ways}
    answers = {}
    for _ in range(rounds):
        for name, way in ways.items():
            took, answer = seconds(way)
            times[name].append(float(answer) if isinstance(answer, Timed) else took)
            answers[name] = answer.answer if isinstance(answer, Timed) else answer
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        if isinstance(answer, list | tuple) and not isinstance(answer[0], list | tuple | int):
            continue  # a ranking is shown, not compared
        if answer != first:
            sys.exit(f"{question}: {name} disagrees; no speed is worth that.")
    shown = {name: statistics.median(measured) for name, measured in times.items()}
    print(f"{question}: " + ", ".join(f"{name} {took * 1000:,.1f} ms" for name, took in shown.items()), flush=True)
    return shown


APPENDER = """
import sys, time
from datetime import date
from pathlib import Path
import numpy as np
from citywatch.eventlog.segments import Store
store, rows = Store(Path(sys.argv[1])), int(sys.argv[2])
rng = np.random.default_rng(1)
print("ready", flush=True)
number = 0
while True:
    begin = time.monotonic()
    minute = rng.integers(26_525_000, 26_526_000, rows).astype(np.int32)
    columns = {"person": rng.integers(0, 1 << 20, rows).astype(np.int32), "place": rng.integers(0, 1 << 14, rows)}
    columns = {**columns, "minute_in": minute, "minute_out": minute + 30, "source": np.full(rows, "scan", dtype=object)}
    store.append("visits", columns, day=date(2020, 6, 15), batch_id=f"{time.time_ns()}-{number}")
    number += 1
    time.sleep(max(0.0, 1 - (time.monotonic() - begin)))
"""


@contextmanager
def ingesting(root):
    """Another process appends a batch each second, as the visit feed does."""
    with subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(root), str(INGEST_ROWS)], stdout=subprocess.PIPE, text=True
    ) as sender:
        sender.stdout.readline()
        try:
            yield
        finally:
            sender.kill()


def appended(log):
    """A million visits made durable here, and brought into PostgreSQL's indexed table by COPY."""
    rows = {name: column[:1_000_000] for name, column in log.city.day(3).items()}
    if len(rows["person"]) < 1_000_000:
        repeats = 1_000_000 // len(rows["person"]) + 1
        rows = {name: np.tile(column, repeats)[:1_000_000] for name, column in rows.items()}
    ours = {**rows, "source": np.full(1_000_000, "scan", dtype=object)}
    numbers = iter(range(100))
    later = LAST + timedelta(days=2)
    ways = {"append": lambda: log.store.append("visits", ours, day=later, batch_id=f"million {next(numbers)}")}
    if log.peer:
        ways["COPY into the indexed table"] = lambda: [log.peer.load(rows), True][1]
    compare("a million visits appended", ways, rounds=3)


def show_ranking(log):
    ranking, asked = log.ranked
    names = np.where(asked[ranking.place] == log.city.market, "the market", "")
    print("first by p:")
    for row in range(min(5, len(ranking))):
        place = names[row] or f"place {asked[ranking.place[row]]}"
        print(
            f"  {place}: {ranking.cases[row]} of {CASES} cases, {ranking.visitors[row]:,} visitors, ratio "
            f"{ranking.ratio[row]:.1f}, p = 1e{ranking.log_p[row] / np.log(10):.0f}"
        )
    by_ratio = np.argsort(-ranking.ratio, kind="stable")
    stands = int(np.flatnonzero(names[by_ratio] == "the market")[0]) + 1
    print(f"by odds ratio alone the market stands at {stands} of {len(ranking)}")
    if names[0] != "the market":
        sys.exit("The market is not first; no speed is worth that.")
    mine = log.mine
    kept = np.isin(mine["place"], asked)
    case = np.searchsorted(log.cases, mine["person"][kept])
    place = np.searchsorted(asked, mine["place"][kept])
    everybody = np.zeros(len(asked), dtype=np.int64)
    everybody[ranking.place] = ranking.visitors
    for share in (1, 5, 15):
        some = np.random.default_rng(1).permutation(CASES)[: CASES // share]
        number = np.full(CASES, -1)
        number[some] = np.arange(len(some))
        among = number[case] >= 0
        more = interviews_to_settle(
            case_of=number[case[among]],
            place_of=place[among],
            cases=len(some),
            visitors=everybody,
            population=log.city.people,
            tried=log.city.venues + log.city.works,
        )
        said = "settled" if more == 0 else f"about {more} more would settle it" if more else "not to be settled so"
        print(f"with {len(some)} cases asked: {said}")


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("millions", nargs="?", type=float, default=3)
    asked.add_argument("--without-postgresql", action="store_true")
    asked.add_argument("--postgresql", metavar="URL", help="a server of one's own instead of one made for the run")
    asked.add_argument("--log-only", action="store_true")
    asked.add_argument("--columns-only", action="store_true")
    asked.add_argument("--folder", type=Path, help="keep the log here, and use the one that lies here")
    given = asked.parse_args()
    city, memory = City(int(given.millions * 1e6)), Memory()
    with ExitStack() as stack:
        root = given.folder or Path(tempfile.mkdtemp(prefix="citywatch-bench-"))
        if not given.folder:
            stack.callback(shutil.rmtree, root)
        if given.columns_only:
            measure_columns(city, memory, root)
            return
        store = Store(root / "log")
        visits = closed(store, city, memory)
        bare = None if given.log_only else laid_bare(store, memory)
        pin = store.pin()
        tables = ("visits", "visits_by_person", "pairs", "visitor_counts")
        stored = {name: size_of(pin.files[name]) / visits for name in tables}
        shown = ", ".join(f"{name} {bytes_:.2f}" for name, bytes_ in stored.items())
        print(f"{sum(stored.values()):.1f} bytes a visit: {shown}")
        peer = None
        if not (given.without_postgresql or given.log_only) and (given.postgresql or binaries() is not None):
            url = given.postgresql or stack.enter_context(cluster(shared_buffers="4GB"))
            peer = Postgres(url, store, city)
            stack.callback(peer.connection.close)
            theirs = peer.bytes() / visits
            print(
                f"PostgreSQL ({peer.settings()} shared buffers): {theirs:.0f} bytes a visit "
                f"({sum(stored.values()) / theirs:.2f}x)",
                flush=True,
            )
        log = Log(store, bare, city, peer)
        del bare
        if given.log_only:
            compare_all(log, IN_SQL)
            print(f"most memory of its own in the questions: {memory.phase():.2f} GB")
            show_ranking(log)
            return
        measured = measure(log)
        print(f"most memory of its own in the questions: {memory.phase():.2f} GB")
        with ingesting(store.root):
            for question in ("ranking, fourteen days", "contacts"):
                way = "pairs (SQL)" if question.startswith("ranking") else "expression"
                during = compare(f"{question}, while ingesting", {way: log.questions()[question][way]})
                print(f"  {during[way] / measured[question][way]:.2f} times as long")
        appended(log)
        show_ranking(log)


def closed(store, city, memory):
    """The closed and rolled-up log of a fortnight, made where it does not lie yet; how many visits it has."""
    if not store.days("visits"):
        took_append = filled(store, city)
        print(f"appended in {took_append:.1f} s, most memory {memory.phase():.2f} GB with the making of it", flush=True)
    took_close, _ = seconds(lambda: [store.close(day_of(number)) for number in range(DAYS)])
    store.sweep(older_than=timedelta(0))
    took_pairs, _ = seconds(lambda: store.roll_up(LAST))
    store.sweep(older_than=timedelta(0))
    files = ", ".join(f"'{file}'" for file in store.pin().files["visits"])
    ((visits,),) = duckdb.sql(f"SELECT count(*) FROM read_parquet([{files}])").fetchall()
    print(
        f"{visits:,} visits of {city.people:,} people: days closed in {took_close:.1f} s, rolled up in "
        f"{took_pairs:.1f} s (most memory {memory.phase():.2f} GB)",
        flush=True,
    )
    return visits


def laid_bare(store, memory):
    bare, took = window.Window.open(store.root / window.FOLDER), 0.0
    if bare is None or not bare.speaks_for(store.pin()):
        days = {"first_day": FIRST, "last_day": LAST}
        took, bare = seconds(lambda: window.build(store.root, store.pin(), store.root / window.FOLDER, **days))
    print(f"columns laid bare in {took:.1f} s ({memory.phase():.2f} GB)", flush=True)
    return bare


def columns_alone(city, folder):
    """The bare columns of the city without a log: each day by minute, then to the next free row of its key."""
    columns = folder / "columns-made"
    columns.mkdir(parents=True)
    counts = {"place": np.zeros(city.venues + city.works, np.int64), "person": np.zeros(city.people, np.int64)}
    for number in range(DAYS):
        rows = city.day(number)
        for by, count in counts.items():
            counts[by] = count + np.bincount(rows[by], minlength=len(count))
        order = np.argsort((rows["minute_in"] - rows["minute_in"].min()).astype(np.uint16), kind="stable")
        np.save(folder / f"day-{number}.npy", np.stack([rows[name][order] for name in COLUMNS]))
    for by, another in (("place", "person"), ("person", "place")):
        scattered(folder, columns, by, another, counts[by])
    for number in range(DAYS):
        (folder / f"day-{number}.npy").unlink()
    said = {"format": window.FORMAT, "columns": columns.name, "first_day": str(FIRST), "last_day": str(LAST)}
    said |= {"made_from": [], "earlier": [], "lasting_until": 0}
    (folder / "window.json").write_text(json.dumps(said), encoding="utf-8")


def scattered(folder, columns, by, another, counts):
    """One projection, made in memory: pages of a file written in no order would go to the disk again and again."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows_in_all, reached = int(offsets[-1]), offsets[:-1].copy()
    held = {"other": np.int32, "start": np.uint16, "stay": np.uint16}
    held = {name: np.empty(rows_in_all, dtype=kind) for name, kind in held.items()}
    held["longest"] = np.zeros(len(counts), dtype=np.uint16)
    for number in range(DAYS):
        rows = dict(zip(COLUMNS, np.load(folder / f"day-{number}.npy", mmap_mode="r"), strict=True))
        times = rows["minute_in"], rows["minute_out"]
        kernels.scatter(rows[by], rows[another], *times, window.first_minute(FIRST), reached, *held.values())
    for name, array in (held | {"offsets": offsets}).items():
        np.save(columns / f"by_{by}.{name}.npy", array)


def measure_columns(city, memory, folder):
    if not (folder / "window.json").exists():
        took, _ = seconds(lambda: columns_alone(city, folder))
        print(f"made and laid bare in {took:.0f} s", flush=True)
    memory.phase()
    log = Log(Store(folder / "log"), window.Window.open(folder), city, None)
    print(f"{log.bare.visits:,} visits of {city.people:,} people, bare columns alone", flush=True)
    measure(log, {question: ("kernel", "numpy") for question in log.questions() if not question.startswith("forward")})
    print(f"most memory of its own in the questions: {memory.phase():.2f} GB")
    show_ranking(log)


def compare_all(log, only=None):
    """Each question by all its ways, or by those named `only`."""
    measured = {}
    for question, ways in log.questions().items():
        named = {*ways}.intersection(ways if only is None else only.get(question, ())) - {"warm", "cold"}
        if named:
            measured[question] = compare(question, {name: ways[name] for name in ways if name in named})
    return measured


def measure(log, only=None):
    measured = compare_all(log, only)
    times = {"warm": [], "cold": []}
    for _ in range(ROUNDS):
        times["warm"].append(seconds(log.from_ids)[0])
        log.bare = None
        times["cold"].append(float(log.from_ids_cold()))
        log.bare = window.Window.open(log.folder)
        log.from_ids()
    shown = ", ".join(f"{name} {statistics.median(took) * 1000:,.1f} ms" for name, took in times.items())
    print(f"from case ids to ranked places: {shown}", flush=True)
    return measured


if __name__ == "__main__":
    main()
