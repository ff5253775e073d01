"""The account of what came: every row is stored, a repeat or in quarantine, and what is stored stands in the journal.

A job checks what came since it last looked. England lost 15,841 cases for eight days in 2020 because no one compared
what a file held with what was stored; here the difference is said within minutes, with source, message and rows, until
it is gone or somebody answers for it.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, QuerySet

from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Cursor, Entry
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt

DIFFERS, AGREES = KINDS = "ledger.differs", "ledger.agrees"
SETTLED = "ledger.settled"
SETTLE = "ledger.settle"
STAGES = {
    "waiting": Label("已接收但未处理", "received and not processed"),
    "read": Label("读出的行数与报文不符", "rows read are not those it holds"),
    "stored": Label("入库行数与记账不符", "rows stored are not those counted"),
    "quarantined": Label("待更正行数与记账不符", "rows in quarantine are not those counted"),
    "journaled": Label("入库行缺少日志条目", "rows stored without an entry of the journal"),
    "logged": Label("日志条目未全部进入事件库", "entries of the journal missing from the log, or twice"),
}
Counted = Mapping[str, Callable[[bytes], int]]
"""By channel: how many rows a message holds, counted by other means than its reader's."""

_log = logging.getLogger(__name__)
_FOLLOWER = "ledger"
_SETTLES = timedelta(minutes=5)
"""How long a message may be under way before it is looked at."""
_LATE = timedelta(minutes=10)
_FIRST = timedelta(days=1)
"""How far back the first check looks, and how long one message that cannot be processed keeps the others waiting."""
_PART = 500
_TOLD = 20  # differences in one entry
_TOLD_ROWS = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a message's account does not add up: at which stage, what is due, what is there, and in which rows."""

    receipt: int
    source: str
    message_id: str
    stage: str
    expected: int
    found: int
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """What a check looked at, and what does not add up."""

    messages: int
    rows: int
    differences: tuple[Difference, ...]


def account(asked: QuerySet[Receipt], counted: Counted, *, at: datetime) -> Account:
    """Check these messages; visits, whose rows are in no table, by their own counts alone."""
    messages = rows = 0
    wrong: list[Difference] = []
    for part in _parts(asked.order_by("pk")):
        messages += len(part)
        rows += sum(one.rows for one in part)
        wrong += _waiting(part, at)
        wrong += _not_as_held(part, counted)
        wrong += _not_as_counted(part)
    return Account(messages, rows, tuple(wrong))


def check(counted: Counted, *, by: Viewer, at: datetime, place: Place, missing: Sequence[Difference] = ()) -> Account:
    """The job: account for what came since the last check, and again for what did not add up; say what changed.

    `missing` is what the caller found in the event log, which this mechanism does not read.
    """
    first, last = _window(at)
    said = standing()
    open_still = [one["receipt"] for one in said.body["differences"] if one["receipt"]] if said else []
    fresh = account(Receipt.objects.filter(received_at__gte=first, received_at__lt=last), counted, at=at)
    again = account(Receipt.objects.filter(pk__in=open_still).exclude(received_at__gte=first), counted, at=at)
    late = account(_unprocessed(at).exclude(pk__in=open_still).exclude(received_at__gte=first), counted, at=at)
    answered = set(Entry.objects.filter(kind=SETTLED).values_list("subject_id", flat=True))
    wrong = [one for part in (fresh, again, late) for one in part.differences if one.receipt not in answered]
    wrong += missing
    with transaction.atomic():
        _tell(wrong, said, by=by, at=at, place=place)
        Cursor.objects.update_or_create(
            follower=_FOLLOWER, writer="", defaults={"seq": int(_settled_until(last, at).timestamp())}
        )
    return Account(fresh.messages, fresh.rows, tuple(wrong))


def standing(told: Sequence[Entry] | None = None) -> Entry | None:
    """The alarm that stands; None while all adds up. `told` is as in `reacting.waiting`."""
    told = journal.in_turn(KINDS) if told is None else told
    return told[-1] if told and told[-1].kind == DIFFERS else None


def last_check() -> datetime | None:
    """The moment up to which everything received was accounted for, or found wanting."""
    cursor = Cursor.objects.filter(follower=_FOLLOWER, writer="").first()
    return datetime.fromtimestamp(cursor.seq, UTC) if cursor else None


def sentence(alarm: Entry) -> Label:
    """What the desk is told of an alarm: the first difference, and how many more there are."""
    first = Difference(**alarm.body["differences"][0])
    zh = (
        f"收发对账不符：来源 {first.source} 报文 {first.message_id} {STAGES[first.stage].zh}"
        f"（应{first.expected}，实{first.found}）"
    )
    en = (
        f"What came does not add up: {first.source}, message {first.message_id}: {STAGES[first.stage].en} "
        f"({first.found} of {first.expected})"
    )
    if first.rows:
        zh += f"，第{'、'.join(map(str, first.rows))}行"
        en += f", rows {', '.join(map(str, first.rows))}"
    more = alarm.body["count"] - 1
    return Label(
        f"{zh}{f'，另有{more}处' if more else ''}。请联系系统管理员。",
        f"{en}{f'; {more} more' if more else ''}. Tell whoever runs the system.",
    )


