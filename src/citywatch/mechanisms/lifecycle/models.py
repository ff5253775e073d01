"""The base of every worked thing, its clocks, and the stored offset of city time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models import F, Q

from citywatch.mechanisms.jurisdiction.models import JurisdictionModel

if TYPE_CHECKING:
    from datetime import datetime

    from citywatch.mechanisms.jurisdiction.types import Viewer
    from citywatch.mechanisms.labels import Label
    from citywatch.mechanisms.lifecycle.types import Lifecycle, Transition


class WorkedModel(JurisdictionModel):
    """Someone must act on it before a clock runs out. Subclasses set `LIFECYCLE` and `VIEW`."""

    LIFECYCLE: ClassVar[Lifecycle]

    state = models.CharField(max_length=24, db_index=True)

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        self.state = self.state or self.LIFECYCLE.start
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def state_label(self) -> Label:
        return self.LIFECYCLE.states[self.state]

    @property
    def is_done(self) -> bool:
        return self.state in self.LIFECYCLE.done

    def moves_for(self, viewer: Viewer) -> list[Transition]:
        """The buttons this viewer should see on this row."""
        moves = self.LIFECYCLE.moves_from(self.state)
        return [move for move in moves if move.offered and viewer.may(move.needs, self.place.path)]


class Clock(JurisdictionModel):
    """A limit that began, when it is due, and when it was met."""

    VIEW: ClassVar[str] = "clock.view"

    code = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    started_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["code", "subject_kind", "subject_id"],
                condition=Q(stopped_at__isnull=True),
                name="clock_runs_once_per_subject",
            ),
            models.CheckConstraint(condition=Q(due_at__gte=F("started_at")), name="clock_due_after_start"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["subject_kind", "subject_id"], name="clock_subject"),
            # Who asks for the next few of one limit must not walk the clocks of all.
            models.Index(fields=["code", "due_at"], name="clock_by_code_and_due"),
        ]

    def __str__(self) -> str:
        return f"{self.code} due {self.due_at:%m-%d %H:%M}"

    @property
    def running(self) -> bool:
        return self.stopped_at is None

    def is_late(self, at: datetime) -> bool:
        return (self.stopped_at or at) > self.due_at

    def share(self, at: datetime) -> float:
        """How much of the limit is used, 0 to 1 and beyond."""
        whole = (self.due_at - self.started_at).total_seconds()
        return ((self.stopped_at or at) - self.started_at).total_seconds() / whole if whole else 1.0


class CityClock(models.Model):
    """The one stored offset between wall time and city time (demo and drills only)."""

    offset_seconds = models.FloatField(default=0.0)

    def __str__(self) -> str:
        return f"{self.offset_seconds:+.0f} s"
