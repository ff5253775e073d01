"""What is going to happen in a scenario: which outbreaks begin where and when, how large they get, what is done.

Kinds, sizes and dates are drawn from the scenario's own seed, so that one seed means one year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from citywatch.simulation.days import DAY, in_vacation, is_working_day, local_day, midnight
from citywatch.simulation.disease.spread import Exposure
from citywatch.simulation.goods import goods_of
from citywatch.simulation.places import BEEF_HALL, SEAFOOD_HALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from citywatch.simulation.disease.spread import Spread
    from citywatch.simulation.goods import Goods
    from citywatch.simulation.people import City

ENDLESS: Final = 2**31 - 1
EXPECTED_STAFF: Final = 160  # of a market in a city of 100,000
OTHER_HALLS: Final = 0.08  # danger of the other halls relative to the seafood hall (assumed)
BEEF: Final = 0.35


@dataclass(frozen=True, kw_only=True)
class Response:
    """What the city does about an outbreak once it knows of it. Hours and days count from the first positive sample.

    From `tested_from` on cases may go where they are tested, and one does within days. `before` is what masks and
    distance leave of infections outside the home until then. An outbreak without samples is noticed when
    `noticed` of its cases have been reported; `calm_days` later infections outside the home fall to `calm_to`: classes
    suspended, hands washed, toilets cleaned.
    """

    before: float = 1.0
    tested_from: int = 0
    source_closes_hours: int | None = None
    screens: bool = False
    level_days: float | None = None
    level_to: float = 0.5
    noticed: int = 0
    calm_days: float = 2.0
    calm_to: float = 0.25


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One outbreak to come. `arrivals` are minutes and how many are infected then, members of `place` if it has one."""

    kind: str
    disease: str
    place: int = -1
    begins: int
    arrivals: tuple[tuple[int, int], ...] = ()
    least: int = 1
    largest: int = ENDLESS
    exposures: tuple[Exposure, ...] = ()
    batch: int = -1
    response: Response = Response()


Plan = list[Planned]


@dataclass(frozen=True)
class Scenario:
    """A scenario by name: its title, when it begins and how long it lasts unless told otherwise, and what happens.

    `is_discovered` says that somebody discovers it on a day, which can come later.
    """

    name: str
    title_zh: str
    title_en: str
    default_start: date
    default_days: int
    plan: Callable[[Setting], Plan]
    is_discovered: bool = False


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a scenario knows when it is planned. `found_days_later` delays discovery, to ask what that would cost."""

    city: City
    spread: Spread
    start: date
    days: int
    rng: np.random.Generator
    found_days_later: int = 0

    def minute(self, day: float) -> int:
        """A minute so many days after the start."""
        return midnight(self.start) + round(day * DAY)

    def at_most(self, day: float) -> float:
        """A day of the story, brought forward when the run is too short for it."""
        return min(day, max(self.days // 3, 1))


# ── Single outbreaks ─────────────────────────────────────────────────────────────────────────────────────────────────


def market(setting: Setting) -> Plan:
    """Contaminated goods reach the main market's halls; found ten to twelve days later, as in June 2020."""
    begins = setting.minute(setting.at_most(22) + 4 / 24)
    found = begins + round(setting.rng.uniform(9.5, 12) * DAY) + setting.found_days_later * DAY
    response = Response(before=0.2, tested_from=found, source_closes_hours=16, screens=True, level_days=5, level_to=0.1)
    return [
        _market_outbreak(
            setting.city,
            setting.spread,
            number=0,
            market=setting.city.market,
            begins=begins,
            response=response,
            largest=ENDLESS,
        )
    ]


def school_norovirus(setting: Setting) -> Plan:
    """Two pupils of a primary school bring norovirus from the weekend."""
    school = _pick(setting, _schools(setting.city, "primary"), least=150)
    begins = setting.minute(setting.at_most(10) + 10 / 24)
    response = Response(noticed=10, calm_days=2)
    return [
        Planned(
            kind="school-norovirus",
            disease="norovirus",
            place=school,
            begins=begins,
            arrivals=((begins, 2),),
            least=10,
            response=response,
        )
    ]


