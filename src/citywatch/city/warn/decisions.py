"""Who watches what, and the verb that changes it: choose, try on the past, decide with a reason from a day on.

Owns the dry run and the dated decision. What a detector is and how it judges is in `detectors`; a dry run stores
nothing.
"""

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.core import signing
from django.db import transaction

from citywatch.city.registry.queries import city_place, districts, place_facts
from citywatch.city.registry.types import PlaceFacts
from citywatch.city.warn import facts, feedback, rules, wording
from citywatch.city.warn.counting import Counted, count_all, watch_decisions
from citywatch.city.warn.detectors import SCHOOL, SINGLE_CASE, Detector, settings_on
from citywatch.city.warn.gathering import ground_of
from citywatch.city.warn.hindsight import Episodes, Flags, Ints, day_of_span, first_near, merged, overlapping, told_over
from citywatch.city.warn.models import HealthEvent, Signal, WatchDecision
from citywatch.city.warn.types import SeriesKey
from citywatch.mechanisms.clock import day_of, start_of
from citywatch.mechanisms.errors import Conflict, NotFound, Refusal
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account, Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.science.detect.catalogue import METHODS

SET = "warn.set_detectors"
"""The ability to change who watches what; it counts at the city, whose detectors they are."""
SPAN_DAYS = 364
"""How far back a change is tried: a year of whole weeks, or as long as the log has."""
_GOOD_FOR = timedelta(hours=24)
_LATEST_START = timedelta(days=90)
_SALT = "citywatch.warn.dry-run"
_KIND = "warn.detector_decided"
_FIXED = frozenset({SINGLE_CASE, SCHOOL})
_WEEK = 7

SettingWords = tuple[Label, object, bool]
_Event = tuple[HealthEvent, Collection[int], int, int]
"""An event, the places where a signal of its own would stand, and the first and last day of such a signal."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody proposes for one detector. `settings` are those that differ from the method's published ones."""

    detector: str
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as pages list it. `settings` are words, values and whether they differ from the published ones."""

    id: int
    code: str
    detector: Label
    method: Label
    settings: tuple[SettingWords, ...]
    enabled: bool
    valid_from: date
    decided_at: datetime
    by: str
    because: str
    shown: Mapping[str, Any]
    in_force: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a detector as it stands, by whose decision, and how it has fared lately."""

    detector: Detector
    decided: Decided | None = None
    coming: tuple[Decided, ...] = ()
    signals_7: int = 0
    signals_28: int = 0
    tally: feedback.Tally | None = None

    @property
    def code(self) -> str:
        return self.detector.code

    @property
    def enabled(self) -> bool:
        return self.detector.enabled

    @property
    def since(self) -> date:
        return self.detector.since

    @property
    def label(self) -> Label:
        return wording.detector_words(self.detector.code)

    @property
    def method(self) -> Label:
        return wording.method_words(self.detector.method)

    @property
    def tunable(self) -> bool:
        """Whether its method has settings; a fixed number is a dated rule and can only be switched on and off."""
        return self.detector.method not in _FIXED

    @property
    def watches(self) -> tuple[Label, ...]:
        one = self.detector
        return wording.watched_words(one.streams, one.level, one.step, method=one.method)

    @property
    def words(self) -> tuple[SettingWords, ...]:
        return setting_words(self.detector.method, self.detector.settings)

    @property
    def methods(self) -> tuple[tuple[str, Label], ...]:
        """What may stand on this line: any method of the catalogue, or its own where it counts to a fixed number."""
        own = self.detector.method
        return tuple((name, wording.method_words(name)) for name in (METHODS if self.tunable else [own]))


@dataclass(frozen=True, slots=True)
class Difference:
    """Signals and proposals of one week or district, as it is and as it would have been."""

    label: Label
    now: int
    then: int
    gained: int
    lost: int
    day: date | None = None
    load_now: float | None = None
    load_then: float | None = None


