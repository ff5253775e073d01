"""What the desk's answers say about detection: precision, load, answer times and silent sources, by group and period.

Owns the counting; who may ask is in the scope of what is counted. Judges no detector and changes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef

from citywatch.city.registry.queries import districts, institutions_under
from citywatch.city.registry.queries import streets as city_streets
from citywatch.city.sense.rules import BY_A_LIST
from citywatch.city.warn import rules, wording
from citywatch.city.warn.models import Proposal, Signal
from citywatch.eventlog.expressions import daily_counts, known_at, table
from citywatch.mechanisms.clock import day_of, start_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import ScopedQuerySet
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock

if TYPE_CHECKING:
    import ibis.expr.types as ir

PERIODS: Mapping[int, Label] = {
    4: Label("近4周", "4 weeks"),
    13: Label("近13周", "13 weeks"),
    52: Label("近一年", "a year"),
}
"""Lengths of a period in weeks of seven days, the day of asking included."""
VERDICTS = ("verified", "closed", "watched", "new")
LABORATORY = "laboratory"
"""The rule behind a proposal that a positive result raised; it has no detector."""
SITES_NAMED = 5
_ANSWERS = ("warn.proposal_close", "warn.proposal_watch", "warn.proposal_verify")
_SUBJECT = "warn.proposal"
_WEEK = 7
_Z = 1.959964  # the 97.5th percentile of the normal


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole with its 95% interval (Wilson 1927, JASA 22:209), which holds for small numbers too.

    `value`, `low` and `high` are None where the whole is 0: nothing can be said.

    >>> share = Share(2, 7)
    >>> f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})"
    '0.29 (0.08 to 0.64)'
    """

    part: int
    of: int

    @property
    def value(self) -> float | None:
        return self.part / self.of if self.of else None

    @property
    def low(self) -> float | None:
        return self._end(-1)

    @property
    def high(self) -> float | None:
        return self._end(+1)

    def _end(self, side: int) -> float | None:
        if not self.of:
            return None
        n, p, z2 = self.of, self.part / self.of, _Z * _Z
        half = _Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return min(1.0, max(0.0, (p + z2 / (2 * n) + side * half) / (1 + z2 / n)))


@dataclass(frozen=True, slots=True)
class Tally:
    """How the proposals of one group fared.

    `heard` is the time in which the group could have raised anything at all, in district-weeks (days on which a
    source of a district reported, over seven); 0 means silent: then there is no figure, not a zero. `ppv` is verified
    over judged, that is verified or closed. `in_time` counts proposals of which no clock ran out, over those answered
    or out of time. `median_minutes` is the time to the first answer over `answered` proposals.
    """

    code: str
    label: Label
    states: Mapping[str, int]
    heard: float
    median_minutes: float | None
    answered: int
    in_time: Share

    @property
    def raised(self) -> int:
        return sum(self.states.values())

    @property
    def silent(self) -> bool:
        return not self.heard and not self.raised

    @property
    def verified(self) -> int:
        return self.states["verified"]

    @property
    def closed(self) -> int:
        return self.states["closed"]

    @property
    def watched(self) -> int:
        return self.states["watched"]

    @property
    def waiting(self) -> int:
        return self.states["new"]

    @property
    def ppv(self) -> Share:
        return Share(self.verified, self.verified + self.closed)

    @property
    def load(self) -> float | None:
        """Proposals for each district-week heard; None where nobody was heard."""
        return self.raised / self.heard if self.heard else None

    @property
    def median_span(self) -> timedelta | None:
        return None if self.median_minutes is None else timedelta(minutes=self.median_minutes)


@dataclass(frozen=True, slots=True)
class SilentSite:
    """A site that owes a stream and sent nothing in the period; `last_day` is None where nothing came in a year."""

    name: Label
    last_day: date | None


