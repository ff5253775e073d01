"""What sites send: rows in the forms' words, the calendar's rhythm, and nothing lost between order and result."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from tests.simulation.conftest import FIRST_DAY, T

from citywatch.simulation.days import LOCAL
from citywatch.simulation.streams import FORM_OF_STREAM, open_sites, ordinary_reports

WHO = "name id_number phone home_street address"
QUESTIONS = {
    "symptom-registration": f"visit_at {WHO} sex age age_unit occupation visit_type onset_date symptoms temperature "
    "travel_14d contact_14d cluster_14d preliminary_diagnosis disposition",
    "fever-clinic-visit": f"visit_at {WHO} sex age age_unit occupation onset_date temperature symptoms "
    "exposure_history pcr_ordered sample_barcode diagnosis disposition",
    "pharmacy-sale": f"sold_at drug_class drug_name quantity {WHO} for_whom temperature symptoms travel_14d",
    "report-card": f"card_no card_type {WHO} guardian_name sex birth_date age age_unit workplace patient_belongs "
    "occupation case_class course onset_date diagnosed_at death_date disease revised_disease return_reason "
    "reporting_phone doctor filled_on note",
    "school-absence": "absent_on grade class_no list_no status symptoms roll onset_date seen_doctor",
    "zero-report": "stream day",
    "lab-result": "barcode specimen method result ct_orf1ab ct_n tested_at",
}
REQUIRED = {
    "symptom-registration": "visit_at name sex age age_unit visit_type onset_date symptoms disposition",
    "fever-clinic-visit": "visit_at name id_number sex age age_unit onset_date temperature symptoms pcr_ordered "
    "disposition",
    "pharmacy-sale": "sold_at drug_class quantity name for_whom",
    "report-card": "card_no card_type name sex patient_belongs occupation case_class onset_date diagnosed_at disease "
    "doctor filled_on",
    "school-absence": "absent_on grade class_no list_no status",
    "zero-report": "stream day",
}
WHEN = {
    "symptom-registration": "visit_at",
    "fever-clinic-visit": "visit_at",
    "pharmacy-sale": "sold_at",
    "report-card": "diagnosed_at",
}
SYMPTOMS = {"fever", "cough_throat", "diarrhoea", "vomiting", "rash", "red_eye", "jaundice", "bleeding_consciousness"}


def rows_of(outbreak, form):
    return [row for batch in outbreak.batches if batch.form == form for row in batch.rows]


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL)


def test_rows_answer_questions_of_their_form_and_every_required_one(outbreak):
    for batch in outbreak.batches:
        for row in batch.rows:
            assert set(row) <= set(QUESTIONS[batch.form].split())
            assert all(row[question] for question in REQUIRED[batch.form].split())
    for result in outbreak.lab_results:
        assert set(result.row) == set(QUESTIONS["lab-result"].split())


def test_codes_are_those_of_the_forms(outbreak):
    told = {code for row in rows_of(outbreak, "symptom-registration") for code in row["symptoms"].split(";")}

    assert told <= SYMPTOMS
    assert {"fever", "cough_throat", "diarrhoea", "rash"} <= told
    assert {row["drug_class"] for row in rows_of(outbreak, "pharmacy-sale")} == {
        "antipyretic",
        "cough",
        "antiviral",
        "antibiotic",
    }
    assert {row["disease"] for row in rows_of(outbreak, "report-card")} == {"0103", "3500", "4000", "3900"}


def test_nothing_is_sent_before_it_happened_and_each_batch_holds_one_day(outbreak):
    for batch in outbreak.batches:
        for row in batch.rows:
            if batch.form in WHEN:
                at = local(row[WHEN[batch.form]])
                assert at <= batch.sent_at
                assert at.date() == batch.day
                assert row["onset_date"] <= batch.day.isoformat() if "onset_date" in row else True


def test_batches_come_in_the_order_they_were_sent(outbreak):
    sent = [batch.sent_at for batch in outbreak.batches]

    assert sent == sorted(sent)


def test_a_day_brings_about_the_published_numbers(outbreak):
    weeks = [FIRST_DAY + timedelta(days=n) for n in range(3, 24)]  # three whole weeks before anything happens
    total = Counter()
    for batch in outbreak.batches:
        if batch.day in weeks:
            total[batch.form] += len(batch.rows)

    assert total["symptom-registration"] / 21 == pytest.approx(100, rel=0.15)
    assert total["pharmacy-sale"] / 21 == pytest.approx(146, rel=0.15)
    assert 6 <= total["fever-clinic-visit"] / 21 <= 20
    assert 1 <= total["report-card"] / 21 <= 7


def test_mondays_are_busier_than_sundays_and_holidays_are_quiet(demo_city):
    sites = open_sites(demo_city, rng=np.random.default_rng(1))
    seen = Counter()
    for name, day in (("monday", date(2020, 5, 18)), ("sunday", date(2020, 5, 17)), ("may day", date(2020, 5, 4))):
        for seed in range(6):
            drawn = ordinary_reports(sites, days=[day], rng=np.random.default_rng(seed))
            seen[name] += sum(report.stream == "symptom" for report in drawn)

    assert seen["monday"] > 1.2 * seen["sunday"]
    assert seen["may day"] < seen["sunday"]


def test_counts_vary_more_than_chance_alone(demo_city):
    sites = open_sites(demo_city, rng=np.random.default_rng(1))
    site = sites.of("pharmacy")[1]
    drawn = [
        sum(r.site == site for r in ordinary_reports(sites, days=[date(2020, 5, 20)], rng=np.random.default_rng(seed)))
        for seed in range(40)
    ]

    assert np.var(drawn) > 2 * np.mean(drawn)  # negative binomial with k = 10 at mean 35: 4.5 times


def test_home_street_is_given_nine_times_in_ten(outbreak):
    rows = rows_of(outbreak, "symptom-registration") + rows_of(outbreak, "pharmacy-sale")

    assert np.mean([row["home_street"] != "" for row in rows]) == pytest.approx(0.9, abs=0.02)


def test_a_site_that_saw_nothing_says_so_and_a_few_stay_silent(demo_city, outbreak):
    days = {FIRST_DAY + timedelta(days=n) for n in range(30)}
    heard, late = defaultdict(set), 0
    for batch in outbreak.batches:
        named = [row["stream"] for row in batch.rows] if batch.form == "zero-report" else [batch.form.split("-")[0]]
        heard[batch.site_code, batch.day] |= set(named)
        late += batch.sent_at.astimezone(LOCAL).date() > batch.day
    duties = [place for place in demo_city.places if set(place.streams) & {"symptom", "pharmacy"}]
    silent = sum(not heard[place.code, day] for place in duties for day in days)

    for place in duties:
        for day in days:
            answered = {name.replace("report", "card") for name in heard[place.code, day]}
            assert not answered or set(place.streams) <= answered
    assert 0 < silent < 0.03 * len(duties) * len(days)
    assert late > 0


def test_every_ordered_sample_gets_one_result_after_its_order_was_sent(outbreak):
    ordered = {}
    for batch in outbreak.batches:
        for row in batch.rows:
            if batch.form == "fever-clinic-visit" and row["pcr_ordered"] == "Y":
                ordered[row["sample_barcode"]] = (batch.sent_at, local(row["visit_at"]))
    results = {result.barcode: result for result in outbreak.lab_results}

    assert set(ordered) == set(results)
    assert len(results) == len(outbreak.lab_results)
    for barcode, (sent_at, visit_at) in ordered.items():
        assert results[barcode].sent_at > sent_at
        assert timedelta(hours=4) <= results[barcode].sent_at - visit_at <= timedelta(hours=20)


def test_visits_without_an_order_carry_no_barcode(outbreak):
    for row in rows_of(outbreak, "fever-clinic-visit"):
        assert (row["sample_barcode"] != "") == (row["pcr_ordered"] == "Y")


def test_in_the_last_days_a_fever_clinic_visit_is_sent_at_once(outbreak):
    for batch in outbreak.batches:
        if batch.form == "fever-clinic-visit" and batch.day >= (T - timedelta(days=2)).astimezone(LOCAL).date():
            assert len(batch.rows) == 1
            assert batch.sent_at - local(batch.rows[0]["visit_at"]) < timedelta(minutes=15)


def test_no_site_reports_zero_for_a_stream_in_which_it_saw_someone(outbreak):
    seen = {(batch.site_code, batch.day, batch.form) for batch in outbreak.batches}
    for batch in outbreak.batches:
        if batch.form == "zero-report":
            for row in batch.rows:
                assert (batch.site_code, batch.day, FORM_OF_STREAM[row["stream"]]) not in seen
