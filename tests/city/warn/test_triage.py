"""The desk's answers to many lines at once: marked, taken back, merged, and kept views."""

import asyncio
import json
from datetime import timedelta

import pytest
from django.urls import reverse
from tests.city.warn.conftest import TODAY

from citywatch.city.warn import desk, services, triage
from citywatch.city.warn.models import DeskView, HealthEvent, Proposal, Signal
from citywatch.city.warn.rules import CLOCKS
from citywatch.city.warn.types import Sought
from citywatch.city.warn.views_desk import told
from citywatch.mechanisms import clock
from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.errors import Conflict, NotAllowed, NotFound, Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.services import begin

NIGHT = start_of(TODAY) + timedelta(hours=19)
HUAXIANG, XINCUN, XICHENG = "110106018", "110106024", "110102009"


def later(minutes):
    return NIGHT + timedelta(minutes=minutes)


@pytest.fixture
def propose(city):
    """`propose(street)`: an open proposal with a signal and its clock running."""

    def made(street=HUAXIANG, level="blue", hazard="fever", stream="symptom", *, at=NIGHT):
        place, number = Place.objects.get(code=street), Proposal.objects.count() + 1
        row = Proposal(
            place=place, level=level, hazard=hazard, streams=[stream], syndromes=[hazard], opened_at=at,
            first_day=TODAY, last_day=TODAY, score=3.0, fingerprint=f"{number:064d}",
        )  # fmt: skip
        begin(row, "warn.proposal_raised", by=services.detector_viewer(), at=at)
        Signal.objects.create(
            place=place, fingerprint=f"{number:064d}", family="counts", stream=stream, syndrome=hazard, by="reporting",
            detectors=["c2"], first_day=TODAY, last_day=TODAY, observed=9, expected=1.5, upper=5, score=3.0,
            raised_at=at, proposal=row,
        )  # fmt: skip
        services.start_clock(CLOCKS[level], row, at=at)
        return row

    return made


def state(row):
    return Proposal.objects.get(pk=row.pk).state


def test_many_are_closed_for_one_reason_and_each_is_journaled(viewers, propose):
    rows = [propose(), propose(XINCUN), propose(XICHENG)]

    number = triage.answer_many(
        "close", [row.pk for row in rows], by=viewers["duty_officer"], at=NIGHT, because="集中录入"
    )

    assert number == 3
    assert {state(row) for row in rows} == {"closed"}
    closings = Entry.objects.filter(kind="warn.proposal_close")
    assert {one.because for one in closings} == {"集中录入"}
    assert closings.count() == 3


def test_if_one_of_many_refuses_none_is_closed(viewers, propose):
    rows = [propose(), propose(XINCUN)]
    services.close(rows[1].pk, by=viewers["duty_officer"], at=NIGHT, because="无")

    with pytest.raises(Conflict):
        triage.answer_many("close", [row.pk for row in rows], by=viewers["duty_officer"], at=NIGHT, because="无")

    assert state(rows[0]) == "new"


def test_nobody_verifies_in_bulk(viewers, propose):
    with pytest.raises(Refusal, match="逐条"):
        triage.answer_many("verify", [propose().pk], by=viewers["duty_officer"], at=NIGHT, because="无")


def test_a_closing_taken_back_leaves_state_and_clock_as_they_were(viewers, propose):
    row, duty = propose(), viewers["duty_officer"]
    due = Clock.objects.get(subject_id=row.pk, subject_kind="warn.proposal").due_at
    triage.answer_many("close", [row.pk], by=duty, at=later(5), because="误触")
    assert not Clock.objects.filter(subject_id=row.pk, stopped_at=None).exists()

    triage.undo([row.pk], by=duty, at=later(6))

    assert state(row) == "new"
    assert Clock.objects.get(subject_id=row.pk, stopped_at=None).due_at == due
    told = Entry.objects.filter(subject_kind="warn.proposal", subject_id=row.pk).order_by("pk")
    kinds = list(told.values_list("kind", flat=True))
    assert kinds == ["warn.proposal_raised", "warn.proposal_close", "warn.proposal_reopen"]


def test_a_watched_proposal_closed_by_mistake_is_watched_again(viewers, propose):
    row, duty = propose(), viewers["duty_officer"]
    triage.answer_many("watch", [row.pk], by=duty, at=NIGHT, because="观察")
    triage.answer_many("close", [row.pk], by=duty, at=later(1), because="误触")

    triage.undo([row.pk], by=duty, at=later(2))

    assert state(row) == "watched"


@pytest.mark.parametrize("case", ["too late", "somebody else's", "verified"])
def test_an_answer_stays_given_when(case, viewers, propose):
    row, duty = propose(), viewers["duty_officer"]
    if case == "verified":
        services.verify(row.pk, by=duty, at=NIGHT, because="电话核实")
    else:
        services.close(row.pk, by=duty, at=NIGHT, because="无")
    if case == "somebody else's":
        Entry.objects.filter(kind="warn.proposal_close").first()
        duty = type(duty)("account:999999", "another", duty.reach)
    before = state(row)

    with pytest.raises(Conflict):
        triage.undo([row.pk], by=duty, at=later(31 if case == "too late" else 1))

    assert state(row) == before


