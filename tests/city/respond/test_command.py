"""From a verified event to signed orders: a machine proposes, the commander decides, the district signs."""

from datetime import timedelta

import pytest
from tests.conftest import NOON

from citywatch.mechanisms.errors import Conflict, NotAllowed, NotFound, Refusal


def latest():
    from citywatch.mechanisms.journal.models import Entry

    return Entry.objects.order_by("pk").last()


def decide(incident, viewers, level="III", **more):
    from citywatch.city.respond import services

    asked = {"by": viewers["commander"], "at": NOON, "because": "两区均有病例", **more}
    return services.decide_level(incident.pk, level, **asked)


def issue(incident, viewers, at=NOON):
    from citywatch.city.respond import services

    return services.issue_orders(incident.pk, by=viewers["commander"], at=at)


def orders_of(viewer, **more):
    from citywatch.city.respond import queries

    return queries.orders(viewer, **more)


def test_a_verified_event_opens_one_incident_however_often_it_is_told(verified, incident):
    from citywatch.city.respond import reactions
    from citywatch.city.respond.models import Incident
    from citywatch.mechanisms.journal.models import Entry

    reactions.propose_incident(verified)

    assert Incident.objects.count() == 1
    assert Entry.objects.filter(kind="respond.incident_opened").count() == 1


def test_the_machine_proposes_and_leaves_the_level_undecided(register, verified, at_noon):
    from citywatch.city.respond import reactions
    from citywatch.city.respond.models import Incident

    register()
    reactions.propose_incident(verified)

    incident = Incident.objects.get()
    assert (incident.proposed, incident.level) == ("IV", "")


def test_a_case_in_a_second_district_raises_the_proposal_once(register, incident):
    from citywatch.city.respond import reactions
    from citywatch.city.respond.models import LevelDecision

    register()
    register("110102")
    reactions.revise_levels(latest())
    reactions.revise_levels(latest())
    incident.refresh_from_db()

    assert incident.proposed == "III"
    assert [row.proposed for row in LevelDecision.objects.order_by("pk")] == ["", "III"]


def test_the_commander_may_decide_otherwise_than_the_rule_and_both_stand_in_the_log(register, incident, viewers):
    from citywatch.city.respond import queries, reactions

    register()
    reactions.revise_levels(latest())
    decide(incident, viewers, "II", because="批发市场人流大，从严")

    last = queries.decisions(viewers["commander"], incident.pk)[-1]
    assert (last.proposed, last.decided, last.because) == ("IV", "II", "批发市场人流大，从严")
    assert any("II级" in line.detail.zh for line in queries.incident_log(viewers["commander"], incident.pk))


@pytest.mark.parametrize("role", ["duty_officer", "investigator"])
def test_only_the_commander_decides(incident, viewers, role):
    with pytest.raises(NotAllowed):
        decide(incident, viewers, by=viewers[role])
    incident.refresh_from_db()
    assert incident.level == ""


def test_the_machine_that_opened_the_incident_cannot_decide_its_level(incident, viewers, city):
    from citywatch.city.respond.reactions import _system

    with pytest.raises(NotAllowed):
        decide(incident, viewers, by=_system())


def test_a_level_is_not_decided_without_a_reason(incident, viewers):
    from citywatch.city.respond.models import Order

    with pytest.raises(Refusal, match=r"理由|reason"):
        decide(incident, viewers, because=" ")
    assert not Order.objects.exists()


def test_deciding_the_level_in_force_changes_nothing(incident, viewers):
    decide(incident, viewers)

    with pytest.raises(Conflict):
        decide(incident, viewers)


def test_raising_the_level_adds_what_is_new_and_drops_drafts_it_replaces(incident, viewers):
    decide(incident, viewers, "III")
    decide(incident, viewers, "II")

    drafted = [o for o in orders_of(viewers["commander"]) if o.state == "drafted"]
    texts = [(o.recipient, o.text.zh, o.place_id) for o in drafted]
    assert len(texts) == len(set(texts)) == 15
    assert any(o.state == "cancelled" and o.recipient == "culture_sport" for o in orders_of(viewers["commander"]))


