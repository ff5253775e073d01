"""What the ill do about it: buy medicine, see a clinic or a fever clinic, get a card; and who is called for a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from citywatch.simulation.days import DAY
from citywatch.simulation.streams import (
    card_report,
    fever_report,
    sale_report,
    symptom_report,
    within_opening,
)

if TYPE_CHECKING:
    import numpy as np

    from citywatch.simulation.disease.history import NaturalHistory
    from citywatch.simulation.disease.spread import Case
    from citywatch.simulation.people import City
    from citywatch.simulation.streams import Report, Sites

CHILD: Final = 14
NEAR_WORK: Final = 0.3  # of workers and pupils who see someone near work or school rather than near home (assumed)
NEAR_MARKET: Final = 0.8  # of a market's staff (assumed)
RESULT_HOURS: Final = (4, 9)  # a fever clinic's PCR: 6 h is the target
FEVER_CLINIC_CARD: Final = (15, 95)  # minutes from the positive result; the card's limit is two hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Something an ill person will do at a minute. `what` is sale, clinic, fever or card.

    What belongs to a test carries the minute of its visit, so that a person called earlier is tested once.
    """

    at: int
    case: int
    what: str
    site: int
    drug: str = ""
    symptoms: tuple[str, ...] = ()
    positive_at: int | None = None
    called: bool = False
    live: bool = False
    code: str = ""
    case_class: str = ""
    visit: int = -1  # of a tested case: when it went to be tested


def errands(
    case: Case, history: NaturalHistory, *, sites: Sites, tested_from: int, rng: np.random.Generator
) -> list[Errand]:
    """What a case does of its own accord, in order of time; nothing when it has no symptoms.

    Everyone at a fever clinic is tested; before minute `tested_from` no case of such a disease goes to one.
    """
    if case.asymptomatic:
        return []
    care, city = history.care, sites.city
    child = city.people.age[case.person] < CHILD
    symptoms = tuple(history.draw_symptoms(rng))
    street = care_street(city, case.person, sites=sites, rng=rng)
    seen: list[Errand] = []

    def when(site: int, pace: float) -> int:
        wait = rng.gamma(care.delay_shape, care.delay_mean * pace / care.delay_shape)
        return within_opening(sites, site, after=case.onset + 30 + round(wait * DAY), rng=rng)

    if rng.random() < care.pharmacy:
        site = sites.nearest("pharmacy", street=street)
        total = sum(share for _, share in care.drugs)
        drawn, drug = rng.random() * total, care.drugs[-1][0]
        for name, share in care.drugs:
            drawn -= share
            if drawn < 0:
                drug = name
                break
        seen.append(Errand(at=when(site, 0.5), case=case.number, what="sale", site=site, drug=drug))
    if rng.random() < min(care.clinic * (care.child_clinic if child else 1.0), 0.95):
        near = sites.primary_of(street)
        site = near[int(rng.integers(len(near)))]
        seen.append(Errand(at=when(site, 0.8), case=case.number, what="clinic", site=site, symptoms=symptoms))
    if rng.random() < care.fever_clinic * ("fever" in symptoms) / _febrile(history):
        seen += _fever_clinic(case, history, symptoms, sites=sites, tested_from=tested_from, at=when, rng=rng)
    seen.sort(key=lambda one: one.at)
    visited = [one for one in seen if one.what in {"clinic", "fever"}]
    if visited and not care.tested and rng.random() < care.cards:
        site = sites.nearest("card", street=street)
        at = within_opening(sites, site, after=visited[0].at + int(rng.integers(60, 24 * 60)), rng=rng)
        seen.append(_card(case, history, site=site, at=at))
    return seen


def call(case: Case, history: NaturalHistory, *, sites: Sites, after: int, rng: np.random.Generator) -> list[Errand]:
    """A case that is called for a test once it has symptoms: the visit, and the card that follows the result."""
    symptoms = tuple(history.draw_symptoms(rng))
    site = sites.nearest("fever", street=int(sites.city.people.street[case.person]))
    at = within_opening(sites, site, after=max(after, case.onset + 120), rng=rng)
    return _tested(case, history, symptoms, site=site, at=at, called=True, rng=rng)


def write(one: Errand, case: Case, *, city: City, rng: np.random.Generator) -> Report:
    """The row that an errand leaves, with the infection it is about."""
    person, symptoms = case.person, list(one.symptoms)
    if one.what == "sale":
        report = sale_report(city, site=one.site, at=one.at, person=person, drug=one.drug, rng=rng)
    elif one.what == "clinic":
        report = symptom_report(
            city, site=one.site, at=one.at, person=person, symptoms=symptoms, onset=case.onset, rng=rng
        )
    elif one.what == "fever":
        report = fever_report(
            city,
            site=one.site,
            at=one.at,
            person=person,
            symptoms=symptoms,
            onset=case.onset,
            pcr=one.positive_at is not None,
            exposure=["case_contact"] if one.called else [],
            positive_at=one.positive_at,
            rng=rng,
        )
    else:
        report = card_report(
            city,
            site=one.site,
            at=one.at,
            person=person,
            disease=one.code,
            case_class=one.case_class,
            onset=case.onset,
            live=one.live,
        )
    report.about = person, case.outbreak, case.disease
    return report


def care_street(city: City, person: int, *, sites: Sites, rng: np.random.Generator) -> int:
    """The street where a person seeks care: near home, or near work or school for some."""
    work = int(city.people.workplace[person])
    if work >= 0:
        share = NEAR_MARKET if city.places[work].kind in {"hall", "stall"} else NEAR_WORK
        if rng.random() < share:
            return sites.street_of(work)
    return int(city.people.street[person])


def _febrile(history: NaturalHistory) -> float:
    return max(dict(history.symptoms).get("fever", 0.0), 1e-9)


def _fever_clinic(
    case: Case,
    history: NaturalHistory,
    symptoms: tuple[str, ...],
    *,
    sites: Sites,
    tested_from: int,
    at: object,
    rng: np.random.Generator,
) -> list[Errand]:
    site = sites.nearest("fever", street=int(sites.city.people.street[case.person]))
    minute = at(site, 1.0)  # type: ignore[operator]
    if history.care.tested:
        if minute < tested_from:  # too mild to think of a fever clinic, where everyone is tested
            return []
        return _tested(case, history, symptoms, site=site, at=minute, called=False, rng=rng)
    return [Errand(at=minute, case=case.number, what="fever", site=site, symptoms=symptoms)]


def _tested(
    case: Case,
    history: NaturalHistory,
    symptoms: tuple[str, ...],
    *,
    site: int,
    at: int,
    called: bool,
    rng: np.random.Generator,
) -> list[Errand]:
    low, high = RESULT_HOURS
    positive_at = at + int(rng.integers(low * 60, high * 60))
    diagnosed = positive_at + int(rng.integers(*FEVER_CLINIC_CARD))
    return [
        Errand(
            at=at,
            case=case.number,
            what="fever",
            site=site,
            symptoms=symptoms,
            positive_at=positive_at,
            called=called,
            visit=at,
        ),
        _card(case, history, site=site, at=diagnosed, live=True, visit=at),
    ]


def _card(case: Case, history: NaturalHistory, *, site: int, at: int, live: bool = False, visit: int = -1) -> Errand:
    care = history.care
    return Errand(
        at=at,
        case=case.number,
        what="card",
        site=site,
        code=care.card_code,
        case_class=care.card_class,
        live=live,
        visit=visit,
    )
