"""Taking bytes in, quarantining rows, and closing the count."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault.sealing import seal, unseal
from citywatch.mechanisms.writing import write_new

MASTER = "receipts"
MAX_BYTES = 64 * 1024 * 1024
_LONGEST_ID = 120


class Gone(Refusal):
    """What was sent is no longer here: its retention clock ran out."""

    status = 410


class SameKeyOtherContent(Conflict):
    """A message id that was already used for other bytes."""


def take(
    body: bytes, *, source: str, message_id: str, channel: str, form: str, place: Place, sent_at: datetime, at: datetime
) -> tuple[Receipt, bool]:
    """Store the bytes before anything is parsed; returns the receipt and whether it is new.

    A repeat of the same message gives back the first receipt. The same id with other bytes is refused (409) and both
    stay: the first as stored, the second as a refused receipt.
    """
    if len(body) > MAX_BYTES:
        raise Refusal(
            f"This file has {len(body):,} bytes and the limit is {MAX_BYTES:,}; split it and send the parts.",
            zh=f"文件大小 {len(body):,} 字节，超过上限 {MAX_BYTES:,} 字节；请拆分后分别上传。",
        )
    digest = hashlib.sha256(body).hexdigest()
    with transaction.atomic():
        receipt, new = Receipt.objects.get_or_create(
            source=source,
            message_id=message_id,
            defaults={
                "channel": channel,
                "form": form,
                "place": place,
                "digest": digest,
                **_sealed(body, bound_to(source, message_id)),
                "received_at": at,
                "sent_at": sent_at,
            },
        )
    if (receipt.digest, receipt.form) != (digest, form):
        _keep_conflict(receipt, body, digest, form=form, channel=channel, at=at)
        raise SameKeyOtherContent(
            f"Message id {message_id} from {source} was already used on {receipt.received_at:%Y-%m-%d %H:%M} UTC for "
            "other content; send this content under a new id, or the first content again.",
            zh=f"来源 {source} 的消息编号 {message_id} 已用于其他内容；请换用新编号，或重新发送原内容。",
        )
    return receipt, new


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it came."""

    body: bytes
    source: str
    message_id: str
    channel: str
    form: str
    place: Place
    sent_at: datetime
    at: datetime


def take_new(arrived: Sequence[Arrived]) -> list[Receipt] | None:
    """Store the bytes of many messages in one statement; None, and nothing stored, unless `take` would find all new."""
    if any(len(one.body) > MAX_BYTES for one in arrived):
        return None
    fresh = [
        Receipt(
            source=one.source,
            message_id=one.message_id,
            channel=one.channel,
            form=one.form,
            place=one.place,
            digest=hashlib.sha256(one.body).hexdigest(),
            **_sealed(one.body, bound_to(one.source, one.message_id)),
            received_at=one.at,
            sent_at=one.sent_at,
        )
        for one in arrived
    ]
    try:
        with transaction.atomic():
            return write_new(fresh)
    except IntegrityError:
        return None


def body_of(receipt: Receipt) -> bytes:
    """The bytes as they came. Refuses when their time was over and they were destroyed."""
    return _opened(receipt, bound_to(receipt.source, receipt.message_id))


def close(receipt: Receipt, *, rows: int, stored: int, duplicate: int, quarantined: int) -> None:
    """Record that every row is accounted for; the database refuses counts that do not add up."""
    receipt.rows, receipt.stored, receipt.duplicate, receipt.quarantined = rows, stored, duplicate, quarantined
    receipt.state = Receipt.State.PROCESSED
    receipt.save(update_fields=["rows", "stored", "duplicate", "quarantined", "state"])


@dataclass(frozen=True, slots=True)
class Count:
    """What became of a receipt's rows."""

    rows: int
    stored: int
    duplicate: int
    quarantined: int


def close_many(counted: Iterable[tuple[Receipt, Count]]) -> None:
    """`close` for many receipts, those with the same count in one statement."""
    alike: dict[Count, list[Receipt]] = defaultdict(list)
    for receipt, count in counted:
        alike[count].append(receipt)
    for count, receipts in alike.items():
        state = Receipt.State.PROCESSED
        Receipt.objects.filter(pk__in=[one.pk for one in receipts]).update(state=state, **asdict(count))
        for receipt in receipts:
            receipt.rows, receipt.stored, receipt.duplicate = count.rows, count.stored, count.duplicate
            receipt.quarantined, receipt.state = count.quarantined, state


