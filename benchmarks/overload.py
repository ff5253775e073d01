"""More than the city can take in at once: what is turned away, what is kept, and who waits because of it.

Run: python benchmarks/overload.py [seconds a part]

On PostgreSQL with fsync, one web process, the generators beside it on the same cores. A calm part first: reports at a
tenth of what the machine can take, and an officer who reads the desk and sends a report by the form's own door twice a
second. Then three floods while the officer goes on: 400 institutions that send again at once, however they are
answered; one institution alone with 200; and 100 readers of the public pages. Of every answer "stored" the
receipt is looked for in the database. Asked (reliability brief, G7, G8, G31): nothing acknowledged lost, what is turned
away told when to come back, memory below 1.5 GiB, back to calm within 60 s; the officer and the other institutions not
much slower. Without PostgreSQL's programs nothing is measured.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "torture"), str(HERE.parent / "scripts")]

from installation import installation  # noqa: E402 - found by the line above
from load import Reports, Served  # noqa: E402
from private_postgres import binaries, free_port  # noqa: E402
from tests.city.reports import id_number, symptom  # noqa: E402

FLOOD = 400
NOISY = 200
READERS = 100
FORM, PAGE = "/sense/forms/symptom-registration/", "/public/zh/situation.html"
CALM = 25.0  # reports a second
CALM_ONES = range(1, 9)


@dataclass
class Told:
    """What senders were answered: by status, the times of those that were taken in, and their receipts."""

    statuses: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    hurried: int = 0
    """Turned away without being told when to come back."""

    def p99(self) -> float:
        took = sorted(self.took)
        return took[min(len(took) - 1, int(0.99 * len(took)))] * 1000 if took else float("nan")


class Sender:
    """A connection that sends one request after another and reads what is answered; as little work as can be."""

    def __init__(self, port: int, told: Told) -> None:
        self.port, self.told = port, told
        self.line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> int:
        began = time.monotonic()
        try:
            status, more = await self._answer(method, path, headers, body)
        except (OSError, asyncio.IncompleteReadError):
            self.line = None
            self.told.statuses[0] += 1
            return 0
        self.told.statuses[status] += 1
        if status in (200, 201):
            self.told.took.append(time.monotonic() - began)
        self.told.hurried += status in (429, 503) and "retry-after" not in more
        return status

    async def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        if self.line is None:
            self.line = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.line
        head = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        more = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
        await reader.readexactly(int(more.get("content-length", "0")))
        if more.get("connection", "").lower() == "close":
            writer.close()
            self.line = None
        return int(first.split()[1]), more


async def send_reports(
    port: int, reports: Reports, senders: range, until: float, told: Told, *, rate: float = 0
) -> None:
    """Let senders report until a moment: `rate` a second in all, or each as fast as it is answered."""

    async def one(number: int) -> None:
        sender = Sender(port, told)
        await asyncio.sleep(number % 50 / 50)
        while time.monotonic() < until:
            path, body, headers = reports(number)
            began = time.monotonic()
            if await sender.ask("POST", path, headers, body) == 201:
                told.kept.append(headers["Idempotency-Key"])
            if rate:
                await asyncio.sleep(max(0, len(senders) / rate - (time.monotonic() - began)))

    await asyncio.gather(*(one(number) for number in senders))


async def read_public(port: int, path: str, until: float, told: Told) -> None:
    async def one() -> None:
        sender = Sender(port, told)
        while time.monotonic() < until:
            await sender.ask("GET", path, {})

    await asyncio.gather(*(one() for _ in range(READERS)))


class Nurse:
    """Somebody at work: opens her page and sends a report by its form, twice a second, whatever else goes on."""

    def __init__(self, port: int, session: str) -> None:
        self.port, self.session, self.sent = port, session, 0

    async def work(self, until: float) -> tuple[Told, Told]:
        """Her pages and her reports, each with the times they took."""
        read, wrote = Told(), Told()
        reader, writer = Sender(self.port, read), Sender(self.port, wrote)
        token = "c" * 32
        cookie = {"Cookie": f"sessionid={self.session}; csrftoken={token}"}
        kind = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": token}
        while time.monotonic() < until:
            began = time.monotonic()
            await reader.ask("GET", "/sense/", cookie)
            self.sent += 1
            row = symptom(1, name=f"李丁{self.sent}", id_number=id_number(self.sent % 999 + 1, area="110101"), phone="")
            answers = {**row, "symptoms": row["symptoms"].split(";"), "token": f"nurse-{self.sent}"}
            began_writing = time.monotonic()
            if await writer.ask("POST", FORM, {**cookie, **kind}, urlencode(answers, doseq=True).encode()) == 302:
                wrote.took.append(time.monotonic() - began_writing)
            await asyncio.sleep(max(0, 0.5 - (time.monotonic() - began)))
        return read, wrote


@dataclass
class Floods:
    """The installation under pressure, with the nurse at work through all of it."""

    port: int
    public_port: int
    reports: Reports
    nurse: Nurse
    seconds: float
    kept: list[str] = field(default_factory=list)

    async def beside(self, *floods: Callable[[float], Coroutine[Any, Any, None]]) -> tuple[Told, Told]:
        until = time.monotonic() + self.seconds
        hers, *_ = await asyncio.gather(self.nurse.work(until), *(flood(until) for flood in floods))
        return hers

    def send(self, told: Told, senders: range, rate: float = 0) -> Callable[[float], Coroutine[Any, Any, None]]:
        return lambda until: send_reports(self.port, self.reports, senders, until, told, rate=rate)

    async def all(self) -> list[Told]:
        """One flood after the other, told as they end; gives what every sender was answered."""
        await self.beside(self.send(Told(), CALM_ONES, CALM))  # warms up
        usual, crowd, noisy, others, readers = (Told() for _ in range(5))
        at_ease = await self.beside(self.send(usual, CALM_ONES, CALM))
        print(f"calm, {CALM:.0f} reports a second: reports p99 {usual.p99():.0f} ms; {_nurse(*at_ease)}")
        hers = await self.beside(self.send(crowd, range(FLOOD)))
        print(f"{FLOOD} institutions at once: {_told(crowd, self.seconds)}; {_nurse(*hers, beside=at_ease)}")
        print(f"  calm again (p99 at most twice the usual) within {await self.recovered(usual):.0f} s (asked 60)")
        one_site = range(0, NOISY * FLOOD, FLOOD)
        hers = await self.beside(self.send(noisy, one_site), self.send(others, CALM_ONES, CALM))
        print(
            f"one institution with {NOISY} at once: {_told(noisy, self.seconds)}; reports of others p99 "
            f"{others.p99():.0f} ms ({others.p99() / usual.p99():.1f} times the usual), turned away: "
            f"{others.statuses.total() - others.statuses[201]}; {_nurse(*hers, beside=at_ease)}"
        )
        hers = await self.beside(lambda until: read_public(self.public_port, PAGE, until, readers))
        print(
            f"{READERS} readers of a public page, from its own process: {_told(readers, self.seconds)} (asked 1,500/s, "
            f"50 ms); {_nurse(*hers, beside=at_ease)}"
        )
        return [usual, crowd, noisy, others, readers]

    async def recovered(self, usual: Told) -> float:
        began = time.monotonic()
        while time.monotonic() - began < 60:
            after = Told()
            await self.send(after, CALM_ONES, CALM)(time.monotonic() + 2)
            if after.p99() <= 2 * usual.p99():
                break
        return time.monotonic() - began


def main() -> int:
    if binaries() is None:
        print("left out: PostgreSQL's programs were not found (apt install postgresql)")
        return 0
    seconds = float(sys.argv[1]) if sys.argv[1:] else 20
    with (
        installation("postgresql", fsync="on", shared_buffers="1GB", max_wal_size="2GB") as city,
        tempfile.TemporaryDirectory(prefix="citywatch-overload-") as made,
    ):
        tokens, session = json.loads(city.run("many")), city.run("nurse")
        ours = Served("citywatch.server.asgi:application", city.port, city.env, Path(made))
        folder = city.home / "home" / "public"
        public_port = free_port()
        public = [sys.executable, "-m", "citywatch.server.plain", str(folder), "127.0.0.1", str(public_port)]
        plain = subprocess.Popen(public, env={"PYTHONPATH": city.env["PYTHONPATH"]})
        try:
            floods = Floods(city.port, public_port, Reports(tokens, 1), Nurse(city.port, session), seconds)
            told = asyncio.run(floods.all())
            return _judged(told, ours.process.pid, city.env["DATABASE_URL"])
        finally:
            plain.terminate()
            ours.stop()
            said = (Path(made) / f"{ours.port}.err").read_text()
            if "Traceback" in said:
                print(said[-3000:], file=sys.stderr)


def _judged(told: list[Told], pid: int, url: str) -> int:
    kept = [name for one in told for name in one.kept]
    lost, hurried = len(kept) - _stored(url, kept), sum(one.hurried for one in told)
    print(
        f"acknowledged and not stored exactly once: {lost} of {len(kept)}; turned away without a time to come back: "
        f"{hurried}; most memory of the web process {_most_memory(pid):.0f} MiB (asked 1,536)"
    )
    return int(lost != 0 or hurried != 0)


def _told(told: Told, seconds: float) -> str:
    taken = told.statuses[200] + told.statuses[201]
    others = ", ".join(
        f"{n} x {status or 'broken line'}" for status, n in sorted(told.statuses.items()) if status > 201 or not status
    )
    return f"{taken / seconds:.0f}/s answered, p99 {told.p99():.0f} ms; {others or 'nobody turned away'}"


def _refused(told: Told) -> int:
    return sum(n for status, n in told.statuses.items() if status not in (200, 201))


def _nurse(read: Told, wrote: Told, beside: tuple[Told, Told] | None = None) -> str:
    than = "" if beside is None else f" ({_median(wrote) / _median(beside[1]):.1f} times the calm median)"
    asked = read.statuses + wrote.statuses
    failed = asked.total() - asked[200] - asked[302]
    return (
        f"a nurse's page {_median(read):.0f} ms and report {_median(wrote):.0f} ms in the median{than}, p99 "
        f"{read.p99():.0f} and {wrote.p99():.0f} ms, {failed} of {asked.total()} failed"
    )


def _median(told: Told) -> float:
    return statistics.median(told.took) * 1000 if told.took else float("nan")


def _most_memory(pid: int) -> float:
    """The most a process held at any time, MiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def _stored(url: str, names: list[str]) -> int:
    """How many of these messages stand in the ledger as stored, with exactly one row each."""
    import psycopg  # noqa: PLC0415 - not where PostgreSQL is missing

    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM (SELECT r.id FROM receipts_receipt r JOIN forms_submission s ON s.receipt_id = r.id "
            "WHERE r.message_id = ANY(%s) GROUP BY r.id HAVING count(*) = 1) one", [names],
        ).fetchone()  # fmt: skip
    return int(row[0]) if row else 0


if __name__ == "__main__":
    sys.exit(main())
