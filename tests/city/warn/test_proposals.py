"""How signals become proposals, what the desk answers, and who sees what."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from tests.city.warn.conftest import CLINIC, HOSPITAL, PHARMACY, STATION, TODAY, XICHENG

from citywatch.city.warn import desk, queries, services
from citywatch.city.warn.models import Alert, HealthEvent, Proposal, Signal
from citywatch.city.warn.reactions import propose_red
from citywatch.city.warn.services import watch
from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.errors import Conflict, NotAllowed, NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.lifecycle.models import Clock

T = datetime(2020, 6, 10, 17, 0, tzinfo=UTC)


def night(days=0):
    return start_of(TODAY + timedelta(days=days)) + timedelta(hours=19)


def running(proposal):
    return [c.code for c in Clock.objects.filter(subject_kind="warn.proposal", subject_id=proposal.pk, stopped_at=None)]


@pytest.fixture
def positive(city):
    """`positive(sample, site, at)`: the laboratory's journal entry."""
    lab = machine("lab", place=city, abilities=[])

    def report(sample=1, site=HOSPITAL, at=T):
        subject = SimpleNamespace(pk=sample, _meta=SimpleNamespace(label_lower="lab.sample"))
        return journal.record(
            "lab.sample_report_positive",
            place=Place.objects.get(code=site),
            by=lab,
            at=at,
            subject=subject,
            sample=sample,
        )

    return report


def two_streams(send, quiet, *, second_day=0, site=PHARMACY):
    quiet(CLINIC, "symptom", "fever")
    stream, finding = ("pharmacy", "cough") if site == PHARMACY else ("symptom", "fever")
    quiet(site, stream, finding, until=TODAY + timedelta(days=second_day - 1))
    send(CLINIC, "symptom", TODAY, 9, "fever")
    watch(at=night())
    send(site, stream, TODAY + timedelta(days=second_day), 9, finding)
    watch(at=night(second_day))


def test_one_signal_is_one_blue_proposal_with_a_day_to_answer(fever_in_huaxiang):
    proposal = fever_in_huaxiang

    assert (proposal.level, proposal.state, proposal.hazard) == ("blue", "new", "fever")
    (clock,) = Clock.objects.filter(subject_kind="warn.proposal", subject_id=proposal.pk)
    assert clock.due_at - clock.started_at == timedelta(hours=24)


@pytest.mark.parametrize("apart", [0, 3])
def test_two_streams_in_one_street_within_72_hours_are_one_yellow_proposal(send, quiet, apart):
    two_streams(send, quiet, second_day=apart)

    proposal = Proposal.objects.get()
    assert proposal.level == "yellow"
    assert proposal.streams == ["pharmacy", "symptom"]
    assert running(proposal) == ["proposal-yellow"]
    assert Signal.objects.filter(proposal=proposal).count() == 2


def test_two_streams_four_days_apart_are_two_blue_proposals(send, quiet):
    two_streams(send, quiet, second_day=4)

    assert [p.level for p in Proposal.objects.all()] == ["blue", "blue"]


def test_a_third_stream_joins_without_a_new_proposal(send, quiet):
    two_streams(send, quiet)
    quiet(HOSPITAL, "fever", "fever", until=TODAY)
    send(HOSPITAL, "fever", TODAY + timedelta(days=1), 9, "fever")
    watch(at=night(1))

    assert Proposal.objects.get().streams == ["fever", "pharmacy", "symptom"]


def test_signals_of_two_streets_stay_apart(send, quiet):
    two_streams(send, quiet, site=STATION)

    assert sorted(p.place.code for p in Proposal.objects.all()) == ["110106018", "110106024"]
    assert {p.level for p in Proposal.objects.all()} == {"blue"}


def test_a_card_of_a_class_a_disease_is_orange(send):
    send(HOSPITAL, "card", TODAY, 1, "0100")
    watch(at=night())

    proposal = Proposal.objects.get()
    assert (proposal.level, proposal.hazard) == ("orange", "0100")
    assert running(proposal) == ["proposal-orange"]


