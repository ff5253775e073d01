"""Which batch was it? The rank of the contaminated batch among all that were about, as cold-chain cases are asked.

    goods.py 1-20 --people 20000

Each seed lives `cold-chain` (an imported batch with a contaminated outer pack, on its way over cold store and hall to
shops and restaurants). The places that positives name in their interviews are put to `science.goods.trace_goods` with
every delivery of the city; each declared batch is an origin of its own, so that what is ranked is batches. Printed is
the true batch's rank after one, two, three, five and ten interviews, and its importer's. Interviews of people who fell
ill of somebody else, months of other batches, and stays forgotten or misremembered are all in it. Nothing is known of
what a case bought: a place named is a place where goods could have been met.
"""

import argparse
import json
import multiprocessing
import os
from datetime import date, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from found_later import numbers

from citywatch.science.goods import IllAt, Movement, trace_goods
from citywatch.server.synthetic.plan import plan_of
from citywatch.simulation.days import instant
from citywatch.simulation.goods import goods_of
from citywatch.simulation.people import City, build_city
from citywatch.simulation.scenarios import SCENARIOS, run

RESULTS = Path(__file__).resolve().parent / "results" / "goods.json"
AFTER = (1, 2, 3, 5, 10)
TOPS = (1, 3, 10)
LOOKS_BACK = 21  # days before the first positive from which a batch is looked at


def main() -> None:
    """Live every seed that is not in the results yet, then print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("seeds", nargs="?", default="", help="such as 1-20; none: print what has been measured")
    asked.add_argument("--people", type=int, default=20_000)
    given = asked.parse_args()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in numbers(given.seeds):
        name = f"{given.people}/{seed}"
        if name not in known:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                known[name] = pool.apply(lived, (given.people, seed))
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
            print(name, known[name], flush=True)
    table(known)


def lived(people: int, seed: int) -> dict[str, object]:
    """One cold-chain outbreak, and the true batch's rank as its cases are asked, one after the other."""
    city = build_city(plan_of("beijing", people=people), seed=seed)
    scenario = SCENARIOS["cold-chain"]
    going = run(city, "cold-chain", start=scenario.default_start, days=scenario.default_days, seed=seed)
    for _ in going:
        pass
    interviews = sorted(going.finish().interviews, key=lambda told: (told.at, told.case_ref))
    ranks, importers, candidates = {}, {}, {}
    if interviews:
        moved, maker = deliveries(city, found=minute(interviews[0].at), first=scenario.default_start)
        received, true = frozenset(one.target for one in moved), str(going.plan[0].batch)
        for after in (n for n in AFTER if n <= len(interviews)):
            ill = [one for told in interviews[:after] for one in named(told, received)]
            batches = [source.node for source in (trace_goods(ill, moved) if ill else ()) if source.node in maker]
            makers = list(dict.fromkeys(maker[batch] for batch in batches))
            candidates[after] = len(batches)
            ranks[after] = batches.index(true) + 1 if true in batches else 0
            importers[after] = makers.index(maker[true]) + 1 if maker.get(true) in makers else 0
    return {
        "interviews": len(interviews),
        "from_goods": sum(case.cause == "goods" for case in going.state.spread.cases),
        "infected": len(going.state.spread.cases),
        "ranks": ranks,
        "importer_ranks": importers,
        "candidates": candidates,
    }


def deliveries(city: City, *, found: float, first: date) -> tuple[list[Movement], dict[str, str]]:
    """Every delivery of the batches declared in the weeks before the first positive, and each batch's importer.

    A batch is an origin of its own: its first delivery leaves from it, not from its importer.
    """
    goods = goods_of(city, first_day=first, days=round((found / (24 * 60)) - (first - date(1970, 1, 1)).days) + 1)
    code = [place.code for place in city.places]
    importer = {int(i) for i in city.of_kind("importer")}
    moved, maker = [], {}
    columns = (goods.batch, goods.from_place, goods.to_place, goods.sent, goods.received)
    for batch, origin, target, sent, received in zip(*(column.tolist() for column in columns), strict=True):
        if origin in importer and found - LOOKS_BACK * 24 * 60 <= sent <= found:
            maker[str(batch)] = code[origin]
        if str(batch) in maker:
            name = str(batch) if origin in importer else code[origin]
            moved.append(Movement(name, code[target], sent, received, str(batch)))
    return moved, maker


def named(told, received: frozenset[str]) -> list[IllAt]:
    """The places a case named at which goods arrive, one row each, at its onset."""
    codes = {stay.place_code for stay in told.stays if stay.place_code in received}
    at = minute(told.onset) if told.onset else minute(told.at)
    return [IllAt(told.case_ref, place, at) for place in sorted(codes)]


def minute(at: datetime) -> float:
    """Minutes since 1970, as deliveries are counted."""
    return (at - instant(0)).total_seconds() / 60


def table(known: dict[str, dict]) -> None:
    """The share of seeds with the true batch, and its importer, among the first few."""
    if not known:
        return
    print(f"\ncold-chain, {len(known)} seeds")
    print("  after interviews   seeds  candidates (median)   true batch first / in 3 / in 10   importer first")
    for after in AFTER:
        mine = [one for one in known.values() if str(after) in {str(n) for n in one["ranks"]}]
        if not mine:
            continue
        told = [{str(n): v for n, v in one["ranks"].items()}[str(after)] for one in mine]
        makers = [{str(n): v for n, v in one["importer_ranks"].items()}[str(after)] for one in mine]
        many = sorted({str(n): v for n, v in one["candidates"].items()}[str(after)] for one in mine)
        shares = " / ".join(f"{sum(0 < rank <= top for rank in told) / len(told):.0%}" for top in TOPS)
        first = sum(rank == 1 for rank in makers) / len(makers)
        print(f"{after:18d} {len(mine):7d} {many[len(many) // 2]:20d}   {shares:>30}   {first:.0%}")


if __name__ == "__main__":
    main()
