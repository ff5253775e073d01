"""The ledger of inbound messages and files, and the rows that wait for a person."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language

from citywatch.mechanisms.jurisdiction.models import JurisdictionModel


class Receipt(JurisdictionModel):
    """One inbound message or file, as it came, sealed under a key of its own.

    When its time is over the key and the bytes are destroyed; hash, source, times and counts stay as the proof.
    """

    VIEW: ClassVar[str] = "receipt.view"

    class State(models.TextChoices):
        RECEIVED = "received"
        PROCESSED = "processed"
        REFUSED = "refused"

    source = models.CharField(max_length=80)
    message_id = models.CharField(max_length=120)
    channel = models.CharField(max_length=12)
    form = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    sealed = models.BinaryField()
    wrapped_key = models.BinaryField(null=True)
    generation = models.PositiveSmallIntegerField(default=1)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED, db_index=True)
    why = models.TextField(blank=True)
    rows = models.PositiveIntegerField(default=0)
    stored = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    quarantined = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "message_id"], name="receipt_once_per_message"),
            models.CheckConstraint(
                condition=~Q(state="processed") | Q(rows=F("stored") + F("duplicate") + F("quarantined")),
                name="receipt_rows_add_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.message_id}"


class QuarantinedRow(JurisdictionModel):
    """A row that arrived and could not be stored, kept sealed with the reason until a person mends or drops it."""

    VIEW: ClassVar[str] = "receipt.view"

    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="quarantine")
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()
    wrapped_key = models.BinaryField(null=True)
    generation = models.PositiveSmallIntegerField(default=1)
    why_zh = models.TextField()
    why_en = models.TextField()
    settled_at = models.DateTimeField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["receipt", "number"], name="receipt_quarantined_once")]

    @property
    def why(self) -> str:
        return self.why_en if (get_language() or "zh").startswith("en") else self.why_zh

    def __str__(self) -> str:
        return f"row {self.number} of receipt {self.receipt_id}"
