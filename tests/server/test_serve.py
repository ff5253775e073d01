"""The running installation: it answers, starts again what dies, stops whole, and finishes what a dead process left."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection
from django.utils.module_loading import import_string
from django_q.models import Schedule
from tests.city.reports import fever, message, symptom
from tests.conftest import NOON

from citywatch.city.sense.models import Hold
from citywatch.city.warn.models import Run
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.server import forms, jobs, schedule

PATIENCE = 60


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(true, *, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{true.__name__} did not come true within {patience} s")


def read(address):
    try:
        with urllib.request.urlopen(address, timeout=2) as told:
            return told.read().decode()
    except OSError:
        return None


def environment(home, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CITYWATCH", "DJANGO"))}
    return kept | {"CITYWATCH_HOME": str(home), "PORT": str(free_port())} | more


def citywatch(*arguments, env):
    command = [sys.executable, "-m", "citywatch.server.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=PATIENCE, check=False)


def children(pid):
    """Direct children, by /proc."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid):
    return [pid, *(deeper for child in children(pid) for deeper in descendants(child))]


def group_members(group):
    """Living processes of a process group, by /proc."""
    members = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z" and int(fields[2]) == group:
            members.append(int(path.parent.name))
    return members


def named(pid, word):
    try:
        return word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def own(tmp_path, request):
    """The environment of an installation of its own; with the tests on PostgreSQL it has a database there."""
    env = environment(tmp_path / "home")
    if connection.vendor != "postgresql":
        yield env
        return
    name = f"own_{os.getpid()}"
    run_outside(f"CREATE DATABASE {name}")
    yield env | {"DATABASE_URL": re.sub(r"/[^/]*$", f"/{name}", os.environ["DATABASE_URL"])}
    run_outside(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def serving(own, tmp_path):
    """`citywatch serve`, the public's pages beside it."""
    own |= {"PUBLIC_AT": f"127.0.0.1:{free_port()}"}
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "citywatch.server.cli", "serve"], env=own, stdout=said, stderr=said
        )
    process.address = f"http://127.0.0.1:{own['PORT']}"
    process.env = own
    process.said = (tmp_path / "said").read_text
    yield process
    for pid in descendants(process.pid):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    process.wait(PATIENCE)


def run_outside(statement):
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as outside:
        outside.execute(statement)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_the_server_answers_starts_again_what_is_killed_and_stops_whole(serving):
    def answers():
        try:
            with urllib.request.urlopen(f"{serving.address}/health", timeout=2) as told:
                return told.read() == b"ok"
        except OSError:
            return False

    def part(word):
        return next((pid for pid in children(serving.pid) if named(pid, word) and alive(pid)), None)

    until(answers)
    until(lambda: "CityWatch listens on" in serving.said())
    worker = until(lambda: part("qcluster"))
    until(lambda: len(descendants(worker)) > 2)
    left = descendants(worker)[1:]
    os.kill(worker, signal.SIGKILL)
    until(lambda: part("qcluster") not in {None, worker})
    assert not [pid for pid in left if alive(pid)]  # two workers would do one work twice

    web = part("uvicorn")
    os.kill(web, signal.SIGKILL)
    until(lambda: part("uvicorn") not in {None, web})
    until(answers)
    assert "the worker process stopped" in serving.said()
    assert "the web process stopped" in serving.said()

    second = citywatch("serve", env=serving.env)
    assert second.returncode == 2
    assert "set PORT" in second.stderr

    public = part("citywatch.server.plain")
    released = Path(serving.env["CITYWATCH_HOME"]) / "public" / "zh" / "situation.html"
    released.parent.mkdir(parents=True)
    released.write_text("今日", encoding="utf-8")
    until(lambda: read(f"http://{serving.env['PUBLIC_AT']}/public/zh/situation.html") == "今日")
    told = Path(f"/proc/{public}/environ").read_text()
    assert not re.search("CITYWATCH|DATABASE_URL|DJANGO", told), told
    assert os.getpriority(os.PRIO_PROCESS, public) > os.getpriority(os.PRIO_PROCESS, serving.pid)

    everyone = descendants(serving.pid)
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(PATIENCE) == 0
    until(lambda: not [pid for pid in everyone if alive(pid)])
    assert not answers()
    assert "Traceback" not in serving.said()