def refuse(receipt: Receipt, why: str) -> None:
    """The file as a whole cannot be read; it stays, with the reason."""
    receipt.state, receipt.why = Receipt.State.REFUSED, why
    receipt.save(update_fields=["state", "why"])


def quarantine(receipt: Receipt, rows: Iterable[tuple[int, Mapping[str, str], Label]]) -> int:
    """Keep rows (number, values, reason) sealed until a person settles them; returns how many."""
    kept = [
        QuarantinedRow(
            receipt=receipt,
            place=receipt.place,
            number=number,
            why_zh=why.zh,
            why_en=why.en,
            **_sealed(json.dumps(dict(values), ensure_ascii=False).encode(), row_bound_to(receipt.pk, number)),
        )
        for number, values, why in rows
    ]
    return len(write_new(kept))


def values_of(row: QuarantinedRow) -> dict[str, str]:
    """The quarantined row's values, for the person who mends it."""
    values: dict[str, str] = json.loads(_opened(row, row_bound_to(row.receipt_id, row.number)))
    return values


def unfinished(*, older_than: timedelta, at: datetime) -> list[Receipt]:
    """Receipts that were taken but never processed, for the job that finishes a killed process's work."""
    return list(
        Receipt.objects.select_related("place")
        .filter(state=Receipt.State.RECEIVED, received_at__lt=at - older_than)
        .order_by("received_at", "pk")
    )


def note_fault(receipt: Receipt, fault: str) -> bool:
    """Say on a receipt why it could not be processed yet; False when it already says so."""
    return bool(Receipt.objects.filter(pk=receipt.pk).exclude(why=fault).update(why=fault))


def _keep_conflict(first: Receipt, body: bytes, digest: str, *, form: str, channel: str, at: datetime) -> None:
    mark = f"#conflict-{digest[:12]}"
    message_id = first.message_id[: _LONGEST_ID - len(mark)] + mark
    Receipt.objects.get_or_create(
        source=first.source,
        message_id=message_id,
        defaults={
            "channel": channel,
            "form": form,
            "place": first.place,
            "digest": digest,
            **_sealed(body, bound_to(first.source, message_id)),
            "received_at": at,
            "sent_at": at,
            "state": Receipt.State.REFUSED,
            "why": "same message id, other content",
        },
    )


def bound_to(source: str, message_id: str) -> str:
    """What a receipt's bytes and key are bound to."""
    return f"receipts.receipt.{source}.{message_id}"


def row_bound_to(receipt_id: int, number: int) -> str:
    """What a quarantined row's values and key are bound to."""
    return f"receipts.quarantinedrow.{receipt_id}.{number}"


def _sealed(plain: bytes, bound: str) -> dict[str, Any]:
    """The columns that hold a value under a key of its own."""
    key, wrapped, generation = keyring.own_key(master=MASTER, bound_to=bound)
    return {"sealed": seal(plain, key=key, bound_to=bound), "wrapped_key": wrapped, "generation": generation}


def _opened(row: Receipt | QuarantinedRow, bound: str) -> bytes:
    if row.destroyed_at is not None:
        raise Gone(
            f"What was sent here was destroyed on {row.destroyed_at:%Y-%m-%d} when its time was over; its hash and "
            "counts remain. Ask the sender for it.",
            zh=f"原始内容已于 {row.destroyed_at:%Y-%m-%d} 到期销毁，仅保留校验值和计数；如需查看请联系报送单位。",
        )
    if row.wrapped_key is None:  # written before values had keys of their own; `citywatch rotate-keys` gives them one
        return unseal(row.sealed, key=keyring.master_key(MASTER, keyring.FIRST), bound_to=bound)
    key = keyring.unwrap(row.wrapped_key, master=MASTER, generation=row.generation, bound_to=bound)
    return unseal(row.sealed, key=key, bound_to=bound)
