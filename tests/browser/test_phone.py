"""A nurse's phone: half a minute a report, and none lost or doubled when the line is down."""

import base64
import itertools
import re

import pytest

from tests.city.reports import id_number

SMALL = (360, 640)
FORM = "/sense/forms/symptom-registration/"
THUMB = 44  # pixels; WCAG 2.2, 2.5.5
FIRST_LOAD = 300_000  # bytes
# Keys on a telephone: 36.2 words of five signs a minute (Palin et al. 2019, MobileHCI, 37,370 people), so 0.33 s. A
# touch and a swipe are counted as pointing with a mouse, 1.1 s, and making up one's mind as 1.35 s (Card, Moran and
# Newell 1980, CACM 23:396), one for each thing to be answered. What patient and machine take is not in it.
KEY, TOUCH, MIND = 0.33, 1.1, 1.35
PINYIN = {"林小禾": "linxiaohe "}
NOISE = """async () => { const canvas = Object.assign(document.createElement("canvas"), {width: 2000, height: 1500});
    const pen = canvas.getContext("2d"), dots = pen.createImageData(2000, 1500);
    dots.data.forEach((_, at) => { dots.data[at] = (at * 7919) % 253 });
    pen.putImageData(dots, 0, 0);
    return canvas.toDataURL("image/jpeg", 0.95).split(",")[1]; }"""
_numbers = itertools.count(302, 2)  # an even number is a woman's


@pytest.fixture(scope="module")
def sitting():
    """What a nurse's browser keeps of having signed in; the first test that needs it makes it."""
    return {}


@pytest.fixture
def nurse(enter, sitting):
    visitor = enter("nurse", size=SMALL, state=sitting or None)
    if not sitting:
        sitting.update(visitor.page.context.storage_state())
    yield visitor
    # A browser logs each request that found no line, and each answer that refuses.
    visitor.faults = [one for one in visitor.faults if "ERR_INTERNET_DISCONNECTED" not in one and "422" not in one]


def fill_in(nurse, name, temperature="38.4"):
    page = nurse.page
    page.fill("[name=name]", name)
    page.fill("[name=id_number]", id_number(next(_numbers), born="19840229"))
    page.check("[name=symptoms] >> nth=0")
    page.fill("[name=temperature]", temperature)


def state(nurse, **counts):
    """Wait until the phone says so."""
    wanted = "".join(f'[data-{name}="{count}"]' for name, count in counts.items())
    nurse.page.wait_for_selector(f"[data-queue]{wanted}", state="attached")


def reported(nurse, title="八项症状登记"):
    """How many reports of today the institution's list shows."""
    nurse.go("/sense/")
    return nurse.page.locator("tbody tr", has_text=title).count()


def test_a_report_takes_half_a_minute(nurse):
    nurse.go(FORM)
    page, counted = nurse.page, {"keys": 0, "touches": 0, "swipes": 0}

    def touch(selector, *, free=SMALL[1] - 70):  # the button to send covers the rest
        target = page.locator(selector).first
        for _ in range(10):
            box = target.bounding_box()
            if box["y"] >= 0 and box["y"] + box["height"] <= free:
                break
            page.mouse.wheel(0, SMALL[1] * 0.7)
            page.wait_for_timeout(60)
            counted["swipes"] += 1
        counted["touches"] += 1
        target.click()

    def type_in(text, keys):
        counted["keys"] += len(keys)
        page.keyboard.type(text)

    number = id_number(next(_numbers), born="19840229")
    touch("[name=name]")
    type_in("林小禾", PINYIN["林小禾"])
    touch("[name=id_number]")
    type_in(number, number)
    touch("label:has([name=symptoms])")
    touch("label:has([name=symptoms]) >> nth=1")
    touch("[name=temperature]")
    type_in("38.4", "38.4")
    assert page.locator(".told").inner_text().startswith("女，36岁，号码登记地：北京市")
    assert page.locator("[name=sex]:checked").get_attribute("value") == "F"
    assert page.locator("[name=age]").input_value() == "36"
    touch(".send button", free=SMALL[1])
    page.wait_for_url("**/sense/done/**")

    answered = 6  # name, number, two symptoms, temperature, and that it may be sent
    estimate = counted["keys"] * KEY + (counted["touches"] + counted["swipes"]) * TOUCH + answered * MIND
    assert estimate <= 30, counted
    assert "回执" in nurse.text


