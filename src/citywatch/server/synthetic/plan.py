"""The plan of a synthetic city of any size, from the registry's committed tables."""

from typing import Literal

from citywatch.city.registry import reference
from citywatch.simulation.places import CityPlan, StreetPlan, scaled_plan

CityName = Literal["beijing", "xiamen"]
LEAST, MOST = 20_000, 22_000_000
PEOPLE_A_STREET = 3_125  # 100,000 people get the demo city's 32 streets


def plan_of(city: CityName, *, people: int) -> CityPlan:
    """The plan of a city of so many people: every district by its census share, and as many streets as it can fill.

    The streets of the demo city come first. Published census figures stop at districts, so the streets of a district
    share its people evenly (assumed).
    """
    divisions = {division.code: division for division in reference.divisions(city)}
    demo = reference.demo_streets(city)
    market = next(street.code for street in demo if street.has_market)
    districts = {code: one.population or 0 for code, one in divisions.items() if one.kind == "district"}
    listed = _streets(districts, first=[market, *(street.code for street in demo)], known=list(divisions.values()))
    count = _shared_out(
        districts, {code: len(found) for code, found in listed.items()}, total=people // PEOPLE_A_STREET
    )
    total = sum(districts.values())
    streets = tuple(
        StreetPlan(
            code=code,
            name_zh=divisions[code].name_zh,
            name_en=divisions[code].name_en,
            district_code=district,
            lon=divisions[code].lon,
            lat=divisions[code].lat,
            population_share=districts[district] / total / count[district],
        )
        for district in districts
        for code in sorted(listed[district][: count[district]])
    )
    return scaled_plan(streets, market_street=market, people=people, kind=city)


def _streets(districts: dict[str, int], *, first: list[str], known: list[reference.Division]) -> dict[str, list[str]]:
    """The street codes of each district, those named first before the others."""
    rank = {code: n for n, code in reversed(list(enumerate(first)))}
    found: dict[str, list[str]] = {code: [] for code in districts}
    for one in sorted(known, key=lambda one: (rank.get(one.code, len(first)), one.code)):
        if one.kind == "street":
            found[one.parent_code].append(one.code)
    return found


def _shared_out(districts: dict[str, int], available: dict[str, int], *, total: int) -> dict[str, int]:
    """How many streets each district gets: at least one, at most all it has, the next where most people share one.

    Two a district come before three of any, as in the demo city.
    """
    count = dict.fromkeys(districts, 1)
    while sum(count.values()) < total:
        open_ = [code for code in districts if count[code] < available[code]]
        if not open_:
            break
        least = min(open_, key=lambda code: (count[code] > 1, -districts[code] / count[code], code))
        count[least] += 1
    return count
