"""Lay submissions and journal entries out as columns, and rebuild the log from them.

The exporter uses the same two functions, so a rebuilt log equals the one that grew. Visits are not rebuilt: they are
a bulk feed the journal does not hold, and a rebuild leaves them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from citywatch.eventlog.columns import checked
from citywatch.eventlog.schema import COUNTS, ENTRIES, EVERYTHING, city_days
from citywatch.eventlog.segments import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from citywatch.eventlog.segments import Store

REBUILT = ("counts", "entries")
ROWS_AT_ONCE = 100_000  # about 30 MB of Python objects


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRow:
    """What the log keeps of one submission. Numbers are dense ids; the person is a pseudonym."""

    submission: int
    stream: str
    syndromes: tuple[str, ...]  # none for a zero-report
    place: int
    street: int
    district: int
    home_street: int = 0  # 0: unknown
    person: int = 0  # 0: none
    occurred_on: date
    recorded_at: datetime
    corrects: int = 0  # the submission it replaces; 0: none
    count: int = 1  # 0 for a zero-report or a withdrawal

    @property
    def day(self) -> date:
        """The city day it was recorded, which is the day of its segment."""
        return _city_day(self.recorded_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """What the log keeps of one journal entry: who did what to what, where and when."""

    writer: str
    seq: int
    kind: str
    place: int
    at: datetime
    subject_kind: str
    subject: int
    actor: str

    @property
    def day(self) -> date:
        """The city day it was written, which is the day of its segment."""
        return _city_day(self.at)


def submission_columns(rows: Iterable[SubmissionRow]) -> dict[str, npt.NDArray[Any]]:
    """Lay submissions out as `counts`: one row for each syndrome, and one for the submission as a whole.

    >>> row = SubmissionRow(submission=1, stream="symptom", syndromes=("fever",), place=3, street=2, district=1,
    ...     occurred_on=date(2020, 6, 11), recorded_at=datetime(2020, 6, 11, 1, tzinfo=UTC))
    >>> submission_columns([row])["syndrome"].tolist()
    ['*', 'fever']
    """
    told = [(row, syndrome) for row in rows for syndrome in _syndromes(row)]
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row, _ in told] for name in COUNTS if name != "syndrome"
    }
    columns["syndrome"] = [syndrome for _, syndrome in told]
    return checked(columns, COUNTS, table="counts")


def entry_columns(rows: Iterable[EntryRow]) -> dict[str, npt.NDArray[Any]]:
    """Lay journal entries out as `entries`, one row each.

    >>> row = EntryRow(writer="web-1", seq=1, kind="sense.submitted", place=3, subject_kind="submission", subject=1,
    ...     actor="u7", at=datetime(2020, 6, 11, 1, tzinfo=UTC))
    >>> entry_columns([row])["seq"].tolist()
    [1]
    """
    told = list(rows)
    return checked({name: [getattr(row, name) for row in told] for name in ENTRIES}, ENTRIES, table="entries")


def batches_of(rows: Sequence[SubmissionRow | EntryRow], *, batch_id: str) -> list[Batch]:
    """Sort rows into one batch for each table and city day of recording; append them together."""
    submissions: dict[date, list[SubmissionRow]] = {}
    entries: dict[date, list[EntryRow]] = {}
    for row in rows:
        if isinstance(row, SubmissionRow):
            submissions.setdefault(row.day, []).append(row)
        else:
            entries.setdefault(row.day, []).append(row)
    return [
        *(Batch("counts", submission_columns(some), day, batch_id) for day, some in submissions.items()),
        *(Batch("entries", entry_columns(some), day, batch_id) for day, some in entries.items()),
    ]


def rebuild(store: Store, rows: Iterable[SubmissionRow | EntryRow]) -> int:
    """Replace counts and entries by these rows in one step; give the number of rows the log now holds of them.

    Readers see the old log until the new one is whole. The exporter then goes on from `expressions.last_entries`.
    """
    return store.replace(REBUILT, _rebuilt(rows))


def _rebuilt(rows: Iterable[SubmissionRow | EntryRow]) -> Iterator[Batch]:
    for number, some in enumerate(_pieces(rows)):
        yield from batches_of(some, batch_id=f"rebuilt-{number}")


def _pieces(rows: Iterable[SubmissionRow | EntryRow]) -> Iterator[list[SubmissionRow | EntryRow]]:
    piece: list[SubmissionRow | EntryRow] = []
    for row in rows:
        piece.append(row)
        if len(piece) == ROWS_AT_ONCE:
            yield piece
            piece = []
    if piece:
        yield piece


def _syndromes(row: SubmissionRow) -> tuple[str, ...]:
    if EVERYTHING in row.syndromes or len(set(row.syndromes)) != len(row.syndromes):
        raise ValueError(f"Submission {row.submission} names the syndromes {row.syndromes}; each once, without '*'.")
    return (EVERYTHING, *row.syndromes)


def _city_day(moment: datetime) -> date:
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; an instant of the city is known only with one.")
    instant = np.array([moment.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")
    return date.fromisoformat(str(city_days(instant)[0]))
