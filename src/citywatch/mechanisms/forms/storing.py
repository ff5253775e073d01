"""Rows that were read become submissions: of one message or of many in the same few statements.

Which rows are stored, counted as repeated or kept in quarantine, and who they speak of. Receiving is `services`'.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import cast

from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.forms.reading import Reading, read
from citywatch.mechanisms.forms.types import Form, Problem, Row
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.sealing import blind
from citywatch.mechanisms.vault.services import CONFLICT, Arrival, enrol_each
from citywatch.mechanisms.vault.types import Identity
from citywatch.mechanisms.writing import write_new

_UNKNOWN_STREET = Label(
    "街道代码不存在；请从街道列表中选择。", "is not a street code; choose one from the list of streets."
)
_EXCEL_DAMAGE = Label(
    "证件号码末三位为000，疑似被电子表格截断；请将该列设为文本格式后重新录入。",
    "ends in 000 like many in this file: a spreadsheet cut it; format the column as text and enter it again.",
)
_LONG_NUMBER = re.compile("[0-9]{7}")  # a telephone or ID number in the wrong column
_HARMLESS = re.compile("(?!.*[0-9]{7})(?=.*[0-9])[0-9A-Za-z.:/ -]{1,19}")
_DAMAGED_SHARE = 0.01  # clean numbers end in 000 in 0.075 % of cases; a column with 1 % was damaged
_DAMAGED_LEAST = 2
_PARAMETERS = 5000  # of one query: SQLite takes 32,766


class OneByOne(Exception):
    """What becomes of a row depends on a message before it; store these messages one after the other."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message whose receipt is taken, and its rows."""

    form: Form
    receipt: Receipt
    rows: Sequence[Row]
    by: Viewer
    at: datetime


