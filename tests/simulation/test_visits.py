"""A day of the city: the same whoever makes it and however, in rhythm with the calendar, and as busy as people say."""

from datetime import date

import numpy as np
import pytest
from tests.simulation.plans import demo_plan

from citywatch.simulation import movement, visits
from citywatch.simulation.days import midnight
from citywatch.simulation.people import HALL_STAFF, PUPIL, RESIDENT, build_city
from citywatch.simulation.places import scaled_plan
from citywatch.simulation.visits import (
    COLUMNS,
    Controls,
    Presence,
    Visits,
    contacts_on,
    day_in_parts,
    join,
    meetings_on,
    present_on,
    scanned,
    visits_on,
)

TUESDAY, SATURDAY = date(2020, 6, 9), date(2020, 6, 13)
NEW_YEAR = date(2019, 2, 5)
PUBLISHED_CONTACTS = {(0, 7): 11.6, (7, 20): 27.0, (20, 40): 22.4, (40, 60): 19.9, (60, 200): 12.6}


@pytest.fixture(scope="module")
def city():
    return build_city(demo_plan(people=40_000), seed=9)


@pytest.fixture(scope="module")
def tuesday(city):
    return visits_on(city, TUESDAY)


def equal(one, other):
    return all(np.array_equal(getattr(one, column), getattr(other, column)) for column in COLUMNS)


def at_kind(city, stays, kind):
    return stays.only(np.isin(stays.place, city.of_kind(kind)))


def test_compiled_rows_are_numpys_rows(city, tuesday):
    pytest.importorskip("numba", reason="the extra `fast` (numba) is not installed")
    assert movement.compiled() is not None

    for day in (TUESDAY, SATURDAY, NEW_YEAR):
        compiled, plain = visits_on(city, day, compiled=True), visits_on(city, day, compiled=False)
        assert equal(compiled, plain)
        assert {getattr(compiled, column).dtype for column in COLUMNS} == {np.dtype(np.int32)}


def test_a_day_is_the_same_made_whole_or_by_parts_of_the_people(city, tuesday):
    halves = [visits_on(city, TUESDAY, people=part) for part in (range(17_001), range(17_001, 40_000))]

    assert equal(join(halves), tuesday)
    assert equal(join([part for _, part in day_in_parts(city, TUESDAY)]), tuesday)


def test_another_seed_makes_other_days(tuesday):
    other = build_city(demo_plan(people=40_000), seed=10)

    assert not equal(visits_on(other, TUESDAY), tuesday)


def test_nobody_is_at_two_places_at_once_but_in_a_hall_of_a_market(city, tuesday):
    stays = tuesday.only(~np.isin(tuesday.place, city.of_kind("hall")))
    order = np.lexsort((stays.minute_in, stays.person))
    person, begin, end = stays.person[order], stays.minute_in[order], stays.minute_out[order]

    same = person[1:] == person[:-1]
    assert (begin[1:][same] >= end[:-1][same]).all()
    assert (tuesday.minute_out > tuesday.minute_in).all()
    assert tuesday.minute_in.min() >= midnight(TUESDAY)
    assert tuesday.minute_in.max() < midnight(TUESDAY) + 1440


def test_halls_are_visited_during_the_visit_to_their_market(city, tuesday):
    halls = at_kind(city, tuesday, "hall")
    markets = at_kind(city, tuesday, "market")
    around = {
        int(p): (int(a), int(b)) for p, a, b in zip(markets.person, markets.minute_in, markets.minute_out, strict=True)
    }

    assert len(halls) > 300
    for person, begin, end in zip(halls.person, halls.minute_in, halls.minute_out, strict=True):
        assert around[int(person)][0] <= begin < end <= around[int(person)][1]


def test_contacts_a_day_by_age_are_the_published_ones(city):
    age = city.people.age
    week = (5 * contacts_on(city, visits_on(city, TUESDAY)) + 2 * contacts_on(city, visits_on(city, SATURDAY))) / 7

    for (low, high), published in PUBLISHED_CONTACTS.items():
        assert week[(age >= low) & (age < high)].mean() == pytest.approx(published, rel=0.15), (low, high)
    assert week.mean() == pytest.approx(18.8, rel=0.15)  # Shanghai; Wuhan 14.6


