"""What the desk does with many proposals at once: one answer for all of them, taking an answer back, merging."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Field

from citywatch.city.warn import rules, services
from citywatch.city.warn.gathering import OPEN, merge, raise_level
from citywatch.city.warn.models import Proposal, Signal
from citywatch.city.warn.types import Level
from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import advance, resume_clocks, stop_clock

UNDO_WITHIN = timedelta(minutes=30)
"""Assumed: long enough to notice a slip of the finger, short enough that nobody has acted on the answer."""
AT_MOST = 500
_SUBJECT = "warn.proposal"
_TOOK_OVER = "warn.proposal_took_over"
_UNDONE = {"warn.proposal_close", "warn.proposal_watch", _TOOK_OVER}
_MERGED = (
    *("level", "streams", "syndromes", "grounds", "first_day", "last_day", "score", "chance", "positives"),
    *("first_positive_at", "last_positive_at", "escalated_at"),
)
"""What a merging may change of the proposal that stays."""


@transaction.atomic
def answer_many(move: str, proposal_ids: Sequence[int], *, by: Viewer, at: datetime, because: str) -> int:
    """Close or watch several proposals for one reason: all of them or, if one refuses, none. How many."""
    if move not in {"close", "watch"}:
        raise Refusal(
            f"Several proposals can be closed or watched together, not {move!r}; verify them one by one.",
            zh="批量操作只能关闭或关注；核实须逐条进行。",
        )
    for proposal_id in _marked(proposal_ids):
        services.answer(move, proposal_id, by=by, at=at, because=because)
    return len(set(proposal_ids))


@transaction.atomic
def undo(proposal_ids: Sequence[int], *, by: Viewer, at: datetime) -> int:
    """Take back what this viewer answered last: state and clocks are as before, and the journal keeps both.

    All of them or none. A closing, a watch or a merging (by the number of the proposal that stayed) is taken back, a
    verification is not: it has become an event that others act on. Only by who gave it, and only within `UNDO_WITHIN`.
    """
    for proposal_id in _marked(proposal_ids):
        proposal = _held(by, proposal_id)
        given = Entry.objects.filter(subject_kind=_SUBJECT, subject_id=proposal.pk).order_by("-at", "-pk").first()
        if given is None or given.kind not in _UNDONE or given.actor != by.actor or at - given.at > UNDO_WITHIN:
            minutes = UNDO_WITHIN // timedelta(minutes=1)
            raise Conflict(
                f"Proposal {proposal.pk} cannot be taken back: only your own last answer can, within {minutes} "
                "minutes and while nothing else has happened to it.",
                zh=f"第{proposal.pk}号预警不能撤销：只能撤销本人{minutes}分钟内的最后一次操作，且其后未有其他变动。",
            )
        if given.kind == _TOOK_OVER:
            _part(proposal, given, by=by, at=at)
        else:
            _back(proposal, given.body["before"], given, by=by, at=at)
    return len(set(proposal_ids))


def _back(proposal: Proposal, before: str, given: Entry, *, by: Viewer, at: datetime) -> None:
    """Into the state before an answer, under the clocks that ran then."""
    advance(proposal, "rewatch" if before == "watched" else "reopen", by=by, at=at, of=given.pk)
    resume_clocks(proposal, stopped_at=given.at)


def _part(target: Proposal, given: Entry, *, by: Viewer, at: datetime) -> None:
    """Give back what a merging took, each proposal as it was."""
    if _held_by(target) != given.body["after"]:
        raise Conflict(
            f"Proposal {target.pk} has changed since it was merged, so the merging cannot be taken back.",
            zh=f"第{target.pk}号预警合并后已有变动，不能撤销合并。",
        )
    before = given.body["before"]
    for taken in given.body["took"]:
        other = _held(by, taken["proposal"])
        Signal.objects.filter(pk__in=taken["signals"]).update(proposal=other)
        _back(other, taken["before"], given, by=by, at=at)
    if target.level != before["level"]:
        stop_clock(rules.CLOCKS[cast("Level", target.level)], target, at=at)
        resume_clocks(target, stopped_at=given.at)
    if target.state != before["state"]:
        advance(target, "rewatch", by=by, at=at, of=given.pk)
    for name in _MERGED:
        field = cast("Field[Any, Any]", Proposal._meta.get_field(name))
        setattr(target, name, field.to_python(before[name]))
    target.save(update_fields=_MERGED)
    journal.record(
        "warn.proposal_parted", place=target.place, by=by, at=at, subject=target,
        of=given.pk, level=target.level, gave=given.body["took"],
    )  # fmt: skip


def _held_by(proposal: Proposal) -> dict[str, Any]:
    """What a merging may change, as the journal's JSON holds it."""
    told = {name: getattr(proposal, name) for name in (*_MERGED, "state")}
    held: dict[str, Any] = json.loads(DjangoJSONEncoder().encode(told))
    return held


