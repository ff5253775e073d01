"""Questions about investigations, cases and contacts, each answered for one viewer."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

from django.db.models import Count, Q

from citywatch.city.registry.queries import place_facts
from citywatch.city.trace import evidence, rules
from citywatch.city.trace.models import Case, Contact, Investigation, Link, RiskPoint, Stay
from citywatch.city.trace.types import CaseCounts, InvestigationFacts, RankedPlace, RiskPointFacts
from citywatch.eventlog.expressions import table, visits_of
from citywatch.mechanisms.clock import SHANGHAI, day_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place, ScopedQuerySet
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock, WorkedModel
from citywatch.mechanisms.lifecycle.types import Transition
from citywatch.mechanisms.vault.services import masked_identities
from citywatch.mechanisms.vault.types import Identity
from citywatch.science.chains import Chains, trace_chains

_MOST_DAYS = 120
"""An epidemic curve longer than this is drawn from its last days; one wrong date must not ask for years of bars."""


@dataclass(frozen=True, slots=True)
class Line:
    """A case or contact on a page: its row, masked name, clocks, and the steps this viewer may take."""

    row: Any
    name: str
    clocks: tuple[Clock, ...]
    moves: tuple[Transition, ...]
    late: bool

    @property
    def clock(self) -> Clock | None:
        """Its own clock to look at first: the running one due soonest, else the last. The source's stands elsewhere."""
        own = [clock for clock in self.clocks if clock.code != "source-lock"]
        return next((clock for clock in own if clock.running), own[-1] if own else None)


@dataclass(frozen=True, slots=True)
class Offspring:
    """A case with the number of cases it infected, and its generation (None inside a circle of links)."""

    label: str
    case_id: int
    infected: int
    generation: int | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything an investigation's page shows."""

    row: Any
    rule: Label
    clocks: tuple[Clock, ...]
    cases: tuple[Line, ...]
    hidden_cases: int
    contacts: tuple[Line, ...]
    contact_states: dict[str, int]
    late_contacts: int
    offspring: tuple[Offspring, ...]
    contradictions: tuple[Label, ...]
    chain_graph: dict[str, Any]
    curve: dict[str, Any]
    risk_points: tuple[RiskPointFacts, ...]
    history: tuple[Any, ...]
    moves: tuple[Transition, ...]


def investigations(viewer: Viewer) -> Any:
    """Investigations the viewer may see, open ones first, newest first, with their numbers of cases."""
    counted = (
        _seen(viewer).select_related("place").annotate(case_count=Count("cases", filter=~Q(cases__state="discarded")))
    )
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
    return evidence.ranked(_investigation(viewer, investigation_id))


def dossier(viewer: Viewer, investigation_id: int, *, at: datetime) -> Dossier:
    """An investigation's cases, contacts, chains, curve and history, as far as the viewer may see them."""
    row = _investigation(viewer, investigation_id)
    everyone = row.cases.exclude(state="discarded")
    shown = list(
        Case.objects.visible_to(viewer).filter(investigation=row).select_related("place").order_by("reported_at", "pk")
    )
    met = list(_contacts(viewer).filter(case__investigation=row))
    clocks = tuple(_clocks_of(Case, list(everyone.values_list("pk", flat=True)), code="source-lock"))
    links = list(Link.objects.visible_to(viewer).filter(infector__investigation=row))
    chains, labels = _chains(links, everyone)
    contact_lines = lines(met, viewer, at=at)
    return Dossier(
        row=row,
        rule=rules.window_rule(day_of(row.opened_at)).describe(row.look_back_days),
        clocks=clocks,
        cases=lines(shown, viewer, at=at),
        hidden_cases=max(0, everyone.count() - sum(case.state != "discarded" for case in shown)),
        contacts=contact_lines,
        contact_states=dict(Counter(line.row.state for line in contact_lines)),
        late_contacts=sum(line.late for line in contact_lines),
        offspring=_offspring(chains, labels),
        contradictions=_contradictions(chains, labels),
        chain_graph=_graph(chains, labels, links),
        curve=curve(everyone),
        risk_points=tuple(risk_points(viewer, investigation_id=row.pk)),
        history=_history(viewer, row, [case.pk for case in shown]),
        moves=tuple(move for move in row.moves_for(viewer) if move.name != "publish_source"),
    )


