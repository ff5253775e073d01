"""Who infected whom, counted."""

import csv
from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.shared import SHARED, needs_shared

from citywatch.science.chains import (
    SerialInterval,
    best_arborescence,
    edge_support,
    fit_offspring,
    infector_tree,
    infector_weights,
    serial_intervals,
    trace_chains,
)

PAIR = st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg"))


@needs_shared
def test_in_korea_2015_one_emergency_room_patient_infected_thirty_eight():
    with (SHARED / "data" / "linelists" / "mers_korea_2015_contacts.csv").open(encoding="utf-8") as file:
        chains = trace_chains([(row["from"], row["to"]) for row in csv.DictReader(file)])
    assert [chains.offspring_of(case) for case in ("SK_14", "SK_1", "SK_16")] == [38, 26, 21]
    assert chains.offspring.max() == 38
    assert chains.cycles == ()


@given(st.lists(PAIR, max_size=20))
def test_offspring_generations_and_circles_are_those_of_a_graph_library(pairs):
    graph = nx.DiGraph(pairs)
    chains = trace_chains(pairs)
    assert chains.cases == tuple(sorted(graph))
    assert dict(zip(chains.cases, chains.offspring.tolist(), strict=True)) == dict(graph.out_degree())
    roots = [case for case in graph if graph.in_degree(case) == 0]
    near = nx.multi_source_dijkstra_path_length(graph, roots) if roots else {}
    assert chains.generation.tolist() == [near.get(case, -1) for case in chains.cases]
    loops = [
        sorted(part)
        for part in nx.strongly_connected_components(graph)
        if len(part) > 1 or graph.has_edge(*(list(part) * 2))
    ]
    assert [list(cycle) for cycle in chains.cycles] == sorted(loops)


def test_a_circle_and_a_double_infector_are_reported_not_hidden():
    chains = trace_chains([("a", "b"), ("b", "c"), ("c", "b"), ("x", "y"), ("y", "x")])
    assert chains.cycles == (("b", "c"), ("x", "y"))
    assert chains.several_infectors == ("b",)
    assert dict(zip(chains.cases, chains.generation.tolist(), strict=True)) == {
        "a": 0,
        "b": 1,
        "c": 2,
        "x": -1,
        "y": -1,
    }


def test_a_pair_told_twice_is_one_infection():
    assert trace_chains([("a", "b"), ("a", "b")]).offspring_of("a") == 1


def test_no_pairs_are_no_chains():
    chains = trace_chains([])
    assert (chains.cases, chains.cycles, chains.offspring_of("a")) == ((), (), 0)


def test_a_case_that_fell_ill_before_its_infector_keeps_its_negative_interval():
    onset = {"a": np.datetime64("2020-06-05"), "b": "2020-06-03", "c": "NaT"}
    assert serial_intervals([("a", "b"), ("a", "c"), ("a", "z")], onset) == pytest.approx(
        [-2, np.nan, np.nan], nan_ok=True
    )


# Infectors nobody named.


def heaviest_slowly(score, root):
    """By trying every choice of parents."""
    n, best, kept = len(root), -np.inf, None
    for parents in product(range(-1, n), repeat=n):
        total = sum(root[j] if i < 0 else score[i, j] for j, i in enumerate(parents))
        if total > best and _is_tree(parents):
            best, kept = total, parents
    return best, kept


def _is_tree(parents):
    for start in range(len(parents)):
        node, steps = start, 0
        while node >= 0 and steps <= len(parents):
            node, steps = parents[node], steps + 1
        if node >= 0:
            return False
    return True


