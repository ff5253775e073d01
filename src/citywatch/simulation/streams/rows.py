"""Rows in the words of the forms: what a clinic, a fever clinic, a pharmacy, a hospital or a laboratory writes down.

Column names and codes equal those of the city's forms; a test of the server holds them equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from citywatch.simulation.days import DAY, instant_text, local_day
from citywatch.simulation.identities import age_on, identity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import numpy as np

    from citywatch.simulation.people import City

FORM_OF_STREAM: Final = {
    "symptom": "symptom-registration",
    "fever": "fever-clinic-visit",
    "pharmacy": "pharmacy-sale",
    "card": "report-card",
    "absence": "school-absence",
}
ABSENCE: Final = "absence"
ZERO_REPORT: Final = "zero-report"
DIAGNOSIS: Final = {
    "fever": "发热待查",
    "cough_throat": "上呼吸道感染",
    "diarrhoea": "腹泻待查",
    "vomiting": "急性胃炎",
    "rash": "皮疹待查",
    "red_eye": "结膜炎",
    "jaundice": "黄疸待查",
    "bleeding_consciousness": "待查",
}
DRUG_NAMES: Final = {
    "antipyretic": ("对乙酰氨基酚片", "布洛芬缓释胶囊"),
    "cough": ("复方甘草片", "止咳糖浆"),
    "antiviral": ("磷酸奥司他韦胶囊", "抗病毒口服液"),
    "antibiotic": ("阿莫西林胶囊", "头孢克洛胶囊"),
}
DRUG_SYMPTOM: Final = {"antipyretic": "fever", "cough": "cough_throat"}
HOME_STREET_GIVEN: Final = 0.9


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one site sends at once: rows of one form, all of one local day."""

    site_code: str
    form: str
    day: date
    sent_at: datetime
    rows: list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class LabResult:
    """One result as the laboratory sends it."""

    lab_code: str
    barcode: str
    sent_at: datetime
    row: dict[str, str]


@dataclass(kw_only=True)
class Report:
    """One row before it is sent. `live` rows go alone within minutes; `positive_at` is when its sample is positive.

    `about` names the true infection behind it: person, outbreak, disease; None for an ordinary row.
    """

    site: int
    stream: str
    at: int
    person: int
    row: dict[str, str]
    live: bool = False
    positive_at: int | None = None
    about: tuple[int, int, str] | None = None


def symptom_report(
    city: City,
    *,
    site: int,
    at: int,
    person: int,
    symptoms: Sequence[str],
    onset: int,
    rng: np.random.Generator,
    temperature: str | None = None,
    referred: bool = False,
) -> Report:
    """One visit in the eight-symptom register."""
    who, age, unit = _person(city, person, at)
    taken = temperature if temperature is not None else _temperature(symptoms, rng)
    row = {
        "visit_at": instant_text(at),
        "name": who["name"],
        "id_number": who["id_number"],
        "phone": who["phone"],
        "sex": _sex(city, person),
        "age": age,
        "age_unit": unit,
        "occupation": occupation(city, person),
        **_home(city, person, who, rng),
        "visit_type": "first" if rng.random() < 0.85 else "return",  # assumed
        "onset_date": local_day(onset).isoformat(),
        "symptoms": ";".join(symptoms),
        "temperature": taken,
        "travel_14d": _yes(0.02, rng),
        "contact_14d": "N",
        "cluster_14d": _yes(0.005, rng),
        "preliminary_diagnosis": DIAGNOSIS[symptoms[0]],
        "disposition": "fever_clinic" if referred else "home",
    }
    return Report(site=site, stream="symptom", at=at, person=person, row=row)


def fever_report(
    city: City,
    *,
    site: int,
    at: int,
    person: int,
    symptoms: Sequence[str],
    onset: int,
    pcr: bool,
    rng: np.random.Generator,
    temperature: str | None = None,
    exposure: Sequence[str] = (),
    positive_at: int | None = None,
) -> Report:
    """One fever-clinic visit. The barcode of an ordered sample is filled in when all visits are known."""
    who, age, unit = _person(city, person, at)
    row = {
        "visit_at": instant_text(at),
        "name": who["name"],
        "id_number": who["id_number"],
        "phone": who["phone"],
        "sex": _sex(city, person),
        "age": age,
        "age_unit": unit,
        "occupation": occupation(city, person),
        **_home(city, person, who, rng),
        "onset_date": local_day(onset).isoformat(),
        "temperature": temperature if temperature is not None else f"{rng.uniform(37.3, 39.3):.1f}",
        "symptoms": ";".join(symptoms),
        "exposure_history": ";".join(exposure),
        "pcr_ordered": "Y" if pcr else "N",
        "sample_barcode": "",
        "diagnosis": DIAGNOSIS[symptoms[0]],
        "disposition": "held" if pcr else "home",
    }
    return Report(site=site, stream="fever", at=at, person=person, row=row, positive_at=positive_at)


