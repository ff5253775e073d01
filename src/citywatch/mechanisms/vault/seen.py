"""Who saw a person: every entry by which an identity or a whereabouts was shown, whatever page showed it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import ForeignObjectRel, Model, Q

from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Account
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.vault.models import KnownAt, Person


@dataclass(frozen=True, slots=True)
class Look:
    """One time somebody was shown a person: when, who (and by what name), what kind of entry, what for, and where."""

    at: datetime
    actor: str
    name: str
    kind: str
    because: str
    place: str


def naming() -> list[tuple[type[Model], str]]:
    """Every model that names a person, and the field it does so in; those hide their way back from the person."""
    relations = Person._meta.get_fields(include_hidden=True)
    return [(one.related_model, one.field.name) for one in relations if isinstance(one, ForeignObjectRel)]


@transaction.atomic
def who_saw(person_id: int, *, reads: Collection[str], since: datetime, by: Viewer, at: datetime) -> list[Look]:
    """Who was shown this person since a moment, newest first; `reads` are the kinds of entries that show somebody.

    An entry about a case, a contact or a sample counts as one about its person. For those who may read the journal at
    a place that knows the person; asking is an entry too.
    """
    known = KnownAt.objects.visible_to(by, "journal.read").filter(person=person_id).select_related("place").first()
    if known is None:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    about = Q(subject_kind="vault.person", subject_id=person_id)
    for model, field in naming():
        theirs = list(model._base_manager.filter(**{field: person_id}).values_list("pk", flat=True))
        if theirs:
            about |= Q(subject_kind=model._meta.label_lower, subject_id__in=theirs)
    found = list(
        Entry.objects.filter(about, kind__in=reads, at__gte=since).select_related("place").order_by("-at", "-pk")
    )
    journal.record("vault.looks_listed", place=known.place, by=by, at=at, subject=known.person, since=since)
    names = _names({entry.actor for entry in found})
    return [
        Look(entry.at, entry.actor, names.get(entry.actor, entry.actor), entry.kind, entry.because, entry.place.name)
        for entry in found
    ]


def _names(actors: Collection[str]) -> dict[str, str]:
    numbers = [int(actor.removeprefix("account:")) for actor in actors if actor.startswith("account:")]
    return {f"account:{one.pk}": f"{one.title} ({one.username})" for one in Account.objects.filter(pk__in=numbers)}