def test_a_watched_proposal_comes_back_when_its_level_rises(send, quiet, viewers, fever_in_huaxiang):
    services.keep_watching(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="几例而已")
    assert running(fever_in_huaxiang) == []
    quiet(PHARMACY, "pharmacy", "cough")
    send(PHARMACY, "pharmacy", TODAY, 9, "cough")
    watch(at=night(0) + timedelta(minutes=15))

    fever_in_huaxiang.refresh_from_db()
    assert (fever_in_huaxiang.state, fever_in_huaxiang.level) == ("new", "yellow")
    assert running(fever_in_huaxiang) == ["proposal-yellow"]
    assert Entry.objects.filter(kind="warn.proposal_level_raised").count() == 1


def test_what_was_closed_stays_closed_while_the_same_stream_goes_on(send, viewers, fever_in_huaxiang):
    services.close(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="补报")
    send(CLINIC, "symptom", TODAY + timedelta(days=1), 8, "fever")
    watch(at=night(1))

    assert Proposal.objects.get().state == "closed"


def test_a_new_stream_after_closing_raises_a_new_yellow_proposal(send, quiet, viewers, fever_in_huaxiang):
    services.close(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="补报")
    quiet(PHARMACY, "pharmacy", "cough", until=TODAY)
    send(PHARMACY, "pharmacy", TODAY + timedelta(days=1), 9, "cough")
    watch(at=night(1))

    again = Proposal.objects.get(state="new")
    assert (again.level, again.after_id) == ("yellow", fever_in_huaxiang.pk)


def test_a_closed_signal_that_doubles_comes_back(send, viewers, fever_in_huaxiang):
    services.close(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="补报")
    send(CLINIC, "symptom", TODAY + timedelta(days=1), 40, "fever")
    watch(at=night(1))
    watch(at=night(1), force=True)

    assert Proposal.objects.filter(state="new").count() == 1
    assert Signal.objects.get().proposal.state == "new"


def test_closing_needs_a_reason(viewers, fever_in_huaxiang):
    with pytest.raises(Refusal, match="须填写理由"):
        services.close(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="  ")

    assert Proposal.objects.get().state == "new"


def test_a_proposal_is_answered_once(viewers, fever_in_huaxiang):
    services.close(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="散发")

    with pytest.raises(Conflict):
        services.verify(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="聚集")
    assert not HealthEvent.objects.exists()


def test_an_investigator_sees_but_does_not_triage(viewers, fever_in_huaxiang):
    assert desk.inbox(viewers["investigator"]).total == 1
    with pytest.raises(NotAllowed):
        services.close(fever_in_huaxiang.pk, by=viewers["investigator"], at=night(), because="散发")


def test_xicheng_does_not_see_fengtais_proposals(viewers, fever_in_huaxiang):
    xicheng = viewers["investigator_xicheng"]

    assert desk.inbox(xicheng).total == 0
    assert sum(desk.open_by_level(xicheng).values()) == 0
    assert queries.signals_of(xicheng, TODAY) == []
    with pytest.raises(NotFound):
        queries.proposal_page(xicheng, fever_in_huaxiang.pk, at=night())


def test_verifying_makes_an_event_and_tells_the_journal(viewers, fever_in_huaxiang):
    event_id = services.verify(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="电话核实")

    event = queries.event_facts(event_id)
    assert (event.level, event.hazard, event.first_positive_at) == ("blue", "fever", None)
    assert "发热" in event.title.zh
    assert [one.id for one in queries.open_events(viewers["investigator"])] == [event_id]
    assert queries.open_events(viewers["investigator_xicheng"]) == []
    entry = Entry.objects.get(kind="warn.event_verified")
    assert (entry.subject_id, entry.because, entry.body["proposal"]) == (event_id, "电话核实", fever_in_huaxiang.pk)
    assert running(fever_in_huaxiang) == []


def test_signals_after_verification_join_the_verified_proposal(send, viewers, fever_in_huaxiang):
    services.verify(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="电话核实")
    send(CLINIC, "symptom", TODAY + timedelta(days=1), 30, "fever")
    watch(at=night(1))

    assert Proposal.objects.count() == 1


def test_an_alert_is_published_with_its_level_and_reason(viewers, fever_in_huaxiang):
    event_id = services.verify(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="电话核实")
    services.publish_alert(event_id, level="orange", by=viewers["duty_officer"], at=night(), because="会商决定")

    alert = Alert.objects.get()
    assert alert.text_zh.startswith("【橙色预警】")
    assert Entry.objects.get(kind="warn.alert_published").body["event"] == event_id
    assert queries.event_facts(event_id).level == "orange"
    with pytest.raises(NotAllowed):
        services.publish_alert(event_id, level="red", by=viewers["investigator"], at=night(), because="会商")


