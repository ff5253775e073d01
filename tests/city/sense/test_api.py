"""The API's door for clinic systems: one key, one site, one answer per message."""

import pytest
from tests.city.reports import message, symptom
from tests.conftest import NOON

from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import issue_key

pytestmark = pytest.mark.django_db
DOOR = "/api/forms/symptom-registration/batches"


@pytest.fixture
def system(city, client, at_noon):
    site = Place.objects.get(code="110106018-C01")
    token = issue_key(name="HIS", place=site, abilities=["sense.submit", "sense.view"], at=NOON)

    def call(body=b"", *, key="k-1", path=DOOR, method="post", bearer=token):
        headers = {"Authorization": f"Bearer {bearer}", "Accept-Language": "en"}
        if key:
            headers["Idempotency-Key"] = key
        return getattr(client, method)(path, body, content_type="application/json", headers=headers)

    return call


def test_a_batch_is_created_repeated_and_refused_when_its_key_brings_other_content(system):
    first = system(message(symptom(1), symptom(2, temperature="48")))
    again = system(message(symptom(1), symptom(2, temperature="48")))
    other = system(message(symptom(3)))

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == {**again.json(), "repeat": False}
    assert (first.json()["stored"], first.json()["quarantined"]) == (1, 1)
    assert "already used" in other.json()["detail"]


def test_without_a_key_for_the_message_nothing_is_taken(system):
    answer = system(message(symptom(1)), key="")

    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["detail"]
    assert not Submission.objects.exists()


def test_a_stranger_is_turned_away(system):
    assert system(message(symptom(1)), bearer="wrong").status_code == 401


def test_a_key_reports_for_its_own_site_only(system):
    assert system(message(symptom(1)), path=f"{DOOR}?site=110106024-S01").status_code == 403


def test_a_key_without_the_laboratorys_right_cannot_send_results(system):
    assert system(message({}), path="/api/forms/lab-result/batches").status_code == 403


def test_text_that_is_no_message_is_refused_in_one_sentence(system):
    answer = system(b"{")

    assert answer.status_code == 422
    assert "not JSON" in answer.json()["detail"]


def test_every_form_has_a_schema_that_its_own_rows_fit(system):
    codes = [one["code"] for one in system(path="/api/forms", method="get").json()]
    schema = system(path="/api/forms/symptom-registration", method="get").json()

    assert {
        "symptom-registration",
        "fever-clinic-visit",
        "pharmacy-sale",
        "report-card",
        "school-absence",
        "home-visit",
        "zero-report",
        "lab-result",
    } == set(codes)
    assert set(symptom()) <= set(schema["properties"])
    assert schema["properties"]["symptoms"]["items"]["enum"][0] == "fever"


def test_a_submission_comes_back_without_identity(system):
    number = system(message(symptom(1))).json()["submissions"][0]
    answer = system(path=f"/api/submissions/{number}", method="get")

    assert answer.status_code == 200
    assert "张甲" not in answer.content.decode()
    assert system(path="/api/submissions/999999", method="get").status_code == 404


def test_coverage_is_told_for_the_callers_sites(system):
    system(message(symptom(1)))
    found = system(path="/api/coverage?day=2020-06-10", method="get").json()

    assert (found["expected"], found["reported"]) == (1, 1)
