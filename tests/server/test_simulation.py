"""The stand-in speaks the house's own forms: its columns, codes and words are those a clinic would send."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from citywatch.mechanisms.forms.services import check_rows
from citywatch.mechanisms.forms.types import Row
from citywatch.server.demo import story
from citywatch.server.forms import BY_CODE
from citywatch.simulation.people import build_city
from citywatch.simulation.scenarios import run, simulate_outbreak


@pytest.fixture(scope="module")
def outbreak():
    of = story.SETTINGS["xiamen"]
    city = build_city(story.plan(of), seed=7)
    return simulate_outbreak(
        city, first_day=date(2020, 5, 25), first_positive_at=datetime(2020, 6, 10, 17, tzinfo=UTC), seed=7
    )


def test_every_form_that_is_sent_is_one_of_ours_and_every_column_one_of_its_questions(outbreak):
    columns = {}
    for batch in outbreak.batches:
        for row in batch.rows:
            columns.setdefault(batch.form, set()).update(row)
    for result in outbreak.lab_results:
        columns.setdefault("lab-result", set()).update(result.row)

    assert set(columns) == {
        "symptom-registration",
        "fever-clinic-visit",
        "pharmacy-sale",
        "report-card",
        "school-absence",
        "zero-report",
        "lab-result",
    }
    for code, names in columns.items():
        assert names <= set(BY_CODE[code].by_name), code


@pytest.mark.django_db
def test_every_row_passes_its_forms_checks_but_for_streets_the_registry_does_not_know_yet(outbreak):
    for batch in outbreak.batches:
        rows = [Row(number, row) for number, row in enumerate(batch.rows, start=1)]
        for row, problems in check_rows(BY_CODE[batch.form], rows, sent_at=batch.sent_at):
            assert [p.question for p in problems if p.question != "home_street"] == [], (
                batch.form,
                row.values,
                problems,
            )


@pytest.mark.django_db
def test_what_a_scenario_sends_passes_the_forms_checks_corrections_and_results_included():
    of = story.SETTINGS["xiamen"]
    city = build_city(replace(story.plan(of), people=20_000), seed=7)
    forms = set()
    for day in run(city, "market", start=date(2020, 5, 8), days=42, seed=7):
        for batch in day.batches:
            forms.add(batch.form)
            rows = [Row(number, row) for number, row in enumerate(batch.rows, start=1)]
            assert batch.rows
            for row, problems in check_rows(BY_CODE[batch.form], rows, sent_at=batch.sent_at):
                assert [p.question for p in problems if p.question != "home_street"] == [], (row.values, problems)

    assert forms == {
        "symptom-registration",
        "fever-clinic-visit",
        "pharmacy-sale",
        "report-card",
        "school-absence",
        "zero-report",
        "lab-result",
    }
