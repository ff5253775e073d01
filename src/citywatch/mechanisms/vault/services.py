"""Enrolling people, finding them again, and opening their identities for someone with a reason."""

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef

from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault.models import BlindIndex, KnownAt, Person, SealedIdentity
from citywatch.mechanisms.vault.pseudonyms import PERSON, led_to
from citywatch.mechanisms.vault.sealing import blind, blind_many, seal, unseal
from citywatch.mechanisms.vault.types import Identity
from citywatch.mechanisms.writing import write_new, write_values

MASTER = "vault"
_PARAMETERS = 5000  # of one query: SQLite takes 32,766

CONFLICT = Label(
    "该证件号码已属于另一姓名的人员；请核对姓名和证件号码后更正其一。",
    "This ID number already belongs to somebody with another name; check both and correct one.",
)


class IdentityConflict(Refusal):
    """The ID number already belongs to somebody with another name; people are never merged on their own."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody as they were named at a moment, and the places (with the relation) that now have a reason to know."""

    identity: Identity
    known_at: tuple[tuple[Place, str], ...]
    at: datetime


def enrol_many(
    identities: Sequence[Identity],
    *,
    known_at: Iterable[tuple[Place, str]],
    at: datetime,
    homes: Sequence[Place | None] | None = None,
) -> list[Person | None]:
    """`enrol_each` of people who came at once: `known_at` lists the places that have a reason to know all of them.

    `homes` gives, one for one, the home place that has a reason to know each.
    """
    everywhere = tuple(known_at)
    at_home = zip(identities, homes or [None] * len(identities), strict=True)
    return enrol_each(
        [Arrival(identity, (*everywhere, (home, "home")) if home else everywhere, at) for identity, home in at_home]
    )


@transaction.atomic(savepoint=False)
def enrol_each(arrivals: Sequence[Arrival]) -> list[Person | None]:
    """Find or make the person behind each arrival, in order; None where an ID number is already another name's.

    A surrogate, whose name was not known yet, learns it here.
    """
    identities = [one.identity for one in arrivals]
    ids = [blind(i.id_number, purpose="id_number") if i.id_number else "" for i in identities]
    names = [blind(i.name, purpose="name") if i.name else "" for i in identities]
    pairs = [blind(f"{i.name}\x00{i.phone}", purpose="name_phone") if i.phone else "" for i in identities]
    by_id = {row.blind: row for row in _rows_of("id_number", ids)}
    by_pair = {row.blind: row.person for row in _rows_of("name_phone", pairs)}
    people: list[Person | None] = []
    fresh: list[Person] = []
    index: list[BlindIndex] = []
    named: list[BlindIndex] = []
    for one, id_blind, name_blind, pair in zip(arrivals, ids, names, pairs, strict=True):
        known = by_id.get(id_blind) if id_blind else None
        if known is not None and name_blind and known.name_blind != name_blind:
            if known.name_blind:
                people.append(None)
                continue
            known.name_blind = name_blind
            if known.pk:
                named.append(known)
        person = known.person if known else (by_pair.get(pair) if not id_blind else None)
        if person is None:
            person = _new_person(one.at)
            fresh.append(person)
        if id_blind and known is None:
            by_id[id_blind] = BlindIndex(kind="id_number", blind=id_blind, name_blind=name_blind, person=person)
            index.append(by_id[id_blind])
        if pair and pair not in by_pair:
            by_pair[pair] = person
            index.append(BlindIndex(kind="name_phone", blind=pair, person=person))
        people.append(person)
    write_new(fresh)
    for mark in index:
        mark.person_id = mark.person.pk  # it had none yet
    write_new(index, numbered=False)
    if named:
        BlindIndex.objects.bulk_update(named, ["name_blind"], batch_size=500)
    _remember(arrivals, people, fresh)
    told = zip(people, arrivals, strict=True)
    _write_known({(p.pk, place.pk, relation) for p, one in told if p for place, relation in one.known_at})
    return people


@transaction.atomic
def surrogates(id_numbers: Collection[str], *, at: datetime) -> dict[str, int]:
    """The number of the person behind each ID number, made where nobody knew them; for bulk feeds without names.

    A person made here is a pseudonym and a keyed hash. Nothing is sealed, and the name stays open until somebody states
    it.
    """
    blinds = _blinds(id_numbers)
    found = _found_by_id(list(blinds.values()))
    fresh = [mark for mark in dict.fromkeys(blinds.values()) if mark not in found]
    if fresh:
        found |= _make_surrogates(fresh, at)
    return {number: found[mark] for number, mark in blinds.items()}


def find_many(id_numbers: Collection[str]) -> dict[str, int]:
    """`find` for many: the numbers of those who are known."""
    blinds = _blinds(id_numbers)
    found = _found_by_id(list(blinds.values()))
    return {number: found[mark] for number, mark in blinds.items() if mark in found}


