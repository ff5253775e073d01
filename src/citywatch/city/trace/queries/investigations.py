"""Investigations with their cases, curve, map and history."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, cast

from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, TruncDate

from citywatch.city.trace import evidence, rules
from citywatch.city.trace.lifecycles import GIVEN_AWAY, NOT_COUNTED
from citywatch.city.trace.models import COUNTED, Case, Investigation, Link, RiskPoint
from citywatch.city.trace.queries.chains import (
    ChainTree,
    Met,
    Offspring,
    chain_tree,
    contradictions_in,
    offspring_of,
    told_chains,
)
from citywatch.city.trace.queries.contacts import Line, contacts_in, lines, names_and_clocks
from citywatch.city.trace.queries.curve import curve
from citywatch.city.trace.queries.places import risk_point_facts
from citywatch.city.trace.queries.source_lock import INTERVIEWS, VERIFIED, SourceLock, source_lock
from citywatch.city.trace.types import CaseCounts, InvestigationFacts, RankedPlace, RiskPointFacts
from citywatch.city.trace.whereabouts import Telling, told_by
from citywatch.mechanisms.clock import SHANGHAI, day_of, start_of
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import ScopedQuerySet
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.types import Transition


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything an investigation's page shows."""

    row: Any
    rule: Label
    clocks: tuple[Clock, ...]
    lock: SourceLock
    cases: tuple[Line, ...]
    hidden_cases: int
    contacts: tuple[Line, ...]
    contact_states: dict[str, int]
    late_contacts: int
    offspring: tuple[Offspring, ...]
    contradictions: tuple[Label, ...]
    chains: ChainTree
    curve: dict[str, Any]
    ages: dict[str, Any]
    risk_points: tuple[RiskPointFacts, ...]
    history: tuple[Any, ...]
    moves: tuple[Transition, ...]


def investigations(viewer: Viewer) -> Any:
    """Investigations the viewer may see, open ones first, newest first, with their numbers of cases."""
    # A question of its own for each row shown: joined, the cases of all would be counted to show a page.
    cases = Case.objects.filter(COUNTED, investigation=OuterRef("pk")).order_by().values("investigation")
    number = Subquery(cases.annotate(number=Count("pk")).values("number"))
    counted = seen_by(viewer).select_related("place").annotate(case_count=Coalesce(number, 0))
    return counted.order_by("state", "-opened_at")


def investigation_for_event(event_id: int) -> int | None:
    """The investigation of a verified event, if one was opened."""
    return Investigation.objects.filter(event_id=event_id).values_list("pk", flat=True).first()


def investigation_facts(ids: Collection[int], viewer: Viewer) -> dict[int, InvestigationFacts]:
    """Facts of those among `ids` that the viewer may see."""
    return {
        row.pk: InvestigationFacts(
            row.pk, row.event_id, row.place_id, row.hazard, row.title, row.state, row.opened_at, row.case_count
        )
        for row in investigations(viewer).filter(pk__in=ids)
    }


def ranking(viewer: Viewer, investigation_id: int) -> list[RankedPlace]:
    """The places the cases shared, best explanation first; see `evidence.ranked`."""
    return evidence.ranked(investigation_row(viewer, investigation_id))


@dataclass(frozen=True, slots=True)
class Opened:
    """An investigation read whole, once for a page: all its cases, those the viewer may see, what they told."""

    row: Investigation
    cases: tuple[Any, ...]
    seen: frozenset[int]
    told: Telling

    @property
    def counted(self) -> tuple[Case, ...]:
        """The cases that count, by number."""
        return self.told.cases


def opened(viewer: Viewer, investigation_id: int) -> Opened:
    """Read an investigation the viewer may see, in three questions."""
    row = investigation_row(viewer, investigation_id)
    visible = Case.objects.visible_to(viewer).filter(pk=OuterRef("pk"))
    cases = tuple(row.cases.annotate(is_seen=Exists(visible)).select_related("place").order_by("reported_at", "pk"))
    told = told_by([case for case in cases if case.state not in NOT_COUNTED])
    return Opened(row, cases, frozenset(case.pk for case in cases if case.is_seen), told)


