"""Goods: batches move from importer to kitchen, and only forwards; tracing walks them back."""

import subprocess
import sys
from datetime import date

import duckdb
import numpy as np
import pytest
from tests.simulation.plans import demo_plan

from citywatch.simulation.goods import code, goods_of
from citywatch.simulation.people import build_city

JUNE = date(2020, 6, 1)


@pytest.fixture(scope="module")
def city():
    return build_city(demo_plan(people=40_000), seed=5)


@pytest.fixture(scope="module")
def goods(city):
    return goods_of(city, first_day=JUNE, days=28)


def kinds(city, places):
    return {city.places[place].kind for place in places}


def test_goods_go_from_importer_to_cold_store_to_hall_to_shops_and_restaurants(city, goods):
    steps = {(city.places[a].kind, city.places[b].kind) for a, b in zip(goods.from_place, goods.to_place, strict=True)}

    assert steps == {("importer", "warehouse"), ("warehouse", "hall"), ("hall", "shop"), ("hall", "restaurant")}


def test_twenty_five_batches_a_week_are_declared_in_a_hundred_thousand(goods):
    assert len(np.unique(goods.batch)) == pytest.approx(25 * 4 * 0.4, rel=0.3)


def test_nothing_leaves_a_place_before_it_came_there(goods):
    for batch in np.unique(goods.batch):
        rows = np.flatnonzero(goods.batch == batch)
        came = {int(goods.to_place[row]): int(goods.received[row]) for row in rows}
        for row in rows:
            assert goods.received[row] > goods.sent[row]
            assert came.get(int(goods.from_place[row]), -1) < goods.sent[row]


def test_a_cold_store_keeps_goods_until_they_are_tested_and_disinfected(city, goods):
    stores = city.of_kind("warehouse")
    for batch in np.unique(goods.batch):
        rows = goods.batch == batch
        came = goods.received[rows & np.isin(goods.to_place, stores)]
        left = goods.sent[rows & np.isin(goods.from_place, stores)]
        assert left.min() - came.min() >= 7.5 * 60  # six hours of PCR and an hour and a half of disinfection


def test_a_batchs_way_does_not_depend_on_the_days_asked_for(city, goods):
    later = goods_of(city, first_day=date(2020, 6, 8), days=3)
    same = np.isin(goods.batch, later.batch)

    assert len(later)
    for column in ("batch", "from_place", "to_place", "sent", "received"):
        assert np.array_equal(np.sort(getattr(later, column)), np.sort(getattr(goods, column)[same]))


def test_the_holders_of_a_batch_are_everyone_it_came_to(city, goods):
    batch = int(goods.batch[0])
    holders = goods.holders(batch)

    assert kinds(city, holders[:1]) == {"warehouse"}
    assert set(holders.tolist()) == set(goods.to_place[goods.batch == batch].tolist())
    assert all(batch in goods.received_by(int(place)) for place in holders)
    assert code(batch).startswith("C2006")


def test_trace_goods_walks_cases_back_to_the_importer_of_their_batch(city, goods, tmp_path):
    batch = next(
        int(b)
        for b in np.unique(goods.batch)
        if (np.isin(goods.to_place, city.of_kind("restaurant")) & (goods.batch == b)).sum() >= 4
    )
    codes = np.array([place.code for place in city.places])
    movements = tmp_path / "goods.parquet"
    columns = goods.columns() | {"from_node": codes[goods.from_place], "to_node": codes[goods.to_place]}
    columns = {name: column.astype(object) if column.dtype.kind == "U" else column for name, column in columns.items()}
    with duckdb.connect() as files:
        files.register("moved", columns)
        files.execute(f"COPY (SELECT * FROM moved) TO '{movements}' (FORMAT parquet)")
    eaters = [city.places[p].code for p in goods.holders(batch) if city.places[p].kind == "restaurant"]
    cases = tmp_path / "cases.csv"
    cases.write_text("case_id,node,onset\n" + "".join(f"c{n},{node},2020-07-10\n" for n, node in enumerate(eaters)))
    done = subprocess.run(
        [sys.executable, "-m", "citywatch.server.cli", "trace-goods", "--cases", cases, "--movements", movements],
        capture_output=True,
        text=True,
        check=False,
    )
    origin = city.places[int(goods.from_place[goods.batch == batch][0])].code

    assert done.returncode == 0, done.stderr
    assert origin in done.stdout
    assert f",{len(eaters)}," in next(line for line in done.stdout.splitlines() if origin in line)


def test_a_city_without_importers_is_refused():
    from dataclasses import replace

    bare = build_city(replace(demo_plan(people=20_000), importer=0), seed=1)

    with pytest.raises(ValueError, match="no importer"):
        goods_of(bare, first_day=JUNE, days=1)
