"""The verbs of tracing: open, register, interview, judge, publish; and taking in somebody's line list."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import cast

from django.db import transaction

from citywatch.city.registry.queries import place_by_code
from citywatch.city.trace import evidence, rules
from citywatch.city.trace.models import Case, Contact, Investigation, Link, RiskPoint, Stay
from citywatch.city.trace.types import CaseListed, ContactTold, CoreTold, ImportOutcome, LinkListed, StayTold
from citywatch.city.warn import queries as warn
from citywatch.mechanisms.clock import day_of, start_of
from citywatch.mechanisms.errors import Conflict, NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import advance, begin, clock_rule, clocks_of, start_clock, stop_clock
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.services import enrol, make_known, says_nothing_new
from citywatch.mechanisms.vault.types import Identity

SOURCE_LOCK = "source-lock"
CARD = "card-2h"
_OLDEST = 130
_OCCUPATION = 40


@transaction.atomic
def open_investigation(event_id: int, *, by: Viewer, at: datetime, because: str = "") -> int:
    """Begin the search for an event's source in its district; asked again, gives the one already begun.

    Cases of the same hazard that belong to no investigation yet and were reported in this episode come along.
    """
    event = warn.event_facts(event_id)
    place = Place.objects.get(pk=event.place_id)
    district = district_of(place)
    if not (by.may("trace.open", district.path) or by.may("warn.view", place.path)):
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)  # the words for an event that does not exist
    must(by, "trace.open", district)
    known = Investigation.objects.filter(event_id=event_id).first()
    if known is not None:
        return int(known.pk)
    investigation = Investigation(
        place=district,
        event_id=event_id,
        hazard=event.hazard,
        title_zh=event.title.zh[:200],
        title_en=event.title.en[:200],
        opened_at=at,
        look_back_days=rules.window_rule(day_of(at)).look_back_days,
    )
    entry = begin(investigation, "trace.investigation_opened", by=by, at=at, because=because, event=event_id)
    waiting = Case.objects.filter(
        investigation__isnull=True,
        hazard=investigation.hazard,
        reported_at__gte=at - timedelta(days=rules.EPISODE_DAYS),
    ).exclude(state="discarded")
    for case in waiting.select_related("place"):
        _attach(case, investigation, by=by, at=entry.at)
    return int(investigation.pk)


@transaction.atomic
def add_case(
    *,
    investigation_id: int | None,
    hazard: str,
    place: Place,
    classification: str,
    by: Viewer,
    at: datetime,
    because: str = "",
    person: Person | None = None,
    label: str = "",
    sample_barcode: str = "",
    onset_date: date | None = None,
    sampled_on: date | None = None,
    sex: str = "",
    age: int | None = None,
    occupation: str = "",
) -> int:
    """Register a case with the district responsible for it; its investigation clocks start now.

    The district is handed the person: from now on it has a reason to know them. The first case of an episode starts the
    source clock. Without an investigation it joins the open one of its hazard, if there is one.
    """
    must(by, "trace.investigate", place)
    investigation: Investigation | None
    if investigation_id is None:
        running = Investigation.objects.exclude(state="closed").filter(hazard=hazard, event_id__isnull=False)
        investigation = running.order_by("-opened_at", "-pk").first()
    else:
        investigation = _investigation(investigation_id, by)
    begins_episode = bool(sample_barcode) and _begins_episode(hazard, at)
    case = Case(
        place=place,
        investigation=investigation,
        person=person,
        hazard=hazard,
        label=label,
        sample_barcode=sample_barcode,
        sex=sex,
        age=age,
        occupation=occupation,
        onset_date=onset_date,
        sampled_on=sampled_on,
        reported_at=at,
        classification=classification,
    )
    begin(
        case,
        "trace.case_registered",
        by=by,
        at=at,
        because=because,
        investigation=investigation.pk if investigation else None,
        person_id=person.pk if person else None,
        barcode=sample_barcode,
        label=label,
        classification=classification,
        onset_date=onset_date,
        hazard=hazard,
    )
    if begins_episode:
        start_clock(SOURCE_LOCK, case, at=at)
    if person is not None:
        make_known([person], at_places=[(place, "responsible")])
    return case.pk


def await_card(case_id: int, *, at: datetime) -> None:
    """From a positive result the hospital has two hours for its report card (class A, and managed as class A)."""
    start_clock(CARD, Case.objects.select_related("place").get(pk=case_id), at=at)


def card_came(person_id: int, *, at: datetime) -> None:
    """The card of this person is in: the clock of their case is met."""
    for case in Case.objects.filter(person_id=person_id).exclude(state="discarded"):
        stop_clock(CARD, case, at=at)


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
) -> None:
    """Keep what a case told: core information, where they were, whom they met.

    Told again, the same stay or contact is not doubled, so an interview may be sent in parts. `complete` says that the
    first report is whole; core information alone stops only the four-hour clock, and only once it says when the case
    fell ill, or that it never did.
    """
    case = _case(case_id, by)
    must(by, "trace.investigate", case.place)
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
        kept_contacts.append(_keep_contact(case, told, places, already=kept_contacts, by=by, at=at))
    if core is not None:
        _judge_again([case], by=by, at=at)
    journal.record(
        "trace.interview_recorded",
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
    if core is not None and case.state == "reported" and _has_core(case):
        advance(case, "core", by=by, at=at)
    if complete and case.state == "core_done":
        advance(case, "complete", by=by, at=at)


@transaction.atomic
def judge_contact(contact_id: int, *, kind: str, ground: str, by: Viewer, at: datetime, because: str) -> None:
    """Judge a contact anew (close, second, general, and on what ground); a close one's transfer clock starts.

    The judgement is a person's and holds whatever the look-back says.
    """
    contact = _contact(contact_id, by)
    must(by, "trace.investigate", contact.place)
    if kind not in rules.KINDS:
        raise Refusal(
            f"{kind!r} is not a kind of contact; use close, second or general.", zh="请选择密接、次密接或一般接触。"
        )
    if not because.strip():
        raise Refusal("A new judgement needs a reason; write one sentence.", zh="重新判定须填写理由；请写一句话。")
    before = contact.kind
    contact.told = contact.kind = kind
    contact.by_hand = True
    contact.ground = str(rules.ground(ground).code)
    contact.judged_at = at
    contact.save(update_fields=["told", "kind", "by_hand", "ground", "judged_at"])
    _set_transfer_clock(contact, at=at)
    journal.record(
        "trace.contact_judged",
        place=contact.place,
        by=by,
        at=at,
        because=because,
        subject=contact,
        before=before,
        after=kind,
        ground=contact.ground,
    )


@transaction.atomic
def move_contact(contact_id: int, move: str, *, by: Viewer, at: datetime, because: str = "") -> None:
    """Take a contact one step on: notified, transferred, released, dropped."""
    contact = _contact(contact_id, by)
    advance(contact, move, by=by, at=at, because=because)


@transaction.atomic
def move_case(case_id: int, move: str, *, by: Viewer, at: datetime, because: str = "") -> None:
    """Take a case one step on, or discard it with a reason.

    The discarded case that began an episode hands the source clock to the next positive of the episode, as from then.
    """
    case = _case(case_id, by)
    locking = any(clock.code == SOURCE_LOCK and clock.running for clock in clocks_of(case))
    advance(case, move, by=by, at=at, because=because)
    if locking and case.state == "discarded":
        _hand_on_source_clock(case)


@transaction.atomic
def classify_case(case_id: int, *, classification: str, by: Viewer, at: datetime, because: str) -> None:
    """Change a case's classification, with a reason."""
    case = _case(case_id, by)
    must(by, "trace.investigate", case.place)
    if classification not in rules.CLASSIFICATIONS:
        known = ", ".join(rules.CLASSIFICATIONS)
        raise Refusal(f"{classification!r} is not a classification; use one of {known}.", zh="请选择列表中的病例分类。")
    if not because.strip():
        raise Refusal(
            "A new classification needs a reason; write one sentence.", zh="更改病例分类须填写理由；请写一句话。"
        )
    before, case.classification = case.classification, classification
    case.save(update_fields=["classification"])
    journal.record(
        "trace.case_classified",
        place=case.place,
        by=by,
        at=at,
        because=because,
        subject=case,
        before=before,
        after=classification,
    )


