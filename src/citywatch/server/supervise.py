"""Start the web server and the worker, watch them, stop them together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import click
from django.conf import settings
from django.core.management import call_command

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.server import schedule

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PATIENCE = 10.0  # seconds a process gets to stop by itself
_BREATH = 2.0  # seconds before a stopped process is started again


def serve(*, ready: Callable[[str], None] | None = None) -> None:
    """Serve until interrupted. `ready` is told the address once the pages answer."""
    environment = settings.ENVIRONMENT
    if settings.DEMO and environment.host not in LOOPBACK and not environment.demo_public:
        raise Refusal(
            f"The demo listens on loopback only and HOST is {environment.host}; set DEMO_PUBLIC=1 if others may see it."
        )
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    schedule.install()
    anchor()
    address = f"http://{environment.host}:{environment.port}"
    commands = {
        "web": _web(environment.host, environment.port),
        "worker": [sys.executable, "-m", "django", "qcluster"],
    }
    running = {name: subprocess.Popen(command, start_new_session=True) for name, command in commands.items()}  # noqa: S603 - our own commands
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=_announce, args=(address, ready or _say, stopping), daemon=True).start()
    while not stopping.wait(0.5):
        for name, process in running.items():
            if process.poll() is not None and not stopping.is_set():
                click.echo(
                    f"citywatch: the {name} process stopped (exit {process.returncode}); starting it again.", err=True
                )
                time.sleep(_BREATH)
                running[name] = subprocess.Popen(commands[name], start_new_session=True)  # noqa: S603
    _stop_all(list(running.values()))


def anchor() -> None:
    """Set demo time to the last journal entry, so that nothing fell due while the machine was off."""
    if settings.CITY_CLOCK_MOVES:
        last = Entry.objects.order_by("-at").values_list("at", flat=True).first()
        if last is not None:
            clock.rewind_to(last)


def _web(host: str, port: int) -> list[str]:
    quiet = ["--log-level", "warning", "--no-access-log"]
    return [
        # WhiteNoise streams files from a plain iterator; Django says so on every one of them.
        *(sys.executable, "-W", "ignore:StreamingHttpResponse must consume", "-m", "uvicorn", "citywatch.server.asgi:application"),
        *("--host", host, "--port", str(port), "--lifespan", "off", *quiet),
    ]


def _announce(address: str, ready: Callable[[str], None], stopping: threading.Event) -> None:
    from urllib.request import urlopen  # noqa: PLC0415 - only here

    while not stopping.wait(0.2):
        try:
            with urlopen(f"{address}/health", timeout=2):  # noqa: S310 - our own address
                ready(address)
                return
        except OSError:
            continue


def _say(address: str) -> None:
    click.echo(f"CityWatch listens on {address}")


def _stop_all(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        _tell(process, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _tell(process, signal.SIGKILL)


def _tell(process: subprocess.Popen[bytes], what: int) -> None:
    """Signal the whole group: the worker has children of its own."""
    try:
        os.killpg(process.pid, what)
    except ProcessLookupError:
        return
