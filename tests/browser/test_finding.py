"""One key from any page to the box that finds: typed, entered, opened without a mouse; and as well on a small phone."""

from tests.browser.test_phone import SMALL


def test_a_page_is_found_by_keys_alone(enter):
    worker = enter("district")
    page = worker.page
    worker.go("/trace/contacts/")
    page.keyboard.press("f")
    page.wait_for_url("**/find/")
    page.locator("#q:focus").wait_for()

    page.keyboard.type("流调溯源")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find/?q=*")
    page.locator("#found a", has_text="流调溯源").press("Enter")
    page.wait_for_url("**/trace/")


def test_an_id_number_typed_into_the_box_goes_to_the_form_with_a_purpose_and_into_no_address(enter):
    worker = enter("district")
    page = worker.page
    worker.go("/find/")
    page.fill("#q", "11010519491231002X")
    page.keyboard.press("Enter")

    page.locator("#person[value='11010519491231002X']").wait_for()
    page.locator("#purpose:focus").wait_for()
    assert "1101" not in page.url
    page.keyboard.type("家属来电询问")
    page.keyboard.press("Enter")
    page.locator("#found").wait_for()
    assert "没有找到您可查看的内容" in page.inner_text("#found")
    assert not worker.violations()


def test_it_fits_a_small_phone(enter):
    worker = enter("district", size=SMALL)
    worker.go("/find/?q=流调")
    assert worker.page.evaluate("document.documentElement.scrollWidth") == SMALL[0]
    assert not worker.violations()
