"""How reports arrive: late over weekends, silent for days, twice, corrected; and what the year's seasons look like."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from tests.simulation.plans import demo_plan

from citywatch.simulation.days import LOCAL, is_working_day
from citywatch.simulation.people import build_city
from citywatch.simulation.scenarios import run
from citywatch.simulation.streams.ordinary import SYMPTOM_SHARE, mix, season

START = date(2021, 3, 8)


@pytest.fixture(scope="module")
def days():
    city = build_city(demo_plan(people=40_000), seed=9)
    going = run(city, "baseline", start=START, days=84, seed=2)
    return going.city, list(going)


@pytest.fixture(scope="module")
def sent(days):
    return [batch for day in days[1] for batch in day.batches]


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL)


def test_a_city_brings_the_published_numbers_a_day(sent):
    rows = Counter()
    for message in {batch.message_id: batch for batch in sent}.values():
        rows[message.form] += len(message.rows)
    per_day = {form: count / 84 * 100_000 / 40_000 for form, count in rows.items()}

    assert per_day["symptom-registration"] == pytest.approx(100, rel=0.2)
    assert per_day["pharmacy-sale"] == pytest.approx(146, rel=0.2)
    assert 6 <= per_day["fever-clinic-visit"] <= 20


def test_nothing_is_sent_before_it_was_written_down(sent):
    written = {"symptom-registration": "visit_at", "fever-clinic-visit": "visit_at", "pharmacy-sale": "sold_at"}
    written |= {"report-card": "diagnosed_at", "lab-result": "tested_at"}
    for batch in sent:
        for row in batch.rows:
            if batch.form in written:
                assert local(row[written[batch.form]]) <= batch.sent_at
                assert local(row[written[batch.form]]).date() == batch.day


def test_weekends_of_small_sites_arrive_on_monday_more_often(sent):
    late = {True: [], False: []}
    for batch in sent:
        if batch.form in {"symptom-registration", "pharmacy-sale", "zero-report"}:
            late[is_working_day(batch.day)].append(batch.sent_at.astimezone(LOCAL).date() > batch.day)

    assert np.mean(late[False]) > 3 * np.mean(late[True])
    assert 0.003 < np.mean(late[True]) < 0.03


def test_some_sites_fall_silent_for_days_and_speak_again(days, sent):
    city, _ = days
    heard = defaultdict(set)
    for batch in sent:
        heard[batch.site].add((batch.day - START).days)
    duties = [place.code for place in city.places if set(place.streams) & {"symptom", "pharmacy"}]
    longest = {}
    for code in duties:
        missing = np.diff(np.array([-1, *sorted(heard[code]), 84])) - 1
        longest[code] = int(missing.max())

    assert max(longest.values()) >= 4
    assert sum(gap >= 4 for gap in longest.values()) < 0.25 * len(duties)


def test_a_batch_sent_twice_is_the_same_batch(sent):
    by_id = defaultdict(list)
    for batch in sent:
        by_id[batch.message_id].append(batch)
    twice = [those for those in by_id.values() if len(those) > 1]

    assert 0 < len(twice) < 0.02 * len(by_id)
    assert all(one.rows == those[0].rows and one.site == those[0].site for those in twice for one in those)


def test_cards_come_within_a_day_but_for_a_few_and_some_are_revised(sent):
    cards = [(batch, row) for batch in sent if batch.form == "report-card" for row in batch.rows]
    firsts = {row["card_no"]: row for _, row in cards if row["card_type"] == "1"}
    delay = [b.sent_at - local(row["diagnosed_at"]) for b, row in cards if row["card_type"] == "1"]
    revised = [row for _, row in cards if row["card_type"] == "2"]

    assert 0.9 <= np.mean([one <= timedelta(hours=24) for one in delay]) < 1
    assert revised
    for row in revised:
        first = firsts[row["card_no"]]
        assert (row["case_class"], first["case_class"]) == ("2", "1")
        assert {k: v for k, v in row.items() if k not in {"card_type", "case_class", "filled_on"}} == {
            k: v for k, v in first.items() if k not in {"card_type", "case_class", "filled_on"}
        }


def test_every_ordered_sample_has_one_result_within_twenty_hours(sent):
    ordered, results = {}, Counter()
    for batch in sent:
        for row in batch.rows:
            if row.get("pcr_ordered") == "Y":
                ordered[row["sample_barcode"]] = row["visit_at"]
            if batch.form == "lab-result":
                results[row["barcode"]] += 1
                assert local(row["tested_at"]) - local(ordered[row["barcode"]]) <= timedelta(hours=20)
    early = {barcode for barcode, at in ordered.items() if local(at).date() < START + timedelta(days=82)}

    assert early <= set(results)
    assert set(results.values()) == {1}


def test_a_site_of_two_streams_says_zero_for_the_one_that_saw_nobody(days, sent):
    city, _ = days
    duties = {place.code: set(place.streams) for place in city.places}
    seen = {(batch.site, batch.day, batch.form) for batch in sent if batch.form != "zero-report"}
    contradicted = total = 0
    for batch in sent:
        if batch.form == "zero-report":
            for row in batch.rows:
                assert row["stream"] in duties[batch.site]
                total += 1
                form = {"symptom": "symptom-registration", "pharmacy": "pharmacy-sale", "fever": "fever-clinic-visit"}
                contradicted += (batch.site, batch.day, form.get(row["stream"])) in seen

    assert total > 500
    assert contradicted == 0


def test_seasons_peak_when_the_dossier_says_and_come_softly():
    year = [date(2021, 1, 1) + timedelta(days=n) for n in range(365)]
    for what, low, high, peak in (
        ("fever", date(2021, 7, 1), date(2021, 12, 31), 1.6),
        ("diarrhoea", date(2021, 1, 15), date(2021, 8, 1), 2.0),
        ("rash", date(2021, 12, 1), date(2021, 6, 1), 2.0),
    ):
        assert season(what, low) == pytest.approx(1.0, abs=0.02)
        assert season(what, high) == pytest.approx(peak, abs=0.05)
        steps = np.diff([season(what, day) for day in year])
        assert np.abs(steps).max() < 0.1
    assert np.mean([mix(SYMPTOM_SHARE, day).sum() for day in year]) == pytest.approx(1.0, abs=0.03)
