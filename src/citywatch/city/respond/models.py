"""Incidents, the decisions on their level, and the orders given."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from citywatch.city.respond.types import INCIDENT, ORDER
from citywatch.mechanisms.jurisdiction.models import JurisdictionModel
from citywatch.mechanisms.lifecycle.models import WorkedModel

LEVELS = [(level, level) for level in ("I", "II", "III", "IV")]


class Incident(WorkedModel):
    """A verified event that is being managed. `level` is the decided one; empty until a person decides."""

    LIFECYCLE: ClassVar = INCIDENT
    VIEW: ClassVar[str] = "respond.view"

    event_id = models.BigIntegerField(unique=True)
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200)
    level = models.CharField(max_length=4, choices=LEVELS, blank=True)
    proposed = models.CharField(max_length=4, choices=LEVELS, blank=True)
    opened_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Incident {self.pk} ({self.title_en})"


class LevelDecision(JurisdictionModel):
    """A level proposed by rule, or decided by a person, with the facts then known. Rows are added, never edited."""

    VIEW: ClassVar[str] = "respond.view"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="decisions")
    proposed = models.CharField(max_length=4, choices=LEVELS, blank=True)
    decided = models.CharField(max_length=4, choices=LEVELS, blank=True)
    facts = models.JSONField(default=dict)
    by = models.CharField(max_length=64)
    by_name = models.CharField(max_length=120)
    at = models.DateTimeField()
    because = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(decided="") | ~Q(because=""), name="level_is_decided_with_a_reason")
        ]

    def __str__(self) -> str:
        return f"{self.decided or self.proposed or 'no level'} for incident {self.incident_id}"


class Order(WorkedModel):
    """Who shall do what by when. Its place is the recipient's, so that the recipient sees it and signs for it."""

    LIFECYCLE: ClassVar = ORDER
    VIEW: ClassVar[str] = "respond.view"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="orders")
    position = models.PositiveIntegerField()
    recipient = models.CharField(max_length=40)
    text_zh = models.CharField(max_length=300)
    text_en = models.CharField(max_length=400)
    origin = models.CharField(max_length=60)
    within = models.DurationField()
    drafted_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True, db_index=True)
    signed_at = models.DateTimeField(null=True)
    signed_by = models.CharField(max_length=120, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "position"], name="order_number_is_unique_in_its_incident"),
            models.CheckConstraint(
                condition=Q(deadline__isnull=True) | Q(deadline__gte=F("issued_at")),
                name="order_is_due_after_it_is_issued",
            ),
            models.CheckConstraint(
                condition=Q(issued_at__isnull=False) | Q(signed_at__isnull=True),
                name="order_is_issued_before_it_is_signed",
            ),
        ]

    def __str__(self) -> str:
        return f"Order {self.position} of incident {self.incident_id}"
