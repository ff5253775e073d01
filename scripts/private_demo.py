"""A demo city of one's own: built in a temporary folder, served on a free loopback port, stopped without a trace.

The browser tests and the screenshots use it. CITYWATCH_BUILT_DEMO may name the folder of a demo that was built before
and is not running; it is copied, which saves the minute and a half of building.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

_ACCOUNT = re.compile(r"^ {4}([a-z]+) +(\S+) +\S+ / ", re.MULTILINE)
_BUILDING = 900.0  # seconds; a slow machine builds in a few minutes
_STOPPING = 30.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: where it answers, the password of each account, its first process, and its settings."""

    address: str
    passwords: dict[str, str]
    process: subprocess.Popen[bytes]
    environment: dict[str, str]


def chromium() -> str | None:
    """The program of an installed Chromium, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


@contextmanager
def demo() -> Iterator[Demo]:
    """Serve a demo while the block runs.

    Raises:
        RuntimeError: the demo did not start, or left a process behind when it stopped.
    """
    with tempfile.TemporaryDirectory(prefix="citywatch-demo-") as folder:
        home, told = Path(folder) / "home", Path(folder) / "told.txt"
        if built := os.environ.get("CITYWATCH_BUILT_DEMO"):
            shutil.copytree(built, home)
        port = _free_port()
        # A checkout's own settings must not reach the demo: no other database, no open door.
        ours = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "DEMO_PUBLIC"}}
        ours |= {"CITYWATCH_HOME": str(home), "CITYWATCH_MODE": "demo", "HOST": "127.0.0.1", "PORT": str(port)}
        ours.pop("DJANGO_SETTINGS_MODULE", None)
        with told.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", "from citywatch.server.cli import main; main()", "demo"],
                env=ours | {"PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        children: list[int] = []
        try:
            address = f"http://127.0.0.1:{port}"
            passwords = _wait_for_accounts(process, told)
            children = _children(process.pid)
            with urlopen(f"{address}/health", timeout=10) as answer:  # noqa: S310 - our own address
                if answer.read() != b"ok":
                    raise RuntimeError(f"{address}/health does not answer ok")
            yield Demo(address, passwords, process, ours)
        finally:
            children = _children(process.pid) or children
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOPPING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            left = [child for child in children if _runs(child)]
            for child in left:
                os.kill(child, signal.SIGKILL)
    if left:
        raise RuntimeError(f"the demo stopped and left processes {left} running")


def signed_in(
    browser: Any, city: Demo, role: str, *, size: tuple[int, int], password: str = "", scale: float = 1.0,
    theme: str = "light",
) -> Any:  # fmt: skip
    """A page of a screen of its own where `role` has signed in, in Chinese; nobody has where `role` is empty."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=scale,
        color_scheme=theme,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    if role:
        page.goto(f"{city.address}/accounts/login/")
        page.fill("[name=login]", role)
        page.fill("[name=password]", password or city.passwords[role])
        page.press("[name=password]", "Enter")
        page.wait_for_url(re.compile(r"/(?!accounts/login)"))
    return page


def _wait_for_accounts(process: subprocess.Popen[bytes], told: Path) -> dict[str, str]:
    """The passwords the demo prints once its pages answer."""
    end = time.monotonic() + _BUILDING
    while time.monotonic() < end:
        text = told.read_text(encoding="utf-8", errors="replace")
        if "Ctrl-C" in text:
            return dict(_ACCOUNT.findall(text))
        if process.poll() is not None:
            raise RuntimeError(f"the demo did not start:\n{text[-2000:]}")
        time.sleep(0.3)
    raise RuntimeError(f"the demo was not ready after {_BUILDING:.0f} s:\n{told.read_text(errors='replace')[-2000:]}")


def _children(parent: int) -> list[int]:
    """Every process under `parent`, from what Linux tells; empty elsewhere."""
    found: list[int] = []
    for listed in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            direct = [int(number) for number in listed.read_text().split()]
        except OSError:
            continue
        for child in direct:
            found += [child, *_children(child)]
    return found


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
