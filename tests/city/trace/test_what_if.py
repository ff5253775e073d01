"""What the ranking would be without a case or a place, and how many interviews would settle it."""

import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_evidence import HALL, MARKET, OFFICE, SUPERMARKET, outbreak, ranks  # noqa: F401
from tests.city.trace.test_tracing import told
from tests.conftest import NOON

from citywatch.city.trace import evidence, services
from citywatch.city.trace.models import Case, Investigation
from citywatch.city.trace.types import StayTold


@pytest.fixture
def investigation(outbreak):  # noqa: F811 - the fixture of that name
    return Investigation.objects.get(pk=outbreak)


def test_without_the_market_its_halls_go_too_and_the_cases_stay_unexplained(investigation, places):
    found = evidence.ranked(investigation, without_places=frozenset({places[MARKET].pk}))

    assert not {HALL, MARKET} & set(ranks(found))
    assert found[0].code == OFFICE
    assert {one.all_cases for one in found} == {8}


def test_without_a_hall_its_market_stands_on_the_other_halls(investigation, places):
    found = ranks(evidence.ranked(investigation, without_places=frozenset({places["110106018-M01-2"].pk})))

    assert found[MARKET].visitors == found[HALL].visitors == 47
    assert HALL not in ranks(evidence.ranked(investigation, without_places=frozenset({places[HALL].pk})))


def test_a_case_known_at_the_left_out_place_alone_is_a_case_nothing_explains(case, event, captured, places, viewers):
    numbers = [case(name) for name in ("张三", "王五", "李四")]
    for pk in numbers[:2]:
        told(pk, viewers["investigator"], stays=[StayTold(SUPERMARKET, moment(3), moment(3, 10))])
    told(numbers[2], viewers["investigator"], stays=[StayTold(HALL, moment(3), moment(3, 10))])
    captured([(1_000_000 + i, places[SUPERMARKET], moment(2), 1) for i in range(50)])
    services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")

    (found,) = evidence.ranked(Investigation.objects.get(), without_places=frozenset({places[HALL].pk}))

    assert (found.code, found.cases, found.all_cases) == (SUPERMARKET, 2, 3)


def test_without_a_case_the_count_is_as_if_it_had_never_been_reported(investigation, places):
    left_out = Case.objects.order_by("pk").first()
    before, after = (
        ranks(evidence.ranked(investigation)),
        ranks(evidence.ranked(investigation, without_cases=frozenset({left_out.pk}))),
    )

    assert (before[HALL].cases, after[HALL].cases, after[HALL].all_cases) == (7, 6, 7)
    assert OFFICE not in after  # one of its two cases is gone
    assert after[SUPERMARKET].visitors == before[SUPERMARKET].visitors  # the person was there all the same


def test_with_all_cases_left_out_but_one_there_is_nothing_to_rank(investigation):
    pks = list(Case.objects.values_list("pk", flat=True))
    left_out = frozenset(pks[1:])

    assert evidence.ranked(investigation, without_cases=left_out) == []
    assert evidence.power(investigation, without_cases=left_out) is None


def test_seven_of_eight_cases_settle_the_hall_and_three_do_not(investigation):
    settled = evidence.power(investigation)
    few = evidence.power(
        investigation, without_cases=frozenset(Case.objects.order_by("pk").values_list("pk", flat=True)[3:])
    )

    assert settled.en == "Settled with 8 cases asked: Xinfadi Wholesale Market, Hall 1 is first and explains 7 of them."
    assert settled.zh == "已问8例，足以定论：新发地批发市场1号厅居首，可解释其中7例。"
    assert few.en.startswith("Not settled with 3 cases asked; about ")
