"""Who watches what: the table, the change tried on the past, the dated decision, and who may."""

from datetime import timedelta

import pytest
from django.urls import reverse
from tests.city.warn.conftest import CLINIC, TODAY, XICHENG

from citywatch.city.warn import decisions, services
from citywatch.city.warn.decisions import Choice, choose, decide, history, lines, simulate
from citywatch.city.warn.hindsight import Episodes
from citywatch.city.warn.models import HealthEvent, Proposal, Run, Signal, WatchDecision
from citywatch.city.warn.services import watch
from citywatch.mechanisms import clock
from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.errors import Conflict, NotAllowed, NotFound, Refusal
from citywatch.mechanisms.journal.models import Entry

STRICT = {"baseline": "7", "least": "5", "alpha": "1e-12", "min_sigma": "2"}


def evening_of(back):
    return start_of(TODAY - timedelta(days=back)) + timedelta(hours=19)


@pytest.fixture
def months(send, quiet):
    """Forty quiet days at two clinics, a jump of fever in Fengtai nine days ago and one in Xicheng two days ago."""
    for site in (CLINIC, XICHENG):
        quiet(site, "symptom", "fever", counts=(2, 1) * 20)
    send(CLINIC, "symptom", TODAY - timedelta(days=9), 12, "fever")
    send(XICHENG, "symptom", TODAY - timedelta(days=2), 12, "fever")


@pytest.fixture
def desk(viewers):
    return viewers["duty_officer"]


def no_ears():
    return [Choice(code, "ears-c2", {}, enabled=False) for code in ("C1", "C2", "C3", "site-C1", "site-C2")]


def put_in_force(choice, *, by, at, valid_from=None):
    run = simulate(choice, by=by, at=at)
    return decide(
        run.sealed, detector=choice.detector, valid_from=valid_from or clock.day_of(at), by=by, at=at, because="试用"
    )


def test_every_detector_stands_in_the_table_with_its_figures(fever_in_huaxiang, desk, evening):
    table = {line.code: line for line in lines(desk, at=evening)}

    ears = table["C2"]
    assert (ears.signals_7, ears.signals_28) == (1, 1)
    assert (ears.decided, ears.enabled, ears.tally.raised) == (None, True, 1)
    watched = "symptom registration, fever clinic, pharmacy, report card, absence from school, home visits"
    assert ears.watches[0].en == watched
    assert {words.en: changed for words, _, changed in ears.words}["least standard deviation"]
    assert table["single-case"].signals_28 == 0


def test_a_district_s_table_counts_its_own_signals(fever_in_huaxiang, viewers, evening):
    other = {line.code: line for line in lines(viewers["investigator_xicheng"], at=evening)}

    assert other["C2"].signals_28 == 0
    assert other["C2"].tally is None


def test_a_change_is_tried_on_as_many_days_as_there_are_reports_of(months, desk, evening):
    run = simulate(choose("C2", "ears-c2", STRICT, enabled=True, at=evening), by=desk, at=evening)

    assert (run.last_day, run.days) == (TODAY, 41)  # forty days before today
    assert not run.whole_year


def test_switching_a_detector_off_loses_what_it_alone_told(months, desk, evening):
    for choice in no_ears()[:-1]:
        put_in_force(choice, by=desk, at=evening)

    run = simulate(no_ears()[-1], by=desk, at=evening)

    assert (run.signals.now, run.signals.then) == (2, 0)  # at two clinics
    assert (run.signals.gained, run.signals.lost) == (0, 2)
    by_district = {one.label.en: one for one in run.by_district}
    assert (by_district["Fengtai District"].now, by_district["Fengtai District"].lost) == (1, 1)
    assert by_district["Fengtai District"].load_now == pytest.approx(1 / (40 / 7))  # heard on forty days
    assert by_district["Xicheng District"].load_then == 0
    weeks = [(one.day, one.now, one.then, one.lost) for one in run.by_week if one.now or one.then]
    assert [week[1:] for week in weeks] == [(1, 0, 1), (1, 0, 1)]
    assert weeks[0][0] <= TODAY - timedelta(days=9) < weeks[0][0] + timedelta(days=7)


def test_a_change_says_which_verified_event_it_would_have_missed(months, desk, evening):
    watch(at=evening_of(9))
    proposal = Proposal.objects.get()
    event = services.verify(proposal.pk, by=desk, at=evening_of(9) + timedelta(hours=2), because="电话核实")
    for choice in no_ears()[:-1]:
        put_in_force(choice, by=desk, at=evening)

    (told,) = simulate(no_ears()[-1], by=desk, at=evening).events

    assert (told.event_id, told.verdict) == (event, "missed")
    assert (told.now, told.then) == (TODAY - timedelta(days=9), None)


