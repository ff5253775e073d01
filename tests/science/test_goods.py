"""Which supplier it was."""

from itertools import pairwise

import numpy as np
import pytest

from citywatch.science.goods import IllAt, Movement, trace_goods


def ill(*nodes, onset=100.0):
    return [IllAt(f"c{i}", node, onset) for i, node in enumerate(nodes)]


def ranks(found):
    return {source.node: i for i, source in enumerate(found)}


def test_goods_delivered_after_the_illness_or_after_the_goods_were_sent_on_explain_nothing():
    moved = [
        Movement("farm", "depot", 1, 2),
        Movement("depot", "shop", 3, 4),
        Movement("late farm", "depot", 5, 6),
        Movement("last minute", "shop", 101, 102),
    ]
    found = {source.node: source for source in trace_goods(ill("shop"), moved)}
    assert set(found) == {"farm", "depot", "shop"}
    assert found["farm"].origin
    assert not found["depot"].origin


def test_two_guilty_suppliers_of_one_distributor_come_before_it_though_it_explains_more():
    moved = [Movement("a", "depot", batch="A"), Movement("b", "depot", batch="B"), Movement("c", "depot", batch="C")]
    moved += [Movement("depot", f"s{i}", batch="A" if i < 6 else "B" if i < 10 else "C") for i in range(14)]
    found = trace_goods(ill(*[f"s{i}" for i in range(10)]), moved)
    assert [source.node for source in found[:3]] == ["a", "b", "depot"]
    assert [source.share for source in found[:3]] == [0.6, 0.4, 1.0]
    assert found[1].adds == 4
    assert "c" not in ranks(found)


def test_the_second_supplier_is_the_one_that_explains_what_the_first_leaves():
    # "also" repeats what "a" explains; "b" explains the rest, though it is fewer cases.
    shops = [f"s{i}" for i in range(20)]
    moved = [Movement("a", s) for s in shops[:12]] + [Movement("also", s) for s in shops[:9]]
    moved += [Movement("b", s) for s in shops[12:]]
    assert [source.node for source in trace_goods(ill(*shops), moved)[:3]] == ["a", "b", "also"]


def test_packaging_that_goes_to_every_shop_does_not_outrank_the_farm_that_a_record_is_missing_for():
    shops = [f"s{i}" for i in range(40)]
    moved = [Movement("packaging", s) for s in shops] + [Movement("farm", s) for s in shops[:9]]
    found = trace_goods(ill(*shops[:10]), moved)
    assert [source.node for source in found[:2]] == ["farm", "packaging"]
    assert [source.share for source in found[:2]] == [0.9, 1.0]


def test_where_batches_mix_any_supplier_can_be_in_any_batch():
    moved = [Movement("a", "mill", 1, 1, "A"), Movement("b", "mill", 1, 1, "B"), Movement("mill", "shop", 2, 2, "A")]
    assert "b" not in ranks(trace_goods(ill("shop"), moved))
    crossed = {source.node: source for source in trace_goods(ill("shop"), moved, mixing={"mill"})}
    assert crossed["b"].crosses


def test_past_a_kill_step_the_suppliers_are_cleared_and_the_dairy_is_not():
    moved = [Movement("farm", "dairy"), Movement("dairy", "shop")]
    found = {source.node: source for source in trace_goods(ill("shop"), moved, killing={"dairy"})}
    assert "farm" not in found
    assert found["dairy"].kills
    assert not found["dairy"].origin


def test_a_node_that_packs_anew_passes_every_delivery_on():
    moved = [Movement("farm", "packer", 1, 1, "lot 7"), Movement("packer", "shop", 2, 2, "P-1")]
    assert trace_goods(ill("shop"), moved)[0].node == "farm"


def test_goods_sent_back_and_forth_do_not_hang_the_walk():
    moved = [Movement("a", "b"), Movement("b", "a"), Movement("b", "shop"), Movement("shop", "shop")]
    found = {source.node: source for source in trace_goods(ill("shop"), moved)}
    assert found["a"].origin
    assert found["b"].origin
    assert not found["shop"].origin


def test_groups_of_cases_are_told_apart():
    cases = [IllAt("1", "s", group="O104"), IllAt("2", "t", group="O157"), IllAt("3", "t", group="O157")]
    found = trace_goods(cases, [Movement("x", "t")])
    assert found[0].groups == {"O104": (0, 1), "O157": (2, 2)}


@pytest.mark.parametrize("seed", range(20))
def test_an_origin_always_comes_before_its_own_customers(seed):
    rng = np.random.default_rng(seed)
    tiers = [[f"{tier}{i}" for i in range(n)] for tier, n in zip("fpds", (6, 5, 5, 20), strict=True)]
    moved = []
    for above, below in pairwise(tiers):
        for node in below:
            for supplier in rng.choice(above, rng.integers(0, 3), replace=False):
                day = float(rng.integers(0, 20))
                moved.append(Movement(str(supplier), node, day, day + 1))
    found = trace_goods(ill(*rng.choice(tiers[-1], 12), onset=15), moved)
    place = ranks(found)
    customers = {node: {m.target for m in moved if m.origin == node} for node in place}
    for source in found:
        if not source.origin:
            continue
        below, wave = set(), customers[source.node]
        while wave:
            below |= wave
            wave = {c for node in wave for c in customers.get(node, ())} - below
        assert all(place[source.node] < place[node] for node in below & set(place))


@pytest.mark.parametrize("seed", range(10))
def test_the_planted_farm_is_first_with_a_third_of_the_deliveries_unrecorded(seed):
    rng = np.random.default_rng(seed)
    first = [(f"farm{farm}", depot) for depot in range(20) for farm in rng.choice(range(1, 15), 3, replace=False)]
    first += [("farm0", depot) for depot in range(0, 20, 4)]
    moved = [Movement(farm, f"depot{depot}", 1.0, 2.0) for farm, depot in first]
    moved += [Movement(f"depot{shop % 20}", f"shop{shop}", 4.0, 5.0) for shop in range(100)]
    cases = ill(*[f"shop{4 * n}" for n in rng.choice(25, 20)], onset=12)
    known = [m for m in moved if rng.random() > 0.33 or m.origin.startswith("depot")]
    assert next(source for source in trace_goods(cases, moved) if source.origin).node == "farm0"
    assert "farm0" in [source.node for source in trace_goods(cases, known) if source.origin][:3]


def test_a_delivery_without_a_name_is_refused():
    with pytest.raises(ValueError, match="needs a name"):
        trace_goods(ill("s"), [Movement("", "s")])
