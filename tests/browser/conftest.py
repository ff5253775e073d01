"""A real demo in a real browser: `citywatch demo` on a free port, Chromium with nothing but loopback to talk to."""

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from scripts.private_demo import ARGUMENTS, Demo, chromium, demo

DESK = (1440, 900)
PHONE = (390, 844)
WALL = (1920, 1080)
HERE = Path(__file__).parent
AXE = HERE.parents[1] / "node_modules/axe-core/axe.min.js"
_PATIENCE = 60_000.0  # milliseconds; advancing the demo by fourteen hours is the longest answer
_WATCH = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = ""
    if chromium() is None:
        reason = "needs Chromium (apt install chromium)"
    elif importlib.util.find_spec("playwright") is None:
        reason = "needs playwright (pip install 'citywatch[e2e]')"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def city() -> Iterator[Demo]:
    """The running demo; stopping it fails when a process is left behind."""
    with demo() as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield made
        made.close()


@dataclass
class Visitor:
    """One person at one screen, and everything that went wrong on it."""

    page: Any
    address: str
    steps: int = 0
    faults: list[str] = field(default_factory=list)

    def go(self, path: str) -> Any:
        """Open a page and wait until it has drawn itself."""
        answer = self.page.goto(self.address + path if path.startswith("/") else path)
        self.page.wait_for_load_state("networkidle")
        return answer

    def sign_in(self, role: str, password: str) -> None:
        """Come in through the door, and wait for the page behind it."""
        self.go("/accounts/login/")
        self.page.fill("[name=login]", role)
        self.page.fill("[name=password]", password)
        self.page.press("[name=password]", "Enter")
        self.page.wait_for_url(re.compile(r"/(?!accounts/)"))
        self.page.wait_for_load_state("networkidle")

    def tap(self, selector: str) -> None:
        """Press something, counted as a step; waits for the page it leads to."""
        self.steps += 1
        self.page.locator(selector).first.click()
        self.page.wait_for_load_state("networkidle")

    def fill(self, selector: str, text: str) -> None:
        """Write into a field, counted as a step."""
        self.steps += 1
        self.page.locator(selector).first.fill(text)

    @property
    def text(self) -> str:
        return str(self.page.locator("body").inner_text())

    def violations(self) -> list[str]:
        """What axe-core finds that a person with a disability could not get past; nothing where it is not installed."""
        if not AXE.exists():
            return []
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
        return [
            f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"][:3]
        ]


Enter = Callable[..., Visitor]


@pytest.fixture
def enter(city: Demo, browser: Any) -> Iterator[Enter]:
    """Sign in as a role: `enter("duty", size=PHONE, language="en")`. No screen may have failed when the test ends.

    With `state`, what a sitting of this role left in its browser (`context.storage_state()`), nobody signs in again.
    """
    visitors: list[Visitor] = []

    def come(role: str, *, size: tuple[int, int] = DESK, language: str = "zh-CN", state: Any = None) -> Visitor:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            timezone_id="Asia/Shanghai",
            storage_state=state,
        )
        context.set_default_timeout(_PATIENCE)
        context.add_init_script(_WATCH)
        visitor = Visitor(context.new_page(), city.address)
        visitors.append(visitor)
        context.on("request", lambda request: _stay_home(visitor, request.url))
        context.on("console", lambda message: _heard(visitor, message))
        context.on("weberror", lambda failure: visitor.faults.append(f"script: {failure.error}"))
        if state is None:
            visitor.sign_in(role, city.passwords[role])
        return visitor

    yield come
    faults = [fault for visitor in visitors for fault in visitor.faults]
    for visitor in visitors:
        visitor.page.context.close()
    assert not faults


def _stay_home(visitor: Visitor, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1":
        visitor.faults.append(f"request outside this machine: {url}")


def _heard(visitor: Visitor, message: Any) -> None:
    if message.type == "error":
        visitor.faults.append(f"console on {message.location.get('url', '')}: {message.text[:300]}")