def lines(rows: Sequence[WorkedModel], viewer: Viewer, *, at: datetime) -> tuple[Line, ...]:
    """Rows of cases or contacts with what a worklist needs of them, in the order given."""
    if not rows:
        return ()
    names = masked_identities({row.person_id for row in rows if row.person_id}, by=viewer)  # type: ignore[attr-defined]
    clocks: dict[int, list[Clock]] = {}
    for clock in _clocks_of(type(rows[0]), [row.pk for row in rows]):
        clocks.setdefault(clock.subject_id, []).append(clock)
    return tuple(
        Line(
            row,
            names.get(row.person_id, Identity()).name,  # type: ignore[attr-defined]
            tuple(clocks.get(row.pk, ())),
            tuple(row.moves_for(viewer)),
            any(clock.is_late(at) for clock in clocks.get(row.pk, ())),
        )
        for row in rows
    )


def worklist(viewer: Viewer, *, kind: str = "", state: str = "") -> Any:
    """Contacts to be moved, the longest known first; all that are not done unless a state is named."""
    rows = _contacts(viewer)
    rows = rows.filter(state=state) if state else rows.exclude(state__in=Contact.LIFECYCLE.done)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.order_by("judged_at", "pk")


def late_contacts(viewer: Viewer, *, at: datetime) -> int:
    """Close contacts whose transfer limit has passed without their transfer."""
    due = Clock.objects.filter(
        code="contact-transfer", subject_kind=Contact._meta.label_lower, stopped_at__isnull=True, due_at__lt=at
    )
    return Contact.objects.visible_to(viewer).filter(pk__in=due.values("subject_id")).count()


def case(viewer: Viewer, case_id: int) -> Any:
    """One case, or the refusal that tells nothing."""
    return Case.objects.visible_to(viewer).select_related("place", "investigation__place").pick_one(case_id)


def contact(viewer: Viewer, contact_id: int) -> Any:
    """One contact, or the refusal that tells nothing."""
    return _contacts(viewer).pick_one(contact_id)


def may_see_investigation(viewer: Viewer, row: Any) -> bool:
    """Whoever sees a case sees the investigation that holds it."""
    return row.investigation_id is not None and viewer.may(Case.VIEW, row.place.path)


@dataclass(frozen=True, slots=True)
class Presence:
    """Where a case was on one day, and how we know."""

    place: Any
    from_at: datetime
    to_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class TimelineDay:
    """One day of a case's fortnight and after."""

    day: date
    exposure: bool
    infectious: bool
    onset: bool
    sampled: bool
    presences: tuple[Presence, ...]


def timeline(row: Any, *, at: datetime) -> tuple[TimelineDay, ...]:
    """The days from the first of a case's exposure window to today (at most two weeks after onset), with its stays."""
    reference = rules.reference_day(row.onset_date, row.sampled_on)
    if reference is None:
        return ()
    rule = rules.window_rule(day_of(row.reported_at))
    back = row.investigation.look_back_days if row.investigation else rule.look_back_days
    first = reference - timedelta(days=rule.exposure_days)
    last = max(reference, min(day_of(at), reference + timedelta(days=rules.EPISODE_DAYS)))
    by_day: dict[date, list[Presence]] = {}
    for one in sorted([*_told(row), *_captured(row)], key=lambda one: one.from_at):
        by_day.setdefault(day_of(one.from_at), []).append(one)
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    return tuple(
        TimelineDay(
            day,
            exposure=day < reference,
            infectious=day >= reference - timedelta(days=back),
            onset=day == row.onset_date,
            sampled=day == row.sampled_on,
            presences=tuple(by_day.get(day, ())),
        )
        for day in days
    )


def stays(row: Any) -> list[Any]:
    return list(Stay.objects.filter(case=row).select_related("visited__parent").order_by("from_at"))


