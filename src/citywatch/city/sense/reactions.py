"""What sense does when a visit was stored or the laboratory reported; safe to run again."""

from citywatch.city.sense import services
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.services import machine


def open_hold(entry: Entry) -> None:
    """Whoever was swabbed at a fever clinic is held until the result."""
    answers = entry.body["answers"]
    if answers.get("pcr_ordered") != "Y" or entry.subject_id is None:
        return
    by = machine("sense", place=entry.place, abilities=["sense.hold"])
    services.open_hold(entry.subject_id, barcode=answers["sample_barcode"], by=by, at=entry.at)


def release_hold(entry: Entry) -> None:
    """A negative result lets the person go."""
    _end(entry, "release")


def isolate(entry: Entry) -> None:
    """A positive result turns the hold into isolation, even one already released on an earlier negative."""
    _end(entry, "isolate")


def _end(entry: Entry, move: str) -> None:
    by = machine("sense", place=entry.place, abilities=["sense.hold"])
    services.end_hold(entry.body["barcode"], move=move, by=by, at=entry.at)
