"""Where the synthetic city happens: its plan, its institutions, schools, workplaces, lines and its market.

Streets and their positions come from the caller's plan; this file decides what stands in each street.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PRIMARY_KINDS: Final = ("chc", "chs", "village_room", "clinic")
SEAFOOD_HALL: Final = 3
BEEF_HALL: Final = 4
HALLS: Final = (
    ("蔬菜厅", "Vegetable Hall"),
    ("水果厅", "Fruit Hall"),
    ("水产厅", "Seafood Hall"),
    ("牛羊肉厅", "Beef and Mutton Hall"),
    ("猪肉厅", "Pork Hall"),
    ("禽蛋厅", "Poultry and Egg Hall"),
    ("粮油厅", "Grain and Oil Hall"),
    ("调料干货厅", "Dry Goods Hall"),
)
KIND_LETTER: Final = {
    "chc": "C",
    "chs": "S",
    "village_room": "V",
    "clinic": "N",
    "pharmacy": "P",
    "hospital": "H",
    "cdc": "D",
    "lab": "L",
    "school": "E",
    "workplace": "W",
    "restaurant": "R",
    "transport": "T",
    "market": "M",
    "shop": "G",
    "park": "K",
    "nursing_home": "Y",
    "warehouse": "B",
    "importer": "I",
}
KIND_NAMES: Final = {
    "chc": ("社区卫生服务中心", "Community Health Centre"),
    "chs": ("社区卫生服务站", "Community Health Station"),
    "village_room": ("村卫生室", "Village Health Room"),
    "clinic": ("诊所", "Clinic"),
    "pharmacy": ("药店", "Pharmacy"),
    "hospital": ("医院", "Hospital"),
    "cdc": ("疾病预防控制中心", "Centre for Disease Control"),
    "lab": ("核酸检测机构", "Nucleic Acid Laboratory"),
    "school": ("学校", "School"),
    "workplace": ("单位", "Workplace"),
    "restaurant": ("餐馆", "Restaurant"),
    "transport": ("公交线路", "Bus Line"),
    "market": ("批发市场", "Wholesale Market"),
    "shop": ("副食商店", "Food Shop"),
    "park": ("公园", "Park"),
    "nursing_home": ("养老院", "Nursing Home"),
    "warehouse": ("冷链监管仓", "Supervised Cold Store"),
    "importer": ("进口食品公司", "Food Importer"),
}
# Places that are no institutions of the health system; every other kind is one.
ORDINARY_KINDS: Final = frozenset(
    {
        "school",
        "workplace",
        "restaurant",
        "transport",
        "market",
        "shop",
        "park",
        "nursing_home",
        "warehouse",
        "importer",
    }
)
# Of these, the kinds that report all the same.
REPORTING_KINDS: Final = frozenset({"school"})
# The stages of school a city has, in the order schools are dealt out: twelve make four, five and three.
STAGES: Final = (
    *("kindergarten", "primary", "secondary", "primary", "kindergarten", "primary"),
    *("secondary", "kindergarten", "primary", "primary", "kindergarten", "secondary"),
)
# What 100,000 people have (domain dossier, section 3; from schools on assumed).
RATES: Final = {
    "chc": 1.6,
    "chs": 7.9,
    "village_room": 11.3,
    "clinic": 20.0,
    "pharmacy": 4.6,
    "hospital": 0.61,
    "lab": 1.1,
    "fever_clinic": 0.39,
    "sentinel": 1.07,
    "school": 12.0,
    "workplace": 800.0,
    "restaurant": 120.0,
    "transport": 12.0,
    "shop": 60.0,
    "park": 20.0,
    "nursing_home": 2.6,
    "warehouse": 0.5,
    "importer": 1.0,
    "cdc": 0.08,
}
AT_LEAST: Final = {"hospital": 2, "warehouse": 2, "importer": 2, "school": 6}


@dataclass(frozen=True, kw_only=True)
class StreetPlan:
    """One street (街道, 镇) of the city to build. `lon` and `lat` are degrees; shares are scaled to sum to one."""

    code: str
    name_zh: str
    name_en: str
    district_code: str
    lon: float
    lat: float
    population_share: float


@dataclass(frozen=True, kw_only=True)
class CityPlan:
    """What to build. Institution counts are those of a city of 100,000 people (domain dossier, section 3)."""

    streets: tuple[StreetPlan, ...]
    market_street: str
    people: int = 100_000
    kind: Literal["beijing", "xiamen"] = "beijing"
    chc: int = 2
    chs: int = 8
    village_room: int = 11
    clinic: int = 20
    pharmacy: int = 5
    hospital: int = 2
    cdc: int = 1
    lab: int = 2
    school: int = 12
    workplace: int = 800
    restaurant: int = 120
    transport: int = 12
    market_staff: int = 160
    market_visitors: int = 600
    market: int = 1
    stall: int = 40
    shop: int = 60
    park: int = 20
    nursing_home: int = 3
    warehouse: int = 2
    importer: int = 2
    fever_clinic: int = 1
    sentinel: int = 1

    def __post_init__(self) -> None:
        """Refuse a plan nobody could build, showing the number that is wrong."""
        codes = [street.code for street in self.streets]
        if len(set(codes)) != len(codes):
            msg = f"{len(codes)} streets carry {len(set(codes))} codes; every street needs its own."
            raise ValueError(msg)
        if self.market_street not in codes:
            msg = f"market_street {self.market_street!r} is not among the {len(codes)} streets."
            raise ValueError(msg)
        if self.primary < len(codes):
            msg = f"{self.primary} primary institutions cannot give each of {len(codes)} streets one."
            raise ValueError(msg)
        if min(self.pharmacy, self.hospital, self.lab, self.chc, self.chs, self.school, self.workplace) < 1:
            msg = "the city needs at least one CHC, station, pharmacy, hospital, laboratory, school and workplace."
            raise ValueError(msg)
        if self.people < 100 * len(codes):
            msg = f"{self.people} people are too few for {len(codes)} streets; give at least 100 a street."
            raise ValueError(msg)

    @property
    def primary(self) -> int:
        """How many primary institutions the city has."""
        return self.chc + self.chs + self.village_room + self.clinic

    @property
    def shares(self) -> np.ndarray:
        """Population share of each street, summing to one."""
        shares = np.array([street.population_share for street in self.streets], dtype=float)
        return np.asarray(shares / shares.sum())


def scaled_plan(
    streets: tuple[StreetPlan, ...], *, market_street: str, people: int, kind: Literal["beijing", "xiamen"] = "beijing"
) -> CityPlan:
    """A plan of any size: every kind of place at its rate, at least one of each, and a primary institution a street.

    One wholesale market for 100,000 people. The first grows towards the 60,000 visitors a day of Beijing's largest
    (domain dossier, section 2.14); the others have the demo city's size.
    """
    count = {kind_: max(round(rate * people / 100_000), AT_LEAST.get(kind_, 1)) for kind_, rate in RATES.items()}
    short = len(streets) - sum(count[primary] for primary in PRIMARY_KINDS)
    count["clinic"] += max(short, 0)
    visitors = round(max(people * 0.00274, min(people, 100_000) * 0.006))
    return CityPlan(
        streets=streets,
        market_street=market_street,
        people=people,
        kind=kind,
        market=max(people // 100_000, 1),
        market_visitors=visitors,
        market_staff=max(round(visitors * 160 / 600), 16),
        **count,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SitePlace:
    """One place below street level. `streams` are those it must report; `flags` say what is special about it."""

    code: str
    kind: str
    institution_kind: str | None
    street_code: str
    parent_code: str
    name_zh: str
    name_en: str
    lon: float
    lat: float
    streams: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def lay_out_places(plan: CityPlan, *, rng: np.random.Generator) -> list[SitePlace]:
    """Put every institution, school, workplace, restaurant, bus line and the market with its halls on the map."""
    sited = [
        *_primary(plan),
        *(("pharmacy", street) for street in _pharmacy_streets(plan)),
        *(("hospital", street) for street in _hospital_streets(plan)),
        *(("cdc", street) for street in _by_share(plan)[: plan.cdc]),
        *(("lab", street) for street in _cycle(_hospital_streets(plan), plan.lab)),
        *(("school", street) for street in _cycle(_by_share(plan), plan.school)),
        *_spread("workplace", plan.workplace, plan=plan, rng=rng),
        *_spread("restaurant", plan.restaurant, plan=plan, rng=rng),
        *(("transport", street) for street in _cycle(_by_share(plan), plan.transport)),
        *_spread("shop", plan.shop, plan=plan, rng=rng),
        *(("park", street) for street in _cycle(_by_share(plan), plan.park)),
        *_spread("nursing_home", plan.nursing_home, plan=plan, rng=rng),
        *_spread("warehouse", plan.warehouse, plan=plan, rng=rng),
        *_spread("importer", plan.importer, plan=plan, rng=rng),
    ]
    seen: dict[tuple[str, int], int] = {}
    rank: dict[str, int] = {}
    places: list[SitePlace] = []
    for kind, street in sited:
        rank[kind] = rank.get(kind, -1) + 1
        number = seen[kind, street] = seen.get((kind, street), 0) + 1
        streams, flags = _duties(kind, rank=rank[kind], plan=plan)
        site = _site(kind, plan.streets[street], number=number, streams=streams, flags=flags, rng=rng)
        places.append(site)
    markets = [market_index(plan), *_cycle([i for i in _by_share(plan) if i != market_index(plan)], plan.market - 1)]
    # The main market has its stalls in proportion to its visitors, at least one a hall; the others the demo city's.
    main = max(round(plan.stall * plan.market_visitors / 600), len(HALLS))
    for n, street in enumerate(markets):
        number, stalls = markets[:n].count(street) + 1, plan.stall if n else main
        places += _market(plan.streets[street], number=number, stalls=stalls, rng=rng)
    return places


def distances_km(plan: CityPlan, *, origin: int) -> np.ndarray:
    """Kilometres from street `origin` to every street, on a flat map; good to a percent within one city."""
    lon = np.array([street.lon for street in plan.streets])
    lat = np.array([street.lat for street in plan.streets])
    east = (lon - lon[origin]) * 111.3 * np.cos(np.radians(lat[origin]))
    return np.asarray(np.hypot(east, (lat - lat[origin]) * 111.3))


def market_index(plan: CityPlan) -> int:
    """The position of the market's street in the plan."""
    return [street.code for street in plan.streets].index(plan.market_street)


