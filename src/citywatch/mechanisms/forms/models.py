"""The one model for everything that is reported."""

from typing import ClassVar

from django.db import models

from citywatch.mechanisms.jurisdiction.models import JurisdictionModel, Place
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.mechanisms.vault.models import Person


class Submission(JurisdictionModel):
    """What a site sent. Never edited: a correction is a new submission that names the one it corrects.

    Holds no identity: the person is a number, and `answers` lack every identifying question. It is the readable copy of
    its journal entry and can be rebuilt from it.
    """

    VIEW: ClassVar[str] = "sense.view"

    form = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField()
    stream = models.CharField(max_length=24, db_index=True)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    home_place = models.ForeignKey(Place, null=True, on_delete=models.PROTECT, related_name="+")
    occurred_at = models.DateTimeField()
    occurred_on = models.DateField(db_index=True)
    reported_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_index=True)
    answers = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    count = models.PositiveIntegerField(default=1)
    natural_key = models.CharField(max_length=64, unique=True)
    revision_key = models.CharField(max_length=64, blank=True, db_index=True)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="submissions")
    row = models.PositiveIntegerField()
    corrects = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="corrected_by")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["place", "form", "occurred_on"], name="submission_site_day")]

    def __str__(self) -> str:
        return f"{self.form} {self.pk}"
