"""What sites send: ordinary days of the four streams, rows in the forms' own words, batches, and laboratory results.

Column names and codes equal those of the city's forms; a test of the server holds them equal. Who is infected is not
known here: the scenario hands in the reports its cases cause.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import (
    DAY,
    attendance_factor,
    instant,
    instant_text,
    local_day,
    midnight,
)
from citywatch.simulation.identities import age_on, identity
from citywatch.simulation.places import distances_km

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime

    from citywatch.simulation.people import City
    from citywatch.simulation.places import SitePlace

FORM_OF_STREAM: Final = {
    "symptom": "symptom-registration",
    "fever": "fever-clinic-visit",
    "pharmacy": "pharmacy-sale",
    "card": "report-card",
}
ZERO_REPORT: Final = "zero-report"

# Records a day in a city of 100,000 (domain dossier, section 3); cards a day are assumed.
DAILY: Final = {"symptom": 104.0, "pharmacy": 146.0, "fever": 12.0, "card": 3.5}
DISPERSION: Final = 10.0
# How much of its stream one site of a kind draws, relative to others (assumed). The market's pharmacy is a small one.
SYMPTOM_WEIGHT: Final = {"chc": 5.0, "chs": 2.5, "clinic": 2.4, "village_room": 1.2}
MARKET_PHARMACY_SHARE: Final = 0.035
# Share of primary-care visits by leading symptom (domain dossier, section 3, assumed there).
SYMPTOM_SHARE: Final = {
    "fever": 1.5,
    "cough_throat": 6.0,
    "diarrhoea": 1.5,
    "vomiting": 0.6,
    "rash": 0.8,
    "red_eye": 0.5,
    "jaundice": 0.02,
    "bleeding_consciousness": 0.05,
}
SECOND_SYMPTOM: Final = {"fever": ("cough_throat", 0.25), "diarrhoea": ("vomiting", 0.2), "rash": ("fever", 0.15)}
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
DRUG_SHARE: Final = {"antipyretic": 0.22, "cough": 0.33, "antiviral": 0.13, "antibiotic": 0.32}  # assumed
DRUG_NAMES: Final = {
    "antipyretic": ("对乙酰氨基酚片", "布洛芬缓释胶囊"),
    "cough": ("复方甘草片", "止咳糖浆"),
    "antiviral": ("磷酸奥司他韦胶囊", "抗病毒口服液"),
    "antibiotic": ("阿莫西林胶囊", "头孢克洛胶囊"),
}
DRUG_SYMPTOM: Final = {"antipyretic": "fever", "cough": "cough_throat"}
# Ordinary cards: disease code, share, oldest age (exclusive), card class (2 confirmed, 1 clinical); shares assumed.
ORDINARY_CARDS: Final = (("3500", 0.25, 96, "2"), ("4000", 0.35, 6, "1"), ("3900", 0.40, 96, "1"))
PCR_ORDERED: Final = 0.7
LATE: Final = 0.012
MISSING: Final = 0.008
OPENS: Final = 8 * 60
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
    """One row before it is sent. `live` rows go alone within minutes; `positive_at` is when its sample is positive."""

    site: int
    stream: str
    at: int
    person: int
    row: dict[str, str]
    live: bool = False
    positive_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class Sites:
    """Reporting sites of a city and who goes where."""

    city: City
    closing: dict[int, int] = field(default_factory=dict)  # minutes after local midnight

    def of(self, stream: str) -> list[int]:
        """Place indices of the sites that must report a stream."""
        return [i for i, place in enumerate(self.city.places) if stream in place.streams]

    def primary_of(self, street: int) -> list[int]:
        """Primary institutions of a street; the plan gives every street at least one."""
        code = self.city.plan.streets[street].code
        return [i for i in self.of("symptom") if self.city.places[i].street_code == code]

    def nearest(self, stream: str, *, street: int) -> int:
        """The stream's site nearest to a street."""
        far = distances_km(self.city.plan, origin=street)
        sites = self.of(stream)
        return min(sites, key=lambda i: (far[self.city.street_index(self.city.places[i].street_code)], i))

    def weights(self, stream: str) -> np.ndarray:
        """The share of a stream's ordinary rows that each of its sites writes, in the order of `of`."""
        places = [self.city.places[i] for i in self.of(stream)]
        if stream == "pharmacy":
            small = np.array([place.street_code == self.city.plan.market_street for place in places])
            each = (1 - MARKET_PHARMACY_SHARE * small.sum()) / max(int((~small).sum()), 1)
            return np.where(small, MARKET_PHARMACY_SHARE, each)
        weight = np.array([_weight(place, stream=stream) for place in places])
        return np.asarray(weight / weight.sum())


