"""The ranking of shared places, in a city small enough to count by hand."""

import numpy as np
import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_tracing import told
from tests.conftest import NOON

from citywatch.city.trace import queries, services, whereabouts
from citywatch.city.trace.models import Case
from citywatch.city.trace.types import StayTold

HALL, MARKET, SUPERMARKET, HOSPITAL, OFFICE = (
    "110106018-M01-1",
    "110106018-M01",
    "110106018-R01",
    "110106018-H01",
    "110106024-W01",
)


@pytest.fixture
def outbreak(case, event, places, captured, viewers):
    """Eight cases, seven of whom were in hall 1 on 3 June, among 600 visitors of whom 40 were there too.

    Everybody goes to the supermarket; all cases go to the hospital after onset; two share an office of two.
    """
    cases = [case(f"病例{i}") for i in range(8)]
    people = [Case.objects.get(pk=pk).person_id for pk in cases]
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    rows = [(1_000_000 + i, places[SUPERMARKET], moment(2), 1) for i in range(590)]
    rows += [(1_000_000 + i, places[HALL], moment(3), 2) for i in range(40)]
    rows += [(1_000_000 + i, places["110106018-M01-2"], moment(4), 2) for i in range(30, 60)]
    rows += [(person, places[SUPERMARKET], moment(2), 1) for person in people]
    rows += [(person, places[HOSPITAL], moment(9), 2) for person in people]
    rows += [(person, places[OFFICE], moment(4), 8) for person in people[:2]]
    captured(rows)
    for pk in cases[:7]:
        told(pk, viewers["investigator"], stays=[StayTold(HALL, moment(3), moment(3, 10))])
    return number


def ranks(found):
    return {one.code: one for one in found}


def test_the_hall_leads_and_its_market_follows(outbreak, viewers):
    found = queries.ranking(viewers["duty_officer"], outbreak)

    assert [one.code for one in found][:2] == [HALL, MARKET]
    hall, market = found[0], found[1]
    assert (hall.cases, hall.all_cases, hall.visitors) == (7, 8, 47)  # 40 well, and 7 cases whom no scan caught there
    assert market.visitors == 67  # 40 in hall 1 and 30 in hall 2, of whom 10 were in both, and the 7 cases
    assert hall.within is not None
    assert hall.ratio_low < hall.ratio < hall.ratio_high
    assert hall.ratio_low > 1


def test_the_supermarket_everybody_visits_does_not_lead(outbreak, viewers):
    place = ranks(queries.ranking(viewers["duty_officer"], outbreak))[SUPERMARKET]

    assert place.cases == 8
    assert place.rank > 2
    assert place.p_adjusted == 1


def test_the_hospital_that_tested_them_is_not_a_shared_exposure(outbreak, viewers):
    assert HOSPITAL not in ranks(queries.ranking(viewers["duty_officer"], outbreak))


def test_the_reason_says_cases_visitors_and_interval_in_both_languages(outbreak, viewers):
    because = queries.ranking(viewers["duty_officer"], outbreak)[0].because

    assert because.zh.startswith("8例中7例在暴露期到过新发地批发市场1号厅，同期访客47人；比值")
    assert "95%CI" in because.zh
    assert because.en.startswith("7 of 8 cases were at Xinfadi Wholesale Market, Hall 1")


def test_a_published_place_keeps_the_figures_it_rested_on(outbreak, places, viewers):
    services.publish_risk_point(outbreak, places[HALL].pk, by=viewers["duty_officer"], at=NOON, because="leads")

    from citywatch.city.trace.models import RiskPoint

    figures = RiskPoint.objects.get().figures
    assert (figures["rank"], figures["cases"], figures["all_cases"], figures["visitors"]) == (1, 7, 8, 47)


def test_with_thirty_percent_of_visits_missing_the_hall_still_leads(case, event, places, captured, viewers):
    cases = [case(f"病例{i}") for i in range(10)]
    people = [Case.objects.get(pk=pk).person_id for pk in cases]
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    rows = [(1_000_000 + i, places[SUPERMARKET], moment(2), 1) for i in range(500)]
    rows += [(1_000_000 + i, places[HALL], moment(3), 2) for i in range(50)]
    rows += [
        (person, places[place], moment(day), 1) for person in people for place, day in ((SUPERMARKET, 2), (HALL, 3))
    ]
    kept = np.random.default_rng(11).random(len(rows)) < 0.7
    captured([row for row, keep in zip(rows, kept, strict=True) if keep])

    found = queries.ranking(viewers["duty_officer"], number)

    assert found[0].code == HALL
    assert found[0].cases < 10


def test_one_case_shares_no_place_with_anybody(case, event, viewers):
    told(case("张三"), viewers["investigator"], stays=[StayTold(HALL, moment(3), moment(3, 10))])
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")

    assert queries.ranking(viewers["duty_officer"], number) == []


def test_without_captured_visits_shared_places_are_listed_but_not_compared(case, event, viewers):
    for name in ("张三", "王五"):
        told(case(name), viewers["investigator"], stays=[StayTold(HALL, moment(3), moment(3, 10))])
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")

    found = queries.ranking(viewers["duty_officer"], number)

    assert {one.code for one in found} == {HALL, MARKET}
    assert found[0].ratio is None
    assert "无到访数据" in found[0].because.zh


def test_a_stay_told_of_after_onset_is_not_an_exposure(case, event, viewers):
    for name in ("张三", "王五"):
        told(case(name), viewers["investigator"], stays=[StayTold(HALL, moment(9), moment(9, 10))])
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")

    assert queries.ranking(viewers["duty_officer"], number) == []


def test_new_interviews_and_new_visits_are_not_answered_from_memory(outbreak, places, captured, viewers):
    before = queries.ranking(viewers["duty_officer"], outbreak)[0]
    captured([(5_000_000 + i, places[HALL], moment(3), 1) for i in range(100)])

    assert queries.ranking(viewers["duty_officer"], outbreak)[0].visitors == before.visitors + 100


def test_windows_that_touch_become_one():
    spans = [(0, 10), (5, 20), (30, 40)]

    assert whereabouts.merged([whereabouts.CaseWindow(1, 0, a, b, ()) for a, b in spans]) == [(0, 20), (30, 40)]
