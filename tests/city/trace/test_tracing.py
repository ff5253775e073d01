from datetime import date, timedelta

import pytest
from tests.city.trace.conftest import ONSET, moment
from tests.conftest import NOON

from citywatch.city.trace import queries, reactions, services
from citywatch.city.trace.models import Case, Contact, Investigation, RiskPoint, Stay
from citywatch.city.trace.types import ContactTold, CoreTold, StayTold
from citywatch.mechanisms.errors import Conflict, NotAllowed, NotFound, Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.vault.services import open_identities
from citywatch.mechanisms.vault.types import Identity

HOUR = timedelta(hours=1)


def clock_of(row, code):
    return Clock.objects.get(code=code, subject_kind=row._meta.label_lower, subject_id=row.pk)


def contact(last, *, name="李四", kind="close", ground="same_room", first=None):
    return ContactTold(Identity(name=name, phone="19911112222"), kind, ground, first or last - HOUR, last)


def told(case_id, by, *, stays=(), contacts=(), core=None, at=NOON + HOUR, complete=True):
    services.record_interview(
        case_id,
        stays=stays,
        contacts=contacts,
        core=core or CoreTold(onset_date=ONSET),
        by=by,
        at=at,
        complete=complete,
    )


def test_an_event_opens_one_investigation_in_its_district_and_takes_waiting_cases_along(case, event, viewers):
    first = case("张三")

    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="positive")
    again = services.open_investigation(event, by=viewers["duty_officer"], at=NOON + HOUR, because="twice")

    row = Investigation.objects.get(pk=number)
    assert again == number
    assert row.place.code == "110106"
    assert row.look_back_days == 2
    assert Case.objects.get(pk=first).investigation_id == number
    assert Entry.objects.filter(kind="trace.investigation_opened").count() == 1


def test_a_later_case_joins_the_open_investigation_and_does_not_restart_the_source_clock(case, event, viewers):
    first = case("张三")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    case("王五", at=NOON + 2 * HOUR)

    assert Case.objects.filter(investigation_id=number).count() == 2
    clock = Clock.objects.get(code="source-lock")
    assert clock.subject_id == first
    assert clock.due_at - clock.started_at == timedelta(hours=16)


def test_a_case_after_two_quiet_weeks_begins_a_new_episode(case):
    case("张三", at=NOON - timedelta(days=15))
    case("王五")

    assert Clock.objects.filter(code="source-lock").count() == 2


def test_core_information_stops_the_four_hour_clock_and_the_whole_report_the_day_s(case, viewers):
    row = Case.objects.get(pk=case("张三"))
    told(row.pk, viewers["investigator"], complete=False)
    assert clock_of(row, "investigation-core").stopped_at == NOON + HOUR
    assert clock_of(row, "investigation-full").running

    told(row.pk, viewers["investigator"], at=NOON + 5 * HOUR)
    assert clock_of(row, "investigation-full").stopped_at == NOON + 5 * HOUR
    row.refresh_from_db()
    assert row.state == "complete"


def test_an_interview_told_twice_doubles_nothing(case, places, viewers):
    number = case("张三")
    stay = StayTold("110106018-M01-1", moment(3), moment(3, 10))
    for _ in range(2):
        told(number, viewers["investigator"], stays=[stay], contacts=[contact(moment(8))])

    assert Stay.objects.count() == 1
    assert Contact.objects.count() == 1
    assert Entry.objects.filter(kind="trace.interview_recorded").count() == 2


def test_the_journal_of_an_interview_names_nobody(case, viewers):
    told(case("张三"), viewers["investigator"], contacts=[contact(moment(8), name="欧阳小花")])

    assert not any("欧阳" in str(entry.body) or "欧阳" in entry.because for entry in Entry.objects.all())


