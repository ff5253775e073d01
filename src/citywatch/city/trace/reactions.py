"""What tracing does when others report something."""

from datetime import date, datetime, timedelta
from typing import Any

from citywatch.city.registry.queries import city_place
from citywatch.city.trace import rules, services
from citywatch.city.trace.models import Case
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.vault.models import Person

_NO_SYMPTOM = {"", "none"}


def register_case(entry: Entry) -> None:
    """A positive sample makes its person a case of the home district (of the site's, when home is unknown).

    A second positive of the same person in the same illness is the same case.
    """
    barcode = str(entry.body.get("barcode") or "")
    person_id = entry.body.get("person_id")
    if not barcode or _known(barcode, person_id, entry.at):
        return
    visit = Submission.objects.select_related("home_place").filter(pk=entry.body.get("submission") or 0).first()
    answers = visit.answers if visit else {}
    home = visit.home_place if visit else None
    onset = _day(answers.get("onset_date"))
    ill = onset is not None or bool(set(answers.get("symptoms") or ()) - _NO_SYMPTOM)
    case_id = services.add_case(
        investigation_id=None,
        hazard=rules.COVID,
        place=services.district_of(home or entry.place),
        person=Person.objects.filter(pk=person_id).first() if person_id else None,
        sample_barcode=barcode,
        classification=rules.classify(positive=True, symptoms=ill),
        onset_date=onset,
        sampled_on=day_of(visit.occurred_at if visit else entry.at),
        sex=str(answers.get("sex") or ""),
        age=_years(answers),
        occupation=str(answers.get("occupation") or ""),
        by=machine("trace", place=city_place(), abilities=["trace.investigate", "trace.view"]),
        at=entry.at,
        because=f"核酸阳性样本 {barcode}",
    )
    if not _carded(person_id, day_of(entry.at)):
        services.await_card(case_id, at=entry.at)


def card_arrived(entry: Entry) -> None:
    """A report card for a case's person ends the two hours that the positive result began."""
    if entry.body.get("person_id") and (entry.body.get("answers") or {}).get("disease") in rules.COVID_CARDS:
        services.card_came(entry.body["person_id"], at=entry.at)


def _carded(person_id: int | None, today: date) -> bool:
    """Whether the hospital has reported this person already (a clinical diagnosis may come before the result)."""
    if person_id is None:
        return False
    since = today - timedelta(days=rules.SAME_ILLNESS_DAYS)
    cards = Submission.objects.filter(form="report-card", person_id=person_id, occurred_on__gte=since)
    return any(card.answers.get("disease") in rules.COVID_CARDS for card in cards)


def _known(barcode: str, person_id: int | None, at: datetime) -> bool:
    if Case.objects.filter(sample_barcode=barcode).exists():
        return True
    if person_id is None:
        return False
    since = at - timedelta(days=rules.SAME_ILLNESS_DAYS)
    same = Case.objects.filter(person_id=person_id, hazard=rules.COVID, reported_at__gte=since)
    same = same.exclude(state="discarded")
    return same.exclude(investigation__state="closed").exists()


def _day(answer: Any) -> date | None:
    return date.fromisoformat(answer) if isinstance(answer, str) and answer else answer or None


def _years(answers: dict[str, Any]) -> int | None:
    """Age in whole years; infants told in months or days are 0."""
    age = answers.get("age")
    if age in (None, ""):
        return None
    return int(age) if answers.get("age_unit", "Y") == "Y" else int(age) // 12 if answers["age_unit"] == "M" else 0
