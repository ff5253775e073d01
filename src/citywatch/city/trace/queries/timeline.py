"""A case's fortnight, filled from what it told and from what was recorded about it, each line with its source.

Default is to see nothing: what the log captured, and what other areas hold, is shown only to those who may investigate
the case, and each of those areas' own scope applies on top.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from citywatch.city.lab import queries as lab
from citywatch.city.sense import queries as sense
from citywatch.city.trace import rules, whereabouts
from citywatch.city.trace.models import Case, Stay, Verdict
from citywatch.eventlog.expressions import table, visits_of
from citywatch.mechanisms.clock import SHANGHAI, day_of, start_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label

_DAY = 24 * 60
_STATES = {"negative": Label("阴性", "negative"), "positive": Label("阳性", "positive")}
_SEEN = frozenset({"pharmacy", "symptom", "fever", "card"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where or what, from when until when, by which source, how certain, and what speaks against it."""

    number: int
    source: str
    certainty: str
    from_at: datetime
    to_at: datetime
    place: Any
    what: Label | None = None
    conflict: Label | None = None
    said: str = ""

    @property
    def source_label(self) -> Label:
        return rules.SOURCES[self.source].label

    @property
    def certainty_label(self) -> Label:
        return rules.CERTAINTIES[self.certainty]

    @property
    def lasts(self) -> bool:
        return self.to_at > self.from_at

    @property
    def where(self) -> Label | None:
        return whereabouts.full_name(self.place) if self.place is not None else None

    @property
    def is_open(self) -> bool:
        """A captured visit that nobody has put to the case yet."""
        return self.source == "visit" and self.certainty == "captured" and not self.said


@dataclass(frozen=True, slots=True)
class Mark:
    """A line as drawn in a day's lane: minutes of the day, and which of two rows."""

    line: Line
    x: int
    width: int
    row: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day: which windows hold it, what is drawn in its lane, and the lines that begin on it."""

    day: date
    exposure: bool
    infectious: bool
    onset: bool
    sampled: bool
    isolated: bool
    future: bool
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The days and lines of a case; `withheld` says that records exist in principle but not for this viewer."""

    days: tuple[Day, ...]
    lines: tuple[Line, ...]
    withheld: bool

    @property
    def places(self) -> dict[int, Place]:
        """Every place of a line by number, and the one it lies in: a hall and its market."""
        found = [one.place for one in self.lines if one.place is not None]
        return {place.pk: place for place in (*(one.parent for one in found if one.parent is not None), *found)}

    @property
    def conflicts(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.conflict is not None)

    @property
    def open_lines(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.is_open)


def may_see_records(viewer: Viewer, row: Any) -> bool:
    """What was captured and recorded about a named person is for those who investigate the case."""
    return viewer.may("trace.investigate", row.place.path)


def span_of(row: Any, *, at: datetime) -> tuple[date, date] | None:
    """From the first day of the exposure window to today, at most two weeks after the reference day."""
    reference = rules.reference_day(row.onset_date, row.sampled_on)
    if reference is None:
        return None
    first = reference - timedelta(days=rules.window_rule(day_of(row.reported_at)).exposure_days)
    return first, max(reference, min(day_of(at), reference + timedelta(days=rules.EPISODE_DAYS)))


def timeline(viewer: Viewer, row: Any, *, at: datetime, told: Iterable[Stay] | None = None) -> Timeline:
    """Day by day what is known of a case, from what it told (its stays, where they are in hand) and from records.

    Whoever shows it to a person journals the read: `services.note_reading`.
    """
    span, sees = span_of(row, at=at), may_see_records(viewer, row)
    withheld = not sees and bool(row.person_id)
    if span is None:
        return Timeline((), (), withheld)
    stays = list(Stay.objects.filter(case=row) if told is None else told)
    found = _known(viewer, row, stays, on_record=sees and bool(row.person_id))
    since, until = start_of(span[0]), start_of(span[1] + timedelta(days=1))
    inside = sorted((one for one in found if one.from_at < until and one.to_at >= since), key=_order)
    numbered = [replace(line, number=number) for number, line in enumerate(_judged(row, inside), start=1)]
    return Timeline(_days(row, span, numbered, at), tuple(numbered), withheld)


def _order(line: Line) -> tuple[datetime, str]:
    return line.from_at, line.source


def _line(source: str, from_at: datetime, to_at: datetime, place: Any, what: Label | None = None) -> Line:
    return Line(0, source, rules.SOURCES[source].certainty, from_at, to_at, place, what)


def _known(viewer: Viewer, row: Any, stays: Sequence[Stay], *, on_record: bool) -> list[Line]:
    """What the case told, and its captured visits, reports and samples as far as this viewer may see each site's."""
    visits = _captured(row) if on_record else []
    reports = sense.submissions_of_person(viewer, row.person_id) if on_record else []
    reports = [one for one in reports if one.stream in _SEEN]
    samples = lab.samples_of_person(row.person_id) if on_record else []
    ids = {stay.visited_id for stay in stays} | {place for place, _, _ in visits}
    ids |= {one.place_id for one in reports} | {one.place_id for one in samples}
    places = Place.objects.select_related("parent__parent").in_bulk(ids)
    found = [_line(stay.source, stay.from_at, stay.to_at, places[stay.visited_id]) for stay in stays]
    found += [_line("visit", began, ended, places[place]) for place, began, ended in visits if place in places]
    found += [
        _line(one.stream, one.occurred_at, one.occurred_at, places.get(one.place_id), _said(one.answers))
        for one in reports
    ]
    for one in samples:
        if viewer.may("lab.view", places[one.place_id].path):
            found += _sampled(one, places[one.place_id])
    return found