def test_under_lock_down_most_of_the_few_contacts_left_are_at_home(city):
    shut = Controls(
        schools_closed_from=midnight(TUESDAY),
        mobility=dict.fromkeys(("work", "lunch", "outing", "market", "shop", "park", "dinner"), 0.05),
    )
    met = contacts_on(city, visits_on(city, TUESDAY, controls=shut))
    home = np.diff(city.first_kin)[city.people.household] - 1
    private = ~city.people.collective

    assert 2.0 <= met[private].mean() <= 2.6  # 2.0 to 2.3 published, dormitories aside
    assert home[private].sum() / met[private].sum() > 0.75


def test_a_person_makes_about_two_visits_a_day(city, tuesday):
    saturday = visits_on(city, SATURDAY)

    assert 2.0 < len(tuesday) / len(city.people) < 3.0
    assert len(saturday) < len(tuesday)


def test_as_many_people_see_a_doctor_as_published(city):
    days = [date(2020, 6, n) for n in range(8, 22)]
    patients = []
    for day in days:
        stays = at_kind(city, visits_on(city, day), "institution")
        staff = np.isin(city.people.workplace[stays.person], city.of_kind("institution"))
        patients.append((~staff).sum())

    assert np.mean(patients) / len(city.people) == pytest.approx(0.02411, rel=0.12)
    assert patients[0] > patients[6]  # Monday and Sunday


def test_weekends_and_holidays_empty_the_schools_and_offices(city, tuesday):
    saturday, make_up = visits_on(city, SATURDAY), visits_on(city, date(2020, 6, 28))

    assert len(at_kind(city, tuesday, "school")) > 20 * len(at_kind(city, saturday, "school"))
    assert len(at_kind(city, make_up, "school")) == pytest.approx(len(at_kind(city, tuesday, "school")), rel=0.03)
    vacation = at_kind(city, visits_on(city, date(2020, 7, 20)), "school")
    assert not np.isin(vacation.person, np.flatnonzero(city.people.pupil)).any()


def test_a_third_of_the_city_is_away_at_spring_festival_by_whole_households(city):
    there = present_on(city, NEW_YEAR)
    heads = there[city.people.head]

    assert 1 - there.mean() == pytest.approx(0.35, abs=0.02)
    assert (there == heads).all()
    assert present_on(city, date(2019, 1, 20)).all()
    assert present_on(city, date(2019, 3, 1)).all()
    assert set(visits_on(city, NEW_YEAR).person) <= set(np.flatnonzero(there))


def test_a_closed_market_is_empty_from_that_minute_and_nobody_else_changes_plans(city, tuesday):
    noon = midnight(TUESDAY) + 720
    closed = visits_on(city, TUESDAY, controls=Controls(closed={city.market: noon}))
    inside = np.isin(closed.place, [city.market, *city.halls])
    before = np.isin(tuesday.place, [city.market, *city.halls])

    assert closed.minute_in[inside].max() < noon
    assert closed.minute_out[inside].max() <= noon
    assert equal(closed.only(~inside), tuesday.only(~before))


def test_people_who_are_held_stay_away_until_they_are_released(city, tuesday):
    person = int(tuesday.person[tuesday.minute_in > midnight(TUESDAY) + 600][0])
    begin = midnight(TUESDAY) + 600
    held = visits_on(city, TUESDAY, controls=Controls(held={person: begin}))
    free = visits_on(city, TUESDAY, controls=Controls(held={person: begin - 20_000}, released={person: begin - 5_000}))

    assert (held.minute_out[held.person == person] <= begin).all()
    assert equal(held.only(held.person != person), tuesday.only(tuesday.person != person))
    assert equal(free, tuesday)

    noon = midnight(TUESDAY) + 720
    back = visits_on(city, TUESDAY, controls=Controls(held={person: begin - 20_000}, released={person: noon}))
    own = tuesday.only((tuesday.person == person) & (tuesday.minute_in >= noon))
    assert len(own)
    assert equal(back.only(back.person == person), own)


