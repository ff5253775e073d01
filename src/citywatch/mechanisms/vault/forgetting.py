"""Making an identity unreadable: the person's key, what it sealed, and every hash by which they could be found."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import models, transaction

from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault.models import BlindIndex, Person, Pseudonym, SealedIdentity
from citywatch.mechanisms.vault.pseudonyms import PERSON
from citywatch.mechanisms.vault.services import MASTER, key_bound

_PARAMETERS = 5000  # of one query: SQLite takes 32,766


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much went: own keys destroyed; sealed identities, index entries and codes used outside deleted."""

    keys: int = 0
    identities: int = 0
    indexes: int = 0
    codes: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        return Forgotten(
            self.keys + other.keys,
            self.identities + other.identities,
            self.indexes + other.indexes,
            self.codes + other.codes,
        )


@transaction.atomic
def forget(people: Collection[int]) -> Forgotten:
    """Make these people's identities unreadable for good; their numbers and what was counted of them stay.

    Whoever comes again afterwards is somebody new: nothing leads from an ID number to the old one.
    """
    total = Forgotten()
    for part in in_parts(people):
        total += Forgotten(
            Person.objects.filter(pk__in=part, wrapped_key__isnull=False).update(wrapped_key=None),
            _gone(SealedIdentity, part),
            _gone(BlindIndex, part),
            _codes_gone(part),
        )
    return total


@transaction.atomic
def back_to_number(people: Collection[int]) -> Forgotten:
    """Forget who these people are and keep the number their ID leads to, as for people seen only in visits.

    For those whose visits are still in the log: cut off from their number now, they would have no past fortnight should
    they fall ill tomorrow. They get a new key, under which nothing is sealed yet.
    """
    total = Forgotten()
    for part in in_parts(people):
        held = list(Person.objects.select_for_update().filter(pk__in=part, wrapped_key__isnull=False))
        for person in held:
            _, person.wrapped_key, person.generation = keyring.own_key(
                master=MASTER, bound_to=key_bound(person.pseudonym)
            )
        Person.objects.bulk_update(held, ["wrapped_key", "generation"], batch_size=500)
        BlindIndex.objects.filter(person__in=part, kind="id_number").update(name_blind="")
        indexes = _gone(BlindIndex, part, kind="name_phone")
        total += Forgotten(len(held), _gone(SealedIdentity, part), indexes, _codes_gone(part))
    return total


def _gone(model: type[models.Model], people: Sequence[int], **more: str) -> int:
    return int(model._base_manager.filter(person__in=people, **more).delete()[0])


def _codes_gone(people: Sequence[int]) -> int:
    return Pseudonym.objects.filter(subject_kind=PERSON, subject_id__in=people).delete()[0]


def in_parts(people: Collection[int]) -> list[list[int]]:
    """People in order, as many at a time as one query takes."""
    ordered = sorted(set(people))
    return [ordered[start : start + _PARAMETERS] for start in range(0, len(ordered), _PARAMETERS)]