ABANDONED = """
import os, signal
from citywatch.server import supervise
families = [supervise._start("web", ["/bin/sh", "-c", "sleep 100 & wait"]) for _ in range(2)]
guard = supervise._start_guard()
supervise._tell_guard(guard, families[:1])
supervise._tell_guard(guard, families)
print(*(family.pid for family in families), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_nothing_outlives_a_supervisor_that_was_killed(own):
    env = own | {"DJANGO_SETTINGS_MODULE": "citywatch.server.settings"}
    script = f"import django\ndjango.setup()\n{ABANDONED}"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=env) as killed:
        groups = [int(word) for word in killed.stdout.readline().split()]

    assert len(groups) == 2
    until(lambda: not [pid for group in groups for pid in group_members(group)])


def test_the_demo_does_not_listen_to_the_world_unless_told_to(tmp_path):
    told = citywatch("serve", env=environment(tmp_path / "home", CITYWATCH_MODE="demo", HOST="0.0.0.0"))

    assert told.returncode == 2
    assert told.stderr.strip().count("\n") == 0
    assert "DEMO_PUBLIC=1" in told.stderr


KILLED = """
import os, signal
from django.core.management import call_command
call_command("migrate", verbosity=0)
from citywatch.city.registry.services import NewSite, add_sites, lay_city
lay_city("beijing", street_codes={"110106018"})
add_sites([NewSite("110106018-C01", "110106018", "institution", "花乡", "Huaxiang", institution_kind="chc")])
from citywatch.mechanisms import clock
from citywatch.mechanisms.forms import storing
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.server import forms
site = Place.objects.get(code="110106018-C01")
storing.store = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
forms.submit("symptom-registration", BODY, channel="api", site=site, source="his", message_id="m-1",
             sent_at=clock.now(), by=machine("his", place=site, abilities=["sense.submit"]), at=clock.now())
"""
FINISHED = """
from datetime import timedelta
from citywatch.mechanisms import clock
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.server import jobs
left = Receipt.objects.get()
print(left.state, Submission.objects.count(), jobs.finish_receipts())
now = clock.now
clock.now = lambda: now() + timedelta(minutes=3)
print(jobs.finish_receipts(), jobs.finish_receipts())
left.refresh_from_db()
print(left.state, left.rows, left.stored, left.quarantined, Submission.objects.count())
"""


def test_a_message_whose_process_was_killed_before_its_rows_were_stored_is_finished(own):
    body = message(symptom(1), symptom(2, temperature="48"))
    own |= {"DJANGO_SETTINGS_MODULE": "citywatch.server.settings"}

    killed, finished = (
        subprocess.run(
            [sys.executable, "-c", f"import django\ndjango.setup()\nBODY = {body!r}\n{script}"],
            capture_output=True, text=True, env=own, check=False,
        )
        for script in (KILLED, FINISHED)
    )  # fmt: skip

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert finished.stdout.splitlines() == ["received 0 0", "1 0", "processed 2 1 1 1"], finished.stderr


def test_the_schedule_holds_each_job_once_and_each_runs(city, at_noon):
    Schedule.objects.create(name="of an earlier version", func="gone.away", schedule_type=Schedule.MINUTES, minutes=1)
    for _ in range(2):
        schedule.install()

    rows = {row.name: row for row in Schedule.objects.all()}
    assert sorted(rows) == sorted(job.name for job in schedule.JOBS)
    assert (rows["detect"].minutes, rows["detect"].func) == (15, "citywatch.city.warn.jobs.watch_job")
    for row in rows.values():
        import_string(row.func)()
    assert Run.objects.get().fault == ""


def test_the_worker_lets_reactions_catch_up(city, at_noon):
    hospital = Place.objects.get(code="110106018-H01")
    by = machine("his", place=hospital, abilities=["sense.submit"])
    forms.submit("fever-clinic-visit", message(fever(1)), channel="api", site=hospital, source="his", message_id="m-1",
                 sent_at=NOON, by=by, at=NOON)  # fmt: skip
    assert not Hold.objects.exists()

    assert jobs.react() > 0
    assert Hold.objects.get().state == "held"
    assert jobs.react() == 0
