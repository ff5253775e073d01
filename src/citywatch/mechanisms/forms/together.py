"""Group commit: messages that arrive while others are being stored wait for their end and are stored together.

One message of one row needs about as many statements and flushes to disk as a hundred do (group commit: DeWitt and
others 1984, Implementation techniques for main memory database systems, SIGMOD). Nobody waits for company: the first
that finds the way free goes, with all who stand behind it. Nothing is answered before it is on the disk, and the bytes
of all are there before a row of them is read.
"""

from collections import deque
from dataclasses import dataclass
from threading import Lock

from django.db import connection, transaction

from citywatch.mechanisms.forms.services import Message, Outcome, store_taken, submit_message
from citywatch.mechanisms.jurisdiction.models import must
from citywatch.mechanisms.receipts import services as receipts

_MOST = 64
_LARGE = 64 * 1024  # bytes; a message of hundreds of rows gains nothing and would keep the others waiting


@dataclass(eq=False)
class Waiting:
    """A message in the line, and what became of it."""

    message: Message
    outcome: Outcome | None = None
    fault: Exception | None = None

    @property
    def done(self) -> bool:
        return self.outcome is not None or self.fault is not None


_line: deque[Waiting] = deque()
_turn = Lock()


def submit_with_others(message: Message) -> Outcome:
    """`submit_message`, together with those that other threads of this process submit at the same time.

    Inside a transaction of the caller's it is submitted alone: nobody else's answer may hang on that transaction.
    """
    must(message.by, "sense.submit", message.site)
    if connection.in_atomic_block or len(message.body) > _LARGE:
        return submit_message(message)
    mine = Waiting(message)
    _line.append(mine)
    while not mine.done:
        with _turn:
            if not mine.done:
                store_group([_line.popleft() for _ in range(min(len(_line), _MOST))])
    if mine.fault is not None:
        raise mine.fault
    assert mine.outcome is not None  # noqa: S101 - done without a fault
    return mine.outcome


def store_group(group: list[Waiting]) -> None:
    """Give each of a group its outcome or its fault."""
    try:
        if _stored_together(group):
            return
        for one in group:
            try:
                one.outcome = submit_message(one.message)
            except Exception as fault:  # noqa: BLE001 - it belongs to whoever sent the message, and is raised there
                one.fault = fault
    finally:  # who was taken from the line must not wait for ever
        for one in group:
            if not one.done:
                one.fault = RuntimeError("Storing was broken off; send the message again under the same id.")


def _stored_together(group: list[Waiting]) -> bool:
    """Store messages that are all new and readable; False, and no row of them stored, where one is not."""
    messages = [one.message for one in group]
    taken = receipts.take_new([one.arrived for one in messages])
    if taken is None:
        return False
    try:
        with transaction.atomic():
            outcomes = store_taken(messages, taken)
    except Exception:  # noqa: BLE001 - whatever it is: their bytes are kept, and alone it meets only whose it is
        return False
    for one, outcome in zip(group, outcomes, strict=True):
        one.outcome = outcome
    return True
