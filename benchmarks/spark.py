"""The log's questions on a Spark cluster and on DuckDB here: equal rows, and what each worker did of the work.

Run: python benchmarks/spark.py [visits, in millions] --master spark://host:port   (see docs/how-to/run-on-spark.md)
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from tracing import CASES, DAYS, FIRST, LEAST_MINUTES, City

from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.expressions import candidates, co_visits, table, visitors, visits_of
from citywatch.eventlog.segments import Store
from citywatch.eventlog.window import first_minute

ROUNDS = 3


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("millions", nargs="?", type=float, default=0.2)
    asked.add_argument("--master", default=os.environ.get("CITYWATCH_ENGINE", ""))
    given = asked.parse_args()
    if not given.master or find_spec("pyspark") is None:
        print("no Spark master named, or Spark is not installed: left out (docs/how-to/run-on-spark.md)")
        return
    city = City(int(given.millions * 1e6))
    # Below a folder every worker sees under the same path.
    root = Path(tempfile.mkdtemp(prefix="citywatch-spark-"))
    try:
        compare(filled(Store(root / "log"), city), city, given.master)
    finally:
        shutil.rmtree(root)


def filled(store, city):
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        rows = city.day(number)
        rows["source"] = np.full(len(rows["person"]), "scan", dtype=object)
        store.append("visits", rows, day=day, batch_id=f"day {number}")
        store.close(day)
    store.roll_up(FIRST + timedelta(days=DAYS - 1))
    return store


def compare(store, city, master):
    here = open_engine("duckdb", store=store)
    begin = time.perf_counter()
    cluster = open_engine(master, store=store)
    pin = store.pin()
    print(f"{DAYS} days, {city.people:,} people, {CASES} cases; Spark session in {time.perf_counter() - begin:.1f} s")
    people = {"person": np.unique(city.cases).astype(np.int32)}
    stays = here.run(visits_of(table("visits"), table("people")), pin, people=people)
    stays.pop("source")
    places = np.unique(stays["place"])[:200]
    since, until = first_minute(FIRST), first_minute(FIRST + timedelta(days=DAYS))
    windows = {
        "place": places,
        "minute_from": np.full(len(places), since, dtype=np.int32),
        "minute_to": np.full(len(places), until, dtype=np.int32),
    }
    questions = {
        "visits of the cases": (visits_of(table("visits_by_person"), table("people")), {"people": people}),
        "candidates on pairs": (
            candidates(table("pairs"), table("visitor_counts"), table("unpaired"), table("people")),
            {"people": people},
        ),
        "visitors of 200 places": (visitors(table("visits"), table("windows")), {"windows": windows}),
        "contacts, case visits handed in": (
            co_visits(table("visits"), table("stays"), LEAST_MINUTES),
            {"stays": stays},
        ),
        "contacts, one expression": (
            co_visits(table("visits"), visits_of(table("visits"), table("people")), LEAST_MINUTES),
            {"people": people},
        ),
    }
    for name, (expression, small) in questions.items():
        before = cluster.stages()
        ours, here_took = timed(here, expression, pin, small)
        theirs, there_took = timed(cluster, expression, pin, small)
        for column, values in ours.items():
            if values.tolist() != theirs[column].tolist():
                sys.exit(f"{name}: column {column} differs between DuckDB and Spark.")
        ran = (cluster.stages() - before) // ROUNDS
        rows = len(next(iter(ours.values())))
        print(
            f"{name}: {rows:,} rows, equal; DuckDB {here_took:.2f} s, Spark {there_took:.2f} s "
            f"({there_took / here_took:.0f}x), {ran} stages a run"
        )
    for share in cluster.shares():
        print(f"worker {share.worker}: {share.tasks} tasks, {share.failed} failed, {share.seconds:.1f} s of work")
    cluster.close()


def timed(engine, expression, pin, small):
    took = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        found = engine.run(expression, pin, **small)
        took.append(time.perf_counter() - begin)
    return found, statistics.median(took)


if __name__ == "__main__":
    main()
