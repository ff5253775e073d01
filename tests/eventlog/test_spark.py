"""Spark as a real master with two workers: equal rows, divided work, and a how-to page that gets one there."""

import re
import subprocess
from datetime import UTC, date, datetime

import pytest
from tests.eventlog import cluster

from citywatch.eventlog.engines import EngineUnavailable, open_engine
from citywatch.eventlog.expressions import last_entries, table

DAY = date(2020, 6, 11)
ENTRY = {
    "writer": ["w"],
    "seq": [1],
    "kind": ["x"],
    "place": [1],
    "at": [datetime(2020, 6, 11, 4, tzinfo=UTC)],
    "subject_kind": [""],
    "subject": [0],
    "actor": ["a"],
}
pytestmark = pytest.mark.skipif(not cluster.THERE, reason=cluster.MISSING)


def test_the_page_leads_to_a_cluster_whose_two_workers_divide_the_work(spark_master):
    see = cluster.steps()[2].replace(" 0.2 ", " 0.03 ")  # the page's command on fewer visits
    assert see != cluster.steps()[2]
    done = subprocess.run(["bash", "-c", see], cwd=cluster.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count(", equal;") == 5
    tasks = [
        int(number) for number in re.findall(r"^worker .*: (\d+) tasks, 0 failed", done.stdout, flags=re.MULTILINE)
    ]
    assert len(tasks) == 2
    assert min(tasks) > 0


def test_a_master_that_is_not_there_is_one_sentence(store):
    with pytest.raises(EngineUnavailable, match=r"No Spark master answers at spark://127.0.0.1:1; start it"):
        open_engine("spark://127.0.0.1:1", store=store)


def test_what_spark_cannot_answer_is_one_sentence_too(spark_master, store):
    engine = open_engine(spark_master, store=store)
    store.append("entries", ENTRY, day=DAY, batch_id="a")
    version = store.pin()
    for file in version.files["entries"]:
        file.unlink()
    with pytest.raises(EngineUnavailable, match="Spark could not answer"):
        engine.run(last_entries(table("entries")), version)
