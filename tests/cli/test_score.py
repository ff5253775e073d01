"""A score of a city whose truth is known by heart (see `small_folder`)."""

import pytest
from django.conf import settings
from django.db import transaction
from tests.cli import small_folder
from tests.cli.small_folder import at

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.server.replay.folder import Folder
from citywatch.server.replay.page import page
from citywatch.server.replay.running import replay
from citywatch.server.replay.scoring import judge


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return small_folder.write(tmp_path_factory.mktemp("city") / "city")


@pytest.fixture(scope="module")
def report(django_db_setup, django_db_blocker, written, tmp_path_factory):
    """The score of one whole replay; the replay itself is undone."""
    log = settings.CITYWATCH_LOG
    with django_db_blocker.unblock(), transaction.atomic():
        settings.CITYWATCH_LOG = tmp_path_factory.mktemp("score-log")
        replay(Folder(written))
        made = judge(Folder(written))
        transaction.set_rollback(True)
    settings.CITYWATCH_LOG = log
    clock.forget()
    return made


def test_what_was_never_replayed_cannot_be_scored(written, city):
    with pytest.raises(Refusal, match="has not replayed"):
        judge(Folder(written))


def test_the_outbreak_is_found_when_its_first_reports_alarm(report):
    """Its first six come at 18:00 of day 11, beside two ordinary ones: that night's run at 23:45 sees eight."""
    market, household = report["outbreaks"]["each"]

    assert market["alert_at"] == "2020-05-15T15:45:00Z"
    assert market["delay_days"] == pytest.approx(5.75 / 24)
    assert market["delay_from_infection_days"] == pytest.approx(3 + 13.5 / 24)
    assert market["cases_by_alert"] == 20
    assert household["alert_at"] is None
    assert report["outbreaks"]["found"] == 1
    assert report["outbreaks"]["found_share"] == 0.5
    assert report["outbreaks"]["found_share_20plus"] == 1.0
    assert report["outbreaks"]["median_delay_days"] == pytest.approx(5.75 / 24)


def test_every_proposal_counts_as_an_alert_and_each_that_holds_a_true_report_as_a_good_one(report):
    alerts = report["alerts"]
    levels = alerts["by_level"]

    assert alerts["count"] == sum(level["count"] for level in levels.values())
    assert levels["red"] == {"count": 1, "precision": 1.0}
    assert alerts["precision"] == pytest.approx(
        sum(level["count"] * (level["precision"] or 0) for level in levels.values()) / alerts["count"]
    )
    assert alerts["per_district_week"] == pytest.approx(alerts["count"] / (16 / 7))
    assert sum(week["alerts"] for week in alerts["by_week"]) == alerts["count"]


def test_the_only_stream_is_the_best_single_one(report):
    assert report["best_single_stream"]["stream"] == "symptom"
    assert report["best_single_stream"]["median_delay_days"] == pytest.approx(5.75 / 24)
    assert report["streams"]["symptom"]["at_same_number"]["alerts"] <= report["alerts"]["count"]


def test_the_hall_is_named_from_the_first_case_that_tells_of_it(report):
    (investigation,) = report["source"]["each"]

    assert investigation["source"] == small_folder.HALL
    assert investigation["exact_ranks"] == [1, 1]
    assert report["source"]["top3_within_5_cases_share"] == 1.0


def test_of_the_two_whom_a_known_case_infected_one_was_listed(report):
    contacts = report["contacts"]

    assert (contacts["cases"], contacts["true_contacts"], contacts["found"]) == (2, 2, 1)
    assert contacts["share"] == 0.5


def test_limits_are_counted_by_kind(report):
    assert report["clocks"]["proposal-red"]["count"] == 1
    assert report["clocks"]["proposal-red"]["met"] + report["clocks"]["proposal-red"]["late"] == 1


@pytest.mark.django_db
def test_a_score_half_way_knows_nothing_of_what_had_not_begun(written):
    replay(Folder(written), until=at(7, 0), pace="nightly")
    report = judge(Folder(written))

    assert [one["outbreak"] for one in report["outbreaks"]["each"]] == [1]
    assert report["scored"]["days"] == 7
    assert report["outbreaks"]["median_delay_days"] is None


def test_the_page_stands_alone(report):
    shown = page(report)

    assert "<svg" in shown
    assert "http" not in shown.replace("http://www.w3.org", "")
    assert "market" in shown
