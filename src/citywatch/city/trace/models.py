"""Investigations, cases, stays, contacts, links and risk points: what tracing remembers."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from citywatch.city.trace import rules
from citywatch.city.trace.lifecycles import CASE, CONTACT, GIVEN_AWAY, INVESTIGATION, NOT_COUNTED
from citywatch.mechanisms.jurisdiction.models import JurisdictionModel, Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import WorkedModel
from citywatch.mechanisms.vault.models import Person

VIEW = "trace.view"

COUNTED = ~Q(state__in=[*NOT_COUNTED])
"""Cases that count: not the discarded, and of one handed over the row that is worked, once."""


class Investigation(WorkedModel):
    """The search for the source of one event; `place` is the district that leads it. Imported ones have no event."""

    LIFECYCLE = INVESTIGATION
    VIEW: ClassVar[str] = VIEW

    event_id = models.BigIntegerField(null=True, blank=True, unique=True)
    hazard = models.CharField(max_length=32, db_index=True)
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    look_back_days = models.PositiveSmallIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["place", "title_en"], condition=Q(event_id__isnull=True), name="imported_investigation_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def title(self) -> Label:
        return Label(self.title_zh, self.title_en)

    @property
    def hazard_label(self) -> Label:
        return rules.HAZARDS.get(self.hazard, Label(self.hazard, self.hazard))


class Case(WorkedModel):
    """A person counted as ill (or infected); `place` is the district responsible for them.

    A row taken over from another district names the row it came `from_row`, which that district keeps.
    """

    LIFECYCLE = CASE
    VIEW: ClassVar[str] = VIEW

    investigation = models.ForeignKey(
        Investigation, null=True, blank=True, on_delete=models.PROTECT, related_name="cases"
    )
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    hazard = models.CharField(max_length=32, db_index=True)
    label = models.CharField(max_length=40, blank=True)
    sample_barcode = models.CharField(max_length=64, blank=True)
    sex = models.CharField(max_length=1, blank=True)
    age = models.PositiveSmallIntegerField(null=True, blank=True)
    occupation = models.CharField(max_length=40, blank=True)
    onset_date = models.DateField(null=True, blank=True)
    sampled_on = models.DateField(null=True, blank=True)
    isolated_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(db_index=True)
    classification = models.CharField(max_length=16)
    outcome = models.CharField(max_length=16, blank=True)
    note = models.TextField(blank=True)
    from_row = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="handed_to")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["investigation", "label"],
                condition=~Q(label="") & ~Q(state__in=[*GIVEN_AWAY]),
                name="case_label_once_per_investigation",
            ),
            models.UniqueConstraint(
                fields=["sample_barcode"],
                condition=~Q(sample_barcode="") & ~Q(state__in=[*GIVEN_AWAY]),
                name="case_once_per_sample",
            ),
            models.UniqueConstraint(
                fields=["from_row"],
                condition=Q(from_row__isnull=False) & ~Q(state="declined"),
                name="case_handed_over_once",
            ),
            models.CheckConstraint(
                condition=Q(classification__in=list(rules.CLASSIFICATIONS)), name="case_classification_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["label"], condition=~Q(label=""), name="case_by_label"),
            models.Index(fields=["sample_barcode"], condition=~Q(sample_barcode=""), name="case_by_barcode"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """What pages call the case; it names nobody."""
        return self.label or f"C{self.pk:04d}"

    @property
    def reference_day(self) -> date | None:
        """The day its windows hang on."""
        return rules.reference_day(self.onset_date, self.sampled_on)

    @property
    def classification_label(self) -> Label:
        return rules.CLASSIFICATIONS[self.classification]

    @property
    def outcome_label(self) -> Label | str:
        return rules.OUTCOMES.get(self.outcome, "")


class Stay(JurisdictionModel):
    """Where a case was, as told in an interview or taken from a record. It never becomes a visit of the log."""

    VIEW: ClassVar[str] = VIEW

    class Source(models.TextChoices):
        INTERVIEW = "interview"
        RECORD = "record"

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="stays")
    visited = models.ForeignKey(Place, on_delete=models.PROTECT, related_name="+")
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    source = models.CharField(max_length=12, choices=Source.choices, default=Source.INTERVIEW)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "visited", "from_at", "to_at"], name="stay_told_once"),
            models.CheckConstraint(condition=Q(to_at__gte=F("from_at")), name="stay_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"{self.case} at {self.visited}"


class Verdict(JurisdictionModel):
    """What a case said to one captured visit: I was there, I was there at other times, I was not there."""

    VIEW: ClassVar[str] = VIEW

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="verdicts")
    visited = models.ForeignKey(Place, on_delete=models.PROTECT, related_name="+")
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    said = models.CharField(max_length=12)
    said_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "visited", "from_at", "to_at"], name="captured_visit_judged_once"),
            models.CheckConstraint(condition=Q(said__in=list(rules.SAID)), name="verdict_known"),
        ]

    def __str__(self) -> str:
        return f"{self.case}: {self.said}"


class Contact(WorkedModel):
    """Someone who met a case, or met a contact of one; `place` is the district responsible for them.

    `told` is the kind as told, `kind` what it counts as under the investigation's look-back; one judged `by_hand` keeps
    that judgement whatever the look-back. A contact of a contact was reached `through` a close one. A row taken over
    from another district names the row it came `from_row`, which that district keeps.
    """

    LIFECYCLE = CONTACT
    VIEW: ClassVar[str] = VIEW

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="contacts")
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    told = models.CharField(max_length=8)
    kind = models.CharField(max_length=8, db_index=True)
    by_hand = models.BooleanField(default=False)
    ground = models.CharField(max_length=16)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    visited = models.ForeignKey(Place, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    through = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="beyond")
    from_row = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="handed_to")
    judged_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["case", "person"],
                condition=Q(person__isnull=False) & ~Q(state__in=[*GIVEN_AWAY]),
                name="contact_once_per_case",
            ),
            models.UniqueConstraint(
                fields=["from_row"],
                condition=Q(from_row__isnull=False) & ~Q(state="declined"),
                name="contact_handed_over_once",
            ),
            models.CheckConstraint(condition=Q(last_at__gte=F("first_at")), name="contact_window_in_order"),
            models.CheckConstraint(condition=Q(kind__in=list(rules.KINDS)), name="contact_kind_known"),
        ]
        # A list of those released holds millions, of which a page shows the first fifty.
        indexes: ClassVar = [models.Index(fields=["state", "judged_at", "id"], name="contact_by_state_and_day")]

    def __str__(self) -> str:
        return f"Contact {self.pk} of {self.case}"

    @property
    def title(self) -> str:
        return f"K{self.pk:04d}"

    @property
    def kind_label(self) -> Label:
        return rules.KINDS[self.kind]

    @property
    def ground_label(self) -> Label:
        return rules.ground(self.ground).label


class Visiting(JurisdictionModel):
    """A contact whom a neighbourhood committee looks in on at home, until a day; `place` is the committee."""

    VIEW: ClassVar[str] = "trace.visit"

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="visitings")
    since = models.DateTimeField()
    until = models.DateField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["contact"], condition=Q(ended_at__isnull=True), name="contact_visited_by_one_committee"
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact.title} visited by {self.place}"


class Link(JurisdictionModel):
    """One case infected another, by this evidence; `place` is the investigation's."""

    VIEW: ClassVar[str] = VIEW

    infector = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="infected")
    infectee = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="infected_by")
    exposure = models.CharField(max_length=32, blank=True)
    evidence = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            # A list that says somebody infected themselves is kept as it came and shown as a contradiction.
            models.UniqueConstraint(fields=["infector", "infectee"], name="link_once_per_pair")
        ]

    def __str__(self) -> str:
        return f"{self.infector} → {self.infectee}"

    @property
    def exposure_label(self) -> Label | str:
        return rules.EXPOSURES.get(self.exposure, self.exposure)


class RiskPoint(JurisdictionModel):
    """A place published as the source (or a point of risk), with the figures on which it rested that day."""

    VIEW: ClassVar[str] = VIEW

    investigation = models.ForeignKey(Investigation, on_delete=models.PROTECT, related_name="risk_points")
    published_at = models.DateTimeField()
    because = models.TextField()
    figures = models.JSONField(default=dict)
    first_positive_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["investigation", "place"], name="risk_point_once_per_investigation")
        ]

    def __str__(self) -> str:
        return str(self.place)

    @property
    def hours(self) -> float | None:
        """Hours from the first positive result to publication: what the 16-hour limit is about."""
        if self.first_positive_at is None:
            return None
        return (self.published_at - self.first_positive_at).total_seconds() / 3600