def test_a_contact_late_for_transfer_shows_late_and_a_moved_one_does_not(case, viewers):
    number = case("张三")
    by = viewers["investigator"]
    told(number, by, contacts=[contact(moment(8)), contact(moment(9), name="赵六")])
    first, second = Contact.objects.order_by("pk")
    services.move_contact(first.pk, "transfer", by=by, at=NOON + 3 * HOUR)

    at = NOON + 14 * HOUR  # judged at NOON + 1 h, so the 12 hours ended at NOON + 13 h
    assert [line.late for line in queries.contacts_of(by, Case.objects.get(pk=number), at=at)] == [False, True]
    assert queries.late_contacts(by, at=at) == 1
    assert queries.late_contacts(by, at=NOON + 12 * HOUR) == 0
    services.move_contact(second.pk, "drop", by=by, at=at, because="wrong person")
    assert queries.late_contacts(by, at=at) == 0


def test_looking_four_days_back_instead_of_two_changes_the_contacts_and_is_recorded(case, event, viewers):
    case_id = case("张三")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    told(case_id, viewers["investigator"], contacts=[contact(moment(5)), contact(moment(7), name="赵六")])
    assert sorted(Contact.objects.values_list("kind", flat=True)) == ["close", "general"]

    change = services.change_look_back(number, 4, by=viewers["duty_officer"], at=NOON + 2 * HOUR, because="new rule")

    assert change == (1, 0)
    assert set(Contact.objects.values_list("kind", flat=True)) == {"close"}
    assert Clock.objects.filter(code="contact-transfer", stopped_at__isnull=True).count() == 2
    body = Entry.objects.get(kind="trace.look_back_changed").body
    assert (body["before"], body["after"], body["became_close"]) == (2, 4, 1)
    assert services.change_look_back(number, 0, by=viewers["duty_officer"], at=NOON + 3 * HOUR, because="back") == (
        0,
        2,
    )


def test_a_corrected_onset_judges_the_contacts_anew(case, viewers):
    number = case("张三")
    told(number, viewers["investigator"], contacts=[contact(moment(5))])
    assert Contact.objects.get().kind == "general"

    told(number, viewers["investigator"], core=CoreTold(onset_date=date(2020, 6, 6)))

    assert Contact.objects.get().kind == "close"


def test_a_contact_already_in_quarantine_keeps_its_judgement(case, event, viewers):
    case_id = case("张三")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    told(case_id, viewers["investigator"], contacts=[contact(moment(7))])
    services.move_contact(Contact.objects.get().pk, "transfer", by=viewers["investigator"], at=NOON + HOUR)

    assert services.change_look_back(number, 0, by=viewers["duty_officer"], at=NOON, because="test") == (0, 0)
    assert Contact.objects.get().kind == "close"


def test_judging_a_contact_needs_a_reason_and_starts_its_clock(case, viewers):
    told(case("张三"), viewers["investigator"], contacts=[contact(moment(8), kind="second", ground="home")])
    row = Contact.objects.get()
    assert not Clock.objects.filter(code="contact-transfer").exists()
    by = viewers["investigator"]
    with pytest.raises(Refusal, match="reason"):
        services.judge_contact(row.pk, kind="close", ground="household", by=by, at=NOON, because=" ")

    services.judge_contact(row.pk, kind="close", ground="household", by=by, at=NOON, because="shared meals")

    assert clock_of(row, "contact-transfer").running


def test_publishing_a_risk_point_stops_the_source_clock_and_tells_those_downstream(case, event, places, viewers):
    case("张三")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    hall = places["110106018-M01-1"]
    at = NOON + 15 * HOUR

    point = services.publish_risk_point(number, hall.pk, by=viewers["investigator"], at=at, because="5 of 6 cases")

    assert Clock.objects.get(code="source-lock").stopped_at == at
    assert Investigation.objects.get(pk=number).state == "source_published"
    entry = Entry.objects.get(kind="trace.risk_point_published")
    assert entry.subject_kind == "trace.riskpoint"
    assert (entry.subject_id, entry.place) == (point, hall)
    assert (entry.body["investigation"], entry.body["event"], entry.body["place_code"]) == (number, 7, hall.code)
    assert queries.risk_points()[0].hours_from_first_positive == pytest.approx(15)
    with pytest.raises(Conflict, match="already published"):
        services.publish_risk_point(number, hall.pk, by=viewers["investigator"], at=at, because="again")


