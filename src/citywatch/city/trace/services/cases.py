"""Register a case, take it on, discard it, classify it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import transaction

from citywatch.city.trace import rules
from citywatch.city.trace.lifecycles import is_hand_over
from citywatch.city.trace.models import COUNTED, Case, Investigation
from citywatch.city.trace.services.contacts import judge_again
from citywatch.city.trace.services.rows import SOURCE_LOCK, investigation_row, worked_case
from citywatch.mechanisms.clock import day_of, start_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import advance, begin, clocks_of, start_clock, stop_clock
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.services import make_known

CARD = "card-2h"


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
        investigation = investigation_row(investigation_id, by)
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
def move_case(case_id: int, move: str, *, by: Viewer, at: datetime, because: str = "") -> None:
    """Take a case one step on, or discard it with a reason.

    The discarded case that began an episode hands the source clock to the next positive of the episode, as from then.
    Every district that had handed it over is told so in its journal; its row stays closed as handed over.
    """
    case = worked_case(case_id, by)
    if is_hand_over(move):
        raise Refusal(
            "A hand-over names the other district; use “Hand over” or answer the one that waits.",
            zh="移交须选择接收区；请使用“移交”，或对待接收的移交作答。",
        )
    locking = any(clock.code == SOURCE_LOCK and clock.running for clock in clocks_of(case))
    advance(case, move, by=by, at=at, because=because)
    if case.state != "discarded":
        return
    for row in _given_by(case):
        journal.record("trace.case_discard", place=row.place, by=by, at=at, because=because, subject=row, case=case.pk)
    if locking:
        _hand_on_source_clock(case)


@transaction.atomic
def isolate_case(
    case_id: int, *, isolated_at: datetime, by: Viewer, at: datetime, because: str = ""
) -> tuple[int, int]:
    """Say when a case was isolated: from then on nobody becomes its contact.

    Contacts nobody has acted on are judged anew; gives how many became close and how many no longer are.
    """
    case = worked_case(case_id, by)
    if isolated_at > at:
        raise Refusal(
            "Isolation lies in the future; give the moment it began.", zh="隔离时间晚于现在；请填写实际时间。"
        )
    reference = rules.reference_day(case.onset_date, case.sampled_on)
    if reference is not None and isolated_at < start_of(reference - timedelta(days=rules.EPISODE_DAYS)):
        raise Refusal(
            f"Isolation on {day_of(isolated_at)} is more than {rules.EPISODE_DAYS} days before onset; check the date.",
            zh=f"隔离时间比发病早{rules.EPISODE_DAYS}天以上；请核对日期。",
        )
    before, case.isolated_at = case.isolated_at, isolated_at
    case.save(update_fields=["isolated_at"])
    gained, lost = judge_again([case], by=by, at=at)
    journal.record(
        "trace.case_isolated",
        place=case.place,
        by=by,
        at=at,
        because=because,
        subject=case,
        before=before,
        after=isolated_at,
        became_close=gained,
        no_longer_close=lost,
    )
    return gained, lost


@transaction.atomic
def classify_case(case_id: int, *, classification: str, by: Viewer, at: datetime, because: str) -> None:
    """Change a case's classification, with a reason; in every district that had handed it over too."""
    case = worked_case(case_id, by)
    if classification not in rules.CLASSIFICATIONS:
        known = ", ".join(rules.CLASSIFICATIONS)
        raise Refusal(f"{classification!r} is not a classification; use one of {known}.", zh="请选择列表中的病例分类。")
    if not because.strip():
        raise Refusal(
            "A new classification needs a reason; write one sentence.", zh="更改病例分类须填写理由；请写一句话。"
        )
    for row in (case, *_given_by(case)):
        before, row.classification = row.classification, classification
        row.save(update_fields=["classification"])
        journal.record(
            "trace.case_classified",
            place=row.place,
            by=by,
            at=at,
            because=because,
            subject=row,
            before=before,
            after=classification,
        )


def _given_by(case: Case) -> Iterator[Case]:
    """The rows of this case in the districts that handed it over, the last first."""
    above = case.from_row_id
    while above is not None:
        row = Case.objects.select_related("place").get(pk=above)
        yield row
        above = row.from_row_id


def _begins_episode(hazard: str, at: datetime) -> bool:
    since = at - timedelta(days=rules.EPISODE_DAYS)
    earlier = Case.objects.filter(hazard=hazard, reported_at__gte=since).exclude(sample_barcode="")
    return not earlier.exclude(state="discarded").exists()


def _hand_on_source_clock(case: Case) -> None:
    within = case.reported_at, case.reported_at + timedelta(days=rules.EPISODE_DAYS)
    later = Case.objects.filter(hazard=case.hazard, reported_at__range=within).exclude(sample_barcode="")
    heir = later.filter(COUNTED).select_related("place").order_by("reported_at", "pk").first()
    if heir is not None:
        start_clock(SOURCE_LOCK, heir, at=heir.reported_at)
