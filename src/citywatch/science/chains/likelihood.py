"""Guessing infectors nobody named: onset times, contacts and genetic distances weighed together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc

from citywatch.science.chains.arborescence import best_arborescence, edge_support

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Above this the matrix-tree theorem takes too long; support is then each case's own share of weights.
_DENSE = 1500
# What an unknown onset is worth, and the least a pair on the contact list is worth, against the likeliest gap.
_UNDATED = 0.1
_LISTED_LEAST = 0.05


@dataclass(frozen=True, slots=True)
class SerialInterval:
    """Days from an infector's onset to the infectee's: a gamma law moved `shift` days back, so it may be negative."""

    mean: float = 5.8
    sd: float = 4.5
    shift: float = 7.0

    def __post_init__(self) -> None:
        if self.mean + self.shift <= 0 or self.sd <= 0:
            msg = f"A serial interval of mean {self.mean} and sd {self.sd}, from -{self.shift} days on, is none."
            raise ValueError(msg)

    def chance(self, days: ArrayLike) -> FloatArray:
        """Chance of each whole number of days; 0 for less than -shift."""
        gap = np.asarray(days, dtype=np.float64) + self.shift
        middle = self.mean + self.shift
        shape, scale = (middle / self.sd) ** 2, self.sd**2 / middle
        upper = gammainc(shape, np.maximum(gap + 0.5, 0.0) / scale)
        return np.asarray(upper - gammainc(shape, np.maximum(gap - 0.5, 0.0) / scale))


@dataclass(frozen=True, slots=True, eq=False)
class InfectorTree:
    """One value per case: its infector in the likeliest tree (index, -1: from outside) and what speaks for it.

    `support` is the share of all trees' weight with that infector; `alternatives` (cases, up to 3) the next best
    infectors, -1 for from outside and -2 for none, with their `alternative_support`; `expected_offspring` the number
    each case infected on average over all trees.
    """

    infector: IntArray
    support: FloatArray
    alternatives: IntArray
    alternative_support: FloatArray
    expected_offspring: FloatArray


def fit_serial_interval(gaps: ArrayLike, *, prior: SerialInterval | None = None, least: int = 10) -> SerialInterval:
    """Serial interval of told pairs: mean and spread of their onset gaps in days; the prior's with fewer than `least`.

    NaN are left out. The spread is from the quartiles, since one wrong date would make a sample's standard deviation.
    Gaps below zero move the law back so that it holds them.

    Source: Fine 2003, American Journal of Epidemiology 158:1039; quartile spread as for a normal law.

    >>> told = fit_serial_interval([3, 4, 4, 5, 5, 5, 6, 6, 7, 8])
    >>> told.mean, round(told.sd, 2), told.shift
    (5.3, 1.3, 0.5)
    """
    days = np.asarray(gaps, dtype=np.float64)
    days = days[~np.isnan(days)]
    if len(days) < least:
        return prior or SerialInterval()
    low, high = np.quantile(days, [0.25, 0.75])
    return SerialInterval(
        mean=float(max(days.mean(), 0.5)),
        sd=float(max((high - low) / 1.349, 1.0)),
        shift=float(max(0.5, -np.quantile(days, 0.02) + 0.5)),
    )


def infector_weights(
    onset: ArrayLike,
    *,
    serial: SerialInterval | None = None,
    contact: ArrayLike | None = None,
    distance: ArrayLike | None = None,
    unlisted: float = 0.001,
    outside: float = 0.01,
) -> tuple[FloatArray, FloatArray]:
    """How likely each case infected each other (row infects column), and how likely each came from outside.

    Weights, not chances: 1 is a listed contact with the likeliest gap between onsets. Without contacts it is Wallinga
    and Teunis' weight, the serial interval at the gap. `contact` (cases, cases), 0 to 1, says how well each pair is
    known to have met in that direction; 0 counts `unlisted`. A listed pair keeps a little weight whatever its gap
    (unless it is before the serial interval begins), since dates are wrong more often than names. `distance` (cases,
    cases) multiplies by exp(-distance / scale), the scale being the mean distance to the nearest other case. `onset`
    in days, NaN where unknown. `outside` is the weight of an infector nobody knows.

    Source: Wallinga & Teunis 2004, American Journal of Epidemiology 160:509; contacts and distances as in Cauchemez et
    al. 2011, PNAS 108:2825, and Jombart et al. 2014, PLoS Computational Biology 10:e1003457.

    >>> weights, alone = infector_weights([0, 5, 30])
    >>> weights.argmax(axis=0).tolist(), bool(weights[1, 2] < alone[2])
    ([1, 0, 1], True)
    """
    law = serial or SerialInterval()
    days = np.asarray(onset, dtype=np.float64)
    n = len(days)
    top = float(law.chance(np.arange(np.floor(-law.shift), np.ceil(law.mean + 3 * law.sd) + 1)).max())
    gap = days[None, :] - days[:, None]
    timing = np.where(np.isnan(gap), _UNDATED, law.chance(np.where(np.isnan(gap), 0.0, gap)) / top)
    if contact is not None:
        met = np.asarray(contact, dtype=np.float64)
        possible = np.isnan(gap) | (gap >= -law.shift)
        held = np.where(possible, np.maximum(timing, _LISTED_LEAST), timing)
        timing = np.where(met > 0, met * held, unlisted * timing)
    if distance is not None:
        away = np.asarray(distance, dtype=np.float64)
        apart = np.where(np.eye(n, dtype=np.bool_) | np.isnan(away), np.inf, away)
        nearest = apart.min(axis=0, initial=np.inf)
        known = nearest[np.isfinite(nearest)]
        scale = max(float(known.mean()), 1e-9) if known.size else 1.0
        scale = scale if scale > 1e-9 else 1.0
        # Not compared: as far as the average pair, so that a missing genome neither links nor parts.
        middle = (
            float(np.nanmean(np.where(np.eye(n, dtype=np.bool_), np.nan, away))) if np.isfinite(apart).any() else 0.0
        )
        timing = timing * np.exp(-np.where(np.isnan(away), middle, away) / scale)
    np.fill_diagonal(timing, 0.0)
    return timing, np.full(n, outside)


def infector_tree(weights: ArrayLike, outside: ArrayLike) -> InfectorTree:
    """Pick the likeliest tree of infections out of the weights, and say how much all other trees speak against it.

    Weights as from `infector_weights`: (cases, cases), row infects column, and (cases,) for infection from outside.

    Source: Edmonds 1967 for the tree; Tutte's matrix-tree theorem for the support; offspring over all trees as in
    Wallinga & Teunis 2004, American Journal of Epidemiology 160:509.

    >>> tree = infector_tree(*infector_weights([0, 5, 9]))
    >>> tree.infector.tolist()
    [-1, 0, 1]
    """
    w, hang = np.asarray(weights, dtype=np.float64), np.asarray(outside, dtype=np.float64)
    n = len(hang)
    with np.errstate(divide="ignore"):
        infector = best_arborescence(np.log(w), np.log(hang))
    if n <= _DENSE:
        edges, alone = edge_support(w, hang)
    else:
        column = w.sum(axis=0) + hang
        edges, alone = w / column, hang / column
    choices = np.vstack([edges, alone])
    chosen = np.where(infector >= 0, infector, n)
    support = choices[chosen, np.arange(n)]
    others = choices.copy()
    others[chosen, np.arange(n)] = -1.0
    best = np.argsort(-others, axis=0, kind="stable")[: min(3, n)].T if n else np.zeros((0, 0), dtype=np.int64)
    strength = np.take_along_axis(others.T, best, axis=1)
    named = np.where(strength > 1e-6, np.where(best == n, -1, best), -2)
    return InfectorTree(
        infector=infector,
        support=support,
        alternatives=named,
        alternative_support=np.where(named > -2, strength, 0.0),
        expected_offspring=edges.sum(axis=1),
    )
