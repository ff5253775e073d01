"""Orders to keep what the clocks would destroy."""

from datetime import datetime

from django.db import models, transaction
from django.db.models import OuterRef, Q

from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.vault.models import KnownAt, LegalHold, Person


@transaction.atomic
def place_hold(
    place: Place,
    *,
    person: Person | None = None,
    because: str,
    ordered_by: str,
    until: datetime,
    by: Viewer,
    at: datetime,
) -> LegalHold:
    """Keep one person, or everybody known at `place` and below it with what was sent from there, until a day."""
    must(by, "vault.hold", place)
    if not because.strip() or not ordered_by.strip():
        raise Refusal(
            "A legal hold needs its reason and who ordered it; write both.", zh="依法留存须写明理由和决定机关；请填写。"
        )
    if until <= at:
        raise Refusal(
            f"The hold would end on {until:%Y-%m-%d}, which is past; give a later day.",
            zh=f"留存截止日期 {until:%Y-%m-%d} 已过；请填写更晚的日期。",
        )
    hold = LegalHold.objects.create(
        place=place,
        person=person,
        because=because,
        ordered_by=ordered_by,
        until=until,
        placed_by=by.actor,
        placed_at=at,
    )
    journal.record(
        "vault.hold_placed", place=place, by=by, at=at, because=because, subject=hold,
        person=person.pseudonym if person else None, ordered_by=ordered_by, until=until,
    )  # fmt: skip
    return hold


@transaction.atomic
def lift_hold(hold_id: int, *, because: str, by: Viewer, at: datetime) -> LegalHold:
    """End a hold before its day; the clocks go on from where they would be."""
    hold = LegalHold.objects.visible_to(by).select_for_update(of=("self",)).select_related("place").pick_one(hold_id)
    assert isinstance(hold, LegalHold)  # noqa: S101 - what `pick_one` of LegalHold gives
    must(by, "vault.hold", hold.place)
    if not because.strip():
        raise Refusal("Lifting a hold needs a reason; write one sentence.", zh="解除留存须填写理由；请写一句话。")
    if hold.lifted_at is not None:
        raise Conflict(
            f"Hold {hold.pk} was lifted on {hold.lifted_at:%Y-%m-%d} already.",
            zh=f"该留存已于 {hold.lifted_at:%Y-%m-%d} 解除。",
        )
    hold.lifted_at = at
    hold.save(update_fields=["lifted_at"])
    journal.record("vault.hold_lifted", place=hold.place, by=by, at=at, because=because, subject=hold)
    return hold


def in_force(at: datetime) -> models.QuerySet[LegalHold]:
    """The holds that bind at this moment, those that end first in front."""
    bound = LegalHold.objects.filter(until__gt=at, lifted_at__isnull=True, placed_at__lte=at)
    return bound.select_related("place", "person").order_by("until", "pk")


def held_people(at: datetime) -> Q:
    """Which persons a hold keeps: those named, and those known at a place under a hold on everybody there."""
    named = in_force(at).order_by().filter(person=OuterRef("pk"))
    there = KnownAt.objects.filter(held_places(at), person=OuterRef("pk"))
    return Q(models.Exists(named)) | Q(models.Exists(there))


def held_places(at: datetime, *, path: str = "place__path") -> Q:
    """Which rows of a place a hold on everybody there keeps."""
    roots = in_force(at).filter(person__isnull=True).values_list("place__path", flat=True)
    kept = Q(pk__in=[])
    for root in roots:
        kept |= Q(**{f"{path}__startswith": root})
    return kept
