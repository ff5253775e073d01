"""A log in a fresh directory, and small rows to put in it."""

from datetime import UTC, date, datetime

import pytest
from tests.eventlog import cluster

from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.rebuild import SubmissionRow
from citywatch.eventlog.segments import Store

DAY = date(2020, 6, 11)
NOON = datetime(2020, 6, 11, 4, tzinfo=UTC)  # noon in the city


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "log")


@pytest.fixture(scope="session")
def spark_master():
    """A Spark master with two workers, and its address."""
    with cluster.started() as master:
        yield master


@pytest.fixture
def ask(store, request):
    """Run an expression on the log as it is now; each row a tuple. Where Spark runs, it must give the same rows."""
    engines = ["duckdb"]
    if cluster.THERE:
        engines.append(request.getfixturevalue("spark_master"))

    def run(expression, **small):
        version = store.pin()
        answers = [_rows(open_engine(engine, store=store).run(expression, version, **small)) for engine in engines]
        assert answers.count(answers[0]) == len(engines)
        return answers[0]

    return run


def _rows(found):
    return list(zip(*(column.tolist() for column in found.values()), strict=True))


@pytest.fixture
def fever():
    """A nurse's registration of one fever, with any answer changed."""

    def registration(submission, **answers):
        usual = {
            "stream": "symptom",
            "syndromes": ("fever",),
            "place": 30,
            "street": 3,
            "district": 1,
            "occurred_on": DAY,
            "recorded_at": NOON,
        }
        return SubmissionRow(submission=submission, **{**usual, **answers})

    return registration
