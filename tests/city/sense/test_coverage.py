"""Silence is not health: a site that said nothing is missing, and one that said zero has reported."""

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.city.reports import message, symptom
from tests.conftest import NOON

from citywatch.city.sense import queries
from citywatch.city.sense import services as sense
from citywatch.mechanisms.jurisdiction.models import Place

pytestmark = pytest.mark.django_db
DAY = date(2020, 6, 10)
DUE = datetime(2020, 6, 11, 2, 0, tzinfo=UTC)


@pytest.fixture
def reports(viewers):
    nurse, site = viewers["sentinel_nurse"], Place.objects.get(code="110106018-C01")

    def report(*rows, at=NOON - timedelta(hours=12)):
        sense.submit(
            "symptom-registration", message(*rows), channel="api", site=site, source="t", message_id=str(at),
            sent_at=at, by=nurse, at=at,
        )  # fmt: skip

    return report


def by_code(found):
    return {(one.code, one.stream): one for one in found.site_days}


def test_a_silent_site_is_missing_and_a_zero_report_is_a_zero(reports, viewers):
    reports(symptom(1), symptom(2))
    pharmacy = Place.objects.get(code="110106018-P01")
    sense.zero_report(pharmacy, stream="pharmacy", day="2020-06-10", by=viewers["pharmacist"], at=NOON)

    sites = by_code(queries.coverage(viewers["duty_officer"], DAY, at=NOON))

    assert sites["110106018-C01", "symptom"].count == 2
    assert sites["110106018-P01", "pharmacy"].count == 0
    assert sites["110106018-P01", "pharmacy"].status == "zero"
    assert sites["110106024-S01", "symptom"].count is None
    assert sites["110106024-S01", "symptom"].silent


def test_a_district_counts_who_reported_of_who_must(reports, viewers):
    reports(symptom(1))
    found = queries.coverage(viewers["duty_officer"], DAY, at=NOON)

    rows = {(row.code, row.stream): (row.expected, row.reported, row.count) for row in found.districts}
    assert rows["110106", "symptom"] == (2, 1, 1)
    assert rows["110102", "symptom"] == (1, 0, 0)
    assert (found.expected, found.reported) == (6, 1)


@pytest.mark.parametrize(("hours", "status"), [(-1, "waiting"), (1, "overdue"), (3, "reminded"), (25, "district")])
def test_a_return_is_due_at_ten_and_grows_more_urgent(city, viewers, hours, status):
    at = DUE + timedelta(hours=hours)

    site = by_code(queries.coverage(viewers["duty_officer"], DAY, at=at))["110106024-S01", "symptom"]
    assert site.status == status


def test_what_came_after_ten_is_late_but_reported(reports, viewers):
    reports(symptom(1), at=DUE + timedelta(hours=1))

    site = by_code(queries.coverage(viewers["duty_officer"], DAY, at=NOON))["110106018-C01", "symptom"]
    assert (site.late, site.status) == (True, "reported")


def test_coverage_as_it_was_known_earlier_leaves_out_what_came_later(reports, viewers):
    reports(symptom(1), at=DUE + timedelta(hours=1))

    site = by_code(queries.coverage(viewers["duty_officer"], DAY, at=DUE))["110106018-C01", "symptom"]
    assert site.silent


def test_each_viewer_sees_the_sites_of_their_own_area(city, viewers):
    def codes(who):
        return {one.code for one in queries.coverage(viewers[who], DAY, at=NOON).site_days}

    assert codes("sentinel_nurse") == {"110106018-C01"}
    assert codes("investigator_xicheng") == {"110102009-K01"}
    assert codes("press") == set()


def test_a_person_is_followed_across_reports_only_within_the_viewers_area(reports, viewers):
    reports(symptom(1))
    reports(symptom(1, visit_at="2020-06-11T09:00"), at=NOON)
    person = queries.sent_on(viewers["duty_officer"], [Place.objects.get(code="110106018-C01").pk], DAY)[0].person_id

    assert len(queries.submissions_of_person(viewers["duty_officer"], person)) == 2
    assert queries.submissions_of_person(viewers["investigator_xicheng"], person) == []
