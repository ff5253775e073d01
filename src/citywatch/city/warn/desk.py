"""The duty desk's inbox: which proposals a person asked to see, in which order, with what they need to answer them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from django.core.paginator import Paginator
from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, Subquery, Value, When
from numpy.typing import ArrayLike

from citywatch.city.registry.queries import city_place, place_facts
from citywatch.city.warn import facts, rules, wording
from citywatch.city.warn.counting import Counted, count_series
from citywatch.city.warn.facts import key_of
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
    shown = Paginator(_ranked(_sought(viewer, sought or Sought())), PER_PAGE).get_page(page)
    rows = list(shown.object_list)
    clocks = running_clocks(rows)
    told = facts_of(rows, clocks)
    sparks = _sparks(rows, at=at) if at else {}
    lines = tuple(
        InboxRow(told[row.pk], clocks.get(row.pk), tuple(row.moves_for(viewer)), sparks.get(row.pk, ())) for row in rows
    )
    return InboxPage(lines, shown.number, shown.paginator.num_pages, shown.paginator.count, open_by_level(viewer))


def foremost(viewer: Viewer, *, most: int = PER_PAGE) -> tuple[list[ProposalFacts], dict[str, int]]:
    """The open proposals that hurt first and how many are open of each level, in a question or two, for a wall."""
    rows = list(_ranked(Proposal.objects.visible_to(viewer).filter(state__in=OPEN))[:most])
    signals = _signals_of(rows)
    told = [facts.proposal_facts(row, signals=signals[row.pk], clock=_due(row), event_id=None) for row in rows]
    if len(rows) == most:
        return told, open_by_level(viewer)
    return told, {level: sum(one.level == level for one in told) for level in reversed(rules.LEVELS)}


def _due(row: Any) -> Clock | None:
    """The clock of a ranked row, as far as its facts need it."""
    return Clock(due_at=row.due_at) if row.due_at else None


def open_by_level(viewer: Viewer) -> dict[str, int]:
    """How many open proposals of each level the viewer can see, gravest first, zeros included."""
    rows = Proposal.objects.visible_to(viewer).filter(state__in=OPEN).values("level").annotate(number=Count("pk"))
    found = {row["level"]: row["number"] for row in rows}
    return {level: found.get(level, 0) for level in reversed(rules.LEVELS)}


def on_the_map(viewer: Viewer, sought: Sought) -> dict[str, object]:
    """The proposals sought as points of a map, the gravest last so that they lie on top."""
    rows = list(_ranked(_sought(viewer, sought))[:_ON_MAP])
    places = place_facts([row.place_id for row in rows])
    points = [
        {"lon": place.lon, "lat": place.lat, "level": row.level, "label": str(place.name), "key": row.pk}
        for row in reversed(rows)
        if (place := places.get(row.place_id)) and place.lon is not None
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
    running = Clock.objects.filter(subject_kind=_SUBJECT, subject_id=OuterRef("pk"), stopped_at__isnull=True)
    ranked: ScopedQuerySet = (
        rows.select_related("place")
        .annotate(
            rank=Case(
                *(When(level=level, then=Value(rules.rank(level))) for level in rules.LEVELS),
                output_field=IntegerField(),
            ),
            due_at=Subquery(running.order_by("due_at").values("due_at")[:1]),
        )
        .order_by("-rank", F("due_at").asc(nulls_last=True), "-score", "-pk")
    )
    return ranked


def facts_of(rows: Collection[Proposal], clocks: Mapping[int, Clock] | None = None) -> dict[int, ProposalFacts]:
    """The facts of many proposals in a handful of questions; `clocks` are their `running_clocks`, where known."""
    ids, signals = [row.pk for row in rows], _signals_of(rows)
    event_ids = dict(HealthEvent.objects.filter(proposal__in=ids).values_list("proposal_id", "pk"))
    clocks = running_clocks(rows) if clocks is None else clocks
    return {
        row.pk: facts.proposal_facts(
            row, signals=signals[row.pk], clock=clocks.get(row.pk), event_id=event_ids.get(row.pk)
        )
        for row in rows
    }


def _signals_of(rows: Iterable[Proposal]) -> dict[int, list[Signal]]:
    signals: dict[int, list[Signal]] = defaultdict(list)
    for signal in Signal.objects.filter(proposal__in=[row.pk for row in rows]).select_related("place").order_by("pk"):
        signals[signal.proposal_id].append(signal)
    return signals


def running_clocks(rows: Iterable[Proposal]) -> dict[int, Clock]:
    """The running clock of each proposal that ends first."""
    running = Clock.objects.filter(subject_kind=_SUBJECT, subject_id__in=[r.pk for r in rows], stopped_at__isnull=True)
    return {clock.subject_id: clock for clock in running.order_by("-due_at")}


def _sparks(rows: Sequence[Proposal], *, at: datetime) -> dict[int, tuple[float | None, ...]]:
    """Three weeks of each proposal's strongest series."""
    strongest: dict[int, Signal] = {}
    for signal in Signal.objects.filter(proposal__in=[row.pk for row in rows]).order_by("score", "pk"):
        strongest[signal.proposal_id] = signal
    if not strongest:
        return {}
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


def hazards_open(viewer: Viewer, *, on: date) -> list[tuple[str, Label, int]]:
    """What open proposals are about, the most frequent first: code, words, how many."""
    rows = Proposal.objects.visible_to(viewer).filter(state__in=OPEN).values("hazard").annotate(number=Count("pk"))
    found = [(row["hazard"], wording.hazard_words(row["hazard"], on), row["number"]) for row in rows]
    return sorted(found, key=lambda one: (-one[2], one[0]))
