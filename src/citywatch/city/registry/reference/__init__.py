"""The committed reference tables of the two cities, read into frozen values; no database, no framework.

Owns the files of this folder and nothing that changes at run time: an installation imports these rows into its registry
once and edits them there. Every row says where it comes from, and `assumed` tells what nobody could read in a document.
"""

import csv
import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, Protocol, TypeVar

FOLDER = Path(__file__).parent
CITIES = ("beijing", "xiamen")

Row = dict[str, str]
DivisionKind = Literal["city", "district", "street"]
Bound = Literal["at_most", "at_least"]

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Division:
    """A city, district or street with its GB/T 2260 code; `population` is the 2020 census, where one was published.

    The position is WGS84 degrees. Streets have no public outline: theirs is a made-up point inside the district, and
    `position_is_synthetic` says so.
    """

    code: str
    parent_code: str
    kind: DivisionKind
    name_zh: str
    name_en: str
    lon: float
    lat: float
    position_is_synthetic: bool
    population: int | None
    population_is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """A district's cell in the cartogram: `col` grows eastward, `row` southward."""

    code: str
    col: int
    row: int


@dataclass(frozen=True, slots=True)
class DemoStreet:
    """A real street that the demo city is made of, with its share of the city's people."""

    code: str
    district_code: str
    population_share: float
    population: int
    has_market: bool