def test_a_risk_point_needs_a_reason_and_the_right_role(case, event, places, viewers):
    case("张三")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    hall = places["110106018-M01-1"].pk
    with pytest.raises(Refusal, match="reason"):
        services.publish_risk_point(number, hall, by=viewers["duty_officer"], at=NOON, because="")
    with pytest.raises(NotAllowed):
        services.publish_risk_point(number, hall, by=viewers["commander"], at=NOON, because="because")
    assert not RiskPoint.objects.exists()


def test_a_district_with_a_case_in_a_joint_investigation_sees_it_and_its_own_people_in_it(case, event, viewers):
    fengtai, xicheng = case("张三"), case("王五", district="110102")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    told(fengtai, viewers["investigator"], contacts=[contact(moment(8))])

    seen = queries.dossier(viewers["investigator_xicheng"], number, at=NOON)

    assert [line.row.pk for line in seen.cases] == [xicheng]
    assert seen.hidden_cases == 1
    assert seen.contacts == ()
    with pytest.raises((NotAllowed, NotFound)):
        services.close_investigation(number, by=viewers["investigator_xicheng"], at=NOON, because="not theirs to close")


def test_the_investigator_of_xicheng_sees_nothing_of_fengtai(case, event, viewers):
    fengtai = case("张三")
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    told(fengtai, viewers["investigator"], contacts=[contact(moment(8))])
    other = viewers["investigator_xicheng"]

    with pytest.raises(NotFound):
        queries.dossier(other, number, at=NOON)
    with pytest.raises(NotFound):
        queries.ranking(other, number)
    with pytest.raises(NotFound):
        told(fengtai, other)
    with pytest.raises(NotFound):
        services.move_contact(Contact.objects.get().pk, "notify", by=other, at=NOON)
    assert not queries.worklist(other).exists()
    assert not queries.investigations(other).exists()
    assert queries.case_counts(other).total == 0


def test_opening_an_identity_is_journaled_and_refused_to_another_district(case, viewers):
    row = Case.objects.get(pk=case("张三"))
    opened = open_identities([row.person_id], by=viewers["investigator"], purpose="interview", at=NOON)

    assert opened[row.person_id].name == "张三"
    assert Entry.objects.get(kind="vault.opened").because == "interview"
    with pytest.raises(NotFound):
        open_identities([row.person_id], by=viewers["investigator_xicheng"], purpose="curiosity", at=NOON)
    assert Entry.objects.filter(kind="vault.opened").count() == 1


def test_a_case_handed_to_a_district_becomes_known_there(case, viewers):
    row = Case.objects.get(pk=case("王五", district="110102"))

    assert open_identities([row.person_id], by=viewers["investigator_xicheng"], purpose="interview", at=NOON)


def positive(places, person, body=None):
    from citywatch.mechanisms.journal import services as journal
    from citywatch.mechanisms.jurisdiction.services import machine

    body = body or {"barcode": "T-1", "person_id": person("张三").pk, "submission": None, "sample": 1}
    by = machine("lab", place=places["110000"], abilities=["lab.result"])
    return journal.record("lab.sample_report_positive", place=places["110106018-H01"], by=by, at=NOON, **body)


def test_a_positive_sample_registers_one_case_however_often_it_is_told(places, person):
    entry = positive(places, person)

    reactions.register_case(entry)
    reactions.register_case(entry)

    row = Case.objects.get()
    assert (row.place.code, row.sample_barcode, row.sampled_on) == ("110106", "T-1", date(2020, 6, 11))
    assert row.classification == "asymptomatic"
    assert clock_of(row, "source-lock").started_at == NOON


def card(places, person_id, *, at, disease="0103"):
    from citywatch.mechanisms.journal import services as journal
    from citywatch.mechanisms.jurisdiction.services import machine

    by = machine("sender", place=places["110106018-H01"], abilities=["sense.submit"])
    body = {"person_id": person_id, "answers": {"disease": disease}}
    return journal.record("submitted.report-card", place=places["110106018-H01"], by=by, at=at, **body)