@dataclass(frozen=True, slots=True)
class Silence:
    """A district's sites that owe one stream and sent nothing in the period."""

    district: Label
    stream: Label
    expected: int
    sites: tuple[SilentSite, ...]

    @property
    def whole(self) -> bool:
        """Whether nobody in the district sent the stream: of it we know nothing there."""
        return len(self.sites) == self.expected

    @property
    def more(self) -> int:
        """How many sites a page leaves unnamed."""
        return max(0, len(self.sites) - SITES_NAMED)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why proposals were closed, most frequent first."""

    text: Label
    number: int


@dataclass(frozen=True, slots=True)
class Feedback:
    """Everything the feedback page and its API print."""

    first_day: date
    last_day: date
    weeks: int
    log_since: date | None
    total: Tally
    rules: tuple[Tally, ...]
    streams: tuple[Tally, ...]
    levels: tuple[Tally, ...]
    districts: tuple[Tally, ...]
    by_week: tuple[tuple[date, Mapping[str, int] | None], ...]
    reasons: tuple[Reason, ...] | None
    silent: tuple[Silence, ...]
    open_now: int
    overdue_now: int

    @property
    def groups(self) -> tuple[tuple[str, tuple[Tally, ...]], ...]:
        return (
            ("total", (self.total,)),
            ("rule", self.rules),
            ("stream", self.streams),
            ("level", self.levels),
            ("district", self.districts),
        )


@dataclass(frozen=True, slots=True)
class _One:
    """A proposal of the period with what became of it."""

    level: str
    state: str
    opened_at: datetime
    streams: tuple[str, ...]
    district: str
    rules: frozenset[str]
    minutes: float | None
    met: bool | None


@dataclass(frozen=True, slots=True)
class Heard:
    """Who was heard on which days of the period: district codes to days, over all streams and for each."""

    anything: Mapping[str, frozenset[date]] = field(default_factory=dict)
    of_stream: Mapping[str, Mapping[str, frozenset[date]]] = field(default_factory=dict)
    since: date | None = None

    def weeks(self, *, stream: str | None = None, district: str | None = None) -> float:
        days = self.anything if stream is None else self.of_stream.get(stream, {})
        chosen = days.values() if district is None else [days.get(district, frozenset())]
        return sum(len(one) for one in chosen) / _WEEK


def feedback(viewer: Viewer, *, at: datetime, weeks: int = 4) -> Feedback:
    """What became of the proposals raised in the last `weeks` weeks where the viewer may look.

    Raises Refusal for a period that is not one of `PERIODS`.
    """
    if weeks not in PERIODS:
        known = ", ".join(str(one) for one in PERIODS)
        raise Refusal(
            f"There is no period of {weeks} weeks; choose {known}.", zh=f"没有{weeks}周的统计期；请选择{known}周。"
        )
    export.catch_up()
    last = day_of(at)
    first = last - timedelta(days=weeks * _WEEK - 1)
    spoke = heard(viewer, first, last, at)
    ones = _ones(viewer, first, at)
    names = {place.code: Label(place.name_zh, place.name_en) for place in districts()}
    reached = [code for code in names if code in spoke.anything or _reaches(viewer, code)]
    running = Clock.objects.filter(subject_kind=_SUBJECT, subject_id=OuterRef("pk"), stopped_at=None, due_at__lt=at)
    open_ones = Proposal.objects.visible_to(viewer).filter(state__in=("new", "watched"))
    waiting = open_ones.aggregate(all=Count("pk"), overdue=Count("pk", filter=Exists(running)))
    return Feedback(
        first_day=first,
        last_day=last,
        weeks=weeks,
        log_since=spoke.since,
        total=_tally("", Label("合计", "Total"), ones, spoke.weeks()),
        rules=_by_rule(ones, spoke),
        streams=tuple(
            _tally(code, word, [one for one in ones if code in one.streams], spoke.weeks(stream=code))
            for code, word in rules.STREAM_WORDS.items()
        ),
        levels=tuple(
            _tally(level, rules.LEVEL_WORDS[level], [one for one in ones if one.level == level], spoke.weeks())
            for level in reversed(rules.LEVELS)
        ),
        districts=tuple(
            _tally(code, names[code], [one for one in ones if one.district == code], spoke.weeks(district=code))
            for code in reached
        ),
        by_week=_by_week(ones, spoke, first, weeks),
        reasons=_reasons(viewer, first, at),
        silent=_silent(viewer, first, last, at, names),
        open_now=waiting["all"],
        overdue_now=waiting["overdue"],
    )


def by_rule(viewer: Viewer, *, at: datetime, weeks: int) -> tuple[Tally, ...]:
    """Of `feedback`, the part about each rule."""
    export.catch_up()
    last = day_of(at)
    first = last - timedelta(days=weeks * _WEEK - 1)
    return _by_rule(_ones(viewer, first, at), heard(viewer, first, last, at))


def _by_rule(ones: Sequence[_One], spoke: Heard) -> tuple[Tally, ...]:
    return tuple(
        _tally(code, rule_words(code), [one for one in ones if code in one.rules], spoke.weeks())
        for code in sorted({code for one in ones for code in one.rules}, key=_rule_order)
    )


def rule_words(code: str) -> Label:
    """What a rule that can raise a proposal is called."""
    if code == LABORATORY:
        return Label("实验室阳性", "laboratory positive")
    return wording.detector_words(code)


def _rule_order(code: str) -> tuple[bool, str]:
    return code == LABORATORY, code


def _reaches(viewer: Viewer, district_code: str) -> bool:
    return any(district_code in path.split("/") or path.count("/") == 1 for path in viewer.paths("warn.view"))


def _tally(code: str, label: Label, ones: Sequence[_One], heard: float) -> Tally:
    minutes = [one.minutes for one in ones if one.minutes is not None]
    timed = [one.met for one in ones if one.met is not None]
    return Tally(
        code=code,
        label=label,
        states={state: sum(one.state == state for one in ones) for state in VERDICTS},
        heard=round(heard, 4),
        median_minutes=median(minutes) if minutes else None,
        answered=len(minutes),
        in_time=Share(sum(timed), len(timed)),
    )


def _ones(viewer: Viewer, first: date, at: datetime) -> list[_One]:
    chosen = _chosen(viewer, first, at)
    ids = chosen.values("pk")
    answered: dict[int, datetime] = {}
    for pk, when in Entry.objects.filter(
        subject_kind=_SUBJECT, subject_id__in=ids, kind__in=_ANSWERS, at__lte=at
    ).values_list("subject_id", "at"):  # the scope is the proposal's: its verdict's moment is a figure, not the entry
        answered[pk] = min(when, answered.get(pk, when))
    met: dict[int, bool] = {}
    for clock in Clock.objects.filter(subject_kind=_SUBJECT, subject_id__in=ids):
        if clock.stopped_at is not None or clock.is_late(at):
            met[clock.subject_id] = met.get(clock.subject_id, True) and not clock.is_late(at)
    raised_by: dict[int, set[str]] = defaultdict(set)
    for pk, detectors in Signal.objects.filter(proposal__in=ids).values_list("proposal_id", "detectors"):
        raised_by[pk].update(detectors)
    found = []
    for row in chosen.select_related("place"):
        if row.positives:
            raised_by[row.pk].add(LABORATORY)
        first_answer = answered.get(row.pk)
        found.append(
            _One(
                level=row.level,
                state=row.state,
                opened_at=row.opened_at,
                streams=tuple(row.streams),
                district=row.place.district_code,
                rules=frozenset(raised_by[row.pk]),
                minutes=None if first_answer is None else (first_answer - row.opened_at).total_seconds() / 60,
                met=met.get(row.pk),
            )
        )
    return found


def _chosen(viewer: Viewer, first: date, at: datetime) -> ScopedQuerySet:
    """The period's proposals; one that joined another is counted in that one."""
    raised = Proposal.objects.visible_to(viewer).filter(opened_at__gte=start_of(first), opened_at__lte=at)
    return raised.exclude(state="joined")