def open_sites(city: City, *, rng: np.random.Generator) -> Sites:
    """Give each reporting site its closing time, 16:30 to 20:30; fever clinics close last."""
    closing = {}
    for i, place in enumerate(city.places):
        drawn = int(rng.integers(16 * 60 + 30, 20 * 60 + 1))
        closing[i] = 20 * 60 + 30 if "fever" in place.streams else drawn
    return Sites(city=city, closing=closing)


def _weight(place: SitePlace, *, stream: str) -> float:
    if stream == "symptom":
        return SYMPTOM_WEIGHT[place.institution_kind or ""]
    return 5.0 if place.institution_kind == "hospital" else 1.0


# ── Ordinary days ────────────────────────────────────────────────────────────────────────────────────────────────────


def ordinary_reports(sites: Sites, *, days: Sequence[date], rng: np.random.Generator) -> Iterator[Report]:
    """Rows of days without an outbreak: negative binomial around each site's mean, with the calendar's rhythm."""
    scale = sites.city.plan.people / 100_000
    catchment = Catchment(sites, rng=rng)
    writers = {
        "symptom": _ordinary_symptom,
        "pharmacy": _ordinary_sale,
        "fever": _ordinary_fever,
        "card": _ordinary_card,
    }
    for day in days:
        # Sales follow the calendar half as strongly as attendance (assumed); fever clinics never close.
        swing = {"symptom": 1.0, "pharmacy": 0.5, "fever": 0.0, "card": 1.0}
        for stream, write in writers.items():
            mean = DAILY[stream] * scale * attendance_factor(day) ** swing[stream] * sites.weights(stream)
            counts = rng.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean))
            for site, count in zip(sites.of(stream), counts, strict=True):
                for _ in range(int(count)):
                    at = midnight(day) + int(rng.integers(OPENS, sites.closing[site] - 20))
                    yield write(catchment, site=site, at=at, rng=rng)


class Catchment:
    """Draws the people who come to a site."""

    def __init__(self, sites: Sites, *, rng: np.random.Generator) -> None:
        """Work out once which streets each pharmacy serves."""
        self.city, self._rng = sites.city, rng
        self._streets: dict[int, list[int]] = defaultdict(list)
        for street in range(len(self.city.plan.streets)):
            self._streets[sites.nearest("pharmacy", street=street)].append(street)
        for site in sites.of("symptom"):
            self._streets[site] = [self.city.street_index(self.city.places[site].street_code)]

    def draw(self, site: int, *, younger_than: int = 200) -> int:
        """A person for a site: eight in ten from the streets it serves, the rest from anywhere."""
        streets = self._streets.get(site)
        for _ in range(400):
            if streets and self._rng.random() < 0.8:  # assumed
                residents = self.city.residents_of(streets[int(self._rng.integers(len(streets)))])
            else:
                residents = self.city.residents
            if not len(residents):
                continue
            person = int(residents[self._rng.integers(len(residents))])
            if self.city.people.age[person] < younger_than:
                return person
        msg = f"no resident under {younger_than} found for {self.city.places[site].code} in 400 draws."
        raise ValueError(msg)


