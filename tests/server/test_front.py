"""The frame of every page: words in both languages, strict policy, no missing part."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation
from django.utils.translation.template import templatize

from citywatch.mechanisms.forms.types import YES_NO, Problem, Question
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.types import Transition
from citywatch.server import maps
from citywatch.server.navigation import ITEMS
from citywatch.server.templatetags.citywatch import chosen, nav_links, sparkline

SERVER = Path(maps.__file__).parent
TEMPLATES = sorted((SERVER / "templates").rglob("*.html"))
SCRIPTS = sorted((SERVER / "static/citywatch/js").glob("*.js"))
SHEET = "".join(
    (SERVER / f"static/citywatch/css/{name}.css").read_text(encoding="utf-8") for name in ("citywatch", "dark")
)
PAIRS = [
    ("ink", "paper"),
    ("soft", "paper"),
    ("soft", "surface"),
    ("soft", "sunken"),
    ("accent", "surface"),
    ("red-ink", "red-tint"),
    ("orange-ink", "orange-tint"),
    ("yellow-ink", "yellow-tint"),
    ("blue-ink", "blue-tint"),
    ("on-red", "red"),
    ("on-accent", "accent"),
]
NOON = datetime(2020, 6, 11, 4, tzinfo=UTC)


def _show(template: str, **context: object) -> str:
    return Template(template).render(Context(context))


def _clock(*, hours: float, met: float | None = None) -> Clock:
    started = NOON - timedelta(hours=3)
    stopped = None if met is None else started + timedelta(hours=met)
    return Clock(code="a-clock", started_at=started, due_at=started + timedelta(hours=hours), stopped_at=stopped)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_word_of_the_frame_has_a_chinese_wording(path):
    with (SERVER / "locale/zh_Hans/LC_MESSAGES/django.po").open("rb") as source:
        catalogue = read_po(source, locale="zh_Hans")
    python = templatize(path.read_text(encoding="utf-8")).encode()
    keywords = {"gettext": None, "_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}

    for _line, message, _comments, context in extract("python", BytesIO(python), keywords=keywords):
        key = message[0] if isinstance(message, tuple) else message
        entry = catalogue.get(key, context)
        assert entry is not None, f"{key!r} is not in the catalogue"
        assert entry.string, f"{key!r} has no Chinese wording"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_page_carries_what_its_policy_forbids(path):
    markup = path.read_text(encoding="utf-8")

    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|https?://", markup)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", markup))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_write_no_markup_and_fetch_nothing_from_elsewhere(path):
    script = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://", script)


def test_text_stands_out_from_its_ground_in_every_theme():
    themes = re.findall(r"\{([^{}]*--paper:[^{}]*)\}", SHEET)
    assert len(themes) == 3

    for theme in themes:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", theme))
        for ink, ground in PAIRS:
            assert _contrast(colours[ink], colours[ground]) >= 4.5, f"{ink} on {ground} in {colours['paper']}"


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        digits = colour.lstrip("#")
        digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("level", ["red", "orange", "yellow", "blue"])
def test_a_level_is_told_by_shape_and_word_not_by_colour_alone(level):
    shown = _show('{% include "partials/level.html" %}', level=level)

    assert f"icons.svg#{level}" in shown
    assert re.sub(r"<[^>]+>|\s", "", shown)
    assert f'id="{level}"' in (SERVER / "static/citywatch/icons.svg").read_text()


def test_a_clock_past_its_limit_says_by_how_much():
    shown = _show('{% include "partials/clock.html" %}', clock=_clock(hours=2), city_now=NOON)

    assert "clock late" in shown
    assert '<b class="clock-digits">1:00</b>' in shown


def test_a_clock_with_an_hour_of_four_left_is_shown_as_nearly_due():
    shown = _show('{% include "partials/clock.html" %}', clock=_clock(hours=4), city_now=NOON)

    assert "clock soon" in shown
    assert 'data-due="' in shown


def test_a_clock_that_was_met_no_longer_runs():
    shown = _show('{% include "partials/clock.html" %}', clock=_clock(hours=4, met=1.5), city_now=NOON)

    assert "data-due" not in shown
    assert "late" not in shown.split(">")[0]
    assert "1:30" in shown


def test_the_main_move_comes_first_and_a_due_reason_is_asked_for():
    moves = [
        Transition("close", ("new",), "closed", "warn.triage", Label("关闭", "Close"), reason=True),
        Transition("verify", ("new",), "verified", "warn.triage", Label("核实", "Verify"), primary=True),
    ]

    shown = _show('{% include "partials/moves.html" %}', moves=moves, action_url="/go/", row={"pk": 7})

    assert shown.index('value="verify"') < shown.index('value="close"')
    assert shown.count('name="because"') == 1
    assert 'id="because-7-close"' in shown


def test_a_multiple_choice_keeps_what_was_ticked():
    symptoms = Question(
        "symptoms",
        "choices",
        Label("症状", "Symptoms"),
        choices=(("fever", Label("发热", "Fever")), ("rash", Label("皮疹", "Rash"))),
    )

    shown = _show('{% include "partials/question.html" %}', question=symptoms, value="rash")

    assert re.search(r'value="rash" checked', shown)
    assert not re.search(r'value="fever" checked', shown)
    assert chosen("fever;rash", "fever")
    assert chosen(["rash"], "rash")
    assert not chosen(None, "rash")


def test_a_question_says_what_is_wrong_beside_itself():
    name = Question(
        "name", "text", Label("姓名", "Name"), required=True, hint=Label("与证件一致", "As on the document")
    )

    shown = _show(
        '{% include "partials/question.html" %}',
        question=name,
        value="",
        problem=Problem("name", Label("未填写。", "missing.")),
    )

    assert 'aria-invalid="true"' in shown
    assert 'aria-describedby="q-name-problem q-name-help"' in shown
    assert 'id="q-name-problem"' in shown
    assert shown.count("required") >= 1


def test_a_question_shown_when_another_is_answered_says_so_to_the_page():
    barcode = Question(
        "sample_barcode", "text", Label("条码", "Barcode"), shown_when=("pcr_ordered", ("Y",)), choices=YES_NO
    )

    shown = _show('{% include "partials/question.html" %}', question=barcode, value="")

    assert 'data-shown-when="pcr_ordered" data-shown-values="Y"' in shown


def test_a_typed_answer_cannot_become_markup():
    name = Question("name", "text", Label("姓名", "Name"))

    shown = _show('{% include "partials/question.html" %}', question=name, value='"><script>alert(1)</script>')

    assert "<script>" not in shown


def test_a_sparkline_leaves_gaps_out_and_draws_nothing_from_nothing():
    assert sparkline([]) == ""
    assert sparkline([None, None]) == ""
    assert sparkline([1, None, 3]).count(",") >= 4


def test_the_navigation_marks_the_page_shown(rf: RequestFactory):
    coverage = reverse("sense:coverage")

    links = nav_links(Context({"request": rf.get(f"{coverage}?day=2020-06-11"), "navigation": ITEMS}))

    assert [link.href for link in links if link.current] == [coverage]


def test_the_page_for_our_own_failures_needs_no_request():
    with translation.override("en"):
        assert "on our side" in render_to_string("500.html")


@pytest.mark.django_db
def test_the_sign_in_page_says_what_this_is_and_offers_the_other_language(client: Client):
    page = client.get("/accounts/login/", headers={"accept-language": "zh-CN"})
    text = page.content.decode()

    assert page.status_code == 200
    assert "城市卫哨" in text
    assert 'name="language" value="en"' in text
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_an_unknown_address_is_answered_in_words(client: Client):
    page = client.get("/nothing-here/", headers={"accept-language": "zh-CN"})

    assert page.status_code == 404
    assert "此地址没有内容" in page.content.decode()


@pytest.mark.parametrize("city", ["beijing", "xiamen"])
def test_outline_and_grid_show_the_same_districts(rf: RequestFactory, settings, city):
    settings.CITYWATCH_CITY = city
    request = rf.get("/maps/")
    request.user = type("SignedIn", (), {"is_authenticated": True})()

    drawn = json.loads(b"".join(maps.outline(request)))
    cells = json.loads(maps.grid(request).content)["cells"]

    assert {feature["properties"]["code"] for feature in drawn["features"]} == {cell["code"] for cell in cells}
    assert all(cell["name_zh"] and cell["name_en"] for cell in cells)


@pytest.mark.django_db
def test_maps_are_for_those_who_signed_in(client: Client):
    for address in ("/maps/outline.geojson", "/maps/grid.json"):
        assert client.get(address).status_code == 302
