"""Days on which nothing happens: what sites see anyway, with the calendar's and the year's rhythm, unevenly.

Volumes and shares are those of the domain dossier, section 3. Who is infected is not known here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import DAY, attendance_factor, holiday, midnight
from citywatch.simulation.streams.rows import (
    card_report,
    fever_report,
    sale_report,
    symptom_report,
)
from citywatch.simulation.streams.sites import OPENS, Catchment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from citywatch.simulation.people import City
    from citywatch.simulation.streams.rows import Report
    from citywatch.simulation.streams.sites import Sites

# Records a day in a city of 100,000 (domain dossier, section 3); cards a day are assumed.
DAILY: Final = {"symptom": 104.0, "pharmacy": 146.0, "fever": 12.0, "card": 3.5}
OUTPATIENTS: Final = 2_411.0  # all visits a day in a city of 100,000: Beijing, 192.7 m in 2020
DISPERSION: Final = 10.0
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
DRUG_SHARE: Final = {"antipyretic": 0.22, "cough": 0.33, "antiviral": 0.13, "antibiotic": 0.32}  # assumed
# Ordinary cards: disease code, share, oldest age (exclusive), card class (2 confirmed, 1 clinical); shares assumed.
ORDINARY_CARDS: Final = (("3500", 0.25, 96, "2"), ("4000", 0.35, 6, "1"), ("3900", 0.40, 96, "1"))
PCR_ORDERED: Final = 0.7
EVEN: Final = {"symptom": 1.0, "pharmacy": 0.5, "fever": 0.0, "card": 1.0}
"""How closely a stream follows attendance: sales half as strongly (assumed); fever clinics never close."""
_SEASON_OF: Final = {
    "fever": (1.6, 305, 60),
    "cough_throat": (1.6, 305, 60),
    "diarrhoea": (2.0, 182, 243),
    "rash": (2.0, 91, 212),
    "antipyretic": (1.3, 305, 60),
    "cough": (1.3, 305, 60),
    "antiviral": (1.3, 305, 60),
    "3500": (3.0, 330, 45),
    "3900": (2.0, 182, 243),
    "4000": (2.5, 135, 200),
}
"""Factor of the high season and its first and last day of the year (domain dossier, section 3, assumed there)."""
_EDGE: Final = 10.0  # days over which a season comes and goes


def season(what: str, day: date) -> float:
    """Seasonal factor of a symptom, drug class or disease, relative to its low season; it comes and goes softly.

    >>> from datetime import date
    >>> round(season("diarrhoea", date(2020, 8, 1)), 1), round(season("diarrhoea", date(2020, 1, 15)), 1)
    (2.0, 1.0)
    """
    if what not in _SEASON_OF:
        return 1.0
    peak, first, last = _SEASON_OF[what]
    long = (last - first) % 365
    into = (day.timetuple().tm_yday - first) % 365
    outside = min(into - long, 365 - into) if into > long else -min(into, long - into)
    return 1 + (peak - 1) / (1 + math.exp(outside / _EDGE * 3))


def _year(what: Mapping[str, float]) -> float:
    """Weighted mean seasonal factor over the year: each season by its length."""
    total = sum(what.values())
    means = {}
    for name in what:
        peak, first, last = _SEASON_OF.get(name, (1.0, 0, 0))
        means[name] = 1 + (peak - 1) * ((last - first) % 365) / 365
    return sum(share * means[name] for name, share in what.items()) / total


def mix(shares: Mapping[str, float], day: date, *, urgent: Sequence[str] = (), attendance: float = 1.0) -> np.ndarray:
    """How much of each there is on a day, relative to the yearly mean of all, which is 1 in sum.

    On holidays people with an `urgent` complaint come all the same: influenza-like illness keeps its numbers while
    other attendance falls, so its share jumps (Chin J Epidemiol 2018 39(8)).
    """
    year = _year(shares) * sum(shares.values())
    factors = [1.0 if name in urgent and holiday(day) else attendance for name in shares]
    each = [share * season(name, day) * factor for (name, share), factor in zip(shares.items(), factors, strict=True)]
    return np.array(each) / year


def outpatients(city: City, day: date, *, seed: int) -> int:
    """All visits to clinics and hospitals on a day, the denominator that a share of influenza-like illness needs."""
    mean = OUTPATIENTS * len(city.people) / 100_000 * attendance_factor(day)
    rng = np.random.default_rng([seed, city.seed, 31, midnight(day) // DAY])
    return int(rng.negative_binomial(DISPERSION * 10, DISPERSION * 10 / (DISPERSION * 10 + mean)))


class Ordinary:
    """Draws a day's ordinary rows: negative binomial around each site's mean."""

    def __init__(self, sites: Sites) -> None:
        """Learn which sites report what, and how much of it."""
        self.sites, self.catchment = sites, Catchment(sites)
        self._sites_of = {stream: np.array(sites.of(stream), dtype=int) for stream in DAILY}
        self._weights = {stream: sites.weights(stream) for stream in DAILY if len(self._sites_of[stream])}
        self._cards = {code: share for code, share, _, _ in ORDINARY_CARDS}
        self._fever = {"fever": 1.0}

    def day(self, day: date, *, rng: np.random.Generator) -> Iterator[Report]:
        """A day's rows, stream by stream and site by site."""
        attendance = attendance_factor(day)
        shares = {
            "symptom": mix(SYMPTOM_SHARE, day, urgent=("fever",), attendance=attendance),
            "pharmacy": mix(DRUG_SHARE, day, attendance=attendance ** EVEN["pharmacy"]),
            "fever": mix(self._fever, day),
            "card": mix(self._cards, day, attendance=attendance),
        }
        write = {"symptom": self._symptom, "pharmacy": self._sale, "fever": self._visit, "card": self._card}
        scale = len(self.sites.city.people) / 100_000
        begin = midnight(day)
        for stream, weights in self._weights.items():
            mean = DAILY[stream] * scale * shares[stream].sum() * weights
            counts = rng.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean))
            edges = np.cumsum(shares[stream])
            chosen = np.searchsorted(edges, rng.random(int(counts.sum())) * edges[-1], side="right")
            inside = rng.random(len(chosen))
            where = np.repeat(self._sites_of[stream], counts)
            for site, which, share in zip(where.tolist(), chosen.tolist(), inside.tolist(), strict=True):
                at = begin + OPENS + int(share * (self.sites.closing[site] - 20 - OPENS))
                yield write[stream](which, site=site, at=at, rng=rng)

    def _symptom(self, which: int, *, site: int, at: int, rng: np.random.Generator) -> Report:
        symptoms = [_SYMPTOMS[which]]
        second, chance = SECOND_SYMPTOM.get(symptoms[0], ("", 0.0))
        if second and rng.random() < chance:
            symptoms.append(second)
        return symptom_report(
            self.sites.city,
            site=site,
            at=at,
            person=self.catchment.draw(site, rng),
            symptoms=symptoms,
            onset=at - _days_ill(rng),
            rng=rng,
        )

    def _sale(self, which: int, *, site: int, at: int, rng: np.random.Generator) -> Report:
        person = self.catchment.draw(site, rng)
        return sale_report(self.sites.city, site=site, at=at, person=person, drug=_DRUGS[which], rng=rng)

    def _visit(self, _which: int, *, site: int, at: int, rng: np.random.Generator) -> Report:
        symptoms = ["fever"] + (["cough_throat"] if rng.random() < 0.5 else [])  # assumed
        return fever_report(
            self.sites.city,
            site=site,
            at=at,
            person=self.catchment.draw(site, rng),
            symptoms=symptoms,
            onset=at - _days_ill(rng),
            pcr=bool(rng.random() < PCR_ORDERED),
            rng=rng,
        )

    def _card(self, which: int, *, site: int, at: int, rng: np.random.Generator) -> Report:
        code, _, oldest, case_class = ORDINARY_CARDS[which]
        person = self.catchment.draw(site, rng, younger_than=oldest)
        onset = at - _days_ill(rng)
        return card_report(
            self.sites.city, site=site, at=at, person=person, disease=code, case_class=case_class, onset=onset
        )


def ordinary_reports(sites: Sites, *, days: Sequence[date], rng: np.random.Generator) -> Iterator[Report]:
    """Rows of days without an outbreak."""
    ordinary = Ordinary(sites)
    for day in days:
        yield from ordinary.day(day, rng=rng)


_SYMPTOMS: Final = tuple(SYMPTOM_SHARE)
_DRUGS: Final = tuple(DRUG_SHARE)


def _days_ill(rng: np.random.Generator) -> int:
    return int(rng.gamma(2.0, 0.7) * DAY)
