"""An installation of its own for a while: a home, a database, a small city, keys of its institutions, its processes."""

import json
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "scripts")]

from private_postgres import cluster  # noqa: E402 - found by the line above

SITES = ("110106018-C01", "110106024-S01", "110102009-K01")
PATIENCE = 60.0


class Installation:
    """Where it lives and how to run something in it."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CITYWATCH", "DJANGO"))}
        self.env = kept | {
            "CITYWATCH_HOME": str(home / "home"),
            "CITYWATCH_MODE": "production",
            "DJANGO_SETTINGS_MODULE": "citywatch.server.settings",
            "DATABASE_URL": database_url,
            "PORT": str(self.port),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        }
        self.log = home / "said"
        self.tokens: dict[str, str] = json.loads(self.run("prepare"))

    def part(self, *words: str) -> list[str]:
        return [sys.executable, str(Path(__file__).with_name("part.py")), *words]

    def run(self, *words: str) -> str:
        """Do one thing inside the installation and give the last line it says."""
        done = subprocess.run(self.part(*words), env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-3000:]}")
        return done.stdout.splitlines()[-1]

    def start(self, *words: str) -> subprocess.Popen:
        """Start `citywatch serve`, or a part that works on for ever."""
        command = self.part(*words) if words else [sys.executable, "-m", "citywatch.server.cli", "serve"]
        with self.log.open("a") as said:
            return subprocess.Popen(command, env=self.env, stdout=said, stderr=said, start_new_session=True)

    def answers(self) -> bool:
        try:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=2)
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


@contextmanager
def installation(database: str, **settings: str) -> Iterator[Installation]:
    """An installation on `sqlite` or on a PostgreSQL of its own, thrown away afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="citywatch-torture-")))
        url = ""
        if database == "postgresql":
            url = stack.enter_context(cluster(**settings))
            name = f"torture_{secrets.token_hex(4)}"
            outside(url, f"CREATE DATABASE {name}")
            url = re.sub(r"/[^/]*$", f"/{name}", url)
        yield Installation(home, url)


def outside(url: str, statement: str) -> None:
    import psycopg  # noqa: PLC0415 - SQLite needs none

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def until(true, *, patience: float = PATIENCE) -> float:
    """Wait until something is true; gives the seconds it took."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > patience:
            raise SystemExit(f"{true.__name__} did not come true within {patience:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - began


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(deeper for child in children(pid) for deeper in family(child))]


def named(pid: int, word: str) -> bool:
    try:
        return word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def pick(draw: random.Random, choices: dict[str, int]) -> str:
    return draw.choices(list(choices), list(choices.values()))[0]
