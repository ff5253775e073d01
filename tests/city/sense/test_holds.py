"""A fever clinic keeps whoever was swabbed until the result, and the result always ends it."""

import pytest
from tests.city.reports import fever, message, result
from tests.conftest import NOON

from citywatch.city.lab.models import Sample
from citywatch.city.sense.models import Hold
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.server import forms, wiring

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic(viewers):
    def visit(*rows, key="v-1"):
        site = Place.objects.get(code="110106018-H01")
        outcome = forms.submit(
            "fever-clinic-visit", message(*rows), channel="api", site=site, source="clinic", message_id=key,
            sent_at=NOON, by=viewers["fever_nurse"], at=NOON,
        )  # fmt: skip
        wiring.catch_up()
        return outcome

    return visit


@pytest.fixture
def laboratory(viewers):
    def report(*rows, key="r-1"):
        site = Place.objects.get(code="110106018-L01")
        outcome = forms.submit(
            "lab-result", message(*rows), channel="api", site=site, source="lab", message_id=key,
            sent_at=NOON, by=viewers["lab"], at=NOON,
        )  # fmt: skip
        wiring.catch_up()
        return outcome

    return report


def test_a_swabbed_patient_is_held_and_the_others_are_not(clinic):
    clinic(fever(1), fever(2, pcr_ordered="N", sample_barcode="", disposition="home"))

    (hold,) = Hold.objects.all()
    assert (hold.state, hold.barcode, hold.place.code) == ("held", "S200610000001", "110106018-H01")


def test_nobody_is_held_without_a_sample(clinic):
    assert clinic(fever(1, pcr_ordered="N", sample_barcode="")).quarantined == 1


def test_a_negative_result_lets_the_patient_go(clinic, laboratory):
    clinic(fever(1))
    laboratory(result("S200610000001"))

    hold = Hold.objects.get()
    assert (hold.state, hold.ended_at) == ("released", NOON)


def test_a_positive_result_isolates(clinic, laboratory):
    clinic(fever(1))
    laboratory(result("S200610000001", "positive", ct_n="24.5"))

    assert Hold.objects.get().state == "isolated"


def test_an_indeterminate_result_keeps_the_patient_until_the_retest(clinic, laboratory):
    clinic(fever(1))
    laboratory(result("S200610000001", "indeterminate"))
    assert Hold.objects.get().state == "held"

    laboratory(result("S200610000001", "negative", tested_at="2020-06-11T05:00"), key="r-2")
    assert Hold.objects.get().state == "released"


def test_a_missed_positive_put_right_reaches_the_released_patient(clinic, laboratory):
    clinic(fever(1))
    laboratory(result("S200610000001"))
    laboratory(result("S200610000001", "positive", tested_at="2020-06-11T05:00"), key="r-2")

    assert Hold.objects.get().state == "isolated"


def test_a_barcode_used_twice_holds_nobody_by_another_ones_result(clinic):
    clinic(fever(1), fever(2, sample_barcode="S200610000001"))

    assert Hold.objects.count() == Sample.objects.count() == 1
    assert set(Entry.objects.filter(kind__endswith="barcode_reused").values_list("kind", flat=True)) == {
        "sense.barcode_reused",
        "lab.barcode_reused",
    }


def test_reacting_twice_opens_one_hold(clinic):
    from citywatch.city.sense.reactions import open_hold

    clinic(fever(1))
    open_hold(Entry.objects.get(kind="submitted.fever-clinic-visit"))

    assert Hold.objects.count() == 1
