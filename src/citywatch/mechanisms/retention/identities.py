"""The clocks of identities: somebody is needed while a mention of them is fresh, or work about them is not done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet

from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.lifecycle.models import WorkedModel
from citywatch.mechanisms.retention import visits
from citywatch.mechanisms.retention.rules import keeps
from citywatch.mechanisms.vault.holds import held_people
from citywatch.mechanisms.vault.models import BlindIndex, Person, SealedIdentity
from citywatch.mechanisms.vault.seen import naming

ONLY_SEEN = "visitor-index"


@dataclass(frozen=True, slots=True)
class Mention:
    """A model that names people, the field that says when, and the retention rule such a mention falls under."""

    rule: str
    model: str
    at: str


def alive() -> QuerySet[Person]:
    """People who are not forgotten."""
    return Person.objects.filter(wrapped_key__isnull=False)


def mentioned(mention: Mention, *, since: datetime | None = None) -> Exists:
    """Whether a person is mentioned so, at all or since a moment."""
    found = apps.get_model(mention.model)._base_manager.filter(person=OuterRef("pk"))
    return Exists(found.filter(**{f"{mention.at}__gte": since}) if since else found)


def under_work() -> Q:
    """Whether somebody still has something to do about a person: a case, a contact, a sample, a hold not yet done."""
    open_work = Q(pk__in=[])
    for model, field in naming():
        if issubclass(model, WorkedModel):
            todo = model._base_manager.exclude(state__in=model.LIFECYCLE.done)
            open_work |= Q(Exists(todo.filter(**{field: OuterRef("pk")})))
    return open_work


def over(at: datetime, mentions: Sequence[Mention]) -> QuerySet[Person]:
    """People nobody needs any more at a moment, whether or not a legal hold keeps them."""
    day = day_of(at)
    fresh = Q(enrolled_at__gte=at - keeps(ONLY_SEEN, day)) | under_work()
    told = SealedIdentity.objects.filter(person=OuterRef("pk"), recorded_at__gte=at - keeps(ONLY_SEEN, day))
    fresh |= Q(Exists(told))
    for mention in mentions:
        fresh |= Q(mentioned(mention, since=at - keeps(mention.rule, day)))
    return alive().exclude(fresh)


def named(people: QuerySet[Person]) -> QuerySet[Person]:
    """Those of whom more is known than a number: something sealed, or a hash of name and telephone."""
    sealed = SealedIdentity.objects.filter(person=OuterRef("pk"))
    hashed = BlindIndex.objects.filter(person=OuterRef("pk")).exclude(kind="id_number", name_blind="")
    return people.filter(Q(Exists(sealed)) | Q(Exists(hashed)))


def expired(at: datetime, mentions: Sequence[Mention]) -> tuple[set[int], set[int]]:
    """Those to forget whole, and those to forget but for the number their visits still in the log need."""
    unheld = over(at, mentions).exclude(held_people(at))
    everybody = set(unheld.values_list("pk", flat=True))
    still_seen = visits.seen(everybody)
    known = set(named(unheld).values_list("pk", flat=True))
    return everybody - still_seen, known & still_seen
