"""Reports over HTTP on PostgreSQL, durable before they are answered, beside a bare Django endpoint that stores JSON.

Run: python benchmarks/load.py [seconds a round] [millions of reports already held]

One report a request from 16 senders at once, ours and the bare endpoint in turns, both served by one uvicorn process
with a pool of connections, PostgreSQL with fsync; the generator runs beside them on the same cores. Ours receives,
seals, checks, keeps identity apart, journals and answers; the bare one inserts a row. Then batches of 500 into a table
that already holds so many millions. Asked: 150 a second, 99 of 100 within 300 ms, half of the bare endpoint's rate;
2,000 records a second in bulk. Without PostgreSQL's programs nothing is measured.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "torture"), str(HERE.parent / "scripts")]

from installation import installation, outside, until  # noqa: E402 - found by the line above
from private_postgres import binaries  # noqa: E402
from tests.city.reports import id_number, message, symptom  # noqa: E402

SENDERS = 16
BULK_SENDERS = 2
BATCH = 500
ROUNDS = 3
BARE = """
import json, os, re, sys
from urllib.parse import urlsplit
from django.conf import settings
url = urlsplit(os.environ["BARE_URL"])
settings.configure(
    SECRET_KEY="bare", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "USER": url.username,
               "PASSWORD": url.password, "HOST": url.hostname, "PORT": url.port, "OPTIONS": {"pool": True}}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
import django
django.setup()
from django.core.asgi import get_asgi_application
from django.db import connection, models
from django.http import JsonResponse
from django.urls import path

class Report(models.Model):
    content = models.JSONField()
    came_at = models.DateTimeField(auto_now_add=True)
    class Meta:
        app_label = "bare"

def create(request):
    report = Report.objects.create(content=json.loads(request.body))
    return JsonResponse({"id": report.pk}, status=201)

urlpatterns = [path("create", create), path("health", lambda request: JsonResponse({}))]
application = get_asgi_application()
if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Report)
    sys.exit(0)
"""


class Served:
    """A uvicorn process, and how to send to it."""

    def __init__(self, app: str, port: int, env: dict[str, str], folder: Path) -> None:
        self.port = port
        command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--lifespan", "off"]
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning", "--no-access-log"], env=env, cwd=folder,
            stderr=(folder / f"{port}.err").open("w"),
        )  # fmt: skip
        until(self.answers)

    def answers(self) -> bool:
        try:
            line = HTTPConnection("127.0.0.1", self.port, timeout=2)
            line.request("GET", "/health")
            return line.getresponse().status == 200
        except (OSError, HTTPException):
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def pressed(port: int, requests, senders: int, seconds: float) -> tuple[float, list[float], int]:
    """Let senders send one request after another; gives answers a second, their times, and how many failed."""
    times: list[list[float]] = [[] for _ in range(senders)]
    failed = [0] * senders
    began = time.monotonic()

    def send(number: int) -> None:
        line = HTTPConnection("127.0.0.1", port, timeout=60)
        while time.monotonic() - began < seconds:
            path, body, headers = requests(number)
            started = time.monotonic()
            line.request("POST", path, body, headers)
            answer = line.getresponse()
            answer.read()
            times[number].append(time.monotonic() - started)
            failed[number] += answer.status != 201

    threads = [threading.Thread(target=send, args=(number,)) for number in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = sorted(one for mine in times for one in mine)
    return len(took) / (time.monotonic() - began), took, sum(failed)


class Reports:
    """Reports of people who do not repeat, under ids that do not repeat."""

    def __init__(self, tokens: dict[str, str], rows: int) -> None:
        self.tokens, self.rows, self.sent, self.turn = tokens, rows, 0, threading.Lock()
        self.codes = sorted(tokens)

    def __call__(self, sender: int) -> tuple[str, bytes, dict[str, str]]:
        with self.turn:
            first, self.sent = self.sent, self.sent + self.rows
        code = self.codes[sender % len(self.codes)]
        headers = {
            "Authorization": f"Bearer {self.tokens[code]}", "Content-Type": "application/json",
            "Idempotency-Key": f"load-{self.rows}-{first}",
        }  # fmt: skip
        rows = [self._row(first + number) for number in range(self.rows)]
        return "/api/forms/symptom-registration/batches", message(*rows), headers

    def _row(self, number: int) -> dict[str, str]:
        # One ID number for each: area by the kind of load, then birth date and order.
        year, rest = divmod(number, 12 * 28 * 999)
        month, rest = divmod(rest, 28 * 999)
        day, order = divmod(rest, 999)
        born = f"{1930 + year}{month + 1:02d}{day + 1:02d}"
        area = "110106" if self.rows == 1 else "110102"
        return symptom(1, name=f"张甲{number}", id_number=id_number(order + 1, born=born, area=area), phone="")


FILL = """
INSERT INTO forms_submission (
    form, version, stream, occurred_at, occurred_on, reported_at, recorded_at, answers, findings, count, natural_key,
    revision_key, "row", place_id, receipt_id, person_id, home_place_id, corrects_id)
