"""A contact of another district is handed over: two rows, a receipt, and nothing vanishes."""

from datetime import timedelta

import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_tracing import clock_of, contact, told
from tests.conftest import NOON

from citywatch.city.trace import queries, services
from citywatch.city.trace.models import Contact
from citywatch.mechanisms.errors import Conflict, NotFound, Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.vault.services import masked_identities

HOUR = timedelta(hours=1)


@pytest.fixture
def given(case, viewers):
    """A close contact of a Fengtai case, judged at NOON + 1 h and handed to Xicheng at NOON + 2 h."""
    told(case("张三"), viewers["investigator"], contacts=[contact(moment(8))])
    row = Contact.objects.get()
    number = services.hand_over_contact(
        row.pk, "110102", by=viewers["investigator"], at=NOON + 2 * HOUR, because="lives in Xicheng"
    )
    row.refresh_from_db()
    return row, Contact.objects.get(pk=number)


def test_the_giver_keeps_a_closed_row_and_the_receiver_gets_one_to_accept(given, viewers):
    ours, theirs = given

    assert (ours.state, theirs.state) == ("handed_over", "offered")
    assert theirs.from_row == ours
    assert ours.handed_to.get() == theirs
    assert theirs.place.code == "110102"
    assert [one.row for one in queries.handed_over_by(viewers["investigator"])] == [ours]
    assert queries.handed_over_to(viewers["investigator_xicheng"]) == [theirs]
    assert queries.handed_over_to(viewers["investigator"]) == []


def test_each_district_sees_its_own_row_alone(given, viewers):
    ours, theirs = given

    assert queries.contact(viewers["investigator_xicheng"], theirs.pk) == theirs
    with pytest.raises(NotFound):
        queries.contact(viewers["investigator_xicheng"], ours.pk)
    with pytest.raises(NotFound):
        queries.contact(viewers["investigator"], theirs.pk)


def test_the_receiver_learns_who_it_is_and_the_journal_names_nobody(given, viewers):
    _, theirs = given

    assert masked_identities([theirs.person_id], by=viewers["investigator_xicheng"])[theirs.person_id].name == "李*"
    assert not any("李四" in str(entry.body) for entry in Entry.objects.all())


def test_the_twelve_hours_run_on_across_the_hand_over(given, viewers):
    ours, theirs = given

    assert (
        clock_of(theirs, "contact-transfer").started_at == clock_of(ours, "contact-transfer").started_at == NOON + HOUR
    )
    assert not clock_of(ours, "contact-transfer").running
    assert clock_of(theirs, "contact-handover").due_at == NOON + 4 * HOUR


def test_accepted_it_is_worked_like_any_other_and_both_journals_say_so(given, viewers):
    ours, theirs = given
    by = viewers["investigator_xicheng"]
    services.accept_contact(theirs.pk, by=by, at=NOON + 3 * HOUR)
    services.move_contact(theirs.pk, "transfer", by=by, at=NOON + 4 * HOUR)

    theirs.refresh_from_db()
    assert theirs.state == "transferred"
    assert not clock_of(theirs, "contact-handover").running
    assert clock_of(theirs, "contact-transfer").stopped_at == NOON + 4 * HOUR
    receipt = Entry.objects.get(kind="trace.contact_taken_over")
    assert receipt.place.code == "110106"
    assert receipt.subject_id == ours.pk


def test_sent_back_it_is_open_at_the_giver_again_with_the_time_already_run(given, viewers):
    ours, theirs = given
    services.decline_contact(
        theirs.pk, by=viewers["investigator_xicheng"], at=NOON + 3 * HOUR, because="lives in Chaoyang"
    )

    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.state, theirs.state) == ("listed", "declined")
    running = [
        clock for clock in queries.contacts_of(viewers["investigator"], ours.case, at=NOON)[0].clocks if clock.running
    ]
    assert [(clock.code, clock.started_at) for clock in running] == [("contact-transfer", NOON + HOUR)]
    assert Entry.objects.get(kind="trace.contact_sent_back").because == "lives in Chaoyang"

    again = services.hand_over_contact(
        ours.pk, "110105", by=viewers["investigator"], at=NOON + 4 * HOUR, because="lives in Chaoyang"
    )
    assert Contact.objects.get(pk=again).state == "offered"
    assert queries.handed_over_by(viewers["investigator"])[0].taken.pk == again


