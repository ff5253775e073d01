"""Which meal or habit the ill shared: two-by-two tables, rates, ratios, and a ranking that sees through confounding.

For one line list with a few dozen people and exposures asked one by one. For places out of a whole city's visits see
`sources`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, inf, isnan, log, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, gammaln, ndtri

FloatArray = NDArray[np.float64]
Answers = np.ma.MaskedArray[tuple[int, ...], np.dtype[np.bool_]]

# Tables whose chances differ by rounding alone are equally rare, else the two-sided p of a symmetric table is halved.
_SAME_CHANCE = 1e-7
# Who may be a cause: exposures whose own table is unlikely enough to be worth a look, and no more than these.
_SUSPECT = 0.05
_MOST_SUSPECTS = 10
_MOST_CAUSES = 3
_PRIOR_SD = 2.5
_STEPS = 50


@dataclass(frozen=True, slots=True)
class TwoByTwo:
    """People by exposure and illness; everyone in it is known in both."""

    exposed_ill: int
    exposed_well: int
    unexposed_ill: int
    unexposed_well: int

    def __post_init__(self) -> None:
        cells = (self.exposed_ill, self.exposed_well, self.unexposed_ill, self.unexposed_well)
        if min(cells) < 0:
            msg = f"A table of people holds no negative number: {cells}."
            raise ValueError(msg)

    @property
    def exposed_total(self) -> int:
        """All who were exposed."""
        return self.exposed_ill + self.exposed_well

    @property
    def unexposed_total(self) -> int:
        """All who were not."""
        return self.unexposed_ill + self.unexposed_well

    @property
    def total(self) -> int:
        """Everyone in the table."""
        return self.exposed_total + self.unexposed_total


@dataclass(frozen=True, slots=True)
class Estimate:
    """A ratio with its interval; `low` and `high` are NaN where the method gives none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ExposureFinding:
    """What one exposure's table says, and where it stands among the others."""

    exposure: str
    table: TwoByTwo
    attack_rate_exposed: float
    attack_rate_unexposed: float
    risk_ratio: Estimate
    odds_ratio: Estimate
    p_value: float
    adjusted_risk_ratio: float
    rank: int


def two_by_two(ill: ArrayLike, exposed: ArrayLike) -> TwoByTwo:
    """Cross illness with exposure, leaving out everyone whose answer to either is unknown.

    Both are boolean, one value per person, as plain or masked arrays; a masked value is unknown. Raises ValueError
    when the lengths differ.

    Source: Gregg, Field Epidemiology, 3rd edition, 2008, chapter 8.

    >>> two_by_two([True, True, False], np.ma.array([True, False, False], mask=[0, 1, 0]))
    TwoByTwo(exposed_ill=1, exposed_well=0, unexposed_ill=0, unexposed_well=1)
    """
    sick, met = _answers(ill), _answers(exposed)
    if sick.shape != met.shape:
        msg = f"{sick.size} people have an illness answer and {met.size} an exposure answer; each person needs both."
        raise ValueError(msg)
    return _cross(sick, met, np.ones(sick.shape, dtype=np.bool_))


def attack_rates(table: TwoByTwo) -> tuple[float, float]:
    """Share of ill people among the exposed and among the unexposed; NaN for a group without people.

    Source: Gregg, Field Epidemiology, 3rd edition, 2008, chapter 8.

    >>> attack_rates(TwoByTwo(43, 11, 3, 18))
    (0.7962962962962963, 0.14285714285714285)
    """
    return _ratio(table.exposed_ill, table.exposed_total), _ratio(table.unexposed_ill, table.unexposed_total)


def risk_ratio(table: TwoByTwo, *, confidence: float = 0.95) -> Estimate:
    """How many times likelier the exposed fell ill, with Wald's interval on the log scale.

    Nobody ill among the unexposed gives infinity, nobody ill at all or an empty group NaN; the interval is then NaN
    too, since the method has none. No half case is added: the number printed is the one that was counted. Raises
    ValueError when `confidence` is not between 0 and 1.

    Source: Katz et al. 1978, Biometrics 34:469; Rothman, Modern Epidemiology, 1986.

    >>> told = risk_ratio(TwoByTwo(43, 11, 3, 18))
    >>> round(told.value, 2), round(told.low, 2), round(told.high, 2)
    (5.57, 1.94, 16.03)
    """
    in_exposed, in_unexposed = attack_rates(table)
    value = _ratio(in_exposed, in_unexposed)
    if not (0 < value < inf):
        _quantile(confidence)
        return Estimate(value, nan, nan)
    variance = 1 / table.exposed_ill - 1 / table.exposed_total + 1 / table.unexposed_ill - 1 / table.unexposed_total
    return _log_interval(value, variance, confidence)