def _blinds(id_numbers: Collection[str]) -> dict[str, str]:
    return dict(zip(id_numbers, blind_many(id_numbers, purpose="id_number"), strict=True))


def _rows_of(kind: str, marks: Iterable[str]) -> Iterator[BlindIndex]:
    """The rows of the index with these marks, and their people."""
    asked = list(dict.fromkeys(filter(None, marks)))
    for start in range(0, len(asked), _PARAMETERS):
        part = asked[start : start + _PARAMETERS]
        rows = list(BlindIndex.objects.filter(kind=kind, blind__in=part))
        # Two questions and no join: PostgreSQL, told of a table when it was empty, joins a city's people row by row.
        people = Person.objects.in_bulk({row.person_id for row in rows})
        for row in rows:
            row.person = people[row.person_id]
            yield row


def _found_by_id(marks: Sequence[str]) -> dict[str, int]:
    """Ask in plain SQL: the ORM takes longer to write the question of a city's visitors than the database to answer."""
    found: dict[str, int] = {}
    table = connection.ops.quote_name(BlindIndex._meta.db_table)
    with connection.cursor() as cursor:
        for start in range(0, len(marks), _PARAMETERS):
            part = marks[start : start + _PARAMETERS]
            holes = ", ".join(["%s"] * len(part))
            cursor.execute(
                f"SELECT blind, person_id FROM {table} WHERE kind = 'id_number' AND blind IN ({holes})",  # noqa: S608 - our own names
                part,
            )
            found.update(cursor.fetchall())
    return found


def _make_surrogates(marks: Sequence[str], at: datetime) -> dict[str, int]:
    """Insert in plain SQL: the ORM takes five times as long for a day of a city's visits."""
    before = Person.objects.aggregate(last=Max("pk"))["last"] or 0
    people = [_pseudonym_and_key() for _ in marks]
    enrolled = connection.ops.adapt_datetimefield_value(at)
    columns = ["pseudonym", "wrapped_key", "generation", "enrolled_at"]
    write_values(Person, columns, [(*person, enrolled) for person in people])
    ids = dict(Person.objects.filter(pk__gt=before).values_list("pseudonym", "pk"))
    made = {mark: ids[pseudonym] for mark, (pseudonym, *_) in zip(marks, people, strict=True)}
    rows = [("id_number", mark, "", pk) for mark, pk in made.items()]
    write_values(BlindIndex, ["kind", "blind", "name_blind", "person_id"], rows)
    return made


def enrol(identity: Identity, *, place: Place, relation: str, at: datetime) -> Person:
    """Find or make one person, known from now on at `place`."""
    (person,) = enrol_many([identity], known_at=[(place, relation)], at=at)
    if person is None:
        raise IdentityConflict(CONFLICT.en, zh=CONFLICT.zh)
    return person


def make_known(people: Collection[Person], *, at_places: Iterable[tuple[Place, str]]) -> None:
    """Give places a reason to know these people (a handover adds a place; it removes none)."""
    _write_known({(person.pk, place.pk, relation) for place, relation in at_places for person in people})


def _write_known(wanted: Collection[tuple[int, int, str]]) -> None:
    if wanted:
        write_values(KnownAt, ["person_id", "place_id", "relation"], sorted(wanted), "ON CONFLICT DO NOTHING")


@transaction.atomic
def open_identities(ids: Collection[int], *, by: Viewer, purpose: str, at: datetime) -> dict[int, Identity]:
    """The identities of these people, after asking jurisdiction and journaling the read.

    Refuses when the purpose is empty or any person is not known at a place where the viewer holds `vault.open`.
    """
    if not purpose.strip():
        raise Refusal(
            "Opening a person's identity needs a purpose; say what it is for.",
            zh="查看个人身份信息须说明用途；请填写。",
        )
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
    return unsealed(wanted)


def masked_identities(ids: Collection[int], *, by: Viewer) -> dict[int, Identity]:
    """Masked identities (张*, 110***********123X) of those whom the viewer's places know; others are left out.

    Not journaled as a read of a named person: a masked value names nobody.
    """
    known = KnownAt.objects.visible_to(by, "vault.masked").filter(person_id=OuterRef("pk"))
    found: dict[int, Identity] = {}
    asked = sorted(set(ids))
    for start in range(0, len(asked), _PARAMETERS):
        # Those known, with what is sealed of them, in one question; a person of whom nothing is sealed reads as empty.
        people = Person.objects.filter(Exists(known), pk__in=asked[start : start + _PARAMETERS])
        rows = people.annotate(part=F("identities__pk"), of_it=F("identities__sealed")).order_by("pk", "part")
        merged: dict[int, dict[str, str]] = {}
        for person in rows:
            told = merged.setdefault(person.pk, {})
            if person.of_it is not None and person.wrapped_key is not None:
                told |= _opened(bytes(person.of_it), person)
        found |= {pk: Identity(**told).masked() for pk, told in merged.items()}
    return found


