"""What the system said, when and on what ground, read back from its own journal.

A proposal holds signals from the moment they were put to it, and a signal holds the reports of its series on the days
it had reached by then. Nothing is asked of what the system knows today: only of what it wrote down at the time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from citywatch.eventlog.schema import EVERYTHING
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal.models import Entry
from citywatch.server.replay.investigating import RANKED

_SPAN = {"school": timedelta(days=6), "persistence": timedelta(days=2)}
"""Days before an alarm's own that it was counted over: schools by the week, what stays high over three days."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TrueReport:
    """A stored report of a true infection: what detection counted it as, and whose outbreak it belongs to."""

    submission: int
    outbreak: int
    stream: str
    findings: tuple[str, ...]
    place_path: str
    home_path: str
    day: date
    recorded_at: datetime


@dataclass(slots=True)
class Signal:
    """A claim on one series; `reached` holds, in order, when it was told and the days it then covered."""

    number: int
    stream: str
    syndrome: str
    by: str
    place_path: str
    family: str
    look: str
    detectors: tuple[str, ...]
    p: float | None
    raised_at: datetime
    reached: list[tuple[datetime, date, date]] = field(default_factory=list)

    def holds_from(self, report: TrueReport) -> datetime | None:
        """Since when the signal was told with this report in it; None when it never was."""
        if report.stream != self.stream or not (self.syndrome == EVERYTHING or self.syndrome in report.findings):
            return None
        where = report.home_path if self.by == "home" else report.place_path
        if not where.startswith(self.place_path):
            return None
        back = max(_SPAN.get(self.family, timedelta()), _SPAN.get(self.look, timedelta()))
        for at, first, last in self.reached:
            if at >= report.recorded_at and first - back <= report.day <= last:
                return at
        return None


