"""Whatever senders do and whenever a process dies, the ledger holds what a small pure function says it must.

`make torture` runs ten thousand of these sequences; here are the first few.
"""

import pytest
from tests.torture.door import Door, held
from tests.torture.sequences import Delivery, Finish, Patient, drawn, expected, smallest

from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.receipts.models import Receipt

SEQUENCES = 60
pytestmark = pytest.mark.django_db


def test_what_is_stored_is_what_the_model_says_after_any_sequence_of_messages(city, at_noon):
    door = Door()
    for seed in range(SEQUENCES):
        steps = drawn(seed)
        assert held(steps, door.deliver(steps)) == expected(steps), (seed, steps)

    for one in Receipt.objects.filter(state="processed"):
        assert one.rows == one.stored + one.duplicate + one.quarantined
    assert journal.first_broken() is None


def test_the_model_itself_knows_a_repeat_a_conflict_a_split_and_a_death():
    one, two, stranger, well = Patient(1), Patient(2), Patient(1, name=1), Patient(3, feverish=False)
    clinic = "110106018-C01"
    steps = [
        Delivery(clinic, "a", (one, two, well)),
        Delivery(clinic, "a", (one, two, well)),
        Delivery(clinic, "a", (one,)),
        Delivery(clinic, "b", (one, stranger), fate="killed while storing"),
        Delivery(clinic, "c", b"{"),
        Finish(),
    ]

    told = expected(steps)

    assert told.answers == [201, 200, 409, 0, 422]
    assert told.messages[clinic, "a"] == ("processed", 3, 2, 0, 1)
    assert told.messages[clinic, "b"] == ("processed", 2, 0, 1, 1)
    assert (told.rows, told.people, told.conflicts) == ({(clinic, one), (clinic, two)}, 2, 1)


def test_a_failing_sequence_is_made_small_enough_to_read():
    steps = drawn(3)
    culprit = steps[len(steps) // 2]

    assert smallest(steps, lambda some: culprit in some) == [culprit]