def test_a_positive_gives_the_hospital_two_hours_for_its_card_and_the_card_ends_them(places, person):
    entry = positive(places, person)
    reactions.register_case(entry)
    waiting = Clock.objects.get(code="card-2h")
    assert waiting.due_at - waiting.started_at == timedelta(hours=2)

    reactions.card_arrived(card(places, entry.body["person_id"], at=NOON + timedelta(hours=1), disease="3500"))
    assert Clock.objects.get(code="card-2h").running
    reactions.card_arrived(card(places, entry.body["person_id"], at=NOON + timedelta(hours=1)))

    assert Clock.objects.get(code="card-2h").stopped_at == NOON + timedelta(hours=1)


def test_a_second_positive_of_the_same_person_is_the_same_case(places, person):
    entry = positive(places, person)
    reactions.register_case(entry)

    reactions.register_case(positive(places, person, {**entry.body, "barcode": "T-2"}))

    assert Case.objects.count() == 1


def test_a_case_belongs_to_the_district_of_its_home(places, person):
    from citywatch.mechanisms.forms.models import Submission
    from citywatch.mechanisms.receipts.services import take

    receipt, _ = take(
        b"x", source="t", message_id="1", channel="api", form="f", place=places["110106018-H01"], sent_at=NOON, at=NOON
    )
    visit = Submission.objects.create(
        place=places["110106018-H01"],
        form="fever-clinic-visit",
        version=1,
        stream="fever",
        home_place=places["110102009"],
        occurred_at=NOON - 6 * HOUR,
        occurred_on=date(2020, 6, 11),
        reported_at=NOON,
        recorded_at=NOON,
        answers={"onset_date": "2020-06-08", "symptoms": ["fever"], "sex": "M", "age": 52, "age_unit": "Y"},
        natural_key="k",
        receipt=receipt,
        row=1,
    )
    body = {"barcode": "T-1", "person_id": person("张三").pk, "submission": visit.pk, "sample": 1}

    reactions.register_case(positive(places, person, body))

    row = Case.objects.get()
    assert (row.place.code, row.onset_date, row.sex, row.age, row.classification) == (
        "110102",
        ONSET,
        "M",
        52,
        "confirmed",
    )


def test_counts_by_day_district_and_occupation_add_up(case, viewers):
    case("张三")
    case("王五", district="110102", at=NOON + timedelta(days=1))
    discarded = case("错误")
    services.move_case(discarded, "discard", by=viewers["investigator"], at=NOON, because="mislabelled tube")

    counts = queries.case_counts(viewers["duty_officer"])

    assert counts.total == 2 == sum(counts.by_day.values()) == sum(counts.by_occupation.values())
    assert counts.by_district == {"110106": 1, "110102": 1}


def test_the_timeline_marks_exposure_and_infectious_days_and_shows_where_they_were(case, places, viewers, captured):
    number = case("张三")
    told(number, viewers["investigator"], stays=[StayTold("110106018-M01-1", moment(3), moment(3, 10))])
    row = Case.objects.select_related("investigation").get(pk=number)
    captured([(row.person_id, places["110106018-R01"], moment(4), 1)])

    days = {day.day: day for day in queries.timeline(viewers["investigator"], row, at=NOON).days}

    assert min(days) == date(2020, 5, 25)
    assert days[date(2020, 6, 3)].lines[0].place.code == "110106018-M01-1"
    assert days[date(2020, 6, 4)].lines[0].source == "visit"
    assert next(day for day in days if days[day].infectious) == date(2020, 6, 6)
    assert days[ONSET].onset
    assert not days[ONSET].exposure


def test_a_sample_leads_to_its_case_its_interview_and_the_contacts_still_waiting(case, viewers):
    number = case("张三", barcode="T-9")
    by = viewers["investigator"]
    assert queries.case_by_barcode("T-9") == number
    assert queries.case_by_barcode("T-0") is None
    assert queries.case_by_barcode("") is None
    assert not queries.is_interviewed("T-9")

    told(number, by, contacts=[contact(moment(8)), contact(moment(8), name="赵六", kind="second", ground="home")])

    assert queries.is_interviewed("T-9")
    close = Contact.objects.get(kind="close")
    assert queries.contacts_waiting(by, judged_before=NOON + HOUR) == [close.pk]
    assert queries.contacts_waiting(by, judged_before=NOON) == []
    services.move_contact(close.pk, "transfer", by=by, at=NOON + 2 * HOUR)
    assert queries.contacts_waiting(by, judged_before=NOON + 3 * HOUR) == []


