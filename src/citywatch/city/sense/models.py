"""The people a fever clinic keeps until their result is known."""

from typing import ClassVar

from django.db import models

from citywatch.city.sense.types import HOLD
from citywatch.mechanisms.forms.models import Submission
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
