"""A year's reports by day: a picture for the eye, its rows for everybody, both for the paper somebody writes."""

from pathlib import Path

import pytest

from tests.browser.conftest import PHONE


@pytest.fixture
def year(enter):
    duty = enter("duty")
    duty.go("/sense/calendar/?stream=symptom&finding=fever")
    return duty


def test_the_figures_of_a_year_open_beside_it_and_go_into_a_file(year):
    page, figure = year.page, year.page.locator("figure[data-chart=calendar]")
    figure.locator("summary").click()
    assert figure.locator("tbody tr").count() > 360
    assert not year.violations()
    for kind, begins in (("png", b"\x89PNG"), ("svg", b"<svg"), ("csv", b"\xef\xbb\xbf")):
        with page.expect_download() as coming:
            figure.locator(f"[data-file={kind}]").click()
        assert Path(coming.value.path()).read_bytes().startswith(begins)

    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