@transaction.atomic
def settle(number: int, *, because: str, by: Viewer, at: datetime) -> None:
    """Answer for a message that does not add up: what was found and done; it raises no alarm any more."""
    receipt = Receipt.objects.visible_to(by).select_related("place").filter(pk=number).first()
    if receipt is None:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    must(by, SETTLE, receipt.place)
    if not because.strip():
        raise Refusal("Say what was found and done; the record keeps it.", zh="请说明核查结果和处理情况，将留存记录。")
    journal.record(SETTLED, place=receipt.place, by=by, at=at, because=because, subject=receipt)


def _window(at: datetime) -> tuple[datetime, datetime]:
    last = at - _SETTLES
    return min(last_check() or at - _FIRST, last), last


def _settled_until(last: datetime, at: datetime) -> datetime:
    """Where the next check begins: with the oldest message still being processed, unless that takes a day."""
    waiting = Receipt.objects.filter(state=Receipt.State.RECEIVED, received_at__gte=at - _FIRST, received_at__lt=last)
    return waiting.aggregate(oldest=Min("received_at"))["oldest"] or last


def _unprocessed(at: datetime) -> QuerySet[Receipt]:
    return Receipt.objects.filter(state=Receipt.State.RECEIVED, received_at__lt=at - _LATE)


def _parts(asked: QuerySet[Receipt]) -> Iterator[list[Receipt]]:
    after = 0
    while part := list(asked.filter(pk__gt=after)[:_PART]):
        yield part
        after = part[-1].pk


def _waiting(part: Sequence[Receipt], at: datetime) -> list[Difference]:
    late = [one for one in part if one.state == Receipt.State.RECEIVED and one.received_at < at - _LATE]
    return [Difference(one.pk, one.source, one.message_id, "waiting", 1, 0) for one in late]


def _not_as_held(part: Sequence[Receipt], counted: Counted) -> list[Difference]:
    wrong = []
    for one in _processed(part):
        if one.channel in counted and one.destroyed_at is None and not _is_bulk(one):
            held = _held(one, counted[one.channel])
            if held != one.rows:
                wrong.append(Difference(one.pk, one.source, one.message_id, "read", held, one.rows))
    return wrong


def _held(one: Receipt, count: Callable[[bytes], int]) -> int:
    try:
        return count(receipts.body_of(one))
    except Exception:  # noqa: BLE001 - a message that was read and cannot be counted is itself a difference
        _log.exception("Receipt %s cannot be counted.", one.pk)
        return 0


def _not_as_counted(part: Sequence[Receipt]) -> list[Difference]:
    ledger = {one.pk: one for one in _processed(part)}
    stored, waiting, unsaid = _rows_of(list(ledger))
    wrong = []
    for pk, one in ledger.items():
        found = {"quarantined": (one.quarantined, len(waiting[pk])), "journaled": (0, 0)}
        if not _is_bulk(one):
            found["stored"] = (one.stored, len(stored[pk]))
            found["journaled"] = (len(stored[pk]), len(stored[pk]) - len(unsaid[pk]))
        for stage, (expected, there) in found.items():
            if expected != there:
                rows = unsaid[pk] if stage == "journaled" else _absent(one, stored[pk] | waiting[pk])
                wrong.append(Difference(pk, one.source, one.message_id, stage, expected, there, tuple(rows)))
    return wrong


def _rows_of(numbers: list[int]) -> tuple[dict[int, set[int]], dict[int, set[int]], dict[int, list[int]]]:
    """By receipt: the rows stored, those in quarantine, and those stored of which the journal says nothing."""
    stored, waiting = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    unsaid = defaultdict[int, list[int]](list)
    said = Entry.objects.filter(
        subject_kind="forms.submission", subject_id=OuterRef("pk"), kind__startswith="submitted."
    )
    rows = Submission.objects.filter(receipt__in=numbers).annotate(said=Exists(said))
    for receipt, row, is_said in rows.values_list("receipt", "row", "said"):
        stored[receipt].add(row)
        if not is_said:
            unsaid[receipt].append(row)
    for receipt, row in QuarantinedRow.objects.filter(receipt__in=numbers).values_list("receipt", "number"):
        waiting[receipt].add(row)
    return stored, waiting, unsaid


def _absent(one: Receipt, there: set[int]) -> list[int]:
    """Row numbers up to the last that are nowhere, where no repeat can explain them and the file counts from one."""
    if one.duplicate or one.channel in {"csv", "xlsx"}:
        return []
    return sorted(set(range(1, one.rows + 1)) - there)[:_TOLD_ROWS]


def _processed(part: Sequence[Receipt]) -> list[Receipt]:
    return [one for one in part if one.state == Receipt.State.PROCESSED]


def _is_bulk(one: Receipt) -> bool:
    """Visits: their rows go to the event log alone."""
    return one.form == "visits"


def _tell(wrong: Sequence[Difference], said: Entry | None, *, by: Viewer, at: datetime, place: Place) -> None:
    told = [_plain(one) for one in wrong[:_TOLD]]
    if not wrong and said is not None:
        journal.record(AGREES, place=place, by=by, at=at)
    elif wrong and (said is None or (said.body["differences"], said.body["count"]) != (told, len(wrong))):
        stages = Counter(one.stage for one in wrong)
        journal.record(DIFFERS, place=place, by=by, at=at, differences=told, count=len(wrong), stages=dict(stages))


def _plain(one: Difference) -> dict[str, Any]:
    return asdict(one) | {"rows": list(one.rows)}