SELECT form, version, stream, occurred_at - i * interval '1 second', occurred_on - i / 10000, reported_at, recorded_at,
    answers, findings, count, md5(i::text) || md5((-i)::text), '', "row", place_id, receipt_id, person_id,
    home_place_id, NULL
FROM (SELECT * FROM forms_submission ORDER BY id LIMIT 1) one, generate_series({first}, {last}) i
"""
STEP = 250_000
BYTES_A_REPORT = 1_800  # of table, indexes and what the log holds of them until the next checkpoint


def p99(took: list[float]) -> float:
    return took[min(len(took) - 1, int(0.99 * len(took)))] * 1000


def main() -> int:
    if binaries() is None:
        print("left out: PostgreSQL's programs were not found (apt install postgresql)")
        return 0
    given = sys.argv[1:]
    seconds, millions = (float(word) for word in (given + ["10", "5"][len(given) :])[:2])
    with (
        installation("postgresql", fsync="on", shared_buffers="1GB", max_wal_size="2GB") as city,
        tempfile.TemporaryDirectory(prefix="citywatch-load-") as made,
    ):
        folder = Path(made)
        (folder / "bare.py").write_text(BARE)
        url = city.env["DATABASE_URL"]
        bare_url = re.sub(r"/[^/]*$", "/bare", url)
        outside(url, "CREATE DATABASE bare")
        bare_env = os.environ | {"BARE_URL": bare_url}
        bare_env.pop("DJANGO_SETTINGS_MODULE", None)
        subprocess.run([sys.executable, "bare.py"], cwd=folder, env=bare_env, check=True)
        ours = Served("citywatch.server.asgi:application", city.port, city.env, folder)
        bare = Served("bare:application", city.port + 1, bare_env, folder)
        try:
            _single(ours, bare, Reports(city.tokens, 1), seconds)
            _bulk(ours, Reports(city.tokens, BATCH), url, seconds, round(millions * 1_000_000))
            outside(url, "CHECKPOINT")  # else stopping takes as long as writing all that is not on the disk yet
        finally:
            ours.stop()
            bare.stop()
            said = (folder / f"{ours.port}.err").read_text()
            if "Traceback" in said:
                print(said[-3000:], file=sys.stderr)
    return 0


def _single(ours: Served, bare: Served, reports: Reports, seconds: float) -> None:
    body = json.dumps(symptom(1)).encode()
    kind = {"Content-Type": "application/json"}
    pressed(ours.port, reports, SENDERS, 2)
    pressed(bare.port, lambda _: ("/create", body, kind), SENDERS, 2)
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    took: dict[str, list[float]] = {"ours": [], "bare": []}
    failed = 0
    for _ in range(ROUNDS):
        for name, port, requests in (
            ("ours", ours.port, reports), ("bare", bare.port, lambda _: ("/create", body, kind)),
        ):  # fmt: skip
            rate, times, wrong = pressed(port, requests, SENDERS, seconds)
            rates[name].append(rate)
            took[name] += times
            failed += wrong
    mine, theirs = statistics.median(rates["ours"]), statistics.median(rates["bare"])
    ratios = sorted(one / other for one, other in zip(rates["ours"], rates["bare"], strict=True))
    print(
        f"single reports, {SENDERS} senders, {ROUNDS} rounds of {seconds:.0f} s: {mine:.0f}/s (asked 150), p99 "
        f"{p99(sorted(took['ours'])):.0f} ms (asked 300); bare endpoint {theirs:.0f}/s, p99 "
        f"{p99(sorted(took['bare'])):.0f} ms; ratio {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}, asked 0.5); failed: {failed} of {sum(map(len, took.values()))}"
    )


def _laid(url: str, held: int) -> bool:
    """Lay so many reports into the table, a part at a time; False, and a sentence, where the disk has no room."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < held * BYTES_A_REPORT:
        print(
            f"left out: bulk into {held:,} reports needs {held * BYTES_A_REPORT / 1e9:.0f} GB under "
            f"{tempfile.gettempdir()}, where {free / 1e9:.0f} GB are free; set TMPDIR, or give fewer millions"
        )
        return False
    began = time.monotonic()
    for first in range(1, held + 1, STEP):
        outside(url, FILL.format(first=first, last=min(held, first + STEP - 1)))
        outside(url, "CHECKPOINT")
    outside(url, "ANALYZE forms_submission")
    print(f"  {held:,} reports laid in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return True


def _bulk(ours: Served, batches: Reports, url: str, seconds: float, held: int) -> None:
    if not _laid(url, held):
        return
    rate, took, failed = pressed(ours.port, batches, BULK_SENDERS, seconds)
    print(
        f"bulk, {BATCH} reports a message, {BULK_SENDERS} senders, into {held:,}: {rate * BATCH:.0f} records/s (asked "
        f"2000), p95 of a message {took[int(0.95 * len(took))] * 1000:.0f} ms; failed: {failed} of {len(took)}"
    )


if __name__ == "__main__":
    sys.exit(main())
