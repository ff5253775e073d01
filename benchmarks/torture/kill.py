"""Kill -9 of random processes of a working city: what was acknowledged is there, once, and nothing else is.

Run: python benchmarks/torture/kill.py [cycles] [sqlite|postgresql] [seed]

`citywatch serve`, an exporter and a compactor work in processes of their own; three institutions send reports and
visits over HTTP, keep every acknowledgement, and send again what was not answered. Each cycle one process dies: web,
worker (or one of its own), exporter, compactor, or the supervisor with everything below it. Exit 1 if anything is lost,
doubled or unaccounted for. The operating system survives, so this says nothing of power cuts; `power.py` does.
"""

import json
import random
import statistics
import sys
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection, HTTPException

from installation import SITES, Installation, children, family, installation, kill, named, pick, until
from tests.city.reports import id_number, message, symptom

VICTIMS = {"web": 6, "worker": 3, "exporter": 4, "compactor": 4, "supervisor": 3}
MUST_BE_NOTHING = (
    "lost", "doubled", "unknown", "unfinished", "unaccounted", "visits_lost", "visits_doubled",
    "entries_not_in_log", "entries_twice_in_log", "counted_not_stored", "failed_reactions",
)  # fmt: skip


class Sender(threading.Thread):
    """One institution's system: sends until told to stop, remembers what was acknowledged and what is under way."""

    def __init__(self, city: Installation, code: str, number: int) -> None:
        super().__init__(daemon=True)
        self.city, self.code, self.number = city, code, number
        self.acknowledged: dict[str, int] = {}
        self.under_way = ""
        self.stopping = threading.Event()
        self.repeats = self.retries = self.people = 0
        self.wrong: list[str] = []
        self.last_heard = time.monotonic()
        self._line: HTTPConnection | None = None

    def run(self) -> None:
        draw, sent, message_number = random.Random(self.number), [], 0
        while not self.stopping.is_set():
            message_number += 1
            path, body, rows = self._visits() if message_number % 5 == 0 else self._reports(draw.randint(1, 4))
            name = f"m-{message_number}"
            key = f"api:{self.code} {name}"
            self.under_way = key
            if self._until_heard(path, body, name):
                self.acknowledged[key] = rows
                self.under_way = ""
                sent.append((path, body, name))
            if sent and draw.random() < 0.2:  # the sender's own system was restored from a backup, and says it again
                self.repeats += 1
                self._until_heard(*draw.choice(sent))

    def _until_heard(self, path: str, body: bytes, name: str) -> bool:
        while True:
            status = self._send(path, body, name)
            if status in {200, 201}:
                self.last_heard = time.monotonic()
                return True
            if status in range(400, 500):
                self.wrong.append(f"{status} to {name}")
                return False
            if self.stopping.is_set():
                return False
            self.retries += 1
            time.sleep(0.1)

    def _send(self, path: str, body: bytes, name: str) -> int:
        line = self._line or HTTPConnection("127.0.0.1", self.city.port, timeout=30)
        self._line = line
        headers = {"Authorization": f"Bearer {self.city.tokens[self.code]}", "Idempotency-Key": name}
        try:
            line.request("POST", path, body, headers | {"Content-Type": "application/json"})
            answer = line.getresponse()
            answer.read()
        except (OSError, HTTPException):
            line.close()
            self._line = None
            return 0
        return answer.status

    def _person(self) -> str:
        self.people += 1
        at, decade = divmod(self.people, 99)
        year, month = divmod(at, 12)
        return id_number(decade + 1, born=f"{1930 + year % 70}{month + 1:02d}{self.number + 10}")

    def _reports(self, rows: int) -> tuple[str, bytes, int]:
        patients = [
            symptom(1, name=f"张{self.number}甲{self.people}", id_number=self._person(), phone="") for _ in range(rows)
        ]
        return "/api/forms/symptom-registration/batches", message(*patients), rows

    def _visits(self) -> tuple[str, bytes, int]:
        stays = [
            {"id_number": self._person(), "place_code": self.code, "time_in": f"{_days_ago(back)}T08:00",
             "time_out": f"{_days_ago(back)}T08:30"}
            for back in (4, 3, 3, 2)
        ]  # fmt: skip
        return "/api/visits", "\n".join(map(json.dumps, stays)).encode(), len(stays)


