"""Two processes write into one city at once: nothing is lost, nothing doubled, and every chain holds.

On a file of SQLite, and on a database of its own where DATABASE_URL names a PostgreSQL server.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest

WRITER = Path(__file__).with_name("writer.py")
ROOT = WRITER.parents[2]
ROUNDS = 6


@pytest.fixture(params=["sqlite", "postgresql"])
def run(request, tmp_path):
    """Run the writer's steps in processes of their own, on a fresh database."""
    env = {**os.environ, "CITYWATCH_MODE": "test", "CITYWATCH_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    env["DJANGO_SETTINGS_MODULE"] = "citywatch.server.settings"
    server = env.pop("DATABASE_URL", "")
    name = f"two_writers_{secrets.token_hex(4)}"
    if request.param == "postgresql":
        if not server:
            pytest.skip("needs DATABASE_URL of a PostgreSQL server")
        statement(server, f"CREATE DATABASE {name}")
        env["DATABASE_URL"] = server.rsplit("/", 1)[0] + f"/{name}"

    def start(*words):
        return subprocess.Popen(
            [sys.executable, str(WRITER), *words], env=env, cwd=ROOT, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    yield start
    if request.param == "postgresql":
        statement(server, f"DROP DATABASE {name} WITH (FORCE)")


def statement(server, text):
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(text)


def finish(*processes):
    outs = [process.communicate(timeout=300) for process in processes]
    for process, (_, err) in zip(processes, outs, strict=True):
        assert process.returncode == 0, err[-3000:]
    return [out for out, _ in outs]


def test_two_processes_write_at_once_and_nothing_is_lost_or_doubled(run):
    finish(run("prepare"))

    finish(run("write", "one"), run("write", "two"))
    (told,) = finish(run("tell"))
    found = json.loads(told.splitlines()[-1])

    positives = 2 * ROUNDS
    assert found["failed"] == []
    assert found["submissions"] == {
        "symptom-registration": ROUNDS + 1,  # patient 400 stands in every message and is one
        "fever-clinic-visit": positives,
        "lab-result": positives,
    }
    assert found["people"] == ROUNDS + 1 + positives
    assert found["receipts"] == {"processed": ROUNDS + 2 * positives}
    assert all(rows == accounted for rows, accounted in found["rows"])
    assert (found["holds"], found["samples"], found["cases"]) == (positives, positives, positives)
    assert (found["red"], found["positives"], found["source_clocks"]) == (1, positives, 1)
    assert found["broken"] is None
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["chains"] <= 6, "each request wrote a chain of its own"
    assert found["counted"] == sum(found["submissions"].values())


def test_a_chain_passes_to_the_next_thread_and_never_to_two_at_once():
    from citywatch.mechanisms.journal import services as journal

    held, meeting = [], threading.Barrier(2)

    def request(wait):
        held.append(journal._writer())
        if wait:
            meeting.wait(5)

    both = [threading.Thread(target=request, args=(True,)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    later = threading.Thread(target=request, args=(False,))
    later.start()
    later.join()

    assert held[0] != held[1]
    assert held[2] in held[:2]
