"""Take the pictures of the documentation from a demo of one's own: `make screenshots`.

The pictures follow the story: the wall and the desk a quarter of an hour after the first positive result, the phone
form, then the investigation and the orders fourteen hours later. Needs Chromium and playwright.
"""

import io
import os
import sys
from pathlib import Path
from typing import Any

from private_demo import ARGUMENTS, Demo, chromium, demo, signed_in

IMAGES = Path(__file__).resolve().parents[1] / "docs/images"
LIMIT = 350_000  # bytes a picture may have, so that a clone stays small
DESK, PHONE, WALL = (1440, 900), (390, 844), (1920, 1080)
REASON = "多例病例同到一处市场，按预案启动"


def main() -> int:
    """Build, walk through the story, keep five pictures; returns 1 with one line when something is missing."""
    program = chromium()
    if program is None:
        print("screenshots need Chromium (apt install chromium)", file=sys.stderr)
        return 1
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        print("screenshots need playwright (pip install 'citywatch[e2e]')", file=sys.stderr)
        return 1
    # Date fields are drawn in the language of the browser's own process.
    os.environ["LANGUAGE"] = "zh_CN"
    with demo() as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, "--lang=zh-CN"])
        _take(browser, running)
        browser.close()
    return 0


def _take(browser: Any, city: Demo) -> None:
    _keep("command", _open(browser, city, "commander", "/command/", size=WALL, scale=1600 / 1920))
    duty = _open(browser, city, "duty", "/warn/")
    _keep("inbox", duty)
    _keep("form-phone", _open(browser, city, "nurse", "/sense/forms/symptom-registration/", size=PHONE))
    duty.locator("[data-open]").first.click()
    duty.locator("details[data-move=verify] summary").click()
    duty.locator("details[data-move=verify] button[name=quick]").nth(1).click()
    duty.wait_for_url("**/warn/events/*/")
    duty.locator("form[action*='/trace/open/'] button").click()
    duty.wait_for_url("**/trace/investigations/*/")
    duty.locator("button[value=t14]").click()
    duty.locator("tr[data-place]").first.wait_for()
    _keep("investigation", duty)
    duty.locator("tr[data-place] summary").first.click()
    duty.locator("tr[data-place] form button").first.click()
    duty.locator("tr[data-place] .tag.good").first.wait_for()
    commander = _open(browser, city, "commander", "/respond/")
    commander.locator("tbody a").first.click()
    commander.locator("form[action$='/decide/'] [name=because]").fill(REASON)
    commander.locator("form[action$='/decide/'] button").click()
    commander.locator("form[action$='/issue/'] button").click()
    commander.locator("form[action$='/issue/']").wait_for(state="detached")
    _keep("incident", commander)


def _open(browser: Any, city: Demo, role: str, path: str, *, size: tuple[int, int] = DESK, scale: float = 1.0) -> Any:
    """A page a role has signed in to; `scale` shrinks the picture, not the page."""
    page = signed_in(browser, city, role, size=size, scale=scale)
    page.goto(city.address + path)
    page.wait_for_load_state("networkidle")
    return page


def _keep(name: str, page: Any) -> None:
    """Write one picture; fewer colours when it would be too large and Pillow is there."""
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)
    picture = page.screenshot()
    if len(picture) > LIMIT:
        picture = _fewer_colours(picture)
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / f"{name}.png").write_bytes(picture)
    print(f"docs/images/{name}.png {len(picture) / 1000:.0f} kB{' (too large)' if len(picture) > LIMIT else ''}")


def _fewer_colours(picture: bytes) -> bytes:
    try:
        from PIL import Image  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        return picture
    made = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(128).save(made, "PNG", optimize=True)
    return made.getvalue()


if __name__ == "__main__":
    sys.exit(main())