class Works:
    """The processes, and the killing of one."""

    def __init__(self, city: Installation) -> None:
        self.city = city
        self.running = {name: city.start(*words) for name, words in _PARTS.items()}
        self.restarts: Counter[str] = Counter()

    def revive(self) -> None:
        """Start again what is dead; the supervisor does so for its own."""
        for name, process in self.running.items():
            if process.poll() is not None:
                self.restarts[name] += 1
                self.running[name] = self.city.start(*_PARTS[name])

    def kill(self, victim: str, draw: random.Random) -> bool:
        serve = self.running["supervisor"].pid
        if victim == "web":
            found = [pid for pid in children(serve) if named(pid, "uvicorn")]
        elif victim == "worker":
            found = [pid for top in children(serve) if named(top, "qcluster") for pid in family(top)]
        else:
            found = [self.running[victim].pid]
        if not found:
            return False
        kill(draw.choice(found))
        if victim not in {"web", "worker"}:
            self.running[victim].wait()
        return True

    def stop(self) -> None:
        for name, process in self.running.items():
            if name == "supervisor":
                process.terminate()
            else:
                process.kill()
        for process in self.running.values():
            process.wait(60)


_PARTS: dict[str, tuple[str, ...]] = {"supervisor": (), "exporter": ("exporter",), "compactor": ("compactor",)}


def _days_ago(days: int) -> date:
    """A day whose visits are kept: old ones are let go, and refused."""
    return datetime.now(UTC).date() - timedelta(days=days)


def torture(city: Installation, cycles: int, seed: int) -> dict[str, object]:
    draw, works = random.Random(seed), Works(city)
    senders = [Sender(city, code, number) for number, code in enumerate(SITES)]
    kills: Counter[str] = Counter()
    ready: list[float] = []
    try:
        until(city.answers)
        for sender in senders:
            sender.start()
        while kills.total() < cycles:
            time.sleep(draw.uniform(0.05, 1.2))
            victim = pick(draw, VICTIMS)
            killed_at = time.monotonic()
            if works.kill(victim, draw):
                kills[victim] += 1
            works.revive()
            if victim in {"web", "supervisor"}:
                until(lambda since=killed_at: all(sender.last_heard > since for sender in senders))
                ready.append(time.monotonic() - killed_at)
            if kills.total() % 20 == 0:
                print(f"  {kills.total()} kills", file=sys.stderr, flush=True)
        until(city.answers)
        for sender in senders:
            sender.stopping.set()
        for sender in senders:
            sender.join(60)
    finally:  # a city that never answered must not live on either
        works.stop()
    asked = city.home / "asked.json"
    asked.write_text(
        json.dumps(
            {
                "acknowledged": {key: rows for one in senders for key, rows in one.acknowledged.items()},
                "in_flight": [one.under_way for one in senders if one.under_way],
            }
        )
    )
    told = json.loads(city.run("tell", str(asked)))
    ready.sort()
    return told | {
        "kills": dict(kills),
        "repeats": sum(one.repeats for one in senders),
        "retries": sum(one.retries for one in senders),
        "wrong": [line for one in senders for line in one.wrong],
        "ready_median": statistics.median(ready) if ready else None,
        "ready_p99": ready[min(len(ready) - 1, int(0.99 * len(ready)))] if ready else None,
        "died_by_themselves": dict(works.restarts - kills),
    }


def main() -> int:
    given = sys.argv[1:]
    cycles, database, seed = (given + ["200", "sqlite", "1"][len(given) :])[:3]
    with installation(database) as city:
        try:
            told = torture(city, int(cycles), int(seed))
        except BaseException:
            print(city.log.read_text()[-4000:], file=sys.stderr)
            raise
        said = city.log.read_text()
    kills = told["kills"]
    print(
        f"{database}, seed {seed}: {sum(kills.values())} kills -9 "
        f"({', '.join(f'{name} {times}' for name, times in kills.items())})\n"
        f"  {told['rows']} reports and visits acknowledged in {told['messages']} messages "
        f"({told['repeats']} sent once more, {told['retries']} attempts unanswered), {told['entries']} journal entries"
    )
    for name in MUST_BE_NOTHING:
        print(f"  {name.replace('_', ' ')}: {told[name]} after {sum(kills.values())} kills")
    print(f"  journal: {told['broken'] or 'every chain holds'}; refused: {told['wrong'] or 'none'}")
    print(
        f"  answering all senders again after a kill of web or supervisor: median {told['ready_median']:.1f} s, "
        f"99 of 100 within {told['ready_p99']:.1f} s"
        if told["ready_median"]
        else "  web was never killed"
    )
    print(f"  died without being killed: {told['died_by_themselves'] or 'none'}")
    print(f"  tracebacks said: {said.count('Traceback')}")
    bad = [name for name in MUST_BE_NOTHING if told[name]] or told["broken"] or told["wrong"]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