@dataclass(frozen=True, slots=True)
class InstitutionKind:
    """A kind of reporting institution; `letter` goes into institution codes, `streams` are what it sends."""

    code: str
    letter: str
    name_zh: str
    name_en: str
    level: str
    per_100k: float
    demo_count: int
    streams: tuple[str, ...]
    source: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class Disease:
    """A notifiable disease, or a subtype of one (`parent`), as the list stood between two dates, both included.

    `legal_class` is 甲, 乙 or 丙. `managed_as` differs from it where a class 乙 disease is handled as class 甲.
    """

    code: str
    parent: str
    name_zh: str
    name_en: str
    legal_class: str
    managed_as: str
    report_within_hours: int
    valid_from: date
    valid_to: date | None
    source: str
    assumed: bool
    note: str

    @property
    def clock(self) -> str:
        """Code of the clock that runs from diagnosis to report card."""
        return f"card-{self.report_within_hours}h"


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a plain code list: symptom, drug class, population group, recipient of orders."""

    code: str
    name_zh: str
    name_en: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class Clock:
    """A limit that the city works under: from the moment `starts` to the moment `stops`.

    `bound` is `at_most` for a deadline and `at_least` for a wait that may not be cut short.
    """

    code: str
    name_zh: str
    name_en: str
    starts: str
    stops: str
    bound: Bound
    limit: timedelta
    on_breach: str
    valid_from: date
    valid_to: date | None
    source: str
    assumed: bool
    note: str

    @property
    def limit_minutes(self) -> float:
        """The limit in minutes; 10 s is a sixth of one."""
        return self.limit / timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """One order that a response level brings, before a commander has changed it."""

    level: str
    position: int
    recipient: str
    within: timedelta
    text_zh: str
    text_en: str
    source: str
    assumed: bool
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class ResponsePackage:
    """A response level with who decides it and the whole set of its default orders; rank 1 is the gravest."""

    level: str
    rank: int
    name_zh: str
    name_en: str
    colour: str
    decider_zh: str
    decider_en: str
    orders: tuple[StandingOrder, ...]


class _Dated(Protocol):
    @property
    def valid_from(self) -> date: ...
    @property
    def valid_to(self) -> date | None: ...


_D = TypeVar("_D", bound=_Dated)


@cache
def divisions(city: str) -> tuple[Division, ...]:
    """List the city, its districts and their streets, parents before children.

    >>> [d.name_zh for d in divisions("xiamen") if d.kind == "district"]
    ['思明区', '海沧区', '湖里区', '集美区', '同安区', '翔安区']
    """
    return tuple(_division(row) for row in _rows(f"divisions_{_known(city)}.csv"))


def outline(city: str) -> Path:
    """Find the district outlines, GeoJSON in WGS84: a schematic map (示意图) that an installation may replace.

    >>> outline("beijing").name
    'outline_beijing.geojson'
    """
    return FOLDER / f"outline_{_known(city)}.geojson"


@cache
def tile_grid(city: str) -> tuple[Tile, ...]:
    """Lay out one cell a district: the map for where no outline may be shown.

    >>> tile_grid("xiamen")[0]
    Tile(code='350203', col=1, row=3)
    """
    drawn = json.loads((FOLDER / f"tile_grid_{_known(city)}.json").read_text(encoding="utf-8"))
    return tuple(Tile(cell["code"], cell["col"], cell["row"]) for cell in drawn["cells"])


@cache
def demo_streets(city: str) -> tuple[DemoStreet, ...]:
    """List two real streets of each district; their people sum to 100,000 and one of them has the market.

    >>> [street.code for street in demo_streets("beijing") if street.has_market]
    ['110106018']
    """
    return tuple(
        DemoStreet(
            code=row["street_code"],
            district_code=row["district_code"],
            population_share=float(row["population_share"]),
            population=int(row["demo_population"]),
            has_market=row["role"] == "market",
        )
        for row in _rows("demo_streets.csv")
        if row["city"] == _known(city)
    )


@cache
def institution_kinds() -> tuple[InstitutionKind, ...]:
    """List the kinds of reporting institutions with their rate per 100,000 people.

    `streams` is what a kind may send: of the hospitals only one with a fever clinic sends `fever`, and a sentinel
    health centre sends it too.

    >>> sum(kind.demo_count for kind in institution_kinds() if kind.level == "primary")
    41
    """
    return tuple(
        InstitutionKind(
            code=row["code"],
            letter=row["letter"],
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            level=row["level"],
            per_100k=float(row["per_100k"]),
            demo_count=int(row["demo_count"]),
            streams=tuple(row["streams"].split(";")) if row["streams"] else (),
            source=row["source"],
            assumed=_yes(row["assumed"]),
        )
        for row in _rows("institution_kinds.csv")
    )


@cache
def school_vacations() -> tuple[tuple[date, date], ...]:
    """List the first and last days of the vacations of schools and kindergartens, both included.

    >>> len(school_vacations()) % 2  # a winter and a summer each year
    0
    """
    return tuple(
        (date.fromisoformat(row["first"]), date.fromisoformat(row["last"])) for row in _rows("school_vacations.csv")
    )


def diseases(on: date, *, subtypes: bool = False) -> tuple[Disease, ...]:
    """List the notifiable diseases in force on a day, class 甲 first; with `subtypes`, their subtypes too.

    >>> [d.name_en for d in diseases(date(2020, 1, 19)) if d.report_within_hours == 2][:3]
    ['Plague', 'Cholera', 'Poliomyelitis']
    """
    return tuple(disease for disease in _in_force(_diseases(), on) if subtypes or not disease.parent)


def diseases_ever() -> tuple[Disease, ...]:
    """List every row the disease list has held, subtypes too, for reading a report before its day is known.

    >>> [d.name_zh for d in diseases_ever() if d.code == "0103"]
    ['新型冠状病毒肺炎', '新型冠状病毒感染']
    """
    return _diseases()


def clocks(on: date) -> tuple[Clock, ...]:
    """List every limit in force on a day.

    >>> {clock.code: clock.limit for clock in clocks(date(2020, 6, 11))}["source-lock"]
    datetime.timedelta(seconds=57600)
    """
    return _in_force(_clocks(), on)


@cache
def occupations() -> tuple[Choice, ...]:
    """List the population groups (人群分类) of the report card.

    >>> occupations()[2].name_en
    'Student'
    """
    return _choices("occupations.csv")


@cache
def symptoms() -> tuple[Choice, ...]:
    """List the eight symptoms. Beijing's list is not public, so all eight are assumed.

    >>> len(symptoms()), all(symptom.assumed for symptom in symptoms())
    (8, True)
    """
    return _choices("symptoms.csv")


@cache
def drug_classes() -> tuple[Choice, ...]:
    """List the four classes of medicine whose sales are registered (四类药品).

    >>> [drug.code for drug in drug_classes()]
    ['antipyretic', 'cough', 'antiviral', 'antibiotic']
    """
    return _choices("drug_classes.csv")


@cache
def response_recipients() -> tuple[Choice, ...]:
    """List who can be given an order by a response package.

    >>> response_recipients()[1].name_en
    'City CDC'
    """
    return _choices("response_recipients.csv")


def response_packages(on: date) -> tuple[ResponsePackage, ...]:
    """List the four response levels, gravest first, each with the orders in force on a day.

    >>> [package.level for package in response_packages(date(2020, 6, 16))]
    ['I', 'II', 'III', 'IV']
    """
    orders = _in_force(_orders(), on)
    return tuple(
        ResponsePackage(
            level=row["level"],
            rank=int(row["rank"]),
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            colour=row["colour"],
            decider_zh=row["decider_zh"],
            decider_en=row["decider_en"],
            orders=tuple(order for order in orders if order.level == row["level"]),
        )
        for row in _rows("response_levels.csv")
    )


@dataclass(frozen=True, slots=True)
class RoleTemplate:
    """A role as first imported: its name, the abilities it holds, and how carefully its holders must sign in."""

    code: str
    name_zh: str
    name_en: str
    abilities: tuple[str, ...]
    second_factor: bool
    idle_minutes: int | None


@cache
def abilities() -> tuple[Choice, ...]:
    """List what a role may hold, in words.

    >>> abilities()[0].name_en
    'Manage accounts and machine keys'
    """
    return _choices("abilities.csv")


@cache
def roles() -> tuple[RoleTemplate, ...]:
    """List the roles an installation starts with.

    >>> [role.code for role in roles()][:2]
    ['duty_officer', 'investigator']
    """
    return tuple(
        RoleTemplate(
            row["code"],
            row["name_zh"],
            row["name_en"],
            tuple(row["abilities"].split(";")),
            row["second_factor"] == "1",
            int(row["idle_minutes"]) if row["idle_minutes"] else None,
        )
        for row in _rows("roles.csv")
    )


@cache
def _diseases() -> tuple[Disease, ...]:
    return tuple(
        Disease(
            code=row["code"],
            parent=row["parent"],
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            legal_class=row["class"],
            managed_as=row["managed_as"],
            report_within_hours=int(row["report_within_hours"]),
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=_day(row["valid_to"]),
            source=row["source"],
            assumed=_yes(row["assumed"]),
            note=row["note"],
        )
        for row in _rows("diseases.csv")
    )


@cache
def _clocks() -> tuple[Clock, ...]:
    return tuple(
        Clock(
            code=row["code"],
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            starts=row["starts"],
            stops=row["stops"],
            bound="at_most" if row["bound"] == "at_most" else "at_least",
            limit=_span(row["limit"]),
            on_breach=row["on_breach"],
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=_day(row["valid_to"]),
            source=row["source"],
            assumed=_yes(row["assumed"]),
            note=row["note"],
        )
        for row in _rows("clocks.csv")
    )


@cache
def _orders() -> tuple[StandingOrder, ...]:
    return tuple(
        StandingOrder(
            level=row["level"],
            position=int(row["position"]),
            recipient=row["recipient"],
            within=timedelta(hours=float(row["within_hours"])),
            text_zh=row["text_zh"],
            text_en=row["text_en"],
            source=row["source"],
            assumed=_yes(row["assumed"]),
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=_day(row["valid_to"]),
        )
        for row in _rows("response_orders.csv")
    )


def _division(row: Row) -> Division:
    kinds: dict[str, DivisionKind] = {"city": "city", "district": "district", "street": "street"}
    return Division(
        code=row["code"],
        parent_code=row["parent_code"],
        kind=kinds[row["kind"]],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        lon=float(row["lon"]),
        lat=float(row["lat"]),
        position_is_synthetic=row["position"] == "synthetic",
        population=int(row["population_2020"]) if row["population_2020"] else None,
        population_is_confirmed=_yes(row["confirmed"]),
    )


def _choices(name: str) -> tuple[Choice, ...]:
    return tuple(
        Choice(row["code"], row["name_zh"], row["name_en"], assumed=_yes(row.get("assumed", "no")))
        for row in _rows(name)
    )


def _known(city: str) -> str:
    if city not in CITIES:
        message = f"city is {city!r}; the reference tables hold {' and '.join(CITIES)}."
        raise ValueError(message)
    return city


def _in_force(dated: tuple[_D, ...], on: date) -> tuple[_D, ...]:
    return tuple(row for row in dated if row.valid_from <= on and (row.valid_to is None or on <= row.valid_to))


def _rows(name: str) -> list[Row]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _yes(text: str) -> bool:
    return text == "yes"


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _span(text: str) -> timedelta:
    number, unit = text.split()
    return timedelta(**{_UNITS[unit]: float(number)})
