"""A case's fortnight, filled from what was told and from what was captured and recorded."""

from datetime import date, timedelta

import pytest
from tests.city.trace.conftest import ONSET, moment
from tests.city.trace.test_tracing import contact, told
from tests.conftest import NOON

from citywatch.city.trace import queries, services
from citywatch.city.trace.models import Case, Contact, Stay
from citywatch.city.trace.types import StayTold
from citywatch.mechanisms.errors import NotAllowed, NotFound, Refusal
from citywatch.mechanisms.journal.models import Entry

HALL, MARKET, SUPERMARKET, OFFICE = "110106018-M01-1", "110106018-M01", "110106018-R01", "110106024-W01"
HOUR = timedelta(hours=1)


@pytest.fixture
def one(case, viewers, places, captured):
    """A case that told of the hall and the office, and was captured in the market and twice in the supermarket."""
    number = case("张三")
    row = Case.objects.get(pk=number)
    stays = [StayTold(HALL, moment(3), moment(3, 10)), StayTold(OFFICE, moment(4), moment(4, 17))]
    told(number, viewers["investigator"], stays=stays)
    captured(
        [
            (row.person_id, places[MARKET], moment(3), 1),
            (row.person_id, places[SUPERMARKET], moment(4, 10), 1),
            (row.person_id, places[SUPERMARKET], moment(5), 1),
            (row.person_id + 999, places[SUPERMARKET], moment(5), 1),
        ]
    )
    return row


def lines(viewer, row):
    found = queries.timeline(viewer, row, at=NOON)
    return {(line.source, line.from_at.day): line for line in found.lines}


def test_told_and_captured_at_one_place_is_one_line_and_certain(one, viewers):
    found = lines(viewers["investigator"], one)

    assert found["interview", 3].certainty == "confirmed"
    assert ("visit", 3) not in found


def test_told_in_the_office_and_captured_in_the_supermarket_contradict_each_other(one, viewers):
    found = lines(viewers["investigator"], one)

    assert "Scanned visit says 10:00–11:00 Everyone's Supermarket" in found["interview", 4].conflict.en
    assert "Interview says 09:00–17:00 A Company" in found["visit", 4].conflict.en
    assert found["visit", 5].conflict is None


@pytest.mark.parametrize(("minutes", "contradicts"), [(14, False), (15, True)])
def test_a_few_minutes_elsewhere_are_no_contradiction(one, viewers, captured, minutes, contradicts):
    from citywatch.mechanisms.jurisdiction.models import Place

    told(one.pk, viewers["investigator"], stays=[StayTold(OFFICE, moment(6), moment(6, 10))])
    captured([(one.person_id, Place.objects.get(code=SUPERMARKET), moment(6, 10) - timedelta(minutes=minutes), 1)])

    assert (lines(viewers["investigator"], one)["visit", 6].conflict is not None) is contradicts


def test_who_may_not_investigate_sees_what_was_told_and_that_more_is_withheld(one, viewers):
    found = queries.timeline(viewers["duty_officer"], one, at=NOON)
    allowed = queries.timeline(viewers["investigator"], one, at=NOON)

    assert {line.source for line in found.lines} == {"interview"}
    assert found.withheld
    assert not allowed.withheld


def test_more_is_withheld_of_a_case_without_a_date_too_and_its_page_opens(one, client_as, viewers, at_noon):
    Case.objects.filter(pk=one.pk).update(onset_date=None, sampled_on=None)
    undated = Case.objects.get(pk=one.pk)

    assert queries.timeline(viewers["duty_officer"], undated, at=NOON).withheld
    assert client_as("duty_officer").get(f"/trace/cases/{one.pk}/").status_code == 200


def test_another_district_sees_no_case_at_all(one, viewers):
    with pytest.raises(NotFound):
        queries.case(viewers["investigator_xicheng"], one.pk)
    with pytest.raises(NotAllowed):  # not even with the row in hand
        services.note_reading(one, what="timeline", by=viewers["investigator_xicheng"], at=NOON)


def test_every_look_at_a_persons_records_is_journaled_and_one_without_them_is_not(one, client_as, at_noon):
    client_as("duty_officer").get(f"/trace/cases/{one.pk}/")
    assert not Entry.objects.filter(kind="trace.records_read").exists()

    client_as("investigator").get(f"/trace/cases/{one.pk}/")
    entry = Entry.objects.get(kind="trace.records_read")
    assert entry.subject_id == one.pk
    assert entry.body["person_id"] == one.person_id


