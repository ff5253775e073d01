"""What the system said of a folder and what really happened, brought together: which alert touches which outbreak.

What counts as an alert and a touch is defined in docs/science/scoring.md. The figures made of it are `scoring`'s.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.science import score
from citywatch.server.replay.folder import Folder
from citywatch.server.replay.joining import SENT
from citywatch.server.replay.said import Said, Signal, TrueReport, read, true_reports

LARGE = 20  # infections from which an outbreak counts among the large ones
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_CHANCE = 300.0  # the strength of an alarm by a fixed number, which no chance explains


@dataclass(frozen=True, slots=True)
class Truth:
    """The outbreaks that had begun, as arrays by row, and the infections."""

    ids: list[int]
    kind: list[str]
    disease: list[str]
    source: list[int]
    began: NDArray[np.float64]
    first_report: NDArray[np.float64]
    size: NDArray[np.int64]
    infected_of: NDArray[np.int64]
    infected_at: NDArray[np.float64]
    person: NDArray[np.int64]
    infector: NDArray[np.int64]

    @property
    def large(self) -> NDArray[np.bool_]:
        return self.size >= LARGE


@dataclass(frozen=True, slots=True)
class Alerts:
    """One way of alarming: when each alert came, how strong it was, and what it touched."""

    at: NDArray[np.float64]
    strength: NDArray[np.float64]
    touches: score.Touches

    def only(self, kept: NDArray[np.bool_]) -> "Alerts":
        """Some of the alerts, numbered anew."""
        number = np.cumsum(kept) - 1
        left = self.touches.of_alerts(kept)
        return Alerts(
            self.at[kept], self.strength[kept], score.Touches(number[left.alert], left.outbreak, left.at, left.reports)
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """Truth and what was said of it up to a moment, brought together; `fused` numbers alerts as `said.proposals`."""

    until: datetime
    truth: Truth
    said: Said
    held: Mapping[int, list[tuple[TrueReport, datetime]]]
    fused: Alerts
    row_of: Mapping[int, int]


def see(folder: Folder) -> Seen:
    """Bring together what this system said of a folder so far and what really happened."""
    until = _reached(folder)
    truth = _truth(folder, until)
    said = read(until=until)
    row_of = {number: row for row, number in enumerate(truth.ids)}
    reports = [one for one in true_reports(_report_rows(folder)) if one.outbreak in row_of]
    by_stream: dict[str, list[TrueReport]] = defaultdict(list)
    for one in reports:
        by_stream[one.stream].append(one)
    held = {number: _held(signal, by_stream[signal.stream]) for number, signal in said.signals.items()}
    return Seen(until, truth, said, held, proposals_of(said, held, reports, row_of), row_of)


def _reached(folder: Folder) -> datetime:
    last = Entry.objects.filter(kind=SENT, body__folder=folder.scenario.name).order_by("-at", "-pk").first()
    if last is None:
        raise Refusal(
            f"This system has not replayed {folder.root} ({folder.scenario.name}); run "
            f"`citywatch replay {folder.root}` with the same CITYWATCH_HOME first."
        )
    return datetime.fromisoformat(last.body["until"])


def _truth(folder: Folder, until: datetime) -> Truth:
    """Outbreaks begun by `until`, and every infection."""
    outbreaks = folder.table("outbreaks.parquet", order="outbreak")
    infections = folder.table("truth.parquet")
    began = _days(outbreaks["began_at"])
    kept = np.flatnonzero(began <= day_number(until))
    ids = [int(outbreaks["outbreak"][n]) for n in kept]
    row = {number: n for n, number in enumerate(ids)}
    return Truth(
        ids=ids,
        kind=[str(outbreaks["kind"][n]) for n in kept],
        disease=[str(outbreaks["disease"][n]) for n in kept],
        source=[int(outbreaks["source_place"][n]) for n in kept],
        began=began[kept],
        first_report=_days(outbreaks["first_report_at"])[kept],
        size=outbreaks["size"][kept].astype(np.int64),
        infected_of=np.array([row.get(int(number), -1) for number in infections["outbreak"]], dtype=np.int64),
        infected_at=_days(infections["infected_at"]),
        person=infections["person_id"].astype(np.int64),
        infector=infections["infector"].astype(np.int64),
    )


def _report_rows(folder: Folder) -> Iterable[tuple[str, int, int]]:
    rows = folder.table("truth_reports.parquet", "message_id, row, outbreak")
    return zip((str(one) for one in rows["message_id"]), rows["row"].tolist(), rows["outbreak"].tolist(), strict=True)


def _held(signal: Signal, reports: Sequence[TrueReport]) -> list[tuple[TrueReport, datetime]]:
    found = []
    for report in reports:
        at = signal.holds_from(report)
        if at is not None:
            found.append((report, at))
    return found


def proposals_of(
    said: Said,
    held: Mapping[int, list[tuple[TrueReport, datetime]]],
    reports: Sequence[TrueReport],
    row_of: Mapping[int, int],
) -> Alerts:
    """The proposals as alerts; how strong one is was never said."""
    by_submission = {report.submission: report for report in reports}
    rows = []
    for number, proposal in enumerate(said.proposals):
        pairs = [(report, max(at, since)) for signal, since in proposal.signals.items() for report, at in held[signal]]
        for sample, since in proposal.samples.items():
            report = by_submission.get(said.submission_of_sample.get(sample, 0))
            if report is not None:
                pairs.append((report, since))
        rows += _touches(number, pairs, row_of)
    at = np.array([day_number(proposal.raised_at) for proposal in said.proposals], dtype=float)
    return Alerts(at, np.zeros(at.size), score.Touches.of(rows))


def signals_of(
    signals: Sequence[Signal], held: Mapping[int, list[tuple[TrueReport, datetime]]], row_of: Mapping[int, int]
) -> Alerts:
    """Some signals as alerts, the less likely the stronger."""
    rows = []
    for number, signal in enumerate(signals):
        rows += _touches(number, held[signal.number], row_of)
    at = np.array([day_number(signal.raised_at) for signal in signals], dtype=float)
    strength = np.array([_NO_CHANCE if s.p is None else -log10(max(s.p, 1e-300)) for s in signals], dtype=float)
    return Alerts(at, strength, score.Touches.of(rows))


def _touches(
    number: int, pairs: Iterable[tuple[TrueReport, datetime]], row_of: Mapping[int, int]
) -> list[tuple[int, int, float, int]]:
    """One touch an outbreak: since the first of its reports, by as many as there were, none counted twice."""
    first: dict[int, float] = {}
    seen: dict[int, set[int]] = defaultdict(set)
    for report, at in pairs:
        row = row_of[report.outbreak]
        first[row] = min(first.get(row, inf), day_number(at))
        seen[row].add(report.submission)
    return [(number, row, first[row], len(seen[row])) for row in first]


def _days(instants: NDArray[Any]) -> NDArray[np.float64]:
    """Instants as days since 1970; NaT is NaN."""
    at = np.asarray(instants).astype("datetime64[s]")
    return np.where(np.isnat(at), np.nan, at.astype(np.int64) / 86400.0)


def day_number(at: datetime) -> float:
    """Days since 1970, a fraction for the time of day."""
    return (at - EPOCH) / timedelta(days=1)
