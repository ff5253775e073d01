"""Reporting sites of a city: who must report what, how much each one sees, and who goes where."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import DAY, local_day, midnight
from citywatch.simulation.places import distances_km

if TYPE_CHECKING:
    from citywatch.simulation.people import City
    from citywatch.simulation.places import SitePlace

# How much of its stream one site of a kind draws, relative to others (assumed). The market's pharmacy is a small one.
SYMPTOM_WEIGHT: Final = {"chc": 5.0, "chs": 2.5, "clinic": 2.4, "village_room": 1.2}
MARKET_PHARMACY_SHARE: Final = 0.035
OPENS: Final = 8 * 60


@dataclass(frozen=True, kw_only=True)
class Sites:
    """Reporting sites of a city and who goes where."""

    city: City
    closing: dict[int, int] = field(default_factory=dict)  # minutes after local midnight

    @cached_property
    def _by_stream(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for i, place in enumerate(self.city.places):
            for stream in place.streams:
                found[stream].append(i)
        return dict(found)

    @cached_property
    def _street_of_code(self) -> dict[str, int]:
        return {street.code: n for n, street in enumerate(self.city.plan.streets)}

    @cached_property
    def _primary(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for i in self.of("symptom"):
            found[self.street_of(i)].append(i)
        return dict(found)

    @cached_property
    def _nearest(self) -> dict[tuple[str, int], int]:
        return {}

    def street_of(self, site: int) -> int:
        """The position in the plan of the street a site stands in."""
        return self._street_of_code[self.city.places[site].street_code]

    def of(self, stream: str) -> list[int]:
        """Place indices of the sites that must report a stream."""
        return self._by_stream.get(stream, [])

    def primary_of(self, street: int) -> list[int]:
        """Primary institutions of a street; the plan gives every street at least one."""
        return self._primary.get(street, [])

    def nearest(self, stream: str, *, street: int) -> int:
        """The stream's site nearest to a street."""
        key = stream, street
        if key not in self._nearest:
            far = distances_km(self.city.plan, origin=street)
            sites = self.of(stream)
            self._nearest[key] = sites[int(np.argmin(far[[self.street_of(i) for i in sites]]))]
        return self._nearest[key]

    def weights(self, stream: str) -> np.ndarray:
        """The share of a stream's ordinary rows that each of its sites writes, in the order of `of`."""
        places = [self.city.places[i] for i in self.of(stream)]
        if stream == "pharmacy":
            small = np.array([place.street_code == self.city.plan.market_street for place in places])
            if len(places) > 10:  # the demo's small shop beside the market is one of five
                small[:] = False
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


class Catchment:
    """Draws the people who come to a site."""

    def __init__(self, sites: Sites) -> None:
        """Work out once which streets each site serves."""
        self.city = sites.city
        self._streets: dict[int, list[int]] = defaultdict(list)
        for stream in ("pharmacy", "fever", "card"):
            for street in range(len(self.city.plan.streets)):
                if sites.of(stream):
                    self._streets[sites.nearest(stream, street=street)].append(street)
        for site in sites.of("symptom"):
            self._streets[site] = [sites.street_of(site)]

    def draw(self, site: int, rng: np.random.Generator, *, younger_than: int = 200) -> int:
        """A person for a site: eight in ten from the streets it serves, the rest from anywhere."""
        streets = self._streets.get(site)
        for _ in range(400):
            if streets and rng.random() < 0.8:  # assumed
                residents = self.city.residents_of(streets[int(rng.integers(len(streets)))])
            else:
                residents = self.city.residents
            if not len(residents):
                continue
            person = int(residents[rng.integers(len(residents))])
            if self.city.people.age[person] < younger_than:
                return person
        msg = f"no resident under {younger_than} found for {self.city.places[site].code} in 400 draws."
        raise ValueError(msg)


def within_opening(sites: Sites, site: int, *, after: int, rng: np.random.Generator) -> int:
    """A minute when the site is open, on the day of minute `after` or, when that is too late, the next."""
    day = local_day(after)
    opens, closes = midnight(day) + OPENS, midnight(day) + sites.closing[site] - 20
    if after >= closes - 30:
        opens, closes, after = opens + DAY, closes + DAY, opens + DAY
    return int(rng.integers(max(after, opens), closes))
