"""Which models of which area name a person, under which retention rule: the whole list, on one screen.

A test holds it complete: a new model that names a person must stand here.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session

from citywatch.city.registry.queries import city_place
from citywatch.city.sense.photos import PhotosExpire
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.retention import alarm, purging, report
from citywatch.mechanisms.retention.identities import Mention
from citywatch.mechanisms.retention.purging import Sweeper
from citywatch.mechanisms.signin.models import Attempt, OpenSession

MENTIONS = (
    Mention("case-identity", "trace.Case", "reported_at"),
    Mention("contact-identity", "trace.Contact", "judged_at"),
    Mention("patient-identity", "forms.Submission", "recorded_at"),
    Mention("patient-identity", "sense.Hold", "started_at"),
    Mention("patient-identity", "sense.Photo", "recorded_at"),
    Mention("patient-identity", "lab.Sample", "ordered_at"),
)
READS = ("vault.opened", "vault.sought", "trace.records_read", "sense.photo_opened")
"""The entries by which somebody was shown a named person's identity or whereabouts."""


@dataclass(frozen=True, slots=True)
class SignIns:
    """The log of sign-ins, by wall time as it was written; sessions end by themselves and are swept when they have."""

    rule: str = "sign-ins"

    def total(self) -> int:
        return Attempt.objects.count()

    def expired(self, *, before: datetime) -> int:
        return Attempt.objects.filter(at__lt=before).count()

    def sweep(self, *, before: datetime) -> int:
        Session.objects.filter(expire_date__lt=before).delete()
        OpenSession.objects.filter(begun_at__lt=before).delete()
        return Attempt.objects.filter(at__lt=before).delete()[0]


SWEEPERS: tuple[Sweeper, ...] = (SignIns(), PhotosExpire())


def certificates() -> Path:
    """Where the certificates of purges lie."""
    return Path(settings.HOME) / "certificates"


def expire() -> dict[str, Any] | None:
    """The daily job: destroy what is past its time; gives the certificate, or None when there was nothing."""
    if not Place.objects.exists():
        return None
    city = city_place()
    by = machine("retention", place=city, abilities=["vault.purge"])
    return purging.run_clocks(MENTIONS, SWEEPERS, by=by, at=clock.now(), place=city, folder=certificates())


def standings(at: datetime) -> list[report.Standing]:
    """What expires when, for every class."""
    return report.standings(at, mentions=MENTIONS, sweepers=SWEEPERS)


def overdue(at: datetime) -> dict[str, int]:
    """What is past its time and still here, though the daily job has had its chance: must be empty."""
    return report.overdue(at, mentions=MENTIONS, sweepers=SWEEPERS)


def tell_overdue() -> dict[str, int]:
    """The job of every six hours: say on record, for the desk to read, what the daily job has not destroyed."""
    if not Place.objects.exists():
        return {}
    city, at = city_place(), clock.now()
    late = overdue(at)
    alarm.tell(late, by=machine("retention", place=city, abilities=["vault.purge"]), at=at, place=city)
    return late
