"""The log of a day still open is tidied while people go on writing to it."""

from datetime import date, timedelta
from threading import Thread

import numpy as np
import pytest

from citywatch.eventlog.expressions import table
from citywatch.mechanisms.journal import export
from citywatch.server import jobs

TODAY = date(2020, 6, 11)


def entry(number):
    return {
        "writer": ["w"],
        "seq": [number],
        "kind": ["a.seen"],
        "place": [1],
        "at": np.array(["2020-06-11T01:00"], dtype="datetime64[us]"),
        "subject_kind": ["a"],
        "subject": [number],
        "actor": ["x"],
    }


def write(number):
    return export.store().append("entries", entry(number), day=TODAY, batch_id=f"w:{number}")


def kept():
    found = export.engine().run(table("entries"), export.store().pin())
    return sorted(found["seq"].tolist())


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(jobs, "_MANY", 4)


def test_a_day_still_open_is_merged_once_it_has_many_files_and_takes_no_batch_twice():
    for number in range(4):
        write(number)
    assert jobs.merge_days(TODAY - timedelta(days=2)) == 0

    write(4)
    assert jobs.merge_days(TODAY - timedelta(days=2)) == 5
    assert export.store().days("entries") == {TODAY: 1}
    assert [write(number) for number in range(6)] == [False] * 5 + [True]
    assert kept() == list(range(6))


def test_what_is_written_while_an_open_day_is_merged_is_there_afterwards():
    def go_on():
        for number in range(100, 130):
            write(number)

    for number in range(10):
        write(number)
    writer = Thread(target=go_on)
    writer.start()
    merged = 0
    while writer.is_alive():
        merged += jobs.merge_days(TODAY - timedelta(days=2))
    writer.join()
    merged += jobs.merge_days(TODAY - timedelta(days=2))

    assert merged >= 10
    assert kept() == [*range(10), *range(100, 130)]