def test_discarding_the_first_case_hands_the_source_clock_to_the_next_positive(case, event, viewers):
    first, second = case("张三"), case("王五", at=NOON + 2 * HOUR)
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON + 3 * HOUR, because="")

    services.move_case(first, "discard", by=viewers["investigator"], at=NOON + 4 * HOUR, because="retest negative")

    running = Clock.objects.get(code="source-lock", stopped_at__isnull=True)
    assert (running.subject_id, running.started_at) == (second, NOON + 2 * HOUR)
    point = services.publish_risk_point(
        number,
        Case.objects.get(pk=first).place_id,
        by=viewers["duty_officer"],
        at=NOON + 5 * HOUR,
        because="most cases",
    )
    assert RiskPoint.objects.get(pk=point).hours == 3
    assert not Clock.objects.filter(code="source-lock", stopped_at__isnull=True).exists()


def test_a_later_meeting_told_in_a_second_part_makes_the_contact_close(case, viewers):
    number = case("张三")
    told(number, viewers["investigator"], contacts=[contact(moment(1))], complete=False)
    assert Contact.objects.get().kind == "general"

    services.record_interview(
        number, stays=(), contacts=[contact(moment(7))], core=None, by=viewers["investigator"], at=NOON + 2 * HOUR
    )

    assert Contact.objects.get().kind == "close"
    assert clock_of(Contact.objects.get(), "contact-transfer").running


def test_a_contact_told_without_a_number_is_not_doubled_and_two_strangers_stay_two(case, viewers):
    number = case("张三")
    nameless = ContactTold(None, "close", "dining", moment(7), moment(7, 10))
    named = ContactTold(Identity(name="小李"), "close", "dining", moment(7), moment(7, 10))
    for _ in range(2):
        told(number, viewers["investigator"], contacts=[nameless, nameless, named])

    assert Contact.objects.count() == 3


def test_a_judgement_by_hand_holds_whatever_the_look_back(case, event, viewers):
    number = case("张三")
    inquiry = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    told(number, viewers["investigator"], contacts=[contact(moment(1))])
    row = Contact.objects.get()
    services.judge_contact(
        row.pk, kind="close", ground="judgement", by=viewers["investigator"], at=NOON + HOUR, because="one kitchen"
    )

    services.change_look_back(inquiry, 3, by=viewers["duty_officer"], at=NOON + 2 * HOUR, because="plan")

    assert Contact.objects.get().kind == "close"


def test_core_information_that_says_nothing_does_not_stop_the_four_hour_clock(case, viewers):
    number = case("张三", onset=None)
    Case.objects.filter(pk=number).update(classification="suspected")

    services.record_interview(
        number, stays=(), contacts=(), core=CoreTold(), by=viewers["investigator"], at=NOON + HOUR
    )

    assert clock_of(Case.objects.get(pk=number), "investigation-core").running


def test_an_event_of_another_district_looks_like_one_that_does_not_exist(case, event, viewers):
    services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")

    answers = set()
    for number in (event, 99):
        with pytest.raises(NotFound) as refused:
            services.open_investigation(number, by=viewers["investigator_xicheng"], at=NOON, because="")
        answers.add(type(refused.value))
    assert answers == {NotFound}


def test_a_positive_a_year_later_is_a_new_illness(places, person):
    reactions.register_case(positive(places, person))
    again = positive(places, person)
    again.body = {**again.body, "barcode": "B-later"}
    again.at = NOON + timedelta(days=365)

    reactions.register_case(again)

    assert Case.objects.count() == 2


def test_a_risk_point_at_a_place_nobody_knows_is_refused_in_words(case, event, viewers):
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")

    with pytest.raises(NotFound):
        services.publish_risk_point(number, 2**31, by=viewers["duty_officer"], at=NOON, because="typed")
