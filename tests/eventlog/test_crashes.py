"""Kill the writer between every pair of steps: nothing acknowledged is lost, nothing is there twice."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from citywatch.eventlog.engines import open_engine
from citywatch.eventlog.expressions import table
from citywatch.eventlog.segments import Store

DAY = date(2020, 6, 11)
STEPS = ("fsync", "replace")


class PowerCut(BaseException):
    """Not an Exception, so that no clean-up of ours can pretend to have run."""


def visit(person):
    return {"person": [person], "place": [1], "minute_in": [0], "minute_out": [5], "source": ["scan"]}


def kept(store):
    found = open_engine(store=store).run(table("visits").select("person"), store.pin())
    return Counter(found["person"].tolist())


def cut_at(monkeypatch, number, *, after):
    """Let the power fail before or after the given durable step (counted from 0); tell whether it came to that."""
    seen = {"steps": 0, "cut": False}

    def failing(real):
        def step(*args, **kwargs):
            mine, seen["steps"] = seen["steps"], seen["steps"] + 1
            if seen["cut"]:
                raise PowerCut
            if mine == number and not after:
                seen["cut"] = True
                raise PowerCut
            done = real(*args, **kwargs)
            if mine == number:
                seen["cut"] = True
                raise PowerCut
            return done

        return step

    for name in STEPS:
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    return seen


def every_cut(tmp_path, work):
    """Do the work once for each place the power can fail, before and after each step, in a fresh log."""
    for after in (False, True):
        for number in range(100):
            store = Store(tmp_path / f"{after}-{number}")
            store.append("visits", visit(1), day=DAY, batch_id="1")
            store.append("visits", visit(2), day=DAY, batch_id="2")
            with pytest.MonkeyPatch.context() as patch:
                seen = cut_at(patch, number, after=after)
                try:
                    done = work(store)
                except PowerCut:
                    done = None
            yield Store(store.root), done
            if not seen["cut"]:
                assert number >= 3, "the steps were not reached, so nothing was tested"
                break
        else:
            pytest.fail("the work never came to an end")


def test_a_power_cut_during_an_append_loses_nothing_acknowledged_and_doubles_nothing(tmp_path):
    for store, acknowledged in every_cut(tmp_path, lambda log: log.append("visits", visit(3), day=DAY, batch_id="3")):
        after_the_cut = kept(store)
        assert after_the_cut in ({1: 1, 2: 1}, {1: 1, 2: 1, 3: 1})
        assert after_the_cut[3] == 1 or not acknowledged

        store.append("visits", visit(3), day=DAY, batch_id="3")  # the sender never heard and sends again
        assert kept(store) == {1: 1, 2: 1, 3: 1}


def test_a_power_cut_while_a_day_is_merged_neither_hides_nor_doubles_a_row(tmp_path):
    for store, _ in every_cut(tmp_path, lambda log: log.compact("visits", DAY)):
        assert kept(store) == {1: 1, 2: 1}
        store.sweep(older_than=timedelta(0))  # what the cut left lying about may go; what is the log may not
        assert kept(store) == {1: 1, 2: 1}
        store.compact("visits", DAY)
        assert kept(store) == {1: 1, 2: 1}
        assert store.append("visits", visit(1), day=DAY, batch_id="1") is False


def test_a_power_cut_while_old_days_go_leaves_all_of_them_or_none(tmp_path):
    for store, _ in every_cut(tmp_path, lambda log: log.retain("visits", DAY + timedelta(days=1))):
        assert kept(store) in ({1: 1, 2: 1}, {})


def test_a_repeated_batch_is_acknowledged_only_once_its_manifest_is_safe(store, monkeypatch):
    store.append("visits", visit(1), day=DAY, batch_id="1")
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda opened: (synced.append(opened), real(opened))[1])

    assert store.append("visits", visit(1), day=DAY, batch_id="1") is False
    assert synced


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to name an open file")
def test_a_segment_is_safe_on_the_disk_before_any_manifest_names_it(store, monkeypatch):
    steps = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(opened):
        steps.append(("sync", Path(f"/proc/self/fd/{opened}").readlink().name.split("-")[0]))
        real_sync(opened)

    def put_in_place(aside, path):
        steps.append(("replace", str(path).rsplit("/", 1)[-1].split("-")[0]))
        real_replace(aside, path)

    store.append("visits", visit(1), day=DAY, batch_id="1")
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", put_in_place)
    store.append("visits", visit(2), day=DAY, batch_id="2")

    assert steps == [
        ("sync", "part"),
        ("replace", "part"),
        ("sync", "day=2020"),
        ("sync", "manifest.json.tmp"),
        ("replace", "manifest.json"),
        ("sync", "log"),
    ]


def test_writers_side_by_side_lose_and_double_nothing(store):
    def send(first):
        for person in range(first, first + 5):
            store.append("visits", visit(person), day=DAY, batch_id=str(person))
            store.append("visits", visit(person), day=DAY, batch_id=str(person))

    senders = [threading.Thread(target=send, args=(first,)) for first in (0, 5, 10)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()

    assert kept(store) == dict.fromkeys(range(15), 1)


WRITER = """
import sys
from datetime import date
from pathlib import Path
from citywatch.eventlog.segments import Store
store = Store(Path(sys.argv[1]))
for person in range(100_000):
    columns = {"person": [person], "place": [1], "minute_in": [0], "minute_out": [5], "source": ["scan"]}
    store.append("visits", columns, day=date(2020, 6, 11), batch_id=str(person))
    print(person, flush=True)
    if person % 7 == 6:
        store.compact("visits", date(2020, 6, 11))
