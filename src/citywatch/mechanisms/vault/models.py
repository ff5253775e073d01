"""Persons as pseudonyms with sealed identities, the blind index that finds them, and where they are known."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from citywatch.mechanisms.jurisdiction.models import JurisdictionModel


class Person(models.Model):
    """Somebody, known by a dense number inside and a pseudonym in the journal. Without its key the identity is gone.

    `generation` says which master key wraps this person's own key.
    """

    pseudonym = models.CharField(max_length=40, unique=True)
    wrapped_key = models.BinaryField(null=True)
    generation = models.PositiveSmallIntegerField(default=1)
    enrolled_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.pseudonym


class SealedIdentity(models.Model):
    """One statement of a person's identity, sealed with that person's key; later statements add to earlier ones."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="identities")
    sealed = models.BinaryField()
    recorded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Identity of {self.person_id}"


class BlindIndex(models.Model):
    """A keyed hash by which a person is found again: of the ID number, or of name and phone together."""

    kind = models.CharField(max_length=16)
    blind = models.CharField(max_length=64)
    name_blind = models.CharField(max_length=64, blank=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "blind"], condition=Q(kind="id_number"), name="vault_one_per_id")
        ]
        indexes: ClassVar = [models.Index(fields=["kind", "blind"], name="vault_blind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.person_id}"


class Pseudonym(models.Model):
    """The code under which somebody left in lists for one purpose; drawn by chance, deleted when they are forgotten."""

    purpose = models.CharField(max_length=16)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    code = models.CharField(max_length=16, unique=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["purpose", "subject_kind", "subject_id"], name="vault_one_code_a_purpose")
        ]

    def __str__(self) -> str:
        return f"{self.code} for {self.purpose}"


class KnownAt(JurisdictionModel):
    """A place that has a reason to know a person: it reported, treats, hosts or is responsible for them.

    Home, current, responsible and treating places are kept apart: a patient treated elsewhere must not vanish from the
    list of the district they live in.
    """

    VIEW: ClassVar[str] = "vault.open"
    OPENED: ClassVar[tuple[str, str] | None] = ("person_id", "vault.person")

    class Relation(models.TextChoices):
        HOME = "home"
        CURRENT = "current"
        RESPONSIBLE = "responsible"
        TREATING = "treating"
        REPORTING = "reporting"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="known_at")
    relation = models.CharField(max_length=12, choices=Relation.choices)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "place", "relation"], name="vault_known_once")
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.relation} {self.place_id}"


class LegalHold(JurisdictionModel):
    """An order to keep what the clocks would destroy: of one person, or of everybody known at a place and below it.

    It ends by its day or by being lifted; both stay on record.
    """

    VIEW: ClassVar[str] = "vault.hold"

    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="holds")
    because = models.TextField()
    ordered_by = models.CharField(max_length=120)
    placed_by = models.CharField(max_length=64)
    placed_at = models.DateTimeField()
    until = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(because="") & ~Q(ordered_by=""), name="hold_says_why_and_by_whom"),
            models.CheckConstraint(condition=Q(until__gt=F("placed_at")), name="hold_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"Hold {self.pk} until {self.until:%Y-%m-%d}"


class Export(JurisdictionModel):
    """Rows about people that somebody asked to take out of the system, who agreed, and the mark they left with."""

    VIEW: ClassVar[str] = "export.approve"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    purpose = models.CharField(max_length=16, default="response")
    because = models.TextField()
    rows = models.PositiveIntegerField()
    tracks = models.PositiveIntegerField()
    second = models.BooleanField()
    asked_at = models.DateTimeField()
    approved_by = models.CharField(max_length=64, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    mark = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(second=False) | Q(taken_at__isnull=True) | Q(approved_at__isnull=False),
                name="export_of_many_is_approved_before_it_is_taken",
            )
        ]

    def __str__(self) -> str:
        return f"Export {self.pk}: {self.rows} {self.kind}"
