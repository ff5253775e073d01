"""Photos of reports: taken in from a phone, opened on record, gone when their time is over.

A photo is no message of the ledger: a receipt without rows may name anybody, so each purge of a person would take
every photo with it. It is sealed under the key of whom its report is about instead, so whoever is forgotten takes
their photos along, and a clock of its own ends the others.
"""

import binascii
import hashlib
import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db import transaction

from citywatch.city.sense.jpeg import without_traces
from citywatch.city.sense.models import Photo
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, ScopedQuerySet, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.mechanisms.receipts.services import Gone
from citywatch.mechanisms.retention.scrubbing import overwrite_deleted
from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault.holds import held_people
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.sealing import seal, unseal
from citywatch.mechanisms.vault.services import MASTER, key_bound

MOST = 6
"""Photos of one report."""
_KEY = re.compile(r"[0-9A-Za-z_-]{8,32}")


class NotYetHere(Conflict):
    """The report a photo belongs to has not arrived; the photo waits on its phone."""


@transaction.atomic
def take(key: str, of: str, picture: bytes, *, site: Place, by: Viewer, at: datetime) -> Photo:
    """Keep a photo of the report that came under the key `of` from a page of `site`. A repeat keeps the first."""
    must(by, "sense.submit", site)
    known: Photo | None = Photo.objects.filter(place=site, key=key).first()
    if known is not None:
        return known
    submission = _report(of, site)
    person = submission.person
    if person is None or person.wrapped_key is None:
        raise Refusal(
            "This report names nobody, so no photo can be kept with it.", zh="该报告未登记人员，不能附加照片。"
        )
    if Photo.objects.filter(submission=submission).count() >= MOST:
        raise Refusal(f"A report keeps {MOST} photos at most.", zh=f"每份报告最多保存 {MOST} 张照片。")
    plain = without_traces(picture)
    photo, new = Photo.objects.get_or_create(
        place=site,
        key=key,
        defaults={
            "submission": submission,
            "person": person,
            "sealed": seal(plain, key=_key_of(person), bound_to=_bound(site, key)),
            "digest": hashlib.sha256(plain).hexdigest(),
            "size": len(plain),
            "recorded_at": at,
        },
    )
    if new:  # else the same photo came twice at once
        journal.record(
            "sense.photo_taken", place=site, by=by, at=at, subject=photo, submission=submission.pk, size=photo.size,
            digest=photo.digest,
        )  # fmt: skip
    return photo


def decoded(text: str) -> bytes:
    """The bytes of a picture from the text a phone sends."""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""  # which is no picture, and is told so


def seen_by(viewer: Viewer) -> ScopedQuerySet:
    """The photos somebody may open: of reports they see, where they report themselves or may open identities.

    A photo shows a face or a card, so whoever may see masked names alone may not see it.
    """
    seen = Photo.objects.visible_to(viewer)
    allowed = seen.visible_to(viewer, "sense.submit") | seen.visible_to(viewer, "vault.open")
    return allowed.select_related("place", "submission")


@transaction.atomic
def open_photo(photo_id: int, *, because: str, by: Viewer, at: datetime) -> tuple[Photo, bytes]:
    """The photo and its picture, for somebody with a reason, on record."""
    photo = cast("Photo", seen_by(by).pick_one(photo_id))
    if not because.strip():
        raise Refusal("Opening a photo needs a purpose; say what it is for.", zh="查看照片须说明用途；请填写。")
    person = photo.person
    if person.wrapped_key is None:
        raise Gone("Its person was forgotten, and the photo with them.", zh="相关人员信息已销毁，照片随之销毁。")
    # About the person, whom a look is still told of when the photo has had its time.
    journal.record(
        "sense.photo_opened", place=photo.place, by=by, at=at, because=because, subject=person, photo=photo.pk
    )
    return photo, unseal(photo.sealed, key=_key_of(person), bound_to=_bound(photo.place, photo.key))


@dataclass(frozen=True, slots=True)
class PhotosExpire:
    """The clock of photos, for the daily job. A legal hold on their person or place keeps them."""

    rule: str = "photos"

    def total(self) -> int:
        return Photo.objects.count()

    def expired(self, *, before: datetime) -> int:
        return int(self._past(before).count())

    def sweep(self, *, before: datetime) -> int:
        overwrite_deleted()
        return int(self._past(before).delete()[0])

    def _past(self, before: datetime) -> Any:
        held = Person.objects.filter(held_people(clock.now()))
        return Photo.objects.filter(recorded_at__lt=before).exclude(person__in=held)


def _report(of: str, site: Place) -> Submission:
    """The report that a page of this site sent under a key, mended or not."""
    if not _KEY.fullmatch(of):
        raise Refusal("This photo names no report; take it again.", zh="该照片未注明所属报告；请重新拍照。")
    came = Receipt.objects.filter(source=f"page:{site.code}", message_id__startswith=f"{of}-")
    submission = Submission.objects.filter(receipt__in=came).select_related("person", "place").order_by("-pk").first()
    if submission is not None:
        return cast("Submission", submission)
    if came.filter(duplicate__gt=0).exists():
        raise Refusal(
            "This report was known already, so nothing was stored that the photo could belong to.",
            zh="该报告此前已登记，照片无法归入。",
        )
    raise NotYetHere("The report of this photo has not arrived yet.", zh="该照片所属的报告尚未收到。")


def _key_of(person: Person) -> bytes:
    bound = key_bound(person.pseudonym)
    return keyring.unwrap(person.wrapped_key, master=MASTER, generation=person.generation, bound_to=bound)


def _bound(site: Place, key: str) -> str:
    return f"sense.photo:{site.code}:{key}"
