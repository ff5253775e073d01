"""Enrolling people, finding them again, and opening their identities for someone with a reason."""

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import transaction

from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.models import BlindIndex, KnownAt, Person, SealedIdentity
from citywatch.mechanisms.vault.sealing import blind, key_named, seal, unseal
from citywatch.mechanisms.vault.types import Identity


CONFLICT = Label(
    "该证件号码已属于另一姓名的人员；请核对姓名和证件号码后更正其一。",
    "This ID number already belongs to somebody with another name; check both and correct one.",
)


class IdentityConflict(Refusal):
    """The ID number already belongs to somebody with another name; people are never merged on their own."""


@transaction.atomic
def enrol_many(
    identities: Sequence[Identity], *, known_at: Iterable[tuple[Place, str]], at: datetime
) -> list[Person | None]:
    """Find or make the person behind each identity; None where an ID number is already another name's.

    `known_at` lists the places (with the relation) that now have a reason to know all of them.
    """
    ids = [blind(i.id_number, purpose="id_number") if i.id_number else "" for i in identities]
    names = [blind(i.name, purpose="name") for i in identities]
    pairs = [blind(f"{i.name}\x00{i.phone}", purpose="name_phone") if i.phone else "" for i in identities]
    by_id = {
        row.blind: row
        for row in BlindIndex.objects.filter(kind="id_number", blind__in=filter(None, ids)).select_related("person")
    }
    by_pair = {
        row.blind: row.person
        for row in BlindIndex.objects.filter(kind="name_phone", blind__in=filter(None, pairs)).select_related("person")
    }
    people: list[Person | None] = []
    fresh: list[Person] = []
    index: list[BlindIndex] = []
    for identity, id_blind, name_blind, pair in zip(identities, ids, names, pairs, strict=True):
        known = by_id.get(id_blind) if id_blind else None
        if known is not None and identity.name and known.name_blind != name_blind:
            people.append(None)
            continue
        person = known.person if known else (by_pair.get(pair) if not id_blind else None)
        if person is None:
            person = _new_person(at)
            fresh.append(person)
        if id_blind and known is None:
            by_id[id_blind] = BlindIndex(kind="id_number", blind=id_blind, name_blind=name_blind, person=person)
            index.append(by_id[id_blind])
        if pair and pair not in by_pair:
            by_pair[pair] = person
            index.append(BlindIndex(kind="name_phone", blind=pair, person=person))
        people.append(person)
    Person.objects.bulk_create(fresh, batch_size=500)
    BlindIndex.objects.bulk_create(index, batch_size=500)
    _remember(identities, people, fresh, at)
    make_known([p for p in people if p], at_places=known_at)
    return people


def enrol(identity: Identity, *, place: Place, relation: str, at: datetime) -> Person:
    """Find or make one person, known from now on at `place`."""
    (person,) = enrol_many([identity], known_at=[(place, relation)], at=at)
    if person is None:
        raise IdentityConflict(CONFLICT.en, zh=CONFLICT.zh)
    return person


def make_known(people: Collection[Person], *, at_places: Iterable[tuple[Place, str]]) -> None:
    """Give places a reason to know these people (a handover adds a place; it removes none)."""
    KnownAt.objects.bulk_create(
        [KnownAt(person=person, place=place, relation=relation) for place, relation in at_places for person in people],
        batch_size=500,
        ignore_conflicts=True,
    )


@transaction.atomic
def open_identities(ids: Collection[int], *, by: Viewer, purpose: str, at: datetime) -> dict[int, Identity]:
    """The identities of these people, after asking jurisdiction and journaling the read.

    Refuses when the purpose is empty or any person is not known at a place where the viewer holds `vault.open`.
    """
    if not purpose.strip():
        raise Refusal("Opening a person's identity needs a purpose; say what it is for.", zh="查看个人身份信息须说明用途；请填写。")
    wanted = sorted(set(ids))
    reason_at: dict[int, Place] = {}
    for row in KnownAt.objects.visible_to(by).filter(person_id__in=wanted).select_related("place"):
        reason_at.setdefault(row.person_id, row.place)
    if len(reason_at) != len(wanted):
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    drafts = [
        journal.Draft("vault.opened", reason_at[pk], at, purpose, "vault.person", pk, {"purpose": purpose})
        for pk in wanted
    ]
    journal.record_many(drafts, by=by)
    return _read(wanted)


def masked_identities(ids: Collection[int], *, by: Viewer) -> dict[int, Identity]:
    """Masked identities (张*, 110***********123X) of those among `ids` whom the viewer's places know; others are left out.

    Not journaled as a read of a named person: a masked value names nobody.
    """
    seen = set(KnownAt.objects.visible_to(by, "vault.masked").filter(person_id__in=ids).values_list("person_id", flat=True))
    return {pk: identity.masked() for pk, identity in _read(sorted(seen)).items()}


def find(*, id_number: str) -> int | None:
    """The number of the person with this ID number, for services that already hold it; never for a look-up page."""
    return (
        BlindIndex.objects.filter(kind="id_number", blind=blind(id_number, purpose="id_number"))
        .values_list("person_id", flat=True)
        .first()
    )


def _new_person(at: datetime) -> Person:
    pseudonym = f"p-{secrets.token_hex(12)}"
    wrapped = seal(secrets.token_bytes(32), key=key_named("vault"), bound_to=f"vault.person.key.{pseudonym}")
    return Person(pseudonym=pseudonym, wrapped_key=wrapped, enrolled_at=at)


def _remember(
    identities: Sequence[Identity], people: Sequence[Person | None], fresh: Sequence[Person], at: datetime
) -> None:
    """Seal each identity that says something new about its person."""
    told: dict[int, dict[str, str]] = defaultdict(dict)
    new = {person.pk for person in fresh}
    for pk, known in _read([p.pk for p in people if p and p.pk not in new]).items():
        told[pk] = known.known()
    rows = []
    for identity, person in zip(identities, people, strict=True):
        if person is None or identity.known().items() <= told[person.pk].items():
            continue
        told[person.pk] |= identity.known()
        text = json.dumps(identity.known(), ensure_ascii=False).encode()
        sealed = seal(text, key=_key_of(person), bound_to=_bound(person))
        rows.append(SealedIdentity(person=person, sealed=sealed, recorded_at=at))
    SealedIdentity.objects.bulk_create(rows, batch_size=500)


def _read(ids: Sequence[int]) -> dict[int, Identity]:
    """Later statements add to and replace earlier ones. A person whose key was destroyed reads as empty."""
    merged: dict[int, dict[str, str]] = defaultdict(dict)
    for row in SealedIdentity.objects.filter(person_id__in=ids).select_related("person").order_by("pk"):
        if row.person.wrapped_key is None:
            continue
        merged[row.person_id] |= json.loads(unseal(row.sealed, key=_key_of(row.person), bound_to=_bound(row.person)))
    return {pk: Identity(**merged[pk]) for pk in ids}


def _key_of(person: Person) -> bytes:
    return unseal(person.wrapped_key, key=key_named("vault"), bound_to=f"vault.person.key.{person.pseudonym}")


def _bound(person: Person) -> str:
    return f"vault.sealedidentity.sealed.{person.pseudonym}"
