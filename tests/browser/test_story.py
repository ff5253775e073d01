"""The outbreak of June 2020 as its people live it, from the first red line to the signed order."""

import re
from io import BytesIO

import pytest
from docx import Document

from tests.browser.conftest import PHONE, WALL

pytestmark = pytest.mark.story


def test_from_the_red_line_on_the_desk_to_the_published_risk_point(enter):
    duty = enter("duty")
    duty.go("/warn/")
    assert duty.page.locator("[data-proposal]").filter(has_text="花乡").count() == 1

    duty.tap("[data-proposal] >> nth=0 >> [data-open]")
    assert "红色" in duty.page.locator("h1").inner_text()
    duty.page.keyboard.press("v")
    duty.page.locator("details[data-move=verify][open]").wait_for()
    duty.page.keyboard.press("2")
    duty.page.wait_for_url("**/warn/events/*/")
    assert "已核实，事件已建立。" in duty.text

    duty.tap("button:has-text('启动流调')")
    duty.page.wait_for_url("**/trace/investigations/*/")
    duty.tap("button[value=t14]")
    duty.page.locator("tr[data-place]").first.wait_for()

    first = duty.page.locator("tr[data-place]").first.inner_text()
    assert "农产品批发市场" in first
    cases, told = re.search(r"(\d+)/(\d+)", first).groups()
    assert int(cases) >= int(told) / 2
    assert "剩余" in duty.page.locator("aside .clock").first.inner_text()

    duty.tap("tr[data-place] >> nth=0 >> summary")
    duty.tap("tr[data-place] >> nth=0 >> form button")
    duty.page.locator("tr[data-place] .tag.good").first.wait_for()
    assert "按时完成" in duty.page.locator("aside .clock").first.inner_text()

    duty.tap(".menu summary")
    duty.tap("button:has-text('退出')")
    assert "/accounts/" in duty.page.url


def test_the_commander_decides_the_level_and_the_district_signs_its_order(enter):
    commander = enter("commander")
    commander.go("/respond/")
    commander.tap("tbody a")
    commander.page.locator("[name=level]:checked").wait_for(state="attached")
    commander.fill("form[action$='/decide/'] [name=because]", "市场关联病例多例，按预案启动")
    commander.tap("form[action$='/decide/'] button")
    commander.tap("form[action$='/issue/'] button")
    assert commander.page.locator("tbody tr").count() >= 1
    assert not commander.page.locator("form[action$='/issue/'] button").count()

    district = enter("district", size=PHONE)
    district.go("/respond/orders/")
    signing = district.page.locator("section button:has-text('签收')")
    waiting = signing.count()
    assert waiting >= 1
    assert district.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert signing.first.bounding_box()["height"] >= 44
    district.tap("section button:has-text('签收')")
    assert signing.count() == waiting - 1


def test_the_sheet_the_document_and_the_wall_show_the_same_figures(enter):
    commander = enter("commander", size=WALL)
    commander.go("/situation/")
    moment = commander.page.locator("#as_of").input_value()
    commander.go(f"/situation/?as_of={moment}")
    on_page = [
        [cell.inner_text().strip() for cell in row.locator("th, td").all()]
        for row in commander.page.locator("#figures tbody tr").all()
    ]
    answer = commander.page.context.request.get(f"{commander.address}/situation.docx?as_of={moment}")
    in_document = [
        [cell.text.strip() for cell in row.cells] for row in Document(BytesIO(answer.body())).tables[0].rows[1:]
    ]

    assert len(on_page) >= 8
    assert [row[:3] for row in in_document] == [row[:3] for row in on_page]

    commander.go("/command/")
    wall = commander.page.locator(".wall-head").inner_text()
    for name in ("报告病例", "核酸阳性样本"):
        new, total = next(row[1:3] for row in on_page if row[0] == name)
        assert int(total) >= 1
        assert re.search(rf"\b{total}\s*今日\+{new}\s+{name}", wall)
    assert commander.page.evaluate("document.documentElement.scrollHeight") <= WALL[1]


def test_the_public_learns_the_place_and_no_small_number(enter):
    press = enter("press")

    assert "农产品批发市场" in press.text
    assert not re.search(r"\*\*|C\d{4}", press.text)