def _season(symptom: str, day: date) -> float:
    """Seasonal factor of a symptom (domain dossier, section 3, assumed there)."""
    if symptom in {"fever", "cough_throat"} and day.month in {11, 12, 1, 2}:
        return 1.6
    if symptom == "diarrhoea" and day.month in {7, 8}:
        return 2.0
    return 2.0 if symptom == "rash" and day.month in {4, 5, 6, 7} else 1.0


def _pick(options: Sequence[str], shares: Iterable[float], rng: np.random.Generator) -> str:
    edges = np.cumsum(np.fromiter(shares, dtype=float))
    return options[int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))]


def _ordinary_symptom(people: Catchment, *, site: int, at: int, rng: np.random.Generator) -> Report:
    day = local_day(at)
    leading = _pick(list(SYMPTOM_SHARE), (v * _season(k, day) for k, v in SYMPTOM_SHARE.items()), rng)
    symptoms = [leading]
    second, chance = SECOND_SYMPTOM.get(leading, ("", 0.0))
    if second and rng.random() < chance:
        symptoms.append(second)
    return symptom_report(
        people.city, site=site, at=at, person=people.draw(site), symptoms=symptoms, onset=at - _days_ill(rng), rng=rng
    )


def _ordinary_sale(people: Catchment, *, site: int, at: int, rng: np.random.Generator) -> Report:
    drug = _pick(list(DRUG_SHARE), DRUG_SHARE.values(), rng)
    return sale_report(people.city, site=site, at=at, person=people.draw(site), drug=drug, rng=rng)


def _ordinary_fever(people: Catchment, *, site: int, at: int, rng: np.random.Generator) -> Report:
    symptoms = ["fever"] + (["cough_throat"] if rng.random() < 0.5 else [])  # assumed
    return fever_report(
        people.city,
        site=site,
        at=at,
        person=people.draw(site),
        symptoms=symptoms,
        onset=at - _days_ill(rng),
        pcr=bool(rng.random() < PCR_ORDERED),
        rng=rng,
    )


def _ordinary_card(people: Catchment, *, site: int, at: int, rng: np.random.Generator) -> Report:
    code = _pick([card[0] for card in ORDINARY_CARDS], (card[1] for card in ORDINARY_CARDS), rng)
    disease = next(card for card in ORDINARY_CARDS if card[0] == code)
    person = people.draw(site, younger_than=disease[2])
    return card_report(
        people.city, site=site, at=at, person=person, disease=code, case_class=disease[3], onset=at - _days_ill(rng)
    )


def _days_ill(rng: np.random.Generator) -> int:
    return int(rng.gamma(2.0, 0.7) * DAY)


# ── Rows, in the words of the forms ──────────────────────────────────────────────────────────────────────────────────


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


# ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def label_samples(reports: Iterable[Report]) -> dict[int, str]:
    """Give every ordered sample a barcode of its own, in order of time; returns the barcode of each tested person."""
    barcodes = {}
    ordered = [report for report in reports if report.row.get("pcr_ordered") == "Y"]
    for number, report in enumerate(sorted(ordered, key=lambda r: (r.at, r.site, r.person)), start=1):
        barcode = f"S{local_day(report.at):%y%m%d}{number:06d}"
        report.row["sample_barcode"] = barcode
        if report.positive_at is not None:
            barcodes[report.person] = barcode
    return barcodes


