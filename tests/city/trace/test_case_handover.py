"""A case of another district is handed over: two rows, a receipt, one case that counts, and nothing vanishes."""

from datetime import timedelta

import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_evidence import HALL
from tests.city.trace.test_tracing import clock_of, contact, told
from tests.conftest import NOON

from citywatch.city.respond.facts import level_facts
from citywatch.city.trace import evidence, queries, services
from citywatch.city.trace.models import Case, Contact, Investigation, Stay
from citywatch.city.trace.types import StayTold
from citywatch.city.warn import services as warn
from citywatch.mechanisms.errors import Conflict, NotFound, Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.services import clocks_of
from citywatch.mechanisms.vault.services import masked_identities

HOUR = timedelta(hours=1)
XICHENG = "110102"


@pytest.fixture
def investigation(case, event, viewers):
    """Two cases of Fengtai who were in hall 1; the first began the episode and has told of it and of a contact."""
    cases = [case("张三"), case("王五")]
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    stays = [StayTold(HALL, moment(3), moment(3, 10))]
    told(cases[0], viewers["investigator"], stays=stays, contacts=[contact(moment(8))], complete=False)
    told(cases[1], viewers["investigator"], stays=stays)
    return Investigation.objects.get(pk=number)


@pytest.fixture
def given(investigation, viewers):
    """The first case, core information in, handed to Xicheng at NOON + 2 h."""
    row = Case.objects.order_by("pk")[0]
    number = services.hand_over_case(
        row.pk, XICHENG, by=viewers["investigator"], at=NOON + 2 * HOUR, because="lives in Xicheng"
    )
    row.refresh_from_db()
    return row, Case.objects.get(pk=number)


def accept(row, viewers):
    services.accept_case(row.pk, by=viewers["investigator_xicheng"], at=NOON + 3 * HOUR)
    row.refresh_from_db()
    return row


def decline(rows, viewers):
    services.decline_case(
        rows[1].pk, by=viewers["investigator_xicheng"], at=NOON + 3 * HOUR, because="lives in Chaoyang"
    )
    for row in rows:
        row.refresh_from_db()


def running(row):
    return {clock.code: clock.started_at for clock in clocks_of(row) if clock.running and clock.code != "card-2h"}


def test_the_giver_keeps_a_closed_row_and_the_receiver_gets_one_to_accept_within_twelve_hours(given, viewers):
    ours, theirs = given

    assert (ours.state, theirs.state) == ("handed_over", "offered")
    assert (theirs.from_row, theirs.place.code, theirs.title) == (ours, XICHENG, ours.title)
    assert clock_of(theirs, "case-handover").due_at == NOON + 14 * HOUR
    assert queries.cases_waiting(viewers["investigator_xicheng"]) == [theirs]
    assert queries.cases_waiting(viewers["investigator"]) == []
    assert [(one.row, one.taken) for one in queries.cases_given(viewers["investigator"])] == [(ours, theirs)]


def test_each_district_sees_its_own_row_alone(given, viewers):
    ours, theirs = given

    assert queries.case(viewers["investigator_xicheng"], theirs.pk) == theirs
    with pytest.raises(NotFound):
        queries.case(viewers["investigator_xicheng"], ours.pk)
    with pytest.raises(NotFound):
        queries.case(viewers["investigator"], theirs.pk)


def test_the_receiver_learns_who_it_is_and_the_journal_names_nobody(given, viewers):
    _, theirs = given

    assert masked_identities([theirs.person_id], by=viewers["investigator_xicheng"])[theirs.person_id].name == "张*"
    assert not any("张三" in str(entry.body).replace("B-张三", "") for entry in Entry.objects.all())


def test_from_the_offer_on_the_case_counts_once_with_what_it_told(given, investigation, viewers):
    before = [(one.code, one.cases, one.all_cases) for one in evidence.ranked(investigation)]
    dossier = queries.dossier(viewers["duty_officer"], investigation.pk, at=NOON)

    assert before[0] == (HALL, 2, 2)
    assert len(dossier.cases) == 2
    assert dossier.hidden_cases == 0
    assert queries.case_counts(viewers["duty_officer"]).by_district == {"110106": 1, XICHENG: 1}
    own = queries.dossier(viewers["investigator"], investigation.pk, at=NOON)
    assert (len(own.cases), own.hidden_cases) == (1, 1)


