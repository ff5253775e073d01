"""Scans find what the reference program finds, and cry wolf no oftener than they say."""

import csv
from functools import cache
from math import log

import numpy as np
import pytest
from tests.shared import SHARED, needs_shared

from citywatch.science import scan as module
from citywatch.science.scan import circular_zones, given_zones, scan_expectation, scan_permutation, scan_poisson

SETS = ("grid", "nm")
METHODS = ("expectation_poisson", "population_poisson", "spacetime_permutation")


def _rows(name):
    with (SHARED / "golden" / "detection" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _golden(name):
    rows = _rows(f"scan_{name}_counts.csv")
    shape = (max(int(row["location"]) for row in rows), max(int(row["time"]) for row in rows))
    counts, people = np.zeros(shape), np.zeros(shape)
    for row in rows:
        at = int(row["location"]) - 1, int(row["time"]) - 1
        counts[at], people[at] = float(row["count"]), float(row["population"])
    zones = {}
    for row in _rows(f"scan_{name}_zones.csv"):
        zones.setdefault(int(row["zone"]), []).append(int(row["location"]) - 1)
    assert list(zones) == list(range(1, len(zones) + 1))
    return counts, people, given_zones(list(zones.values()))


def _scan(method, counts, people, zones, **settings):
    match method:
        case "expectation_poisson":
            return scan_expectation(counts, zones, expected=people / people.sum() * counts.sum(), **settings)
        case "population_poisson":
            return scan_poisson(counts, zones, population=people, **settings)
        case _:
            return scan_permutation(counts, zones, **settings)


@needs_shared
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("method", METHODS)
def test_the_400_highest_ratios_are_those_of_the_reference_program(name, method):
    counts, people, zones = _golden(name)
    found = _scan(method, counts, people, zones, max_duration=counts.shape[1], replications=0)
    rows = [row for row in _rows(f"expected_scan_{name}.csv") if row["method"] == method]
    assert len(rows) == 400
    told = np.array([float(row["score"]) for row in rows])
    ours = [found.llr[int(row["zone"]) - 1, int(row["duration"]) - 1] for row in rows]
    np.testing.assert_allclose(ours, told, rtol=1e-8)
    np.testing.assert_allclose(np.sort(found.llr.ravel())[::-1][:400], told, rtol=1e-8)
    assert found.clusters[0].zone == int(rows[0]["zone"]) - 1
    assert counts.shape[1] - found.clusters[0].first == int(rows[0]["duration"])


def _slow_ratio(observed, expected, total):
    if observed <= expected:
        return 0.0
    ratio = observed * log(observed / expected)
    if total is None:
        return ratio - (observed - expected)
    rest = total - observed
    return ratio + (rest * log(rest / (total - expected)) if rest else 0.0)


def _slow_llr(counts, expected, zones, longest, total):
    return np.array(
        [
            [
                _slow_ratio(
                    sum(counts[place, -back - 1 :].sum() for place in zone),
                    sum(expected[place, -back - 1 :].sum() for place in zone),
                    total,
                )
                for back in range(longest)
            ]
            for zone in zones.members
        ]
    )


@pytest.fixture
def city():
    rng = np.random.default_rng(8)
    counts = rng.poisson(1.5, size=(12, 14))
    counts[[3, 4], -3:] += 4
    return counts, circular_zones(rng.random(12), rng.random(12)), rng.uniform(50, 150, size=(12, 14))


def test_a_slow_obvious_version_gives_the_same_ratios(city):
    counts, zones, people = city
    total = counts.sum()
    permuted = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    shared = total / 14 * people / people.sum(axis=0)
    forecast = people / 60
    for found, expected, known in (
        (scan_permutation(counts, zones, max_duration=5, replications=0), permuted, total),
        (scan_poisson(counts, zones, population=people, max_duration=5, replications=0), shared, total),
        (scan_expectation(counts, zones, expected=forecast, max_duration=5, replications=0), forecast, None),
    ):
        np.testing.assert_allclose(found.llr, _slow_llr(counts, expected, zones, 5, known), atol=1e-11)


@pytest.mark.parametrize("block", [1, 7, 10**9])
@pytest.mark.parametrize("method", METHODS)
def test_leaving_out_what_cannot_be_highest_changes_nothing(city, monkeypatch, method, block):
    # The drawn data are caught on their way, and every ratio of every one computed.
    counts, zones, people = city
    drawn = []
    highest = module._highest

    def catch(some, baseline, steps, total):
        drawn.append((some.copy(), baseline, total))
        return highest(some, baseline, steps, total)

    monkeypatch.setattr(module, "_highest", catch)
    monkeypatch.setattr(module, "_FIRST_ZONES", block)
    monkeypatch.setattr(module, "_MOST_ZONES_AT_ONCE", block)
    monkeypatch.setattr(module, "_WAITING", 3 * block)
    found = _scan(method, counts, people, zones, max_duration=6, replications=60)
    every = []
    for some, baseline, total in drawn:
        inside = np.stack([some[zone].sum(axis=0) for zone in zones.members])
        every.append(module._likelihood_ratio(inside, baseline[..., np.newaxis], total).max(axis=(0, 1)))
    np.testing.assert_allclose(found.highest, np.concatenate(every), rtol=1e-12)
    assert found.highest.size == 60


@pytest.mark.parametrize("draw", [module._shuffled, module._hypergeometric])
def test_permuted_data_keep_what_they_must_and_have_the_chances_of_a_shuffle(city, draw):
    counts = city[0]
    back = draw(counts, 14, np.random.default_rng(1))(4000)
    cells = np.diff(back, axis=1, prepend=0)[:, ::-1]
    np.testing.assert_array_equal(back[:, -1], np.repeat(counts.sum(axis=1)[:, np.newaxis], 4000, axis=1))
    np.testing.assert_array_equal(cells.sum(axis=0), np.repeat(counts.sum(axis=0)[:, np.newaxis], 4000, axis=1))
    rows, columns, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    mean = np.outer(rows, columns) / total
    variance = mean * np.outer(total - rows, total - columns) / (total * (total - 1))
    np.testing.assert_allclose(cells.mean(axis=2), mean, atol=5 * np.sqrt(variance.max() / 4000))
    np.testing.assert_allclose(cells.var(axis=2), variance, rtol=0.2)
    short = draw(counts, 3, np.random.default_rng(1))(4000)
    np.testing.assert_allclose(short.mean(axis=2), np.cumsum(mean[:, ::-1], axis=1)[:, :3], atol=0.3)


@pytest.mark.parametrize("method", METHODS)
def test_without_a_cluster_p_is_uniform(method):
    rng = np.random.default_rng(3)
    zones = circular_zones(rng.random(10), rng.random(10))
    people = np.full((10, 12), 100.0)
    p_values, smooth = [], []
    for seed in range(200):
        counts = rng.poisson(2.0, size=(10, 12))
        if method == "expectation_poisson":
            found = scan_expectation(counts, zones, expected=np.full(counts.shape, 2.0), replications=99, seed=seed)
        else:
            found = _scan(method, counts, people, zones, replications=99, seed=seed)
        p_values.append(found.clusters[0].p_value)
        smooth.append(found.clusters[0].p_gumbel)
    for values in (p_values, smooth):
        # 200 uniform values: the share below a tenth has standard error 0.021, that below a half 0.035.
        assert 0.04 <= np.mean(np.array(values) <= 0.1) <= 0.17
        assert 0.39 <= np.mean(np.array(values) <= 0.5) <= 0.61


def test_an_outbreak_is_found_where_and_since_when_it_is(city):
    counts, zones, _ = city
    first = scan_permutation(counts, zones).clusters[0]
    assert {3, 4} & set(first.members.tolist())
    assert first.last == 13
    assert 10 <= first.first <= 12
    assert first.observed == counts[first.members, first.first :].sum()
    assert first.ratio == first.observed / first.expected
    assert first.p_value <= 0.02
    assert first.p_gumbel <= 0.02


def test_clusters_do_not_overlap_and_weaken(city):
    counts, zones, _ = city
    found = scan_permutation(counts, zones)
    seen = np.concatenate([cluster.members for cluster in found.clusters])
    assert len(found.clusters) > 1
    assert np.unique(seen).size == seen.size
    strengths = [cluster.llr for cluster in found.clusters]
    assert strengths == sorted(strengths, reverse=True)
    assert [c.p_value for c in found.clusters] == sorted(c.p_value for c in found.clusters)
    assert len(scan_permutation(counts, zones, top=1).clusters) == 1


def test_a_rise_of_the_whole_city_is_no_cluster_of_the_permutation_but_one_of_the_forecast():
    counts = np.full((6, 20), 3)
    counts[:, -2:] = 9
    zones = circular_zones(range(6), [0] * 6)
    assert scan_permutation(counts, zones).clusters == ()
    assert scan_expectation(counts, zones, expected=np.full(counts.shape, 3.0)).clusters[0].p_value == 0.001


def test_the_same_seed_gives_the_same_p_and_no_replication_gives_none(city):
    counts, zones, _ = city
    one, same, other = (scan_permutation(counts, zones, seed=seed).highest for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.isnan(scan_permutation(counts, zones, replications=0).clusters[0].p_value)


def test_no_case_is_no_cluster():
    assert scan_permutation(np.zeros((3, 4)), circular_zones([0, 1, 2], [0, 0, 0])).clusters == ()


def test_circles_grow_by_the_nearest_up_to_half_of_the_people():
    zones = circular_zones([0, 1, 3, 7], [0, 0, 0, 0], weights=[10, 10, 10, 50])
    assert [zone.tolist() for zone in zones.members] == [[0], [0, 1], [0, 1, 2], [1], [2], [2, 1], [3]]
    assert zones.centre.tolist() == [0, 0, 0, 1, 2, 2, 3]
    assert zones.radius.tolist() == [0, 1, 3, 0, 0, 2, 0]


def test_every_circle_of_a_slow_obvious_version_is_there_once():
    rng = np.random.default_rng(2)
    x, y = rng.random((2, 15))
    slow = {
        frozenset(np.flatnonzero(np.hypot(x - x[c], y - y[c]) <= radius * (1 + 1e-12)).tolist())
        for c in range(15)
        for radius in np.hypot(x - x[c], y - y[c])
    }
    found = [frozenset(zone.tolist()) for zone in circular_zones(x, y, max_share=0.4).members]
    assert len(found) == len(set(found))
    assert set(found) == {zone for zone in slow if len(zone) <= 6}


def test_neighbours_at_one_distance_enter_together():
    zones = circular_zones([0, 1, -1, 5], [0, 0, 0, 0], max_share=1)
    around_the_first = [sorted(zone.tolist()) for zone, at in zip(zones.members, zones.centre, strict=True) if at == 0]
    assert around_the_first == [[0], [0, 1, 2], [0, 1, 2, 3]]


def test_distances_on_the_sphere_are_kilometres():
    zones = circular_zones([116.0, 117.0, 116.0], [40.0, 40.0, 41.0], spherical=True, max_share=1)
    radii = dict(zip((tuple(zone.tolist()) for zone in zones.members), zones.radius, strict=True))
    # One degree of latitude is 111.2 km, one of longitude at 40 degrees north 85.2 km.
    assert radii[0, 1] == pytest.approx(85.18, abs=0.05)
    assert radii[0, 1, 2] == pytest.approx(111.19, abs=0.05)
    near = circular_zones([116.0, 117.0, 116.0], [40.0, 40.0, 41.0], spherical=True, max_share=1, max_radius=90)
    assert max(zone.size for zone in near.members) == 2


def test_given_zones_are_summed_whatever_their_order():
    counts = np.random.default_rng(1).poisson(3, size=(6, 8))
    zones = given_zones([[5, 0], [0, 5, 3], [1], [1, 2], [0, 5], [3, 2, 1]])
    found = scan_permutation(counts, zones, replications=0)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    np.testing.assert_allclose(found.llr, _slow_llr(counts, expected, zones, 4, counts.sum()), atol=1e-11)


ZONES = circular_zones([0, 1], [0, 0])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: scan_permutation([[1, 2], [3, 4.5]], ZONES), "not whole"),
        (lambda: scan_permutation([[1, 2], [3, np.nan]], ZONES), "missing"),
        (lambda: scan_permutation([[1, 2]], ZONES), "1 locations"),
        (lambda: scan_permutation([[1, 2], [3, 4]], ZONES, max_duration=3), "max_duration is 3"),
        (lambda: scan_permutation([[1, 2], [3, 4]], ZONES, replications=-1), "replications is -1"),
        (lambda: scan_poisson([[1, 2], [3, 4]], ZONES, population=[0, 5]), "location 0 has 1 cases at time 0"),
        (lambda: scan_poisson([[1, 2], [3, 4]], ZONES, population=[0, 0]), "0 everywhere"),
        (lambda: scan_poisson([[1, 2], [3, 4]], ZONES, population=[1, 2, 3]), r"\(3, 1\)"),
        (lambda: scan_expectation([[1, 2], [3, 4]], ZONES, expected=[[1, 0], [1, 1]]), "2 cases at time 1"),
        (lambda: circular_zones([0, 1], [0, 0], max_share=0), "max_share is 0"),
        (lambda: circular_zones([0, 200], [0, 0], spherical=True), "longitude"),
        (lambda: circular_zones([0, 1], [0, 0], weights=[1]), "2 locations and 1 weights"),
        (lambda: given_zones([[0], []]), "zone 1"),
    ],
)
def test_settings_without_meaning_are_refused_with_their_value(call, told):
    with pytest.raises(ValueError, match=told):
        call()