def test_everything_a_thumb_must_hit_is_large_enough(nurse):
    nurse.go(FORM)
    small = nurse.page.evaluate(
        """(least) => [...document.querySelectorAll("button, a.button, select, summary, .options label, input")]
            .filter((one) => one.closest("main"))
            .filter((one) => one.offsetParent && !/radio|checkbox|hidden/.test(one.type))
            .map((one) => [one.textContent.trim().slice(0, 20) || one.name, one.getBoundingClientRect()])
            .filter(([, box]) => box.height < least || box.width < least)
            .map(([name, box]) => `${name} ${box.width}x${box.height}`)""",
        THUMB,
    )
    wide = nurse.page.evaluate("document.documentElement.scrollWidth")

    assert small == []
    assert wide <= SMALL[0]
    assert nurse.violations() == []


def test_a_number_mistyped_is_said_at_once(nurse):
    nurse.go(FORM)
    number = id_number(7)
    nurse.page.fill("[name=id_number]", number[:-1] + ("1" if number[-1] != "1" else "2"))

    assert "末位校验码与前17位不符" in nurse.page.locator(".told.wrong").inner_text()
    assert nurse.page.locator("[name=age]").input_value() == ""
    nurse.page.fill("[name=id_number]", id_number(7, born="20200301"))
    assert "3月龄" in nurse.page.locator(".told").inner_text()
    assert nurse.page.locator("[name=age]").input_value() == "3"
    assert nurse.page.locator("[name=age_unit]:checked").get_attribute("value") == "M"
    nurse.page.fill("[name=id_number]", id_number(7)[:6] + "19681301" + "0011")
    assert "不是有效日期" in nurse.page.locator(".told.wrong").inner_text()


def test_two_reports_without_a_line_wait_survive_a_closed_page_and_arrive_once(nurse):
    before = reported(nurse)
    nurse.go(FORM)
    page, context = nurse.page, nurse.page.context
    page.wait_for_function("navigator.serviceWorker.controller && caches.match(location.pathname)")
    context.set_offline(True)
    for count, name in enumerate(("赵一", "钱二"), start=1):
        fill_in(nurse, name)
        page.click(".send button")
        state(nurse, waiting=count)
        assert page.input_value("[name=name]") == ""
    assert "赵一" not in page.evaluate(
        "JSON.stringify([...document.querySelectorAll('[data-queue]')].map((q) => q.outerHTML))"
    )
    stored = page.evaluate(
        """() => new Promise((done) => { const asked = indexedDB.open("citywatch-phone");
            asked.onsuccess = () => { const all = asked.result.transaction("reports").objectStore("reports").getAll();
                all.onsuccess = () => done(JSON.stringify(all.result)); }; })"""
    )
    assert "赵一" not in stored
    assert "1984" not in stored

    page.close()
    nurse.page = page = context.new_page()
    page.goto(nurse.address + FORM)
    page.wait_for_selector("form[data-offline]")
    state(nurse, waiting=2)
    assert "赵一" not in nurse.text
    context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    state(nurse, waiting=0, sent=2)

    assert reported(nurse) == before + 2


def test_a_photo_waits_with_its_report_and_comes_after_it_small_and_without_its_camera(nurse):
    nurse.go(FORM)
    page, context = nurse.page, nurse.page.context
    page.wait_for_function("navigator.serviceWorker.controller && caches.match(location.pathname)")
    raw = page.evaluate(NOISE)
    assert len(raw) * 3 / 4 > 1_000_000  # as a telephone's camera makes them
    sent = []
    context.on("response", lambda answer: "queue/photos" in answer.url and sent.append(answer))
    context.set_offline(True)
    fill_in(nurse, "郑七")
    page.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": base64.b64decode(raw)})
    page.wait_for_selector("[data-taken] img")
    page.click(".send button")
    state(nurse, waiting=2)
    assert page.locator("[data-taken] li").count() == 0
    context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    state(nurse, waiting=0, sent=2)

    assert [answer.status for answer in sent] == [200]
    assert len(sent[0].request.post_data) < 200_000 * 16 / 9 + 2_000  # written in base64 twice
    nurse.go("/sense/photos/")
    page.fill("[name=because] >> nth=0", "核对体温")
    page.click("section button >> nth=0")
    page.wait_for_function("document.querySelector('.photo img')?.naturalWidth > 100")


