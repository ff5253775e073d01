"""From a received message to stored submissions, with every row accounted for."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from django.db import IntegrityError, OperationalError, transaction

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.forms.reading import Reading, read
from citywatch.mechanisms.forms.types import Form, Problem, Row
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.sealing import blind
from citywatch.mechanisms.vault.services import CONFLICT, enrol_many
from citywatch.mechanisms.vault.types import Identity

Decode = Callable[[bytes], list[Row]]

_UNKNOWN_STREET = Label(
    "街道代码不存在；请从街道列表中选择。", "is not a street code; choose one from the list of streets."
)
_EXCEL_DAMAGE = Label(
    "证件号码末三位为000，疑似被电子表格截断；请将该列设为文本格式后重新录入。",
    "ends in 000 like many in this file: a spreadsheet cut it; format the column as text and enter it again.",
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # the zero character, and halves of characters
_LONG_NUMBER = re.compile("[0-9]{7}")  # a telephone or ID number in the wrong column
_HARMLESS = re.compile("(?!.*[0-9]{7})(?=.*[0-9])[0-9A-Za-z.:/ -]{1,19}")
_DAMAGED_SHARE = 0.01  # clean numbers end in 000 in 0.075 % of cases; a column with 1 % was damaged
_DAMAGED_LEAST = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: received = stored + duplicate + quarantined."""

    receipt_id: int
    rows: int
    stored: tuple[int, ...]
    duplicate: int
    quarantined: int
    repeat: bool = False


