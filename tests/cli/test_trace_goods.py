"""`citywatch trace-goods` as an investigator with a recall meets it."""

import csv
import io

import pytest
from click.testing import CliRunner

from citywatch.server.cli.trace_goods import COLUMNS, trace_goods

CASES = """case_id,node,onset,group
1,S1,2020-06-10,x
2,S1,2020-06-10,x
3,S2,2020-06-11,x
4,S3,2020-06-11,y
5,S3,2020-06-12,y
"""
MOVEMENTS = """from_node,to_node,sent,received,batch
FarmA,Depot,2020-06-01,2020-06-02,a
FarmB,Depot,2020-06-01,2020-06-02,b
FarmC,Depot,2020-06-08,2020-06-09,c
Depot,S1,2020-06-03,2020-06-03,a
Depot,S2,2020-06-03,2020-06-04,a
Depot,S3,2020-06-03,2020-06-04,b
Depot,S4,2020-06-10,2020-06-10,c
Packaging,S1,,,
Packaging,S2,,,
Packaging,S3,,,
Packaging,S4,,,
Packaging,S5,,,
Packaging,S6,,,
"""


@pytest.fixture
def run(tmp_path):
    def trace(*options, cases=CASES, movements=MOVEMENTS, **more):
        texts = {"cases": cases, "movements": movements} | more
        arguments = []
        for name, text in texts.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
            arguments += [f"--{name}", str(tmp_path / f"{name}.csv")]
        return CliRunner().invoke(trace_goods, [*arguments, *options])

    return trace


def rows(done):
    assert done.exit_code == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_a_recall_of_two_suppliers_names_both_before_their_distributor(run):
    done = run()
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    found = rows(done)
    assert [row["node"] for row in found[:3]] == ["FarmA", "FarmB", "Depot"]
    assert [(row["is_origin"], row["cases_downstream"], row["share"]) for row in found[:3]] == [
        ("1", "3", "0.6"),
        ("1", "2", "0.4"),
        ("0", "5", "1"),
    ]
    assert "explains 2 cases that no origin above it does" in found[1]["reason"]
    assert "0 of 3 in x, 2 of 2 in y" in found[1]["reason"]
    assert "FarmC" not in [row["node"] for row in found]


def test_without_times_and_batches_every_supplier_is_possible(run):
    plain = "\n".join(",".join(line.split(",")[:2]) for line in MOVEMENTS.splitlines()) + "\n"
    found = rows(run(movements=plain, cases="case_id,node\n1,S1\n2,S2\n"))
    assert {"FarmA", "FarmB", "FarmC"} <= {row["node"] for row in found}


def test_sent_on_the_day_it_came_is_in_time(run):
    moved = "from_node,to_node,sent,received\nF,D,2020-06-02,2020-06-02\nD,S1,2020-06-02,2020-06-02\n"
    assert rows(run(movements=moved, cases="case_id,node,onset\n1,S1,2020-06-02\n"))[0]["node"] == "F"


def test_a_mixing_node_and_a_kill_step_change_the_walk(run):
    mixed = rows(run(nodes="node,cross_contamination,kill_step\nDepot,yes,\n"))
    assert {row["node"]: row["cases_downstream"] for row in mixed}["FarmB"] == "5"
    assert "batches mix" in {row["node"]: row["reason"] for row in mixed}["FarmA"]
    cooked = rows(run(nodes="node,kill_step\nDepot,1\n"))
    assert "FarmA" not in [row["node"] for row in cooked]


def test_nodes_without_deliveries_are_told(run):
    assert "1 nodes with cases have no delivery on record: Stall" in run(cases=CASES + "6,Stall,,\n").stderr


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"cases": "case_id\n1\n"}, "there is no column node"),
        ({"cases": "case_id,node\n1,\n"}, "cases.csv row 2 column node: it is empty"),
        ({"cases": "case_id,node,onset\n1,S1,10.6.\n"}, "row 2 column onset: '10.6.' is no time"),
        ({"cases": "case_id,node\n1,Nowhere\n"}, "none of its nodes (Nowhere"),
        ({"movements": "from_node\na\n"}, "there is no column to_node"),
        (
            {"movements": "from_node,to_node,sent,received\na,S1,2020-06-05,2020-06-01\n"},
            "movements.csv row 2 column received: 2020-06-01 is before it was sent",
        ),
    ],
)
def test_refused_input_is_one_line(run, texts, says):
    done = run(**texts)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