def test_a_proposal_taken_back_is_no_longer_muted(viewers, propose, send, quiet):
    row, duty = propose(), viewers["duty_officer"]
    triage.answer_many("close", [row.pk], by=duty, at=NIGHT, because="误触")
    triage.undo([row.pk], by=duty, at=later(1))

    found = desk.inbox(duty)

    assert [line.facts.id for line in found.rows] == [row.pk]


def test_merging_keeps_one_with_the_gravest_level_and_everything_the_others_held(viewers, propose):
    kept, other, third = propose(), propose(XINCUN, "yellow", stream="pharmacy"), propose()

    number = triage.merge_into(
        kept.pk, [kept.pk, other.pk, third.pk], by=viewers["duty_officer"], at=later(3), because="同一起事件"
    )

    kept.refresh_from_db()
    assert number == 2
    assert [state(other), state(third)] == ["joined", "joined"]
    assert (kept.level, kept.streams, kept.grounds, kept.chance) == ("yellow", ["pharmacy", "symptom"], ["desk"], None)
    assert kept.signals.count() == 3
    assert Entry.objects.filter(kind="warn.proposal_merge", because="同一起事件").count() == 2
    running = Clock.objects.filter(subject_kind="warn.proposal", stopped_at=None)
    assert [(one.subject_id, one.code) for one in running] == [(kept.pk, CLOCKS["yellow"])]


@pytest.mark.parametrize("watched", [0, 2])
def test_a_merging_taken_back_leaves_each_proposal_as_it_was(watched, viewers, propose):
    kept, other, third = propose(), propose(XINCUN, "yellow", stream="pharmacy"), propose()
    duty, numbers = viewers["duty_officer"], [kept.pk, other.pk, third.pk]
    triage.answer_many("watch", [numbers[watched]], by=duty, at=NIGHT, because="观察")

    def all_held():
        rows = Proposal.objects.filter(pk__in=numbers).order_by("pk").values()
        signals = Signal.objects.order_by("pk").values_list("pk", "proposal")
        clocks = Clock.objects.filter(stopped_at=None).order_by("pk").values_list("subject_id", "code", "due_at")
        return list(rows), list(signals), list(clocks)

    before = all_held()
    triage.merge_into(kept.pk, numbers, by=duty, at=later(3), because="误触")
    assert all_held() != before

    triage.undo([kept.pk], by=duty, at=later(4))

    assert all_held() == before
    parted = Entry.objects.get(kind="warn.proposal_parted")
    assert [gave["proposal"] for gave in parted.body["gave"]] == [other.pk, third.pk]
    with pytest.raises(Conflict):
        triage.undo([kept.pk], by=duty, at=later(5))


