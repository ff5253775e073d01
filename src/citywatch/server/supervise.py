"""Start the web server and the worker, watch them, stop them together, whoever is killed first."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType
from urllib.error import HTTPError
from urllib.request import urlopen

import click
from django.conf import settings
from django.core.management import call_command

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.server import schedule

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PATIENCE = 10.0  # seconds a process gets to stop by itself
_BREATH = 2.0  # seconds before a process that stopped soon after its start is started again
_SETTLED = 10.0  # seconds after which a process did start
_PUBLIC = "public"
_HARMLESS = {"PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "TMPDIR"}
"""What the public's process is told of ours: no database, no key, no home."""
_GUARD = 'while read -r groups; do last=$groups; done; [ -z "$last" ] || kill -s KILL -- $last'
"""A shell that outlives us: once nobody holds the other end of its input, it ends the groups it was last told of."""


def serve(*, ready: Callable[[str], None] | None = None, worker: list[str] | None = None) -> None:
    """Serve until interrupted. `ready` is told the address once the pages answer; `worker` stands in for the worker."""
    environment = settings.ENVIRONMENT
    for host, port in filter(None, ((environment.host, environment.port), environment.public_at)):
        if settings.DEMO and host not in LOOPBACK and not environment.demo_public:
            raise Refusal(
                f"The demo listens on loopback only and was told {host}; set DEMO_PUBLIC=1 if others may see it."
            )
        _refuse_taken_port(host, port)
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    schedule.install()
    anchor()
    stopping = _told_to_stop()
    commands = {
        "web": _web(environment.host, environment.port),
        "worker": worker or [sys.executable, "-m", "django", "qcluster"],
    }
    if environment.public_at:
        commands[_PUBLIC] = _public(*environment.public_at)
    running = {name: _start(name, command) for name, command in commands.items()}
    started = dict.fromkeys(running, time.monotonic())
    guard = _start_guard()
    _tell_guard(guard, running.values())
    address = _address(environment.host, environment.port)
    threading.Thread(target=_announce, args=(address, ready or _say, stopping), daemon=True).start()
    while not stopping.wait(0.5):
        for name, process in running.items():
            if process.poll() is not None:
                click.echo(
                    f"citywatch: the {name} process stopped (exit {process.returncode}); starting it again.", err=True
                )
                _tell(process, signal.SIGKILL)  # what it started itself outlives it and would do its work twice
                settled = time.monotonic() - started[name] > _SETTLED
                if not stopping.wait(0 if settled else _BREATH):
                    running[name], started[name] = _start(name, commands[name]), time.monotonic()
                    _tell_guard(guard, running.values())
    _stop_all(list(running.values()))
    _tell_guard(guard, [])


def _told_to_stop() -> threading.Event:
    """An event that SIGTERM and SIGINT set; installed before anything is started that would have to be stopped."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def _start(name: str, command: list[str]) -> subprocess.Popen[bytes]:
    """A process leading a group of its own, so that it and what it starts can be told to stop together."""
    env = dict(os.environ)
    if name == _PUBLIC:
        env = {one: value for one, value in env.items() if one in _HARMLESS}
    return subprocess.Popen(command, start_new_session=True, env=env)  # noqa: S603 - our own commands


def _start_guard() -> subprocess.Popen[str]:
    """The shell that ends what we started when we are killed ourselves, so that the next start finds the port free."""
    command = ["/bin/sh", "-c", _GUARD]
    return subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 - our own


def _tell_guard(guard: subprocess.Popen[str], processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Tell the guard which groups must not outlive us; where it was killed itself, they will."""
    if guard.stdin is not None:
        with suppress(BrokenPipeError):
            guard.stdin.write(" ".join(f"-{process.pid}" for process in processes) + "\n")
            guard.stdin.flush()


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refusal(
                f"{host} port {port} cannot be listened on ({error.strerror}); stop what does, or set PORT or HOST."
            ) from error


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
        *(
            sys.executable,
            "-W",
            "ignore:StreamingHttpResponse must consume",
            "-m",
            "uvicorn",
            "citywatch.server.asgi:application",
        ),
        # A desk's stream never ends by itself, so stopping does not wait for it long.
        *("--host", host, "--port", str(port), "--lifespan", "off", "--timeout-graceful-shutdown", "3", *quiet),
    ]


def _public(host: str, port: int) -> list[str]:
    return [sys.executable, "-m", "citywatch.server.plain", str(settings.HOME / "public"), host, str(port)]


def _announce(address: str, ready: Callable[[str], None], stopping: threading.Event) -> None:
    while not stopping.wait(0.2):
        try:
            with urlopen(f"{address}/health", timeout=2):  # noqa: S310 - our own address
                ready(address)
                return
        except HTTPError:  # a name not in ALLOWED_HOSTS is refused, by a server that answers
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