def _by_share(plan: CityPlan) -> list[int]:
    return [int(i) for i in np.argsort(-plan.shares, kind="stable")]


def _cycle(streets: Sequence[int], count: int) -> list[int]:
    return [streets[n % len(streets)] for n in range(count)]


def _primary(plan: CityPlan) -> Iterator[tuple[str, int]]:
    """One institution for each street, then the rest where most people live; village rooms farthest out.

    The market's street gets a health station, so its numbers are small enough for a few extra visits to show.
    """
    market, shares = market_index(plan), plan.shares
    slots = list(range(len(shares)))
    while len(slots) < plan.primary:
        held = np.bincount(slots, minlength=len(shares))
        slots.append(int(np.argmax(np.where(np.arange(len(shares)) == market, 0, shares) / (held + 0.5))))
    centre = int(np.argmin([float((distances_km(plan, origin=i) * shares).sum()) for i in range(len(shares))]))
    out = distances_km(plan, origin=centre)
    slots.sort(key=lambda i: (i != market, out[i], i))
    kinds = ["chs"] + ["chc"] * plan.chc + ["chs"] * (plan.chs - 1) + ["clinic"] * plan.clinic
    # The sentinel centre stands in the market's district when it can: its fever desk sees the same neighbourhood.
    district = plan.streets[market].district_code
    near = next((n for n, i in enumerate(slots) if i != market and plan.streets[i].district_code == district), None)
    if near is not None:
        slots.insert(1, slots.pop(near))
    yield from zip(kinds + ["village_room"] * plan.village_room, slots, strict=True)


