"""The one door by which rows about people leave: masked, for a reason, counted, with a second person above the limits.

The limits are the thresholds of the Supreme Court's interpretation of 2017 (两高, art 5): 50 whereabouts, 500 health
records. Whatever leaves bears a mark of its own, so that a part of it tells whose it was.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models, transaction

from citywatch.mechanisms.errors import NotAllowed, NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Account, Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.vault.models import Export
from citywatch.mechanisms.vault.pseudonyms import Purpose, purpose_of

TAKE, APPROVE = "export.take", "export.approve"
MOST_TRACKS, MOST_ROWS = 50, 500
GOOD_FOR = timedelta(hours=24)
OFTEN = 5
"""So many exports of one account within an hour are told to the auditor."""
_SHORTEST_REASON = 4


@dataclass(frozen=True, slots=True)
class Size:
    """How much is asked for: rows about people, and of those the ones that tell where somebody was."""

    rows: int
    tracks: int

    @property
    def needs_second(self) -> bool:
        return self.tracks > MOST_TRACKS or self.rows > MOST_ROWS


@transaction.atomic
def ask(
    kind: str, size: Size, *, purpose: str, account: Account, place: Place, by: Viewer, at: datetime, because: str
) -> Export:
    """Ask to take rows out for one of the purposes; below the limits they may be taken at once."""
    must(by, TAKE, place)
    purpose_of(purpose)
    if len(because.strip()) < _SHORTEST_REASON:
        raise Refusal("Say what the list is for; the record keeps it.", zh="请说明导出用途，将留存记录。")
    if not size.rows:
        raise Refusal("There is nothing to export here.", zh="没有可导出的内容。")
    made = Export.objects.create(
        account=account, place=place, kind=kind, purpose=purpose, because=because, rows=size.rows, tracks=size.tracks,
        second=size.needs_second, asked_at=at, mark=secrets.token_hex(16),
    )  # fmt: skip
    journal.record(
        "export.asked", place=place, by=by, at=at, because=because, subject=made, what=kind, purpose=purpose,
        rows=size.rows, tracks=size.tracks, second=made.second,
    )  # fmt: skip
    return made


@transaction.atomic
def approve(number: int, *, by: Viewer, at: datetime) -> None:
    """Agree, as a second person, that somebody takes rows out."""
    made = _locked(Export.objects.visible_to(by), number)
    if by.actor == f"account:{made.account_id}":
        raise NotAllowed("Nobody approves an export of their own.", zh="不能审批本人的导出申请。")
    if not made.second or made.approved_at is not None:
        raise Refusal("This export waits for nobody.", zh="该导出无需审批或已审批。")
    made.approved_by, made.approved_at = by.actor, at
    made.save(update_fields=["approved_by", "approved_at"])
    journal.record("export.approved", place=made.place, by=by, at=at, because=made.because, subject=made)


@transaction.atomic
def take(number: int, size: Size, *, account: Account, by: Viewer, at: datetime) -> Export:
    """Let the rows out, once; refuses when more would leave than was asked for, or nobody agreed."""
    made = _locked(Export.objects.filter(account=account), number)
    if made.taken_at is not None or at - made.asked_at > GOOD_FOR:
        raise Refusal(
            "This export was taken, or is a day old; ask anew.", zh="该导出已下载或已超过24小时；请重新申请。"
        )
    if made.second and made.approved_at is None:
        raise NotAllowed(
            f"More than {MOST_TRACKS} whereabouts or {MOST_ROWS} rows: a second person has to agree first.",
            zh=f"超过{MOST_TRACKS}条行踪或{MOST_ROWS}条记录，须经第二人审批。",
        )
    if size.rows > made.rows or size.tracks > made.tracks:
        raise Refusal("There are more rows now than you asked for; ask anew.", zh="当前记录多于申请数量；请重新申请。")
    made.taken_at = at
    made.save(update_fields=["taken_at"])
    journal.record(
        "export.taken", place=made.place, by=by, at=at, because=made.because, subject=made, what=made.kind,
        purpose=made.purpose, rows=size.rows, tracks=size.tracks,
    )  # fmt: skip
    _notice(account, made.place, by=by, at=at)
    return made


def waiting(by: Viewer) -> models.QuerySet[Export]:
    """What waits for this viewer's agreement."""
    rows = Export.objects.visible_to(by).filter(second=True, approved_at__isnull=True, taken_at__isnull=True)
    return rows.exclude(account_id=_number(by)).select_related("account", "place").order_by("asked_at")


def own(account: Account, at: datetime) -> models.QuerySet[Export]:
    """What an account asked for in the last day and has not taken."""
    return Export.objects.filter(account=account, taken_at__isnull=True, asked_at__gt=at - GOOD_FOR).order_by("-pk")


def marks(kind: str, purpose: Purpose) -> dict[int, str]:
    """The marks of everything of a kind ever taken for a purpose, to find whose a leaked part was."""
    taken = Export.objects.filter(kind=kind, purpose=purpose.code, taken_at__isnull=False)
    return dict(taken.values_list("pk", "mark"))


def _notice(account: Account, place: Place, *, by: Viewer, at: datetime) -> None:
    hour = at - timedelta(hours=1)
    taken = Export.objects.filter(account=account, taken_at__gt=hour).count()
    if taken == OFTEN and not Entry.objects.filter(kind="export.unusual", actor=by.actor, at__gt=hour).exists():
        journal.record("export.unusual", place=place, by=by, at=at, subject=account, taken=taken)


def _locked(rows: models.QuerySet[Export], number: int) -> Export:
    made = rows.select_related("place").select_for_update(of=("self",)).filter(pk=number).first()
    if made is None:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    return made


def _number(by: Viewer) -> int:
    return int(by.actor.removeprefix("account:")) if by.actor.startswith("account:") else 0
