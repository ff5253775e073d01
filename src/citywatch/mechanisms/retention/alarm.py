"""Saying on record that something past its time is still here, once, and once that it is gone; the desk reads it.

To find out takes every table, so a job asks a few times a day and a page reads what it wrote down.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.retention.rules import rule

OVERDUE, IN_TIME = KINDS = "retention.overdue", "retention.in_time"


def tell(late: Mapping[str, int], *, by: Viewer, at: datetime, place: Place) -> Entry | None:
    """Write down which classes are past their time, where that is not what was said last; gives the new entry."""
    said = still_here()
    if set(late) == set(said.body["classes"] if said else ()):
        return None
    return journal.record(OVERDUE if late else IN_TIME, place=place, by=by, at=at, classes=dict(late))


def still_here(told: Sequence[Entry] | None = None) -> Entry | None:
    """The alarm that stands; None while everything past its time is gone. `told` is as in `reacting.waiting`."""
    told = journal.in_turn(KINDS) if told is None else told
    return told[-1] if told and told[-1].kind == OVERDUE else None


def sentence(alarm: Entry) -> Label:
    """What the desk is told of an alarm."""
    classes = [rule(code, day_of(alarm.at)).label for code in sorted(alarm.body["classes"])]
    return Label(
        f"有数据超过保存期限仍未销毁：{'、'.join(one.zh for one in classes)}。请联系系统管理员。",
        f"Past its time and still here: {', '.join(one.en for one in classes)}. Tell whoever runs the system.",
    )
