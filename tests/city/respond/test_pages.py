"""The pages of command, and of those who sign on a phone."""

import re

import pytest
from django.urls import reverse


@pytest.fixture
def commanding(incident, client_as):
    client = client_as("commander")

    def post(name, pk=None, **fields):
        return client.post(reverse(f"respond:{name}", args=[pk or incident.pk]), fields)

    client.act = post
    return client


def test_the_commander_decides_issues_and_the_district_signs_on_its_page(incident, commanding, client_as):
    page = commanding.get(reverse("respond:incident", args=[incident.pk])).content.decode()
    assert "规则提议级别" in page
    assert "直辖市即市政府" in page

    assert commanding.act("decide", level="III", because="从严").status_code == 303
    assert commanding.act("issue_all").status_code == 303

    district = client_as("investigator")
    mine = district.get(reverse("respond:my_orders")).content.decode()
    assert "签收" in mine
    assert "涉疫场所" in mine
    from citywatch.city.respond.models import Order

    order = Order.objects.get(recipient="site_operator")
    answer = district.post(reverse("respond:order_move", args=[order.pk]), {"move": "sign"})
    assert (answer.status_code, answer["Location"]) == (303, reverse("respond:my_orders"))
    order.refresh_from_db()
    assert order.state == "signed"


def test_a_district_signs_for_all_its_orders_at_once_or_for_none(commanding, client_as):
    from citywatch.city.respond.models import Order

    commanding.act("decide", level="III", because="从严")
    commanding.act("issue_all")
    district, address = client_as("investigator"), reverse("respond:sign_all")
    shown = re.findall(r'name="order" value="(\d+)"', district.get(reverse("respond:my_orders")).content.decode())
    mine = set(Order.objects.filter(place__code="110106").values_list("pk", flat=True))
    assert len(mine) > 3
    assert {int(number) for number in shown} == mine

    others = Order.objects.exclude(pk__in=mine).values_list("pk", flat=True)
    assert district.post(address, {"order": [*shown, others[0]]}).status_code in {403, 404}
    assert set(Order.objects.values_list("state", flat=True)) == {"issued"}

    page = district.post(address, {"order": shown}, follow=True).content.decode()
    assert f"已签收指令{len(mine)}条" in page
    assert set(Order.objects.filter(pk__in=mine).values_list("state", flat=True)) == {"signed"}
    assert set(Order.objects.exclude(pk__in=mine).values_list("state", flat=True)) == {"issued"}
    assert district.post(address, {}).status_code == 422


def test_a_decision_without_a_reason_is_answered_in_words(commanding):
    answer = commanding.act("decide", level="III", because="")

    assert answer.status_code == 422
    assert "须说明理由" in answer.content.decode()


def test_one_more_order_in_the_commanders_words(commanding, incident):
    asked = {"recipient": "lab", "place": "110106", "within_hours": "6", "text": "连夜检测市场样本"}

    assert commanding.act("order_new", **asked).status_code == 303
    assert "连夜检测市场样本" in commanding.get(reverse("respond:incident", args=[incident.pk])).content.decode()
    assert commanding.act("order_new", **asked).status_code == 409
    assert commanding.act("order_new", **asked | {"within_hours": "soon"}).status_code == 422


def test_the_pages_speak_english_completely(incident, client_as):
    client = client_as("commander")
    client.cookies["django_language"] = "en"

    words = {"incidents": "Orders to me", "incident": "Level proposed by rule", "my_orders": "Nothing to sign"}
    for name, expected in words.items():
        answer = client.get(reverse(f"respond:{name}", args=[incident.pk] if name == "incident" else []))
        assert answer.status_code == 200
        assert expected in answer.content.decode()


def test_xicheng_does_not_see_fengtais_incident(incident, client_as):
    client = client_as("investigator_xicheng")

    assert client.get(reverse("respond:incident", args=[incident.pk])).status_code == 404
    assert str(incident.title_zh) not in client.get(reverse("respond:incidents")).content.decode()


@pytest.mark.parametrize("role", ["sentinel_nurse", "lab", "press", "nobody"])
def test_those_outside_the_response_are_turned_away(incident, client_as, role):
    assert client_as(role).get(reverse("respond:incidents")).status_code == 403


def test_the_public_is_sent_to_sign_in(incident, client_as):
    assert client_as(None).get(reverse("respond:incidents")).status_code == 302


def test_a_district_cannot_decide_or_issue(incident, client_as):
    client = client_as("investigator")

    assert client.post(reverse("respond:decide", args=[incident.pk]), {"level": "I", "because": "x"}).status_code == 403
    assert client.post(reverse("respond:issue_all", args=[incident.pk])).status_code == 403
    assert "Issue all" not in client.get(reverse("respond:incident", args=[incident.pk])).content.decode()