@dataclass(frozen=True, slots=True)
class EventChange:
    """When the first signal near a verified event came, as it is and as it would have been; None: never."""

    event_id: int
    title: Label
    verified_at: datetime
    now: date | None
    then: date | None

    @property
    def verdict(self) -> str:
        if self.now == self.then:
            return "same" if self.now else "neither"
        if self.then is None:
            return "missed"
        if self.now is None:
            return "found"
        return "earlier" if self.then < self.now else "later"

    @property
    def days(self) -> int:
        """By how many days the first signal moves."""
        return abs((self.then - self.now).days) if self.now and self.then else 0


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would have been different over the days tried, judged by what is known of them today."""

    choice: Choice
    first_day: date
    last_day: date
    series: int
    took_ms: int
    signals: Difference
    proposals_now: int
    proposals_then: int
    heard: float
    by_week: tuple[Difference, ...]
    by_district: tuple[Difference, ...]
    events: tuple[EventChange, ...]
    sealed: str = field(default="", repr=False)

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    @property
    def whole_year(self) -> bool:
        return self.days >= SPAN_DAYS

    @property
    def load_now(self) -> float | None:
        return self.proposals_now / self.heard if self.heard else None

    @property
    def load_then(self) -> float | None:
        return self.proposals_then / self.heard if self.heard else None

    @property
    def worse_events(self) -> int:
        return sum(one.verdict in {"missed", "later"} for one in self.events)

    @property
    def better_events(self) -> int:
        return sum(one.verdict in {"found", "earlier"} for one in self.events)

    def summary(self) -> dict[str, Any]:
        """What the journal keeps of it."""
        return {
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat(),
            "signals": [self.signals.now, self.signals.then],
            "gained": self.signals.gained,
            "lost": self.signals.lost,
            "proposals": [self.proposals_now, self.proposals_then],
            "district_weeks": round(self.heard, 2),
            "events": {
                verdict: [one.event_id for one in self.events if one.verdict == verdict]
                for verdict in ("missed", "found", "earlier", "later")
            },
        }


# ---- what stands --------------------------------------------------------------------------------------------------


def lines(viewer: Viewer, *, at: datetime, told: Sequence[Decided] | None = None) -> tuple[Line, ...]:
    """Every detector as it stands on the day of `at`, with its figures where the viewer may look.

    `told` is the `history`, where it is in hand.
    """
    told = history(viewer, at=at) if told is None else told
    tallies = {one.code: one for one in feedback.by_rule(viewer, at=at, weeks=4)}
    lately = _signals_lately(viewer, at)
    today = day_of(at)
    return tuple(
        Line(
            detector=one,
            decided=next((d for d in told if d.code == one.code and d.in_force), None),
            coming=tuple(d for d in told if d.code == one.code and d.valid_from > today),
            signals_7=lately[7][one.code],
            signals_28=lately[28][one.code],
            tally=tallies.get(one.code),
        )
        for one in settings_on(today, watch_decisions(at))
    )


def line_on(code: str, *, at: datetime) -> Line:
    """One detector as it stands on the day of `at`. Raises NotFound for a code that is none."""
    found = {one.code: one for one in settings_on(day_of(at), watch_decisions(at))}
    if code not in found:
        raise NotFound(
            f"There is no detector {code[:40]!r}; the detectors are {', '.join(found)}.",
            zh=f"没有代码为“{code[:40]}”的监测方法；现有：{'、'.join(found)}。",
        )
    return Line(found[code])


def history(viewer: Viewer, *, at: datetime) -> tuple[Decided, ...]:
    """Every decision made by `at`, newest first; the city's detectors watch each district, so each desk reads them."""
    if not viewer.may_anywhere("warn.view"):
        return ()
    rows = list(WatchDecision.objects.filter(decided_at__lte=at).order_by("-decided_at", "-pk"))
    entries = Entry.objects.filter(kind=_KIND, subject_kind=WatchDecision._meta.label_lower)
    shown = {pk: body.get("shown", {}) for pk, body in entries.values_list("subject_id", "body")}
    names = _names(row.decided_by for row in rows)
    latest: dict[str, int] = {}
    for row in sorted(rows, key=lambda one: (one.valid_from, one.decided_at, one.pk)):
        if row.valid_from <= day_of(at):
            latest[row.detector] = row.pk
    return tuple(
        Decided(
            id=row.pk,
            code=row.detector,
            detector=wording.detector_words(row.detector),
            method=wording.method_words(row.method),
            settings=setting_words(row.method, row.settings),
            enabled=row.enabled,
            valid_from=row.valid_from,
            decided_at=row.decided_at,
            by=names[row.decided_by],
            because=row.because,
            shown=shown.get(row.pk, {}),
            in_force=latest.get(row.detector) == row.pk,
        )
        for row in rows
    )


