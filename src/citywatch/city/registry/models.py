"""Organisations, the institutions they run, and the staff who sign in for them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language

from citywatch.mechanisms.jurisdiction.models import JurisdictionModel


class Organisation(JurisdictionModel):
    """A legal body: a hospital group, a pharmacy chain, a CDC, a district government."""

    VIEW: ClassVar[str] = "registry.view"

    code = models.CharField(max_length=40, unique=True)
    name_zh = models.CharField(max_length=120)
    name_en = models.CharField(max_length=160)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="organisation_validity_in_order",
            )
        ]

    def __str__(self) -> str:
        return self.name_en if (get_language() or "zh").startswith("en") else self.name_zh


class Institution(JurisdictionModel):
    """A reporting institution at one place: what kind it is and which streams it must send every day."""

    VIEW: ClassVar[str] = "registry.view"

    place = models.OneToOneField("jurisdiction.Place", on_delete=models.PROTECT, related_name="institution")
    organisation = models.ForeignKey(Organisation, null=True, blank=True, on_delete=models.PROTECT)
    kind = models.CharField(max_length=20, db_index=True)
    streams = models.JSONField(default=list)
    fever_clinic = models.BooleanField(default=False)
    emergency = models.BooleanField(default=False)
    sentinel = models.BooleanField(default=False)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.place)


class Staff(JurisdictionModel):
    """A person who works at an institution and signs in with an account."""

    VIEW: ClassVar[str] = "registry.view"

    account = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="staff")
    position_zh = models.CharField(max_length=60)
    position_en = models.CharField(max_length=60)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "staff"

    def __str__(self) -> str:
        return f"{self.account} ({self.place})"


class Holiday(models.Model):
    """A day off or a make-up working day beyond the years that the calendar package knows."""

    day = models.DateField(unique=True)
    is_workday = models.BooleanField(default=False)
    name_zh = models.CharField(max_length=40)
    name_en = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"{self.day} {self.name_zh}"
