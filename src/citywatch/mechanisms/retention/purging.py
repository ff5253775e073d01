"""Destroying by order or by the clocks, and the certificate of it."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from django.apps import apps
from django.db import connection, transaction

from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import heads
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.export import store
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.retention import certificate, identities, messages, scrubbing, visits
from citywatch.mechanisms.retention.identities import Mention
from citywatch.mechanisms.retention.rules import keeps
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.forgetting import Forgotten, back_to_number, forget, in_parts
from citywatch.mechanisms.vault.holds import held_people
from citywatch.mechanisms.vault.models import BlindIndex, Person, Pseudonym, SealedIdentity
from citywatch.mechanisms.vault.pseudonyms import PERSON
from citywatch.mechanisms.vault.types import Identity

MOST_CANARIES = 200
"""How many destroyed values are looked for byte by byte afterwards: each means reading the whole database once."""
_PREFIX = 48  # bytes of a sealed message that stand for it


class Sweeper(Protocol):
    """A class of data that is simply deleted when its time is over, such as a framework's log of sign-ins."""

    @property
    def rule(self) -> str:
        """The retention rule it falls under."""

    def total(self) -> int:
        """How much there is."""

    def expired(self, *, before: datetime) -> int:
        """How much of it is from before a moment."""

    def sweep(self, *, before: datetime) -> int:
        """Delete that; tells how much went."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to go: people whole, people but for their number, messages, rows, and days of visits."""

    whole: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()
    messages: frozenset[int] = frozenset()
    rows: frozenset[int] = frozenset()
    visit_days: int = 0
    sweeps: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (
            self.whole or self.named or self.messages or self.rows or self.visit_days or any(self.sweeps.values())
        )


def purge(
    people: Collection[int], *, because: str, by: Viewer, at: datetime, place: Place, folder: Path
) -> dict[str, Any]:
    """Make these people's identities unreadable now, on somebody's order, with all that may still hold them.

    Refuses while a legal hold, work not yet done or a row waiting to be mended needs one of them. Gives the
    certificate, which is also written to `folder`.
    """
    must(by, "vault.purge", place)
    if not because.strip():
        raise Refusal(
            "A purge needs its reason; say who ordered it and why.", zh="销毁须写明依据；请填写决定机关和理由。"
        )
    asked = frozenset(people)
    parts = [Person.objects.filter(pk__in=part) for part in in_parts(asked)]
    if sum(part.count() for part in parts) != len(asked):
        raise Refusal("Not all of these people exist; check the numbers.", zh="部分人员编号不存在；请核对。")
    for known in parts:
        _refuse_needed(known.filter(held_people(at)), "a legal hold keeps", "依法留存")
        _refuse_needed(known.filter(identities.under_work()), "work is not done about", "尚有未办结事项")
    told = [one for part in in_parts(asked) for one in vault.unsealed(part).values()]
    rows = messages.rows_naming(told)
    waiting = [row for row in rows if row.settled_at is None]
    if waiting:
        raise Refusal(
            f"{waiting[0]} names one of them and waits to be mended; settle it first, lest what was sent be lost.",
            zh=f"待更正行 {waiting[0].pk} 涉及该人员且尚未处理；请先处理。",
        )
    found, free = set[int](), set[int]()
    for part in in_parts(asked):
        naming = messages.that_may_name(part)
        found.update(naming.values_list("pk", flat=True))
        free.update(messages.unheld_messages(naming, at=at).values_list("pk", flat=True))
    if found != free:
        raise Refusal(
            "A message that may name one of them is under a legal hold; lift it first.",
            zh="可能涉及该人员的原始报文处于依法留存中；请先解除留存。",
        )
    plan = Plan(whole=asked, messages=frozenset(free), rows=frozenset(row.pk for row in rows))
    return _carry_out(plan, told, kind="order", because=because, by=by, at=at, place=place, folder=folder)


def run_clocks(
    mentions: Sequence[Mention],
    sweepers: Sequence[Sweeper],
    *,
    by: Viewer,
    at: datetime,
    place: Place,
    folder: Path,
) -> dict[str, Any] | None:
    """Destroy what is past its time and under no hold; gives the certificate, or None when there was nothing."""
    must(by, "vault.purge", place)
    day = day_of(at)
    whole, named = identities.expired(at, mentions)
    due = messages.messages(received_before=at - keeps("messages", day))
    settled = messages.rows(settled_before=at - keeps("quarantine", day))
    plan = Plan(
        whole=frozenset(whole),
        named=frozenset(named),
        messages=frozenset(messages.unheld_messages(due, at=at).values_list("pk", flat=True)),
        rows=frozenset(messages.unheld_rows(settled, at=at).values_list("pk", flat=True)),
        visit_days=len(visits.expired(at)),
        sweeps={one.rule: one.expired(before=at - keeps(one.rule, day)) for one in sweepers},
    )
    if plan.is_empty:
        return None
    for one in sweepers:
        one.sweep(before=at - keeps(one.rule, day))
    visits.let_go(at)
    told = list(vault.unsealed(sorted(islice(chain(plan.whole, plan.named), MOST_CANARIES))).values())
    return _carry_out(plan, told, kind="clock", because="retention", by=by, at=at, place=place, folder=folder)