def dossier(viewer: Viewer, investigation_id: int, *, at: datetime, read: Opened | None = None) -> Dossier:
    """An investigation's cases, contacts, chains, curve and history, as far as the viewer may see them."""
    read = read or opened(viewer, investigation_id)
    row, everyone = read.row, read.counted
    shown = [case for case in read.cases if case.pk in read.seen and case.state not in GIVEN_AWAY]
    named = contacts_in(viewer, read.cases)
    known = Met(read.told.stays, [contact for contact in named if contact.state != "dropped"])
    met = [contact for contact in named if contact.is_seen]
    hidden = [case for case in read.cases if case.pk not in read.seen]
    along = names_and_clocks([*(case for case in read.cases if case.pk in read.seen), *met], viewer, unnamed=hidden)
    case_clocks = [one for case in read.cases for one in along.clocks.get((Case._meta.label_lower, case.pk), ())]
    numbers = {case.pk for case in everyone}
    clocks = (one for one in case_clocks if one.code == "source-lock" and one.subject_id in numbers)
    links = list(Link.objects.visible_to(viewer).filter(infector__investigation=row))
    chains, labels = told_chains(links, everyone)
    contact_lines = lines(met, viewer, at=at, along=along)
    points, published = _points(viewer, row)
    entries = _entries(viewer, read, points)
    return Dossier(
        row=row,
        rule=rules.window_rule(day_of(row.opened_at)).describe(row.look_back_days),
        clocks=tuple(sorted(clocks, key=lambda one: one.due_at)),
        lock=source_lock(row, read.cases, clocks=case_clocks, entries=entries, published=published),
        cases=lines(shown, viewer, at=at, along=along),
        hidden_cases=max(0, len(everyone) - sum(case.state not in NOT_COUNTED for case in shown)),
        contacts=contact_lines,
        contact_states=dict(Counter(line.row.state for line in contact_lines)),
        late_contacts=sum(line.late for line in contact_lines),
        offspring=offspring_of(chains, labels),
        contradictions=contradictions_in(chains, labels),
        chains=chain_tree(
            everyone,
            links,
            seen={case.pk for case in shown},
            met=known,
        ),
        curve=curve(everyone, at=at),
        ages=age_pyramid(case for case in shown if case.state not in NOT_COUNTED),
        risk_points=tuple(risk_point_facts(point) for point in points if point.is_seen),
        history=_history(read, entries, {case.pk for case in shown}),
        moves=tuple(move for move in row.moves_for(viewer) if move.name != "publish_source"),
    )


def case_counts(
    viewer: Viewer,
    *,
    first: date | None = None,
    last: date | None = None,
    investigation_id: int | None = None,
    without: Collection[int] = (),
) -> CaseCounts:
    """Cases (discarded ones and those `without` left out) by day reported, district, occupation, classification."""
    rows = Case.objects.visible_to(viewer).filter(COUNTED).exclude(pk__in=without)
    if investigation_id is not None:
        rows = rows.filter(investigation_id=investigation_id)
    if first is not None:
        rows = rows.filter(reported_at__gte=start_of(first))
    if last is not None:
        rows = rows.filter(reported_at__lt=start_of(last + timedelta(days=1)))
    day = TruncDate("reported_at", tzinfo=SHANGHAI)
    kept = rows.annotate(day=day).values_list("day", "place__path", "place__code", "occupation", "classification")
    by_day, by_district, by_occupation, by_classification = (
        Counter[Any](),
        Counter[str](),
        Counter[str](),
        Counter[str](),
    )
    for on, path, code, occupation, classification, number in kept.annotate(number=Count("pk")).order_by():
        by_day[on] += number
        by_district[(path.split("/")[1:-1] or [code])[0]] += number
        by_occupation[occupation] += number
        by_classification[classification] += number
    return CaseCounts(
        total=by_day.total(),
        by_day=dict(sorted(by_day.items())),
        by_district=dict(by_district),
        by_occupation=dict(by_occupation),
        by_classification=dict(by_classification),
    )


def case_total(viewer: Viewer) -> int:
    """How many cases the viewer may see, discarded ones left out."""
    return int(Case.objects.visible_to(viewer).filter(COUNTED).count())


def source_clocks(viewer: Viewer, *, most: int = 3) -> list[Clock]:
    """The source clocks of cases the viewer may see: the running ones due soonest, else those met."""
    clocks = Clock.objects.visible_to(viewer, Case.VIEW).filter(subject_kind=Case._meta.label_lower, code="source-lock")
    running = list(clocks.filter(stopped_at__isnull=True).order_by("due_at")[:most])
    return running or list(clocks.filter(stopped_at__isnull=False).order_by("-due_at")[:most])


