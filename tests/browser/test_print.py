"""A page on paper: light, as wide as the sheet, with its charts and nothing to press; then the screen again."""

CANVAS = "(() => { const box = document.querySelector('.chart canvas'); return [box.width, box.clientHeight]; })()"
PRESSED = "[...document.querySelectorAll('form, .bar, main .button')].filter((one) => one.offsetParent).length"
PAPER = "getComputedStyle(document.body).backgroundColor"


def test_a_dark_page_prints_light_with_its_chart_and_no_forms(enter):
    officer = enter("duty")
    page = officer.page
    page.emulate_media(color_scheme="dark")
    officer.go("/warn/feedback/")
    page.locator(".chart canvas").first.wait_for()
    wide, high = page.evaluate(CANVAS)
    dark = page.evaluate(PAPER)

    page.emulate_media(media="print")
    page.locator(".chart canvas[width='720']").first.wait_for()
    assert page.evaluate(CANVAS)[1] > 100
    assert page.evaluate(PAPER) == "rgb(255, 255, 255)" != dark
    assert page.evaluate(PRESSED) == 0
    assert page.locator(".print-only").inner_text().startswith("打印人：")

    page.emulate_media(media="screen")
    page.locator(f".chart canvas[width='{wide}']").first.wait_for()
    assert page.evaluate(CANVAS) == [wide, high]