@transaction.atomic
def change_look_back(investigation_id: int, days: int, *, by: Viewer, at: datetime, because: str) -> tuple[int, int]:
    """Look further (or less far) back from onset for contacts; gives how many became close and how many no longer are.

    Contacts already notified or moved to quarantine keep their judgement.
    """
    investigation = _investigation(investigation_id, by)
    must(by, "trace.open", investigation.place)
    if not because.strip():
        raise Refusal(
            "Changing the look-back needs a reason; write one sentence.", zh="更改追溯天数须填写理由；请写一句话。"
        )
    if not 0 <= days <= rules.EPISODE_DAYS:
        raise Refusal(
            f"A look-back of {days} days is outside 0 to {rules.EPISODE_DAYS}; choose a number between.",
            zh=f"追溯天数须在0至{rules.EPISODE_DAYS}天之间。",
        )
    before, investigation.look_back_days = investigation.look_back_days, days
    investigation.save(update_fields=["look_back_days"])
    cases = list(investigation.cases.select_related("place", "investigation"))
    for case in cases:
        case.investigation = investigation
    gained, lost = _judge_again(cases, by=by, at=at)
    journal.record(
        "trace.look_back_changed",
        place=investigation.place,
        by=by,
        at=at,
        because=because,
        subject=investigation,
        before=before,
        after=days,
        became_close=gained,
        no_longer_close=lost,
    )
    return gained, lost


