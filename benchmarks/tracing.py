"""The place behind the cases, found in a city's visits: the roll-up, the compiled kernels, plain SQL and PostgreSQL.

All answer the same three questions on the same rows, called in turn, five rounds, medians; every answer must be equal.
Run: python benchmarks/tracing.py [visits, in millions] [--without-postgresql]
"""

import argparse
import io
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from private_postgres import binaries, cluster

from citywatch.eventlog import kernels, window
from citywatch.eventlog.engines import DuckEngine
from citywatch.eventlog.expressions import candidates, co_visits, table, visits_of
from citywatch.eventlog.segments import Store
from citywatch.science.sources import log_hypergeometric_tail

FIRST = date(2020, 6, 1)
DAYS = 14
CASES, FROM_MARKET, DECOYS = 300, 50, 10
VISITS_A_DAY = 2
ROUNDS = 5
LEAST_MINUTES = 15


def people_for(visits):
    return visits // (DAYS * VISITS_A_DAY)


class City:
    """Who may go where: districts, skewed venues, workplaces of skewed size, one market and its cases."""

    def __init__(self, visits, seed=1):
        self.rng = np.random.default_rng(seed)
        self.people = people_for(visits)
        self.venues = max(2_000, self.people // 40)
        self.works = max(500, self.people // 50)
        self.district = self.rng.integers(0, 16, self.people)
        employed = self.rng.random(self.people) < 0.55
        size = 1 / (np.arange(1, self.works + 1) ** 0.7)
        self.work = np.where(employed, self.rng.choice(self.works, self.people, p=size / size.sum()), -1)
        weight = 1 / np.arange(1, self.venues // 16 + 1)
        self.steps = np.cumsum(weight / weight.sum())
        self.market = 40  # a venue of middling popularity in the first district
        self.cases = self.rng.choice(self.people, CASES, replace=False)
        for group in range(DECOYS):  # ten workplaces with five cases each
            members = self.cases[FROM_MARKET + 5 * group : FROM_MARKET + 5 * group + 5]
            self.work[members] = self.works - 1 - group

    def day(self, number):
        """One day's visits as (person, place, minute_in, minute_out), minutes of the log."""
        rng, n = self.rng, self.people
        person = np.repeat(np.arange(n, dtype=np.int32), rng.poisson(VISITS_A_DAY, n))
        count = len(person)
        here = np.where(rng.random(count) < 0.7, self.district[person], rng.integers(0, 16, count))
        venue = np.searchsorted(self.steps, rng.random(count)) * 16 + here
        at_work = (self.work[person] >= 0) & (rng.random(count) < 0.3)
        place = np.where(at_work, self.venues + self.work[person], np.minimum(venue, self.venues - 1))
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


RANKED = """
mine AS (SELECT place, count(DISTINCT person) AS cases FROM {visits} WHERE person IN ({sick}) GROUP BY place
         HAVING count(DISTINCT person) > 1)
SELECT place, max(cases), count(DISTINCT person) FROM {visits} JOIN mine USING (place) GROUP BY place ORDER BY place
"""
COLUMNS = ("person", "place", "minute_in", "minute_out")


def seconds(work):
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


def filled(store, city):
    for number in range(DAYS):
        rows = city.day(number)
        rows["source"] = np.full(len(rows["person"]), "scan", dtype=object)
        store.append("visits", rows, day=FIRST + timedelta(days=number), batch_id=f"day {number}")
    took_close, _ = seconds(lambda: [store.close(FIRST + timedelta(days=number)) for number in range(DAYS)])
    took_pairs, _ = seconds(lambda: store.roll_up(FIRST + timedelta(days=DAYS - 1)))
    return took_close, took_pairs


def size_of(files):
    return sum(file.stat().st_size for file in files)


class Postgres:
    """The peer, with the index that serves it best."""

    def __init__(self, url, store):
        import psycopg  # noqa: PLC0415  an extra, needed for this peer alone

        self.connection = psycopg.connect(url, autocommit=True)
        run = self.connection.execute
        run("CREATE UNLOGGED TABLE visit (person int, place int, minute_in int, minute_out int)")
        self.loaded, _ = seconds(lambda: self.load(store))
        for query in (
            "CREATE INDEX ON visit (place, minute_in) INCLUDE (person, minute_out)",
            "CREATE INDEX ON visit (person)",
            "VACUUM ANALYZE visit",
            "SET work_mem = '1GB'",
            "SET max_parallel_workers_per_gather = 2",
            "CREATE TEMP TABLE sick (person int)",
        ):
            run(query)

    def load(self, store):
        with self.connection.cursor() as cursor, cursor.copy("COPY visit FROM STDIN") as copy:
            for file in store.pin().files["visits"]:
                rows = duckdb.sql(f"SELECT person, place, minute_in, minute_out FROM '{file}'").fetchnumpy()
                text = io.StringIO()
                np.savetxt(text, np.column_stack([rows[name] for name in COLUMNS]), fmt="%d", delimiter="\t")
                copy.write(text.getvalue())

    def bytes(self):
        return self.connection.execute("SELECT pg_total_relation_size('visit')").fetchone()[0]

    def rank(self, cases):
        run = self.connection.execute
        run("TRUNCATE sick")
        run(f"INSERT INTO sick VALUES {', '.join(f'({case})' for case in cases)}")
        return run(f"WITH {RANKED.format(visits='visit', sick='SELECT person FROM sick')}").fetchall()

    def contacts(self, stays):
        run = self.connection.execute
        run("CREATE TEMP TABLE IF NOT EXISTS stay (person int, place int, minute_in int, minute_out int)")
        run("TRUNCATE stay")
        with self.connection.cursor() as cursor, cursor.copy("COPY stay FROM STDIN") as copy:
            for row in zip(*(stays[name].tolist() for name in COLUMNS), strict=True):
                copy.write_row(row)
        run("ANALYZE stay")
        return run(
            "SELECT count(*) FROM visit v JOIN stay s ON v.place = s.place AND v.person <> s.person"
            " AND v.minute_in < s.minute_out AND v.minute_in >= s.minute_in - 480"
            " AND least(v.minute_out, s.minute_out) - greatest(v.minute_in, s.minute_in) >= 15"
        ).fetchone()[0]


def plain_sql(store, cases):
    """The ranking as one would write it by hand over the day files."""
    files = ", ".join(f"'{file}'" for file in store.pin().files["visits"])
    listed = ", ".join(map(str, cases))
    visits = f"v AS (SELECT person, place FROM read_parquet([{files}], hive_partitioning = false))"
    return duckdb.sql(f"WITH {visits}, {RANKED.format(visits='v', sick=listed)}").fetchall()


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("millions", nargs="?", type=float, default=3)
    asked.add_argument("--without-postgresql", action="store_true")
    given = asked.parse_args()
    city = City(int(given.millions * 1e6))
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="citywatch-bench-"))
        stack.callback(shutil.rmtree, root)
        store = Store(root / "log")
        took_close, took_pairs = filled(store, city)
        pin = store.pin()
        last = FIRST + timedelta(days=DAYS - 1)
        took_window, bare = seconds(lambda: window.build(store.root, pin, root / "w", first_day=FIRST, last_day=last))
        stored = size_of([*pin.files["visits"], *pin.files["visits_by_person"], *pin.files["pairs"]])
        print(
            f"{bare.visits:,} visits of {city.people:,} people: days closed in {took_close:.1f} s, rolled up in "
            f"{took_pairs:.1f} s, columns laid bare in {took_window:.1f} s; {stored / bare.visits:.1f} bytes a visit"
        )
        peer = None
        if not given.without_postgresql and binaries() is not None:
            peer = Postgres(stack.enter_context(cluster()), store)
            stack.callback(peer.connection.close)
            a_visit = peer.bytes() / bare.visits
            print(f"PostgreSQL: COPY {peer.loaded:.0f} s; {a_visit:.0f} bytes a visit ({stored / peer.bytes():.2f}x)")
        cases = np.unique(city.cases).astype(np.int32)
        for question, ways in questions(store, pin, bare, cases, peer).items():
            compare(question, ways)
        show_ranking(on_kernels(bare, cases), cases, city)


def questions(store, pin, bare, cases, peer):
    """Each question with every way to answer it; all ways of one question give equal answers."""
    engine = DuckEngine(store)
    people = {"person": cases}
    stays = kernels.visits_of(bare, cases)

    def rows(expression, **small):
        return len(engine.run(expression, pin, **small)["person"])

    def on_pairs():
        found = engine.run(candidates(table("pairs"), table("people")), pin, people=people)
        return list(zip(*(found[name].tolist() for name in ("place", "cases", "visitors")), strict=True))

    ways = {
        "ranking": {
            "pairs (SQL)": on_pairs,
            "kernel": lambda: on_kernels(bare, cases),
            "plain SQL": lambda: plain_sql(store, cases),
        },
        "contacts": {
            "kernel": lambda: len(kernels.co_visits(bare, stays, LEAST_MINUTES)["person"]),
            "expression": lambda: rows(co_visits(table("visits"), table("stays"), LEAST_MINUTES), stays=stays),
        },
        "visits of the cases": {
            "kernel": lambda: len(kernels.visits_of(bare, cases)["person"]),
            "expression": lambda: rows(visits_of(table("visits_by_person"), table("people")), people=people),
        },
        "the bytes the ranking must read, summed": {"numpy": lambda: least_bytes(bare, cases)},
    }
    if peer:
        ways["ranking"]["PostgreSQL"] = lambda: peer.rank(cases)
        ways["contacts"]["PostgreSQL"] = lambda: peer.contacts(stays)
    return ways


def on_kernels(bare, cases):
    """The ranking from the bare columns: places two cases share, and everybody who was there in the fourteen days."""
    mine = kernels.visits_of(bare, cases)
    met = np.unique(mine["place"].astype(np.int64) << 32 | mine["person"])
    places, shared = np.unique(met >> 32, return_counts=True)
    places, shared = places[shared > 1].astype(np.int32), shared[shared > 1]
    since, until = (np.full(len(places), bare.origin + day * 1440, dtype=np.int32) for day in (0, DAYS))
    found = kernels.visitors(bare, {"place": places, "minute_from": since, "minute_to": until})
    return list(zip(found["place"].tolist(), shared.tolist(), found["visitors"].tolist(), strict=True))


def least_bytes(bare, cases):
    """The least any method must do: read every visitor of the places concerned, once."""
    offsets = bare.by_place.offsets
    places = {place for place, _, _ in on_kernels(bare, cases)}
    begin = time.perf_counter()
    for place in places:
        bare.by_place.other[offsets[place] : offsets[place + 1]].sum()
    return Measured(time.perf_counter() - begin)


class Measured(float):
    """A time measured inside the call; equal to any other, for it is no answer."""

    def __eq__(self, other):
        return isinstance(other, Measured)

    __hash__ = float.__hash__


def compare(question, ways):
    times = {name: [] for name in ways}
    answers = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            took, answers[name] = seconds(way)
            times[name].append(answers[name] if isinstance(answers[name], Measured) else took)
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        if answer != first:
            sys.exit(f"{question}: {name} disagrees; no speed is worth that.")
    shown = {name: statistics.median(measured) for name, measured in times.items()}
    print(f"{question}: " + ", ".join(f"{name} {took * 1000:,.1f} ms" for name, took in shown.items()))


def show_ranking(found, cases, city):
    place, k, n = (np.array(column) for column in zip(*found, strict=True))
    log_p = log_hypergeometric_tail(k, drawn=n, marked=len(cases), population=city.people)
    print("first by p:")
    for i in np.argsort(log_p)[:5]:
        name = "the market" if place[i] == city.market else f"place {place[i]}"
        print(f"  {name}: {k[i]} cases of {n[i]:,} visitors, p = 1e{log_p[i] / np.log(10):.0f}")


if __name__ == "__main__":
    main()
