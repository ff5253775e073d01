"""How likely a count so high is by accident."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from citywatch.city.warn.counting import Counted
from citywatch.science.detect import Detection
from citywatch.science.series import past_mean_and_spread

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def dispersion(
    counted: Counted, rows: NDArray[np.int64], detection: Detection, start: int, *, among: Flags | None = None
) -> Floats:
    """How much more days vary than a Poisson street's: variance over mean, for each row, never below 1.

    Pooled over all series of one stream, syndrome and view, because seven days of one series cannot tell; the last days
    are left out, lest an outbreak excuse itself. `among` names the rows to pool, a fair sample of all. 1 where fewer
    than `_ENOUGH` days could be compared.
    """
    counts = counted.counts[rows][:, start:]
    past = slice(None, max(counts.shape[1] - _UNDER_SUSPICION, 0))
    kind, kinds = counted.columns.kind[rows], len(counted.columns.kinds)
    mean = detection.expected[:, past]
    off = counts[:, past] - mean
    known = ~np.isnan(off)
    if among is not None:
        known &= among[:, np.newaxis]
    squares = np.bincount(kind, np.where(known, off**2, 0.0).sum(axis=1), kinds)
    # The mean of seven days is itself uncertain: a Poisson day differs from it by its own variance and a seventh.
    poisson = np.bincount(kind, np.where(known, mean, 0.0).sum(axis=1) * (1 + 1 / 7), kinds)
    compared = np.bincount(kind, known.sum(axis=1), kinds)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where((compared >= _ENOUGH) & (poisson > 0), np.maximum(squares / poisson, 1.0), 1.0)
    return np.asarray(ratio[kind])


_ENOUGH, _UNDER_SUSPICION = 200, 3


def chance_of(
    counts: Floats, mean: Floats, *, baseline: int, gap: int, start: int = 0, span: int = 1,
    dispersion: Floats | None = None,
) -> Floats:  # fmt: skip
    """The chance of so many reports or more on one day, if the rate is what the baseline's days say and no more.

    Jeffreys' posterior of a Poisson rate after n days with a sum s makes the sum of the next k days negative binomial
    with size s + 1/2 and probability n / (n + k) (Riebler 2004; the Bayes detectors of Höhle 2007, Comput Stat 22:571).
    The baseline's `baseline` days end `gap` days before the day; `mean` holds theirs from `start` on. With `span`
    above 1, the chance of the sum of the last so many days. Where days vary more than Poisson's, a report is worth
    1 / `dispersion` (one value a series) of one, on both sides (quasi-likelihood; McCullagh & Nelder 1989, chapter 9).
    NaN where nothing could be told.
    """
    known = ~np.isnan(counts)
    share, _ = past_mean_and_spread(known.astype(np.float64), width=baseline, gap=gap)
    days = share[:, start:] * baseline
    width = counts.shape[1]
    reports, present = np.zeros(counts.shape), np.zeros(counts.shape)
    for back in range(min(span, width)):
        reports[:, back:] += np.where(known, counts, 0.0)[:, : width - back]
        present[:, back:] += known[:, : width - back]
    worth = 1.0 if dispersion is None else 1.0 / dispersion[:, np.newaxis]
    reports, present = reports[:, start:], present[:, start:]
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = np.where(
            reports > 0,
            betainc(np.maximum(reports, 1) * worth, mean * worth * days + 0.5, present / (days + present)),
            1.0,
        )
    return np.where(np.isnan(mean) | ~known[:, start:], np.nan, chance)
