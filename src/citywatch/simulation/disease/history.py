"""What a disease does to one person: a table of figures with their sources, and the draws made from it.

Who meets whom belongs to `spread`; what people then tell doctors and pharmacists belongs to `scenarios.care`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammainc

if TYPE_CHECKING:
    from collections.abc import Mapping

Ages = tuple[tuple[int, float], ...]
"""Upper age (exclusive) of each band and its value; the last band holds everyone older."""


def by_age(bands: Ages, age: np.ndarray) -> np.ndarray:
    """The value of each age's band.

    >>> by_age(((6, 1.0), (200, 0.5)), np.array([5, 6])).tolist()
    [1.0, 0.5]
    """
    edges = np.array([upper for upper, _ in bands[:-1]])
    values = np.array([value for _, value in bands], dtype=float)
    return np.asarray(values[np.searchsorted(edges, age, side="right")])


@dataclass(frozen=True, kw_only=True)
class Care:
    """What a person with symptoms does about them. Shares are of symptomatic cases; delays are days from onset.

    `cards` is the share of those seen at a hospital or fever clinic for whom a report card is written. `tested` says
    that a fever clinic takes a sample which turns out positive.
    """

    pharmacy: float
    clinic: float
    fever_clinic: float
    cards: float
    card_code: str
    card_class: str
    drugs: tuple[tuple[str, float], ...]
    delay_mean: float
    delay_shape: float = 2.0
    tested: bool = False
    child_clinic: float = 1.0  # how much likelier a child under 14 is taken to a clinic
    stays_home: float = 0.8  # of pupils with symptoms, for `days_home` on average
    days_home: float = 2.5


@dataclass(frozen=True, kw_only=True)
class NaturalHistory:
    """One disease. Times are days; the source of each figure stands in the disease's own module.

    Infectiousness follows a gamma law that begins `profile_begins` days from onset (negative: before it).
    `outside` is how many people a typical case infects outside the home in a city where nobody is immune and days are
    ordinary; `individual` the gamma shape of how much people differ in it. `mixing` weighs an hour spent with one other
    person at a kind of place.
    """

    code: str
    name_zh: str
    name_en: str
    incubation_median: Ages
    incubation_log_sd: Ages
    profile_begins: float
    profile_shape: float
    profile_scale: float
    latent_least: float
    outside: float
    individual: float
    household_attack: float
    asymptomatic: float
    asymptomatic_infectiousness: float
    susceptibility: Ages
    mixing: Mapping[str, float]
    symptoms: tuple[tuple[str, float], ...]
    care: Care
    infectious_days: float = field(init=False)  # after onset, when hardly any infectiousness is left

    def __post_init__(self) -> None:
        """Work out when infectiousness ends: 99 % of it is spent."""
        days = np.linspace(0, 40, 801)
        spent = gammainc(self.profile_shape, days / self.profile_scale)
        object.__setattr__(self, "infectious_days", float(days[np.argmax(spent > 0.99)]) + self.profile_begins)

    def incubation(self, age: int, rng: np.random.Generator) -> float:
        """Days from infection to onset for someone of an age: log-normal."""
        at = np.array([age])
        median, sd = float(by_age(self.incubation_median, at)[0]), float(by_age(self.incubation_log_sd, at)[0])
        return float(median * math.exp(sd * rng.standard_normal()))

    def spent(self, since_onset: np.ndarray) -> np.ndarray:
        """The share of a case's infectiousness that lies before so many days from onset."""
        return np.asarray(
            gammainc(self.profile_shape, np.maximum(since_onset - self.profile_begins, 0) / self.profile_scale)
        )

    def from_onset(self, rng: np.random.Generator) -> float:
        """Days from the infector's onset to one transmission; negative before onset."""
        return self.profile_begins + float(rng.gamma(self.profile_shape, self.profile_scale))

    def draw_symptoms(self, rng: np.random.Generator) -> list[str]:
        """The codes a clinic would write for one case, the leading complaint first; never none."""
        told = [code for code, share in self.symptoms if rng.random() < share]
        return told or [self.symptoms[0][0]]