def test_lowering_is_refused_while_a_ground_is_not_met(register, incident, viewers):
    from citywatch.city.respond import services

    register()
    decide(incident, viewers, "II")
    later = NOON + timedelta(days=20)
    asked = {"by": viewers["commander"], "because": "连续多日无新增"}

    with pytest.raises(Refusal, match=r"降级条件|cannot be lowered"):
        services.decide_level(incident.pk, "III", at=NOON + timedelta(days=13), **asked)
    with pytest.raises(Refusal, match="29"):
        services.decide_level(incident.pk, "III", at=later, **asked)
    services.decide_level(incident.pk, "III", at=later, attested=["lowering-29"], **asked)

    incident.refresh_from_db()
    assert incident.level == "III"


def test_a_district_sees_and_signs_its_own_orders_and_no_others(register, incident, viewers):
    from citywatch.city.respond import services

    register()
    register("110102")
    decide(incident, viewers)
    issue(incident, viewers)

    fengtai, xicheng = orders_of(viewers["investigator"]), orders_of(viewers["investigator_xicheng"])
    assert fengtai
    assert xicheng
    assert not {o.id for o in fengtai} & {o.id for o in xicheng}
    with pytest.raises(NotFound):
        services.sign_order(fengtai[0].id, by=viewers["investigator_xicheng"], at=NOON)
    services.sign_order(fengtai[0].id, by=viewers["investigator"], at=NOON + timedelta(minutes=5))
    signed = next(o for o in orders_of(viewers["investigator"]) if o.id == fengtai[0].id)
    assert (signed.state, signed.signed_by, signed.receipt_late) == ("signed", "investigator", False)


def test_the_commander_cannot_sign_for_the_district(incident, viewers):
    from citywatch.city.respond import services

    decide(incident, viewers)
    issue(incident, viewers)

    with pytest.raises(NotAllowed):
        services.sign_order(orders_of(viewers["commander"])[0].id, by=viewers["commander"], at=NOON)


def test_an_order_is_late_to_be_signed_after_half_an_hour_and_late_to_be_done_after_its_own_deadline(
    incident, viewers, monkeypatch
):
    from citywatch.city.respond import queries, services
    from citywatch.mechanisms import clock

    decide(incident, viewers)
    issue(incident, viewers)
    hospital = next(o for o in orders_of(viewers["investigator"]) if o.recipient == "hospital")
    assert hospital.deadline - hospital.issued_at == timedelta(hours=2)

    def after(**span):
        monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(**span))
        return next(o for o in orders_of(viewers["investigator"]) if o.id == hospital.id)

    assert not after(minutes=30).receipt_late
    assert after(minutes=31).receipt_late
    services.sign_order(hospital.id, by=viewers["investigator"], at=clock.now())
    assert not after(hours=2).late
    assert after(hours=2, minutes=1).late
    assert queries.order_counts(viewers["investigator"]).late >= 1
    services.complete_order(hospital.id, by=viewers["investigator"], at=clock.now(), because="已收治2人")
    assert after(hours=9).late
    assert after(hours=9).receipt_late


def test_the_clocks_of_an_order_stop_when_it_is_signed_and_done(incident, viewers):
    from citywatch.city.respond import services
    from citywatch.mechanisms.lifecycle.models import Clock

    decide(incident, viewers)
    issue(incident, viewers)
    order = orders_of(viewers["investigator"])[0]
    mine = Clock.objects.filter(subject_kind="respond.order", subject_id=order.id, stopped_at__isnull=True)

    assert sorted(mine.values_list("code", flat=True)) == ["order-done", "order-receipt"]
    services.sign_order(order.id, by=viewers["investigator"], at=NOON)
    assert mine.get().code == "order-done"
    assert mine.get().due_at == order.deadline
    services.complete_order(order.id, by=viewers["investigator"], at=NOON)
    assert not mine.exists()


