"""A year's reports by day: what happened on each, and an empty place where nobody said anything."""

from datetime import timedelta

import pytest
from tests.city.reports import message, symptom
from tests.conftest import NOON

from citywatch.city.sense import services as sense
from citywatch.city.sense.year import DAYS, year
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place

pytestmark = pytest.mark.django_db
TODAY = NOON.date()


def report(viewers, *rows, site="110106018-C01", by="sentinel_nurse", at=NOON):
    sense.submit(
        "symptom-registration", message(*rows), channel="api", site=Place.objects.get(code=site), source=site,
        message_id=f"m-{at}", sent_at=at, by=viewers[by], at=at,
    )  # fmt: skip


@pytest.fixture
def told(viewers, at_noon):
    report(viewers, symptom(1), symptom(2, symptoms="diarrhoea"))
    sense.zero_report(
        Place.objects.get(code="110106018-C01"),
        stream="symptom",
        day="2020-06-09",
        by=viewers["sentinel_nurse"],
        at=NOON,
    )
    export.catch_up()


def days_of(found):
    return dict(zip(found.days, found.counts, strict=True))


def test_a_day_with_zero_reports_is_zero_and_a_silent_day_is_empty(told, viewers):
    found = year(viewers["duty_officer"], stream="symptom", at=NOON)
    counts = days_of(found)

    assert len(counts) == DAYS
    assert [counts[TODAY - timedelta(days=back)] for back in (0, 1, 2)] == [None, 2, 0]
    assert (found.total, found.silent) == (2, DAYS - 2)


def test_a_finding_is_counted_apart_and_the_rest_of_the_day_is_no_silence(told, viewers):
    counts = days_of(year(viewers["duty_officer"], stream="symptom", finding="fever", at=NOON))

    assert [counts[TODAY - timedelta(days=back)] for back in (1, 2)] == [1, 0]


def test_another_districts_year_is_empty(told, viewers):
    assert year(viewers["investigator_xicheng"], stream="symptom", at=NOON).total == 0
    assert year(viewers["investigator"], stream="symptom", at=NOON).total == 2


def test_what_came_later_was_not_known_then(told, viewers):
    assert year(viewers["duty_officer"], stream="symptom", at=NOON - timedelta(hours=1)).total == 0


@pytest.mark.parametrize("asked", [{"stream": "weather"}, {"stream": "symptom", "finding": "joy"}])
def test_what_nobody_counts_gets_a_sentence(told, viewers, asked):
    with pytest.raises(NotFound):
        year(viewers["duty_officer"], at=NOON, **asked)


def test_the_page_draws_it_and_says_the_total(told, client_as):
    page = client_as("duty_officer").get("/sense/calendar/?stream=symptom&finding=fever").content.decode()

    assert 'data-chart="calendar"' in page
    assert "合计 1" in page
