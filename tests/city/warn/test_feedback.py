"""What the desk's answers say about detection, by an example counted by hand."""

from datetime import timedelta

import pytest
from django.urls import reverse
from tests.city.warn.conftest import CLINIC, HOSPITAL, PHARMACY, TODAY, XICHENG

from citywatch.city.warn import rules, services
from citywatch.city.warn.feedback import LABORATORY, Share, feedback
from citywatch.city.warn.models import Proposal, Signal
from citywatch.mechanisms import clock
from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.lifecycle.services import begin, start_clock

HUAXIANG, GUANGNEI = "110106018", "110102009"


def noon(back):
    return start_of(TODAY - timedelta(days=back)) + timedelta(hours=12)


@pytest.fixture
def raised(city):
    """`raised(street, at, level, streams, detectors)`: a proposal as a run leaves it, its clock running."""

    def proposal(street, at, *, level="blue", streams=("symptom",), detectors=("C2",), positives=()):
        number = Proposal.objects.count()
        day = clock.day_of(at)
        row = Proposal(
            place=Place.objects.get(code=street), level=level, hazard="fever", streams=list(streams), opened_at=at,
            first_day=day, last_day=day, fingerprint=f"p{number}", positives=list(positives),
            first_positive_at=at if positives else None, last_positive_at=at if positives else None,
        )  # fmt: skip
        begin(row, "warn.proposal_raised", by=services.detector_viewer(), at=at)
        start_clock(rules.CLOCKS[level], row, at=at)
        for stream in streams if detectors else ():
            Signal.objects.create(
                place=row.place, fingerprint=f"s{number}{stream}", family="ears", stream=stream, syndrome="fever",
                by="reporting", detectors=list(detectors), first_day=day, last_day=day, observed=9, expected=1, upper=3,
                score=5, raised_at=at, proposal=row,
            )  # fmt: skip
        return row.pk

    return proposal


@pytest.fixture
def fortnight(send, raised, viewers, evening):
    """Five proposals in Fengtai and two in Xicheng, answered and not; each district heard on seven days."""
    for back in range(1, 8):
        send(CLINIC, "symptom", TODAY - timedelta(days=back), 2, "fever")
        send(XICHENG, "symptom", TODAY - timedelta(days=back), 0)  # a zero-report is a report
    for back in (1, 2):
        send(PHARMACY, "pharmacy", TODAY - timedelta(days=back), 1, "cough")
    desk = viewers["duty_officer"]

    def answered(move, after, because, *given, **more):
        pk = raised(*given, **more)
        at = Proposal.objects.get(pk=pk).opened_at + after
        services.answer(move, pk, by=desk, at=at, because=because)

    answered("close", timedelta(hours=2), "节假日就诊波动", HUAXIANG, noon(9))
    answered("close", timedelta(hours=26), "Holiday rhythm of visits", HUAXIANG, noon(8), detectors=("C1", "C2"))
    answered(
        "verify", timedelta(hours=4), "电话核实", HUAXIANG, noon(7), level="yellow", streams=("symptom", "pharmacy")
    )
    answered("watch", timedelta(hours=1), "等待", HUAXIANG, noon(6), streams=("pharmacy",), detectors=("C3",))
    raised(HUAXIANG, evening - timedelta(minutes=10))
    raised(GUANGNEI, noon(3))
    answered(
        "verify", timedelta(minutes=10), "阳性", GUANGNEI, noon(2), level="red", streams=("lab",), detectors=(),
        positives=(77,),
    )  # fmt: skip
    return desk


def by_code(tallies):
    return {one.code: one for one in tallies}


def test_the_figures_are_those_counted_by_hand(fortnight, evening):
    found = feedback(fortnight, at=evening)
    total = found.total

    assert (total.raised, total.verified, total.closed, total.watched, total.waiting) == (7, 2, 2, 1, 2)
    assert (total.ppv.part, total.ppv.of, total.ppv.value) == (2, 4, 0.5)
    assert (total.answered, total.median_minutes) == (5, 120)  # of 10, 60, 120, 240 and 1560 minutes
    assert (total.in_time.part, total.in_time.of) == (4, 6)  # the one raised ten minutes ago is not late yet
    assert total.heard == 2.0
    assert total.load == 3.5
    assert (found.open_now, found.overdue_now) == (3, 1)


