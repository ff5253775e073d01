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


@pytest.fixture
def two_places(case, event, viewers, at_noon):
    """Three cases in hall 1, two of whom were in hall 2 as well."""
    cases = [case(name) for name in ("甲", "乙", "丙")]
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    for index, one in enumerate(cases):
        stays = [StayTold(HALL, moment(3), moment(3, 10))]
        stays += [StayTold("110106018-M01-2", moment(4), moment(4, 10))] * (index < 2)
        told(one, viewers["investigator"], stays=stays)
    return number, cases


def test_leaving_a_place_out_shows_both_ranks_and_writes_nothing(two_places, client_as, places):
    number, _ = two_places
    client = client_as("investigator")
    before = Entry.objects.count()
    page = text(client.get(f"/trace/investigations/{number}/?without_place={places[HALL].pk}"))

    assert "假如不计" in page
    assert "当前排序" in page
    assert f'href="/trace/investigations/{number}/"' in page
    assert Entry.objects.count() == before


def test_one_click_on_a_case_brings_the_ranking_alone(two_places, client_as):
    number, cases = two_places
    answer = client_as("investigator").get(
        f"/trace/investigations/{number}/?without_case={cases[0]}",
        headers={"HX-Request": "true", "HX-Target": "places"},
    )

    part = text(answer)
    assert part.lstrip().startswith('<section class="card" id="places">')
    assert "<html" not in part
    assert "2/2" in part
    assert "3/3" not in part.split("<tbody>")[1]


def test_a_case_of_another_district_cannot_be_left_out_by_guessing_its_number(two_places, case, client_as, viewers):
    from citywatch.city.trace import queries

    number, _ = two_places
    hidden = case("丁", district="110102")
    told(hidden, viewers["investigator_xicheng"], stays=[StayTold(HALL, moment(3), moment(3, 10))])
    found = queries.what_if(viewers["investigator"], number, at=NOON, without_cases=[hidden])

    assert not found.is_what_if
    assert found.lines[0].place.all_cases == 4


def test_the_sixteen_hours_stand_large_on_the_page_with_their_milestones(two_places, client_as, places, viewers):
    from datetime import timedelta

    from citywatch.city.trace import queries

    number, _ = two_places
    names = [one.name.en for one in queries.dossier(viewers["investigator"], number, at=NOON).lock.milestones]
    assert names == [
        "First positive",
        "Event verified",
        "First interview",
        "First shared place",
        "Risk point published",
    ]
    lock = queries.dossier(viewers["investigator"], number, at=NOON).lock
    assert [one.hours for one in lock.milestones] == [0, 0, 1, 1, None]
    assert lock.next_step.en == "Risk point published"
    page = text(client_as("investigator").get(f"/trace/investigations/{number}/"))
    assert page.index("首个共同场所") < page.index('id="places"')

    at = NOON + timedelta(hours=9)
    services.publish_risk_point(number, places[HALL].pk, by=viewers["duty_officer"], at=at, because="leads")
    lock = queries.dossier(viewers["investigator"], number, at=at).lock
    assert (lock.milestones[-1].hours, lock.next_step, lock.clock.running) == (9, None, False)
