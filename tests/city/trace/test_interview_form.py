"""An interview typed in a hurry: short days and hours, lines kept one by one, and nothing doubled."""

from datetime import date

import pytest
from django.http import QueryDict
from tests.city.trace.conftest import ONSET, moment
from tests.city.trace.test_tracing import clock_of, contact, told

from citywatch.city.trace import interview_form
from citywatch.city.trace.models import Case, Contact, Stay
from citywatch.city.trace.types import StayTold
from citywatch.mechanisms.journal.models import Entry

HALL, OFFICE = "110106018-M01-1", "110106024-W01"
TODAY = date(2020, 6, 11)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("3", date(2020, 6, 3)),
        ("11", date(2020, 6, 11)),
        ("12", date(2020, 5, 12)),
        ("31", date(2020, 5, 31)),
        ("6-3", date(2020, 6, 3)),
        ("6/3", date(2020, 6, 3)),
        ("6月3日", date(2020, 6, 3)),
        ("0603", date(2020, 6, 3)),
        ("12-30", date(2019, 12, 30)),
        ("2020-06-03", date(2020, 6, 3)),
        ("20200603", date(2020, 6, 3)),
        ("2020-06-12", None),
        ("13-1", None),
        ("0", None),
        ("32", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_day_is_read_as_people_say_it_and_never_lies_ahead(text, day):
    assert interview_form.day_told(text, today=TODAY) == day


@pytest.mark.parametrize(
    ("first", "last", "span"),
    [
        ("9", "10", (moment(3, 9), moment(3, 10))),
        ("930", "10:45", (moment(3, 9).replace(minute=30), moment(3, 10).replace(minute=45))),
        ("22", "24", (moment(3, 22), moment(4, 0))),
        ("10", "9", None),
        ("9", "25", None),
        ("970", "10", None),
        ("", "10", None),
    ],
)
def test_hours_are_read_as_people_write_them(places, first, last, span):
    posted = QueryDict(mutable=True)
    posted.update({"stay_place": HALL, "stay_day": "3", "stay_from": first, "stay_to": last})
    found = interview_form.read(posted, today=TODAY)

    assert [(one.from_at, one.to_at) for one in found.stays] == ([span] if span else [])
    assert found.is_sound == (span is not None)


def test_an_empty_day_is_the_line_above_s(places):
    posted = QueryDict(mutable=True)
    for place, day, first, last in ((HALL, "3", "9", "10"), (OFFICE, "", "11", "12")):
        for name, value in zip(
            ("stay_place", "stay_day", "stay_from", "stay_to"), (place, day, first, last), strict=True
        ):
            posted.appendlist(name, value)

    assert [one.from_at for one in interview_form.read(posted, today=TODAY).stays] == [moment(3), moment(3, 11)]


@pytest.mark.parametrize(
    ("relation", "ground"), [("同事", "same_room"), ("family", "household"), ("", "judgement"), ("隔壁老王", None)]
)
def test_a_relation_gives_the_ground(places, relation, ground):
    posted = QueryDict(mutable=True)
    posted.update({"contact_name": "李四", "contact_relation": relation, "contact_last": "6-9"})
    found = interview_form.read(posted, today=TODAY)

    assert [one.ground for one in found.contacts] == ([ground] if ground else [])
    if ground:
        assert (found.contacts[0].first_at, found.contacts[0].kind) == (moment(9, 0), "close")


@pytest.fixture
def client(client_as, at_noon):
    return client_as("investigator")


def keep(client, number, **fields):
    answer = client.post(f"/trace/cases/{number}/interview/line/", fields)
    return answer.status_code, answer.json()


def test_a_line_kept_twice_is_one_stay_and_a_changed_line_corrects_it(case, client, places):
    number = case("张三")
    line = {"stay_place": f"{HALL} 1号厅", "stay_day": "3", "stay_from": "9", "stay_to": "10"}
    status, first = keep(client, number, **line)
    assert status == 200
    assert keep(client, number, **line, stay_row=first["stays"][0])[1] == first

    keep(client, number, **(line | {"stay_to": "11"}), stay_row=first["stays"][0])
    stay = Stay.objects.get()
    assert (stay.from_at, stay.to_at) == (moment(3), moment(3, 11))

    keep(client, number, stay_row=stay.pk, stay_place="", stay_day="3", stay_from="", stay_to="")
    assert not Stay.objects.exists()
    assert Entry.objects.get(kind="trace.stay_removed").body["stay"][0] == HALL


def test_a_draft_stops_no_clock_and_the_saved_interview_does(case, client, places):
    number = case("张三", onset=None)
    keep(client, number, onset_date="2020-06-08", occupation="", sex="M", age="40")
    row = Case.objects.get(pk=number)
    assert (row.onset_date, row.state) == (ONSET, "reported")
    assert clock_of(row, "investigation-core").running

    client.post(
        f"/trace/cases/{number}/interview/", {"onset_date": "2020-06-08", "sex": "M", "age": "40", "occupation": ""}
    )
    row.refresh_from_db()
    assert row.state == "core_done"


def test_what_is_wrong_with_a_line_is_said_beside_it_and_nothing_is_kept(case, client, places):
    number = case("张三")
    status, answer = keep(client, number, stay_place="没有的地方", stay_day="3", stay_from="9", stay_to="10")

    assert status == 422
    assert "没有这个地点" in answer["problem"]
    assert not Stay.objects.exists()


def test_a_contact_kept_by_its_line_is_not_told_again_by_the_form(case, client, places):
    number = case("张三")
    status, answer = keep(
        client, number, contact_name="李四", contact_phone="19911112222", contact_relation="同事", contact_last="6-9"
    )
    assert status == 200
    client.post(
        f"/trace/cases/{number}/interview/",
        {
            "onset_date": "2020-06-08",
            "contact_row": answer["contacts"],
            "contact_name": ["李四"],
            "contact_last": ["6-9"],
        },
    )

    assert Contact.objects.count() == 1


def test_reading_the_page_over_and_saving_it_changes_no_stay(case, client, places, viewers):
    number = case("张三")
    told(number, viewers["investigator"], stays=[StayTold(HALL, moment(3).replace(second=20), moment(3, 10))])
    Stay.objects.update(source="record")
    stay = Stay.objects.get()
    client.post(
        f"/trace/cases/{number}/interview/",
        {
            "onset_date": "2020-06-08",
            "stay_row": stay.pk,
            "stay_place": HALL,
            "stay_day": "06-03",
            "stay_from": "09:00",
            "stay_to": "10:00",
        },
    )

    assert Stay.objects.get() == stay
    assert Stay.objects.get().source == "record"


def test_the_page_is_filled_with_what_is_known(case, client, places, viewers, captured):
    number = case("张三")
    told(
        number, viewers["investigator"], stays=[StayTold(HALL, moment(3), moment(3, 10))], contacts=[contact(moment(8))]
    )
    person = Case.objects.get(pk=number).person_id
    captured([(person, places[OFFICE], moment(4), 8)])
    page = client.get(f"/trace/cases/{number}/interview/").content.decode()

    assert f'value="{HALL} 新发地批发市场1号厅"' in page
    assert "06-04 09:00–17:00" in page
    assert f"K{Contact.objects.get().pk:04d}" in page

    answer = client.post(
        f"/trace/cases/{number}/captured/",
        {
            "place_code": OFFICE,
            "from_at": moment(4).isoformat(),
            "to_at": moment(4, 17).isoformat(),
            "said": "confirmed",
        },
        headers={"accept": "application/json"},
    )
    assert answer.json() == {"said": "属实"}
    assert (
        "06-04 09:00–17:00"
        not in client.get(f"/trace/cases/{number}/interview/").content.decode().split('id="interview"')[0]
    )


def test_another_district_can_keep_no_line(case, client_as, at_noon, places):
    number = case("张三")
    answer = client_as("investigator_xicheng").post(
        f"/trace/cases/{number}/interview/line/", {"onset_date": "2020-06-08"}
    )

    assert answer.status_code == 404