"""


def test_a_killed_writer_process_leaves_every_acknowledged_row_and_frees_the_lock(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as writer:
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]

    store = Store(tmp_path / "log")
    found = kept(store)
    assert set(found.values()) == {1}
    assert set(acknowledged) <= set(found)
    assert len(found) <= len(acknowledged) + 1  # one batch may have been kept without its answer getting out
    store.append("visits", visit(-1), day=DAY, batch_id="after")
    assert kept(store)[-1] == 1


KILLED = """
import os, signal, sys
from datetime import date, timedelta
from pathlib import Path
from citywatch.eventlog.segments import Store

DAY, NEXT = date(2020, 6, 11), date(2020, 6, 12)

def visit(person):
    return {"person": [person], "place": [1], "minute_in": [0], "minute_out": [5], "source": ["scan"]}

def closed(store):
    for day in (DAY, NEXT):
        store.close(day)
    store.roll_up(NEXT)

WORK = {
    "append": (lambda store: None, lambda store: store.append("visits", visit(5), day=DAY, batch_id="5")),
    "compaction": (lambda store: None, lambda store: store.compact("visits", DAY)),
    "closing": (lambda store: None, closed),
    "retention": (closed, lambda store: (store.retain("visits", NEXT), store.roll_up(NEXT))),
    "sweeping": (closed, lambda store: store.sweep(older_than=timedelta(0))),
}

def die_before(number):
    steps = iter(range(10_000))
    def stepping(real):
        def step(*args, **kwargs):
            if next(steps) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        return step
    for name in ("fsync", "replace", "utime", "unlink", "mkdir", "rmdir"):
        setattr(os, name, stepping(getattr(os, name)))

for name, (before, work) in WORK.items():
    for number in range(200):
        child = os.fork()  # nothing of DuckDB is open in this process
        if not child:
            store = Store(Path(sys.argv[1]) / f"{name}-{number}")
            for person, day in ((1, DAY), (2, DAY), (3, NEXT), (4, NEXT)):
                store.append("visits", visit(person), day=day, batch_id=str(person))
            before(store)
            die_before(number)
            work(store)
            os._exit(0)
        _, how = os.waitpid(child, 0)
        print(name, number, "killed" if os.WIFSIGNALED(how) else "done", flush=True)
        if not os.WIFSIGNALED(how):
            break
"""


def test_kill_9_between_any_two_steps_of_a_writer_loses_nothing_acknowledged(tmp_path):
    script = [sys.executable, "-c", KILLED, str(tmp_path)]
    told = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    ended = list(zip(told[::3], map(int, told[1::3]), told[2::3], strict=True))
    assert {name for name, _, how in ended if how == "done"} == {
        "append", "compaction", "closing", "retention", "sweeping"
    }  # fmt: skip
    assert Counter(name for name, _, _ in ended)["retention"] > 8
    day, everybody = {3: 1, 4: 1}, {1: 1, 2: 1, 3: 1, 4: 1}
    for name, number, how in ended:
        store = Store(tmp_path / f"{name}-{number}")
        allowed = {"append": [everybody, everybody | {5: 1}], "retention": [everybody, day]}.get(name, [everybody])
        if how == "done":
            allowed = allowed[-1:]
        found = everywhere(store)
        assert found in allowed, (name, number)
        store.sweep(older_than=timedelta(0))  # the lock is free, and what the dead left lying about may go
        assert kept(store) == found
        if name == "append":
            store.append("visits", visit(5), day=DAY, batch_id="5")
            assert kept(store) == everybody | {5: 1}


def everywhere(store):
    """The people of the log, once it is certain that each way of laying them out holds the same."""
    by_place, by_person, pairs = (
        Counter(open_engine(store=store).run(table(name).select("person"), store.pin())["person"].tolist())
        for name in ("visits", "visits_by_person", "pairs")
    )
    assert by_place == by_person
    assert set(pairs) == set(by_place)
    counted, since = (open_engine(store=store).run(table(name), store.pin()) for name in ("visitor_counts", "unpaired"))
    assert int(counted["visitors"].sum()) + len(since["person"]) == pairs.total()
    return by_place
