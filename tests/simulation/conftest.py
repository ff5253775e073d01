"""One demo city and one outbreak in it, built once: they are read, never changed."""

from datetime import UTC, date, datetime

import pytest
from tests.simulation.plans import demo_plan

from citywatch.simulation.people import build_city
from citywatch.simulation.scenarios import simulate_outbreak

T = datetime(2020, 6, 10, 17, 0, tzinfo=UTC)
FIRST_DAY = date(2020, 5, 8)


@pytest.fixture(scope="session")
def demo_city():
    return build_city(demo_plan(), seed=2020)


@pytest.fixture(scope="session")
def outbreak(demo_city):
    return simulate_outbreak(demo_city, first_day=FIRST_DAY, first_positive_at=T, seed=2020)