def test_a_risk_point_is_noted_once_and_drafts_four_orders_that_name_it(incident, publish_point, viewers):
    from citywatch.city.respond import reactions
    from citywatch.mechanisms.journal.models import Entry

    point = publish_point()
    reactions.note_risk_point(point)
    reactions.note_risk_point(point)

    drafted = orders_of(viewers["commander"])
    assert [o.recipient for o in sorted(drafted, key=lambda o: o.position)] == [
        "site_operator",
        "market_regulator",
        "district_team",
        "police_data_cell",
    ]
    assert all("2号厅" in o.text.zh and "Hall 2" in o.text.en for o in drafted)
    assert Entry.objects.filter(kind="respond.risk_point_noted").count() == 1


def test_a_risk_point_shared_by_two_cases_makes_a_cluster(incident, publish_point, register):
    from citywatch.city.respond import reactions

    register()
    register()
    reactions.note_risk_point(publish_point(cases=2))

    incident.refresh_from_db()
    assert incident.proposed == "III"


def test_a_risk_point_of_an_event_nobody_manages_changes_nothing(publish_point, at_noon):
    from citywatch.city.respond import reactions
    from citywatch.city.respond.models import Order

    reactions.note_risk_point(publish_point())

    assert not Order.objects.exists()


def test_an_incident_closes_only_when_no_order_is_open(incident, viewers):
    from citywatch.city.respond import services

    decide(incident, viewers)
    issue(incident, viewers)
    asked = {"by": viewers["commander"], "at": NOON, "because": "疫情已控制"}
    services.move_incident(incident.pk, "start_closing", **asked)

    with pytest.raises(Refusal, match=r"未办结|still open"):
        services.close_incident(incident.pk, **asked)
    for order in orders_of(viewers["commander"]):
        services.cancel_order(order.id, **asked)
    services.close_incident(incident.pk, **asked)

    incident.refresh_from_db()
    assert incident.state == "closed"


def test_an_order_is_not_cancelled_without_a_reason(incident, viewers):
    from citywatch.city.respond import services

    decide(incident, viewers)

    with pytest.raises(Refusal, match=r"理由|reason"):
        services.cancel_order(orders_of(viewers["commander"])[0].id, by=viewers["commander"], at=NOON, because="")


def test_the_log_tells_the_whole_course_and_names_who_acted(incident, viewers):
    from citywatch.city.respond import queries, services

    decide(incident, viewers)
    issue(incident, viewers)
    services.sign_order(orders_of(viewers["investigator"])[0].id, by=viewers["investigator"], at=NOON)

    log = queries.incident_log(viewers["commander"], incident.pk)
    kinds = {line.kind for line in log}
    assert {
        "respond.incident_opened",
        "respond.level_proposed",
        "respond.level_decided",
        "respond.order_drafted",
        "respond.order_issue",
        "respond.order_sign",
    } <= kinds
    assert next(line for line in log if line.kind == "respond.level_decided").actor == "commander"


def test_cases_of_an_earlier_episode_do_not_raise_the_level_of_this_event(verified, register, at_noon):
    from citywatch.city.respond.facts import level_facts

    for _ in range(12):
        register(at=NOON - timedelta(days=200))
    register()

    assert level_facts(verified.subject_id, place_id=verified.place_id, at=NOON).confirmed == 1


def test_a_suspected_case_counts_for_a_level_only_once_it_is_confirmed(verified, register, viewers, at_noon):
    from citywatch.city.respond.facts import level_facts
    from citywatch.mechanisms.journal import services as journal

    number = register()

    def classified(word):
        draft = journal.Draft(
            "trace.case_classified", verified.place, NOON, subject_kind="trace.case", subject_id=number,
            body={"before": "", "after": word},
        )  # fmt: skip
        journal.record_many([draft], by=viewers["investigator"])
        return level_facts(verified.subject_id, place_id=verified.place_id, at=NOON).confirmed

    assert [classified("suspected"), classified("confirmed")] == [0, 1]
