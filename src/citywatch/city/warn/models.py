"""What warning remembers: runs, signals, proposals, verified events and published alerts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from citywatch.city.warn import rules
from citywatch.mechanisms.jurisdiction.models import JurisdictionModel
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import WorkedModel
from citywatch.mechanisms.lifecycle.types import Lifecycle

_LEVELS = [(level, rules.LEVEL_WORDS[level].zh) for level in rules.LEVELS]


class WatchDecision(JurisdictionModel):
    """A dated decision on a line of `DETECTORS`: which method, with which settings, from which day on, and why.

    Never changed: a later decision of the same detector takes its place. `settings` holds what differs from the
    method's published settings; `decided_by` is the journal's name of the person (`Viewer.actor`).
    """

    VIEW: ClassVar[str] = "warn.view"

    detector = models.CharField(max_length=40)
    method = models.CharField(max_length=40)
    settings = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    valid_from = models.DateField(db_index=True)
    because = models.TextField()
    decided_at = models.DateTimeField()
    decided_by = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["detector", "valid_from", "decided_at"], name="watch_decision_once_per_moment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.detector} by {self.method} from {self.valid_from}"


class Run(JurisdictionModel):
    """One detection run over the city: what it looked at, what it found, or why it failed.

    `stages` holds milliseconds by stage (export, count, judge, store); `series` those that could be judged.
    """

    VIEW: ClassVar[str] = "warn.view"

    at = models.DateTimeField(db_index=True)
    log_version = models.PositiveIntegerField(default=0)
    log_digest = models.CharField(max_length=32, blank=True)
    series = models.PositiveIntegerField(default=0)
    raised = models.PositiveIntegerField(default=0)
    extended = models.PositiveIntegerField(default=0)
    proposals = models.PositiveIntegerField(default=0)
    took_ms = models.PositiveIntegerField(default=0)
    stages = models.JSONField(default=dict)
    fault = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"Run at {self.at:%Y-%m-%d %H:%M}"


class Proposal(WorkedModel):
    """Fused signals of linked places, or positives of one hazard, with a level; nobody has confirmed it yet.

    `hazard` is covid-19, a disease code, or the syndrome of its strongest signal. `positives` holds sample numbers,
    `grounds` why these signals belong together (`rules.GROUND_WORDS`), `chance` how likely so much independent evidence
    is by accident (None where a part has no model of chance). `escalated_at` is when a breached limit paged the city.
    """

    VIEW: ClassVar[str] = "warn.view"
    LIFECYCLE: ClassVar[Lifecycle] = rules.PROPOSAL

    fingerprint = models.CharField(max_length=64, unique=True)
    level = models.CharField(max_length=8, choices=_LEVELS, db_index=True)
    hazard = models.CharField(max_length=32)
    streams = models.JSONField(default=list)
    syndromes = models.JSONField(default=list)
    positives = models.JSONField(default=list)
    first_positive_at = models.DateTimeField(null=True, blank=True)
    last_positive_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(db_index=True)
    first_day = models.DateField()
    last_day = models.DateField()
    score = models.FloatField(default=0.0)
    grounds = models.JSONField(default=list)
    chance = models.FloatField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    after = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="proposal_days_in_order"),
            models.CheckConstraint(
                condition=Q(first_positive_at__isnull=True) | Q(last_positive_at__gte=F("first_positive_at")),
                name="proposal_positives_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"Proposal {self.pk} ({self.level}, {self.hazard})"


class Signal(JurisdictionModel):
    """A detector's claim that one series stood too high at a place, not yet believed by anyone.

    Figures are of the last alarm day (or the last alarm week, whose days run from Monday to Sunday) as first known when
    the run saw them; `expected` and `upper` in reports a step. `look` is what let it through (`rules.LOOK_WORDS`).
    """

    VIEW: ClassVar[str] = "warn.view"

    fingerprint = models.CharField(max_length=64, unique=True)
    family = models.CharField(max_length=24)
    step = models.CharField(max_length=4, choices=[("day", "day"), ("week", "week")], default="day")
    look = models.CharField(max_length=16, default="chance")
    stream = models.CharField(max_length=24)
    syndrome = models.CharField(max_length=40)
    by = models.CharField(max_length=10, choices=[(by, by) for by in rules.VIEWS])
    detectors = models.JSONField(default=list)
    first_day = models.DateField()
    last_day = models.DateField(db_index=True)
    observed = models.PositiveIntegerField()
    expected = models.FloatField()
    upper = models.FloatField()
    p = models.FloatField(null=True, blank=True)
    score = models.FloatField()
    raised_at = models.DateTimeField()
    proposal = models.ForeignKey(Proposal, null=True, blank=True, on_delete=models.PROTECT, related_name="signals")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="signal_days_in_order")
        ]
        indexes: ClassVar = [models.Index(fields=["place", "last_day"], name="signal_place_day")]

    def __str__(self) -> str:
        return f"Signal {self.pk} ({self.stream}/{self.syndrome}, {self.last_day})"


class DeskView(JurisdictionModel):
    """What one person asked the inbox for, kept under a name of theirs. `query` is the part of an address after "?"."""

    VIEW: ClassVar[str] = "warn.view"

    owner = models.CharField(max_length=64, db_index=True)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "name"], name="desk_view_name_once")]

    def __str__(self) -> str:
        return self.name


class HealthEvent(WorkedModel):
    """A proposal that a person has verified."""

    VIEW: ClassVar[str] = "warn.view"
    LIFECYCLE: ClassVar[Lifecycle] = rules.EVENT

    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="event")
    hazard = models.CharField(max_length=32, db_index=True)
    level = models.CharField(max_length=8, choices=_LEVELS)
    title_zh = models.CharField(max_length=160)
    title_en = models.CharField(max_length=200)
    verified_at = models.DateTimeField()
    first_positive_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(Label(self.title_zh, self.title_en))


class Alert(JurisdictionModel):
    """A verified event made known, with its level, to those who must act. Never changed; a new one supersedes it."""

    VIEW: ClassVar[str] = "warn.view"

    event = models.ForeignKey(HealthEvent, on_delete=models.PROTECT, related_name="alerts")
    level = models.CharField(max_length=8, choices=_LEVELS)
    text_zh = models.TextField()
    text_en = models.TextField()
    because = models.TextField()
    published_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(Label(self.text_zh, self.text_en))