def sale_report(city: City, *, site: int, at: int, person: int, drug: str, rng: np.random.Generator) -> Report:
    """One registered sale of a drug of the four classes."""
    who, _, _ = _person(city, person, at)
    symptom = DRUG_SYMPTOM.get(drug, "")
    own = rng.random() < 0.8  # share bought for oneself, assumed
    row = {
        "sold_at": instant_text(at),
        "drug_class": drug,
        "drug_name": DRUG_NAMES[drug][int(rng.integers(len(DRUG_NAMES[drug])))],
        "quantity": str(int(rng.integers(1, 4))),
        "name": who["name"],
        "id_number": who["id_number"],
        "phone": who["phone"],
        **_home(city, person, who, rng),
        "for_whom": "self" if own else "other",
        "temperature": _temperature([symptom] if symptom else ["none"], rng),
        "symptoms": symptom,
        "travel_14d": _yes(0.02, rng),
    }
    return Report(site=site, stream="pharmacy", at=at, person=person, row=row)


def card_report(
    city: City, *, site: int, at: int, person: int, disease: str, case_class: str, onset: int, live: bool = False
) -> Report:
    """One notifiable-disease report card, filled in when the diagnosis is made."""
    who, age, unit = _person(city, person, at)
    place = city.places[site]
    same = city.plan.streets[int(city.people.street[person])].district_code == place.street_code[:6]
    child = city.people.age[person] < 14  # the form asks for a guardian below 14
    head = identity(city, int(city.people.head[person]))["name"]
    work = int(city.people.workplace[person])
    row = {
        "card_no": f"{place.code}-{local_day(at):%Y%m%d}-{at % DAY:04d}-{person}",
        "card_type": "1",
        "name": who["name"],
        "guardian_name": head if child else "",
        "id_number": who["id_number"],
        "sex": _sex(city, person),
        "birth_date": who["birth_date"],
        "age": age,
        "age_unit": unit,
        "workplace": city.places[work].name_zh if work >= 0 else "",
        "phone": who["phone"],
        "patient_belongs": "1" if same else "2",
        "home_street": city.plan.streets[int(city.people.street[person])].code,
        "address": who["address"],
        "occupation": occupation(city, person),
        "case_class": case_class,
        "course": "",
        "onset_date": local_day(onset).isoformat(),
        "diagnosed_at": instant_text(at),
        "death_date": "",
        "disease": disease,
        "revised_disease": "",
        "return_reason": "",
        "reporting_phone": "",
        "doctor": f"{place.name_zh}值班医生",
        "filled_on": local_day(at).isoformat(),
        "note": "",
    }
    return Report(site=site, stream="card", at=at, person=person, row=row, live=live)


def occupation(city: City, person: int) -> str:
    """The population group code of the 2019 report card for a person (domain dossier, section 2.6)."""
    people = city.people
    age, work = int(people.age[person]), int(people.workplace[person])
    if age < 3:  # below kindergarten
        return "2"
    if people.pupil[person]:
        return "1" if age < 6 else "3"  # kindergarten, then pupil
    if people.market_hall[person] > 0:
        return "8"
    if work >= 0:
        return "17" if people.collective[person] else ("16", "22", "8", "6", "4", "16", "22")[work % 7]
    return "23" if age >= 60 else "24"  # retired, else at home


def _person(city: City, person: int, at: int) -> tuple[dict[str, str], str, str]:
    age, unit = age_on(city, person, local_day(at))
    return identity(city, person), str(age), unit


def _sex(city: City, person: int) -> str:
    return "M" if city.people.male[person] else "F"


def _home(city: City, person: int, who: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    given = rng.random() < HOME_STREET_GIVEN
    street = city.plan.streets[int(city.people.street[person])].code
    return {"home_street": street if given else "", "address": who["address"] if given else ""}


def _temperature(symptoms: Sequence[str], rng: np.random.Generator) -> str:
    if "fever" in symptoms:
        return f"{rng.uniform(37.4, 39.2):.1f}"
    return f"{rng.uniform(36.1, 37.1):.1f}" if rng.random() < 0.7 else ""  # not always taken


def _yes(chance: float, rng: np.random.Generator) -> str:
    return "Y" if rng.random() < chance else "N"


def result_row(barcode: str, *, at: int, positive: bool, rng: np.random.Generator) -> dict[str, str]:
    """One tube's result; only a positive one carries Ct values."""
    cycle = rng.uniform(19, 33)
    return {
        "barcode": barcode,
        "specimen": "throat_swab" if rng.random() < 0.7 else "nasal_swab",  # assumed
        "method": "pcr",
        "result": "positive" if positive else "negative",
        "ct_orf1ab": f"{cycle:.1f}" if positive else "",
        "ct_n": f"{cycle - rng.uniform(0.2, 1.5):.1f}" if positive else "",
        "tested_at": instant_text(at),
    }
