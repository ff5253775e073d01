"""A grid worker at a door: half a minute a visit on a small phone, every target a thumb wide."""

from tests.browser.test_phone import KEY, MIND, SMALL, THUMB, TOUCH

FORM = "/sense/forms/home-visit/"
_LOW = """(least) => [...document.querySelectorAll("main :is(a, button, select, .options label, input)")]
    .filter((one) => one.offsetParent && !/radio|checkbox|hidden/.test(one.type))
    .filter((one) => one.getBoundingClientRect().height < least).map((one) => one.outerHTML.slice(0, 100))"""


def test_a_visit_takes_half_a_minute_and_every_target_is_a_thumb_high(enter):
    worker = enter("grid", size=SMALL)
    page, touches = worker.page, 1  # the first is the button on the list that leads here
    assert page.url.endswith("/trace/visits/")
    assert not worker.violations()
    worker.go(f"{FORM}?contact=K0001")
    assert page.evaluate(_LOW, THUMB) == []
    assert page.evaluate("document.documentElement.scrollWidth") == SMALL[0]
    assert not worker.violations()

    swipes = 0
    for name, value in (("reached", "seen"), ("ill", "Y"), ("symptoms", "fever"), ("needs", "medicine")):
        target = page.locator("label", has=page.locator(f"[name={name}][value={value}]"))
        swipes += target.bounding_box()["y"] > SMALL[1] - 70  # under the button to send, or below it
        target.click()
        touches += 1
    page.fill("[name=temperature]", "38.2")
    worker.tap(".send .button")
    touches += 2

    page.wait_for_url("**/sense/done/**")
    seconds = (touches + swipes) * TOUCH + 5 * MIND + 4 * KEY
    assert seconds <= 30, f"{seconds:.1f} s: {touches} touches, {swipes} swipes"
    worker.go("/sense/")
    assert page.locator("tbody tr", has_text="居家随访").count() == 1
