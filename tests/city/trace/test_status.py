"""The exposure status of the whole city, by a dated rule, made anew only where something changed."""

from datetime import date, timedelta

import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_evidence import OFFICE, SUPERMARKET
from tests.city.trace.test_tracing import told
from tests.conftest import NOON

from citywatch.city.trace import queries, rules, services
from citywatch.city.trace.models import Case
from citywatch.city.trace.types import StayTold
from citywatch.server import jobs

DAY = timedelta(days=1)


@pytest.fixture
def exposed(case, captured, places, viewers):
    """A case ill since 8 June, at the office on the 7th, told of an hour at the supermarket on the 9th.

    With it at the office: two colleagues for hours. At the supermarket: three for an hour, one for five minutes, one
    half an hour after it had gone, one two hours after.
    """
    row = Case.objects.get(pk=case("张三"))
    captured(
        [
            (row.person_id, places[OFFICE], moment(7), 8),
            *[(2_000_000 + i, places[OFFICE], moment(7), 4) for i in range(2)],
        ]
    )
    shop = places[SUPERMARKET]
    rows = [(3_000_000 + i, shop, moment(9, 10), 1) for i in range(3)]
    late = [moment(9, 11) - timedelta(minutes=5), moment(9, 11) + timedelta(minutes=30), moment(9, 13)]
    captured([*rows, *[(4_000_000 + i, shop, start, 0.5) for i, start in enumerate(late)]])
    told(row.pk, viewers["investigator"], stays=[StayTold(SUPERMARKET, moment(9, 10), moment(9, 11))])
    return row


def test_everybody_has_the_gravest_level_of_fourteen_days(exposed):
    found = queries.city_status(at=NOON)

    assert found.people == {3: 1, 2: 2 + 3, 1: 2}
    assert {one.day.day: one.people for one in found.days if any(one.people.values())} == {
        7: {3: 1, 2: 2, 1: 0},
        9: {3: 1, 2: 3, 1: 2},
    }
    assert (found.days[0].day, found.days[-1].day) == (date(2020, 5, 29), date(2020, 6, 11))


def test_only_days_that_changed_are_made_again(exposed, viewers, captured, places):
    assert all(one.is_fresh for one in queries.city_status(at=NOON).days)
    assert not any(one.is_fresh for one in queries.city_status(at=NOON).days)

    told(exposed.pk, viewers["investigator"], stays=[StayTold(SUPERMARKET, moment(10, 10), moment(10, 11))])
    assert [one.day.day for one in queries.city_status(at=NOON).days if one.is_fresh] == [10]

    captured([(5_000_000, places[OFFICE], moment(7), 2)])
    again = queries.city_status(at=NOON)
    assert again.people[2] == 6


def test_the_night_s_job_keeps_the_days_so_that_the_page_makes_none(exposed, at_noon):
    assert jobs.keep_status() == 14
    assert jobs.keep_status() == 0
    assert not any(one.is_fresh for one in queries.city_status(at=NOON).days)


def test_a_discarded_case_leaves_nobody_exposed(exposed, viewers):
    queries.city_status(at=NOON)
    services.move_case(exposed.pk, "discard", by=viewers["investigator"], at=NOON, because="retest negative")

    assert queries.city_status(at=NOON).people == {3: 0, 2: 0, 1: 0}


def test_isolation_ends_it_and_after_a_fortnight_nobody_is_exposed_any_more(exposed, viewers):
    services.isolate_case(exposed.pk, isolated_at=moment(8), by=viewers["investigator"], at=NOON)

    assert queries.city_status(at=NOON).people == {3: 1, 2: 2, 1: 0}
    assert queries.city_status(at=NOON + 10 * DAY).people == {3: 0, 2: 0, 1: 0}


def test_a_case_nobody_knows_by_person_exposes_others_and_is_not_counted_itself(exposed):
    Case.objects.update(person=None)

    assert queries.city_status(at=NOON).people == {3: 0, 2: 3, 1: 2}


def test_the_rule_of_a_later_day_makes_the_days_anew(exposed, monkeypatch):
    queries.city_status(at=NOON)
    (rule,) = rules.STATUS_RULES
    stricter = rules.StatusRule(6 * 60, 0, 14, date(2020, 6, 11), "test")
    monkeypatch.setattr(rules, "STATUS_RULES", (rule, stricter))

    assert rules.status_rule(date(2020, 6, 10)) == rule
    assert queries.city_status(at=NOON).people == {3: 1, 2: 0, 1: 2 + 3 + 1}


def test_the_page_says_the_rule_and_the_numbers_and_names_nobody(exposed, client_as, at_noon):
    page = client_as("investigator").get("/trace/status/").content.decode()

    assert "近14天内，与传染期病例同处一地满10分钟者为“同处”" in page
    assert '<span class="value">5</span><span class="name">同处' in page
    assert client_as("sentinel_nurse").get("/trace/status/").status_code == 403
    english = client_as("investigator").get("/trace/status/", headers={"accept-language": "en"}).content.decode()
    assert "Exposure status" in english
