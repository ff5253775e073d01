"""Backward and forward are two questions: where were they infected, and where may they have spread it."""

import json
from datetime import timedelta

import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_evidence import HALL, MARKET, OFFICE, SUPERMARKET, ranks
from tests.city.trace.test_tracing import told
from tests.conftest import NOON

from citywatch.city.trace import queries, services, spreading
from citywatch.city.trace.models import Case, Contact, Investigation
from citywatch.city.trace.types import StayTold
from citywatch.mechanisms.errors import Refusal

DAY = timedelta(days=1)


@pytest.fixture
def investigation(case, event, captured, places, viewers):
    """Two cases ill since 8 June: in hall 1 on the 3rd, at the office on the 7th with three colleagues.

    The first told of an hour at the supermarket on the 9th, where 40 people were that hour and 300 before it.
    """
    cases = [case("张三"), case("王五")]
    people = [Case.objects.get(pk=pk).person_id for pk in cases]
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    captured([(person, places[HALL], moment(3), 1) for person in people])
    rows = [(person, places[OFFICE], moment(7), 8) for person in people]
    captured([*rows, *[(2_000_000 + i, places[OFFICE], moment(7), 4) for i in range(3)]])
    rows = [(3_000_000 + i, places[SUPERMARKET], moment(9, 10), 1) for i in range(40)]
    captured([*rows, *[(4_000_000 + i, places[SUPERMARKET], moment(9, 8), 1) for i in range(300)]])
    told(cases[0], viewers["investigator"], stays=[StayTold(SUPERMARKET, moment(9, 10), moment(9, 11))])
    return Investigation.objects.get(pk=number)


def test_forward_ranks_by_the_dose_of_those_beside_the_cases(investigation):
    office, supermarket = spreading.ranked(investigation, at=NOON)

    # Three colleagues, four hours each, beside two cases; an office weighs half again as much as a chance meeting.
    assert (office.code, office.cases, office.people, office.minutes) == (OFFICE, 2, 3, 3 * 240 * 2)
    assert office.dose == pytest.approx(1.5 * office.minutes)
    assert office.hours == 16
    # Forty people for an hour, in a crowd of 340 of whom thirty can be near.
    assert (supermarket.code, supermarket.cases, supermarket.people, supermarket.minutes) == (SUPERMARKET, 1, 40, 2400)
    assert supermarket.dose == pytest.approx(2400 * 30 / 340)
    assert office.because.en == (
        "2 of 2 cases were at A Company while they could infect, 16.0 hours in all; "
        "3 others were captured beside them for 10 minutes or longer, 1,440 person-minutes."
    )


def test_each_place_says_which_question_it_is_a_candidate_for(investigation, viewers):
    by = viewers["investigator"]
    back = {line.place.code: line for line in queries.what_if(by, investigation.pk, at=NOON).lines}
    forth = {
        line.place.code: line for line in queries.what_if(by, investigation.pk, at=NOON, direction="forward").lines
    }

    # The office day before onset lies in both windows; the hall only where they were infected; the shop only after.
    assert [(code, back[code].where_from, back[code].who_next) for code in (HALL, MARKET, OFFICE)] == [
        (HALL, 2, 0), (MARKET, 2, 0), (OFFICE, 2, 2),
    ]  # fmt: skip
    assert SUPERMARKET not in back
    assert [(code, forth[code].where_from, forth[code].who_next) for code in (OFFICE, SUPERMARKET)] == [
        (OFFICE, 2, 2), (SUPERMARKET, 0, 1),
    ]  # fmt: skip
    assert HALL not in forth


def test_isolation_ends_what_may_have_been_spread(investigation, viewers):
    for row in Case.objects.all():
        services.isolate_case(row.pk, isolated_at=moment(7, 10), by=viewers["investigator"], at=NOON)

    (office,) = spreading.ranked(investigation, at=NOON)

    assert (office.hours, office.minutes) == (2, 3 * 60 * 2)


def test_without_a_case_or_a_place_forward_changes_too_and_writes_nothing(investigation, viewers, places):
    first, second = Case.objects.order_by("pk")
    found = queries.what_if(
        viewers["investigator"],
        investigation.pk,
        at=NOON,
        direction="forward",
        without_cases=[second.pk],
        without_places=[places[OFFICE].pk],
    )

    assert [(line.place.code, line.rank, line.stands, line.left_out) for line in found.lines] == [
        (SUPERMARKET, 1, 2, False), (OFFICE, None, 1, True),
    ]  # fmt: skip
    assert found.power is None
    assert not Contact.objects.exists()
    only = spreading.ranked(investigation, at=NOON, without_cases=frozenset({first.pk}))
    # A case that was never reported is one more colleague who sat there for eight hours.
    assert (ranks(only)[OFFICE].people, ranks(only)[OFFICE].minutes) == (4, 3 * 240 + 480)