def test_a_proposal_counts_under_each_of_its_detectors_streams_and_its_level(fortnight, evening):
    found = feedback(fortnight, at=evening)

    ruled = by_code(found.rules)
    assert {code: one.raised for code, one in ruled.items()} == {"C1": 1, "C2": 5, "C3": 1, LABORATORY: 1}
    assert (ruled["C2"].ppv.part, ruled["C2"].ppv.of) == (1, 3)
    assert (ruled[LABORATORY].ppv.part, ruled[LABORATORY].ppv.of) == (1, 1)
    streams = by_code(found.streams)
    assert (streams["pharmacy"].raised, round(streams["pharmacy"].load, 2)) == (2, 7.0)  # heard on two days
    levels = by_code(found.levels)
    assert [levels[level].raised for level in ("red", "orange", "yellow", "blue")] == [1, 0, 1, 5]


def test_a_stream_nobody_sent_is_no_data_and_never_zero(fortnight, evening):
    found = feedback(fortnight, at=evening)

    assert by_code(found.streams)["card"].silent
    assert by_code(found.streams)["card"].load is None
    silent = {(one.district.en, one.stream.en): one for one in found.silent}
    hospital = silent["Fengtai District", "report card"]
    assert (hospital.expected, hospital.whole, [site.name.en for site in hospital.sites]) == (
        1, True, ["Fengtai Hospital"],
    )  # fmt: skip
    assert hospital.sites[0].last_day is None
    assert ("Xicheng District", "symptom registration") not in silent
    clinics = silent["Fengtai District", "symptom registration"]
    assert (clinics.expected, clinics.whole) == (2, False)


def test_a_site_heard_before_the_period_is_silent_with_its_last_day(send, fortnight, evening):
    send(HOSPITAL, "fever", TODAY - timedelta(days=40), 3, "fever", at=noon(39))

    found = feedback(fortnight, at=evening)

    (fever,) = [one for one in found.silent if one.stream.en == "fever clinic"]
    assert fever.sites[0].last_day == TODAY - timedelta(days=40)
    assert by_code(found.streams)["fever"].silent
    assert not by_code(feedback(fortnight, at=evening, weeks=13).streams)["fever"].silent


def test_weeks_nobody_reported_have_no_figure(fortnight, evening):
    weeks = dict(feedback(fortnight, at=evening).by_week)

    first, second, third, fourth = sorted(weeks)
    assert weeks[first] is weeks[second] is None
    assert sum(weeks[third].values()) == 3  # nine, eight and seven days ago
    assert sum(weeks[fourth].values()) == 4


def test_each_district_counts_its_own(fortnight, viewers, evening):
    fengtai = feedback(viewers["investigator"], at=evening)
    xicheng = feedback(viewers["investigator_xicheng"], at=evening)

    assert (fengtai.total.raised, fengtai.total.load) == (5, 5.0)
    assert (xicheng.total.raised, xicheng.total.load) == (2, 2.0)
    assert [one.code for one in fengtai.districts] == ["110106"]
    assert [one.code for one in xicheng.districts] == ["110102"]
    assert [(one.code, one.raised) for one in feedback(fortnight, at=evening).districts if one.raised] == [
        ("110102", 2), ("110106", 5),
    ]  # fmt: skip
    assert {one.district.en for one in xicheng.silent} <= {"Xicheng District"}
    assert xicheng.reasons == ()


def test_a_reason_is_one_reason_in_either_language(fortnight, evening):
    (reason,) = feedback(fortnight, at=evening).reasons

    assert (reason.text.zh, reason.text.en, reason.number) == ("节假日就诊波动", "Holiday rhythm of visits", 2)


def test_what_happened_after_the_moment_asked_about_is_not_counted(fortnight):
    found = feedback(fortnight, at=noon(9) + timedelta(hours=1))

    assert (found.total.raised, found.total.answered) == (1, 0)