@pytest.mark.parametrize(("now", "then", "told"), [
    ((10, 12), (8, 12), ("earlier", 2)),
    ((8, 12), (10, 12), ("later", 2)),
    ((8, 12), (16, 18), ("missed", 0)),  # after it was verified
    ((1, 3), (8, 9), ("found", 0)),  # before anything of it began
    ((8, 12), (8, 9), ("same", 0)),
    ((1, 3), (2, 4), ("neither", 0)),
])  # fmt: skip
def test_an_event_is_found_by_the_first_signal_of_its_days_and_street(months, desk, now, then, told):
    watch(at=evening_of(9))
    number = services.verify(Proposal.objects.get().pk, by=desk, at=evening_of(9), because="核实")
    event = HealthEvent.objects.get(pk=number)

    run = decisions.compare(
        Choice("C2", "ears-c2"), now=Episodes.of([(1, *now, 5), (2, 9, 9, 6)]), then=Episodes.of([(1, *then, 5)]),
        places={}, first=TODAY - timedelta(days=20), last=TODAY, heard={}, events=[(event, {5}, 5, 15)],
    )  # fmt: skip

    assert [(one.verdict, one.days) for one in run.events] == [told]


def test_a_dry_run_leaves_no_trace(months, desk, evening):
    watch(at=evening)
    tables = (Signal, Proposal, Run, WatchDecision, Entry)
    before = [list(model.objects.order_by("pk").values()) for model in tables]

    simulate(no_ears()[1], by=desk, at=evening)
    simulate(choose("C1", "ears-c3", {}, enabled=True, at=evening), by=desk, at=evening)

    assert [list(model.objects.order_by("pk").values()) for model in tables] == before


def test_a_decision_is_journaled_with_what_the_dry_run_showed(months, desk, evening):
    choice = choose("C2", "ears-c2", STRICT, enabled=True, at=evening)
    number = put_in_force(choice, by=desk, at=evening, valid_from=TODAY + timedelta(days=3))

    row = WatchDecision.objects.get(pk=number)
    assert (row.detector, row.method, row.valid_from, row.decided_by) == (
        "C2", "ears-c2", TODAY + timedelta(days=3), desk.actor,
    )  # fmt: skip
    entry = Entry.objects.get(kind="warn.detector_decided")
    assert (entry.subject_id, entry.actor, entry.because) == (number, desk.actor, "试用")
    assert entry.body["before"]["method"] == "ears-c2"
    assert entry.body["shown"]["signals"][0] >= 2
    assert entry.body["settings"]["min_sigma"] == 2


def test_a_decision_holds_from_its_day_on(months, desk, evening):
    tomorrow = TODAY + timedelta(days=1)
    put_in_force(Choice("C3", "ears-c3", {}, enabled=False), by=desk, at=evening, valid_from=tomorrow)

    today = {line.code: line for line in lines(desk, at=evening)}
    later = {line.code: line for line in lines(desk, at=evening + timedelta(days=1))}

    assert today["C3"].enabled
    assert [one.valid_from for one in today["C3"].coming] == [tomorrow]
    assert (later["C3"].enabled, later["C3"].since, later["C3"].coming) == (False, tomorrow, ())
    assert later["C3"].decided.by == "duty_officer"


def test_a_later_decision_takes_the_earlier_one_s_place_and_both_stay(months, desk, evening):
    first = put_in_force(Choice("C3", "ears-c3", {}, enabled=False), by=desk, at=evening)
    second = put_in_force(Choice("C3", "ears-c3", {"alpha": 0.01}), by=desk, at=evening + timedelta(hours=1))

    told = history(desk, at=evening + timedelta(hours=2))

    assert [(one.id, one.in_force) for one in told] == [(second, True), (first, False)]
    assert [(words.en, value) for words, value, changed in told[0].settings if changed] == [
        ("one-sided chance of a false alarm", 0.01)
    ]


def test_a_run_obeys_the_decision(months, desk, evening):
    for choice in no_ears():
        put_in_force(choice, by=desk, at=evening)

    watch(at=evening)

    assert not Signal.objects.exists()


def test_nothing_is_decided_that_was_not_tried(desk, evening):
    with pytest.raises(Refusal, match="尚未试算"):
        decide("made up", detector="C2", valid_from=TODAY, by=desk, at=evening, because="试用")

    assert not WatchDecision.objects.exists()


