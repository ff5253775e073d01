"""Submitting what a site saw, opening and ending holds, settling quarantined rows, finishing a killed worker's work."""

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Unpack, cast

from django.db import OperationalError, transaction

from citywatch.city.registry.queries import place_by_code
from citywatch.city.sense import visits
from citywatch.city.sense.models import Hold
from citywatch.city.sense.streams import form
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms import services as forms
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.forms.services import Decode, Message, Outcome, Sent, decode_json
from citywatch.mechanisms.forms.together import submit_with_others
from citywatch.mechanisms.forms.types import Form
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.reacting import fault_of
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle import services as lifecycle
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt

Decoders = Mapping[tuple[str, str], tuple[Form, Decode]]
"""By form code and channel: the form, and how its rows are read from bytes."""

_log = logging.getLogger(__name__)
_LEFT_LYING = timedelta(minutes=2)


def submit(form_code: str, body: bytes, decode: Decode = decode_json, **sent: Unpack[Sent]) -> Outcome:
    """Receive a message of one of sense's forms from a site, whatever door it came through.

    Page, API, file and replay all end here. A repeat of the same message stores nothing and answers as the first time.
    """
    return submit_with_others(message(form_code, body, decode, **sent))


def message(form_code: str, body: bytes, decode: Decode = decode_json, **sent: Unpack[Sent]) -> Message:
    """A message of one of sense's forms, to be submitted alone or among others."""
    return Message(form(form_code), body, decode, **sent)


def zero_report(site: Place, *, stream: str, day: str, by: Viewer, at: datetime) -> Outcome:
    """One tap: the site had nothing of a stream on a day. Tapping again changes nothing."""
    body = json.dumps({"rows": [{"stream": stream, "day": day}]}).encode()
    return submit(
        "zero-report",
        body,
        channel="form",
        site=site,
        source=f"page:{site.code}",
        message_id=f"zero-{stream}-{day}",
        sent_at=at,
        by=by,
        at=at,
    )


@transaction.atomic
def open_hold(submission_id: int, *, barcode: str, by: Viewer, at: datetime) -> Hold | None:
    """Keep the person of a fever-clinic visit until their sample's result; None where the hold cannot be opened.

    A barcode that already holds somebody else is journaled rather than refused: the visit is stored, and the laboratory
    must not give one person's result to another.
    """
    visit = Submission.objects.select_related("place").get(pk=submission_id)
    if visit.person_id is None or Hold.objects.filter(submission=visit).exists():
        return None
    taken = Hold.objects.filter(barcode=barcode).first()
    if taken is not None:
        journal.record(
            "sense.barcode_reused", place=visit.place, by=by, at=at, subject=visit, barcode=barcode, hold=taken.pk
        )
        return None
    hold = Hold(
        place=visit.place, person_id=visit.person_id, barcode=barcode, submission=visit, started_at=visit.occurred_at
    )
    lifecycle.begin(hold, "sense.hold_opened", by=by, at=at, barcode=barcode, person_id=visit.person_id)
    return hold


@transaction.atomic
def end_hold(barcode: str, *, move: str, by: Viewer, at: datetime) -> Hold | None:
    """End the hold behind a barcode with `release` or `isolate`; None where there is nothing left to move."""
    hold = cast("Hold | None", Hold.objects.select_related("place").filter(barcode=barcode).first())
    if hold is None or hold.state not in hold.LIFECYCLE.move(move).sources:
        return None
    lifecycle.advance(hold, move, by=by, at=at, barcode=barcode, person_id=hold.person_id)
    hold.ended_at = at
    hold.save(update_fields=["ended_at"])
    return hold


@transaction.atomic
def open_row(row_id: int, *, by: Viewer, at: datetime) -> tuple[QuarantinedRow, dict[str, str]]:
    """A quarantined row with its values, for the site that mends it; journaled, as it shows identities."""
    row = _unsettled(row_id, by=by)
    must(by, "sense.submit", row.place)
    journal.record("sense.row_opened", place=row.place, by=by, at=at, because="mend", subject=row, number=row.number)
    return row, receipts.values_of(row)