def test_an_answer_lost_on_the_way_does_not_double_the_report(nurse):
    before = reported(nurse)
    nurse.go(FORM)
    page = nurse.page
    lost = []

    def lose(route):
        route.fetch() if route.request.method == "POST" and not lost else None
        if route.request.method == "POST" and not lost:
            lost.append(route.request.url)
            route.fulfill(status=502, body="bad gateway")
        else:
            route.continue_()

    nurse.faults.clear()
    page.route("**/sense/queue/", lose)
    fill_in(nurse, "孙三")
    page.click(".send button")
    state(nurse, waiting=1)
    page.evaluate("dispatchEvent(new Event('online'))")
    state(nurse, waiting=0, sent=1)
    nurse.faults = [one for one in nurse.faults if "502" not in one]

    assert lost
    assert reported(nurse) == before + 1


def test_a_kept_report_that_is_refused_says_why_and_is_mended(nurse):
    before = reported(nurse)
    nurse.go(FORM)
    page, context = nurse.page, nurse.page.context
    page.wait_for_function("navigator.serviceWorker.controller && caches.match(location.pathname)")
    context.set_offline(True)
    fill_in(nurse, "李四", temperature="48")
    page.click(".send button")
    state(nurse, waiting=1)
    context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    state(nurse, waiting=0, refused=1)
    assert "超出范围" in page.locator("[data-kept]").inner_text()

    page.click("[data-act=mend]")
    page.wait_for_selector("[name=temperature][aria-invalid]")
    assert page.input_value("[name=name]") == "李四"
    page.fill("[name=temperature]", "38")
    page.click(".send button")
    page.wait_for_url("**/sense/done/**")
    nurse.go(FORM)
    assert page.locator("[data-queue]").is_hidden()

    assert reported(nurse) == before + 1


def test_another_account_of_the_phone_sees_nothing_of_what_waits(nurse, city):
    nurse.go(FORM)
    page, context = nurse.page, nurse.page.context
    page.wait_for_function("navigator.serviceWorker.controller && caches.match(location.pathname)")
    context.set_offline(True)
    fill_in(nurse, "周五")
    page.click(".send button")
    state(nurse, waiting=1)
    page.goto("about:blank")
    context.set_offline(False)

    def sign_in(role):
        context.clear_cookies()
        nurse.sign_in(role, city.passwords[role])

    sign_in("lab")
    nurse.go("/sense/")
    state(nurse, waiting=0, sent=0)
    assert page.locator("[data-queue]").is_hidden()
    assert page.locator("[data-kept] li").count() == 0
    sign_in("nurse")  # comes in at the reporting page
    state(nurse, waiting=0, sent=1)


def test_a_web_view_that_keeps_nothing_posts_as_ever(nurse):
    nurse.page.context.add_init_script("Object.defineProperty(window, 'indexedDB', {value: undefined})")
    nurse.go(FORM)
    fill_in(nurse, "吴六")
    nurse.page.click(".send button")
    nurse.page.wait_for_url("**/sense/done/**")

    assert "回执" in nurse.text


def test_the_first_load_of_a_phone_page_is_small(nurse):
    page = nurse.page
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes = []
    session.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    nurse.go(FORM)

    assert len(sizes) > 5
    assert sum(sizes) <= FIRST_LOAD


def test_a_code_is_scanned_where_the_browser_reads_codes(nurse):
    number = id_number(next(_numbers), born="19900101")
    nurse.go(FORM)
    if nurse.page.evaluate("!('BarcodeDetector' in window)"):
        assert nurse.page.locator("[data-scan]").count() == 0
    nurse.page.context.add_init_script(
        f"""window.BarcodeDetector = class {{ static async getSupportedFormats() {{ return ["qr_code"]; }}
            async detect() {{ return [{{rawValue: "ID:{number}"}}]; }} }};
            window.createImageBitmap = async () => ({{}});"""
    )
    nurse.go(FORM)
    with nurse.page.expect_file_chooser() as chooser:
        nurse.page.click("[data-scan=id_number]")
    chooser.value.set_files({"name": "card.png", "mimeType": "image/png", "buffer": b"\x89PNG"})

    nurse.page.wait_for_function("document.querySelector('[name=age]').value === '30'")
    assert re.fullmatch(r"\d{17}[\dX]", nurse.page.input_value("[name=id_number]"))
