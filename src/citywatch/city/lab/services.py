"""Ordering samples, taking results in, and keeping every result that fits no order."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Unpack, cast

from django.db import transaction

from citywatch.city.lab.definitions import form
from citywatch.city.lab.models import Sample
from citywatch.mechanisms.forms.services import Decode, Message, Outcome, Sent, decode_json
from citywatch.mechanisms.forms.together import submit_with_others
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle import services as lifecycle

CLOCK = "pcr-clinic"


def submit(form_code: str, body: bytes, decode: Decode = decode_json, **sent: Unpack[Sent]) -> Outcome:
    """Receive results from a laboratory; only who holds `lab.result` there may send them."""
    return submit_with_others(message(form_code, body, decode, **sent))


def message(form_code: str, body: bytes, decode: Decode = decode_json, **sent: Unpack[Sent]) -> Message:
    """A laboratory's message, to be submitted alone or among others; refused without `lab.result` there."""
    must(sent["by"], "lab.result", sent["site"])
    return Message(form(form_code), body, decode, **sent)


@transaction.atomic
def order_sample(
    *, barcode: str, person_id: int, submission_id: int, site: Place, ordered_at: datetime, by: Viewer, at: datetime
) -> Sample | None:
    """Put a sample on the laboratory's list; its six hours run from the swab.

    None where the visit already has its sample, or where the barcode is another sample's (journaled and listed). A
    result that came before its order is taken in at once.
    """
    if Sample.objects.filter(submission_id=submission_id).exists():
        return None
    if Sample.objects.filter(barcode=barcode).exists():
        journal.record(
            "lab.barcode_reused",
            place=site,
            by=by,
            at=at,
            barcode=barcode,
            submission=submission_id,
            person_id=person_id,
        )
        return None
    sample = Sample(
        place=site, barcode=barcode, person_id=person_id, submission_id=submission_id, ordered_at=ordered_at
    )
    lifecycle.begin(
        sample, "lab.sample_ordered", by=by, at=at, barcode=barcode, person_id=person_id, submission=submission_id
    )
    lifecycle.start_clock(CLOCK, sample, at=ordered_at)
    for early in Entry.objects.filter(kind="lab.result_unmatched", body__barcode=barcode).order_by("pk"):
        record_result(
            early.body["answers"], lab_id=early.body["lab"], result_id=early.body["result_submission"], by=by, at=at
        )
    return sample


@transaction.atomic
def record_result(
    answers: Mapping[str, Any], *, lab_id: int, result_id: int, by: Viewer, at: datetime
) -> Sample | None:
    """Take one result in: find its sample by barcode, move it, end its clock.

    A result without an order, or one that contradicts a positive, is journaled and stays on the list until somebody has
    dealt with it; nothing is dropped and nothing is guessed. The same result again changes nothing.
    """
    barcode, result = str(answers["barcode"]), str(answers["result"])
    sample = cast("Sample | None", Sample.objects.select_related("place").filter(barcode=barcode).first())
    if sample is None:
        _keep(
            "lab.result_unmatched",
            answers,
            place=Place.objects.get(pk=lab_id),
            lab_id=lab_id,
            result_id=result_id,
            by=by,
            at=at,
        )
        return None
    if sample.state == result:
        return sample
    move = sample.LIFECYCLE.move(f"report_{result}")
    if sample.state not in move.sources:
        _keep("lab.result_contradicted", answers, place=sample.place, lab_id=lab_id, result_id=result_id, by=by, at=at)
        return None
    return _report(sample, move.name, answers, lab_id=lab_id, result_id=result_id, by=by, at=at)


def _report(
    sample: Sample, move: str, answers: Mapping[str, Any], *, lab_id: int, result_id: int, by: Viewer, at: datetime
) -> Sample:
    sample.lab_place_id, sample.resulted_at = lab_id, at
    sample.ct_orf1ab, sample.ct_n = answers.get("ct_orf1ab"), answers.get("ct_n")
    sample.save(update_fields=["lab_place", "resulted_at", "ct_orf1ab", "ct_n"])
    lifecycle.advance(
        sample,
        move,
        by=by,
        at=at,
        barcode=sample.barcode,
        person_id=sample.person_id,
        submission=sample.submission_id,
        sample=sample.pk,
        result_submission=result_id,
        lab=lab_id,
        ct_orf1ab=sample.ct_orf1ab,
        ct_n=sample.ct_n,
    )
    return sample


def _keep(
    kind: str, answers: Mapping[str, Any], *, place: Place, lab_id: int, result_id: int, by: Viewer, at: datetime
) -> None:
    if Entry.objects.filter(kind=kind, body__result_submission=result_id).exists():
        return
    journal.record(
        kind,
        place=place,
        by=by,
        at=at,
        barcode=answers["barcode"],
        answers=dict(answers),
        lab=lab_id,
        result_submission=result_id,
    )