def decode_json(body: bytes) -> list[Row]:
    """Rows of a JSON message: a list of objects with text values, or an object with that list under `rows`."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            f"The message is not JSON ({error}); send a list of objects.", zh="消息不是有效的JSON；请发送对象列表。"
        ) from None
    rows = message.get("rows") if isinstance(message, dict) else message
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refusal(
            'The message holds no list of rows; send {"rows": [{…}, …]}.',
            zh='消息中没有 rows 列表；请按 {"rows": [{…}]} 发送。',
        )
    return [
        Row(
            number,
            {
                _storable(str(k)): _storable(
                    ";".join(map(str, v)) if isinstance(v, list) else "" if v is None else str(v)
                )
                for k, v in row.items()
            },
        )
        for number, row in enumerate(rows, start=1)
    ]


def _storable(text: str) -> str:
    """JSON can spell characters that no database and no UTF-8 file can hold; they stand as damaged, seen by `read`."""
    return _UNSTORABLE.sub("\ufffd", text)


def check_rows(form: Form, rows: Sequence[Row], *, sent_at: datetime) -> list[tuple[Row, tuple[Problem, ...]]]:
    """The dry run: every row with its problems, nothing stored."""
    readings = [read(form, row.values, sent_at=sent_at) for row in rows]
    streets = _streets(readings)
    damaged = _damaged_ids(readings)
    return [
        (row, (*row.problems, *reading.problems, *_place_problems(reading, streets), *_damage(reading, damaged)))
        for row, reading in zip(rows, readings, strict=True)
    ]


def submit_message(
    form: Form,
    body: bytes,
    *,
    decode: Decode,
    channel: str,
    site: Place,
    source: str,
    message_id: str,
    sent_at: datetime,
    by: Viewer,
    at: datetime,
) -> Outcome:
    """Receive a message: receipt first, then rows. A repeat answers with the first outcome and stores nothing."""
    must(by, "sense.submit", site)
    receipt, new = receipts.take(
        body, source=source, message_id=message_id, channel=channel, form=form.code, place=site, sent_at=sent_at, at=at
    )
    if not new and receipt.state == Receipt.State.PROCESSED:
        return _outcome(receipt, repeat=True)
    return process(form, receipt, decode=decode, by=by, at=at)


def process(form: Form, receipt: Receipt, *, decode: Decode, by: Viewer, at: datetime) -> Outcome:
    """Parse and store a taken receipt in one transaction; run again after a killed worker, it starts from the bytes."""
    try:
        rows = decode(receipts.body_of(receipt))
    except Refusal as refusal:
        receipts.refuse(receipt, refusal.sentence)
        raise
    try:
        return _process(form, rows, receipt=receipt, by=by, at=at)
    except (IntegrityError, OperationalError):
        # Another message brought the same row or person between our look and our write, or we waited for each other.
        return _process(form, rows, receipt=receipt, by=by, at=at)


def _process(form: Form, rows: Sequence[Row], *, receipt: Receipt, by: Viewer, at: datetime) -> Outcome:
    with transaction.atomic():
        held = Receipt.objects.select_for_update(of=("self",)).select_related("place").get(pk=receipt.pk)
        if held.state == Receipt.State.PROCESSED:
            return _outcome(held, repeat=True)
        return _store(form, rows, receipt=held, by=by, at=at)


def _store(form: Form, rows: Sequence[Row], *, receipt: Receipt, by: Viewer, at: datetime) -> Outcome:
    site = receipt.place
    readings = [read(form, row.values, sent_at=receipt.sent_at) for row in rows]
    streets = _streets(readings)
    damaged = _damaged_ids(readings)
    bad: list[tuple[int, dict[str, str], Label]] = []
    good: list[tuple[Row, Reading, str]] = []
    for row, reading in zip(rows, readings, strict=True):
        problems = (*row.problems, *reading.problems, *_place_problems(reading, streets), *_damage(reading, damaged))
        if problems:
            bad.append((row.number, dict(row.values), _without_values(_sentence(form, problems), row.values)))
        else:
            good.append((row, reading, _natural_key(form, site, reading)))
    known = set(
        Submission.objects.filter(natural_key__in=[key for *_, key in good]).values_list("natural_key", flat=True)
    )
    fresh: list[tuple[Row, Reading, str]] = []
    for item in good:
        if item[2] not in known:
            known.add(item[2])
            fresh.append(item)
    people = _enrol([reading for _, reading, _ in fresh], site=site, streets=streets, at=at)
    kept: list[tuple[Row, Reading, str, Person | None]] = []
    for (row, reading, key), person in zip(fresh, people, strict=True):
        if person is _CONFLICT:
            bad.append((row.number, dict(row.values), CONFLICT))
        else:
            kept.append((row, reading, key, person))
    stored = _create(form, kept, receipt=receipt, streets=streets, at=at)
    journal.record_many([_draft(submission, at) for submission in stored], by=by)
    quarantined = receipts.quarantine(receipt, bad)
    receipts.close(
        receipt, rows=len(rows), stored=len(stored), duplicate=len(good) - len(fresh), quarantined=quarantined
    )
    return _outcome(receipt, stored=tuple(s.pk for s in stored))


_CONFLICT = Person()  # marks a row whose ID number belongs to another name


def _enrol(readings: Sequence[Reading], *, site: Place, streets: dict[str, Place], at: datetime) -> list[Person | None]:
    """The person behind each reading: None where it names nobody, `_CONFLICT` where the ID is another name's.

    The reporting site and the home street both have a reason to know the person.
    """
    people: list[Person | None] = [None] * len(readings)
    named = [index for index, reading in enumerate(readings) if reading.identity != Identity()]
    if named:
        found = enrol_many(
            [readings[index].identity for index in named],
            known_at=[(site, "reporting")],
            homes=[streets.get(readings[index].home_street) for index in named],
            at=at,
        )
        for index, person in zip(named, found, strict=True):
            people[index] = person or _CONFLICT
    return people


def _create(
    form: Form,
    kept: list[tuple[Row, Reading, str, Person | None]],
    *,
    receipt: Receipt,
    streets: dict[str, Place],
    at: datetime,
) -> list[Submission]:
    """Write the rows, a revision after what it revises: two revisions of one card in one message form a chain."""
    revisions = [_revision_key(form, receipt.place, reading) for _, reading, *_ in kept]
    newest = _newest_by_revision(revisions)
    written: list[Submission] = []
    wave: list[Submission] = []
    in_wave: set[str] = set()

    def write() -> None:
        for submission in Submission.objects.bulk_create(wave, batch_size=500):
            written.append(submission)
            newest[submission.revision_key] = submission
        wave.clear()
        in_wave.clear()

    for (row, reading, key, person), revision in zip(kept, revisions, strict=True):
        if revision in in_wave:
            write()
        if revision:
            in_wave.add(revision)
        wave.append(
            Submission(
                place=receipt.place,
                form=form.code,
                version=form.version,
                stream=str(reading.answers["stream"]) if form.code == "zero-report" else form.stream,
                person=person,
                home_place=streets.get(reading.home_street),
                occurred_at=cast("datetime", reading.occurred_at),
                occurred_on=cast("date", reading.occurred_on),
                reported_at=receipt.sent_at,
                recorded_at=at,
                answers=reading.answers,
                findings=list(reading.findings),
                count=1 if form.counted else 0,
                natural_key=key,
                revision_key=revision,
                receipt=receipt,
                row=row.number,
                corrects=newest.get(revision) if revision else None,
            )
        )
    write()
    return written


def _draft(submission: Submission, at: datetime) -> journal.Draft:
    """The whole submission as a journal entry, identity replaced by the pseudonym."""
    return journal.Draft(
        f"submitted.{submission.form}",
        submission.place,
        at,
        "",
        "forms.submission",
        submission.pk,
        {
            "form": submission.form,
            "version": submission.version,
            "stream": submission.stream,
            "person": submission.person.pseudonym if submission.person else None,
            "person_id": submission.person_id,
            "home_place": submission.home_place.code if submission.home_place else None,
            "occurred_at": submission.occurred_at,
            "occurred_on": submission.occurred_on,
            "reported_at": submission.reported_at,
            "answers": submission.answers,
            "findings": submission.findings,
            "count": submission.count,
            "receipt": submission.receipt_id,
            "row": submission.row,
            "corrects": submission.corrects_id,
        },
    )


def _revision_key(form: Form, site: Place, reading: Reading) -> str:
    if not form.revised_by or not reading.answers.get(form.revised_by):
        return ""
    return blind(f"{form.code}\x00{site.code}\x00{reading.answers[form.revised_by]}", purpose="revision")


def _newest_by_revision(revisions: Sequence[str]) -> dict[str, Submission]:
    asked = [revision for revision in revisions if revision]
    if not asked:
        return {}
    current = Submission.objects.filter(revision_key__in=asked, corrected_by__isnull=True).order_by("pk")
    return {submission.revision_key: submission for submission in current}


def _natural_key(form: Form, site: Place, reading: Reading) -> str:
    """A keyed hash of everything the row says: sent twice it has the same key, and the key reveals nothing."""
    whole = [form.code, site.code, reading.home_street, reading.answers, reading.identity.known()]
    return blind(json.dumps(whole, sort_keys=True, ensure_ascii=False, default=str), purpose="row")


def _streets(readings: Sequence[Reading]) -> dict[str, Place]:
    codes = {reading.home_street for reading in readings if reading.home_street}
    if not codes:
        return {}
    return {place.code: place for place in Place.objects.filter(kind=Place.Kind.STREET, code__in=codes)}


def _place_problems(reading: Reading, streets: dict[str, Place]) -> tuple[Problem, ...]:
    if reading.home_street and reading.home_street not in streets:
        return (Problem("home_street", _UNKNOWN_STREET),)
    return ()


def _damaged_ids(readings: Sequence[Reading]) -> bool:
    numbers = [reading.identity.id_number for reading in readings if reading.identity.id_number]
    ends = sum(number.endswith("000") for number in numbers)
    return ends >= _DAMAGED_LEAST and ends > _DAMAGED_SHARE * len(numbers)


def _damage(reading: Reading, damaged: bool) -> tuple[Problem, ...]:  # noqa: FBT001
    return (Problem("id_number", _EXCEL_DAMAGE),) if damaged and reading.identity.id_number.endswith("000") else ()


def _sentence(form: Form, problems: Sequence[Problem]) -> Label:
    def name(problem: Problem) -> Label:
        question = form.by_name.get(problem.question)
        return question.label if question else Label(problem.question, problem.question)

    return Label(
        "；".join(f"{name(p).zh}：{p.sentence.zh.rstrip('。')}" for p in problems) + "。",
        " ".join(f"{name(p).en}: {p.sentence.en}" for p in problems),
    )


def _without_values(sentence: Label, values: Mapping[str, str]) -> Label:
    """A reason as it may be kept in the open: what it quotes of the row is sealed beside it, and may be a name.

    Codes, numbers and dates stay; of anything else, and of long numbers, the first character does.
    """
    zh, en = sentence.zh, sentence.en
    for value in values.values():
        for part in {value.strip(), *(piece.strip() for piece in re.split("[;；、]", value))}:
            if len(part) < 2 or _HARMLESS.fullmatch(part):
                continue
            hidden = f"{part[0]}**"
            zh, en = zh.replace(f"“{part}”", f"“{hidden}”"), en.replace(repr(part), repr(hidden))
            if _LONG_NUMBER.search(part):
                zh, en = zh.replace(part, hidden), en.replace(part, hidden)
    return Label(zh, en)


def _outcome(receipt: Receipt, *, stored: tuple[int, ...] | None = None, repeat: bool = False) -> Outcome:
    if stored is None:
        stored = tuple(receipt.submissions.order_by("row").values_list("pk", flat=True))
    return Outcome(receipt.pk, receipt.rows, stored, receipt.duplicate, receipt.quarantined, repeat)
