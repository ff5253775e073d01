"""Which place it was."""

import csv
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import binom, hypergeom
from tests.shared import SHARED, needs_shared

from citywatch.science.sources import (
    CaseDays,
    Settings,
    interviews_needed,
    log_hypergeometric_tail,
    log_weighted_tail,
    presence_of,
    rank_nearest,
    rank_origins,
    rank_places,
    shared_homes,
)


@st.composite
def draws(draw):
    population = draw(st.integers(1, 300))
    marked = draw(st.integers(0, population))
    drawn = draw(st.integers(0, population))
    return draw(st.integers(0, min(marked, drawn) + 1)), drawn, marked, population


@given(draws())
def test_the_tail_is_the_one_others_compute(case):
    found, drawn, marked, population = case
    ours = np.exp(log_hypergeometric_tail(found, drawn=drawn, marked=marked, population=population))
    assert ours == pytest.approx(hypergeom.sf(found - 1, population, marked, drawn), rel=1e-8, abs=1e-12)


def test_a_chance_too_small_for_a_double_still_has_its_place_in_the_order():
    tail = log_hypergeometric_tail([300, 299], drawn=400, marked=300, population=21_900_000)
    assert np.isfinite(tail).all()
    assert tail[0] < tail[1] < np.log(1e-300)


def test_the_market_comes_before_the_small_workplace_with_the_larger_ratio():
    # 12 of 40 cases at a market of 3,000 visitors; 2 in an office of five; 26 at a station that 60,000 pass.
    pairs = (
        [(case, 0) for case in range(12)] + [(case, 1) for case in range(20, 22)] + [(case, 2) for case in range(26)]
    )
    ranked = rank_places(
        case_of=[case for case, _ in pairs],
        place_of=[place for _, place in pairs],
        cases=40,
        visitors=[3_000, 5, 60_000, 900],
        population=100_000,
    )
    assert ranked.place.tolist() == [0, 1, 2]
    assert ranked.ratio[1] > ranked.ratio[0]
    assert ranked.coverage[0] == 0.3
    assert ranked.p_value[0] == pytest.approx(hypergeom.sf(11, 100_000, 40, 3_000))
    assert ranked.p_adjusted[0] == pytest.approx(4 * ranked.p_value[0])
    assert (ranked.ratio_low < ranked.ratio).all()
    assert (ranked.ratio < ranked.ratio_high).all()
    assert ranked.p_value[2] > 0.1


def test_a_visit_told_twice_is_one_case():
    once = rank_places(case_of=[0, 1], place_of=[0, 0], cases=3, visitors=[10], population=100)
    twice = rank_places(case_of=[0, 1, 1, 0], place_of=[0, 0, 0, 0], cases=3, visitors=[10], population=100)
    assert twice.cases.tolist() == once.cases.tolist() == [2]


def test_a_case_told_in_an_interview_is_a_visitor_though_no_scan_saw_them():
    ranked = rank_places(case_of=[0, 1], place_of=[0, 0], cases=3, visitors=[1], population=100)
    assert ranked.visitors.tolist() == [2]


def test_all_cases_at_one_place_still_has_a_finite_ratio():
    ranked = rank_places(case_of=[0, 1, 2], place_of=[0, 0, 0], cases=3, visitors=[40], population=1_000)
    assert np.isfinite([ranked.ratio[0], ranked.ratio_low[0], ranked.ratio_high[0]]).all()


def test_without_visits_there_is_no_place_to_rank():
    assert len(rank_places(case_of=[], place_of=[], cases=3, visitors=[40], population=1_000)) == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"case_of": [3]}, "3 cases allow 0 to 2"),
        ({"place_of": [1]}, "1 places allow 0 to 0"),
        ({"cases": 2_000}, "2000 cases do not fit"),
        ({"visitors": [2_000]}, "population of 1000"),
        ({"case_of": [0, 1]}, "each pair needs both"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(wrong, says):
    whole = {"case_of": [0], "place_of": [0], "cases": 3, "visitors": [40], "population": 1_000}
    with pytest.raises(ValueError, match=says):
        rank_places(**whole | wrong)


# Each case on its own days.


def stays(*rows):
    """(person, place, first day, last day) as the columns of `presence_of`."""
    return dict(zip(("person", "place", "first", "last"), zip(*rows, strict=True), strict=True))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 150), st.integers(0, 9)), max_size=30),
    st.integers(-5, 160),
    st.integers(0, 80),
)
def test_packed_days_count_the_people_a_slow_look_counts(rows, first, length):
    visits = [(person, place, day, day + more) for person, place, day, more in rows]
    packed = (
        presence_of(**stays(*visits), places=3)
        if visits
        else presence_of(person=[], place=[], first=[], last=[], places=3)
    )
    last = first + length
    slow = [len({p for p, q, a, b in visits if q == place and a <= last and b >= first}) for place in range(3)]
    assert packed.visitors(first, last).tolist() == slow
    halves = [(first, first + length // 2), (first + length // 2 + 1, last)]
    assert packed.visitors_in_any(halves).tolist() == slow


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=7), st.integers(0, 15))
def test_the_chance_of_a_score_is_the_sum_over_all_ways_to_reach_it(chances, score):
    slow = 0.0
    for ways in product((0, 1, 2), repeat=len(chances)):
        if sum(ways) >= score:
            slow += np.prod([(1 - a - b, b, a)[way] for way, (a, b) in zip(ways, chances, strict=True)])
    full, half = np.array(chances).T
    assert np.exp(log_weighted_tail([score], full=full[None], half=half[None]))[0] == pytest.approx(slow, rel=1e-9)