@dataclass(slots=True)
class _Judged:
    """What becomes of a message's rows."""

    taken: Taken
    rows: list["_Good"] = field(default_factory=list)
    bad: list[tuple[int, dict[str, str], Label]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Good:
    """A row without problems."""

    of: _Judged
    row: Row
    reading: Reading
    key: str


def read_all(form: Form, rows: Sequence[Row], *, sent_at: datetime) -> list[Reading]:
    """What each row says."""
    return [read(form, row.values, sent_at=sent_at) for row in rows]


def streets_of(readings: Sequence[Reading]) -> dict[str, Place]:
    """The streets that readings name as home, by code."""
    codes = {reading.home_street for reading in readings if reading.home_street}
    if not codes:
        return {}
    return {place.code: place for place in Place.objects.filter(kind=Place.Kind.STREET, code__in=codes)}


def problems_of(
    rows: Sequence[Row], readings: Sequence[Reading], streets: Mapping[str, Place]
) -> list[tuple[Problem, ...]]:
    """What is wrong with each row of a message."""
    damaged = _damaged_ids(readings)
    return [
        (*row.problems, *reading.problems, *_place_problems(reading, streets), *_damage(reading, damaged))
        for row, reading in zip(rows, readings, strict=True)
    ]


def store(messages: Sequence[Taken]) -> list[tuple[int, ...]]:
    """Store the rows of messages as if one came after the other; returns the submissions of each.

    Call it inside a transaction. Every entry is journaled and every receipt closed.
    """
    read_of = [read_all(one.form, one.rows, sent_at=one.receipt.sent_at) for one in messages]
    streets = streets_of(list(chain.from_iterable(read_of)))
    judged = [_judge(one, readings, streets) for one, readings in zip(messages, read_of, strict=True)]
    fresh = _leave_out_known(judged)
    kept = _kept(fresh, _enrol(fresh, streets))
    if len(kept) < len(fresh):
        _no_repeat_of_refused(judged, fresh, kept)
    written = _create(kept, streets)
    for submission, (good, _) in zip(written, kept, strict=True):
        good.of.stored.append(submission.pk)
    journal.record_each(
        [(_draft(row, good.of.taken.at), good.of.taken.by) for row, (good, _) in zip(written, kept, strict=True)]
    )
    receipts.close_many(
        (
            one.taken.receipt,
            receipts.Count(
                len(one.taken.rows), len(one.stored), len(one.repeated), receipts.quarantine(one.taken.receipt, one.bad)
            ),
        )
        for one in judged
    )
    return [tuple(one.stored) for one in judged]


def _judge(taken: Taken, readings: Sequence[Reading], streets: Mapping[str, Place]) -> _Judged:
    """Rows with problems apart from those without."""
    found = _Judged(taken)
    problems = problems_of(taken.rows, readings, streets)
    for row, reading, wrong in zip(taken.rows, readings, problems, strict=True):
        if wrong:
            reason = _without_values(_sentence(taken.form, wrong), row.values)
            found.bad.append((row.number, dict(row.values), reason))
        else:
            found.rows.append(_Good(found, row, reading, _natural_key(taken.form, taken.receipt.place, reading)))
    return found


def _leave_out_known(judged: Sequence[_Judged]) -> list[_Good]:
    """The rows nobody sent before, in order; the others are counted as repeated."""
    keys = [good.key for one in judged for good in one.rows]
    known: set[str] = set()
    for start in range(0, len(keys), _PARAMETERS):
        part = Submission.objects.filter(natural_key__in=keys[start : start + _PARAMETERS])
        known.update(part.values_list("natural_key", flat=True))
    fresh: list[_Good] = []
    for good in chain.from_iterable(one.rows for one in judged):
        if good.key in known:
            good.of.repeated.append(good.key)
        else:
            known.add(good.key)
            fresh.append(good)
    return fresh


def _enrol(fresh: Sequence[_Good], streets: Mapping[str, Place]) -> dict[str, Person | None]:
    """By row the person it names, None where the ID is another name's; a row that names nobody is not among them.

    The reporting site and the home street both have a reason to know the person.
    """
    named = [good for good in fresh if good.reading.identity != Identity()]
    found = enrol_each([_arrival(good, streets) for good in named]) if named else []
    return {good.key: person for good, person in zip(named, found, strict=True)}


def _arrival(good: _Good, streets: Mapping[str, Place]) -> Arrival:
    taken, home = good.of.taken, streets.get(good.reading.home_street)
    site = (taken.receipt.place, "reporting")
    return Arrival(good.reading.identity, (site, (home, "home")) if home else (site,), taken.at)


def _kept(fresh: Sequence[_Good], people: Mapping[str, Person | None]) -> list[tuple[_Good, Person | None]]:
    """The rows to store with whom they name; the others go into quarantine."""
    kept = []
    for good in fresh:
        if good.key in people and people[good.key] is None:
            good.of.bad.append((good.row.number, dict(good.row.values), CONFLICT))
        else:
            kept.append((good, people.get(good.key)))
    return kept


def _no_repeat_of_refused(
    judged: Sequence[_Judged], fresh: Sequence[_Good], kept: Sequence[tuple[_Good, Person | None]]
) -> None:
    """A row that repeats another message's counts as repeated only if that one was stored."""
    stored = {good.key for good, _ in kept}
    refused = {good.key: good.of for good in fresh if good.key not in stored}
    if any(refused.get(key, one) is not one for one in judged for key in one.repeated):
        raise OneByOne


def _create(kept: Sequence[tuple[_Good, Person | None]], streets: Mapping[str, Place]) -> list[Submission]:
    """Write the rows, a revision after what it revises: two revisions of one card at once form a chain."""
    revisions = [_revision_key(good.of.taken.form, good.of.taken.receipt.place, good.reading) for good, _ in kept]
    newest = _newest_by_revision(revisions)
    written: list[Submission] = []
    wave: list[Submission] = []
    in_wave: set[str] = set()

    def write() -> None:
        for submission in write_new(wave):
            written.append(submission)
            newest[submission.revision_key] = submission
        wave.clear()
        in_wave.clear()

    for (good, person), revision in zip(kept, revisions, strict=True):
        if revision in in_wave:
            write()
        if revision:
            in_wave.add(revision)
        corrects = newest.get(revision) if revision else None
        wave.append(_submission(good, person, streets, revision=revision, corrects=corrects))
    write()
    return written


def _submission(
    good: _Good, person: Person | None, streets: Mapping[str, Place], *, revision: str, corrects: Submission | None
) -> Submission:
    taken, reading = good.of.taken, good.reading
    form, receipt = taken.form, taken.receipt
    return Submission(
        place=receipt.place,
        form=form.code,
        version=form.version,
        stream=str(reading.answers["stream"]) if form.code == "zero-report" else form.stream,
        person=person,
        home_place=streets.get(reading.home_street),
        occurred_at=cast("datetime", reading.occurred_at),
        occurred_on=cast("date", reading.occurred_on),
        reported_at=receipt.sent_at,
        recorded_at=taken.at,
        answers=reading.answers,
        findings=list(reading.findings),
        count=1 if form.counted else 0,
        natural_key=good.key,
        revision_key=revision,
        receipt=receipt,
        row=good.row.number,
        corrects=corrects,
    )


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
    found: dict[str, Submission] = {}
    for start in range(0, len(asked), _PARAMETERS):
        part = asked[start : start + _PARAMETERS]
        current = Submission.objects.filter(revision_key__in=part, corrected_by__isnull=True).order_by("pk")
        found |= {submission.revision_key: submission for submission in current}
    return found


def _natural_key(form: Form, site: Place, reading: Reading) -> str:
    """A keyed hash of everything the row says: sent twice it has the same key, and the key reveals nothing."""
    whole = [form.code, site.code, reading.home_street, reading.answers, reading.identity.known()]
    return blind(json.dumps(whole, sort_keys=True, ensure_ascii=False, default=str), purpose="row")


def _place_problems(reading: Reading, streets: Mapping[str, Place]) -> tuple[Problem, ...]:
    if reading.home_street and reading.home_street not in streets:
        return (Problem("home_street", _UNKNOWN_STREET),)
    return ()


def _damaged_ids(readings: Sequence[Reading]) -> bool:
    numbers = [reading.identity.id_number for reading in readings if reading.identity.id_number]
    ends = sum(number.endswith("000") for number in numbers)
    return ends >= _DAMAGED_LEAST and ends >= _DAMAGED_SHARE * len(numbers)


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
