"""Taking bytes in, quarantining rows, and closing the count."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault.sealing import key_named, seal, unseal

MAX_BYTES = 64 * 1024 * 1024
_LONGEST_ID = 120


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
                "sealed": _seal(body, f"{source}.{message_id}"),
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


def body_of(receipt: Receipt) -> bytes:
    """The bytes as they came."""
    return unseal(
        receipt.sealed, key=key_named("receipts"), bound_to=f"receipts.receipt.{receipt.source}.{receipt.message_id}"
    )


def close(receipt: Receipt, *, rows: int, stored: int, duplicate: int, quarantined: int) -> None:
    """Record that every row is accounted for; the database refuses counts that do not add up."""
    receipt.rows, receipt.stored, receipt.duplicate, receipt.quarantined = rows, stored, duplicate, quarantined
    receipt.state = Receipt.State.PROCESSED
    receipt.save(update_fields=["rows", "stored", "duplicate", "quarantined", "state"])


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
            sealed=seal(
                json.dumps(dict(values), ensure_ascii=False).encode(),
                key=key_named("receipts"),
                bound_to=f"receipts.quarantinedrow.{receipt.pk}.{number}",
            ),
        )
        for number, values, why in rows
    ]
    return len(QuarantinedRow.objects.bulk_create(kept, batch_size=500))


def values_of(row: QuarantinedRow) -> dict[str, str]:
    """The quarantined row's values, for the person who mends it."""
    bound = f"receipts.quarantinedrow.{row.receipt_id}.{row.number}"
    values: dict[str, str] = json.loads(unseal(row.sealed, key=key_named("receipts"), bound_to=bound))
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
            "sealed": _seal(body, f"{first.source}.{message_id}"),
            "received_at": at,
            "sent_at": at,
            "state": Receipt.State.REFUSED,
            "why": "same message id, other content",
        },
    )


def _seal(body: bytes, name: str) -> bytes:
    return seal(body, key=key_named("receipts"), bound_to=f"receipts.receipt.{name}")
