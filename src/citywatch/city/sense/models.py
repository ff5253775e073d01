"""The people a fever clinic keeps until their result is known, and the pictures that belong to reports."""

from typing import ClassVar

from django.db import models

from citywatch.city.sense.types import HOLD
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.models import JurisdictionModel
from citywatch.mechanisms.lifecycle import Lifecycle
from citywatch.mechanisms.lifecycle.models import WorkedModel
from citywatch.mechanisms.vault.models import Person


class Hold(WorkedModel):
    """Somebody who waits at a fever clinic for a result; only the result ends it."""

    VIEW: ClassVar[str] = "sense.view"
    LIFECYCLE: ClassVar[Lifecycle] = HOLD

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    barcode = models.CharField(max_length=40, unique=True)
    submission = models.OneToOneField(Submission, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Hold {self.barcode}"


class Photo(JurisdictionModel):
    """A picture that belongs to a report, sealed under the key of whom the report is about: with the key it is gone."""

    VIEW: ClassVar[str] = "sense.view"

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=32)
    sealed = models.BinaryField()
    digest = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    recorded_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["place", "key"], name="photo_once_per_key")]

    def __str__(self) -> str:
        return f"Photo {self.pk} of submission {self.submission_id}"