def test_a_score_far_beyond_a_double_keeps_its_size():
    ours = log_weighted_tail([400, 398], full=np.full((2, 300), 1e-4), half=np.zeros((2, 300)))
    slow = [logsumexp(binom.logpmf(range(least, 301), 300, 1e-4)) for least in (200, 199)]
    assert ours == pytest.approx(slow, rel=1e-9)


def night(person, place, day):
    return person, place, day * 1440 + 21 * 60, (day + 1) * 1440 + 7 * 60


def homes(*rows, **more):
    columns = dict(zip(("person", "place", "minute_in", "minute_out"), zip(*rows, strict=True), strict=True))
    return shared_homes(**columns, places=1, **more).tolist()[0]


def test_a_home_is_where_a_few_people_come_to_sleep():
    assert homes(*[night(p, 0, d) for p in range(3) for d in (1, 2)])
    assert not homes(*[night(p, 0, d) for p in range(30) for d in (1, 2)])  # a dormitory can be the source
    assert not homes(*[(p, 0, 1440 * d + 540, 1440 * d + 1000) for p in range(3) for d in range(5)])  # a workshop
    assert not homes(*[(p, 0, 1440, 1440 * 6) for p in range(3)])  # one stay of five days in a ward


def test_a_declared_home_is_a_home_unless_it_is_a_block_of_flats():
    visit = [(p, 0, 600, 660) for p in range(20)]
    assert homes(*visit[:3], named=[True])
    assert not homes(*visit, named=[True])


def test_where_only_days_are_known_a_home_shows_by_the_same_few_being_there_most_days():
    daily = [(p, 0, 1440 * d, 1440 * (d + 1)) for p in range(3) for d in range(8)]
    assert homes(*daily, seen_days=[9, 9, 9])
    assert not homes(*daily, seen_days=[20, 20, 20])
    assert not homes(*[(p, 0, 1440, 2880) for p in range(3)], seen_days=[1, 1, 1])


@needs_shared
@pytest.mark.parametrize("known_homes", [False, True])
def test_in_1854_the_addresses_of_the_dead_point_to_the_broad_street_pump(known_homes):
    folder = SHARED / "data" / "source_tracing" / "snow_1854"
    with (folder / "snow_deaths.csv").open() as file:
        dead = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]
    with (folder / "snow_pumps.csv").open() as file:
        pumps = [(row["label"], float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]
    with (folder / "snow_streets.csv").open() as file:
        streets = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]
    with (folder / "expected_nearest_pump_counts.csv").open() as file:
        expected = {row["pump_label"]: int(row["deaths_nearest_euclidean"]) for row in csv.DictReader(file)}
    found = rank_nearest(dead, [pump[1:] for pump in pumps], addresses=streets if known_homes else None)
    names = [pumps[i][0] for i in found.source]
    assert names[0] == "Broad St"
    assert {name: int(n) for name, n in zip(names, found.cases, strict=True) if n} == expected
    assert found.log_p[0] < -50
    assert found.log_p[0] < 10 * found.log_p[1]


