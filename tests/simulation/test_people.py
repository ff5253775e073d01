from dataclasses import replace

import numpy as np
import pytest
from tests.simulation.plans import MARKET_STREET, demo_plan, xiamen_plan

from citywatch.simulation.identities import id_numbers, identity
from citywatch.simulation.people import HOME, PUPIL, STAFF, WORKER, build_city, occupations
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


def test_pupils_go_to_a_school_of_their_stage_in_classes_of_their_year(demo_city):
    people, places = demo_city.people, demo_city.places
    stage = {3: "kindergarten", 6: "primary", 12: "secondary"}
    for age in range(3, 18):
        pupils = np.flatnonzero((people.role == PUPIL) & (people.age == age))
        wanted = stage[max(first for first in stage if first <= age)]
        assert {places[school].flags for school in people.workplace[pupils]} == {(wanted,)}
        assert set(people.group[pupils] // 100) == {age}
    classes = people.workplace[people.pupil].astype(np.int64) * 10_000 + people.group[people.pupil]
    primary = np.isin(
        people.workplace[people.pupil], [i for i in demo_city.of_kind("school") if "primary" in places[i].flags]
    )

    assert np.unique(classes[primary], return_counts=True)[1].max() <= 40
    assert np.bincount(people.workplace[people.pupil])[demo_city.of_kind("school")].mean() == pytest.approx(
        950, rel=0.1
    )


def test_every_class_has_a_teacher_and_every_kind_of_place_its_staff(demo_city):
    people = demo_city.people
    teachers = np.flatnonzero((people.role == WORKER) & np.isin(people.workplace, demo_city.of_kind("school")))
    classes = set(zip(people.workplace[people.pupil].tolist(), people.group[people.pupil].tolist(), strict=True))
    taught = set(zip(people.workplace[teachers].tolist(), people.group[teachers].tolist(), strict=True))
    staff = np.bincount(people.workplace[people.role == WORKER], minlength=len(demo_city.places))

    assert len(classes & taught) > 0.8 * len(classes)
    assert (people.group[teachers] == 9).any()  # the kitchen
    for kind in ("hospital", "restaurant", "shop", "nursing_home"):
        assert staff[demo_city.of_kind(kind)].mean() == pytest.approx(STAFF[kind], rel=0.2)


def test_a_few_workplaces_are_large_and_most_are_small(demo_city):
    staff = np.sort(
        np.bincount(demo_city.people.workplace[demo_city.people.role == WORKER])[demo_city.of_kind("workplace")]
    )

    assert staff[-80:].sum() > 0.35 * staff.sum()  # the largest tenth
    assert np.median(staff) < 0.65 * staff.mean()


def test_everyone_has_an_occupation_that_fits(demo_city):
    people, code = demo_city.people, occupations(demo_city)

    assert set(code[people.age < 3]) == {"2"}
    assert set(code[people.role == PUPIL]) == {"1", "3"}
    assert set(code[(people.role == HOME) & (people.age >= 60)]) == {"23"}
    assert set(code[people.market_hall > 0]) == {"8"}


def test_citizen_numbers_of_a_whole_city_are_those_told_one_by_one(demo_city):
    people = demo_city.people
    numbers = id_numbers("beijing", born=people.born, male=people.male)

    assert len(set(numbers.tolist())) == len(people)
    for person in range(0, len(people), 1_009):
        assert numbers[person] == identity(demo_city, person)["id_number"]


def test_a_birthday_shared_by_thousands_still_gives_everyone_a_number_of_their_own():
    numbers = id_numbers("xiamen", born=np.full(3_000, 5_000), male=np.arange(3_000) % 2 == 0)

    assert len(set(numbers.tolist())) == 3_000
    assert all(number[4:6] == "99" for number in numbers.tolist())
    assert {int(number[16]) % 2 for number in numbers[::2].tolist()} == {1}


def test_a_market_that_wants_more_people_than_there_are_is_refused():
    with pytest.raises(ValueError, match="the market wants 90000 people"):
        build_city(replace(demo_plan(people=20_000), market_staff=90_000), seed=1)