# ---- what would have been different -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """One setting as a form asks for it; `value` is empty where it stays as published."""

    name: str
    words: Label
    value: str
    published: object
    options: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Described:
    """A method in words, with the source of its settings."""

    label: Label
    idea: Label
    source: str


def as_it_stands(line: Line) -> Choice:
    """The choice that changes nothing: where a form begins."""
    one = line.detector
    settings = _different(one.method, one.settings) if one.method in METHODS else dict(one.settings)
    return Choice(one.code, one.method, settings, one.enabled)


def described(method: str) -> Described:
    """What a method does and where its published settings come from."""
    if method not in METHODS:
        idea = Label("固定标准，见现行规则。", "A fixed number; see the rules in force.")
        return Described(wording.method_words(method), idea, "")
    one = METHODS[method]
    return Described(Label(*one.words), Label(*one.idea), f"{one.source}. {one.defaults_from}")


def fields(choice: Choice) -> tuple[Field, ...]:
    """The settings of a choice's method, for a form; fixed numbers have none."""
    if choice.method not in METHODS:
        return ()
    return tuple(
        Field(
            name=name,
            words=Label(*setting.words),
            value=json.dumps(choice.settings[name], ensure_ascii=False).strip('"') if name in choice.settings else "",
            published=_plain(setting.default),
            options=tuple((json.dumps(one).strip('"'), one) for one in setting.choices),
        )
        for name, setting in METHODS[choice.method].settings.items()
    )


def choose(code: str, method: str, given: Mapping[str, str], *, enabled: bool, at: datetime) -> Choice:
    """Read a method and its settings as a form sends them; what is left empty stays as published.

    Raises Refusal for a method this line cannot have and for a value the method does not take.
    """
    line = line_on(code, at=at)
    name = method or line.detector.method
    if name not in dict(line.methods):
        raise Refusal(
            f"{line.label.en} cannot run {name[:40]!r}; choose one of {', '.join(dict(line.methods))}.",
            zh=f"“{line.label.zh}”不能使用该方法；请在列表中选择。",
        )
    if name not in METHODS:
        return Choice(code, name, {}, enabled)
    told: dict[str, Any] = {}
    for setting in METHODS[name].settings.values():
        text = given.get(setting.name, "").strip()
        if not text:
            continue
        try:
            told[setting.name] = _plain(METHODS[name].resolve({setting.name: _json(text)})[setting.name])
        except ValueError as error:
            raise Refusal(str(error), zh=f"“{setting.words.zh}”的值“{text[:40]}”无效；请核对后重新填写。") from error
    return Choice(code, name, _different(name, told), enabled)


