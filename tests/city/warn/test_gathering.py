"""What belongs together: neighbouring streets, a school, a market; what the desk closed; what nobody answered."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.city.warn.conftest import CLINIC, HOSPITAL, PHARMACY, STATION, TODAY

from citywatch.city.warn import jobs, rules, services
from citywatch.city.warn.facts import reason_for
from citywatch.city.warn.gathering import ground_of
from citywatch.city.warn.models import Proposal, Run, Signal, WatchDecision
from citywatch.city.warn.rules import rules_on
from citywatch.city.warn.services import watch
from citywatch.mechanisms import clock
from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.lifecycle.models import Clock

RULES = rules_on(TODAY)


def night(days=0, hours=19):
    return start_of(TODAY + timedelta(days=days)) + timedelta(hours=hours)


def lay(code, kind, parent, **more):
    above = Place.objects.get(code=parent)
    return Place.objects.create(
        code=code, kind=kind, parent=above, path=f"{above.path}{code}/", name_zh=code, name_en=code,
        valid_from=date(1949, 10, 1), **more,
    )  # fmt: skip


@pytest.fixture
def next_door(city):
    """Huaxiang and Nanyuan lie two kilometres apart, Xicheng's street far away; Nanyuan has a pharmacy."""
    for code, lon in (("110106018", 116.30), ("110106024", 116.32), ("110102009", 116.60)):
        Place.objects.filter(code=code).update(lon=lon, lat=39.80)
    return lay("110106024-P09", "institution", "110106024")


def fever_and_cough(send, quiet, pharmacy, *, fever=9, cough=9, days=0):
    quiet(CLINIC, "symptom", "fever")
    quiet(pharmacy, "pharmacy", "cough", until=TODAY + timedelta(days=days - 1))
    send(CLINIC, "symptom", TODAY, fever, "fever")
    if days:
        watch(at=night())
    send(pharmacy, "pharmacy", TODAY + timedelta(days=days), cough, "cough")
    watch(at=night(days))


def test_fever_here_and_cough_medicine_next_door_are_one_yellow_proposal(next_door, send, quiet):
    fever_and_cough(send, quiet, next_door.code)

    proposal = Proposal.objects.get()
    assert (proposal.level, proposal.streams) == ("yellow", ["pharmacy", "symptom"])
    assert "neighbours" in proposal.grounds
    assert 0 < proposal.chance < RULES.episode.linked_chance
    assert {s.place.code for s in proposal.signals.all()} == {"110106018", "110106024"}
    assert "相邻" in reason_for(proposal).zh


def test_two_streets_at_opposite_ends_of_the_city_stay_apart(next_door, send, quiet):
    Place.objects.filter(code="110106024").update(lon=116.90)
    fever_and_cough(send, quiet, next_door.code)

    assert sorted(p.level for p in Proposal.objects.all()) == ["blue", "blue"]


def test_neighbours_that_could_well_be_chance_stay_apart(next_door, send, quiet, monkeypatch):
    strict = replace(RULES, episode=replace(RULES.episode, linked_chance=1e-12))
    monkeypatch.setattr(rules, "RULES", (strict,))
    fever_and_cough(send, quiet, next_door.code)

    assert [p.level for p in Proposal.objects.all()] == ["blue", "blue"]


def test_the_same_stream_next_door_is_no_second_witness(next_door, send, quiet):
    quiet(CLINIC, "symptom", "fever")
    quiet(STATION, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 9, "fever")
    send(STATION, "symptom", TODAY, 9, "fever")
    watch(at=night())

    assert [p.level for p in Proposal.objects.all()] == ["blue", "blue"]


def test_the_neighbours_signal_of_the_next_day_joins_and_tomorrows_run_repeats_nothing(next_door, send, quiet):
    fever_and_cough(send, quiet, next_door.code, days=1)
    written = Entry.objects.count()

    assert watch(at=night(1), force=True).proposals == 0
    assert Proposal.objects.count() == 1
    assert Proposal.objects.get().level == "yellow"
    assert Entry.objects.count() == written


