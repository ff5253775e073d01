"""Entries and the cursors of their followers. Triggers in the migration block UPDATE and DELETE on both databases."""

from typing import ClassVar

from django.db import models

from citywatch.mechanisms.jurisdiction.models import JurisdictionModel


class Entry(JurisdictionModel):
    """Something that happened: who, when, why, where, and the whole change."""

    VIEW: ClassVar[str] = "journal.read"

    writer = models.CharField(max_length=64)
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=64)
    because = models.TextField(blank=True)
    subject_kind = models.CharField(max_length=40, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    body = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["writer", "seq"], name="journal_one_seq_per_writer")]
        indexes: ClassVar = [models.Index(fields=["subject_kind", "subject_id"], name="journal_subject")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"


class Cursor(models.Model):
    """How far one follower has read one writer's chain.

    Followers count by writer and seq, never by primary key: on PostgreSQL keys are taken before commit, so a higher key
    can become visible first and a reader by key would skip the lower one.
    """

    follower = models.CharField(max_length=40)
    writer = models.CharField(max_length=64)
    seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["follower", "writer"], name="journal_one_cursor")]

    def __str__(self) -> str:
        return f"{self.follower} at {self.writer}:{self.seq}"
