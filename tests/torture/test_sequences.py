"""Repeats, conflicts and sudden death: the stored set is the model's. `make torture` runs ten thousand, here a few."""

from types import SimpleNamespace

import pytest
from tests.torture.door import Door, held
from tests.torture.sequences import SILENCE, drawn, expected

from citywatch.mechanisms.forms import together


@pytest.mark.django_db
@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "in a group"])
def test_what_is_stored_is_what_the_model_says_however_messages_die(city, at_noon, monkeypatch, grouped):
    if grouped:  # a test is inside a transaction, where messages go alone
        monkeypatch.setattr(together, "connection", SimpleNamespace(in_atomic_block=False))
    door, answers = Door(), []
    for seed in range(12):
        steps = drawn(seed)
        told = held(steps, door.deliver(steps))
        assert told == expected(steps), seed
        answers += told.answers

    assert answers.count(SILENCE) >= 5, "deaths that strike nothing prove nothing"
