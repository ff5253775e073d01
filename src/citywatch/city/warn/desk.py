"""The duty desk's inbox: which proposals a person asked to see, in which order, with what they need to answer them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from django.core.paginator import Paginator
from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, Subquery, Value, When
from numpy.typing import ArrayLike

from citywatch.city.registry.queries import city_place
from citywatch.city.warn import facts, rules, wording
from citywatch.city.warn.counting import Counted, count_series
from citywatch.city.warn.facts import key_of, label_of
from citywatch.city.warn.gathering import OPEN
from citywatch.city.warn.models import DeskView, HealthEvent, Proposal, Signal
from citywatch.city.warn.types import InboxPage, InboxRow, ProposalFacts, Sought
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, ScopedQuerySet
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock

STATES: Mapping[str, tuple[str, ...]] = {
    "open": OPEN,
    "new": ("new",),
    "watched": ("watched",),
    "verified": ("verified",),
    "closed": ("closed",),
    "joined": ("joined",),
    "all": tuple(rules.PROPOSAL.states),
}
PER_PAGE = 50
VIEWS_AT_MOST = 12
BY_STREET = ("reporting", "home")
_SUBJECT = "warn.proposal"
_SPARK_DAYS = 21
_ON_MAP = 300


def inbox(viewer: Viewer, sought: Sought | None = None, *, at: datetime | None = None, page: int = 1) -> InboxPage:
    """One page of what is sought, what hurts first: the gravest level, then the clock that ends first, then strength.

    With `at`, each line carries three weeks of its strongest series, counted as known then.
    """
    ranked = _ranked(_sought(viewer, sought or Sought()))
    first = list(ranked[:_ON_MAP])
    shown = Paginator(first if len(first) < _ON_MAP else ranked, PER_PAGE).get_page(page)
    rows = list(shown.object_list)
    signals = signals_behind(rows)
    sparks = _sparks(signals, at=at) if at else {}
    lines = tuple(
        InboxRow(
            told_of(row, signals[row.pk]),
            _clock_of(row),
            tuple(row.moves_for(viewer)),
            sparks.get(row.pk, ()),
        )
        for row in rows
    )
    by_level, by_hazard = _open(viewer)
    total = shown.paginator.count
    return InboxPage(lines, shown.number, shown.paginator.num_pages, total, by_level, by_hazard, _points(first))


def foremost(viewer: Viewer, *, most: int = PER_PAGE) -> tuple[list[ProposalFacts], dict[str, int]]:
    """The open proposals that hurt first and how many are open of each level, in a question or two, for a wall."""
    rows = list(_ranked(Proposal.objects.visible_to(viewer).filter(state__in=OPEN))[:most])
    signals = signals_behind(rows)
    told = [told_of(row, signals[row.pk]) for row in rows]
    if len(rows) == most:
        return told, open_by_level(viewer)
    return told, {level: sum(one.level == level for one in told) for level in reversed(rules.LEVELS)}


def open_by_level(viewer: Viewer) -> dict[str, int]:
    """How many open proposals of each level the viewer can see, gravest first, zeros included."""
    return _open(viewer)[0]


def _open(viewer: Viewer) -> tuple[dict[str, int], dict[str, int]]:
    """How many open proposals the viewer can see: of each level, gravest first, zeros included; of each hazard."""
    rows = Proposal.objects.visible_to(viewer).filter(state__in=OPEN).values("level", "hazard")
    by_level: dict[str, int] = dict.fromkeys(reversed(rules.LEVELS), 0)
    by_hazard = Counter[str]()
    for row in rows.annotate(number=Count("pk")):
        by_level[row["level"]] += row["number"]
        by_hazard[row["hazard"]] += row["number"]
    return by_level, by_hazard


def _points(rows: Iterable[Proposal]) -> dict[str, object]:
    """Ranked proposals as points of a map, the gravest last so that they lie on top."""
    points = [
        {"lon": place.lon, "lat": place.lat, "level": row.level, "label": str(label_of(place)), "key": row.pk}
        for row in reversed(list(rows))
        if (place := row.place).lon is not None
    ]
    return {"points": points}


def newest(viewer: Viewer) -> int:
    """The number of the newest proposal the viewer can see, 0 where there is none: what a live desk compares."""
    return int(Proposal.objects.visible_to(viewer).order_by("-pk").values_list("pk", flat=True).first() or 0)


# ---- saved views --------------------------------------------------------------------------------------------------


def views_of(viewer: Viewer) -> list[DeskView]:
    """The viewer's own saved views, in the order they were saved."""
    return list(DeskView.objects.visible_to(viewer).filter(owner=viewer.actor).order_by("pk"))


def save_view(name: str, query: str, *, by: Viewer, at: datetime) -> int:
    """Keep what a person asked the inbox for under a name of theirs; the same name again takes the old one's place."""
    name = name.strip()[:40]
    if not name:
        raise Refusal("A saved view needs a name; write one.", zh="保存的视图须有名称；请填写。")
    kept = views_of(by)
    if len(kept) >= VIEWS_AT_MOST and name not in {one.name for one in kept}:
        raise Refusal(
            f"You have {VIEWS_AT_MOST} saved views; delete one before saving another.",
            zh=f"最多保存{VIEWS_AT_MOST}个视图；请先删除一个。",
        )
    view, _ = DeskView.objects.update_or_create(
        owner=by.actor, name=name, defaults={"place": _place_of(by), "query": query[:400]}
    )
    journal.record("warn.view_saved", place=view.place, by=by, at=at, subject=view, name=name)
    return int(view.pk)