def contacts_of(viewer: Viewer, row: Any, *, at: datetime) -> tuple[Line, ...]:
    return lines(list(_contacts(viewer).filter(case=row)), viewer, at=at)


def risk_points(viewer: Viewer | None = None, *, investigation_id: int | None = None) -> list[RiskPointFacts]:
    """Published risk points, newest first; what is published is known to all, a viewer narrows it to their places."""
    rows = RiskPoint.objects.all() if viewer is None else RiskPoint.objects.visible_to(viewer)
    if investigation_id is not None:
        rows = rows.filter(investigation_id=investigation_id)
    points = list(rows.select_related("investigation", "place__parent").order_by("-published_at", "-pk"))
    return [
        RiskPointFacts(
            id=point.pk,
            investigation_id=point.investigation_id,
            event_id=point.investigation.event_id,
            place_id=point.place_id,
            code=point.place.code,
            name=evidence.full_name(point.place),
            district_code=point.place.district_code,
            lon=point.place.lon,
            lat=point.place.lat,
            published_at=point.published_at,
            because=point.because,
            hours_from_first_positive=point.hours,
        )
        for point in points
    ]


def case_counts(
    viewer: Viewer, *, first: date | None = None, last: date | None = None, investigation_id: int | None = None
) -> CaseCounts:
    """Cases (discarded ones left out) by the day they were reported, by district, occupation and classification."""
    rows = Case.objects.visible_to(viewer).exclude(state="discarded").select_related("place")
    if investigation_id is not None:
        rows = rows.filter(investigation_id=investigation_id)
    kept = [
        (day, row)
        for row in rows
        for day in [day_of(row.reported_at)]
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    return CaseCounts(
        total=len(kept),
        by_day=dict(sorted(Counter(day for day, _ in kept).items())),
        by_district=dict(Counter(row.place.district_code or row.place.code for _, row in kept)),
        by_occupation=dict(Counter(row.occupation for _, row in kept)),
        by_classification=dict(Counter(row.classification for _, row in kept)),
    )


def source_clocks(viewer: Viewer) -> list[Clock]:
    """The source clocks of cases the viewer may see, running ones first."""
    ids = list(Case.objects.visible_to(viewer).values_list("pk", flat=True))
    return sorted(_clocks_of(Case, ids, code="source-lock"), key=lambda clock: (not clock.running, clock.due_at))


def find_places(text: str, *, limit: int = 12) -> list[Any]:
    """Places whose code or name holds the text, where people can be (no districts or streets)."""
    wanted = text.strip()
    if not wanted:
        return []
    named = Q(code__startswith=wanted) | Q(name_zh__icontains=wanted) | Q(name_en__icontains=wanted)
    named |= Q(parent__name_zh__icontains=wanted, parent__kind="market")
    return list(
        Place.objects.filter(named).exclude(kind__in=evidence.AREAS).select_related("parent").order_by("code")[:limit]
    )


def curve(cases: Any) -> dict[str, Any]:
    """The epidemic curve by onset (by sampling in those never ill), one series per classification."""
    dated = [
        (rules.reference_day(onset, sampled), kind)
        for onset, sampled, kind in cases.values_list("onset_date", "sampled_on", "classification")
    ]
    known = [(day, kind) for day, kind in dated if day is not None]
    if not known:
        return {"days": [], "series": []}
    last = max(day for day, _ in known)
    first = max(min(day for day, _ in known), last - timedelta(days=_MOST_DAYS - 1))
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    counts = Counter(known)
    return {
        "days": [day.isoformat() for day in days],
        "series": [
            {"name": str(label), "values": [counts[day, kind] for day in days]}
            for kind, label in rules.CLASSIFICATIONS.items()
            if any(k == kind for _, k in known)
        ],
    }


def map_of(viewer: Viewer, found: Dossier, places: Sequence[RankedPlace]) -> dict[str, Any]:
    """Cases by district, with the leading places and the published ones as points."""
    counts = case_counts(viewer, investigation_id=found.row.pk).by_district
    published = {point.place_id for point in found.risk_points}
    points = [
        {
            "lon": one.lon,
            "lat": one.lat,
            "label": f"{one.rank}. {one.name}",
            "level": "red" if one.place_id in published else "blue",
        }
        for one in places[:5]
        if one.lon is not None and one.lat is not None
    ]
    return {
        "areas": {code: {"value": number, "label": f"{number}"} for code, number in counts.items()},
        "points": points,
        "caption": "",
    }


def _investigation(viewer: Viewer, investigation_id: int) -> Investigation:
    return cast("Investigation", _seen(viewer).select_related("place").pick_one(investigation_id))


def _seen(viewer: Viewer) -> ScopedQuerySet:
    """Investigations led in the viewer's places, and those elsewhere that hold one of the viewer's cases.

    A case found in one district and reported in another is worked by both; each sees its own people in it.
    """
    led = Investigation.objects.visible_to(viewer).values("pk")
    shared = Case.objects.visible_to(viewer).values("investigation_id")
    found: ScopedQuerySet = Investigation.objects.filter(Q(pk__in=led) | Q(pk__in=shared))
    return found


def _contacts(viewer: Viewer) -> Any:
    return (
        Contact.objects.visible_to(viewer)
        .select_related("place", "case__investigation", "visited__parent")
        .order_by("case_id", "pk")
    )


def _clocks_of(model: type[WorkedModel], ids: Collection[int], *, code: str = "") -> list[Clock]:
    clocks = Clock.objects.filter(subject_kind=model._meta.label_lower, subject_id__in=ids).order_by("due_at")
    return list(clocks.filter(code=code) if code else clocks)


def _chains(links: Sequence[Link], cases: Any) -> tuple[Chains, dict[str, tuple[str, int]]]:
    """The chains by case number, and each number's label."""
    labels = {str(row.pk): (row.title, row.pk) for row in cases}
    pairs = [(str(link.infector_id), str(link.infectee_id)) for link in links]
    return trace_chains([pair for pair in pairs if pair[0] in labels and pair[1] in labels]), labels


def _offspring(chains: Chains, labels: dict[str, tuple[str, int]]) -> tuple[Offspring, ...]:
    found = [
        Offspring(*labels[key], infected, generation if generation >= 0 else None)
        for key, infected, generation in zip(
            chains.cases, chains.offspring.tolist(), chains.generation.tolist(), strict=True
        )
    ]
    return tuple(sorted((one for one in found if one.infected), key=lambda one: (-one.infected, one.label)))


def _contradictions(chains: Chains, labels: dict[str, tuple[str, int]]) -> tuple[Label, ...]:
    told = []
    for circle in chains.cycles:
        names = [labels[key][0] for key in circle]
        if len(names) == 1:
            told.append(
                Label(
                    f"{names[0]}被登记为感染了自己；请更正。",
                    f"{names[0]} is on record as having infected themselves; correct it.",
                )
            )
            continue
        told.append(
            Label(
                f"传播链成环：{'、'.join(names)}；请核实方向。",
                f"These links form a circle: {', '.join(names)}; check who infected whom.",
            )
        )
    if chains.several_infectors:
        names = [labels[key][0] for key in chains.several_infectors]
        told.append(
            Label(
                f"{len(names)}例登记了多个感染来源：{'、'.join(names[:8])}；请核实。",
                f"{len(names)} cases have more than one infector on record: {', '.join(names[:8])}; check them.",
            )
        )
    return tuple(told)


def _graph(chains: Chains, labels: dict[str, tuple[str, int]], links: Sequence[Link]) -> dict[str, Any]:
    def category(generation: int) -> str:
        return str(
            Label(f"第{generation}代", f"Generation {generation}") if generation >= 0 else Label("代次不明", "Unknown")
        )

    nodes = [
        {"id": key, "name": labels[key][0], "category": category(generation), "size": 10 + min(30, infected)}
        for key, infected, generation in zip(
            chains.cases, chains.offspring.tolist(), chains.generation.tolist(), strict=True
        )
    ]
    known = {node["id"] for node in nodes}
    ends = [(str(link.infector_id), str(link.infectee_id)) for link in links]
    return {"nodes": nodes, "links": [{"source": a, "target": b} for a, b in ends if a in known and b in known]}


def _told(row: Any) -> list[Presence]:
    return [Presence(stay.visited, stay.from_at, stay.to_at, stay.source) for stay in stays(row)]


def _captured(row: Any) -> list[Presence]:
    """The case's own visits in the log."""
    if not row.person_id:
        return []
    found = export.engine().run(
        visits_of(table("visits"), table("people")), export.store().pin(), people={"person": [row.person_id]}
    )
    places = Place.objects.select_related("parent").in_bulk([int(pk) for pk in found["place"]])
    return [
        Presence(places[int(place)], _instant(began), _instant(ended), "visit")
        for place, began, ended in zip(found["place"], found["minute_in"], found["minute_out"], strict=True)
        if int(place) in places
    ]


def _instant(minutes: int) -> datetime:
    return datetime.fromtimestamp(int(minutes) * 60, tz=SHANGHAI)


def place_names(ids: Collection[int]) -> dict[int, Label]:
    """Names of places, for pages."""
    return {pk: facts.name for pk, facts in place_facts(ids).items()}


HISTORY: dict[str, Label] = {
    "trace.investigation_opened": Label("调查立案", "Investigation opened"),
    "trace.case_registered": Label("登记病例", "Case registered"),
    "trace.case_attached": Label("病例并入调查", "Case joined the investigation"),
    "trace.interview_recorded": Label("完成一次流调访谈", "Interview recorded"),
    "trace.case_core": Label("核心信息已报", "Core information in"),
    "trace.case_complete": Label("初步报告完成", "First report complete"),
    "trace.case_discard": Label("排除病例", "Case discarded"),
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


def _history(viewer: Viewer, row: Investigation, case_ids: Sequence[int]) -> tuple[Happening, ...]:
    """The journal's entries about the investigation and the cases shown, newest first."""
    points = list(row.risk_points.values_list("pk", flat=True))
    about = Q(subject_kind="trace.investigation", subject_id=row.pk)
    about |= Q(subject_kind="trace.case", subject_id__in=case_ids)
    about |= Q(subject_kind="trace.riskpoint", subject_id__in=points)
    entries = Entry.objects.visible_to(viewer).filter(about, kind__in=HISTORY).order_by("-at", "-pk")[:200]
    titles = {case.pk: case.title for case in Case.objects.filter(pk__in=case_ids)}
    return tuple(
        Happening(
            entry.at,
            HISTORY[entry.kind],
            titles.get(entry.subject_id, "") if entry.subject_kind == "trace.case" else "",
            entry.because,
        )
        for entry in entries
    )


def place_typed(text: str) -> list[str]:
    """The codes a person may mean by what they typed: a code, "code name", or a name."""
    wanted = text.strip()
    first = wanted.split(" ")[0]
    exact = Place.objects.filter(code=first).exclude(kind__in=evidence.AREAS).values_list("code", flat=True)
    if exact:
        return list(exact)
    named = Place.objects.filter(Q(name_zh=wanted) | Q(name_en=wanted)).exclude(kind__in=evidence.AREAS)
    return list(named.values_list("code", flat=True)[:2])


def case_by_barcode(barcode: str) -> int | None:
    """The case that a positive sample made, by the sample's barcode."""
    return Case.objects.filter(sample_barcode=barcode).values_list("pk", flat=True).first()


def is_interviewed(barcode: str) -> bool:
    """Whether the case of this sample has been interviewed (true too where there is no such case to ask)."""
    found = Case.objects.filter(sample_barcode=barcode)
    return not found.exists() or found.exclude(state="reported").exists()


def contacts_waiting(viewer: Viewer, *, judged_before: datetime) -> list[int]:
    """Close contacts judged before a moment and not yet in quarantine."""
    waiting = worklist(viewer, kind="close").filter(state__in=("listed", "notified"), judged_at__lte=judged_before)
    return list(waiting.values_list("pk", flat=True))
