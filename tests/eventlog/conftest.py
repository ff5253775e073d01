"""A log in a fresh directory, and small rows to put in it."""

from datetime import UTC, date, datetime

import pytest

from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.rebuild import SubmissionRow
from citywatch.eventlog.segments import Store

DAY = date(2020, 6, 11)
NOON = datetime(2020, 6, 11, 4, tzinfo=UTC)  # noon in the city


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "log")


@pytest.fixture
def ask(store):
    """Run an expression on the log as it is now; each row a tuple."""

    def run(expression, **small):
        found = open_engine("duckdb", store=store).run(expression, store.pin(), **small)
        return list(zip(*(column.tolist() for column in found.values()), strict=True))

    return run


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