def simulate(choice: Choice, *, by: Viewer, at: datetime) -> DryRun:
    """What the desk would have been told over the last year, or as long as the log has, had `choice` been in force.

    Both sides are judged anew, by what is known of those days now and under today's rules, so they differ by the
    choice alone. Stores nothing. The answer is sealed: `decide` takes nothing else.
    """
    must(by, SET, city_place())
    begun = time.perf_counter()
    line = line_on(choice.detector, at=at).detector
    _refuse_the_same(line, choice)
    export.catch_up()
    last = day_of(at)
    decisions = watch_decisions(at)
    standing = settings_on(last, decisions)
    changed = tuple(_changed(one, choice) if one.code == choice.detector else one for one in standing)
    now, then, first, series = _both(standing, changed, at=at)
    heard = feedback.heard(by, first, last, at, ability=SET)
    run = compare(
        choice,
        now=now,
        then=then,
        places=place_facts(),
        first=first,
        last=last,
        heard={place.code: heard.weeks(district=place.code) for place in districts()},
        events=_events(first, last),
    )
    took = round((time.perf_counter() - begun) * 1000)
    run = replace(run, series=series, took_ms=took)
    return replace(run, sealed=_seal(run, line, at))


def compare(
    choice: Choice, *, now: Episodes, then: Episodes, places: Mapping[int, PlaceFacts], first: date, last: date,
    heard: Mapping[str, float], events: Collection[_Event],
) -> DryRun:  # fmt: skip
    """Set two sets of signals against one another. Pure: what is compared is handed in."""
    gap = rules.rules_on(last).episode.gap_days
    reach = -(-rules.rules_on(last).episode.fusion_hours // 24)
    now, then = merged(now, gap), merged(then, gap)
    gained, lost = ~overlapping(then, now, gap), ~overlapping(now, then, gap)
    proposals = [merged(one.standing_in(one.place), reach) for one in (now, then)]
    number = {code: n for n, code in enumerate(heard)}

    def districts_of(one: Episodes) -> Ints:
        told = (places[pk].district_code if pk in places else "" for pk in one.place.tolist())
        return np.array([number.get(code, -1) for code in told], dtype=np.int64)

    def difference(of_now: Flags, of_then: Flags, label: Label, **more: Any) -> Difference:
        return Difference(
            label, int(of_now.sum()), int(of_then.sum()), int((of_then & gained).sum()), int((of_now & lost).sum()),
            **more,
        )  # fmt: skip

    where, fused = [districts_of(one) for one in (now, then)], [districts_of(one) for one in proposals]
    names = {facts.code: facts.name for facts in places.values() if facts.kind == "district"}
    by_district = [
        difference(
            where[0] == n, where[1] == n, names[code],
            load_now=int((fused[0] == n).sum()) / heard[code] if heard[code] else None,
            load_then=int((fused[1] == n).sum()) / heard[code] if heard[code] else None,
        )
        for code, n in number.items()
        if heard[code] or (where[0] == n).any() or (where[1] == n).any()
    ]  # fmt: skip
    weeks = -(-((last - first).days + 1) // _WEEK)
    week = [np.clip(one.first // _WEEK, 0, weeks - 1) for one in (now, then)]
    every = [np.ones(one.first.size, dtype=bool) for one in (now, then)]
    return DryRun(
        choice=choice,
        first_day=first,
        last_day=last,
        series=0,
        took_ms=0,
        signals=difference(every[0], every[1], Label("合计", "Total")),
        proposals_now=int(proposals[0].first.size),
        proposals_then=int(proposals[1].first.size),
        heard=sum(heard.values()),
        by_week=tuple(
            difference(week[0] == n, week[1] == n, Label("", ""), day=first + timedelta(days=n * _WEEK))
            for n in range(weeks)
        ),
        by_district=tuple(by_district),
        events=tuple(_event_change(one, now, then, first) for one in events),
    )


def _event_change(asked: _Event, now: Episodes, then: Episodes, first: date) -> EventChange:
    event, places, since, until = asked
    was, would = (day_of_span(first, first_near(one, places, since, until)) for one in (now, then))
    return EventChange(event.pk, facts.label_of(event), event.verified_at, was, would)


def _events(first: date, last: date) -> list[_Event]:
    """The events verified on the days tried."""
    ruled = rules.rules_on(last).episode
    found = HealthEvent.objects.filter(verified_at__gte=start_of(first), verified_at__lt=start_of(last) + timedelta(1))
    return [
        (
            event,
            set(Place.objects.filter(path__startswith=event.proposal.place.path).values_list("pk", flat=True)),
            (event.proposal.first_day - first).days - ruled.fusion_hours // 24,
            (day_of(event.verified_at) - first).days,
        )
        for event in found.select_related("proposal__place").order_by("verified_at", "pk")
    ]


def _both(
    standing: Sequence[Detector], changed: Sequence[Detector], *, at: datetime
) -> tuple[Episodes, Episodes, date, int]:
    """Every signal of the days tried as the detectors stand and as they would, the first of those days, the series."""
    last = day_of(at)
    grids = count_all(
        at, version=export.store().pin(), days=SPAN_DAYS + rules.HISTORY_DAYS,
        weeks=SPAN_DAYS // _WEEK + rules.HISTORY_WEEKS,
    )  # fmt: skip
    first = max(last - timedelta(days=SPAN_DAYS - 1), _log_begins(grids.counted, last))
    numbers: dict[SeriesKey, int] = {}
    ruled = rules.rules_on(last)
    placed = {key.place_id for one in grids.counted if one.level != "district" for key in one.keys}
    ground = ground_of(placed, ruled)
    now = told_over(grids.counted, ruled, standing, ground, first=first, numbers=numbers)
    try:
        then = told_over(grids.counted, ruled, changed, ground, first=first, numbers=numbers)
    except ValueError as error:  # a method refuses a setting it cannot work with, and says which
        raise Refusal(f"This could not be tried: {error}", zh=f"该设置未能试算：{error}") from error
    return now, then, first, sum(len(one.keys) for one in grids.counted)


def _log_begins(counted: Iterable[Counted], last: date) -> date:
    """The first day anybody reported anything by day; the last day where nobody ever did."""
    days = [
        one.day(int(np.flatnonzero(~np.isnan(one.counts).all(axis=0))[0]))
        for one in counted
        if one.step == "day" and one.counts.size and not np.isnan(one.counts).all()
    ]
    return min(days, default=last)


def _changed(line: Detector, choice: Choice) -> Detector:
    return replace(line, method=choice.method, settings=dict(choice.settings), enabled=choice.enabled)


def _refuse_the_same(line: Detector, choice: Choice) -> None:
    if _meant(line.method, line.settings, line.enabled) == _meant(choice.method, choice.settings, choice.enabled):
        raise Refusal(
            "These settings are in force already; change one of them, then try it on the past.",
            zh="该方法与设置已在使用；请先修改，再试算。",
        )


def _meant(method: str, settings: Mapping[str, Any], enabled: bool) -> tuple[str, dict[str, Any], bool]:  # noqa: FBT001
    """What a line comes to: settings written out as published are as good as left out."""
    return method, _different(method, settings) if method in METHODS else dict(settings), enabled


# ---- the decision -------------------------------------------------------------------------------------------------


@transaction.atomic
def decide(sealed: str, *, detector: str, valid_from: date, by: Viewer, at: datetime, because: str) -> int:
    """Put a simulated change in force from a day on; returns the decision's number.

    Takes the seal of a dry run of the last 24 hours, so nothing is decided that nobody looked at. An earlier decision
    stays where it is: the one whose day came last holds.
    """
    city = city_place()
    must(by, SET, city)
    Place.objects.select_for_update(no_key=True).get(pk=city.pk)  # two who decide at once take turns
    choice, before, shown = _unseal(sealed, detector, at)
    today = day_of(at)
    if not because.strip():
        raise Refusal("A decision on detection needs a reason; write one sentence.", zh="须填写理由；请写一句话。")
    if not today <= valid_from <= today + _LATEST_START:
        raise Refusal(
            f"A decision holds from today or a day within {_LATEST_START.days} days; choose such a day.",
            zh=f"生效日期须为今天至{_LATEST_START.days}天内；请重新选择。",
        )
    line = line_on(choice.detector, at=at).detector
    if before != _standing(line):
        raise Conflict(
            "This detector was changed since the dry run; run it again, then decide.",
            zh="试算之后该方法的设置已有变动；请重新试算后再确认。",
        )
    row = WatchDecision.objects.create(
        place=city, detector=choice.detector, method=choice.method, settings=dict(choice.settings),
        enabled=choice.enabled, valid_from=valid_from, because=because.strip(), decided_at=at, decided_by=by.actor,
    )  # fmt: skip
    journal.record(
        _KIND, place=city, by=by, at=at, because=because.strip(), subject=row, detector=choice.detector,
        method=choice.method, settings=dict(choice.settings), enabled=choice.enabled, valid_from=valid_from,
        before=before, shown=shown,
    )  # fmt: skip
    return int(row.pk)


def _standing(line: Detector) -> dict[str, Any]:
    return {"method": line.method, "settings": json.loads(json.dumps(dict(line.settings))), "enabled": line.enabled}


def _seal(run: DryRun, line: Detector, at: datetime) -> str:
    chosen = run.choice
    return signing.dumps(
        {
            "choice": [chosen.detector, chosen.method, dict(chosen.settings), chosen.enabled],
            "before": _standing(line),
            "shown": run.summary(),
            "at": at.isoformat(),
        },
        salt=_SALT,
    )


def _unseal(sealed: str, detector: str, at: datetime) -> tuple[Choice, dict[str, Any], dict[str, Any]]:
    try:
        told = signing.loads(sealed, salt=_SALT)
    except signing.BadSignature:
        told = None
    if told is None or told["choice"][0] != detector:
        raise Refusal(
            "This change was not tried on the past; run the dry run first, then decide.",
            zh="该变更尚未试算；请先试算，再确认。",
        )
    if not timedelta(0) <= at - datetime.fromisoformat(told["at"]) <= _GOOD_FOR:
        raise Refusal(
            "The dry run is more than 24 hours old; run it again, then decide.",
            zh="试算已超过24小时；请重新试算后再确认。",
        )
    return Choice(*told["choice"]), told["before"], told["shown"]


# ---- words --------------------------------------------------------------------------------------------------------


def setting_words(method: str, settings: Mapping[str, Any]) -> tuple[SettingWords, ...]:
    """Every setting of a method with its words, its value, and whether that differs from the published one."""
    if method not in METHODS:
        return tuple((Label(name, name), value, True) for name, value in settings.items())
    different = _different(method, settings)
    return tuple(
        (Label(*setting.words), settings.get(name, _plain(setting.default)), name in different)
        for name, setting in METHODS[method].settings.items()
    )


def _different(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are not as published."""
    published = {name: _plain(value) for name, value in METHODS[method].defaults().items()}
    return {name: value for name, value in settings.items() if _plain(value) != published.get(name)}


def _names(actors: Iterable[str]) -> dict[str, str]:
    """What the journal's names of people are called on a page; a machine's stays as it is."""
    asked = set(actors)
    ids = [int(one.partition(":")[2]) for one in asked if one.startswith("account:")]
    titles = {f"account:{account.pk}": account.title for account in Account.objects.filter(pk__in=ids)}
    return {one: titles.get(one, one) for one in asked}


def _signals_lately(viewer: Viewer, at: datetime) -> dict[int, Counter[str]]:
    """Signals raised in the last 7 and 28 days by each detector that speaks in them."""
    found: dict[int, Counter[str]] = {7: Counter(), 28: Counter()}
    since = at - timedelta(days=28)
    rows = Signal.objects.visible_to(viewer).filter(raised_at__gt=since, raised_at__lte=at)
    for raised_at, detectors in rows.values_list("raised_at", "detectors"):
        for days, counter in found.items():
            if raised_at > at - timedelta(days=days):
                counter.update(detectors)
    return found


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(value: Any) -> Any:
    """A setting's value as JSON keeps it, so that what is stored and what is compared are one."""
    return json.loads(json.dumps(value, default=dict))
