"""What the laboratory does when a visit ordered a test or a result arrived; safe to run again."""

from datetime import datetime

from citywatch.city.lab import services
from citywatch.city.registry.queries import city_place
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer


def order_sample(entry: Entry) -> None:
    """A fever-clinic visit that ordered a PCR puts a sample on the list."""
    answers = entry.body["answers"]
    if answers.get("pcr_ordered") != "Y" or entry.subject_id is None or entry.body["person_id"] is None:
        return
    services.order_sample(
        barcode=answers["sample_barcode"],
        person_id=entry.body["person_id"],
        submission_id=entry.subject_id,
        site=entry.place,
        ordered_at=datetime.fromisoformat(entry.body["occurred_at"]),
        by=_laboratory(),
        at=entry.at,
    )


def record_result(entry: Entry) -> None:
    """A stored result form moves its sample; the laboratory's right was checked when the form came in."""
    services.record_result(
        entry.body["answers"], lab_id=entry.place_id, result_id=entry.subject_id or 0, by=_laboratory(), at=entry.at
    )


def _laboratory() -> Viewer:
    """Samples belong to the ordering site, so the laboratory's machine moves them."""
    return machine("lab", place=city_place(), abilities=["lab.result"])
