"""Every page × role × light and dark × wide and narrow, to be looked at one by one: part of `make screenshots`.

Run: python scripts/gallery.py [role …]       pictures in Chinese, light and dark, and in English, light

Walks a demo of its own fourteen hours into the outbreak, from each role's own links, the three administrators included;
writes pictures and an index.html into var/gallery, and tells which pages are wider than their screen.
"""

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from private_demo import ARGUMENTS, Demo, chromium, demo, signed_in

OUT = Path(__file__).resolve().parents[1] / "var/gallery"
WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}
LOOKS = {"light": ("light", "zh-hans"), "dark": ("dark", "zh-hans"), "english": ("light", "en")}
PUBLIC = tuple(
    f"/public/{code}/{page}.html" for code in ("zh", "en") for page in ("situation", "risk-areas", "guidance")
)
BEGINNINGS = ("/", "/accounts/2fa/", "/accounts/sessions/")
_LEAVES = re.compile(r"^/(static|api|admin/|demo|i18n|accounts/log)|\.(csv|xlsx|docx|png)$|/(print|export|download)/")
_TALLEST = 4000  # pixels; what lies below is more of the same


def main() -> int:
    """Take every picture; returns the number of pages wider than their screen."""
    program = chromium()
    if program is None:
        print("the gallery needs Chromium (apt install chromium)", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - optional

    os.environ["LANGUAGE"] = "zh_CN"
    wide: list[str] = []
    taken = 0
    with demo() as city, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, "--lang=zh-CN"])
        passwords = {"": "", **city.passwords, **_administrators(city)}
        _go_on(browser, city)
        asked = sys.argv[1:] or [role or "nobody" for role in passwords]
        for role, password in passwords.items():
            if (role or "nobody") not in asked:
                continue
            taken += sum(1 for _ in _walk(browser, city, role, password, wide))
        browser.close()
    _index()
    for line in wide:
        print(f"wider than its screen: {line}")
    print(f"{taken} pictures: {OUT / 'index.html'}")
    return len(wide)


def _administrators(city: Demo) -> dict[str, str]:
    """The three administrators, made as on a new installation."""
    done = subprocess.run(
        [sys.executable, "-m", "citywatch.server.cli", "admin", "create", "--city", "beijing"],
        env=city.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return dict(re.findall(r"^(\w+) +(\S{12,})", done.stdout, re.MULTILINE))


def _go_on(browser: Any, city: Demo) -> None:
    """To T + 14 h; the press officer asks, so the script plays everybody else's part."""
    page = signed_in(browser, city, "press", size=WIDTHS["desk"])
    page.goto(f"{city.address}/press/")
    with page.expect_navigation(timeout=300_000):
        page.locator("button[value=t14]").click()
    with page.expect_navigation():
        page.locator("main .page-head button.primary").click()  # today's figures, for the public pages
    page.context.close()


def _walk(browser: Any, city: Demo, role: str, password: str, wide: list[str]) -> Iterator[str]:
    """Follow this role's links, each kind of page once, and take every page at both widths in both themes."""
    first = signed_in(browser, city, role, password=password, size=WIDTHS["desk"])
    addresses = _addresses(first, city.address)
    first.context.close()
    for width, size in WIDTHS.items():
        for look, (theme, language) in LOOKS.items():
            page = signed_in(browser, city, role, password=password, size=size, theme=theme)
            page.context.add_cookies([{"name": "django_language", "value": language, "url": city.address}])
            for kind, path in addresses.items():
                name = f"{role or 'nobody'}/{re.sub(r'[^a-z0-9]+', '-', kind).strip('-') or 'home'}-{width}-{look}.png"
                page.goto(city.address + path)
                page.wait_for_load_state("networkidle")
                across, high = page.evaluate(
                    "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
                )
                if across > size[0]:
                    wide.append(f"{role} {path} {width} {look} ({across} px)")
                (OUT / name).parent.mkdir(parents=True, exist_ok=True)
                clip = {"x": 0, "y": 0, "width": size[0], "height": min(high, _TALLEST)}
                page.screenshot(path=OUT / name, full_page=True, clip=clip)
                yield name
            page.context.close()


def _addresses(page: Any, address: str) -> dict[str, str]:
    """One address of each kind of page that can be reached: numbers and codes make no new kind."""
    found: dict[str, str] = {}
    waiting = [*BEGINNINGS, *(PUBLIC if not page.context.cookies() else ())]
    while waiting:
        path = waiting.pop(0)
        kind = re.sub(r"(?<=/)[0-9][\w-]*(?=/|$)", "n", path.split("?")[0])
        if kind in found or _LEAVES.search(path.split("?")[0]):
            continue
        answer = page.goto(address + path)
        if answer is None or answer.status != 200 or "html" not in answer.headers.get("content-type", ""):
            continue
        found[kind] = path
        links = page.eval_on_selector_all("a[href^='/']", "all => all.map((one) => one.getAttribute('href'))")
        waiting += [link.split("#")[0] for link in links]
    return found


def _index() -> None:
    """A page of all pictures there are, those of earlier runs included."""
    parts = ["<!doctype html><meta charset=utf-8><title>CityWatch</title><style>img{width:23%;margin:.5%}</style>"]
    for folder in sorted(path for path in OUT.iterdir() if path.is_dir()):
        parts.append(f"<h2>{html.escape(folder.name)}</h2>")
        names = sorted(f"{folder.name}/{path.name}" for path in folder.glob("*.png"))
        parts += [f'<a href="{name}"><img loading=lazy src="{name}" title="{name}"></a>' for name in names]
    (OUT / "index.html").write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
