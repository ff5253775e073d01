"""When what a site wrote reaches the city, as the demo tells it: one list of batches for a whole story.

Runs that go day by day send through `post`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from citywatch.simulation.days import DAY, instant, local_day, midnight
from citywatch.simulation.streams.rows import ABSENCE, FORM_OF_STREAM, ZERO_REPORT, Batch, LabResult, Report, result_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    import numpy as np

    from citywatch.simulation.people import City
    from citywatch.simulation.streams.sites import Sites

LATE: Final = 0.012
MISSING: Final = 0.008


def label_samples(reports: Iterable[Report]) -> dict[int, str]:
    """Give every ordered sample a barcode of its own, in order of time; returns the barcode of each tested person."""
    barcodes = {}
    ordered = [report for report in reports if report.row.get("pcr_ordered") == "Y"]
    for number, report in enumerate(sorted(ordered, key=lambda r: (r.at, r.site, r.person)), start=1):
        barcode = f"S{local_day(report.at):%y%m%d}{number:06d}"
        report.row["sample_barcode"] = barcode
        if report.positive_at is not None:
            barcodes[report.person] = barcode
    return barcodes


def batches(
    sites: Sites, reports: Sequence[Report], *, days: Sequence[date], live_from: int, rng: np.random.Generator
) -> list[Batch]:
    """What the sites send, in the order it is sent.

    One batch a site, form and day at closing time, with a zero-report for each stream that saw nothing. From minute
    `live_from` each fever-clinic visit goes at once. About 2 % of site-days come the next morning or never; sites with
    a fever clinic are always in time, as their visits hold people.
    """
    sent: list[Batch] = []
    daily: dict[tuple[int, date], dict[str, list[Report]]] = defaultdict(lambda: defaultdict(list))
    busy: set[tuple[int, date, str]] = set()
    for report in sorted(reports, key=lambda r: (r.at, r.site, r.person, r.stream)):
        day = local_day(report.at)
        busy.add((report.site, day, report.stream))
        if report.live or (report.stream == "fever" and report.at >= live_from):
            delay = int(rng.integers(3, 12))
            sent.append(_batch(sites, report.site, stream=report.stream, rows=[report], sent=report.at + delay))
        else:
            daily[report.site, day][report.stream].append(report)
    clinical = [stream for stream in FORM_OF_STREAM if stream != ABSENCE]  # schools have a calendar of their own
    for site in sorted({i for stream in clinical for i in sites.of(stream)}):
        for day in days:
            at = _sending_minute(sites, site, day=day, rng=rng)
            if at is None:
                continue
            for stream, rows in sorted(daily[site, day].items()):
                sent.append(_batch(sites, site, stream=stream, rows=rows, sent=at))
            duties = sites.city.places[site].streams
            idle = [s for s in duties if s in FORM_OF_STREAM and (site, day, s) not in busy]
            if idle:
                sent.append(_zero(sites, site, day=day, streams=idle, sent=at))
    return sorted(sent, key=lambda batch: (batch.sent_at, batch.site_code, batch.form))


def _sending_minute(sites: Sites, site: int, *, day: date, rng: np.random.Generator) -> int | None:
    chance, slip, morning = rng.random(), int(rng.integers(0, 9)), int(rng.integers(8 * 60, 11 * 60))
    if "fever" not in sites.city.places[site].streams:
        if chance < MISSING:
            return None
        if chance < MISSING + LATE:
            return midnight(day) + DAY + morning
    return midnight(day) + sites.closing[site] + slip


def _batch(sites: Sites, site: int, *, stream: str, rows: Sequence[Report], sent: int) -> Batch:
    return Batch(
        site_code=sites.city.places[site].code,
        form=FORM_OF_STREAM[stream],
        day=local_day(rows[0].at),
        sent_at=instant(sent),
        rows=[report.row for report in rows],
    )


def _zero(sites: Sites, site: int, *, day: date, streams: Sequence[str], sent: int) -> Batch:
    rows = [{"stream": stream, "day": day.isoformat()} for stream in streams]
    return Batch(site_code=sites.city.places[site].code, form=ZERO_REPORT, day=day, sent_at=instant(sent), rows=rows)


def lab_results(
    city: City, reports: Sequence[Report], *, received: dict[str, int], rng: np.random.Generator
) -> list[LabResult]:
    """A result for every ordered sample, 4 to 20 hours after the visit and never before the order was sent.

    `received` gives the minute each barcode's batch was sent. Positive samples come at their own `positive_at`.
    """
    labs = city.of_kind("lab")
    results = []
    ordered = [report for report in reports if report.row.get("sample_barcode")]
    for report in sorted(ordered, key=lambda r: r.row["sample_barcode"]):
        barcode = report.row["sample_barcode"]
        ready = report.at + int(rng.integers(4 * 60, 16 * 60))
        ready = max(ready, received[barcode] + int(rng.integers(10, 180)))
        at = ready if report.positive_at is None else report.positive_at
        lab = city.places[int(labs[report.site % len(labs)])].code
        row = result_row(barcode, at=at, positive=report.positive_at is not None, rng=rng)
        results.append(LabResult(lab_code=lab, barcode=barcode, sent_at=instant(at), row=row))
    return sorted(results, key=lambda result: (result.sent_at, result.barcode))
