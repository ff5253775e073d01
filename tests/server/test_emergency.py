"""Breaking the glass: one case, one reason, four hours, everybody sees it; it shows and changes nothing."""

from datetime import timedelta

import pytest
from tests.conftest import NOON

from citywatch.city.registry.services import grant, make_account
from citywatch.city.trace.models import Case
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Opening, Place, Role
from citywatch.mechanisms.jurisdiction.services import viewer_for
from citywatch.mechanisms.vault.services import enrol
from citywatch.mechanisms.vault.types import Identity

REASON = "病例正在本区车站，须立即核对密接"
CALLED = "刘应急"


@pytest.fixture
def cases(city, at_noon):
    """Two cases of Fengtai; the first bears a name."""
    home = Place.objects.get(code="110106")
    known = enrol(Identity(name=CALLED, phone="19900001234"), place=home, relation="responsible", at=NOON)
    facts = {"place": home, "hazard": "covid-19", "reported_at": NOON, "classification": "confirmed"}
    facts |= {"onset_date": NOON.date()}
    return [Case.objects.create(person=known, **facts), Case.objects.create(**facts)]


@pytest.fixture
def auditor(accounts, city, viewers):
    accounts["audit"] = make_account(username="audit", password="x", place=city, title_zh="审计", title_en="Audit")
    grant(accounts["audit"], role="auditor", place=city, by=viewers["duty_officer"], at=NOON)


def open_one(client, case, because=REASON):
    return client.post("/emergency/open/", {"number": f"C{case.pk:04d}", "because": because})


def test_a_case_of_another_district_opens_for_a_reason_and_closes_after_four_hours(cases, client_as, monkeypatch):
    client = client_as("investigator_xicheng")
    address = f"/trace/cases/{cases[0].pk}/"
    assert client.get(address).status_code == 404

    assert open_one(client, cases[0])["Location"] == address
    assert client.get(address).status_code == 200
    assert client.get(f"/trace/cases/{cases[1].pk}/").status_code == 404, "one case, not the district"
    name = client.post(f"/trace/cases/{cases[0].pk}/identity/", {"purpose": "核对密接"}).content.decode()
    assert CALLED in name
    assert Entry.objects.filter(kind="vault.opened", actor=Entry.objects.get(kind="emergency.opened").actor).exists()

    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(hours=4))
    assert client.get(address).status_code == 404
    assert client.post(f"/trace/cases/{cases[0].pk}/identity/", {"purpose": "再看"}).status_code == 404


def test_it_shows_and_changes_nothing(cases, client_as):
    client = client_as("investigator_xicheng")
    open_one(client, cases[0])
    before = list(Case.objects.values())
    posted = {
        "because": "x", "purpose": "x", "move": "close", "classification": "asymptomatic", "place": "110102",
        "days": "5", "onset_date": "2020-06-01", "said": "confirmed", "answer": "accept",
    }  # fmt: skip
    for page in ("interview", "interview/line", "classify", "move", "hand-over", "answer", "isolate"):
        answer = client.post(f"/trace/cases/{cases[0].pk}/{page}/", posted)
        assert answer.status_code in {403, 404, 409, 422}, (page, answer.status_code)

    assert list(Case.objects.values()) == before
    assert set(Entry.objects.values_list("kind", flat=True)) <= {"registry.role_granted", "emergency.opened"}


def test_it_reaches_for_no_ability_but_seeing(cases, accounts, client_as):
    open_one(client_as("investigator_xicheng"), cases[0])
    viewer = viewer_for(accounts["investigator_xicheng"], at=NOON)

    assert list(Case.objects.visible_to(viewer)) == [cases[0]]
    for ability in ("trace.investigate", "journal.read", "sense.view"):
        assert not Case.objects.visible_to(viewer, ability).exists()


def test_the_place_and_the_auditor_see_it_at_once_and_the_auditor_reviews_it(cases, auditor, client_as):
    opener, own, other = client_as("investigator_xicheng"), client_as("investigator"), client_as("duty_officer")
    open_one(opener, cases[0])
    for client in (own, other, client_as("audit")):
        assert REASON in client.get("/emergency/").content.decode()
    row = Opening.objects.get()
    judged = {"opening": row.pk, "justified": "no", "finding": "可等待属地"}
    assert own.post("/emergency/review/", judged).status_code == 403
    assert client_as("audit").post("/emergency/review/", {**judged, "finding": ""}).status_code == 422
    assert client_as("audit").post("/emergency/review/", judged).status_code == 302
    assert client_as("audit").post("/emergency/review/", judged).status_code == 422, "reviewed once"

    row.refresh_from_db()
    assert (row.justified, row.finding) == (False, "可等待属地")
    assert Entry.objects.get(kind="emergency.reviewed").body["justified"] is False


def test_the_desk_of_the_place_says_how_many_wait_for_a_review(cases, auditor, client_as):
    desk = client_as("duty_officer")
    assert "待复核" not in desk.get("/warn/").content.decode()
    open_one(client_as("investigator_xicheng"), cases[0])
    assert "1次应急授权待复核" in desk.get("/warn/").content.decode()

    judged = {"opening": Opening.objects.get().pk, "justified": "yes", "finding": "确需"}
    client_as("audit").post("/emergency/review/", judged)

    assert "待复核" not in desk.get("/warn/").content.decode()


def test_nobody_reviews_an_opening_of_their_own(cases, accounts, client_as):
    Role.objects.filter(code="investigator").update(abilities=["emergency.open", "emergency.see", "emergency.review"])
    client = client_as("investigator_xicheng")
    open_one(client, cases[0])
    row = Opening.objects.get()
    row.place = Place.objects.get(code="110102")  # handed over since
    row.save()

    judged = {"opening": row.pk, "justified": "yes", "finding": "x"}
    assert client.post("/emergency/review/", judged).status_code == 403


def test_no_reason_no_opening_and_a_wrong_number_is_on_record(cases, client_as):
    client = client_as("investigator_xicheng")
    assert open_one(client, cases[0], "急").status_code == 422
    absent = client.post("/emergency/open/", {"number": "99999", "because": REASON})
    assert absent.status_code == 404
    for wrong in ("", "abc", "9" * 25):
        assert client.post("/emergency/open/", {"number": wrong, "because": REASON}).status_code == 422

    assert not Opening.objects.exists()
    assert Entry.objects.get(kind="emergency.refused").body["number"] == 99999


def test_it_is_no_way_to_a_list(cases, client_as):
    facts = {"place": cases[0].place, "hazard": "covid-19", "reported_at": NOON, "classification": "confirmed"}
    more = [Case.objects.create(**facts) for _ in range(3)]
    client = client_as("investigator_xicheng")
    answers = [open_one(client, case).status_code for case in more]

    assert answers == [302, 302, 302]
    assert open_one(client, cases[0]).status_code == 422


def test_who_sees_a_case_anyway_needs_no_emergency_and_who_may_not_open_is_refused(cases, client_as):
    assert open_one(client_as("investigator"), cases[0]).status_code == 422
    for role in ("sentinel_nurse", "commander", "press", "lab"):
        assert open_one(client_as(role), cases[0]).status_code == 403


def test_opening_is_confirmed_first(cases, client_as, settings):
    settings.SIGN_IN_ENFORCED = True
    Role.objects.update(second_factor=False)

    assert open_one(client_as("investigator_xicheng"), cases[0])["Location"].startswith("/accounts/reauthenticate/")