def test_the_desk_offers_to_take_a_merging_back(client_as, propose, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    kept, other, client = propose(), propose(XINCUN), client_as("duty_officer")
    asked = {"move": "merge", "because": "误触", "current": kept.pk, "proposal": [kept.pk, other.pk]}

    page = client.post(reverse("warn:answer"), asked, headers={"HX-Request": "true"}).content.decode()
    assert f'data-undo="{kept.pk}"' in page
    client.post(reverse("warn:undo"), {"proposal": [kept.pk]}, headers={"HX-Request": "true"})

    assert [state(kept), state(other)] == ["new", "new"]


def test_a_merging_to_which_something_was_added_stays(viewers, propose):
    kept, other, duty = propose(), propose(), viewers["duty_officer"]
    triage.merge_into(kept.pk, [kept.pk, other.pk], by=duty, at=NIGHT, because="同一起事件")
    Proposal.objects.filter(pk=kept.pk).update(score=99)

    with pytest.raises(Conflict, match="已有变动"):
        triage.undo([kept.pk], by=duty, at=later(1))

    assert state(other) == "joined"


def test_one_alone_is_not_merged(viewers, propose):
    row = propose()

    with pytest.raises(Refusal, match="至少勾选两条"):
        triage.merge_into(row.pk, [row.pk], by=viewers["duty_officer"], at=NIGHT, because="无")


@pytest.mark.parametrize("deed", ["answer", "undo", "merge"])
def test_who_may_not_answer_changes_nothing(deed, viewers, propose):
    rows = [propose(), propose()]
    numbers = [row.pk for row in rows]
    deeds = {
        "answer": lambda who: triage.answer_many("close", numbers, by=who, at=NIGHT, because="无"),
        "undo": lambda who: triage.undo(numbers, by=who, at=NIGHT),
        "merge": lambda who: triage.merge_into(numbers[0], numbers, by=who, at=NIGHT, because="无"),
    }

    for who, refusal in (("investigator", (NotAllowed, Conflict)), ("investigator_xicheng", NotFound)):
        with pytest.raises(refusal):
            deeds[deed](viewers[who])

    assert {state(row) for row in rows} == {"new"}


def test_the_inbox_is_asked_by_level_district_cause_stream_and_place(viewers, propose):
    fever, cough = propose(), propose(XINCUN, "orange", "cough", "pharmacy")
    west = propose(XICHENG)
    duty = viewers["duty_officer"]

    def numbers(**asked):
        return {line.facts.id for line in desk.inbox(duty, Sought(**asked)).rows}

    assert numbers(level="orange") == {cough.pk}
    assert numbers(district="110106") == {fever.pk, cough.pk}
    assert numbers(hazard="fever") == {fever.pk, west.pk}
    assert numbers(stream="pharmacy") == {cough.pk}
    assert numbers(words="花乡") == {fever.pk}
    assert numbers(words="huaxiang") == {fever.pk}
    assert numbers(state="closed") == set()


def test_a_view_is_kept_under_a_name_for_its_owner_alone(client_as, viewers, propose, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    client = client_as("duty_officer")

    answer = client.post(reverse("warn:save_view"), {"name": "丰台橙色", "level": "orange", "district": "110106"})

    assert answer.headers["Location"].endswith("?level=orange&district=110106")
    assert "丰台橙色" in client.get(reverse("warn:inbox")).content.decode()
    assert "丰台橙色" not in client_as("commander").get(reverse("warn:inbox")).content.decode()
    view = DeskView.objects.get()
    assert client_as("commander").post(reverse("warn:delete_view", args=[view.pk])).status_code == 404
    client.post(reverse("warn:delete_view", args=[view.pk]))
    assert not DeskView.objects.exists()


def test_a_desk_keeps_a_dozen_views_and_says_so(viewers):
    for n in range(desk.VIEWS_AT_MOST):
        desk.save_view(f"视图{n}", "level=red", by=viewers["duty_officer"], at=NIGHT)
    desk.save_view("视图0", "level=blue", by=viewers["duty_officer"], at=NIGHT)

    with pytest.raises(Refusal, match="删除一个"):
        desk.save_view("又一个", "", by=viewers["duty_officer"], at=NIGHT)


def test_an_answer_in_place_brings_the_list_back_with_what_was_done(client_as, propose, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    rows, client = [propose(), propose(XINCUN)], client_as("duty_officer")
    asked = {"move": "close", "quick": "集中录入", "proposal": [rows[0].pk]}

    page = client.post(reverse("warn:answer"), asked, headers={"HX-Request": "true"}).content.decode()

    assert "已关闭1条：集中录入" in page
    assert f'data-undo="{rows[0].pk}"' in page
    assert f'id="line-{rows[1].pk}"' in page
    assert f'id="line-{rows[0].pk}"' not in page
    back = client.post(reverse("warn:undo"), {"proposal": [rows[0].pk]}, headers={"HX-Request": "true"})
    assert f'id="line-{rows[0].pk}"' in back.content.decode()


def test_without_scripts_marked_lines_are_answered_by_a_plain_form(client_as, propose, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    row, client = propose(), client_as("duty_officer")

    closed = client.post(reverse("warn:answer"), {"move": "close", "because": "无", "proposal": [row.pk]}, follow=True)

    assert "已关闭1条：无" in closed.content.decode()
    assert state(row) == "closed"
    other = propose()
    verified = client.post(reverse("warn:answer"), {"move": "verify", "because": "确有", "proposal": [other.pk]})
    assert (verified.status_code, verified.headers["Location"]) == (
        303,
        reverse("warn:event", args=[HealthEvent.objects.get().pk]),
    )


def test_beside_the_inbox_stand_the_grounds_of_one_line(client_as, propose, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    row = propose()

    page = client_as("duty_officer").get(reverse("warn:glance", args=[row.pk])).content.decode()

    for words in ("花乡", "蓝色", "症状监测“发热”9例"):
        assert words in page
    assert client_as("investigator_xicheng").get(reverse("warn:glance", args=[row.pk])).status_code == 404


def test_an_open_desk_is_told_the_newest_number_once_and_then_only_that_all_is_well(viewers, propose, monkeypatch):
    numbers = iter([7, 7, 8])
    monkeypatch.setattr("citywatch.city.warn.views_desk._newest", lambda _viewer: next(numbers))

    async def heard():
        return [one async for one in told(viewers["duty_officer"], every=0, looks=3)]

    first, second, third = asyncio.run(heard())

    assert json.loads(first.partition("data: ")[2]) == {"newest": 7}
    assert second.startswith(":")
    assert json.loads(third.partition("data: ")[2]) == {"newest": 8}


def test_what_is_newest_is_asked_within_one_s_own_district(viewers, propose):
    mine, theirs = propose(), propose(XICHENG)

    assert desk.newest(viewers["duty_officer"]) == theirs.pk
    assert desk.newest(viewers["investigator"]) == mine.pk