@transaction.atomic
def mend(row_id: int, values: Mapping[str, str], *, by: Viewer, at: datetime) -> Outcome:
    """Send a quarantined row again, corrected, as a new message; the old row is settled when the new one is kept."""
    row = _unsettled(row_id, by=by, hold=True)
    must(by, "sense.submit", row.place)
    feed = row.receipt.form == visits.FEED
    told = dict(values) if feed else {"rows": [dict(values)]}
    body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
    source, message_id = f"page:{row.place.code}", f"mend-{row.pk}-{hashlib.sha256(body).hexdigest()[:16]}"
    if feed:
        taken = visits.take_visits(body, site=row.place, source=source, message_id=message_id, by=by, at=at)
        outcome = Outcome(taken.receipt_id, taken.rows, (), taken.duplicate, taken.quarantined, taken.repeat)
    else:
        outcome = submit(
            row.receipt.form,
            body,
            channel="form",
            site=row.place,
            source=source,
            message_id=message_id,
            sent_at=at,
            by=by,
            at=at,
        )
    if not outcome.quarantined:
        _settle(row, "sense.row_mended", because="", by=by, at=at, receipt=outcome.receipt_id)
    return outcome


@transaction.atomic
def drop(row_id: int, *, because: str, by: Viewer, at: datetime) -> None:
    """Give a quarantined row up, with the reason; its bytes stay in the receipt."""
    if not because.strip():
        raise Refusal("Dropping a row needs a reason; write one sentence.", zh="放弃该行须填写理由；请写一句话。")
    row = _unsettled(row_id, by=by, hold=True)
    must(by, "sense.submit", row.place)
    _settle(row, "sense.row_dropped", because=because, by=by, at=at)


def finish_unfinished(decoders: Decoders, at: datetime, *, older_than: timedelta = _LEFT_LYING) -> int:
    """Process receipts that a killed worker took and left, from their stored bytes; returns how many were finished.

    A receipt that cannot be read is refused with the reason. One on which the system itself fails keeps its bytes, says
    why, is journaled once and tried again; neither stops the others.
    """
    finished = 0
    for receipt in receipts.unfinished(older_than=older_than, at=at):
        by = machine("sense.finish", place=receipt.place, abilities=["sense.submit"])
        try:
            finished += _finish(receipt, decoders, by=by, at=at)
        except Refusal as refusal:
            receipts.refuse(receipt, refusal.sentence)
        except OperationalError:
            raise  # the database is busy or gone: nothing is wrong with the receipt
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the receipts behind it
            _log.exception("Receipt %s could not be processed.", receipt.pk)
            _note_fault(receipt, fault_of(error), by=by, at=at)
    return finished


@transaction.atomic
def _note_fault(receipt: Receipt, fault: str, *, by: Viewer, at: datetime) -> None:
    if receipts.note_fault(receipt, fault):
        journal.record("sense.receipt_failed", place=receipt.place, by=by, at=at, subject=receipt, fault=fault)


def _finish(receipt: Receipt, decoders: Decoders, *, by: Viewer, at: datetime) -> bool:
    if receipt.form == visits.FEED:
        visits.process(receipt, at=at)
        return True
    found = decoders.get((receipt.form, receipt.channel))
    if found is None:
        raise LookupError(f"no reader for {receipt.form} by {receipt.channel}")
    asked, decode = found
    forms.process(asked, receipt, decode=decode, by=by, at=at)
    return True


def _unsettled(row_id: int, *, by: Viewer, hold: bool = False) -> QuarantinedRow:
    """A row still waiting; with `hold` nobody else settles it before this transaction ends."""
    rows = QuarantinedRow.objects.visible_to(by).select_related("receipt", "place").filter(settled_at__isnull=True)
    if hold:
        rows = rows.select_for_update(of=("self",))
    return cast("QuarantinedRow", rows.pick_one(row_id))


def _settle(row: QuarantinedRow, kind: str, *, because: str, by: Viewer, at: datetime, **body: object) -> None:
    row.settled_at = at
    row.save(update_fields=["settled_at"])
    journal.record(kind, place=row.place, by=by, at=at, because=because, subject=row, number=row.number, **body)


def site_named(code: str, *, by: Viewer) -> Place:
    """The place a viewer reports for, by its code. Refuses a place they may not report for."""
    site = place_by_code(code)
    must(by, "sense.submit", site)
    return site
