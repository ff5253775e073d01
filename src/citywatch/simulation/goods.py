"""Chilled and frozen goods: batches on their way from importer to cold store, market hall, and shops and restaurants.

Which batch carries something is the scenario's business; here every batch is like every other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import is_working_day, midnight
from citywatch.simulation.places import BEEF_HALL, HALLS, SEAFOOD_HALL, distances_km

if TYPE_CHECKING:
    from citywatch.simulation.people import City

DECLARED_A_WEEK: Final = 25.0  # batches in a city of 100,000 (domain dossier, section 3)
MOST_A_DAY: Final = 10_000
_EPOCH: Final = date(2019, 1, 1)
# Halls that sell chilled goods, hall by hall, and the share of batches that go there (assumed): seafood, beef and
# mutton, pork, poultry.
COLD_HALLS: Final = (SEAFOOD_HALL, BEEF_HALL, 5, 6)
HALL_SHARE: Final = (0.4, 0.3, 0.15, 0.15)
SECOND_HALL: Final = 0.3  # chance that a batch is split over two markets, where there are two
MAIN_MARKET: Final = 0.5  # share of batches the main market takes at least
CUSTOMERS: Final = (3, 13)  # shops and restaurants a hall sells a batch to
NEAR: Final = 0.6  # share of them from the quarter of the city nearest to the market
RELEASED_AFTER: Final = (8 * 60, 14 * 60)  # sampling, six hours of PCR and disinfection (domain dossier, section 2.4)


@dataclass(frozen=True, kw_only=True)
class Goods:
    """One row per movement of a batch, in order of sending: place indices and minutes since 1970-01-01 UTC, int32."""

    batch: np.ndarray
    from_place: np.ndarray
    to_place: np.ndarray
    sent: np.ndarray
    received: np.ndarray

    def __len__(self) -> int:
        """How many movements there are."""
        return len(self.batch)

    def columns(self) -> dict[str, np.ndarray]:
        """The movements as a table: instants as datetime64."""
        return {
            "batch": self.batch,
            "from_place": self.from_place,
            "to_place": self.to_place,
            "sent": (self.sent.astype(np.int64) * 60).astype("datetime64[s]"),
            "received": (self.received.astype(np.int64) * 60).astype("datetime64[s]"),
        }

    def holders(self, batch: int) -> np.ndarray:
        """Places a batch has come to, in order of arrival, each once."""
        rows = np.flatnonzero(self.batch == batch)
        there = self.to_place[rows[np.argsort(self.received[rows], kind="stable")]]
        return there[np.sort(np.unique(there, return_index=True)[1])]

    def received_by(self, place: int) -> np.ndarray:
        """Batches that came to a place, in order of arrival."""
        rows = np.flatnonzero(self.to_place == place)
        return self.batch[rows[np.argsort(self.received[rows], kind="stable")]]


def code(batch: int) -> str:
    """What is printed on a batch: the day it was declared and its number that day.

    >>> code(5_230_007)
    'C200607-0007'
    """
    day, number = divmod(int(batch), MOST_A_DAY)
    return f"C{_EPOCH + timedelta(days=day):%y%m%d}-{number:04d}"


def goods_of(city: City, *, first_day: date, days: int) -> Goods:
    """Every movement of the batches declared on some days. A batch's way depends on the city and its day alone.

    Raises ValueError when the city has no importer or no cold store.
    """
    if not len(city.of_kind("importer")) or not len(city.of_kind("warehouse")):
        msg = "the city has no importer or no supervised cold store; plan at least one of each."
        raise ValueError(msg)
    trade = _Trade(city)
    moved = [trade.day(first_day + timedelta(days=n)) for n in range(days)]
    rows = np.concatenate(moved)
    rows = rows[np.lexsort((rows[:, 2], rows[:, 0], rows[:, 3]))].astype(np.int32)
    batch, from_place, to_place, sent, received = rows.T
    return Goods(batch=batch, from_place=from_place, to_place=to_place, sent=sent, received=received)


class _Trade:
    """Who deals with whom."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.importers, self.stores = city.of_kind("importer"), city.of_kind("warehouse")
        self.halls = city.of_kind("hall").reshape(-1, len(HALLS))
        # Every market's customers, nearest first.
        shops = np.concatenate([city.of_kind("shop"), city.of_kind("restaurant")])
        self.customers = []
        for market in city.of_kind("market"):
            far = distances_km(city.plan, origin=int(city.place_street[market]))[city.place_street[shops]]
            self.customers.append(shops[np.argsort(far, kind="stable")])

    def day(self, day: date) -> np.ndarray:
        """The movements of the batches declared on a day: batch, from, to, sent, received."""
        rng = np.random.default_rng([self.city.seed, 4, day.toordinal()])
        busy = 1.25 if is_working_day(day) else 0.4  # five working days and two others make a week
        mean = DECLARED_A_WEEK / 7 * self.city.plan.people / 100_000 * busy
        rows: list[tuple[int, int, int, int, int]] = []
        for number in range(min(int(rng.poisson(mean)), MOST_A_DAY)):
            batch = (day - _EPOCH).days * MOST_A_DAY + number
            rows += self._way(batch, midnight(day), rng=rng)
        return np.array(rows, dtype=np.int64).reshape(-1, 5)

    def _way(self, batch: int, start: int, *, rng: np.random.Generator) -> list[tuple[int, int, int, int, int]]:
        importer, store = int(rng.choice(self.importers)), int(rng.choice(self.stores))
        left = start + int(rng.integers(5 * 60, 15 * 60))
        came = left + int(rng.integers(60, 5 * 60))
        rows = [(batch, importer, store, left, came)]
        released = came + int(rng.integers(*RELEASED_AFTER))
        for market in self._markets(rng):
            hall = int(self.halls[market, COLD_HALLS[int(rng.choice(len(COLD_HALLS), p=HALL_SHARE))] - 1])
            sent = released + int(rng.integers(10, 8 * 60))
            received = sent + int(rng.integers(30, 120))
            rows.append((batch, store, hall, sent, received))
            for customer in self._buyers(market, rng):
                sold = received + int(rng.integers(30, 3 * 24 * 60))
                rows.append((batch, hall, int(customer), sold, sold + int(rng.integers(20, 180))))
        return rows

    def _markets(self, rng: np.random.Generator) -> list[int]:
        first = 0 if rng.random() < MAIN_MARKET else int(rng.integers(len(self.halls)))
        second = int(rng.integers(len(self.halls)))
        return [first, second] if rng.random() < SECOND_HALL and second != first else [first]

    def _buyers(self, market: int, rng: np.random.Generator) -> np.ndarray:
        known = self.customers[market]
        if not len(known):
            return known
        count = int(rng.integers(*CUSTOMERS))
        reach = np.where(rng.random(count) < NEAR, max(len(known) // 4, 1), len(known))
        return np.unique(known[rng.integers(0, reach)])