def find(*, id_number: str) -> int | None:
    """The number of the person with this ID number, for services that already hold it; never for a look-up page.

    The auditor's page asks here too: it answers who looked at a person, on record, and nothing about the person.
    """
    return (
        BlindIndex.objects.filter(kind="id_number", blind=blind(id_number, purpose="id_number"))
        .values_list("person_id", flat=True)
        .first()
    )


@transaction.atomic
def sought(*, id_number: str = "", code: str = "", by: Viewer, purpose: str, place: Place, at: datetime) -> int | None:
    """The person with this ID number, or this code in a list that left, for whoever might open their identity.

    That it was asked is an entry at `place`. Raises `Refusal` without a purpose. Nobody known, and nobody this viewer's
    places know, are answered alike.
    """
    if not purpose.strip():
        raise Refusal("Seeking a person needs a purpose; say what it is for.", zh="查找个人须说明用途；请填写。")
    number = _coded(code) if code else find(id_number=id_number)
    shown = KnownAt.objects.visible_to(by).filter(person_id=number or 0).exists()
    subject = Person(pk=number) if number else None
    journal.record("vault.sought", place=place, by=by, at=at, because=purpose, subject=subject, shown=shown)
    return number if shown else None


def _coded(code: str) -> int | None:
    kind, number = led_to(code) or ("", 0)
    return number if kind == PERSON else None


def says_nothing_new(person_id: int, identity: Identity) -> bool:
    """Whether a statement only repeats what is known of a person, for services that hold the statement already."""
    return identity.known().items() <= unsealed([person_id])[person_id].known().items()


def _new_person(at: datetime) -> Person:
    pseudonym, wrapped, generation = _pseudonym_and_key()
    return Person(pseudonym=pseudonym, wrapped_key=wrapped, generation=generation, enrolled_at=at)


def _pseudonym_and_key() -> tuple[str, bytes, int]:
    """A new pseudonym, its own key wrapped, and the generation of the master that wraps it."""
    pseudonym = f"p-{secrets.token_hex(12)}"
    _, wrapped, generation = keyring.own_key(master=MASTER, bound_to=key_bound(pseudonym))
    return pseudonym, wrapped, generation


def _remember(arrivals: Sequence[Arrival], people: Sequence[Person | None], fresh: Sequence[Person]) -> None:
    """Seal each identity that says something new about its person; one whose key was destroyed stays forgotten."""
    told: dict[int, dict[str, str]] = defaultdict(dict)
    new = {person.pk for person in fresh}
    for pk, known in unsealed([p.pk for p in people if p and p.pk not in new]).items():
        told[pk] = known.known()
    rows = []
    for one, person in zip(arrivals, people, strict=True):
        identity = one.identity
        if person is None or person.wrapped_key is None or identity.known().items() <= told[person.pk].items():
            continue
        told[person.pk] |= identity.known()
        text = json.dumps(identity.known(), ensure_ascii=False).encode()
        sealed = seal(text, key=_key_of(person), bound_to=_bound(person))
        rows.append(SealedIdentity(person=person, sealed=sealed, recorded_at=one.at))
    write_new(rows, numbered=False)


def unsealed(ids: Sequence[int]) -> dict[int, Identity]:
    """What is sealed of these people, for mechanisms that compare or destroy it and show it to nobody.

    Nobody is asked and nothing is journaled: what a person is shown comes from `open_identities`. Later statements add
    to and replace earlier ones. A person whose key was destroyed reads as empty.
    """
    merged: dict[int, dict[str, str]] = defaultdict(dict)
    asked = list(dict.fromkeys(ids))
    for start in range(0, len(asked), _PARAMETERS):
        part = SealedIdentity.objects.filter(person_id__in=asked[start : start + _PARAMETERS])
        for row in part.select_related("person").order_by("pk"):
            if row.person.wrapped_key is None:
                continue
            merged[row.person_id] |= _opened(bytes(row.sealed), row.person)
    return {pk: Identity(**merged[pk]) for pk in ids}


def _opened(sealed: bytes, person: Person) -> dict[str, str]:
    told: dict[str, str] = json.loads(unseal(sealed, key=_key_of(person), bound_to=_bound(person)))
    return told


def _key_of(person: Person) -> bytes:
    return keyring.unwrap(
        person.wrapped_key, master=MASTER, generation=person.generation, bound_to=key_bound(person.pseudonym)
    )


def key_bound(pseudonym: str) -> str:
    """What a person's wrapped key is bound to."""
    return f"vault.person.key.{pseudonym}"


def _bound(person: Person) -> str:
    return f"vault.sealedidentity.sealed.{person.pseudonym}"