def imported_case(setting: Setting) -> Plan:
    """One infected person comes home from elsewhere."""
    begins = setting.minute(setting.at_most(10) + 19 / 24)
    tested = begins + setting.found_days_later * DAY
    return [
        Planned(
            kind="imported-case",
            disease="covid-19",
            begins=begins,
            arrivals=((begins, 1),),
            response=Response(before=0.5, tested_from=tested, level_days=5, level_to=0.25),
        )
    ]


def cold_chain(setting: Setting) -> Plan:
    """A batch of imported frozen goods with a contaminated outer pack infects a few who handle it on its way."""
    goods = goods_of(setting.city, first_day=setting.start, days=setting.days)
    hall = int(setting.city.halls[SEAFOOD_HALL - 1])
    batch, begins = _batch_for(goods, hall, around=setting.minute(setting.at_most(14) + 9 / 24))
    way = np.flatnonzero((goods.batch == batch) & (goods.received <= begins + 6 * DAY))
    exposures = tuple(
        Exposure(
            outbreak=0,
            disease="covid-19",
            places={int(goods.to_place[row]): 1.0},
            begins=int(goods.received[row]),
            ends=int(goods.received[row]) + 5 * DAY,
            staff=0.02,
            visitor=0.0002,
            half_life=2.0,
            cause="goods",
            batch=batch,
        )
        for row in way
    )
    response = Response(
        before=0.2,
        tested_from=begins + (4 + setting.found_days_later) * DAY,
        source_closes_hours=24,
        screens=True,
        level_days=5,
        level_to=0.1,
    )
    return [
        Planned(
            kind="cold-chain",
            disease="covid-19",
            place=hall,
            begins=min((one.begins for one in exposures), default=begins),
            least=3,
            exposures=exposures,
            batch=batch,
            response=response,
        )
    ]