def test_sending_back_needs_a_reason_and_a_row_is_answered_once(given, viewers):
    _, theirs = given
    by = viewers["investigator_xicheng"]
    with pytest.raises(Refusal):
        services.decline_contact(theirs.pk, by=by, at=NOON + 3 * HOUR, because=" ")
    services.accept_contact(theirs.pk, by=by, at=NOON + 3 * HOUR)
    with pytest.raises(Conflict):
        services.accept_contact(theirs.pk, by=by, at=NOON + 3 * HOUR)


def test_the_giver_cannot_answer_for_the_receiver_nor_pull_one_row_alone(given, viewers):
    ours, theirs = given
    with pytest.raises(NotFound):
        services.accept_contact(theirs.pk, by=viewers["investigator"], at=NOON + 3 * HOUR)
    for move in ("take_back", "hand_over", "accept", "decline"):
        with pytest.raises(Refusal, match="names the other district"):
            services.move_contact(ours.pk, move, by=viewers["investigator"], at=NOON + 3 * HOUR, because="mine")


@pytest.mark.parametrize("to", ["110106", "110106018", "nowhere"])
def test_only_another_district_can_receive(case, viewers, to):
    told(case("张三"), viewers["investigator"], contacts=[contact(moment(8))])
    with pytest.raises(Refusal):
        services.hand_over_contact(Contact.objects.get().pk, to, by=viewers["investigator"], at=NOON, because="x")


def test_a_person_told_of_again_is_the_row_the_other_district_works(given, case, viewers):
    ours, theirs = given
    told(ours.case_id, viewers["investigator"], contacts=[contact(moment(9), first=moment(8))])

    assert Contact.objects.count() == 2
    theirs.refresh_from_db()
    assert theirs.last_at == moment(9)


def test_many_go_at_once_and_those_that_cannot_are_named(case, viewers):
    by = viewers["investigator"]
    people = [contact(moment(8), name=name) for name in ("甲", "乙", "丙")]
    told(case("张三"), by, contacts=people)
    first, second, third = Contact.objects.order_by("pk")
    services.move_contact(second.pk, "drop", by=by, at=NOON, because="wrong person")

    done = services.move_contacts([first.pk, second.pk, third.pk, 999], "transfer", by=by, at=NOON + 2 * HOUR)

    assert done.moved == (first.pk, third.pk)
    assert [one.contact_id for one in done.refused] == [second.pk, 999]
    assert "Dropped" in done.refused[0].why.en
    assert "已排除" in done.refused[0].why.zh


def test_the_page_hands_over_and_the_other_district_s_page_accepts(case, viewers, client_as, at_noon):
    told(case("张三"), viewers["investigator"], contacts=[contact(moment(8)), contact(moment(9), name="赵六")], at=NOON)
    ids = list(Contact.objects.order_by("pk").values_list("pk", flat=True))
    giver, receiver = client_as("investigator"), client_as("investigator_xicheng")

    answer = giver.post(
        "/trace/contacts/move/", {"contact": ids, "move": "hand_over", "to": "110102", "because": "住西城"}
    )
    assert answer.status_code == 303
    assert "已移交外区" in giver.get("/trace/contacts/").content.decode()
    page = receiver.get("/trace/contacts/").content.decode()
    assert "外区移交" in page
    assert "丰台区" in page

    theirs = list(Contact.objects.filter(state="offered").order_by("pk"))
    receiver.post(f"/trace/contacts/{theirs[0].pk}/answer/", {"move": "accept"})
    receiver.post(f"/trace/contacts/{theirs[1].pk}/answer/", {"move": "decline", "because": "住朝阳"})
    assert sorted(Contact.objects.values_list("state", flat=True)) == ["declined", "handed_over", "listed", "listed"]


def test_nothing_ticked_is_said_in_a_sentence(client_as, viewers, at_noon):
    answer = client_as("investigator").post("/trace/contacts/move/", {"move": "transfer"})

    assert answer.status_code == 422
    assert "至少勾选一行" in answer.content.decode()