def batches(
    sites: Sites, reports: Sequence[Report], *, days: Sequence[date], live_from: int, rng: np.random.Generator
) -> list[Batch]:
    """What the sites send, in the order it is sent.

    One batch a site, form and day at closing time, with a zero-report for each stream that saw nothing. From minute
    `live_from` each fever-clinic visit goes at once. About 2 % of site-days come the next morning or never; sites with
    a fever clinic are always in time, as their visits hold people.
    """
    sent: list[Batch] = []
    daily: dict[tuple[int, date], dict[str, list[Report]]] = defaultdict(lambda: defaultdict(list))
    busy: set[tuple[int, date, str]] = set()
    for report in sorted(reports, key=lambda r: (r.at, r.site, r.person, r.stream)):
        day = local_day(report.at)
        busy.add((report.site, day, report.stream))
        if report.live or (report.stream == "fever" and report.at >= live_from):
            delay = int(rng.integers(3, 12))
            sent.append(_batch(sites, report.site, stream=report.stream, rows=[report], sent=report.at + delay))
        else:
            daily[report.site, day][report.stream].append(report)
    for site in sorted({i for stream in FORM_OF_STREAM for i in sites.of(stream)}):
        for day in days:
            at = _sending_minute(sites, site, day=day, rng=rng)
            if at is None:
                continue
            for stream, rows in sorted(daily[site, day].items()):
                sent.append(_batch(sites, site, stream=stream, rows=rows, sent=at))
            duties = sites.city.places[site].streams
            idle = [s for s in duties if s in FORM_OF_STREAM and (site, day, s) not in busy]
            if idle:
                sent.append(_zero(sites, site, day=day, streams=idle, sent=at))
    return sorted(sent, key=lambda batch: (batch.sent_at, batch.site_code, batch.form))


def _sending_minute(sites: Sites, site: int, *, day: date, rng: np.random.Generator) -> int | None:
    chance, slip, morning = rng.random(), int(rng.integers(0, 9)), int(rng.integers(8 * 60, 11 * 60))
    if "fever" not in sites.city.places[site].streams:
        if chance < MISSING:
            return None
        if chance < MISSING + LATE:
            return midnight(day) + DAY + morning
    return midnight(day) + sites.closing[site] + slip


def _batch(sites: Sites, site: int, *, stream: str, rows: Sequence[Report], sent: int) -> Batch:
    return Batch(
        site_code=sites.city.places[site].code,
        form=FORM_OF_STREAM[stream],
        day=local_day(rows[0].at),
        sent_at=instant(sent),
        rows=[report.row for report in rows],
    )


def _zero(sites: Sites, site: int, *, day: date, streams: Sequence[str], sent: int) -> Batch:
    rows = [{"stream": stream, "day": day.isoformat()} for stream in streams]
    return Batch(site_code=sites.city.places[site].code, form=ZERO_REPORT, day=day, sent_at=instant(sent), rows=rows)


def lab_results(
    city: City, reports: Sequence[Report], *, received: dict[str, int], rng: np.random.Generator
) -> list[LabResult]:
    """A result for every ordered sample, 4 to 20 hours after the visit and never before the order was sent.

    `received` gives the minute each barcode's batch was sent. Positive samples come at their own `positive_at`.
    """
    labs = city.of_kind("lab")
    results = []
    ordered = [report for report in reports if report.row.get("sample_barcode")]
    for report in sorted(ordered, key=lambda r: r.row["sample_barcode"]):
        barcode = report.row["sample_barcode"]
        ready = report.at + int(rng.integers(4 * 60, 16 * 60))
        ready = max(ready, received[barcode] + int(rng.integers(10, 180)))
        at = ready if report.positive_at is None else report.positive_at
        lab = city.places[int(labs[report.site % len(labs)])].code
        row = _result_row(barcode, at=at, positive=report.positive_at is not None, rng=rng)
        results.append(LabResult(lab_code=lab, barcode=barcode, sent_at=instant(at), row=row))
    return sorted(results, key=lambda result: (result.sent_at, result.barcode))


def _result_row(barcode: str, *, at: int, positive: bool, rng: np.random.Generator) -> dict[str, str]:
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


def within_opening(sites: Sites, site: int, *, after: int, rng: np.random.Generator) -> int:
    """A minute when the site is open, on the day of minute `after` or, when that is too late, the next."""
    day = local_day(after)
    opens, closes = midnight(day) + OPENS, midnight(day) + sites.closing[site] - 20
    if after >= closes - 30:
        opens, closes, after = opens + DAY, closes + DAY, opens + DAY
    return int(rng.integers(max(after, opens), closes))