def _captured(row: Any) -> list[tuple[int, datetime, datetime]]:
    """The case's own visits in the log: place, from when, until when."""
    found = export.engine().run(
        visits_of(table("visits_by_person"), table("people")), export.store().pin(), people={"person": [row.person_id]}
    )
    spans = zip(found["place"], found["minute_in"], found["minute_out"], strict=True)
    # The exporter may hand a batch in twice under two names; the same visit is one line.
    return [(place, instant(a), instant(b)) for place, a, b in sorted({(int(p), int(a), int(b)) for p, a, b in spans})]


def captured_at(row: Any, visited_id: int, from_at: datetime, to_at: datetime) -> bool:
    """Whether the log holds this very visit of the case."""
    if not row.person_id:
        return False
    return (visited_id, from_at, to_at) in _captured(row)


def instant(minutes: int) -> datetime:
    """A minute of the log as a moment of the city."""
    return datetime.fromtimestamp(int(minutes) * 60, tz=SHANGHAI)


def _said(answers: dict[str, Any]) -> Label | None:
    told = answers.get("drug_name") or answers.get("diagnosis") or answers.get("preliminary_diagnosis")
    return Label(str(told), str(told)) if told else None


def _sampled(sample: Any, place: Place) -> Iterable[Line]:
    yield _line("sample", sample.ordered_at, sample.ordered_at, place, Label(sample.barcode, sample.barcode))
    if sample.resulted_at is not None:
        yield _line("result", sample.resulted_at, sample.resulted_at, place, _STATES.get(sample.state))


def _judged(row: Any, lines: Sequence[Line]) -> list[Line]:
    """The lines with what the case said to the captured ones, and with what told and captured say against each other.

    A captured visit that the case confirmed is one line with the stay made of it, not two.
    """
    answers = {(one.visited_id, one.from_at, one.to_at): one.said for one in Verdict.objects.filter(case=row)}
    told = [line for line in lines if line.source in {"interview", "record"}]
    kept = []
    for line in lines:
        if line.source == "visit":
            said = answers.get((line.place.pk, line.from_at, line.to_at), "")
            if said == "confirmed" or any(_same(line, stay) for stay in told):
                continue
            against = next((stay for stay in told if contradict(line, stay)), None)
            certainty = "denied" if said == "denied" else "captured"
            kept.append(replace(line, said=said, certainty=certainty, conflict=_against(against)))
        elif line.source == "interview":
            captured = [one for one in lines if one.source == "visit"]
            sure = any(_same(one, line) for one in captured)
            against = None if sure else next((one for one in captured if contradict(one, line)), None)
            kept.append(replace(line, certainty="confirmed" if sure else "told", conflict=_against(against)))
        else:
            kept.append(line)
    return kept


def _minutes_together(one: Line, other: Line) -> float:
    return (min(one.to_at, other.to_at) - max(one.from_at, other.from_at)).total_seconds() / 60


def _contains(one: Place, other: Place) -> bool:
    """A hall and its market, a school and its class: the one place lies in the other, or they are one."""
    return one.pk in {other.pk, other.parent_id} or one.parent_id == other.pk


def _same(captured: Line, stay: Line) -> bool:
    """Told and captured agree: the same place (or part of it) at overlapping times."""
    return _contains(captured.place, stay.place) and _minutes_together(captured, stay) > 0


def contradict(captured: Line, stay: Line) -> bool:
    """Somebody was told to be in one place and captured in another for a while."""
    apart = not _contains(captured.place, stay.place)
    return apart and _minutes_together(captured, stay) >= rules.CONFLICT_MINUTES


def _against(line: Line | None) -> Label | None:
    if line is None:
        return None
    name = whereabouts.full_name(line.place)
    span = f"{line.from_at.astimezone(SHANGHAI):%H:%M}–{line.to_at.astimezone(SHANGHAI):%H:%M}"
    source = rules.SOURCES[line.source].label
    return Label(f"与{source.zh}不符：{span} {name.zh}", f"{source.en} says {span} {name.en}")


def _days(row: Any, span: tuple[date, date], lines: Sequence[Line], at: datetime) -> tuple[Day, ...]:
    reference = rules.reference_day(row.onset_date, row.sampled_on)
    back = row.investigation.look_back_days if row.investigation else _look_back(row)
    isolated = day_of(row.isolated_at) if row.isolated_at else None
    found = []
    for number in range((span[1] - span[0]).days + 1):
        day = span[0] + timedelta(days=number)
        found.append(
            Day(
                day,
                exposure=reference is not None and day < reference,
                infectious=reference is not None
                and day >= reference - timedelta(days=back)
                and (isolated is None or day <= isolated),
                onset=day == row.onset_date,
                sampled=day == row.sampled_on,
                isolated=day == isolated,
                future=day > day_of(at),
                marks=tuple(mark for line in lines if (mark := _mark(line, day)) is not None),
                lines=tuple(line for line in lines if day_of(line.from_at) == day),
            )
        )
    return tuple(found)


def _look_back(row: Case) -> int:
    return rules.window_rule(day_of(row.reported_at)).look_back_days


def _mark(line: Line, day: date) -> Mark | None:
    begins = start_of(day)
    first = int((line.from_at - begins).total_seconds() // 60)
    last = int((line.to_at - begins).total_seconds() // 60)
    if first >= _DAY or last < 0 or (last == 0 and first < 0):
        return None
    low = max(0, first)
    # A moment is drawn a quarter of an hour wide; nobody sees a minute.
    width = max(15, min(_DAY, last) - low)
    row = 0 if line.source in {"interview", "record"} else 1
    return Mark(line, min(low, _DAY - width), width, row)
