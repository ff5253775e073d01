"""The duty desk's pages, as roles meet them."""

import pytest
from django.urls import reverse
from tests.city.warn.conftest import TODAY

from citywatch.city.warn.models import HealthEvent, Proposal
from citywatch.mechanisms import clock
from citywatch.mechanisms.clock import start_of


@pytest.fixture(autouse=True)
def _evening(monkeypatch, evening):
    monkeypatch.setattr(clock, "now", lambda: evening)


@pytest.fixture
def event(client_as, fever_in_huaxiang):
    client_as("duty_officer").post(
        reverse("warn:act", args=[fever_in_huaxiang.pk]), {"move": "verify", "because": "电话核实"}
    )
    return HealthEvent.objects.get()


def text(response):
    assert response.status_code == 200, response.content.decode()[:2000]
    return response.content.decode()


def test_the_inbox_says_in_chinese_what_happened_and_offers_three_answers(client_as, fever_in_huaxiang):
    page = text(client_as("duty_officer").get(reverse("warn:inbox")))

    for words in (
        "预警研判",
        "花乡",
        "“发热”9例",
        "蓝色",
        "核实",
        "关注",
        "关闭",
        "合并",
        "最近一次检测",
        "不作统计预警",
    ):
        assert words in page
    assert '<svg class="sparkline"' in page


def test_the_inbox_in_english_has_no_chinese_but_names(client_as, fever_in_huaxiang):
    client = client_as("duty_officer")
    client.cookies["django_language"] = "en"

    page = text(client.get(reverse("warn:inbox")))

    assert "9 symptom registration fever on 11 Jun" in page
    assert "Duty desk" in page


def test_closing_from_the_inbox_with_a_remembered_reason(client_as, fever_in_huaxiang):
    client = client_as("duty_officer")
    answer = client.post(
        reverse("warn:act", args=[fever_in_huaxiang.pk]), {"move": "close", "quick": "节假日就诊波动", "because": ""}
    )

    assert answer.status_code == 303
    assert Proposal.objects.get().state == "closed"
    assert "此处暂无预警" in text(client.get(reverse("warn:inbox")))
    assert "节假日就诊波动" in text(client.get(reverse("warn:proposal", args=[fever_in_huaxiang.pk])))


def test_closing_without_a_reason_is_refused_in_one_sentence(client_as, fever_in_huaxiang):
    answer = client_as("duty_officer").post(reverse("warn:act", args=[fever_in_huaxiang.pk]), {"move": "close"})

    assert answer.status_code == 422
    assert "须填写理由" in answer.content.decode()
    assert Proposal.objects.get().state == "new"


def test_the_proposal_page_has_chart_sites_signals_rules_and_history(client_as, fever_in_huaxiang):
    page = text(client_as("duty_officer").get(reverse("warn:proposal", args=[fever_in_huaxiang.pk])))

    for words in ('data-chart="baseline"', "花乡社区卫生服务中心", "C2", "自2020-01-01起", "提出预警", "预警阈值"):
        assert words in page


def test_an_investigator_of_another_district_finds_nothing(client_as, fever_in_huaxiang):
    client = client_as("investigator_xicheng")

    assert client.get(reverse("warn:proposal", args=[fever_in_huaxiang.pk])).status_code == 404
    assert "花乡" not in text(client.get(reverse("warn:inbox")))


def test_an_investigator_is_offered_no_answer(client_as, fever_in_huaxiang):
    page = text(client_as("investigator").get(reverse("warn:inbox")))

    assert 'id="answer"' not in page
    assert 'type="checkbox"' not in page


@pytest.mark.parametrize("role", ["sentinel_nurse", "press", "nobody"])
def test_others_do_not_enter(client_as, role):
    assert client_as(role).get(reverse("warn:inbox")).status_code == 403


def test_a_stranger_is_sent_to_sign_in(client_as):
    assert client_as("").get(reverse("warn:inbox")).status_code == 302


def test_an_event_is_published_from_its_page(client_as, event):
    client = client_as("duty_officer")
    answer = client.post(reverse("warn:publish", args=[event.pk]), {"level": "yellow", "because": "会商"})

    assert answer.status_code == 303
    page = text(client.get(reverse("warn:event", args=[event.pk])))
    assert "【黄色预警】" in page
    assert "发布预警" in page
    assert "花乡" in text(client.get(reverse("warn:events")))


def test_a_commander_reads_an_event_and_cannot_publish(client_as, event):
    client = client_as("commander")

    assert "发布预警</button>" not in text(client.get(reverse("warn:event", args=[event.pk])))
    assert client.post(reverse("warn:publish", args=[event.pk]), {"level": "red"}).status_code == 403


def test_the_pages_ask_the_same_handful_of_questions_however_long_the_inbox(client_as, django_assert_max_num_queries):
    client = client_as("duty_officer")
    place = Proposal._meta.get_field("place").related_model.objects.get(code="110106018")
    for n in range(60):
        Proposal.objects.create(
            place=place, level="blue", hazard="fever", opened_at=start_of(TODAY), first_day=TODAY, last_day=TODAY,
            fingerprint=f"{n:064d}",
        )  # fmt: skip

    with django_assert_max_num_queries(40):
        page = text(client.get(reverse("warn:inbox")))

    assert page.count("<article") == 50
    assert "第1页，共2页、60条" in page


def test_the_api_lists_answers_and_refuses(client_as, fever_in_huaxiang):
    client = client_as("duty_officer")
    listed = client.get("/api/warn/proposals").json()
    assert listed["proposals"][0]["place"]["zh"].startswith("花乡")
    address = f"/api/warn/proposals/{fever_in_huaxiang.pk}/verify"

    refused = client.post(address, {"because": ""}, content_type="application/json")
    verified = client.post(address, {"because": "电话核实"}, content_type="application/json")

    assert refused.status_code == 422
    assert verified.json() == {"id": HealthEvent.objects.get().pk}
    assert client_as("press").get("/api/warn/proposals").status_code == 403
    assert client.get(f"/api/warn/signals?day={TODAY}").json()[0]["observed"] == 9


def test_the_citys_desk_says_what_is_kept_past_its_time_and_a_districts_does_not(client_as, viewers, city):
    from citywatch.mechanisms.retention import alarm

    said = "超过保存期限仍未销毁"
    assert said not in client_as("duty_officer").get(reverse("warn:inbox")).content.decode()
    alarm.tell({"messages": 3}, by=viewers["duty_officer"], at=start_of(TODAY), place=city)

    assert said in client_as("duty_officer").get(reverse("warn:inbox")).content.decode()
    assert said not in client_as("investigator").get(reverse("warn:inbox")).content.decode()

    alarm.tell({}, by=viewers["duty_officer"], at=start_of(TODAY), place=city)
    assert said not in client_as("duty_officer").get(reverse("warn:inbox")).content.decode()