def odds_ratio(table: TwoByTwo, *, confidence: float = 0.95) -> Estimate:
    """Odds of illness among the exposed against the unexposed, with Woolf's interval on the log scale.

    With a zero cell the value is 0, infinity or NaN and the interval NaN. Raises ValueError when `confidence` is not
    between 0 and 1.

    Source: Woolf 1955, Annals of Human Genetics 19:251.

    >>> odds_ratio(TwoByTwo(43, 11, 3, 18)).value
    23.454545454545453
    """
    value = _ratio(table.exposed_ill * table.unexposed_well, table.exposed_well * table.unexposed_ill)
    if not (0 < value < inf):
        _quantile(confidence)
        return Estimate(value, nan, nan)
    variance = 1 / table.exposed_ill + 1 / table.exposed_well + 1 / table.unexposed_ill + 1 / table.unexposed_well
    return _log_interval(value, variance, confidence)


def fisher_exact(table: TwoByTwo) -> float:
    """Two-sided exact p: the chance, all margins kept, of a table no likelier than this one. 1 when a margin is empty.

    Source: Fisher 1935, Journal of the Royal Statistical Society 98:39.

    >>> round(fisher_exact(TwoByTwo(25, 22, 20, 7)), 6)
    0.089069
    """
    ill, exposed, total = table.exposed_ill + table.unexposed_ill, table.exposed_total, table.total
    possible = np.arange(max(0, ill + exposed - total), min(ill, exposed) + 1)
    log_chance = _log_choose(exposed, possible) + _log_choose(total - exposed, ill - possible) - _log_choose(total, ill)
    seen = log_chance[table.exposed_ill - possible[0]]
    return min(1.0, float(np.exp(log_chance[log_chance <= seen + _SAME_CHANCE]).sum()))


def mantel_haenszel_risk_ratio(tables: Sequence[TwoByTwo]) -> float:
    """One risk ratio over several strata, free of what differs between them.

    A stratum with an empty group says nothing and weighs nothing. Infinity when no unexposed person is ill in any
    stratum that speaks, NaN when none speaks.

    Source: Mantel & Haenszel 1959, Journal of the National Cancer Institute 22:719; for risk ratios Nurminen 1981,
    Biometrika 68:525.

    >>> mantel_haenszel_risk_ratio([TwoByTwo(10, 10, 5, 15), TwoByTwo(2, 18, 1, 19)])
    2.0
    """
    speaking = [table for table in tables if table.exposed_total and table.unexposed_total]
    above = sum(table.exposed_ill * table.unexposed_total / table.total for table in speaking)
    below = sum(table.unexposed_ill * table.exposed_total / table.total for table in speaking)
    return _ratio(above, below)


def mantel_haenszel_odds_ratio(tables: Sequence[TwoByTwo]) -> float:
    """One odds ratio over several strata; infinity or NaN as in `mantel_haenszel_risk_ratio`.

    Source: Mantel & Haenszel 1959, Journal of the National Cancer Institute 22:719.

    >>> round(mantel_haenszel_odds_ratio([TwoByTwo(19, 17, 17, 11), TwoByTwo(14, 9, 15, 17)]), 6)
    1.089342
    """
    speaking = [table for table in tables if table.total]
    above = sum(table.exposed_ill * table.unexposed_well / table.total for table in speaking)
    below = sum(table.exposed_well * table.unexposed_ill / table.total for table in speaking)
    return _ratio(above, below)