def test_asking_more_people_settles_what_they_agree_on_and_never_what_everybody_does():
    said = {"leader_chance": 0.01, "at_second": 1, "second_chance": 0.02, "tried": 10_000}
    needed = [interviews_needed(cases=n, at_leader=n // 2, **said) for n in (4, 6, 40)]
    assert needed[0] > needed[1] > needed[2] == 0
    assert interviews_needed(cases=10, at_leader=9, leader_chance=0.9, at_second=1, second_chance=0.1, tried=50) is None


def judged(case_rows, others, *, onset, home=None, places, **settings):
    """Cases' (case, place, day) and other people's (person, place, day), judged as one small city."""
    everyone = [(c, q, d, d) for c, q, d in case_rows] + [(p, q, d, d) for p, q, d in others]
    columns = stays(*everyone)
    anywhere = columns | {"place": [0] * len(everyone)}
    case, place, day = (np.array(column) for column in zip(*case_rows, strict=True))
    return rank_origins(
        CaseDays(case, place, day),
        onset=onset,
        visitors=presence_of(**columns, places=places),
        everyone=presence_of(**anywhere, places=1),
        home=home,
        others=len({p for p, _, _ in others}),
        tried=places,
        settings=Settings(**settings),
    )


def crowd(n, rng, places, days=range(80, 120)):
    """Other people, from number 1000 on: on some days at a place by its fame."""
    fame = np.array([place[1] for place in places])
    return [
        (1000 + person, int(rng.choice([p[0] for p in places], p=fame / fame.sum())), int(day))
        for person in range(n)
        for day in rng.choice(list(days), 6, replace=False)
    ]


def test_after_onset_is_not_before_it_and_the_hospital_of_the_tested_does_not_win():
    rng = np.random.default_rng(4)
    others = crowd(400, rng, [(0, 4), (1, 4), (2, 92)])
    onset = rng.integers(100, 108, 20)
    market = [(c, 0, int(onset[c] - rng.integers(3, 11))) for c in range(12)]
    # Nearly all are tested in the days after onset; three told their onset late, so theirs seem to come before.
    tested = [(c, 1, int(onset[c] + d)) for c in range(19) for d in rng.integers(0, 4, 2)]
    tested += [(c, 1, int(onset[c] - 1)) for c in range(14)]
    shop = [(c, 2, int(onset[c] - 5)) for c in range(20)]
    found = judged(market + tested + shop, others, onset=onset, places=3)
    assert found.place[0] == 0
    told = dict(zip(found.place.tolist(), found.sought.tolist(), strict=True))
    assert told.get(1, True)
    assert not told[0]


def test_a_family_of_four_ill_is_one_introduction():
    rng = np.random.default_rng(5)
    others = crowd(500, rng, [(0, 5), (2, 95)])
    family = [(c, 1, d) for c in range(5) for d in range(90, 99)]
    market = [(c, 0, 95) for c in (0, 5, 6, 7, 8)]
    shop = [(c, 2, 96) for c in range(12)]
    rows = family + market + shop
    alone = judged(rows, others, onset=np.full(12, 100), places=3)
    assert alone.place[0] == 1
    found = judged(rows, others, onset=np.full(12, 100), places=3, home=[False, True, False])
    assert found.place[0] == 0
    assert found.cases[found.place == 1] == [5]
    assert found.introductions[found.place == 1] == [1]


def test_the_service_where_the_first_case_infected_others_comes_behind_where_the_first_was_infected():
    rng = np.random.default_rng(6)
    others = crowd(800, rng, [(0, 3), (2, 97)]) + [(2000 + i, 1, 100) for i in range(30)]
    onset = np.array([98, 99, 101, 102, 102, 103, 104] + [105] * 12)
    market = [(c, 0, 94) for c in range(7)]
    service = [(0, 1, 100)] + [(c, 1, 100) for c in range(7, 19)]
    shop = [(c, 2, 96) for c in range(19)]
    found = judged(market + service + shop, others, onset=onset, places=3)
    assert found.place[:2].tolist() == [0, 1]
    assert found.led_by[1] == 0
    assert found.earlier[1] == 12
    # Nothing but the order changes: the service's own chance stays what it is.
    assert found.log_p[1] < found.log_p[0]


def test_a_day_before_onset_counts_half_of_an_earlier_one():
    others = crowd(300, np.random.default_rng(7), [(0, 5), (1, 5), (2, 90)])
    onset = np.full(8, 100)
    rows = [(c, 0, 99) for c in range(5)] + [(c, 1, 95) for c in range(5)] + [(c, 2, 95) for c in range(8)]
    found = judged(rows, others, onset=onset, places=3, late=1)
    assert found.place.tolist()[0] == 1
    assert found.cases[:2].tolist() == [5, 5]


def test_with_nobody_to_compare_with_cases_are_counted_and_no_chance_is_given():
    found = judged([(0, 0, 95), (1, 0, 95), (0, 1, 96)], [], onset=np.array([100, 100]), places=2)
    assert not found.compared
    assert found.place.tolist() == [0]
    assert np.isnan(found.p_value).all()