def test_closed_schools_send_pupils_home_and_level_two_halves_going_out(city, tuesday):
    shut = visits_on(city, TUESDAY, controls=Controls(schools_closed_from=midnight(TUESDAY)))
    level = visits_on(city, TUESDAY, controls=Controls(level_from=midnight(TUESDAY)))

    assert len(at_kind(city, shut, "school")) == 0
    for kind in ("restaurant", "shop", "park"):
        share = len(at_kind(city, level, kind)) / len(at_kind(city, tuesday, kind))
        assert 0.4 < share < 0.75, kind  # staff go on working


def test_pupils_meet_their_class_and_teacher(city, tuesday):
    stays = at_kind(city, tuesday, "school")
    pupil = int(np.flatnonzero((city.people.role == PUPIL) & (city.people.age == 8))[0])
    row = int(np.flatnonzero(stays.person == pupil)[0])
    others = Presence(stays).with_stay(row, same_group=True)
    ages = city.people.age[stays.person[others]]

    assert 20 <= len(others) <= 50
    assert ((ages == 8) | (ages >= 18)).all()
    assert (ages >= 18).any()


def test_meetings_are_those_an_obvious_search_finds():
    rng = np.random.default_rng(4)
    begin = rng.integers(0, 200, 120)
    stays = Visits(
        person=rng.integers(0, 60, 120).astype(np.int32),
        place=rng.integers(0, 3, 120).astype(np.int32),
        minute_in=begin.astype(np.int32),
        minute_out=(begin + rng.integers(1, 60, 120)).astype(np.int32),
        group=rng.integers(0, 2, 120).astype(np.int32),
    )
    rows = list(zip(*(getattr(stays, column).tolist() for column in COLUMNS), strict=True))
    expected = {
        (min(a[0], b[0]), max(a[0], b[0]))
        for a in rows
        for b in rows
        if a[0] != b[0] and a[1] == b[1] and a[4] == b[4] and min(a[3], b[3]) - max(a[2], b[2]) >= 5
    }

    found = meetings_on(stays, minutes=5)
    assert set(zip(found[0].tolist(), found[1].tolist(), strict=True)) == expected


def test_seven_stays_in_ten_are_scanned_and_a_stay_is_or_is_not_whoever_asks(city, tuesday):
    seen = scanned(city, tuesday, share=0.7)

    assert seen.mean() == pytest.approx(0.7, abs=0.005)
    assert np.array_equal(scanned(city, tuesday.only(slice(5_000, 9_000)), share=0.7), seen[5_000:9_000])


def test_those_who_live_in_a_nursing_home_stay_there_and_stallholders_come_early(city, tuesday):
    nursed = np.flatnonzero(city.people.role == RESIDENT)
    stays = tuesday.only(np.isin(tuesday.person, nursed))
    staff = tuesday.only(np.isin(tuesday.person, np.flatnonzero(city.people.role == HALL_STAFF)))

    assert (stays.place == city.people.workplace[stays.person]).all()
    assert city.people.age[nursed].min() >= 75
    assert np.median(at_kind(city, staff, "hall").minute_in - midnight(TUESDAY)) < 6 * 60


def test_streets_differ_from_day_to_day_more_than_chance(city):
    shops = city.of_kind("shop")
    counts = np.array(
        [
            np.bincount(visits_on(city, date(2020, 6, day)).place, minlength=len(city.places))[shops]
            for day in (2, 3, 4, 9, 10)
        ]
    )

    assert np.median(counts.var(axis=0, ddof=1) / counts.mean(axis=0)) > 2


def test_a_larger_city_has_more_of_everything_at_the_same_rates():
    plan = demo_plan()
    large = scaled_plan(plan.streets, market_street=plan.market_street, people=300_000)
    city = build_city(large, seed=1)

    assert len(city.of_kind("market")) == 3
    assert len(city.of_kind("stall")) == 2 * 40 + 55
    assert len(city.places) < 0.013 * len(city.people)
    assert len(city.of_kind("chs")) == 24
    assert sum("sentinel" in place.flags for place in city.places) == 3
    assert city.people.workplace[city.people.market_hall > 0].max() <= city.halls.max()
    assert visits.visits_on(city, TUESDAY, people=range(100), compiled=False).person.max() < 100