def delete_view(view_id: int, *, by: Viewer, at: datetime) -> None:
    """Delete a view of one's own."""
    view = DeskView.objects.visible_to(by).filter(owner=by.actor).pick_one(view_id)
    journal.record("warn.view_deleted", place=view.place, by=by, at=at, subject=view)  # type: ignore[attr-defined]
    view.delete()


def _place_of(viewer: Viewer) -> Place:
    roots = viewer.paths("warn.view")
    return Place.objects.filter(path__in=roots).order_by("path").first() or city_place()


# ---- rows ----------------------------------------------------------------------------------------------------------


def _sought(viewer: Viewer, sought: Sought) -> ScopedQuerySet:
    wanted = Proposal.objects.visible_to(viewer).filter(state__in=STATES.get(sought.state, OPEN))
    if sought.level in rules.LEVELS:
        wanted = wanted.filter(level=sought.level)
    if sought.district:
        wanted = wanted.filter(place__path__contains=f"/{sought.district}/")
    if sought.hazard:
        wanted = wanted.filter(hazard=sought.hazard)
    if sought.stream == "lab":
        wanted = wanted.exclude(positives=[])
    elif sought.stream:
        wanted = wanted.filter(Exists(Signal.objects.filter(proposal=OuterRef("pk"), stream=sought.stream)))
    for word in sought.words.split()[:5]:
        wanted = wanted.filter(Q(place__name_zh__icontains=word) | Q(place__name_en__icontains=word))
    return wanted


def _ranked(rows: ScopedQuerySet) -> ScopedQuerySet:
    rank = Case(
        *(When(level=level, then=Value(rules.rank(level))) for level in rules.LEVELS), output_field=IntegerField()
    )
    due = F("due_at").asc(nulls_last=True)
    ranked: ScopedQuerySet = with_due(rows).annotate(rank=rank).order_by("-rank", due, "-score", "-pk")
    return ranked


def with_due(rows: ScopedQuerySet) -> ScopedQuerySet:
    """Proposals with what their facts need: the place, when the first running clock ends, and the event made of it."""
    running = Clock.objects.filter(subject_kind=_SUBJECT, subject_id=OuterRef("pk"), stopped_at__isnull=True)
    events = HealthEvent.objects.filter(proposal=OuterRef("pk"))
    first = {f"clock_{name}": Subquery(running.order_by("due_at").values(name)[:1]) for name in ("code", "started_at")}
    told: ScopedQuerySet = rows.select_related("place").annotate(
        due_at=Subquery(running.order_by("due_at").values("due_at")[:1]),
        event_pk=Subquery(events.values("pk")[:1]),
        **first,
    )
    return told


def told_of(row: Any, signals: Sequence[Signal]) -> ProposalFacts:
    """The facts of one row of `with_due` and its signals."""
    return facts.proposal_facts(row, signals=signals, clock=_clock_of(row), event_id=row.event_pk)


def _clock_of(row: Any) -> Clock | None:
    """The running clock of a row of `with_due` that ends first."""
    return Clock(code=row.clock_code, started_at=row.clock_started_at, due_at=row.due_at) if row.due_at else None


def signals_behind(rows: Iterable[Proposal]) -> dict[int, list[Signal]]:
    """The signals of each proposal, in the order they came."""
    signals: dict[int, list[Signal]] = defaultdict(list)
    for signal in Signal.objects.filter(proposal__in=[row.pk for row in rows]).select_related("place").order_by("pk"):
        signals[signal.proposal_id].append(signal)
    return signals


def _sparks(signals: Mapping[int, Sequence[Signal]], *, at: datetime) -> dict[int, tuple[float | None, ...]]:
    """Three weeks of each proposal's strongest series."""
    strongest = {pk: max(rows, key=lambda one: (one.score, one.pk)) for pk, rows in signals.items() if rows}
    grids: dict[tuple[str, str], Counted] = {}
    found: dict[int, tuple[float | None, ...]] = {}
    for pk, signal in strongest.items():
        key = key_of(signal)
        scale = ("street" if key.by in BY_STREET else key.by, key.step)
        if scale not in grids:
            grids[scale] = count_series(at, key)
        series = grids[scale].row(key)
        if series is not None:
            found[pk] = tuple(numbers(series[-_SPARK_DAYS:]))
    return found


def numbers(values: ArrayLike) -> list[float | None]:
    """Numbers as JSON takes them: two decimals, None where nobody reported."""
    return [None if np.isnan(value) else round(float(value), 2) for value in np.asarray(values, dtype=float)]


def hazards_open(by_hazard: Mapping[str, int], *, on: date) -> list[tuple[str, Label, int]]:
    """What open proposals are about, the most frequent first: code, words, how many."""
    found = [(hazard, wording.hazard_words(hazard, on), number) for hazard, number in by_hazard.items()]
    return sorted(found, key=lambda one: (-one[2], one[0]))
