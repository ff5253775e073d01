"""Destroying what messages came in, when their time is over: the key and the bytes go, hash and counts stay.

Nothing that still waits is destroyed: not a message that was never processed, not a row that nobody has settled.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.receipts.services import values_of
from citywatch.mechanisms.vault.holds import held_people, held_places
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.types import Identity

_PARAMETERS = 5000  # of one query: SQLite takes 32,766
_DONE = Q(state__in=[Receipt.State.PROCESSED, Receipt.State.REFUSED])
_HERE = Q(destroyed_at__isnull=True)


def messages(*, received_before: datetime) -> QuerySet[Receipt]:
    """Messages still here that came before a moment and are done with."""
    return Receipt.objects.filter(_HERE & _DONE, received_at__lt=received_before)


def rows(*, settled_before: datetime) -> QuerySet[QuarantinedRow]:
    """Quarantined rows still here that were settled before a moment."""
    return QuarantinedRow.objects.filter(_HERE, settled_at__lt=settled_before)


def unheld_messages(found: QuerySet[Receipt], *, at: datetime) -> QuerySet[Receipt]:
    """Those no legal hold keeps: not sent from a place under one, and not naming a person under one."""
    named = Person.objects.filter(held_people(at)).values("pk")
    theirs = Submission.objects.filter(receipt=OuterRef("pk"), person__in=named)
    return found.exclude(held_places(at)).exclude(Exists(theirs))


def unheld_rows(found: QuerySet[QuarantinedRow], *, at: datetime) -> QuerySet[QuarantinedRow]:
    """Those not sent from a place under a legal hold."""
    return found.exclude(held_places(at))


def that_may_name(people: Collection[int]) -> QuerySet[Receipt]:
    """Messages done with whose bytes may name these people.

    Surely those that brought a row of theirs. And those that cannot be told apart without reading them: with rows that
    were repeated, quarantined or refused, and feeds whose rows are in no table.
    """
    rows_of_it = Submission.objects.filter(receipt=OuterRef("pk"))
    theirs = Exists(rows_of_it.filter(person__in=people)) | ~Exists(rows_of_it)
    untold = Q(duplicate__gt=0) | Q(quarantined__gt=0) | Q(state=Receipt.State.REFUSED)
    return Receipt.objects.filter(_HERE & _DONE).filter(Q(theirs) | untold)


def rows_naming(identities: Collection[Identity]) -> list[QuarantinedRow]:
    """Quarantined rows still here that hold the ID number or the telephone number of one of these people."""
    marks = {mark for one in identities for mark in (one.id_number, one.phone) if mark}
    if not marks:
        return []
    here = QuarantinedRow.objects.filter(_HERE).select_related("place").order_by("pk")
    return [row for row in here.iterator(chunk_size=500) if marks.intersection(_words(values_of(row)))]


def _words(values: dict[str, str]) -> set[str]:
    return {word.strip().upper() for text in values.values() for word in text.replace(",", " ").split()}


def destroy(model: type[Receipt] | type[QuarantinedRow], ids: Collection[int], *, at: datetime) -> int:
    """Destroy key and bytes of these messages or rows; returns how many."""
    ordered, gone = sorted(ids), 0
    for start in range(0, len(ordered), _PARAMETERS):
        here = model.objects.filter(_HERE, pk__in=ordered[start : start + _PARAMETERS])
        gone += here.update(sealed=b"", wrapped_key=None, destroyed_at=at)
    return gone
