"""Open sessions: seen, listed, ended by whoever has them, by time, and when what somebody may do has changed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.contrib.sessions.models import Session

from citywatch.mechanisms.jurisdiction.models import Account
from citywatch.mechanisms.signin.models import OpenSession

LONGEST = timedelta(hours=12)
"""However busy, a session ends after a shift."""
_STEP = timedelta(minutes=1)
"""How finely activity is remembered: one write a minute at most."""

Ended = Literal["idle", "long", "other"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A session at one moment: why it is over, or how long it lasts if nothing more is done."""

    ended: Ended | None
    left: timedelta


def look(
    account: Account, *, key: str, address: str, browser: str, idle: timedelta | None, active: bool, at: datetime
) -> Standing:
    """How a session stands. `active` says that a person did something, and not the page on its own."""
    row, _ = OpenSession.objects.get_or_create(
        session_key=key,
        defaults={
            "account": account,
            "begun_at": at,
            "seen_at": at,
            "address": address,
            "browser": browser[:200],
        },
    )
    if row.account_id != account.pk:
        return Standing("other", timedelta())
    if at - row.begun_at >= LONGEST:
        return Standing("long", timedelta())
    if idle is not None and at - row.seen_at >= idle:
        return Standing("idle", timedelta())
    if active and at - row.seen_at >= _STEP:
        OpenSession.objects.filter(pk=row.pk).update(seen_at=at)
        row.seen_at = at
    left = LONGEST - (at - row.begun_at)
    return Standing(None, left if idle is None else min(left, idle - (at - row.seen_at)))


def of(account: Account) -> list[OpenSession]:
    """The sessions somebody has open, newest first; those that have expired meanwhile are left out."""
    rows = OpenSession.objects.filter(account=account).order_by("-seen_at")
    alive = set(
        Session.objects.filter(session_key__in=[row.session_key for row in rows]).values_list("session_key", flat=True)
    )
    return [row for row in rows if row.session_key in alive]


def end(account: Account, *, number: int) -> bool:
    """End one of somebody's own sessions; False where it is not theirs or is over."""
    return end_keys(OpenSession.objects.filter(account=account, pk=number).values_list("session_key", flat=True)) > 0


def end_all(account: Account, *, but: str = "") -> int:
    """End every session of an account, or every one but this; takes effect with the next request."""
    return end_keys(
        OpenSession.objects.filter(account=account).exclude(session_key=but).values_list("session_key", flat=True)
    )


def end_keys(keys: Collection[str]) -> int:
    """End sessions by their keys; returns how many were open."""
    wanted = list(keys)
    Session.objects.filter(session_key__in=wanted).delete()
    return OpenSession.objects.filter(session_key__in=wanted).delete()[0]
