"""Keep what a case told."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from django.db import transaction

from citywatch.city.registry.queries import place_by_code
from citywatch.city.trace import rules
from citywatch.city.trace.models import Case, Contact, Stay, Verdict
from citywatch.city.trace.queries import captured_at
from citywatch.city.trace.services.contacts import judge_again, keep_contact
from citywatch.city.trace.services.rows import worked_case
from citywatch.city.trace.types import ContactTold, CoreTold, InterviewKept, StayTold
from citywatch.mechanisms.errors import Conflict, NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import advance

_OLDEST = 130
_OCCUPATION = 40


@transaction.atomic
def record_interview(
    case_id: int,
    *,
    stays: Sequence[StayTold],
    contacts: Sequence[ContactTold],
    core: CoreTold | None,
    by: Viewer,
    at: datetime,
    complete: bool = True,
    draft: bool = False,
) -> InterviewKept:
    """Keep what a case told: core information, where they were, whom they met.

    Told again, the same stay or contact is not doubled, so an interview may be sent in parts. `complete` says that the
    first report is whole; core information alone stops only the four-hour clock, and only once it says when the case
    fell ill, or that it never did. A `draft`, saved while the case still talks, stops no clock at all. A stay that
    names its `row` corrects that one.
    """
    case = worked_case(case_id, by)
    if case.state == "discarded":
        raise Conflict(
            f"Case {case.title} was discarded; reopen it by registering the case again.",
            zh=f"病例{case.title}已排除；如需继续流调，请重新登记。",
        )
    places = _places({stay.place_code for stay in stays} | {one.place_code for one in contacts if one.place_code})
    if core is not None:
        _take_core(case, core)
    kept_stays = [_keep_stay(case, stay, places) for stay in stays]
    kept_contacts: list[Contact] = []
    for told in contacts:
        kept_contacts.append(keep_contact(case, told, places, already=kept_contacts, by=by, at=at))
    if core is not None:
        judge_again([case], by=by, at=at)
    journal.record(
        "trace.interview_draft_saved" if draft else "trace.interview_recorded",
        place=case.place,
        by=by,
        at=at,
        subject=case,
        investigation=case.investigation_id,
        onset_date=case.onset_date,
        occupation=case.occupation,
        classification=case.classification,
        stays=[[stay.visited.code, stay.from_at, stay.to_at] for stay in kept_stays],
        contacts=[[one.pk, one.person_id, one.kind, one.ground, one.first_at, one.last_at] for one in kept_contacts],
    )
    if not draft:
        if core is not None and case.state == "reported" and _has_core(case):
            advance(case, "core", by=by, at=at)
        if complete and case.state == "core_done":
            advance(case, "complete", by=by, at=at)
    return InterviewKept(tuple(one.pk for one in kept_stays), tuple(one.pk for one in kept_contacts))


@transaction.atomic
def remove_stay(case_id: int, stay_id: int, *, by: Viewer, at: datetime) -> None:
    """Take back a stay that was told or entered by mistake; what it said stays in the journal."""
    case = worked_case(case_id, by)
    stay = Stay.objects.select_related("visited").filter(case=case, pk=stay_id).first()
    if stay is None:
        return  # removed already
    journal.record(
        "trace.stay_removed",
        place=case.place,
        by=by,
        at=at,
        subject=case,
        stay=[stay.visited.code, stay.from_at, stay.to_at],
    )
    stay.delete()


def _has_core(case: Case) -> bool:
    return case.onset_date is not None or case.classification == "asymptomatic"


def _places(codes: Collection[str]) -> dict[str, Place]:
    found = {place.code: place for place in Place.objects.filter(code__in=codes)}
    for code in codes:
        if code not in found:
            place_by_code(code)  # refuses with the registry's own sentence
    return found


def _take_core(case: Case, core: CoreTold) -> None:
    if core.sex not in {"", "M", "F"} or not 0 <= (core.age or 0) <= _OLDEST or len(core.occupation) > _OCCUPATION:
        raise Refusal(
            f"Core information takes sex M or F, an age of 0 to {_OLDEST} and an occupation of at most {_OCCUPATION} "
            "characters; correct it.",
            zh=f"核心信息：性别为M或F，年龄0至{_OLDEST}，职业不超过{_OCCUPATION}字；请更正。",
        )
    told = {
        "onset_date": core.onset_date,
        "occupation": core.occupation,
        "sex": core.sex,
        "age": core.age,
    }
    given = {name: value for name, value in told.items() if value not in (None, "")}
    if core.onset_date is not None and case.classification == "asymptomatic":
        given["classification"] = rules.classify(positive=True, symptoms=True)
    for name, value in given.items():
        setattr(case, name, value)
    if given:
        case.save(update_fields=list(given))


def _keep_stay(case: Case, told: StayTold, places: dict[str, Place]) -> Stay:
    if told.to_at < told.from_at:
        raise Refusal(
            f"A stay at {told.place_code} ends before it begins; check both times.",
            zh=f"在{places[told.place_code].name_zh}的停留结束时间早于开始时间；请核对。",
        )
    if told.row is not None:
        return _correct_stay(case, told, places[told.place_code])
    stay, _ = Stay.objects.get_or_create(
        case=case,
        visited=places[told.place_code],
        from_at=told.from_at,
        to_at=told.to_at,
        defaults={"place": case.place},
    )
    return stay


def _correct_stay(case: Case, told: StayTold, visited: Place) -> Stay:
    """A kept stay with other times or another place; where another row already says the same, that row stays alone."""
    same: dict[str, Any] = {"case": case, "visited": visited, "from_at": told.from_at, "to_at": told.to_at}
    kept = Stay.objects.filter(case=case, pk=told.row or 0).first()
    if kept is not None and kept.visited_id == visited.pk and _reads_the_same(kept, told):
        return cast("Stay", kept)  # a page knows minutes; reading it over and saving corrects nothing
    twin = Stay.objects.filter(**same).first()
    if twin is not None:
        if kept is not None and kept.pk != twin.pk:
            kept.delete()
        return cast("Stay", twin)
    if kept is None:
        return Stay.objects.create(**same, place=case.place)
    for name, value in same.items():
        setattr(kept, name, value)
    kept.source = Stay.Source.INTERVIEW
    kept.save()
    return cast("Stay", kept)


def _reads_the_same(kept: Stay, told: StayTold) -> bool:
    pairs = ((kept.from_at, told.from_at), (kept.to_at, told.to_at))
    return all(one.replace(second=0, microsecond=0) == other for one, other in pairs)


@transaction.atomic
def answer_captured(
    case_id: int,
    *,
    place_code: str,
    from_at: datetime,
    to_at: datetime,
    said: str,
    by: Viewer,
    at: datetime,
    really: tuple[datetime, datetime] | None = None,
) -> None:
    """Keep what a case said to one captured visit: there, there at other times (`really`), or not there.

    Confirmed or corrected, the visit becomes a stay; denied, it does not, and the timeline shows the contradiction.
    Said again, the later answer replaces the earlier one and the stay made of it.
    """
    case = worked_case(case_id, by)
    if said not in rules.SAID:
        raise Refusal(f"{said!r} is not an answer; use {', '.join(rules.SAID)}.", zh="请选择属实、时间有误或不在场。")
    if said == "corrected" and really is None:
        raise Refusal("Say from when until when they were really there.", zh="请填写实际的起止时间。")
    visited = _places([place_code])[place_code]
    _must_be_captured(case, visited, from_at, to_at)
    where: dict[str, Any] = {"case": case, "visited": visited}
    before = Verdict.objects.filter(**where, from_at=from_at, to_at=to_at).first()
    if before is not None and before.said == "confirmed":
        Stay.objects.filter(**where, from_at=from_at, to_at=to_at, source=Stay.Source.RECORD).delete()
    Verdict.objects.update_or_create(
        **where, from_at=from_at, to_at=to_at, defaults={"said": said, "said_at": at, "place": case.place}
    )
    if said == "confirmed":
        Stay.objects.get_or_create(
            **where, from_at=from_at, to_at=to_at, defaults={"place": case.place, "source": Stay.Source.RECORD}
        )
    elif said == "corrected" and really is not None:
        _keep_stay(case, StayTold(place_code, *really), {place_code: visited})
    journal.record(
        "trace.captured_visit_answered",
        place=case.place,
        by=by,
        at=at,
        subject=case,
        visited=place_code,
        from_at=from_at,
        to_at=to_at,
        said=said,
        before=before.said if before else "",
    )


@transaction.atomic
def note_reading(case: Case, *, what: str, by: Viewer, at: datetime) -> None:
    """Journal that somebody read what was captured and recorded about a named person: before it is shown.

    `case` is a row that this viewer was given.
    """
    must(by, "trace.investigate", case.place)
    journal.record(
        "trace.records_read", place=case.place, by=by, at=at, subject=case, because=what, person_id=case.person_id
    )


def _must_be_captured(case: Case, visited: Place, from_at: datetime, to_at: datetime) -> None:
    if not captured_at(case, visited.pk, from_at, to_at):
        raise NotFound(
            f"No visit of {case.title} at {visited.name_en} was captured then; reload the page.",
            zh=f"没有采集到{case.title}当时在{visited.name_zh}的到访；请刷新页面。",
        )
