"""How reports reach the city day by day: batches, rounds, zeros, and everything that goes wrong on the way.

Sites send late, more so over a weekend; some fall silent for days, send twice, or say zero where they saw someone.
All shares are assumed. A batch carries the true infections behind its rows, so that what is said later can be judged.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from citywatch.simulation.days import DAY, instant, is_working_day, local_day, midnight
from citywatch.simulation.streams.rows import FORM_OF_STREAM, ZERO_REPORT, Report, result_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import numpy as np

    from citywatch.simulation.streams.sites import Sites

LAB_RESULT: Final = "lab-result"
ROUND: Final = 120  # minutes between two sendings of a fever clinic or a laboratory
LATE: Final = 0.012
MISSING: Final = 0.008
AFTER_WEEKEND: Final = 0.12  # of a small site's weekend days, sent on the next working morning
FALLS_SILENT: Final = 0.001  # of site-days; then nothing for 4 to 21 days
REPEATED: Final = 0.005
FALSE_ZERO: Final = 0.004  # of days with one or two rows
CARD_LATE: Final = 0.05  # of cards later than their 24 hours
REVISED: Final = 0.05

About = tuple[int, int, str]
Subject = tuple[int, int, int, str]
"""A row of a batch, counted from 0, and the true infection behind it: person, outbreak, disease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One batch as it is sent: rows of one form, all of one local day. Batches with one `message_id` are repeats."""

    sent_at: datetime
    site: str
    form: str
    message_id: str
    day: date
    rows: list[dict[str, str]]
    subjects: list[Subject]


@dataclass(slots=True)
class PostState:
    """What is still to be sent after a day."""

    waiting: list[tuple[int, Sent]] = field(default_factory=list)
    results: list[tuple[int, int, dict[str, str], About | None, bool]] = field(default_factory=list)
    silent_until: dict[int, date] = field(default_factory=dict)
    samples: Counter[str] = field(default_factory=Counter)


class Post:
    """Takes a day's rows and gives the batches sent on that day."""

    def __init__(self, sites: Sites, *, state: PostState | None = None) -> None:
        """`state` is what an earlier day left."""
        self.sites, self.state = sites, state or PostState()
        self._labs = sites.of("lab")
        duties = ("symptom", "pharmacy", "fever", "card")
        self._reporting = sorted({site for stream in duties for site in sites.of(stream)})

    def day(self, day: date, reports: Sequence[Report], *, rng: np.random.Generator) -> list[Sent]:
        """The batches sent on `day`, in order of sending, given everything that was written down on it."""
        numbers: Counter[tuple[int, str]] = Counter()
        daily: dict[int, dict[str, list[Report]]] = defaultdict(lambda: defaultdict(list))
        rounds: dict[tuple[int, int], list[Report]] = defaultdict(list)
        for report in sorted(reports, key=lambda r: (r.at, r.site, r.person, r.stream)):
            if report.row.get("pcr_ordered") == "Y":
                self._label(report)
            if report.stream == "card":
                self._card(report, rng=rng)
            elif report.stream == "fever":
                rounds[report.site, (report.at // ROUND + 1) * ROUND].append(report)
            else:
                daily[report.site][report.stream].append(report)
        for (site, at), rows in sorted(rounds.items()):
            sent = at + int(rng.integers(2, 12))
            self._put(site, "fever", rows, sent=sent, numbers=numbers, rng=rng)
            self._test(rows, sent=sent, rng=rng)
        busy = {(report.site, report.stream) for report in reports}
        for site in self._reporting:
            self._close(site, day, daily.get(site, {}), busy, numbers=numbers, rng=rng)
        self._labs_send(day)
        end = midnight(day) + DAY
        due = [one for one in self.state.waiting if one[0] < end]
        self.state.waiting = [one for one in self.state.waiting if one[0] >= end]
        due.sort(key=lambda one: (one[0], one[1].site, one[1].form, one[1].message_id))
        return [sent for _, sent in due]

    # ── The daily batches ────────────────────────────────────────────────────────────────────────────────────────

    def _close(
        self,
        site: int,
        day: date,
        seen: dict[str, list[Report]],
        busy: set[tuple[int, str]],
        *,
        numbers: Counter[tuple[int, str]],
        rng: np.random.Generator,
    ) -> None:
        """What a site sends at the end of a day, if it sends."""
        at = self._sending_minute(site, day, rng=rng)
        if at is None:
            return
        idle = [s for s in self.sites.city.places[site].streams if s in FORM_OF_STREAM and (site, s) not in busy]
        for stream, rows in sorted(seen.items()):
            if len(rows) <= 2 and rng.random() < FALSE_ZERO:
                idle.append(stream)
            else:
                self._put(site, stream, rows, sent=at, numbers=numbers, rng=rng)
        if idle:
            numbers[site, ZERO_REPORT] += 1
            code = self.sites.city.places[site].code
            zeros = Sent(
                sent_at=instant(at),
                site=code,
                form=ZERO_REPORT,
                message_id=f"{code}-{ZERO_REPORT}-{day:%Y%m%d}-{numbers[site, ZERO_REPORT]}",
                day=day,
                rows=[{"stream": stream, "day": day.isoformat()} for stream in idle],
                subjects=[],
            )
            self.state.waiting.append((at, zeros))

    def _sending_minute(self, site: int, day: date, *, rng: np.random.Generator) -> int | None:
        """When a site sends its day; None for never. Sites that hold people are always in time."""
        chance, slip, morning = rng.random(), int(rng.integers(0, 9)), int(rng.integers(8 * 60, 11 * 60))
        regular = midnight(day) + self.sites.closing[site] + slip
        if "fever" in self.sites.city.places[site].streams:
            return regular
        if chance < FALLS_SILENT:
            self.state.silent_until[site] = day + timedelta(days=int(rng.integers(4, 22)))
        if chance < FALLS_SILENT + MISSING or self.state.silent_until.get(site, day) > day:
            return None
        if chance < FALLS_SILENT + MISSING + LATE:
            return midnight(day) + DAY + morning
        if not is_working_day(day) and chance > 1 - AFTER_WEEKEND:
            after = day + timedelta(days=1)
            while not is_working_day(after):
                after += timedelta(days=1)
            return midnight(after) + morning
        return regular

    def _put(
        self,
        site: int,
        stream: str,
        rows: Sequence[Report],
        *,
        sent: int,
        numbers: Counter[tuple[int, str]],
        rng: np.random.Generator,
    ) -> None:
        form, day = FORM_OF_STREAM[stream], local_day(rows[0].at)
        numbers[site, form] += 1
        code = self.sites.city.places[site].code
        self._send(
            code,
            form,
            f"{code}-{form}-{day:%Y%m%d}-{numbers[site, form]}",
            day,
            [(report.row, report.about) for report in rows],
            sent=sent,
        )
        if rng.random() < REPEATED:
            again = int(rng.integers(5, 50))
            _, first = self.state.waiting[-1]
            repeat = Sent(
                sent_at=instant(sent + again),
                site=first.site,
                form=first.form,
                message_id=first.message_id,
                day=first.day,
                rows=first.rows,
                subjects=first.subjects,
            )
            self.state.waiting.append((sent + again, repeat))

    def _send(
        self,
        code: str,
        form: str,
        message: str,
        day: date,
        rows: Sequence[tuple[dict[str, str], About | None]],
        *,
        sent: int,
    ) -> None:
        batch = Sent(
            sent_at=instant(sent),
            site=code,
            form=form,
            message_id=message,
            day=day,
            rows=[row for row, _ in rows],
            subjects=[(n, *about) for n, (_, about) in enumerate(rows) if about is not None],
        )
        self.state.waiting.append((sent, batch))

    # ── Cards ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _card(self, report: Report, *, rng: np.random.Generator) -> None:
        """A card goes alone: within two hours if it must, else within 24 and a few later; some are revised."""
        if report.live:
            sent = report.at + int(rng.integers(3, 12))
        elif rng.random() < CARD_LATE:
            sent = report.at + int(rng.integers(24 * 60, 72 * 60))
        else:
            sent = report.at + int(min(rng.lognormal(5.3, 0.9), 23 * 60))
        code, day = self.sites.city.places[report.site].code, local_day(report.at)
        form, number = FORM_OF_STREAM["card"], report.row["card_no"]
        self._send(code, form, f"{code}-{form}-{day:%Y%m%d}-{number}", day, [(report.row, report.about)], sent=sent)
        if report.row["case_class"] == "1" and rng.random() < REVISED:
            later = sent + int(rng.integers(2 * DAY, 6 * DAY))
            row = report.row | {"card_type": "2", "case_class": "2", "filled_on": local_day(later).isoformat()}
            self._send(code, form, f"{code}-{form}-{day:%Y%m%d}-{number}-2", day, [(row, report.about)], sent=later)

    # ── The laboratories ─────────────────────────────────────────────────────────────────────────────────────────

    def _label(self, report: Report) -> None:
        day = f"{local_day(report.at):%y%m%d}"
        self.state.samples[day] += 1
        report.row["sample_barcode"] = f"S{day}{self.state.samples[day]:06d}"

    def _test(self, rows: Sequence[Report], *, sent: int, rng: np.random.Generator) -> None:
        """A result for every ordered sample, 4 to 16 hours after the visit and never before the order was sent."""
        for report in rows:
            if report.row["pcr_ordered"] != "Y":
                continue
            positive = report.positive_at is not None
            ready = report.at + int(rng.integers(4 * 60, 16 * 60)) if report.positive_at is None else report.positive_at
            ready = max(ready, sent + int(rng.integers(10, 60)))
            row = result_row(report.row["sample_barcode"], at=ready, positive=positive, rng=rng)
            lab = self._labs[report.site % len(self._labs)]
            self.state.results.append((ready, lab, row, report.about, positive))

    def _labs_send(self, day: date) -> None:
        """Positive results at once and alone, the others every two hours."""
        begin, end = midnight(day), midnight(day) + DAY
        rounds: dict[tuple[int, int], list[tuple[dict[str, str], About | None]]] = defaultdict(list)
        left = []
        for one in sorted(self.state.results, key=lambda r: (r[0], r[2]["barcode"])):
            ready, lab, row, about, positive = one
            at = ready if positive else (ready // ROUND + 1) * ROUND
            if at >= end:
                left.append(one)
            elif positive:
                code = self.sites.city.places[lab].code
                message = f"{code}-{LAB_RESULT}-{local_day(ready):%Y%m%d}-{row['barcode']}"
                self._send(code, LAB_RESULT, message, local_day(ready), [(row, about)], sent=at)
            else:
                rounds[lab, at].append((row, about))
        self.state.results = left
        for (lab, at), rows in sorted(rounds.items()):
            code, tested = self.sites.city.places[lab].code, local_day(at - ROUND)
            message = f"{code}-{LAB_RESULT}-{tested:%Y%m%d}-{(at - begin) // ROUND}"
            self._send(code, LAB_RESULT, message, tested, rows, sent=at)
