"""Samples, from order to result."""

from typing import ClassVar

from django.db import models

from citywatch.city.lab.types import SAMPLE
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.lifecycle import Lifecycle
from citywatch.mechanisms.lifecycle.models import WorkedModel
from citywatch.mechanisms.vault.models import Person


class Sample(WorkedModel):
    """One tube, known by its barcode; it belongs to the site that ordered it."""

    VIEW: ClassVar[str] = "lab.view"
    LIFECYCLE: ClassVar[Lifecycle] = SAMPLE

    barcode = models.CharField(max_length=40, unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    submission_id = models.BigIntegerField(unique=True)
    lab_place = models.ForeignKey(Place, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    ordered_at = models.DateTimeField(db_index=True)
    resulted_at = models.DateTimeField(null=True, blank=True, db_index=True)
    ct_orf1ab = models.FloatField(null=True, blank=True)
    ct_n = models.FloatField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Sample {self.barcode}"