def test_its_clocks_run_on_at_the_receiver_and_the_sixteen_hours_go_along(given):
    ours, theirs = given

    assert running(ours) == {}
    assert running(theirs) == {
        "investigation-full": NOON, "source-lock": NOON, "case-handover": NOON + 2 * HOUR,
    }  # fmt: skip
    assert Clock.objects.filter(code="source-lock").count() == 1


def test_accepted_it_goes_on_where_it_stood_and_both_journals_say_so(given, viewers):
    ours, theirs = given
    accept(theirs, viewers)

    assert theirs.state == "core_done"
    assert not clock_of(theirs, "case-handover").running
    receipt = Entry.objects.get(kind="trace.case_taken_over")
    assert (receipt.place.code, receipt.subject_id) == ("110106", ours.pk)
    services.move_case(theirs.pk, "complete", by=viewers["investigator_xicheng"], at=NOON + 5 * HOUR)
    assert clock_of(theirs, "investigation-full").stopped_at == NOON + 5 * HOUR


def test_its_contacts_stay_with_their_district_and_follow_the_row_that_is_worked(given, viewers):
    _, theirs = given
    row = Contact.objects.get()

    assert (row.case, row.place.code) == (theirs, "110106")
    assert not queries.lines([row], viewers["investigator"], at=NOON)[0].opens_case


def test_sent_back_it_is_open_at_the_giver_where_it_stood_with_all_it_had(given, investigation, viewers):
    ours, theirs = given
    decline(given, viewers)

    assert (ours.state, theirs.state) == ("core_done", "declined")
    assert running(ours) == {"investigation-full": NOON, "source-lock": NOON}
    assert running(theirs) == {}
    assert Contact.objects.get().case == ours
    assert evidence.ranked(investigation)[0].cases == 2
    assert Entry.objects.get(kind="trace.case_sent_back").because == "lives in Chaoyang"

    again = services.hand_over_case(
        ours.pk, "110105", by=viewers["investigator"], at=NOON + 4 * HOUR, because="lives in Chaoyang"
    )
    assert Case.objects.get(pk=again).state == "offered"
    assert queries.cases_given(viewers["investigator"])[0].taken.pk == again


def test_a_case_not_yet_asked_comes_back_not_yet_asked(case, viewers):
    row = Case.objects.get(pk=case("张三"))
    number = services.hand_over_case(row.pk, XICHENG, by=viewers["investigator"], at=NOON + HOUR, because="x")
    rows = row, Case.objects.get(pk=number)
    decline(rows, viewers)

    assert row.state == "reported"
    assert running(row)["investigation-core"] == NOON


def test_nobody_works_on_a_case_that_is_on_its_way(given, viewers):
    ours, theirs = given
    for row, by in ((ours, viewers["investigator"]), (theirs, viewers["investigator_xicheng"])):
        with pytest.raises(Conflict, match="the district that has accepted it"):
            told(row.pk, by, stays=[StayTold(HALL, moment(4), moment(4, 10))])
        with pytest.raises(Conflict):
            services.move_case(row.pk, "discard", by=by, at=NOON + 3 * HOUR, because="negative")
        with pytest.raises(Conflict):
            services.hand_over_case(row.pk, "110105", by=by, at=NOON + 3 * HOUR, because="x")
        assert queries.lines([row], by, at=NOON)[0].moves == ()


def test_discarded_by_the_receiver_it_counts_nowhere_and_both_journals_say_so(given, investigation, viewers):
    ours, theirs = given
    accept(theirs, viewers)
    by = viewers["investigator_xicheng"]
    services.classify_case(theirs.pk, classification="suspected", by=by, at=NOON + 4 * HOUR, because="retest pending")
    services.move_case(theirs.pk, "discard", by=by, at=NOON + 5 * HOUR, because="retest negative")

    ours.refresh_from_db()
    assert (ours.state, ours.classification) == ("handed_over", "suspected")
    assert investigation.cases.count() - 2 == queries.case_counts(viewers["duty_officer"]).total == 1
    assert set(Entry.objects.filter(kind="trace.case_discard").values_list("subject_id", flat=True)) == {
        ours.pk,
        theirs.pk,
    }
    # The episode goes on, and its sixteen hours with the next positive.
    assert Clock.objects.get(code="source-lock", stopped_at=None).subject_id == Case.objects.order_by("pk")[1].pk


