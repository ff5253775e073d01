"""The demo's setting per city, and the outbreak simulated from it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from django.conf import settings

from citywatch.city.registry import reference
from citywatch.mechanisms.errors import Refusal
from citywatch.simulation.people import City, build_city
from citywatch.simulation.places import CityPlan, StreetPlan
from citywatch.simulation.scenarios import Outbreak, simulate_outbreak


@dataclass(frozen=True, slots=True)
class Setting:
    """When and where one city's demo takes place. `first_positive` is T."""

    city: str
    city_code: str
    first_day: date
    first_positive: datetime
    market_district: str
    seed: int
    people: int = 100_000
    days_after: int = 3

    @property
    def opens_at(self) -> datetime:
        """Where the replay stops and the user takes over: T + 15 minutes."""
        return self.first_positive + timedelta(minutes=15)


SETTINGS = {
    "beijing": Setting("beijing", "110000", date(2020, 5, 8), datetime(2020, 6, 10, 17, 0, tzinfo=UTC), "110106", 2020),
    "xiamen": Setting("xiamen", "350200", date(2020, 5, 8), datetime(2020, 6, 10, 17, 0, tzinfo=UTC), "350206", 2020),
}


def setting() -> Setting:
    """The setting of the configured city."""
    try:
        return SETTINGS[settings.CITYWATCH_CITY]
    except KeyError:
        raise Refusal(
            f"There is no demo city {settings.CITYWATCH_CITY!r}; set CITY to {' or '.join(SETTINGS)}."
        ) from None


def plan(of: Setting) -> CityPlan:
    """The simulation's plan of a city, from the committed tables."""
    names = {division.code: division for division in reference.divisions(of.city)}
    streets = reference.demo_streets(of.city)
    return CityPlan(
        streets=tuple(
            StreetPlan(
                code=street.code,
                name_zh=names[street.code].name_zh,
                name_en=names[street.code].name_en,
                district_code=street.district_code,
                lon=names[street.code].lon,
                lat=names[street.code].lat,
                population_share=street.population_share,
            )
            for street in streets
        ),
        market_street=next(street.code for street in streets if street.has_market),
        people=of.people,
        kind="beijing" if of.city == "beijing" else "xiamen",
    )


@lru_cache(maxsize=1)
def tell(of: Setting) -> tuple[City, Outbreak]:
    """The city and its outbreak; the same every time for one setting, in about three seconds."""
    city = build_city(plan(of), seed=of.seed)
    outbreak = simulate_outbreak(
        city,
        scenario="market",
        first_day=of.first_day,
        first_positive_at=of.first_positive,
        days_after=of.days_after,
        seed=of.seed,
    )
    return city, outbreak