def _by_week(
    ones: Iterable[_One], heard: Heard, first: date, weeks: int
) -> tuple[tuple[date, Mapping[str, int] | None], ...]:
    """Proposals by the week they were raised in and what became of them; None for a week nobody was heard."""
    counted: dict[int, Counter[str]] = defaultdict(Counter)
    for one in ones:
        counted[(day_of(one.opened_at) - first).days // _WEEK][one.state] += 1
    spoke = {(day - first).days // _WEEK for days in heard.anything.values() for day in days} | counted.keys()
    return tuple(
        (
            first + timedelta(days=n * _WEEK),
            {state: counted[n][state] for state in VERDICTS} if n in spoke else None,
        )
        for n in range(weeks)
    )


def _reasons(viewer: Viewer, first: date, at: datetime) -> tuple[Reason, ...] | None:
    """Why proposals of the period were closed; None for who may not read the journal."""
    if not viewer.may_anywhere("journal.read"):
        return None
    known = {text: label for label in rules.REASONS["close"] for text in (label.zh, label.en)}
    entries = Entry.objects.visible_to(viewer).filter(
        kind="warn.proposal_close", subject_kind=_SUBJECT, subject_id__in=_chosen(viewer, first, at).values("pk")
    )
    texts = [because.strip() for because in entries.values_list("because", flat=True)]
    written = Counter(known.get(text, Label(text, text)) for text in texts if text)
    return tuple(Reason(text, number) for text, number in sorted(written.items(), key=lambda one: (-one[1], one[0].zh)))


def heard(viewer: Viewer, first: date, last: date, at: datetime, *, ability: str = "warn.view") -> Heard:
    """On which days of a period the districts within the viewer's reach were heard, as known at `at`."""
    roots = viewer.paths(ability)
    streets = {one.pk: one.district_code for one in city_streets() if roots and one.path.startswith(roots)}
    asked = daily_counts(table("counts"), by=("stream", "street"), as_of=at, first_day=first, last_day=last)
    found = export.engine().run(asked, export.store().pin())
    anything: dict[str, set[date]] = defaultdict(set)
    of_stream: dict[str, dict[str, set[date]]] = defaultdict(lambda: defaultdict(set))
    for stream, street, day in zip(
        found["stream"], found["street"].tolist(), found["occurred_on"].tolist(), strict=True
    ):
        if district := streets.get(street):
            of_stream[stream][district].add(day)
            if stream not in rules.NOT_WATCHED:
                anything[district].add(day)
    days = [day for listed in anything.values() for day in listed]
    return Heard(
        {code: frozenset(listed) for code, listed in anything.items()},
        {
            stream: {code: frozenset(listed) for code, listed in by_district.items()}
            for stream, by_district in of_stream.items()
        },
        min(days, default=None),
    )


def _silent(viewer: Viewer, first: date, last: date, at: datetime, names: Mapping[str, Label]) -> tuple[Silence, ...]:
    asked = last_heard(table("counts"), as_of=at, first_day=last - timedelta(days=365), last_day=last)
    found = export.engine().run(asked, export.store().pin())
    heard = dict(
        zip(
            zip(found["stream"], found["place"].tolist(), strict=True),
            found["last_day"].astype("datetime64[D]").tolist(),
            strict=True,
        )
    )
    expected: Counter[tuple[str, str]] = Counter()
    silent: dict[tuple[str, str], list[SilentSite]] = defaultdict(list)
    for site in institutions_under(viewer.paths("warn.view")):
        for stream in site.streams:
            if stream not in rules.STREAM_WORDS or stream in rules.NOT_WATCHED | BY_A_LIST:
                continue
            where = (site.place.district_code, stream)
            expected[where] += 1
            last_day = heard.get((stream, site.place.id))
            if last_day is None or last_day < first:
                silent[where].append(SilentSite(site.place.name, last_day))
    return tuple(
        Silence(names.get(code, Label(code, code)), rules.STREAM_WORDS[stream], expected[code, stream], tuple(sites))
        for (code, stream), sites in sorted(silent.items(), key=lambda one: (-len(one[1]), one[0]))
    )


def last_heard(counts: "ir.Table", *, as_of: datetime, first_day: date, last_day: date) -> "ir.Table":
    """Give the last day each site sent each stream, zero-reports too: `stream`, `place`, `last_day`."""
    known = known_at(counts, as_of)
    between = known.filter(known.occurred_on.between(first_day, last_day))
    return between.group_by("stream", "place").agg(last_day=between.occurred_on.max()).order_by("stream", "place")