def test_a_case_is_nobody_s_neighbour_by_its_own_telling_and_told_and_scanned_is_one_time(
    investigation, viewers, captured, places
):
    row = Case.objects.order_by("pk").first()
    captured([(row.person_id, places[SUPERMARKET], moment(9, 10), 0.5)])

    supermarket = spreading.ranked(investigation, at=NOON)[1]

    assert (supermarket.hours, supermarket.people, supermarket.minutes) == (1, 40, 2400)


def test_where_nobody_was_captured_the_place_is_listed_last_and_says_so(investigation, viewers):
    row = Case.objects.order_by("pk").first()
    told(row.pk, viewers["investigator"], stays=[StayTold("110106018-M01-2", moment(10), moment(10, 11))])

    last = spreading.ranked(investigation, at=NOON + DAY)[-1]

    assert (last.code, last.people, last.dose) == ("110106018-M01-2", 0, 0)
    assert "未采集到" in last.because.zh


def test_a_direction_nobody_knows_is_refused(investigation, viewers):
    with pytest.raises(Refusal, match="use backward or forward"):
        queries.what_if(viewers["investigator"], investigation.pk, at=NOON, direction="sideways")


def test_the_case_page_tells_of_each_shared_place_what_it_is_a_candidate_for(investigation, viewers, places):
    row = Case.objects.order_by("pk").first()
    found = {one.place_id: one for one in queries.shared_places(viewers["investigator"], row, at=NOON)}

    hall, office = found[places[HALL].pk], found[places[OFFICE].pk]
    assert (hall.where_from, hall.who_next, hall.exposed_there, hall.infectious_there) == (True, False, 1, 0)
    assert (office.where_from, office.who_next, office.exposed_there, office.infectious_there) == (True, True, 1, 1)
    assert places[SUPERMARKET].pk not in found  # nobody else of the investigation was there


def test_whoever_may_not_see_records_is_told_only_of_places_that_were_told(investigation, viewers):
    row = Case.objects.order_by("pk").first()

    assert queries.shared_places(viewers["commander"], row, at=NOON) == ()


def test_the_page_switches_the_way_and_keeps_it_in_its_address(investigation, client_as, at_noon):
    client, path = client_as("investigator"), f"/trace/investigations/{investigation.pk}/"
    page = client.get(f"{path}?direction=forward").content.decode()

    assert "同处人数" in page
    assert f"{path}?direction=forward&amp;without_case=" in page
    assert client.get(f"{path}?direction=sideways").status_code == 422
    case_page = client.get(f"/trace/cases/{Case.objects.order_by('pk').first().pk}/").content.decode()
    assert "与其他病例的共同场所" in case_page
    assert case_page.count('data-candidate="next"') >= 1


def test_the_map_beside_it_answers_the_same_question(investigation, client_as, viewers, places, at_noon):
    client, path = client_as("investigator"), f"/trace/investigations/{investigation.pk}/"
    part = client.get(
        f"{path}?without_place={places[HALL].pk}", headers={"HX-Request": "true", "HX-Target": "places"}
    ).content.decode()

    assert '<div id="map-numbers" hidden hx-swap-oob="true">' in part
    ranking = queries.what_if(viewers["investigator"], investigation.pk, at=NOON, without_places=[places[HALL].pk])
    drawn = queries.map_of(viewers["investigator"], investigation.pk, ranking)
    assert [point["mark"] for point in drawn["points"]] == ["1", "– –"]  # the hall lies in its market
    assert "第1（原第3）" in part.split('id="map-ranks"')[1]
    assert [line.place.code for line in ranking.lines] == [OFFICE, HALL, MARKET]
    assert ranking.lines[0].rank_words.en == "rank 1 (stands 3)"
    assert "新发地批发市场1号厅" in drawn["caption"]
    assert json.dumps(drawn["caption"])[1:-1] in part


def test_without_a_case_its_district_s_count_on_the_map_falls(investigation, viewers):
    by, first = viewers["investigator"], Case.objects.order_by("pk").first()
    drawn = [
        queries.map_of(by, investigation.pk, queries.what_if(by, investigation.pk, at=NOON, without_cases=out))
        for out in ([], [first.pk])
    ]

    assert [one["areas"]["110106"]["value"] for one in drawn] == [2, 1]
