"""Questions about samples and results."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from django.db.models import Q

from citywatch.city.lab.models import Sample
from citywatch.city.lab.types import LOOSE_KINDS, DayOfResults, LooseEnd, SampleFacts
from citywatch.city.registry.queries import institutions_under
from citywatch.mechanisms import clock
from citywatch.mechanisms.finding import MOST, Found, Sought
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.models import Clock

_BARCODE_BEGINS = 4  # characters: fewer begin too many


def sample_facts(*, barcodes: Collection[str] = (), ids: Collection[int] = ()) -> dict[str, SampleFacts]:
    """These samples by barcode, for areas that hold a barcode or a number already."""
    return {facts.barcode: facts for facts in _facts(Sample.objects.filter(Q(barcode__in=barcodes) | Q(pk__in=ids)))}


def samples_of_person(person_id: int) -> list[SampleFacts]:
    """Every sample of a person, oldest first."""
    return _facts(Sample.objects.filter(person_id=person_id).order_by("ordered_at"))


def first_positive_at(*, since: datetime | None = None) -> datetime | None:
    """When the first positive result (since a moment) was recorded."""
    rows = Sample.objects.filter(state="positive", resulted_at__isnull=False)
    if since is not None:
        rows = rows.filter(resulted_at__gte=since)
    return rows.order_by("resulted_at").values_list("resulted_at", flat=True).first()


def positives(viewer: Viewer, since: datetime, until: datetime) -> list[SampleFacts]:
    """Positive results recorded between two moments that this viewer may see, oldest first."""
    rows = Sample.objects.visible_to(viewer).filter(state="positive", resulted_at__gte=since, resulted_at__lte=until)
    return _facts(rows.order_by("resulted_at"))


def daily_results(first: date, last: date) -> list[DayOfResults]:
    """Results recorded on each day, both days included; a day without results is a row of zeros."""
    since, until = clock.start_of(first), clock.start_of(date.fromordinal(last.toordinal() + 1))
    rows = Sample.objects.filter(resulted_at__gte=since, resulted_at__lt=until).values_list("resulted_at", "state")
    found = Counter((clock.day_of(at), state) for at, state in rows)
    days = [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
    return [
        DayOfResults(day, found[day, "negative"], found[day, "positive"], found[day, "indeterminate"]) for day in days
    ]


def waiting(viewer: Viewer) -> list[tuple[Sample, Clock | None]]:
    """Samples that wait for a result, the most urgent first, each with its clock."""
    rows = Sample.objects.visible_to(viewer).filter(state__in=["ordered", "indeterminate"]).select_related("place")
    samples = list(rows.order_by("ordered_at"))
    running = Clock.objects.filter(
        code="pcr-clinic", subject_kind="lab.sample", subject_id__in=[s.pk for s in samples], stopped_at__isnull=True
    )
    by_sample = {clock_row.subject_id: clock_row for clock_row in running}
    return [(sample, by_sample.get(sample.pk)) for sample in samples]


def latest(viewer: Viewer, *, limit: int = 20) -> list[Sample]:
    """The results recorded last."""
    rows = Sample.objects.visible_to(viewer).filter(resulted_at__isnull=False).select_related("place", "lab_place")
    return list(rows.order_by("-resulted_at")[:limit])


def loose_ends(viewer: Viewer) -> list[LooseEnd]:
    """Results and orders that wait for a human: no order, a contradiction, a barcode used twice.

    An unmatched result leaves the list when its order comes.
    """
    entries = list(
        Entry.objects.visible_to(viewer, "lab.view")
        .filter(kind__in=LOOSE_KINDS)
        .select_related("place")
        .order_by("-at")
    )
    known = set(
        Sample.objects.filter(barcode__in=[entry.body["barcode"] for entry in entries]).values_list(
            "barcode", flat=True
        )
    )
    return [
        LooseEnd(
            kind=entry.kind,
            barcode=entry.body["barcode"],
            result=entry.body.get("answers", {}).get("result", ""),
            place_id=entry.place_id,
            place_name=str(entry.place),
            at=entry.at,
            submission_id=entry.body.get("result_submission") or entry.body.get("submission") or 0,
        )
        for entry in entries
        if entry.kind != "lab.result_unmatched" or entry.body["barcode"] not in known
    ]


def my_labs(viewer: Viewer) -> list[Place]:
    """The laboratories this viewer may report results for."""
    ids = [site.place.id for site in institutions_under(viewer.paths("lab.result")) if "lab" in site.streams]
    return list(Place.objects.filter(pk__in=ids).order_by("code"))


def _facts(rows: Iterable[Sample]) -> list[SampleFacts]:
    return [
        SampleFacts(
            id=row.pk,
            barcode=row.barcode,
            person_id=row.person_id,
            place_id=row.place_id,
            lab_place_id=row.lab_place_id,
            submission_id=row.submission_id,
            state=row.state,
            ordered_at=row.ordered_at,
            resulted_at=row.resulted_at,
            ct_orf1ab=row.ct_orf1ab,
            ct_n=row.ct_n,
        )
        for row in rows
    ]


def find(viewer: Viewer, sought: Sought) -> list[Found]:
    """Samples by their barcode, or how it begins."""
    if len(sought.words) < _BARCODE_BEGINS:
        return []
    return _found(Sample.objects.visible_to(viewer).filter(barcode__startswith=sought.words.upper()))


def of_person(viewer: Viewer, person_id: int) -> list[Found]:
    """The samples taken of this person, among those the viewer may see."""
    return _found(Sample.objects.visible_to(viewer).filter(person_id=person_id))


def _found(rows: Any) -> list[Found]:
    latest = rows.select_related("place").order_by("-ordered_at")[:MOST]
    return [Found.row("sample", row, row.barcode) for row in latest]


def sample(viewer: Viewer, sample_id: int) -> Any:
    """One sample the viewer may see, for its page."""
    return Sample.objects.visible_to(viewer).select_related("place", "lab_place").pick_one(sample_id)