def test_a_purchase_and_a_sample_of_the_person_stand_in_the_timeline(one, viewers, monkeypatch, places):
    from types import SimpleNamespace

    from citywatch.city.lab import queries as lab
    from citywatch.city.sense import queries as sense

    bought = SimpleNamespace(
        stream="pharmacy",
        place_id=places["110106018-H01"].pk,
        occurred_at=moment(7, 18),
        answers={"drug_name": "布洛芬"},
    )
    samples = [
        SimpleNamespace(
            place_id=places[code].pk, ordered_at=moment(9), resulted_at=moment(10), barcode="B", state="positive"
        )
        for code in ("110106018-H01", "110000")
    ]
    monkeypatch.setattr(sense, "submissions_of_person", lambda viewer, person: [bought])
    monkeypatch.setattr(lab, "samples_of_person", lambda person: samples)
    found = [
        (line.source, line.certainty, str(line.what))
        for line in queries.timeline(viewers["investigator"], one, at=NOON).lines
    ]

    assert ("pharmacy", "recorded", "布洛芬") in found
    # The second sample was taken where this investigator has no right to look.
    assert [source for source, *_ in found].count("sample") == 1
    assert ("result", "recorded", "positive") in found


def test_a_captured_visit_confirmed_becomes_a_stay_and_denied_again_takes_it_back(one, viewers, places):
    by = viewers["investigator"]
    visit = {"place_code": SUPERMARKET, "from_at": moment(5), "to_at": moment(5, 10)}
    services.answer_captured(one.pk, **visit, said="confirmed", by=by, at=NOON)
    assert Stay.objects.get(visited=places[SUPERMARKET]).source == "record"
    assert ("visit", 5) not in lines(by, one)

    services.answer_captured(one.pk, **visit, said="denied", by=by, at=NOON)
    assert not Stay.objects.filter(visited=places[SUPERMARKET]).exists()
    assert lines(by, one)["visit", 5].certainty == "denied"
    assert not lines(by, one)["visit", 5].is_open


def test_a_corrected_visit_is_a_stay_at_the_hours_told(one, viewers, places):
    services.answer_captured(
        one.pk,
        place_code=SUPERMARKET,
        from_at=moment(5),
        to_at=moment(5, 10),
        said="corrected",
        really=(moment(5, 8), moment(5, 9)),
        by=viewers["investigator"],
        at=NOON,
    )

    stay = Stay.objects.get(visited=places[SUPERMARKET])
    assert (stay.from_at, stay.to_at, stay.source) == (moment(5, 8), moment(5, 9), "interview")


def test_nobody_can_answer_for_a_visit_that_was_never_captured(one, viewers):
    with pytest.raises(NotFound, match="was captured then"):
        services.answer_captured(
            one.pk,
            place_code=OFFICE,
            from_at=moment(5),
            to_at=moment(5, 10),
            said="confirmed",
            by=viewers["investigator"],
            at=NOON,
        )


def test_isolation_ends_the_infectious_window_and_lets_later_contacts_go(one, viewers):
    by = viewers["investigator"]
    early, late = contact(moment(8)), contact(moment(10, 12), name="赵六", first=moment(10, 11))
    told(one.pk, by, contacts=[early, late])
    assert set(Contact.objects.values_list("kind", flat=True)) == {"close"}

    gained, lost = services.isolate_case(one.pk, isolated_at=moment(10, 8), by=by, at=NOON)

    assert (gained, lost) == (0, 1)
    assert dict(Contact.objects.values_list("last_at", "kind")) == {moment(8): "close", moment(10, 12): "general"}
    days = {day.day: day for day in queries.timeline(by, Case.objects.get(pk=one.pk), at=NOON).days}
    assert days[date(2020, 6, 10)].infectious
    assert days[date(2020, 6, 10)].isolated
    assert days[ONSET].infectious


def test_isolation_in_the_future_is_refused(one, viewers):
    with pytest.raises(Refusal, match="future"):
        services.isolate_case(one.pk, isolated_at=NOON + HOUR, by=viewers["investigator"], at=NOON)