def mantel_haenszel_score(tables: Sequence[TwoByTwo]) -> float:
    """Signed evidence of harm over strata: the surplus of ill exposed people over its standard deviation.

    NaN where no stratum can tell. About standard normal when the exposure does nothing; its square is the
    Cochran-Mantel-Haenszel chi-square without correction.

    Source: Mantel & Haenszel 1959, Journal of the National Cancer Institute 22:719.

    >>> round(mantel_haenszel_score([TwoByTwo(43, 11, 3, 18)]), 3)
    5.183
    """
    surplus = variance = 0.0
    for table in tables:
        n = table.total
        if n < 2:
            continue
        ill = table.exposed_ill + table.unexposed_ill
        surplus += table.exposed_ill - ill * table.exposed_total / n
        variance += ill * (n - ill) * table.exposed_total * table.unexposed_total / (n * n * (n - 1))
    return surplus / sqrt(variance) if variance > 0 else nan


def rank_exposures(ill: ArrayLike, exposures: Mapping[str, ArrayLike]) -> tuple[ExposureFinding, ...]:
    """Order exposures by the evidence that they made people ill, each adjusted for the others.

    A dish eaten along with the guilty one can look as bad as it, or worse where two dishes were guilty and it went with
    both; but among people alike in the guilty ones it does nothing. So the *causes* are the one to three exposures,
    out of those with more illness in the exposed and a Fisher p below 0.05, that together explain the illness best
    (logistic model with a weak prior, compared by BIC), strongest first; the first is the *leader*. With fewer than two
    such exposures it is the one with the smallest Fisher p, then the larger ratio, and if none did harm the one with
    the largest Mantel-Haenszel score. All others are ranked by their score within the strata of the causes, so that a
    confounded dish sinks and a protective one comes last.

    `adjusted_risk_ratio` is the Mantel-Haenszel ratio within the strata of the leader; the leader's own is NaN. Where
    the strata leave nothing to compare (two dishes eaten by the very same people) the crude score stands and the ratio
    is NaN: the line list cannot tell the two apart, and hiding one would say it can.

    `ill` is boolean, one value per person, each exposure likewise; masked values are unknown and leave that person
    out of that table alone. Returns the findings by rank, from 1. Raises ValueError when lengths differ.

    Source: the analysis of the Oswego church supper; Gross 1976, Public Health Reports 91:168; adjustment Mantel &
    Haenszel 1959; choice of model Schwarz 1978, Annals of Statistics 6:461; prior Gelman et al. 2008, Annals of Applied
    Statistics 2:1360.

    >>> ate = {"ice": [True, True, True, False, False], "tea": [True, False, True, True, False]}
    >>> [(f.exposure, f.rank) for f in rank_exposures([True, True, True, False, False], ate)]
    [('ice', 1), ('tea', 2)]
    """
    sick = _answers(ill)
    met = {name: _answers(answers) for name, answers in exposures.items()}
    for name, answers in met.items():
        if answers.shape != sick.shape:
            msg = f"{name} has {answers.size} answers for {sick.size} people."
            raise ValueError(msg)
    if not met:
        return ()
    everyone = np.ones(sick.shape, dtype=np.bool_)
    crude = {name: _cross(sick, answers, everyone) for name, answers in met.items()}
    causes = _causes(sick, met, crude)
    leader = causes[0]
    strata = {name: _split(sick, answers, by=[met[leader]]) for name, answers in met.items() if name != leader}
    within = {
        name: _split(sick, answers, by=[met[cause] for cause in causes])
        for name, answers in met.items()
        if name not in causes
    }
    followers = sorted(within, key=lambda name: -_evidence(within[name], crude[name]))
    return tuple(
        _finding(
            name, crude[name], adjusted=mantel_haenszel_risk_ratio(strata[name]) if name in strata else nan, rank=rank
        )
        for rank, name in enumerate([*causes, *followers], start=1)
    )


def _causes(ill: Answers, met: Mapping[str, Answers], crude: Mapping[str, TwoByTwo]) -> list[str]:
    """The few exposures that together explain the illness best, strongest first; one at least."""
    order = sorted(crude, key=lambda name: _harm_order(crude[name]))
    suspects = [name for name in order if _harm_order(crude[name])[0] == 0 and fisher_exact(crude[name]) < _SUSPECT]
    suspects = suspects[:_MOST_SUSPECTS]
    known = ~np.ma.getmaskarray(ill)
    for name in suspects:
        known = known & ~np.ma.getmaskarray(met[name])
    if len(suspects) < 2 or 2 * known.sum() < ill.size:
        return order[:1]
    sick = ill.data[known].astype(np.float64)
    columns = {name: met[name].data[known].astype(np.float64) for name in suspects}

    def misfit(names: Sequence[str]) -> float:
        return _deviance(sick, np.column_stack([np.ones(len(sick)), *(columns[name] for name in names)]))

    price = log(max(len(sick), 2))
    best, least = tuple(suspects[:1]), misfit(suspects[:1]) + price
    for size in range(1, _MOST_CAUSES + 1):
        for chosen in combinations(suspects, size):
            total = misfit(chosen) + size * price
            # Of sets that explain equally well the first stands, whose own tables are the less likely ones.
            if total < least - _SAME_CHANCE:
                best, least = chosen, total
    worth = {name: misfit([other for other in best if other != name]) for name in best}
    return sorted(best, key=lambda name: -worth[name])


