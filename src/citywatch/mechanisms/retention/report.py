"""What expires when: one line for each rule, for `citywatch retention`, the doctor and the daily job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal.export import store
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.retention import identities, messages, visits
from citywatch.mechanisms.retention.identities import ONLY_SEEN, Mention
from citywatch.mechanisms.retention.purging import Sweeper
from citywatch.mechanisms.retention.rules import Rule, keeps, rule
from citywatch.mechanisms.vault.holds import held_people

SOON = timedelta(days=30)
GRACE = timedelta(hours=26)
"""The job runs once a day; what is past its time for longer has been missed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one class stands: how much there is, how much is past its time, will be within a month, is held or waits.

    `waits` counts what is past its time and not done with (a message never processed, a row never settled): that is
    never destroyed by a clock.
    """

    rule: Rule
    total: int
    expired: int = 0
    soon: int = 0
    held: int = 0
    waits: int = 0


def standings(at: datetime, *, mentions: Sequence[Mention], sweepers: Sequence[Sweeper]) -> list[Standing]:
    """Every class at a moment."""
    day = day_of(at)
    return [
        *_identities(at, mentions),
        _visits(at),
        _messages(at),
        _rows(at),
        *(_swept(one, at) for one in sweepers),
        Standing(rule("journal", day), Entry.objects.count()),
    ]


def overdue(at: datetime, *, mentions: Sequence[Mention], sweepers: Sequence[Sweeper]) -> dict[str, int]:
    """What is past its time for longer than the daily job explains: must be empty."""
    late = standings(at - GRACE, mentions=mentions, sweepers=sweepers)
    return {one.rule.code: one.expired for one in late if one.expired}


def _identities(at: datetime, mentions: Sequence[Mention]) -> list[Standing]:
    """Each person counts once, under the rule that keeps them longest."""
    day = day_of(at)
    whole, named = identities.expired(at, mentions)
    gone = whole | named
    over, later = identities.over(at, mentions), identities.over(at + SOON, mentions)
    codes = sorted({one.rule for one in mentions}, key=lambda code: keeps(code, day), reverse=True)
    found, rest = [], identities.alive()
    for code in [*codes, ONLY_SEEN]:
        mentioned = Q()
        for one in mentions:
            if one.rule == code:
                mentioned |= Q(identities.mentioned(one))
        of_class = rest.filter(mentioned)
        past = set(of_class.filter(pk__in=over.values("pk")).values_list("pk", flat=True))
        soon = of_class.filter(pk__in=later.values("pk")).exclude(pk__in=over.values("pk")).count()
        held = of_class.filter(held_people(at)).count()
        found.append(Standing(rule(code, day), of_class.count(), len(gone & past), soon, held))
        rest = rest.exclude(mentioned) if code != ONLY_SEEN else rest
    return found


def _visits(at: datetime) -> Standing:
    day = day_of(at)
    days = sorted(store().days("visits"))
    first, by_rule = visits.first_day(at), day - keeps("visits", day)
    return Standing(
        rule("visits", day),
        len(days),
        sum(one < first for one in days),
        sum(first <= one < by_rule + SOON for one in days) - _between(days, first, by_rule),
        _between(days, first, by_rule),
    )


def _between(days: Sequence[date], first: date, until: date) -> int:
    return sum(first <= one < until for one in days)


def _messages(at: datetime) -> Standing:
    day = day_of(at)
    before = at - keeps("messages", day)
    past = messages.messages(received_before=before)
    expired = messages.unheld_messages(past, at=at).count()
    soon = messages.messages(received_before=before + SOON).count() - past.count()
    waits = Receipt.objects.filter(state=Receipt.State.RECEIVED, received_at__lt=before).count()
    total = Receipt.objects.filter(destroyed_at__isnull=True).count()
    return Standing(rule("messages", day), total, expired, soon, past.count() - expired, waits)


def _rows(at: datetime) -> Standing:
    day = day_of(at)
    before = at - keeps("quarantine", day)
    past = messages.rows(settled_before=before)
    expired = messages.unheld_rows(past, at=at).count()
    soon = messages.rows(settled_before=before + SOON).count() - past.count()
    waits = QuarantinedRow.objects.filter(settled_at__isnull=True, receipt__received_at__lt=before).count()
    total = QuarantinedRow.objects.filter(destroyed_at__isnull=True).count()
    return Standing(rule("quarantine", day), total, expired, soon, past.count() - expired, waits)


def _swept(one: Sweeper, at: datetime) -> Standing:
    day = day_of(at)
    before = at - keeps(one.rule, day)
    expired = one.expired(before=before)
    return Standing(rule(one.rule, day), one.total(), expired, one.expired(before=before + SOON) - expired)