def test_two_open_proposals_that_turn_out_to_be_one_thing_become_one(next_door, send, quiet):
    # A registry that had Nanyuan in the wrong place is put right overnight.
    quiet(next_door.code, "pharmacy", "cough")
    quiet(HOSPITAL, "fever", "fever", until=TODAY)
    send(next_door.code, "pharmacy", TODAY, 9, "cough")
    quiet(CLINIC, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 9, "fever")
    Place.objects.filter(code="110106024").update(lon=116.90)
    watch(at=night())
    assert Proposal.objects.filter(state="new").count() == 2

    Place.objects.filter(code="110106024").update(lon=116.32)
    send(HOSPITAL, "fever", TODAY + timedelta(days=1), 12, "fever")
    send(next_door.code, "pharmacy", TODAY + timedelta(days=1), 12, "cough")
    watch(at=night(1))

    (kept,) = Proposal.objects.filter(state="new")
    (other,) = Proposal.objects.filter(state="joined")
    assert kept.streams == ["fever", "pharmacy", "symptom"]
    assert not other.signals.exists()
    assert not Clock.objects.filter(subject_kind="warn.proposal", subject_id=other.pk, stopped_at=None).exists()
    assert Entry.objects.get(kind="warn.proposal_join").body["into"] == kept.pk


@pytest.fixture
def school(city):
    return lay("110106018-X01", "school", "110106018")


def test_ten_vomiting_children_of_one_school_are_yellow_at_once(school, send):
    for back in range(5):
        send(school.code, "symptom", TODAY - timedelta(days=back), 2, "vomiting")
    watch(at=night())

    (signal,) = Signal.objects.filter(family="school")
    assert (signal.observed, signal.place.code, signal.look) == (10, school.code, "rule")
    proposal = signal.proposal
    assert (proposal.level, proposal.place.code) == ("yellow", "110106018")


def test_nine_are_left_to_the_statistics(school, send):
    for back, n in enumerate((1, 2, 2, 2, 2)):
        send(school.code, "symptom", TODAY - timedelta(days=back), n, "vomiting")
    watch(at=night())

    assert not Signal.objects.filter(family="school").exists()


def test_two_stalls_of_one_market_belong_together_across_a_street_boundary(city):
    market = lay("110106018-M77", "market", "110106018")
    clinic = Place.objects.create(
        code="110106018-M77-1", kind="institution", parent=market, path=f"{market.path}110106018-M77-1/",
        name_zh="医务室", name_en="First aid", valid_from=date(1949, 10, 1),
    )  # fmt: skip
    ground = ground_of({clinic.pk, Place.objects.get(code=CLINIC).pk}, RULES)

    assert ground.setting_of == {clinic.pk: ("market", market.pk)}
    assert ground.street_of[clinic.pk] == Place.objects.get(code="110106018").pk


# --- what the desk closed


def closed(proposal, viewers, days=0):
    services.close(proposal.pk, by=viewers["duty_officer"], at=night(days, 20), because="散发")


def quiet_again(send, first, last):
    for ahead in range(first, last + 1):
        send(CLINIC, "symptom", TODAY + timedelta(days=ahead), 1 + ahead % 2, "fever")


def test_what_was_closed_is_silent_for_seven_days(send, viewers, fever_in_huaxiang):
    closed(fever_in_huaxiang, viewers)
    quiet_again(send, 1, 5)
    send(CLINIC, "symptom", TODAY + timedelta(days=6), 20, "fever")  # no stronger against its spread, long after 72 h
    watch(at=night(6))

    assert Signal.objects.count() == 2
    assert Proposal.objects.get().state == "closed"


def test_on_the_eighth_day_it_is_news_again(send, viewers, fever_in_huaxiang):
    closed(fever_in_huaxiang, viewers)
    quiet_again(send, 1, 7)
    send(CLINIC, "symptom", TODAY + timedelta(days=8), 20, "fever")
    watch(at=night(8))

    assert Proposal.objects.filter(state="new").count() == 1


def test_within_the_silence_twice_the_strength_is_news(send, viewers, fever_in_huaxiang):
    closed(fever_in_huaxiang, viewers)
    quiet_again(send, 1, 5)
    send(CLINIC, "symptom", TODAY + timedelta(days=6), 150, "fever")
    watch(at=night(6))

    again = Proposal.objects.get(state="new")
    assert again.after_id == fever_in_huaxiang.pk


def test_another_complaint_in_the_same_street_is_not_silenced(send, quiet, viewers, fever_in_huaxiang):
    closed(fever_in_huaxiang, viewers)
    quiet_again(send, 1, 6)
    quiet(CLINIC, "symptom", "rash", until=TODAY + timedelta(days=5))
    send(CLINIC, "symptom", TODAY + timedelta(days=6), 9, "rash")
    watch(at=night(6))

    assert Proposal.objects.get(state="new").hazard == "rash"


def test_an_episode_that_outlasts_the_silence_comes_back_once(send, viewers, fever_in_huaxiang):
    closed(fever_in_huaxiang, viewers)
    opened = []
    for ahead in range(1, 11):
        n = {3: 40, 6: 130, 9: 400}.get(ahead, 1 + ahead % 2)  # a wave every third day, never twice the strength
        send(CLINIC, "symptom", TODAY + timedelta(days=ahead), n, "fever")
        watch(at=night(ahead))
        opened += Proposal.objects.filter(opened_at=night(ahead)).values_list("opened_at", flat=True)

    assert opened == [night(9)]
    assert Signal.objects.count() == 1
    assert Proposal.objects.get(state="new").after_id == fever_in_huaxiang.pk


