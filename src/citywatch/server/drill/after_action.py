"""The after-action sheet: what people decided in a drill, when, and whether the truth bears it out.

Only what people did counts; what was done before they took over is left out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from citywatch.mechanisms.errors import Conflict
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.labels import Label
from citywatch.server.drill.exercise import Exercise
from citywatch.server.replay.folder import Folder
from citywatch.server.replay.scoring import Report, clocks_kept, whole_of
from citywatch.server.replay.touching import Seen, see

_LIMIT = 100
_KINDS = {
    "market": Label("市场新冠疫情", "COVID-19 from a market"),
    "market-covid": Label("市场新冠疫情", "COVID-19 from a market"),
    "cold-chain": Label("冷链物品引起的新冠疫情", "COVID-19 from cold-chain goods"),
    "imported-case": Label("输入病例引起的新冠疫情", "COVID-19 from an imported case"),
    "dining-covid": Label("聚餐引起的新冠疫情", "COVID-19 among people who dined together"),
    "workplace-covid": Label("单位新冠疫情", "COVID-19 at a workplace"),
    "flu-surge": Label("流感高峰", "an influenza surge"),
    "nursing-influenza": Label("养老机构流感疫情", "influenza at a nursing home"),
    "school-influenza": Label("学校流感疫情", "influenza at a school"),
    "school-norovirus": Label("学校诺如病毒疫情", "norovirus at a school"),
    "kindergarten-hfmd": Label("幼儿园手足口病疫情", "hand, foot and mouth disease at a kindergarten"),
    "restaurant-food": Label("餐馆食物中毒", "food poisoning at a restaurant"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be done: since when it could be, when it was, and whether it was right (None: nothing to judge)."""

    label: Label
    since: datetime | None
    done: datetime | None
    right: bool | None = None
    remark: Label = Label("", "")  # noqa: RUF009 - a frozen value

    @property
    def minutes(self) -> int | None:
        """From the moment it could be done until it was; None while it was not."""
        if self.since is None or self.done is None:
            return None
        return max(0, round((self.done - self.since) / timedelta(minutes=1)))


@dataclass(frozen=True, slots=True)
class Closure:
    """A proposal that people closed or verified, and whether a true outbreak stood behind it."""

    proposal: int
    at: datetime
    actor: str
    because: str
    right: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the after-action sheet says. `outbreak` describes the largest outbreak that had begun."""

    scenario: str
    speed: float
    takes_over: datetime
    ended: datetime
    outbreak: Report
    steps: tuple[Step, ...]
    closed: tuple[Closure, ...]
    verified: tuple[Closure, ...]
    clocks: Report

    @property
    def wrong_closures(self) -> tuple[Closure, ...]:
        return tuple(one for one in self.closed if not one.right)

    @property
    def wrong_verifications(self) -> tuple[Closure, ...]:
        return tuple(one for one in self.verified if not one.right)


def sheet(exercise: Exercise, folder: Folder) -> Sheet:
    """Judge a drill that has ended. Refuses while it runs: the sheet tells the truth people are to find."""
    if not exercise.ended:
        raise Conflict(
            "The drill still runs, and the sheet would tell what is to be found; end the drill first.",
            zh="演练尚未结束，总结会透露真实情况；请先结束演练。",
        )
    seen = see(folder)
    since = exercise.from_moment
    ended = datetime.fromisoformat(exercise.ended)
    touching = {seen.said.proposals[n].number for n in seen.fused.touches.alert.tolist()}
    main = _main(seen)
    return Sheet(
        scenario=folder.scenario.name,
        speed=exercise.speed,
        takes_over=since,
        ended=ended,
        outbreak=_told(seen, main),
        steps=_steps(seen, folder, main, since, ended),
        closed=_answers("warn.proposal_close", touching, since, ended, right_when=False),
        verified=_answers("warn.proposal_verify", touching, since, ended, right_when=True),
        clocks=clocks_kept(seen.until),
    )


def _main(seen: Seen) -> int | None:
    """The row of the largest outbreak that had begun."""
    return int(np.argmax(seen.truth.size)) if seen.truth.ids else None


def _told(seen: Seen, main: int | None) -> Report:
    if main is None:
        return {}
    truth = seen.truth
    infected = int(np.sum(truth.infected_of == main))
    kind = truth.kind[main]
    return {"kind": kind, "what": _KINDS.get(kind, Label(kind, kind)), "size": infected}


def _steps(seen: Seen, folder: Folder, main: int | None, since: datetime, ended: datetime) -> tuple[Step, ...]:
    if main is None:
        return ()
    rows = np.flatnonzero(seen.fused.touches.outbreak == main)
    proposals = {seen.said.proposals[int(seen.fused.touches.alert[n])].number: n for n in rows}
    raised = min((seen.said.proposals[int(seen.fused.touches.alert[n])].raised_at for n in rows), default=None)
    verified = _first("warn.proposal_verify", since, ended, subject_id__in=list(proposals))
    opened = _first("trace.investigation_opened", since, ended)
    published = _first("trace.risk_point_published", since, ended)
    decided = _first("respond.level_decided", since, ended)
    ordered = _first("respond.order_issue", since, ended)
    seen_at = None if raised is None else max(raised, since)
    at_verified = verified.at if verified else None
    right, remark = _source_right(published, folder, seen, main)
    return (
        Step(Label("核实真实疫情的预警", "Verify the proposal behind the outbreak"), seen_at, at_verified),
        Step(Label("启动流调溯源", "Open the investigation"), at_verified, opened.at if opened else None),
        Step(
            Label("公布源头", "Publish the source"), at_verified, published.at if published else None, right, remark
        ),
        Step(Label("决定响应级别", "Decide the response level"), at_verified, decided.at if decided else None),
        Step(Label("下达第一道指令", "Issue the first order"), at_verified, ordered.at if ordered else None),
    )  # fmt: skip


def _source_right(
    published: Entry | None, folder: Folder, seen: Seen, main: int
) -> tuple[bool | None, Label]:  # fmt: skip
    source = seen.truth.source[main]
    if published is None or source < 0:
        return None, Label("", "")
    whole = whole_of(folder)
    places = folder.places
    right = str(places["code"][source])
    said = str(published.body["place_code"])
    true_name = Label(str(places["name_zh"][source]), str(places["name_en"][source]))
    return whole.get(said, said) == whole[right], true_name


def _answers(
    kind: str, touching: set[int], since: datetime, ended: datetime, *, right_when: bool
) -> tuple[Closure, ...]:  # fmt: skip
    return tuple(
        Closure(
            entry.subject_id or 0, entry.at, entry.actor, entry.because, (entry.subject_id in touching) == right_when
        )
        for entry in _by_people(kind, since, ended)[:_LIMIT]
    )


def _first(kind: str, since: datetime, ended: datetime, **more: object) -> Entry | None:
    found: Entry | None = _by_people(kind, since, ended).filter(**more).first()
    return found


def _by_people(kind: str, since: datetime, ended: datetime):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return Entry.objects.filter(kind=kind, actor__startswith="account:", at__gte=since, at__lte=ended).order_by(
        "at", "pk"
    )