@transaction.atomic
def publish_risk_point(investigation_id: int, place_id: int, *, by: Viewer, at: datetime, because: str) -> int:
    """Name a place as the source: keep the figures it rests on, stop the source clock, tell those downstream."""
    investigation = _investigation(investigation_id, by)
    place = Place.objects.filter(pk=place_id).first()
    if place is None:
        raise NotFound(
            f"There is no place number {place_id}; choose one of the ranking.", zh="没有该地点；请从排序表中选择。"
        )
    must(by, "trace.publish", place)
    if investigation.is_done:
        raise Conflict("This investigation is closed; open a new one first.", zh="该调查已结案；请先新开调查。")
    if not because.strip():
        raise Refusal(
            "Publishing a risk point needs a reason; write one sentence.", zh="公布风险点位须填写理由；请写一句话。"
        )
    if RiskPoint.objects.filter(investigation=investigation, place=place).exists():
        raise Conflict(
            f"{place.name_en} is already published as a risk point of this investigation.",
            zh=f"{place.name_zh}已作为本次调查的风险点位公布。",
        )
    ranked = next((one for one in evidence.ranked(investigation) if one.place_id == place_id), None)
    point = RiskPoint.objects.create(
        place=place,
        investigation=investigation,
        published_at=at,
        because=because,
        figures=evidence.snapshot(ranked),
        first_positive_at=evidence.first_positive_at(investigation),
    )
    if investigation.state == "open":
        advance(investigation, "publish_source", by=by, at=at, because=because, place_code=place.code)
    for case in investigation.cases.all():
        stop_clock(SOURCE_LOCK, case, at=at)
    journal.record(
        "trace.risk_point_published",
        place=place,
        by=by,
        at=at,
        because=because,
        subject=point,
        investigation=investigation.pk,
        event=investigation.event_id,
        place_code=place.code,
        figures=point.figures,
    )
    return point.pk


