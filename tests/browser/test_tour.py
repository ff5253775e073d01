"""Every main page, in both languages and at both widths, once the city is busy: words, reach, width."""

import re

import pytest

from tests.browser.conftest import DESK, PHONE, WALL, Visitor

PAGES = {
    "duty": (
        *("/warn/", "/warn/?state=all", "/warn/events/", "/warn/feedback/", "/lab/", "/sense/coverage/"),
        *("/trace/", "/trace/contacts/", "/exports/", "/emergency/", "/accounts/sessions/"),
    ),
    "commander": ("/command/", "/respond/", "/situation/", "/trace/risk-points/", "/warn/detectors/", "/drill/"),
    "district": ("/respond/orders/", "/sense/holds/"),
    "nurse": (
        "/sense/",
        "/sense/forms/symptom-registration/",
        "/sense/quarantine/",
        "/uploads/symptom-registration/",
        "/uploads/symptom-registration/guide/",
    ),
    "lab": ("/lab/", "/lab/result/"),
    "press": ("/press/",),
}
LINKED = {
    "duty": (
        ("/warn/?state=all", "[data-open]"),
        ("/warn/events/", "tbody a"),
        ("/trace/", "tbody a"),
        ("/lab/", "tbody a"),
    ),
    "district": (("/trace/contacts/", "tbody a"),),
    "commander": (("/respond/", "tbody a"),),
}
# Words a Chinese page may well show in Latin letters: formats, methods, our name, the other language's.
LATIN = re.compile(
    r"CityWatch|English|Word|DOCX|CSV|XLSX|PNG|SVG|UTF|GB|API|PCR|Ct|ORF1ab|COVID|EARS|CI|p|R|T|X|I{1,3}|IV|h|min|v|w|c|m|j|k|x|a|u|r|o|n|N|"
    r"citywatch|simulate|scenarios|"
    r"duty|district|nurse|lab|commander|press"
)
WORD = re.compile(r"(?<![\w*])[A-Za-z]+(?![\w*])")
HAN = re.compile(r"[一-鿿]+")
MASKED = re.compile(r"[一-鿿]\*+")
# What the house says; what people wrote (reasons, notes, names) stays in the language they wrote it in.
CHROME = (
    "nav a, h2, thead th, label, legend, button:not([lang]):not([name=quick]), summary, .figure .name, dt, .empty,"
    " .tag, .level, .clock-name, .clock-left, .demo-strip, .foot, .help, .page-head > div > p:not(.breadcrumb)"
)


@pytest.fixture(autouse=True)
def busy(enter, city, busy_cities=set()):  # noqa: B006 - one city a session, made busy once
    """Whoever runs the tour alone finds no investigation yet: the script then plays everybody's part to T + 14 h."""
    if city.address in busy_cities:
        return
    press = enter("press")
    press.go("/press/")
    visitor = enter("duty")
    visitor.go("/trace/")
    if not visitor.page.locator("tbody a").count():
        press.tap("button[value=t14]")
    busy_cities.add(city.address)


def _pages(visitor: Visitor, role: str):
    for path in PAGES[role]:
        yield path, visitor.go(path)
    for path, link in LINKED.get(role, ()):
        visitor.go(path)
        target = visitor.page.locator(link).first.get_attribute("href")
        yield target, visitor.go(target)


def _spoken(visitor: Visitor) -> str:
    """Everything the page shows or reads out, except what it marks as another language or as codes."""
    return str(
        visitor.page.evaluate(
            """() => {
              const marks = [...document.querySelectorAll("[aria-label],[placeholder],[title],[alt]")].map((one) =>
                ["aria-label", "placeholder", "title", "alt"].map((name) => one.getAttribute(name) ?? "").join(" "));
              const others = [...document.querySelectorAll("body [lang], [translate=no]")];
              const text = others.reduce((all, one) => all.replace(one.innerText, " "), document.body.innerText);
              return [document.title, text, ...marks].join(" ");
            }"""
        )
    )


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("role", PAGES)
def test_every_page_speaks_chinese_fits_its_screen_and_can_be_used_by_everyone(enter, role, size):
    visitor = enter(role, size=size)
    faults = {}

    for path, answer in _pages(visitor, role):
        assert answer.status == 200, path
        words = {word for word in WORD.findall(_spoken(visitor)) if not LATIN.fullmatch(word)}
        width = visitor.page.evaluate("document.documentElement.scrollWidth")
        found = {
            "english": sorted(words),
            "wider than the screen": width if width > size[0] else 0,
            "accessibility": visitor.violations(),
        }
        if any(found.values()):
            faults[path] = {name: fault for name, fault in found.items() if fault}

    assert not faults


@pytest.mark.parametrize("role", PAGES)
def test_after_the_switch_the_same_page_speaks_english(enter, role):
    visitor = enter(role)
    visitor.tap("button[name=language][value=en]")
    foreign = {}

    for path, answer in _pages(visitor, role):
        assert answer.status == 200, path
        shown = visitor.page.locator(CHROME).all_inner_texts()
        words = {text for text in shown if HAN.search(MASKED.sub("", text))}
        if words:
            foreign[path] = sorted(words)[:8]

    assert not foreign


def test_the_wall_fits_its_screen_without_scrolling(enter):
    commander = enter("commander", size=WALL)
    commander.go("/command/")

    assert commander.page.evaluate("document.documentElement.scrollHeight") <= WALL[1]
    assert commander.page.locator(".map path.area").count() == 16