def test_it_may_go_on_to_a_third_district_and_is_still_one_case(given, investigation, viewers):
    _, theirs = given
    accept(theirs, viewers)
    services.hand_over_case(
        theirs.pk, "110105", by=viewers["investigator_xicheng"], at=NOON + 4 * HOUR, because="moved"
    )

    assert queries.case_counts(viewers["duty_officer"]).by_district == {"110106": 1, "110105": 1}
    assert len({one.title for one in Case.objects.all()}) == 2
    assert Stay.objects.count() == 4  # each of its three rows keeps what the case told


@pytest.mark.parametrize("to", ["110106", "110106018", "nowhere"])
def test_only_another_district_can_receive(case, viewers, to):
    with pytest.raises(Refusal):
        services.hand_over_case(case("张三"), to, by=viewers["investigator"], at=NOON, because="x")


def test_sending_back_needs_a_reason_and_a_row_is_answered_once(given, viewers):
    _, theirs = given
    by = viewers["investigator_xicheng"]
    with pytest.raises(Refusal):
        services.decline_case(theirs.pk, by=by, at=NOON + 3 * HOUR, because=" ")
    accept(theirs, viewers)
    with pytest.raises(Conflict):
        services.accept_case(theirs.pk, by=by, at=NOON + 3 * HOUR)


def test_the_giver_cannot_answer_for_the_receiver(given, viewers):
    with pytest.raises(NotFound):
        services.accept_case(given[1].pk, by=viewers["investigator"], at=NOON + 3 * HOUR)
    with pytest.raises(Conflict, match="nothing to answer"):
        services.accept_case(Case.objects.order_by("pk")[1].pk, by=viewers["investigator"], at=NOON + 3 * HOUR)


def test_a_positive_whose_case_is_on_its_way_waits_for_its_interview(case, viewers):
    number = case("张三", barcode="B-9")
    services.hand_over_case(number, XICHENG, by=viewers["investigator"], at=NOON, because="x")

    assert not queries.is_interviewed("B-9")
    assert queries.case_by_barcode("B-9") != number


def test_the_pages_hand_over_and_the_other_district_accepts_or_sends_back(investigation, client_as, at_noon):
    giver, receiver = client_as("investigator"), client_as("investigator_xicheng")
    first, second = Case.objects.order_by("pk")
    for row in (first, second):
        answer = giver.post(f"/trace/cases/{row.pk}/hand-over/", {"to": XICHENG, "because": "住西城"})
        assert answer.status_code == 303
    assert "移交外区的病例" in giver.get("/trace/").content.decode()
    page = giver.get(f"/trace/cases/{first.pk}/").content.decode()
    assert "已移交西城区" in page
    assert "/interview/" not in page
    assert giver.post(f"/trace/cases/{first.pk}/hand-over/", {"to": XICHENG, "because": "x"}).status_code == 409

    page = receiver.get("/trace/").content.decode()
    assert "外区移交的病例" in page
    assert "丰台区" in page
    theirs = list(Case.objects.filter(state="offered").order_by("pk"))
    assert "等待接收" in receiver.get(f"/trace/cases/{theirs[0].pk}/").content.decode()
    receiver.post(f"/trace/cases/{theirs[0].pk}/answer/", {"move": "accept"})
    receiver.post(f"/trace/cases/{theirs[1].pk}/answer/", {"move": "decline", "because": "住朝阳"})
    states = list(Case.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["handed_over", "complete", "core_done", "declined"]
    assert f"/trace/cases/{theirs[0].pk}/interview/" in receiver.get(f"/trace/cases/{theirs[0].pk}/").content.decode()


def test_for_the_response_a_case_counts_in_the_district_that_took_it_from_the_moment_it_did(given, viewers):
    proposal = warn.raise_red(hazard="covid-19", sample_id=1, street_code="110106018", at=NOON)
    warn.verify(proposal, by=viewers["duty_officer"], at=NOON, because="confirmed by the laboratory")
    verified = Entry.objects.get(kind="warn.event_verified")

    def districts(hours):
        at = NOON + hours * HOUR
        return level_facts(verified.subject_id, place_id=verified.place_id, at=at).district_codes

    theirs = accept(given[1], viewers)
    assert [districts(hours) for hours in (1, 2, 3)] == [("110106",), ("110106",), (XICHENG, "110106")]

    services.move_case(
        theirs.pk, "discard", by=viewers["investigator_xicheng"], at=NOON + 4 * HOUR, because="retest negative"
    )
    assert districts(4) == ("110106",)