@transaction.atomic
def close_investigation(investigation_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """End the search, with a reason."""
    investigation = _investigation(investigation_id, by)
    advance(investigation, "close", by=by, at=at, because=because)


@transaction.atomic
def import_line_list(
    rows: Sequence[CaseListed],
    *,
    place: Place,
    title: str,
    hazard: str,
    by: Viewer,
    at: datetime,
    dry_run: bool = False,
) -> ImportOutcome:
    """Take in somebody's line list as an investigation without an event; sent again, it changes only what differs.

    Imported cases are complete as they come: no clock of ours runs for them.
    """
    must(by, "trace.open", place)
    twice = [label for label, times in Counter(row.label for row in rows).items() if times > 1]
    if twice:
        raise Refusal(
            f"The list names {', '.join(twice[:5])} more than once; give every case its own label.",
            zh=f"名单中{'、'.join(twice[:5])}重复出现；每个病例须有唯一编号。",
        )
    investigation = _imported(title, place)
    if investigation is None:
        investigation = Investigation(
            place=place,
            hazard=hazard,
            title_zh=title,
            title_en=title,
            opened_at=at,
            look_back_days=rules.window_rule(day_of(at)).look_back_days,
        )
        if not dry_run:
            begin(investigation, "trace.investigation_opened", by=by, at=at, because="imported", event=None)
    known = {case.label: case for case in investigation.cases.all()} if investigation.pk else {}
    fresh: list[Case] = []
    changed: list[tuple[Case, list[str]]] = []
    for row in rows:
        values = _values(row, at)
        case = known.get(row.label)
        if case is None:
            fresh.append(
                Case(
                    place=place,
                    investigation=investigation,
                    hazard=hazard,
                    label=row.label,
                    state="complete",
                    **values,
                )
            )
            continue
        differing = [name for name, value in values.items() if getattr(case, name) != value]
        if differing:
            for name in differing:
                setattr(case, name, values[name])
            changed.append((case, differing))
    outcome = ImportOutcome(
        investigation.pk, len(rows), len(fresh), len(changed), len(rows) - len(fresh) - len(changed)
    )
    if dry_run:
        return outcome
    Case.objects.bulk_create(fresh, batch_size=500)
    for case, differing in changed:
        case.save(update_fields=differing)
    journal.record(
        "trace.line_list_imported",
        place=place,
        by=by,
        at=at,
        subject=investigation,
        received=outcome.received,
        stored=[[case.pk, case.label] for case in fresh],
        changed=[[case.pk, differing] for case, differing in changed],
    )
    return outcome


@transaction.atomic
def import_contacts(
    rows: Sequence[LinkListed], *, place: Place, title: str, by: Viewer, at: datetime, dry_run: bool = False
) -> ImportOutcome:
    """Link the cases of an imported line list by who infected whom; sent again, it changes only what differs."""
    must(by, "trace.open", place)
    investigation = _imported(title, place)
    if investigation is None:
        raise Refusal(
            f"There is no imported line list {title!r} in {place.name_en}; import the line list first.",
            zh=f"{place.name_zh}没有名为“{title}”的病例名单；请先导入病例名单。",
        )
    cases = {case.label: case for case in investigation.cases.all()}
    _refuse_unknown(rows, cases)
    known = {
        (link.infector_id, link.infectee_id): link
        for link in Link.objects.filter(infector__investigation=investigation)
    }
    fresh: dict[tuple[int, int], Link] = {}
    changed: list[Link] = []
    for row in rows:
        pair = cases[row.infector].pk, cases[row.infectee].pk
        link = known.get(pair)
        if link is None and pair not in fresh:
            fresh[pair] = Link(
                place=place, infector_id=pair[0], infectee_id=pair[1], exposure=row.exposure, evidence="line list"
            )
        elif link is not None and link.exposure != row.exposure:
            link.exposure = row.exposure
            changed.append(link)
    outcome = ImportOutcome(
        investigation.pk, len(rows), len(fresh), len(changed), len(rows) - len(fresh) - len(changed)
    )
    if dry_run:
        return outcome
    Link.objects.bulk_create(fresh.values(), batch_size=500)
    for link in changed:
        link.save(update_fields=["exposure"])
    journal.record(
        "trace.contacts_imported",
        place=place,
        by=by,
        at=at,
        subject=investigation,
        received=outcome.received,
        stored=[list(pair) for pair in fresh],
        changed=[link.pk for link in changed],
    )
    return outcome


def district_of(place: Place) -> Place:
    """The district a place lies in; the city itself where it lies in none."""
    code = place.district_code or place.codes[0]
    return place if place.code == code else Place.objects.get(code=code)


def _case(case_id: int, by: Viewer) -> Case:
    rows = Case.objects.visible_to(by).select_related("place", "investigation")
    return cast("Case", rows.pick_one(case_id))


def _investigation(investigation_id: int, by: Viewer) -> Investigation:
    rows = Investigation.objects.visible_to(by).select_related("place")
    return cast("Investigation", rows.pick_one(investigation_id))


def _contact(contact_id: int, by: Viewer) -> Contact:
    rows = Contact.objects.visible_to(by).select_related("place", "case")
    return cast("Contact", rows.pick_one(contact_id))


def _attach(case: Case, investigation: Investigation, *, by: Viewer, at: datetime) -> None:
    case.investigation = investigation
    case.save(update_fields=["investigation"])
    journal.record("trace.case_attached", place=case.place, by=by, at=at, subject=case, investigation=investigation.pk)


def _begins_episode(hazard: str, at: datetime) -> bool:
    since = at - timedelta(days=rules.EPISODE_DAYS)
    earlier = Case.objects.filter(hazard=hazard, reported_at__gte=since).exclude(sample_barcode="")
    return not earlier.exclude(state="discarded").exists()


def _hand_on_source_clock(case: Case) -> None:
    within = case.reported_at, case.reported_at + timedelta(days=rules.EPISODE_DAYS)
    later = Case.objects.filter(hazard=case.hazard, reported_at__range=within).exclude(sample_barcode="")
    heir = later.exclude(state="discarded").select_related("place").order_by("reported_at", "pk").first()
    if heir is not None:
        start_clock(SOURCE_LOCK, heir, at=heir.reported_at)


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
    stay, _ = Stay.objects.get_or_create(
        case=case,
        visited=places[told.place_code],
        from_at=told.from_at,
        to_at=told.to_at,
        defaults={"place": case.place},
    )
    return stay


def _keep_contact(
    case: Case, told: ContactTold, places: dict[str, Place], *, already: Collection[Contact], by: Viewer, at: datetime
) -> Contact:
    """Keep one contact told; `already` are those kept from the same telling, each somebody else."""
    if told.last_at < told.first_at:
        raise Refusal(
            "A contact's last meeting is before the first; check both times.", zh="接触的结束时间早于开始时间；请核对。"
        )
    if told.kind not in rules.KINDS:
        raise Refusal(
            f"{told.kind!r} is not a kind of contact; use close, second or general.",
            zh="请选择密接、次密接或一般接触。",
        )
    ground = str(rules.ground(told.ground).code)
    visited = places.get(told.place_code or "")
    known = _told_before(case, told, visited, already=already)
    person = known.person if known else _person(told.identity, case.place, at)
    known = known or (Contact.objects.filter(case=case, person=person).first() if person else None)
    if known is not None:
        _tell_again(known, told, case, by=by, at=at)
        return known
    kind = rules.judged_kind(told.kind, last_at=told.last_at, since=_infectious_from(case))
    contact = Contact(
        place=case.place,
        case=case,
        person=person,
        told=told.kind,
        kind=kind,
        ground=ground,
        first_at=told.first_at,
        last_at=told.last_at,
        visited=visited,
        judged_at=at,
    )
    begin(
        contact,
        "trace.contact_listed",
        by=by,
        at=at,
        case=case.pk,
        person_id=person.pk if person else None,
        judged=kind,
        ground=ground,
    )
    _set_transfer_clock(contact, at=at)
    return contact


def _told_before(
    case: Case, told: ContactTold, visited: Place | None, *, already: Collection[Contact]
) -> Contact | None:
    """The contact this telling repeats, where no number says who it is: same meeting, and same name or none."""
    named = told.identity is not None and told.identity != Identity()
    alike = Contact.objects.filter(
        case=case, first_at=told.first_at, last_at=told.last_at, visited=visited, person__isnull=not named
    ).exclude(pk__in=[one.pk for one in already])
    for one in alike.select_related("place", "person").order_by("pk"):
        if told.identity is None or not named or says_nothing_new(one.person_id, told.identity):
            return cast("Contact", one)
    return None


def _tell_again(known: Contact, told: ContactTold, case: Case, *, by: Viewer, at: datetime) -> None:
    """A contact told again: the meetings widen, the graver kind stands, and a later meeting may make it close."""
    known.first_at, known.last_at = min(known.first_at, told.first_at), max(known.last_at, told.last_at)
    if not known.by_hand:
        known.told = min(known.told, told.kind, key=list(rules.KINDS).index)
    known.save(update_fields=["first_at", "last_at", "told"])
    _judge(known, since=_infectious_from(case), by=by, at=at)


def _person(identity: Identity | None, place: Place, at: datetime) -> Person | None:
    if identity is None or identity == Identity():
        return None
    return enrol(identity, place=place, relation="responsible", at=at)


def _infectious_from(case: Case) -> datetime | None:
    reference = rules.reference_day(case.onset_date, case.sampled_on)
    if reference is None:
        return None
    days = (
        case.investigation.look_back_days
        if case.investigation
        else rules.window_rule(day_of(case.reported_at)).look_back_days
    )
    return rules.infectious_from(reference, days)


def _judge_again(cases: Sequence[Case], *, by: Viewer, at: datetime) -> tuple[int, int]:
    """Apply the infectious windows as they now are to contacts nobody has acted on; gives (became close, no longer)."""
    gained = lost = 0
    for case in cases:
        since = _infectious_from(case)
        for contact in Contact.objects.filter(case=case, state="listed").select_related("place"):
            before = contact.kind
            if _judge(contact, since=since, by=by, at=at):
                gained, lost = gained + (contact.kind == "close"), lost + (before == "close")
    return gained, lost


def _judge(contact: Contact, *, since: datetime | None, by: Viewer, at: datetime) -> bool:
    """Apply the infectious window to a contact nobody has acted on or judged by hand; True where its kind changed."""
    kind = rules.judged_kind(contact.told, last_at=contact.last_at, since=since)
    if kind == contact.kind or contact.by_hand or contact.state != "listed":
        return False
    before, contact.kind, contact.judged_at = contact.kind, kind, at
    contact.save(update_fields=["kind", "judged_at"])
    _set_transfer_clock(contact, at=at)
    journal.record(
        "trace.contact_judged",
        place=contact.place,
        by=by,
        at=at,
        subject=contact,
        because="infectious window",
        before=before,
        after=kind,
        ground=contact.ground,
    )
    return True


def _set_transfer_clock(contact: Contact, *, at: datetime) -> None:
    if contact.kind == "close" and contact.state in {"listed", "notified"}:
        start_clock("contact-transfer", contact, at=at)
    else:
        stop_clock("contact-transfer", contact, at=at)


def _imported(title: str, place: Place) -> Investigation | None:
    return Investigation.objects.filter(event_id__isnull=True, place=place, title_en=title).first()


def _values(row: CaseListed, at: datetime) -> dict[str, object]:
    return {
        "sex": row.sex,
        "age": row.age,
        "onset_date": row.onset_date,
        "reported_at": start_of(row.reported_on)
        if row.reported_on
        else start_of(row.onset_date)
        if row.onset_date
        else at,
        "classification": row.classification,
        "outcome": row.outcome,
        "occupation": row.occupation,
        "note": row.note,
    }


def _refuse_unknown(rows: Sequence[LinkListed], cases: Collection[str]) -> None:
    unknown = sorted({label for row in rows for label in (row.infector, row.infectee) if label not in cases})
    if unknown:
        raise Refusal(
            f"The contacts name {len(unknown)} cases the line list lacks: {', '.join(unknown[:10])}; "
            "import those first.",
            zh=f"接触名单中有{len(unknown)}例不在病例名单内：{'、'.join(unknown[:10])}；请先导入。",
        )


def limit_hours(code: str) -> float:
    """A clock's limit in hours, for pages that print it."""
    return clock_rule(code).limit.total_seconds() / 3600


CONTACT_STATES = Contact.LIFECYCLE.states
"""The states of a contact and their words, for filters."""
