"""People the log saw beside a case, offered as contacts; and the ring beyond, cut down."""

from datetime import timedelta

import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_tracing import contact, told
from tests.conftest import NOON

from citywatch.city.trace import queries, rules, services
from citywatch.city.trace.models import Case, Contact
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.journal.models import Entry

SUPERMARKET, OFFICE, HALL = "110106018-R01", "110106024-W01", "110106018-M01-1"


@pytest.fixture
def beside(case, person, places, captured, viewers):
    """A case at its office (with a colleague for 8 h and a guest for 9 minutes) and in a crowded supermarket."""
    row = Case.objects.get(pk=case("张三"))
    colleague, guest, shopper, earlier = (person(name) for name in ("同事甲", "访客乙", "顾客丙", "早客丁"))
    rows = [
        (row.person_id, places[OFFICE], moment(8), 8),
        (colleague.pk, places[OFFICE], moment(8), 8),
        (guest.pk, places[OFFICE], moment(8), 9 / 60),
        (row.person_id, places[SUPERMARKET], moment(7), 1),
        (shopper.pk, places[SUPERMARKET], moment(7), 1),
        (row.person_id, places[OFFICE], moment(3), 8),  # before it could infect
        (earlier.pk, places[OFFICE], moment(3), 8),
    ]
    rows += [(5_000_000 + i, places[SUPERMARKET], moment(6), 1) for i in range(299)]
    captured(rows)
    return row, colleague, shopper


def people(found):
    return [one.person_id for one in found.rows]


def test_candidates_are_those_long_enough_beside_an_infectious_case_the_largest_dose_first(beside, viewers):
    row, colleague, shopper = beside
    found = queries.beside(viewers["investigator"], row, at=NOON)

    assert people(found) == [colleague.pk, shopper.pk]
    first, second = found.rows
    assert (first.minutes, first.ground, first.crowd) == (480, "same_room", 3)
    assert first.dose == pytest.approx(480 * 1.5)
    assert second.ground == "closed_venue"
    assert second.dose == pytest.approx(60 * 30 / 301)
    assert first.name == "同**"


def test_whoever_is_listed_already_and_every_case_of_the_investigation_is_left_out(
    beside, case, event, viewers, captured
):
    from citywatch.mechanisms.jurisdiction.models import Place

    row, colleague, shopper = beside
    services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    other = Case.objects.get(pk=case("王五"))
    captured([(other.person_id, Place.objects.get(code=OFFICE), moment(8), 8)])
    row.refresh_from_db()
    services.list_candidates(row.pk, [shopper.pk], by=viewers["investigator"], at=NOON)

    assert people(queries.beside(viewers["investigator"], row, at=NOON)) == [colleague.pk]


def test_those_ticked_become_close_contacts_with_ground_place_and_clock(beside, viewers, places):
    row, colleague, _ = beside
    services.list_candidates(row.pk, [colleague.pk], by=viewers["investigator"], at=NOON)

    made = Contact.objects.get()
    assert (made.person, made.kind, made.ground, made.visited) == (colleague, "close", "same_room", places[OFFICE])
    assert (made.first_at, made.last_at) == (moment(8), moment(8, 17))
    assert queries.contacts_of(viewers["investigator"], row, at=NOON)[0].clock.code == "contact-transfer"
    assert Entry.objects.get(kind="trace.contact_listed").body["captured"]["minutes"] == 480


def test_a_number_that_is_no_candidate_is_refused_whatever_page_it_came_from(beside, person, viewers):
    row, *_ = beside
    with pytest.raises(Refusal, match="no longer candidates"):
        services.list_candidates(row.pk, [person("无关").pk], by=viewers["investigator"], at=NOON)
    with pytest.raises(Refusal, match="Nobody was chosen"):
        services.list_candidates(row.pk, [], by=viewers["investigator"], at=NOON)
    with pytest.raises(NotFound):
        services.list_candidates(row.pk, [1], by=viewers["investigator_xicheng"], at=NOON)
    assert not Contact.objects.exists()


def test_after_isolation_nobody_stands_beside_the_case(beside, viewers):
    row, _, shopper = beside
    services.isolate_case(row.pk, isolated_at=moment(8), by=viewers["investigator"], at=NOON)
    row.refresh_from_db()

    assert people(queries.beside(viewers["investigator"], row, at=NOON)) == [shopper.pk]


def test_the_second_ring_keeps_to_its_thresholds_and_names_the_close_contact(beside, person, viewers, captured, places):
    row, colleague, _ = beside
    services.list_candidates(row.pk, [colleague.pk], by=viewers["investigator"], at=NOON)
    friend, brief, crowd = (person(name) for name in ("朋友", "路人", "人群"))
    hour = rules.RING_MINUTES / 60
    captured(
        [
            (colleague.pk, places[OFFICE], moment(9), hour),
            (friend.pk, places[OFFICE], moment(9), hour),
            (brief.pk, places[OFFICE], moment(9), hour - 2 / 60),
            (colleague.pk, places[HALL], moment(10), 2),
            (crowd.pk, places[HALL], moment(10), 2),
            *((6_000_000 + i, places[HALL], moment(10, 15), 1) for i in range(rules.RING_LARGEST)),
        ]
    )
    found = queries.second_ring(viewers["investigator"], row, at=NOON)

    assert people(found) == [friend.pk]
    assert found.rows[0].through == Contact.objects.get()
    services.list_candidates(row.pk, [friend.pk], ring=2, by=viewers["investigator"], at=NOON)
    second = Contact.objects.get(kind="second")
    assert second.through.person == colleague


def test_the_page_says_why_the_second_ring_has_thresholds_and_journals_each_look(beside, client_as, at_noon):
    row, colleague, _ = beside
    client = client_as("investigator")
    page = client.get(f"/trace/cases/{row.pk}/beside/?ring=2").content.decode()

    assert "93%" in page
    assert Entry.objects.filter(kind="trace.records_read", because="ring 2").count() == 1
    answer = client.post(f"/trace/cases/{row.pk}/beside/", {"person": [colleague.pk], "ring": "1"})
    assert answer.status_code == 303
    assert Contact.objects.get().person == colleague
    assert client_as("duty_officer").get(f"/trace/cases/{row.pk}/beside/").status_code == 403


def test_a_second_contact_told_is_linked_to_its_close_contact_and_to_no_stranger_s(case, viewers):
    by = viewers["investigator"]
    number = case("张三")
    told(number, by, contacts=[contact(moment(8))])
    close = Contact.objects.get()
    told(number, by, contacts=[_second(close.pk)])
    assert Contact.objects.get(kind="second").through == close

    other = case("王五")
    with pytest.raises(Refusal, match="not a close contact"):
        told(other, by, contacts=[_second(close.pk)])


def _second(through):
    from citywatch.city.trace.types import ContactTold
    from citywatch.mechanisms.vault.types import Identity

    last = moment(9)
    return ContactTold(Identity(name="孙七"), "second", "household", last - timedelta(hours=1), last, None, through)
