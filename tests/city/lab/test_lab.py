"""Every sample gets a result or stays visible, and no result is dropped."""

import pytest
from tests.city.reports import fever, message, result
from tests.conftest import NOON

from citywatch.city.lab import queries
from citywatch.city.lab.models import Sample
from citywatch.mechanisms.errors import NotAllowed
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.server import forms, wiring

pytestmark = pytest.mark.django_db
BARCODE = "S200610000001"


@pytest.fixture
def clinic(viewers):
    return lambda *rows, key="v-1": send(viewers["fever_nurse"], "fever-clinic-visit", "110106018-H01", rows, key)


@pytest.fixture
def laboratory(viewers):
    return lambda *rows, key="r-1": send(viewers["lab"], "lab-result", "110106018-L01", rows, key)


def send(viewer, code, site, rows, key):
    outcome = forms.submit(
        code, message(*rows), channel="api", site=Place.objects.get(code=site), source=site, message_id=key,
        sent_at=NOON, by=viewer, at=NOON,
    )  # fmt: skip
    wiring.catch_up()
    return outcome


def test_a_visit_orders_a_sample_whose_six_hours_run_from_the_swab(clinic):
    clinic(fever(1))

    sample, clock = Sample.objects.get(), Clock.objects.get(code="pcr-clinic")
    assert (sample.state, sample.barcode, sample.place.code) == ("ordered", BARCODE, "110106018-H01")
    assert (clock.due_at - sample.ordered_at).total_seconds() == 6 * 3600


def test_a_result_ends_the_clock_and_names_the_person_to_those_downstream(clinic, laboratory):
    clinic(fever(1))
    laboratory(result(BARCODE, "positive", ct_orf1ab="23.5", ct_n="22.8"))

    sample = Sample.objects.get()
    entry = Entry.objects.get(kind="lab.sample_report_positive")
    assert (sample.state, sample.ct_orf1ab, sample.lab_place.code) == ("positive", 23.5, "110106018-L01")
    assert entry.body["person_id"] == sample.person_id
    assert entry.body["submission"] == Submission.objects.get(form="fever-clinic-visit").pk
    assert not Clock.objects.filter(code="pcr-clinic", stopped_at__isnull=True).exists()
    assert queries.first_positive_at() == NOON


def test_a_result_without_an_order_stays_on_the_list_until_its_order_comes(clinic, laboratory, viewers):
    laboratory(result(BARCODE, "positive"))
    (loose,) = queries.loose_ends(viewers["lab"])
    assert (loose.kind, loose.barcode, loose.result) == ("lab.result_unmatched", BARCODE, "positive")

    clinic(fever(1))

    assert Sample.objects.get().state == "positive"
    assert queries.loose_ends(viewers["lab"]) == []


def test_a_negative_after_a_positive_is_kept_as_a_contradiction(clinic, laboratory, viewers):
    clinic(fever(1))
    laboratory(result(BARCODE, "positive"))
    laboratory(result(BARCODE, "negative", tested_at="2020-06-11T06:00"), key="r-2")

    assert Sample.objects.get().state == "positive"
    assert [end.kind for end in queries.loose_ends(viewers["lab"])] == ["lab.result_contradicted"]


def test_an_indeterminate_sample_is_tested_again_and_its_clock_runs_on(clinic, laboratory):
    clinic(fever(1))
    laboratory(result(BARCODE, "indeterminate"))
    assert Clock.objects.filter(code="pcr-clinic", stopped_at__isnull=True).exists()

    laboratory(result(BARCODE, "positive", tested_at="2020-06-11T06:00"), key="r-2")
    assert Sample.objects.get().state == "positive"


def test_the_same_result_again_changes_nothing(clinic, laboratory):
    clinic(fever(1))
    laboratory(result(BARCODE))
    laboratory(result(BARCODE, tested_at="2020-06-11T06:00"), key="r-2")

    assert Entry.objects.filter(kind="lab.sample_report_negative").count() == 1


def test_a_clinic_cannot_report_laboratory_results(city, viewers):
    with pytest.raises(NotAllowed):
        send(viewers["fever_nurse"], "lab-result", "110106018-H01", [result(BARCODE)], "x")

    assert not Submission.objects.exists()


def test_a_negative_with_a_ct_value_is_questioned(laboratory):
    assert laboratory(result(BARCODE, "negative", ct_n="24")).quarantined == 1


def test_daily_results_count_empty_days_too(clinic, laboratory):
    clinic(fever(1))
    laboratory(result(BARCODE))
    days = queries.daily_results(NOON.date().replace(day=10), NOON.date())

    assert [(day.day.day, day.tested, day.negative) for day in days] == [(10, 0, 0), (11, 1, 1)]


def test_the_worklist_and_the_result_page_work_for_the_laboratory(clinic, client_as, at_noon):
    clinic(fever(1))
    client = client_as("lab")

    page = client.get("/lab/")
    assert BARCODE in page.content.decode()
    form = client.get(f"/lab/result/?barcode={BARCODE}")
    assert f'value="{BARCODE}"' in form.content.decode()
    answer = client.post("/lab/result/", {**result(BARCODE, "positive"), "token": "t-1"})

    assert answer.status_code == 302
    assert Sample.objects.get().state == "positive"
    assert "阳性" in client.get("/lab/").content.decode()


def test_a_result_page_with_a_mistake_says_so_and_stores_nothing(client_as, at_noon):
    answer = client_as("lab").post("/lab/result/", {**result(BARCODE), "result": "", "token": "t-1"})

    assert answer.status_code == 422
    assert "必填项未填写" in answer.content.decode()
    assert not Submission.objects.exists()


def test_the_press_sees_no_laboratory(client_as, at_noon):
    assert client_as("press").get("/lab/").status_code == 403
