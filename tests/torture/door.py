"""The API's door as two senders use it, with processes that die in between, and what the database then holds."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

from django.test import Client
from tests.torture.sequences import SENDERS, SILENCE, Delivery, Ledger, Patient, Step, body_of, row_of

from citywatch.city.sense import services as sense
from citywatch.mechanisms import clock
from citywatch.mechanisms.forms import services as forms_services
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import issue_key
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault.models import BlindIndex
from citywatch.mechanisms.vault.sealing import blind
from citywatch.server import forms

_PATIENCE = timedelta(hours=1)


class Killed(BaseException):
    """Not an Exception, so that no clean-up of ours can pretend to have run."""


class Door:
    """Two institutions' keys at `POST /api/forms/…/batches`."""

    def __init__(self) -> None:
        self._clients = {}
        for code in SENDERS:
            place = Place.objects.get(code=code)
            token = issue_key(name="HIS", place=place, abilities=["sense.submit"], at=clock.now())
            self._clients[code] = Client(headers={"Authorization": f"Bearer {token}"})

    def deliver(self, steps: Sequence[Step]) -> list[int]:
        """Carry out the steps; gives the answer to each delivery (0 where none came)."""
        answers = []
        for step in steps:
            if isinstance(step, Delivery):
                answers.append(self._send(step))
            else:
                sense.finish_unfinished(forms.DECODERS, clock.now() + _PATIENCE)
        return answers

    def _send(self, step: Delivery) -> int:
        try:
            with _fate(step.fate):
                answer = self._clients[step.sender].post(
                    f"/api/forms/{step.form}/batches",
                    body_of(step),
                    content_type="application/json",
                    headers={"Idempotency-Key": step.message_id},
                )
        except Killed:
            return SILENCE
        return int(answer.status_code)


@contextmanager
def _fate(fate: str) -> Iterator[None]:
    """Let the process die once the bytes are proven and before, or just before the end of, storing their rows."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    def store_and_die(taken: object, store: Callable[[object], object] = forms_services.storing.store) -> None:
        store(taken)
        raise Killed

    if fate == "killed before storing":
        with mock.patch.object(forms_services.storing, "store", die):
            yield
    elif fate == "killed while storing":
        with mock.patch.object(forms_services.storing, "store", store_and_die):
            yield
    else:
        yield


def held(steps: Sequence[Step], answers: list[int]) -> Ledger:
    """What the database holds of these messages, in the oracle's words."""
    keys = {(step.sender, step.message_id) for step in steps if isinstance(step, Delivery)}
    patients = {one for step in steps if isinstance(step, Delivery) for one in _rows(step)}
    found = Ledger(answers=answers)
    sources, ids = {f"api:{sender}" for sender, _ in keys}, {message_id for _, message_id in keys}
    receipts = {
        (one.source.removeprefix("api:"), one.message_id): one
        for one in Receipt.objects.filter(source__in=sources, message_id__in=ids).defer("sealed")
    }
    for key, one in receipts.items():
        found.messages[key] = (one.state, one.rows, one.stored, one.duplicate, one.quarantined)
        assert one.quarantined == QuarantinedRow.objects.filter(receipt=one).count(), key
    mine = [one.pk for one in receipts.values()]
    known = {_marks(one): one for one in patients if one.feverish}
    people = {
        one.person_id: known[one.blind, one.name_blind]
        for one in BlindIndex.objects.filter(kind="id_number", blind__in=[mark for mark, _ in known])
    }
    found.people = len(people)
    rows = Counter(
        (place, people[person])
        for place, person in Submission.objects.filter(receipt__in=mine).values_list("place__code", "person_id")
    )
    found.rows = set(rows)
    assert set(rows.values()) <= {1}, rows
    journaled = Entry.objects.filter(
        kind__startswith="submitted.", subject_id__in=Submission.objects.filter(receipt__in=mine).values("pk")
    )
    assert journaled.count() == sum(rows.values())
    found.conflicts = sum(
        Receipt.objects.filter(source=source, message_id__startswith=f"{message_id}#conflict-").count()
        for source in sources
        for message_id in ids
    )
    return found


def _marks(one: Patient) -> tuple[str, str]:
    row = row_of(one)
    return blind(row["id_number"], purpose="id_number"), blind(row["name"], purpose="name")


def _rows(step: Delivery) -> tuple[Patient, ...]:
    return step.content if isinstance(step.content, tuple) else ()