def test_a_dry_run_is_good_for_its_own_detector_alone(months, desk, evening):
    run = simulate(Choice("C3", "ears-c3", {}, enabled=False), by=desk, at=evening)

    with pytest.raises(Refusal, match="尚未试算"):
        decide(run.sealed, detector="C2", valid_from=TODAY, by=desk, at=evening, because="试用")


def test_a_dry_run_is_good_for_a_day(months, desk, evening):
    run = simulate(Choice("C3", "ears-c3", {}, enabled=False), by=desk, at=evening)
    late = evening + timedelta(hours=25)

    with pytest.raises(Refusal, match="超过24小时"):
        decide(run.sealed, detector="C3", valid_from=clock.day_of(late), by=desk, at=late, because="试用")


def test_two_who_decide_at_once_do_not_overwrite_one_another(months, desk, evening):
    mine = simulate(Choice("C3", "ears-c3", {}, enabled=False), by=desk, at=evening)
    put_in_force(Choice("C3", "ears-c3", {"alpha": 0.01}), by=desk, at=evening)

    with pytest.raises(Conflict, match="已有变动"):
        decide(mine.sealed, detector="C3", valid_from=TODAY, by=desk, at=evening + timedelta(minutes=5), because="试用")


@pytest.mark.parametrize(("given", "words"), [
    ({"because": "  "}, "须填写理由"),
    ({"valid_from": TODAY - timedelta(days=1)}, "生效日期须为今天"),
    ({"valid_from": TODAY + timedelta(days=91)}, "生效日期须为今天"),
])  # fmt: skip
def test_a_decision_without_reason_or_in_the_past_is_refused(months, desk, evening, given, words):
    run = simulate(Choice("C3", "ears-c3", {}, enabled=False), by=desk, at=evening)

    with pytest.raises(Refusal, match=words):
        decide(
            run.sealed, **{"detector": "C3", "valid_from": TODAY, "by": desk, "at": evening, "because": "试用", **given}
        )
    assert not WatchDecision.objects.exists()


def test_what_is_in_force_need_not_be_tried(desk, evening):
    with pytest.raises(Refusal, match="已在使用"):
        simulate(decisions.as_it_stands(decisions.line_on("C2", at=evening)), by=desk, at=evening)


@pytest.mark.parametrize(("asked", "words"), [
    (("ears-c2", {"baseline": "seven"}), "“基线点数”的值“seven”无效"),
    (("ears-c2", {"baseline": "1"}), "未能试算"),
    (("single-case", {}), "不能使用该方法"),
    (("tea-leaves", {}), "不能使用该方法"),
])  # fmt: skip
def test_a_setting_the_method_does_not_take_is_refused_in_words(months, desk, evening, asked, words):
    with pytest.raises(Refusal, match=words):
        simulate(choose("C2", *asked, enabled=True, at=evening), by=desk, at=evening)


def test_a_fixed_number_can_be_switched_off_and_nothing_else(city, evening):
    line = decisions.line_on("single-case", at=evening)

    assert [name for name, _ in line.methods] == ["single-case"]
    assert choose("single-case", "", {"alpha": "1"}, enabled=False, at=evening) == Choice(
        "single-case", "single-case", {}, enabled=False
    )


def test_an_unknown_detector_is_not_found(city, evening):
    with pytest.raises(NotFound, match="没有代码为"):
        decisions.line_on("C9", at=evening)


@pytest.mark.parametrize("role", ["investigator", "commander", "sentinel_nurse", "nobody"])
def test_only_the_city_s_desk_decides(role, viewers, months, desk, evening):
    choice = Choice("C3", "ears-c3", {}, enabled=False)
    run = simulate(choice, by=desk, at=evening)

    with pytest.raises(NotAllowed):
        simulate(choice, by=viewers[role], at=evening)
    with pytest.raises(NotAllowed):
        decide(run.sealed, detector="C3", valid_from=TODAY, by=viewers[role], at=evening, because="试用")
    assert not WatchDecision.objects.exists()


# ---- the pages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _evening(monkeypatch, evening):
    monkeypatch.setattr(clock, "now", lambda: evening)


def text(response):
    assert response.status_code == 200, response.content.decode()[:2000]
    return response.content.decode()