@pytest.mark.parametrize("seed", range(20))
def test_the_tree_is_the_heaviest_of_all_trees(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    score, root = rng.normal(size=(n, n)), rng.normal(size=n) - 1
    np.fill_diagonal(score, -np.inf)
    parents = best_arborescence(score, root)
    assert _is_tree(parents.tolist())
    ours = sum(root[j] if i < 0 else score[i, j] for j, i in enumerate(parents))
    assert ours == pytest.approx(heaviest_slowly(score, root)[0])


@pytest.mark.parametrize("seed", range(5))
def test_larger_trees_are_those_another_library_finds(seed):
    rng = np.random.default_rng(seed)
    n = 25
    score, root = rng.normal(size=(n, n)), rng.normal(size=n) - 2
    graph = nx.DiGraph()
    graph.add_weighted_edges_from((i, j, score[i, j]) for i in range(n) for j in range(n) if i != j)
    graph.add_weighted_edges_from((n, j, root[j]) for j in range(n))
    oracle = sum(weight for *_, weight in nx.maximum_spanning_arborescence(graph).edges(data="weight"))
    parents = best_arborescence(score, root)
    assert sum(root[j] if i < 0 else score[i, j] for j, i in enumerate(parents)) == pytest.approx(oracle)


def test_the_support_of_a_link_is_its_share_of_all_trees():
    rng = np.random.default_rng(3)
    n = 4
    weight, root = rng.random((n, n)), rng.random(n)
    links, alone, total = np.zeros((n, n)), np.zeros(n), 0.0
    for parents in product(range(-1, n), repeat=n):
        if _is_tree(parents) and all(i != j for j, i in enumerate(parents)):
            product_of = np.prod([root[j] if i < 0 else weight[i, j] for j, i in enumerate(parents)])
            total += product_of
            for j, i in enumerate(parents):
                if i < 0:
                    alone[j] += product_of
                else:
                    links[i, j] += product_of
    ours, hanging = edge_support(weight, root)
    assert ours == pytest.approx(links / total)
    assert hanging == pytest.approx(alone / total)
    assert ours.sum(axis=0) + hanging == pytest.approx(np.ones(n))


def test_without_contacts_the_weights_are_wallinga_and_teunis():
    law = SerialInterval(4, 2, shift=0.5)
    onset = np.array([0, 3, 5, 6])
    weights, _ = infector_weights(onset, serial=law)
    chance = law.chance(onset[None, :] - onset[:, None])
    np.fill_diagonal(chance, 0)
    assert weights / weights.max() == pytest.approx(chance / chance.max(), abs=1e-12)


def test_a_listed_contact_beats_a_stranger_with_the_better_timing():
    met = np.zeros((3, 3))
    met[0, 2] = 1
    tree = infector_tree(*infector_weights([0, 6, 12], contact=met))
    assert tree.infector.tolist() == [-1, -1, 0]
    assert tree.support[2] > 0.9
    assert tree.alternatives[2, 0] == -1


def test_a_near_genome_beats_a_far_one_of_the_same_day():
    away = np.array([[0, 9, 1], [9, 0, 8], [1, 8, 0]])
    tree = infector_tree(*infector_weights([0, 0, 5], distance=away))
    assert tree.infector[2] == 0


def test_an_unknown_onset_leaves_the_contact_to_decide():
    met = np.zeros((2, 2))
    met[0, 1] = 1
    assert infector_tree(*infector_weights([np.nan, 9], contact=met)).infector.tolist() == [-1, 0]


def test_two_cases_cannot_have_infected_each_other():
    met = np.ones((2, 2))
    tree = infector_tree(*infector_weights([0, 0], contact=met))
    assert sorted(tree.infector.tolist()) in ([-1, 0], [-1, 1], [-1, -1])


@pytest.mark.parametrize(("k", "mean"), [(0.1, 0.8), (0.5, 1.5), (5.0, 1.0)])
def test_the_dispersion_that_was_drawn_is_found_again(k, mean):
    counts = np.random.default_rng(8).negative_binomial(k, k / (k + mean), 4000)
    told = fit_offspring(counts)
    assert told.dispersion_low < k < told.dispersion_high
    assert told.mean == pytest.approx(mean, rel=0.15)
    assert told.expected_share_for_80 == pytest.approx(told.share_for_80, abs=0.03)


def test_offspring_no_more_uneven_than_chance_have_no_upper_bound_of_dispersion():
    assert fit_offspring([1] * 30).dispersion_high == np.inf
    assert np.isnan(fit_offspring([0, 0]).dispersion)
    assert np.isnan(fit_offspring([]).mean)


@pytest.mark.parametrize("seed", range(5))
def test_planted_infectors_are_found_from_contacts_with_others_missing(seed):
    rng = np.random.default_rng(seed)
    onset, parent = [0.0, 1.0], [-1, -1]
    while len(onset) < 60:
        who = int(rng.integers(0, len(onset)))
        onset.append(onset[who] + max(1, round(rng.gamma(8, 0.7))))
        parent.append(who)
    n = len(onset)
    met = (rng.random((n, n)) < 0.03).astype(float)
    for child, who in enumerate(parent):
        if who >= 0 and rng.random() < 0.9:
            met[who, child] = 1
    tree = infector_tree(*infector_weights(onset, contact=met, serial=SerialInterval(5.6, 2, shift=0.5)))
    assert np.mean(tree.infector == parent) > 0.65
    sure = tree.support > 0.8
    assert np.mean(tree.infector[sure] == np.array(parent)[sure]) > 0.75
