"""Bytes are proven before they are read, and every row is accounted for."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from tests.conftest import NOON

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault.sealing import SealBroken


@pytest.fixture
def take(city):
    def take(body=b"first", *, key="k", source="his", form="f"):
        place = Place.objects.get(code="110106018-C01")
        return receipts.take(
            body, source=source, message_id=key, channel="api", form=form, place=place, sent_at=NOON, at=NOON
        )

    return take


def test_the_bytes_come_back_as_they_came_and_are_not_readable_in_the_database(take):
    receipt, new = take("张甲 13900001234".encode())

    assert new
    assert receipts.body_of(receipt).decode() == "张甲 13900001234"
    assert "张甲".encode() not in bytes(Receipt.objects.get().sealed)


def test_the_same_message_again_is_the_same_receipt(take):
    first, _ = take()
    again, new = take()

    assert (again.pk, new) == (first.pk, False)


def test_other_bytes_under_a_used_id_are_kept_as_refused(take):
    take()
    for _ in range(2):
        with pytest.raises(receipts.SameKeyOtherContent):
            take(b"second")

    kept = Receipt.objects.get(state="refused")
    assert receipts.body_of(kept) == b"second"
    assert Receipt.objects.count() == 2


def test_the_same_bytes_for_another_form_are_another_message(take):
    take()
    with pytest.raises(receipts.SameKeyOtherContent):
        take(form="other")


def test_two_senders_may_use_the_same_id(take):
    assert take()[0].pk != take(source="other")[0].pk


def test_the_database_refuses_a_count_that_does_not_add_up(take):
    receipt, _ = take()

    with pytest.raises(IntegrityError), transaction.atomic():
        receipts.close(receipt, rows=3, stored=1, duplicate=0, quarantined=1)


def test_a_quarantined_row_is_sealed_and_bound_to_its_place_in_the_file(take):
    receipt, _ = take()
    receipts.quarantine(
        receipt, [(2, {"name": "张甲"}, Label("缺项", "missing")), (3, {"name": "李乙"}, Label("缺项", "missing"))]
    )
    second, third = QuarantinedRow.objects.order_by("number")

    assert receipts.values_of(second) == {"name": "张甲"}
    assert "张甲".encode() not in bytes(second.sealed)
    third.sealed = second.sealed
    with pytest.raises(SealBroken):
        receipts.values_of(third)


def test_only_what_lay_long_enough_counts_as_left_by_a_killed_process(take):
    receipt, _ = take()

    assert receipts.unfinished(older_than=timedelta(minutes=2), at=NOON + timedelta(minutes=1)) == []
    assert receipts.unfinished(older_than=timedelta(minutes=2), at=NOON + timedelta(minutes=3)) == [receipt]


def test_a_message_beyond_the_limit_is_refused_with_both_numbers(take, monkeypatch):
    monkeypatch.setattr(receipts, "MAX_BYTES", 4)

    with pytest.raises(Refusal) as refusal:
        take(b"12345")
    assert "5 bytes" in refusal.value.sentence
    assert not Receipt.objects.exists()


def test_a_conflict_under_the_longest_id_is_kept_too(take):
    key = "k" * 120
    take(key=key)
    with pytest.raises(receipts.SameKeyOtherContent):
        take(b"second", key=key)

    kept = Receipt.objects.get(state="refused")
    assert len(kept.message_id) <= 120
    assert receipts.body_of(kept) == b"second"