def _pharmacy_streets(plan: CityPlan) -> list[int]:
    market = market_index(plan)
    others, districts = [], {plan.streets[market].district_code}
    for i in _by_share(plan):
        if plan.streets[i].district_code not in districts:
            others.append(i)
            districts.add(plan.streets[i].district_code)
    return [market, *_cycle(others or [market], plan.pharmacy - 1)]


def _hospital_streets(plan: CityPlan) -> list[int]:
    """The fever-clinic hospital in the nearest other district; the next ones where most people live."""
    market = market_index(plan)
    far = distances_km(plan, origin=market)
    district = plan.streets[market].district_code
    near = [int(i) for i in np.argsort(far, kind="stable") if plan.streets[i].district_code != district]
    first = near[0] if near else market
    return [first, *_cycle([i for i in _by_share(plan) if i != first] or [first], plan.hospital - 1)]


def _spread(kind: str, count: int, *, plan: CityPlan, rng: np.random.Generator) -> Iterator[tuple[str, int]]:
    for street in np.sort(rng.choice(len(plan.streets), size=count, p=plan.shares)):
        yield kind, int(street)


def _site(
    kind: str,
    street: StreetPlan,
    *,
    number: int,
    rng: np.random.Generator,
    streams: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
) -> SitePlace:
    zh, en = KIND_NAMES[kind]
    return SitePlace(
        code=f"{street.code}-{KIND_LETTER[kind]}{number:02d}",
        kind=kind if kind in ORDINARY_KINDS else "institution",
        institution_kind=kind if kind not in ORDINARY_KINDS or kind in REPORTING_KINDS else None,
        street_code=street.code,
        parent_code=street.code,
        name_zh=f"{_short(street.name_zh)}{_ordinal(number)}{zh}",
        name_en=f"{street.name_en} {en} {number}",
        lon=round(street.lon + float(rng.normal(0, 0.006)), 6),
        lat=round(street.lat + float(rng.normal(0, 0.005)), 6),
        streams=streams,
        flags=flags,
    )


