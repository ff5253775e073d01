"""Questions about what was reported, by whom, and who is silent."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from django.db.models import Count, Min, Q, Sum

from citywatch.city.registry.queries import districts, institutions_under
from citywatch.city.registry.types import InstitutionFacts
from citywatch.city.sense.models import Hold
from citywatch.city.sense.rules import due_at, is_owed, status_of
from citywatch.city.sense.streams import ABSENCE, STREAMS
from citywatch.city.sense.types import ClassDay, Coverage, DistrictDay, SiteDay, SubmissionFacts
from citywatch.mechanisms import clock
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.models import Place, ScopedQuerySet
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.services import clock_rule
from citywatch.mechanisms.receipts.models import QuarantinedRow

Arrived = dict[tuple[int, str, date], tuple[int, datetime]]


def coverage(viewer: Viewer, day: date, *, at: datetime | None = None) -> Coverage:
    """How complete a day is, by district and stream, among the sites this viewer may see."""
    found = site_days(viewer, day, day, at=at)
    names = {place.code: Label(place.name_zh, place.name_en) for place in districts()}
    groups: dict[tuple[str, str], list[SiteDay]] = defaultdict(list)
    for one in found:
        groups[one.district_code, one.stream].append(one)
    rows = [
        DistrictDay(
            code,
            names[code],
            stream,
            expected=len(members),
            reported=sum(not one.silent for one in members),
            overdue=sum(one.silent and one.status != "waiting" for one in members),
            count=sum(one.count or 0 for one in members),
        )
        for (code, stream), members in sorted(groups.items(), key=lambda item: (item[0][0], STREAMS.index(item[0][1])))
    ]
    return Coverage(day, due_at(day, clock_rule("daily-return").limit), tuple(rows), tuple(found))


def site_days(viewer: Viewer, first: date, last: date, *, at: datetime | None = None) -> list[SiteDay]:
    """One row for every site, stream and day that must be reported, both days included."""
    at = at or clock.now()
    sites = institutions_under(viewer.paths("sense.view"))
    came = arrived(viewer, first, last, at)
    limit = clock_rule("daily-return").limit
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [
        _site_day(site, stream, day, came, due=due_at(day, limit), at=at)
        for day in days
        for site in sites
        for stream in site.streams
        if stream in STREAMS and is_owed(stream, day)
    ]


def overdue_of(site_ids: Collection[int], viewer: Viewer, *, at: datetime, back: int = 7) -> list[SiteDay]:
    """The returns these sites still owe for the last days, latest first."""
    today = clock.day_of(at)
    owed = site_days(viewer, today - timedelta(days=back), today - timedelta(days=1), at=at)
    late = [one for one in owed if one.place_id in site_ids and one.silent and one.status != "waiting"]
    return sorted(late, key=lambda one: one.day, reverse=True)


def submissions_of_person(viewer: Viewer, person_id: int) -> list[SubmissionFacts]:
    """What this viewer may see of what was reported about a person, oldest first."""
    return _facts(_current(viewer).filter(person_id=person_id).order_by("occurred_at", "pk"))


def submission_facts(ids: Collection[int], viewer: Viewer) -> dict[int, SubmissionFacts]:
    """These submissions by number; those the viewer may not see are left out."""
    return {facts.id: facts for facts in _facts(Submission.objects.visible_to(viewer).filter(pk__in=ids))}


def sent_on(viewer: Viewer, site_ids: Collection[int], day: date) -> list[SubmissionFacts]:
    """What these sites recorded about a day, latest first."""
    rows = _current(viewer).filter(place_id__in=site_ids, occurred_on=day).order_by("-recorded_at", "-pk")
    return _facts(rows)


def class_days(first: date, last: date, *, at: datetime) -> list[ClassDay]:
    """How many pupils of each class were newly absent alike on each day, as known at a moment; for detection.

    Only new absences with a complaint; what was corrected by then is left out.
    """
    standing = Q(corrected_by__isnull=True) | Q(corrected_by__recorded_at__gt=at)
    rows = Submission.objects.filter(
        standing, stream=ABSENCE, occurred_on__range=(first, last), recorded_at__lte=at
    ).exclude(findings=[])
    seen: Counter[tuple[int, str, str, date]] = Counter()
    for place, answers, findings, day in rows.values_list("place_id", "answers", "findings", "occurred_on"):
        for syndrome in findings:
            seen[place, f"{answers['grade']}-{answers['class_no']}", syndrome, day] += 1
    return [ClassDay(*key, count) for key, count in sorted(seen.items())]


def open_holds(viewer: Viewer) -> list[Hold]:
    """People now held at fever clinics, longest first."""
    return list(Hold.objects.visible_to(viewer).filter(state="held").select_related("place").order_by("started_at"))


def ended_holds(viewer: Viewer, *, since: datetime) -> list[Hold]:
    """Holds that ended since a moment, latest first."""
    rows = Hold.objects.visible_to(viewer).filter(ended_at__gte=since).select_related("place")
    return list(rows.order_by("-ended_at"))


def quarantined(viewer: Viewer) -> list[QuarantinedRow]:
    """Rows that wait for a person, oldest first."""
    rows = QuarantinedRow.objects.visible_to(viewer).filter(settled_at__isnull=True)
    return list(rows.select_related("receipt", "place").order_by("receipt__received_at", "number"))


def my_sites(viewer: Viewer) -> list[InstitutionFacts]:
    """The institutions this viewer may report for."""
    return institutions_under(viewer.paths("sense.submit"))


def _current(viewer: Viewer) -> "ScopedQuerySet":
    return Submission.objects.visible_to(viewer).filter(corrected_by__isnull=True)


def arrived(viewer: Viewer, first: date, last: date, at: datetime) -> Arrived:
    """By place, stream and day: how much was reported by a moment, and when the first of it came."""
    rows = (
        Submission.objects.visible_to(viewer)
        .filter(occurred_on__range=(first, last), recorded_at__lte=at, stream__in=STREAMS, corrected_by__isnull=True)
        .values_list("place_id", "stream", "occurred_on")
        .annotate(total=Sum("count"), rows=Count("pk"), first=Min("recorded_at"))
    )
    return {(place, stream, day): (total or 0, first_at) for place, stream, day, total, _, first_at in rows}


def _site_day(site: InstitutionFacts, stream: str, day: date, came: Arrived, *, due: datetime, at: datetime) -> SiteDay:
    count, first_at = came.get((site.place.id, stream, day), (None, None))
    return SiteDay(
        place_id=site.place.id,
        code=site.place.code,
        name=site.place.name,
        district_code=site.place.district_code,
        stream=stream,
        day=day,
        count=count,
        first_at=first_at,
        late=first_at is not None and first_at > due,
        status=status_of(count, due=due, at=at),
    )


def _facts(rows: "Iterable[Submission]") -> list[SubmissionFacts]:
    return [
        SubmissionFacts(
            id=row.pk,
            form=row.form,
            stream=row.stream,
            place_id=row.place_id,
            person_id=row.person_id,
            home_place_id=row.home_place_id,
            occurred_at=row.occurred_at,
            occurred_on=row.occurred_on,
            recorded_at=row.recorded_at,
            answers=row.answers,
            findings=tuple(row.findings),
            count=row.count,
            corrects=row.corrects_id,
            receipt_id=row.receipt_id,
        )
        for row in rows
    ]


def site_places(viewer: Viewer) -> list[Place]:
    """The places behind `my_sites`."""
    return list(Place.objects.filter(pk__in=[site.place.id for site in my_sites(viewer)]).order_by("code"))