def _refuse_needed(people: Any, en: str, zh: str) -> None:
    first = people.order_by("pk").first()
    if first is not None:
        raise Refusal(f"Person {first.pk} cannot be purged: {en} them.", zh=f"人员 {first.pk} 不能销毁：{zh}。")


def _carry_out(
    plan: Plan,
    told: Sequence[Identity],
    *,
    kind: str,
    because: str,
    by: Viewer,
    at: datetime,
    place: Place,
    folder: Path,
) -> dict[str, Any]:
    canaries = list(islice(_canaries(plan, told), MOST_CANARIES))
    scrubbing.overwrite_deleted()
    with transaction.atomic():
        before = _counts()
        gone = forget(plan.whole) + back_to_number(plan.named)
        sent = messages.destroy(Receipt, plan.messages, at=at)
        rows = messages.destroy(QuarantinedRow, plan.rows, at=at)
        after = _counts()
        _refuse_collateral(before, after, gone)
        destroyed = {
            "own_keys": gone.keys, "sealed_identities": gone.identities, "index_entries": gone.indexes,
            "messages": sent, "quarantined_rows": rows, "visit_days": plan.visit_days, **plan.sweeps,
        }  # fmt: skip
        names = [
            name
            for part in in_parts(plan.whole | plan.named)
            for name in Person.objects.filter(pk__in=part).values_list("pseudonym", flat=True)
        ]
        body: dict[str, Any] = {
            "way": kind, "people": len(names), "root": certificate.root_of(names), "destroyed": destroyed,
            "rows": {table: [before[table], after[table]] for table in before if before[table] != after[table]},
            "tables_unchanged": sum(before[table] == after[table] for table in before),
        }  # fmt: skip
        entry = journal.record("vault.purged", place=place, by=by, at=at, because=because, **body)
    scrubbing.scrub(whole=kind == "order")
    left = scrubbing.found_again(canaries, folders=_log_folders())
    if left:
        scrubbing.scrub(whole=True)
        left = scrubbing.found_again(left, folders=_log_folders())
    paper = certificate.sign(
        {
            **body, "at": at.isoformat(), "because": because, "by": by.actor, "pseudonyms": sorted(names),
            "entry": [entry.writer, entry.seq, entry.digest], "journal_root": heads.root_of(journal.heads()),
            "looked_for": len(canaries), "found": len(left),
        }
    )  # fmt: skip
    _write(folder / f"purge-{entry.writer}-{entry.seq}.json", paper)
    journal.record(
        "vault.purge_certified", place=place, by=by, at=at, subject=entry, certificate=certificate.digest_of(paper),
        looked_for=len(canaries), found=len(left),
    )  # fmt: skip
    return paper


def _canaries(plan: Plan, told: Sequence[Identity]) -> Iterator[bytes]:
    """Bytes that must be gone afterwards: plain numbers, keys, sealed values and hashes, a little of each."""
    people = sorted(islice(chain(plan.whole, plan.named), MOST_CANARIES // 4))
    yield from (mark.encode() for one in told[: MOST_CANARIES // 8] for mark in (one.id_number, one.phone) if mark)
    for sealed in SealedIdentity.objects.filter(person__in=people).values_list("sealed", flat=True):
        yield bytes(sealed)
    for wrapped in Person.objects.filter(pk__in=people).values_list("wrapped_key", flat=True):
        if wrapped is not None:
            yield bytes(wrapped)
    gone = BlindIndex.objects.filter(person__in=[pk for pk in people if pk in plan.whole])
    yield from (mark.encode() for mark in gone.values_list("blind", flat=True))
    codes = Pseudonym.objects.filter(subject_kind=PERSON, subject_id__in=people)
    yield from (code.encode() for code in codes.values_list("code", flat=True))
    sent = Receipt.objects.filter(pk__in=sorted(plan.messages)[:50]).values_list("sealed", flat=True)
    rows = QuarantinedRow.objects.filter(pk__in=sorted(plan.rows)[:50]).values_list("sealed", flat=True)
    yield from (bytes(sealed)[:_PREFIX] for sealed in chain(sent, rows))


def _counts() -> dict[str, int]:
    tables = sorted({model._meta.db_table for model in apps.get_models() if model.__module__.startswith("citywatch.")})
    with connection.cursor() as cursor:
        counted = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - our own names
            (counted[table],) = cursor.fetchone()
        return counted


def _refuse_collateral(before: Mapping[str, int], after: Mapping[str, int], gone: Forgotten) -> None:
    """A row that went and was not meant to undoes the whole purge."""
    meant = {
        SealedIdentity._meta.db_table: gone.identities,
        BlindIndex._meta.db_table: gone.indexes,
        Pseudonym._meta.db_table: gone.codes,
    }
    wrong = [table for table in before if before[table] - after[table] != meant.get(table, 0)]
    if wrong and connection.vendor == "sqlite":  # there nobody else writes meanwhile
        raise RuntimeError(f"The purge would have changed {', '.join(wrong)}, which it must not; nothing was changed.")


def _log_folders() -> list[Path]:
    root = store().root
    return [root] if root.exists() else []


def _write(path: Path, paper: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(paper, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
