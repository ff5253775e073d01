"""Who infected whom, by genomes and dates."""

import csv

import numpy as np
import pytest
from tests.shared import SHARED, needs_shared

from citywatch.science.genomes import seqtrack


@needs_shared
def test_ancestors_are_those_of_the_reference_program():
    folder = SHARED / "golden" / "detection"
    with (folder / "expected_seqtrack.csv").open() as file:
        expected = list(csv.DictReader(file))
    index = {row["case"]: i for i, row in enumerate(expected)}
    away = np.full((len(index), len(index)), np.nan)
    with (folder / "seqtrack_distances.csv").open() as file:
        for row in csv.DictReader(file):
            a, b = index[row["i"]], index[row["j"]]
            away[a, b] = away[b, a] = float(row["distance"])
    tree = seqtrack(away, [row["date"] for row in expected])
    names = [*index, ""]
    assert [names[i] for i in tree.ancestor] == [row["ances"] for row in expected]
    weights = [float(row["weight"] or "nan") for row in expected]
    assert np.allclose(tree.distance, weights, equal_nan=True, rtol=0, atol=1e-9)


def test_nobody_is_infected_by_a_case_of_the_same_day_or_a_later_one():
    assert seqtrack(np.zeros((3, 3)), [5, 5, 4]).ancestor.tolist() == [2, 2, -1]


def test_of_equally_near_ancestors_the_earliest_stands_and_the_others_are_counted():
    tree = seqtrack(np.ones((4, 4)), [3, 1, 2, 9])
    assert tree.ancestor.tolist() == [1, -1, 1, 1]
    assert tree.equally_near.tolist() == [2, 0, 1, 3]


def test_a_genome_too_far_from_all_others_begins_a_tree_of_its_own():
    away = [[0, 2, 40], [2, 0, 41], [40, 41, 0]]
    assert seqtrack(away, [1, 2, 3], largest=10).ancestor.tolist() == [-1, 0, -1]


def test_a_case_without_date_or_comparison_is_nobodys_ancestor():
    nan = np.nan
    assert seqtrack(np.ones((3, 3)), ["2020-06-01", "NaT", "2020-06-03"]).ancestor.tolist() == [-1, -1, 0]
    assert seqtrack([[0, nan], [nan, 0]], [1, 2]).ancestor.tolist() == [-1, -1]


def test_distances_of_other_cases_are_refused():
    with pytest.raises(ValueError, match="do not fit 3 dates"):
        seqtrack(np.ones((2, 2)), [1, 2, 3])