@dataclass(slots=True)
class Proposal:
    """What lay before the desk: its gravest level, and since when it held which signals and positive samples."""

    number: int
    raised_at: datetime
    level: str
    place_path: str
    signals: dict[int, datetime] = field(default_factory=dict)
    samples: dict[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The places tracing named, best first, after so many interviews of one investigation."""

    investigation: int
    interviewed: int
    case_ref: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """Everything a score looks at; moments are city time."""

    signals: Mapping[int, Signal]
    proposals: Sequence[Proposal]
    ranked: Sequence[Ranked]
    submission_of_sample: Mapping[int, int]
    case_people: frozenset[int]
    contact_people: frozenset[int]


def read(*, until: datetime) -> Said:
    """Read the journal up to a moment."""
    reader = _Reader()
    entries = Entry.objects.select_related("place").filter(kind__in=reader.kinds, at__lte=until).order_by("at", "pk")
    for entry in entries.iterator(chunk_size=2000):
        reader.kinds[entry.kind](entry, entry.subject_id or 0, entry.body)
    return Said(
        reader.signals, list(reader.proposals.values()), reader.ranked, reader.samples,
        frozenset(reader.cases - {0}), frozenset(reader.contacts - {0}),
    )  # fmt: skip


class _Reader:
    """Takes entries in, one kind each."""

    def __init__(self) -> None:
        self.signals: dict[int, Signal] = {}
        self.proposals: dict[int, Proposal] = {}
        self.ranked: list[Ranked] = []
        self.samples: dict[int, int] = {}
        self.cases: set[int] = set()
        self.contacts: set[int] = set()
        self.kinds: dict[str, Callable[[Entry, int, dict[str, Any]], None]] = {
            "warn.signal_raised": self._signal,
            "warn.signal_extended": self._signal,
            "warn.proposal_raised": self._raised,
            "warn.proposal_extended": self._extended,
            "warn.proposal_level_raised": self._lifted,
            "warn.positive_added": self._positive,
            "warn.proposal_join": self._joined,
            "warn.proposal_merge": self._joined,
            "warn.proposal_parted": self._parted,
            "lab.sample_ordered": self._sample,
            "trace.case_registered": self._case,
            "trace.contact_listed": self._contact,
            RANKED: self._ranked,
        }

    def _signal(self, entry: Entry, number: int, body: dict[str, Any]) -> None:
        signal = self.signals.get(number) or self.signals.setdefault(number, _signal(entry))
        signal.reached.append((entry.at, _day(body["first_day"]), _day(body["last_day"])))

    def _raised(self, entry: Entry, number: int, body: dict[str, Any]) -> None:
        proposal = self.proposals[number] = Proposal(number, entry.at, body["level"], entry.place.path)
        proposal.signals.update(dict.fromkeys(body.get("signals", ()), entry.at))
        if "sample" in body:
            proposal.samples[body["sample"]] = entry.at

    def _extended(self, entry: Entry, number: int, body: dict[str, Any]) -> None:
        for one in body["signals"]:
            self.proposals[number].signals.setdefault(one, entry.at)

    def _lifted(self, _entry: Entry, number: int, body: dict[str, Any]) -> None:
        self.proposals[number].level = body["after"]

    def _positive(self, entry: Entry, number: int, body: dict[str, Any]) -> None:
        self.proposals[number].samples.setdefault(body["sample"], entry.at)

    def _joined(self, entry: Entry, number: int, body: dict[str, Any]) -> None:
        other, into = self.proposals[number], self.proposals[body["into"]]
        for one in other.signals:
            into.signals.setdefault(one, entry.at)
        for one in other.samples:
            into.samples.setdefault(one, entry.at)

    def _parted(self, _entry: Entry, number: int, body: dict[str, Any]) -> None:
        target = self.proposals[number]
        target.level = body["level"]
        for gave in body["gave"]:
            other = self.proposals[gave["proposal"]]
            for one in gave["signals"]:
                target.signals.pop(one, None)
            for one, joined in list(target.samples.items()):
                if one in other.samples and joined != other.samples[one]:
                    del target.samples[one]

    def _sample(self, _entry: Entry, number: int, body: dict[str, Any]) -> None:
        self.samples[number] = body["submission"]

    def _case(self, _entry: Entry, _number: int, body: dict[str, Any]) -> None:
        self.cases.add(body["person_id"] or 0)

    def _contact(self, _entry: Entry, _number: int, body: dict[str, Any]) -> None:
        self.contacts.add(body["person_id"] or 0)

    def _ranked(self, _entry: Entry, _number: int, body: dict[str, Any]) -> None:
        places = tuple(body["places"])
        self.ranked.append(Ranked(body["investigation"], body["interviewed"], body["case_ref"], places))


def true_reports(rows: Iterable[tuple[str, int, int]]) -> list[TrueReport]:
    """The stored submissions behind rows of truth_reports: message id, row from 0, outbreak.

    A row that was quarantined, a repeat, or not sent yet has none.
    """
    wanted: dict[str, dict[int, int]] = defaultdict(dict)
    for message, row, outbreak in rows:
        wanted[message][row + 1] = outbreak
    found = []
    for submission in _sent_in(list(wanted)):
        mine = wanted[submission.receipt.message_id].get(submission.row)
        if mine is not None:
            found.append(
                TrueReport(
                    submission.pk, mine, submission.stream, tuple(submission.findings), submission.place.path,
                    submission.home_place.path if submission.home_place else "", submission.occurred_on,
                    submission.recorded_at,
                )
            )  # fmt: skip
    return found


def _sent_in(messages: Sequence[str]) -> Iterator[Submission]:
    for start in range(0, len(messages), _AT_ONCE):
        part = messages[start : start + _AT_ONCE]
        yield from Submission.objects.select_related("receipt", "place", "home_place").filter(
            receipt__message_id__in=part
        )


def _signal(entry: Entry) -> Signal:
    body = entry.body
    return Signal(
        entry.subject_id or 0, body["stream"], body["syndrome"], body["by"], entry.place.path, body["family"],
        body["look"], tuple(body["detectors"]), body["p"], entry.at,
    )  # fmt: skip


def _day(text: str) -> date:
    return date.fromisoformat(text)
