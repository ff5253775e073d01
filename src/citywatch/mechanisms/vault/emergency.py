"""Breaking the glass (应急授权): one case of another place, for a stated reason, for a few hours, seen by everybody.

It shows the row, and lets the vault be asked about its person; it allows no change. The place's own officers and the
auditor find it on a page at once, and the auditor says afterwards whether it was justified.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.apps import apps
from django.db import models, transaction

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotAllowed, NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Account, Opening, Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label

OPEN, REVIEW = "emergency.open", "emergency.review"
MOST_AT_ONCE = 3
_SHORTEST_REASON = 8  # characters: "urgent" explains nothing


@dataclass(frozen=True, slots=True)
class Rule:
    """How long an emergency lasts, from a day on."""

    since: date
    lasts: timedelta

    def describe(self) -> Label:
        hours = int(self.lasts.total_seconds() // 3600)
        return Label(
            f"应急授权有效{hours}小时（自{self.since}起，本系统设定）", f"{hours} hours (ours, since {self.since})"
        )


RULES = (Rule(date(2020, 1, 1), timedelta(hours=4)),)


def rule(on: date) -> Rule:
    """The rule in force on a day."""
    return max((one for one in RULES if one.since <= on), key=lambda one: one.since)


def open_row(
    kind: str,
    number: int,
    *,
    account: Account,
    by: Viewer,
    at: datetime,
    because: str,
    city: Place,
    person: str = "person",
) -> Opening:
    """Let one account look at one row until the emergency ends. A number that is not there is refused, on record."""
    if not by.may_anywhere(OPEN):
        raise NotAllowed("Your role cannot open another place's cases.", zh="您的岗位无权申请应急授权。")
    if len(because.strip()) < _SHORTEST_REASON:
        raise Refusal(
            "Say in a sentence why this cannot wait for the district; the auditor reads it.",
            zh="请用一句话说明为何不能等待属地处理（不少于8个字）；审计管理员将查看。",
        )
    if len(_running(account, at)) >= MOST_AT_ONCE:
        raise Refusal(
            f"You have {MOST_AT_ONCE} cases open in an emergency; wait until one ends.",
            zh=f"您已有{MOST_AT_ONCE}项应急授权未到期；请待其结束。",
        )
    model = apps.get_model(kind)
    row = model._base_manager.select_related("place").filter(pk=number).first()
    if row is None:
        journal.record("emergency.refused", place=city, by=by, at=at, because=because, wanted=kind, number=number)
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    if model._default_manager.visible_to(by).filter(pk=number).exists():
        raise Refusal("You can see this one already; open it as usual.", zh="您本可查看该记录，无需应急授权。")
    return _open(row, account=account, by=by, at=at, because=because, person=getattr(row, f"{person}_id", None))


@transaction.atomic
def review(number: int, *, justified: bool, finding: str, by: Viewer, at: datetime) -> None:
    """Say whether an opening was justified; never by whoever opened."""
    found = Opening.objects.visible_to(by, REVIEW).select_for_update(of=("self",)).filter(pk=number).first()
    if found is None:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    if by.actor == f"account:{found.account_id}":
        raise NotAllowed("Nobody reviews an opening of their own.", zh="不能复核本人的应急授权。")
    if found.reviewed_at is not None:
        raise Refusal("This opening was reviewed already.", zh="该应急授权已复核。")
    if not finding.strip():
        raise Refusal("Say what you found; the record keeps it.", zh="请填写复核意见，将留存记录。")
    found.justified, found.finding, found.reviewed_by, found.reviewed_at = justified, finding, by.actor, at
    found.save(update_fields=["justified", "finding", "reviewed_by", "reviewed_at"])
    journal.record(
        "emergency.reviewed", place=found.place, by=by, at=at, because=finding, subject=found, justified=justified
    )


def listed(by: Viewer) -> models.QuerySet[Opening]:
    """The openings at the viewer's places, those to be reviewed first."""
    rows = Opening.objects.visible_to(by).select_related("account", "place")
    return rows.order_by(models.F("reviewed_at").asc(nulls_first=True), "-opened_at")


def own(account: Account, at: datetime) -> list[Opening]:
    """What an account has open now."""
    return list(_running(account, at).select_related("place"))


def _running(account: Account, at: datetime) -> models.QuerySet[Opening]:
    return Opening.objects.filter(account=account, until__gt=at)


@transaction.atomic
def _open(
    row: models.Model, *, account: Account, by: Viewer, at: datetime, because: str, person: int | None
) -> Opening:
    until = at + rule(clock.day_of(at)).lasts
    facts: Mapping[str, object] = {"until": until}
    made = Opening.objects.create(
        place=row.place, account=account, kind=row._meta.label_lower, number=row.pk, person=person, because=because,  # type: ignore[attr-defined]
        opened_at=at, until=until,
    )  # fmt: skip
    journal.record("emergency.opened", place=made.place, by=by, at=at, because=because, subject=row, **facts)
    return made