def test_the_first_positive_is_a_red_proposal_with_half_an_hour_to_answer(positive):
    propose_red(positive(at=T))

    proposal = Proposal.objects.get()
    assert (proposal.level, proposal.hazard, proposal.place.code) == ("red", "covid-19", "110106018")
    assert proposal.first_positive_at == T
    (clock,) = Clock.objects.filter(subject_kind="warn.proposal", subject_id=proposal.pk)
    assert clock.due_at == T + timedelta(minutes=30)


def test_the_same_positive_told_twice_counts_once(positive):
    entry = positive()
    propose_red(entry)
    propose_red(entry)

    assert Proposal.objects.get().positives == [1]
    assert Entry.objects.filter(kind="warn.proposal_raised").count() == 1


def test_further_positives_of_the_episode_attach_wherever_they_are_found(positive, viewers):
    propose_red(positive(1))
    proposal = Proposal.objects.get()
    services.verify(proposal.pk, by=viewers["duty_officer"], at=T + timedelta(minutes=10), because="复核阳性")
    propose_red(positive(2, XICHENG, at=T + timedelta(hours=5)))

    proposal.refresh_from_db()
    assert proposal.positives == [1, 2]
    assert proposal.first_positive_at == T
    assert Proposal.objects.count() == 1


def test_a_positive_long_after_the_last_begins_a_new_episode(positive):
    propose_red(positive(1))
    propose_red(positive(2, at=T + timedelta(days=20)))

    assert Proposal.objects.count() == 2


def test_a_positive_in_a_street_under_suspicion_raises_what_is_open_there(fever_in_huaxiang, positive):
    propose_red(positive(at=night()))

    proposal = Proposal.objects.get()
    assert (proposal.level, proposal.hazard, proposal.streams) == ("red", "covid-19", ["lab", "symptom"])
    assert running(proposal) == ["proposal-red"]


def test_the_why_sentence_tells_day_number_baseline_and_the_other_stream(send, quiet, viewers):
    two_streams(send, quiet)

    why = desk.inbox(viewers["duty_officer"]).rows[0].facts.why

    assert why.zh == "花乡街道6月11日症状监测“发热”9例，基线日均1.4例，上限3.1例；72小时内同街道药店“止咳药”亦异常。"
    assert why.en.endswith(
        ": 9 symptom registration fever on 11 Jun; baseline 1.4 a day, upper bound 3.1; "
        "within 72 h in the same street also pharmacy cough medicine."
    )


def test_the_inbox_puts_first_what_hurts_most(send, quiet, positive, viewers):
    two_streams(send, quiet, site=STATION)
    propose_red(positive(1, XICHENG, at=night()))

    assert [row.facts.level for row in desk.inbox(viewers["duty_officer"]).rows] == ["red", "blue", "blue"]
    assert desk.open_by_level(viewers["duty_officer"]) == {"red": 1, "orange": 0, "yellow": 0, "blue": 2}


def test_the_proposal_page_shows_the_series_and_the_sites_behind_it(viewers, fever_in_huaxiang):
    page = queries.proposal_page(viewers["duty_officer"], fever_in_huaxiang.pk, at=night())

    assert page.chart["days"][-1] == "2020-06-11"
    assert page.chart["observed"][-1] == 9
    assert page.chart["alarm"][-1] == 1
    assert page.chart["expected"][-1] == pytest.approx(1.43)
    assert page.chart["observed"][0] is None
    (site,) = page.sites
    assert (site.count, site.days_reported) == (9 + 2 + 1 + 2 + 1 + 2 + 1, 7)


def test_similar_answered_proposals_are_found_again(send, viewers, fever_in_huaxiang):
    services.close(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="补报")
    for ahead in range(1, 9):
        send(CLINIC, "symptom", TODAY + timedelta(days=ahead), 1 + ahead % 2, "fever")
    send(CLINIC, "symptom", TODAY + timedelta(days=9), 15, "fever")
    watch(at=night(9))

    fresh = Proposal.objects.get(state="new")
    page = queries.proposal_page(viewers["duty_officer"], fresh.pk, at=night(9))
    assert [one.id for one in page.similar] == [fever_in_huaxiang.pk]
