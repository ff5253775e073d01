"""The API keeps to its own description, whatever is sent: `make torture` asks ten thousand times, here a few times."""

import pytest

pytest.importorskip("schemathesis")

from tests.torture.operations import ask_everything


@pytest.mark.django_db
def test_no_operation_breaks_on_what_its_description_allows_or_forbids(city, at_noon):
    statuses, broke = ask_everything(3, seed=1)

    assert not broke, "\n".join(broke)
    assert statuses.total() > 100
    assert statuses[200] > 30
