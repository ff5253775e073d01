"""Contacts who wait at home are looked in on by their neighbourhood committee, and by nobody else."""

from datetime import timedelta

import pytest
from django.test import Client
from tests.city.trace.conftest import moment
from tests.conftest import NOON

from citywatch.city.registry.services import NewSite, add_sites, grant, make_account
from citywatch.city.trace import services
from citywatch.city.trace.models import Case, Contact, Visiting
from citywatch.city.trace.queries.visiting import visit_lists
from citywatch.city.trace.types import ContactTold, CoreTold
from citywatch.city.warn.counting import count
from citywatch.city.warn.types import SeriesKey
from citywatch.mechanisms.errors import NotAllowed, NotFound
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine, viewer_for
from citywatch.mechanisms.vault.services import make_known
from citywatch.mechanisms.vault.types import Identity

pytestmark = pytest.mark.django_db
HUAXIANG, XINCUN, XICHENG = "110106018-G01", "110106024-G01", "110102009-G01"
FORM, LIST = "/sense/forms/home-visit/", "/trace/visits/"
SOMEBODY = 'aria-label="K'


@pytest.fixture
def workers(places, city, at_noon):
    """Three committees' grid workers and Huaxiang's street office, by the code of their place."""
    add_sites(
        [
            NewSite(
                code, code.split("-", maxsplit=1)[0], "institution", f"{code}居委会", f"Committee {code}", 116.3, 39.8,
                institution_kind="committee", streams=("visit",),
            )
            for code in (HUAXIANG, XINCUN, XICHENG)
        ]
    )  # fmt: skip
    system = machine("set-up", place=city, abilities=["registry.grant"])
    made = {}
    for code, role in {
        HUAXIANG: "grid_worker", XINCUN: "grid_worker", XICHENG: "grid_worker", "110106018": "street_office",
    }.items():  # fmt: skip
        place = Place.objects.get(code=code)
        made[code] = make_account(username=code, password="x", place=place, title_zh=code, title_en=code)
        grant(made[code], role=role, place=place, by=system, at=NOON)
    return made


@pytest.fixture
def viewer(workers):
    return lambda code: viewer_for(workers[code], at=NOON)


@pytest.fixture
def page(workers):
    """What somebody sees at an address."""

    def sign_in(code):
        client = Client(headers={"accept-language": "en"})
        client.force_login(workers[code])
        return client

    return sign_in


@pytest.fixture
def contacts(case, viewers):
    """Two close contacts of a case of Fengtai."""
    number = case("张三")
    met = moment(10)
    told = [
        ContactTold(
            Identity(name=name, phone=phone, address="花乡1号"), "close", "household", met - timedelta(hours=1), met
        )
        for name, phone in (("李四光", "19911112222"), ("王五", "19933334444"))
    ]
    services.record_interview(
        number, stays=(), contacts=told, core=CoreTold(), by=viewers["investigator"], at=NOON, complete=False
    )
    return list(Contact.objects.filter(case_id=number).order_by("pk"))


@pytest.fixture
def visited(contacts, viewers, workers):
    """The first of them is visited by the committee in Huaxiang."""
    services.ask_visits([contacts[0].pk], HUAXIANG, by=viewers["investigator"], at=NOON - timedelta(hours=3))
    return contacts[0]


def visit(client, contact, hour=11, **more):
    told = {"visited_at": f"2020-06-11T{hour:02}:00", "contact": contact.title, "reached": "seen", "ill": "N"}
    answer = client.post(FORM, {**told, "site": HUAXIANG, "token": f"t-{hour}", **more})
    assert answer.status_code == 302, answer.content.decode()


def text(response):
    return response.content.decode()


def test_a_worker_sees_who_is_to_be_visited_by_his_committee_and_nobody_else(visited, contacts, page):
    own = text(page(HUAXIANG).get(LIST))

    assert visited.title in own
    assert "李**" in own
    assert "李四光" not in own
    assert contacts[1].title not in own
    for other in (XINCUN, XICHENG):
        assert SOMEBODY not in text(page(other).get(LIST))


def test_what_is_found_at_the_door_ends_the_wait_and_stays_with_the_committee(visited, page, viewer):
    worker = page(HUAXIANG)
    assert f"contact={visited.title}" in text(worker.get(LIST))

    visit(worker, visited)

    found = visit_lists(viewer(HUAXIANG), at=NOON)
    assert ([one.number for one in found.done], found.due, found.concerns) == ([visited.title], (), ())
    assert Submission.objects.get().place.code == HUAXIANG


def test_a_visit_in_the_very_minute_it_was_asked_for_counts(contacts, page, viewers):
    asked = NOON + timedelta(seconds=40)
    services.ask_visits([contacts[0].pk], HUAXIANG, by=viewers["investigator"], at=asked)
    visit(page(HUAXIANG), contacts[0], 12)

    assert visit_lists(viewers["investigator"], at=asked).counts["done"] == 1


def test_a_symptom_is_a_finding_of_its_stream_and_stands_first_before_the_street(visited, page):
    visit(page(HUAXIANG), visited, ill="Y", symptoms=["fever"], status="new", temperature="38.2", needs=["dialysis"])

    told = text(page("110106018").get(LIST))
    assert Submission.objects.get().findings == ["fever"]
    assert told.index("To be seen to") < told.index("38.2") < told.index("To be visited today")
    assert "Dialysis" in told
    assert "Visit again" not in told  # the street looks on, and reports for no committee


def test_detection_counts_the_symptom_in_the_committee_s_street(visited, page):
    visit(page(HUAXIANG), visited, ill="Y", symptoms=["fever"], status="new", temperature="38.2")
    export.catch_up()

    counted = count(NOON)
    key = SeriesKey("visit", "fever", "reporting", Place.objects.get(code="110106018").pk)
    assert counted.row(key)[-1] == 1


