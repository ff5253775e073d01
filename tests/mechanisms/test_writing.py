"""Many rows written at once are what one after the other would have been."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.forms.models import model_to_dict
from tests.conftest import NOON

from citywatch.mechanisms.jurisdiction.models import MachineKey, Place
from citywatch.mechanisms.vault.models import KnownAt, Person
from citywatch.mechanisms.vault.services import make_known
from citywatch.mechanisms.writing import write_new

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("city")]
AWKWARD = ["\\N", "a\tb", "line\nbreak\r\\.", '"quoted\\"', "龘𠀀·", "", "{1,2}", "%s"]


def keys(first=0):
    place = Place.objects.get(code="110106018-C01")
    return [
        MachineKey(
            name=text, digest=f"{first + number}", place=place, abilities=[text, {"of": [number, None, 1.5, True]}],
            issued_at=NOON + timedelta(microseconds=number), revoked_at=NOON if number % 2 else None,
        )
        for number, text in enumerate(AWKWARD)
    ]  # fmt: skip


def told(key):
    return model_to_dict(key, exclude=["id", "digest"])


def test_whatever_a_row_holds_comes_back_as_it_was():
    one_by_one = keys()
    for key in one_by_one:
        key.save()

    at_once = write_new(keys(first=100))

    assert [told(key) for key in MachineKey.objects.order_by("pk")[len(AWKWARD) :]] == [told(key) for key in one_by_one]
    assert [key.pk for key in at_once] == sorted(MachineKey.objects.values_list("pk", flat=True))[-len(AWKWARD) :]
    assert not any(key._state.adding for key in at_once)


def test_numbers_given_beforehand_are_given_to_nobody_else():
    write_new(keys())
    keys(first=100)[0].save()
    write_new(keys(first=200), numbered=False)
    write_new(keys(first=300))

    assert MachineKey.objects.count() == 3 * len(AWKWARD) + 1


def test_a_row_that_breaks_a_rule_keeps_out_all_that_came_with_it():
    with pytest.raises(IntegrityError), transaction.atomic():
        write_new([*keys(), *keys()[:1]])

    assert not MachineKey.objects.exists()


def test_a_bytes_column_and_a_person_known_twice():
    write_new([Person(pseudonym=f"p-{n}", wrapped_key=bytes([n, 0, 92, 255]), enrolled_at=NOON) for n in range(8)])
    people = list(Person.objects.order_by("pk"))
    assert [bytes(person.wrapped_key) for person in people] == [bytes([n, 0, 92, 255]) for n in range(8)]

    for _ in range(2):
        make_known(people, at_places=[(Place.objects.get(code="110106018-C01"), "reporting")])
    assert KnownAt.objects.count() == len(people)