def flu_surge(setting: Setting) -> Plan:
    """A season of influenza: a few infected travellers every week, the rest is the city's own."""
    scale = max(len(setting.city.people) / 100_000, 0.2)
    weeks = range(max(setting.days // 7, 1))
    arrivals = tuple((setting.minute(7 * w + 0.8), max(round((2 + w) * scale), 1)) for w in list(weeks)[:12])
    return [Planned(kind="flu-surge", disease="influenza", begins=arrivals[0][0], arrivals=arrivals)]


def nothing(_setting: Setting) -> Plan:
    """Ordinary days."""
    return []


# ── A year of small outbreaks ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Kind:
    """A kind of small outbreak: how many a year of 40, where, and its size (log-normal, within bounds). All assumed."""

    name: str
    disease: str
    count: int
    where: tuple[str, str]  # place kind, flag or ""
    median: float
    log_sd: float
    bounds: tuple[int, int]
    seeds: int = 2
    source: tuple[float, float] | None = None  # chance for one stay of staff and of visitors at a point source
    response: Response = Response()


_MASKED: Final = Response(before=0.6, level_days=7, level_to=0.3)
_CLOSED: Final = Response(before=0.5, source_closes_hours=24, screens=True, level_days=5, level_to=0.25)
KINDS: Final = (
    #     name, disease, how many a year, where; size: median, log sd, bounds; first cases, point source, response
    Kind("school-norovirus", "norovirus", 9, ("school", ""), 50, 0.7, (8, 200), response=Response(noticed=12)),
    Kind("kindergarten-hfmd", "hfmd", 7, ("school", "kindergarten"), 12, 0.6, (4, 40), response=Response(noticed=8)),
    Kind("school-influenza", "influenza", 7, ("school", ""), 40, 0.7, (8, 150), seeds=3),
    Kind("restaurant-food", "food-poisoning", 7, ("restaurant", ""), 20, 0.7, (5, 80), 0, (0.3, 0.6)),
    Kind("nursing-influenza", "influenza", 3, ("nursing_home", ""), 12, 0.5, (4, 30)),
    Kind("workplace-covid", "covid-19", 3, ("workplace", ""), 9, 0.5, (3, 30), seeds=1, response=_MASKED),
    Kind("dining-covid", "covid-19", 3, ("restaurant", ""), 6, 0.5, (3, 20), 0, (0.05, 0.08), _MASKED),
    Kind("market-covid", "covid-19", 1, ("market", ""), 40, 0.4, (15, 120), seeds=0, response=_CLOSED),
)  # fmt: skip
SMALL_OUTBREAKS: Final = 40


def many(setting: Setting) -> Plan:
    """A year's worth of small outbreaks of all kinds, spread over time and city; a shorter run has fewer of them."""
    rng = setting.rng
    wanted = max(round(SMALL_OUTBREAKS * min(setting.days / 365, 1.0)), 1)
    kinds = [kind for kind in KINDS for _ in range(kind.count)]
    drawn = [kinds[i] for i in rng.permutation(len(kinds))[:wanted]]
    first, last = 10.0, max(setting.days - 20.0, 11.0)
    begins = np.sort(first + (np.arange(wanted) + rng.random(wanted)) / wanted * (last - first))
    used: set[int] = set()
    plan: Plan = []
    for kind, day in zip(drawn, begins, strict=True):
        plan.append(_small(kind, setting, number=len(plan), day=float(day), used=used))
    return plan


def _small(kind: Kind, setting: Setting, *, number: int, day: float, used: set[int]) -> Planned:
    rng, city = setting.rng, setting.city
    if kind.where[0] == "school":
        day = _in_term(setting, day)
    size = int(np.clip(rng.lognormal(np.log(kind.median), kind.log_sd), *kind.bounds))
    begins = midnight(setting.start + timedelta(days=int(day))) + int(rng.integers(10 * 60, 16 * 60))
    if kind.name == "market-covid":
        markets = [int(i) for i in city.of_kind("market")]
        place = markets[int(rng.integers(len(markets)))]
        return _market_outbreak(
            city,
            setting.spread,
            number=number,
            market=place,
            begins=begins,
            response=kind.response,
            largest=size,
            least=3,
        )
    found = _schools(city, kind.where[1]) if kind.where[0] == "school" else city.of_kind(kind.where[0])
    if not len(found):  # a city without nursing homes has its outbreak in a school
        found = _schools(city, "")
    free = np.array([i for i in found.tolist() if i not in used] or found.tolist())
    place = _pick(setting, free, least=min(2 * size, 60) if kind.source is None else 1)
    used.add(place)
    exposures: tuple[Exposure, ...] = ()
    if kind.source is not None:
        begins = midnight(setting.start + timedelta(days=int(day))) + 10 * 60
        meal = Exposure(
            outbreak=number,
            disease=kind.disease,
            places={place: 1.0},
            begins=begins,
            ends=begins + 2 * DAY,
            staff=kind.source[0],
            visitor=kind.source[1],
            cause="meal" if kind.disease == "food-poisoning" else "dining",
        )
        exposures = (meal,)
    return Planned(
        kind=kind.name,
        disease=kind.disease,
        place=place,
        begins=begins,
        arrivals=((begins, kind.seeds),) if kind.seeds else (),
        least=max(3, kind.bounds[0]),
        largest=size,
        exposures=exposures,
        response=kind.response,
    )


# ── Places ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _market_outbreak(
    city: City,
    spread: Spread,
    *,
    number: int,
    market: int,
    begins: int,
    response: Response,
    largest: int,
    least: int = 1,
) -> Planned:
    """Goods in a market's seafood hall, less in its beef hall, hardly any elsewhere; all rates are assumed.

    No attack rates by hall were published; these let staff be about half of the cases found, as they were in June 2020.
    """
    code = city.places[market].code
    halls = [int(i) for i in city.of_kind("hall") if city.places[int(i)].parent_code == code]
    factor = dict.fromkeys(halls, OTHER_HALLS)
    # A small city's market has few staff; stronger contamination still gives a story to find (about fifteen cases).
    small = float(np.clip(EXPECTED_STAFF / max(sum(len(spread.members_of(hall)) for hall in halls), 1), 1.0, 3.0))
    source = halls[SEAFOOD_HALL - 1]
    factor[source], factor[halls[BEEF_HALL - 1]] = 1.0, BEEF
    near = local_day(begins)
    goods = goods_of(city, first_day=near - timedelta(days=20), days=26)
    batch, begins = _batch_for(goods, source, around=begins)
    exposure = Exposure(
        outbreak=number,
        disease="covid-19",
        places=factor,
        begins=begins,
        ends=begins + 30 * DAY,
        staff=min(0.5 * small, 0.9),
        visitor=min(0.009 * small, 0.9),
        half_life=15.0,
        cause="market",
        batch=batch,
    )
    return Planned(
        kind="market" if largest == ENDLESS else "market-covid",
        disease="covid-19",
        place=source,
        begins=begins,
        least=least,
        largest=largest,
        exposures=(exposure,),
        batch=batch,
        response=response,
    )


def _batch_for(goods: Goods, place: int, *, around: int) -> tuple[int, int]:
    """The batch that came to a place nearest to a minute, and when it came; -1 and the minute itself where none did."""
    rows = np.flatnonzero(goods.to_place == place)
    if not len(rows):
        return -1, around
    row = rows[np.argmin(np.abs(goods.received[rows] - around))]
    return int(goods.batch[row]), int(goods.received[row])


def _in_term(setting: Setting, day: float) -> float:
    """The day itself, or another on which schools open and stay open for ten days; the last drawn if none is."""
    for _ in range(200):
        days = [setting.start + timedelta(days=int(day) + n) for n in (0, 3, 10)]
        if is_working_day(days[0]) and not any(in_vacation(one) for one in days):
            break
        day = 8 + setting.rng.random() * max(setting.days - 28, 1)
    return day


def _schools(city: City, flag: str) -> np.ndarray:
    """Schools with a flag; all of them when none carries it."""
    schools = city.of_kind("school")
    flagged = [int(i) for i in schools if not flag or flag in city.places[int(i)].flags]
    return np.array(flagged or schools.tolist())


def _pick(setting: Setting, places: Sequence[int] | np.ndarray, *, least: int) -> int:
    """One of the places that have at least so many members, or the largest there is."""
    sizes: Mapping[int, int] = {int(i): len(setting.spread.members_of(int(i))) for i in places}
    enough = [i for i, size in sizes.items() if size >= least]
    if not enough:
        return max(sizes, key=lambda i: (sizes[i], -i))
    return enough[int(setting.rng.integers(len(enough)))]


SCENARIOS: Final = {
    one.name: one
    for one in (
        Scenario("baseline", "平常日子", "Ordinary days", date(2021, 3, 1), 90, nothing),
        Scenario(
            "market", "批发市场聚集性疫情", "Outbreak at a wholesale market", date(2020, 5, 8), 75, market,
            is_discovered=True,
        ),
        Scenario(
            "school-norovirus", "小学诺如病毒聚集性疫情", "Norovirus in a primary school", date(2021, 10, 15), 40,
            school_norovirus,
        ),
        Scenario(
            "cold-chain", "进口冷链外包装阳性", "Contaminated imported cold-chain goods", date(2020, 11, 20), 45,
            cold_chain, is_discovered=True,
        ),
        Scenario("flu-surge", "流感高峰", "Influenza surge", date(2020, 9, 21), 140, flu_surge),
        Scenario(
            "imported-case", "输入病例", "One imported case", date(2020, 12, 1), 45, imported_case, is_discovered=True
        ),
        Scenario("many", "一年四十起小规模疫情", "A year with forty small outbreaks", date(2021, 3, 1), 365, many),
    )
}  # fmt: skip
