"""One desk at a time, before the outbreak is known: the nurse, the laboratory, the press, the duty officer."""

import re

from tests.browser.conftest import PHONE

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _id_number(first: str) -> str:
    """A resident ID number that nobody holds, with its check digit (GB 11643-1999)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first, strict=True))
    return first + "10X98765432"[total % 11]


def test_a_nurse_registers_a_symptomatic_visit_on_a_phone_in_a_few_steps(enter):
    nurse = enter("nurse", size=PHONE)

    nurse.tap("a.card:has-text('八项症状登记')")
    nurse.fill("[name=name]", "林小禾")
    nurse.fill("[name=id_number]", _id_number("11010619840317452"))
    assert nurse.page.locator("[name=age]").input_value() == "36"
    assert nurse.page.locator("[name=sex][value=F]").is_checked()
    nurse.tap("label:has-text('发热') >> nth=0")
    nurse.tap("label:has-text('咳嗽/咽痛')")
    nurse.tap("button:has-text('提交')")

    nurse.page.locator("h1:has-text('已接收')").wait_for()  # sealed and kept first, then sent by a script
    assert re.search(r"回执第\d+号", nurse.text)
    assert nurse.steps <= 6
    nurse.tap("a:has-text('返回首页'), a:has-text('返回')")
    assert "林**" in nurse.text
    assert "林小禾" not in nurse.text


def test_a_wrong_answer_on_the_phone_is_explained_beside_itself_and_nothing_is_lost(enter):
    nurse = enter("nurse", size=PHONE)

    nurse.go("/sense/forms/symptom-registration/")
    nurse.fill("[name=name]", "林小禾")
    nurse.fill("[name=age]", "36")
    nurse.faults.clear()
    nurse.tap("button:has-text('提交')")

    nurse.page.locator(".field .error").first.wait_for()
    assert nurse.page.locator("[name=name]").input_value() == "林小禾"
    assert nurse.page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    nurse.faults = [fault for fault in nurse.faults if "422" not in fault]  # the browser logs every refused answer


def test_nothing_today_is_one_tap(enter):
    nurse = enter("nurse", size=PHONE)
    nurse.go("/sense/")
    offered = nurse.page.locator("form[action$='/zero/'] button")
    before = offered.count()
    if before == 0:  # a visit was registered today, so there is something to report and zero is not offered
        assert "林**" in nurse.text
        return

    nurse.tap("form[action$='/zero/'] button")

    assert offered.count() == before - 1


def test_the_laboratory_enters_a_result_from_its_worklist(enter):
    lab = enter("lab")
    lab.go("/lab/")
    waiting = int(lab.page.locator(".figure .value").first.inner_text())

    barcode = lab.page.locator("tbody tr").first.locator("a").first.inner_text()
    lab.tap("tbody tr >> nth=0 >> a:has-text('结果')")
    assert lab.page.locator("[name=barcode]").input_value() == barcode
    lab.tap("label:has-text('阴性')")
    lab.tap("button:has-text('报告结果')")

    lab.go("/lab/")
    assert int(lab.page.locator(".figure .value").first.inner_text()) == waiting - 1
    assert barcode in lab.page.locator("section:has-text('最近结果') >> tbody").last.inner_text()


def test_the_press_sees_totals_and_nobody(enter):
    press = enter("press")

    assert press.page.url.endswith("/press/")
    assert [link.inner_text() for link in press.page.locator(".nav a").all()] == ["新闻发布"]
    assert not re.search(r"\*\*|C\d{4}|S\d{12}", press.text)
    press.faults.clear()
    for closed in ("/warn/", "/trace/", "/situation/", "/lab/"):
        assert press.go(closed).status == 403
    press.faults = [fault for fault in press.faults if "403" not in fault]


def test_the_duty_officer_finds_red_first_then_the_street_of_the_market(enter):
    duty = enter("duty")
    duty.go("/warn/")

    lines = [line.inner_text() for line in duty.page.locator("[data-proposal]").all()]

    assert "红色" in lines[0]
    assert "核酸阳性" in lines[0]
    assert any("花乡" in line and "基线" in line for line in lines)
    assert duty.page.locator("#answer [data-who]").inner_text() in lines[0]
    duty.page.locator("[data-proposal] input[type=checkbox]").first.check()
    assert duty.page.locator("#answer [data-who]").inner_text() == "1 条已勾选"


def test_the_programming_interface_explains_itself_without_the_internet(enter):
    duty = enter("duty")

    assert duty.go("/api/docs").status == 200

    assert "CityWatch" in duty.text
    assert duty.page.locator("text=/api/").count() > 3
