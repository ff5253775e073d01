"""Every engine answers alike; an empty log answers with empty columns; a missing engine says what to do."""

from datetime import UTC, date, datetime
from importlib.util import find_spec

import ibis
import numpy as np
import pytest
from tests.eventlog import cluster

from citywatch.eventlog import duck
from citywatch.eventlog import expressions as ask_for
from citywatch.eventlog.engines import EngineUnavailable, open_engine
from citywatch.eventlog.expressions import table
from citywatch.eventlog.rebuild import submission_columns

DAY = date(2020, 6, 11)
NOON = datetime(2020, 6, 11, 4, tzinfo=UTC)
SPAN = {"as_of": NOON, "first_day": DAY, "last_day": DAY}
SMALL = {
    "people": {"person": [1]},
    "windows": {"place": [9], "minute_from": [90], "minute_to": [120]},
    "stays": {"person": [1], "place": [9], "minute_in": [100], "minute_out": [130]},
}
VISITS = {
    "person": [1, 2],
    "place": [9, 9],
    "minute_in": [100, 110],
    "minute_out": [130, 125],
    "source": ["scan", "scan"],
}
QUESTIONS = {
    "known_at": ask_for.known_at(table("counts"), NOON),
    "daily_counts": ask_for.daily_counts(table("counts"), **SPAN),
    "reporting_sites": ask_for.reporting_sites(table("counts"), **SPAN),
    "last_entries": ask_for.last_entries(table("entries")),
    "visits_of": ask_for.visits_of(table("visits"), table("people")),
    "visitors": ask_for.visitors(table("visits"), table("windows")),
    "candidates": ask_for.candidates(
        table("pairs"), table("visitor_counts"), table("unpaired"), table("people"), least=1
    ),
    "co_visits": ask_for.co_visits(table("visits"), table("stays"), 5),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_log_not_yet_begun_answers_with_empty_columns_of_the_right_types(store, name):
    question = QUESTIONS[name]
    found = open_engine(store=store).run(question, store.pin(), **SMALL)

    assert tuple(found) == question.columns
    assert {len(column) for column in found.values()} == {0}
    kinds = {"string": "O", "date": "M", "timestamp(6)": "M"}
    assert [column.dtype.kind for column in found.values()] == [
        kinds.get(str(kind), "i") for kind in question.schema().types
    ]


def test_nobody_asked_about_is_an_answer_too(store):
    store.append("visits", VISITS, day=DAY, batch_id="a")
    found = open_engine(store=store).run(QUESTIONS["visits_of"], store.pin(), people={"person": []})
    assert found["person"].size == 0


def test_a_question_without_its_small_table_says_which(store):
    with pytest.raises(ValueError, match="'people', which was not handed in"):
        open_engine(store=store).run(QUESTIONS["visits_of"], store.pin(), windows=SMALL["windows"])


def test_two_questions_at_once_keep_their_own_small_tables(store):
    store.append("visits", VISITS, day=DAY, batch_id="a")
    engine, version = open_engine(store=store), store.pin()
    with duck.cursor(store.root) as other:
        other.register("handed_in_people", {"person": np.array([2])})
        found = engine.run(QUESTIONS["visits_of"], version, people={"person": [1]})
    assert found["person"].tolist() == [1]


def test_a_query_reads_nothing_outside_the_log(store, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("name\nsomebody\n", encoding="utf-8")
    with duck.cursor(store.root) as connection, pytest.raises(Exception, match="Permission"):
        connection.execute("SELECT * FROM read_csv(?)", [str(secret)])


@pytest.mark.parametrize("spec", ["duck", "postgres://x", ""])
def test_an_unknown_engine_is_refused_by_name(store, spec):
    with pytest.raises(EngineUnavailable, match="use duckdb or spark://"):
        open_engine(spec, store=store)


@pytest.mark.skipif(find_spec("pyspark") is not None, reason="pyspark is installed, so nothing is missing")
def test_spark_without_its_extra_says_what_to_install(store):
    with pytest.raises(EngineUnavailable, match=r"citywatch\[cluster\]"):
        open_engine("spark://master:7077", store=store)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_can_be_put_to_spark(name):
    assert "SELECT" in str(ibis.to_sql(QUESTIONS[name], dialect="pyspark"))


@pytest.mark.skipif(not cluster.THERE, reason=cluster.MISSING)
def test_spark_and_duckdb_give_the_same_rows_in_the_same_types(spark_master, store, fever):
    here, there = open_engine(store=store), open_engine(spark_master, store=store)
    for filled in (False, True):
        if filled:
            rows = [fever(1), fever(2, corrects=1, syndromes=("rash",)), fever(3, street=4)]
            store.append("counts", submission_columns(rows), day=DAY, batch_id="a")
            store.append("visits", VISITS, day=DAY, batch_id="a")
        version = store.pin()
        for name in set(QUESTIONS) - {"known_at"}:  # it is a part of others and has no order of its own
            ours, theirs = here.run(QUESTIONS[name], version, **SMALL), there.run(QUESTIONS[name], version, **SMALL)
            assert {column: (array.dtype, array.tolist()) for column, array in ours.items()} == {
                column: (array.dtype, array.tolist()) for column, array in theirs.items()
            }, name
