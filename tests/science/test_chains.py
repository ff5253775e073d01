"""Who infected whom, counted."""

import csv

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.shared import SHARED, needs_shared

from citywatch.science.chains import serial_intervals, trace_chains

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