@transaction.atomic
def merge_into(
    target_id: int, proposal_ids: Sequence[int], *, by: Viewer, at: datetime, because: str
) -> int:  # fmt: skip
    """Say that several open proposals are one thing: `target_id` takes over what the others hold. How many it took.

    The one that stays has the gravest level of them all, with that level's limit.
    """
    others = [pk for pk in dict.fromkeys(proposal_ids) if pk != target_id]
    if not others:
        raise Refusal("Mark at least two proposals to merge.", zh="请至少勾选两条预警再合并。")
    target = _held(by, target_id)
    must(by, "warn.triage", target.place)
    if target.state not in OPEN:
        raise Conflict(
            f"Proposal {target.pk} is already “{target.state_label.en}”; reload the page.",
            zh=f"第{target.pk}号预警当前为“{target.state_label.zh}”；请刷新页面。",
        )
    level, before, took = target.level, _held_by(target), []
    for proposal_id in others:
        other = _held(by, proposal_id)
        signals = list(Signal.objects.filter(proposal=other).values_list("pk", flat=True))
        took.append({"proposal": other.pk, "before": other.state, "signals": signals})
        merge(other, "merge", into=target, at=at, by=by, because=because)
        target.streams = sorted({*target.streams, *other.streams})
        target.syndromes = sorted({*target.syndromes, *other.syndromes})
        target.grounds = list(dict.fromkeys([*target.grounds, *other.grounds, "desk"]))
        target.first_day = min(target.first_day, other.first_day)
        target.last_day = max(target.last_day, other.last_day)
        target.score = max(target.score, other.score)
        level = max(level, other.level, key=rules.rank)
    target.chance = None  # evidence that a person put together has no chance of its own
    target.save(update_fields=["streams", "syndromes", "grounds", "first_day", "last_day", "score", "chance"])
    raise_level(target, cast("Level", level), at=at, by=by, back="raise_merged")
    journal.record(
        _TOOK_OVER, place=target.place, by=by, at=at, because=because, subject=target,
        took=took, before=before, after=_held_by(_held(by, target_id)),
    )  # fmt: skip
    return len(others)


def _marked(proposal_ids: Sequence[int]) -> list[int]:
    """Each number once, in one order for everybody, so that two desks at work never wait for each other."""
    if not proposal_ids:
        raise Refusal("No proposal is marked; mark those you mean.", zh="未勾选任何预警；请先勾选。")
    if len(proposal_ids) > AT_MOST:
        raise Refusal(
            f"{len(proposal_ids)} proposals are marked; at most {AT_MOST} can be answered together.",
            zh=f"已勾选{len(proposal_ids)}条；一次最多处理{AT_MOST}条。",
        )
    return sorted(set(proposal_ids))


def _held(by: Viewer, proposal_id: int) -> Proposal:
    rows = Proposal.objects.visible_to(by).select_for_update(of=("self",)).select_related("place")
    return cast("Proposal", rows.pick_one(proposal_id))