@pytest.mark.usefixtures("_evening")
def test_choose_try_and_decide_on_the_pages(months, client_as):
    client = client_as("duty_officer")
    assert "尚无变更" in text(client.get(reverse("warn:detectors")))
    address = reverse("warn:detector", args=["C3"])
    form = text(client.get(address))
    assert 'name="s-alpha" value="0.025"' in form or "s-min_sigma" in form
    assert "2. 会有何不同" not in form

    tried = text(client.get(address, {"method": "ears-c3", "on": "0", "do": "try"}))
    for words in ("2. 会有何不同", "不足一年", "丰台区", "没有已核实事件", 'data-chart="bars"', "3. 确认"):
        assert words in tried, words
    sealed = tried.split('name="sealed" value="')[1].split('"')[0]

    answer = client.post(
        reverse("warn:decide", args=["C3"]), {"sealed": sealed, "valid_from": str(TODAY), "because": "误报过多"}
    )
    assert answer.status_code == 303
    table = text(client.get(reverse("warn:detectors")))
    for words in ("停用", "误报过多", "duty_officer", "现行", "试算"):
        assert words in table, words


@pytest.mark.usefixtures("_evening")
def test_another_method_begins_with_its_published_settings(client_as):
    page = text(
        client_as("duty_officer").get(
            reverse("warn:detector", args=["C2"]), {"method": "ears-c3", "s-min_sigma": "0.5", "do": "choose"}
        )
    )

    assert 'name="s-min_sigma" value=""' in page


@pytest.mark.usefixtures("_evening")
def test_the_pages_in_english(months, client_as):
    client = client_as("duty_officer")
    client.cookies["django_language"] = "en"

    assert "None yet: every detector runs as delivered." in text(client.get(reverse("warn:detectors")))
    tried = text(client.get(reverse("warn:detector", args=["C3"]), {"on": "0", "do": "try"}))
    assert "less than a year" in tried
    assert "Fengtai District" in tried


@pytest.mark.usefixtures("_evening")
@pytest.mark.parametrize("role", ["investigator", "commander"])
def test_who_may_look_sees_the_table_and_no_button(role, client_as):
    client = client_as(role)
    page = text(client.get(reverse("warn:detectors")))

    assert "EARS C2" in page
    assert reverse("warn:detector", args=["C2"]) not in page
    assert client.get(reverse("warn:detector", args=["C2"])).status_code == 403
    assert client.post(reverse("warn:decide", args=["C2"])).status_code == 403


@pytest.mark.parametrize("role", ["sentinel_nurse", "press", "nobody"])
def test_others_do_not_enter(role, client_as):
    assert client_as(role).get(reverse("warn:detectors")).status_code == 403


@pytest.mark.usefixtures("_evening")
def test_a_refusal_stands_on_the_page_in_words(client_as):
    client = client_as("duty_officer")

    refused = client.get(reverse("warn:detector", args=["C2"]), {"do": "try", "s-baseline": "x"})
    assert refused.status_code == 422
    assert "“基线点数”的值“x”无效" in refused.content.decode()
    assert client.get(reverse("warn:detector", args=["C9"])).status_code == 404
    unsealed = client.post(reverse("warn:decide", args=["C2"]), {"valid_from": str(TODAY), "because": "x"})
    assert "尚未试算" in unsealed.content.decode()
    assert "日期无效" in client.post(reverse("warn:decide", args=["C2"]), {"valid_from": "soon"}).content.decode()


@pytest.mark.usefixtures("_evening")
def test_the_api_shows_tries_and_decides(months, client_as):
    client = client_as("duty_officer")
    table = {one["code"]: one for one in client.get("/api/warn/detectors").json()}
    assert (table["C2"]["method"], table["C2"]["enabled"]) == ("ears-c2", True)

    tried = client.post(
        "/api/warn/detectors/C3/dry-run", {"method": "ears-c3", "enabled": False}, content_type="application/json"
    ).json()
    assert tried["signals"]["then"] <= tried["signals"]["now"]
    assert (tried["days"], tried["whole_year"]) == (41, False)
    decided = client.post(
        "/api/warn/detectors/C3/decisions",
        {"sealed": tried["sealed"], "valid_from": str(TODAY), "because": "误报过多"},
        content_type="application/json",
    )

    assert decided.status_code == 201
    (listed,) = client.get("/api/warn/detectors/decisions").json()
    assert (listed["id"], listed["detector"], listed["enabled"], listed["in_force"]) == (
        decided.json()["id"], "C3", False, True,
    )  # fmt: skip


@pytest.mark.usefixtures("_evening")
@pytest.mark.parametrize("role", ["investigator", "commander", "press"])
def test_the_api_lets_nobody_else_try_or_decide(role, client_as):
    client = client_as(role)
    sent = {"sealed": "x", "valid_from": str(TODAY), "because": "x"}

    for address, body in (("dry-run", {}), ("decisions", sent)):
        answer = client.post(f"/api/warn/detectors/C3/{address}", body, content_type="application/json")
        assert answer.status_code == 403