def age_pyramid(cases: Iterable[Case]) -> dict[str, Any]:
    """Men and women by ten years of age, the oldest first; those of whom either is not known are `unknown`."""
    counts: Counter[tuple[int, str]] = Counter()
    unknown = 0
    for case in cases:
        if case.age is None or case.sex not in _SEXES:
            unknown += 1
        else:
            counts[min(case.age // 10, _OLDEST), case.sex] += 1
    bands = range(_OLDEST, -1, -1)
    return {
        "labels": [f"{10 * one}+" if one == _OLDEST else f"{10 * one}–{10 * one + 9}" for one in bands],
        "series": [
            {"name": str(label), "values": [counts[one, sex] for one in bands]} for sex, label in _SEXES.items()
        ],
        "known": counts.total(),
        "unknown": unknown,
    }


_SEXES = {"M": Label("男", "Male"), "F": Label("女", "Female")}
_OLDEST = 8  # tens of years, and everybody beyond


def investigation_row(viewer: Viewer, investigation_id: int) -> Investigation:
    return cast("Investigation", seen_by(viewer).select_related("place").pick_one(investigation_id))


def seen_by(viewer: Viewer) -> ScopedQuerySet:
    """Investigations led in the viewer's places, and those elsewhere that hold one of the viewer's cases.

    A case found in one district and reported in another is worked by both; each sees its own people in it. One opened
    in an emergency is shown alone: its investigation tells of all the others.
    """
    led = Investigation.objects.visible_to(viewer).values("pk")
    shared = Case.objects.visible_to(replace(viewer, opened={})).filter(investigation=OuterRef("pk"))
    found: ScopedQuerySet = Investigation.objects.filter(Q(pk__in=led) | Exists(shared))
    return found


HISTORY: dict[str, Label] = {
    "trace.investigation_opened": Label("调查立案", "Investigation opened"),
    "trace.case_registered": Label("登记病例", "Case registered"),
    "trace.case_attached": Label("病例并入调查", "Case joined the investigation"),
    "trace.interview_recorded": Label("完成一次流调访谈", "Interview recorded"),
    "trace.case_core": Label("核心信息已报", "Core information in"),
    "trace.case_complete": Label("初步报告完成", "First report complete"),
    "trace.case_discard": Label("排除病例", "Case discarded"),
    "trace.case_hand_over": Label("移交外区", "Handed over to another district"),
    "trace.case_offered": Label("外区移交，待接收", "Handed over by another district, to be accepted"),
    "trace.case_taken_over": Label("外区已接收", "Taken over by the other district"),
    "trace.case_sent_back": Label("被外区退回", "Sent back by the other district"),
    "trace.case_isolated": Label("登记隔离时间", "Isolation recorded"),
    "trace.case_classified": Label("更改病例分类", "Case reclassified"),
    "trace.look_back_changed": Label("更改密接追溯天数", "Look-back changed"),
    "trace.risk_point_published": Label("公布风险点位", "Risk point published"),
    "trace.line_list_imported": Label("导入病例名单", "Line list imported"),
    "trace.contacts_imported": Label("导入传播关系", "Contacts imported"),
    "trace.investigation_close": Label("结案", "Closed"),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of an investigation's history."""

    at: datetime
    what: Label
    subject: str
    because: str


_HISTORY_LINES = 200


def _points(viewer: Viewer, row: Investigation) -> tuple[list[Any], datetime | None]:
    """Its risk points, newest first, each with whether the viewer may see it; and when the first was published."""
    visible = RiskPoint.objects.visible_to(viewer).filter(pk=OuterRef("pk"))
    points = row.risk_points.annotate(is_seen=Exists(visible)).select_related("place__parent")
    found = list(points.order_by("-published_at", "-pk"))
    for point in found:
        point.investigation = row
    return found, found[-1].published_at if found else None


def _entries(viewer: Viewer, read: Opened, points: Sequence[Any]) -> list[Any]:
    """What the journal says of the investigation, its cases and points, oldest first; `is_seen`: by the viewer too."""
    about = Q(subject_kind="trace.investigation", subject_id=read.row.pk)
    about |= Q(subject_kind="trace.case", subject_id__in=[case.pk for case in read.cases])
    about |= Q(subject_kind="trace.riskpoint", subject_id__in=[point.pk for point in points])
    asked = Q(about, kind__in={*HISTORY, *INTERVIEWS})
    if read.row.event_id is not None:
        asked |= Q(subject_kind="warn.healthevent", subject_id=read.row.event_id, kind=VERIFIED)
    visible = Entry.objects.visible_to(viewer).filter(pk=OuterRef("pk"))
    return list(Entry.objects.filter(asked).annotate(is_seen=Exists(visible)).order_by("at", "pk"))


def _history(read: Opened, entries: Sequence[Any], shown: Collection[int]) -> tuple[Happening, ...]:
    """The entries the viewer may see about the investigation and the cases shown, newest first."""
    titles = {case.pk: case.title for case in read.cases}
    seen = [
        entry
        for entry in reversed(entries)
        if entry.is_seen and entry.kind in HISTORY and (entry.subject_kind != "trace.case" or entry.subject_id in shown)
    ]
    return tuple(
        Happening(
            entry.at,
            HISTORY[entry.kind],
            titles.get(entry.subject_id, "") if entry.subject_kind == "trace.case" else "",
            entry.because,
        )
        for entry in seen[:_HISTORY_LINES]
    )
