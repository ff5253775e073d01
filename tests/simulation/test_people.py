import numpy as np
import pytest
from tests.simulation.plans import MARKET_STREET, demo_plan, xiamen_plan

from citywatch.simulation.identities import identity
from citywatch.simulation.people import build_city
from citywatch.simulation.places import HALLS, PRIMARY_KINDS, CityPlan


def test_ages_follow_the_2020_census(demo_city):
    age = demo_city.people.age

    assert np.mean(age < 15) == pytest.approx(0.119, abs=0.001)
    assert np.mean(age >= 60) == pytest.approx(0.196, abs=0.001)
    assert np.mean(age >= 65) == pytest.approx(0.133, abs=0.001)


def test_households_have_the_census_sizes_and_the_rest_live_in_collective_housing(demo_city):
    people = demo_city.people
    private = people.household[~people.collective]
    sizes = np.bincount(private)
    mix = np.bincount(sizes, minlength=7)[1:7] / len(sizes)

    assert len(people) == 100_000
    assert people.collective.sum() == 13_100
    assert len(sizes) == pytest.approx(37_600, abs=10)
    assert sizes.mean() == pytest.approx(2.31, abs=0.01)
    assert mix == pytest.approx([0.29, 0.33, 0.24, 0.085, 0.04, 0.015], abs=0.015)


def test_no_household_is_children_alone_and_each_lives_in_one_street(demo_city):
    people = demo_city.people
    eldest = np.zeros(people.household.max() + 1, dtype=int)
    np.maximum.at(eldest, people.household, people.age)

    assert eldest.min() >= 18
    assert (people.street == people.street[people.head]).all()
    assert (people.household == people.household[people.head]).all()


def test_xiamen_is_a_younger_city():
    city = build_city(xiamen_plan(), seed=1)

    assert np.mean(city.people.age >= 60) == pytest.approx(0.0956, abs=0.001)
    assert all(place.code.startswith("3502") for place in city.places)
    assert identity(city, 7)["id_number"].startswith("350299")


@pytest.mark.parametrize("plan", [demo_plan(), xiamen_plan()], ids=["beijing", "xiamen"])
def test_every_street_has_a_primary_institution_and_the_city_its_counts(plan):
    city = build_city(plan, seed=5)
    primary = [place for place in city.places if place.institution_kind in PRIMARY_KINDS]
    count = {kind: len(city.of_kind(kind)) for kind in ("chc", "chs", "village_room", "clinic", "pharmacy", "hospital")}

    assert {place.street_code for place in primary} == {street.code for street in plan.streets}
    assert count == {"chc": 2, "chs": 8, "village_room": 11, "clinic": 20, "pharmacy": 5, "hospital": 2}
    assert len({place.code for place in city.places}) == len(city.places)
    assert sum("fever_clinic" in place.flags for place in city.places) == 1
    assert sum("sentinel" in place.flags for place in city.places) == 1


def test_the_market_stands_in_its_street_with_its_halls_beneath_it(demo_city):
    market = demo_city.places[demo_city.market]
    halls = [demo_city.places[i] for i in demo_city.halls]

    assert market.street_code == MARKET_STREET
    assert len(halls) == len(HALLS) == 8
    assert {hall.parent_code for hall in halls} == {market.code}
    assert (demo_city.people.market_hall > 0).sum() == demo_city.plan.market_staff


def test_a_plan_nobody_could_build_is_refused_with_its_number():
    plan = demo_plan()

    with pytest.raises(ValueError, match="30 primary institutions cannot give each of 32 streets one"):
        CityPlan(streets=plan.streets, market_street=MARKET_STREET, chc=2, chs=8, village_room=10, clinic=10)
    with pytest.raises(ValueError, match="'nowhere' is not among the 32 streets"):
        CityPlan(streets=plan.streets, market_street="nowhere")