def _duties(kind: str, *, rank: int, plan: CityPlan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the `rank`th site of a kind must report, and its marks.

    The first CHC is a sentinel and the first hospital has fever beds; further ones are spread evenly over the list.
    """
    if kind == "chc":
        sentinel = rank * plan.sentinel % plan.chc < plan.sentinel
        return (("symptom", "fever", "card"), ("sentinel",)) if sentinel else (("symptom", "card"), ())
    if kind in PRIMARY_KINDS:
        return ("symptom",), ()
    if kind == "hospital":
        fever = rank * plan.fever_clinic % plan.hospital < plan.fever_clinic
        return (("fever", "card"), ("ed", "fever_clinic")) if fever else (("card",), ("ed",))
    if kind == "school":
        return ("absence",), (STAGES[rank % len(STAGES)],)
    return {"pharmacy": ("pharmacy",), "lab": ("lab",)}.get(kind, ()), ()


def _market(street: StreetPlan, *, number: int, stalls: int, rng: np.random.Generator) -> Iterator[SitePlace]:
    """A market, its eight halls, and their stalls; the first market of a street bears the street's name alone."""
    market = _site("market", street, number=number, rng=rng)
    code = market.code
    zh = f"{_short(street.name_zh)}{'' if number == 1 else _ordinal(number)}农产品批发市场"
    en = f"{street.name_en} Wholesale Market{'' if number == 1 else f' {number}'}"
    yield replace(market, name_zh=zh, name_en=en)
    halls = [
        SitePlace(
            code=f"{code}-{hall}",
            kind="hall",
            institution_kind=None,
            street_code=street.code,
            parent_code=code,
            name_zh=f"{zh}{hall_zh}",
            name_en=f"{en}, {hall_en}",
            lon=round(market.lon + 0.0006 * ((hall - 1) % 4), 6),
            lat=round(market.lat + 0.0006 * (hall // 5), 6),
        )
        for hall, (hall_zh, hall_en) in enumerate(HALLS, start=1)
    ]
    yield from halls
    for n in range(stalls):
        hall, stall = halls[n % len(halls)], n // len(halls) + 1
        yield SitePlace(
            code=f"{hall.code}-{stall:02d}",
            kind="stall",
            institution_kind=None,
            street_code=street.code,
            parent_code=hall.code,
            name_zh=f"{hall.name_zh}{stall}号摊位",
            name_en=f"{hall.name_en}, stall {stall}",
            lon=hall.lon,
            lat=hall.lat,
        )


def _short(name_zh: str) -> str:
    """A street's name without its kind, as sites carry it: 花乡街道 gives 花乡."""
    for ending in ("街道", "地区", "镇", "乡"):
        if name_zh.endswith(ending) and len(name_zh) > len(ending) + 1:
            return name_zh[: -len(ending)]
    return name_zh


def _ordinal(number: int) -> str:
    digits = "零一二三四五六七八九"
    return f"第{digits[number]}" if number < 10 else f"第{number}号"  # one Chinese digit
