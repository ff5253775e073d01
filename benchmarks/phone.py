"""How soon a nurse's telephone shows the form, and what it has to fetch for it.

Run: python benchmarks/phone.py [loads: 5]

A private demo, Chromium at 360 x 640, nothing cached, no service worker; the first paint with something on it, on the
loopback as it is and with a line of 1.6 Mbit/s and 100 ms a round trip (the "slow 4G" of the browser's own tools, down
only). Asked: 300 kB, 1.5 s. Without Chromium nothing is measured.
"""

# ruff: noqa: PLC0415 - playwright is imported where it is there

import importlib.util
import os
import re
import sys
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.private_demo import ARGUMENTS, chromium, demo

FORM = "/sense/forms/symptom-registration/"
LINES = {"loopback": None, "1.6 Mbit/s, 100 ms": {"offline": False, "latency": 100, "downloadThroughput": 200_000}}
ASKED = {"bytes": 300_000, "first paint": 1500}


def main() -> int:
    """Print bytes and milliseconds; 0 even where an asked figure is missed, as the machine may be at other work."""
    if chromium() is None or importlib.util.find_spec("playwright") is None:
        print("phone: not measured: needs Chromium and playwright")
        return 0
    from playwright.sync_api import sync_playwright

    loads = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with demo() as city, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        seated = signed_in(browser, city)
        for name, line in LINES.items():
            found = [load(browser, city.address, seated, line) for _ in range(loads)]
            paints = sorted(paint for paint, _ in found)
            print(
                f"phone form, {name}: first paint {median(paints):.0f} ms in the middle of {loads}, "
                f"{paints[-1]:.0f} at worst (asked {ASKED['first paint']}); {max(size for _, size in found):,} bytes "
                f"(asked {ASKED['bytes']:,}); load of the machine {os.getloadavg()[0]:.1f}"
            )
        browser.close()
    return 0


def signed_in(browser: Any, city: Any) -> Any:
    """What a browser keeps of a nurse who signed in."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{city.address}/accounts/login/")
    page.fill("[name=login]", "nurse")
    page.fill("[name=password]", city.passwords["nurse"])
    page.press("[name=password]", "Enter")
    page.wait_for_url(re.compile(r"/(?!accounts/)"))
    return context.storage_state()


def load(browser: Any, address: str, seated: Any, line: dict[str, Any] | None) -> tuple[float, int]:
    """Milliseconds to the first paint, and bytes fetched, in a browser that never saw the page."""
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, locale="zh-CN", storage_state=seated, service_workers="block"
    )
    page = context.new_page()
    session = context.new_cdp_session(page)
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    session.send("Network.enable")
    if line:
        session.send("Network.emulateNetworkConditions", {**line, "uploadThroughput": 90_000})
    page.goto(address + FORM)
    page.wait_for_load_state("networkidle")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    return float(paint), int(sum(sizes))


if __name__ == "__main__":
    sys.exit(main())