def _deviance(ill: FloatArray, design: FloatArray) -> float:
    """Twice the negative log-likelihood of a logistic model at its mode under a weak normal prior.

    The prior (sd 2.5 on each effect) keeps the mode finite where everyone exposed fell ill.
    """
    precision = np.full(design.shape[1], 1 / _PRIOR_SD**2)
    precision[0] = 1e-6
    effect = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = expit(design @ effect)
        slope = design.T @ (ill - chance) - precision * effect
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(precision)
        step = np.clip(np.linalg.solve(curve, slope), -4, 4)
        effect = effect + step
        if np.abs(step).max() < 1e-8:
            break
    line = design @ effect
    return float(2 * (np.logaddexp(0, line) - ill * line).sum() + (precision * effect**2).sum())


def _answers(values: ArrayLike) -> Answers:
    return np.ma.asarray(values, dtype=np.bool_)


def _cross(
    ill: Answers,
    exposed: Answers,
    among: NDArray[np.bool_],
) -> TwoByTwo:
    known = among & ~np.ma.getmaskarray(ill) & ~np.ma.getmaskarray(exposed)
    sick, met = ill.data, exposed.data
    cells = (met & sick, met & ~sick, ~met & sick, ~met & ~sick)
    return TwoByTwo(*(int((cell & known).sum()) for cell in cells))


def _split(
    ill: Answers,
    exposed: Answers,
    *,
    by: Sequence[Answers],
) -> list[TwoByTwo]:
    """One table per combination of answers to `by`; who does not know one of them is left out."""
    known = np.ones(ill.shape, dtype=np.bool_)
    stratum = np.zeros(ill.shape, dtype=np.int64)
    for answers in by:
        known &= ~np.ma.getmaskarray(answers)
        stratum = 2 * stratum + answers.data
    return [_cross(ill, exposed, known & (stratum == number)) for number in range(2 ** len(by))]


def _harm_order(table: TwoByTwo) -> tuple[int, float, float]:
    ratio = risk_ratio(table).value
    if ratio > 1:
        return 0, fisher_exact(table), -ratio
    return 1, -_evidence([table], table), 0.0


def _evidence(strata: Sequence[TwoByTwo], crude: TwoByTwo) -> float:
    for tables in (strata, [crude]):
        score = mantel_haenszel_score(tables)
        if not isnan(score):
            return score
    return -inf


def _finding(name: str, table: TwoByTwo, *, adjusted: float, rank: int) -> ExposureFinding:
    in_exposed, in_unexposed = attack_rates(table)
    return ExposureFinding(
        exposure=name,
        table=table,
        attack_rate_exposed=in_exposed,
        attack_rate_unexposed=in_unexposed,
        risk_ratio=risk_ratio(table),
        odds_ratio=odds_ratio(table),
        p_value=fisher_exact(table),
        adjusted_risk_ratio=adjusted,
        rank=rank,
    )


def _ratio(above: float, below: float) -> float:
    if below:
        return above / below
    return inf if above > 0 else nan


def _log_interval(value: float, variance: float, confidence: float) -> Estimate:
    reach = _quantile(confidence) * sqrt(max(variance, 0.0))
    return Estimate(value, exp(log(value) - reach), exp(log(value) + reach))


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        msg = f"confidence is {confidence}; it lies between 0 and 1."
        raise ValueError(msg)
    return float(ndtri((1 + confidence) / 2))


def _log_choose(n: int, k: int | NDArray[np.int64]) -> NDArray[np.float64]:
    chosen = np.asarray(k, dtype=np.float64)
    return np.asarray(gammaln(n + 1) - gammaln(chosen + 1) - gammaln(n - chosen + 1))
