"""From a received message to stored submissions, with every row accounted for. How rows are stored is `storing`'s."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from django.db import IntegrityError, OperationalError, transaction

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms import storing
from citywatch.mechanisms.forms.decoding import decode_json as decode_json  # noqa: PLC0414 - the default of every door
from citywatch.mechanisms.forms.storing import OneByOne, Taken
from citywatch.mechanisms.forms.types import Form, Problem, Row
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import Receipt

Decode = Callable[[bytes], list[Row]]


class Sent(TypedDict):
    """How a message came: through which channel, from which site and source under which id, sent and received when."""

    channel: str
    site: Place
    source: str
    message_id: str
    sent_at: datetime
    by: Viewer
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A message of one form as it came from a site, told who sent it, when, and when it arrived."""

    form: Form
    body: bytes
    decode: Decode
    channel: str
    site: Place
    source: str
    message_id: str
    sent_at: datetime
    by: Viewer
    at: datetime

    @property
    def arrived(self) -> receipts.Arrived:
        """The message as the ledger of receipts takes it, unread."""
        return receipts.Arrived(
            self.body, self.source, self.message_id, self.channel, self.form.code, self.site, self.sent_at, self.at
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: received = stored + duplicate + quarantined."""

    receipt_id: int
    rows: int
    stored: tuple[int, ...]
    duplicate: int
    quarantined: int
    repeat: bool = False


def check_rows(form: Form, rows: Sequence[Row], *, sent_at: datetime) -> list[tuple[Row, tuple[Problem, ...]]]:
    """The dry run: every row with its problems, nothing stored."""
    readings = storing.read_all(form, rows, sent_at=sent_at)
    streets = storing.streets_of(readings)
    return list(zip(rows, storing.problems_of(rows, readings, streets), strict=True))


def submit_message(message: Message) -> Outcome:
    """Receive a message: receipt first, then rows. A repeat answers with the first outcome and stores nothing."""
    must(message.by, "sense.submit", message.site)
    receipt, new = receipts.take(
        message.body,
        source=message.source,
        message_id=message.message_id,
        channel=message.channel,
        form=message.form.code,
        place=message.site,
        sent_at=message.sent_at,
        at=message.at,
    )
    if not new and receipt.state == Receipt.State.PROCESSED:
        return _outcome(receipt, repeat=True)
    return process(message.form, receipt, decode=message.decode, by=message.by, at=message.at)


@transaction.atomic
def submit_messages(messages: Sequence[Message]) -> list[Outcome]:
    """`submit_message` of each in turn, all or none, in few statements where none is out of the ordinary.

    Where one of them is (a repeat, unreadable, of a person in dispute), halves are tried until it stands alone.
    """
    if len(messages) <= 1:
        return [submit_message(one) for one in messages]
    try:
        with transaction.atomic():
            return _submit_together(messages)
    except (IntegrityError, OneByOne, Refusal):
        half = len(messages) // 2
    return submit_messages(messages[:half]) + submit_messages(messages[half:])


def _submit_together(messages: Sequence[Message]) -> list[Outcome]:
    for one in messages:
        must(one.by, "sense.submit", one.site)
    taken = receipts.take_new([one.arrived for one in messages])
    if taken is None:
        raise OneByOne
    return store_taken(messages, taken)


def store_taken(messages: Sequence[Message], taken: Sequence[Receipt]) -> list[Outcome]:
    """Read and store messages whose bytes were taken, as `storing.store` does; call it inside a transaction."""
    ready = [
        Taken(one.form, receipt, one.decode(one.body), one.by, one.at)
        for one, receipt in zip(messages, taken, strict=True)
    ]
    return [_outcome(receipt, stored=pks) for receipt, pks in zip(taken, storing.store(ready), strict=True)]


def process(form: Form, receipt: Receipt, *, decode: Decode, by: Viewer, at: datetime) -> Outcome:
    """Parse and store a taken receipt in one transaction; run again after a killed worker, it starts from the bytes."""
    try:
        rows = decode(receipts.body_of(receipt))
    except Refusal as refusal:
        receipts.refuse(receipt, refusal.sentence)
        raise
    try:
        return _process(form, rows, receipt=receipt, by=by, at=at)
    except (IntegrityError, OperationalError):
        # Another message brought the same row or person between our look and our write, or we waited for each other.
        return _process(form, rows, receipt=receipt, by=by, at=at)


def _process(form: Form, rows: Sequence[Row], *, receipt: Receipt, by: Viewer, at: datetime) -> Outcome:
    with transaction.atomic():
        held = Receipt.objects.select_for_update(of=("self",)).select_related("place").get(pk=receipt.pk)
        if held.state == Receipt.State.PROCESSED:
            return _outcome(held, repeat=True)
        (stored,) = storing.store([Taken(form, held, rows, by, at)])
        return _outcome(held, stored=stored)


def _outcome(receipt: Receipt, *, stored: tuple[int, ...] | None = None, repeat: bool = False) -> Outcome:
    """What became of a receipt; `stored` are its submissions, where they are known."""
    if stored is None:
        stored = tuple(receipt.submissions.order_by("row").values_list("pk", flat=True))
    return Outcome(receipt.pk, receipt.rows, stored, receipt.duplicate, receipt.quarantined, repeat)
