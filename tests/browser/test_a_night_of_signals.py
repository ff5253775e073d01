"""A night with 300 signals, worked from the keyboard by one person."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SIGNALS = 300
HERE = Path(__file__).parent
# The keystroke-level model (Card, Moran and Newell 1980, CACM 23:396): a key takes an average typist 0.28 s, making up
# one's mind 1.35 s. A line's sentence has about 30 characters; Chinese is read at about 260 a minute (Trauzettel-
# Klosinski and Dietz 2012, IOVS 53:5452), so 7 s. What the machine takes is not in it.
KEY, MIND, READING = 0.28, 1.35, 7.0


@pytest.fixture
def night(city):
    """300 lines more on the desk; the test answers them all, so the next one finds the desk as it was."""
    subprocess.run(
        [sys.executable, str(HERE / "many_signals.py"), str(SIGNALS)],
        env=os.environ | city.environment | {"DJANGO_SETTINGS_MODULE": "citywatch.server.settings"},
        check=True,
    )


def answered(page, press, *keys):
    """Press, and wait until the list is back."""
    with page.expect_response("**/warn/proposals/**"):
        for key in keys:
            press(key)
    for state in ("request", "swapping", "settling"):
        page.wait_for_selector(f".htmx-{state}", state="detached")


def test_300_signals_are_answered_in_an_hour_without_leaving_the_page(enter, night):
    duty = enter("duty")
    duty.go("/warn/?state=new&level=blue")
    page, keys, loads = duty.page, [], []
    page.on("framenavigated", lambda frame: loads.append(frame.url))

    def press(key):
        keys.append(key)
        page.keyboard.press(key)

    def left():
        return int(page.locator("[data-lines]").get_attribute("data-total"))

    before = left()
    answered(page, press, "c", "3")  # the first with a reason, then the same again, line by line
    for _ in range(7):
        answered(page, press, ".")
    assert left() == before - 8
    answered(page, press, "u")
    assert left() == before - 7
    lines = keys.copy()
    while left():
        answered(page, press, "a", "c", "3")  # all of a kind on the page at once
    assert loads == []
    for level in ("yellow", "orange"):
        duty.go(f"/warn/?state=new&level={level}")
        while left():
            answered(page, press, "a", "c", "3")

    alone = len(lines) / 8  # keys a line where each is answered by itself
    hour = SIGNALS * (READING + MIND + alone * KEY)
    assert alone <= 2
    assert hour <= 3600
    assert len(keys) <= SIGNALS / 2  # and far fewer where those of a kind are answered together