def test_the_list_of_a_whole_district_asks_the_database_fifteen_questions_at_most(
    visited, page, client_as, django_assert_max_num_queries
):
    visit(page(HUAXIANG), visited, ill="Y", symptoms=["fever"], status="new", temperature="38.2")
    district = client_as("investigator")

    for client in (district, page(HUAXIANG)):
        with django_assert_max_num_queries(15):
            assert client.get(LIST).status_code == 200


def test_who_was_not_reached_twice_in_a_row_is_told_to_the_street_and_the_district(visited, page, viewer, viewers):
    worker = page(HUAXIANG)
    visit(worker, visited, 10, reached="no")
    assert not visit_lists(viewer("110106018"), at=NOON).concerns

    visit(worker, visited, 11, reached="no")
    for who in (viewer("110106018"), viewers["investigator"]):
        (one,) = visit_lists(who, at=NOON).concerns
        assert (one.missed, one.is_done) == (2, False)
    assert not visit_lists(viewers["investigator_xicheng"], at=NOON).concerns

    visit(worker, visited, 12)
    assert not visit_lists(viewer("110106018"), at=NOON).concerns


def test_what_another_committee_says_under_the_number_counts_for_nobody_and_is_named(visited, contacts, page, viewers):
    services.ask_visits([contacts[1].pk], XINCUN, by=viewers["investigator"], at=NOON - timedelta(hours=3))
    told = {"visited_at": "2020-06-11T11:00", "contact": visited.title, "reached": "seen", "ill": "N"}
    page(XINCUN).post(FORM, {**told, "site": XINCUN, "token": "t"})

    found = visit_lists(viewers["investigator"], at=NOON)
    assert {one.number for one in found.due} == {one.title for one in contacts}
    assert [(one.visit.number, one.site) for one in found.strays] == [(visited.title, f"Committee {XINCUN}")]
    assert "is on no list of theirs" in text(page(XINCUN).get(LIST))


def test_a_name_is_opened_for_the_visit_alone_and_on_record(visited, page):
    number = Visiting.objects.get().pk
    told = text(page(HUAXIANG).post(f"{LIST}{number}/identity/"))

    assert "李四光" in told
    assert "花乡1号" in told
    entry = Entry.objects.get(kind="vault.opened")
    assert (entry.because, entry.place.code, entry.subject_id) == ("居家随访", HUAXIANG, visited.person_id)
    for other in (XINCUN, "110106018"):
        assert page(other).post(f"{LIST}{number}/identity/").status_code == 404


@pytest.mark.parametrize("why", ["moved", "ended", "days over", "handed over"])
def test_when_the_visits_are_over_the_worker_sees_and_opens_nothing(visited, page, viewer, viewers, why):
    row, by = Visiting.objects.get(), viewers["investigator"]
    if why == "moved":
        services.move_contact(visited.pk, "transfer", by=by, at=NOON)
    elif why == "ended":
        services.end_visits(row.pk, by=by, at=NOON, because="误排")
    elif why == "handed over":
        services.hand_over_contact(visited.pk, "110102", by=by, at=NOON, because="住西城")
    else:
        Visiting.objects.update(until=(NOON - timedelta(days=1)).date())

    assert SOMEBODY not in text(page(HUAXIANG).get(LIST))
    assert page(HUAXIANG).post(f"{LIST}{row.pk}/identity/").status_code == 404
    assert not Entry.objects.filter(kind="vault.opened").exists()


def test_the_district_says_who_visits_and_the_committee_cannot(contacts, workers, client_as, page):
    district = client_as("investigator")
    chosen = {"contact": [one.pk for one in contacts], "committee": HUAXIANG}
    assert page(HUAXIANG).post(f"{LIST}ask/", chosen).status_code == 403
    assert not Visiting.objects.exists()

    assert "/trace/visits/ask/" in text(district.get(LIST))
    assert district.post(f"{LIST}ask/", chosen).status_code == 303

    assert {one.place.code for one in Visiting.objects.all()} == {HUAXIANG}
    assert "李**" in text(district.get(LIST, headers={"accept-language": "en"}))
    assert Entry.objects.filter(kind="trace.visits_asked").count() == 2


def test_nobody_is_visited_twice_nor_by_another_district_nor_by_a_clinic(visited, contacts, viewers):
    by = viewers["investigator"]
    again = services.ask_visits([visited.pk], XINCUN, by=by, at=NOON)
    elsewhere = services.ask_visits([contacts[1].pk], XICHENG, by=by, at=NOON)

    assert "visits this person already" in again.refused[0].why.en
    assert "another district" in elsewhere.refused[0].why.en
    with pytest.raises(Exception, match="makes no home visits"):
        services.ask_visits([contacts[1].pk], "110106018-C01", by=by, at=NOON)
    assert Visiting.objects.count() == 1


def test_a_committee_that_knows_the_person_from_elsewhere_still_opens_no_list_but_its_own(visited, page):
    make_known([visited.person], at_places=[(Place.objects.get(code=XINCUN), "current")])

    assert page(XINCUN).post(f"{LIST}{Visiting.objects.get().pk}/identity/").status_code == 404


def test_another_district_neither_asks_nor_ends(visited, contacts, viewers):
    other, row = viewers["investigator_xicheng"], Visiting.objects.get()

    for who in (other, viewers["duty_officer"]):  # who sees a contact does not therefore decide about them
        assert services.ask_visits([contacts[1].pk], HUAXIANG, by=who, at=NOON).moved == ()
    with pytest.raises((NotAllowed, NotFound)):
        services.end_visits(row.pk, by=other, at=NOON, because="x")
    assert Case.objects.get().place.code == "110106"
    assert Visiting.objects.get().ended_at is None