def test_a_city_without_a_proposal_has_no_precision(viewers, evening):
    total = feedback(viewers["duty_officer"], at=evening).total

    assert (total.ppv.value, total.load, total.median_minutes, total.in_time.value) == (None, None, None, None)
    assert total.silent


def test_another_period_is_refused(viewers, evening):
    with pytest.raises(Refusal, match="4, 13, 52"):
        feedback(viewers["duty_officer"], at=evening, weeks=5)


def test_the_interval_of_a_share_is_wilson_s():
    # Newcombe 1998, Stat Med 17:857, table I: 15 of 148 is 0.0624 to 0.1605; 0 of 20 begins at 0.
    share = Share(15, 148)
    assert (round(share.low, 4), round(share.high, 4)) == (0.0624, 0.1605)
    assert (Share(0, 20).low, round(Share(0, 20).high, 4)) == (0.0, 0.1611)


@pytest.fixture
def page(client_as, monkeypatch, evening):
    monkeypatch.setattr(clock, "now", lambda: evening)

    def text(role, address, language=""):
        client = client_as(role)
        if language:
            client.cookies["django_language"] = language
        answer = client.get(address)
        assert answer.status_code == 200, answer.content.decode()[:2000]
        return answer.content.decode()

    return text


def test_the_page_prints_every_figure_with_its_number(fortnight, page):
    shown = page("duty_officer", reverse("warn:feedback"))

    for words in ("预警反馈", "已研判4件中核实2件", "50%", "3.50", "节假日就诊波动", "无数据", "丰台医院", "2:00"):
        assert words in shown, words
    assert 'data-chart="epicurve"' in shown


def test_the_page_in_english(fortnight, page):
    shown = page("duty_officer", reverse("warn:feedback") + "?weeks=13", "en")

    for words in ("Detection feedback", "2 verified of 4 judged", "Silent sources", "no data", "Fengtai Hospital"):
        assert words in shown, words


def test_a_district_s_page_shows_no_other_district(fortnight, page):
    assert "西城" not in page("investigator", reverse("warn:feedback"))


@pytest.mark.parametrize("role", ["sentinel_nurse", "press", "lab", "nobody"])
def test_others_do_not_enter(role, client_as):
    assert client_as(role).get(reverse("warn:feedback")).status_code == 403
    assert client_as(role).get("/api/warn/feedback").status_code == 403
    assert client_as(role).get("/api/warn/feedback.csv").status_code == 403


def test_a_period_that_is_none_is_refused_on_the_page(client_as):
    for weeks, words in (("5", "没有5周的统计期"), ("x", "编号无效")):
        answer = client_as("duty_officer").get(reverse("warn:feedback"), {"weeks": weeks})
        assert answer.status_code == 422
        assert words in answer.content.decode()


def test_the_api_tells_the_same_figures(fortnight, client_as, monkeypatch, evening):
    monkeypatch.setattr(clock, "now", lambda: evening)
    told = client_as("duty_officer").get("/api/warn/feedback?weeks=4").json()

    assert told["total"]["raised"] == 7
    assert told["total"]["ppv"]["value"] == 0.5
    assert told["total"]["per_district_week"] == 3.5
    card = next(one for one in told["streams"] if one["code"] == "card")
    assert (card["no_data"], card["raised"], card["per_district_week"]) == (True, None, None)
    assert told["by_week"][0]["states"] is None
    assert client_as("duty_officer").get("/api/warn/feedback?weeks=5").status_code == 422


def test_the_table_for_a_spreadsheet_leaves_no_data_empty(fortnight, client_as, monkeypatch, evening):
    monkeypatch.setattr(clock, "now", lambda: evening)
    answer = client_as("duty_officer").get("/api/warn/feedback.csv")

    assert answer["Content-Type"].startswith("text/csv")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("group,code,name_zh,name_en,raised,verified")
    assert lines[1].startswith("total,,合计,Total,7,2,2,1,2,4,0.5,")
    (card,) = [line for line in lines if line.startswith("stream,card,")]
    assert card.endswith("report card" + "," * 15)
