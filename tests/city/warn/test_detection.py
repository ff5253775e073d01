"""What a run finds, counted by hand."""

from datetime import timedelta

import numpy as np
import pytest
from tests.city.reports import message, symptom
from tests.city.warn.conftest import CLINIC, HOSPITAL, PHARMACY, TODAY

from citywatch.city.warn.chances import chance_of
from citywatch.city.warn.counting import count
from citywatch.city.warn.models import Run, Signal
from citywatch.city.warn.rules import rules_on, single_case_diseases
from citywatch.city.warn.services import look, watch
from citywatch.city.warn.types import SeriesKey
from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place


def street(code="110106018"):
    return Place.objects.get(code=code).pk


def test_a_jump_over_quiet_days_is_a_signal_with_its_baseline(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever")  # 2 1 2 1 …
    send(CLINIC, "symptom", TODAY, 9, "fever")

    watch(at=evening)

    signal = Signal.objects.get()
    assert (signal.stream, signal.syndrome, signal.by, signal.place_id) == ("symptom", "fever", "reporting", street())
    assert (signal.observed, signal.first_day, signal.last_day) == (9, TODAY, TODAY)
    assert signal.expected == pytest.approx(10 / 7, abs=1e-4)  # 2 to 8 June, two days left out: 1 2 1 2 1 2 1
    assert signal.upper == pytest.approx(10 / 7 + 3.0902 * np.std([1, 2, 1, 2, 1, 2, 1], ddof=1), abs=1e-3)
    assert "C2" in signal.detectors
    assert 0 < signal.p < 0.001


def test_two_fevers_after_none_are_too_few_for_a_statistical_signal(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever", counts=(0,) * 12)
    send(CLINIC, "symptom", TODAY, 2, "fever")

    watch(at=evening)

    assert not Signal.objects.exists()


def test_a_slow_outbreak_does_not_raise_its_own_threshold(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever", counts=(2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 5))
    send(CLINIC, "symptom", TODAY, 8, "fever")

    found = look(at=evening).findings

    assert [one.last_day for one in found] == [TODAY]
    assert found[0].expected == pytest.approx(11 / 7, abs=0.01)


def test_a_silent_day_is_not_a_zero(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever", counts=(2, 1, 2), until=TODAY - timedelta(days=2))
    send(CLINIC, "symptom", TODAY, 1, "fever")
    export.catch_up()

    counted = count(evening)
    row = counted.row(SeriesKey("symptom", "fever", "reporting", street()))

    assert row[-5:].tolist()[:3] == [2, 1, 2]
    assert np.isnan(row[-2])
    assert row[-1] == 1


def test_a_zero_report_is_a_zero(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever", counts=(2, 1, 2, 0))
    export.catch_up()

    row = count(evening).row(SeriesKey("symptom", "fever", "reporting", street()))

    assert row[-2] == 0
    assert np.isnan(row[-1])


def test_a_street_silent_all_week_makes_no_signal_of_its_return(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever", until=TODAY - timedelta(days=10))
    send(CLINIC, "symptom", TODAY, 9, "fever")

    assert look(at=evening).findings == ()


def test_another_stream_speaking_does_not_break_the_silence(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever", counts=(2, 1, 2), until=TODAY - timedelta(days=2))
    send(PHARMACY, "pharmacy", TODAY - timedelta(days=1), 3, "cough")
    export.catch_up()

    assert np.isnan(count(evening).row(SeriesKey("symptom", "fever", "reporting", street()))[-2])


def test_people_are_counted_by_home_street_too(send, quiet, evening):
    quiet(HOSPITAL, "fever", "fever", home="110106024")
    send(HOSPITAL, "fever", TODAY, 9, "fever", home="110106024")

    found = {(one.key.by, one.key.street_id) for one in look(at=evening).findings}

    assert found == {("reporting", street("110106018")), ("home", street("110106024"))}


def test_a_late_report_does_not_change_what_a_past_run_saw(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 2, "fever")
    before = look(at=evening).findings
    send(CLINIC, "symptom", TODAY, 9, "fever", at=evening + timedelta(hours=3))

    assert look(at=evening).findings == before == ()
    assert [one.observed for one in look(at=evening + timedelta(hours=4)).findings] == [11]


def test_a_corrected_report_is_counted_once(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever")
    (first,) = send(CLINIC, "symptom", TODAY, 1, "fever")
    send(CLINIC, "symptom", TODAY, 1, "rash", corrects=first)
    export.catch_up()

    counted = count(evening)

    assert counted.row(SeriesKey("symptom", "fever", "reporting", street()))[-1] == 0
    assert counted.row(SeriesKey("symptom", "rash", "reporting", street()))[-1] == 1


def test_running_twice_for_one_moment_changes_nothing(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 9, "fever")
    watch(at=evening)
    written = Entry.objects.count()

    skipped = watch(at=evening)
    forced = watch(at=evening, force=True)

    assert skipped.skipped
    assert (forced.raised, forced.extended, forced.proposals) == (0, 0, 0)
    assert Entry.objects.count() == written
    assert Signal.objects.count() == 1


def test_a_run_with_nothing_new_leaves_no_trace_until_a_report_comes(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever")
    watch(at=evening)

    assert watch(at=evening + timedelta(minutes=15)).skipped
    send(CLINIC, "symptom", TODAY, 1, "fever", at=evening + timedelta(minutes=20))
    assert not watch(at=evening + timedelta(minutes=30)).skipped
    assert Run.objects.count() == 2


def test_a_report_already_in_the_log_but_later_than_the_last_run_is_not_skipped(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 9, "fever", at=evening + timedelta(minutes=10))
    assert watch(at=evening).raised == 0

    assert watch(at=evening + timedelta(minutes=15)).raised == 1


def test_alarms_three_days_apart_are_one_signal_and_four_days_apart_are_two(send, quiet):
    quiet(CLINIC, "symptom", "fever", counts=(1, 2) * 6, until=TODAY - timedelta(days=1))
    prints = set()
    for ahead, n in enumerate((9, 1, 2, 30, 1, 2, 1, 90)):
        day = TODAY + timedelta(days=ahead)
        send(CLINIC, "symptom", day, n, "fever")
        watch(at=start_of(day) + timedelta(hours=19))
        prints |= set(Signal.objects.values_list("fingerprint", flat=True))

    spans = list(Signal.objects.order_by("first_day").values_list("first_day", "last_day"))
    assert spans == [(TODAY, TODAY + timedelta(days=3)), (TODAY + timedelta(days=7),) * 2]
    assert len(prints) == 2


def test_one_card_of_a_disease_managed_as_class_a_is_a_signal(send, evening):
    send(HOSPITAL, "card", TODAY, 1, "0103")

    (found,) = look(at=evening).findings

    assert (found.family, found.observed, found.p) == ("single-case", 1, None)


def test_one_card_of_influenza_is_none(send, evening):
    send(HOSPITAL, "card", TODAY, 1, "3500")

    assert look(at=evening).findings == ()


def test_the_single_case_list_follows_the_law_of_the_day():
    assert "0103" in single_case_diseases(TODAY)
    assert "0103" not in single_case_diseases(TODAY.replace(year=2023))
    assert {"0100", "0200"} <= single_case_diseases(TODAY)


def test_the_second_look_is_the_chance_of_a_poisson_street():
    counts = np.array([[1.0, 0, 1, 0, 1, 0, 1, 0, 0, 4]])
    draws = np.random.default_rng(7)
    rate = draws.gamma(4.5, 1 / 7, 400_000)  # Jeffreys' posterior of a rate after 4 reports in 7 days

    chance = chance_of(counts, np.full(counts.shape, 4 / 7), baseline=7, gap=2)[0, -1]

    assert chance == pytest.approx((draws.poisson(rate) >= 4).mean(), rel=0.05)


def test_the_reports_of_a_real_form_reach_detection(city, viewers, quiet, evening):
    from citywatch.city.sense.services import submit
    from citywatch.mechanisms.forms.services import decode_json

    quiet(CLINIC, "symptom", "fever")
    rows = [symptom(n, visit_at="2020-06-11T09:30", onset_date="2020-06-10", symptoms="fever") for n in range(1, 10)]
    submit(
        "symptom-registration", message(*rows), channel="api", site=Place.objects.get(code=CLINIC), source="test",
        message_id="1", sent_at=evening, by=viewers["sentinel_nurse"], at=evening, decode=decode_json,
    )  # fmt: skip

    assert [one.observed for one in look(at=evening).findings] == [9]


def test_a_failed_run_stands_on_the_desk_and_in_the_journal(city, viewers, monkeypatch, at_noon):
    from citywatch.city.warn import jobs, queries, services

    monkeypatch.setattr(services, "count_all", lambda *_, **__: 1 / 0)

    assert jobs.watch_job().startswith("failed")
    assert "division by zero" in queries.last_run(viewers["duty_officer"]).fault
    assert Entry.objects.filter(kind="warn.run_failed").count() == 1


def test_every_rule_says_itself_in_both_languages():
    for told in rules_on(TODAY).describe():
        assert "2020-01-01" in told.zh
        assert "2020-01-01" in told.en


def test_four_over_a_mean_of_nearly_two_are_not_three_more_than_expected(send, quiet, evening):
    quiet(CLINIC, "symptom", "fever", counts=(2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1))
    send(CLINIC, "symptom", TODAY, 4, "fever")  # above EARS's bound of 3.1

    assert look(at=evening).findings == ()


def test_three_more_than_thirty_are_chance_in_a_busy_pharmacy(send, quiet, evening):
    quiet(PHARMACY, "pharmacy", "cough", counts=(30, 31, 30, 30, 31, 30, 30, 31, 30, 30, 31, 30))
    send(PHARMACY, "pharmacy", TODAY, 35, "cough")  # far above EARS's bound of 32, and nothing for a Poisson street

    assert look(at=evening).findings == ()


def test_three_raised_days_none_of_them_an_alarm_alone_are_told_as_such(send, quiet, evening):
    from citywatch.city.warn.facts import reason_for
    from citywatch.city.warn.models import Proposal

    quiet(CLINIC, "symptom", "fever", counts=(1, 5, 1, 5, 1, 5, 1, 5, 1, 8, 8))
    send(CLINIC, "symptom", TODAY, 9, "fever")
    watch(at=evening)

    assert Signal.objects.get().detectors == ["C3"]
    assert "近三日合计偏高" in reason_for(Proposal.objects.get()).zh