# --- what nobody answered


def test_a_proposal_nobody_answers_goes_up_to_the_city_once(fever_in_huaxiang):
    assert watch(at=night(1, 18)).escalated == 0
    assert watch(at=night(1, 20)).escalated == 1
    assert watch(at=night(1, 21)).escalated == 0

    fever_in_huaxiang.refresh_from_db()
    assert (fever_in_huaxiang.escalated_at, fever_in_huaxiang.level) == (night(1, 20), "blue")
    entry = Entry.objects.get(kind="warn.proposal_escalated")
    assert (entry.body["to"], entry.subject_id) == ("city", fever_in_huaxiang.pk)


def test_what_the_desk_watches_is_answered(viewers, fever_in_huaxiang):
    services.keep_watching(fever_in_huaxiang.pk, by=viewers["duty_officer"], at=night(), because="几例而已")

    assert services.escalate_late(at=night(3)) == 0


def test_a_red_one_goes_to_the_commander_after_half_an_hour(city):
    services.raise_red(hazard="covid-19", sample_id=1, street_code="110106018", at=night())

    assert services.escalate_late(at=night() + timedelta(minutes=29)) == 0
    assert services.escalate_late(at=night() + timedelta(minutes=31)) == 1
    assert Entry.objects.get(kind="warn.proposal_escalated").body["to"] == "commander"


def test_a_raised_level_begins_a_limit_of_its_own(send, quiet, fever_in_huaxiang):
    services.escalate_late(at=night(2))
    quiet(PHARMACY, "pharmacy", "cough", until=TODAY + timedelta(days=1))
    send(PHARMACY, "pharmacy", TODAY + timedelta(days=2), 9, "cough")
    watch(at=night(2))
    fever_in_huaxiang.refresh_from_db()
    assert (fever_in_huaxiang.level, fever_in_huaxiang.escalated_at) == ("yellow", None)

    assert services.escalate_late(at=night(3)) == 1


# --- positives by the law of the day


@pytest.mark.parametrize(("year", "levels"), [(2020, ["red", "red"]), (2023, ["orange", "red"])])
def test_one_positive_is_red_while_managed_as_class_a_and_two_linked_ones_always(city, year, levels):
    seen = []
    for sample in (1, 2):
        at = night().replace(year=year) + timedelta(hours=sample)
        services.raise_red(hazard="covid-19", sample_id=sample, street_code="110106018", at=at)
        seen.append(Proposal.objects.get().level)

    assert seen == levels


# --- runs


def test_a_run_says_what_each_stage_took(fever_in_huaxiang):
    run = Run.objects.get()

    assert set(run.stages) == {"export", "count", "judge", "store"}
    assert sum(run.stages.values()) == pytest.approx(run.took_ms, abs=4)


def test_a_decision_changes_the_next_run(city, send, quiet):
    quiet(CLINIC, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 9, "fever")
    for code in ("C1", "C2", "C3", "site-C1", "site-C2"):
        WatchDecision.objects.create(
            place=city, detector=code, method="ears-c1", settings={}, enabled=False, valid_from=TODAY, because="试停",
            decided_at=night(0, 8), decided_by="account:1",
        )  # fmt: skip

    assert watch(at=night()).raised == 0
    WatchDecision.objects.create(
        place=city, detector="C2", method="ears-c2", settings={"alpha": 0.001, "least": 5}, enabled=True,
        valid_from=TODAY, because="恢复", decided_at=night(0, 20), decided_by="account:1",
    )  # fmt: skip
    assert watch(at=night(), force=True).raised == 0  # decided later than the moment the run is about
    assert watch(at=night(0, 21), force=True).raised == 1


def test_a_run_that_fails_leaves_nothing_behind_and_the_next_one_does_all_of_it(send, quiet, monkeypatch):
    from citywatch.city.warn import gathering

    quiet(CLINIC, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 9, "fever")
    monkeypatch.setattr(clock, "now", night)
    with monkeypatch.context() as broken:
        broken.setattr(gathering, "begin", lambda *_, **__: 1 / 0)
        assert jobs.watch_job().startswith("failed")
    assert not Signal.objects.exists()

    assert jobs.watch_job() == "1 raised, 0 extended, 1 proposals"
    assert [bool(run.fault) for run in Run.objects.order_by("pk")] == [True, False]
