"""The pages, as each role sees them."""

import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_tracing import contact as met
from tests.city.trace.test_tracing import told
from tests.conftest import NOON

from citywatch.city.trace import services
from citywatch.city.trace.models import Case, Contact, Investigation, RiskPoint
from citywatch.city.trace.types import StayTold
from citywatch.mechanisms.journal.models import Entry

HALL = "110106018-M01-1"


@pytest.fixture
def scene(case, event, viewers, at_noon):
    """Two interviewed cases of Fengtai in one investigation, one contact."""
    first, second = case("张三丰"), case("王五")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    for one in (first, second):
        told(one, viewers["investigator"], stays=[StayTold(HALL, moment(3), moment(3, 10))])
    told(first, viewers["investigator"], contacts=[met(moment(8))])
    return Investigation.objects.get(pk=number), Case.objects.get(pk=first)


def text(response):
    assert response.status_code == 200, response.content.decode()[:2000]
    return response.content.decode()


def test_the_dossier_shows_places_cases_and_contacts_in_chinese_and_english(scene, client_as):
    client = client_as("investigator")
    page = text(client.get(f"/trace/investigations/{scene[0].pk}/"))
    for words in (
        "花乡新冠阳性",
        "共同场所",
        "比值（95%CI）",
        "新发地批发市场1号厅",
        "2例中2例在暴露期到过",
        "张**",
        "公布风险点位",
        "密接",
    ):
        assert words in page
    assert "张三丰" not in page

    english = text(client.get(f"/trace/investigations/{scene[0].pk}/", headers={"accept-language": "en"}))
    assert "Shared places" in english
    assert "2 of 2 cases were at Xinfadi Wholesale Market, Hall 1" in english


def test_every_list_opens_in_both_languages(scene, client_as):
    client = client_as("duty_officer")
    for path, zh, en in (
        ("/trace/", "流调溯源", "Tracing"),
        ("/trace/contacts/", "密接", "Contacts"),
        ("/trace/contacts/?kind=close&state=listed", "密接", "Contacts"),
        ("/trace/risk-points/", "风险点位", "Risk points"),
        (f"/trace/cases/{scene[1].pk}/", "暴露期", "exposure"),
    ):
        assert zh in text(client.get(path))
        assert en in text(client.get(path, headers={"accept-language": "en"}))


def test_publishing_goes_through_the_page(scene, client_as, places):
    row = scene[0]
    answer = client_as("duty_officer").post(
        f"/trace/investigations/{row.pk}/publish/", {"place_id": places[HALL].pk, "because": "两例共同到过"}
    )

    assert answer.status_code == 303
    assert RiskPoint.objects.get().place == places[HALL]


def test_the_interview_form_takes_core_information_a_stay_and_a_contact(case, client_as, at_noon):
    row = Case.objects.get(pk=case("张三", onset=None))
    client = client_as("investigator")
    assert "保存访谈" in text(client.get(f"/trace/cases/{row.pk}/interview/"))

    answer = client.post(
        f"/trace/cases/{row.pk}/interview/",
        {
            "onset_date": "2020-06-08",
            "occupation": "",
            "sex": "M",
            "age": "52",
            "stay_place": [f"{HALL} 新发地批发市场1号厅", ""],
            "stay_from": ["2020-06-03T09:00", ""],
            "stay_to": ["2020-06-03T10:00", ""],
            "contact_name": ["李四"],
            "contact_id_number": [""],
            "contact_phone": ["19911112222"],
            "contact_kind": ["close"],
            "contact_ground": ["household"],
            "contact_first": ["2020-06-07T08:00"],
            "contact_last": ["2020-06-09T08:00"],
            "contact_place": [""],
        },
    )

    assert answer.status_code == 303, answer.content.decode()
    row.refresh_from_db()
    assert (row.state, row.age, row.classification) == ("core_done", 52, "confirmed")
    assert row.stays.get().visited.code == HALL
    assert row.stays.get().from_at == moment(3)
    assert Contact.objects.get().kind == "close"


def test_an_interview_with_a_place_nobody_knows_is_given_back_with_a_sentence(case, client_as, at_noon):
    number = case("张三")
    answer = client_as("investigator").post(
        f"/trace/cases/{number}/interview/",
        {"stay_place": ["月球"], "stay_from": ["2020-06-03T09:00"], "stay_to": ["2020-06-03T10:00"]},
    )

    assert answer.status_code == 422
    assert "没有这个地点" in answer.content.decode()
    assert "月球" in answer.content.decode()
    assert Case.objects.get(pk=number).state == "reported"


def test_opening_an_identity_shows_it_once_and_journals_the_purpose(scene, client_as):
    client, address = client_as("investigator"), f"/trace/cases/{scene[1].pk}/identity/"
    assert client.post(address, {"purpose": " "}).status_code == 422
    answer = client.post(address, {"purpose": "电话流调"})

    assert "张三丰" in text(answer)
    assert "no-store" in answer["Cache-Control"]
    assert Entry.objects.get(kind="vault.opened").because == "电话流调"
    assert "张三丰" not in text(client.get(f"/trace/cases/{scene[1].pk}/"))


def test_other_districts_and_other_roles_stay_outside(scene, client_as):
    row, one = scene
    other = client_as("investigator_xicheng")
    for path in (f"/trace/investigations/{row.pk}/", f"/trace/cases/{one.pk}/", f"/trace/cases/{one.pk}/interview/"):
        assert other.get(path).status_code == 404
    assert other.post(f"/trace/cases/{one.pk}/identity/", {"purpose": "x"}).status_code == 404
    assert "花乡新冠阳性" not in text(other.get("/trace/"))
    assert client_as("sentinel_nurse").get("/trace/").status_code == 403
    assert client_as(None).get("/trace/").status_code == 302
    assert client_as("commander").post(f"/trace/cases/{one.pk}/identity/", {"purpose": "x"}).status_code == 403


def test_a_contact_is_moved_from_the_worklist(scene, client_as):
    row = Contact.objects.get()
    client = client_as("investigator")
    answer = client.post(f"/trace/contacts/{row.pk}/move/", {"move": "transfer"})

    assert answer.status_code == 303
    row.refresh_from_db()
    assert row.state == "transferred"
    assert client.post(f"/trace/contacts/{row.pk}/move/", {"move": "notify"}).status_code == 409


def test_places_are_offered_by_name(city, client_as):
    page = text(client_as("investigator").get("/trace/places/?stay_place=1号厅"))

    assert f'value="{HALL} 新发地批发市场1号厅"' in page
